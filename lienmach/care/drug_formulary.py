"""What the facility knows about medicines on a day: drugs, ingredients, allergy groups, interactions, read as one value.

The lists are small and every check needs many rows of them, so they are read whole and kept until a row changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from lienmach.care import catalogues
from lienmach.care.catalogues import Row
from lienmach.record.transaction import Store, Transaction
from lienmach.standards.fhir import folding

LISTS = ("drug", "ingredient", "allergy-group", "interaction")
LEVELS = ("inform", "reason", "block")  # in the order of their weight
_KEPT_MAX = 8  # (tenant, day) pairs of one record
_ROWS_MAX = 50_000
_KEPT: WeakKeyDictionary[Store, dict[tuple[int, date], tuple[str, Formulary]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Formulary:
    """Rows by code, of one tenant and day."""

    drugs: dict[str, Row]
    ingredients: dict[str, Row]
    groups: dict[str, Row]
    interactions: dict[str, Row]

    def parts(self, drug: Row) -> Iterator[dict[str, Any]]:
        """The ingredients of a drug: code, name, strength, unit."""
        yield from drug.data.get("ingredients", ())

    def about(self, ingredient_code: str) -> dict[str, Any]:
        """What the list says about an ingredient, {} for an unknown one."""
        row = self.ingredients.get(ingredient_code)
        return row.data if row else {}

    def groups_of(self, ingredient_code: str) -> set[str]:
        """The allergy groups of an ingredient, told by it or by the group."""
        own = set(self.about(ingredient_code).get("allergy_groups", ()))
        return own | {code for code, row in self.groups.items() if ingredient_code in row.data.get("members", ())}

    def interaction(self, one: str, other: str) -> Row | None:
        """The gravest rule about two different ingredients, told by themselves or by their classes."""
        found = None
        for left in self._names(one):
            for right in self._names(other):
                row = self.interactions.get("+".join(sorted((left, right))))
                if row and (found is None or weight(row.data["level"]) > weight(found.data["level"])):
                    found = row
        return found

    def _names(self, ingredient_code: str) -> list[str]:
        return [ingredient_code, *("@" + name for name in self.about(ingredient_code).get("classes", ()))]

    @cached_property
    def words(self) -> list[tuple[str, str, str]]:
        """(folded word or phrase, list, code) by which a free text may mean an ingredient or a group."""
        found = []
        for name, rows in (("ingredient", self.ingredients), ("allergy-group", self.groups)):
            for code, row in rows.items():
                said = [row.name, code.replace("-", " "), *row.data.get("lay", ())]
                found += [(folding.fold(one), name, code) for one in said if len(one) >= 3]
        for code, row in self.drugs.items():
            if row.data.get("brand"):
                found.append((folding.fold(row.data["brand"]), "drug", code))
        return found


def weight(level: str) -> int:
    """Greater is graver; an unknown word counts as inform."""
    return LEVELS.index(level) if level in LEVELS else 0


async def read(tx: Transaction, on: date) -> Formulary:
    """The lists as they hold on a day."""
    rows = await tx.fetch(
        """select count(*) || '.' || coalesce(sum(xmin::text::bigint), 0) as stamp from catalogue
           where tenant = $1 and list = any($2)""",
        tx.tenant.number, list(LISTS),
    )  # fmt: skip
    stamp = str(rows[0]["stamp"])
    kept = _KEPT.setdefault(tx.store, {})
    known = kept.get((tx.tenant.number, on))
    if known is not None and known[0] == stamp:
        return known[1]
    lists = {
        name: {row.code: row for row in await catalogues.all_of(tx, name, on=on, limit=_ROWS_MAX)} for name in LISTS
    }
    made = Formulary(lists["drug"], lists["ingredient"], lists["allergy-group"], lists["interaction"])
    while len(kept) >= _KEPT_MAX:
        kept.pop(next(iter(kept)))
    kept[tx.tenant.number, on] = (stamp, made)
    return made
