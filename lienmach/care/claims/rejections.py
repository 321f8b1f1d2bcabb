"""What the portal rejected of a claim: structure errors and appraisal, each at the field that it names, with a clock.

open -> answered (words of ours are queued) -> sent (the portal has them) -> accepted or kept, as it says (replies.py).
open, answered, sent, kept -> mended: a later version in which the place that it names is another. -> closed: the
version was accepted, or the portal said the same of a later one. Nothing is deleted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from lienmach.care.claims import deadlines, differences, preflight
from lienmach.record import committer
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh import claim_xml
from lienmach.standards.bhxh.claim_xml import Tables
from lienmach.standards.bhxh.rules.findings import ERROR, Finding

STRUCTURE, APPRAISAL = "structure", "appraisal"
STATES = ("open", "answered", "sent", "accepted", "kept", "mended", "closed")
UNDONE = ("refused", "stopped")  # states of a message that does not go by itself any more


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
    """One fault of one version. due_on: last day to answer. reply: what was answered. code: the portal's own.

    newest: newest version of the claim. mended_in: the version whose place is another, 0 if none. replies: how often
    it was answered. problem: why the reply has not left (outbox.Answer.problem; refused or stopped too), "" if it has.
    verdict: the portal's words about the reply. is_unknown: the portal may have a reply of which we have no receipt.
    """

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
    replies: int
    received_at: datetime | None
    verdict: str
    mended_in: int
    newest: int
    problem: str
    message_id: str
    is_unknown: bool

    @property
    def is_unmended(self) -> bool:
        """Whether a later version has left its place as it was."""
        return self.newest > self.version and self.state in ("open", "answered", "sent", "kept")

    @property
    def is_due(self) -> bool:
        """Whether its clock runs: the portal has neither another version of the place nor words about it."""
        return self.state in ("open", "answered")

    def is_silent(self, now: datetime) -> bool:
        """Whether the portal has said nothing of our words for as long as it shows answers: somebody has to ask it."""
        return self.state == "sent" and deadlines.is_silent(self.received_at, now)

    def may_be_answered(self, now: datetime) -> bool:
        """Whether words for it may be written: none are on their way or looked at, and none may be there unseen."""
        is_undone = self.state == "answered" and self.problem in UNDONE and not self.is_unknown
        return self.state == "open" or is_undone or self.is_silent(now)


_MEMBERS = """r.*, r.rejection_id as id, r.table_name as "table", c.patient_id, c.ma_lk,
    (select max(w.version) from claim_version w
     where w.tenant = r.tenant and w.encounter_id = r.encounter_id and w.state <> 'dropped') as newest,
    coalesce(case when r.state <> 'answered' then '' when m.state in ('refused', 'stopped') then m.state
                  when m.state = 'waiting' then m.problem end, '') as problem,
    coalesce(r.state = 'answered' and m.state <> 'sent' and message_is_unknown(m), false) as is_unknown"""
_BESIDE = """join claim c on c.tenant = r.tenant and c.encounter_id = r.encounter_id
    left join outbox_message m on m.tenant = r.tenant and m.message_id = r.message_id and r.message_id <> '' """
_SELECT = "select " + _MEMBERS + " from claim_rejection r " + _BESIDE + " where r.tenant = $1 and "
#: The first of some states; also those whose answer the portal has refused, if that is asked for ($4).
_LISTED = """(select * from (
        (select * from claim_rejection where tenant = $1 and state = any($2)
         order by due_on, said_at, rejection_id limit $3)
        union all
        select o.* from claim_rejection o
        join outbox_message n on n.tenant = $1 and n.message_id = o.message_id
        where $4 and o.tenant = $1 and o.state = 'answered' and n.state in ('refused', 'stopped')) a
    order by due_on, said_at, rejection_id limit $3) r """
_BY_DUE = "select " + _MEMBERS + " from " + _LISTED + _BESIDE + " order by r.due_on, r.said_at, r.rejection_id"


_SILENT = """(select * from claim_rejection where tenant = $1 and state = 'sent' and received_at < $2
    order by received_at, rejection_id limit $3) r """
_BY_RECEIPT = "select " + _MEMBERS + " from " + _SILENT + _BESIDE + " order by r.received_at, r.rejection_id"
_STANDING = """select r.rejection_id, r.table_name, r.field, r.row, r.version, v.xml from claim_rejection r
    join claim_version v using (tenant, encounter_id, version)
    where r.tenant = $1 and r.encounter_id = $2 and r.state in ('open', 'answered', 'sent', 'kept')"""


async def of_visit(tx: Transaction, encounter_id: str) -> list[Rejection]:
    """All rejections of a visit's claim, the newest version first."""
    rows = await tx.fetch(
        _SELECT + "r.encounter_id = $2 order by r.version desc, r.said_at desc, r.rejection_id",
        tx.tenant.number, encounter_id,
    )  # fmt: skip
    return [_of(row) for row in rows]


async def listed(tx: Transaction, *, states: Sequence[str] = ("open",), limit: int = 200) -> list[Rejection]:
    """Rejections in these states, the one that is due first before the others.

    Of the open ones are those whose answer the portal has refused: somebody has to write another.
    """
    rows = await tx.fetch(
        _BY_DUE,
        tx.tenant.number, list(states), limit, "open" in states and "answered" not in states,
    )  # fmt: skip
    return [_of(row) for row in rows]


async def silent(tx: Transaction, *, limit: int = 200) -> list[Rejection]:
    """Rejections of whose answer the portal has said nothing while it shows answers, the oldest first."""
    rows = await tx.fetch(_BY_RECEIPT, tx.tenant.number, _shown_since(tx), limit)
    return [_of(row) for row in rows]


async def count_silent(tx: Transaction) -> int:
    """How many of them there are."""
    rows = await tx.fetch(
        """select count(*)::int as found from claim_rejection
           where tenant = $1 and state = 'sent' and received_at < $2""",
        tx.tenant.number, _shown_since(tx),
    )  # fmt: skip
    return int(rows[0]["found"])


async def read(tx: Transaction, rejection_id: str) -> Rejection | None:
    """One rejection, or None."""
    rows = await tx.fetch(_SELECT + "r.rejection_id = $2", tx.tenant.number, rejection_id)
    return _of(rows[0]) if rows else None


async def mended_by(tx: Transaction, encounter_id: str, tables: Tables) -> tuple[str, ...]:
    """Ids of the rejections that still stand and whose place is another in these tables.

    Where the portal tells another fault before tx commits, the unit runs again (committer.Changed): that may be mended.
    """
    rows = await tx.fetch(_STANDING, tx.tenant.number, encounter_id)

    async def check(connection: asyncpg.Connection) -> None:
        standing = await connection.fetch(_STANDING, tx.tenant.number, encounter_id)
        if {row["rejection_id"] for row in standing} != {row["rejection_id"] for row in rows}:
            raise committer.Changed("Another fault was told or judged meanwhile.")

    tx.also(check)
    said = {row["version"]: bytes(row["xml"]) for row in rows}
    about = {version: claim_xml.read(xml).tables for version, xml in said.items()}
    return tuple(
        row["rejection_id"]
        for row in rows
        if differences.is_mended(about[row["version"]], tables, row["table_name"], row["field"], row["row"])
    )


async def insert(
    connection: asyncpg.Connection,
    tx: Transaction,
    encounter_id: str,
    version: int,
    said: Said,
    due_on: date,
    mended_in: int,
) -> None:
    """Add a rejection inside a commit; told again it changes nothing.

    mended_in: the later version whose place is another already, 0 if it is open. The same fault of an earlier version,
    which nobody has answered, gives way to it.
    """
    parts = (encounter_id, str(version), said.kind, said.code, said.table, said.field, str(said.row), said.text)
    own = hashlib.sha256("|".join(("rejection", *parts)).encode()).hexdigest()[:32]
    await connection.execute(
        """insert into claim_rejection (tenant, rejection_id, encounter_id, version, kind, code, table_name, field, row,
                                        text, amount_vnd, said_at, due_on, state, mended_in)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) on conflict do nothing""",
        tx.tenant.number, own, encounter_id, version, said.kind, said.code, said.table, said.field, said.row, said.text,
        said.amount_vnd, tx.now, due_on, "mended" if mended_in else "open", mended_in,
    )  # fmt: skip
    await connection.execute(
        """update claim_rejection set state = 'closed' where tenant = $1 and encounter_id = $2 and version < $3
           and kind = $4 and code = $5 and table_name = $6 and field = $7 and row = $8 and state = 'open'""",
        tx.tenant.number, encounter_id, version, said.kind, said.code, said.table, said.field, said.row,
    )  # fmt: skip


def link_of(rejection: Rejection) -> str:
    """The page where the field that a rejection names is mended."""
    at = Finding(rejection.code, rejection.table, rejection.field, rejection.row, ERROR, rejection.text, (), "")
    behind = preflight.link_of(at)
    return behind if behind.startswith("/outpatient/") else f"/outpatient/visits/{rejection.encounter_id}{behind}"


def _shown_since(tx: Transaction) -> datetime:
    """What the portal received before then, it does not show any more."""
    return tx.now - timedelta(days=deadlines.ANSWERS_SHOWN_DAYS)


def _of(row: Any) -> Rejection:
    return Rejection(**{name: row[name] for name in Rejection.__dataclass_fields__})
