"""What holds for every write of a Patient, whichever door it comes by: a department names these as its guards.

Who changed the details is who writes, not whom a body names. And what a code to a phone opened ends when the phone is
taken from the record: it may be in somebody else's hands, or was never this person's.
"""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from lienmach.base import errors
from lienmach.care import person_draft, resources
from lienmach.identity import citizen_sessions
from lienmach.record.points import Point
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats

_FORGED = "The extension details-changed-by names who writes, or stays as it is. Leave it out, or send it as you have read it."


async def guard_stamp(tx: Transaction, patient: dict[str, Any], current: Point | None) -> None:
    """Raise errors.Refused for a body that says that somebody else has changed the details.

    What stands in the version before may stay. A connected system brings records over as they were elsewhere.
    """
    stamps = _stamps(patient)
    if not stamps or "system" in tx.actor.roles or stamps == _stamps(_before(current)):
        return
    named = [part.get("valueReference") for part in stamps[0].get("extension", ()) if part.get("url") == "who"]
    if len(stamps) > 1 or named != [resources.me(tx)]:
        raise errors.Refused(_FORGED)


async def guard_phones(tx: Transaction, patient: dict[str, Any], current: Point | None) -> None:
    """End the sessions and codes of a person from whose record a phone goes, in the commit that takes it away."""
    gone = _phones(_before(current), tx.now) - _phones(patient, tx.now)
    if gone:
        opened = {str(patient["id"])} | _survivors(_before(current))
        tx.also(functools.partial(_end_sessions, tx, opened, gone))


async def _end_sessions(tx: Transaction, opened: set[str], gone: set[str], connection: asyncpg.Connection) -> None:
    for patient_id in sorted(opened):
        await citizen_sessions.end_of_patient(connection, tx.tenant.number, patient_id, tx.now, phones=gone)


def _survivors(patient: dict[str, Any]) -> set[str]:
    """The records that a merged one leads to: its phone opens them."""
    links = [one.get("other") for one in patient.get("link", ()) if one.get("type") == "replaced-by"]
    return {resources.id_of(one, "Patient") for one in links} - {""}


def _before(current: Point | None) -> dict[str, Any]:
    """The version that a write follows, {} for none."""
    before: dict[str, Any] = msgspec.json.decode(current.body) if current is not None and current.body else {}
    return before


def _stamps(patient: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in patient.get("extension", ()) if one.get("url") == person_draft.CHANGED_BY]


def phones_of(holder: dict[str, Any], at: datetime) -> set[str]:
    """The numbers of a person, or of who is in charge of one, that are theirs at this time, as people type them.

    holder: a Patient, or one of its contacts. A number marked old, or whose period is over, is somebody else's by now.
    """
    return {
        formats.compact_phone(str(one["value"]))
        for one in holder.get("telecom", ())
        if one.get("system") in (None, "phone", "sms")
        and one.get("value")
        and one.get("use") != "old"
        and not _is_over(str((one.get("period") or {}).get("end", "")), at)
    }


def _is_over(end: str, at: datetime) -> bool:
    """Whether a FHIR date, whose year, month or day is wholly part of the period, lies before a time. "": never ends."""
    return bool(end) and end[:10] < at.date().isoformat()[: len(end)]


def _phones(patient: dict[str, Any], at: datetime) -> set[str]:
    """The numbers to which a code for this record is sent."""
    return {number for holder in (patient, *patient.get("contact", ())) for number in phones_of(holder, at)}
