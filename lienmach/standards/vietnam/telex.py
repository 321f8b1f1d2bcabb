"""A scan that went through a Vietnamese keyboard (Telex, VNI) or a wrong code page, and what can be saved.

A keyboard scanner types the code's characters, and an input method such as UniKey then turns `aa` into
`â`, `dd` into `đ`, `af` into `à` (Telex), or `e1` into `é`, `a6` into `â` (VNI). It destroys the hex text
of insurance cards. A scanner that sends UTF-8 bytes one by one leaves "NGUYá»„N" instead. The screen
should say so and offer the field that reads raw key events; only what is certain is restored here.
"""

from __future__ import annotations

import itertools
import re
import unicodedata

from lienmach.standards.vietnam import qr
from lienmach.standards.vietnam.identity import compact

_TELEX_SHAPES = {"\u0302": None, "\u031b": "w", "\u0306": "w"}  # circumflex doubles its letter
_TELEX_TONES = {"\u0301": "s", "\u0300": "f", "\u0309": "r", "\u0303": "x", "\u0323": "j"}
_VNI = {
    "\u0301": "1",
    "\u0300": "2",
    "\u0309": "3",
    "\u0303": "4",
    "\u0323": "5",
    "\u0302": "6",
    "\u031b": "7",
    "\u0306": "8",
}
_HEX_FIELDS = (1, 4, 10)
_READINGS_MAX = 4096
_FOREIGN_MARKS = re.compile("[\u00c2-\u00c6][\u0080-\u00bf\u0152-\u2122]|\u00e1[\u00ba\u00bb]|\ufffd")


def is_mangled(text: str) -> bool:
    """Whether a text is a card's scan that something on its way has changed.

    Only texts with bars between fields count as scans. A scan that reads well is not mangled.
    """
    if not qr.looks_scanned(text) or len(text) > qr.CHARS_MAX:
        return False
    try:
        scanned = qr.parse(text)
    except ValueError:
        return True
    fields = text.split("|")
    if scanned.source == "citizen-card":
        return (
            bool(_FOREIGN_MARKS.search(text))
            or (len(fields) > 4 and bool(fields[4].strip()) and not scanned.sex)
            or not _is_alphabetic(scanned.name)
        )
    return not _is_alphabetic(scanned.name)


def restore(text: str) -> str | None:
    """The scan as the card said it, or the citizen number alone, or None if nothing is certain.

    A wrong code page is undone whole. Of a damaged citizen card the 12 digits before the first bar are
    given, because no input method changes digits without letters. The hex of an insurance card is given
    if exactly one sequence of keys explains it as readable Vietnamese; else its card number alone.
    """
    if len(text) > qr.CHARS_MAX:
        return None
    page = _undo_code_page(text)
    if page is not None and not is_mangled(page):
        return page
    fields = [field.strip("\ufeff\r\n ") for field in text.split("|")]
    first = compact(fields[0])
    if re.fullmatch(r"[0-9]{12}", first):
        return first
    number = _undo_card_number(first)
    if number is None:
        return None
    restored = _undo_hex_fields([number, *fields[1:]])
    return restored or number


def _is_alphabetic(name: str) -> bool:
    """Whether every letter of a name is Latin with at most Vietnamese marks; hex read wrongly rarely is."""
    for char in unicodedata.normalize("NFD", name):
        if not (char.isascii() and (char.isalpha() or char in " '.-")) and char not in "đĐ" and char not in _VNI:
            return False
    return True


def _undo_code_page(text: str) -> str | None:
    if not _FOREIGN_MARKS.search(text):
        return None
    raw = bytearray()
    for char in text:
        # Windows leaves five bytes of its page undefined and passes them on as control characters.
        try:
            raw += char.encode("cp1252")
        except UnicodeEncodeError:
            if ord(char) > 255:
                return None
            raw.append(ord(char))
    try:
        return unicodedata.normalize("NFC", raw.decode("utf-8"))
    except UnicodeDecodeError:
        return None


def _undo_card_number(first: str) -> str | None:
    """A card number with VNI marks on its letters (`TÉ79…`) as typed; None if it has no such shape."""
    typed = ""
    for char in unicodedata.normalize("NFD", first):
        typed += _VNI.get(char, "D9" if char == "Đ" else char)
    # NFD orders marks by class, the keys came level digit first; both orders are tried.
    candidates = {typed, re.sub(r"^([A-Z]{2})(\d)(\d)", r"\1\3\2", typed)} if typed != first else {typed}
    fits = [one for one in candidates if re.fullmatch(r"[A-Z]{2}[1-5][0-9]{12}|[0-9]{10}", one)]
    return fits[0] if len(fits) == 1 else None


def _undo_hex_fields(fields: list[str]) -> str | None:
    for index in _HEX_FIELDS:
        if index < len(fields) and fields[index] not in ("", "-"):
            value = _undo_hex(fields[index])
            if value is None:
                return None
            fields[index] = value
    whole = "|".join(fields)
    return None if is_mangled(whole) else whole


def _undo_hex(field: str) -> str | None:
    """The only hex text that becomes `field` under one input method and reads as Vietnamese."""
    if re.fullmatch(r"([0-9a-fA-F]{2})*", field):
        return field
    readings: set[str] = set()
    for keys in (_telex_keys, _vni_keys):
        choices = [keys(char) for char in unicodedata.normalize("NFC", field)]
        count = 1
        for choice in choices:
            count *= len(choice)
        if count > _READINGS_MAX:
            return None
        for reading in map("".join, itertools.product(*choices)):
            if re.fullmatch(r"([0-9a-fA-F]{2})+", reading) and _reads_as_text(reading):
                readings.add(reading)
    return readings.pop() if len(readings) == 1 else None


def _reads_as_text(hex_text: str) -> bool:
    try:
        text = bytes.fromhex(hex_text).decode("utf-8")
    except ValueError:
        return False
    return all(_is_alphabetic(char) or char.isdecimal() or char in " ,./()-:;" for char in text)


def _telex_keys(char: str) -> tuple[str, ...]:
    if char in "đĐ":
        return ("dd", "dD") if char == "đ" else ("DD", "Dd")
    decomposed = unicodedata.normalize("NFD", char)
    base, marks = decomposed[0], decomposed[1:]
    typed = base
    for mark in marks:
        shape = _TELEX_SHAPES.get(mark, "")
        key = _TELEX_TONES.get(mark) or (base if shape is None else shape)
        if not key:
            return (char,)
        typed += key.upper() if base.isupper() else key
    return (typed,)


def _vni_keys(char: str) -> tuple[str, ...]:
    if char in "đĐ":
        return ("d9",) if char == "đ" else ("D9",)
    decomposed = unicodedata.normalize("NFD", char)
    base, marks = decomposed[0], decomposed[1:]
    if any(mark not in _VNI for mark in marks):
        return (char,)
    return tuple(sorted({base + "".join(_VNI[mark] for mark in order) for order in itertools.permutations(marks)}))
