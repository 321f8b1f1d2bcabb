"""What the portal rejected of a claim: structure errors and appraisal, each at the field that it names, with a clock.

open -> answered (words of ours) -> mended (a later version was built) -> closed (accepted). Nothing is deleted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.care.claims import claims, preflight
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh.rules.findings import ERROR, Finding

STRUCTURE, APPRAISAL = "structure", "appraisal"
STATES = ("open", "answered", "mended", "closed")


@dataclass(frozen=True)
class Said:
    """One fault as the portal tells it. row: STT, 0 where it names none. amount_vnd: what the appraisal takes off."""

    kind: str
    code: str
    table: str
    field: str
    row: int
    text: str
    amount_vnd: Decimal | None = None


@dataclass(frozen=True)
class Rejection:
    """One fault of one version. due_on: last day to answer. reply: what was answered. code: the portal's own."""

    id: str
    encounter_id: str
    patient_id: str
    ma_lk: str
    version: int
    kind: str
    code: str
    table: str
    field: str
    row: int
    text: str
    amount_vnd: Decimal | None
    said_at: datetime
    due_on: date
    state: str
    reply: str
    replied_by: str
    replied_at: datetime | None


_SELECT = """select r.*, r.rejection_id as id, r.table_name as "table", c.patient_id, c.ma_lk from claim_rejection r
             join claim c on c.tenant = r.tenant and c.encounter_id = r.encounter_id where r.tenant = $1 and """


async def of_visit(tx: Transaction, encounter_id: str) -> list[Rejection]:
    """All rejections of a visit's claim, the newest version first."""
    rows = await tx.fetch(
        _SELECT + "r.encounter_id = $2 order by r.version desc, r.said_at desc, r.rejection_id",
        tx.tenant.number, encounter_id,
    )  # fmt: skip
    return [_of(row) for row in rows]


async def listed(tx: Transaction, *, states: Sequence[str] = ("open",), limit: int = 200) -> list[Rejection]:
    """Rejections in these states, the one that is due first before the others."""
    rows = await tx.fetch(
        """select r.*, r.rejection_id as id, r.table_name as "table", c.patient_id, c.ma_lk
           from (select * from claim_rejection where tenant = $1 and state = any($2)
                 order by due_on, said_at, rejection_id limit $3) r
           join claim c on c.tenant = $1 and c.encounter_id = r.encounter_id
           order by r.due_on, r.said_at, r.rejection_id""",
        tx.tenant.number, list(states), limit,
    )  # fmt: skip
    return [_of(row) for row in rows]


async def read(tx: Transaction, rejection_id: str) -> Rejection | None:
    """One rejection, or None."""
    rows = await tx.fetch(_SELECT + "r.rejection_id = $2", tx.tenant.number, rejection_id)
    return _of(rows[0]) if rows else None


async def answer(tx: Transaction, rejection_id: str, text: str) -> None:
    """Keep the words that answer a rejection, when tx commits; answering again replaces them.

    Raises errors.NotFound, errors.Unprocessable for no words, errors.Conflict for one that is mended or closed.
    """
    said = claims.checked_reason(text)
    found = await read(tx, rejection_id)
    if found is None:
        raise errors.NotFound("Không có lần trả hồ sơ này.")
    if found.state not in ("open", "answered"):
        raise errors.Conflict("Lỗi này đã sửa và gửi lại hoặc đã xong; không cần giải trình nữa.")

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """update claim_rejection set state = 'answered', reply = $3, replied_by = $4, replied_at = $5
               where tenant = $1 and rejection_id = $2 and state in ('open', 'answered')""",
            tx.tenant.number, rejection_id, said, tx.actor.display or tx.actor.user, tx.now,
        )  # fmt: skip

    tx.also(write)


async def insert(
    connection: asyncpg.Connection,
    tx: Transaction,
    encounter_id: str,
    version: int,
    said: Said,
    due_on: date,
    state: str,
) -> None:
    """Add a rejection inside a commit; told again it changes nothing."""
    parts = (encounter_id, str(version), said.kind, said.code, said.table, said.field, str(said.row), said.text)
    own = hashlib.sha256("|".join(("rejection", *parts)).encode()).hexdigest()[:32]
    await connection.execute(
        """insert into claim_rejection (tenant, rejection_id, encounter_id, version, kind, code, table_name, field, row,
                                        text, amount_vnd, said_at, due_on, state)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict do nothing""",
        tx.tenant.number, own, encounter_id, version, said.kind, said.code, said.table, said.field, said.row, said.text,
        said.amount_vnd, tx.now, due_on, state,
    )  # fmt: skip


def link_of(rejection: Rejection) -> str:
    """The page where the field that a rejection names is mended."""
    at = Finding(rejection.code, rejection.table, rejection.field, rejection.row, ERROR, rejection.text, (), "")
    behind = preflight.link_of(at)
    return behind if behind.startswith("/outpatient/") else f"/outpatient/visits/{rejection.encounter_id}{behind}"


def _of(row: Any) -> Rejection:
    return Rejection(**{name: row[name] for name in Rejection.__dataclass_fields__})
