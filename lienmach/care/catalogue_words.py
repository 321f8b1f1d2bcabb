"""How a catalogue row is found by words: what is indexed of it, and which of several matches comes first."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lienmach.standards.fhir import folding

WORDS_MAX = 8
_LETTERS_MAX = 60
_SPLIT = re.compile(r"[^\w.]+")


def of(text: str) -> list[str]:
    """The folded words of a text; a dot stays inside a word (E11.9) and at its start (.cam), not at its end."""
    return [word for one in _SPLIT.split(folding.fold(text)) if (word := one.rstrip("."))]


def indexed(row: Mapping[str, Any]) -> list[tuple[str, int]]:
    """(folded word or phrase, rank) of code (0), name and ingredients (1), lay names, English and brand (2)."""
    data = json.loads(row["data"])
    texts = [(row["code"], 0), (row["code"].replace(".", ""), 0), (str(data.get("bhyt_code") or ""), 0)]
    texts += [(row["name"], 1)]
    texts += [(one.get("name", ""), 1) for one in data.get("ingredients", ()) if isinstance(one, dict)]
    texts += [(str(text), 2) for text in (*data.get("lay", ()), data.get("en") or "", data.get("brand") or "")]
    best: dict[str, int] = {}
    for text, rank in texts:
        words = of(text)
        for word in (*words, phrase(words)) if words else ():
            best[word[:_LETTERS_MAX]] = min(rank, best.get(word[:_LETTERS_MAX], rank))
    return sorted(best.items())


def phrase(words: list[str]) -> str:
    """The index entry of a whole text, which no word of a text can be."""
    return ("=" + " ".join(words))[:_LETTERS_MAX]


def after(word: str) -> str:
    """The least text that is greater than every word that begins so (collation C compares bytes)."""
    return word + "\U0010ffff"


def place(row: Mapping[str, Any], words: list[str]) -> tuple[Any, ...]:
    """Sort key of a match: the lower, the better. words: those asked for, folded.

    An exact code, then an exact name or lay name, then what begins so, then what holds the words as they stand, then
    the rest by how many of the words are whole ones. Of equals a code that may stand by itself goes before one that
    has finer codes, and a short name before a long one.
    """
    asked = " ".join(words)
    data = json.loads(row["data"])
    code, name = row["code"].casefold(), " ".join(of(row["name"]))
    lay = [" ".join(of(str(text))) for text in data.get("lay", ())]
    own = (_of_code(code, asked), *(_of_text(text, asked, 0) for text in [name]), *(_of_text(x, asked, 1) for x in lay))
    return min(own), row["part"], bool(data.get("has_finer")), row["weak"], len(name), row["code"]


def _of_code(code: str, asked: str) -> int:
    if asked in (code, code.replace(".", ""), code.lstrip(".")):
        return 0
    return 4 if code.startswith(asked) or code.replace(".", "").startswith(asked) else _NONE


_NONE = 20


def _of_text(text: str, asked: str, lay: int) -> int:
    """0 to 20, smaller is closer. lay: 1 for a lay name, which goes after a name that fits as well."""
    if text == asked:
        return 1
    if (text + " ").startswith(asked + " "):
        return 2 + lay
    if text.startswith(asked):
        return 5 + lay
    if f" {asked} " in f" {text} ":
        return 7 + lay
    return 9 + lay if f" {asked}" in f" {text}" else _NONE
