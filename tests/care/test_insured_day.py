"""The working set of the project and the insured visit meet: card, arrival, examination, check-in, share, by its lists."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from lienmach.care import catalogues, charges, coverages, insurance, orders, outbox, resources, signing, visits
from lienmach.care.charges import NewLine
from lienmach.care.visit_end import Ending
from lienmach.record.transaction import Transaction
from lienmach.simulators import insurance as portal_simulator
from tests.care import outbox_work
from tests.clinic import Clinic
from tests.simulators import running


async def test_an_insured_visit_by_the_lists_that_come_with_the_project(clinic: Clinic) -> None:
    store, desk, doctor = clinic.store, clinic.actor("reception"), clinic.actor("doctor")
    patient_id = await clinic.patient(identifier=[{"system": coverages.CARD, "value": "DN4860000000001"}])
    async with running.here(portal_simulator) as portal:
        outbox_work.connect(store, insurance_url=portal.url)

        async def arrive(tx: Transaction) -> str:
            return await insurance.ask(tx, patient_id)

        coverage_id = await store.run(desk, arrive)
        await outbox_work.work(store, clinic.pool)
        encounter_id = await clinic.visit(patient_id, category="1.1", coverage_id=coverage_id)
        await outbox_work.work(store, clinic.pool)
        assert len((await portal.state())["check_ins"]) == 1

    async def look(tx: Transaction) -> tuple[charges.VisitAmounts, charges.VisitAmounts]:
        services = await catalogues.all_of(tx, "service", on=tx.now.date())
        lab = [one for one in services if one.data.get("kind") == "lab" and one.data.get("is_insured", True)]
        new = [NewLine("service", one.code, Decimal(1), f"n{index}", tx.now) for index, one in enumerate(lab[:40])]
        return await charges.of_visit(tx, encounter_id), await charges.of_visit(tx, encounter_id, extra=new)

    before, after = await store.run(doctor, look)
    assert [one.line.nhom for one in before.lines] == ["13"]
    assert (before.is_below_line, before.T_BNCCT, before.T_BHTT > 0) == (True, 0, True)
    assert before.remarks == ("Đối tượng khám chữa bệnh là tạm thời, được quyết định khi kết thúc lượt khám.",)
    assert not after.is_below_line
    assert {str(one.MUC_HUONG) for one in after.lines if not one.why} == {"80"}
    assert after.T_BNCCT == after.T_TONGCHI_BH - after.T_BHTT
    subject: Any = f"Encounter/{encounter_id}"
    async with store.begin(desk) as tx:
        assert [one.state for one in await outbox.of_subject(tx, subject)] == ["sent"]


async def test_the_card_is_asked_again_after_the_last_order_and_the_check_in_went_before(clinic: Clinic) -> None:
    store, desk, doctor = clinic.store, clinic.actor("reception"), clinic.actor("doctor")
    patient_id = await clinic.patient(identifier=[{"system": coverages.CARD, "value": "DN4860000000001"}])
    alone = await clinic.patient()
    await signing.ensure(store, doctor, "583914")
    async with running.here(portal_simulator) as portal:
        outbox_work.connect(store, insurance_url=portal.url)
        coverage_id = await store.run(desk, lambda tx: insurance.ask(tx, patient_id))
        await outbox_work.work(store, clinic.pool)
        now = store.now
        store.now = lambda: now() - timedelta(minutes=1)  # an insured visit lasts a minute (TIM-01)
        insured = await clinic.visit(patient_id, category="1.1", coverage_id=coverage_id)
        store.now = now
        uninsured = await clinic.visit(alone, category="9")
        async with store.begin(desk) as tx:
            [check_in] = await outbox.of_subject(tx, f"Encounter/{insured}")
            assert (check_in.channel, check_in.state) == ("checkin", "waiting"), "queued with the first cost"
            assert await outbox.of_subject(tx, f"Encounter/{uninsured}") == []
        await store.run(doctor, lambda tx: orders.place(tx, insured, [orders.OrderLine("XN-CREA", has_consent=True)]))
        key = await signing.signer_for(store, doctor, session_key=b"", pin="583914")
        ending = Ending({"reason": "Ho", "history": "Ho", "examination": "Họng đỏ"}, "J00")

        async def finish(tx: Transaction, own: str) -> None:
            await visits.finish(tx, own, key, result="2", outcome="1", ending=ending)

        for own in (insured, uninsured):
            await store.run(doctor, lambda tx, own=own: finish(tx, own))
        async with store.begin(desk) as tx:
            asked = [one for one in await outbox.of_subject(tx, f"Patient/{patient_id}") if one.state == "waiting"]
            assert [one.key.split("/")[2:4] for one in asked] == [["after-orders", insured]]
            assert await outbox.of_subject(tx, f"Patient/{alone}") == []
        await outbox_work.work(store, clinic.pool)
        assert len((await portal.state())["check_ins"]) == 1
    async with store.begin(desk) as tx:
        answers = await resources.find(tx, "CoverageEligibilityResponse", ("patient", f"Patient/{patient_id}"))
        moments = {one["valueCode"] for each in answers for one in each["extension"] if one["url"] == insurance.MOMENT}
    assert moments == {"arrival", "after-orders"}
