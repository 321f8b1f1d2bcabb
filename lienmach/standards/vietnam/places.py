"""Provinces and communes of Vietnam with the days on which they are valid, and typed addresses.

On 1 July 2025 the 63 provinces became 34, districts ceased and 3,321 communes of two kinds (and 13
special zones) remained (Resolution 202/2025/QH15). Seven new provinces carry the name of one old
member and the code of another, so a code or a name means something only together with a day.
What is written in three levels is looked up in former_communes.py; where several new communes are possible the clerk
is asked, and what is not found stays text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from lienmach.standards.fhir import folding
from lienmach.standards.vietnam import former_communes, place_names, tables
from lienmach.standards.vietnam.former_communes import FormerCommune

REFORM_ON = date(2025, 7, 1)
BEFORE_REFORM = "trước 01/07/2025"
_KINDS = {"P": "Phường", "X": "Xã", "K": "Đặc khu"}
_ALIASES = {
    "hcm": "ho chi minh",
    "tphcm": "ho chi minh",
    "sai gon": "ho chi minh",
    "hn": "ha noi",
    "vung tau": "ba ria - vung tau",
    "br-vt": "ba ria - vung tau",
    "hue": "hue",
    "daklak": "dak lak",
}


@dataclass(frozen=True)
class Province:
    """code: two digits of the statistics office. successor: code of the new province for an old one, else ""."""

    code: str
    name: str
    kind: str
    valid_from: date | None
    valid_to: date | None
    successor: str

    @property
    def full_name(self) -> str:
        """With its kind, as on papers: "Tỉnh Tây Ninh", "Thành phố Huế"."""
        return f"{self.kind.capitalize()} {self.name}"


@dataclass(frozen=True)
class Commune:
    """code: five digits. kind: Phường, Xã or Đặc khu. province: code of its province. folded: for search."""

    code: str
    name: str
    kind: str
    province: str
    valid_from: date | None
    valid_to: date | None
    folded: str = field(compare=False)

    @property
    def full_name(self) -> str:
        """With its kind: "Phường Ba Đình"."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class TypedAddress:
    """What a typed or scanned address is understood as.

    line: the part before the units, as typed. commune: only if exactly one fits. candidates: communes
    to choose from when several fit. province: the one of today. old_province: set when an old province was
    named. is_old: the text has three levels or an old province; show it with BEFORE_REFORM. former: the commune of
    that time which the text names.
    """

    text: str
    line: str
    commune: Commune | None
    candidates: tuple[Commune, ...]
    province: Province | None
    old_province: Province | None
    is_old: bool
    former: FormerCommune | None = None


def provinces(on: date) -> tuple[Province, ...]:
    """The provinces of a day, in the order of their codes: 34 from 1 July 2025, 63 before."""
    return tuple(one for one in _provinces() if tables.is_valid(one.valid_from, one.valid_to, on))


def province(code: str, on: date = REFORM_ON) -> Province | None:
    """The province that had this code on that day."""
    return next((one for one in provinces(on) if one.code == code), None)


def old_province(code: str) -> Province | None:
    """The province of the 63 with this code; citizen numbers and older cards carry these."""
    return _old_by_code().get(code)


def successor(old: Province) -> Province | None:
    """The province of today into which an old one went; a province of today is its own."""
    return province(old.successor or old.code)


def communes(province_code: str) -> tuple[Commune, ...]:
    """The communes of a province of today, as in the table."""
    return _by_province().get(province_code, ())


def commune(code: str) -> Commune | None:
    """The commune of today with this code; the same digits may have named an older, smaller one."""
    return _by_code().get(code)


def search(text: str, *, province_code: str | None = None, limit: int = 20) -> list[Commune]:
    """Communes whose name has every typed word as the start of one of its words, best first.

    Marks and đ do not matter; a province's name may be typed behind a comma. Whole names come before
    name starts, these before the rest; a match with the typed diacritics goes first.
    """
    wanted, _, behind = text.partition(",")
    folded = place_names.bare(wanted)
    if behind and not province_code:
        named = find_province(behind)
        province_code = (successor(named) or named).code if named else None
    pool = communes(province_code) if province_code else _communes()
    words = folded.split()
    if not words:
        return list(pool[:limit])
    typed = " ".join(wanted.lower().split())
    found = []
    for one in pool:
        own = one.folded.split()
        if all(any(word.startswith(part) for word in own) for part in words):
            rank = 0 if one.folded == folded else 1 if one.folded.startswith(folded) else 2
            found.append((rank, typed not in one.full_name.lower(), one.name, one.code, one))
    return [row[-1] for row in sorted(found, key=lambda row: row[:4])[:limit]]


def find_province(text: str) -> Province | None:
    """The province that a name means: one of today if there is such a name, else one of the 63."""
    folded = folding.fold(text).strip(" .,")
    folded = _ALIASES.get(folded, folded)
    folded = place_names.without_kind(folded).strip(" .,")
    folded = _ALIASES.get(folded.replace(".", ""), folded)
    return _by_name().get(re.sub(r"\s*-\s*", "-", folded))


def read(text: str) -> TypedAddress:
    """Understand an address typed or scanned in two levels (commune, province) or the old three.

    Never guesses: a commune is set only if exactly one of the province has that very name and the text names no
    district, or if the old commune of that district became exactly one. What is not found keeps its words.
    """
    pieces = [piece.strip() for piece in re.split(r"[,;]", text) if piece.strip()]
    named = find_province(pieces[-1]) if pieces else None
    rest = pieces[:-1] if named else pieces
    old = named if named and named.valid_to else None
    today = successor(named) if named else None
    is_old = any(place_names.is_district(piece) for piece in rest) or old is not None
    candidates: tuple[Commune, ...] = ()
    if rest and not is_old:
        # Spelling of a tone's place (Hòa, Hoà) is no difference once folded.
        last = place_names.bare(rest[-1])
        candidates = tuple(one for one in (communes(today.code) if today else _communes()) if one.folded == last)
    formers = _formers(rest, old, today)
    if formers:  # cards leave the kinds out: "Phúc Xá, Ba Đình, Hà Nội" is of old, and Ba Đình is a commune of today
        became = [commune(code) for code in sorted({code for one in formers for code in one.successors})]
        both = tuple(one for one in became if one is not None and one not in candidates) + candidates
        former = formers[0] if len(formers) == 1 else None
        only = both[0] if len(both) == 1 else None
        return TypedAddress(text, ", ".join(rest[:-2]), only, both, today, old, True, former)
    sure = candidates[0] if len(candidates) == 1 and today else None
    line = ", ".join(rest[:-1] if candidates else rest)
    return TypedAddress(text, line, sure, candidates, today, old, is_old)


def _formers(rest: list[str], old: Province | None, today: Province | None) -> tuple[FormerCommune, ...]:
    """The old communes that the last two pieces before the province may mean."""
    if len(rest) < 2 or today is None:
        return ()
    codes = [old.code] if old else [one.code for one in _old_by_code().values() if successor(one) == today]
    return former_communes.find(rest[-2], rest[-1], codes)


@lru_cache(maxsize=1)
def _provinces() -> tuple[Province, ...]:
    return tuple(
        Province(
            row["code"],
            row["name"],
            row["kind"],
            tables.to_day(row["valid_from"]),
            tables.to_day(row["valid_to"]),
            row["successor"],
        )
        for row in tables.load("provinces")
    )


@lru_cache(maxsize=1)
def _old_by_code() -> dict[str, Province]:
    return {one.code: one for one in _provinces() if one.valid_to}


@lru_cache(maxsize=1)
def _by_name() -> dict[str, Province]:
    ordered = sorted(_provinces(), key=lambda one: one.valid_to is None)  # today's names overwrite old ones
    return {re.sub(r"\s*-\s*", "-", folding.fold(one.name)): one for one in ordered}


@lru_cache(maxsize=1)
def _communes() -> tuple[Commune, ...]:
    return tuple(
        Commune(
            row["code"],
            row["name"],
            _KINDS[row["kind"]],
            row["province"],
            tables.to_day(row["valid_from"]),
            tables.to_day(row["valid_to"]),
            folding.fold(row["name"]),
        )
        for row in tables.load("communes")
    )


@lru_cache(maxsize=1)
def _by_code() -> dict[str, Commune]:
    return {one.code: one for one in _communes()}


@lru_cache(maxsize=1)
def _by_province() -> dict[str, tuple[Commune, ...]]:
    found: dict[str, list[Commune]] = {}
    for one in _communes():
        found.setdefault(one.province, []).append(one)
    return {code: tuple(rows) for code, rows in found.items()}
