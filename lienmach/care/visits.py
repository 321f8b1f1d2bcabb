"""A visit from arrival to its end: open, start, hand over, cancel, and the one door to what is written in between.

A visit is an Encounter: arrived -> in-progress -> finished, or cancelled. Its key for life is MA_LK
(systems.VISIT). What it says is read by `visit_facts.py`; its note by `notes.py`, its diagnoses by
`visit_diagnoses.py`, vital signs by `vitals.py`, its end by `visit_end.py`.

    encounter = await visits.open_visit(tx, patient_id, room=room, facility=facility, reason="Ho, sốt")
    await visits.start(tx, encounter.id)
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from lienmach.base import clock, errors
from lienmach.care import (
    catalogues,
    notes,
    orders,
    resources,
    systems,
    visit_diagnoses,
    visit_end,
    visit_facts,
    visit_origin,
    visit_premises,
    vitals,
)
from lienmach.care.facility import Facility, Room
from lienmach.care.signing_port import Signer
from lienmach.record import read as record_read
from lienmach.record import search
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import names

Resource = dict[str, Any]
REASON_CHARACTERS_MAX = 500
DRUGS_ONLY = "07"  # CAT-08: drugs by appointment have no examination line
UNDO = timedelta(seconds=10)
AMBULATORY = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB", "display": "ambulatory"}
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without those that look alike
_RANDOM_LETTERS = 10
_URGENT = resources.concept(visit_facts.ACT_PRIORITY, "EM", "emergency")
_ROUTINE = resources.concept(visit_facts.ACT_PRIORITY, "R", "routine")


async def open_visit(
    tx: Transaction,
    patient_id: str,
    *,
    room: Room,
    facility: Facility,
    kind: str = "01",
    reason: str = "",
    category: str = "",
    coverage_id: str = "",
    appointment_id: str = "",
    priority_group: str = "",
    is_emergency: bool = False,
    origin: visit_origin.Origin = visit_origin.Origin(),
) -> Stored:
    """Receive a person: the visit with its MA_LK, the examination order of the room's specialty and its expected charge.

    kind: MA_LOAI_KCB. category: MA_DOITUONG_KCB as far as it can be told now; provisional until the visit ends.
    origin: the referral and the accident with which the person comes. Raises errors.Unprocessable (unknown kind, reason
    too long), visit_origin.OriginFaulty, errors.Conflict (the person has died or was merged).
    """
    day = tx.now.astimezone(tx.tenant.time_zone).date()
    if len(reason) > REASON_CHARACTERS_MAX:
        raise errors.Unprocessable("Lý do khám dài quá 500 ký tự; hãy viết ngắn lại.")
    kinds = await catalogues.get(tx, "ma-loai-kcb", kind, on=day)
    if kinds is None:
        raise errors.Unprocessable("Loại khám chữa bệnh này không có trong danh mục của hôm nay.")
    patient = await resources.read(tx, "Patient", patient_id)
    _check_person(patient)
    encounter: Resource = {
        "resourceType": "Encounter",
        "identifier": [{"system": systems.VISIT, "value": await _new_key(tx, facility.code, day)}],
        "status": "arrived",
        "class": AMBULATORY,
        "type": [resources.concept(systems.LOAI_KCB, kind, kinds.name)],
        "priority": _URGENT if is_emergency else _ROUTINE,
        "subject": resources.reference(patient, names.shown(patient)),
        "period": {"start": clock.to_instant(tx.now)},
        "location": [{"location": {"reference": f"Location/{room.id}", "display": f"{room.code} {room.name}".strip()}}],
        "serviceProvider": {"reference": f"Organization/{facility.organization_id}", "display": facility.name},
        "statusHistory": [{"status": "arrived", "period": {"start": clock.to_instant(tx.now)}}],
    }
    if room.specialty:
        encounter["serviceType"] = resources.concept(systems.SPECIALTY, room.specialty)
    if appointment_id:
        encounter["appointment"] = [{"reference": f"Appointment/{appointment_id}"}]
    if reason.strip():
        encounter["reasonCode"] = [{"text": reason.strip()}]
    if patient.get("meta", {}).get("security"):
        encounter["meta"] = {"security": patient["meta"]["security"]}
    encounter = await visit_origin.put(tx, encounter, origin)
    encounter = await _with_money(tx, encounter, category, coverage_id, priority_group, day)
    stored = await resources.create(tx, encounter)
    await _order_examination(tx, stored, room.specialty)
    return stored


async def examination_of(tx: Transaction, specialty: str, day: date) -> str:
    """The code of the examination that a room of this specialty orders for each visit, "" if the list has none.

    The specialty names it (`exam_service`); else the service of kind exam that names the specialty, else the first one.
    """
    row = await catalogues.get(tx, "specialty", specialty, on=day) if specialty else None
    if row is not None and row.data.get("exam_service"):
        return str(row.data["exam_service"])
    exams = [one for one in await catalogues.all_of(tx, "service", on=day) if one.data.get("kind") == "exam"]
    exams.sort(key=lambda one: (one.data.get("specialty", "") != specialty, bool(one.data.get("specialty")), one.code))
    return exams[0].code if exams else ""


async def read(tx: Transaction, encounter_id: str) -> Resource:
    """The Encounter as a dict. Raises errors.NotFound, Refused."""
    return await resources.read(tx, "Encounter", encounter_id)


def check_open(tx: Transaction, encounter: Resource) -> None:
    """Raise errors.Conflict unless the actor may write on this visit: it is open, and no other doctor holds it."""
    if not visit_facts.is_open(encounter):
        raise errors.Conflict("Lượt khám đã kết thúc hoặc đã huỷ; chỉ ghi thêm được phụ lục.")
    if is_held_by_another(tx, encounter):
        raise errors.Conflict("Bác sĩ khác đang khám người bệnh này; bạn chỉ xem được.")


def is_held_by_another(tx: Transaction, encounter: Resource) -> bool:
    """Whether another doctor has started this visit."""
    doctor = visit_facts.doctor_of(encounter)
    return bool(doctor) and not _is_me(tx, doctor)


async def start(tx: Transaction, encounter_id: str) -> Stored:
    """The doctor begins; again is the same. Raises errors.Conflict if another doctor was faster or the visit is over."""
    encounter = await read(tx, encounter_id)
    if encounter.get("status") == "in-progress" and _is_me(tx, visit_facts.doctor_of(encounter)):
        return await record_read.read(tx, "Encounter", encounter_id)
    check_open(tx, encounter)
    encounter = _moved(tx, encounter, "in-progress")
    encounter["participant"] = [{"individual": resources.me(tx), "period": {"start": clock.to_instant(tx.now)}}]
    return await resources.update(tx, encounter)


async def undo_start(tx: Transaction, encounter_id: str) -> Stored:
    """Put a visit back among the waiting: within ten seconds, by who started it, while nothing was written."""
    encounter = await read(tx, encounter_id)
    started = visit_facts.started_at(encounter)
    if encounter.get("status") != "in-progress" or started is None or tx.now - started > UNDO:
        raise errors.Conflict("Đã quá 10 giây hoặc lượt khám đã đổi; không hoàn tác được nữa.")
    check_open(tx, encounter)
    if await notes.find(tx, encounter_id) is not None or encounter.get("diagnosis"):
        raise errors.Conflict("Lượt khám đã có nội dung; không hoàn tác được nữa.")
    begun = [{"status": "arrived", "period": {"start": encounter["period"]["start"]}}]
    kept = {key: value for key, value in encounter.items() if key != "participant"}
    return await resources.update(tx, {**kept, "status": "arrived", "statusHistory": begun})


async def take_over(tx: Transaction, encounter_id: str) -> Stored:
    """Become the doctor of a visit that another doctor started; the earlier one stays named with an end."""
    encounter = await read(tx, encounter_id)
    if encounter.get("status") != "in-progress":
        raise errors.Conflict("Chỉ nhận thay được lượt khám đang diễn ra.")
    if not is_held_by_another(tx, encounter):
        raise errors.Conflict("Bạn đang là bác sĩ của lượt khám này.")
    now = clock.to_instant(tx.now)
    earlier = [{**one, "period": {**one.get("period", {}), "end": now}} for one in encounter["participant"]]
    mine = {"individual": resources.me(tx), "period": {"start": now}}
    return await resources.update(tx, {**encounter, "participant": [mine, *earlier]})


async def cancel(tx: Transaction, encounter_id: str, reason: str) -> Stored:
    """End a visit that did not take place, with a reason; its open orders and their charges fall.

    Raises errors.Conflict once its note is signed, errors.Unprocessable without a reason.
    """
    if not reason.strip():
        raise errors.Unprocessable("Hãy ghi lý do huỷ lượt khám.")
    encounter = await read(tx, encounter_id)
    check_open(tx, encounter)
    if await is_signed(tx, encounter_id):
        raise errors.Conflict("Phiếu khám đã ký; không huỷ được lượt khám.")
    await visit_premises.hold_orders(tx, encounter_id)
    open_orders = await orders.of_visit(tx, encounter_id)
    if any(one.get("status") == "completed" for one in open_orders):
        raise errors.Conflict("Đã có dịch vụ thực hiện xong; hãy kết thúc lượt khám thay vì huỷ.")
    for one in open_orders:
        if one.get("status") in ("active", "draft", "on-hold"):
            await orders.cancel(tx, one["id"], reason)
    encounter = _moved(tx, encounter, "cancelled")
    encounter["period"] = {**encounter["period"], "end": clock.to_instant(tx.now)}
    return await resources.update(
        tx, visit_facts.with_extension(encounter, visit_facts.CANCEL_REASON, "valueString", reason.strip()[:500])
    )


async def undo_cancel(tx: Transaction, encounter_id: str) -> Stored:
    """Take a cancellation back within ten seconds: the visit waits again, with a new examination order."""
    encounter = await read(tx, encounter_id)
    ended = visit_facts.ended_at(encounter)
    if encounter.get("status") != "cancelled" or ended is None or tx.now - ended > UNDO:
        raise errors.Conflict("Đã quá 10 giây hoặc lượt khám đã đổi; không hoàn tác được nữa.")
    encounter = visit_facts.with_extension(
        _moved(tx, encounter, "arrived"), visit_facts.CANCEL_REASON, "valueString", None
    )
    kept = {key: value for key, value in encounter.items() if key != "participant"}
    stored = await resources.update(tx, {**kept, "period": {"start": encounter["period"]["start"]}})
    await _order_examination(tx, stored, resources.code_of(encounter.get("serviceType"), systems.SPECIALTY))
    return stored


async def record_vitals(
    tx: Transaction, encounter_id: str, values: dict[str, Decimal], *, is_confirmed: bool = False
) -> list[Stored]:
    """Store vital signs by name (see vitals.MEASURES). A nurse may do so before the doctor starts.

    Raises errors.Unprocessable (impossible values), vitals.Unusual (unless confirmed), errors.Conflict (visit is over).
    """
    encounter = await read(tx, encounter_id)
    if not visit_facts.is_open(encounter):
        raise errors.Conflict("Lượt khám đã kết thúc hoặc đã huỷ; chỉ ghi thêm được phụ lục.")
    await visit_premises.hold(tx, encounter)
    return await vitals.record(tx, encounter, values, is_confirmed=is_confirmed)


async def set_diagnoses(tx: Transaction, encounter_id: str, main: str, others: Sequence[str] = ()) -> Stored:
    """The main and the other diagnoses by ICD-10 code (rules ICD-01 to ICD-04). Returns the Encounter."""
    encounter = await read(tx, encounter_id)
    check_open(tx, encounter)
    return await visit_diagnoses.store(tx, encounter, main, others)


async def write_note(tx: Transaction, encounter_id: str, texts: dict[str, str]) -> Stored:
    """Store the note for now, unsigned (see notes.SECTIONS)."""
    encounter = await read(tx, encounter_id)
    check_open(tx, encounter)
    return await notes.write(tx, encounter, texts, status="preliminary")


async def finish(
    tx: Transaction,
    encounter_id: str,
    signer: Signer,
    *,
    result: str,
    outcome: str,
    category: str = "",
    ending: visit_end.Ending | None = None,
) -> Stored:
    """End the visit and sign it, in one unit (see visit_end.finish). Returns the Encounter.

    ending: texts, diagnoses and new prescriptions that are stored with it; without it, what is stored is signed.
    """
    encounter = await read(tx, encounter_id)
    check_open(tx, encounter)
    return await visit_end.finish(
        tx, encounter, signer, result=result, outcome=outcome, category=category, ending=ending or visit_end.Ending()
    )


async def is_signed(tx: Transaction, encounter_id: str) -> bool:
    """Whether the note of this visit is signed; from then on it takes addenda only."""
    note = await notes.find(tx, encounter_id)
    return note is not None and note.get("status") in notes.CLOSED


async def _order_examination(tx: Transaction, stored: Stored, specialty: str) -> None:
    encounter = resources.of(stored)
    if visit_facts.kind_of(encounter) == DRUGS_ONLY:
        return
    service = await examination_of(tx, specialty, tx.now.astimezone(tx.tenant.time_zone).date())
    if service:
        await orders.place_exam(tx, encounter, service)


def _moved(tx: Transaction, encounter: Resource, status: str) -> Resource:
    """The visit in another state, the time in the one before written down."""
    now = clock.to_instant(tx.now)
    history = [dict(one) for one in encounter.get("statusHistory", ())]
    for one in history:
        if not one["period"].get("end"):
            one["period"] = {**one["period"], "end": now}
    return {**encounter, "status": status, "statusHistory": [*history, {"status": status, "period": {"start": now}}]}


def _is_me(tx: Transaction, doctor: dict[str, str]) -> bool:
    mine = resources.me(tx)
    if mine.get("reference") or doctor.get("reference"):
        return mine.get("reference") == doctor.get("reference")
    return mine.get("display") == doctor.get("display")


def _check_person(patient: Resource) -> None:
    if patient.get("deceasedBoolean") is True or patient.get("deceasedDateTime"):
        raise errors.Conflict("Hồ sơ ghi người bệnh đã mất; không mở được lượt khám.")
    if any(one.get("type") == "replaced-by" for one in patient.get("link", ())):
        raise errors.Conflict("Hồ sơ này đã gộp vào hồ sơ khác; hãy mở hồ sơ kia.")


async def _new_key(tx: Transaction, facility_code: str, day: date) -> str:
    """A new MA_LK: facility, day, 50 random bits. It is looked for, so that none is ever given twice."""
    while True:
        key = f"{facility_code}{day:%y%m%d}" + "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM_LETTERS))
        if not await search.search_ids(tx, "Encounter", [("identifier", f"{systems.VISIT}|{key}")], 1):
            return key


async def _with_money(
    tx: Transaction, encounter: Resource, category: str, coverage_id: str, priority_group: str, day: date
) -> Resource:
    if category:
        row = await catalogues.get(tx, "ma-doituong-kcb", category, on=day)
        if row is None:
            raise errors.Unprocessable("Đối tượng khám chữa bệnh này không có trong danh mục của hôm nay.")
        concept = resources.concept(systems.DOITUONG_KCB, category, row.name)
        encounter = visit_facts.with_extension(encounter, visit_facts.CATEGORY, "valueCodeableConcept", concept)
        encounter = visit_facts.with_extension(encounter, visit_facts.CATEGORY_PROVISIONAL, "valueBoolean", True)
    if coverage_id:
        card = {"reference": f"Coverage/{coverage_id}"}
        encounter = visit_facts.with_extension(encounter, visit_facts.COVERAGE, "valueReference", card)
    if priority_group:
        encounter = visit_facts.with_extension(encounter, visit_facts.PRIORITY_GROUP, "valueCode", priority_group)
    return encounter
