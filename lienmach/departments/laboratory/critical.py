"""Critical values: a Task for who ordered, an open alert that every page of a doctor asks for, acknowledgement,
escalation after ten minutes to all doctors of the place.

The Task is the record; `laboratory_alert` is its short list, so that asking every few seconds costs one index look-up
and shows no person. Both change in one commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from lienmach.base import errors, jobs
from lienmach.base.actor import Actor
from lienmach.base.jobs import JobRow, Taken
from lienmach.care import facility, resources, systems
from lienmach.care.resources import Resource
from lienmach.departments.laboratory import facts
from lienmach.record.transaction import Store, Transaction

KIND = "critical-result"
ESCALATES_AFTER = timedelta(minutes=10)
ESCALATED = systems.EXTENSION + "escalated-at"  # Task: valueDateTime
_JOB = "laboratory.escalate"
_ACTION_CHARACTERS_MAX = 500


@dataclass(frozen=True)
class Alert:
    """One critical value that nobody has acknowledged. what: test, value and unit, no person."""

    task_id: str
    what: str
    raised_at: datetime
    is_mine: bool
    is_escalated: bool


async def raise_for(tx: Transaction, observation: Resource, order: Resource) -> None:
    """Tell who ordered about a critical value; the same value of the same result is told once.

    owner of the Task: the requester, where the order names one in the record. The facility is that of the visit.
    """
    told = f"{facts.value_text(observation)} {facts.unit_text(observation)}".strip()
    task_id = facts.derived_id("laboratory-critical", observation["id"], told)
    if await facts.stored(tx, "Task", task_id) is not None:
        return
    encounter = await facts.stored(tx, "Encounter", resources.id_of(order.get("encounter"), "Encounter") or "-")
    place = ((encounter or {}).get("serviceProvider") or {}).get("reference", "")
    requester = order.get("requester") or {}
    what = f"{observation['code'].get('text', '')} {told} {facts.FLAGS[facts.flag_of(observation)][0]}"
    task: Resource = {
        "resourceType": "Task",
        "id": task_id,
        "status": "requested",
        "intent": "order",
        "priority": "stat",
        "code": resources.concept(systems.TASK_KIND, KIND, "Kết quả nguy kịch"),
        "description": what,
        "focus": resources.reference(observation),
        "for": order["subject"],
        "authoredOn": facts.instant(tx),
        "lastModified": facts.instant(tx),
        **({"encounter": order["encounter"]} if order.get("encounter") else {}),
        **({"owner": requester} if requester else {}),
        **({"restriction": {"recipient": [{"reference": place}]}} if place else {}),
    }
    await resources.create(tx, task, resource_id=task_id)
    owner = str(requester.get("reference", ""))
    tx.jobs.append(JobRow(_JOB, {"task": task_id}, run_at=tx.now + ESCALATES_AFTER))

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into laboratory_alert (tenant, task_id, owner, facility, what, raised_at)
               values ($1, $2, $3, $4, $5, $6)""",
            tx.tenant.number, task_id, owner, place, what[:200], tx.now,
        )  # fmt: skip

    tx.also(write)


async def waiting(tx: Transaction) -> list[Alert]:
    """Open critical values that concern the person who acts: their own, and escalated ones of their place."""
    rows = await tx.fetch(
        """select task_id, owner, facility, what, raised_at, escalated_at from laboratory_alert
           where tenant = $1 and closed_at is null order by raised_at limit 200""",
        tx.tenant.number,
    )  # fmt: skip
    if not rows:
        return []
    me, place, found = tx.actor.reference, "", []
    for row in rows:
        is_mine = bool(me) and row["owner"] == me
        is_late = row["escalated_at"] is not None or tx.now - row["raised_at"] >= ESCALATES_AFTER or not row["owner"]
        if not is_mine and is_late and row["facility"]:
            place = place or await _place(tx)
        if is_mine or (is_late and row["facility"] in ("", place)):
            found.append(Alert(row["task_id"], row["what"], row["raised_at"], is_mine, is_late))
    return found


async def acknowledge(tx: Transaction, task_id: str, action: str) -> Resource:
    """Note who has seen a critical value, when, and what they do about it; that closes it. A second one changes nothing.

    Raises errors.Unprocessable without an action, errors.NotFound for a Task that is none of ours.
    """
    action = " ".join(action.split())[:_ACTION_CHARACTERS_MAX]
    if not action:
        raise errors.Unprocessable("Hãy ghi việc đã xử trí trước khi xác nhận.")
    task = await resources.read(tx, "Task", task_id)
    if resources.code_of(task.get("code"), systems.TASK_KIND) != KIND:
        raise errors.NotFound("There is no critical value of this id.")
    if task["status"] == "completed":
        return task
    task |= {
        "status": "completed",
        "executionPeriod": {"start": facts.instant(tx), "end": facts.instant(tx)},
        "lastModified": facts.instant(tx),
        "note": [*task.get("note", ()), {"authorReference": resources.me(tx), "time": facts.instant(tx), "text": action}
                 if tx.actor.reference else
                 {"authorString": tx.actor.display or tx.actor.user, "time": facts.instant(tx), "text": action}],
    }  # fmt: skip
    stored = await resources.update(tx, task)

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "update laboratory_alert set closed_at = $3 where tenant = $1 and task_id = $2",
            tx.tenant.number, task_id, tx.now,
        )  # fmt: skip

    tx.also(write)
    return resources.of(stored)


async def recent(tx: Transaction) -> list[Resource]:
    """Tasks of critical values, open ones and those of the last days, newest first."""
    return await resources.find(
        tx, "Task", ("code", f"{systems.TASK_KIND}|{KIND}"), ("_sort", "-authored-on"), count=50
    )


async def escalate(app: Any, taken: Taken) -> None:
    """Show an unacknowledged critical value to all doctors of the place.

    Safe to run twice because a Task that is closed or escalated already is left as it is.
    """
    store: Store = app
    actor = Actor(taken.tenant, "system", frozenset({"system"}), "TREAT", _JOB)

    async def work(tx: Transaction) -> None:
        task = await facts.stored(tx, "Task", str(taken.payload["task"]))
        if task is None or task["status"] != "requested":
            return
        if any(one.get("url") == ESCALATED for one in task.get("extension", ())):
            return
        task["extension"] = [*task.get("extension", ()), {"url": ESCALATED, "valueDateTime": facts.instant(tx)}]
        task["lastModified"] = facts.instant(tx)
        await resources.update(tx, task)

        async def write(connection: asyncpg.Connection) -> None:
            await connection.execute(
                "update laboratory_alert set escalated_at = $3 where tenant = $1 and task_id = $2",
                tx.tenant.number, task["id"], tx.now,
            )  # fmt: skip

        tx.also(write)

    await store.run(actor, work)


async def _place(tx: Transaction) -> str:
    try:
        return f"Organization/{(await facility.home(tx)).organization_id}"
    except errors.Failure:
        return ""


JOB = jobs.Job(_JOB, escalate)
