"""What a citizen asks about an opening of their record, and the word of the data protection officer on it.

A question is a Task `access-question`: focus is the AuditEvent that looks wrong, its first note what the citizen says,
the note that the officer adds is the answer. Whoever answered, and when, stands in that note, in the Task's owner and
in the history that nobody rewrites. The facility answers within 72 hours. No other role finds, reads or writes such a
Task, on whatever way (record/access.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lienmach.base import clock, errors
from lienmach.care import outbox, resources, systems, visit_facts
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats, names

KIND = "access-question"
HOURS = 72
OPEN_MAX = 10  # questions of one person that nobody has answered yet
WORDS_MIN, WORDS_MAX = 10, 2000
_OPEN = "requested,received,accepted,in-progress,on-hold"
_TOO_MANY = "Bạn đã gửi {most} câu hỏi đang chờ trả lời. Mời gọi điện hoặc đến quầy tiếp đón."
# Without diacritics and without what was asked or answered: a message lies open on a phone.
_NOTICE = "Co so y te da tra loi cau hoi cua ban. Moi dang nhap trang Ho so cua toi, muc Ai da mo ho so, de doc."


@dataclass(frozen=True)
class Question:
    """text: what the citizen said, or "". answer: "" while nobody has answered. by: name of who answered."""

    question_id: str
    patient_id: str
    person: str
    event_id: str
    asked_at: datetime
    text: str
    answer: str
    by: str
    answered_at: datetime | None

    @property
    def due_at(self) -> datetime:
        """Until when the facility has to answer."""
        return self.asked_at + timedelta(hours=HOURS)

    @property
    def is_open(self) -> bool:
        return self.answered_at is None

    def hours_left(self, now: datetime) -> int:
        """Whole hours until it is due, below 0 when it is over."""
        return int((self.due_at - now).total_seconds() // 3600)


async def ask(tx: Transaction, patient: Resource, event_id: str, text: str, *, officer: str) -> None:
    """Store a question, once an opening: asked again it changes nothing. officer: the role that answers, in words.

    The caller has made sure that the opening is one of this person's record. Raises errors.Conflict for too many.
    """
    own_id = visit_facts.own_id(patient["id"], KIND, event_id)
    if await tx.point("Task", own_id) is not None:
        return
    waiting = await _tasks(tx, ("patient", f"Patient/{patient['id']}"), ("status", _OPEN), count=OPEN_MAX + 1)
    if len(waiting) >= OPEN_MAX:
        raise errors.Conflict(_TOO_MANY, values={"most": OPEN_MAX})
    person, now = resources.reference(patient, names.shown(patient)), clock.to_instant(tx.now)
    task: dict[str, Any] = {
        "resourceType": "Task",
        "id": own_id,
        "status": "requested",
        "intent": "order",
        "code": resources.concept(systems.TASK_KIND, KIND, "Người bệnh hỏi về một lần mở hồ sơ"),
        "focus": {"reference": f"AuditEvent/{event_id}"},
        "for": person,
        "requester": person,
        "authoredOn": now,
        "lastModified": now,
        "performerType": [{"text": officer}],
    }
    if text:
        task["note"] = [{"authorReference": person, "time": now, "text": text}]
    await resources.create(tx, task, resource_id=own_id)


async def waiting(tx: Transaction, *, count: int = 200) -> list[Question]:
    """Questions that nobody has answered, oldest first."""
    found = [of_task(one) for one in await _tasks(tx, ("status", _OPEN), ("_sort", "authored-on"), count=count)]
    return sorted(found, key=lambda one: one.asked_at)


async def answered(tx: Transaction, *, count: int = 50) -> list[Question]:
    """Questions that were answered, newest first."""
    tasks = await _tasks(tx, ("status", "completed"), ("_sort", "-authored-on"), count=count)
    return sorted((of_task(one) for one in tasks), key=lambda one: one.asked_at, reverse=True)


async def of_person(tx: Transaction, patient_id: str, *, count: int = 50) -> list[Question]:
    """All questions of a person, newest first."""
    tasks = await _tasks(tx, ("patient", f"Patient/{patient_id}"), ("_sort", "-authored-on"), count=count)
    return sorted((of_task(one) for one in tasks), key=lambda one: one.asked_at, reverse=True)


async def read(tx: Transaction, question_id: str) -> Question:
    """One question. Raises errors.NotFound for a Task of another kind, too."""
    return of_task(await _task(tx, question_id))


async def answer(tx: Transaction, question_id: str, words: str) -> bool:
    """Answer in the name of the actor, and tell the citizen by a message that says only that there is an answer.

    Returns whether there was a phone to tell. Raises errors.Unprocessable for words that say nothing, errors.Conflict
    for a question that was answered before.
    """
    words = words.strip()
    if not WORDS_MIN <= len(words) <= WORDS_MAX:
        raise errors.Unprocessable("Hãy ghi câu trả lời cho người hỏi (10 đến 2.000 ký tự).")
    task = await _task(tx, question_id)
    if task["status"] == "completed":
        raise errors.Conflict("Câu hỏi này đã được trả lời; câu trả lời không sửa được.")
    now, who = clock.to_instant(tx.now), tx.actor.display or tx.actor.user
    author: dict[str, Any] = {"display": who, **({"reference": tx.actor.reference} if tx.actor.reference else {})}
    note = {"authorReference": author, "time": now, "text": words}
    await resources.update(
        tx, {**task, "status": "completed", "owner": author, "lastModified": now, "note": [*task.get("note", ()), note]}
    )
    phone = _phone_of(await resources.follow(tx, str(task["for"]["reference"])))
    if phone:
        message = json.dumps({"to": phone, "text": _NOTICE}).encode()
        outbox.queue(tx, "sms", f"{KIND}-{question_id}", message, subject=f"Task/{question_id}")
    return bool(phone)


def of_task(task: Resource) -> Question:
    """What a Task `access-question` says."""
    person = task.get("for") or {}
    notes = {str((one.get("authorReference") or {}).get("reference", "")) == person.get("reference"): one
             for one in task.get("note", ())}  # fmt: skip
    said, told = notes.get(True, {}), notes.get(False, {}) if task.get("status") == "completed" else {}
    return Question(
        task["id"],
        resources.id_of(person, "Patient"),
        str(person.get("display", "")),
        str((task.get("focus") or {}).get("reference", "")).removeprefix("AuditEvent/"),
        datetime.fromisoformat(str(task["authoredOn"])),
        str(said.get("text", "")),
        str(told.get("text", "")),
        str((told.get("authorReference") or {}).get("display", "")),
        datetime.fromisoformat(str(told["time"])) if told else None,
    )


async def _tasks(tx: Transaction, *params: tuple[str, str], count: int) -> list[Resource]:
    return await resources.find(tx, "Task", ("code", f"{systems.TASK_KIND}|{KIND}"), *params, count=count)


async def _task(tx: Transaction, question_id: str) -> Resource:
    task = await resources.read(tx, "Task", question_id)
    if resources.code_of(task.get("code"), systems.TASK_KIND) != KIND:
        raise errors.NotFound("There is no such question.")
    return task


def _phone_of(patient: Resource) -> str:
    """The person's own phone, else of who is in charge of them, else ""."""
    contacts = [patient, *patient.get("contact", ())]
    for one in (telecom for each in contacts for telecom in each.get("telecom", ())):
        if one.get("system") in (None, "phone", "sms") and one.get("value"):
            return formats.compact_phone(str(one["value"]))
    return ""
