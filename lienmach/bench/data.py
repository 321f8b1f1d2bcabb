"""Synthetic FHIR resources of invented people, for load only: one patient and 19 resources about each.

Every resource is marked HTEST. The same number gives the same bytes, so a run can be repeated. Names are put together
from frequent Vietnamese names by chance; numbers are of the right shape and belong to nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

RESOURCES_A_PATIENT = 20
FAMILIES = "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý".split()
MIDDLES = "Văn Thị Đức Ngọc Minh Thanh Quốc Hữu Xuân Thu Kim Hoài".split()
GIVENS = "An Bình Châu Dũng Giang Hà Hạnh Hiếu Hoa Hùng Khánh Lan Linh Long Mai Nam Nga Phúc Quân Sơn Tâm Thảo Tú Yến".split()
IDENTIFIER_SYSTEM = "https://lienmach.example/bench/patient"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
WEIGHT = "29463-7"
# LOINC code, text, unit, low, high, decimals. LOINC: https://loinc.org, (c) Regenstrief Institute.
MEASURES = (
    (WEIGHT, "Cân nặng", "kg", 40, 80, 1), ("8302-2", "Chiều cao", "cm", 145, 180, 0),
    ("8867-4", "Mạch", "/min", 55, 110, 0), ("8310-5", "Nhiệt độ", "Cel", 36, 39, 1),
    ("2345-7", "Glucose máu", "mg/dL", 70, 180, 0), ("2160-0", "Creatinine máu", "mg/dL", 0.5, 1.6, 2),
    ("8480-6", "Huyết áp tâm thu", "mm[Hg]", 95, 170, 0), ("8462-4", "Huyết áp tâm trương", "mm[Hg]", 55, 100, 0),
    ("2093-3", "Cholesterol toàn phần", "mg/dL", 120, 280, 0), ("718-7", "Hemoglobin", "g/dL", 10, 17, 1),
)  # fmt: skip
DISEASES = (
    ("I10", "Tăng huyết áp"),
    ("E11", "Đái tháo đường típ 2"),
    ("J45", "Hen phế quản"),
    ("K29", "Viêm dạ dày"),
    ("M54", "Đau lưng"),
    ("J06", "Nhiễm trùng hô hấp trên cấp"),
)
_TEST = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]}
_TERMS = "http://terminology.hl7.org/CodeSystem/"


def patient_id(number: int) -> str:
    return f"bench-{number}"


def identifier(number: int) -> str:
    return f"B{number:09d}"


def patient(number: int, *, with_id: bool = True) -> dict[str, Any]:
    """An invented person."""
    chance = Random(f"patient {number}")
    family, middle, given = chance.choice(FAMILIES), chance.choice(MIDDLES), chance.choice(GIVENS)
    born = date(1930, 1, 1) + timedelta(days=chance.randrange(33_000))
    made: dict[str, Any] = {"resourceType": "Patient", "id": patient_id(number), "meta": _TEST}
    if not with_id:
        del made["id"]
    return made | {
        "identifier": [{"use": "official", "system": IDENTIFIER_SYSTEM, "value": identifier(number)}],
        "active": True,
        "name": [{"use": "official", "text": f"{family} {middle} {given}", "family": family, "given": [middle, given]}],
        "telecom": [{"system": "phone", "value": f"09{chance.randrange(10**8):08d}", "use": "mobile"}],
        "gender": chance.choice(["male", "female"]),
        "birthDate": born.isoformat(),
        "address": [
            {
                "use": "home",
                "line": [f"Số {chance.randrange(1, 400)}"],
                "city": "Xã Thử Nghiệm",
                "state": "Tỉnh Thử Nghiệm",
                "country": "VN",
            }
        ],
    }


def about(number: int) -> list[dict[str, Any]]:
    """The 19 resources about one patient: visits, measurements, diagnoses, medicines, a vaccination, a procedure."""
    chance = Random(f"about {number}")
    subject = {"reference": f"Patient/{patient_id(number)}"}
    days = sorted(chance.randrange(3650) for _ in range(3))
    made = [_encounter(number, at, subject, days[at]) for at in range(3)]
    for at, measure in enumerate(MEASURES):
        visit = at % 3
        made.append(
            _observation(
                f"bench-{number}-o{at}",
                measure,
                subject,
                f"bench-{number}-e{visit}",
                _moment(days[visit], 8, at),
                chance,
            )
        )
    for at in range(2):
        made.append(_condition(number, at, subject, days[at], chance))
    for at in range(2):
        made.append(_medication(number, at, subject, days[at]))
    made.append(
        {
            "resourceType": "Immunization",
            "id": f"bench-{number}-i",
            "meta": _TEST,
            "status": "completed",
            "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "140"}], "text": "Cúm mùa"},
            "patient": subject,
            "occurrenceDateTime": _moment(days[2], 9, 0),
        }
    )
    made.append(
        {
            "resourceType": "Procedure",
            "id": f"bench-{number}-p",
            "meta": _TEST,
            "status": "completed",
            "code": {"text": "Thay băng"},
            "subject": subject,
            "performedDateTime": _moment(days[1], 10, 0),
        }
    )
    return made


def weight(number: int, at: int) -> dict[str, Any]:
    """One more weight of a patient, for the page of 20."""
    chance = Random(f"weight {number} {at}")
    subject = {"reference": f"Patient/{patient_id(number)}"}
    return _observation(
        f"bench-{number}-w{at}", MEASURES[0], subject, f"bench-{number}-e0", _moment(at * 30, 7, at), chance
    )


def lines(first: int, count: int) -> Iterator[bytes]:
    """NDJSON of `count` patients with everything about them."""
    for number in range(first, first + count):
        for one in (patient(number), *about(number)):
            yield dump(one) + b"\n"


def transaction(number: int, patients: int) -> bytes:
    """A transaction of `patients` × 20 mixed entries, POSTed under urn:uuid names that point to each other."""
    entries = []
    for one in range(number, number + patients):
        group = [patient(one, with_id=False), *about(one)]
        names = {}
        for resource in group:
            kept = resource.pop("id", patient_id(one))
            names[f"{resource['resourceType']}/{kept}"] = f"urn:uuid:{Random(kept).getrandbits(128):032x}"
        for resource, full_url in zip(group, names.values(), strict=True):
            text = json.dumps(resource, ensure_ascii=False, separators=(",", ":"))
            for name, target in names.items():
                text = text.replace(f'"reference":"{name}"', f'"reference":"{target}"')
            entries.append(
                f'{{"fullUrl":"{full_url}","resource":{text},'
                f'"request":{{"method":"POST","url":"{resource["resourceType"]}"}}}}'
            )
    return ('{"resourceType":"Bundle","type":"transaction","entry":[' + ",".join(entries) + "]}").encode()


def dump(resource: dict[str, Any]) -> bytes:
    return json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()


def _moment(day: int, hour: int, minute: int) -> str:
    return f"{date(2016, 1, 1) + timedelta(days=day)}T{hour:02d}:{minute % 60:02d}:00+07:00"


def _encounter(number: int, at: int, subject: dict[str, str], day: int) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": f"bench-{number}-e{at}",
        "meta": _TEST,
        "status": "finished",
        "class": {"system": _TERMS + "v3-ActCode", "code": "AMB", "display": "ambulatory"},
        "type": [{"text": "Khám bệnh"}],
        "subject": subject,
        "period": {"start": _moment(day, 7, 30), "end": _moment(day, 9, 30)},
    }


def _observation(
    name: str, measure: tuple[Any, ...], subject: dict[str, str], encounter: str, moment: str, chance: Random
) -> dict[str, Any]:
    code, text, unit, low, high, decimals = measure
    value = round(chance.uniform(low, high), decimals) if decimals else chance.randrange(int(low), int(high))
    return {
        "resourceType": "Observation",
        "id": name,
        "meta": _TEST,
        "status": "final",
        "category": [
            {"coding": [{"system": _TERMS + "observation-category", "code": "vital-signs", "display": "Vital Signs"}]}
        ],
        "code": {"coding": [{"system": LOINC, "code": code}], "text": text},
        "subject": subject,
        "encounter": {"reference": f"Encounter/{encounter}"},
        "effectiveDateTime": moment,
        "issued": moment,
        "valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": unit},
    }


def _condition(number: int, at: int, subject: dict[str, str], day: int, chance: Random) -> dict[str, Any]:
    code, text = chance.choice(DISEASES)
    return {
        "resourceType": "Condition",
        "id": f"bench-{number}-c{at}",
        "meta": _TEST,
        "clinicalStatus": {"coding": [{"system": _TERMS + "condition-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": _TERMS + "condition-ver-status", "code": "confirmed"}]},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": code}], "text": text},
        "subject": subject,
        "encounter": {"reference": f"Encounter/bench-{number}-e{at}"},
        "onsetDateTime": _moment(day, 8, 0),
        "recordedDate": _moment(day, 8, 0),
    }


def _medication(number: int, at: int, subject: dict[str, str], day: int) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": f"bench-{number}-m{at}",
        "meta": _TEST,
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": "Paracetamol 500 mg" if at else "Amlodipine 5 mg"},
        "subject": subject,
        "encounter": {"reference": f"Encounter/bench-{number}-e{at}"},
        "authoredOn": _moment(day, 9, 0),
        "dosageInstruction": [
            {
                "text": "Ngày 1 lần, mỗi lần 1 viên",
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
            }
        ],
    }
