"""The pages of the laboratory through the door: a tube's way from the arm to the doctor, and what is refused on it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from lienmach.care import resources, signing
from lienmach.departments.laboratory import facts, tubes

PIN = "482915"
HTMX = {"hx-request": "true"}


@pytest.fixture
async def head(lab: Any, as_role: Any) -> Any:
    """The head of the laboratory with a signing key, signed in."""
    clinic = lab.clinic
    await signing.set_pin(clinic.store, clinic.actor("lab_head"), PIN)
    return await as_role("lab_head")


async def fill(browser: Any, lab: Any, tube: str, values: dict[str, str], step: str = "pass") -> str:
    """Type values for the tests of a tube and pass them; returns the address of the tube."""
    found = await lab.panel(tube)
    address = f"/laboratory/specimens/{found.specimen['id']}"
    await browser.get(address)
    form: dict[str, Any] = {"step": step, "pass": [found.named(code)[0].key for code in values]}
    form |= {f"v-{found.named(code)[0].key}": value for code, value in values.items()}
    answer = await browser.post(address, form)
    assert answer.status_code == 303, browser.words()
    await browser.get(address)
    return address


async def release(head: Any, lab: Any, tube: str, values: dict[str, str]) -> str:
    """Type, pass and release."""
    address = await fill(head, lab, tube, values)
    answer = await head.post(f"{address}/release", {"seen": seen(head.page), "pin": PIN})
    assert answer.status_code == 303, head.words()
    await head.get(address)
    return address


def seen(page: str) -> str:
    found = re.search(r'name="seen" value="(\w+)"', page)
    assert found, "nothing waits for release"
    return found[1]


async def test_a_person_waits_for_collection_and_gets_a_tube_for_each_container(lab: Any, as_role: Any) -> None:
    await lab.order("XN-DIEN-GIAI", "XN-CREA", "XN-HBA1C")
    nurse = await as_role("nurse")
    await nurse.get("/laboratory/collections")
    assert "Nguyễn Văn Ân" in nurse.words() and "Định lượng HbA1c" in nurse.words()
    ids = re.findall(r'name="order" value="(\w+)"', nurse.page)
    answer = await nurse.post("/laboratory/collections", {"order": ids})
    assert answer.status_code == 303
    await nurse.get(answer.headers["location"])
    numbers = re.findall(r'<b class="num">(\d+)</b>', nurse.page)
    assert len(numbers) == 2 and all(re.fullmatch(r"\d{10}", one) for one in numbers)
    assert "Không ai chờ lấy mẫu" in nurse.words()
    label = re.search(r'href="(/laboratory/specimens/\w+/label)"', nurse.page)
    assert label and (await nurse.client.get(label[1])).content.startswith(b"%PDF")
    assert {one["status"] for one in await lab.find("DiagnosticReport")} == {"registered"}


async def test_the_same_order_is_not_collected_twice(lab: Any, as_role: Any) -> None:
    ids = await lab.order("XN-DIEN-GIAI")
    await lab.collect(ids)
    nurse = await as_role("nurse")
    answer = await nurse.post("/laboratory/collections", {"order": ids})
    assert answer.status_code == 409 and "đã có ống mẫu" in nurse.words()
    answer = await nurse.post("/laboratory/collections", {})
    assert answer.status_code == 422 and "ít nhất một chỉ định" in nurse.words()


async def test_a_tube_goes_from_scan_to_a_signed_final_report(lab: Any, head: Any, clinic: Any) -> None:
    ids = await lab.order("XN-DIEN-GIAI")
    tube = (await lab.collect(ids))[0]
    await head.get("/laboratory/orders")
    assert tube in head.page and "Đã lấy mẫu" in head.words()
    answer = await head.post("/laboratory/orders", {"tube": tube})
    assert answer.status_code == 303
    await head.get(answer.headers["location"])
    assert "3,5 – 5,0" in head.words() and "Nhận lúc" in head.words()
    address = await release(head, lab, tube, {"NA": "140", "K": "5,6", "CL": "103"})
    assert "↑ Cao" in head.words() and "Đã trả" in head.words()
    order = (await lab.find("ServiceRequest", ("_id", ids[0])))[0]
    report = (await lab.find("DiagnosticReport", ("based-on", f"ServiceRequest/{ids[0]}")))[0]
    assert order["status"] == "completed" and report["status"] == "final" and len(report["result"]) == 3
    charges = [one["status"] for one in await lab.find("ChargeItem")]
    assert sorted(charges) == ["billable", "planned"]  # the test is done, the examination is not
    async with clinic.store.begin(clinic.actor("lab_head")) as tx:
        assert [one.state for one in await signing.verify(tx, f"DiagnosticReport/{report['id']}")] == ["ok"]
    paper = await head.client.get(f"/laboratory/orders/{ids[0]}/paper")
    assert paper.status_code == 200 and paper.content.startswith(b"%PDF")
    assert (await head.client.get(f"{address}/label")).content.startswith(b"%PDF")


async def test_a_part_of_the_tests_is_released_and_the_order_stays_open(lab: Any, head: Any) -> None:
    ids = await lab.order("XN-DIEN-GIAI")
    tube = (await lab.collect(ids))[0]
    await release(head, lab, tube, {"K": "4.1"})
    assert (await lab.find("ServiceRequest", ("_id", ids[0])))[0]["status"] == "active"
    assert (await lab.find("DiagnosticReport"))[0]["status"] == "partial"
    await release(head, lab, tube, {"NA": "139", "CL": "101"})
    assert (await lab.find("DiagnosticReport"))[0]["status"] == "final"


async def test_release_needs_the_pin_and_what_was_seen(lab: Any, head: Any) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    address = await fill(head, lab, tube, {"K": "4.1"})
    shown = seen(head.page)
    answer = await head.post(f"{address}/release", {"seen": shown, "pin": "000000"})
    assert answer.status_code == 422 and (await lab.value(tube, "K"))["status"] == "preliminary"
    await fill(head, lab, tube, {"NA": "150"}, step="enter")
    answer = await head.post(f"{address}/release", {"seen": shown, "pin": PIN})
    assert answer.status_code == 409 and "vừa thay đổi" in head.words()


async def test_a_technician_passes_but_does_not_release(lab: Any, as_role: Any) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    lab_browser = await as_role("lab")
    address = await fill(lab_browser, lab, tube, {"K": "4.1"})
    assert "Trả và ký" not in lab_browser.words()
    assert (await lab_browser.post(f"{address}/release", {"seen": ""})).status_code == 403


@pytest.mark.parametrize("typed", ["nhiều", "4.1 mmol/L", "--"])
async def test_what_is_no_number_is_not_stored_and_stays_in_the_field(lab: Any, as_role: Any, typed: str) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    found = await lab.panel(tube)
    browser = await as_role("lab")
    key = f"v-{found.named('K')[0].key}"
    answer = await browser.post(f"/laboratory/specimens/{found.specimen['id']}", {"step": "enter", key: typed})
    assert (
        answer.status_code == 422 and "Giá trị phải là một số" in browser.words() and f'value="{typed}"' in browser.page
    )
    assert await lab.value(tube, "K") is None


async def test_a_corrected_result_keeps_the_old_one_in_sight(lab: Any, head: Any) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    address = await release(head, lab, tube, {"K": "4.1"})
    found = await lab.panel(tube)
    test, patient_id = found.named("K")[0], found.patient["id"]
    answer = await head.post(f"{address}/correct", {"key": test.key, "value": "5.6", "reason": "", "pin": PIN})
    assert answer.status_code == 422 and "lý do" in head.words()
    answer = await head.post(f"{address}/correct", {"key": test.key, "value": "5.6", "reason": "Nhầm ống", "pin": PIN})
    assert answer.status_code == 303, head.words()
    after = await lab.value(tube, "K")
    assert after["status"] == "corrected" and after["valueQuantity"]["value"] == Decimal("5.6")
    await head.get(f"/laboratory/patients/{patient_id}/results?test=K")
    words = head.words()
    assert "<s>4,1 mmol/L</s>" in head.page and "5,6 mmol/L" in words and "Nhầm ống" in words


async def test_an_entered_value_of_a_released_result_is_refused(lab: Any, head: Any) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    await release(head, lab, tube, {"K": "4.1"})
    found = await lab.panel(tube)
    answer = await head.post(
        f"/laboratory/specimens/{found.specimen['id']}", {"step": "enter", f"v-{found.named('K')[0].key}": "9"}
    )
    assert answer.status_code == 409
    assert (await lab.value(tube, "K"))["valueQuantity"]["value"] == Decimal("4.1")


async def test_results_show_the_value_before_the_delta_and_the_trend(lab: Any, head: Any) -> None:
    patient_id = await lab.clinic.patient()
    for value in ("4.0", "5.2"):
        tube = (await lab.collect(await lab.order_for(patient_id, "XN-DIEN-GIAI")))[0]
        address = await fill(head, lab, tube, {"K": value})
        if value == "5.2":
            assert "4,0" in head.words() and "Thay đổi nhiều (delta)" in head.words()
        await head.post(f"{address}/release", {"seen": seen(head.page), "pin": PIN})
    await head.get(f"/laboratory/patients/{patient_id}/results?test=K", headers=HTMX)
    assert "<html" not in head.page and "<svg" in head.page and "<polyline" in head.page
    assert "↑ Cao" in head.words() and "4,0" in head.words()


async def test_a_rejected_tube_sends_its_orders_back_to_collection(lab: Any, as_role: Any) -> None:
    ids = await lab.order("XN-DIEN-GIAI")
    tube = (await lab.collect(ids))[0]
    browser = await as_role("lab")
    specimen_id = (await lab.panel(tube)).specimen["id"]
    address = f"/laboratory/specimens/{specimen_id}"
    assert (await browser.post(address, {"step": "reject", "reason": " "})).status_code == 422
    assert (await browser.post(address, {"step": "reject", "reason": "Mẫu tan máu"})).status_code == 303
    await browser.get(address)
    assert "Mẫu tan máu" in browser.words()
    assert (await browser.post(address, {"step": "receive"})).status_code == 409
    again = (await lab.collect(ids))[0]
    assert again != tube
    async with lab.clinic.store.begin(lab.clinic.actor("lab")) as tx:
        assert await tubes.of_number(tx, tube) is not None


async def test_an_unknown_tube_is_said_and_opens_nothing(lab: Any, as_role: Any) -> None:
    browser = await as_role("lab")
    answer = await browser.post("/laboratory/orders", {"tube": "0000000000"})
    assert answer.status_code == 404 and "Không có ống mẫu mang số này" in browser.words()


async def test_the_worklist_is_cut_by_state_and_analyser(lab: Any, as_role: Any) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    await lab.order("XN-CREA", name=[{"text": "Lê Thị Bình"}])
    browser = await as_role("lab")
    await browser.get("/laboratory/orders?state=collected")
    assert tube in browser.page and "Lê Thị Bình" not in browser.words()
    await browser.get("/laboratory/orders?state=waiting", headers=HTMX)
    assert "Lê Thị Bình" in browser.words() and tube not in browser.page
    await browser.get(f"/laboratory/orders?analyser={lab.analyser_id}")
    assert tube in browser.page and "Lê Thị Bình" not in browser.words()


async def test_two_desks_that_collect_at_once_give_different_numbers(lab: Any) -> None:
    import asyncio

    people = [await lab.order("XN-DIEN-GIAI") for _ in range(6)]
    numbers = await asyncio.gather(*(lab.collect(one) for one in people))
    assert len({one[0] for one in numbers}) == 6


async def test_the_observation_is_what_the_contract_says(lab: Any, head: Any) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    await release(head, lab, tube, {"K": "4.1"})
    found = await lab.value(tube, "K")
    assert resources.code_of(found["code"], "http://loinc.org") == "2823-3"
    assert found["category"][0]["coding"][0]["code"] == "laboratory" and found["encounter"] and found["specimen"]
    assert found["issued"] >= found["effectiveDateTime"] and found["status"] == "final"
    assert facts.is_technically_valid(found)
