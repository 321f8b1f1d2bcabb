"""A prescription as the person who takes it reads it: when in the day and how much, and the code for a pharmacy."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from markupsafe import Markup

from lienmach.care import drug_lines, paper_codes, prescription_lines, prescriptions
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats

#: Place of a moment of the day in what drug_lines.WHEN names -> its word, a key of `web/words`.
MOMENTS = ("Sáng", "Trưa", "Chiều", "Tối")


async def of_visit(tx: Transaction, encounter_id: str) -> list[dict[str, Any]]:
    """The prescriptions of a visit: code with its QR, until when it is good, and its lines in the order of the paper."""
    lines = await prescriptions.of_visit(tx, encounter_id)
    by_code: dict[str, list[Resource]] = {}
    for one in lines:
        by_code.setdefault(str((one.get("groupIdentifier") or {}).get("value", "")), []).append(one)
    return [
        {
            "code": code,
            "qr": Markup(paper_codes.qr(code)) if code else "",  # made here from the code and a path
            "until": str(((ones[0].get("dispenseRequest") or {}).get("validityPeriod") or {}).get("end", "")),
            "lines": [_line(one) for one in ones],
            "is_given": all(one.get("status") == "completed" for one in ones),
        }
        for code, ones in by_code.items()
    ]


def _line(request: Resource) -> dict[str, Any]:
    dosages = request.get("dosageInstruction") or [{}]
    supply = request.get("dispenseRequest") or {}
    quantity = supply.get("quantity") or {}
    moments, unit, days, every = _moments(request)
    return {
        "name": str((request.get("medicationCodeableConcept") or {}).get("text", "")),
        "texts": list(dict.fromkeys(str(one["text"]) for one in dosages if one.get("text"))),
        "moments": moments,
        "unit": unit,
        "days": days,
        "every_days": every,
        "instruction": next((str(one["patientInstruction"]) for one in dosages if one.get("patientInstruction")), ""),
        "quantity": formats.write_number(Decimal(str(quantity["value"]))) if "value" in quantity else "",
        "quantity_unit": str(quantity.get("unit", "")),
        "is_insured": _payer(request) == "bhyt",
        "is_given": request.get("status") == "completed",
        "is_held": request.get("status") == "on-hold",
    }


def _moments(request: Resource) -> tuple[list[str], str, int, int]:
    """(amount in the morning, at noon, in the afternoon, in the evening; "" for none), unit, days, every so many days.

    [] where the prescription does not say when, only how often, and where the dose changes in steps.
    """
    if any(one.get("sequence") for one in request.get("dosageInstruction", ())):
        return [], "", 0, 1
    try:
        line = prescription_lines.line_of(request)
    except drug_lines.Unreadable:
        return [], "", 0, 1
    dose = (((request["dosageInstruction"][0].get("doseAndRate") or [{}])[0]).get("doseQuantity")) or {}
    unit = str(dose.get("unit", ""))
    if isinstance(line.times, int) or len(line.times) != len(MOMENTS):
        return [], unit, line.days, line.every_days
    amounts = [line.per_time * Decimal(count) for count in line.times]
    return (
        [formats.write_number(one.normalize() + 0) if one else "" for one in amounts],
        unit,
        line.days,
        line.every_days,
    )


def _payer(request: Resource) -> str:
    return next(
        (str(one.get("valueCode", "")) for one in request.get("extension", ()) if one.get("url") == drug_lines.PAYER),
        "",
    )
