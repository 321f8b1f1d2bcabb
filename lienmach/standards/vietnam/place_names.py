"""How names of provinces, districts and communes are compared: folded, and without the word of their kind."""

from __future__ import annotations

import re

from lienmach.standards.fhir import folding

_KIND_WORDS = re.compile(
    r"^(?:(?:thanh pho|thi tran|thi xa|dac khu|tinh|phuong|xa|quan|huyen|tp)\s+"
    r"|(?:tp|tt|tx|t|p|x|q|h)\.\s*|[pq]\s*(?=\d))"
)
_DISTRICT_WORDS = re.compile(r"^(?:(?:quan|huyen|thi xa|thi tran|thanh pho|tp)\s+|(?:q|h|tx|tt|tp)\.\s*|q\s*(?=\d))\S")
_COMMUNE_WORDS = re.compile(r"^(?:(?:phuong|xa|thi tran|dac khu)\s+|(?:p|x|tt)\.\s*|p\s*(?=\d))\S")


def bare(text: str) -> str:
    """A name without marks, case and kind: "P. Bến Nghé" and "Phường Bến Nghé" are "ben nghe", "Phường 01" is "1"."""
    return without_kind(folding.fold(text))


def without_kind(folded: str) -> str:
    """A folded name without the word of its kind; a word that only begins like one ("quang phu") stays."""
    left = (_KIND_WORDS.sub("", folded.strip()) or folded).strip()
    return left.lstrip("0") if left.isdecimal() else left


def is_district(text: str) -> bool:
    """Whether the text says that it is a district, or a town of the time before July 2025."""
    return bool(_DISTRICT_WORDS.match(folding.fold(text)))


def is_commune(text: str) -> bool:
    """Whether the text says that it is a commune."""
    return bool(_COMMUNE_WORDS.match(folding.fold(text)))
