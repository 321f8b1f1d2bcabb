"""Claims that were sent: a recall, a recall that the portal refuses, and costs that change after the fund has paid."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from decimal import Decimal

import asyncpg
import pytest

from lienmach.base import errors
from lienmach.base.jobs import Taken
from lienmach.care import charges, outbox, resources, visit_facts
from lienmach.care.claims import (
    answers,
    claims,
    consideration,
    money_lines,
    payments_of_fund,
    quoting,
    recalling,
    refused_recalls,
)
from lienmach.care.claims.payments_of_fund import FundLine
from lienmach.record.transaction import Transaction
from lienmach.simulators import insurance
from tests.care import claim_world, outbox_work
from tests.care.claim_world import SYSTEM, Signed
from tests.clinic import Clinic
from tests.simulators import running

COSTLY = ("TT-KHAU-SAU", "TT-CHICH-APXE")  # over 15 % of the base salary: the patient pays a share


async def sent(clinic: Clinic, *procedures: str) -> Signed:
    """A visit of which the first version is queued."""
    one = await claim_world.signed(clinic, quantity=0, procedures=procedures)
    await one.close()
    claim = await one.consider()
    assert (claim.state, claim.version) == ("ready", 1), await one.findings()
    return one


async def become(one: Signed, category: str) -> None:
    """Change the category of a visit."""

    async def change(tx: Transaction) -> None:
        encounter = await resources.read(tx, "Encounter", one.encounter_id)
        own = resources.concept("https://lienmach.org/fhir/CodeSystem/ma-doituong-kcb", category)
        changed = visit_facts.with_extension(encounter, visit_facts.CATEGORY, "valueCodeableConcept", own)
        await resources.update(tx, changed)

    await one.clinic.store.run(SYSTEM, change)


async def test_a_visit_that_turns_out_not_insured_is_recalled_with_that_reason(clinic: Clinic) -> None:
    one = await sent(clinic)
    await become(one, "9")
    claim = await one.consider()
    assert (await one.tables())["XML1"][0]["MA_DOITUONG_KCB"] == "8"
    assert claim.recall_reason == recalling.SELF_PAY == (await one.versions())[-1].reason


async def recalled(clinic: Clinic, one: Signed) -> None:
    """The first version has arrived, the desk takes it back, and the portal refuses the recall."""
    async with running.here(insurance, structure_seconds="0", appraise_seconds="0") as portal:
        outbox_work.connect(clinic.store, insurance_url=portal.url)
        await outbox_work.send(clinic.store, (await one.versions())[-1].message_id)
        desk = clinic.actor("insurance")
        await clinic.store.run(desk, lambda tx: claims.recall(tx, one.encounter_id, "Gửi nhầm người bệnh"))
        await one.consider()
        with pytest.raises(errors.Conflict):  # it waits: nobody has refused it
            await clinic.store.run(desk, lambda tx: refused_recalls.leave(tx, one.encounter_id, "Không cần nữa"))
    message = (await one.versions())[-1].message_id
    await clinic.store.run(SYSTEM, lambda tx: _refuse(tx, message))


async def _refuse(tx: Transaction, message: str) -> None:
    """The portal says no to a message."""

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """update outbox_message set state = 'refused', problem = 'refused' where tenant = 1 and message_id = $1""",
            message,
        )

    tx.also(write)


async def test_a_recall_that_waits_or_is_refused_has_recalled_nothing(clinic: Clinic) -> None:
    one = await sent(clinic)
    await recalled(clinic, one)
    claim = await one.consider()
    assert (claim.state, claim.problem, claim.recall_reason) == ("ready", "refused", "Gửi nhầm người bệnh")


async def test_a_refused_recall_is_left_and_the_claim_goes_on_as_it_was_sent(clinic: Clinic) -> None:
    one = await sent(clinic)
    before = await one.claim()
    await recalled(clinic, one)
    desk = clinic.actor("insurance")
    with pytest.raises(errors.Unprocessable):
        await clinic.store.run(desk, lambda tx: refused_recalls.leave(tx, one.encounter_id, " "))
    await clinic.store.run(desk, lambda tx: refused_recalls.leave(tx, one.encounter_id, "Cổng từ chối, giữ hồ sơ"))
    claim = await one.consider()
    assert (claim.state, claim.recall_reason, claim.problem) == ("sent", "", "")
    assert (claim.t_bhtt, claim.sent_version) == (before.t_bhtt, 1) and claim.transaction_number
    first, second = await one.versions()
    assert (first.state, second.state) == ("sent", "dropped")
    assert (second.dropped_reason, second.dropped_by) == ("Cổng từ chối, giữ hồ sơ", desk.display or desk.user)
    with pytest.raises(errors.Conflict):
        await clinic.store.run(desk, lambda tx: refused_recalls.leave(tx, one.encounter_id, "Lần nữa"))


async def test_a_claim_whose_own_version_was_refused_says_so_after_its_recall_was_left(clinic: Clinic) -> None:
    one = await sent(clinic)
    desk = clinic.actor("insurance")
    await clinic.store.run(SYSTEM, lambda tx: _refuse_newest(tx, one))
    await clinic.store.run(desk, lambda tx: claims.recall(tx, one.encounter_id, "Gửi nhầm người bệnh"))
    await one.consider()
    await clinic.store.run(SYSTEM, lambda tx: _refuse_newest(tx, one))
    await clinic.store.run(desk, lambda tx: refused_recalls.leave(tx, one.encounter_id, "Cổng từ chối, giữ hồ sơ"))
    claim = await one.consider()
    assert (claim.state, claim.problem) == ("ready", "refused")
    async with running.here(insurance, structure_seconds="0", appraise_seconds="0") as portal:
        outbox_work.connect(clinic.store, insurance_url=portal.url)
        first = (await one.versions())[0].message_id
        await clinic.store.run(desk, lambda tx: _retry(tx, first))
        await outbox_work.send(clinic.store, first)
    claim = await one.claim()
    assert (claim.state, claim.problem, claim.sent_version) == ("sent", "", 1)


async def test_a_recall_that_was_received_and_rejected_is_left_and_the_version_before_it_is_the_one_that_was_sent(
    clinic: Clinic,
) -> None:
    one = await sent(clinic)
    desk = clinic.actor("insurance")
    async with running.here(insurance, structure_seconds="0", appraise_seconds="0") as portal:
        outbox_work.connect(clinic.store, insurance_url=portal.url)
        await outbox_work.send(clinic.store, (await one.versions())[-1].message_id)
        await clinic.store.run(desk, lambda tx: claims.recall(tx, one.encounter_id, "Gửi nhầm người bệnh"))
        await one.consider()
        await outbox_work.send(clinic.store, (await one.versions())[-1].message_id)
        assert (await one.claim()).state == "recalled"
    told = answers.Told("rejected", (), None)
    await clinic.store.run(SYSTEM, lambda tx: answers.take_in(tx, one.encounter_id, 2, told, b"{}"))
    await clinic.store.run(desk, lambda tx: refused_recalls.leave(tx, one.encounter_id, "Cổng từ chối, giữ hồ sơ"))
    claim, first = await one.claim(), (await one.versions())[0]
    assert (claim.state, claim.sent_version) == ("sent", 1)
    assert (claim.transaction_number, claim.sent_at) == (first.transaction_number, first.sent_at)


async def test_a_recall_that_nobody_answered_for_sixty_days_is_sent_again_and_not_before(clinic: Clinic) -> None:
    one = await sent(clinic)
    desk = clinic.actor("insurance")
    async with running.here(insurance) as portal:
        outbox_work.connect(clinic.store, insurance_url=portal.url)
        await outbox_work.send(clinic.store, (await one.versions())[-1].message_id)
        await clinic.store.run(desk, lambda tx: claims.recall(tx, one.encounter_id, "Gửi nhầm người bệnh"))
        await one.consider()
        await outbox_work.send(clinic.store, (await one.versions())[-1].message_id)
        began = clinic.store.now()
        for days in (59, 60):
            clinic.store.now = lambda days=days: began + timedelta(days=days, hours=days // 60)
            claim = await one.claim()
            assert (claim.state, claim.is_silent(clinic.store.now())) == ("recalled", days == 60)
            with pytest.raises(errors.Conflict) if days == 59 else contextlib.nullcontext():
                await clinic.store.run(desk, lambda tx: claims.resend(tx, one.encounter_id, "Cổng không có lời"))
        claim = await one.consider()
        assert (claim.state, claim.version) == ("ready", 3)
        assert (await one.tables())["XML1"][0]["MA_DOITUONG_KCB"] == recalling.CATEGORY
        await outbox_work.send(clinic.store, (await one.versions())[-1].message_id)
    claim = await one.claim()
    assert (claim.state, claim.sent_version, claim.is_silent(clinic.store.now())) == ("recalled", 3, False)


async def test_a_recall_that_was_given_up_never_goes_and_its_number_is_not_used_again(clinic: Clinic) -> None:
    one = await sent(clinic)
    await recalled(clinic, one)
    desk = clinic.actor("insurance")
    await clinic.store.run(desk, lambda tx: refused_recalls.leave(tx, one.encounter_id, "Cổng từ chối, giữ hồ sơ"))
    dropped = (await one.versions())[-1].message_id
    async with running.here(insurance, structure_seconds="0", appraise_seconds="0") as portal:
        outbox_work.connect(clinic.store, insurance_url=portal.url)
        await clinic.store.run(desk, lambda tx: _retry(tx, dropped))
        await outbox_work.send(clinic.store, dropped)
        assert (await portal.state())["claims"] == {}
    assert (await outbox_work.read(clinic.store, SYSTEM, dropped)).state == "stopped"
    await clinic.store.run(desk, lambda tx: claims.resend(tx, one.encounter_id, "Bổ sung"))
    claim = await one.consider()
    assert (claim.state, claim.version) == ("ready", 3)


async def _retry(tx: Transaction, message: str) -> None:
    outbox.retry(tx, message)


async def test_a_recall_of_a_visit_that_is_not_the_funds_any_more_cannot_be_left(clinic: Clinic) -> None:
    one = await sent(clinic)
    await become(one, "9")
    await one.consider()
    await clinic.store.run(SYSTEM, lambda tx: _refuse_newest(tx, one))
    desk = clinic.actor("insurance")
    with pytest.raises(errors.Conflict) as raised:
        await clinic.store.run(desk, lambda tx: refused_recalls.leave(tx, one.encounter_id, "Giữ lại hồ sơ"))
    assert "đối tượng" in str(raised.value)


async def _refuse_newest(tx: Transaction, one: Signed) -> None:
    await _refuse(tx, (await claims.versions(tx, one.encounter_id))[-1].message_id)


async def test_a_paid_claim_whose_costs_change_is_marked_and_nothing_is_sent_by_itself(clinic: Clinic) -> None:
    one = await sent(clinic, *COSTLY)
    async with running.here(insurance, structure_seconds="0", appraise_seconds="0") as portal:
        outbox_work.connect(clinic.store, insurance_url=portal.url)
        await outbox_work.send(clinic.store, (await one.versions())[-1].message_id)
    claim, desk = await one.claim(), clinic.actor("insurance")
    line = FundLine(claim.ma_lk, claim.t_bhtt, number=1)
    await clinic.store.run(desk, lambda tx: payments_of_fund.reconcile(tx, "2026-11", [line]))
    claim = await one.consider()
    assert (claim.state, claim.why) == ("paid", "")
    await one.pay((await one.account()).due)
    assert (await one.consider()).why == "", "the patient's payment changes nothing of the fund's"

    async def change(tx: Transaction) -> None:
        causes = [money_lines.cause_of(each) for each in await charges.items_of_visit(tx, one.encounter_id)]
        own = [each for each in causes if each.startswith("ServiceRequest/")][-1]
        await charges.settle(tx, own, quantity=Decimal(0))

    await clinic.store.run(SYSTEM, change)
    claim = await one.consider()
    assert (claim.state, claim.why, claim.version) == ("paid", claims.CHANGED, 1)
    await one.close("Bỏ thủ thuật ghi nhầm")
    claim = await one.consider()
    assert (claim.state, claim.why, claim.version) == ("paid", claims.CHANGED, 1)
    async with clinic.store.begin(SYSTEM) as tx:
        assert [each.ma_lk for each in await claims.listed(tx, states=("paid",), why=claims.CHANGED)] == [claim.ma_lk]
    await clinic.store.run(desk, lambda tx: claims.resend(tx, one.encounter_id, "Thống nhất với BHXH"))
    claim = await one.consider()
    assert (claim.state, claim.why, claim.version) == ("ready", "", 2), await one.findings()


async def test_a_specimen_that_is_refused_after_the_end_of_the_visit_lets_the_claim_be_looked_at_at_once(
    clinic: Clinic,
) -> None:
    one = await sent(clinic, COSTLY[0])

    async def take(tx: Transaction) -> str:
        causes = [money_lines.cause_of(each) for each in await charges.items_of_visit(tx, one.encounter_id)]
        own = next(each for each in causes if each.startswith("ServiceRequest/"))
        order = await resources.follow(tx, own)
        specimen = {
            "resourceType": "Specimen", "status": "unsatisfactory", "subject": order["subject"],
            "request": [{"reference": own}],
        }  # fmt: skip
        return (await resources.create(tx, specimen)).id

    specimen = await clinic.store.run(SYSTEM, take)
    before = await looks(one)
    await changed(one, "Specimen", specimen)
    assert await looks(one) == before + 1


async def test_however_much_changes_one_look_waits_and_a_change_during_a_look_queues_the_next(clinic: Clinic) -> None:
    one = await sent(clinic)
    before = await looks(one)
    for _ in range(3):
        await clinic.store.run(SYSTEM, lambda tx: _reconsider(tx, one))
    assert await looks(one) == before + 1
    async with clinic.store.begin(SYSTEM) as tx:
        await consideration.looks.begin(tx, one.encounter_id)  # the job has begun: what it has not seen is new
    await clinic.store.run(SYSTEM, lambda tx: _reconsider(tx, one))
    assert await looks(one) == before + 2
    await one.consider()
    await clinic.store.run(SYSTEM, lambda tx: _reconsider(tx, one))
    assert await looks(one) == before + 3


async def test_a_look_that_was_never_begun_is_queued_again_after_a_while(clinic: Clinic) -> None:
    one = await sent(clinic)
    before = await looks(one)
    await clinic.store.run(SYSTEM, lambda tx: _reconsider(tx, one))
    now = clinic.store.now
    for minutes, count in ((4, 1), (6, 2)):
        clinic.store.now = lambda minutes=minutes: now() + timedelta(minutes=minutes)  # type: ignore[misc]
        await clinic.store.run(SYSTEM, lambda tx: _reconsider(tx, one))
        assert await looks(one) == before + count


async def _reconsider(tx: Transaction, one: Signed) -> None:
    claims.reconsider(tx, one.encounter_id)


async def changed(one: Signed, kind: str, own: str) -> None:
    """Run the job that a change causes."""
    payload = {"type": kind, "id": own, "version_id": "1", "op": "U"}
    await quoting.consider_change(one.clinic.store, Taken(1, 1, quoting.CHANGED, payload, 1, 10))


async def looks(one: Signed) -> int:
    """How many jobs were queued to look at the claim."""
    async with one.clinic.pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        found = await connection.fetchval(
            "select count(*) from job where kind = $1 and payload->>'encounter' = $2", claims.CONSIDER, one.encounter_id
        )
    return int(found)
