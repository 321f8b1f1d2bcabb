"""A reason that a doctor is asked for at one point of a prescription: not a ban, not a sanction, and for a time only.

A leader sets it in their own name after a hearing (docs/how-to/leaders.md). Whoever prescribes something else, for
another disease or another doctor is never asked. The answer stays with the line, as every reason of an override does.

    found = await prescribing_questions.asks(tx, "Practitioner/nv-bacsi", [(drug, line), …], {"J00"})
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.care import drug_danger
from lienmach.care.catalogues import Row
from lienmach.care.drug_danger import Danger
from lienmach.care.drug_lines import RxLine
from lienmach.record.transaction import Transaction

DAYS_MAX = 366
WHY_CHARACTERS_MIN = 5
INJECTED = frozenset({"tiem", "tiem_bap", "tiem_tinh_mach", "tiem_duoi_da", "truyen"})


@dataclass(frozen=True)
class Rule:
    """atc: beginning of the code, "" for any drug. icd_from, icd_to: three characters, "" for any. valid_to: last day."""

    question_id: str
    doctor: str
    atc: str
    injected_only: bool
    icd_from: str
    icd_to: str
    why: str
    cause: str
    valid_from: date
    valid_to: date
    approved_by: str
    approved_name: str
    approved_at: datetime
    ended_on: date | None = None


@dataclass(frozen=True)
class Question:
    """A rule that asks about a line. line: index of the lines that were handed in."""

    rule: Rule
    line: int
    drug: Row

    @property
    def key(self) -> str:
        """Names the question in an override reason."""
        return f"question:{self.rule.question_id}"


async def asks(
    tx: Transaction, doctor: str, lines: Sequence[tuple[Row, RxLine]], codes: Collection[str]
) -> list[Question]:
    """What this doctor is asked about these lines today. doctor: a reference. codes: ICD-10 of the visit."""
    if not doctor:
        return []
    rules = [one for one in await of_doctor(tx, doctor) if is_holding(one, _today(tx))]
    return [
        Question(one, index, drug)
        for one in rules
        if _is_within(one, codes)
        for index, (drug, line) in enumerate(lines)
        if _concerns(one, drug, line)
    ]


async def dangers(
    tx: Transaction, doctor: str, lines: Sequence[tuple[Row, RxLine]], codes: Collection[str]
) -> list[Danger]:
    """The same as dangers that want a reason, for the check of a prescription."""
    return [
        Danger(
            drug_danger.REASON, "question", one.line,
            f"{one.drug.name}: ban giám đốc hỏi lý do khi kê thuốc này. {one.rule.why}",
            f"{one.drug.code}: a reason is asked for at this point of the prescription.",
            "prescribing-question", one.key,
        )
        for one in await asks(tx, doctor, lines, codes)
    ]  # fmt: skip


async def of_doctor(tx: Transaction, doctor: str) -> list[Rule]:
    """All questions that were ever set for a doctor, newest first."""
    rows = await tx.fetch(
        """select question_id, doctor, atc, injected_only, icd_from, icd_to, why, cause, valid_from, valid_to,
                  approved_by, approved_name, approved_at, ended_on from prescribing_question
           where tenant = $1 and doctor = $2 order by approved_at desc limit 50""",
        tx.tenant.number, doctor,
    )  # fmt: skip
    return [Rule(**dict(row)) for row in rows]


def is_holding(rule: Rule, on: date) -> bool:
    """Whether the rule asks on a day."""
    return rule.valid_from <= on <= min(rule.valid_to, rule.ended_on or rule.valid_to)


def set_rule(
    tx: Transaction,
    question_id: str,
    doctor: str,
    *,
    atc: str,
    injected_only: bool,
    icd_range: tuple[str, str] = ("", ""),
    why: str,
    days: int,
    cause: str = "",
) -> date:
    """Ask this doctor from today on, for so many days, in the name of the person who acts; returns the last day.

    The same id again changes nothing. Raises errors.Unprocessable for a span or a reason that does not do.
    """
    words = " ".join(why.split())[:300]
    if len(words) < WHY_CHARACTERS_MIN:
        raise errors.Unprocessable("Hãy ghi câu sẽ hiện cho bác sĩ khi được hỏi lý do (ít nhất 5 ký tự).")
    if not 1 <= days <= DAYS_MAX:
        raise errors.Unprocessable("Thời hạn hỏi lý do là 1 đến 366 ngày.")
    first = _today(tx)
    last = first + timedelta(days=days - 1)

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into prescribing_question (tenant, question_id, doctor, atc, injected_only, icd_from, icd_to, why,
                   cause, valid_from, valid_to, approved_by, approved_name, approved_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict do nothing""",
            tx.tenant.number, question_id, doctor, atc, injected_only, *icd_range, words, cause, first, last,
            tx.actor.user, tx.actor.display or tx.actor.user, tx.now,
        )  # fmt: skip

    tx.also(write)
    return last


def end(tx: Transaction, question_id: str) -> None:
    """Ask no longer, from this moment on; the rule stays to be seen. Again changes nothing."""
    yesterday = _today(tx) - timedelta(days=1)

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """update prescribing_question set ended_on = $3, ended_by = $4
               where tenant = $1 and question_id = $2 and ended_on is null""",
            tx.tenant.number, question_id, yesterday, tx.actor.user,
        )  # fmt: skip

    tx.also(write)


def _concerns(rule: Rule, drug: Row, line: RxLine) -> bool:
    data: dict[str, Any] = drug.data
    is_injected = (line.route or str(data.get("route", ""))) in INJECTED or str(data.get("route_bhyt", "")).startswith(
        "2."
    )
    return str(data.get("atc", "")).startswith(rule.atc) and (is_injected or not rule.injected_only)


def _is_within(rule: Rule, codes: Collection[str]) -> bool:
    if not rule.icd_from:
        return True
    return any(rule.icd_from <= one[:3] <= rule.icd_to for one in codes)


def _today(tx: Transaction) -> date:
    return tx.now.astimezone(tx.tenant.time_zone).date()
