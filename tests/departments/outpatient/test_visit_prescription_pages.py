"""The prescription page: lines as on paper, dangers while typing, nothing blocked is written, repeat, print, state."""

from __future__ import annotations

import html
import re
from decimal import Decimal
from typing import Any

import pytest

from lienmach.care import outbox, prescriptions, resources, stock
from lienmach.care.drug_lines import RxLine
from lienmach.care.resources import coding, concept
from lienmach.departments.outpatient import visit_prescription_form
from lienmach.departments.outpatient.visit_prescription_form import TypedLine
from tests.clinic import Clinic
from tests.web.client import Browser

HTMX = {"HX-Request": "true"}


@pytest.fixture
async def patient(clinic: Clinic) -> str:
    return await clinic.patient()


@pytest.fixture
async def visit(clinic: Clinic, patient: str) -> str:
    return await clinic.visit(patient)


async def show(browser: Browser, visit: str) -> str:
    answer = await browser.get(f"/outpatient/visits/{visit}/prescription")
    assert answer.status_code == 200
    return browser.words()


async def step(browser: Browser, visit: str, verb: str, **changed: str) -> str:
    """Send the form of the page as it stands, some fields changed, with one more step."""
    await browser.post(f"/outpatient/visits/{visit}/prescription", {**typed(browser.page), **changed, "step": verb})
    return html.unescape(browser.words())


def typed(page: str) -> dict[str, str]:
    form = re.search(r'<form class="card" id="prescription-form".*?</form>', page, re.S)
    text = form[0] if form else ""
    found = {
        html.unescape(name): html.unescape(value)
        for name, value in re.findall(r'<input[^>]* name="([\w-]+:[^"]+|replaces)" value="([^"]*)"', text)
    }
    for name, options in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', text, re.S):
        chosen = re.search(r'value="(\w+)" selected', options)
        found[name] = chosen[1] if chosen else ""
    return found


async def written(clinic: Clinic, visit: str) -> list[dict[str, Any]]:
    async def work(tx: Any) -> list[dict[str, Any]]:
        return await prescriptions.of_visit(tx, visit)

    return await clinic.store.run(clinic.actor("doctor"), work)


async def allergic_to_penicillin(clinic: Clinic, patient: str) -> None:
    body = {
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": concept("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "active"),
        "verificationStatus": concept(
            "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "confirmed"
        ),
        "code": {
            "coding": [coding("https://lienmach.org/fhir/CodeSystem/allergy-group", "penicillin")],
            "text": "Penicillin",
        },
        "patient": {"reference": f"Patient/{patient}"},
    }

    async def work(tx: Any) -> None:
        await resources.create(tx, body)

    await clinic.store.run(clinic.actor("doctor"), work)


async def test_a_drug_comes_with_its_usual_way_and_its_quantity_is_worked_out(doctor: Browser, visit: str) -> None:
    assert "Chưa có thuốc nào trong đơn" in await show(doctor, visit)
    words = await step(doctor, visit, "add:PARA500")
    assert "Paracetamol 500 mg" in words and "15 viên" in words, "3 times a day for 5 days"
    words = await step(doctor, visit, "keep", **{"morning:0": "1", "evening:0": "2", "days:0": "4"})
    assert "sáng 1 viên" in words and "tối 2 viên" in words and "12 viên" in words


async def test_drugs_are_found_by_ingredient_with_payer_and_stock(clinic: Clinic, doctor: Browser, visit: str) -> None:
    await doctor.get(f"/outpatient/visits/{visit}/prescription/drugs?find=para", headers=HTMX)
    assert 'value="add:PARA500"' in doctor.page and "BHYT" in doctor.words()
    await doctor.get(f"/outpatient/visits/{visit}/prescription/drugs?find=khongcothuoc", headers=HTMX)
    assert "Không có thuốc nào hợp" in doctor.page


async def test_a_line_that_cannot_be_understood_says_why_and_is_not_written(
    clinic: Clinic, doctor: Browser, visit: str
) -> None:
    await show(doctor, visit)
    await step(doctor, visit, "add:PARA500")
    words = await step(doctor, visit, "write", **{"days:0": "mãi"})
    assert "Ghi số ngày dùng" in words and 'aria-invalid="true"' in doctor.page
    assert not await written(clinic, visit)


async def test_what_blocks_is_red_and_cannot_be_written(
    clinic: Clinic, doctor: Browser, patient: str, visit: str
) -> None:
    await allergic_to_penicillin(clinic, patient)
    await show(doctor, visit)
    words = await step(doctor, visit, "add:AMOX500")
    assert "⚠ CHẶN" in words and "Chưa lưu được" in words and re.search(r'value="write"[^>]*disabled', doctor.page)
    words = await step(doctor, visit, "write")
    assert "⚠ CHẶN" in words and not await written(clinic, visit)


async def test_a_written_prescription_shows_its_code_and_that_it_waits_for_the_end(
    clinic: Clinic, doctor: Browser, visit: str
) -> None:
    await show(doctor, visit)
    await step(doctor, visit, "add:PARA500")
    words = await step(doctor, visit, "write")
    assert "Đã lưu đơn thuốc, 1 dòng" in words and "gửi khi kết thúc lượt khám" in words
    [line] = await written(clinic, visit)
    assert prescriptions.line_of(line).days == 5 and line["status"] == "active"
    assert "nháp lúc" not in await show(doctor, visit), "the draft went with it"


async def test_the_paper_is_a_pdf_and_only_of_this_visit(clinic: Clinic, doctor: Browser, visit: str) -> None:
    await show(doctor, visit)
    await step(doctor, visit, "add:PARA500")
    await step(doctor, visit, "write")
    code = (await written(clinic, visit))[0]["groupIdentifier"]["value"]
    answer = await doctor.get(f"/outpatient/visits/{visit}/prescription/paper?code={code}")
    assert answer.headers["content-type"] == "application/pdf" and answer.content.startswith(b"%PDF")
    other = await clinic.visit(await clinic.patient(name=[{"text": "Người Khác"}]))
    answer = await doctor.get(f"/outpatient/visits/{other}/prescription/paper?code={code}")
    assert answer.status_code == 404


async def test_an_edited_prescription_replaces_the_old_one(clinic: Clinic, doctor: Browser, visit: str) -> None:
    await show(doctor, visit)
    await step(doctor, visit, "add:PARA500")
    await step(doctor, visit, "write")
    code = (await written(clinic, visit))[0]["groupIdentifier"]["value"]
    assert "Đang sửa đơn" in await step(doctor, visit, f"edit:{code}")
    await step(doctor, visit, "write", **{"days:0": "3"})
    [line] = await written(clinic, visit)
    assert prescriptions.line_of(line).days == 3 and line["groupIdentifier"]["value"] != code


async def test_the_last_prescription_is_repeated_and_every_line_checked_again(
    clinic: Clinic, doctor: Browser, patient: str, visit: str
) -> None:
    assert "chưa có đơn thuốc nào trước đây" in await _repeat(doctor, visit)

    async def before(tx: Any) -> None:
        lines = [RxLine("AMOX500", Decimal(1), 3, 5, payer="self"), RxLine("PARA500", Decimal(1), 3, 5, payer="self")]
        await prescriptions.write(tx, visit, lines, reasons={})

    await clinic.store.run(clinic.actor("doctor"), before)
    await allergic_to_penicillin(clinic, patient)
    again = await clinic.visit(patient)
    words = await _repeat(doctor, again)
    assert "Đã chép đơn trước" in words and "Paracetamol 500 mg" in words and "⚠ CHẶN" in words


async def _repeat(browser: Browser, visit: str) -> str:
    await show(browser, visit)
    return await step(browser, visit, "repeat")


async def test_a_line_is_stopped_with_a_reason(clinic: Clinic, doctor: Browser, visit: str) -> None:
    await show(doctor, visit)
    await step(doctor, visit, "add:PARA500")
    await step(doctor, visit, "write")
    own = (await written(clinic, visit))[0]["id"]
    assert "Hãy ghi lý do ngừng thuốc" in await step(doctor, visit, f"stop:{own}")
    assert "Đã ngừng dòng thuốc" in await step(
        doctor, visit, f"stop:{own}", **{f"reason-of:{own}": "Người bệnh nôn nhiều"}
    )
    assert not await written(clinic, visit)


async def test_the_state_of_the_submission_is_said_in_words(clinic: Clinic, doctor: Browser, visit: str) -> None:
    await show(doctor, visit)
    await step(doctor, visit, "add:PARA500")
    await step(doctor, visit, "write")
    code = (await written(clinic, visit))[0]["groupIdentifier"]["value"]

    async def queue(tx: Any) -> None:
        outbox.queue(tx, "prescription", code, b"{}", subject=f"Encounter/{visit}")

    await clinic.store.run(clinic.actor("doctor"), queue)
    assert "đang chờ gửi" in await show(doctor, visit)


async def test_an_insured_line_that_is_not_in_stock_says_what_is_left_and_writes_nothing(
    clinic: Clinic, doctor: Browser
) -> None:
    visit = await clinic.visit(await clinic.patient(), category="1.1")
    await show(doctor, visit)
    words = await step(doctor, visit, "add:PARA500")
    assert "kho còn 0 viên" in words
    await step(doctor, visit, "write")
    assert not await written(clinic, visit)

    async def fill(tx: Any) -> None:
        place = await stock.dispensary(tx)
        today = tx.now.date()
        lot = stock.Lot(place, "PARA500", "A1", today.replace(year=today.year + 1), Decimal(100), 500)
        stock.receive(tx, [lot])

    await clinic.store.run(clinic.actor("pharmacist"), fill)
    assert "kho còn 100 viên" in await step(doctor, visit, "keep")
    await step(doctor, visit, "write")
    assert len(await written(clinic, visit)) == 1


# What a typed line means


@pytest.mark.parametrize(("text", "amount"), [("1", "1"), ("0,5", "0.5"), ("1/2", "0.5"), ("2.5", "2.5")])
def test_amounts_are_read_as_people_type_them(text: str, amount: str) -> None:
    line, faults = visit_prescription_form.read(TypedLine("X", per_time=text, times="2", days="3"))
    assert not faults and line is not None and line.per_time == Decimal(amount)


@pytest.mark.parametrize("text", ["", "0", "-1", "một", "1.250", "1/0"])
def test_an_amount_that_is_none_or_reads_two_ways_is_asked_again(text: str) -> None:
    line, faults = visit_prescription_form.read(TypedLine("X", per_time=text, times="2", days="3"))
    assert line is None and "per_time" in faults


def test_a_nought_at_a_time_of_day_means_not_then_and_four_of_them_mean_nothing() -> None:
    line, faults = visit_prescription_form.read(
        TypedLine("X", morning="1", noon="0", afternoon="1", evening="0,0", days="3")
    )
    assert not faults and line is not None and line.times == (1, 0, 1, 0)
    line, faults = visit_prescription_form.read(
        TypedLine("X", morning="0", noon="0", afternoon="0", evening="0", days="3")
    )
    assert line is None and "times" in faults


@pytest.mark.parametrize(("days", "is_fine"), [("0", False), ("1", True), ("366", True), ("367", False)])
def test_days_are_one_to_a_year(days: str, is_fine: bool) -> None:
    line, _ = visit_prescription_form.read(TypedLine("X", times="1", days=days))
    assert (line is not None) is is_fine


def test_a_line_survives_the_draft() -> None:
    line = TypedLine("X", "1", "1", "", "2", "", "", "7", "", "sau ăn", "bhyt", "no")
    kept = visit_prescription_form.to_draft(visit_prescription_form.TypedPrescription((line,), {"a": "b"}, "c"))
    assert visit_prescription_form.of_draft(kept).lines == (line,)
