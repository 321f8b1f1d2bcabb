"""The 54 ethnic groups of Vietnam with the codes of the General Statistics Office, and two extras.

Decision 121-TCTK/PPCĐ of 1979 (number and day from memory); 55 is "foreigner", 56 "unknown". Many
programs number the groups by population instead: those numbers are not these codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from lienmach.standards.vietnam import tables


@dataclass(frozen=True)
class EthnicGroup:
    """code: two digits, a string. name: as written in Vietnamese."""

    code: str
    name: str
    valid_from: date | None
    valid_to: date | None


@lru_cache(maxsize=1)
def all_groups() -> tuple[EthnicGroup, ...]:
    """Every row, in the order of the codes."""
    return tuple(
        EthnicGroup(row["code"], row["name"], tables.to_day(row["valid_from"]), tables.to_day(row["valid_to"]))
        for row in tables.load("ethnic_groups")
    )


def group(code: str) -> EthnicGroup | None:
    """The group with that code."""
    return next((one for one in all_groups() if one.code == code), None)
