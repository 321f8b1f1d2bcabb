"""The code by which a citizen signs in: the job that looks for who fits, and sends it by short message.

The request of the page only leaves a row and this job, whoever was named (identity/citizen_sessions.py): what takes
time, and differs between somebody and nobody, happens here, where no browser waits for it.
"""

from __future__ import annotations

import json
from datetime import datetime, time, timedelta
from typing import Any

import asyncpg

from lienmach.base import clock, errors, jobs
from lienmach.base.actor import Actor
from lienmach.care import outbox, patient_rules, resources
from lienmach.identity import citizen_sessions
from lienmach.identity.citizen_sessions import Request
from lienmach.record import people
from lienmach.record.transaction import Store, Transaction
from lienmach.standards.vietnam import formats
from lienmach.web import formats as shown

CHANNEL = "sms"
_NO_CODE = "******"  # what stands in the kept message in place of the code
_OF_PHONE_MAX = 200
_BORN_MAX = 2000
_PATIENTS_MAX = 10
_CHILD_YEARS = 18  # a person in charge may sign in for who is younger
_MERGES_MAX = 5


async def send(store: Store, job: jobs.Taken) -> None:
    """Send the code of one request. Safe to run twice because the code is kept in the commit that queues its message.

    Nothing is sent where nobody fits, or when the request is too old by now.
    """
    request = await citizen_sessions.asked(store.pool, job.tenant, str(job.payload["request"]))
    if request is None or request.has_code or clock.now() >= request.until():
        return
    actor = Actor(job.tenant, "system", frozenset({"system"}), "HOPERAT", citizen_sessions.JOB)
    async with store.begin(actor) as tx:
        found = await of_request(tx, request)
        await tx.abandon()
    if not found:
        return
    code, code_hash = await citizen_sessions.new_code()

    async def work(tx: Transaction) -> None:
        async def keep(connection: asyncpg.Connection) -> None:
            if not await citizen_sessions.keep_code(connection, job.tenant, request.request_id, code_hash, found):
                raise errors.Conflict("This request has its code already.")

        fleeting = outbox.Fleeting(request.until(), _message(request, _NO_CODE, to=formats.mask_phone(request.phone)))
        key = f"citizen-{request.request_id}"
        outbox.queue(tx, CHANNEL, key, _message(request, code, to=request.phone), subject="", fleeting=fleeting)
        tx.also(keep)

    await store.run(actor, work)


async def of_request(tx: Transaction, request: Request) -> list[str]:
    """Ids of the living people who fit a phone and a birth date, at most ten.

    The phone is their own, or of the person in charge of a child. Merged records lead to the one that is left.
    """
    hits = await people.find(tx, [people.Term("phone", request.phone, "phone", 0)], limit=_OF_PHONE_MAX)
    fitting = [resources.of(one.stored) for one in hits]
    fitting = [one for one in fitting if request.phone in patient_rules.phones_of(one, tx.now)]
    if _may_be_child(tx, request.birth):
        low = datetime.combine(datetime.fromisoformat(request.birth).date(), time(), tzinfo=tx.tenant.time_zone)
        born = people.Born(low, low + timedelta(days=1), "birth", 0)
        same_day = [resources.of(one.stored) for one in await people.find(tx, [born], limit=_BORN_MAX)]
        fitting += [one for one in same_day if request.phone in _phones_in_charge(one, tx.now)]
    found: dict[str, None] = {}
    for one in fitting:
        if fits_birth(str(one.get("birthDate", "")), request.birth):
            left = await _survivor(tx, one)
            if left is not None:
                found[left["id"]] = None
    return sorted(found)[:_PATIENTS_MAX]


def fits_birth(known: str, typed: str) -> bool:
    """Whether a birth date as typed is the one of the record; of a record with a year only, its year must fit."""
    return bool(known) and (known == typed or (len(known) < len(typed) and typed.startswith(known + "-")))


def _may_be_child(tx: Transaction, birth: str) -> bool:
    if len(birth) != 10:
        return False
    today = tx.now.astimezone(tx.tenant.time_zone).date()
    return birth > today.replace(year=today.year - _CHILD_YEARS, day=min(today.day, 28)).isoformat()


def _phones_in_charge(patient: dict[str, Any], at: datetime) -> set[str]:
    return {number for contact in patient.get("contact", ()) for number in patient_rules.phones_of(contact, at)}


async def _survivor(tx: Transaction, patient: dict[str, Any]) -> dict[str, Any] | None:
    """The record that stands for this one today; None for the dead and for one that is not used any more."""
    for _ in range(_MERGES_MAX):
        if patient.get("deceasedBoolean") is True or patient.get("deceasedDateTime"):
            return None
        onward = [one["other"] for one in patient.get("link", ()) if one.get("type") == "replaced-by"]
        if not onward:
            return patient if patient.get("active") is not False else None
        try:
            patient = await resources.follow(tx, str(onward[0].get("reference", "")))
        except (errors.NotFound, errors.Gone, errors.Invalid):
            return None
    return None


def _message(request: Request, code: str, *, to: str) -> bytes:
    # Without diacritics: one text of the old alphabet costs a third, and reaches every phone.
    until = shown.clock_time(request.until())
    text = f"{code} la ma xem ho so suc khoe, dung den {until}. Khong dua ma nay cho bat ky ai, ke ca nhan vien y te."
    return json.dumps({"to": to, "text": text}).encode()


JOBS = (jobs.Job(citizen_sessions.JOB, send, attempts_max=3),)
