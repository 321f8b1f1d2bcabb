"""The claim of an insured visit: where it stands, its versions, and what a person may ask of it.

One row a visit, made in the commit that ends it. The job `claims.consider` (consideration.py) moves it; nobody moves it
by hand. States: waiting (why: waits-statement, waits-drugs, stale), findings (errors to be mended first), ready (signed
and queued), sent, rejected, accepted, paid (why: changed, if its statement has become another since), recalled, none
(not the fund's).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.care import resources, systems, visit_cards, visit_facts
from lienmach.care.claims import deadlines, looks
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction

CONSIDER = looks.CONSIDER
STATES = ("waiting", "findings", "ready", "sent", "accepted", "rejected", "recalled", "paid", "none")
WAITS_STATEMENT, WAITS_DRUGS, STALE = "waits-statement", "waits-drugs", "stale"
WAITING_FOR = (WAITS_STATEMENT, WAITS_DRUGS, STALE)
CHANGED = "changed"  # a paid claim whose statement is another now
_REASON_CHARACTERS = (3, 500)


@dataclass(frozen=True)
class Claim:
    """One claim. version: newest built; sent_version: newest received by the portal, 0 before. t_bhtt: of the newest.

    request_due_on: last day of the payment request. transaction_number: maGiaoDich of the newest sending. accepted_vnd:
    None before the appraisal. problem: why the newest version has not left (outbox.Answer.problem), "" if nothing.
    is_awaited: the portal has the newest version, and has said nothing final of it.
    """

    encounter_id: str
    patient_id: str
    ma_lk: str
    organization_id: str
    state: str
    why: str
    version: int
    sent_version: int
    finished_at: datetime | None
    ended_at: datetime | None
    request_due_on: date | None
    settle_on: date | None
    queued_at: datetime | None
    sent_at: datetime | None
    transaction_number: str
    t_bhtt: Decimal
    accepted_vnd: Decimal | None
    paid_vnd: Decimal
    asked_reason: str
    asked_by: str
    recall_reason: str
    problem: str = ""
    is_awaited: bool = False

    def is_silent(self, now: datetime) -> bool:
        """Whether the portal has said nothing for as long as it shows answers: somebody has to ask it."""
        return self.is_awaited and deadlines.is_silent(self.sent_at, now)

    def may_be_resent(self, now: datetime) -> bool:
        """Whether a next version may be asked for: it was built, and not taken back, as far as the portal has said."""
        return self.version > 0 and self.state != "none" and (self.state != "recalled" or self.is_silent(now))


@dataclass(frozen=True)
class SaidAnswer:
    """An answer as it came. text: its body."""

    at: datetime
    text: str


@dataclass(frozen=True)
class Version:
    """One version of a claim. xml: signed, the bytes that are sent. digest: of what its tables say.

    state: queued, sent, rejected, accepted, dropped (a recall that was given up, with its reason, by whom and when).
    answers: oldest first.
    """

    encounter_id: str
    version: int
    reason: str
    invoice_id: str
    xml: bytes
    digest: str
    t_bhtt: Decimal
    built_at: datetime
    built_by: str
    message_id: str
    state: str
    sent_at: datetime | None
    transaction_number: str
    answered_at: datetime | None
    accepted_vnd: Decimal | None
    dropped_reason: str = ""
    dropped_by: str = ""
    dropped_at: datetime | None = None
    answers: tuple[SaidAnswer, ...] = ()


_CLAIM = """select c.*, coalesce(case when m.state in ('refused', 'stopped') then m.state
                                      when m.state = 'waiting' then m.problem end, '') as problem,
                   c.state in ('sent', 'recalled') and coalesce(v.state = 'sent', false) as is_awaited
            from claim c
            left join lateral (select w.state, w.message_id from claim_version w
                               where w.tenant = $1 and w.encounter_id = c.encounter_id and w.state <> 'dropped'
                               order by w.version desc limit 1) v on true
            left join outbox_message m on m.tenant = $1 and m.message_id = v.message_id
            where c.tenant = $1 and """


#: Of what is open and only counted and sorted: what became of its message is looked up for those that are shown.
_BARE = "select c.*, '' as problem, false as is_awaited from claim c where c.tenant = $1 and "

#: By a number, as ranges: looked up first, so that no order by time makes the database walk through every claim.
_NUMBERED = """c.encounter_id = any(array(
    (select k.encounter_id from claim k where k.tenant = $1 and k.ma_lk >= $2 and k.ma_lk < $3 limit 5000)
    union all
    (select k.encounter_id from claim k where k.tenant = $1 and k.transaction_number <> ''
        and k.transaction_number >= $4 and k.transaction_number < $5 limit 5000)))"""
_AFTER = "\U0010ffff"  # after everything that begins alike
#: The words of the index of what somebody still has to do something about.
OPEN = ("waiting", "findings", "ready", "rejected")
#: The words of the index of what the portal has and may still tell something of.
_IS_SILENT = "c.state in ('sent', 'recalled') and v.state = 'sent' and c.sent_at < {0}"
_IS_OPEN = "c.state in ('waiting', 'findings', 'ready', 'rejected')"


async def of_visit(tx: Transaction, encounter_id: str) -> Claim | None:
    """The claim of a visit, None before the visit has ended."""
    rows = await tx.fetch(_CLAIM + "c.encounter_id = $2", tx.tenant.number, encounter_id)
    return _claim(rows[0]) if rows else None


async def of_visits(tx: Transaction, encounter_ids: Sequence[str]) -> list[Claim]:
    """The claims of these visits in the order in which they are named; a visit without one is left out."""
    rows = await tx.fetch(_CLAIM + "c.encounter_id = any($2)", tx.tenant.number, list(encounter_ids))
    found = {row["encounter_id"]: _claim(row) for row in rows}
    return [found[one] for one in encounter_ids if one in found]


async def of_key(tx: Transaction, ma_lk: str) -> Claim:
    """The claim of an MA_LK. Raises errors.NotFound with a sentence."""
    rows = await tx.fetch(_CLAIM + "c.ma_lk = $2", tx.tenant.number, ma_lk)
    if not rows:
        raise errors.NotFound(
            "Không có lượt khám nào mang mã {code}; hãy kiểm tra lại MA_LK.", values={"code": ma_lk[:40]}
        )
    return _claim(rows[0])


async def opened(tx: Transaction, limit: int) -> list[Claim]:
    """What somebody still has to do something about, the oldest first, without `problem`; of_visits tells it."""
    rows = await tx.fetch(
        _BARE + f"{_IS_OPEN} order by c.finished_at, c.encounter_id limit $2", tx.tenant.number, limit
    )
    return [_claim(row) for row in rows]


async def listed(
    tx: Transaction,
    *,
    states: Sequence[str] = STATES,
    why: str = "",
    on: date | None = None,
    until: date | None = None,
    text: str = "",
    limit: int = 100,
    is_newest: bool = False,
    is_silent: bool = False,
    after: Claim | None = None,
    offset: int = 0,
) -> list[Claim]:
    """Claims, oldest first. on: the day on which the visit was finished; until: the last such day, `on` if left out.

    why: of those that wait, "" for all. text: the beginning of MA_LK or of the transaction number. is_newest: the
    newest ones instead, newest first. is_silent: only those of which the portal told nothing while it shows answers.
    after: the last one of the page before, of an order from the oldest on. offset: so many are passed over.
    """
    typed = text.strip()[:60]
    key = typed.upper()
    values: list[Any] = [tx.tenant.number, *([key, key + _AFTER, typed, typed + _AFTER] if typed else [])]
    said = [_NUMBERED] if typed else ["true"]
    if set(states) <= set(OPEN):
        said.append(_IS_OPEN)

    def add(condition: str, *more: Any) -> None:
        places = [f"${len(values) + at}" for at in range(1, len(more) + 1)]
        values.extend(more)
        said.append(condition.format(*places))

    if len(states) == 1:
        add("c.state = {0}", states[0])  # an equality, so that the index of states gives the order too
    elif set(states) != set(STATES):
        add("c.state = any({0})", list(states))
    if why == CHANGED:
        said.append("c.why = 'changed'")  # the words of its index
    elif why:
        add("c.why = {0}", why)
    if on is not None:
        zone, last = tx.tenant.time_zone, until or on
        start, end = datetime.combine(on, time(), zone), datetime.combine(last + timedelta(days=1), time(), zone)
        add("c.finished_at >= {0} and c.finished_at < {1}", start, end)
    if is_silent:
        add(_IS_SILENT, tx.now - timedelta(days=deadlines.ANSWERS_SHOWN_DAYS))
    if after is not None:
        add("(c.finished_at, c.encounter_id) > ({0}::timestamptz, {1})", after.finished_at, after.encounter_id)
    order = "desc" if is_newest else "asc"
    rows = await tx.fetch(
        _CLAIM + f"{' and '.join(said)} order by c.finished_at {order}, c.encounter_id limit ${len(values) + 1}"
        f" offset ${len(values) + 2}",
        *values, limit, offset,
    )  # fmt: skip
    return [_claim(row) for row in rows]


async def counts(tx: Transaction) -> dict[str, int]:
    """State -> how many claims stand in it."""
    rows = await tx.fetch(
        "select state, count(*)::int as claims from claim where tenant = $1 group by state", tx.tenant.number
    )
    return {row["state"]: row["claims"] for row in rows}


async def versions(tx: Transaction, encounter_id: str) -> list[Version]:
    """All versions of a claim with their answers, oldest first."""
    rows = await tx.fetch(
        "select * from claim_version where tenant = $1 and encounter_id = $2 order by version",
        tx.tenant.number, encounter_id,
    )  # fmt: skip
    said = await tx.fetch(
        "select version, at, body from claim_answer where tenant = $1 and encounter_id = $2 order by version, number",
        tx.tenant.number, encounter_id,
    )  # fmt: skip
    answers: dict[int, list[SaidAnswer]] = {}
    for row in said:
        answers.setdefault(row["version"], []).append(
            SaidAnswer(row["at"], bytes(row["body"]).decode("utf-8", "replace"))
        )
    return [_version(row, answers.get(row["version"], [])) for row in rows]


async def newest(tx: Transaction, encounter_id: str) -> Version | None:
    """The newest version of a claim that was not given up, None before the first."""
    rows = await tx.fetch(
        """select * from claim_version where tenant = $1 and encounter_id = $2 and state <> 'dropped'
           order by version desc limit 1""",
        tx.tenant.number, encounter_id,
    )  # fmt: skip
    return _version(rows[0], []) if rows else None


def open_visit(tx: Transaction, encounter: Resource) -> None:
    """Make the claim of a visit that ends in this unit, when tx commits; again changes nothing.

    encounter: as it ends. A visit that is not the fund's gets none at all.
    """
    if visit_facts.category_of(encounter) in ("", visit_cards.SELF_PAY):
        return
    own, key = encounter["id"], resources.identifier_of(encounter, systems.VISIT)
    patient_id = visit_facts.patient_of(encounter)
    place = resources.id_of(encounter.get("serviceProvider"), "Organization")
    ended_at = visit_facts.ended_at(encounter) or tx.now
    finished_at = visit_facts.finished_at(encounter) or tx.now
    due_on = deadlines.request_due(ended_at.astimezone(tx.tenant.time_zone).date())  # holidays: consideration.py

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into claim (tenant, encounter_id, patient_id, ma_lk, organization_id, state, why, finished_at,
                                  ended_at, request_due_on)
               values ($1, $2, $3, $4, $5, 'waiting', 'waits-statement', $6, $7, $8) on conflict do nothing""",
            tx.tenant.number, own, patient_id, key, place, finished_at, ended_at, due_on,
        )  # fmt: skip

    tx.also(write)
    reconsider(tx, own)


def reconsider(tx: Transaction, encounter_id: str) -> None:
    """Let the claim of a visit be looked at again when tx has committed; said twice it is once."""
    looks.queue(tx, encounter_id)


async def resend(tx: Transaction, encounter_id: str, reason: str) -> None:
    """Ask for the next version of a claim that was sent, under the same MA_LK (SND-04).

    It goes when nothing hinders it; of a recall to which the portal is silent, the recall goes again. Raises
    errors.Unprocessable without a reason, errors.Conflict for a claim that was never sent or was recalled,
    errors.NotFound.
    """
    said = checked_reason(reason)
    claim = await read(tx, encounter_id)
    if not claim.may_be_resent(tx.now):
        raise errors.Conflict("Hồ sơ này chưa gửi lần nào hoặc đã thu hồi; không gửi lại được.")

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "update claim set asked_reason = $3, asked_by = $4 where tenant = $1 and encounter_id = $2",
            tx.tenant.number, encounter_id, said, tx.actor.user,
        )  # fmt: skip

    tx.also(write)
    reconsider(tx, encounter_id)


async def recall(tx: Transaction, encounter_id: str, reason: str) -> None:
    """Take a request back: the next version says category 8, no cost and no claim on the fund, with this reason.

    Raises errors.Unprocessable without a reason, errors.Conflict for a claim that was never sent, was recalled or is
    paid, errors.NotFound.
    """
    said = checked_reason(reason)
    claim = await read(tx, encounter_id)
    if not claim.version or claim.state in ("recalled", "paid", "none") or claim.recall_reason:
        raise errors.Conflict("Chỉ thu hồi được hồ sơ đã gửi, chưa thu hồi và chưa được thanh toán.")

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """update claim set recall_reason = $3, asked_reason = $3, asked_by = $4
               where tenant = $1 and encounter_id = $2""",
            tx.tenant.number, encounter_id, said, tx.actor.user,
        )  # fmt: skip

    tx.also(write)
    reconsider(tx, encounter_id)


async def read(tx: Transaction, encounter_id: str) -> Claim:
    """The claim of a visit. Raises errors.NotFound."""
    found = await of_visit(tx, encounter_id)
    if found is None:
        raise errors.NotFound("Lượt khám này không có hồ sơ đề nghị thanh toán.")
    return found


def checked_reason(reason: str) -> str:
    """The reason in one line. Raises errors.Unprocessable for one that is too short or too long."""
    said = " ".join(reason.split())
    if not _REASON_CHARACTERS[0] <= len(said) <= _REASON_CHARACTERS[1]:
        raise errors.Unprocessable("Hãy ghi lý do, từ 3 đến 500 ký tự.")
    return said


def _claim(row: Any) -> Claim:
    return Claim(*map(row.__getitem__, Claim.__dataclass_fields__))


def _version(row: Any, answers: Sequence[SaidAnswer]) -> Version:
    members = {name: row[name] for name in Version.__dataclass_fields__ if name != "answers"}
    return Version(**{**members, "xml": bytes(row["xml"])}, answers=tuple(answers))
