"""Who gets a code: the living person whom a phone and a birth date name, once a request."""

from __future__ import annotations

import re
from typing import Any

import asyncpg
import pytest

from lienmach.base import jobs
from lienmach.departments.citizen import codes
from lienmach.simulators import sms
from tests.care import outbox_work
from tests.departments.citizen.own_world import PHONE, OwnRecord
from tests.simulators import running


async def test_of_a_mother_and_a_child_with_one_phone_the_birth_date_tells(own: OwnRecord) -> None:
    await own.person(name="Trần Thị Bích", birth="1990-05-06")
    await own.person(name="Lê Minh", birth="2020-07-08")
    await own.person(
        name="Lê Lan",
        birth="2022-03-04",
        telecom=[],
        contact=[{"telecom": [{"system": "phone", "value": "0912 345 678"}]}],
    )
    for number, (birth, name) in enumerate(
        (("06/05/1990", "Trần Thị Bích"), ("08/07/2020", "Lê Minh"), ("04/03/2022", "Lê Lan"))
    ):
        browser = own.browser(f"10.3.0.{number}")
        await own.sign_in(browser, birth=birth)
        await browser.get("/citizen/home")
        assert re.search(rf"Hồ sơ đang mở {name} ·", browser.words()), browser.words()


async def test_the_phone_in_charge_opens_the_record_of_a_child_only(own: OwnRecord) -> None:
    contact = [{"telecom": [{"system": "phone", "value": PHONE}]}]
    await own.person(birth="1960-01-02", telecom=[], contact=contact)
    await own.ask(own.browser(), birth="02/01/1960")
    assert not await own.messages()


async def test_of_twins_the_given_name_is_asked_after_the_code(own: OwnRecord) -> None:
    for name in ("Lê Minh Đông", "Lê Minh Tây"):
        await own.person(name=name, birth="2020-07-08")
    browser = own.browser()
    await own.ask(browser, birth="08/07/2020")
    assert (await browser.get("/cua-toi/chon")).headers["location"] == "/cua-toi"  # not before the code
    await browser.get("/cua-toi/ma")
    code = own.code_in(await own.last_message())
    assert (await own.prove(browser, code)).headers["location"] == "/cua-toi/chon"
    other = own.browser()
    assert (await other.get("/cua-toi/chon")).headers["location"] == "/cua-toi"
    await browser.get("/cua-toi/chon")
    words = browser.words()
    assert "Đông" in words and "Tây" in words and "Lê Minh" not in words
    wanted = re.findall(r'value="(\d)">(\w+)<', browser.page)
    place = next(number for number, name in wanted if name == "Tây")
    for forged in ("0", "3", "-1", "x", ""):
        answer = await browser.post("/cua-toi/chon", {"person": forged})
        assert answer.headers["location"] == "/cua-toi/chon"
        await browser.get("/cua-toi/chon")
    assert (await browser.post("/cua-toi/chon", {"person": place})).headers["location"] == "/citizen/home"
    await browser.get("/citizen/home")
    assert "Lê Minh Tây" in browser.words() and "Đông" not in browser.words()


async def test_a_merged_record_opens_the_one_that_is_left(own: OwnRecord) -> None:
    left = await own.person(name="Nguyễn Văn Ân Mới", telecom=[])
    await own.person(
        name="Nguyễn Văn Ân Cũ", active=False, link=[{"other": {"reference": f"Patient/{left}"}, "type": "replaced-by"}]
    )
    browser = own.browser()
    await own.sign_in(browser)
    await browser.get("/citizen/home")
    assert "Ân Mới" in browser.words()


@pytest.mark.parametrize("more", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-01-01"}, {"active": False}])
async def test_the_record_of_the_dead_and_one_out_of_use_get_no_code(own: OwnRecord, more: dict[str, Any]) -> None:
    await own.person(**more)
    answer = await own.ask(own.browser())
    assert answer.status_code == 303 and not await own.messages()


@pytest.mark.parametrize(
    "more,is_sent",
    [
        ({"use": "mobile", "period": {"end": "2099"}}, True),
        ({"use": "old"}, False),
        ({"period": {"end": "2025-06-30"}}, False),
    ],
)
async def test_a_number_that_is_no_longer_the_persons_gets_no_code(
    own: OwnRecord, more: dict[str, Any], is_sent: bool
) -> None:
    await own.person(telecom=[{"system": "phone", "value": PHONE, **more}])
    await own.ask(own.browser())
    assert bool(await own.messages()) is is_sent


@pytest.mark.parametrize(
    "known,typed,fits",
    [
        ("1958-02-01", "1958-02-01", True),
        ("1958-02-01", "1958-02-02", False),
        ("1958", "1958-02-02", True),
        ("1958", "1958", True),
        ("1958-02", "1958-02-02", True),
        ("1958-02-01", "1958", False),
        ("195", "1958", False),
        ("", "1958", False),
    ],
)
def test_a_birth_date_is_compared_as_far_as_the_record_knows_it(known: str, typed: str, fits: bool) -> None:
    assert codes.fits_birth(known, typed) is fits


# The job


async def test_the_job_run_twice_sends_one_message(own: OwnRecord, owner: asyncpg.Connection) -> None:
    await own.person()
    await own.ask(own.browser(), works=False)
    request_id = await owner.fetchval("select request_id from citizen_request")
    taken = jobs.Taken(1, 1, codes.JOBS[0].kind, {"request": request_id}, 1, 3)
    await codes.send(own.clinic.store, taken)
    await codes.send(own.clinic.store, taken)
    assert len(await own.messages()) == 1


async def test_a_job_that_comes_too_late_sends_nothing(own: OwnRecord, owner: asyncpg.Connection) -> None:
    await own.person()
    await own.ask(own.browser(), works=False)
    await owner.execute("update citizen_request set asked_at = asked_at - interval '5 minutes'")
    await own.work()
    assert not await own.messages()


async def test_the_code_of_a_message_that_was_sent_stands_nowhere(own: OwnRecord, owner: asyncpg.Connection) -> None:
    await own.person()
    async with running.here(sms) as phones:
        outbox_work.connect(own.clinic.store, sms_url=phones.url)
        await own.ask(own.browser())
        message = await own.last_message()
        code = own.code_in(message)
        assert message["to"] == PHONE
        await outbox_work.work(own.clinic.store, own.clinic.pool)
        assert (await phones.state())["messages"] == 1
    kept = [bytes(one["body"]).decode() for one in await owner.fetch("select body from outbox_message")]
    assert len(kept) == 1 and code not in kept[0] and PHONE not in kept[0] and "****** la ma" in kept[0]
    desk = own.browser("10.0.0.9")
    await desk.sign_in("insurance")
    await desk.get("/insurance/messages?view=sent&channel=sms")
    assert "091****678" in desk.words() and "Đã gửi" in desk.words() and code not in desk.page
    await desk.get(re.findall(r"/insurance/messages/[0-9a-f]{32}", desk.page)[0])
    assert "Gửi đến 091****678." in desk.words() and code not in desk.page and PHONE not in desk.page
