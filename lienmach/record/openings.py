"""Who has opened one person's record: what of the audit events may be shown to that person.

One AuditEvent may name several persons and carries the query as it was typed, so nobody who sees one person only reads
events. Here is cut out of them what is that person's: when, who, in which role, why, and what was done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from lienmach.base import errors
from lienmach.record import sql
from lienmach.record.index import terms
from lienmach.record.transaction import Transaction

COUNT_MAX = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MARK = re.compile(r"[0-9]{1,17}\.[0-9]{1,18}\Z", re.ASCII)


@dataclass(frozen=True)
class Opening:
    """event_id: of the AuditEvent. mark: where the next page begins. reference: of who acted, or "". interaction: code of the FHIR restful-interaction
    system. purpose: v3 PurposeOfUse. types: of the resources named, without the Patient."""

    event_id: str
    mark: str
    at: datetime
    who: str
    reference: str
    roles: tuple[str, ...]
    interaction: str
    purpose: str
    types: tuple[str, ...]
    is_refused: bool


async def of_person(tx: Transaction, patient_id: str, *, count: int = 100, after: str = "") -> list[Opening]:
    """Up to `count` openings of a person's record, newest first. after: `mark` of the last one of the page before.

    Raises errors.Refused unless the actor is this person or may read AuditEvent, errors.Invalid for a mark of nobody's.
    """
    text = sql.Text(tx.tenant.number)
    where = _about(tx, text, patient_id)
    if after:
        if not _MARK.match(after):
            raise errors.Invalid("This page mark is none of ours.")
        micros, rid = (int(one) for one in after.split("."))
        where += f" and (p.d1, p.rid) < ({text.bind(_EPOCH + timedelta(microseconds=micros))}, {text.bind(rid)})"
    found = await tx.fetch(
        f"with m as materialized (select ix.rid, ix.seq, p.d1 from post p {sql.index_row('p')} where {where} "
        f"order by p.d1 desc, p.rid desc limit {min(int(count), COUNT_MAX)}) "
        + sql.bodies("m.d1", "m.d1 desc, m.rid desc"),
        *text.args,
    )
    return [
        _opening(row["id"], f"{(row['d1'] - _EPOCH) // _MICROSECOND}.{row['rid']}", msgspec.json.decode(row["body"]))
        for row in found
    ]


def mark_before(moment: datetime) -> str:
    """The mark of the page that begins with the newest opening before a moment."""
    return f"{(moment - _EPOCH) // _MICROSECOND}.0"


async def check(tx: Transaction, patient_id: str, event_id: str) -> None:
    """Raise errors.NotFound unless this is the id of an AuditEvent that names the person; Refused as of_person."""
    text = sql.Text(tx.tenant.number)
    where = _about(tx, text, patient_id)
    found = await tx.fetch(
        f"select 1 from resource r join post p on p.tenant = r.tenant and p.rid = r.rid {sql.index_row('p')} "
        f"where {where} and r.tenant = $1 and r.type = ix.type and r.id = {text.bind(event_id)}",
        *text.args,
    )
    if not found:
        raise errors.NotFound("There is no such opening of this record.")


def _about(tx: Transaction, text: sql.Text, patient_id: str) -> str:
    number = tx.definitions.type_number("AuditEvent")
    if tx.policy.person != patient_id and not tx.policy.may_read(number):
        raise errors.Refused("Your role may not see who has opened this record.")
    term = terms.term_of(tx.tenant.term_seed, "AuditEvent", "patient", "r", f"Patient/{patient_id}")
    return f"p.tenant = $1 and p.term = {text.bind(term, 'bigint')} and ix.type = {text.bind(number, 'smallint')}"


def _opening(event_id: str, mark: str, event: dict[str, Any]) -> Opening:
    agents = event.get("agent") or [{}]
    person = next((one for one in agents if one.get("requestor")), agents[0])
    who = person.get("who") or {}
    purposes = person.get("purposeOfUse") or event.get("purposeOfEvent") or []
    named = (str((one.get("what") or {}).get("reference", "")).partition("/")[0] for one in event.get("entity", ()))
    return Opening(
        event_id,
        mark,
        datetime.fromisoformat(event["recorded"]),
        str(who.get("display") or ""),
        str(who.get("reference") or ""),
        tuple(code for one in person.get("role", ()) if (code := _code(one))),
        str((event.get("subtype") or [{}])[0].get("code", "")),
        _code(purposes[0]) if purposes else "",
        tuple(dict.fromkeys(one for one in named if one and one != "Patient")),
        event.get("outcome") == "4",
    )


def _code(concept: dict[str, Any]) -> str:
    return str((concept.get("coding") or [{}])[0].get("code", ""))
