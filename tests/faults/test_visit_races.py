"""Twenty hands at one visit: one wins where one may, everybody else reads why, and what is stored fits together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.care import charges, orders, prescriptions, resources, signing, stock, visit_facts, visits
from lienmach.care.prescriptions import RxLine
from lienmach.care.visit_end import Ending
from lienmach.departments.laboratory import panel, results, tubes
from lienmach.departments.pharmacy import dispensing
from lienmach.record import ledger
from tests.clinic import Clinic

PIN = "583914"
PLACE = "p-ct1"
TEXTS = {"reason": "Ho", "history": "Ho ba ngày", "examination": "Họng đỏ", "advice": "Nghỉ"}
COLD = Ending(TEXTS, "J00")


@pytest.fixture
async def visit(clinic: Clinic) -> str:
    for login in ("", "doctor2"):
        await signing.ensure(clinic.store, clinic.actor("doctor", login), PIN)
    return await clinic.visit(await clinic.patient())


async def attempt(clinic: Clinic, role: str, work: Callable[[Any], Awaitable[Any]], login: str = "") -> str:
    """ "done", or the sentence that was read."""
    try:
        await clinic.store.run(clinic.actor(role, login), work)
    except (errors.Conflict, errors.Unprocessable, errors.PreconditionFailed) as refused:
        assert refused.text, "a refusal without a sentence"
        return refused.text
    return "done"


async def signer(clinic: Clinic, login: str = "") -> Any:
    return await signing.signer_for(clinic.store, clinic.actor("doctor", login), session_key=b"", pin=PIN)


async def find(clinic: Clinic, kind: str, *asked: tuple[str, str]) -> list[dict[str, Any]]:
    async with clinic.store.begin(clinic.actor("system")) as tx:
        return await resources.find(tx, kind, *asked)


async def end_and_pay(clinic: Clinic, own: list[str]) -> None:
    """The dispensary gives out nothing before the doctor has signed and the bill is closed and paid."""
    doctor = await clinic.signer("doctor")
    for one in own:
        await clinic.store.run(
            clinic.actor("doctor"),
            lambda tx, one=one: visits.finish(tx, one, doctor, result="2", outcome="1", ending=COLD),
        )
        await clinic.settle(one)


async def check_chain(clinic: Clinic) -> None:
    async with clinic.pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        await connection.execute("set local lienmach.tenant = '1'")
        async for step in ledger.verify(connection, 1):
            assert not isinstance(step, ledger.Fault), step


async def test_of_twenty_doctors_who_sign_one_visit_one_signs(clinic: Clinic, visit: str) -> None:
    keys = {login: await signer(clinic, login) for login in ("", "doctor2")}

    def sign(login: str) -> Any:
        return lambda tx: visits.finish(tx, visit, keys[login], result="2", outcome="1", ending=COLD)

    told = await asyncio.gather(
        *(attempt(clinic, "doctor", sign(login), login) for _ in range(10) for login in ("", "doctor2"))
    )
    assert told.count("done") == 1, told
    assert len(await find(clinic, "Composition", ("encounter", f"Encounter/{visit}"))) == 1
    signed = await find(clinic, "Provenance", ("target", f"Encounter/{visit}"))
    assert len(signed) == 1
    await check_chain(clinic)


async def test_an_order_that_races_with_the_end_is_signed_or_refused(clinic: Clinic, visit: str) -> None:
    """No order may slip in behind the signature: it belongs to the signed visit, or it was refused."""
    key = await signer(clinic)
    line = [orders.OrderLine("XN-DIEN-GIAI")]
    told = await asyncio.gather(
        attempt(clinic, "doctor", lambda tx: visits.finish(tx, visit, key, result="2", outcome="1", ending=COLD)),
        *(attempt(clinic, "doctor", lambda tx: orders.place(tx, visit, line)) for _ in range(6)),
    )
    assert told[0] == "done" or "done" in told[1:], told
    if told[0] != "done":
        await clinic.store.run(
            clinic.actor("doctor"), lambda tx: visits.finish(tx, visit, key, result="2", outcome="1", ending=COLD)
        )
    found = await find(clinic, "ServiceRequest", ("encounter", f"Encounter/{visit}"))
    placed = [one for one in found if orders.kind_of(one) == "lab"]
    assert len(placed) == told[1:].count("done") <= 1
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        for one in placed:
            assert [s.state for s in await signing.verify(tx, f"ServiceRequest/{one['id']}")] == ["ok"], one["code"]


async def test_a_cancelled_visit_has_no_living_order_and_no_charge(clinic: Clinic, visit: str) -> None:
    line = [orders.OrderLine("XN-DIEN-GIAI")]
    told = await asyncio.gather(
        *(attempt(clinic, "doctor", lambda tx: orders.place(tx, visit, line)) for _ in range(4)),
        attempt(clinic, "doctor", lambda tx: visits.cancel(tx, visit, "Người bệnh bỏ về")),
        *(attempt(clinic, "doctor", lambda tx: orders.place(tx, visit, line)) for _ in range(4)),
    )
    [encounter] = await find(clinic, "Encounter", ("_id", visit))
    if told[4] != "done":
        assert "done" in told
        return
    assert encounter["status"] == "cancelled" and not visit_facts.is_open(encounter)
    living = await find(clinic, "ServiceRequest", ("encounter", f"Encounter/{visit}"), ("status", "active,completed"))
    assert living == [], told
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert await charges.items_of_visit(tx, visit) == []


async def test_one_order_gives_one_tube_however_many_collect_it(clinic: Clinic, visit: str) -> None:
    placed = await clinic.store.run(
        clinic.actor("doctor"), lambda tx: orders.place(tx, visit, [orders.OrderLine("XN-DIEN-GIAI")])
    )
    told = await asyncio.gather(
        *(attempt(clinic, "nurse", lambda tx: tubes.collect(tx, [placed[0].id])) for _ in range(20))
    )
    assert told.count("done") == 1, told
    assert len(await find(clinic, "Specimen")) == 1 and len(await find(clinic, "DiagnosticReport")) == 1


async def test_a_cancelled_order_is_not_collected_and_a_collected_one_not_cancelled(clinic: Clinic, visit: str) -> None:
    placed = await clinic.store.run(
        clinic.actor("doctor"), lambda tx: orders.place(tx, visit, [orders.OrderLine("XN-DIEN-GIAI")])
    )
    own = placed[0].id
    told = await asyncio.gather(
        attempt(clinic, "nurse", lambda tx: tubes.collect(tx, [own])),
        attempt(clinic, "doctor", lambda tx: orders.cancel(tx, own, "Nhầm")),
    )
    assert told.count("done") == 1, told


async def test_a_result_is_released_once(clinic: Clinic, visit: str) -> None:
    placed = await clinic.store.run(
        clinic.actor("doctor"), lambda tx: orders.place(tx, visit, [orders.OrderLine("XN-DIEN-GIAI")])
    )
    specimens = await clinic.store.run(clinic.actor("lab"), lambda tx: tubes.collect(tx, [placed[0].id]))
    number = tubes.number_of(specimens[0])

    async def with_panel(tx: Any, act: Callable[[Any], Awaitable[Any]]) -> Any:
        return await act(await panel.of_specimen(tx, await tubes.of_number(tx, number)))

    await clinic.store.run(clinic.actor("lab"), lambda tx: tubes.receive(tx, specimens[0]["id"]))

    async def enter(tx: Any) -> None:
        found = await panel.of_specimen(tx, await tubes.of_number(tx, number))
        for test, value in zip(found.tests, ("140", "4.2", "101"), strict=True):
            await results.enter(tx, found, test, value)

    await clinic.store.run(clinic.actor("lab"), enter)
    await clinic.store.run(
        clinic.actor("lab"), lambda tx: with_panel(tx, lambda one: results.pass_technically(tx, one.tests))
    )
    told = await asyncio.gather(
        *(
            attempt(clinic, "lab_head", lambda tx: with_panel(tx, lambda one: results.release(tx, one, placed[0].id)))
            for _ in range(12)
        )
    )
    assert "done" in told
    [report] = await find(clinic, "DiagnosticReport")
    assert report["status"] == "final"
    assert told.count("done") == 1, told


async def test_reserving_giving_and_taking_back_at_once_keep_the_shelf_true(clinic: Clinic) -> None:
    """Eight prescriptions for a shelf of thirty, given out, taken back and let go at the same time."""

    async def fill(tx: Any) -> None:
        for lot, quantity, days in (("L1", 11, 40), ("L2", 19, 400)):
            stock.receive(
                tx, [stock.Lot(PLACE, "PARA500", lot, date.today() + timedelta(days=days), Decimal(quantity))]
            )

    await clinic.store.run(clinic.actor("pharmacist"), fill)
    own = [await clinic.visit(await clinic.patient()) for _ in range(8)]
    six = [RxLine("PARA500", Decimal(1), 2, 3, payer="bhyt")]
    told = await asyncio.gather(
        *(attempt(clinic, "doctor", lambda tx, one=one: prescriptions.write(tx, one, six, reasons={})) for one in own)
    )
    assert told.count("done") == 5, told  # 5 × 6 of 30
    lines = [one["id"] for one in await find(clinic, "MedicationRequest")]
    await end_and_pay(clinic, [one for one, said in zip(own, told, strict=True) if said == "done"])

    async def give(line: str) -> str:
        return await attempt(clinic, "pharmacist", lambda tx: dispensing.give(tx, line, Decimal(6), place_id=PLACE))

    told = await asyncio.gather(*(give(line) for line in lines for _ in range(4)))
    assert told.count("done") == 5, told
    given = await find(clinic, "MedicationDispense")

    async def back(dispense: dict[str, Any]) -> str:
        quantity = Decimal(dispense["quantity"]["value"])
        return await attempt(
            clinic, "pharmacist", lambda tx: dispensing.take_back(tx, dispense["id"], quantity, "trả lại")
        )

    await asyncio.gather(*(back(one) for one in given for _ in range(3)), *(give(line) for line in lines))
    async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
        wrong = await tx.fetch(
            """select lot, on_hand, sum(quantity) as moved from stock_lot
               join stock_move using (tenant, place_id, drug_code, lot)
               where tenant = 1 group by lot, on_hand having on_hand <> sum(quantity) or on_hand < 0"""
        )
        assert wrong == []
        for line in lines:
            cause = f"MedicationRequest/{line}"
            charge = await resources.read(tx, "ChargeItem", charges.charge_id(cause))
            kept = [
                one
                for one in await find(clinic, "MedicationDispense", ("prescription", cause))
                if one["status"] == "completed"
            ]
            total = sum((Decimal(one["quantity"]["value"]) for one in kept), Decimal(0))
            assert total == await stock.given(tx, cause) <= 6
            assert charge["status"] == ("billable" if total else "not-billable")
            if total:
                assert Decimal(charge["quantity"]["value"]) == total
    await check_chain(clinic)
