"""FHIR JSON as bytes: read strictly, change two places without re-writing the rest, write exactly.

Source: FHIR R4 json.html and datatypes.html, RFC 8259. Decimals keep their precision (`decimal.Decimal`),
a resource that somebody sent keeps its bytes. Who needs to know what the members mean goes to `validate`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

DEPTH_MAX = 64
BYTES_MAX = 50 * 1024 * 1024
NUMBER_CHARACTERS_MAX = 100
# Far outside of anything measured; keeps `1e999999999` from ever being expanded to a number that large.
EXPONENT_MAX = 400
BOM = b"\xef\xbb\xbf"

_KEY = re.compile(rb'[ \t\r\n]*"([^"\\]*+(?:\\.[^"\\]*+)*+)"[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_COLON = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
_EMPTY = re.compile(rb"\{[ \t\r\n]*\}")
_HEAD = re.compile(
    rb'([ \t\r\n]*\{[ \t\r\n]*"resourceType"[ \t\r\n]*:[ \t\r\n]*"[A-Za-z]+")'
    rb'(?:[ \t\r\n]*,[ \t\r\n]*"id"[ \t\r\n]*:[ \t\r\n]*("[A-Za-z0-9\-.]*"))?'
    rb'([ \t\r\n]*,[ \t\r\n]*"meta"[ \t\r\n]*:[ \t\r\n]*\{)?'
)
_BRACE = re.compile(rb"[ \t\r\n]*\}")
_SPACE = re.compile(rb"[ \t\r\n]*")
_encoder = msgspec.json.Encoder(decimal_format="number")
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class JsonError(ValueError):
    """The bytes are not acceptable JSON. offset: in bytes or None; path: such as `name[0].text` or ""."""

    def __init__(self, message: str, *, offset: int | None = None, path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.path = path


class TooLong(JsonError):
    """More bytes than allowed."""


def parse(data: bytes, *, depth_max: int = DEPTH_MAX, bytes_max: int = BYTES_MAX) -> dict[str, Any]:
    """Read one JSON object strictly; a leading byte order mark is skipped.

    Numbers with a fraction or exponent become Decimal, others int. Raises JsonError for what RFC 8259 or FHIR
    does not allow or what would mean different things to different readers: bad UTF-8, NaN and Infinity,
    duplicate keys, lone surrogates, NUL characters, nesting over `depth_max` (the object itself is 1),
    numbers over 100 characters or with an exponent over 400, a top level that is not an object.
    """
    value = _read(data, depth_max, bytes_max)
    if type(value) is not dict:
        raise JsonError("The body is not a JSON object.", offset=0)
    return value


def parse_list(data: bytes, *, depth_max: int = DEPTH_MAX, bytes_max: int = BYTES_MAX) -> list[Any]:
    """Read one JSON array, such as a JSON Patch, as strictly as `parse` does. Raises JsonError."""
    value = _read(data, depth_max, bytes_max)
    if type(value) is not list:
        raise JsonError("The body is not a JSON array.", offset=0)
    return value


def _read(data: bytes, depth_max: int, bytes_max: int) -> Any:
    if len(data) > bytes_max:
        raise TooLong(f"The body has {len(data)} bytes; the limit is {bytes_max}.")
    value = _read_quickly(data)
    if value is None:
        return _read_slowly(data, depth_max)
    # So few brackets cannot nest too deep, whatever stands in strings; most resources stop here.
    if data.count(b"{") + data.count(b"[") > depth_max:
        check_depth(value, depth_max)
    return value


def _read_quickly(data: bytes) -> Any:
    """What `_read_slowly` gives, at a fifth of its cost, or None where only that can tell what it is or what is wrong.

    This decoder keeps the last of two equal keys without a word. Written again, the value then has fewer quotation
    marks than `data`: without `\\u` escapes every string has as many when it is written as when it was read.
    """
    if b"\\u" in data or _TOO_MANY_DIGITS in data.translate(_AS_ZEROS):
        return None
    try:
        value = _quick_decoder.decode(data)
        return value if _encoder.encode(value).count(b'"') == data.count(b'"') else None
    except (ValueError, OverflowError, RecursionError):  # msgspec's errors and ours are ValueErrors
        return None


def _read_slowly(data: bytes, depth_max: int) -> Any:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise JsonError("The body is not valid UTF-8.", offset=problem.start) from None
    try:
        value = _decode(text[1:] if text.startswith("\ufeff") else text)
    except json.JSONDecodeError as problem:
        where = f"line {problem.lineno} column {problem.colno}"
        raise JsonError(
            f"The body is not valid JSON: {problem.msg} at {where}.", offset=len(text[: problem.pos].encode())
        ) from None
    except RecursionError:
        raise JsonError(f"The body is nested deeper than {depth_max} levels.") from None
    # So few brackets cannot nest too deep, whatever stands in strings; most resources stop here.
    if data.count(b"{") + data.count(b"[") > depth_max:
        check_depth(value, depth_max)
    # Only an escape can make a lone surrogate or a NUL: raw ones are refused above.
    if "\\u" in text:
        _check_characters(value)
    return value


def dump(value: Any) -> bytes:
    """Write a value as compact JSON, in its order, Decimals with exactly their digits.

    Raises JsonError for what JSON cannot carry (a Decimal that is not finite, a lone surrogate).
    """
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, RecursionError) as problem:
        raise JsonError(f"The value cannot be written as JSON: {problem}") from None


def splice(data: bytes, *, id: str, version_id: str | int, last_updated: str) -> bytes:
    """Set `id`, `meta.versionId` and `meta.lastUpdated` in the bytes of a resource that `parse` accepted.

    All other bytes stay: order, spacing, digits, the rest of `meta`. What is missing goes behind `resourceType`,
    or to the start of `meta`. A byte order mark is dropped. last_updated: an instant as text.
    """
    if data.startswith(BOM):
        data = data[3:]
    version = b'"%b"' % str(version_id).encode()
    updated = b'"%b"' % last_updated.encode()
    quick = _splice_head(data, dump(id), b'"versionId":' + version + b',"lastUpdated":' + updated)
    if quick is not None:
        return quick
    places = _places(data, ("id", "meta"))
    edits = []
    added = b""
    if "id" in places:
        edits.append((*places["id"], dump(id)))
    else:
        added = b',"id":' + dump(id)
    if "meta" in places:
        start, end = places["meta"]
        edits.append((start, end, _set_meta(data[start:end], version, updated)))
    else:
        added += b',"meta":{"versionId":' + version + b',"lastUpdated":' + updated + b"}"
    if added:
        behind = _places(data, ("resourceType",)).get("resourceType")
        if behind is None:
            raise JsonError("The resource has no resourceType.")
        end = behind[1]
        edits.append((end, end, added))
    return replace(data, edits)


def _splice_head(data: bytes, written_id: bytes, own: bytes) -> bytes | None:
    """`splice` where id and meta stand right behind resourceType or nowhere, as almost everybody writes; else None.

    own: the two members that go into meta. `parse` has seen to it that no key stands twice.
    """
    m = _HEAD.match(data)
    if m is None or b"\\u" in data:
        return None
    behind_type, behind_id, in_meta = m.end(1), m.end(2), m.end(3)
    if (behind_id < 0 and b'"id"' in data) or (in_meta < 0 and b'"meta"' in data):
        return None
    if in_meta < 0:
        added = (b"" if behind_id >= 0 else b',"id":' + written_id) + b',"meta":{' + own + b"}"
        if behind_id < 0:
            return data[:behind_type] + added + data[behind_type:]
        return data[:behind_type] + added + data[behind_type : m.start(2)] + written_id + data[behind_id:]
    if b'"versionId"' in data or b'"lastUpdated"' in data:
        return None
    rest = b"" if _BRACE.match(data, in_meta) else b","
    if behind_id < 0:
        return data[:behind_type] + b',"id":' + written_id + data[behind_type:in_meta] + own + rest + data[in_meta:]
    return data[: m.start(2)] + written_id + data[behind_id:in_meta] + own + rest + data[in_meta:]


def replace(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """`data` with each (start, end, new bytes) put in place; the places must not overlap."""
    parts: list[bytes] = []
    here = 0
    for start, end, new in sorted(edits):
        parts += (data[here:start], new)
        here = end
    parts.append(data[here:])
    return b"".join(parts)


def check_depth(value: Any, depth_max: int = DEPTH_MAX) -> None:
    """Raise JsonError if a value nests deeper than `depth_max`; an object or list of plain values has depth 1."""
    level: list[Any] = [value] if type(value) in (dict, list) else []
    depth = 0
    while level:
        depth += 1
        if depth > depth_max:
            raise JsonError(f"The body is nested deeper than {depth_max} levels.")
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]


def members(data: bytes) -> dict[str, tuple[int, int]]:
    """{key: (start, end) of its value in `data`} of the bytes of one JSON object, in its order.

    Does not look into the values: their JSON is checked, their keys and characters are not. Raises JsonError.
    """
    try:
        values = _members_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise JsonError(f"Not a JSON object: {problem}") from None
    places = {}
    here = data.index(b"{") + 1
    for key, raw in values.items():
        found = _KEY.match(data, here)
        value = bytes(raw)
        # With a key twice, the last value stands at the first place: then the bytes do not fit together.
        if found is None or not data.startswith(value, found.end()) or _is_other(found[1], key):
            raise JsonError(f"The key {_cut(key)!r} or another appears twice.")
        here = found.end() + len(value)
        places[key] = (found.end(), here)
        here = _behind_space(data, here) + 1
    if values and data[here - 1 : here] != b"}":
        raise JsonError("A key appears twice.")
    return places


def items(data: bytes) -> list[tuple[int, int]]:
    """(start, end) of each value in `data`, the bytes of one JSON array. Raises JsonError."""
    try:
        values = msgspec.json.decode(data, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise JsonError(f"Not a JSON array: {problem}") from None
    places = []
    here = data.index(b"[") + 1
    for raw in values:
        start = _behind_space(data, here)
        end = start + len(memoryview(raw))
        places.append((start, end))
        here = _behind_space(data, end) + 1
    return places


def text_of(written: bytes) -> str:
    """The text of a JSON string as written, quotes included, from bytes that `parse` accepted."""
    return json.loads(written)


def _places(data: bytes, keys: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """What `members` says about some keys, quicker where a key stands in the bytes only once."""
    try:
        values = _members_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise JsonError(f"Not a JSON object: {problem}") from None
    places = {}
    escaped = b"\\u" in data  # Then a key may be written with escapes, and what we find is another one.
    for key in keys:
        raw = values.get(key)
        if raw is None:
            continue
        written = b'"%b"' % key.encode()
        here = data.find(written)
        if escaped or here < 0 or data.find(written, here + 1) >= 0:
            return members(data)
        start = here + len(written) + 1
        if data[start - 1] != 0x3A or data[start] in b" \t\r\n":  # Not `"key":value` but with spaces.
            start = _COLON.match(data, start - 1).end()  # type: ignore[union-attr]
        places[key] = (start, start + len(memoryview(raw)))
    return places


def _set_meta(meta: bytes, version: bytes, updated: bytes) -> bytes:
    places = _places(meta, ("versionId", "lastUpdated"))
    edits = []
    added = []
    for key, value in (("versionId", version), ("lastUpdated", updated)):
        if key in places:
            edits.append((*places[key], value))
        else:
            added.append(b'"%b":%b' % (key.encode(), value))
    if added:
        rest = b"" if _EMPTY.fullmatch(meta) else b","
        edits.append((1, 1, b",".join(added) + rest))
    return replace(meta, edits)


def _behind_space(data: bytes, here: int) -> int:
    return _SPACE.match(data, here).end()  # type: ignore[union-attr]  # It always matches.


def _is_other(written: bytes, key: str) -> bool:
    return written != key.encode() and json.loads(b'"%b"' % written) != key


def _cut(text: str) -> str:
    return text if len(text) <= 80 else text[:80] + "…"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise JsonError(f"The key {_cut(twice)!r} appears twice in one object.")
    return result


def _decimal(text: str) -> Decimal:
    if len(text) > NUMBER_CHARACTERS_MAX:
        raise JsonError(f"A number has more than {NUMBER_CHARACTERS_MAX} characters.")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise JsonError(f"The number {text} is out of range.") from None
    if ("e" in text or "E" in text) and not -EXPONENT_MAX <= value.adjusted() <= EXPONENT_MAX:
        raise JsonError(f"The number {text} is out of range.")
    return value


def _integer(text: str) -> int:
    if len(text) > NUMBER_CHARACTERS_MAX:
        raise JsonError(f"A number has more than {NUMBER_CHARACTERS_MAX} characters.")
    return int(text)


def _constant(text: str) -> None:
    raise JsonError(f"{text} is not a JSON number.")


_decode: Callable[[str], Any] = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_decimal, parse_int=_integer, parse_constant=_constant
).decode


_AS_ZEROS = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_TOO_MANY_DIGITS = b"0" * (NUMBER_CHARACTERS_MAX + 1)
_quick_decoder = msgspec.json.Decoder(float_hook=_decimal)


def _check_characters(value: Any, path: str = "") -> None:
    if type(value) is dict:
        for key, child in value.items():
            _check_characters(key, path)
            _check_characters(child, f"{path}.{key}" if path else key)
    elif type(value) is list:
        for index, child in enumerate(value):
            _check_characters(child, f"{path}[{index}]")
    elif type(value) is str:
        if "\x00" in value:
            raise JsonError("A string contains the character U+0000.", path=path)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise JsonError("A string contains half of a surrogate pair.", path=path) from None
