"""What a load takes in and tells, as values: items with their names, groups of them, refusals, the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from lienmach.base import errors


@dataclass(frozen=True, slots=True)
class Item:
    """One resource on its way in.

    source, full_url: its name; the same name again means the same resource. body: JSON as it came. type: of the
    resource. id: what it is stored under; None: under a new id, kept by its mark. index: where it stands in its
    source, for the report.
    """

    source: str
    full_url: str
    body: bytes
    type: str
    id: str | None = None
    index: int = 0


Group = Sequence[Item]
"""Items that are taken together or not at all, and whose links to each other's fullUrl are replaced."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one resource, or the group that it belongs to, was not taken. failure: tells the kind and the issues."""

    item: Item
    failure: errors.Failure
    with_group: bool = False


@dataclass
class Report:
    """What a load has done. created, changed, there: numbers of resources by type; refused: resources in all."""

    created: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    refused: int = 0

    def add(self, other: Report) -> None:
        """Count what another one has counted too."""
        self.created.update(other.created)
        self.changed.update(other.changed)
        self.there.update(other.there)
        self.refused += other.refused
