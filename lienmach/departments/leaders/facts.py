"""What resources say about a visit, read into the rows that leaders' figures are made of. Pure: values in, rows out.

An antibiotic for systemic use is ATC group J01; it is injected if the route of the line, or of its drug in the list,
says so. What a prescription costs is what its lines would cost at the price of the day on which they were written,
whoever pays and however much was fetched.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from lienmach.base import errors
from lienmach.care import (
    charge_lines,
    charges,
    drug_facts,
    drug_lines,
    person_draft,
    prescriptions,
    resources,
    systems,
    visit_diagnoses,
    visit_facts,
)
from lienmach.care.money import statement
from lienmach.departments.leaders import icd_blocks

Resource = dict[str, Any]
ANTIBIOTIC = "J01"  # ATC: antibacterials for systemic use
INJECTED = frozenset({"tiem", "tiem_bap", "tiem_tinh_mach", "tiem_duoi_da", "truyen"})
_INJECTED_BHYT = "2."  # the insurer's list of routes: group 2 is injection
_ATC = "http://www.whocc.no/atc"
_COMMUNE = person_draft.COMMUNE_SYSTEM
_COUNTED = charges.COUNTED
_BANDS = ((1, "0"), (6, "1-5"), (16, "6-15"), (40, "16-39"), (60, "40-59"), (75, "60-74"))
_OLDEST = "75+"
BANDS = (*(name for _, name in _BANDS), _OLDEST)


@dataclass(frozen=True)
class Drug:
    """What the list says of a drug. prices: (first day, last day or None, đồng a unit), newest first."""

    atc: str = ""
    is_injected: bool = False
    prices: tuple[tuple[date, date | None, Decimal], ...] = ()

    def price_on(self, day: date) -> Decimal | None:
        """Đồng a unit on a day, or None."""
        return next(
            (price for first, last, price in self.prices if first <= day and (last is None or day <= last)), None
        )


@dataclass(frozen=True)
class Line:
    """One line of a prescription. cost_vnd: None where nobody knows the price."""

    request_id: str
    encounter_id: str
    drug_code: str
    is_standing: bool
    is_antibiotic: bool
    is_injected: bool
    cost_vnd: int | None
    written_on: date | None


@dataclass(frozen=True)
class Statement:
    """A cost statement: what the visit costs, what the person and what the fund pay, in whole đồng."""

    invoice_id: str
    encounter_id: str
    is_current: bool
    closed_at: datetime
    total_vnd: int
    patient_vnd: int
    fund_vnd: int


def is_injected(data: Mapping[str, Any]) -> bool:
    """Whether the list's data of a drug say that it is injected."""
    return str(data.get("route", "")) in INJECTED or str(data.get("route_bhyt", "")).startswith(_INJECTED_BHYT)


def encounter_of(resource: Resource) -> str:
    """The id of the visit that a resource belongs to, or ""."""
    own = resource.get("encounter") or resource.get("context")
    if own is None and resource.get("resourceType") == "Invoice":
        own = visit_facts.extension_of(resource, statement.ENCOUNTER, "valueReference")
    return resources.id_of(own, "Encounter")


def drug_code_of(request: Resource) -> str:
    """Our code of the drug that a MedicationRequest names, contained or in itself; "" if none."""
    held = request.get("contained") or [{}]
    return next(iter(drug_facts.drug_codes(request, held[0])), "")


def line_of(request: Resource, drugs: Mapping[str, Drug], zone: ZoneInfo) -> Line:
    """The row of a MedicationRequest. drugs: by our code."""
    code = drug_code_of(request)
    drug = drugs.get(code, Drug())
    written = _moment(request.get("authoredOn"))
    day = written.astimezone(zone).date() if written else None
    atc = resources.code_of(request.get("medicationCodeableConcept"), _ATC) or drug.atc
    route = resources.code_of((request.get("dosageInstruction") or [{}])[0].get("route"), drug_lines.ROUTE)
    quantity = _decimal(((request.get("dispenseRequest") or {}).get("quantity") or {}).get("value"))
    price = drug.price_on(day) if day else None
    cost = None if price is None or quantity is None else _whole(price * quantity)
    is_standing = request.get("status") in prescriptions.STANDING and request.get("intent") in drug_facts.ORDERS
    return Line(
        request["id"], encounter_of(request), code, is_standing, atc.startswith(ANTIBIOTIC),
        route in INJECTED or drug.is_injected, cost, day,
    )  # fmt: skip


def charge_of(item: Resource, zone: ZoneInfo) -> int:
    """What a ChargeItem adds to its visit at the facility's price, in whole đồng; 0 for what does not count."""
    if item.get("status") not in _COUNTED:
        return 0
    try:
        line = charge_lines.read(item, zone).line
    except (errors.Unprocessable, KeyError, ValueError, InvalidOperation):
        return 0  # a cost of another house carries no terms of ours
    return _whole(line.quantity * line.don_gia_bv)


def statement_of(invoice: Resource) -> Statement | None:
    """The row of a cost statement; None for an Invoice that is none of ours."""
    packed = visit_facts.extension_of(invoice, statement.SNAPSHOT, "valueBase64Binary")
    encounter_id = encounter_of(invoice)
    closed = _moment(invoice.get("date"))
    if not packed or not encounter_id or closed is None:
        return None
    try:
        said = msgspec.json.decode(base64.b64decode(packed))
        totals = said["totals"]
        amounts = [
            _whole(Decimal(str(one))) for one in (totals["T_TONGCHI_BV"], said["patient_total"], totals["T_BHTT"])
        ]
    except (KeyError, TypeError, ValueError, binascii.Error, msgspec.DecodeError, InvalidOperation):
        return None
    return Statement(invoice["id"], encounter_id, invoice.get("status") == "issued", closed, *amounts)


def visit_of(encounter: Resource, patient: Resource, condition: Resource, zone: ZoneInfo) -> dict[str, Any] | None:
    """The row of an Encounter without what is summed over its lines; None for one that has no beginning.

    patient, condition: the person and the main diagnosis, {} where the record does not hold them.
    """
    begun = visit_facts.begun_at(encounter)
    if begun is None or encounter.get("status") in ("planned", "entered-in-error"):
        return None
    local = begun.astimezone(zone)
    doctor = visit_facts.doctor_of(encounter)
    places = encounter.get("location") or [{}]
    icd = resources.code_of(condition.get("code"), systems.ICD10) or _icd_said(encounter)
    service = encounter.get("serviceType") or {}
    return {
        "encounter_id": encounter["id"],
        "patient_id": visit_facts.patient_of(encounter),
        "condition_id": main_condition_of(encounter),
        "facility": resources.id_of(encounter.get("serviceProvider"), "Organization"),
        "day": local.date(),
        "hour": local.hour,
        "begun_at": begun,
        "signed_at": visit_facts.finished_at(encounter) if _tells_when(encounter) else visit_facts.ended_at(encounter),
        "state": str(encounter.get("status", "")),
        "doctor": str(doctor.get("reference", "")),
        "doctor_name": str(doctor.get("display", ""))[:200],
        "specialty": resources.code_of(service, systems.SPECIALTY),
        "room": visit_facts.room_of(encounter),
        "room_name": str((places[0].get("location") or {}).get("display", ""))[:200],
        "icd": icd,
        "block": icd_blocks.block(icd),
        "chapter": icd_blocks.chapter(icd),
        "age_band": age_band(str(patient.get("birthDate", "")), local.date()),
        "sex": str(patient.get("gender", "")),
        "commune": commune_of(patient),
        "is_insured": bool(visit_facts.coverage_of(encounter)),
        "is_booked": bool(encounter.get("appointment")),
    }


def main_condition_of(encounter: Resource) -> str:
    """The id of the Condition that is the main diagnosis, or ""."""
    named = sorted(encounter.get("diagnosis", ()), key=lambda one: int(one.get("rank", 99)))
    return resources.id_of(named[0].get("condition"), "Condition") if named else ""


def age_band(birth: str, on: date) -> str:
    """The band of an age on a day; "" where the birth date is not known. A bare year counts from its middle."""
    parts = birth.split("-")
    if not parts[0].isdecimal() or len(parts[0]) != 4:
        return ""
    numbers = [int(one) for one in parts if one.isdecimal()]
    month, day = (numbers[1] if len(numbers) > 1 else 7), (numbers[2] if len(numbers) > 2 else 1)
    years = on.year - numbers[0] - ((on.month, on.day) < (month, day))
    return next((name for below, name in _BANDS if years < below), _OLDEST)


def commune_of(patient: Resource) -> str:
    """The code of the commune of residence, of the first address that has one; "" if none."""
    for address in patient.get("address", ()):
        found = _commune_in(address)
        if found:
            return found
    return ""


def _commune_in(node: Any) -> str:
    """The commune's coding, wherever in the address its extension stands."""
    if isinstance(node, dict):
        if node.get("system") == _COMMUNE:
            return str(node.get("code") or node.get("value") or "")
        node = list(node.values())
    if isinstance(node, list):
        return next((found for one in node if isinstance(one, (dict, list)) and (found := _commune_in(one))), "")
    return ""


def _icd_said(encounter: Resource) -> str:
    code = next(iter(visit_diagnoses.codes_of(encounter)), "")
    return code if icd_blocks.category(code) else ""


def _tells_when(encounter: Resource) -> bool:
    return bool(encounter.get("statusHistory"))


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _decimal(value: Any) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None


def _whole(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_HALF_UP))
