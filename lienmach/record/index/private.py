"""Terms of our own for finding a person, beside the search parameters that FHIR names.

They make one Patient reachable by what people type at a desk: initials and year, the last four digits of
a number, a phone in any notation, a name word with a year. They live in `post` only, are never offered as a
search parameter, and are read by `record/people.py`.

Hook: record/index/rows.py adds `private.terms_of(resource, term_seed)` to the `post` of a Patient's IndexRows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lienmach.record.index import terms
from lienmach.standards.fhir import folding
from lienmach.standards.vietnam import formats, identity, names

PARAM = "-person"
END_DIGITS = 4
_NAMES_MAX = 5
_WORDS_MAX = 12
_NUMBERS_MAX = 20


def terms_of(resource: dict[str, Any], term_seed: int) -> list[int]:
    """The private terms of a resource, without repetition; none for anything but a Patient."""
    if resource.get("resourceType") != "Patient":
        return []
    return private_terms(resource, lambda kind, value: term_of(term_seed, kind, value))


def term_of(term_seed: int, kind: str, value: str) -> int:
    """The term of one kind and value; the reading half uses the same."""
    return terms.term_of(term_seed, "Patient", PARAM, kind, value)


def private_terms(resource: dict[str, Any], term: Callable[[str, str], int]) -> list[int]:
    """Kinds written for a Patient (value folded or compacted; year is four digits):

    number         every identifier value; of an insurance card its last ten digits too
    end            last four characters of these and of phones
    phone          digits with the leading 0
    initials       "nva"; initials-year: "nva|1958"
    word-year      each word of the name with the year: "an|1958"
    outer          first and last word: "nguyen an"
    spelled        the last word and the last two with their diacritics, if they have any: "ân", "văn ân"
    name-year      whole name and year, for duplicates
    """
    pairs: dict[tuple[str, str], None] = {}
    birth = resource.get("birthDate")
    year = birth[:4] if isinstance(birth, str) else ""
    for text in _full_names(resource):
        full = folding.fold(text)
        words = full.split()[:_WORDS_MAX]
        spelled = spell(text).split()
        for count in (1, 2):
            tail = " ".join(spelled[-count:])
            if not tail.isascii():
                pairs["spelled", tail] = None
        initials = names.initials(full)
        pairs["initials", initials] = None
        if len(words) > 2:
            pairs["outer", f"{words[0]} {words[-1]}"] = None
        if year:
            pairs["initials-year", f"{initials}|{year}"] = None
            pairs["name-year", f"{full}|{year}"] = None
            for word in words:
                pairs["word-year", f"{word}|{year}"] = None
    for number in _numbers(resource):
        pairs["number", number] = None
        if len(number) == 15:
            pairs["number", number[5:]] = None
        if len(number) >= 2 * END_DIGITS:
            pairs["end", number[-END_DIGITS:]] = None
    for phone in _phones(resource):
        pairs["phone", phone] = None
        pairs["end", phone[-END_DIGITS:]] = None
    return [term(kind, value) for kind, value in pairs]


def spell(text: str) -> str:
    """A text in one case and one normal form, its diacritics kept."""
    return folding.compose(text).casefold()


def _full_names(resource: dict[str, Any]) -> list[str]:
    found: dict[str, None] = {}
    for one in _dicts(resource.get("name"))[:_NAMES_MAX]:
        text = one.get("text")
        if not isinstance(text, str):
            given = one.get("given")
            pieces = [one.get("family"), *(given if isinstance(given, list) else [])]
            text = " ".join(piece for piece in pieces if isinstance(piece, str))
        if text.strip():
            found[text] = None
    return list(found)


def _numbers(resource: dict[str, Any]) -> list[str]:
    values = (one.get("value") for one in _dicts(resource.get("identifier"))[:_NUMBERS_MAX])
    return [number for value in values if isinstance(value, str) and (number := identity.compact(value)[:60])]


def _phones(resource: dict[str, Any]) -> list[str]:
    values = (
        one.get("value")
        for one in _dicts(resource.get("telecom"))[:_NUMBERS_MAX]
        if one.get("system") in (None, "phone", "sms")
    )
    return [phone for value in values if isinstance(value, str) and (phone := formats.compact_phone(value))]


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
