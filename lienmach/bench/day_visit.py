"""What stands in the record about one visit: 12 resources when it is over, fewer while it waits or runs.

Its cost statement is beside it (day_bills.py).

Shaped as the rooms of care write them, under the ids that they derive, so that their pages read them as their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from lienmach.bench import data, day_data
from lienmach.bench.day_data import Visit

Resource = dict[str, Any]
RESOURCES_A_VISIT = 12
DISEASES = (
    ("J00", "Viêm mũi họng cấp [cảm thường]", "Sổ mũi, ho"), ("I10", "Tăng huyết áp vô căn (nguyên phát)", "Tái khám"),
    ("E11.9", "Đái tháo đường típ 2, không có biến chứng", "Tái khám"), ("J02.9", "Viêm họng cấp", "Đau họng"),
    ("K29.7", "Viêm dạ dày, không đặc hiệu", "Đau thượng vị"), ("M54.5", "Đau lưng vùng thấp", "Đau lưng"),
)  # fmt: skip
# service, its words, indicator, LOINC, unit, low, high of what is measured
TESTS = (
    ("XN-GLU", "Định lượng glucose máu", "GLU", "14771-0", "mmol/L", 4.2, 6.3),
    ("XN-HBA1C", "Định lượng HbA1c", "HBA1C", "4548-4", "%", 4.8, 8.5),
    ("XN-AST", "Đo hoạt độ AST (GOT)", "AST", "1920-8", "U/L", 12, 38),
    ("XN-ALT", "Đo hoạt độ ALT (GPT)", "ALT", "1742-6", "U/L", 10, 40),
)
DRUGS = (
    ("PARA500", "Paracetamol 500 mg", 3, 5),
    ("CETI10", "Cetirizin 10 mg", 1, 5),
    ("AMLO5", "Amlodipin 5 mg", 1, 28),
)
EXAMINATION, TEST = (45000, 42100), (40000, 30000)  # price, and what the fund counts
PRICES = {"PARA500": 300, "CETI10": 450, "AMLO5": 380}  # of a piece; insured drugs have one price
DOCTORS = {"p-p101": ("nv-bacsi", "BS Mẫu Khám Bệnh"), "p-p102": ("nv-bacsi2", "BS Mẫu Nội Khoa")}
_DOCTOR = ("nv-bacsi2", "BS Mẫu Nội Khoa")


def drawn(visit: Visit) -> tuple[tuple[str, str, str], tuple[Any, ...], tuple[str, str, int, int]]:
    """The disease, the test and the drug of a visit."""
    chance = Random(f"about {visit.number}")
    return chance.choice(DISEASES), chance.choice(TESTS), chance.choice(DRUGS)


def of_visit(visit: Visit, *, at_window: bool = False) -> Iterator[Resource]:
    """Everything about a visit as it stands: a waiting one has no note, diagnosis, result or medicine yet.

    at_window: its medicine waits at the dispensary.
    """
    disease, test, drug = drawn(visit)
    chance = Random(f"measured {visit.number}")
    yield encounter(visit, disease)
    yield _order(visit, visit.exam_id, "exam", visit.room.exam, "Khám bệnh", "", "completed")
    yield _charge(visit, f"ServiceRequest/{visit.exam_id}", "service", visit.room.exam, (*EXAMINATION, "13"))
    if visit.state == "arrived":
        return
    is_over = visit.state == "finished"
    yield _order(visit, visit.order_id, "lab", test[0], test[1], test[3], "completed" if is_over else "active")
    status = "billable" if is_over else "planned"
    yield _charge(visit, f"ServiceRequest/{visit.order_id}", "service", test[0], (*TEST, "1"), status)
    if not is_over:
        return
    yield _condition(visit, disease)
    yield _note(visit, disease)
    yield _weight(visit, chance)
    result = _result(visit, test, chance)
    yield result
    yield _report(visit, test, result)
    drug = DRUGS[0] if at_window else drug
    yield medicine(visit, drug, status="active" if at_window else "completed")
    yield medicine_charge(visit, drug, status="planned" if at_window else "billable")


def key_of(visit: Visit) -> str:
    """Its MA_LK."""
    return f"{day_data.FACILITY_CODE}{visit.at:%y%m%d}{visit.number:010d}"


def encounter(visit: Visit, disease: tuple[str, str, str] = DISEASES[0]) -> Resource:
    """The visit itself."""
    begun, steps = _moment(visit.at), [("arrived", visit.at, visit.at + timedelta(minutes=15))]
    made: Resource = {
        "resourceType": "Encounter",
        "id": visit.id,
        "meta": day_data.TEST,
        "extension": [{"url": day_data.EXTENSION + "visit-category", "valueCodeableConcept": _category(visit)}],
        "identifier": [{"system": day_data.SID + "visit", "value": key_of(visit)}],
        "status": visit.state,
        "class": {"system": day_data.HL7 + "v3-ActCode", "code": "AMB", "display": "ambulatory"},
        "type": [day_data.concept(day_data.CODES + "ma-loai-kcb", "01", "Khám bệnh")],
        "serviceType": day_data.concept(day_data.CODES + "specialty", visit.room.specialty),
        "priority": day_data.concept(day_data.HL7 + "v3-ActPriority", "R", "routine"),
        "subject": _subject(visit),
        "period": {"start": begun},
        "reasonCode": [{"text": disease[2]}],
        "location": [{"location": {"reference": f"Location/{visit.room.id}", "display": visit.room.shown}}],
        "serviceProvider": {"reference": f"Organization/{day_data.FACILITY}", "display": day_data.FACILITY_NAME},
    }
    if visit.state == "arrived":
        return made | {"statusHistory": [{"status": "arrived", "period": {"start": begun}}]}
    made["participant"] = [{"individual": _doctor(visit), "period": {"start": _moment(steps[0][2])}}]
    if visit.state == "finished":
        steps += [("in-progress", steps[0][2], visit.end)]
        made["period"]["end"] = _moment(visit.end)
        named = {"reference": f"Condition/{condition_id(visit, disease)}", "display": f"{disease[0]} {disease[1]}"}
        made["diagnosis"] = [
            {"condition": named, "use": day_data.concept(day_data.HL7 + "diagnosis-role", "DD"), "rank": 1}
        ]
    made["statusHistory"] = [{"status": s, "period": {"start": _moment(a), "end": _moment(b)}} for s, a, b in steps]
    last = visit.end if visit.state == "finished" else steps[0][2]
    made["statusHistory"].append({"status": visit.state, "period": {"start": _moment(last)}})
    return made


def _category(visit: Visit) -> Resource:
    """MA_DOITUONG_KCB: at the place where the card is registered, or the patient's own."""
    return day_data.concept(day_data.CODES + "ma-doituong-kcb", "1.1" if day_data.has_card(visit.person) else "9")


def condition_id(visit: Visit, disease: tuple[str, str, str]) -> str:
    """The id of a diagnosis follows from visit and code."""
    return day_data.digest(visit.id, "diagnosis", disease[0])


def medicine(visit: Visit, drug: tuple[str, str, int, int], *, status: str = "completed") -> Resource:
    """One line of a prescription; what is over is `completed`, what waits at the window `active`."""
    code, name, times, days = drug
    number, at = visit.prescription, visit.end
    return _of(visit, "MedicationRequest", visit.request_id) | {
        "extension": [{"url": day_data.EXTENSION + "payer", "valueCode": "bhyt"}],
        "identifier": [{"system": day_data.SID + "prescription-line", "value": f"{number}.1"}],
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": day_data.concept(day_data.CODES + "drug", code, name),
        "authoredOn": _moment(at),
        "requester": _doctor(visit),
        "groupIdentifier": {"system": day_data.SID + "prescription", "value": number},
        "dosageInstruction": [
            {
                "text": f"Ngày uống {times} lần, mỗi lần 1 viên, {days} ngày",
                "timing": {
                    "repeat": {"boundsDuration": _days(days), "frequency": times, "period": 1, "periodUnit": "d"}
                },
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "viên"}}],
            }
        ],
        "dispenseRequest": {
            "validityPeriod": {"start": f"{at:%Y-%m-%d}", "end": f"{at + timedelta(days=5):%Y-%m-%d}"},
            "numberOfRepeatsAllowed": 0,
            "quantity": {"value": times * days, "unit": "viên"},
            "expectedSupplyDuration": _days(days),
        },
        "substitution": {"allowedBoolean": True},
    }


def medicine_charge(visit: Visit, drug: tuple[str, str, int, int], *, status: str = "planned") -> Resource:
    """The cost of a line; `planned` while it waits at the window."""
    code, _, times, days = drug
    cause, price = f"MedicationRequest/{visit.request_id}", PRICES[code]
    return _charge(visit, cause, "drug", code, (price, price, "4"), status, times * days)


def _order(visit: Visit, own: str, kind: str, code: str, name: str, loinc: str, status: str) -> Resource:
    made = _of(visit, "ServiceRequest", own) | {
        "requisition": {"system": day_data.SID + "order", "value": f"CD{visit.at:%y%m%d}{visit.number:08d}"},
        "status": "active" if visit.state == "arrived" else status,
        "intent": "order",
        "category": [day_data.concept(day_data.CODES + "order-kind", kind)],
        "priority": "routine",
        "code": day_data.concept(day_data.CODES + "service", code, name),
        "authoredOn": _moment(visit.at),
        "requester": _doctor(visit),
    }
    if loinc:
        made["code"]["coding"].append({"system": data.LOINC, "code": loinc})
    return made


def _charge(
    visit: Visit, cause: str, kind: str, code: str, price: tuple[int, int, str], status: str = "", quantity: int = 1
) -> Resource:
    values = (
        ("table", "valueCode", "2" if kind == "drug" else "3"), ("nhom", "valueCode", price[2]),
        ("don-gia-bv", "valueDecimal", price[0]), ("don-gia-bh", "valueDecimal", price[1]),
        ("pham-vi", "valueInteger", 1), ("tyle-tt-bh", "valueInteger", 100),
    )  # fmt: skip
    terms = [{"url": name, how: value} for name, how, value in values]
    made = _of(visit, "ChargeItem", day_data.digest(f"charge|{cause}")) | {
        "extension": [{"url": day_data.EXTENSION + "charge-terms", "extension": terms}],
        "status": status or ("planned" if visit.state == "arrived" else "billable"),
        "code": day_data.concept(day_data.CODES + kind, code, code),
        "occurrenceDateTime": _moment(visit.at),
        "quantity": {"value": quantity},
        "enteredDate": _moment(visit.at),
        "supportingInformation": [{"reference": cause}],
    }
    made["context"] = made.pop("encounter")
    return made


def _condition(visit: Visit, disease: tuple[str, str, str]) -> Resource:
    return _of(visit, "Condition", condition_id(visit, disease)) | {
        "clinicalStatus": day_data.concept(day_data.HL7 + "condition-clinical", "active"),
        "verificationStatus": day_data.concept(day_data.HL7 + "condition-ver-status", "confirmed"),
        "category": [
            day_data.concept(day_data.HL7 + "condition-category", "encounter-diagnosis", "Chẩn đoán của lượt khám")
        ],
        "code": day_data.concept("http://hl7.org/fhir/sid/icd-10", disease[0], disease[1]),
        "recordedDate": _moment(visit.end),
        "recorder": _doctor(visit),
    }


def _note(visit: Visit, disease: tuple[str, str, str]) -> Resource:
    texts = (
        ("10154-3", "Lý do khám", disease[2]),
        ("10164-2", "Bệnh sử", f"{disease[2]} ba ngày nay, ăn ngủ được, không sốt, không khó thở."),
        ("29545-1", "Khám lâm sàng", "Tỉnh, tiếp xúc tốt. Tim đều, phổi trong, bụng mềm."),
        ("29308-4", "Chẩn đoán", f"{disease[0]} {disease[1]}"),
        ("18776-5", "Hướng điều trị và lời dặn", "Uống thuốc theo đơn, nghỉ ngơi, tái khám khi không đỡ."),
    )
    return _of(visit, "Composition", day_data.digest(visit.id, "note")) | {
        "status": "final",
        "type": day_data.concept(data.LOINC, "34108-1", "Phiếu khám bệnh ngoại trú"),
        "date": _moment(visit.end),
        "author": [_doctor(visit)],
        "title": "Phiếu khám bệnh",
        "section": [_section(*one) for one in texts],
    }


def _section(code: str, title: str, text: str) -> Resource:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'
    return {
        "title": title,
        "code": day_data.concept(data.LOINC, code),
        "extension": [{"url": day_data.EXTENSION + "section-text", "valueString": text}],
        "text": {"status": "generated", "div": div},
    }


def _weight(visit: Visit, chance: Random) -> Resource:
    value = round(chance.uniform(42, 78), 1)
    return _observation(visit, f"{visit.id}-w", "vital-signs", visit.at + timedelta(minutes=16), value, "kg") | {
        "code": day_data.concept(data.LOINC, data.WEIGHT, "Cân nặng")
    }


def _result(visit: Visit, test: tuple[Any, ...], chance: Random) -> Resource:
    _, name, indicator, loinc, unit, low, high = test
    own = day_data.digest("laboratory-result\x00" + visit.order_id + "\x00" + indicator)
    concept = day_data.concept(day_data.CODES + "indicator", indicator, name)
    concept["coding"].append({"system": data.LOINC, "code": loinc})
    value = round(chance.uniform(low, high), 1)
    return _observation(visit, own, "laboratory", visit.at + timedelta(minutes=30), value, unit) | {
        "basedOn": [{"reference": f"ServiceRequest/{visit.order_id}"}],
        "code": concept,
    }


def _observation(visit: Visit, own: str, category: str, at: datetime, value: float, unit: str) -> Resource:
    return _of(visit, "Observation", own) | {
        "status": "final",
        "category": [day_data.concept(day_data.HL7 + "observation-category", category)],
        "effectiveDateTime": _moment(at),
        "issued": _moment(at),
        "valueQuantity": {"value": value, "unit": unit, "system": data.UCUM, "code": unit},
    }


def _report(visit: Visit, test: tuple[Any, ...], result: Resource) -> Resource:
    return _of(visit, "DiagnosticReport", day_data.digest("laboratory-report\x00" + visit.order_id)) | {
        "basedOn": [{"reference": f"ServiceRequest/{visit.order_id}"}],
        "status": "final",
        "category": [day_data.concept(day_data.HL7 + "v2-0074", "LAB", "Laboratory")],
        "code": day_data.concept(day_data.CODES + "service", test[0], test[1]),
        "effectiveDateTime": result["effectiveDateTime"],
        "issued": result["issued"],
        "result": [{"reference": f"Observation/{result['id']}"}],
    }


def _of(visit: Visit, kind: str, own: str) -> Resource:
    return {
        "resourceType": kind,
        "id": own,
        "meta": day_data.TEST,
        "subject": _subject(visit),
        "encounter": {"reference": f"Encounter/{visit.id}"},
    }


def _subject(visit: Visit) -> dict[str, str]:
    return {"reference": f"Patient/{day_data.person_id(visit.person)}", "display": day_data.name_of(visit.person)}


def _doctor(visit: Visit) -> dict[str, str]:
    own, name = DOCTORS.get(visit.room.id, _DOCTOR)
    return {"reference": f"Practitioner/{own}", "display": name}


def _days(days: int) -> Resource:
    return {"value": days, "unit": "ngày", "system": data.UCUM, "code": "d"}


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
