"""The communes of before 1 July 2025 with their districts, and what became of each: one commune of today, or several.

10,035 communes as they were in June 2025, from the package "vietnamadminunits" 1.0.4 (see data/NOTICE); what was merged
before that is not in it. 471 of them were divided: they have several successors, and the clerk is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from lienmach.standards.fhir import folding
from lienmach.standards.vietnam import place_names, tables


@dataclass(frozen=True)
class FormerCommune:
    """name, district: with their kinds. province: code of the old province. successors: codes of communes of today."""

    name: str
    district: str
    province: str
    successors: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """As it was written: "Phường Bến Nghé, Quận 1"."""
        return f"{self.name}, {self.district}"


def find(name: str, district: str, provinces: Iterable[str]) -> tuple[FormerCommune, ...]:
    """The communes of that name in that district of one of these old provinces (codes); () if there is none.

    Kinds may be left out, as on identity cards; a kind that is written has to fit.
    """
    if place_names.is_commune(district):
        return ()
    wanted, own = place_names.bare(name), place_names.bare(district)
    found = [one for code in provinces for one in _by_name(code).get((own, wanted), ())]
    exact = [one for one in found if folding.fold(one.name) == folding.fold(name)]
    return tuple(exact or found)


@cache
def _by_name(province: str) -> dict[tuple[str, str], tuple[FormerCommune, ...]]:
    """(bare district, bare name) -> communes of one province: folding all ten thousand at once would be felt."""
    found: dict[tuple[str, str], tuple[FormerCommune, ...]] = {}
    for row in _rows().get(province, ()):
        one = FormerCommune(row["name"], row["district"], province, tuple(row["successors"].split(";")))
        key = (place_names.bare(one.district), place_names.bare(one.name))
        found[key] = (*found.get(key, ()), one)
    return found


@lru_cache(maxsize=1)
def _rows() -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for row in tables.load("former_communes"):
        found.setdefault(row["province"], []).append(row)
    return found
