"""The journeys of care in `docs/journeys.md`, run on a set-up clinic. How a journey is compared: `test_journeys.py`."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from lienmach import app
from lienmach.care import prescriptions, resources, signing, visits
from lienmach.care.money import accounts, payments, shifts, statements
from lienmach.care.prescriptions import RxLine
from lienmach.departments.pharmacy import dispensing
from tests.clinic import Clinic
from tests.departments.pharmacy.test_dispensing import receive
from tests.house.journey import Traced
from tests.house.test_journeys import check
from tests.web.client import Browser

PIN = "482913"
LINE = RxLine(drug_code="PARA500", per_time=Decimal(1), times=2, days=5, payer="bhyt")


@pytest.fixture
async def whole(clinic: Clinic) -> AsyncIterator[app.Application]:
    one = app.build(clinic.settings, database_url=str(clinic.settings.database_url))
    await one.start()
    yield one
    await one.stop()


async def _ready(clinic: Clinic) -> tuple[str, list[str]]:
    """A visit with note, diagnosis and prescription that waits for its signature; and the lines' ids."""
    visit = await clinic.visit(await clinic.patient(), reason="Ho")

    async def work(tx: Any) -> list[str]:
        await visits.write_note(tx, visit, {"reason": "Ho", "history": "Ho ba ngày", "examination": "Họng đỏ"})
        await visits.set_diagnoses(tx, visit, "J00")
        return [one.id for one in await prescriptions.write(tx, visit, [LINE], reasons={})]

    return visit, await clinic.store.run(clinic.actor("doctor"), work)


async def _sign(browser: Browser, visit: str) -> int:
    shown = re.search(r'name="shown" value="([0-9a-f]{64})"', browser.page)
    assert shown
    data = {"result": "2", "outcome": "1", "category": "9", "pin": PIN, "shown": shown[1]}
    return (await browser.post(f"/outpatient/visits/{visit}/signature", data)).status_code


async def _end(clinic: Clinic, visit: str) -> None:
    """The doctor signs."""
    key = await clinic.signer("doctor")

    async def work(tx: Any) -> None:
        await visits.finish(tx, visit, key, result="2", outcome="1")

    await clinic.store.run(clinic.actor("doctor"), work)


async def test_a_doctor_signs_a_visit(clinic: Clinic, whole: app.Application) -> None:
    await signing.set_pin(clinic.store, clinic.actor("doctor"), PIN)
    await receive(clinic, "PARA500", 100)
    browser = Browser(whole)
    await browser.sign_in("doctor")
    for is_traced in (False, True):
        visit, _ = await _ready(clinic)
        await browser.get(f"/outpatient/visits/{visit}/signature")
        await asyncio.sleep(0.05)
        if not is_traced:
            assert await _sign(browser, visit) == 303, browser.words()
            continue
        with Traced() as journey:
            status = await _sign(browser, visit)
        assert status == 303, browser.words()
        check("A doctor signs a visit", journey)
    await browser.client.aclose()


async def test_a_pharmacist_gives_out(clinic: Clinic, whole: app.Application) -> None:
    await receive(clinic, "PARA500", 100)
    browser = Browser(whole)
    await browser.sign_in("pharmacist")
    for is_traced in (False, True):
        visit, [line] = await _ready(clinic)
        await _end(clinic, visit)
        await clinic.settle(visit)
        async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
            code = dispensing.code_of(await resources.read(tx, "MedicationRequest", line))
        await browser.get(f"/pharmacy/prescriptions/{code}")
        await asyncio.sleep(0.05)
        with Traced() as journey:
            answer = await browser.post(f"/pharmacy/prescriptions/{code}", {f"quantity-{line}": "10"})
        assert answer.status_code == 303, browser.words()
        if is_traced:
            check("A pharmacist gives out", journey)
    await browser.client.aclose()


async def test_a_desk_closes_a_cost_statement(clinic: Clinic, whole: app.Application) -> None:
    key, desk = await clinic.signer("insurance"), clinic.actor("insurance")
    await receive(clinic, "PARA500", 100)
    for is_traced in (False, True):
        visit, _ = await _ready(clinic)
        await _end(clinic, visit)
        with Traced() as journey:
            await clinic.store.run(desk, functools.partial(_close, visit, key))
        if is_traced:
            check("A desk closes a cost statement", journey)


async def _close(visit: str, key: Any, tx: Any) -> None:
    await statements.close(tx, visit, key)


async def test_a_cashier_takes_a_payment(clinic: Clinic, whole: app.Application) -> None:
    key, desk, cashier = await clinic.signer("insurance"), clinic.actor("insurance"), clinic.actor("cashier")
    await receive(clinic, "PARA500", 100)
    await clinic.store.run(cashier, functools.partial(_open_shift))
    for is_traced in (False, True):
        visit, _ = await _ready(clinic)
        await _end(clinic, visit)
        await clinic.store.run(desk, functools.partial(_close, visit, key))
        async with clinic.store.begin(cashier) as tx:
            due = (await accounts.read(tx, visit)).due
        assert due > 0
        with Traced() as journey:
            await clinic.store.run(cashier, functools.partial(_take, visit, due))
        if is_traced:
            check("A cashier takes a payment", journey)


async def _open_shift(tx: Any) -> None:
    await shifts.open_shift(tx, 500_000)


async def _take(visit: str, due: int, tx: Any) -> None:
    await payments.take(tx, visit, due, method="cash", request_key=f"journey/{visit}")
