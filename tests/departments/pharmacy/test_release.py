"""The window gives out only after insurance desk and cashier, and the list says what is still missing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.care import stock, visit_end, visits
from lienmach.care.money import accounts, statements
from lienmach.departments.pharmacy import dispensing, prescriptions
from tests.clinic import Clinic
from tests.departments.pharmacy.test_dispensing import PARA, charge_of, give, prescribe, receive

ENDING = visit_end.Ending({"reason": "Ho", "history": "Ho hai ngày", "examination": "Họng đỏ"}, "J00")


async def sign(clinic: Clinic, visit: str) -> None:
    key = await clinic.signer("doctor")
    work = lambda tx: visits.finish(tx, visit, key, result="1", outcome="1", ending=ENDING)  # noqa: E731
    await clinic.store.run(clinic.actor("doctor"), work)


async def words(clinic: Clinic, visit: str) -> str:
    async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
        return prescriptions.state_of(await accounts.of_visit(tx, visit))[1]


async def refused(clinic: Clinic, line: str) -> str:
    with pytest.raises(errors.Conflict) as found:
        await give(clinic, line, 10)
    assert found.value.issues[0].code == "not-released"
    return found.value.text


async def test_each_missing_step_refuses_with_its_own_sentence_and_the_last_opens_the_window(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 100)
    _, [line], visit = await prescribe(clinic, is_released=False)
    assert "chưa kết thúc" in await refused(clinic, line)
    assert await words(clinic, visit) == "Đang khám"
    await sign(clinic, visit)
    assert "Chưa chốt bảng kê" in await refused(clinic, line)
    assert await words(clinic, visit) == "Chờ chốt bảng kê"
    key = await clinic.signer("insurance")
    await clinic.store.run(clinic.actor("insurance"), lambda tx: statements.close(tx, visit, key))
    assert "chưa thanh toán" in await refused(clinic, line)
    assert await words(clinic, visit) == "Chờ thanh toán"

    async def trust(tx: Any) -> None:
        accounts.allow_credit(tx, visit, "Quay lại trả sau")

    await clinic.store.run(clinic.actor("cashier"), trust)
    assert await words(clinic, visit) == "Sẵn sàng cấp"
    await give(clinic, line, 10)


async def test_a_part_that_is_given_leaves_the_expected_cost_until_the_rest_is_let_go(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 100)
    _, [line], visit = await prescribe(clinic, PARA)
    await give(clinic, line, 4)
    assert (await charge_of(clinic, line))["status"] == "planned"
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        assert not (await statements.draft(tx, visit)).is_changed
        assert await stock.reserved(tx, f"MedicationRequest/{line}") == Decimal(6)

    async def let_go(tx: Any) -> None:
        await dispensing.release(tx, f"MedicationRequest/{line}")

    await clinic.store.run(clinic.actor("pharmacist"), let_go)
    charge = await charge_of(clinic, line)
    assert (charge["status"], charge["quantity"]["value"]) == ("billable", 4)
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        assert (await statements.draft(tx, visit)).is_changed
