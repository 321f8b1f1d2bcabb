"""Charges of a visit: expected, settled, cancelled; the total before and after an order; what was copied stays."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogues, charges, outbox, resources, visit_cards
from lienmach.care.catalogues import Row
from lienmach.care.charges import NewLine
from lienmach.record.transaction import Store, Transaction
from tests.care import insured_visit
from tests.care.insured_visit import InsuredVisit


@pytest.fixture
async def visit(store: Store, system: Actor) -> InsuredVisit:
    return await insured_visit.make(store, system)


async def test_a_small_visit_is_free_and_the_order_that_crosses_the_line_is_seen_before_it_is_placed(
    visit: InsuredVisit,
) -> None:
    await visit.expect("KHAM", "ServiceRequest/a")
    before = await visit.amounts()
    assert (before.T_TONGCHI_BV, before.T_BHTT, before.patient_total) == (45_000, 45_000, 0)
    assert before.is_below_line
    assert before.line_vnd == 379_500
    assert (before.percent, before.is_provisional, before.remarks) == (100, False, ())

    new = NewLine("service", "XN-LON", Decimal(1), "new/0", visit.store.now())
    after = await visit.amounts(extra=[new])
    assert not after.is_below_line
    assert after.T_BNCCT == Decimal("79000.00")  # 20 % of 45,000 + 350,000
    assert after.T_BNTT == 50_000  # above the insured price
    assert after.lines[-1].line.key == "new/0"
    assert await visit.amounts() == before  # nothing was stored


async def test_each_step_of_an_order_is_the_whole_visit_up_to_there(visit: InsuredVisit) -> None:
    await visit.expect("KHAM", "ServiceRequest/a")
    new = [NewLine("service", code, Decimal(1), f"new/{code}", visit.store.now()) for code in ("XN-DUONG", "XN-LON")]

    async def work(tx: Transaction) -> list[charges.VisitAmounts]:
        return await charges.in_steps(tx, visit.encounter_id, new)

    steps = await visit.run(work)
    assert [one.is_below_line for one in steps] == [True, True, False]
    assert [one.patient_total for one in steps] == [0, 0, 133_400]
    assert steps[-1] == await visit.amounts(extra=new)


async def test_charges_of_the_same_unit_count(visit: InsuredVisit) -> None:
    async def work(tx: Transaction) -> charges.VisitAmounts:
        for cause in ("ServiceRequest/a", "ServiceRequest/b"):
            await charges.expect(
                tx, visit.encounter_id, list_name="service", code="KHAM", quantity=Decimal(1), cause=cause, at=tx.now
            )
        await charges.cancel(tx, "ServiceRequest/b", "thử")
        return await charges.of_visit(tx, visit.encounter_id)

    assert (await visit.run(work)).T_TONGCHI_BV == 45_000


async def test_without_a_cause_is_as_if_it_had_not_been_ordered(visit: InsuredVisit) -> None:
    await visit.expect("KHAM", "ServiceRequest/a")
    await visit.expect("XN-DUONG", "ServiceRequest/b")
    assert (await visit.amounts(without=["ServiceRequest/a"])).T_TONGCHI_BV == 22_000


async def test_the_same_cause_is_one_charge(visit: InsuredVisit) -> None:
    first = await visit.expect("XN-DUONG", "ServiceRequest/a")
    again = await visit.expect("XN-DUONG", "ServiceRequest/a", quantity=2)
    assert first.id == again.id
    assert (await visit.amounts()).T_TONGCHI_BV == 44_000


async def test_only_what_was_given_out_counts(visit: InsuredVisit) -> None:
    await visit.expect("PARA500", "MedicationRequest/a", quantity=30)
    assert (await visit.amounts()).T_TONGCHI_BV == 15_000  # the insured price: a listed drug has one
    await visit.run(lambda tx: charges.settle(tx, "MedicationRequest/a", quantity=Decimal(20)))
    assert (await visit.amounts()).T_TONGCHI_BV == 10_000
    await visit.run(lambda tx: charges.settle(tx, "MedicationRequest/a", quantity=Decimal(0)))
    assert (await visit.amounts()).T_TONGCHI_BV == 0


async def test_a_settled_cost_is_not_expected_again_and_a_cancelled_one_is_not_settled(visit: InsuredVisit) -> None:
    await visit.expect("XN-DUONG", "ServiceRequest/a")
    await visit.run(lambda tx: charges.settle(tx, "ServiceRequest/a"))
    with pytest.raises(errors.Conflict):
        await visit.expect("XN-DUONG", "ServiceRequest/a")
    await visit.run(lambda tx: charges.cancel(tx, "ServiceRequest/a", "nhầm"))
    with pytest.raises(errors.Conflict):
        await visit.run(lambda tx: charges.settle(tx, "ServiceRequest/a"))
    assert (await visit.amounts()).T_TONGCHI_BV == 0
    await visit.expect("XN-DUONG", "ServiceRequest/a")  # a cancelled one may be wanted again
    assert (await visit.amounts()).T_TONGCHI_BV == 22_000


@pytest.mark.parametrize(
    ("code", "quantity", "word"), [("KHONG-CO", 1, "danh mục"), ("CHUA-GIA", 1, "giá"), ("KHAM", 0, "số lượng")]
)
async def test_what_has_no_row_price_or_quantity_is_refused_with_what_to_do(
    visit: InsuredVisit, code: str, quantity: int, word: str
) -> None:
    with pytest.raises(errors.Unprocessable, match=word):
        await visit.expect(code, "ServiceRequest/a", quantity=quantity)
    assert (await visit.amounts()).lines == ()


async def test_what_is_not_insured_or_chosen_alone_is_the_patients_own(visit: InsuredVisit) -> None:
    await visit.expect("THAM-MY", "ServiceRequest/a")
    await visit.expect("XN-DUONG", "ServiceRequest/b", scope="self")
    await visit.expect("NUA", "MedicationRequest/c")
    amounts = await visit.amounts()
    assert amounts.T_BNTT == 500_000 + 22_000 + 5_000
    assert [one.why for one in amounts.lines] == ["out-of-scope", "out-of-scope", ""]
    assert amounts.T_TONGCHI_BH == 5_000


async def test_second_examinations_count_30_percent(visit: InsuredVisit) -> None:
    await visit.expect("KHAM", "ServiceRequest/a")
    await visit.expect("KHAM", "ServiceRequest/b")
    assert (await visit.amounts()).T_TONGCHI_BV == Decimal("58500.00")


async def test_a_price_that_changes_later_rewrites_nothing(visit: InsuredVisit) -> None:
    await visit.expect("KHAM", "ServiceRequest/a")

    async def dearer(tx: Transaction) -> None:
        price = {"don_gia_bv": 99_000, "don_gia_bh": 99_000}
        catalogues.put(tx, [Row("price", "service:KHAM", "KHAM", date(2020, 1, 1), None, "demo", price)])

    await visit.run(dearer)
    assert (await visit.amounts()).T_TONGCHI_BV == 45_000


@pytest.mark.parametrize(("number", "category"), [("", "1.1"), ("DN4790000000001", "9")])
async def test_without_a_card_or_under_category_9_all_is_self_paid_and_no_check_in_is_queued(
    store: Store, system: Actor, number: str, category: str
) -> None:
    visit = await insured_visit.make(store, system, number=number, category=category)
    await visit.expect("KHAM", "ServiceRequest/a")
    amounts = await visit.amounts()
    assert (amounts.T_BNTT, amounts.T_BHTT, amounts.patient_total) == (45_000, 0, 45_000)
    assert {one.why for one in amounts.lines} == {"no-card"}
    async with store.begin(system) as tx:
        assert await outbox.of_subject(tx, "Encounter/e1") == []


async def test_a_card_that_nobody_verified_counts_provisionally_and_is_said(store: Store, system: Actor) -> None:
    visit = await insured_visit.make(store, system, is_verified=False)
    await visit.expect("KHAM", "ServiceRequest/a")
    amounts = await visit.amounts()
    assert amounts.T_BHTT == 45_000
    assert amounts.is_provisional
    assert any("chưa xác minh" in one for one in amounts.remarks)


async def test_a_card_verified_before_the_day_of_arrival_is_not_verified_today(store: Store, system: Actor) -> None:
    visit = await insured_visit.make(store, system, checked_at=store.now() - timedelta(days=1))
    assert (await visit.amounts()).is_provisional


async def test_a_category_that_pays_by_the_case_is_self_paid_until_decided(store: Store, system: Actor) -> None:
    visit = await insured_visit.make(store, system, category="7.2")
    await visit.expect("KHAM", "ServiceRequest/a")
    amounts = await visit.amounts()
    assert amounts.patient_total == 45_000
    assert amounts.remarks


async def test_a_card_shown_late_pays_from_then_on(store: Store, system: Actor) -> None:
    visit = await insured_visit.make(store, system, arrived_at=store.now() - timedelta(hours=2))
    await visit.expect("KHAM", "ServiceRequest/a", at=store.now() - timedelta(hours=1))
    await visit.run(lambda tx: visit_cards.show_late(tx, "e1", visit.coverage_id, "1.12"))
    await visit.expect("XN-DUONG", "ServiceRequest/b", at=store.now() + timedelta(seconds=1))
    assert [one.why for one in (await visit.amounts()).lines] == ["late-card", ""]


async def test_other_actors_see_the_same_amounts(visit: InsuredVisit, system: Actor) -> None:
    await visit.expect("KHAM", "ServiceRequest/a")
    expected = (await visit.amounts()).patient_total
    for role, purpose in (
        ("doctor", "TREAT"),
        ("reception", "PATADMIN"),
        ("cashier", "HPAYMT"),
        ("insurance", "HPAYMT"),
    ):
        actor = dataclasses.replace(system, user=role, roles=frozenset({role}), purpose=purpose)
        async with visit.store.begin(actor) as tx:
            assert (await charges.of_visit(tx, "e1")).patient_total == expected


async def test_the_charge_carries_cause_time_and_terms(visit: InsuredVisit) -> None:
    at = datetime.fromisoformat("2026-11-21T09:00:00.000+07:00")
    stored = await visit.expect("KHAM", "ServiceRequest/a", at=at)
    item: dict[str, Any] = resources.of(stored)
    assert item["supportingInformation"] == [{"reference": "ServiceRequest/a"}]
    assert item["occurrenceDateTime"] == "2026-11-21T02:00:00.000Z"
    assert item["status"] == "planned"
    settled = await visit.run(lambda tx: charges.settle(tx, "ServiceRequest/a", at=at + timedelta(hours=1)))
    assert resources.of(settled)["status"] == "billable"
