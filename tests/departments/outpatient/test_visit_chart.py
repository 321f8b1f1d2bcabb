"""The work list and the chart: what a doctor meets from "next, please" to the note, and what a nurse may do before."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from lienmach.care import catalogues, drafts, queue, visits
from tests.clinic import Clinic
from tests.web.client import Browser

HTMX = {"hx-request": "true"}


async def fragment(browser: Browser, path: str, data: dict[str, str] | None = None, **more: Any) -> Any:
    """Post as htmx does: the proof comes from the page that is open."""
    return await browser.client.post(path, data={"csrf": browser.proof(), **(data or {})}, headers=HTMX, **more)


async def arrive(clinic: Clinic, patient: str, room: str, name: str = "Nguyễn Văn Ân") -> str:
    visit = await clinic.visit(patient, started=False, reason="Ho, sổ mũi")

    async def join(tx: Any) -> None:
        await queue.join(tx, room, kind="exam", patient_id=patient, encounter_id=visit, name=name)

    await clinic.store.run(clinic.actor("reception"), join)
    return visit


async def test_a_doctor_without_a_room_is_asked_once_where_they_sit(clinic: Clinic, doctor: Browser) -> None:
    await doctor.get("/outpatient/visits")
    assert "ngồi ở phòng nào" in doctor.words()
    room = await clinic.room("exam")
    answer = await doctor.post("/outpatient/visits/rooms", {"room": room.id})
    assert answer.status_code == 303
    await doctor.get("/outpatient/visits")
    assert room.name in doctor.words() and "Chưa có ai đến phòng này hôm nay" in doctor.words()
    wrong = await doctor.post("/outpatient/visits/rooms", {"room": "nowhere"})
    assert wrong.status_code == 422 and "Hãy chọn một phòng khám" in doctor.words()


async def test_the_next_person_is_called_started_and_opened_by_one_button(
    clinic: Clinic, doctor: Browser, seat: Any
) -> None:
    room = await seat()
    visit = await arrive(clinic, await clinic.patient(), room)
    await doctor.get("/outpatient/visits")
    assert "Ho, sổ mũi" in doctor.words() and "Đang chờ (1)" in doctor.words()
    answer = await doctor.post("/outpatient/visits/next")
    assert answer.status_code == 303 and answer.headers["location"].startswith(f"/outpatient/visits/{visit}")
    await doctor.get(answer.headers["location"])
    assert "Đang khám" in doctor.words() and "Hoàn tác bắt đầu" in doctor.words()
    await doctor.get("/outpatient/visits")
    answer = await doctor.post("/outpatient/visits/next")
    assert answer.status_code == 409 and "Không còn ai đang chờ" in doctor.words()


async def test_the_chart_says_that_nobody_asked_about_allergies_until_somebody_did(
    clinic: Clinic, doctor: Browser
) -> None:
    visit = await clinic.visit(await clinic.patient())
    page = await doctor.get(f"/outpatient/visits/{visit}")
    assert page.status_code == 200 and "Chưa hỏi" in doctor.words() and len(page.content) < 150_000
    answer = await fragment(doctor, f"/outpatient/visits/{visit}/allergies", {"verb": "none"})
    assert "Không có dị ứng đã biết" in answer.text and "Chưa hỏi" not in answer.text
    found = await doctor.client.get(f"/outpatient/visits/{visit}/allergies?substance=penicillin", headers=HTMX)
    assert "allergy-group" in found.text
    answer = await fragment(
        doctor,
        f"/outpatient/visits/{visit}/allergies",
        {"verb": "record", "list": "allergy-group", "code": "penicillin"},
    )
    assert "⚠" in answer.text and "Không có dị ứng" not in answer.text
    again = await fragment(
        doctor,
        f"/outpatient/visits/{visit}/allergies",
        {"verb": "record", "list": "allergy-group", "code": "penicillin"},
    )
    assert again.status_code == 409 and "đã có trong hồ sơ" in again.text
    none = await fragment(doctor, f"/outpatient/visits/{visit}/allergies", {"verb": "none"})
    assert none.status_code == 409


async def test_a_nurse_measures_before_the_doctor_and_is_asked_about_what_is_unusual(
    clinic: Clinic, nurse: Browser
) -> None:
    visit = await clinic.visit(await clinic.patient(), started=False)
    await nurse.get(f"/outpatient/visits/{visit}")
    url = f"/outpatient/visits/{visit}/vitals"
    refused = await fragment(nurse, url, {"temperature": "46", "pulse": "80"})
    assert "không thể có" in refused.text and 'value="80"' in refused.text
    asked = await fragment(nurse, url, {"systolic": "210/100", "pulse": "80"})
    assert "hiếm gặp" in asked.text
    stored = await fragment(nurse, url, {"systolic": "210/100", "pulse": "80", "confirmed": "yes"})
    assert "▲" in stored.text and "Cao" in stored.text and "chưa đo lần này" not in stored.text


async def test_a_nurse_may_not_write_the_note(clinic: Clinic, nurse: Browser) -> None:
    visit = await clinic.visit(await clinic.patient())
    await nurse.get(f"/outpatient/visits/{visit}")
    answer = await nurse.post(f"/outpatient/visits/{visit}/note", {"history": "Ho"})
    assert answer.status_code == 403


async def test_what_is_typed_is_kept_and_announced_when_it_is_found_again(clinic: Clinic, doctor: Browser) -> None:
    visit = await clinic.visit(await clinic.patient(), reason="Ho")
    await doctor.get(f"/outpatient/visits/{visit}")
    kept = await fragment(doctor, f"/outpatient/visits/{visit}/note", {"reason": "Ho", "history": "Ho ba ngày"})
    assert "Đã giữ bản nháp" in kept.text
    await doctor.get(f"/outpatient/visits/{visit}")
    assert "Dùng lại bản nháp" in doctor.words() and "Ho ba ngày" in doctor.words()
    assert 'id="history"' not in doctor.page
    answer = await doctor.post(f"/outpatient/visits/{visit}/note/draft", {"choice": "use"})
    await doctor.get(answer.headers["location"])
    assert ">Ho ba ngày</textarea>" in doctor.page
    await doctor.get(f"/outpatient/visits/{visit}")
    await doctor.post(f"/outpatient/visits/{visit}/note/draft", {"choice": "drop"})
    await doctor.get(f"/outpatient/visits/{visit}")
    assert "Ho ba ngày" not in doctor.page and 'id="history"' in doctor.page
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert await drafts.find(tx, "note", visit) is None


async def test_a_draft_is_its_writers_own(clinic: Clinic, doctor: Browser, browser_at: Callable[..., Browser]) -> None:
    visit = await clinic.visit(await clinic.patient())
    await doctor.get(f"/outpatient/visits/{visit}")
    await fragment(doctor, f"/outpatient/visits/{visit}/note", {"history": "Chuyện riêng"})
    other = browser_at()
    await other.sign_in("doctor2")
    await other.get(f"/outpatient/visits/{visit}")
    assert "Chuyện riêng" not in other.page and "Chỉ đọc" in other.words()
    answer = await other.post(f"/outpatient/visits/{visit}/note", {"history": "Của tôi"})
    assert answer.status_code == 409 and "Bác sĩ khác đang khám" in other.words()


async def test_a_note_stored_unsigned_is_read_by_the_next_doctor(
    clinic: Clinic, doctor: Browser, browser_at: Callable[..., Browser]
) -> None:
    visit = await clinic.visit(await clinic.patient())
    await doctor.get(f"/outpatient/visits/{visit}")
    answer = await doctor.post(
        f"/outpatient/visits/{visit}/note", {"history": "Ho <b>nhiều</b>", "main": "J00", "next": "record"}
    )
    assert answer.status_code == 303
    other = browser_at()
    await other.sign_in("doctor2")
    await other.get(f"/outpatient/visits/{visit}")
    assert "Ho &lt;b&gt;nhiều" in other.page and "J00" in other.words()
    answer = await other.post(f"/outpatient/visits/{visit}/step", {"verb": "take-over"})
    await other.get(answer.headers["location"])
    assert 'id="history"' in other.page


async def test_typing_a_disease_offers_final_codes_only(clinic: Clinic, doctor: Browser) -> None:
    visit = await clinic.visit(await clinic.patient())
    found = await doctor.client.get(f"/outpatient/visits/{visit}/note/codes?icd=dai thao duong", headers=HTMX)
    assert "E11.9" in found.text and "add:E11&#34;" not in found.text and '"add:E11"' not in found.text
    nothing = await doctor.client.get(f"/outpatient/visits/{visit}/note/codes?icd=qqqq", headers=HTMX)
    assert "Không có mã nào" in nothing.text


async def test_codes_are_added_changed_and_dropped_in_the_form(clinic: Clinic, doctor: Browser) -> None:
    visit = await clinic.visit(await clinic.patient())
    await doctor.get(f"/outpatient/visits/{visit}")
    url = f"/outpatient/visits/{visit}/note/codes"
    added = await fragment(doctor, url, {"step": "add:J00"})
    assert 'name="main" value="J00"' in added.text
    both = await fragment(doctor, url, {"step": "add:I10", "main": "J00"})
    assert 'name="main" value="J00"' in both.text and 'name="others" value="I10"' in both.text
    turned = await fragment(doctor, url, {"step": "main:I10", "main": "J00", "others": "I10"})
    assert 'name="main" value="I10"' in turned.text
    left = await fragment(doctor, url, {"step": "drop:I10", "main": "I10", "others": "J00"})
    assert 'name="main" value="J00"' in left.text and "I10" not in left.text


async def test_the_snippet_of_a_cold_fills_note_and_disease(clinic: Clinic, doctor: Browser) -> None:
    visit = await clinic.visit(await clinic.patient())
    await doctor.get(f"/outpatient/visits/{visit}")
    url = f"/outpatient/visits/{visit}/note/snippet"
    answer = await fragment(doctor, url, {"code": ".cam", "field": "history", "history": "Từ hôm qua .cam"})
    assert "Sổ mũi" in answer.text and "Từ hôm qua" in answer.text and ".cam&" not in answer.text
    assert 'name="main" value="J00"' in answer.text

    async def rename(tx: Any) -> None:
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        row = await catalogues.get(tx, "snippet", ".cam", on=today)
        assert row is not None and row.data["order_set"] == "cam-lanh"
        catalogues.put(tx, [dataclasses.replace(row, name="Khám bệnh")])

    await clinic.store.run(clinic.actor("system"), rename)
    other = await clinic.visit(await clinic.patient())
    await doctor.get(f"/outpatient/visits/{other}")
    again = await fragment(doctor, f"/outpatient/visits/{other}/note/snippet", {"code": ".cam", "field": "history"})
    assert 'name="main" value="J00"' in again.text, "the set comes by its code, not by a name that is like it"
    wrong = await fragment(doctor, url, {"code": ".khongco", "field": "history"})
    assert wrong.status_code == 422 and "Không có mẫu này" in wrong.text


async def test_a_template_fills_only_what_is_empty(clinic: Clinic, doctor: Browser) -> None:
    visit = await clinic.visit(await clinic.patient())
    await doctor.get(f"/outpatient/visits/{visit}")
    answer = await fragment(
        doctor, f"/outpatient/visits/{visit}/note/snippet", {"code": "kham-chung", "history": "Đã ghi rồi"}
    )
    assert "Đã ghi rồi" in answer.text and "Toàn thân" in answer.text and "Khởi phát" not in answer.text


async def test_problems_are_added_by_code_or_in_words_and_end(clinic: Clinic, doctor: Browser) -> None:
    visit = await clinic.visit(await clinic.patient())
    await doctor.get(f"/outpatient/visits/{visit}")
    url = f"/outpatient/visits/{visit}/problems"
    assert "I10" in (await fragment(doctor, url, {"verb": "add", "text": "i10"})).text
    answer = await fragment(doctor, url, {"verb": "add", "text": "Hút thuốc lá"})
    assert "Hút thuốc lá" in answer.text
    assert (await fragment(doctor, url, {"verb": "add", "text": "I10"})).status_code == 409
    assert (await fragment(doctor, url, {"verb": "add", "text": " "})).status_code == 422
    own = answer.text.split('name="problem" value="')[1].split('"')[0]
    ended = await fragment(doctor, url, {"verb": "resolve", "problem": own})
    assert ended.status_code == 200


async def test_a_cancelled_visit_offers_to_take_it_back(clinic: Clinic, doctor: Browser) -> None:
    visit = await clinic.visit(await clinic.patient(), started=False)
    await doctor.get(f"/outpatient/visits/{visit}")
    answer = await doctor.post(f"/outpatient/visits/{visit}/step", {"verb": "cancel", "reason": ""})
    assert answer.status_code == 422
    await doctor.post(f"/outpatient/visits/{visit}/step", {"verb": "cancel", "reason": "Bỏ về"})
    await doctor.get(f"/outpatient/visits/{visit}")
    assert "Hoàn tác huỷ" in doctor.words()
    await doctor.post(f"/outpatient/visits/{visit}/step", {"verb": "undo-cancel"})
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert (await visits.read(tx, visit))["status"] == "arrived"


async def test_who_was_cancelled_by_mistake_has_a_number_again(clinic: Clinic, doctor: Browser, seat: Any) -> None:
    room = await seat()
    visit = await arrive(clinic, await clinic.patient(), room)
    await doctor.get(f"/outpatient/visits/{visit}")
    await doctor.post(f"/outpatient/visits/{visit}/step", {"verb": "cancel", "reason": "Nhầm người"})
    await doctor.get(f"/outpatient/visits/{visit}")
    await doctor.post(f"/outpatient/visits/{visit}/step", {"verb": "undo-cancel"})
    await doctor.get("/outpatient/visits")
    answer = await doctor.post("/outpatient/visits/next")
    assert answer.headers["location"].startswith(f"/outpatient/visits/{visit}")


async def test_a_start_that_is_undone_puts_the_number_back_where_it_stood(
    clinic: Clinic, doctor: Browser, seat: Any
) -> None:
    room = await seat()
    visit = await arrive(clinic, await clinic.patient(), room)
    await arrive(clinic, await clinic.patient(name=[{"text": "Người Sau"}]), room)
    await doctor.get("/outpatient/visits")
    answer = await doctor.post("/outpatient/visits/next")
    assert answer.headers["location"].startswith(f"/outpatient/visits/{visit}")
    await doctor.get(f"/outpatient/visits/{visit}")
    assert (await doctor.post(f"/outpatient/visits/{visit}/step", {"verb": "undo-start"})).status_code == 303
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        ticket = await queue.ticket_of(tx, visit, "exam")
    assert ticket is not None and (ticket.state, ticket.called_by, ticket.called_at) == ("waiting", "", None)
    await doctor.get("/outpatient/visits")
    answer = await doctor.post("/outpatient/visits/next")
    assert answer.headers["location"].startswith(f"/outpatient/visits/{visit}"), "still first"


async def test_no_visit_is_no_visit(doctor: Browser) -> None:
    assert (await doctor.get("/outpatient/visits/nobody")).status_code == 404
    assert (await doctor.get("/outpatient/visits/%00")).status_code == 404
