"""F9: what is shown is what is signed, once; what is missing is said with a way to mend it; then only addenda."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lienmach.base import clock, errors
from lienmach.care import coverages, drafts, insurance, notes, orders, resources, signing, visit_facts, visits
from lienmach.care.claims import preflight
from lienmach.care.coverages import InsuredCard
from tests.clinic import Clinic
from tests.departments.outpatient.conftest import PIN
from tests.web.client import Browser

NOTE = {"reason": "Ho", "history": "Ho ba ngày", "examination": "Họng đỏ", "main": "J00"}
END = {"result": "2", "outcome": "1", "category": "9", "pin": PIN}


async def typed(clinic: Clinic, doctor: Browser, **note: str) -> str:
    """A running visit with a typed note, at its preview."""
    visit = await clinic.visit(await clinic.patient(), reason="Ho")
    await doctor.get(f"/outpatient/visits/{visit}")
    answer = await doctor.post(f"/outpatient/visits/{visit}/note", {**NOTE, **note, "next": "signature"})
    assert answer.headers["location"] == f"/outpatient/visits/{visit}/signature"
    await doctor.get(answer.headers["location"])
    return visit


def shown(browser: Browser) -> str:
    found = re.search(r'name="shown" value="([0-9a-f]{64})"', browser.page)
    assert found
    return found[1]


async def test_a_visit_is_previewed_signed_and_then_closed(clinic: Clinic, doctor: Browser) -> None:
    visit = await typed(clinic, doctor)
    assert "Ho ba ngày" in doctor.words() and "J00" in doctor.words() and "Dị ứng: chưa hỏi" in doctor.words()
    answer = await doctor.post(f"/outpatient/visits/{visit}/signature", {**END, "shown": shown(doctor)})
    assert answer.status_code == 303, doctor.words()
    await doctor.get(answer.headers["location"])
    assert "Đã ký và kết thúc khám" in doctor.words() and "hợp lệ" in doctor.words()
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert await visits.is_signed(tx, visit) and await drafts.find(tx, "note", visit) is None
    await doctor.get(f"/outpatient/visits/{visit}")
    assert 'id="history"' not in doctor.page and "Đã kết thúc" in doctor.words()
    for path, data in (("note", {"history": "Khác"}), ("step", {"verb": "start"}), ("vitals", {"pulse": "80"})):
        assert (await doctor.post(f"/outpatient/visits/{visit}/{path}", data)).status_code == 409


async def test_without_a_key_or_with_a_wrong_pin_nothing_is_signed(
    clinic: Clinic, doctor: Browser, browser_at: Callable[..., Browser]
) -> None:
    visit = await typed(clinic, doctor)
    page = shown(doctor)
    for pin in ("", "000111"):
        answer = await doctor.post(f"/outpatient/visits/{visit}/signature", {**END, "pin": pin, "shown": page})
        assert answer.status_code == 422 and "PIN" in doctor.words()
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert not await visits.is_signed(tx, visit)
    assert 'value="2" required checked' in doctor.page


async def test_one_pin_is_enough_for_the_session(clinic: Clinic, doctor: Browser) -> None:
    first = await typed(clinic, doctor)
    await doctor.post(f"/outpatient/visits/{first}/signature", {**END, "shown": shown(doctor)})
    second = await typed(clinic, doctor)
    assert "không cần nhập PIN" in doctor.words()
    answer = await doctor.post(f"/outpatient/visits/{second}/signature", {**END, "pin": "", "shown": shown(doctor)})
    assert answer.status_code == 303


async def test_what_changed_after_the_preview_is_not_signed(clinic: Clinic, doctor: Browser) -> None:
    visit = await typed(clinic, doctor)
    page = shown(doctor)
    await doctor.post(f"/outpatient/visits/{visit}/note", {**NOTE, "history": "Ho bốn ngày"})
    await doctor.get(f"/outpatient/visits/{visit}/signature")
    answer = await doctor.post(f"/outpatient/visits/{visit}/signature", {**END, "shown": page})
    assert answer.status_code == 409 and "Nội dung đã đổi" in doctor.words()


async def test_of_two_tabs_that_sign_at_once_one_signs(clinic: Clinic, doctor: Browser) -> None:
    visit = await typed(clinic, doctor)
    data = {"csrf": doctor.proof(), **END, "shown": shown(doctor)}
    answers = await asyncio.gather(
        *(doctor.client.post(f"/outpatient/visits/{visit}/signature", data=data) for _ in range(3))
    )
    to_addenda = [one.headers.get("location", "") for one in answers]
    assert sum(one.endswith("?signed=1") for one in to_addenda) == 1


async def test_what_is_missing_is_listed_with_links_and_blocks(clinic: Clinic, doctor: Browser) -> None:
    visit = await typed(clinic, doctor, main="", history="", examination="")
    words = doctor.words()
    assert "Chưa có bệnh chính" in words and "chưa có bệnh sử" in words and "Chưa đo sinh hiệu" in words
    assert f"/outpatient/visits/{visit}?draft=use#icd" in doctor.page and "disabled" in doctor.page
    answer = await doctor.post(f"/outpatient/visits/{visit}/signature", {**END, "shown": shown(doctor)})
    assert answer.status_code == 422 and "bệnh chính" in doctor.words()


async def test_a_child_with_drugs_and_no_weight_is_not_signed_silently(clinic: Clinic, doctor: Browser) -> None:
    visit = await clinic.visit(await clinic.patient(birthDate=(clinic.store.now().date()).isoformat()))
    line = {"drug_code": "PARA500", "per_time": "1", "times": 2, "days": 3, "payer": "self"}

    async def keep(tx: Any) -> None:
        drafts.save(tx, "prescription", visit, {"lines": [line], "reasons": {}})

    await clinic.store.run(clinic.actor("doctor"), keep)
    await doctor.get(f"/outpatient/visits/{visit}/signature")
    assert "dưới 72 tháng" in doctor.words() and "RX-05" in doctor.words()


async def test_a_signed_note_is_not_changed_by_the_api_either(clinic: Clinic, doctor: Browser) -> None:
    visit = await typed(clinic, doctor)
    await doctor.post(f"/outpatient/visits/{visit}/signature", {**END, "shown": shown(doctor)})
    for role in ("doctor", "system"):
        actor = clinic.actor(role)
        async with clinic.store.begin(actor) as tx:
            note = await notes.find(tx, visit)
        assert note is not None
        for change in ({"title": "Khác"}, {"status": "preliminary"}, {"section": []}):
            try:
                await clinic.store.run(actor, lambda tx, body={**note, **change}: resources.update(tx, body))
            except (errors.Conflict, errors.Invalid):
                continue
            raise AssertionError(f"{role} changed a signed note: {change}")


async def test_an_addendum_is_signed_and_stands_below_the_note(clinic: Clinic, doctor: Browser) -> None:
    visit = await typed(clinic, doctor)
    early = await doctor.post(f"/outpatient/visits/{visit}/addenda", {"text": "Sớm", "pin": PIN})
    assert early.status_code == 409
    await doctor.get(f"/outpatient/visits/{visit}/signature")
    await doctor.post(f"/outpatient/visits/{visit}/signature", {**END, "shown": shown(doctor)})
    await doctor.get(f"/outpatient/visits/{visit}/addenda")
    answer = await doctor.post(f"/outpatient/visits/{visit}/addenda", {"text": "Đã gọi <lại>\nổn", "pin": PIN})
    assert answer.status_code == 303
    await doctor.get(answer.headers["location"])
    assert "Đã gọi &lt;lại&gt;" in doctor.page
    empty = await doctor.post(f"/outpatient/visits/{visit}/addenda", {"text": "  ", "pin": PIN})
    assert empty.status_code == 422


async def test_another_doctor_does_not_sign_my_visit(
    clinic: Clinic, doctor: Browser, browser_at: Callable[..., Browser]
) -> None:
    visit = await typed(clinic, doctor)
    await signing.ensure(clinic.store, clinic.actor("doctor", "doctor2"), PIN)
    other = browser_at()
    await other.sign_in("doctor2")
    await other.get(f"/outpatient/visits/{visit}/signature")
    answer = await other.post(f"/outpatient/visits/{visit}/signature", {**END, "shown": shown(other)})
    assert answer.status_code == 409 and "Bác sĩ khác đang khám" in other.words()


async def test_an_order_dated_before_the_visit_is_listed_with_its_rule_and_a_link(
    clinic: Clinic, doctor: Browser
) -> None:
    visit = await typed(clinic, doctor)

    async def plant(tx: Any) -> None:
        [lab] = await orders.place(tx, visit, [orders.OrderLine("XN-HBA1C", has_consent=True)])
        order = resources.of(lab)
        await resources.update(tx, {**order, "authoredOn": clock.to_instant(tx.now - timedelta(hours=2))})

    await clinic.store.run(clinic.actor("doctor"), plant)
    await doctor.get(f"/outpatient/visits/{visit}/signature")
    assert "TIM-03" in doctor.words() and f"/outpatient/visits/{visit}/orders" in doctor.page
    assert "disabled" in doctor.page


async def test_a_card_that_the_portal_rejects_and_a_kind_or_code_that_is_not_paid_are_said(
    clinic: Clinic, doctor: Browser
) -> None:
    card = {"system": coverages.CARD, "value": "DN4790000000001"}
    person = await clinic.patient(identifier=[card])

    async def reject(tx: Any) -> str:
        own = await insurance.ask(tx, person)
        patient = {"reference": f"Patient/{person}"}
        said: dict[str, Any] = {
            "resourceType": "CoverageEligibilityResponse",
            "extension": [{"url": insurance.RESULT_CODE, "valueCode": "110"}],
            "status": "active",
            "purpose": ["validation"],
            "patient": patient,
            "created": clock.to_instant(tx.now),
            "request": {"display": "look-up"},
            "outcome": "complete",
            "insurer": coverages.INSURER,
        }
        await resources.create(tx, said)
        return own

    own = await clinic.store.run(clinic.actor("system"), reject)
    visit = await clinic.visit(person, kind="05", category="1.1", coverage_id=own)

    async def order(tx: Any) -> None:
        await orders.place(tx, visit, [orders.OrderLine("XN-HBA1C", has_consent=True)])

    await clinic.store.run(clinic.actor("doctor"), order)
    await doctor.get(f"/outpatient/visits/{visit}")
    await doctor.post(f"/outpatient/visits/{visit}/note", {**NOTE, "main": "Z00.0", "next": "signature"})
    await doctor.get(f"/outpatient/visits/{visit}/signature")
    words = doctor.words()
    assert "CRD-04" in words and "Thẻ đã bị thu hồi" in words and "CRD-05" not in words
    assert "CAT-08" in words and "ICD-06" in words


async def insured(clinic: Clinic, doctor: Browser, *, kind: str = "01") -> str:
    """A visit with a card that began at the first second of a minute, at its preview ten seconds later."""
    at = clinic.store.now().replace(second=0, microsecond=0) + timedelta(minutes=1)  # keys hold from now on only
    if f"{at.astimezone(ZoneInfo('Asia/Ho_Chi_Minh')):%H:%M}" == "23:59":
        at += timedelta(minutes=1)  # the last minute of a day is a case of its own
    clinic.store.now = lambda: at
    person = await clinic.patient()
    own = InsuredCard("", "GD4860000000001", "GD", "4", initial_facility="86991", result_code="000")
    coverage = await clinic.store.run(clinic.actor("reception"), lambda tx: coverages.keep(tx, person, own))
    visit = await clinic.visit(person, kind=kind, category="1.1", coverage_id=coverage, reason="Ho")
    clinic.store.now = lambda: at + timedelta(seconds=10)
    await doctor.get(f"/outpatient/visits/{visit}")
    await doctor.post(f"/outpatient/visits/{visit}/note", {**NOTE, "next": "signature"})
    await doctor.get(f"/outpatient/visits/{visit}/signature")
    return visit


async def test_an_insured_visit_is_signed_from_the_next_minute_on_and_the_page_says_from_when(
    clinic: Clinic, doctor: Browser
) -> None:
    visit = await insured(clinic, doctor)
    begun = clinic.store.now()
    local = (begun + timedelta(seconds=50)).astimezone(ZoneInfo("Asia/Ho_Chi_Minh"))
    assert f"có thể kết thúc từ {local:%H:%M}" in doctor.words() and 'data-wait-seconds="50"' in doctor.page
    end = {**END, "category": "1.1", "shown": shown(doctor)}
    clinic.store.now = lambda: begun + timedelta(seconds=49.9)
    early = await doctor.post(f"/outpatient/visits/{visit}/signature", end)
    assert (
        early.status_code == 409 and "hãy ký từ phút sau" in doctor.words() and 'data-wait-seconds="1"' in doctor.page
    )
    clinic.store.now = lambda: begun + timedelta(seconds=50)
    await doctor.get(f"/outpatient/visits/{visit}/signature")
    assert "data-wait-seconds" not in doctor.page and "có thể kết thúc từ" not in doctor.words()
    assert (await doctor.post(f"/outpatient/visits/{visit}/signature", end)).status_code == 303
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert "TIM-01" not in {one.rule for one in await preflight.findings(tx, visit, moment="close")}
        encounter = await resources.read(tx, "Encounter", visit)
    assert visit_facts.ended_at(encounter) == begun + timedelta(seconds=50), "the time is a fact"


async def test_who_pays_alone_and_who_ends_with_the_last_day_of_drugs_waits_for_no_minute(
    clinic: Clinic, doctor: Browser
) -> None:
    own = await insured(clinic, doctor)
    answer = await doctor.post(f"/outpatient/visits/{own}/signature", {**END, "category": "9", "shown": shown(doctor)})
    assert answer.status_code == 303, "signed as the patient's own"
    lasting = await insured(clinic, doctor, kind="02")
    assert "data-wait-seconds" not in doctor.page
    end = {**END, "category": "1.1", "shown": shown(doctor)}
    assert (await doctor.post(f"/outpatient/visits/{lasting}/signature", end)).status_code == 303
