"""What the head of a cost statement says about patient, card and visit, as it was when it was closed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from lienmach.care import catalogues, coverages, facility, papers_data, resources, systems, visit_diagnoses, visit_facts
from lienmach.care.coverages import InsuredCard
from lienmach.care.facility import Facility
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction


async def read(
    tx: Transaction, encounter: Resource, cards: tuple[dict[str, str], ...], home: Facility
) -> dict[str, Any]:
    """The head. Times are dd/mm/yyyy HH:MM; result, outcome, category and kind are {code, name}."""
    patient = await resources.read(tx, "Patient", visit_facts.patient_of(encounter))
    zone, today = tx.tenant.time_zone, tx.now.astimezone(tx.tenant.time_zone).date()
    begun_at, ended_at = visit_facts.begun_at(encounter), visit_facts.ended_at(encounter)
    on = (begun_at or tx.now).astimezone(zone).date()
    person = papers_data.patient_of(patient, today)
    conditions = await visit_diagnoses.of_visit(tx, encounter)
    place = (encounter.get("location") or [{}])[0].get("location", {})
    category, kind = visit_facts.category_of(encounter), visit_facts.kind_of(encounter)
    return {
        "facility": papers_data.facility_of(home),
        "patient": {name: value for name, value in person.items() if name != "address"},
        "address": person["address"],
        "card": cards[0] if cards else {},
        "diagnoses": [
            [resources.code_of(one["code"], systems.ICD10), str(one["code"].get("text", ""))] for one in conditions
        ],
        "arrived": papers_data.moment(begun_at.astimezone(zone)) if begun_at else "",
        "ended": papers_data.moment(ended_at.astimezone(zone)) if ended_at else "",
        "result": _said(visit_facts.extension_of(encounter, visit_facts.RESULT, "valueCodeableConcept")),
        "outcome": _said((encounter.get("hospitalization") or {}).get("dischargeDisposition")),
        "category": {"code": category, "name": await _name(tx, "ma-doituong-kcb", category, on)},
        "kind": {"code": kind, "name": await _name(tx, "ma-loai-kcb", kind, on)},
        "department": str((encounter.get("serviceType") or {}).get("text", "")),
        "room": str(place.get("display", "")),
    }


def card_of(card: InsuredCard) -> dict[str, str]:
    """A card as text, dates as yyyy-mm-dd."""
    return {
        "number": card.number,
        "object_code": card.object_code,
        "level": card.level,
        "initial_facility": card.initial_facility,
        "from_on": _day(card.from_on),
        "to_on": _day(card.to_on),
        "five_years_on": _day(card.five_years_on),
        "exempt_from": card.exempt_from.isoformat() if card.exempt_from else "",
        "area": card.area,
        "result_code": card.result_code,
        "checked_at": card.checked_at.isoformat() if card.checked_at else "",
        "coverage_id": card.coverage_id,
    }


async def facility_of(tx: Transaction, encounter: Resource) -> Facility:
    """The facility of a visit, of the actor where the visit names none."""
    own = resources.id_of(encounter.get("serviceProvider"), "Organization")
    return await (facility.facility(tx, own) if own else facility.home(tx))


async def locked_card(tx: Transaction, encounter: Resource) -> InsuredCard | None:
    """The card that a visit names if the portal has withdrawn it or does not know it and no other card stands in."""
    known = await coverages.of_patient(tx, visit_facts.patient_of(encounter))
    if any(one.is_active for one in known):
        return None
    named = visit_facts.coverage_of(encounter)
    return next((one for one in sorted(known, key=lambda one: one.coverage_id != named)), None)


async def _name(tx: Transaction, list_name: str, code: str, on: date) -> str:
    row = await catalogues.get(tx, list_name, code, on=on) if code else None
    return row.name if row is not None else ""


def _said(concept: Resource | None) -> dict[str, str]:
    coding = ((concept or {}).get("coding") or [{}])[0]
    return {"code": str(coding.get("code", "")), "name": str((concept or {}).get("text") or coding.get("display", ""))}


def _day(on: date | datetime | None) -> str:
    return on.isoformat() if on else ""
