"""Personal names in Vietnamese order: one full name, kept exactly as on the card.

Parts are derived for sorting and for short forms only, never for identity: the border between a
middle name and a two-syllable given name cannot be known. People are addressed and sorted by the
given name, the last word.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from lienmach.standards.fhir import folding

# Each base letter with its place in the alphabet; the tone is compared only when all letters are equal.
_ALPHABET = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_PLACE = {letter: index + 1 for index, letter in enumerate(_ALPHABET)}
_TONES = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}  # huyền, hỏi, ngã, sắc, nặng


@dataclass(frozen=True)
class NameParts:
    """family: first word. given: last word. middle: what is between. A single word is the given name."""

    family: str
    middle: str
    given: str


def tidy(full: str) -> str:
    """NFC, no space at the ends, single spaces inside; case and spelling stay as on the card."""
    return " ".join(unicodedata.normalize("NFC", full).split())


def parts(full: str) -> NameParts:
    """Split for sorting only; empty text gives three empty parts."""
    words = tidy(full).split(" ")
    if len(words) == 1:
        return NameParts("", "", words[0])
    return NameParts(words[0], " ".join(words[1:-1]), words[-1])


def sort_key(full: str) -> tuple[tuple[int, ...], ...]:
    """Key that sorts by given, middle, family name in the Vietnamese alphabet, tones last."""
    one = parts(full)
    keys = [alphabet_key(one.given), alphabet_key(one.middle), alphabet_key(one.family)]
    return (*(letters for letters, _ in keys), *(tones for _, tones in keys))


def alphabet_key(text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(letters, tones) of a text: a < ă < â < b … đ after d, ê after e; level tone first.

    A space sorts before every letter, anything else after them.
    """
    letters: list[int] = []
    tones: list[int] = []
    for char in unicodedata.normalize("NFC", text).lower():
        decomposed = unicodedata.normalize("NFD", char)
        tone = next((_TONES[mark] for mark in decomposed if mark in _TONES), 0)
        base = unicodedata.normalize("NFC", "".join(mark for mark in decomposed if mark not in _TONES))
        letters.append(0 if base == " " else _PLACE.get(base, 100 + ord(base[:1] or " ")))
        tones.append(tone)
    return tuple(letters), tuple(tones)


def initials(full: str) -> str:
    """First letters, folded: "Nguyễn Văn Ân" gives "nva", "Đặng Út" gives "du"."""
    return "".join(word[0] for word in folding.fold(full).split() if word[0].isalnum())


def shorten(full: str) -> str:
    """The form for boards seen by others, middle hidden: "Nguyễn Văn Ân" gives "Nguyễn V. Ân"."""
    one = parts(full)
    middle = " ".join(f"{word[0]}." for word in one.middle.split())
    return " ".join(piece for piece in (one.family, middle, one.given) if piece)


def shown(resource: dict[str, Any]) -> str:
    """The display name of a resource with HumanName `name`: official text first, else built in Vietnamese order."""
    found = [one for one in resource.get("name") or [] if isinstance(one, dict)]
    found.sort(key=lambda one: {"official": 0, "usual": 1}.get(one.get("use", ""), 2))
    for one in found:
        text = one.get("text") or " ".join(
            piece for piece in [one.get("family"), *(one.get("given") or [])] if isinstance(piece, str)
        )
        if text and text.strip():
            return tidy(text)
    return ""
