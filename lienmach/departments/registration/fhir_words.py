"""FHIR's own words in words for people: names of types, of elements, of common codes (`fhir_words.csv`).

What has no Vietnamese word yet is shown as the English word of the standard, split into words; nothing is hidden.
"""

from __future__ import annotations

import csv
import re
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def _table() -> dict[tuple[str, str], str]:
    with open(Path(__file__).parent / "fhir_words.csv", encoding="utf-8", newline="") as file:
        return {(row["kind"], row["name"]): row["vi"] for row in reversed(list(csv.DictReader(file)))}


def split(name: str) -> str:
    """ "dosageInstruction" -> "Dosage instruction"."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("-", " ")
    return words[:1].upper() + words[1:].lower() if words else ""


def type_word(name: str, language: str) -> str:
    """Name of a resource type."""
    return (_table().get(("type", name)) if language == "vi" else None) or split(name)


def element_word(name: str, language: str) -> str:
    """Name of an element, without the datatype that a choice element carries at its end."""
    return (_table().get(("element", name)) if language == "vi" else None) or split(name)


def code_word(code: str, language: str) -> str:
    """Word for a code of FHIR's own small value sets, or "" if there is none."""
    if language == "vi":
        return _table().get(("code", code), "")
    return split(code) if re.fullmatch(r"[a-z][a-z-]+", code) else ""


def class_word(code: str, language: str) -> str:
    """Word for an encounter class (v3 ActEncounterCode), or ""."""
    return _table().get(("class", code), "") if language == "vi" else ""
