"""The working set of code lists that comes with the project, and how it gets into a tenant.

The files stand in `catalogue/`: CSV with one list each, named like the list, and JSON lines that name the list in each
line. Nothing in them has been approved by a facility: a demo home loads them as `demo`, any other home as `draft`.

CSV columns are `code, name, valid_from, valid_to, source` and members of `data` with suffixes that say their form
(catalogue_columns.py). An empty cell leaves the member out. `confidence` (source, secondary, memory, invented, own) is
kept in `data` as it stands.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from lienmach.base.actor import Actor
from lienmach.care import catalogue_columns, catalogues
from lienmach.care.catalogues import Row
from lienmach.record.transaction import Store, Transaction

FOLDER = Path(__file__).parent / "catalogue"
_OWN = catalogue_columns.OWN


def rows(state: str) -> Iterator[Row]:
    """Every row of the working set. state: what they are entered as, draft or demo.

    Raises ValueError with the file and the line for a file that is not as described above.
    """
    for path in sorted(FOLDER.glob("*.csv")):
        yield from _of_csv(path, state)
    for path in sorted(FOLDER.glob("*.jsonl")):
        yield from _of_lines(path, state)


async def load(store: Store, actor: Actor, *, state: str) -> int:
    """Put what the tenant has not; returns how many rows were put.

    Safe to run twice: a row is left out if the list has one of this code on its first day or later, so that what the
    facility has changed, closed or approved stays as it is. A later row of a code comes in beside the earlier one.
    """
    gathered = list(rows(state))

    async def work(tx: Transaction) -> int:
        missing = await _missing(tx, gathered)
        catalogues.put(tx, missing)
        return len(missing)

    return await store.run(actor, work)


async def _missing(tx: Transaction, gathered: Iterable[Row]) -> list[Row]:
    known = await tx.fetch(
        "select list, code, max(valid_from) as last from catalogue where tenant = $1 group by list, code",
        tx.tenant.number,
    )
    last = {(one["list"], one["code"]): one["last"] for one in known}
    return [one for one in gathered if (one.list, one.code) not in last or last[one.list, one.code] < one.valid_from]


def _of_csv(path: Path, state: str) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        for number, cells in enumerate(reader, 2):
            try:
                yield _row(path.stem, cells, _data(cells), state)
            except (KeyError, ValueError) as problem:
                raise ValueError(f"{path.name}, row {number}: {problem}") from problem


def _of_lines(path: Path, state: str) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                members = json.loads(line, parse_float=Decimal)
                data = {"confidence": members["confidence"]} if "confidence" in members else {}
                yield _row(members["list"], members, {**members["data"], **data}, state)
            except (KeyError, ValueError) as problem:
                raise ValueError(f"{path.name}, line {number}: {problem}") from problem


def _row(list_name: str, cells: dict[str, str], data: dict[str, Any], state: str) -> Row:
    until = cells.get("valid_to") or ""
    return Row(
        list_name, cells["code"], cells["name"], date.fromisoformat(cells["valid_from"]),
        date.fromisoformat(until) if until else None, state, data, cells.get("source") or "",
    )  # fmt: skip


def _data(cells: dict[str, str]) -> dict[str, Any]:
    return dict(catalogue_columns.read(column, cell) for column, cell in cells.items() if cell and column not in _OWN)
