"""What a printed paper of a visit says, as the JSON that its template takes (care/paper/<kind>.sample.json)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from lienmach.care import (
    banner,
    catalogues,
    coverages,
    facility,
    notes,
    resources,
    signing,
    systems,
    visit_cards,
    visit_diagnoses,
    visit_facts,
    vitals,
)
from lienmach.care.facility import Facility
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import ethnic_groups, formats, identity, names

_SEX = {"male": "Nam", "female": "Nữ", "other": "Khác"}


@dataclass(frozen=True)
class PaperVisit:
    """A visit with everything that its papers quote. note: texts by section. diagnoses: (code, name), main first."""

    encounter: Resource
    patient: Resource
    home: Facility
    note: dict[str, str]
    diagnoses: tuple[tuple[str, str], ...]
    visit_at: datetime
    today: date

    @property
    def visit_on(self) -> date:
        return self.visit_at.date()


async def read(tx: Transaction, encounter_id: str) -> PaperVisit:
    """The visit for its papers. Raises errors.NotFound, Refused."""
    encounter = await resources.read(tx, "Encounter", encounter_id)
    zone = tx.tenant.time_zone
    provider = resources.id_of(encounter.get("serviceProvider"), "Organization")
    conditions = await visit_diagnoses.of_visit(tx, encounter)
    return PaperVisit(
        encounter,
        await resources.read(tx, "Patient", visit_facts.patient_of(encounter)),
        await (facility.facility(tx, provider) if provider else facility.home(tx)),
        notes.texts_of(await notes.find(tx, encounter_id)),
        tuple((resources.code_of(one["code"], systems.ICD10), str(one["code"].get("text", ""))) for one in conditions),
        (visit_facts.begun_at(encounter) or tx.now).astimezone(zone),
        tx.now.astimezone(zone).date(),
    )


def facility_of(home: Facility) -> dict[str, str]:
    """The head of a paper."""
    return {"name": home.name, "parent": "", "code": home.code, "address": home.address, "phone": home.phone}


def patient_of(patient: Resource, on: date) -> dict[str, str]:
    """Who it is about; a number that is not known is ""."""
    strip = banner.build(patient, today=on)
    said = {key: _number(patient, key) for key in ("cccd", "cmnd", "record", "facility", "bhxh")}
    card = coverages.number_of(patient)
    return {
        "name": names.shown(patient),
        "birth": formats.write_date(str(patient.get("birthDate", ""))),
        "age": strip.age,
        "sex": _SEX.get(str(patient.get("gender", "")), ""),
        "code": said["record"] or said["facility"],
        "citizen_number": said["cccd"] or said["cmnd"],
        "insurance_number": card,
        "social_number": said["bhxh"] or card[5:],
        "address": "" if strip.address == "Chưa rõ" else strip.address,
        "phone": "" if strip.phone == "Chưa rõ" else strip.phone,
    }


def chosen(values: Mapping[str, str], names_wanted: str) -> dict[str, str]:
    """The members that a sheet has; `names_wanted` are words divided by spaces."""
    return {name: values[name] for name in names_wanted.split()}


def guardian_of(patient: Resource) -> dict[str, str]:
    """Who comes along with a child, as the Patient names them."""
    for one in patient.get("contact", ()):
        name = names.shown({"name": [one.get("name", {})]})
        if name:
            return {"guardian": name, "guardian_number": ""}
    return {"guardian": "", "guardian_number": ""}


async def weight_of(tx: Transaction, visit: PaperVisit) -> str:
    """The newest weight with its unit, or ""."""
    found = (await vitals.latest(tx, visit.patient["id"])).get("weight")
    return f"{number(found.value)} {found.measure.unit}" if found else ""


async def signed_by(tx: Transaction, reference: str, role: str, name: str) -> list[dict[str, str]]:
    """The signature block of who wrote a resource: when it was signed, or that it is not signed yet."""
    own = [one for one in await signing.verify(tx, reference) if one.login and one.state == "ok"]
    at = own[-1].signed_at if own else None
    text = f"Đã ký số {at.astimezone(tx.tenant.time_zone):%d/%m/%Y %H:%M:%S}" if at else "Chưa ký số"
    return [{"role": role, "name": name, "text": text}]


def local(tx: Transaction, text: str) -> datetime:
    """A FHIR instant in the tenant's zone."""
    return datetime.fromisoformat(text).astimezone(tx.tenant.time_zone)


def visit_of(visit: PaperVisit) -> dict[str, str]:
    """The visit's number, room and times."""
    place = (visit.encounter.get("location") or [{}])[0].get("location", {})
    ended_at = visit_facts.ended_at(visit.encounter)
    return {
        "code": resources.identifier_of(visit.encounter, systems.VISIT),
        "department": str((visit.encounter.get("serviceType") or {}).get("text", "")),
        "room": str(place.get("display", "")),
        "at": moment(visit.visit_at),
        "from": moment(visit.visit_at),
        "to": moment(ended_at.astimezone(visit.visit_at.tzinfo)) if ended_at else "",
    }


def diagnosis_of(visit: PaperVisit, *, others: bool = True) -> str:
    """The diagnoses in one line, main first."""
    shown = visit.diagnoses if others else visit.diagnoses[:1]
    return "; ".join(f"{code} {name}".strip() for code, name in shown)


def comorbidity_of(visit: PaperVisit) -> str:
    """The diagnoses beside the main one."""
    return "; ".join(f"{code} {name}".strip() for code, name in visit.diagnoses[1:])


async def vitals_of(tx: Transaction, visit: PaperVisit) -> list[dict[str, str]]:
    """The vital signs of this visit as name, value with unit, mark."""
    latest = await vitals.latest(tx, visit.patient["id"])
    own = {name: one for name, one in latest.items() if one.encounter_id == visit.encounter["id"]}
    found = []
    if "systolic" in own and "diastolic" in own:
        high, low = own.pop("systolic"), own.pop("diastolic")
        found.append(
            {
                "name": "Huyết áp",
                "value": f"{number(high.value)}/{number(low.value)} {high.measure.unit}",
                "mark": _mark(high.flag or low.flag),
            }
        )
    return found + [
        {"name": one.measure.title, "value": f"{number(one.value)} {one.measure.unit}", "mark": _mark(one.flag)}
        for one in own.values()
    ]


def place_and_date(home: Facility, on: date) -> str:
    """The line above the signatures."""
    town = home.address.rpartition(",")[2].strip()
    said = f"ngày {on.day:02} tháng {on.month:02} năm {on.year}"
    return f"{town}, {said}" if town else said[:1].upper() + said[1:]


def signatures(people: Sequence[tuple[str, str]], at: datetime) -> list[dict[str, str]]:
    """Who signs, as (role, name), and when."""
    return [{"role": role, "name": name, "text": f"Đã ký số {at:%d/%m/%Y %H:%M:%S}"} for role, name in people]


def ethnic_group_of(patient: Resource) -> str:
    """The ethnic group by its code, or ""."""
    known = {one.code: one.name for one in ethnic_groups.all_groups()}
    for one in patient.get("extension", ()):
        coding = one.get("valueCoding") or ((one.get("valueCodeableConcept") or {}).get("coding") or [{}])[0]
        if "ethnic" in str(one.get("url", "")) and coding.get("code") in known:
            return known[str(coding["code"])]
    return ""


def occupation_of(patient: Resource) -> str:
    """The occupation where the Patient tells it in an extension, as sent by others too; "" if not."""
    for one in patient.get("extension", ()):
        if "occupation" in str(one.get("url", "")).lower():
            concept = one.get("valueCodeableConcept") or {"coding": [one.get("valueCoding") or {}]}
            shown = concept.get("text") or (concept.get("coding") or [{}])[0].get("display")
            return str(shown or one.get("valueString") or "")
    return ""


async def card_until(tx: Transaction, visit: PaperVisit) -> str:
    """The last day of the card of a visit, or "" without a card or where nobody has said it."""
    cards = await visit_cards.of_visit(tx, visit.encounter)
    return day(cards[0].to_on) if cards and cards[0].to_on else ""


async def holidays(tx: Transaction) -> frozenset[date]:
    """The public holidays that the facility's list holds."""
    found = set()
    for one in await catalogues.all_of(tx, "public-holiday", on=tx.now.astimezone(tx.tenant.time_zone).date()):
        try:
            found.add(date.fromisoformat(one.code))
        except ValueError:
            continue
    return frozenset(found)


def day(on: date) -> str:
    """dd/mm/yyyy."""
    return f"{on:%d/%m/%Y}"


def moment(at: datetime) -> str:
    """dd/mm/yyyy HH:MM."""
    return f"{at:%d/%m/%Y %H:%M}"


def number(value: Any) -> str:
    """A number with a comma, as people write it."""
    return formats.write_number(value)


def _mark(flag: str) -> str:
    return "" if flag in ("", "N") else flag


def _number(patient: Resource, key: str) -> str:
    for one in patient.get("identifier", ()):
        kind = identity.kind_of_system(str(one.get("system", "")))
        if kind is not None and kind.key == key:
            return str(one.get("value", ""))
    return ""
