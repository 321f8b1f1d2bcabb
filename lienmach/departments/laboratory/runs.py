"""Control material: lots with mean and standard deviation, their runs, and whether a test of an analyser is in control."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import asyncpg

from lienmach.base import errors, ids
from lienmach.care import catalogues
from lienmach.departments.laboratory import facts, westgard
from lienmach.record.transaction import Transaction

_NUMBER = re.compile(r"[0-9]{1,9}([.,][0-9]{1,6})?")
_LOOK_BACK = 10  # runs that the longest rule needs


@dataclass(frozen=True)
class Lot:
    """One lot at one level. sample: the number under which the analyser sends it."""

    lot_id: str
    analyser_id: str
    indicator: str
    level: str
    lot: str
    sample: str
    mean: Decimal
    sd: Decimal
    unit: str
    expires_on: date
    is_open: bool


@dataclass(frozen=True)
class Run:
    """One measurement. rules: Westgard rules that it broke. note: what was done about it."""

    run_id: str
    value: Decimal
    rules: tuple[str, ...]
    note: str
    entered_by: str
    entered_at: datetime


async def lots(tx: Transaction, *, is_open: bool | None = True) -> list[Lot]:
    """Lots by test and level."""
    rows = await tx.fetch(
        """select lot_id, analyser_id, indicator, level, lot, sample, mean, sd, unit, expires_on, is_open
           from laboratory_lot where tenant = $1 and ($2::boolean is null or is_open = $2)
           order by indicator, level, lot limit 500""",
        tx.tenant.number, is_open,
    )  # fmt: skip
    return [Lot(**dict(row)) for row in rows]


async def lots_of(tx: Transaction, analyser_id: str, sample: str) -> list[Lot]:
    """Open lots that an analyser sends under this number."""
    rows = await tx.fetch(
        """select lot_id, analyser_id, indicator, level, lot, sample, mean, sd, unit, expires_on, is_open
           from laboratory_lot where tenant = $1 and analyser_id = $2 and sample = $3 and is_open""",
        tx.tenant.number, analyser_id, sample,
    )  # fmt: skip
    return [Lot(**dict(row)) for row in rows]


async def read(tx: Transaction, lot_id: str) -> Lot:
    """One lot. Raises errors.NotFound."""
    found = next((one for one in await lots(tx, is_open=None) if one.lot_id == lot_id), None)
    if found is None:
        raise errors.NotFound("There is no such lot.")
    return found


async def open_lot(
    tx: Transaction, *, analyser_id: str, indicator: str, level: str, lot: str, sample: str, mean: str, sd: str,
    expires_on: date | None,
) -> str:  # fmt: skip
    """Open a lot when tx commits; returns its id. Numbers as typed. Raises errors.Unprocessable."""
    row = await catalogues.get(tx, "indicator", indicator.strip(), on=facts.today(tx))
    if row is None:
        raise errors.Unprocessable("Không có chỉ số này trong danh mục đang dùng.")
    texts = [" ".join(one.split())[:40] for one in (level, lot, sample)]
    if not all(texts):
        raise errors.Unprocessable("Hãy nhập mức, số lô và số mẫu nội kiểm trên máy.")
    numbers = [_number(mean), _number(sd)]
    if None in numbers or numbers[1] == 0:
        raise errors.Unprocessable("Giá trị trung bình và độ lệch chuẩn phải là số; độ lệch chuẩn lớn hơn 0.")
    if expires_on is None or expires_on < facts.today(tx):
        raise errors.Unprocessable("Hạn dùng của lô phải từ hôm nay trở đi.")
    lot_id = ids.new_id()
    unit = str(row.data.get("unit_shown") or row.data.get("unit") or "")

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into laboratory_lot (tenant, lot_id, analyser_id, indicator, level, lot, sample, mean, sd, unit,
                                           expires_on, entered_by, entered_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)""",
            tx.tenant.number, lot_id, analyser_id, row.code, *texts, *numbers, unit, expires_on, tx.actor.user, tx.now,
        )  # fmt: skip

    tx.also(write)
    return lot_id


def close_lot(tx: Transaction, lot_id: str) -> None:
    """Use a lot no more, when tx commits; its chart stays."""

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "update laboratory_lot set is_open = false where tenant = $1 and lot_id = $2", tx.tenant.number, lot_id
        )

    tx.also(write)


async def runs_of(tx: Transaction, lot_id: str, *, limit: int = 60) -> list[Run]:
    """The last runs of a lot, oldest first."""
    rows = await tx.fetch(
        """select run_id, value, rules, note, entered_by, entered_at from laboratory_run
           where tenant = $1 and lot_id = $2 order by entered_at desc, run_id desc limit $3""",
        tx.tenant.number, lot_id, limit,
    )  # fmt: skip
    return [Run(row["run_id"], row["value"], tuple(row["rules"]), row["note"], row["entered_by"], row["entered_at"])
            for row in reversed(rows)]  # fmt: skip


async def add(tx: Transaction, lot: Lot, value: Decimal, note: str = "") -> None:
    """Write a run when tx commits, judged there against the runs before it, so that two at once see each other."""
    run_id = ids.new_id()

    async def write(connection: asyncpg.Connection) -> None:
        rows = await connection.fetch(
            """select value from laboratory_run where tenant = $1 and lot_id = $2
               order by entered_at desc, run_id desc limit $3""",
            tx.tenant.number, lot.lot_id, _LOOK_BACK - 1,
        )  # fmt: skip
        values = [*(row["value"] for row in reversed(rows)), value]
        rules = westgard.broken([westgard.score(one, lot.mean, lot.sd) for one in values])
        await connection.execute(
            """insert into laboratory_run (tenant, run_id, lot_id, value, rules, note, entered_by, entered_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8)""",
            tx.tenant.number, run_id, lot.lot_id, value, list(rules), note[:300], tx.actor.user, tx.now,
        )  # fmt: skip

    tx.also(write)


async def out_of_control(tx: Transaction) -> dict[tuple[str, str], tuple[str, ...]]:
    """(Device id, indicator) -> rules that the newest run of an open lot breaks, where it is out of control."""
    rows = await tx.fetch(
        """select a.device_id, l.indicator, r.rules
           from laboratory_lot l
           join laboratory_analyser a on a.tenant = l.tenant and a.analyser_id = l.analyser_id
           cross join lateral (select rules from laboratory_run r where r.tenant = l.tenant and r.lot_id = l.lot_id
                               order by r.entered_at desc, r.run_id desc limit 1) r
           where l.tenant = $1 and l.is_open""",
        tx.tenant.number,
    )  # fmt: skip
    return {(row["device_id"], row["indicator"]): tuple(row["rules"]) for row in rows if westgard.is_out(row["rules"])}


def _number(text: str) -> Decimal | None:
    return Decimal(text.strip().replace(",", ".")) if _NUMBER.fullmatch(text.strip()) else None
