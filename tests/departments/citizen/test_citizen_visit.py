"""A visit as the person whose it is reads it: after release, in words, and nobody else's."""

from __future__ import annotations

import asyncio
import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from lienmach.care import papers, prescriptions, resources, signing, stock, visits
from lienmach.care.money import payments, shifts, statements
from lienmach.care.papers import VisitSummary
from lienmach.care.prescriptions import RxLine
from lienmach.care.visit_end import Ending
from lienmach.departments.citizen import bill_lines, result_lines
from lienmach.departments.laboratory import results
from lienmach.web import formats
from tests.departments.citizen.own_world import OwnRecord
from tests.departments.laboratory.lab_world import Lab
from tests.web.client import Browser

PIN = "583914"
PARA = RxLine("PARA500", Decimal(1), (1, 0, 1, 0), 5, instruction="sau ăn")
VITAMIN = RxLine("PARA500", Decimal(1), 3, 5, payer="self")
COLD = Ending({"reason": "Ho", "history": "Ho", "examination": "Họng đỏ", "advice": "Uống nhiều nước"}, "J00")


async def seen(own: OwnRecord, encounter_id: str, *, address: str = "10.0.0.1", birth: str = "01/02/1958") -> Browser:
    """A browser of the person with this birth date, at a visit."""
    browser = own.browser(address)
    await own.sign_in(browser, birth=birth)
    await browser.get(f"/citizen/visits/{encounter_id}")
    return browser


async def measure(lab: Lab, patient_id: str, value: str, *, releases: bool = True) -> str:
    """A visit with one potassium value; returns the id of the Encounter."""
    [order_id] = await lab.order_for(patient_id, "XN-DIEN-GIAI")
    [tube] = await lab.collect([order_id])
    order = (await lab.find("ServiceRequest", ("_id", order_id)))[0]

    async def enter(tx: Any) -> None:
        found = await lab.panel(tube)
        await results.enter(tx, found, found.named("K")[0], value)

    await lab.run(enter)
    found = await lab.panel(tube)
    await lab.run(lambda tx: results.pass_technically(tx, found.named("K")))
    if releases:
        passed = await lab.panel(tube)
        await lab.run(lambda tx: results.release(tx, passed, order_id), "lab_head")
    return resources.id_of(order["encounter"], "Encounter")


async def finish(own: OwnRecord, encounter_id: str, *lines: RxLine) -> None:
    """Prescribe, and end the visit with a diagnosis."""
    clinic = own.clinic
    doctor = clinic.actor("doctor")
    await signing.ensure(clinic.store, doctor, PIN)
    if lines:
        async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
            stock.receive(tx, [stock.Lot("p-ct1", "PARA500", "L1", date.today() + timedelta(days=300), Decimal(100))])

        async def write(tx: Any) -> None:
            await prescriptions.write(tx, encounter_id, list(lines), reasons={})

        await clinic.store.run(doctor, write)
    now = clinic.store.now
    clinic.store.now = lambda: now() + timedelta(minutes=5)
    key = await signing.signer_for(clinic.store, doctor, session_key=b"", pin=PIN)
    await clinic.store.run(
        doctor, lambda tx: visits.finish(tx, encounter_id, key, ending=COLD, result="2", outcome="1")
    )
    clinic.store.now = now


async def test_a_visit_is_listed_and_opens(own: OwnRecord) -> None:
    visit = await own.clinic.visit(await own.person())
    browser = await seen(own, visit)
    assert "Bác sĩ chưa kết thúc lần khám này" in browser.words() and "Chưa có kết quả nào được trả" in browser.words()
    await browser.get("/citizen/home")
    assert f'href="/citizen/visits/{visit}"' in browser.page and "Đang khám" in browser.words()


async def test_a_result_is_shown_after_its_release_and_not_before(own: OwnRecord) -> None:
    lab, patient_id = Lab(own.clinic), await own.person()
    before = await measure(lab, patient_id, "4,1", releases=False)
    browser = await seen(own, before)
    assert "Kali" not in browser.words() and "4,1" not in browser.words()
    after = await measure(lab, patient_id, "4,2")
    await browser.get(f"/citizen/visits/{after}")
    assert "Kali" in browser.words() and "4,2 mmol/L" in browser.words() and "Thường từ 3,5 đến 5" in browser.words()
    assert "Hãy hỏi bác sĩ" not in browser.words()


async def test_a_critical_result_comes_with_the_word_to_ask_and_a_trend(own: OwnRecord) -> None:
    lab, patient_id = Lab(own.clinic), await own.person()
    await measure(lab, patient_id, "4,1")
    visit = await measure(lab, patient_id, "6,8")
    browser = await seen(own, visit)
    words = browser.words()
    assert "Rất cao" in words and "Hãy hỏi bác sĩ về kết quả này" in words
    assert "↑ Cao hơn lần trước" in words and re.search(r"\d\d/\d\d/\d{4} 4,1 mmol/L", words)


@pytest.mark.parametrize(
    "code,interpretation,asks",
    [
        ("HIVAB", "", True),
        ("RPR", "N", True),
        ("K", "HH", True),
        ("K", "LL", True),
        ("K", "H", False),
        ("K", "", False),
    ],
)
def test_what_a_doctor_explains_asks_to_be_asked_about(code: str, interpretation: str, asks: bool) -> None:
    system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
    observation = {
        "resourceType": "Observation", "status": "final", "code": resources.concept(result_lines.systems.INDICATOR, code, code),
        "valueString": "x", "interpretation": [resources.concept(system, interpretation)] if interpretation else [],
    }  # fmt: skip
    assert result_lines._line(observation, ())["asks"] is asks


async def test_diagnosis_and_medicines_come_with_the_end_of_the_visit(own: OwnRecord) -> None:
    visit = await own.clinic.visit(await own.person())
    await finish(own, visit, PARA)
    browser = await seen(own, visit)
    words = browser.words()
    assert "(J00)" in words and "Paracetamol" in words
    assert re.search(r"Sáng 1 viên Trưa – không Chiều 1 viên Tối – không", words), words
    assert "Dùng 5 ngày" in words and "Sau ăn." in words and "Tất cả 10 viên" in words
    code = re.search(r'class="number">([0-9a-z]{5}[0-9a-z]{7}-[a-z])<', browser.page)
    assert code and "<svg" in browser.page and "Lĩnh hoặc mua thuốc đến hết ngày" in words


async def test_medicines_of_an_open_visit_are_not_shown(own: OwnRecord) -> None:
    visit = await own.clinic.visit(await own.person())
    async with own.clinic.store.begin(own.clinic.actor("pharmacist")) as tx:
        stock.receive(tx, [stock.Lot("p-ct1", "PARA500", "L1", date.today() + timedelta(days=300), Decimal(100))])

    async def write(tx: Any) -> None:
        await prescriptions.write(tx, visit, [PARA], reasons={})

    await own.clinic.store.run(own.clinic.actor("doctor"), write)
    browser = await seen(own, visit)
    assert "Paracetamol" not in browser.words()


async def test_a_dose_without_moments_is_said_in_words(own: OwnRecord) -> None:
    visit = await own.clinic.visit(await own.person())
    await finish(own, visit, VITAMIN)
    browser = await seen(own, visit)
    assert "ngày 3 lần" in browser.words() and "Tự trả tiền, mua ở nhà thuốc" in browser.words()


async def test_a_paper_is_given_out_as_it_was_signed_and_a_withdrawn_one_is_not(own: OwnRecord) -> None:
    visit = await own.clinic.visit(await own.person())
    await finish(own, visit)
    clinic, doctor = own.clinic, own.clinic.actor("doctor")
    now = clinic.store.now
    clinic.store.now = lambda: now() + timedelta(minutes=6)
    key = await signing.signer_for(clinic.store, doctor, session_key=b"", pin=PIN)
    stored = await clinic.store.run(doctor, lambda tx: papers.issue(tx, visit, VisitSummary("Uống đủ nước"), key))
    async with clinic.store.begin(doctor) as tx:
        signed = await papers.read_pdf(tx, stored.id)
    browser = await seen(own, visit)
    path = f"/citizen/visits/{visit}/papers/{stored.id}"
    assert path in browser.page
    answer = await browser.client.get(path)
    assert answer.content == signed and answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "no-store"
    assert (await browser.client.get(f"/citizen/visits/other/papers/{stored.id}")).status_code == 404
    await own.person(name="Trần Thị Bích", birth="1990-05-06")
    stranger = own.browser("10.0.0.2")
    await own.sign_in(stranger, birth="06/05/1990")
    assert (await stranger.client.get(path)).status_code == 404
    await clinic.store.run(doctor, lambda tx: papers.withdraw(tx, stored.id, "ghi nhầm"))
    assert (await browser.client.get(path)).status_code == 404
    await browser.get(f"/citizen/visits/{visit}")
    assert "Chưa có giấy tờ nào" in browser.words()


async def test_the_visit_of_another_is_not_found(own: OwnRecord) -> None:
    mine = await own.clinic.visit(await own.person())
    other = await own.clinic.visit(await own.person(name="Trần Thị Bích", birth="1990-05-06"))
    browser = await seen(own, mine)
    answers = [await browser.get(f"/citizen/visits/{one}") for one in (other, "nobody", "x" * 200, "%2e%2e")]
    assert [one.status_code for one in answers] == [404, 404, 404, 404]
    assert answers[0].text == answers[1].text  # somebody else's and nobody's are one answer
    await browser.get("/citizen/home")
    assert other not in browser.page
    answer = await browser.post(f"/citizen/visits/{other}/payment")
    assert answer.status_code == 404


async def test_two_people_at_once_each_see_their_own(own: OwnRecord) -> None:
    lab = Lab(own.clinic)
    births = [f"{day:02}/03/1970" for day in range(1, 4)]
    browsers = []
    for number, birth in enumerate(births):
        patient_id = await own.person(
            name=f"Người Thứ {'Một Hai Ba'.split()[number]}", birth=f"1970-03-{number + 1:02}"
        )
        visit = await measure(lab, patient_id, f"4,{number + 1}")
        browsers.append(await seen(own, visit, address=f"10.0.1.{number}", birth=birth))
        browsers[-1].visit = visit  # type: ignore[attr-defined]
    for _ in range(3):
        await asyncio.gather(*(one.get(f"/citizen/visits/{one.visit}") for one in browsers))  # type: ignore[attr-defined]
        for number, one in enumerate(browsers):
            others = {f"4,{each + 1} mmol/L" for each in range(3)} - {f"4,{number + 1} mmol/L"}
            assert f"4,{number + 1} mmol/L" in one.words() and not any(each in one.words() for each in others)


# The bill


async def close(own: OwnRecord, encounter_id: str) -> Any:
    """Close the cost statement at the cashier's desk."""
    clinic = own.clinic
    cashier = clinic.actor("cashier")
    await signing.ensure(clinic.store, cashier, PIN)
    now = clinic.store.now
    clinic.store.now = lambda: now() + timedelta(minutes=10)
    key = await signing.signer_for(clinic.store, cashier, session_key=b"", pin=PIN)
    found = await clinic.store.run(cashier, lambda tx: statements.close(tx, encounter_id, key))
    clinic.store.now = now
    return found


async def test_a_visit_without_statement_says_that_its_bill_is_not_closed(own: OwnRecord) -> None:
    visit = await own.clinic.visit(await own.person())
    await finish(own, visit)
    browser = await seen(own, visit)
    assert "Cơ sở chưa chốt tiền của lần khám này" in browser.words() and "₫" not in browser.words()


async def test_the_bill_says_what_it_cost_who_pays_and_why(own: OwnRecord) -> None:
    visit = await own.clinic.visit(await own.person())
    await finish(own, visit)
    closed = await close(own, visit)
    browser = await seen(own, visit)
    words, total = browser.words(), formats.money(closed.patient_total)
    assert closed.patient_total > 0
    assert f"Tất cả {total} Quỹ BHYT trả 0 ₫ Phần của tôi {total} Còn phải trả {total}" in words
    assert f"BHYT trả 0 ₫, tôi trả {total} Không có thẻ BHYT" in words


async def test_what_is_due_is_asked_for_by_a_code_that_stays_the_same(own: OwnRecord) -> None:
    visit = await own.clinic.visit(await own.person())
    await finish(own, visit)
    closed = await close(own, visit)
    browser = await seen(own, visit)
    assert "Nội dung:" not in browser.words()
    purposes = []
    for _ in range(2):
        answer = await browser.post(f"/citizen/visits/{visit}/payment")
        assert answer.headers["location"] == f"/citizen/visits/{visit}#bill"
        await browser.get(f"/citizen/visits/{visit}")
        found = re.search(r"Nội dung: (LM\w+)", browser.words())
        assert found and f"QR để chuyển khoản {formats.money(closed.patient_total)}" in browser.page
        purposes.append(found[1])
    assert purposes[0] == purposes[1]


async def test_what_was_paid_has_its_receipt_and_nothing_is_asked_for_any_more(own: OwnRecord) -> None:
    visit = await own.clinic.visit(await own.person())
    await finish(own, visit)
    closed = await close(own, visit)
    cashier, store = own.clinic.actor("cashier"), own.clinic.store
    shift = await store.run(cashier, lambda tx: shifts.open_shift(tx, 0))
    paid = {"method": "cash", "shift_id": shift.shift_id, "request_key": "k1"}

    async def pay(tx: Any) -> None:
        await payments.take(tx, visit, closed.patient_total, **paid)

    await store.run(cashier, pay)
    browser = await seen(own, visit)
    words = browser.words()
    assert "Đã xong, không còn phải trả" in words and "Đã trả · tiền mặt" in words and "Còn phải trả" not in words
    assert "/payment" not in browser.page
    answer = await browser.post(f"/citizen/visits/{visit}/payment")  # an old page sent again
    assert answer.status_code == 303
    await browser.get(f"/citizen/visits/{visit}")
    assert "Nội dung:" not in browser.words()


@pytest.mark.parametrize(
    "amount,shown", [("12345", "12.345 ₫"), ("12345.60", "12.345,6 ₫"), ("0", "0 ₫"), ("0.05", "0,05 ₫")]
)
def test_hundredths_of_a_dong_are_shown_where_there_are_any(amount: str, shown: str) -> None:
    assert bill_lines.said(Decimal(amount)) == shown
