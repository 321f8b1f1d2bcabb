"""A case about prescribing: opened on figures that are frozen, the doctor is heard, a leader decides. Steps only ever add.

Nothing follows from a figure by itself. Each step says who, when and what; its digest stands in a Task of the record as
well, whose history nobody rewrites, so that a step that was changed behind our back is seen. The Task names no person.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg

from lienmach.base import clock, errors, ids
from lienmach.care import prescribing_questions, resources, systems
from lienmach.departments.leaders.measures import Monitor
from lienmach.record.transaction import Transaction

KIND = "prescribing-case"
HEARING_DAYS = 7
CHARTS_MAX = 10
WORDS_MIN, WORDS_MAX = 10, 4000
OUTCOMES = {"no-issue": "Không có vấn đề", "talk": "Trao đổi chuyên môn", "ask-reason": "Đặt mức hỏi lý do"}
#: measure -> beginning of the ATC code and whether only injected ones are asked about; others have no single point.
ASKABLE = {"injections": ("J01", True), "antibiotics": ("J01", False)}
KINDS = {
    "opened": "Mở vụ việc",
    "answer": "Bác sĩ giải trình",
    "comment": "Dược góp ý",
    "decision": "Kết luận",
    "rule-ended": "Ngừng hỏi lý do",
}


@dataclass(frozen=True)
class Step:
    """said_by: login. role: the role in which it was said. data: charts of an answer, outcome of a decision."""

    step: int
    kind: str
    said_at: datetime
    said_by: str
    name: str
    role: str
    words: str
    data: dict[str, Any]
    digest: str
    is_intact: bool = True


@dataclass(frozen=True)
class Case:
    """figures: the frozen comparison. answer_due_on: until then nothing is decided without the doctor's word."""

    case_id: str
    doctor: str
    doctor_name: str
    measure: str
    from_on: date
    to_on: date
    answer_due_on: date
    figures: dict[str, Any]
    opened_at: datetime
    steps: tuple[Step, ...] = field(default=())

    @property
    def state(self) -> str:
        """open, heard or decided."""
        kinds = [one.kind for one in self.steps]
        return "decided" if "decision" in kinds else "heard" if "answer" in kinds else "open"

    @property
    def decision(self) -> Step | None:
        """The last decision."""
        return next((one for one in reversed(self.steps) if one.kind == "decision"), None)


async def listed(tx: Transaction, *, doctor: str = "") -> list[Case]:
    """Cases, newest first, with their steps. doctor: only theirs."""
    rows = await tx.fetch(
        """select case_id, doctor, doctor_name, measure, from_on, to_on, answer_due_on, figures::text as figures,
                  opened_at from leaders_case
           where tenant = $1 and ($2 = '' or doctor = $2) order by opened_at desc limit 200""",
        tx.tenant.number, doctor,
    )  # fmt: skip
    return await _with_steps(tx, rows)


async def read(tx: Transaction, case_id: str) -> Case:
    """A case that the person who acts may see: a leader, a pharmacist, or the doctor whom it is about.

    Its steps say whether they still are what the record says they were. Raises errors.NotFound, also for others' cases.
    """
    rows = await tx.fetch(
        """select case_id, doctor, doctor_name, measure, from_on, to_on, answer_due_on, figures::text as figures,
                  opened_at from leaders_case where tenant = $1 and case_id = $2""",
        tx.tenant.number, case_id[:64],
    )  # fmt: skip
    if not rows or not may_see(tx, rows[0]["doctor"]):
        raise errors.NotFound("Không có vụ việc này, hoặc vụ việc không liên quan đến bạn.")
    [case] = await _with_steps(tx, rows)
    task = await resources.read(tx, "Task", case_id)
    told = {str(one.get("text", "")) for one in task.get("note", ())}
    steps = tuple(
        Step(**{**one.__dict__, "is_intact": _digest(case_id, one) == one.digest and _note(one) in told})
        for one in case.steps
    )
    return Case(**{**case.__dict__, "steps": steps})


def may_see(tx: Transaction, doctor: str) -> bool:
    """Whether the person who acts may see a case about this doctor."""
    return bool({"director", "pharmacist"} & tx.actor.roles) or (bool(doctor) and tx.actor.reference == doctor)


async def open_case(tx: Transaction, monitor: Monitor, doctor: str, words: str) -> str:
    """Open a case on a figure that the monitor marks; returns its id. The figures are kept as they are now.

    Raises errors.Conflict where nothing is marked or one is open already, errors.Unprocessable without words.
    """
    _check_words(words)
    found, measure = monitor.of(doctor), monitor.measure.name
    if found is None or not monitor.is_marked(found) or monitor.threshold is None:
        raise errors.Conflict("Chỉ mở vụ việc từ một số liệu đã vượt ngưỡng được duyệt. Không có gì thay đổi.")
    for one in await listed(tx, doctor=doctor):
        if one.measure == measure and one.state != "decided":
            raise errors.Conflict("Đã có một vụ việc đang mở về số liệu này của bác sĩ; hãy kết luận vụ đó trước.")
    threshold = {key: str(value) for key, value in asdict(monitor.threshold).items()}
    figures = {**asdict(found), "doctor": "", "threshold": threshold, "blocks": await blocks(tx, monitor, doctor)}
    case_id, today = ids.new_id(), _today(tx)
    name = str(monitor.names.get(doctor, doctor))
    due = today + timedelta(days=HEARING_DAYS)

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into leaders_case (tenant, case_id, doctor, doctor_name, measure, from_on, to_on, answer_due_on,
                   figures, opened_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
            tx.tenant.number, case_id, doctor, name, measure, monitor.from_on, monitor.to_on, due,
            json.dumps(figures), tx.now,
        )  # fmt: skip

    tx.also(write)
    now = clock.to_instant(tx.now)
    task = {
        "resourceType": "Task",
        "id": case_id,
        "status": "requested",
        "intent": "order",
        "code": resources.concept(systems.TASK_KIND, KIND, "Vụ việc kê đơn"),
        "authoredOn": now,
    }
    case = Case(case_id, doctor, name, measure, monitor.from_on, monitor.to_on, due, figures, tx.now)
    frozen = hashlib.sha256(json.dumps(figures, sort_keys=True).encode()).hexdigest()
    await _add(tx, case, "opened", words, {"figures": frozen}, task=task)
    return case_id


async def answer(tx: Transaction, case: Case, words: str, charts: Sequence[str]) -> None:
    """The doctor's word, with up to ten of their own visits of the period as charts.

    Raises errors.Refused for anybody else, errors.Conflict once it is decided, errors.Unprocessable for other charts.
    """
    _check_words(words)
    if tx.actor.reference != case.doctor:
        raise errors.Refused("Chỉ bác sĩ của vụ việc được giải trình.")
    _check_open(case)
    wanted = list(dict.fromkeys(one for one in charts if one))
    if len(wanted) > CHARTS_MAX:
        raise errors.Unprocessable("Chọn nhiều nhất 10 hồ sơ.")
    rows = await tx.fetch(
        """select encounter_id from leaders_visit where tenant = $1 and doctor = $2 and day between $3 and $4
           and encounter_id = any($5::text[])""",
        tx.tenant.number, case.doctor, case.from_on, case.to_on, wanted,
    )  # fmt: skip
    if len(rows) != len(wanted):
        raise errors.Unprocessable("Hồ sơ phải là lượt khám của chính bác sĩ trong kỳ của vụ việc.")
    await _add(tx, case, "answer", words, {"charts": wanted})


async def comment(tx: Transaction, case: Case, words: str) -> None:
    """What the pharmacy says to it. Raises errors.Refused for other roles, errors.Conflict once it is decided."""
    _check_words(words)
    if "pharmacist" not in tx.actor.roles or tx.actor.reference == case.doctor:
        raise errors.Refused("Góp ý chuyên môn dược do khoa Dược ghi.")
    _check_open(case)
    await _add(tx, case, "comment", words, {})


async def decide(tx: Transaction, case: Case, outcome: str, words: str, *, block: str = "", days: int = 90) -> None:
    """Decide with a reason, after the doctor was heard or let the days of the hearing pass.

    outcome `ask-reason`: from today on, for `days`, a reason is asked for at that point of the prescription only, in
    the name of the person who decides. block: ICD-10 block of the figures, "" for any diagnosis. Raises errors.Conflict,
    errors.Refused (one's own case), errors.Unprocessable.
    """
    _check_words(words)
    _check_open(case)
    if "director" not in tx.actor.roles or tx.actor.reference == case.doctor:
        raise errors.Refused("Ban giám đốc kết luận, và không ai kết luận vụ việc của chính mình.")
    if outcome not in OUTCOMES:
        raise errors.Unprocessable("Hãy chọn một kết luận.")
    is_heard = any(one.kind == "answer" for one in case.steps)
    if not is_heard and _today(tx) <= case.answer_due_on:
        raise errors.Conflict("Bác sĩ chưa giải trình và còn trong hạn; chưa thể kết luận.")
    data: dict[str, Any] = {"outcome": outcome, "is_heard": is_heard}
    if outcome == "ask-reason":
        if case.measure not in ASKABLE:
            raise errors.Unprocessable("Mức hỏi lý do chỉ đặt được cho kháng sinh; hãy chọn kết luận khác.")
        if block and block not in [one["block"] for one in case.figures["blocks"]]:
            raise errors.Unprocessable("Nhóm bệnh phải là một nhóm trong số liệu của vụ việc.")
        atc, injected_only = ASKABLE[case.measure]
        first, _, last = block.partition("-")
        until = prescribing_questions.set_rule(
            tx, f"{case.case_id}.{len(case.steps) + 1}", case.doctor, atc=atc, injected_only=injected_only,
            icd_range=(first, last or first), why=words, days=days, cause=case.case_id,
        )  # fmt: skip
        data |= {"question": f"{case.case_id}.{len(case.steps) + 1}", "block": block, "until": until.isoformat()}
    await _add(tx, case, "decision", words, data)


async def end_rule(tx: Transaction, case: Case, words: str) -> None:
    """Ask for no reason any longer. Raises errors.Conflict where nothing is asked, errors.Refused for other roles."""
    _check_words(words)
    if "director" not in tx.actor.roles or tx.actor.reference == case.doctor:
        raise errors.Refused("Ban giám đốc kết luận, và không ai kết luận vụ việc của chính mình.")
    question = (case.decision.data if case.decision else {}).get("question", "")
    if not question or any(one.kind == "rule-ended" for one in case.steps):
        raise errors.Conflict("Vụ việc này không có mức hỏi lý do nào đang dùng.")
    prescribing_questions.end(tx, question)
    await _add(tx, case, "rule-ended", words, {"question": question})


async def _add(
    tx: Transaction, case: Case, kind: str, words: str, data: Mapping[str, Any], *, task: dict[str, Any] | None = None
) -> None:
    role = next((one for one in ("director", "pharmacist", "doctor") if one in tx.actor.roles), "")
    name = tx.actor.display or tx.actor.user
    made = Step(len(case.steps) + 1, kind, tx.now, tx.actor.user, name, role, words.strip(), dict(data), "")
    made = Step(**{**made.__dict__, "digest": _digest(case.case_id, made)})
    note = {"time": clock.to_instant(tx.now), "text": _note(made)}
    if task is not None:
        await resources.create(tx, {**task, "lastModified": note["time"], "note": [note]}, resource_id=case.case_id)
    else:
        held = await resources.read(tx, "Task", case.case_id)  # who came second runs again on what the first has said
        status = "completed" if kind in ("decision", "rule-ended") else "in-progress"
        await resources.update(
            tx, {**held, "status": status, "lastModified": note["time"], "note": [*held.get("note", ()), note]}
        )

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into leaders_case_step (tenant, case_id, step, kind, said_at, said_by, name, role, words, data,
                   digest) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
            tx.tenant.number, case.case_id, made.step, kind, tx.now, made.said_by, name, role, made.words,
            json.dumps(made.data), made.digest,
        )  # fmt: skip

    tx.also(write)


async def _with_steps(tx: Transaction, rows: Sequence[Any]) -> list[Case]:
    found = await tx.fetch(
        """select case_id, step, kind, said_at, said_by, name, role, words, data::text as data, digest
           from leaders_case_step where tenant = $1 and case_id = any($2::text[]) order by case_id, step""",
        tx.tenant.number, [row["case_id"] for row in rows],
    )  # fmt: skip
    steps: dict[str, list[Step]] = {}
    for row in found:
        own = {key: value for key, value in row.items() if key not in ("case_id", "data")}
        steps.setdefault(row["case_id"], []).append(Step(**own, data=json.loads(row["data"])))
    return [
        Case(**{**dict(row), "figures": json.loads(row["figures"])}, steps=tuple(steps.get(row["case_id"], ())))
        for row in rows
    ]


async def blocks(tx: Transaction, monitor: Monitor, doctor: str) -> list[dict[str, Any]]:
    """The doctor's visits of the period by block, most of the measure first: what the case is talked over with."""
    rows = await tx.fetch(
        """select block, count(*) as visits, sum(items) as items, count(*) filter (where antibiotics > 0) as antibiotics,
                  count(*) filter (where injections > 0) as injections, sum(rx_vnd) as cost
           from leaders_visit where tenant = $1 and doctor = $2 and day between $3 and $4 and state = 'finished'
           group by block""",
        tx.tenant.number, doctor, monitor.from_on, monitor.to_on,
    )  # fmt: skip
    found = [
        {"block": row["block"], "visits": row["visits"], "total": int(row[monitor.measure.name] or 0)}
        for row in rows
        if row["block"]
    ]
    return sorted(found, key=lambda one: (-one["total"], one["block"]))[:20]


def _digest(case_id: str, step: Step) -> str:
    said = [case_id, step.step, step.kind, clock.to_instant(step.said_at), step.said_by, step.name, step.role,
            step.words, step.data]  # fmt: skip
    return hashlib.sha256(json.dumps(said, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _note(step: Step) -> str:
    return f"{step.step} {step.kind} sha256:{step.digest}"


def _check_words(words: str) -> None:
    if not WORDS_MIN <= len(words.strip()) <= WORDS_MAX:
        raise errors.Unprocessable("Hãy ghi rõ nội dung (10 đến 4.000 ký tự).")


def _check_open(case: Case) -> None:
    if case.state == "decided":
        raise errors.Conflict("Vụ việc đã kết luận; không ghi thêm được nữa.")


def _today(tx: Transaction) -> date:
    return tx.now.astimezone(tx.tenant.time_zone).date()
