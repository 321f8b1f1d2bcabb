"""The end of a visit: its time by its kind, its category, its outcome, and the signature over all of it.

TIM-02 of the insurer's rules (annex of QĐ 130/QĐ-BYT 2023-01-18): an examination (01) ends when it ends; outpatient
treatment and drugs by appointment (02, 05, 07) end with the last day of drugs at 23:59. A laboratory result may still
be pending: it is filled in later, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from lienmach.base import clock, errors
from lienmach.care import (
    catalogues,
    drafts,
    facility,
    insurance,
    licences,
    notes,
    orders,
    papers,
    papers_prescription,
    prescriptions,
    queue,
    resources,
    signing,
    systems,
    visit_cards,
    visit_category,
    visit_diagnoses,
    visit_facts,
    visit_premises,
)
from lienmach.care.claims import claims
from lienmach.care.money import accounts
from lienmach.care.prescriptions import RxLine
from lienmach.care.signing_port import Signer
from lienmach.record import read as record_read
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction

Resource = dict[str, Any]
ACTIVITY = "sign-visit"
DEATHS = frozenset({"5", "8"})  # KET_QUA_DTRI: died, died outside
_FOR_THE_LIVING = frozenset({"appointment-slip", "sick-leave"})
_HL7_DISPOSITION = {"5": "exp", "8": "exp", "6": "aadvice"}  # by result
_DISPOSITION = "http://terminology.hl7.org/CodeSystem/discharge-disposition"


@dataclass(frozen=True)
class Ending:
    """What is stored in the same unit as the end. texts: of the note (None: as stored). main, others: ICD-10 ("": as
    stored). lines, reasons: a prescription to write (see prescriptions.write)."""

    texts: Mapping[str, str] | None = None
    main: str = ""
    others: tuple[str, ...] = ()
    lines: tuple[RxLine, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)


async def finish(
    tx: Transaction,
    encounter: Resource,
    signer: Signer,
    *,
    result: str,
    outcome: str,
    category: str = "",
    ending: Ending,
) -> Stored:
    """End and sign an open visit: note, diagnoses, orders, prescription and the Encounter under one signature.

    result: KET_QUA_DTRI, outcome: MA_LOAI_RV, category: MA_DOITUONG_KCB ("": decided here). Raises errors.Conflict
    (not started, signed already, an insured visit in its first minute: see signs_from), errors.Unprocessable (no
    diagnosis, unknown codes, papers of who died), and as prescriptions.write.
    """
    own = encounter["id"]
    if encounter.get("status") != "in-progress":
        raise errors.Conflict("Hãy bắt đầu khám trước khi ký.")
    await licences.check(tx)
    await visit_premises.hold_orders(tx, own)
    today = tx.now.astimezone(tx.tenant.time_zone).date()
    words = await _words(tx, today, result, outcome)
    end_at = await end_of(tx, encounter, [one.days for one in ending.lines])
    last_on = end_at.astimezone(tx.tenant.time_zone).date()
    chosen = category or await category_of(tx, encounter)
    if await signs_from(tx, encounter, chosen, [one.days for one in ending.lines]) is not None:
        raise errors.Conflict("Lượt khám BHYT vừa mở trong phút này; hãy ký từ phút sau (TIM-01).")
    encounter = await _diagnosed(tx, encounter, ending, last_on)
    if ending.lines:  # after the diagnoses: a long-term disease allows more days, a pregnancy forbids medicines
        await prescriptions.write(tx, own, list(ending.lines), reasons=dict(ending.reasons))
    if result in DEATHS:
        await _check_no_return(tx, own)
    conditions = await visit_diagnoses.of_visit(tx, encounter)
    note = await _note(tx, encounter, ending, conditions)
    await _settle_exam(tx, encounter)
    encounter = await _ended(tx, encounter, end_at, last_on, chosen, words, result, outcome)
    stored = await resources.update(tx, encounter)
    accounts.open_finished(tx, encounter)
    claims.open_visit(tx, encounter)
    if await prescriptions.of_visit(tx, own):
        advice, days = await papers_prescription.follow_up(tx, own)
        await prescriptions.queue_submission(tx, own, advice=advice, return_in_days=days)
    await insurance.ask(tx, visit_facts.patient_of(encounter), encounter_id=own, moment="after-orders")
    ticket = await queue.ticket_of(tx, own, "exam")
    if ticket is not None:
        await queue.finish(tx, ticket.ticket_id)
    medicines = [await _version(tx, one) for one in await prescriptions.of_visit(tx, own)]
    targets = [note, stored, *_written(tx, "Condition", own), *await orders.unsigned(tx, own), *medicines]
    await signing.attach(tx, signer, targets, activity=ACTIVITY)
    for form in ("note", "prescription", "orders"):
        drafts.drop(tx, form, own)
    return stored


async def end_of(tx: Transaction, encounter: Resource, more_days: Sequence[int] = ()) -> datetime:
    """When a visit that is signed now ends, by its kind: now, or the last day of its drugs at 23:59.

    more_days: of lines that are about to be written.
    """
    if visit_facts.kind_of(encounter) not in visit_facts.ENDS_WITH_DRUGS:
        return tx.now
    days = [
        prescriptions.line_of(one).days
        for one in await prescriptions.of_visit(tx, encounter["id"])
        if one.get("status") == "active"
    ]
    last = tx.now.astimezone(tx.tenant.time_zone).date() + timedelta(days=max([1, *days, *more_days]) - 1)
    return datetime.combine(last, time(23, 59), tx.tenant.time_zone)


async def signs_from(
    tx: Transaction, encounter: Resource, category: str, more_days: Sequence[int] = ()
) -> datetime | None:
    """TIM-01: the first minute at which an insured visit can be signed, while it would end in the minute it began.

    The fund refuses a visit of no minutes for ever, for no time is ever shifted. None: it can be signed now. category:
    MA_DOITUONG_KCB that is about to be signed; a visit that the patient pays has no such rule. more_days: see end_of.
    """
    begun = visit_facts.begun_at(encounter)
    if begun is None or category in ("", visit_cards.SELF_PAY):
        return None
    concept = resources.concept(systems.DOITUONG_KCB, category)
    chosen = visit_facts.with_extension(encounter, visit_facts.CATEGORY, "valueCodeableConcept", concept)
    if not await visit_cards.of_visit(tx, chosen):
        return None
    begun = begun.replace(second=0, microsecond=0)
    if await end_of(tx, encounter, more_days) >= begun + timedelta(minutes=1):
        return None
    return (begun + timedelta(minutes=1)).astimezone(tx.tenant.time_zone)


async def category_of(tx: Transaction, encounter: Resource) -> str:
    """The category that fits a visit now (see visit_category.decide)."""
    place = await facility.facility(tx, resources.id_of(encounter.get("serviceProvider"), "Organization"))
    cards = await visit_cards.of_visit(tx, encounter)
    card = cards[0] if cards else None
    is_emergency = resources.code_of(encounter.get("priority"), visit_facts.ACT_PRIORITY) == "EM"
    return visit_category.decide(place, card, provisional=visit_facts.category_of(encounter), is_emergency=is_emergency)


async def _check_no_return(tx: Transaction, encounter_id: str) -> None:
    """CAT-11: who died has no appointment slip and no sick leave."""
    if any(one.is_current and one.kind in _FOR_THE_LIVING for one in await papers.of_visit(tx, encounter_id)):
        raise errors.Unprocessable(
            "Kết quả là tử vong nhưng lượt khám có phiếu hẹn hoặc giấy nghỉ ốm. Hãy huỷ giấy đó, hoặc chọn lại kết quả."
        )


async def _words(tx: Transaction, day: date, result: str, outcome: str) -> tuple[str, str]:
    results = await catalogues.get(tx, "ket-qua-dtri", result, on=day)
    outcomes = await catalogues.get(tx, "ma-loai-rv", outcome, on=day)
    if results is None:
        raise errors.Unprocessable("Hãy chọn kết quả điều trị.")
    if outcomes is None:
        raise errors.Unprocessable("Hãy chọn tình trạng khi kết thúc khám.")
    return results.name, outcomes.name


async def _diagnosed(tx: Transaction, encounter: Resource, ending: Ending, on: date) -> Resource:
    """The Encounter with its diagnoses, checked by the list of the day on which the visit ends."""
    codes = [ending.main, *ending.others] if ending.main else visit_diagnoses.codes_of(encounter)
    if not codes:
        raise errors.Unprocessable("Chưa có bệnh chính (mã ICD-10).")
    return await visit_diagnoses.write(tx, encounter, codes[0], codes[1:], on=on)


async def _note(tx: Transaction, encounter: Resource, ending: Ending, conditions: Sequence[Resource]) -> Stored:
    texts = ending.texts if ending.texts is not None else notes.texts_of(await notes.find(tx, encounter["id"]))
    return await notes.write(tx, encounter, texts, status="final", diagnoses=conditions)


async def _settle_exam(tx: Transaction, encounter: Resource) -> None:
    """The examination was done: from when the doctor started (no order of it before that, TIM-06)."""
    for order in await orders.of_visit(tx, encounter["id"]):
        if orders.kind_of(order) == "exam" and order.get("status") == "active":
            ordered_at = datetime.fromisoformat(str(order["authoredOn"]))
            started_at = visit_facts.started_at(encounter) or tx.now
            await orders.complete(tx, order["id"], done_at=max(ordered_at, started_at))


async def _ended(
    tx: Transaction,
    encounter: Resource,
    end_at: datetime,
    last_on: date,
    category: str,
    words: tuple[str, str],
    result: str,
    outcome: str,
) -> Resource:
    row = await catalogues.get(tx, "ma-doituong-kcb", category, on=last_on)
    if row is None:
        raise errors.Unprocessable("Đối tượng khám chữa bệnh này không có trong danh mục ngày kết thúc khám.")
    concept = resources.concept(systems.DOITUONG_KCB, category, row.name)
    encounter = visit_facts.with_extension(encounter, visit_facts.CATEGORY, "valueCodeableConcept", concept)
    encounter = visit_facts.with_extension(encounter, visit_facts.CATEGORY_PROVISIONAL, "valueBoolean", None)
    done = resources.concept(visit_facts.RESULT_SYSTEM, result, words[0])
    encounter = visit_facts.with_extension(encounter, visit_facts.RESULT, "valueCodeableConcept", done)
    disposition = resources.concept(visit_facts.OUTCOME_SYSTEM, outcome, words[1])
    disposition["coding"].append(resources.coding(_DISPOSITION, _HL7_DISPOSITION.get(result, "home")))
    now = clock.to_instant(tx.now)
    history = [
        one if one["period"].get("end") else {**one, "period": {**one["period"], "end": now}}
        for one in encounter.get("statusHistory", ())
    ]
    return {
        **encounter,
        "status": "finished",
        "period": {**encounter["period"], "end": clock.to_instant(end_at)},
        "statusHistory": [*history, {"status": "finished", "period": {"start": now}}],
        "hospitalization": {**(encounter.get("hospitalization") or {}), "dischargeDisposition": disposition},
    }


async def _version(tx: Transaction, resource: Resource) -> Stored:
    """The current version of a resource, this unit's own if it has changed it, as a signature covers it."""
    kind, own = resource["resourceType"], resource["id"]
    pending = tx.pending.get((tx.definitions.type_number(kind), own))
    return pending.stored() if pending is not None else await record_read.read(tx, kind, own)


def _written(tx: Transaction, kind: str, encounter_id: str) -> list[Stored]:
    """Current versions that this unit wrote, of a type and visit."""
    number = tx.definitions.type_number(kind)
    return [
        change.stored()
        for (one, _), change in tx.pending.items()
        if one == number
        and change.op != "D"
        and resources.id_of(resources.of(change.stored()).get("encounter"), "Encounter") == encounter_id
    ]
