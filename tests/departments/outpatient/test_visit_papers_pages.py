"""The papers page of a visit: forms that begin with what is known, faults at their field, one PIN, the PDF."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lienmach.care import papers, resources, visit_diagnoses
from tests.clinic import Clinic
from tests.departments.outpatient.conftest import PIN
from tests.web.client import Browser

LEAVE = {"days": "3", "social_number": "7900000012", "treatment": "Nghỉ ngơi", "step": "issue:sick-leave"}
REFERRAL = {
    "to_name": "Bệnh viện tuyến trên (mẫu)",
    "reason_kind": "2",
    "transport": "Xe cứu thương",
    "signs": "Mệt",
    "plan": "Lọc máu",
    "validity": "days",
    "step": "issue:referral",
}


@pytest.fixture
async def visit(clinic: Clinic) -> str:
    own = await clinic.visit(await clinic.patient())

    async def diagnose(tx: Any) -> None:
        await visit_diagnoses.store(tx, await resources.read(tx, "Encounter", own), "J20.9", [])

    await clinic.store.run(clinic.actor("doctor"), diagnose)
    return own


async def send(browser: Browser, visit: str, form: dict[str, str]) -> Any:
    await browser.get(f"/outpatient/visits/{visit}/papers?kind={form['step'].partition(':')[2]}")
    answer = await browser.post(f"/outpatient/visits/{visit}/papers", form)
    if answer.status_code == 303:
        await browser.get(answer.headers["location"])
    return answer


async def test_the_page_offers_four_papers_and_says_that_none_is_issued(doctor: Browser, visit: str) -> None:
    await doctor.get(f"/outpatient/visits/{visit}/papers")
    words = doctor.words()
    for title in ("Phiếu chuyển cơ sở", "Phiếu hẹn khám lại", "Giấy chứng nhận nghỉ việc", "Phiếu tóm tắt"):
        assert title in words
    assert "Chưa cấp giấy nào" in words


@pytest.mark.parametrize("kind", list(papers.LETTERS))
async def test_each_form_opens_with_what_is_known(doctor: Browser, visit: str, kind: str) -> None:
    answer = await doctor.get(f"/outpatient/visits/{visit}/papers?kind={kind}")
    assert answer.status_code == 200 and f'value="issue:{kind}"' in doctor.page and "PIN ký" in doctor.words()


async def test_a_paper_is_issued_with_the_pin_and_printed_as_signed(doctor: Browser, visit: str) -> None:
    answer = await send(doctor, visit, {**LEAVE, "pin": PIN})
    assert answer.status_code == 303 and "Đã cấp và ký giấy" in doctor.words()
    found = re.search(rf"/outpatient/visits/{visit}/papers/(\w+)/pdf", doctor.page)
    assert found
    pdf = await doctor.get(found[0])
    assert pdf.headers["content-type"] == "application/pdf" and pdf.content.startswith(b"%PDF")
    assert (await doctor.get(found[0])).content == pdf.content


async def test_without_or_with_a_wrong_pin_nothing_is_issued_and_nothing_typed_is_lost(
    clinic: Clinic, doctor: Browser, visit: str
) -> None:
    for pin in ("", "000000"):
        answer = await send(doctor, visit, {**REFERRAL, "pin": pin})
        assert answer.status_code == 422 and "Bệnh viện tuyến trên (mẫu)" in doctor.page

    async def issued(tx: Any) -> int:
        return len(await papers.of_visit(tx, visit))

    assert await clinic.store.run(clinic.actor("doctor"), issued) == 0


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"days": "31"}, "tối đa 30 ngày"),
        ({"days": "mãi"}, "Ghi nghỉ đến ngày nào"),
        ({"social_number": "123"}, "đúng 10 chữ số"),
        ({"treatment": ""}, "Ghi phương pháp điều trị"),
    ],
)
async def test_a_fault_stands_at_its_field(doctor: Browser, visit: str, changed: dict[str, str], sentence: str) -> None:
    answer = await send(doctor, visit, {**LEAVE, **changed, "pin": PIN})
    assert answer.status_code == 422 and sentence in doctor.words() and 'aria-invalid="true"' in doctor.page


async def test_a_slip_takes_plus_days_and_a_second_one_is_refused(doctor: Browser, visit: str) -> None:
    slip = {"return_on": "+30", "part": "morning", "step": "issue:appointment-slip", "pin": PIN}
    assert (await send(doctor, visit, slip)).status_code == 303
    answer = await send(doctor, visit, slip)
    assert answer.status_code == 409 and "chỉ một phiếu" in doctor.words()
    assert (await send(doctor, visit, {**slip, "return_on": "hôm nào đó"})).status_code == 422


async def test_a_paper_is_withdrawn_with_a_reason_and_stays_on_the_page(doctor: Browser, visit: str) -> None:
    await send(doctor, visit, {**REFERRAL, "pin": PIN})
    found = re.search(r"withdraw:(\w+)", doctor.page)
    assert found
    answer = await doctor.post(f"/outpatient/visits/{visit}/papers", {"step": f"withdraw:{found[1]}"})
    assert answer.status_code == 422
    answer = await doctor.post(
        f"/outpatient/visits/{visit}/papers", {"step": f"withdraw:{found[1]}", f"reason:{found[1]}": "Sai tên"}
    )
    await doctor.get(answer.headers["location"])
    assert "Đã huỷ" in doctor.words() and "Sai tên" in doctor.words()


async def test_a_paper_of_another_visit_is_not_here(clinic: Clinic, doctor: Browser, visit: str) -> None:
    await send(doctor, visit, {**LEAVE, "pin": PIN})
    found = re.search(r"/papers/(\w+)/pdf", doctor.page)
    assert found
    other = await clinic.visit(await clinic.patient(name=[{"text": "Người Khác"}]))
    assert (await doctor.get(f"/outpatient/visits/{other}/papers/{found[1]}/pdf")).status_code == 404


async def test_the_nurse_reads_papers_and_issues_none(nurse: Browser, visit: str) -> None:
    await nurse.get(f"/outpatient/visits/{visit}/papers?kind=referral")
    assert "issue:" not in nurse.page
    assert (await nurse.post(f"/outpatient/visits/{visit}/papers", REFERRAL)).status_code == 403
