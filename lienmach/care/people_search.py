"""What a text typed or scanned at a desk asks for: numbers, phone, dates, initials, words of a name.

Pure: text in, branches for `record/people.py` out. "nva 1958", "NVA1958", "n v a 1958", "ân 1958", "nguyen van", "1234" (the last four),
"0912 345 678", "GD4 79 …", "01/02/1958", "nguyen an" (first and last word) and the code of a card.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from lienmach.record import people
from lienmach.record.index import private
from lienmach.standards.fhir import folding
from lienmach.standards.vietnam import dates_typed, formats, identity, insurance_card, qr, telex

CHARS_MAX = 200
_INITIALS_MAX = 6
_WORDS_MAX = 12
_YEAR = re.compile(r"(?:18|19|20)[0-9]{2}")
_GLUED = re.compile(r"([^\W\d_]{1,7})((?:18|19|20)[0-9]{2})")  # "NVA1958"
_DAY = re.compile(r"[0-9]{1,2}[/.\-][0-9]{1,2}[/.\-](?:[0-9]{4}|[0-9]{2})")

Branch = people.Term | people.Words | people.Born


@dataclass(frozen=True)
class PersonQuery:
    """branches: for people.find. scanned: what a card's code said, or None. mangled: a keyboard or code page has
    changed the scan. hint: a word for the page, see HINTS; "" if there is nothing to say."""

    branches: list[Branch] = field(default_factory=list)
    scanned: qr.ScannedPerson | None = None
    mangled: bool = False
    hint: str = ""


HINTS = {
    "scan-unreadable": (
        "Đây không phải mã trên thẻ căn cước hay thẻ BHYT.",
        "This is neither the code of a citizen card nor of an insurance card.",
    ),
    "scan-mangled": (
        "Bộ gõ tiếng Việt đã làm hỏng mã quét. Hãy tắt bộ gõ, hoặc quét vào ô “Quét thô”.",
        "A Vietnamese input method has damaged the scan. Turn it off, or scan into the raw field.",
    ),
    "scan-restored": (
        "Mã quét bị bộ gõ tiếng Việt làm sai và đã được khôi phục; hãy đối chiếu với thẻ.",
        "An input method had changed the scan; it was restored. Compare it with the card.",
    ),
    "scan-number-only": (
        "Bộ gõ tiếng Việt đã làm hỏng mã quét; chỉ còn dùng được số trên thẻ.",
        "An input method has damaged the scan; only the number of the card could be used.",
    ),
    "scan-torn": (
        "Mã quét bị đứt đoạn, chỉ còn dùng được số trên thẻ. Hãy quét lại, hoặc đối chiếu với giấy tờ.",
        "The scan breaks off; only the number of the card could be used. Scan again or compare it with the papers.",
    ),
    "too-long": ("Nội dung tìm quá dài.", "The text is too long to search for."),
}


def read(text: str, *, today: date, tz: tzinfo) -> PersonQuery:
    """Understand a text; no branches if there is nothing to look for."""
    typed = " ".join(unicodedata.normalize("NFC", text).replace("\ufeff", "").replace("\x00", "").split())
    if "|" in text:  # nobody types bars: it is a scan, whole or torn
        return _read_scan(text)
    if len(typed) > CHARS_MAX:
        return PersonQuery(hint="too-long")
    return PersonQuery(branches=_read_typed(typed, today, tz))


def of_person(scanned: qr.ScannedPerson) -> list[Branch]:
    """The numbers of a scanned card, then the name with the year, as branches."""
    branches: list[Branch] = []
    for number, why in (
        (scanned.citizen_number, "citizen-number"),
        (scanned.card_number, "insurance-number"),
        (scanned.card_number[5:] if len(scanned.card_number) == 15 else "", "insurance-number"),
        (scanned.old_number, "old-number"),
    ):
        if number:
            branches.append(people.Term("number", number, why, 0))
    if scanned.birth:
        branches.append(people.Term("name-year", f"{folding.fold(scanned.name)}|{scanned.birth[:4]}", "name-year", 20))
    return branches


def _read_scan(text: str) -> PersonQuery:
    if telex.is_mangled(text):
        restored = telex.restore(text)
        if restored is None:
            return PersonQuery(mangled=True, hint="scan-mangled")
        if "|" not in restored:
            return PersonQuery([people.Term("number", restored, "number", 0)], mangled=True, hint="scan-number-only")
        scanned = qr.parse(restored)
        return PersonQuery(of_person(scanned), scanned, True, "scan-restored")
    try:
        scanned = qr.parse(text)
    except ValueError:
        return _read_torn(text)
    return PersonQuery(of_person(scanned), scanned)


def _read_torn(text: str) -> PersonQuery:
    """A scan that breaks off: the number in front of it finds the person all the same."""
    first = identity.compact(text.partition("|")[0])
    if re.fullmatch(r"[0-9]{12}", first) or insurance_card.parse(first):
        return PersonQuery([people.Term("number", first, "number", 0)], hint="scan-torn")
    return PersonQuery(hint="scan-unreadable")


def _read_typed(typed: str, today: date, tz: tzinfo) -> list[Branch]:
    compacted = identity.compact(typed)
    if re.fullmatch(r"\+?[0-9()]+", compacted) and not _DAY.fullmatch(typed):
        return _read_digits(compacted, today, tz)
    words, year, day = _split(typed, today)
    if not words:
        return _born(day or year, tz)
    branches: list[Branch] = []
    if " " not in typed and _GLUED.fullmatch(typed):  # it may be the number of a document all the same
        branches.append(people.Term("number", compacted, "number", 0))
    if 1 < len(words) <= _INITIALS_MAX and all(len(word) == 1 and word.isalpha() for word in words):
        words = ["".join(words)]
    if any(char.isdecimal() for char in compacted) and not year and not day:
        branches.append(people.Term("number", compacted, "number", 0))
    phrase = folding.fold(" ".join(words[:_WORDS_MAX]))
    if not phrase:
        return branches
    if year or day:
        return branches + _named_and_born(phrase, year or day[:4], day, tz)
    spellings = _spellings(" ".join(words))
    if spellings and len(words) <= 2:
        branches.append(people.Term("spelled", private.spell(" ".join(words)), "name", 9))
    branches.append(people.Words(phrase, spellings, "name", 10))
    folded = phrase.split()
    if len(folded) > 1:
        branches.append(people.Term("outer", f"{folded[0]} {folded[-1]}", "name", 15 if spellings else 11))
    elif len(phrase) <= _INITIALS_MAX and phrase.isalpha():
        branches.append(people.Term("initials", phrase, "initials", 11))
    return branches


def _read_digits(digits: str, today: date, tz: tzinfo) -> list[Branch]:
    branches: list[Branch] = [people.Term("number", digits, "number", 0)]
    phone = formats.compact_phone(digits)
    if phone:
        branches.append(people.Term("phone", phone, "phone", 1))
    if len(digits) == 4:
        branches.append(people.Term("end", digits, "last-four", 5))
    if len(digits) in (6, 8):
        for reading in dates_typed.read(digits, today)[:1]:
            branches += _born(reading.fhir, tz)
    return branches


def _split(typed: str, today: date) -> tuple[list[str], str, str]:
    """(words of the name, a year or "", a FHIR date or ""), wherever the date stands."""
    words, year, day = [], "", ""
    for piece in typed.split(" "):
        glued = _GLUED.fullmatch(piece)
        if _YEAR.fullmatch(piece) and not year and not day:
            year = piece
        elif glued and not year and not day:
            words.append(glued[1])
            year = glued[2]
        elif (_DAY.fullmatch(piece) or re.fullmatch(r"[0-9]{8}", piece)) and not day:
            readings = dates_typed.read(piece, today)
            day, year = (readings[0].fhir, "") if readings else ("", year)
        else:
            words.append(piece)
    return words, year, day


def _named_and_born(phrase: str, year: str, day: str, tz: tzinfo) -> list[Branch]:
    lo, hi = _edges(day, tz) if day else (None, None)
    first, *more = (f"{word}|{year}" for word in phrase.split())
    branches: list[Branch] = [people.Term("word-year", first, "name-year", 8, tuple(more), lo, hi)]
    if not more and len(phrase) <= _INITIALS_MAX and phrase.isalpha():
        branches.append(people.Term("initials-year", first, "initials-year", 9, (), lo, hi))
    return branches


def _born(fhir: str, tz: tzinfo) -> list[Branch]:
    if not fhir:
        return []
    lo, hi = _edges(fhir, tz)
    return [people.Born(lo, hi, "birth-date", 12)]


def _edges(fhir: str, tz: tzinfo) -> tuple[datetime, datetime]:
    """[low, high) of a FHIR date in the tenant's zone."""
    pieces = [int(piece) for piece in fhir.split("-")]
    low = datetime(pieces[0], pieces[1] if len(pieces) > 1 else 1, pieces[2] if len(pieces) > 2 else 1, tzinfo=tz)
    if len(pieces) == 3:
        return low, low + timedelta(days=1)
    if len(pieces) == 2:
        return low, (low + timedelta(days=31)).replace(day=1)
    return low, low.replace(year=low.year + 1)


def _spellings(typed: str) -> tuple[str, ...]:
    """Case variants of a text that carries diacritics; none if it has none, since then nothing is more exact."""
    if folding.fold(typed) == typed.casefold():
        return ()
    title = " ".join(word[:1].upper() + word[1:].lower() for word in typed.split(" "))
    return tuple(dict.fromkeys((title, typed.upper(), typed)))
