"""A line of a prescription as a MedicationRequest, and back: our own way to write what `drug_lines.read` understands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from lienmach.base import clock
from lienmach.care import drug_facts, drug_lines, prescription_words, resources, systems
from lienmach.care.catalogues import Row
from lienmach.care.drug_lines import WHEN, RxLine

Resource = dict[str, Any]
LINE = "https://lienmach.org/sid/prescription-line"  # MedicationRequest.identifier: code and number of the line
ATC = "http://www.whocc.no/atc"
VALID_DAYS = 5  # TT 26/2025/TT-BYT: to be fetched within 5 days of the day written, anywhere in the country
_UCUM = "http://unitsofmeasure.org"


@dataclass(frozen=True)
class Setting:
    """What all lines of one prescription share."""

    encounter: Resource
    code: str
    at: datetime
    day: date
    requester: dict[str, str]
    prior: str = ""


def build(setting: Setting, number: int, drug: Row, line: RxLine, reasons: Mapping[str, str]) -> Resource:
    """The MedicationRequest of a line. number: from 1, in the order of the paper. reasons: danger key -> reason."""
    until = setting.day + timedelta(days=VALID_DAYS)
    codings = [resources.coding(systems.DRUG, drug.code, drug.name)]
    if drug.data.get("atc"):
        codings.append(resources.coding(ATC, drug.data["atc"]))
    request: Resource = {
        "resourceType": "MedicationRequest",
        "extension": [
            {"url": drug_lines.PAYER, "valueCode": line.payer},
            *(
                {
                    "url": drug_facts.OVERRIDE,
                    "extension": [{"url": "danger", "valueString": key}, {"url": "reason", "valueString": text}],
                }
                for key, text in sorted(reasons.items())
            ),
        ],
        "identifier": [{"system": LINE, "value": f"{setting.code}.{number}"}],
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"coding": codings, "text": drug.name},
        "subject": setting.encounter["subject"],
        "encounter": {"reference": f"Encounter/{setting.encounter['id']}"},
        "authoredOn": clock.to_instant(setting.at),
        "requester": setting.requester,
        "groupIdentifier": {"system": systems.PRESCRIPTION, "value": setting.code},
        "dosageInstruction": _dosage(line, drug),
        "dispenseRequest": {
            "validityPeriod": {"start": setting.day.isoformat(), "end": until.isoformat()},
            "numberOfRepeatsAllowed": 0,
            "quantity": {"value": drug_lines.quantity_of(line, drug), "unit": drug.data.get("unit", "")},
            "expectedSupplyDuration": _days(line.days),
        },
        "substitution": {"allowedBoolean": line.may_substitute},
    }
    if setting.prior:
        request["priorPrescription"] = {"reference": setting.prior}
    if setting.encounter.get("meta", {}).get("security"):
        request["meta"] = {"security": setting.encounter["meta"]["security"]}
    return request


def line_of(request: Resource) -> RxLine:
    """The line that a MedicationRequest of ours says. Raises drug_lines.Unreadable for one that cannot be told."""
    concept = request.get("medicationCodeableConcept") or {}
    dose = ((request.get("dosageInstruction") or [{}])[0].get("doseAndRate") or [{}])[0].get("doseQuantity") or {}
    unit = str((request.get("dispenseRequest") or {}).get("quantity", {}).get("unit", ""))
    code = resources.code_of(concept, systems.DRUG)
    data = {"dose_unit": dose.get("unit", unit), "unit": unit, "per_pack": None}
    return drug_lines.read(request, Row("drug", code, str(concept.get("text", "")), date.min, data=data))


def number_of(request: Resource) -> tuple[str, int]:
    """(code, number of the line), to sort by; a foreign line comes first."""
    code, _, number = resources.identifier_of(request, LINE).rpartition(".")
    return code, int(number) if number.isdecimal() else 0


def _dosage(line: RxLine, drug: Row) -> list[Resource]:
    unit, text = drug.data.get("dose_unit", drug.data.get("unit", "")), prescription_words.dosage(line, drug)
    if isinstance(line.times, int) or len(line.times) != len(WHEN):
        timing = {"frequency": len(line.amounts), "period": line.every_days, "periodUnit": "d"}
        return [_instruction(line, drug, text, line.single, unit, timing)]
    found: dict[Decimal, list[str]] = {}
    for word, count in zip(WHEN, line.times, strict=True):
        if count > 0:
            found.setdefault(line.per_time * Decimal(count), []).append(word)
    return [
        _instruction(
            line, drug, text, amount, unit,
            {"frequency": len(words), "period": line.every_days, "periodUnit": "d", "when": words},
        )
        for amount, words in found.items()
    ]  # fmt: skip


def _instruction(line: RxLine, drug: Row, text: str, amount: Decimal, unit: str, timing: Resource) -> Resource:
    route = line.route or str(drug.data.get("route", ""))
    return {
        "text": text,
        **({"patientInstruction": line.instruction.strip()} if line.instruction.strip() else {}),
        "timing": {"repeat": {"boundsDuration": _days(line.days), **timing}},
        **({"route": resources.concept(drug_lines.ROUTE, route, drug.data.get("route_name", ""))} if route else {}),
        "doseAndRate": [{"doseQuantity": {"value": amount, "unit": unit}}],
    }


def _days(days: int) -> Resource:
    return {"value": days, "unit": "ngày", "system": _UCUM, "code": "d"}
