"""The account of a visit: where its money stands between the doctor's signature and the last đồng.

One row a visit, written in the commits that move it: running (a deposit before the end), finished (signed by the
doctor), closed (its cost statement is signed). What is due is never stored here: it is the balance of the patient's
receivable in the ledger, so that it cannot differ from the entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.care import charges, resources, systems, visit_cards, visit_facts
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction

STATES = ("running", "finished", "closed")
_REASON_CHARACTERS_MAX = 500
_AFTER = "\U0010ffff"  # after everything that begins alike


@dataclass(frozen=True)
class Account:
    """state: running, finished, closed. version: of the statement, 0 before the first. settled_at: NGAY_TTOAN.

    due: whole đồng on the patient's receivable; below 0: owed to the patient. deposit: held and not applied.
    expected_total, expected_fund, expected_patient: what the statement of a finished visit would say, when the job last
    looked; None before. For lists only: what is closed is computed anew.
    """

    encounter_id: str
    patient_id: str
    ma_lk: str
    organization_id: str
    is_insured: bool
    state: str
    finished_at: datetime | None
    closed_at: datetime | None
    settled_at: datetime | None
    invoice_id: str
    bill_number: str
    version: int
    patient_total: int
    t_bhtt: Decimal
    is_stale: bool
    credit_reason: str
    credit_by: str
    due: int
    deposit: int
    expected_total: Decimal | None = None
    expected_fund: Decimal | None = None
    expected_patient: int | None = None


async def of_visit(tx: Transaction, encounter_id: str) -> Account | None:
    """The account of a visit as it was committed, None before it has one."""
    rows = await tx.fetch(
        """select a.*, coalesce(r.amount, 0) as due, -coalesce(d.amount, 0) as deposit
           from visit_account a
           left join ledger_balance r on r.tenant = $1 and r.account = '1311' and r.sub = a.encounter_id
           left join ledger_balance d on d.tenant = $1 and d.account = '3387' and d.sub = a.encounter_id
           where a.tenant = $1 and a.encounter_id = $2""",
        tx.tenant.number, encounter_id,
    )  # fmt: skip
    return _account(rows[0]) if rows else None


async def of_visits(tx: Transaction, encounter_ids: Sequence[str]) -> dict[str, Account]:
    """The accounts of these visits by encounter, for a list; a visit without one is left out."""
    rows = await tx.fetch(
        """select a.*, coalesce(r.amount, 0) as due, -coalesce(d.amount, 0) as deposit
           from visit_account a
           left join ledger_balance r on r.tenant = $1 and r.account = '1311' and r.sub = a.encounter_id
           left join ledger_balance d on d.tenant = $1 and d.account = '3387' and d.sub = a.encounter_id
           where a.tenant = $1 and a.encounter_id = any($2)""",
        tx.tenant.number, list(encounter_ids),
    )  # fmt: skip
    return {row["encounter_id"]: _account(row) for row in rows}


async def read(tx: Transaction, encounter_id: str) -> Account:
    """The account of a visit. Raises errors.NotFound."""
    found = await of_visit(tx, encounter_id)
    if found is None:
        raise errors.NotFound("Lượt khám này chưa có hồ sơ thanh toán.")
    return found


async def listed(
    tx: Transaction,
    *,
    states: Sequence[str] = STATES,
    is_insured: bool | None = None,
    is_stale: bool | None = None,
    is_due: bool | None = None,
    is_owed: bool | None = None,
    on: date | None = None,
    organization_id: str = "",
    text: str = "",
    patient_ids: Sequence[str] | None = None,
    limit: int = 100,
) -> list[Account]:
    """Accounts, oldest first.

    is_due: the patient still has to pay. is_owed: money must be given back. on: the day on which the doctor signed.
    text: the beginning of MA_LK or any part of the number of the bill. patient_ids: of these persons only.
    """
    said, values = _where(tx, states, is_insured, is_stale, on, organization_id, patient_ids)
    # What is due or owed is found from the few balances that are open, never from every bill that was paid.
    for wanted, sign in ((is_due, ">"), (is_owed, "<")):
        if wanted:
            said.append(f"""a.encounter_id = any(array(select r.sub from ledger_balance r
                where r.tenant = $1 and r.account = '1311' and r.amount <> 0 and r.amount {sign} 0))""")
        elif wanted is False:
            said.append(f"""not exists (select from ledger_balance n where n.tenant = $1 and n.account = '1311'
                                        and n.sub = a.encounter_id and n.amount {sign} 0)""")
    if text.strip():
        return await _by_number(tx, said, values, text.strip()[:60].upper(), limit)
    return await _read(tx, said, values, limit)


def _where(
    tx: Transaction,
    states: Sequence[str],
    is_insured: bool | None,
    is_stale: bool | None,
    on: date | None,
    organization_id: str,
    patient_ids: Sequence[str] | None,
) -> tuple[list[str], list[Any]]:
    """Conditions and values of what is asked for and nothing else, so that each question finds its index."""
    values: list[Any] = [tx.tenant.number]
    said = ["a.tenant = $1"]

    def add(condition: str, *more: Any) -> None:
        places = [f"${len(values) + at}" for at in range(1, len(more) + 1)]
        values.extend(more)
        said.append(condition.format(*places))

    if set(states) != set(STATES):
        add("a.state = any({0})", list(states))
        if "closed" not in states:
            said.append("a.state <> 'closed'")  # the words of the index of what is open
    if is_insured is not None:
        add("a.is_insured = {0}", is_insured)
    if is_stale is not None:
        said.append("a.is_stale" if is_stale else "not a.is_stale")
    if on is not None:
        zone = tx.tenant.time_zone
        start, end = datetime.combine(on, time(), zone), datetime.combine(on + timedelta(days=1), time(), zone)
        add("a.finished_at >= {0} and a.finished_at < {1}", start, end)
    if organization_id:
        add("a.organization_id = {0}", organization_id)
    if patient_ids is not None:
        add("a.patient_id = any({0})", list(patient_ids))
    return said, values


async def _by_number(
    tx: Transaction, said: Sequence[str], values: Sequence[Any], text: str, limit: int
) -> list[Account]:
    """By how MA_LK or the number of a bill begins; where none does, by any part of the number of a bill."""
    # As a range, not by starts_with: plans are made once for all values, and only a range finds its index then.
    first, last = f"${len(values) + 1}", f"${len(values) + 2}"
    begins = (
        f"(a.ma_lk >= {first} and a.ma_lk < {last} "
        f"or a.bill_number >= {first} and a.bill_number < {last} and a.bill_number <> '')"
    )
    found = await _read(tx, [*said, begins], [*values, text, text + _AFTER], limit)
    if found:
        return found
    part = f"strpos(a.bill_number, {first}) > 0"
    return await _read(tx, [*said, part], [*values, text], limit)


async def _read(tx: Transaction, said: Sequence[str], values: Sequence[Any], limit: int) -> list[Account]:
    """The accounts that fit, oldest first; balances are looked up for those that are returned only."""
    rows = await tx.fetch(
        f"""select a.*, coalesce(r.amount, 0) as due, -coalesce(d.amount, 0) as deposit
            from (select a.*, coalesce(a.finished_at, a.opened_at) as since from visit_account a
                  where {" and ".join(said)} order by since, a.encounter_id limit ${len(values) + 1}) a
            left join ledger_balance r on r.tenant = $1 and r.account = '1311' and r.sub = a.encounter_id
            left join ledger_balance d on d.tenant = $1 and d.account = '3387' and d.sub = a.encounter_id
            order by a.since, a.encounter_id""",
        *values, limit,
    )  # fmt: skip
    return [_account(row) for row in rows]


def open_running(tx: Transaction, encounter: Resource) -> None:
    """Give a visit that is not finished an account, when tx commits, so that it can take a deposit."""
    _open(tx, encounter, "running")


def open_finished(tx: Transaction, encounter: Resource) -> None:
    """Note that the doctor has signed, when tx commits, and let the claim be considered. encounter: as it ends."""
    _open(tx, encounter, "finished")
    charges.consider_claim(tx, encounter["id"])


def is_released(account: Account | None) -> bool:
    """Whether the dispensary may give out: the statement is closed and says what the visit costs, and nothing is due
    or credit was allowed."""
    if account is None or account.state != "closed" or account.is_stale:
        return False
    return account.due <= 0 or bool(account.credit_reason)


async def check_released(tx: Transaction, encounter_id: str) -> None:
    """Raise errors.Conflict with what is missing unless the dispensary may give out; code `not-released`."""
    account = await of_visit(tx, encounter_id)
    if is_released(account):
        return
    if account is None or account.state == "running":
        text = "Lượt khám chưa kết thúc; chưa cấp thuốc được."
    elif account.state == "finished":
        text = "Chưa chốt bảng kê chi phí. Mời người bệnh đến bàn bảo hiểm hoặc quầy thu ngân, rồi cấp thuốc."
    elif account.is_stale:
        text = "Chi phí đã đổi sau khi chốt bảng kê. Mời người bệnh về bàn bảo hiểm hoặc quầy thu ngân để lập lại."
    else:
        text = "Người bệnh chưa thanh toán. Mời người bệnh đến quầy thu ngân, rồi cấp thuốc."
    raise errors.Conflict(text, code="not-released")


def allow_credit(tx: Transaction, encounter_id: str, reason: str) -> None:
    """Let a patient take the medicine and pay later, when tx commits.

    Raises errors.Unprocessable without a reason, at the commit errors.Conflict if nothing is due.
    """
    said = " ".join(reason.split())
    if len(said) < 3:
        raise errors.Unprocessable("Hãy ghi lý do cho nợ.")
    if len(said) > _REASON_CHARACTERS_MAX:
        raise errors.Unprocessable("Lý do dài quá 500 ký tự; hãy viết ngắn lại.")

    async def write(connection: asyncpg.Connection) -> None:
        account = await locked(connection, tx, encounter_id)
        if account.state != "closed" or account.due <= 0:
            raise errors.Conflict("Lượt khám này không còn khoản nào phải thu; không cần cho nợ.")
        await connection.execute(
            "update visit_account set credit_reason = $3, credit_by = $4 where tenant = $1 and encounter_id = $2",
            tx.tenant.number, encounter_id, said, tx.actor.display or tx.actor.user,
        )  # fmt: skip

    tx.also(write)


def set_stale(tx: Transaction, encounter_id: str, is_stale: bool) -> None:
    """Note whether the closed statement still says what the visit costs, when tx commits."""

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """update visit_account set is_stale = $3 where tenant = $1 and encounter_id = $2 and state = 'closed'
               and is_stale <> $3""",
            tx.tenant.number, encounter_id, is_stale,
        )  # fmt: skip

    tx.also(write)


def set_expected(tx: Transaction, account: Account, total: Decimal, fund: Decimal, patient: int) -> None:
    """Note what the statement of a finished visit would say now, when tx commits."""
    if (account.expected_total, account.expected_fund, account.expected_patient) == (total, fund, patient):
        return

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """update visit_account set expected_total = $3, expected_fund = $4, expected_patient = $5
               where tenant = $1 and encounter_id = $2 and state = 'finished'""",
            tx.tenant.number, account.encounter_id, total, fund, patient,
        )  # fmt: skip

    tx.also(write)


def mark_self_pay(tx: Transaction, encounter_id: str) -> None:
    """Note that a visit is no longer the fund's, when tx commits."""

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "update visit_account set is_insured = false where tenant = $1 and encounter_id = $2",
            tx.tenant.number, encounter_id,
        )  # fmt: skip

    tx.also(write)


async def locked(connection: asyncpg.Connection, tx: Transaction, encounter_id: str) -> Account:
    """The account inside a commit, its row locked, what the commit has written included. Raises errors.NotFound."""
    row = await connection.fetchrow(
        """select a.*,
              coalesce((select amount from ledger_balance where tenant = $1 and account = '1311' and sub = $2), 0) as due,
              -coalesce((select amount from ledger_balance where tenant = $1 and account = '3387' and sub = $2), 0)
                  as deposit
           from visit_account a where a.tenant = $1 and a.encounter_id = $2 for update""",
        tx.tenant.number, encounter_id,
    )  # fmt: skip
    if row is None:
        raise errors.NotFound("Lượt khám này chưa có hồ sơ thanh toán.")
    return _account(row)


async def settle(connection: asyncpg.Connection, tx: Transaction, encounter_id: str) -> Account:
    """Set or take back settled_at by what is due now, inside a commit; the claim is considered if that changed.

    Called whenever money of the visit has moved: its invoices are to be compared with what was paid.
    """
    before = await locked(connection, tx, encounter_id)
    is_settled = before.state == "closed" and before.due <= 0
    if before.state == "closed":
        await connection.execute(
            """update visit_account set is_invoice_due = true
               where tenant = $1 and encounter_id = $2 and not is_invoice_due""",
            tx.tenant.number, encounter_id,
        )  # fmt: skip
    if is_settled == (before.settled_at is not None):
        return before
    await connection.execute(
        "update visit_account set settled_at = $3 where tenant = $1 and encounter_id = $2",
        tx.tenant.number, encounter_id, tx.now if is_settled else None,
    )  # fmt: skip
    charges.consider_claim(tx, encounter_id)
    return await locked(connection, tx, encounter_id)


def is_insured(encounter: Resource) -> bool:
    """Whether a visit is one of the fund's by its category."""
    return visit_facts.category_of(encounter) not in ("", visit_cards.SELF_PAY)


def _open(tx: Transaction, encounter: Resource, state: str) -> None:
    own, patient_id = encounter["id"], visit_facts.patient_of(encounter)
    key = resources.identifier_of(encounter, systems.VISIT)
    place = resources.id_of(encounter.get("serviceProvider"), "Organization")
    has_card, finished_at = is_insured(encounter), None
    if state == "finished":
        finished_at = visit_facts.finished_at(encounter) or tx.now

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into visit_account as a (tenant, encounter_id, patient_id, ma_lk, organization_id, is_insured,
                                               state, opened_at, finished_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
               on conflict (tenant, encounter_id) do update
               set state = excluded.state, finished_at = excluded.finished_at, is_insured = excluded.is_insured
               where a.state = 'running' and excluded.state = 'finished'""",
            tx.tenant.number, own, patient_id, key, place, has_card, state, tx.now, finished_at,
        )  # fmt: skip

    tx.also(write)


def _account(row: asyncpg.Record) -> Account:
    said = {name: row[name] for name in Account.__dataclass_fields__}
    return Account(**{**said, "due": int(row["due"]), "deposit": int(row["deposit"])})
