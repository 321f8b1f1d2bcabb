"""Whether medicines are safe for a person: `check` while a prescription is written, `guard` before any is stored.

The guard is asked on every path by which a MedicationRequest comes in (pages, FHIR API, bundles, import), so nothing
depends on a screen having asked. It looks at active orders of drugs that our list knows; what is history, a plan or
coded otherwise passes. A danger of level "reason" passes with an extension `override-reason` that names its key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from lienmach.base import errors
from lienmach.care import (
    catalogues,
    drug_danger,
    drug_facts,
    drug_formulary,
    drug_lines,
    drug_rules,
    prescribing_questions,
    resources,
    systems,
)
from lienmach.care.catalogues import Row
from lienmach.care.drug_danger import BLOCK, INFORM
from lienmach.care.drug_danger import Danger as Danger
from lienmach.care.drug_facts import Facts
from lienmach.care.drug_formulary import Formulary
from lienmach.care.drug_lines import RxLine as RxLine
from lienmach.record import subject
from lienmach.record.points import Point
from lienmach.record.search import search_ids
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import json as fhir_json

Resource = dict[str, Any]
_GUARDED = ("active",)
_LATER = ("stopped", "cancelled", "completed", "entered-in-error", "active", "on-hold")
_LOOSE = ("status", "statusReason", "meta", "text", "id")  # members that may change once a prescription is sent
_ASKED = (
    "medicationCodeableConcept medicationReference contained subject encounter authoredOn dosageInstruction "
    "dispenseRequest extension intent"
).split()


async def check(
    tx: Transaction,
    patient_id: str,
    lines: Sequence[RxLine],
    *,
    encounter_id: str = "",
    on: date | None = None,
    without: Iterable[str] = (),
) -> list[Danger]:
    """The dangers of lines that are about to be written, gravest first; `line` is an index of `lines`.

    on: the day of writing, today if left out. without: ids of MedicationRequests that these lines replace.
    Raises errors.Unprocessable for a drug that the list of the day does not have.
    """
    day = on or tx.now.astimezone(tx.tenant.time_zone).date()
    formulary = await drug_formulary.read(tx, day)
    rows = [(drug(formulary, one.drug_code), one) for one in lines]
    facts = await drug_facts.read(tx, formulary, patient_id, encounter_id=encounter_id, on=day, without=without)
    asked = await prescribing_questions.dangers(tx, tx.actor.reference, rows, facts.codes)
    found = drug_rules.judge(await _with_list(tx, facts, rows, day), rows, formulary)
    return drug_danger.gravest_first([*found, *asked])


def drug(formulary: Formulary, code: str) -> Row:
    """The row of a drug. Raises errors.Unprocessable with a sentence for one that the list does not have."""
    found = formulary.drugs.get(code)
    if found is None:
        raise errors.Unprocessable(f"Thuốc {code[:40]} không có trong danh mục của hôm nay; hãy chọn thuốc khác.")
    return found


async def guard(tx: Transaction, resource: Resource, prior: Point | None) -> None:
    """Refuse a MedicationRequest that is dangerous, or that changes what was sent already.

    prior: the version it follows. Raises drug_danger.Dangerous with one Issue a danger, errors.Unprocessable for a dose
    that cannot be read, errors.Conflict for what was sent.
    """
    before: Resource = {}
    if prior is not None and not prior.deleted:
        before = fhir_json.parse(prior.body, depth_max=tx.store.limits.depth_max)
    await _check_sent(tx, resource, before)
    if resource.get("status") not in _GUARDED or resource.get("intent") not in drug_facts.ORDERS:
        return
    if before and all(before.get(name) == resource.get(name) for name in _ASKED):
        if before.get("status") in _GUARDED or await _was_given(tx, str(resource.get("id"))):
            return  # nothing that the rules look at changed, or what was given out comes back
    day = tx.now.astimezone(tx.tenant.time_zone).date()  # what holds now, whatever day the order says it is of
    formulary = await drug_formulary.read(tx, day)
    medication = await _medication(tx, resource)
    row = drug_facts.drug_of(formulary, resource, medication)
    if row is None:
        return
    if len(drug_facts.drug_codes(resource, medication)) > 1:
        raise errors.Unprocessable(
            "Mỗi dòng đơn chỉ ghi một mã thuốc. / An order names one drug of the list; write one order a drug.",
            code="code-invalid", expression="MedicationRequest.medication",
        )  # fmt: skip
    try:
        steps = drug_lines.read_steps(resource, row)
    except drug_lines.Unreadable as problem:
        raise errors.Unprocessable(
            f"{row.name}: {problem.vi} / {problem.en}",
            code="required",
            expression="MedicationRequest.dosageInstruction",
        ) from None
    await _refuse_dangers(tx, resource, row, steps, formulary, day)


async def _refuse_dangers(
    tx: Transaction, resource: Resource, row: Row, steps: Sequence[RxLine], formulary: Formulary, day: date
) -> None:
    own = str(resource.get("id", ""))
    patient_id = subject.patient_of(resource, own, tx.store.base_url) or ""
    if not patient_id:
        raise errors.Unprocessable(
            "Đơn thuốc phải ghi người bệnh bằng tham chiếu Patient/…. / An order of a medicine names its person by a "
            "reference Patient/id, so that allergies and other medicines can be looked at.",
            code="required", expression="MedicationRequest.subject",
        )  # fmt: skip
    encounter_id = resources.id_of(resource.get("encounter"), "Encounter")
    facts = await drug_facts.read(tx, formulary, patient_id, encounter_id=encounter_id, on=day, without=[own])
    facts = await _with_list(tx, facts, [(row, line) for line in steps], day)
    reasons = drug_facts.overrides_of(resource)
    for current in facts.current:
        reasons = {**current.overrides, **reasons}
    found = [one for line in steps for one in drug_rules.judge(facts, [(row, line)], formulary)]
    doctor = str((resource.get("requester") or {}).get("reference", ""))
    found += await prescribing_questions.dangers(tx, doctor, [(row, line) for line in steps], facts.codes)
    refuse(drug_danger.gravest_first(found), reasons)


def refuse(dangers: Iterable[Danger], reasons: Mapping[str, str]) -> None:
    """Raise drug_danger.Dangerous for what blocks and for what wants a reason that `reasons` (by key) does not give."""
    found = [
        one
        for one in dangers
        if one.level == BLOCK or (one.level != INFORM and not drug_danger.is_reason(reasons.get(one.key, "")))
    ]
    if found:
        issues = [errors.Issue("error", "business-rule", _said(one), "MedicationRequest") for one in found]
        raise drug_danger.Dangerous(found, issues)


def _said(danger: Danger) -> str:
    if danger.level == BLOCK:
        return f"{danger.text} / {danger.text_en} [{danger.key}]"
    return (
        f"{danger.text} Nếu vẫn cần dùng, hãy ghi lý do (ít nhất 5 ký tự). / {danger.text_en} If it is needed, add the "
        f"extension override-reason with danger = {danger.key} and a reason of at least 5 characters. [{danger.key}]"
    )


async def _with_list(tx: Transaction, facts: Facts, rows: Sequence[tuple[Row, RxLine]], day: date) -> Facts:
    """The facts with whether a diagnosis stands on the list of long treatment, asked only where it matters."""
    if not facts.codes or all(
        (line.days <= 30 and row.data.get("kind", "ordinary") == "ordinary") or line.days <= 10 for row, line in rows
    ):
        return facts
    found = await catalogues.get_many(tx, "icd10", facts.codes, on=day)
    return drug_facts.with_line(facts, any(row.data.get("long_term") for row in found.values()))


async def _medication(tx: Transaction, resource: Resource) -> Resource | None:
    """The Medication that the order points to, contained or stored; None if there is none."""
    reference = str((resource.get("medicationReference") or {}).get("reference", ""))
    if reference.startswith("#"):
        return next((one for one in resource.get("contained", ()) if f"#{one.get('id')}" == reference), None)
    own = reference.rpartition("Medication/")[2].partition("/")[0] if "Medication/" in reference else ""
    if not own:
        return None
    pending = tx.pending.get((tx.definitions.type_number("Medication"), own))
    if pending is not None:
        return resources.of(pending.stored()) if pending.op != "D" else None
    point = await tx.point("Medication", own)
    if point is None or point.deleted:
        return None
    found: Resource = fhir_json.parse(point.body, depth_max=tx.store.limits.depth_max)
    return found


async def _check_sent(tx: Transaction, resource: Resource, before: Resource) -> None:
    """A prescription that was handed to the national system never changes; a new one replaces it (QĐ 425/QĐ-BYT)."""
    codes = {code_of(one) for one in (resource, before)} - {""}
    if not codes or (before and _content(before) == _content(resource) and resource.get("status") in _LATER):
        return
    rows = await tx.fetch(
        "select code from prescription where tenant = $1 and code = any($2) and queued_at is not null",
        tx.tenant.number, sorted(codes),
    )  # fmt: skip
    if rows:
        raise errors.Conflict(
            f"Đơn {rows[0]['code']} đã gửi hệ thống đơn thuốc quốc gia nên không sửa được. Hãy kê đơn mới thay thế. / "
            "This prescription was sent and never changes; write a new one that replaces it."
        )


def code_of(request: Resource) -> str:
    """The prescription code that a MedicationRequest stands under, or ""."""
    group = request.get("groupIdentifier") or {}
    return str(group.get("value", "")).lower() if group.get("system") == systems.PRESCRIPTION else ""


def _content(resource: Resource) -> Resource:
    return {name: value for name, value in resource.items() if name not in _LOOSE}


async def _was_given(tx: Transaction, request_id: str) -> bool:
    """Whether some of this line was handed out, so that it was checked when it was written."""
    reference = f"MedicationRequest/{request_id}"
    for change in tx.pending.values():
        if change.type == "MedicationDispense" and reference.encode() in change.body:
            return True
    try:
        return bool(await search_ids(tx, "MedicationDispense", [("prescription", reference)], limit=1))
    except errors.Refused:
        return False
