"""What happened to one synthetic person: visits, illnesses, measurements, prescriptions, vaccinations, allergies.

Every resource's id follows from the person's id and its place in the life, so a second run makes the same ids.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from lienmach.care.population import conditions, made, measurements, vaccinations
from lienmach.care.population.facilities import Facilities
from lienmach.care.population.households import Member

_YEARS_BACK = 6
_CHRONIC_VISITS_MAX = 13


class Chart:
    """The growing list of one person's resources; `n` gives ids in the order of making."""

    def __init__(self, seed: int, member: Member, facilities: Facilities, until: date) -> None:
        self.random = Random(f"life-{seed}-{member.patient_id}")
        self.member = member
        self.facilities = facilities
        self.until = until
        self.age = (until - member.birth).days / 365.25
        self.subject = {"reference": f"Patient/{member.patient_id}"}
        self.resources: list[dict[str, Any]] = []
        own = [organization for code, organization in facilities.stations if code == member.draft.commune_code]
        self.place = own[0] if own else facilities.hospital
        self.weight = measurements.weight_kg(self.age, member.sex, self.random)
        self.height = measurements.height_cm(self.age, member.sex, self.random)

    def next_id(self) -> str:
        return f"{self.member.patient_id}-{len(self.resources) + 1:03d}"

    def add(self, one: dict[str, Any]) -> dict[str, Any]:
        self.resources.append(one)
        return one

    def working_hour(self, on: date) -> datetime:
        """A moment of a visit: between 7:00 and 16:00, on a weekday (but never before birth)."""
        on = max(on - timedelta(days=max(0, on.weekday() - 4)), self.member.birth)
        return datetime(on.year, on.month, on.day, 7) + timedelta(minutes=self.random.randint(0, 540))


def write(seed: int, member: Member, facilities: Facilities, until: date) -> list[dict[str, Any]]:
    """All resources of one person but the Patient, in an order in which every reference points back."""
    chart = Chart(seed, member, facilities, until)
    _insurance(chart)
    _allergies(chart)
    for code, at, dose in vaccinations.due(member.birth, until, chart.random):
        chart.add(
            vaccinations.build(
                chart.next_id(), chart.subject, chart.place, code, chart.working_hour(at), dose, chart.random
            )
        )
    more = 1.5 if chart.age > 60 else 1.0
    long = [
        one
        for one in conditions.LONG
        if one.ages[0] <= chart.age <= one.ages[1] and chart.random.random() < one.share * more
    ]
    if long:
        _follow_up(chart, long)
    for _ in range(min(int(chart.random.expovariate(1 / 1.9)), 7)):
        _short_visit(chart)
    if chart.random.random() < 0.08 and chart.age > 3:
        thinkable = conditions.PROCEDURES[:4] if chart.age < 20 else conditions.PROCEDURES
        _procedure(chart, chart.random.choice(thinkable), None)
    return chart.resources


def _insurance(chart: Chart) -> None:
    number = chart.member.draft.insurance_number
    if number:
        chart.add(
            made.resource(
                "Coverage",
                chart.next_id(),
                status="active",
                type=made.concept("Bảo hiểm y tế"),
                subscriberId=number,
                beneficiary=chart.subject,
                period={"start": f"{chart.until.year}-01-01", "end": f"{chart.until.year}-12-31"},
                payor=[made.reference(chart.facilities.insurer)],
            )
        )


def _allergies(chart: Chart) -> None:
    if chart.age > 1 and chart.random.random() < 0.09:
        text, category, criticality = chart.random.choice(conditions.ALLERGENS)
        chart.add(
            made.resource(
                "AllergyIntolerance",
                chart.next_id(),
                clinicalStatus=made.hl7("allergyintolerance-clinical", "active"),
                verificationStatus=made.hl7("allergyintolerance-verification", "confirmed"),
                type="allergy",
                category=[category],
                criticality=criticality,
                code={"text": text},
                patient=chart.subject,
                recordedDate=made.moment(
                    chart.working_hour(chart.until - timedelta(days=chart.random.randint(30, 1500)))
                ),
                reaction=[
                    {"manifestation": [{"text": chart.random.choice(("Mề đay", "Phù môi", "Khó thở", "Ngứa, ban đỏ"))}]}
                ],
            )
        )


def _follow_up(chart: Chart, illnesses: list[conditions.LongIllness]) -> None:
    """Years of regular visits for all long illnesses together."""
    months = min(one.months_between for one in illnesses)
    visits = min(chart.random.randint(4, _YEARS_BACK * 12 // months), _CHRONIC_VISITS_MAX)
    first = chart.until - timedelta(days=int(visits * months * 30.4))
    diagnoses = [_condition(chart, one.code, one.text, first, None) for one in illnesses]
    drugs = [drug for one in illnesses for drug in one.drugs[: chart.random.randint(1, len(one.drugs))]]
    labs = list(dict.fromkeys(key for one in illnesses for key in one.labs))
    doctor = chart.random.choice(chart.facilities.doctors)
    for number in range(visits):
        on = first + timedelta(days=int(number * months * 30.4) + chart.random.randint(0, 9))
        at = chart.working_hour(min(on, chart.until))
        encounter = _encounter(chart, at, "Khám bệnh mạn tính định kỳ", doctor, diagnoses)
        base = {"subject": chart.subject, "encounter": made.reference(encounter)}
        chart.add(measurements.pressure(base, chart.next_id(), at, chart.random, high=illnesses[0].code == "I10"))
        if number % 2 == 0:
            _weigh(chart, base, at)
            results = [chart.add(measurements.lab(base, chart.next_id(), at, key, chart.random)) for key in labs]
            if results:
                _report(chart, base, at, results)
        for drug in drugs:
            _prescription(chart, base, at, drug, months * 28, doctor)


def _short_visit(chart: Chart) -> None:
    fitting = [one for one in conditions.SHORT if one.ages[0] <= chart.age < one.ages[1] + 1]
    illness = chart.random.choices(fitting, weights=[one.weight for one in fitting])[0]
    days = min((chart.until - chart.member.birth).days, _YEARS_BACK * 365)
    if days < 20:
        return
    at = chart.working_hour(chart.until - timedelta(days=chart.random.randint(4, days - 10)))
    doctor = chart.random.choice(chart.facilities.doctors)
    condition = _condition(chart, illness.code, illness.text, at.date(), at.date() + timedelta(days=illness.days))
    encounter = _encounter(chart, at, "Khám ngoại trú", doctor, [condition])
    base = {"subject": chart.subject, "encounter": made.reference(encounter)}
    celsius = chart.random.gauss(38.4, 0.5) if illness.fever else chart.random.gauss(36.8, 0.2)
    chart.add(measurements.vital(base, chart.next_id(), at, "8310-5", "Nhiệt độ", f"{celsius:.1f}", "°C", "Cel"))
    if chart.age >= 16:
        chart.add(measurements.pressure(base, chart.next_id(), at, chart.random, high=False))
    elif chart.random.random() < 0.6:
        _weigh(chart, base, at)
    if illness.procedure:
        _procedure(chart, illness.procedure, (base, at))
    for drug in illness.drugs:
        _prescription(chart, base, at, drug, illness.days, doctor)


def _weigh(chart: Chart, base: dict[str, Any], at: datetime) -> None:
    age_then = chart.age - (chart.until - at.date()).days / 365.25
    grown = chart.age >= 20
    weight = (
        chart.weight * chart.random.gauss(1, 0.012)
        if grown
        else measurements.weight_kg(age_then, chart.member.sex, chart.random)
    )
    chart.add(measurements.vital(base, chart.next_id(), at, "29463-7", "Cân nặng", f"{weight:.1f}", "kg"))
    if not grown or chart.random.random() < 0.15:
        height = chart.height if grown else measurements.height_cm(age_then, chart.member.sex, chart.random)
        chart.add(measurements.vital(base, chart.next_id(), at, "8302-2", "Chiều cao", f"{height:.0f}", "cm"))


def _encounter(
    chart: Chart, at: datetime, text: str, doctor: dict[str, Any], diagnoses: list[dict[str, Any]]
) -> dict[str, Any]:
    until = at + timedelta(minutes=chart.random.randint(12, 50))
    return chart.add(
        made.resource(
            "Encounter",
            chart.next_id(),
            status="finished",
            class_={
                "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
                "code": "AMB",
                "display": "ambulatory",
            },
            type=[{"text": text}],
            subject=chart.subject,
            participant=[{"individual": made.reference(doctor, doctor["name"][0]["text"])}],
            period={"start": made.moment(at), "end": made.moment(until)},
            reasonCode=[one["code"] for one in diagnoses],
            diagnosis=[{"condition": made.reference(one), "rank": rank} for rank, one in enumerate(diagnoses, 1)],
            serviceProvider=made.reference(chart.place, chart.place["name"]),
        )
    )


def _condition(chart: Chart, code: str, text: str, onset: date, end: date | None) -> dict[str, Any]:
    return chart.add(
        made.resource(
            "Condition",
            chart.next_id(),
            clinicalStatus=made.hl7("condition-clinical", "resolved" if end else "active"),
            verificationStatus=made.hl7("condition-ver-status", "confirmed"),
            category=[made.hl7("condition-category", "encounter-diagnosis" if end else "problem-list-item")],
            code=made.concept(text, made.ICD10, code, version="demo"),
            subject=chart.subject,
            onsetDateTime=onset.isoformat(),
            abatementDateTime=end.isoformat() if end else None,
            recordedDate=onset.isoformat(),
        )
    )


def _prescription(
    chart: Chart, base: dict[str, Any], at: datetime, drug: conditions.Drug, days: int, doctor: dict[str, Any]
) -> None:
    is_over = at.date() < chart.until - timedelta(days=days)
    chart.add(
        made.resource(
            "MedicationRequest",
            chart.next_id(),
            status="completed" if is_over else "active",
            intent="order",
            medicationCodeableConcept={"text": drug.name},
            **base,
            authoredOn=made.moment(at),
            requester=made.reference(doctor),
            dosageInstruction=[{"text": drug.directions, "route": {"text": drug.route}}],
            dispenseRequest={
                "quantity": {"value": drug.per_day * days, "unit": drug.unit},
                "expectedSupplyDuration": made.quantity(days, "ngày", "d"),
            },
        )
    )


def _report(chart: Chart, base: dict[str, Any], at: datetime, results: list[dict[str, Any]]) -> None:
    chart.add(
        made.resource(
            "DiagnosticReport",
            chart.next_id(),
            status="final",
            category=[made.hl7("v2-0074", "LAB")],
            code={"text": "Xét nghiệm sinh hóa máu"},
            **base,
            effectiveDateTime=made.moment(at),
            issued=made.moment(at + timedelta(hours=2)),
            performer=[made.reference(chart.facilities.hospital)],
            result=[made.reference(one) for one in results],
        )
    )


def _procedure(chart: Chart, text: str, visit: tuple[dict[str, Any], datetime] | None) -> None:
    base, at = visit or (
        {"subject": chart.subject},
        chart.working_hour(chart.until - timedelta(days=chart.random.randint(10, 900))),
    )
    if text == "Mổ lấy thai" and (chart.member.sex == "male" or not 18 < chart.age < 50):
        return
    chart.add(
        made.resource(
            "Procedure",
            chart.next_id(),
            status="completed",
            code={"text": text},
            **base,
            performedDateTime=made.moment(at),
        )
    )
