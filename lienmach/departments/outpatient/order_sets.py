"""Order sets: what a department orders together for one reason, one Enter to apply. Rows of the list `order-set`.

A set names services, drugs with their usual way to take them, and diagnoses. It only fills forms: prices, repeats and
dangers are looked at for each line as if it had been typed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from lienmach.care import catalogues
from lienmach.care.catalogues import Row
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import folding

LIST = "order-set"


@dataclass(frozen=True)
class OrderSet:
    """services, icd10: codes. drugs: {code, per_time, times, days} as the prescription form keeps its lines."""

    code: str
    name: str
    specialty: str = ""
    services: tuple[str, ...] = ()
    drugs: tuple[dict[str, Any], ...] = ()
    icd10: tuple[str, ...] = field(default=())


async def find(tx: Transaction, text: str, *, on: date, specialty: str = "", limit: int = 5) -> list[OrderSet]:
    """Sets whose name holds the words, those of the specialty first; without a text the sets of the specialty."""
    if text.strip():
        rows = await catalogues.find(tx, LIST, text, on=on, limit=limit * 2)
    else:
        rows = [one for one in await catalogues.all_of(tx, LIST, on=on, limit=200) if _fits(one, specialty)]
    rows.sort(key=lambda one: (not _fits(one, specialty), folding.fold(one.name) if not text.strip() else ""))
    return [_of(one) for one in rows[:limit]]


async def read(tx: Transaction, code: str, *, on: date) -> OrderSet | None:
    """The set of a code that holds on a day, or None."""
    row = await catalogues.get(tx, LIST, code, on=on)
    return _of(row) if row else None


def _fits(row: Row, specialty: str) -> bool:
    return row.data.get("specialty", "") in ("", specialty)


def _of(row: Row) -> OrderSet:
    return OrderSet(
        row.code,
        row.name,
        str(row.data.get("specialty", "")),
        _texts(row.data.get("services")),
        tuple(dict(one) for one in row.data.get("drugs", ()) if isinstance(one, dict)),
        _texts(row.data.get("icd10")),
    )


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in values) if isinstance(values, Sequence) and not isinstance(values, str) else ()
