"""The orders page of a visit: found by typing, asked what must be asked, placed once, cancelled and taken back."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lienmach.care import orders, resources
from tests.clinic import Clinic
from tests.web.client import Browser

HTMX = {"HX-Request": "true"}


@pytest.fixture
async def visit(clinic: Clinic) -> str:
    return await clinic.visit(await clinic.patient())


@pytest.fixture
async def doctor(browser: Browser) -> Browser:
    await browser.sign_in("doctor")
    return browser


async def step(browser: Browser, visit: str, verb: str, **more: str) -> str:
    """Send the form of the page as it stands, with one more step."""
    await browser.post(f"/outpatient/visits/{visit}/orders", {**typed(browser.page), **more, "step": verb})
    return browser.words()


def typed(page: str) -> dict[str, Any]:
    """The fields of the lines that are not placed yet."""
    form = re.search(r'<form class="card" id="orders-form".*?</form>', page, re.S)
    found: dict[str, Any] = {}
    for name, value in re.findall(
        r'name="(line|quantity|note|repeat_reason)" value="([^"]*)"', form[0] if form else ""
    ):
        found.setdefault(name, []).append(value)
    return found


async def open_page(browser: Browser, visit: str) -> str:
    answer = await browser.get(f"/outpatient/visits/{visit}/orders")
    assert answer.status_code == 200
    return browser.words()


async def test_an_empty_page_says_what_to_do(doctor: Browser, visit: str) -> None:
    words = await open_page(doctor, visit)
    assert "Gõ tên dịch vụ ở trên" in words and "Khám nội tiết" in words, "the examination is ordered already"


async def test_services_are_found_without_diacritics_and_sets_come_first(doctor: Browser, visit: str) -> None:
    await doctor.get(f"/outpatient/visits/{visit}/orders/services?find=dai+thao+duong", headers=HTMX)
    options = re.findall(r'value="((?:set|add):[^"]+)"', doctor.page)
    assert options[0] == "set:dtd-tai-kham"
    await doctor.get(f"/outpatient/visits/{visit}/orders/services?find=hba1c", headers=HTMX)
    assert 'value="add:XN-HBA1C"' in doctor.page
    await doctor.get(f"/outpatient/visits/{visit}/orders/services?find=khongcogi", headers=HTMX)
    assert "Không có dịch vụ nào hợp" in doctor.page


async def test_one_step_applies_a_set_and_its_drugs_wait_in_the_prescription(doctor: Browser, visit: str) -> None:
    await open_page(doctor, visit)
    words = await step(doctor, visit, "set:dtd-tai-kham")
    assert "Định lượng HbA1c" in words and "Chụp X-quang ngực thẳng" in words
    assert "1 thuốc của bộ nằm trong nháp đơn thuốc" in words
    await doctor.get(f"/outpatient/visits/{visit}/prescription")
    assert "Metformin" in doctor.words()


async def test_lines_are_kept_until_they_are_placed_and_the_total_is_shown_before_and_after(
    doctor: Browser, visit: str
) -> None:
    await open_page(doctor, visit)
    await step(doctor, visit, "add:XN-HBA1C")
    words = await open_page(doctor, visit)
    assert "lưu nháp lúc" in words and "Định lượng HbA1c" in words
    assert re.search(r"45\.000 ₫ → <b>153\.000 ₫", doctor.page), "the examination, and with the test of 108.000"
    words = await step(doctor, visit, "place", priority="stat")
    assert "Đã đặt 1 chỉ định" in words and "Cấp cứu" in words and "Chờ thực hiện" in words
    assert "lưu nháp" not in await open_page(doctor, visit)


async def test_an_unknown_service_changes_nothing_and_says_why(doctor: Browser, visit: str) -> None:
    await open_page(doctor, visit)
    assert "Không có dịch vụ nào như vậy" in await step(doctor, visit, "add:KHONG-CO")


async def test_a_repeat_shows_the_earlier_order_and_is_placed_with_a_reason_only(doctor: Browser, visit: str) -> None:
    await open_page(doctor, visit)
    await step(doctor, visit, "add:XN-HBA1C")
    await step(doctor, visit, "place")
    await step(doctor, visit, "add:XN-HBA1C")
    assert "Vì sao làm lại?" in doctor.words() and "chưa có kết quả" in doctor.words()
    assert "Hãy ghi lý do làm lại" in await step(doctor, visit, "place")
    assert "Đã đặt 1 chỉ định" in await step(doctor, visit, "place", repeat_reason="Mẫu vỡ hồng cầu")
    assert "làm lại: Mẫu vỡ hồng cầu" in doctor.words()


async def test_a_cancelled_order_can_be_taken_back(clinic: Clinic, doctor: Browser, visit: str) -> None:
    await open_page(doctor, visit)
    await step(doctor, visit, "add:XN-HBA1C")
    await step(doctor, visit, "place")
    found = re.search(r'value="cancel:(\w+)"', doctor.page)
    assert found
    own = found[1]
    assert "Hãy ghi lý do huỷ" in await step(doctor, visit, f"cancel:{own}")
    words = await step(doctor, visit, f"cancel:{own}", **{f"reason:{own}": "Chỉ định nhầm"})
    assert "Đã huỷ chỉ định" in words and "Hoàn tác" in words
    assert "Đã hoàn tác" in await step(doctor, visit, f"restore:{own}")
    assert "Chờ thực hiện" in doctor.words()


async def test_an_order_of_another_visit_is_not_cancelled_here(clinic: Clinic, doctor: Browser, visit: str) -> None:
    other = await clinic.visit(await clinic.patient(name=[{"text": "Người Khác"}]))

    async def place(tx: Any) -> str:
        return (await orders.place(tx, other, [orders.OrderLine("XN-HBA1C")]))[0].id

    own = await clinic.store.run(clinic.actor("doctor"), place)
    await open_page(doctor, visit)
    answer = await doctor.post(
        f"/outpatient/visits/{visit}/orders", {"step": f"cancel:{own}", f"reason:{own}": "nhầm người"}
    )
    assert answer.status_code == 404


async def test_htmx_gets_only_the_block(doctor: Browser, visit: str) -> None:
    await doctor.get(f"/outpatient/visits/{visit}/orders", headers=HTMX)
    assert doctor.page.lstrip().startswith('<section id="orders"') and "<html" not in doctor.page


async def test_the_nurse_reads_but_does_not_order(browser: Browser, visit: str) -> None:
    await browser.sign_in("nurse")
    words = await open_page(browser, visit)
    assert "Thêm dịch vụ" not in words
    answer = await browser.post(f"/outpatient/visits/{visit}/orders", {"step": "add:XN-HBA1C"})
    assert answer.status_code == 403


async def test_the_total_of_the_visit_is_a_page(doctor: Browser, visit: str) -> None:
    await doctor.get(f"/outpatient/visits/{visit}/total")
    words = doctor.words()
    assert "Tổng chi phí lượt khám" in words and "Khám nội tiết" in words and "45.000 ₫" in words


async def test_a_closed_visit_shows_its_orders_without_a_form(clinic: Clinic, doctor: Browser, visit: str) -> None:
    async def end(tx: Any) -> None:
        encounter = await resources.read(tx, "Encounter", visit)
        await resources.update(tx, {**encounter, "status": "finished"})

    await clinic.store.run(clinic.actor("doctor"), end)
    assert "không nhận thêm chỉ định" in await open_page(doctor, visit)
