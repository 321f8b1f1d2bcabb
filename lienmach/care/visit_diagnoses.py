"""The diagnoses of a visit: Conditions with ICD-10 codes, one of them the main one (Encounter.diagnosis rank 1).

Which codes may stand is told by the list of the day on which the visit ends (rules ICD-01 to ICD-04 of the insurer's
portal): exactly one main, at most twelve others, distinct; a code that has finer ones nowhere; flag 24 never main;
flags 26 and 27 nowhere; an asterisk code never main; a code of the other sex is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from lienmach.base import clock, errors
from lienmach.care import catalogues, resources, systems, visit_facts
from lienmach.care.catalogues import Row
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction

Resource = dict[str, Any]
OTHERS_MAX = 12
CATEGORY = resources.concept(
    "http://terminology.hl7.org/CodeSystem/condition-category", "encounter-diagnosis", "Chẩn đoán của lượt khám"
)
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_ROLE = resources.concept("http://terminology.hl7.org/CodeSystem/diagnosis-role", "DD", "Discharge diagnosis")
_NEVER_MAIN = 24
_NOWHERE = frozenset({26, 27})
_SEX = {"male": "1", "female": "2"}


async def offer(tx: Transaction, text: str, *, on: date, sex: str = "", limit: int = 12) -> list[Row]:
    """Codes that may stand as a diagnosis on a day, best first: no code that has finer ones, none of the other sex."""
    found = await catalogues.find(tx, "icd10", text, on=on, limit=limit * 3)
    return [one for one in found if not fault(one, sex=sex)][:limit]


def fault(row: Row, *, sex: str = "", is_main: bool = False) -> str:
    """Why this code may not stand, as a sentence for people; "" if it may. sex: of the Patient (male, female)."""
    flags = {int(one) for one in row.data.get("flags", ())}
    if row.data.get("has_finer") or flags & _NOWHERE:
        return "Mã này có mã chi tiết hơn hoặc không dùng cho khám bệnh; hãy chọn mã chi tiết."
    if is_main and (_NEVER_MAIN in flags or row.code.endswith("*")):
        return "Mã này không dùng làm bệnh chính; hãy chọn làm bệnh kèm theo."
    own = str(row.data.get("sex", ""))
    if own and _SEX.get(sex) and _SEX[sex] != own:
        return "Mã này không dùng cho giới tính của người bệnh."
    return ""


async def check(tx: Transaction, codes: Sequence[str], *, on: date, sex: str = "") -> tuple[dict[str, Row], list[str]]:
    """(rows by code, faults) of a main code followed by the others, on the day on which the visit ends."""
    rows = await catalogues.get_many(tx, "icd10", codes, on=on)
    faults = []
    if not codes or not codes[0]:
        faults.append("Chưa có bệnh chính (mã ICD-10).")
    if len(codes) - 1 > OTHERS_MAX:
        faults.append("Có hơn 12 bệnh kèm theo; hãy bỏ bớt.")
    if len(set(codes)) != len(codes):
        faults.append("Một mã bệnh đứng hai lần; hãy bỏ bớt.")
    for index, code in enumerate(codes):
        if not code:
            continue
        if code not in rows:
            faults.append(f"{code[:20]}: mã này không có hiệu lực vào ngày kết thúc khám.")
        elif text := fault(rows[code], sex=sex, is_main=index == 0):
            faults.append(f"{code}: {text}")
    return rows, faults


async def store(tx: Transaction, encounter: Resource, main: str, others: Iterable[str]) -> Stored:
    """Write the Conditions of an open visit and its Encounter, which names them and is returned (see `write`)."""
    return await resources.update(tx, await write(tx, encounter, main, others))


async def write(
    tx: Transaction, encounter: Resource, main: str, others: Iterable[str], *, on: date | None = None
) -> Resource:
    """Write the Conditions of a visit; returns the Encounter that names them, for the caller to store.

    on: the day on which the visit ends; today if left out. A code that is no longer among them stays as a Condition
    entered in error. Raises errors.Unprocessable with one issue a fault.
    """
    patient = await resources.read(tx, "Patient", visit_facts.patient_of(encounter))
    codes = [main, *others]
    day = on or visit_facts.day_of(encounter, tx.tenant.time_zone, tx.now)
    rows, faults = await check(tx, codes, on=day, sex=str(patient.get("gender", "")))
    if faults:
        raise errors.Unprocessable(issues=[errors.Issue("error", "code-invalid", text) for text in faults])
    earlier = {one["id"]: one for one in await of_visit(tx, encounter)}
    named = []
    for rank, code in enumerate(codes, 1):
        own = visit_facts.own_id(encounter["id"], "diagnosis", code)
        if own not in earlier:
            await _write(tx, encounter, own, rows[code])
        named.append(
            {"condition": {"reference": f"Condition/{own}", "display": f"{code} {rows[code].name}"[:200]},
             "use": _ROLE, "rank": rank}
        )  # fmt: skip
        earlier.pop(own, None)
    for gone in earlier.values():
        changed = {key: value for key, value in gone.items() if key != "clinicalStatus"}
        await resources.update(
            tx, {**changed, "verificationStatus": resources.concept(_VERIFICATION, "entered-in-error")}
        )
    return {**encounter, "diagnosis": named}


async def of_visit(tx: Transaction, encounter: Resource) -> list[Resource]:
    """The Conditions that the Encounter names, main first."""
    named = sorted(encounter.get("diagnosis", ()), key=lambda one: int(one.get("rank", 99)))
    return [
        await resources.read(tx, "Condition", resources.id_of(one["condition"], "Condition"))
        for one in named
        if resources.id_of(one.get("condition"), "Condition")
    ]


def codes_of(encounter: Resource) -> list[str]:
    """The ICD-10 codes that the Encounter names, main first (they begin the words of its references)."""
    named = sorted(encounter.get("diagnosis", ()), key=lambda one: int(one.get("rank", 99)))
    return [str((one.get("condition") or {}).get("display", "")).partition(" ")[0] for one in named]


async def _write(tx: Transaction, encounter: Resource, own: str, row: Row) -> None:
    condition: Resource = {
        "resourceType": "Condition",
        "id": own,
        "clinicalStatus": resources.concept(_CLINICAL, "active"),
        "verificationStatus": resources.concept(_VERIFICATION, "confirmed"),
        "category": [CATEGORY],
        "code": resources.concept(systems.ICD10, row.code, row.name),
        "subject": encounter["subject"],
        "encounter": {"reference": f"Encounter/{encounter['id']}"},
        "recordedDate": clock.to_instant(tx.now),
        "recorder": resources.me(tx),
    }
    if encounter.get("meta", {}).get("security"):
        condition["meta"] = {"security": encounter["meta"]["security"]}
    if await tx.point("Condition", own) is None:
        await resources.create(tx, condition, resource_id=own)
    else:  # it was taken back earlier in this visit
        found = await resources.read(tx, "Condition", own)
        await resources.update(tx, {**condition, "meta": found["meta"]})
