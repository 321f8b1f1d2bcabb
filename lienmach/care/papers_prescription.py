"""The sheet of a prescription: what its A5 paper says, from the lines as they are stored (TT 26/2025/TT-BYT)."""

from __future__ import annotations

from datetime import date
from typing import Any

from lienmach.base import errors
from lienmach.care import catalogues, papers, papers_data, prescription_message, prescriptions, resources, systems
from lienmach.record.transaction import Transaction

_KIND_TITLES = {"n": "Đơn thuốc “N”", "h": "Đơn thuốc “H”", "c": "Đơn thuốc"}
_COPIES = {"n": "Đơn 3 bản: lưu cơ sở kê đơn, lưu cơ sở cấp thuốc, người bệnh giữ"}
_VALIDITY = "Đơn có giá trị mua, lĩnh thuốc trong 05 ngày kể từ ngày kê đơn."


async def sheet(tx: Transaction, encounter_id: str, code: str) -> dict[str, Any]:
    """The data of the template `prescription`. Raises errors.NotFound for a code that is not of this visit."""
    lines = [
        one
        for one in await prescriptions.of_code(tx, code)
        if resources.id_of(one.get("encounter"), "Encounter") == encounter_id
        and one.get("status") in prescriptions.STANDING
    ]
    if not lines:
        raise errors.NotFound("no such prescription in this visit")
    visit = await papers_data.read(tx, encounter_id)
    codes = [resources.code_of(one["medicationCodeableConcept"], systems.DRUG) for one in lines]
    drugs = await catalogues.get_many(tx, "drug", codes, on=visit.visit_on)
    kind = code[-1:]
    written_at = papers_data.local(tx, str(lines[0]["authoredOn"]))
    requester = str((lines[0].get("requester") or {}).get("display", ""))
    return {
        "facility": papers_data.facility_of(visit.home),
        "patient": {
            **papers_data.chosen(
                papers_data.patient_of(visit.patient, visit.visit_on),
                "name birth age sex citizen_number insurance_number address phone",
            ),
            "weight": await papers_data.weight_of(tx, visit),
            **papers_data.guardian_of(visit.patient),
        },
        "title": _KIND_TITLES.get(kind, "Đơn thuốc"),
        "code": code,
        "kind": kind,
        "copies": _COPIES.get(kind, ""),
        "diagnosis": [f"{own} {name}".strip() for own, name in visit.diagnoses],
        "drugs": [
            prescription_message.paper_line(
                index, one, str(drugs[own].data.get("brand", "")) if own in drugs else "", kind
            )
            for index, (own, one) in enumerate(zip(codes, lines, strict=True), 1)
        ],
        "advice": visit.note["advice"],
        "return_on": await _return_on(tx, encounter_id),
        "validity": _VALIDITY,
        "qr": code,
        "place_and_date": papers_data.place_and_date(visit.home, written_at.date()),
        "signatures": await papers_data.signed_by(
            tx, f"MedicationRequest/{lines[0]['id']}", "Bác sĩ khám bệnh, kê đơn", requester
        ),
    }


async def follow_up(tx: Transaction, encounter_id: str) -> tuple[str, int]:
    """What the national message repeats of the visit: the advice of its note, and in how many days it is seen again.

    0 days: there is no appointment slip.
    """
    visit = await papers_data.read(tx, encounter_id)
    for one in await papers.of_visit(tx, encounter_id, kind="appointment-slip"):
        if one.is_current:
            return visit.note["advice"], max(0, (date.fromisoformat(one.data["return_on"]) - visit.visit_on).days)
    return visit.note["advice"], 0


async def _return_on(tx: Transaction, encounter_id: str) -> str:
    """The day of the appointment slip of the visit, or ""."""
    for one in await papers.of_visit(tx, encounter_id, kind="appointment-slip"):
        if one.is_current:
            return papers_data.day(date.fromisoformat(one.data["return_on"]))
    return ""
