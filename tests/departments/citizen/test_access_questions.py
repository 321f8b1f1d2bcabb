"""A citizen's question: it reaches the data protection officer, is answered once in 72 hours, and is read where it was asked."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from lienmach.care import access_questions
from lienmach.departments.leaders import question
from lienmach.record import openings
from lienmach.record.openings import Opening
from tests.departments.citizen.own_world import OwnRecord
from tests.departments.citizen.test_citizen_access import _event_of, at_access, look, tasks
from tests.web.client import Browser

ASKED = "Tôi không khám hôm đó"
ANSWER = "Bác sĩ mở nhầm hồ sơ trùng tên.\nCơ sở đã nhắc nhở."


async def asked(own: OwnRecord, **person: object) -> tuple[Browser, str]:
    """A citizen who has asked about a doctor's look; returns their phone's browser and the question's address."""
    patient_id = await own.person(**person)
    await look(own, "doctor", patient_id)
    await look(own, "doctor", patient_id)
    await look(own, "nurse", patient_id)
    citizen = await at_access(own)
    await citizen.post("/citizen/access", {"event": _event_of(citizen.page, "doctor Thử"), "text": ASKED})
    [task] = await tasks(own)
    return citizen, f"/leaders/questions/{task['id']}"


async def officer(own: OwnRecord) -> Browser:
    found = own.browser("10.0.0.9")
    await found.sign_in("dpo")
    return found


async def test_the_officer_sees_what_was_opened_by_whom_and_how_long_is_left(own: OwnRecord) -> None:
    _, address = await asked(own)
    desk = await officer(own)
    await desk.get("/leaders/questions")
    assert address in desk.page and ASKED in desk.words() and "còn 71 giờ" in desk.words()
    assert "1 câu hỏi" in (await desk.get("/leaders/questions/notice")).text
    await desk.get(address)
    table = desk.page[desk.page.index("<tbody>") : desk.page.index("</tbody>")]
    assert "doctor Thử" in desk.words() and "nurse Thử" not in desk.words() and table.count("<tr") == 2
    now = own.clinic.store.now
    own.clinic.store.now = lambda: now() + timedelta(hours=73)
    desk = await officer(own)
    await desk.get("/leaders/questions")
    assert "quá hạn 2 giờ" in desk.words() or "quá hạn 1 giờ" in desk.words()


async def test_the_answer_is_read_by_who_asked_and_the_message_says_nothing_of_it(own: OwnRecord) -> None:
    citizen, address = await asked(own)
    desk = await officer(own)
    await desk.get(address)
    answer = await desk.post(f"{address}/answer", {"words": ANSWER})
    assert answer.headers["location"] == f"{address}?told=yes"
    await desk.get(answer.headers["location"])
    assert "dpo Thử" in desk.words() and "người hỏi nhận tin nhắn" in desk.words() and 'name="words"' not in desk.page
    await citizen.get("/citizen/access")
    assert "Bác sĩ mở nhầm hồ sơ trùng tên." in citizen.words() and "dpo Thử" in citizen.words()
    message = await own.last_message()
    said = str(message)
    assert "da tra loi cau hoi" in said and "mở nhầm" not in said and "doctor" not in said
    [task] = await tasks(own)
    assert task["status"] == "completed" and task["owner"]["display"] == "dpo Thử"
    assert (await desk.get("/leaders/questions/notice")).text.strip() == ""


async def test_an_answer_is_given_once_and_says_something(own: OwnRecord) -> None:
    _, address = await asked(own)
    desk = await officer(own)
    await desk.get(address)
    short = await desk.post(f"{address}/answer", {"words": "x" * (access_questions.WORDS_MIN - 1)})
    assert short.status_code == 422 and "10 đến 2.000" in desk.words()
    long = await desk.post(f"{address}/answer", {"words": "x" * (access_questions.WORDS_MAX + 1)})
    assert long.status_code == 422
    assert (await desk.post(f"{address}/answer", {"words": ANSWER})).status_code == 303
    await desk.get(address)
    again = await desk.post(f"{address}/answer", {"words": "Một câu trả lời khác", "csrf": desk.proof()})
    assert again.status_code == 409 and "đã được trả lời" in desk.words()
    [task] = await tasks(own)
    assert [one["text"] for one in task["note"]] == [ASKED, ANSWER.replace("\n", "\n")]


async def test_another_kind_of_task_is_no_question_and_others_do_not_come_in(own: OwnRecord) -> None:
    _, address = await asked(own)
    desk = await officer(own)
    assert (await desk.get("/leaders/questions/nobody")).status_code == 404
    for role in ("director", "admin", "doctor"):
        other = own.browser("10.0.0.8")
        await other.sign_in(role)
        assert (await other.get(address)).status_code == 403
        assert (await other.get("/leaders/questions")).status_code == 403


async def test_a_citizen_does_not_read_the_questions_of_another(own: OwnRecord) -> None:
    await asked(own)
    await own.person(name="Trần Thị Bích", birth="1990-05-06", telecom=[{"system": "phone", "value": "0912 345 678"}])
    other = await at_access(own, birth="06/05/1990", address="10.0.0.3")
    assert not re.search(f"{ASKED}|Câu hỏi của tôi", other.words())


async def test_neither_the_strip_nor_the_citizens_own_look_counts_as_somebody_opening_the_record(
    own: OwnRecord,
) -> None:
    citizen, _ = await asked(own)
    [task] = await tasks(own)
    patient_id = task["for"]["reference"].removeprefix("Patient/")
    desk = await officer(own)
    before = await _openings(own, patient_id)
    for _ in range(3):
        assert "1 câu hỏi" in (await desk.get("/leaders/questions/notice")).text
    await citizen.get("/citizen/access")
    after = await _openings(own, patient_id)
    assert [one.purpose for one in after[: len(after) - len(before)]] == ["PATRQT"]


async def _openings(own: OwnRecord, patient_id: str) -> list[Opening]:
    async with own.clinic.store.begin(own.clinic.actor("dpo")) as tx:
        return await openings.of_person(tx, patient_id)


async def test_an_opening_of_a_busy_day_is_found_behind_hundreds_of_others(
    own: OwnRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, address = await asked(own)
    [task] = await tasks(own)
    for _ in range(5):
        await look(own, "nurse", task["for"]["reference"].removeprefix("Patient/"))
    monkeypatch.setattr(question, "_PAGE_COUNT", 3)
    desk = await officer(own)
    await desk.get(address)
    assert "doctor Thử" in desk.words() and "Không còn dấu vết" not in desk.words()


@pytest.mark.parametrize("role", ["doctor", "cashier"])
async def test_whoever_was_asked_about_finds_neither_question_nor_answer_in_the_record(
    own: OwnRecord, role: str
) -> None:
    await asked(own)
    [task] = await tasks(own)
    person = f"/registration/patients/{task['for']['reference'].removeprefix('Patient/')}"
    await own.clinic.visit(task["for"]["reference"].removeprefix("Patient/"))
    other = own.browser("10.0.0.8")
    await other.sign_in(role)
    await other.get(person)
    assert "Lượt khám" in other.words() and "hỏi về một lần mở hồ sơ" not in other.words()
    for page in ("", "/versions", "?version=1"):
        assert (await other.get(f"{person}/entries/Task/{task['id']}{page}")).status_code == 404
        assert ASKED not in other.words()
