"""Who opened my record, in plain words; and a word to the facility where it looks wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from lienmach.care import access_questions, resources, systems
from lienmach.departments.citizen import access
from lienmach.record import openings
from lienmach.record.openings import Opening
from tests.departments.citizen.own_world import OwnRecord
from tests.web.client import Browser

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


async def look(own: OwnRecord, role: str, *patient_ids: str, purpose: str = "TREAT") -> None:
    """Somebody of a role opens these people's records in one go."""
    async with own.clinic.store.begin(replace(own.clinic.actor(role), purpose=purpose)) as tx:
        tx.access.note("search-type", query="/registration/patients?text=bich")
        for one in patient_ids:
            await resources.read(tx, "Patient", one)


async def at_access(own: OwnRecord, *, address: str = "10.0.0.1", birth: str = "01/02/1958") -> Browser:
    browser = own.browser(address)
    await own.sign_in(browser, birth=birth)
    await browser.get("/citizen/access")
    return browser


async def tasks(own: OwnRecord, role: str = "dpo") -> list[dict[str, Any]]:
    async with own.clinic.store.begin(own.clinic.actor(role)) as tx:
        return await resources.find(tx, "Task", ("code", f"{systems.TASK_KIND}|{access_questions.KIND}"))


async def test_who_in_which_role_where_and_why(own: OwnRecord) -> None:
    patient_id = await own.person()
    await look(own, "doctor", patient_id)
    await look(own, "cashier", patient_id, purpose="HPAYMT")
    browser = await at_access(own)
    words = browser.words()
    assert re.search(r"doctor Thử Bác sĩ · Trung tâm Y tế thử Để khám và chữa bệnh: tra cứu", words), words
    assert re.search(r"cashier Thử Thu ngân · Trung tâm Y tế thử Để tính tiền và thanh toán BHYT", words)
    assert re.search(r"reception Thử Tiếp đón · Trung tâm Y tế thử Để tiếp đón: ghi vào hồ sơ", words)
    assert "127.0.0.1" not in words and "10.0.0" not in words  # where they sat is not theirs to know


async def test_nothing_of_others_who_were_found_beside_is_shown(own: OwnRecord) -> None:
    mine = await own.person()
    other = await own.person(name="Trần Thị Bích", birth="1990-05-06")
    await look(own, "doctor", mine, other)
    await look(own, "nurse", other)
    browser = await at_access(own)
    assert "doctor Thử" in browser.words() and "nurse Thử" not in browser.words()
    for secret in (other, "Bích", "bich"):
        assert secret not in browser.page


async def test_my_own_looks_are_there_too(own: OwnRecord) -> None:
    await own.person()
    browser = await at_access(own)
    await browser.get("/citizen/access")
    assert "Tôi xem hồ sơ của mình" in browser.words()


async def test_a_question_reaches_the_officer_once(own: OwnRecord) -> None:
    patient_id = await own.person()
    await look(own, "doctor", patient_id)
    browser = await at_access(own)
    event = _event_of(browser.page, "doctor Thử")
    for _ in range(2):
        answer = await browser.post("/citizen/access", {"event": event, "text": "  Tôi không   khám hôm đó "})
        assert answer.headers["location"] == "/citizen/access?sent=1"
        await browser.get("/citizen/access?sent=1")
        assert "Đã gửi câu hỏi của bạn" in browser.words()
    [task] = await tasks(own)
    assert task["focus"]["reference"] == f"AuditEvent/{event}" and task["for"]["reference"] == f"Patient/{patient_id}"
    assert task["note"][0]["text"] == "Tôi không khám hôm đó" and task["status"] == "requested"


def _event_of(page: str, who: str) -> str:
    part = page[page.index(who) :]
    found = re.search(r'name="event" value="([^"]+)"', part)
    assert found
    return found[1]


async def test_an_opening_of_another_record_cannot_be_asked_about(own: OwnRecord) -> None:
    await own.person()
    other = await own.person(name="Trần Thị Bích", birth="1990-05-06")
    await look(own, "nurse", other)
    async with own.clinic.store.begin(own.clinic.actor("dpo")) as tx:
        theirs = (await openings.of_person(tx, other, count=1))[0].event_id
    browser = await at_access(own)
    for event in (theirs, "nobody", "", "x" * 300):
        assert (await browser.post("/citizen/access", {"event": event})).status_code == 404
        await browser.get("/citizen/access")
    assert not await tasks(own)


async def test_ten_questions_wait_and_the_eleventh_is_told_to_call(own: OwnRecord) -> None:
    patient_id = await own.person()
    for _ in range(access_questions.OPEN_MAX + 1):
        await look(own, "doctor", patient_id)
    async with own.clinic.store.begin(own.clinic.actor("dpo")) as tx:
        events = [one.event_id for one in await openings.of_person(tx, patient_id) if one.roles == ("doctor",)]
    browser = await at_access(own)
    for number, event in enumerate(events):
        await browser.get("/citizen/access")
        answer = await browser.post("/citizen/access", {"event": event})
        assert answer.status_code == (303 if number < access_questions.OPEN_MAX else 409)
    assert "10 câu hỏi đang chờ trả lời" in browser.words()
    assert len(await tasks(own)) == access_questions.OPEN_MAX


async def test_older_openings_are_a_page_away(own: OwnRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    patient_id = await own.person()
    monkeypatch.setattr(access, "_COUNT", 4)
    for _ in range(6):
        await look(own, "doctor", patient_id)
    browser = await at_access(own)
    found = re.search(r'href="(\?after=[^"]+)"', browser.page)
    assert found
    pages = 1
    while found:
        await browser.get("/citizen/access" + found[1])
        pages += 1
        found = re.search(r'href="(\?after=[^"]+)"', browser.page)
    assert pages >= 2 and "reception Thử" in browser.words()
    assert (await browser.get("/citizen/access?after=x")).status_code == 400


def opening(
    minute: int, who: str = "BS A", role: str = "doctor", purpose: str = "TREAT", interaction: str = "read"
) -> Opening:
    at = datetime(2026, 11, 21, 16, 0, tzinfo=UTC) + timedelta(minutes=minute)
    return Opening(f"e{minute}", "1.1", at, who, "Practitioner/a", (role,), interaction, purpose, (), False)


def test_openings_are_put_together_by_day_person_and_reason() -> None:
    newest_first = [
        opening(61), opening(60), opening(59, interaction="update"), opening(58), opening(57, who="BS B"),
        opening(56, purpose="ETREAT"),
    ]  # fmt: skip
    found = access.grouped(newest_first, zone=ZONE, me="Patient/x")
    told = [(one.on.day, one.who, one.purpose, one.count, one.event_id, list(one.done)) for one in found]
    assert told == [
        (22, "BS A", "TREAT", 2, "e61", ["Xem hồ sơ"]),  # midnight is that of the facility
        (21, "BS A", "TREAT", 2, "e59", ["Ghi vào hồ sơ", "Xem hồ sơ"]),
        (21, "BS B", "TREAT", 1, "e57", ["Xem hồ sơ"]),
        (21, "BS A", "ETREAT", 1, "e56", ["Xem hồ sơ"]),
    ]
    assert found[0].first_at < found[0].last_at
