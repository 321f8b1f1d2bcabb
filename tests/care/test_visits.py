"""A visit opens with its order and charge, is started by one doctor, and can be taken back only while it is safe."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.care import charges, facility, orders, resources, systems, visit_facts, visit_list, visits
from lienmach.care.population import clinic as demo_clinic
from tests.clinic import Clinic


async def run(clinic: Clinic, work: Any, role: str = "doctor", login: str = "") -> Any:
    return await clinic.store.run(clinic.actor(role, login), work)


async def encounter_of(clinic: Clinic, visit: str) -> dict[str, Any]:
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        return await visits.read(tx, visit)


def later(clinic: Clinic, **by: int) -> None:
    now = clinic.store.now
    clinic.store.now = lambda: now() + timedelta(**by)


async def test_a_visit_opens_with_its_key_order_and_expected_charge(clinic: Clinic) -> None:
    visit = await clinic.visit(await clinic.patient(), started=False, reason="Ho, sốt nhẹ")
    encounter = await encounter_of(clinic, visit)
    assert encounter["status"] == "arrived" and visit_facts.kind_of(encounter) == "01"
    key = resources.identifier_of(encounter, systems.VISIT)
    assert key.startswith("86991") and len(key) == 21
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        [exam] = await orders.of_visit(tx, visit)
        amounts = await charges.of_visit(tx, visit)
    assert orders.kind_of(exam) == "exam"
    assert resources.code_of(exam["code"], systems.SERVICE) == "KB-NOI-TIET"
    assert len(amounts.lines) == 1 and amounts.T_TONGCHI_BV > 0


async def test_a_hundred_visits_have_a_hundred_keys(clinic: Clinic) -> None:
    patient = await clinic.patient()
    found = [await encounter_of(clinic, await clinic.visit(patient, started=False)) for _ in range(20)]
    assert len({resources.identifier_of(one, systems.VISIT) for one in found}) == 20


async def test_a_visit_of_an_unknown_kind_or_of_the_dead_is_not_opened(clinic: Clinic) -> None:
    with pytest.raises(errors.Unprocessable, match="Loại khám"):
        await clinic.visit(await clinic.patient(), started=False, kind="77")
    with pytest.raises(errors.Conflict, match="đã mất"):
        await clinic.visit(await clinic.patient(deceasedBoolean=True), started=False)
    with pytest.raises(errors.Unprocessable, match="500"):
        await clinic.visit(await clinic.patient(), started=False, reason="a" * 501)
    assert await clinic.visit(await clinic.patient(), started=False, reason="a" * 500)


async def test_of_two_doctors_who_start_at_once_one_begins(clinic: Clinic) -> None:
    visit = await clinic.visit(await clinic.patient(), started=False)

    async def start(login: str) -> str:
        try:
            await run(clinic, lambda tx: visits.start(tx, visit), login=login)
        except errors.Conflict:
            return "refused"
        return login

    answers = sorted(await asyncio.gather(start("doctor"), start("doctor2")))
    assert "refused" in answers and answers != ["refused", "refused"]


async def test_another_doctor_may_only_look_until_they_take_over(clinic: Clinic) -> None:
    visit = await clinic.visit(await clinic.patient())
    with pytest.raises(errors.Conflict, match="chỉ xem"):
        await run(clinic, lambda tx: visits.set_diagnoses(tx, visit, "J00"), login="doctor2")
    await run(clinic, lambda tx: visits.take_over(tx, visit), login="doctor2")
    await run(clinic, lambda tx: visits.set_diagnoses(tx, visit, "J00"), login="doctor2")
    with pytest.raises(errors.Conflict, match="chỉ xem"):
        await run(clinic, lambda tx: visits.set_diagnoses(tx, visit, "J00"))
    encounter = await encounter_of(clinic, visit)
    assert len(encounter["participant"]) == 2 and encounter["participant"][1]["period"]["end"]


async def test_a_start_is_undone_within_ten_seconds_and_not_after(clinic: Clinic) -> None:
    patient = await clinic.patient()
    visit, late = await clinic.visit(patient), await clinic.visit(patient)
    await run(clinic, lambda tx: visits.undo_start(tx, visit))
    assert (await encounter_of(clinic, visit))["status"] == "arrived"
    later(clinic, seconds=11)
    with pytest.raises(errors.Conflict, match="10 giây"):
        await run(clinic, lambda tx: visits.undo_start(tx, late))


async def test_a_start_is_not_undone_once_something_is_written(clinic: Clinic) -> None:
    visit = await clinic.visit(await clinic.patient())
    await run(clinic, lambda tx: visits.write_note(tx, visit, {"reason": "Ho"}))
    with pytest.raises(errors.Conflict, match="nội dung"):
        await run(clinic, lambda tx: visits.undo_start(tx, visit))


async def test_a_cancelled_visit_costs_nothing_and_comes_back_within_ten_seconds(clinic: Clinic) -> None:
    visit = await clinic.visit(await clinic.patient(), started=False)
    with pytest.raises(errors.Unprocessable, match="lý do"):
        await run(clinic, lambda tx: visits.cancel(tx, visit, " "))
    await run(clinic, lambda tx: visits.cancel(tx, visit, "Người bệnh bỏ về"))
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert (await charges.of_visit(tx, visit)).T_TONGCHI_BV == 0
    with pytest.raises(errors.Conflict, match="kết thúc hoặc đã huỷ"):
        await run(clinic, lambda tx: visits.start(tx, visit))
    await run(clinic, lambda tx: visits.undo_cancel(tx, visit))
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert (await charges.of_visit(tx, visit)).T_TONGCHI_BV > 0
    assert (await encounter_of(clinic, visit))["status"] == "arrived"


async def test_a_code_that_has_finer_ones_or_is_unknown_is_no_diagnosis(clinic: Clinic) -> None:
    visit = await clinic.visit(await clinic.patient())
    for wrong in ("E11", "ZZ9", ""):
        with pytest.raises(errors.Unprocessable):
            await run(clinic, lambda tx, code=wrong: visits.set_diagnoses(tx, visit, code))
    with pytest.raises(errors.Unprocessable, match="hai lần"):
        await run(clinic, lambda tx: visits.set_diagnoses(tx, visit, "J00", ["J00"]))
    await run(clinic, lambda tx: visits.set_diagnoses(tx, visit, "E11.9", ["I10"]))
    encounter = await encounter_of(clinic, visit)
    assert [one["rank"] for one in encounter["diagnosis"]] == [1, 2]


async def test_a_diagnosis_taken_back_stays_to_be_seen_as_an_error(clinic: Clinic) -> None:
    visit = await clinic.visit(await clinic.patient())
    await run(clinic, lambda tx: visits.set_diagnoses(tx, visit, "J00", ["I10"]))
    await run(clinic, lambda tx: visits.set_diagnoses(tx, visit, "E11.9"))
    await run(clinic, lambda tx: visits.set_diagnoses(tx, visit, "J00"))
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        found = await resources.find(tx, "Condition", ("encounter", f"Encounter/{visit}"))
    states = {
        resources.code_of(one["code"], systems.ICD10): one["verificationStatus"]["coding"][0]["code"] for one in found
    }
    assert states == {"J00": "confirmed", "I10": "entered-in-error", "E11.9": "entered-in-error"}


async def test_the_work_list_shows_a_room_in_the_order_of_its_work(clinic: Clinic) -> None:
    patient = await clinic.patient()
    waiting, running = await clinic.visit(patient, started=False), await clinic.visit(patient)
    ready, gone = await clinic.visit(patient), await clinic.visit(patient)

    async def order(tx: Any) -> None:
        [lab] = await orders.place(tx, ready, [orders.OrderLine("XN-HBA1C", has_consent=True)])
        await orders.complete(tx, lab.id)

    await run(clinic, order)
    await run(clinic, lambda tx: visits.cancel(tx, gone, "Nhầm người"))
    room = await clinic.room("exam")
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        work = await visit_list.of_room(tx, room_id=room.id, on=today)
        before = await visit_list.of_room(tx, room_id=room.id, on=today - timedelta(days=1))
    items = work.items
    assert [(one.encounter_id, one.state) for one in items] == [
        (running, "in-progress"),
        (ready, "results"),
        (waiting, "waiting"),
        (gone, "cancelled"),
    ]
    assert work.counts["results"] == 1 and items[1].orders == items[1].ready == 1
    assert before.items == () and not any(before.counts.values())


async def test_the_work_list_reads_the_newest_that_are_done_and_counts_all(clinic: Clinic) -> None:
    patient = await clinic.patient()
    done, key = [await clinic.visit(patient) for _ in range(3)], await clinic.signer("doctor")
    for encounter_id in done:
        await run(clinic, lambda tx, own=encounter_id: visits.set_diagnoses(tx, own, "J00"))
        await run(clinic, lambda tx, own=encounter_id: visits.finish(tx, own, key, result="2", outcome="1"))
    room = await clinic.room("exam")
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        some = await visit_list.of_room(tx, room_id=room.id, on=today, done_most=2)
        all_of_them = await visit_list.of_room(tx, room_id=room.id, on=today)
    assert len(some.items) == 2 and {one.state for one in some.items} == {"done"}
    assert some.counts["done"] == all_of_them.counts["done"] == 3
    assert {one.encounter_id for one in some.items} < {one.encounter_id for one in all_of_them.items} == set(done)


async def test_a_nurse_records_vital_signs_before_the_doctor_starts(clinic: Clinic) -> None:
    visit = await clinic.visit(await clinic.patient(), started=False)
    stored = await run(clinic, lambda tx: visits.record_vitals(tx, visit, {"pulse": Decimal(80)}), role="nurse")
    assert len(stored) == 1


async def test_the_room_of_a_station_orders_the_examination_of_its_specialty(clinic: Clinic) -> None:
    patient = await clinic.patient()

    async def arrive(tx: Any) -> str:
        own = await facility.facility(tx, demo_clinic.STATION)
        [room] = await facility.rooms(tx, "exam", organization_id=own.organization_id)
        return (await visits.open_visit(tx, patient, room=room, facility=own)).id

    visit = await run(clinic, arrive, role="reception")
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        [exam] = await orders.of_visit(tx, visit)
    assert resources.code_of(exam["code"], systems.SERVICE) == "KB-NOI"


async def test_drugs_by_appointment_have_no_examination(clinic: Clinic) -> None:
    visit = await clinic.visit(await clinic.patient(), started=False, kind="07")
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert await orders.of_visit(tx, visit) == []
