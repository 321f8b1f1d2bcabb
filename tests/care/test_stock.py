"""Stock never goes below zero, and what is promised is kept for whom it was promised."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import stock
from lienmach.record import committer
from lienmach.record.transaction import Store

PLACE = "p-ct1"
TODAY = date.today()


def lot(name: str, on_hand: int, days: int = 300) -> stock.Lot:
    return stock.Lot(PLACE, "PARA500", name, TODAY + timedelta(days=days), Decimal(on_hand))


async def receive(store: Store, actor: Actor, *lots: stock.Lot) -> None:
    async with store.begin(actor) as tx:
        stock.receive(tx, lots)


async def issue(store: Store, actor: Actor, cause: str, quantity: int) -> list[Any]:
    async def work(tx: Any) -> list[Any]:
        return await stock.issue(tx, cause=cause, drug_code="PARA500", quantity=Decimal(quantity), place_id=PLACE)

    return await store.run(actor, work)


async def free(store: Store, actor: Actor) -> Decimal:
    async with store.begin(actor) as tx:
        return (await stock.available(tx, ["PARA500"], place_id=PLACE))["PARA500"]


async def test_the_lot_that_expires_first_is_given_first(store: Store, system: Actor) -> None:
    await receive(store, system, lot("B", 10, days=90), lot("A", 10, days=30))
    given = await issue(store, system, "MedicationRequest/1", 12)
    assert [(name, quantity) for name, _, quantity in given] == [("A", 10), ("B", 2)]
    assert await free(store, system) == 8


async def test_an_expired_lot_is_never_given(store: Store, system: Actor) -> None:
    await receive(store, system, lot("OLD", 10, days=-1), lot("LAST", 1, days=0))
    assert await free(store, system) == 1
    with pytest.raises(errors.Conflict):
        await issue(store, system, "MedicationRequest/1", 2)
    assert (await issue(store, system, "MedicationRequest/1", 1))[0][0] == "LAST"


async def test_what_is_reserved_is_not_given_to_others(store: Store, system: Actor) -> None:
    await receive(store, system, lot("A", 10))
    async with store.begin(system) as tx:
        stock.reserve(tx, drug_code="PARA500", quantity=Decimal(8), cause="MedicationRequest/1", place_id=PLACE)
    assert await free(store, system) == 2
    with pytest.raises(errors.Conflict) as refused:
        await issue(store, system, "MedicationRequest/2", 3)
    assert "2" in str(refused.value)
    await issue(store, system, "MedicationRequest/2", 2)
    await issue(store, system, "MedicationRequest/1", 8)
    assert await free(store, system) == 0


async def test_a_released_reservation_can_be_promised_again(store: Store, system: Actor) -> None:
    await receive(store, system, lot("A", 10))
    async with store.begin(system) as tx:
        stock.reserve(tx, drug_code="PARA500", quantity=Decimal(10), cause="MedicationRequest/1", place_id=PLACE)
    with pytest.raises(errors.Conflict):
        async with store.begin(system) as tx:
            stock.reserve(tx, drug_code="PARA500", quantity=Decimal(1), cause="MedicationRequest/2", place_id=PLACE)
    async with store.begin(system) as tx:
        stock.release(tx, "MedicationRequest/1")
    async with store.begin(system) as tx:
        stock.reserve(tx, drug_code="PARA500", quantity=Decimal(10), cause="MedicationRequest/2", place_id=PLACE)


async def test_of_a_hundred_who_want_the_last_box_exactly_one_gets_it(store: Store, system: Actor) -> None:
    await receive(store, system, lot("A", 1))
    outcomes = await asyncio.gather(
        *(issue(store, system, f"MedicationRequest/{n}", 1) for n in range(100)), return_exceptions=True
    )
    won = [one for one in outcomes if isinstance(one, list)]
    lost = [one for one in outcomes if isinstance(one, errors.Conflict)]
    assert len(won) == 1 and len(lost) == 99 and "Kho chỉ còn 0" in str(lost[0])
    async with store.begin(system) as tx:
        moves = await tx.fetch("select quantity from stock_move where tenant = 1 and kind = 'issue'")
    assert [row["quantity"] for row in moves] == [-1]


async def test_only_what_was_given_can_come_back(store: Store, system: Actor) -> None:
    await receive(store, system, lot("A", 10))
    await issue(store, system, "MedicationRequest/1", 4)

    def put_back(tx: Any, quantity: int) -> None:
        stock.put_back(
            tx, cause="MedicationRequest/1", drug_code="PARA500", lot="A", quantity=Decimal(quantity), place_id=PLACE,
            note="không đến lấy",
        )  # fmt: skip

    with pytest.raises(errors.Conflict):
        async with store.begin(system) as tx:
            put_back(tx, 5)
    async with store.begin(system) as tx:
        put_back(tx, 4)
    assert await free(store, system) == 10
    with pytest.raises(errors.Conflict):
        async with store.begin(system) as tx:
            put_back(tx, 1)


async def test_a_count_writes_the_difference_as_a_move(store: Store, system: Actor) -> None:
    await receive(store, system, lot("A", 10))
    async with store.begin(system) as tx:
        stock.count(tx, place_id=PLACE, drug_code="PARA500", lot="A", counted=Decimal(7), note="vỡ 3 viên")
    async with store.begin(system) as tx:
        rows = await tx.fetch("select kind, quantity, balance from stock_move where tenant = 1 order by move_id")
    assert [tuple(row) for row in rows] == [("receipt", 10, 10), ("count", -3, 7)]


async def test_stock_of_another_tenant_is_not_seen(store: Store, system: Actor, stranger: Actor) -> None:
    await receive(store, system, lot("A", 10))
    assert await free(store, stranger) == 0


async def test_a_failed_unit_moves_nothing(store: Store, system: Actor) -> None:
    await receive(store, system, lot("A", 10))
    with pytest.raises((errors.Conflict, committer.Changed)):
        async with store.begin(system) as tx:
            await stock.issue(tx, cause="M/1", drug_code="PARA500", quantity=Decimal(4), place_id=PLACE)
            await stock.issue(tx, cause="M/2", drug_code="PARA500", quantity=Decimal(7), place_id=PLACE)
    assert await free(store, system) == 10


async def test_no_more_is_given_for_a_line_than_it_says(store: Store, system: Actor) -> None:
    await receive(store, system, lot("A", 100))

    async def give(quantity: int) -> Any:
        async def work(tx: Any) -> Any:
            return await stock.issue(
                tx, cause="M/1", drug_code="PARA500", quantity=Decimal(quantity), place_id=PLACE, most=Decimal(10)
            )

        return await store.run(system, work)

    outcomes = await asyncio.gather(*(give(10) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(one, list) for one in outcomes) == 1
    assert sum(isinstance(one, errors.Conflict) for one in outcomes) == 19
