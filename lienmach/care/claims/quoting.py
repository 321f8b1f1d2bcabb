"""What claims quote: a change of it lets the claims be looked at that say it, by the job `claims.changed`.

A claim begins with the end of its visit, and its first look reads everything anew. So a change before that matters to
no claim, and no job is queued for it: whether there is a claim is looked up in the commit of the change, under the lock
that orders the commits. Either the claim is there, or it begins later and is looked at after the change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.base.jobs import Job, Taken
from lienmach.care import resources
from lienmach.care.claims import claims, consideration
from lienmach.care.resources import Resource
from lienmach.record.change import Change
from lienmach.record.changes import OnChange
from lienmach.record.transaction import Store, Transaction

CHANGED = "claims.changed"  # something that a claim quotes has another version now
_OF_VISIT = ("DiagnosticReport", "DocumentReference", "Specimen")
_OF_PERSON = ("Coverage", "Patient")
_REQUESTS_MAX = 50


async def consider_change(store: Store, job: Taken) -> None:
    """Let the claims that quote a resource which has changed be looked at.

    Safe to run twice because a look that waits already is not queued again, and looks are harmless.
    """
    kind, own = str(job.payload["type"]), str(job.payload["id"])
    async with store.begin(consideration.system(job.tenant)) as tx:
        for encounter_id in await _quoting(tx, kind, own):
            claims.reconsider(tx, encounter_id)


async def which(connection: asyncpg.Connection, tenant: int, changes: Sequence[Change]) -> list[Change]:
    """The changes of a commit that a claim may quote: those of a visit or person with a claim, in whatever state.

    A specimen names its visit by its orders, which are not read here: it always counts.
    """
    named = [(one, *_named(one)) for one in changes]
    rows = await connection.fetch(
        """select encounter_id, patient_id from claim where tenant = $1 and encounter_id = any($2)
           union all
           select distinct '', patient_id from claim where tenant = $1 and patient_id = any($3)""",
        tenant, [visit for _, visit, _ in named if visit], [person for _, _, person in named if person],
    )  # fmt: skip
    visits = {row["encounter_id"] for row in rows} - {""}
    people = {row["patient_id"] for row in rows if not row["encounter_id"]}
    return [one for one, visit, person in named if one.type == "Specimen" or visit in visits or person in people]


JOBS = (Job(CHANGED, consider_change),)
#: types of which a change may change a claim that waits or was sent, or the costs behind it
ON_CHANGE = tuple(OnChange(kind, CHANGED, which=which) for kind in (*_OF_VISIT, *_OF_PERSON))


def _named(change: Change) -> tuple[str, str]:
    """(visit, person) that a change is about, "" for none. What was deleted is quoted no more, but for a person."""
    if change.type == "Patient":
        return "", change.id
    if not change.body or change.type == "Specimen":
        return "", ""
    resource = resources.of(change.stored())
    if change.type == "Coverage":
        return "", resources.id_of(resource.get("beneficiary"), "Patient")
    return _visit_of(resource), ""


async def _quoting(tx: Transaction, kind: str, own: str) -> list[str]:
    """Ids of visits whose claim may change with a resource: those that wait or were sent, not what is settled.

    A specimen says whether the cost of its order counts: a paid claim is marked by it.
    """
    patient_id, living, encounters = own, ["waiting", "findings"], [""]
    if kind in _OF_VISIT:
        try:
            encounters = await _visits_of(tx, await resources.read(tx, kind, own))
        except (errors.NotFound, errors.Gone):
            return []
        patient_id, living = "", [*living, "ready", "sent", "accepted", "rejected"]
        living += ["paid"] if kind == "Specimen" else []
    elif kind == "Coverage":
        # A card that the portal answers late fills MA_DKBD of what still waits; what went keeps what it said.
        try:
            holder = (await resources.read(tx, kind, own)).get("beneficiary")
        except (errors.NotFound, errors.Gone):
            return []
        patient_id = resources.id_of(holder, "Patient")
    rows = await tx.fetch(
        """select encounter_id from claim where tenant = $1 and encounter_id = any($2) and state = any($4)
           union select encounter_id from claim where tenant = $1 and patient_id = $3 and state = any($4) limit 20""",
        tx.tenant.number, encounters, patient_id, living,
    )  # fmt: skip
    return [row["encounter_id"] for row in rows]


async def _visits_of(tx: Transaction, resource: Resource) -> list[str]:
    """Ids of the visits that a report, a paper or a specimen belongs to; a specimen by the orders that it is for."""
    if resource["resourceType"] != "Specimen":
        return [_visit_of(resource)]
    asked = [str(one.get("reference", "")) for one in resource.get("request", ())][:_REQUESTS_MAX]
    orders = [await resources.follow(tx, one) for one in asked if one.startswith("ServiceRequest/")]
    return [resources.id_of(one.get("encounter"), "Encounter") for one in orders]


def _visit_of(resource: Resource) -> str:
    """The visit of a report or a paper, "" for none."""
    named: Any = resource.get("encounter") or ((resource.get("context") or {}).get("encounter") or [{}])[0]
    return resources.id_of(named, "Encounter")
