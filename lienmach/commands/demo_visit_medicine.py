"""Medicine of a demo visit: a prescription that heeds its dangers, and what dispensary and outside pharmacy hand out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from lienmach.base import errors
from lienmach.care import catalogues, drug_danger, prescriptions, queue, stock, visits
from lienmach.care.prescriptions import RxLine
from lienmach.commands.demo_visit_day import Day
from lienmach.departments.outpatient import visit_prescription_form, visit_prescription_lines
from lienmach.departments.outpatient.visit_prescription_form import TypedLine
from lienmach.departments.pharmacy import dispensing
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import names

_REASON = "Đã cân nhắc lợi ích và nguy cơ, theo dõi khi tái khám."
_LONG_DAYS, _SHORT_STOCK_TRIES = 28, 6
_SOLD_SHARE = 0.5


async def prescribe(one: Any) -> None:
    """Write the prescription of a visit (demo_visit_walk.Visit); a lot is taken in where the shelf is short."""
    for _ in range(_SHORT_STOCK_TRIES):
        try:
            written = await one.day.run(one.doctor, lambda tx: _write(tx, one))
        except errors.Conflict as refusal:
            if refusal.issues[0].code != "stock":
                raise
            await one.day.refill(await _dispensary(one), str(refusal.values["drug"]))
            continue
        one.day.tally.prescriptions += written
        return
    raise errors.Conflict("Kho vẫn thiếu thuốc sau khi nhập thêm.")


async def _dispensary(one: Any) -> str:
    return await one.day.run(one.doctor, stock.dispensary)


async def _write(tx: Transaction, one: Any) -> int:
    """How many prescription codes were written, 0 where there is nothing to take."""
    choices = await _choices(tx, one)
    lines = [options[0] for options in choices]
    if not lines:
        return 0
    patient_id, own = one.patient_id, one.encounter_id
    dangers = await prescriptions.check(tx, patient_id, lines, encounter_id=own)
    if any(danger.level == drug_danger.BLOCK for danger in dangers):
        lines = []
        for options in choices:
            for line in options:
                found = await prescriptions.check(tx, patient_id, [*lines, line], encounter_id=own)
                if all(danger.level != drug_danger.BLOCK for danger in found):
                    lines.append(line)
                    dangers = found
                    break
    if not lines:
        return 0
    if any(danger.level == drug_danger.BLOCK for danger in dangers):
        dangers = await prescriptions.check(tx, patient_id, lines, encounter_id=own)
    reasons = {danger.key: _REASON for danger in dangers if danger.level == drug_danger.REASON}
    written = await prescriptions.write(tx, own, lines, reasons=reasons)
    return len({_code(stored) for stored in written})


def _code(stored: Any) -> str:
    return dispensing.code_of(dispensing.resources.of(stored))


async def _choices(tx: Transaction, one: Any) -> list[list[RxLine]]:
    """For each drug of the set or the case the lines that may stand, best first, as the form fills them in."""
    if one.order_set is not None:
        typed = visit_prescription_form.of_draft(
            {"lines": [{"drug_code": drug["code"], **drug} for drug in one.order_set.drugs]}
        ).lines
        groups = [[line] for line in typed]
    else:
        groups = [[TypedLine(code) for code in options] for options in one.plan.case.drugs]
    known = await catalogues.get_many(
        tx, "drug", [line.drug_code for group in groups for line in group], on=one.plan.day
    )
    found = []
    for group in groups:
        options = []
        for line in group:
            if line.drug_code not in known:
                continue
            drug = known[line.drug_code]
            payer = await visit_prescription_lines.payer_of(tx, one.encounter_id, drug)
            usual = visit_prescription_form.of_usual(drug, payer)
            filled = TypedLine(
                line.drug_code, per_time=usual.per_time, times=line.times or usual.times, days=line.days or usual.days,
                instruction=usual.instruction, payer=payer, every=str(drug.data.get("usual", {}).get("every_days", 1)),
            )  # fmt: skip
            read, _ = visit_prescription_form.read(filled)
            if read is not None:
                options.append(read)
        if options:
            found.append(options)
    return found


async def dispense(one: Any) -> None:
    """The dispensary hands out what the plan says; an outside pharmacy sells some of what the patient pays alone."""
    codes = await one.day.run(one.doctor, lambda tx: _codes(tx, one.encounter_id))
    if not codes or one.plan.dispensing == "none":
        return
    place_id = await _dispensary(one)
    given = await one.day.run("duocsi", lambda tx: _give(tx, one, codes, place_id))
    one.day.tally.dispensed += given
    one.day.tally.partly += given and one.plan.dispensing == "part"
    if one.plan.random("sale").random() < _SOLD_SHARE:
        for code in codes:
            await _sell(one.day, code)


async def _codes(tx: Transaction, encounter_id: str) -> list[str]:
    lines = await prescriptions.of_visit(tx, encounter_id)
    return sorted({dispensing.code_of(line) for line in lines} - {""})


async def _give(tx: Transaction, one: Any, codes: list[str], place_id: str) -> int:
    """Hand out the insured lines of these prescriptions, or half of the first; how many prescriptions got something."""
    found = [await dispensing.read(tx, code) for code in codes]
    insured = [prescription for prescription in found if any(line.left > 0 for line in prescription.of("bhyt"))]
    if not insured:
        return 0
    ticket = await _ticket(tx, one, place_id)
    for prescription in insured:
        lines = [line for line in prescription.of("bhyt") if line.left > 0]
        if one.plan.dispensing == "part":
            first = lines[0]
            half = max(Decimal(1), (first.left / 2).to_integral_value())
            await dispensing.give(tx, first.id, half, place_id=place_id)
            continue
        for line in lines:
            await dispensing.give(tx, line.id, line.left, place_id=place_id)
    await queue.finish(tx, ticket)
    return len(insured)


async def _ticket(tx: Transaction, one: Any, place_id: str) -> str:
    encounter = await visits.read(tx, one.encounter_id)
    person = await dispensing.resources.follow(tx, encounter["subject"]["reference"])
    ticket = await queue.join(
        tx, place_id, kind="dispensary", patient_id=one.patient_id, encounter_id=one.encounter_id,
        name=names.shown(person),
    )  # fmt: skip
    return ticket.ticket_id


async def _sell(day: Day, code: str) -> None:
    """The outside pharmacy opens the prescription by its code and sells what the patient pays alone."""

    async def work(tx: Transaction) -> None:
        for line in (await dispensing.read(tx, code)).of("self"):
            if line.left > 0:
                await dispensing.sell(tx, line.id, line.left)

    await day.run("nhathuoc", work)
