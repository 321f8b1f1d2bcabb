"""What an Encounter says about a visit: the reading of our conventions, and what else of the record belongs to it.

Everyone below and beside `visits.py` may import this file. Codes of the lists: care/catalogues.py.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from lienmach.care import resources, systems

Resource = dict[str, Any]

CATEGORY = systems.EXTENSION + "visit-category"  # valueCodeableConcept of DOITUONG_KCB
CATEGORY_PROVISIONAL = systems.EXTENSION + "visit-category-provisional"  # valueBoolean, until the visit ends
COVERAGE = systems.EXTENSION + "visit-coverage"  # valueReference(Coverage)
PRIORITY_GROUP = systems.EXTENSION + "priority-group"  # valueCode
CANCEL_REASON = systems.EXTENSION + "visit-cancel-reason"  # valueString
RESULT = systems.EXTENSION + "treatment-result"  # valueCodeableConcept of ket-qua-dtri
RESULT_SYSTEM = "https://lienmach.org/fhir/CodeSystem/ket-qua-dtri"
OUTCOME_SYSTEM = "https://lienmach.org/fhir/CodeSystem/ma-loai-rv"  # Encounter.hospitalization.dischargeDisposition

ACT_PRIORITY = "http://terminology.hl7.org/CodeSystem/v3-ActPriority"  # Encounter.priority: EM, R

ENDS_WITH_DRUGS = frozenset({"02", "05", "07"})  # TIM-02: these end with the last day of drugs, at 23:59
OPEN = frozenset({"arrived", "in-progress"})


def extension_of(resource: Resource, url: str, value: str) -> Any:
    """The value (`valueCode` …) of an extension, or None."""
    for one in resource.get("extension", ()):
        if one.get("url") == url:
            return one.get(value)
    return None


def with_extension(resource: Resource, url: str, value: str, content: Any) -> Resource:
    """The resource with this extension set; content None takes it away."""
    kept = [one for one in resource.get("extension", ()) if one.get("url") != url]
    if content is not None:
        kept.append({"url": url, value: content})
    changed = {key: one for key, one in resource.items() if key != "extension"}
    return {**changed, "extension": kept} if kept else changed


def kind_of(encounter: Resource) -> str:
    """MA_LOAI_KCB, such as "01"; "" if none."""
    types = encounter.get("type") or [{}]
    return resources.code_of(types[0], systems.LOAI_KCB)


def category_of(encounter: Resource) -> str:
    """MA_DOITUONG_KCB, such as "1.1"; "" if none was chosen."""
    return resources.code_of(extension_of(encounter, CATEGORY, "valueCodeableConcept"), systems.DOITUONG_KCB)


def is_category_provisional(encounter: Resource) -> bool:
    """Whether the category still waits for the end of the visit."""
    return extension_of(encounter, CATEGORY_PROVISIONAL, "valueBoolean") is True


def coverage_of(encounter: Resource) -> str:
    """The id of the insurance card (Coverage) that the visit uses, or ""."""
    return resources.id_of(extension_of(encounter, COVERAGE, "valueReference"), "Coverage")


def patient_of(encounter: Resource) -> str:
    """The id of the person."""
    return resources.id_of(encounter.get("subject"), "Patient")


def room_of(encounter: Resource) -> str:
    """The id of the room (Location), or ""."""
    places = encounter.get("location") or [{}]
    return resources.id_of(places[0].get("location"), "Location")


def doctor_of(encounter: Resource) -> dict[str, str]:
    """The Reference to the doctor who holds the visit, {} while nobody does."""
    for one in encounter.get("participant", ()):
        individual: dict[str, str] = one.get("individual") or {}
        if individual:
            return individual
    return {}


def is_open(encounter: Resource) -> bool:
    """Whether the visit still takes orders and notes."""
    return encounter.get("status") in OPEN


def begun_at(encounter: Resource) -> datetime | None:
    """When the visit began (NGAY_VAO), aware."""
    return _moment(encounter, "start")


def ended_at(encounter: Resource) -> datetime | None:
    """When it ended (NGAY_RA), aware; None while it is open."""
    return _moment(encounter, "end")


def finished_at(encounter: Resource) -> datetime | None:
    """When the visit was signed and ended by its doctor, aware; None while it is open or if it was cancelled.

    Not NGAY_RA: a visit of its drugs' days ends on their last day.
    """
    for one in encounter.get("statusHistory", ()):
        if one.get("status") == "finished" and encounter.get("status") == "finished":
            return datetime.fromisoformat(str(one["period"]["start"]))
    return None


def started_at(encounter: Resource) -> datetime | None:
    """When the doctor started: the end of the time in which the person had arrived and waited."""
    for one in encounter.get("statusHistory", ()):
        if one.get("status") == "arrived" and (one.get("period") or {}).get("end"):
            return datetime.fromisoformat(str(one["period"]["end"]))
    return None


def day_of(encounter: Resource, zone: ZoneInfo, now: datetime) -> date:
    """The day by which dated lists hold for the visit: of its end, or today while it is open."""
    return (ended_at(encounter) or now).astimezone(zone).date()


def own_id(encounter_id: str, *words: str) -> str:
    """An id derived from the visit, so that its note or diagnosis is found without a search and exists once."""
    return hashlib.sha256("|".join((encounter_id, *words)).encode()).hexdigest()[:32]


def pending_of(tx: Any, resource_type: str, encounter_id: str) -> dict[str, Resource]:
    """Id -> resource of this type and visit that this unit of work has changed and not committed yet."""
    number = tx.definitions.type_number(resource_type)
    found = {}
    for (kind, own), change in tx.pending.items():
        if kind == number and change.op != "D":
            resource = resources.of(change.stored())
            if resources.id_of(resource.get("encounter"), "Encounter") == encounter_id:
                found[own] = resource
    return found


async def all_of(tx: Any, resource_type: str, encounter_id: str, *params: tuple[str, str]) -> list[Resource]:
    """Resources of this type and visit: as in the record, those of this unit of work in their place."""
    listed = await resources.find(tx, resource_type, ("encounter", f"Encounter/{encounter_id}"), *params)
    found = {one["id"]: one for one in listed}
    return list((found | pending_of(tx, resource_type, encounter_id)).values())


def _moment(encounter: Resource, edge: str) -> datetime | None:
    text = (encounter.get("period") or {}).get(edge)
    return datetime.fromisoformat(str(text)) if text else None
