"""The synthetic population: groups of resources, one household at a time, the same for the same seed.

    for group in cohort.generate(seed=1, people=2000):
        ...                     # a list of resources to be stored together, references only to itself or earlier ones

Nobody here is real. Every resource carries HTEST in `meta.security` and an id that never changes for its seed, so
loading twice adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from lienmach.care.population import facilities, households, lives

UNTIL = date(2026, 10, 31)  # the last day of all lives; fixed, so that a seed gives the same bytes on any day


def generate(seed: int, people: int, *, until: date = UNTIL) -> Iterator[list[dict[str, Any]]]:
    """First the facilities, then household after household until there are exactly `people` patients."""
    places = facilities.build(seed)
    yield list(places.resources)
    made, number = 0, 0
    while made < people:
        number += 1
        members = households.build(seed, number, people - made, until)
        made += len(members)
        group = [
            {**one.patient, "managingOrganization": {"reference": f"Organization/{places.hospital['id']}"}}
            for one in members
        ]
        group += households.related(members)
        for one in members:
            group += lives.write(seed, one, places, until)
        yield group
