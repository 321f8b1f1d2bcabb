"""What the portal says about a claim: received at once, later structure errors, then the appraisal.

The receipt comes with the sending (outbox); the rest is asked for by the job `claims.answers`, one a version, with
growing gaps, for the 60 days in which the portal shows it. Every answer that says something new is kept as it came.
The members of an answer are our own reading (gateways/claim.py): trangThai DANG_XU_LY, LOI_CAU_TRUC, TU_CHOI or
CHAP_NHAN; dsLoi of loai 1 (structure) or 2 (appraisal), maLoi, bang, truong, stt, noiDung, soTien; soTienChapNhan;
dsGiaiTrinh of what became of our replies (gateways/claim_reply.py).
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import asyncpg

from lienmach.base import errors, jobs
from lienmach.base.actor import Actor
from lienmach.base.jobs import Job, JobRow, Taken
from lienmach.care import outbox, papers_data
from lienmach.care.claims import claims, deadlines, differences, rejections, replies, storing
from lienmach.care.claims.rejections import Said
from lienmach.care.claims.replies import Verdict
from lienmach.care.gateways import calls, claim, claim_reply
from lienmach.care.gateways.calls import Line
from lienmach.care.outbox import Answer, Message
from lienmach.record import committer
from lienmach.record.transaction import Store, Transaction
from lienmach.standards.bhxh import claim_xml

ANSWERS = "claims.answers"
GAP_FIRST, GAP_MOST = timedelta(seconds=20), timedelta(hours=6)
_BODY_BYTES_MAX = 2 * 1024 * 1024
_ERRORS_MAX = 500
_TOKENS: weakref.WeakKeyDictionary[Store, dict[tuple[str, str], dict[str, str]]] = weakref.WeakKeyDictionary()
_KINDS = {"1": "structure", "2": "appraisal"}
_NEWEST = "select max(version) from claim_version where tenant = $1 and encounter_id = $2 and state <> 'dropped'"
_FINAL = {"LOI_CAU_TRUC": "rejected", "TU_CHOI": "rejected", "CHAP_NHAN": "accepted"}


@dataclass(frozen=True)
class Told:
    """An answer as it is understood. state: "" while it is worked on, rejected or accepted. verdicts: about replies."""

    state: str
    faults: tuple[Said, ...]
    accepted_vnd: Decimal | None
    verdicts: tuple[Verdict, ...] = ()


async def receive(tx: Transaction, message: Message, answer: Answer) -> None:
    """Take the receipt of a sending into the claim, or that of a reply; a message of another channel has none."""
    if message.channel == replies.CHANNEL:
        _receive_reply(tx, message, claim_reply.receipt_of(answer))
    if message.channel != storing.CHANNEL:
        return
    number, body, transaction = message.key.rpartition("/")[2], answer.body, claim.transaction_of(answer)
    encounter_id, version = message.subject.partition("/")[2], int(number)

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """update claim_version set state = case when state = 'queued' then 'sent' else state end,
                                        sent_at = coalesce(sent_at, $4), transaction_number = $5
               where tenant = $1 and encounter_id = $2 and version = $3""",
            tx.tenant.number, encounter_id, version, tx.now, transaction,
        )  # fmt: skip
        await connection.execute(
            """update claim set sent_version = $3, sent_at = $4, transaction_number = $5,
                                state = case when state = 'ready' and $3 = (
                                        select max(version) from claim_version
                                        where tenant = $1 and encounter_id = $2 and state <> 'dropped') then
                                    case when recall_reason <> '' then 'recalled' else 'sent' end else state end
               where tenant = $1 and encounter_id = $2 and sent_version < $3""",
            tx.tenant.number, encounter_id, version, tx.now, transaction,
        )  # fmt: skip
        await _keep(connection, tx, encounter_id, version, body)
        later = JobRow(ANSWERS, {"encounter": encounter_id, "version": version}, tx.now + GAP_FIRST)
        await jobs.queue(connection, tx.tenant.number, [later])

    tx.also(write)


def _receive_reply(tx: Transaction, message: Message, receipt: str) -> None:
    """Take the receipt of a reply in, and ask from now on what the portal makes of it."""
    encounter_id = message.subject.partition("/")[2]

    async def write(connection: asyncpg.Connection) -> None:
        version = await replies.received(connection, tx, message, receipt)
        if version is not None:
            later = JobRow(ANSWERS, {"encounter": encounter_id, "version": version}, tx.now + GAP_FIRST)
            await jobs.queue(connection, tx.tenant.number, [later])

    tx.also(write)


async def ask(store: Store, job: Taken) -> None:
    """Ask what has become of one version, take the answer in, and ask again later while it is not final.

    Safe to run twice because the portal is only read, and the same answer again changes nothing.
    """
    actor = Actor(job.tenant, "system", frozenset({"system"}), "HOPERAT", ANSWERS)
    encounter_id, version = str(job.payload["encounter"]), int(job.payload["version"])
    async with store.begin(actor) as tx:
        rows = await tx.fetch(
            """select v.transaction_number, v.sent_at, v.state,
                      not exists (select 1 from claim_version w where w.tenant = v.tenant and w.version > v.version
                                  and w.encounter_id = v.encounter_id and w.state <> 'dropped') as is_newest,
                      array(select receipt from claim_rejection r where r.tenant = v.tenant and r.version = v.version
                            and r.encounter_id = v.encounter_id and r.state = 'sent') as replies,
                      (select max(received_at) from claim_rejection r where r.tenant = v.tenant
                       and r.encounter_id = v.encounter_id and r.version = v.version and r.state = 'sent') as replied_at
               from claim_version v where v.tenant = $1 and v.encounter_id = $2 and v.version = $3""",
            job.tenant, encounter_id, version,
        )  # fmt: skip
    if not rows or not rows[0]["transaction_number"] or rows[0]["sent_at"] is None:
        return
    row = rows[0]
    # A structure error may be followed by nothing; an accepted one is final; a superseded version counts no longer. But
    # a reply is waited for, whatever came after its version.
    waited = set(row["replies"])
    if not waited and (row["state"] in ("accepted", "dropped") or not row["is_newest"]):
        return
    since = max(row["sent_at"], row["replied_at"] or row["sent_at"])
    if deadlines.is_silent(since, store.now()):
        return  # told by the lists of claims and of rejections from now on
    age = store.now() - since
    answer = await _asked(store, str(row["transaction_number"]))
    told = read(answer) if answer.outcome == "done" else None
    gap = min(max(age / 2, GAP_FIRST), GAP_MOST)

    async def keep(tx: Transaction) -> None:
        if told is not None:
            await take_in(tx, encounter_id, version, told, answer.body)
        left = waited - {one.receipt for one in told.verdicts} if told else waited
        if told is None or not told.state or left:
            tx.jobs.append(JobRow(ANSWERS, {"encounter": encounter_id, "version": version}, tx.now + gap))

    await store.run(actor, keep)
    store.poke()


async def take_in(tx: Transaction, encounter_id: str, version: int, told: Told, body: bytes) -> None:
    """Keep an answer about a version: its faults become rejections with the days by which they are answered."""
    today = tx.now.astimezone(tx.tenant.time_zone).date()
    holidays = await papers_data.holidays(tx)
    due = {kind: deadlines.rejection_due(kind, today, holidays) for kind in _KINDS.values()}
    stored = {one.version: one for one in await claims.versions(tx, encounter_id) if one.state != "dropped"}
    if not stored:
        raise errors.NotFound("Không có hồ sơ nào cho câu trả lời này; không có gì thay đổi.")
    newest = max(stored)
    mended = _mended(stored[version].xml, stored[newest].xml, told.faults) if version in stored else set()

    async def write(connection: asyncpg.Connection) -> None:
        if await connection.fetchval(_NEWEST, tx.tenant.number, encounter_id) != newest:
            raise committer.Changed("The next version was stored a moment ago.")
        await _keep(connection, tx, encounter_id, version, body)
        for one in told.faults:
            found_in = newest if one in mended else 0
            await rejections.insert(connection, tx, encounter_id, version, one, due[one.kind], found_in)
        await replies.judge(connection, tx, encounter_id, told.verdicts)
        if told.state:
            await _settle(connection, tx, encounter_id, version, told)

    tx.also(write)


def read(answer: Answer) -> Told:
    """What an answer says. Faults that name no known kind count as structure; an amount that is none is left out."""
    said = calls.json_of(answer) or {}
    listed = said.get("dsLoi")
    faults = tuple(
        _fault(one) for one in (listed if isinstance(listed, list) else [])[:_ERRORS_MAX] if isinstance(one, dict)
    )
    state = _FINAL.get(str(said.get("trangThai", "")), "")
    verdicts = replies.verdicts_of(said.get("dsGiaiTrinh"))
    return Told(state or ("rejected" if faults else ""), faults, _amount(said.get("soTienChapNhan")), verdicts)


JOBS = (Job(ANSWERS, ask),)


async def _asked(store: Store, transaction: str) -> Answer:
    if not outbox.is_connected(store.limits, storing.CHANNEL):
        return Answer("down", problem=outbox.NOT_CONNECTED)
    async with calls.open_client() as client:
        line = Line(client, store.limits, _TOKENS.setdefault(store, {}))
        return await claim.ask_answer(line, transaction)


def _mended(about: bytes, newest: bytes, faults: tuple[Said, ...]) -> set[Said]:
    """The faults of one version whose place is another in the newest; told late, after that was built."""
    if about == newest:
        return set()
    old, new = claim_xml.read(about).tables, claim_xml.read(newest).tables
    return {one for one in faults if differences.is_mended(old, new, one.table, one.field, one.row)}


async def _settle(connection: asyncpg.Connection, tx: Transaction, encounter_id: str, version: int, told: Told) -> None:
    """Move version and claim to what a final answer says; only the newest version moves the claim.

    A recall that is rejected has taken nothing back: its claim is rejected, not recalled.
    """
    await connection.execute(
        """update claim_version set state = $4, answered_at = $5, accepted_vnd = $6
           where tenant = $1 and encounter_id = $2 and version = $3 and state <> 'dropped'""",
        tx.tenant.number, encounter_id, version, told.state, tx.now, told.accepted_vnd,
    )  # fmt: skip
    moved = await connection.fetchval(
        """update claim set state = case when state in ('ready', 'sent', 'rejected', 'accepted')
                                          or (state = 'recalled' and $4 = 'rejected') then $4 else state end,
                            accepted_vnd = coalesce($5, accepted_vnd)
           where tenant = $1 and encounter_id = $2 and $3 = (
               select max(version) from claim_version where tenant = $1 and encounter_id = $2 and state <> 'dropped')
           returning true""",
        tx.tenant.number, encounter_id, version, told.state, told.accepted_vnd,
    )  # fmt: skip
    if moved and told.state == "accepted":
        await connection.execute(
            """update claim_rejection set state = 'closed' where tenant = $1 and encounter_id = $2
               and state in ('open', 'answered', 'sent', 'mended')""",
            tx.tenant.number, encounter_id,
        )  # fmt: skip


async def _keep(connection: asyncpg.Connection, tx: Transaction, encounter_id: str, version: int, body: bytes) -> None:
    """Keep the bytes of an answer unless they are those of the one before."""
    await connection.execute(
        """insert into claim_answer (tenant, encounter_id, version, number, at, body)
           select $1, $2, $3, coalesce(max(number), 0) + 1, $4, $5 from claim_answer
            where tenant = $1 and encounter_id = $2 and version = $3
           having coalesce((array_agg(body order by number desc))[1] <> $5, true)""",
        tx.tenant.number, encounter_id, version, tx.now, body[:_BODY_BYTES_MAX],
    )  # fmt: skip


def _fault(said: dict[str, Any]) -> Said:
    row = str(said.get("stt") or "0")
    return Said(
        kind=_KINDS.get(str(said.get("loai", "1")), "structure"),
        code=str(said.get("maLoi") or "")[:40],
        table=str(said.get("bang") or "")[:20],
        field=str(said.get("truong") or "")[:60],
        row=int(row) if row.isdecimal() and len(row) < 7 else 0,
        text=" ".join(str(said.get("noiDung") or "").split())[:1000],
        amount_vnd=_amount(said.get("soTien")),
    )


def _amount(value: Any) -> Decimal | None:
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found.quantize(Decimal("0.01")) if found.is_finite() and 0 <= found < Decimal(10) ** 12 else None
