"""The sheets of the papers of a visit: referral, appointment slip, sick leave, visit summary, as template data."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lienmach.care import (
    order_facts,
    paper_templates,
    papers_data,
    papers_rules,
    patients,
    prescriptions,
    resources,
    visit_facts,
    vitals,
)
from lienmach.care.papers_data import PaperVisit
from lienmach.care.papers_rules import AppointmentSlip, Referral, SickLeave
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import number_words

Sheet = dict[str, Any]
TITLES = {
    "referral": "Phiếu chuyển cơ sở khám bệnh, chữa bệnh",
    "appointment-slip": "Phiếu hẹn khám lại",
    "sick-leave": "Giấy chứng nhận nghỉ việc hưởng bảo hiểm xã hội",
    "visit-summary": "Phiếu tóm tắt lần khám",
}
PARTS = {"morning": "Sáng, từ 07:00 đến 11:30", "afternoon": "Chiều, từ 13:00 đến 16:30"}
_RESULTS_MAX = 40


async def referral(
    tx: Transaction, visit: PaperVisit, paper: Referral, number: str, doctor: str, at: datetime
) -> Sheet:
    """The sheet of a referral; its own number is in the QR."""
    until = papers_rules.valid_until(paper, at.date(), await papers_data.holidays(tx))
    patient = _patient(visit, "referral")
    return {
        **_head(visit, "referral", number, at),
        "patient": {
            **patient,
            "insurance_until": await papers_data.card_until(tx, visit),
            "nationality": "Việt Nam",
            "ethnic_group": papers_data.ethnic_group_of(visit.patient),
            "occupation": papers_data.occupation_of(visit.patient),
        },
        "to": f"{paper.to_name} ({paper.to_code})" if paper.to_code else paper.to_name,
        "from": papers_data.moment(visit.visit_at),
        "until": papers_data.moment(at),
        "signs": paper.signs,
        "results": paper.results,
        "diagnosis": papers_data.diagnosis_of(visit),
        "treatment": paper.treatment or paper.plan,
        "state": paper.state,
        "reason_kind": papers_rules.REFERRAL_REASONS[paper.reason_kind],
        "reason": paper.reason or papers_rules.REFERRAL_REASONS[paper.reason_kind],
        "moved_at": papers_data.moment(at),
        "transport": paper.transport,
        "escort": ", ".join(one for one in (paper.escort, paper.escort_title) if one),
        "validity": f"Có giá trị từ {papers_data.day(at.date())} đến hết {papers_data.day(until)}",
        "signatures": papers_data.signatures(
            [("Bác sĩ khám, điều trị", doctor), ("Người có thẩm quyền chuyển cơ sở", visit.home.name)], at
        ),
    }


def appointment_slip(
    visit: PaperVisit, paper: AppointmentSlip, number: str, doctor: str, place: str, at: datetime
) -> Sheet:
    """The sheet of an appointment slip. place: room of the return visit."""
    assert paper.return_on is not None
    ended_at = visit_facts.ended_at(visit.encounter)
    until = (ended_at or at).astimezone(visit.visit_at.tzinfo).date()
    return {
        **_head(visit, "appointment-slip", number, at),
        "patient": _patient(visit, "appointment-slip"),
        "visited_from": papers_data.day(visit.visit_on),
        "visited_until": papers_data.day(until),
        "diagnosis": papers_data.diagnosis_of(visit, others=False),
        "comorbidity": papers_data.comorbidity_of(visit),
        "return_on": papers_data.day(paper.return_on),
        "return_at": PARTS.get(paper.part, PARTS["morning"]),
        "return_place": place,
        "instruction": paper.instruction,
        "validity": "Phiếu dùng một lần.",
        "signatures": papers_data.signatures([("Bác sĩ khám bệnh", doctor), _facility(visit)], at),
    }


def sick_leave(visit: PaperVisit, paper: SickLeave, number: str, serial: str, doctor: str, at: datetime) -> Sheet:
    """The sheet of a sick leave. doctor: with the licence number."""
    assert paper.from_on is not None and paper.until_on is not None
    loss = f"Đình chỉ thai nghén {paper.loss_weeks} tuần: {paper.loss_reason}. " if paper.loss_weeks is not None else ""
    return {
        **_head(visit, "sick-leave", number, at),
        "patient": {
            **_patient(visit, "sick-leave"),
            "social_number": paper.social_number,
            "employer": paper.employer,
            "father": paper.father,
            "mother": paper.mother,
        },
        "copy": "Liên số 1",
        "serial": serial,
        "diagnosis": papers_data.diagnosis_of(visit),
        "treatment": paper.treatment,
        "days": f"{paper.days:02}",
        "days_words": in_words(paper.days),
        "from": papers_data.day(paper.from_on),
        "until": papers_data.day(paper.until_on),
        "note": (loss + paper.note).strip(),
        "signatures": papers_data.signatures([_facility(visit), ("Người hành nghề", doctor)], at),
    }


async def visit_summary(
    tx: Transaction, visit: PaperVisit, number: str, doctor: str, advice: str, at: datetime
) -> Sheet:
    """The sheet of a summary: what the visit found and decided, as it is stored now."""
    encounter_id = visit.encounter["id"]
    strip = await _allergies(tx, visit)
    lines = [
        (one, prescriptions.line_of(one))
        for one in await prescriptions.of_visit(tx, encounter_id)
        if one.get("status") in ("active", "completed")
    ]
    return {
        **{name: value for name, value in _head(visit, "visit-summary", number, at).items() if name != "number"},
        "patient": _patient(visit, "visit-summary"),
        "visit": {
            **papers_data.chosen(papers_data.visit_of(visit), "code department room from to"),
            "category": _words(visit_facts.extension_of(visit.encounter, visit_facts.CATEGORY, "valueCodeableConcept")),
            "doctor": doctor,
        },
        "reason": visit.note["reason"],
        "history": visit.note["history"],
        "allergies": strip,
        "vitals": await papers_data.vitals_of(tx, visit),
        "findings": visit.note["examination"],
        "diagnoses": [
            {"code": code, "name": name, "role": "Bệnh kèm theo" if index else "Bệnh chính"}
            for index, (code, name) in enumerate(visit.diagnoses)
        ],
        "results": await _results(tx, visit),
        "drugs": [
            {
                "number": str(index),
                "name": str(one["medicationCodeableConcept"].get("text", "")),
                "quantity": _quantity(one),
                "instruction": str((one.get("dosageInstruction") or [{}])[0].get("text", "")),
            }
            for index, (one, _) in enumerate(lines, 1)
        ],
        "treatment": visit.note["advice"],
        "outcome": _words((visit.encounter.get("hospitalization") or {}).get("dischargeDisposition")),
        "advice": advice,
        "return_on": "",
        "signatures": papers_data.signatures([("Bác sĩ khám bệnh", doctor), _facility(visit)], at),
    }


def in_words(number: int) -> str:
    """A number of days in Vietnamese words, such as `ba mươi mốt`."""
    return number_words.words(number)


def _head(visit: PaperVisit, kind: str, number: str, at: datetime) -> Sheet:
    return {
        "facility": papers_data.facility_of(visit.home),
        "title": TITLES[kind],
        "number": number,
        "qr": number,
        "place_and_date": papers_data.place_and_date(visit.home, at.date()),
    }


def _words(concept: Any) -> str:
    """The words of a concept, or "" where there is none."""
    coding = ((concept or {}).get("coding") or [{}])[0]
    return str((concept or {}).get("text") or coding.get("display", ""))


def _patient(visit: PaperVisit, kind: str) -> dict[str, str]:
    """Those of the person's members that a sheet of this kind prints."""
    printed = paper_templates.sample(kind)["patient"]
    known = papers_data.patient_of(visit.patient, visit.visit_on)
    return {name: value for name, value in known.items() if name in printed}


def _facility(visit: PaperVisit) -> tuple[str, str]:
    return "Đại diện cơ sở", visit.home.name


async def _allergies(tx: Transaction, visit: PaperVisit) -> str:
    strip = await patients.read_banner(tx, visit.patient["id"])
    return ", ".join(strip.allergies) or strip.allergies_word


async def _results(tx: Transaction, visit: PaperVisit) -> list[dict[str, str]]:
    """Laboratory results of the visit, and what was ordered and has none yet."""
    encounter = f"Encounter/{visit.encounter['id']}"
    found = await resources.find(
        tx, "Observation", ("encounter", encounter), ("category", "laboratory"), count=_RESULTS_MAX
    )
    lines = [_result(one, visit) for one in found if one.get("status") in ("final", "amended", "corrected")]
    for order in await resources.find(tx, "ServiceRequest", ("encounter", encounter), ("status", "active")):
        if order_facts.kind_of(order) != "exam":
            name = str(order["code"].get("text", ""))
            lines.append({"name": name, "value": "Chưa có kết quả", "range": "", "mark": "", "at": ""})
    return lines


def _result(one: dict[str, Any], visit: PaperVisit) -> dict[str, str]:
    quantity = one.get("valueQuantity") or {}
    concept = one.get("valueCodeableConcept") or {}
    value = (
        f"{papers_data.number(quantity['value'])} {quantity.get('unit', '')}".strip()
        if "value" in quantity
        else str(concept.get("text") or one.get("valueString", ""))
    )
    flag = resources.code_of((one.get("interpretation") or [{}])[0], vitals.INTERPRETATION)
    at = str(one.get("effectiveDateTime") or one.get("issued") or "")
    return {
        "name": str(one["code"].get("text", "")),
        "value": value,
        "range": str((one.get("referenceRange") or [{}])[0].get("text", "")),
        "mark": "" if flag == "N" else flag,
        "at": papers_data.moment(datetime.fromisoformat(at).astimezone(visit.visit_at.tzinfo)) if "T" in at else "",
    }


def _quantity(request: dict[str, Any]) -> str:
    quantity = (request.get("dispenseRequest") or {}).get("quantity") or {}
    return f"{papers_data.number(quantity.get('value', 0))} {quantity.get('unit', '')}".strip()
