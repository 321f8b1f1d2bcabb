"""Reads a QR code from the squares that a page draws, and the fields of the text in it: by hand, as a payer's app would.

Nothing here comes from what drew the code. Layout: ISO/IEC 18004, versions 3 to 9 at error correction M, without
mending faults, for a drawing has none. The text of a payment: tag, length, value (EMVCo merchant-presented mode).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: version -> (centres of the small squares, codewords of data in each block)
_VERSIONS = {
    3: ((6, 22), (44,)),
    4: ((6, 26), (32, 32)),
    5: ((6, 30), (43, 43)),
    6: ((6, 34), (27, 27, 27, 27)),
    7: ((6, 22, 38), (31, 31, 31, 31)),
    8: ((6, 24, 42), (38, 38, 39, 39)),
    9: ((6, 26, 46), (36, 36, 36, 37, 37)),
}
_MASKS = (
    lambda y, x: (y + x) % 2,
    lambda y, x: y % 2,
    lambda y, x: x % 3,
    lambda y, x: (y + x) % 3,
    lambda y, x: (y // 2 + x // 3) % 2,
    lambda y, x: y * x % 2 + y * x % 3,
    lambda y, x: (y * x % 2 + y * x % 3) % 2,
    lambda y, x: ((y + x) % 2 + y * x % 3) % 2,
)
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_FORMAT = 0x5412
_BORDER = 2


def read(svg: str) -> str:
    """The text of a code drawn as `M x y h1v1h-1z` squares with a border of two."""
    squares = {(int(y) - _BORDER, int(x) - _BORDER) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", svg)}
    size = max(x for _, x in squares) + 1
    version = (size - 17) // 4
    marks = [(8, x) for x in (0, 1, 2, 3, 4, 5, 7, 8)] + [(y, 8) for y in (7, 5, 4, 3, 2, 1, 0)]
    form = int("".join("01"[one in squares] for one in marks), 2) ^ _FORMAT
    assert form >> 13 == 0, "error correction M"
    mask = _MASKS[form >> 10 & 7]
    bits = [(one in squares) ^ (mask(*one) == 0) for one in _path(size, version)]
    words = [int("".join("01"[bit] for bit in bits[at : at + 8]), 2) for at in range(0, len(bits) - 7, 8)]
    return _text("".join(f"{word:08b}" for word in _in_order(words, _VERSIONS[version][1])))


def fields(text: str) -> dict[str, str]:
    """Tag -> value of a text such as `5303704`."""
    found, place = {}, 0
    while place < len(text):
        end = place + 4 + int(text[place + 2 : place + 4])
        found[text[place : place + 2]] = text[place + 4 : end]
        place = end
    assert place == len(text), text
    return found


def checksum(text: str) -> str:
    """CRC-16 with the polynomial 1021 and FFFF at the start, as four letters."""
    rest = 0xFFFF
    for letter in text.encode():
        for bit in range(7, -1, -1):
            is_odd = (rest >> 15) ^ (letter >> bit & 1)
            rest = (rest << 1 & 0xFFFF) ^ (0x1021 if is_odd else 0)
    return f"{rest:04X}"


def _path(size: int, version: int) -> Iterator[tuple[int, int]]:
    """(row, column) of the squares that carry data, in their order."""
    centres = _VERSIONS[version][0]
    corners = {(6, 6), (6, centres[-1]), (centres[-1], 6)}
    small = [(y, x) for y in centres for x in centres if (y, x) not in corners]

    def carries(y: int, x: int) -> bool:
        is_corner = (y < 9 and (x < 9 or x >= size - 8)) or (y >= size - 8 and x < 9)
        is_version = version >= 7 and ((y < 6 and x >= size - 11) or (x < 6 and y >= size - 11))
        is_small = any(abs(y - one) <= 2 and abs(x - other) <= 2 for one, other in small)
        return not (is_corner or is_version or is_small or y == 6 or x == 6)

    columns = [x for x in range(size - 1, 0, -2) if x > 6] + [5, 3, 1]
    for number, right in enumerate(columns):
        rows = range(size) if number % 2 else range(size - 1, -1, -1)
        yield from ((y, x) for y in rows for x in (right, right - 1) if carries(y, x))


def _in_order(words: list[int], lengths: tuple[int, ...]) -> list[int]:
    """The words of data, block by block, which were laid in turns."""
    blocks: list[list[int]] = [[] for _ in lengths]
    rest = iter(words)
    for place in range(max(lengths)):
        for block, length in zip(blocks, lengths, strict=True):
            if place < length:
                block.append(next(rest))
    return [word for block in blocks for word in block]


def _text(bits: str) -> str:
    found, place = "", 0

    def take(count: int) -> int:
        nonlocal place
        place += count
        return int(bits[place - count : place] or "0", 2)

    while place + 4 <= len(bits) and (mode := take(4)):
        if mode == 1:
            count = take(10)
            found += "".join(f"{take((0, 4, 7, 10)[part]):0{part}d}" for part in _parts(count, 3))
        elif mode == 2:
            for part in _parts(take(9), 2):
                value = take(11 if part == 2 else 6)
                found += _LETTERS[value // 45] + _LETTERS[value % 45] if part == 2 else _LETTERS[value]
        elif mode == 4:
            found += bytes(take(8) for _ in range(take(8))).decode()
        else:
            raise AssertionError(f"a part of kind {mode}")
    return found


def _parts(count: int, most: int) -> list[int]:
    return [most] * (count // most) + ([count % most] if count % most else [])
