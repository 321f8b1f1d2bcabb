"""Everything that a claim says of one visit, gathered from the record in one go; the tables are pure functions of it.

Gathered by whoever may read all of it (the system, the doctor); what belongs to a department is read here by the
conventions of its resources, never by its code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from lienmach.care import (
    catalogues,
    charges,
    facility,
    notes,
    papers,
    prescriptions,
    resources,
    systems,
    visit_cards,
    visit_facts,
    visit_origin,
)
from lienmach.care.catalogues import Row
from lienmach.care.claims import accepted, money_lines
from lienmach.care.claims.money_lines import Money
from lienmach.care.coverages import InsuredCard
from lienmach.care.facility import Facility
from lienmach.care.papers import Paper
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction

#: Observation of the laboratory: who passed it technically (departments/laboratory keeps it so).
TECHNICAL = systems.EXTENSION + "technical-validation"
RELEASED = frozenset({"final", "corrected", "amended", "appended"})
_OTHER_RESULTS = frozenset({"entered-in-error", "cancelled", "registered", "preliminary"})
_COUNT = 500


@dataclass(frozen=True)
class Facts:
    """One visit. Times are local. now: the moment for what has not ended yet. settled_at: NGAY_TTOAN, None: unpaid.

    diagnoses: (ICD-10, name), main first. orders, requests: by id. dispenses: completed ones by id of the request,
    oldest first. reports: by id of the order. observations: by id. papers: current, newest first. licences, people:
    licence and name by id of the Practitioner. departments: MA_KHOA by id of the Location. slip: number of the paper
    that the patient brought; slip_from: MA_CSKCB that gave it. settle_on: a day of the month of settlement, None: of
    the end of the visit.
    """

    encounter: Resource
    patient: Resource
    home: Facility
    zone: ZoneInfo
    now: datetime
    cards: tuple[InsuredCard, ...]
    diagnoses: tuple[tuple[str, str], ...]
    note: Resource | None
    money: Money
    orders: dict[str, Resource]
    requests: dict[str, Resource]
    dispenses: dict[str, tuple[Resource, ...]]
    reports: dict[str, Resource]
    observations: dict[str, Resource]
    papers: tuple[Paper, ...]
    licences: dict[str, str]
    people: dict[str, str]
    departments: dict[str, str]
    drugs: dict[str, Row] = field(default_factory=dict)
    services: dict[str, Row] = field(default_factory=dict)
    indicators: dict[str, Row] = field(default_factory=dict)
    accepted_drugs: dict[str, Row] = field(default_factory=dict)
    accepted_services: dict[str, Row] = field(default_factory=dict)
    machines: tuple[Row, ...] = ()
    head: str = ""
    slip: str = ""
    slip_from: str = ""
    settled_at: datetime | None = None
    settle_on: date | None = None

    @property
    def key(self) -> str:
        """MA_LK."""
        return resources.identifier_of(self.encounter, systems.VISIT)

    @property
    def kind(self) -> str:
        """MA_LOAI_KCB."""
        return visit_facts.kind_of(self.encounter) or "01"

    @property
    def begun_at(self) -> datetime:
        """NGAY_VAO."""
        return (visit_facts.begun_at(self.encounter) or self.now).astimezone(self.zone)

    @property
    def ended_at(self) -> datetime:
        """NGAY_RA; provisionally now while the visit is open."""
        return (visit_facts.ended_at(self.encounter) or self.now).astimezone(self.zone)

    @property
    def finished_at(self) -> datetime:
        """When the doctor signed; now while the visit is open."""
        return (visit_facts.finished_at(self.encounter) or self.now).astimezone(self.zone)

    @property
    def visit_on(self) -> date:
        """The day by which lists and the version of the tables are chosen."""
        return self.begun_at.date()

    @property
    def doctor(self) -> str:
        """The id of the Practitioner who holds the visit."""
        return resources.id_of(visit_facts.doctor_of(self.encounter), "Practitioner")

    def local(self, text: Any) -> datetime | None:
        """A FHIR instant in the facility's time, None for none."""
        if not text or "T" not in str(text):
            return None
        return datetime.fromisoformat(str(text).replace("Z", "+00:00")).astimezone(self.zone)

    def licence(self, reference: Any) -> str:
        """The licence of who a Reference names, or ""."""
        return self.licences.get(resources.id_of(reference, "Practitioner"), "")

    def department(self, location: Any = None) -> str:
        """MA_KHOA of a Reference to a room, else of the visit's first room."""
        own = self.departments.get(resources.id_of(location, "Location"), "") if location else ""
        return own or next((self.departments.get(one, "") for one in rooms_of(self.encounter)), "")

    def paper(self, kind: str) -> Paper | None:
        """The current paper of a kind, or None."""
        return next((one for one in self.papers if one.kind == kind), None)


async def gather(
    tx: Transaction,
    encounter_id: str,
    statement: Any = None,
    *,
    settled_at: datetime | None = None,
    settle_on: date | None = None,
) -> Facts:
    """The facts of a visit. statement: the closed one whose snapshot is used, None: costs as they stand.

    Raises errors.NotFound, errors.Refused for who may not read all of it, errors.Unprocessable for unpriced costs.
    """
    encounter = await resources.read(tx, "Encounter", encounter_id)
    patient = await resources.read(tx, "Patient", visit_facts.patient_of(encounter))
    provider = resources.id_of(encounter.get("serviceProvider"), "Organization")
    home = await (facility.facility(tx, provider) if provider else facility.home(tx))
    zone = tx.tenant.time_zone
    orders = {one["id"]: one for one in await visit_facts.all_of(tx, "ServiceRequest", encounter_id)}
    requests = {one["id"]: one for one in await visit_facts.all_of(tx, "MedicationRequest", encounter_id)}
    reports = _by_order(await visit_facts.all_of(tx, "DiagnosticReport", encounter_id))
    observed = await visit_facts.all_of(tx, "Observation", encounter_id)
    dispenses = await _dispenses(tx, encounter_id) if requests else {}
    items = await charges.items_of_visit(tx, encounter_id)
    if statement is not None:
        money = await money_lines.of_statement(tx, statement, items)
    else:
        money = await money_lines.as_they_stand(tx, encounter_id, items, _certain(requests, reports))
    note = await notes.find(tx, encounter_id)
    slip, slip_from = await _slip(tx, encounter, encounter_id)
    found = Facts(
        encounter=encounter,
        patient=patient,
        home=home,
        zone=zone,
        now=tx.now.astimezone(zone),
        cards=tuple(await visit_cards.of_visit(tx, encounter)),
        diagnoses=await _diagnoses(tx, encounter),
        note=note,
        money=money,
        orders=orders,
        requests=requests,
        dispenses=dispenses,
        reports=reports,
        observations={one["id"]: one for one in observed if one.get("status") not in _OTHER_RESULTS},
        papers=tuple(one for one in await papers.of_visit(tx, encounter_id) if one.is_current),
        licences={},
        people={},
        departments={},
        slip=slip,
        slip_from=slip_from,
        settled_at=settled_at.astimezone(zone) if settled_at else None,
        settle_on=settle_on,
    )
    return await _with_lists(tx, found)


async def _with_lists(tx: Transaction, found: Facts) -> Facts:
    """The same with people, rooms and rows of the lists that it names."""
    on = found.visit_on
    people = await resources.read_many(tx, "Practitioner", _named(found, "Practitioner"))
    places = await resources.read_many(tx, "Location", {*_named(found, "Location"), *rooms_of(found.encounter)})
    drugs = {line.code for line in found.money.lines if line.is_drug}
    drugs |= {drug_of(one) for group in found.dispenses.values() for one in group}
    services = {line.code for line in found.money.lines if not line.is_drug}
    indicators = {code for one in found.observations.values() if (code := indicator_of(one))}
    machines = await accepted.machines(tx, on) if found.reports else []
    return Facts(
        **{
            **vars(found),
            "licences": {own: resources.identifier_of(one, systems.LICENCE) for own, one in people.items()},
            "people": {own: _name(one) for own, one in people.items()},
            "departments": {own: _department(one) for own, one in places.items()},
            "drugs": await _rows(tx, "drug", drugs, on),
            "services": await _rows(tx, "service", services, on),
            "indicators": await _rows(tx, "indicator", indicators, on),
            "accepted_drugs": await accepted.of_codes(tx, accepted.DRUGS, drugs, on),
            "accepted_services": await accepted.of_codes(tx, accepted.SERVICES, services, on),
            "machines": tuple(machines),
            "head": await accepted.head_of(tx, on),
        }
    )


def rooms_of(encounter: Resource) -> list[str]:
    """Ids of the rooms of a visit, in the order in which it came to them."""
    found = [resources.id_of(one.get("location"), "Location") for one in encounter.get("location", ())]
    return list(dict.fromkeys(one for one in found if one))


def drug_of(dispense: Resource) -> str:
    """The code of the drug that was handed over: a substitute is another one than was written."""
    for one in dispense.get("contained", ()):
        if one.get("resourceType") == "Medication":
            return resources.code_of(one.get("code"), systems.DRUG)
    return resources.code_of(dispense.get("medicationCodeableConcept"), systems.DRUG)


def indicator_of(observation: Resource) -> str:
    """The code of the test that an Observation is of, or ""."""
    return resources.code_of(observation.get("code"), systems.INDICATOR)


def is_released(report: Resource | None) -> bool:
    """Whether every result of an order was released."""
    return report is not None and report.get("status") in RELEASED


def passed_by(observation: Resource) -> dict[str, str]:
    """The Reference to who passed a result technically, {} for nobody."""
    for one in observation.get("extension", ()):
        if one.get("url") == TECHNICAL:
            for part in one.get("extension", ()):
                if part.get("url") == "who":
                    who: dict[str, str] = part.get("valueReference") or {}
                    return who
    return {}


async def _dispenses(tx: Transaction, encounter_id: str) -> dict[str, tuple[Resource, ...]]:
    listed = await resources.find(tx, "MedicationDispense", ("context", f"Encounter/{encounter_id}"), count=_COUNT)
    found: dict[str, list[Resource]] = {}
    for one in sorted(listed, key=lambda one: (str(one.get("whenHandedOver", "")), one["id"])):
        if one.get("status") == "completed":
            for cause in one.get("authorizingPrescription", ()):
                found.setdefault(resources.id_of(cause, "MedicationRequest"), []).append(one)
    return {own: tuple(group) for own, group in found.items()}


def _by_order(reports: list[Resource]) -> dict[str, Resource]:
    found = {}
    for one in reports:
        if one.get("status") not in ("entered-in-error", "cancelled"):
            for cause in one.get("basedOn", ()):
                found[resources.id_of(cause, "ServiceRequest")] = one
    return found


def _certain(requests: dict[str, Resource], reports: dict[str, Resource]) -> set[str]:
    """Causes that are not done yet and still count: drugs that stand written, tests whose specimen was taken."""
    drugs = {f"MedicationRequest/{own}" for own, one in requests.items() if one.get("status") in prescriptions.STANDING}
    return drugs | {f"ServiceRequest/{own}" for own, one in reports.items() if one.get("specimen")}


async def _diagnoses(tx: Transaction, encounter: Resource) -> tuple[tuple[str, str], ...]:
    named = sorted(encounter.get("diagnosis", ()), key=lambda one: int(one.get("rank", 99)))
    own = [resources.id_of(one.get("condition"), "Condition") for one in named]
    found = await resources.read_many(tx, "Condition", own)
    found |= visit_facts.pending_of(tx, "Condition", encounter["id"])
    return tuple(
        (resources.code_of(found[one].get("code"), systems.ICD10), str(found[one]["code"].get("text", "")))
        for one in own
        if one in found
    )


async def _slip(tx: Transaction, encounter: Resource, encounter_id: str) -> tuple[str, str]:
    """(number, MA_CSKCB that gave it) of the referral or appointment slip with which the patient came."""
    brought = visit_origin.of(encounter)
    if brought.referral:
        return brought.referral, brought.from_code
    used = await tx.fetch(
        "select number from slip_use where tenant = $1 and encounter_id = $2 limit 1", tx.tenant.number, encounter_id
    )
    return (str(used[0]["number"]) if used else ""), brought.from_code


def _named(found: Facts, kind: str) -> set[str]:
    """Ids of a type that the visit's resources refer to."""
    own: set[str] = set()
    groups = [
        [found.encounter, found.note or {}],
        found.orders.values(),
        found.requests.values(),
        found.reports.values(),
        found.observations.values(),
    ]
    for group in groups:
        for one in group:
            _collect(one, kind + "/", own)
    own |= {resources.id_of(line.performer, kind) for line in found.money.lines}
    return own - {""}


def _collect(value: Any, prefix: str, into: set[str]) -> None:
    if isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str) and reference.startswith(prefix):
            into.add(reference[len(prefix) :].split("/")[0])
        for one in value.values():
            _collect(one, prefix, into)
    elif isinstance(value, list):
        for one in value:
            _collect(one, prefix, into)


async def _rows(tx: Transaction, list_name: str, codes: set[str], on: date) -> dict[str, Row]:
    wanted = codes - {""}
    return await catalogues.get_many(tx, list_name, wanted, on=on) if wanted else {}


def _name(practitioner: Resource) -> str:
    return str((practitioner.get("name") or [{}])[0].get("text", ""))


def _department(location: Resource) -> str:
    return next((code for one in location.get("type", ()) if (code := resources.code_of(one, systems.KHOA))), "")
