"""E-invoices about what patients paid: at once for who asks, else one summary a day with its list; adjusted by others.

What a visit is invoiced for is what was paid of its bill: the patient's total less what is still due. A visit at which
nothing was paid gets none. An invoice is never cancelled: when the bill changes afterwards (a refund, a new version of
the statement), an adjusting invoice names the original (NĐ 254/2026, TT 91/2026; secondary). Each is a message of the
channel `einvoice`; its state is the message's. The day's summary: einvoice_days.py.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

import asyncpg

from lienmach.base import errors
from lienmach.care import catalogues, facility, outbox
from lienmach.care.money import accounts, einvoice_message
from lienmach.care.money.accounts import Account
from lienmach.care.money.einvoice_message import Buyer, Part
from lienmach.record import committer
from lienmach.record.transaction import Transaction

CHANNEL = "einvoice"
LATER = "Thay hóa đơn tổng trong ngày bằng hóa đơn có tên người mua"
CHANGED = "Số tiền của lượt khám thay đổi sau khi lập hóa đơn"


@dataclass(frozen=True)
class EInvoice:
    """kind: bill, summary, adjustment. encounter_id: "" for a summary. amount: below 0 where an adjustment takes away.

    state: of its message (waiting, sending, sent, refused, stopped). number, series, code: from the provider, "" before.
    """

    key: str
    kind: str
    day_on: date
    encounter_id: str
    amount: int
    adjusts: str
    reason: str
    buyer: Buyer | None
    asked_at: datetime
    asked_by: str
    state: str
    problem: str
    message_id: str
    number: str = ""
    series: str = ""
    code: str = ""


@dataclass(frozen=True)
class Standing:
    """A visit's bill against its invoices. paid: đồng of the bill that were paid. invoiced: what invoices say of it."""

    encounter_id: str
    bill_number: str
    organization_id: str
    paid: int
    invoiced: int


@dataclass(frozen=True)
class Draft:
    """An invoice before it is written."""

    key: str
    kind: str
    organization_id: str
    parts: tuple[Part, ...]
    buyer: Buyer | None = None
    adjusts: str = ""
    reason: str = ""
    day: date | None = None


async def request(tx: Transaction, encounter_id: str, buyer: Buyer) -> str:
    """Invoice a paid bill to somebody, at once, when tx commits; returns the key. What a summary held is taken out of it.

    Raises errors.Invalid for a buyer that cannot be, errors.Conflict where nothing was paid, something is due, or it
    has an invoice with a name already.
    """
    tidy = einvoice_message.check(buyer)
    visit = await accounts.read(tx, encounter_id)
    _check_paid(visit)
    held = await parts_of(tx, encounter_id)
    if any(key.startswith("bill.") for key in held):
        raise errors.Conflict(
            "Lượt khám này đã có hóa đơn; hóa đơn không hủy được. Khi số tiền thay đổi, phần mềm tự lập hóa đơn điều chỉnh."
        )
    left = sum(held.values())
    for place, (original, amount) in enumerate(sorted(held.items())):
        await _adjust_by(tx, visit, original, -amount, LATER, before=left, place=place)
        left -= amount
    named = [one for one in await of_visit(tx, encounter_id) if one.kind == "bill"]
    key = f"bill.{encounter_id}.{len(named) + 1}"
    parts = (Part(encounter_id, visit.bill_number, visit.patient_total),)
    await write(tx, Draft(key, "bill", visit.organization_id, parts, tidy), {encounter_id: 0})
    return key


async def adjust(tx: Transaction, encounter_id: str, reason: str = CHANGED) -> list[str]:
    """Adjust the invoice of a visit to what is paid of its bill now, when tx commits; the keys of what was added.

    Nothing where no invoice was made yet, or it is right. Call it after a refund or a new version of the statement;
    the day's job calls it for whoever forgot.
    """
    visit = await accounts.read(tx, encounter_id)
    held = await parts_of(tx, encounter_id)
    before = sum(held.values())
    change = paid_of(visit) - before
    if not held or not change:
        return []
    original = max(held, key=lambda key: (key.startswith("bill."), held[key], key))
    return [await _adjust_by(tx, visit, original, change, reason, before=before)]


async def of_visit(tx: Transaction, encounter_id: str) -> list[EInvoice]:
    """Every invoice that speaks of a visit, summaries and adjustments included, oldest first."""
    return await _listed(tx, encounter_id=encounter_id)


async def of_day(tx: Transaction, day: date) -> list[EInvoice]:
    """The invoices of a day, oldest first, at most 500."""
    return await _listed(tx, day_on=day)


async def read(tx: Transaction, key: str) -> EInvoice:
    """One invoice. Raises errors.NotFound."""
    found = await _listed(tx, key=key)
    if not found:
        raise errors.NotFound("There is no such invoice.")
    return found[0]


async def list_of(tx: Transaction, key: str) -> list[Part]:
    """The visits that an invoice holds, by number of the bill."""
    rows = await tx.fetch(
        """select encounter_id, bill_number, amount from einvoice_part where tenant = $1 and key = $2
           order by bill_number, encounter_id limit 5000""",
        tx.tenant.number, key,
    )  # fmt: skip
    return [Part(*row) for row in rows]


#: Visits whose money moved, with what was paid of the bill and what invoices say of it. $1: the tenant.
_COMPARED = """
    select a.encounter_id, a.bill_number, a.organization_id,
           greatest(0, a.patient_total - greatest(coalesce((select r.amount from ledger_balance r where r.tenant = $1
                       and r.account = '1311' and r.sub = a.encounter_id), 0), 0))::bigint as paid,
           coalesce((select sum(p.amount) from einvoice_part p
                     where p.tenant = $1 and p.encounter_id = a.encounter_id), 0)::bigint as invoiced
    from visit_account a where a.tenant = $1 and a.is_invoice_due and a.state = 'closed'"""


async def standing(tx: Transaction, *, limit: int = 5000) -> list[Standing]:
    """Closed visits whose invoices do not say what was paid, by number of the bill.

    Only visits whose money has moved since they were found right are looked at (`note_right`).
    """
    rows = await tx.fetch(
        f"""select encounter_id, bill_number, organization_id, paid, invoiced from ({_COMPARED}) one
            where paid <> invoiced order by bill_number, encounter_id limit $2""",
        tx.tenant.number, limit,
    )  # fmt: skip
    return [Standing(*row) for row in rows]


def note_right(tx: Transaction) -> None:
    """Look no more at visits whose invoices say what was paid, until their money moves again, when tx commits.

    Call it after the invoices of this unit: it sees them.
    """

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            f"""update visit_account v set is_invoice_due = false from ({_COMPARED}) one
                where v.tenant = $1 and v.encounter_id = one.encounter_id and v.is_invoice_due and paid = invoiced""",
            tx.tenant.number,
        )  # fmt: skip

    tx.also(write)


def paid_of(visit: Account) -> int:
    """What was paid of a visit's bill, đồng."""
    return max(0, visit.patient_total - max(visit.due, 0)) if visit.state == "closed" else 0


async def parts_of(tx: Transaction, encounter_id: str) -> dict[str, int]:
    """Original invoice -> what it and its adjustments say of a visit; those that say nothing any more left out."""
    rows = await tx.fetch(
        """select coalesce(nullif(i.adjusts, ''), i.key) as original, sum(p.amount)::bigint as amount
           from einvoice_part p join einvoice i on i.tenant = $1 and i.key = p.key
           where p.tenant = $1 and p.encounter_id = $2 group by 1 having sum(p.amount) <> 0""",
        tx.tenant.number, encounter_id,
    )  # fmt: skip
    return {row["original"]: row["amount"] for row in rows}


async def _adjust_by(
    tx: Transaction, visit: Account, original: str, change: int, reason: str, *, before: int, place: int = 0
) -> str:
    """Add an invoice that changes what an original says of a visit.

    before: what all invoices say of it until then. place: how many adjustments this unit has added already.
    """
    rows = await tx.fetch(
        "select count(*)::int as count from einvoice where tenant = $1 and encounter_id = $2 and adjusts <> ''",
        tx.tenant.number, visit.encounter_id,
    )  # fmt: skip
    key = f"adjust.{visit.encounter_id}.{rows[0]['count'] + place + 1}"
    parts = (Part(visit.encounter_id, visit.bill_number, change),)
    first = await read(tx, original)
    draft = Draft(key, "adjustment", visit.organization_id, parts, first.buyer, original, reason.strip()[:300])
    await write(tx, draft, {visit.encounter_id: before})
    return key


async def write(tx: Transaction, draft: Draft, before: dict[str, int]) -> None:
    """Store an invoice and queue its message, when tx commits.

    before: visit -> what invoices say of it now; if that changed meanwhile the unit runs again.
    """
    seller = await facility.facility(tx, draft.organization_id)
    day = draft.day or catalogues.today(tx)
    body = einvoice_message.build(
        draft.key, draft.kind, day, seller, draft.buyer, draft.parts, adjusts=draft.adjusts, reason=draft.reason
    )
    tx.also(functools.partial(_store, tx, draft, day, before))
    encounter_id = "" if draft.kind == "summary" else draft.parts[0].encounter_id
    subject = f"Encounter/{encounter_id}" if encounter_id else f"Organization/{draft.organization_id}"
    outbox.queue(tx, CHANNEL, draft.key, body, subject=subject)


async def _store(
    tx: Transaction, draft: Draft, day: date, before: dict[str, int], connection: asyncpg.Connection
) -> None:
    tenant = tx.tenant.number
    now = await connection.fetch(
        """select encounter_id, sum(amount)::bigint as amount from einvoice_part
           where tenant = $1 and encounter_id = any($2) group by encounter_id""",
        tenant, list(before),
    )  # fmt: skip
    if {row["encounter_id"]: row["amount"] for row in now if row["amount"]} != {
        key: amount for key, amount in before.items() if amount
    }:
        raise committer.Changed("Somebody invoiced this a moment ago.")
    await connection.execute(
        """insert into einvoice (tenant, key, kind, day_on, organization_id, encounter_id, amount, adjusts, reason,
                                 buyer, asked_at, asked_by)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12)""",
        tenant, draft.key, draft.kind, day, draft.organization_id,
        "" if draft.kind == "summary" else draft.parts[0].encounter_id, sum(one.amount for one in draft.parts),
        draft.adjusts, draft.reason, json.dumps(asdict(draft.buyer) if draft.buyer else {}, ensure_ascii=False),
        tx.now, tx.actor.user,
    )  # fmt: skip
    await _store_parts(connection, tenant, draft.key, draft.parts)


async def _store_parts(connection: asyncpg.Connection, tenant: int, key: str, parts: Sequence[Part]) -> None:
    await connection.execute(
        """insert into einvoice_part (tenant, key, encounter_id, bill_number, amount)
           select $1, $2, * from unnest($3::text[], $4::text[], $5::bigint[])""",
        tenant, key, [one.encounter_id for one in parts], [one.bill_number for one in parts],
        [one.amount for one in parts],
    )  # fmt: skip


def _check_paid(visit: Account) -> None:
    if visit.state != "closed":
        raise errors.Conflict("Bảng kê của lượt khám này chưa chốt; hãy chốt bảng kê và thu tiền rồi lập hóa đơn.")
    if visit.patient_total <= 0:
        raise errors.Conflict("Người bệnh không phải trả tiền trong lượt khám này nên không có hóa đơn.")
    if visit.due > 0:
        raise errors.Conflict(
            "Người bệnh còn phải trả {due} đồng; hãy thu đủ rồi lập hóa đơn.", values={"due": visit.due}
        )


async def _listed(
    tx: Transaction, *, key: str | None = None, encounter_id: str | None = None, day_on: date | None = None
) -> list[EInvoice]:
    rows = await tx.fetch(
        """select i.*, coalesce(m.state, 'waiting') as state, coalesce(m.problem, '') as problem, m.message_id,
                  (select a.body from outbox_answer a where a.tenant = $1 and a.message_id = m.message_id
                   and a.outcome = 'done' order by a.try desc limit 1) as said
           from einvoice i left join outbox_message m on m.tenant = $1 and m.channel = 'einvoice' and m.key = i.key
           where i.tenant = $1 and ($2::text is null or i.key = $2) and ($3::date is null or i.day_on = $3)
             and ($4::text is null
                  or i.key in (select p.key from einvoice_part p where p.tenant = $1 and p.encounter_id = $4))
           order by i.asked_at, i.key limit 500""",
        tx.tenant.number, key, day_on, encounter_id,
    )  # fmt: skip
    return [_invoice(row) for row in rows]


def _invoice(row: asyncpg.Record) -> EInvoice:
    said = json.loads(bytes(row["said"])) if row["said"] else {}
    buyer = json.loads(row["buyer"])
    return EInvoice(
        row["key"], row["kind"], row["day_on"], row["encounter_id"], row["amount"], row["adjusts"], row["reason"],
        Buyer(**buyer) if buyer else None, row["asked_at"], row["asked_by"], row["state"], row["problem"],
        row["message_id"] or "", *(str(said.get(name, "")) for name in ("number", "series", "code")),
    )  # fmt: skip
