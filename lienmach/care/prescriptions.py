"""Prescriptions of a visit: write, stop, replace, repeat, and hand over to the national system.

One MedicationRequest a line; the lines of one code (14 characters, standards/vietnam/prescription_code.py) are one
prescription. Narcotics (n) and psychotropics with precursors (h) stand on prescriptions of their own. What was handed
over to be sent never changes: a new prescription names the old one and replaces it.

    dangers = await drug_safety.check(tx, patient_id, lines, encounter_id=encounter_id)
    written = await prescriptions.write(tx, encounter_id, lines, reasons={"interaction:…": "…"})
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.care import (
    charges,
    drug_charges,
    drug_danger,
    drug_facts,
    drug_formulary,
    drug_lines,
    drug_safety,
    facility,
    licences,
    outbox,
    prescription_lines,
    prescription_message,
    resources,
    stock,
    systems,
    visit_diagnoses,
    visit_facts,
    visit_premises,
)
from lienmach.care.catalogues import Row
from lienmach.care.drug_danger import Danger
from lienmach.care.drug_lines import RxLine as RxLine
from lienmach.care.prescription_lines import Setting
from lienmach.care.prescription_lines import line_of as line_of
from lienmach.record.change import Stored
from lienmach.record.committer import Changed
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import json as fhir_json
from lienmach.standards.vietnam import prescription_code

Resource = dict[str, Any]
check = drug_safety.check
STANDING = ("active", "on-hold", "completed")
_LETTERS = {
    "narcotic": prescription_code.NARCOTIC,
    "psychotropic": prescription_code.PSYCHOTROPIC,
    "precursor": prescription_code.PSYCHOTROPIC,
}
_REASON_SYSTEM = "https://lienmach.org/fhir/CodeSystem/prescription-stop"


async def write(
    tx: Transaction, encounter_id: str, lines: Sequence[RxLine], *, reasons: Mapping[str, str], replaces: str = ""
) -> list[Stored]:
    """Write lines for an open visit, one code a kind of form; insured ones are reserved and their cost is expected.

    reasons: danger key -> why it is right here. replaces: the code of a prescription of this visit that these lines
    take the place of; its lines are stopped. After the end of the visit only that is possible, on the same day and
    while nothing of it was given out (prescription_replacement.py). Raises drug_danger.Dangerous (Unprocessable, one
    Issue a danger: blocks, and those that want a reason), errors.Unprocessable (no licence in force, RX-09),
    errors.Conflict (too late, or a sent one of its kind stands).
    """
    encounter = await resources.read(tx, "Encounter", encounter_id)
    if not lines:
        raise errors.Unprocessable("Đơn thuốc chưa có dòng nào; hãy thêm thuốc.")
    if not visit_facts.is_open(encounter) and not replaces:
        raise errors.Conflict("Lượt khám đã kết thúc; chỉ có thể kê đơn mới thay thế một đơn đã có.")
    await licences.check(tx)
    await visit_premises.hold(tx, encounter)
    standing = await of_visit(tx, encounter_id)
    replaced = [one for one in standing if replaces and drug_safety.code_of(one) == prescription_code.tidy(replaces)]
    if replaces and not replaced:
        raise errors.NotFound("Lượt khám này không có đơn thuốc với mã cần thay thế.")
    if not visit_facts.is_open(encounter):
        await _check_late(tx, encounter, replaced)
    day = tx.now.astimezone(tx.tenant.time_zone).date()
    formulary = await drug_formulary.read(tx, day)
    rows = [(drug_safety.drug(formulary, one.drug_code), one) for one in lines]
    gone = [one["id"] for one in replaced]
    dangers = await drug_safety.check(
        tx, visit_facts.patient_of(encounter), lines, encounter_id=encounter_id, on=day, without=gone
    )
    drug_safety.refuse(dangers, reasons)
    for one in replaced:
        await _end(tx, one, "replaced", replaces)
    kept = [one for one in standing if one["id"] not in gone and one["status"] == "active"]
    prior = f"MedicationRequest/{gone[0]}" if gone else ""
    return await _write_kinds(tx, encounter, rows, dangers, reasons, kept, prior)


async def of_visit(tx: Transaction, encounter_id: str) -> list[Resource]:
    """The lines of a visit that stand (not stopped, not replaced), in the order of the paper."""
    found = await visit_facts.all_of(tx, "MedicationRequest", encounter_id)
    lines = [one for one in found if one.get("status") in STANDING and one.get("intent") in drug_facts.ORDERS]
    return sorted(lines, key=prescription_lines.number_of)


async def of_code(tx: Transaction, code: str) -> list[Resource]:
    """All lines under a code, stopped ones too, in the order of the paper; [] for an unknown code."""
    tidy = prescription_code.tidy(code)
    if not prescription_code.is_code(tidy):
        return []
    issued = await tx.fetch(  # R4 has no search by groupIdentifier; the table of issued codes says whose visit it is
        "select encounter_id from prescription where tenant = $1 and code = $2", tx.tenant.number, tidy
    )
    found = []
    for row in issued:
        found += await resources.find(tx, "MedicationRequest", ("encounter", f"Encounter/{row['encounter_id']}"))
    return sorted((one for one in found if drug_safety.code_of(one) == tidy), key=prescription_lines.number_of)


async def last_of(tx: Transaction, patient_id: str, *, before_encounter_id: str = "") -> list[Resource]:
    """The lines of the person's newest visit with a prescription, to be repeated: `write` checks all of them again.

    before_encounter_id: the visit of today, which is left out.
    """
    found = await resources.find(tx, "MedicationRequest", ("patient", f"Patient/{patient_id}"))
    lines = [
        one
        for one in found
        if one.get("status") in STANDING
        and drug_safety.code_of(one)
        and resources.id_of(one.get("encounter"), "Encounter") not in ("", before_encounter_id)
    ]
    newest = max(lines, key=lambda one: str(one.get("authoredOn", "")), default=None)
    if newest is None:
        return []
    own = newest["encounter"]["reference"]
    return sorted((one for one in lines if one["encounter"]["reference"] == own), key=prescription_lines.number_of)


async def stop(tx: Transaction, request_id: str, reason: str) -> Stored:
    """Stop a line: nothing more is given out, what was reserved goes back, its expected cost is cancelled.

    Raises errors.Unprocessable without a reason, errors.Conflict if it does not stand any more.
    """
    if not drug_danger.is_reason(reason):
        raise errors.Unprocessable("Hãy ghi lý do ngừng thuốc (ít nhất 5 ký tự).")
    request = await resources.read(tx, "MedicationRequest", request_id)
    if request.get("status") not in ("active", "on-hold"):
        raise errors.Conflict("Dòng thuốc này đã ngừng hoặc đã cấp hết.")
    return await _end(tx, request, "stopped", reason)


async def queue_submission(
    tx: Transaction, encounter_id: str, *, advice: str = "", return_in_days: int = 0
) -> list[str]:
    """Hand the prescriptions of a visit over to be sent, once each; returns the codes that were queued now.

    From then on their lines only change their status. A diagnosis of HIV is not sent: the law wants the identity
    encrypted and no document says how.
    """
    lines = [one for one in await of_visit(tx, encounter_id) if drug_safety.code_of(one)]
    queued = await _queued(tx, encounter_id)
    codes = sorted({drug_safety.code_of(one) for one in lines if one["status"] == "active"} - queued)
    if not codes:
        return []
    encounter = await resources.read(tx, "Encounter", encounter_id)
    patient_id = visit_facts.patient_of(encounter)
    patient = await resources.read(tx, "Patient", patient_id)
    conditions = await visit_diagnoses.of_visit(tx, encounter)
    diagnoses = [
        (resources.code_of(one["code"], systems.ICD10), str(one["code"].get("text", ""))) for one in conditions
    ]
    if prescription_message.is_hiv([code for code, _ in diagnoses]):
        return []
    now = tx.now.astimezone(tx.tenant.time_zone)
    formulary = await drug_formulary.read(tx, now.date())
    facts = await drug_facts.read(tx, formulary, patient_id, encounter_id=encounter_id, on=now.date())
    for code in codes:
        body = prescription_message.build(
            patient,
            [one for one in lines if drug_safety.code_of(one) == code],
            diagnoses,
            code=code,
            written_at=now,
            today=now.date(),
            months=facts.months,
            weight_kg=facts.weight_kg,
            advice=advice,
            return_in_days=return_in_days,
        )
        outbox.queue(tx, "prescription", code, fhir_json.dump(body), subject=f"Encounter/{encounter_id}")
    _mark_queued(tx, encounter_id, codes)
    return codes


def may_replace(tx: Transaction, encounter: Resource) -> bool:
    """Whether the prescriptions of an ended visit may still be replaced: on the day on which its doctor ended it."""
    at, zone = visit_facts.finished_at(encounter), tx.tenant.time_zone
    return at is not None and at.astimezone(zone).date() == tx.now.astimezone(zone).date()


async def _check_late(tx: Transaction, encounter: Resource, replaced: Sequence[Resource]) -> None:
    if not may_replace(tx, encounter):
        raise errors.Conflict("Chỉ thay đơn được trong ngày kết thúc khám; hãy mở lượt khám mới để kê đơn khác.")
    for one in replaced:
        given = await resources.find(tx, "MedicationDispense", ("prescription", f"MedicationRequest/{one['id']}"))
        if any(each.get("status") == "completed" for each in given):
            raise errors.Conflict("Đơn này đã được cấp hoặc bán một phần; hãy trả thuốc lại quầy trước khi thay đơn.")


async def _write_kinds(
    tx: Transaction,
    encounter: Resource,
    rows: Sequence[tuple[Row, RxLine]],
    dangers: Sequence[Danger],
    reasons: Mapping[str, str],
    kept: Sequence[Resource],
    prior: str,
) -> list[Stored]:
    """Store the lines by kind of form; toxic medicines come first on each."""
    own = await facility.facility(tx, resources.id_of(encounter.get("serviceProvider"), "Organization"))
    queued = await _queued(tx, encounter["id"])
    stored = []
    for letter in (prescription_code.ORDINARY, prescription_code.PSYCHOTROPIC, prescription_code.NARCOTIC):
        indices = [i for i, (drug, _) in enumerate(rows) if _LETTERS.get(drug.data.get("kind", ""), "c") == letter]
        if not indices:
            continue
        known = {drug_safety.code_of(one) for one in kept if drug_safety.code_of(one).endswith("-" + letter)}
        if known & queued:
            raise errors.Conflict(
                f"Đơn {min(known & queued)} của lượt khám này đã gửi; hãy kê đơn mới thay thế đơn đó."
            )
        code = min(known) if known else _issue(tx, own.code, letter, encounter["id"])
        number = max(
            (prescription_lines.number_of(one)[1] for one in kept if drug_safety.code_of(one) == code), default=0
        )
        day = tx.now.astimezone(tx.tenant.time_zone).date()
        setting = Setting(encounter, code, tx.now, day, resources.me(tx), prior)
        for index in sorted(indices, key=lambda i: not rows[i][0].data.get("is_toxic", False)):
            number += 1
            drug, line = rows[index]
            keys = {one.key for one in dangers if one.line == index or index in one.others}
            said = {key: reasons[key].strip() for key in sorted(keys) if reasons.get(key, "").strip()}
            stored.append(await _store(tx, setting, number, drug, line, said))
    return stored


async def _store(
    tx: Transaction, setting: Setting, number: int, drug: Row, line: RxLine, reasons: Mapping[str, str]
) -> Stored:
    """Store one line; an insured one is reserved in the facility's stock and its cost is expected."""
    is_insured = line.payer == "bhyt" and bool(drug.data.get("is_insured"))
    paid = line if is_insured or line.payer == "self" else RxLine(**{**line.__dict__, "payer": "self"})
    made = await resources.create(tx, prescription_lines.build(setting, number, drug, paid, reasons))
    if is_insured:
        cause, quantity = f"MedicationRequest/{made.id}", drug_lines.quantity_of(line, drug)
        place = await stock.dispensary(tx)
        stock.reserve(tx, drug_code=drug.code, quantity=quantity, cause=cause, place_id=place)
        await charges.expect(
            tx, setting.encounter["id"], list_name="drug", code=drug.code, quantity=quantity, cause=cause, at=setting.at
        )
    return made


async def _end(tx: Transaction, request: Resource, word: str, reason: str) -> Stored:
    """Stop a line. A line of which some was given out keeps the cost of that, and of no more."""
    cause = f"MedicationRequest/{request['id']}"
    await stock.hold(tx, cause)
    stock.release(tx, cause)
    if await stock.given(tx, cause):
        code = resources.code_of(request.get("medicationCodeableConcept"), systems.DRUG)
        done = await resources.find(tx, "MedicationDispense", ("prescription", cause))
        kept = [one for one in done if one["status"] == "completed"]
        await drug_charges.settle(tx, cause, code, drug_charges.handed_over(kept, code, {}))
    else:
        await charges.cancel(tx, cause, reason)
    status = {"coding": [resources.coding(_REASON_SYSTEM, word)], "text": reason.strip()[:500]}
    return await resources.update(tx, {**request, "status": "stopped", "statusReason": status})


def _issue(tx: Transaction, facility_code: str, letter: str, encounter_id: str) -> str:
    """A new code, kept when tx commits; if chance gave one that is taken, the whole unit runs again."""
    try:
        chance = "".join(secrets.choice(prescription_code.LETTERS) for _ in range(prescription_code.RANDOM))
        code = prescription_code.compose(facility_code, chance, letter)
    except ValueError:
        raise errors.Conflict(
            "Mã cơ sở khám chữa bệnh phải có đúng 5 ký tự chữ số để cấp mã đơn thuốc; hãy sửa trong thông tin cơ sở."
        ) from None

    async def write_row(connection: asyncpg.Connection) -> None:
        done = await connection.fetchval(
            """insert into prescription (tenant, code, encounter_id, issued_at) values ($1, $2, $3, $4)
               on conflict do nothing returning true""",
            tx.tenant.number, code, encounter_id, tx.now,
        )  # fmt: skip
        if not done:
            raise Changed("The prescription code is taken.")

    tx.also(write_row)
    return code


async def _queued(tx: Transaction, encounter_id: str) -> set[str]:
    rows = await tx.fetch(
        "select code from prescription where tenant = $1 and encounter_id = $2 and queued_at is not null",
        tx.tenant.number, encounter_id,
    )  # fmt: skip
    return {row["code"] for row in rows}


def _mark_queued(tx: Transaction, encounter_id: str, codes: Sequence[str]) -> None:
    async def write_rows(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into prescription (tenant, code, encounter_id, issued_at, queued_at)
               select $1, code, $3, $4, $4 from unnest($2::text[]) code
               on conflict (tenant, code) do update set queued_at = coalesce(prescription.queued_at, excluded.queued_at)""",
            tx.tenant.number, list(codes), encounter_id, tx.now,
        )  # fmt: skip

    tx.also(write_rows)
