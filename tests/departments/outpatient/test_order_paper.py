"""The order sheet: what the visit orders, where, with which number and what it costs; for those who may see the visit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.care import orders, paper_templates, papers_order
from tests.clinic import Clinic
from tests.web.client import Browser


async def ordered(clinic: Clinic, visit: str, *codes: str, priority: str = "routine") -> list[str]:
    async def work(tx: Any) -> list[str]:
        lines = [orders.OrderLine(one, note="Nhịn ăn", has_consent=True) for one in codes]
        return [one.id for one in await orders.place(tx, visit, lines, priority=priority)]

    return await clinic.store.run(clinic.actor("doctor"), work)


async def sheet(clinic: Clinic, visit: str) -> dict[str, Any]:
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        return await papers_order.sheet(tx, visit)


def shape(value: Any) -> Any:
    """The members of a sheet at every depth; of lists that of the first entry."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__


async def test_the_sheet_names_places_numbers_and_money(clinic: Clinic) -> None:
    visit = await clinic.visit(await clinic.patient())
    first = await ordered(clinic, visit, "XN-CREA", "CDHA-XQ-NGUC", priority="stat")
    found = await sheet(clinic, visit)
    assert shape(found) == shape(paper_templates.sample("order"))
    lines = [line for group in found["groups"] for line in group["lines"]]
    assert [one["code"] for one in lines] == ["XN-CREA", "CDHA-XQ-NGUC"] and lines[0]["note"] == "Nhịn ăn"
    assert all(group["queue_number"] for group in found["groups"]) and found["priority"] == "Cấp cứu"
    assert {one["payer"] for one in lines} == {"Tự trả"} and lines[0]["price"] == lines[0]["patient_pays"] != "0"
    await clinic.store.run(clinic.actor("doctor"), lambda tx: orders.cancel(tx, first[0], "Nhầm"))
    assert [line["code"] for group in (await sheet(clinic, visit))["groups"] for line in group["lines"]] == [
        "CDHA-XQ-NGUC"
    ]


async def test_a_visit_without_orders_has_no_sheet_and_no_button(clinic: Clinic, doctor: Browser) -> None:
    visit = await clinic.visit(await clinic.patient())
    with pytest.raises(errors.NotFound):
        await sheet(clinic, visit)
    await doctor.get(f"/outpatient/visits/{visit}/orders")
    assert "In phiếu chỉ định" not in doctor.words()
    assert (await doctor.get(f"/outpatient/visits/{visit}/orders/paper")).status_code == 404


async def test_doctor_and_nurse_print_it_and_the_cashier_does_not(
    clinic: Clinic, doctor: Browser, nurse: Browser, browser_at: Callable[..., Browser]
) -> None:
    visit = await clinic.visit(await clinic.patient())
    await ordered(clinic, visit, "XN-CREA")
    await doctor.get(f"/outpatient/visits/{visit}/orders")
    assert "In phiếu chỉ định" in doctor.words()
    for browser in (doctor, nurse):
        answer = await browser.get(f"/outpatient/visits/{visit}/orders/paper")
        assert answer.headers["content-type"] == "application/pdf" and answer.content.startswith(b"%PDF")
    cashier = browser_at()
    await cashier.sign_in("cashier")
    assert (await cashier.get(f"/outpatient/visits/{visit}/orders/paper")).status_code == 403
