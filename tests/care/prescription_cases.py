"""Generated prescriptions with and without a planted danger: people, what is known of them, lines, and what must be said.

What is clean and what is dangerous is written down here by hand, not asked of the rules under test.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from lienmach.care import prescription_lines, resources, systems
from lienmach.care.catalogues import Row
from lienmach.care.drug_lines import RxLine

Resource = dict[str, Any]
GROUP = "https://lienmach.org/fhir/CodeSystem/allergy-group"
PATHS = ("new", "repeat", "edit", "order-set", "import", "api")

#: Lines that go together in any number for a healthy adult, as doctors of a district clinic write them.
CLEAN = (
    ("PARA500", "1", 3, 5), ("AMOX500", "1", 3, 7), ("AMLO5", "1", 1, 30), ("LORA10", "1", 1, 7),
    ("ORS", "1", 4, 2), ("VITC500", "1", 1, 10), ("ATOR10", "1", 1, 30), ("AMBRO30", "1", 3, 5),
    ("EPERI50", "1", 3, 7), ("B1B6B12", "1", 2, 14), ("PANTO40", "1", 1, 28), ("METF500", "1", 2, 30),
    ("NACLEYE", "1", 4, 14), ("CLOTRIC", "1", 2, 14), ("SALBUX", "2", 4, 30), ("DROTA40", "2", 3, 5),
)  # fmt: skip
CHILD_CLEAN = (("PARA250G", "1", 3, 3), ("ORS", "1", 4, 2), ("AMOX250G", "1", 2, 5), ("DESLOSY", "5", 1, 7))


@dataclass
class Case:
    """key: what must be said, "" for a clean one. earlier: lines of an earlier visit. reasons: of the prescriber."""

    number: int
    path: str
    lines: list[RxLine]
    key: str = ""
    months: int = 480
    sex: str = "female"
    weight_kg: str = "55"
    facts: list[Resource] = field(default_factory=list)
    earlier: list[RxLine] = field(default_factory=list)
    has_beds: bool = True
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def patient_id(self) -> str:
        return f"rxp{self.number}"

    @property
    def encounter_id(self) -> str:
        return f"rxe{self.number}"


def line(code: str, per_time: str, times: int, days: int, **more: Any) -> RxLine:
    return RxLine(code, Decimal(per_time), times, days, payer="self", **more)


def allergy(code: str = "", group: str = "", text: str = "") -> Resource:
    concept: Resource = {"text": text or code or group}
    if code or group:
        concept["coding"] = [resources.coding(GROUP if group else systems.INGREDIENT, group or code)]
    return {"resourceType": "AllergyIntolerance", "code": concept}


def condition(code: str) -> Resource:
    return {"resourceType": "Condition", "code": resources.concept(systems.ICD10, code, code)}


def creatinine(value: str, unit: str) -> Resource:
    loinc = "2160-0" if unit == "mg/dL" else "14682-9"
    return observation(loinc, value, unit)


def observation(loinc: str, value: str, unit: str) -> Resource:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": resources.concept(systems.LOINC, loinc, loinc),
        "valueQuantity": {"value": Decimal(value), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }


def _plant(case: Case, key: str, *lines: RxLine, **changes: Any) -> Case:
    case.key = key
    case.lines = [*lines, *case.lines]
    for name, value in changes.items():
        setattr(case, name, value)
    return case


DANGERS: dict[str, Callable[[Case], Case]] = {
    "allergy-ingredient": lambda c: _plant(
        c, "allergy-ingredient:cefuroxime", line("CEFU500", "1", 2, 7), facts=[allergy("cefuroxime")]
    ),
    "allergy-group": lambda c: _plant(
        c, "allergy-group:azithromycin", line("AZI500", "1", 1, 3), facts=[allergy(group="macrolide")]
    ),
    "allergy-text": lambda c: _plant(
        c, "allergy-ingredient:ciprofloxacin", line("CIPRO500", "1", 2, 7), facts=[allergy(text="Dị ứng CIPROFLOXACIN (mề đay)")]
    ),
    "allergy-cross": lambda c: _plant(
        c, "allergy-cross:cefixime", line("CEFIX200", "1", 2, 7), facts=[allergy(group="penicillin")]
    ),
    "interaction": lambda c: _plant(
        c, "interaction:isosorbide-mononitrate+sildenafil", line("ISMN30", "1", 1, 30), line("SILDE50", "1", 1, 2), sex="male"
    ),
    "interaction-earlier": lambda c: _plant(
        c, "interaction:ibuprofen+warfarin", line("IBU400", "1", 3, 5), earlier=[line("WAR5", "0.5", 1, 30)]
    ),
    "duplicate": lambda c: _plant(
        c, "duplicate:losartan", line("LOSA50", "1", 1, 30), line("LOSAHCT", "1", 1, 30)
    ),
    "duplicate-earlier": lambda c: _plant(
        c, "duplicate:gliclazide", line("GLIC30", "1", 1, 30), earlier=[line("GLIC60", "1", 1, 30)]
    ),
    "dose-day": lambda c: _plant(c, "dose-day:meloxicam", line("MELO75", "1", 4, 7)),
    "dose-single": lambda c: _plant(c, "dose-single:amlodipine", line("AMLO10", "3", 1, 30)),
    "dose-child": lambda c: _plant(
        c, "dose-day:cefixime", line("CEFIX100", "1", 4, 5), months=30, weight_kg="12"
    ),
    "age": lambda c: _plant(c, "min-age:tramadol", line("PARATRA", "1", 2, 3), months=100, weight_kg="28"),
    "kidney": lambda c: _plant(
        c, "kidney:rosuvastatin", line("ROSU10", "1", 1, 30), facts=[creatinine("320", "umol/L")], months=800
    ),
    "kidney-mg": lambda c: _plant(
        c, "kidney:spironolactone", line("SPIRO25", "1", 1, 30), facts=[creatinine("3.9", "mg/dL")], months=800
    ),
    "pregnancy": lambda c: _plant(c, "pregnancy:perindopril", line("PERI5", "1", 1, 30), facts=[condition("Z34.9")], months=330),
    "days": lambda c: _plant(c, "RX-04:LISI10", line("LISI10", "1", 1, 31)),
    "days-narcotic": lambda c: _plant(c, "RX-04:MORPH10I", line("MORPH10I", "1", 2, 8)),
    "days-psychotropic": lambda c: _plant(c, "RX-04:DIAZE5", line("DIAZE5", "1", 1, 11)),
    "beds": lambda c: _plant(c, "RX-03:MORPH30", line("MORPH30", "1", 2, 3), has_beds=False),
    "weight": lambda c: _plant(c, "RX-05:SMECTA", line("SMECTA", "1", 2, 3), months=40, weight_kg=""),
    "quantity": lambda c: _plant(c, "COD-12:TELMI40", line("TELMI40", "1", 1, 30, quantity=Decimal(60))),
}  # fmt: skip
#: Dangers that lie in what is known of the person, so that an earlier, then safe line can be repeated into them.
LATER = ("allergy-ingredient", "allergy-group", "allergy-text", "allergy-cross", "kidney", "pregnancy")


def make(count: int, seed: int, sets: list[list[tuple[RxLine, str]]]) -> list[Case]:
    """Cases on all paths in turn, about half of them with a planted danger. sets: order sets, (line, an ingredient)."""
    dice = random.Random(seed)
    cases = []
    for number in range(count):
        path = PATHS[number % len(PATHS)]
        case = Case(number, path, [])
        is_clean = dice.random() < 0.5
        if path == "order-set":
            chosen_set = dice.choice(sets)
            case.lines = [one for one, _ in chosen_set]
            if not is_clean:
                ingredient = dice.choice(chosen_set)[1]
                _plant(case, f"allergy-ingredient:{ingredient}", facts=[allergy(ingredient)])
            cases.append(case)
            continue
        if not is_clean:
            name = dice.choice(LATER if path == "repeat" else tuple(DANGERS))
            DANGERS[name](case)
        pool = CHILD_CLEAN if case.months < 144 else CLEAN
        known = {one.drug_code for one in case.lines}
        # What is known of the person must not make a clean line dangerous too; a cream or eye drops always fit.
        if case.facts or case.months < 144:
            pool = tuple(one for one in pool if one[0] in ("ORS", "NACLEYE", "CLOTRIC"))
        chosen = dice.sample(pool, k=min(len(pool), dice.randint(1, 3)))
        case.lines += [line(*one) for one in chosen if one[0] not in known]
        if is_clean and dice.random() < 0.2:
            _overridden(case)
        cases.append(case)
    return cases


def _overridden(case: Case) -> None:
    """A danger that wants a reason, with one: it is written."""
    case.lines.append(line("CEFIX200", "1", 2, 7))
    case.facts.append(allergy(group="penicillin"))
    case.lines = [one for one in case.lines if one.drug_code != "AMOX500"]
    case.reasons["allergy-cross:cefixime"] = "đã dùng nhiều lần, không phản ứng"


def resources_of(case: Case, drugs: dict[str, Row], today: date, facilities: tuple[str, str]) -> list[Resource]:
    """What the record knows before: person, visits, facts, weight, earlier lines."""
    year, month = divmod(today.year * 12 + today.month - 1 - case.months, 12)
    patient = {
        "resourceType": "Patient",
        "id": case.patient_id,
        "name": [{"text": f"Người Thử {case.number} (mẫu)"}],
        "gender": case.sex,
        "birthDate": f"{year}-{month + 1:02}-01",
    }
    subject = {"reference": f"Patient/{case.patient_id}"}
    encounter = encounter_of(case, case.encounter_id, "in-progress", facilities)
    found: list[Resource] = [patient, encounter]
    facts = list(case.facts)
    if case.weight_kg:
        facts.append(observation("29463-7", case.weight_kg, "kg"))
    for index, fact in enumerate(facts):
        whose = "patient" if fact["resourceType"] == "AllergyIntolerance" else "subject"
        own = {**fact, "id": f"rxf{case.number}-{index}", whose: subject}
        if fact["resourceType"] == "Observation":
            own["effectiveDateTime"] = today.isoformat()
        elif fact["resourceType"] == "Condition":
            own |= {"recordedDate": today.isoformat(), "encounter": {"reference": f"Encounter/{case.encounter_id}"}}
        found.append(own)
    earlier = case.earlier if case.path != "repeat" else case.lines
    if earlier:
        own_id = f"rxo{case.number}"
        old = encounter_of(case, own_id, "finished", facilities)
        found.append(old)
        ago = 2 if case.path != "repeat" else 60
        at = datetime.combine(today - timedelta(days=ago), datetime.min.time()).astimezone()
        setting = prescription_lines.Setting(old, f"00000{case.number:07}-c", at, at.date(), {"display": "BS (mẫu)"})
        for index, one in enumerate(earlier):
            request = prescription_lines.build(setting, index + 1, drugs[one.drug_code], one, {})
            status = "completed" if case.path == "repeat" else "active"
            found.append({**request, "id": f"rxr{case.number}-{index}", "status": status})
    return found


def encounter_of(case: Case, own: str, status: str, facilities: tuple[str, str]) -> Resource:
    return {
        "resourceType": "Encounter",
        "id": own,
        "status": status,
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{case.patient_id}"},
        "serviceProvider": {"reference": f"Organization/{facilities[0] if case.has_beds else facilities[1]}"},
    }


def requests_of(case: Case, drugs: dict[str, Row], at: datetime, facilities: tuple[str, str]) -> list[Resource]:
    """The lines as MedicationRequests that somebody sends from outside."""
    encounter = encounter_of(case, case.encounter_id, "in-progress", facilities)
    setting = prescription_lines.Setting(encounter, f"99999{case.number:07}-c", at, at.date(), {"display": "BS (mẫu)"})
    return [
        {
            **prescription_lines.build(setting, index + 1, drugs[one.drug_code], one, case.reasons),
            "id": f"rxn{case.number}-{index}",
        }
        for index, one in enumerate(case.lines)
    ]
