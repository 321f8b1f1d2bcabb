"""Writing a claim: its state, its findings, its versions with the message that carries each; all inside the commit."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import asyncpg

from lienmach.care import outbox
from lienmach.care.claims import deadlines
from lienmach.care.claims.claims import CHANGED, Claim, Version
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh.rules.findings import Finding

CHANNEL = "claim"
FINDINGS_MAX = 300
_OF_VERSION = {"queued": "ready", "sent": "sent", "rejected": "rejected", "accepted": "accepted"}


@dataclass(frozen=True)
class NewVersion:
    """A version to be stored. number: the one after the claim's newest. xml: signed.

    mended: ids of rejections whose place is another in it. recall_reason: why it takes the request back, "" if not.
    """

    claim: Claim
    number: int
    reason: str
    invoice_id: str
    xml: bytes
    digest: str
    t_bhtt: Decimal
    settle_on: date | None
    mended: tuple[str, ...] = ()
    recall_reason: str = ""


def state_of(version: Version) -> str:
    """The state of a claim whose newest version is this one and which nothing holds up."""
    return _OF_VERSION[version.state]


def move(tx: Transaction, claim: Claim, state: str, why: str = "") -> None:
    """Put a claim into a state, when tx commits; what was asked for stays asked."""
    if (claim.state, claim.why) == (state, why) or claim.state == "paid":
        return

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """update claim set state = $3, why = $4 where tenant = $1 and encounter_id = $2 and state <> 'paid'""",
            tx.tenant.number, claim.encounter_id, state, why,
        )  # fmt: skip

    tx.also(write)


def mark_changed(tx: Transaction, claim: Claim, is_changed: bool) -> None:
    """Say on a paid claim whether its statement is another than what was paid, when tx commits; nothing is sent."""
    why = CHANGED if is_changed else ""
    if claim.why == why:
        return

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "update claim set why = $3 where tenant = $1 and encounter_id = $2 and state = 'paid'",
            tx.tenant.number, claim.encounter_id, why,
        )  # fmt: skip

    tx.also(write)


def set_due(tx: Transaction, claim: Claim, holidays: Collection[date]) -> None:
    """Set the last day of the payment request by the holidays that are known now, when tx commits."""
    if claim.ended_at is None:
        return
    due_on = deadlines.request_due(claim.ended_at.astimezone(tx.tenant.time_zone).date(), holidays)
    if due_on == claim.request_due_on:
        return

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "update claim set request_due_on = $3 where tenant = $1 and encounter_id = $2",
            tx.tenant.number, claim.encounter_id, due_on,
        )  # fmt: skip

    tx.also(write)


def keep_findings(tx: Transaction, encounter_id: str, found: Sequence[Finding]) -> None:
    """Replace what the rules found on a visit, when tx commits."""
    rows = list(found)[:FINDINGS_MAX]

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "delete from claim_finding where tenant = $1 and encounter_id = $2", tx.tenant.number, encounter_id
        )
        await connection.executemany(
            """insert into claim_finding (tenant, encounter_id, number, rule, table_name, field, row, level, text,
                                          "values", mender, found_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
            [
                (tx.tenant.number, encounter_id, number, one.rule, one.table, one.field, one.row, one.level, one.text,
                 json.dumps(one.values, ensure_ascii=False), one.mender, tx.now)
                for number, one in enumerate(rows, 1)
            ],
        )  # fmt: skip

    tx.also(write)


def keep_version(tx: Transaction, new: NewVersion) -> None:
    """Store the next version and queue it for the portal, when tx commits; what it mends of the rejections is said.

    A rejection whose place is as it was stays what it is: sending again answers nothing. Another worker that has stored
    one meanwhile wins: then nothing is written, and its message is the same one.
    """
    claim, key = new.claim, f"{new.claim.ma_lk}/{new.number}"
    subject = f"Encounter/{claim.encounter_id}"
    message = outbox.queue(tx, CHANNEL, key, new.xml, subject=subject, content_type="application/xml")

    async def write(connection: asyncpg.Connection) -> None:
        stored = await connection.fetchval(
            """insert into claim_version (tenant, encounter_id, version, reason, invoice_id, xml, digest, t_bhtt, built_at,
                                          built_by, message_id, state)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'queued') on conflict do nothing returning true""",
            tx.tenant.number, claim.encounter_id, new.number, new.reason, new.invoice_id, new.xml, new.digest,
            new.t_bhtt, tx.now, claim.asked_by or tx.actor.user, message,
        )  # fmt: skip
        if not stored:
            return
        await connection.execute(
            """update claim set state = 'ready', why = '', version = $3, queued_at = $4, t_bhtt = $5,
                                settle_on = coalesce(settle_on, $6),
                                asked_by = case when asked_reason = $7 then '' else asked_by end,
                                recall_reason = case when recall_reason = '' then $8 else recall_reason end,
                                asked_reason = case when asked_reason = $7 then '' else asked_reason end
               where tenant = $1 and encounter_id = $2""",
            tx.tenant.number, claim.encounter_id, new.number, tx.now, new.t_bhtt, new.settle_on, claim.asked_reason,
            new.recall_reason,
        )  # fmt: skip
        await connection.execute(
            """update claim_rejection set state = 'mended', mended_in = $3 where tenant = $1 and encounter_id = $2
               and rejection_id = any($4) and state in ('open', 'answered', 'sent', 'kept')""",
            tx.tenant.number, claim.encounter_id, new.number, list(new.mended),
        )  # fmt: skip

    tx.also(write)


def finding_of(row: Any) -> Finding:
    """A finding from its row of `claim_finding`."""
    values = tuple((str(name), str(one)) for name, one in json.loads(row["values"]))
    return Finding(
        row["rule"], row["table_name"], row["field"], row["row"], row["level"], row["text"], values, row["mender"]
    )
