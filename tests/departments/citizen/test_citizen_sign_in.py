"""Signing in to one's own record, as browsers do it: who gets a code, what the pages give away, who gets in."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import Any

import asyncpg
import httpx
import pytest

from lienmach.record import openings, write
from lienmach.web import own_sessions, sessions
from tests.departments.citizen.own_world import BIRTH, PHONE, OwnRecord


async def test_a_code_by_message_opens_the_record(own: OwnRecord) -> None:
    patient_id = await own.person()
    browser = own.browser()
    answer = await own.ask(browser)
    assert answer.status_code == 303 and answer.headers["location"] == "/cua-toi/ma"
    message = await own.last_message()
    assert message["to"] == PHONE and "Nguy" not in message["text"]
    answer = await own.prove(browser, own.code_in(message))
    assert answer.headers["location"] == "/citizen/home"
    answer = await browser.get("/citizen/home")
    assert answer.status_code == 200 and "Nguyễn Văn Ân" in browser.words()
    assert patient_id not in browser.page  # opaque ids only where they are needed


@pytest.mark.parametrize("birth", ["01/02/1958", "01021958", "1/2/1958", "1958-02-01"])
async def test_a_birth_date_is_understood_as_it_is_typed(own: OwnRecord, birth: str) -> None:
    await own.person()
    await own.ask(own.browser(), birth=birth)
    assert (await own.last_message())["to"] == PHONE


@pytest.mark.parametrize("phone", ["+84 912 345 678", "0912.345.678", "84912345678"])
async def test_a_phone_is_understood_as_it_is_typed(own: OwnRecord, phone: str) -> None:
    await own.person()
    await own.ask(own.browser(), phone=phone)
    assert (await own.last_message())["to"] == PHONE


# Nobody learns who exists


async def test_every_answer_is_the_same_whether_there_is_a_record_or_not(own: OwnRecord) -> None:
    await own.person()
    told = []
    for phone, birth in ((PHONE, BIRTH), (PHONE, "02/02/1958"), ("0987654321", BIRTH)):
        browser = own.browser()
        asked = await own.ask(browser, phone=phone, birth=birth)
        page = await browser.get("/cua-toi/ma")
        guessed = await own.prove(browser, "000000")
        told.append((shape(asked), shape(page), shape(guessed)))
    assert told[0] == told[1] == told[2]
    assert len(await own.messages()) == 1


def shape(answer: httpx.Response) -> tuple[Any, ...]:
    """Everything of an answer but what is by chance."""
    text = re.sub(r'name="csrf" value="[^"]+"', "", answer.text)
    names = sorted(one.partition("=")[0] for one in answer.headers.get_list("set-cookie"))
    return answer.status_code, text, answer.headers.get("location"), names


async def test_the_page_leaves_the_same_rows_whoever_is_named(own: OwnRecord, owner: asyncpg.Connection) -> None:
    """What differs happens in the job, where no browser waits."""
    await own.person()
    counts = []
    for phone in (PHONE, "0987654321"):
        await own.ask(own.browser(), phone=phone, works=False)
        counts.append([await owner.fetchval(f"select count(*) from {one}") for one in ("citizen_request", "job")])
    assert counts[1][0] - counts[0][0] == 1 and counts[1][1] - counts[0][1] == 1
    kept = await owner.fetch("select code_hash, patients from citizen_request")
    assert all(one["code_hash"] is None and not one["patients"] for one in kept)


async def test_limits_tell_nothing_either(own: OwnRecord) -> None:
    await own.person()
    told = {}
    for number, phone in enumerate((PHONE, "0987654321")):
        answers = [await own.ask(own.browser(f"10.0.{number}.{one}"), phone=phone) for one in range(4)]
        assert [one.status_code for one in answers] == [303, 303, 303, 429]
        text = re.sub(r'(csrf|phone)" value="[^"]+"|value="[^"]+" autocomplete="tel"', "", answers[3].text)
        told[phone] = (text, answers[3].headers["retry-after"][:2])
    assert told[PHONE][0] == told["0987654321"][0]


async def test_an_address_is_stopped_after_ten_codes(own: OwnRecord) -> None:
    browser = own.browser("10.9.9.9")
    for number in range(10):
        assert (await own.ask(browser, phone=f"09000000{number:02}", works=False)).status_code == 303
    assert (await own.ask(browser, phone="0911111111", works=False)).status_code == 429
    assert (await own.ask(own.browser("10.9.9.8"), phone="0911111111", works=False)).status_code == 303


async def test_what_cannot_be_right_is_said_and_costs_no_try(own: OwnRecord) -> None:
    browser = own.browser()
    for phone, birth, sentence in (
        ("12", BIRTH, "Số điện thoại cần 10 chữ số"),
        (PHONE, "hôm qua", "Ghi ngày sinh như trên giấy tờ"),
        (PHONE, "", "Ghi ngày sinh như trên giấy tờ"),
        ("", "", "Số điện thoại cần 10 chữ số"),
    ):
        answer = await own.ask(browser, phone=phone, birth=birth)
        assert answer.status_code == 400 and sentence in browser.words()
    assert 'value="12"' not in browser.page
    assert (await own.ask(browser)).status_code == 303


async def test_a_node_that_sends_no_messages_says_so_and_keeps_nothing(
    own: OwnRecord, owner: asyncpg.Connection
) -> None:
    own.clinic.store.limits = replace(own.clinic.store.limits, sms_url="")
    browser = own.browser()
    await browser.get("/cua-toi")
    assert "Cơ sở chưa gửi được tin nhắn" in browser.words()
    assert (await own.ask(browser)).status_code == 503
    assert await owner.fetchval("select count(*) from citizen_request") == 0


# Who gets in


async def test_a_code_is_of_no_use_in_another_browser(own: OwnRecord) -> None:
    await own.person()
    mine, thief = own.browser("10.0.0.1"), own.browser("10.0.0.2")
    await own.ask(mine)
    code = own.code_in(await own.last_message())
    await own.ask(thief, phone="0987654321")
    assert (await own.prove(thief, code)).status_code == 401
    nobody = own.browser("10.0.0.3")
    await nobody.get("/cua-toi")
    assert (await nobody.post("/cua-toi/ma", {"code": code})).status_code == 401
    assert (await nobody.get("/cua-toi/ma")).headers["location"] == "/cua-toi"
    assert (await own.prove(mine, code)).status_code == 303


async def test_a_wrong_code_may_be_mended_and_the_fifth_may_not(own: OwnRecord) -> None:
    await own.person()
    browser = own.browser()
    await own.ask(browser)
    code = own.code_in(await own.last_message())
    for number in range(5):
        answer = await own.prove(browser, f"{(int(code) + 1) % 10**6:06}")
        assert answer.status_code == 401
        assert ("không dùng được nữa" in browser.words()) == (number == 4)
    assert (await own.prove(browser, code)).status_code == 401
    assert (await browser.get("/citizen/home")).headers["location"] == "/cua-toi"


async def test_a_new_request_ends_the_code_before(own: OwnRecord) -> None:
    await own.person()
    browser = own.browser()
    await own.ask(browser)
    first, cookie = own.code_in(await own.last_message()), browser.client.cookies.get(own_sessions.ASKED)
    await own.ask(browser)
    browser.client.cookies.set(own_sessions.ASKED, cookie or "")
    await browser.get("/cua-toi/ma")
    assert (await own.prove(browser, first)).status_code == 401


async def test_a_cookie_put_there_by_somebody_is_not_kept(own: OwnRecord) -> None:
    """Session fixation: signing in gives a new secret, whatever the browser brings."""
    await own.person()
    browser = own.browser()
    browser.client.cookies.set(own_sessions.IN, "a" * 43)
    await own.sign_in(browser)
    first = browser.client.cookies.get(own_sessions.IN, domain="127.0.0.1")
    await own.sign_in(browser)
    second = browser.client.cookies.get(own_sessions.IN, domain="127.0.0.1")
    assert len({first, second, "a" * 43}) == 3
    other = own.browser()
    other.client.cookies.set(own_sessions.IN, first or "")
    assert (await other.get("/citizen/home")).headers["location"] == "/cua-toi"  # the session before has ended


async def test_after_signing_out_the_cookie_opens_nothing(own: OwnRecord) -> None:
    await own.person()
    browser = own.browser()
    await own.sign_in(browser)
    cookie = browser.client.cookies.get(own_sessions.IN)
    await browser.get("/citizen/home")
    assert (await browser.post("/cua-toi/ra")).headers["location"] == "/cua-toi"
    assert own_sessions.IN not in browser.client.cookies
    replayed = own.browser()
    replayed.client.cookies.set(own_sessions.IN, cookie or "")
    assert (await replayed.get("/citizen/home")).headers["location"] == "/cua-toi"


async def test_staff_sessions_and_citizens_do_not_open_each_others_doors(own: OwnRecord) -> None:
    await own.person()
    browser = own.browser()
    await own.sign_in(browser)
    for path in ("/", "/registration/patients", "/outpatient/visits"):
        assert (await browser.get(path)).headers["location"].startswith("/sign-in")
    staff = own.browser()
    await staff.sign_in("doctor")
    assert (await staff.get("/citizen/home")).headers["location"] == "/cua-toi"
    staff.client.cookies.set(
        own_sessions.IN, browser.client.cookies.get("lienmach") or staff.client.cookies["lienmach"]
    )
    assert (await staff.get("/citizen/home")).headers["location"] == "/cua-toi"


@pytest.mark.parametrize("path", ["/cua-toi", "/cua-toi/ma", "/cua-toi/chon"])
async def test_a_form_without_its_proof_is_refused(own: OwnRecord, path: str) -> None:
    browser = own.browser()
    await browser.get("/cua-toi")
    data = {"phone": PHONE, "birth": BIRTH, "code": "000000", "person": "1"}
    assert (await browser.client.post(path, data=data)).status_code == 403
    assert (await browser.client.post(path, data={**data, "csrf": "x" * 43})).status_code == 403
    evil = {"origin": "https://elsewhere.example"}
    assert (await browser.client.post(path, data={**data, "csrf": browser.proof()}, headers=evil)).status_code == 403


@pytest.mark.parametrize("path", ["/cua-toi/ra", "/citizen/access"])
async def test_inside_a_form_needs_the_proof_of_the_session(own: OwnRecord, path: str) -> None:
    await own.person()
    browser, other = own.browser("10.0.0.1"), own.browser("10.0.0.2")
    await own.sign_in(browser)
    await own.sign_in(other)
    await other.get("/citizen/home")
    for proof in ("", "x", other.proof()):
        assert (await browser.client.post(path, data={"csrf": proof, "event": "x"})).status_code == 403
    assert (await browser.get("/citizen/home")).status_code == 200


async def test_nothing_is_kept_by_browsers_and_cookies_are_out_of_reach(own: OwnRecord) -> None:
    await own.person()
    browser = own.browser()
    answers = [await browser.get("/cua-toi"), await own.ask(browser), await browser.get("/cua-toi/ma")]
    answers.append(await own.prove(browser, own.code_in(await own.last_message())))
    answers += [await browser.get("/citizen/home"), await browser.get("/citizen/access")]
    for one in answers:
        assert one.headers["cache-control"] == "no-store"
        assert "script-src 'self'" in one.headers["content-security-policy"]
    given = [one for answer in answers for one in answer.headers.get_list("set-cookie")]
    assert given and all("httponly" in one.lower() and "samesite" in one.lower() for one in given)


async def test_the_names_of_cookies_say_host_behind_tls(own: OwnRecord) -> None:
    class Asked:
        class url:
            scheme = "https"

    assert sessions.cookie_name(Asked(), own_sessions.IN) == "__Host-lienmach-own"  # type: ignore[arg-type]


async def test_no_address_and_no_log_line_names_anybody(own: OwnRecord, caplog: pytest.LogCaptureFixture) -> None:
    await own.person()
    browser = own.browser()
    with caplog.at_level(logging.DEBUG):
        asked = await own.ask(browser)
        code = own.code_in(await own.last_message())
        proved = await own.prove(browser, code)
        await browser.get("/citizen/home")
    said = " ".join([asked.headers["location"], proved.headers["location"], caplog.text])
    for secret in (PHONE, "1958", "Nguyễn", code, *(value for value in browser.client.cookies.values())):
        assert secret not in said


async def test_getting_in_is_in_the_record_of_openings(own: OwnRecord) -> None:
    patient_id = await own.person()
    browser = own.browser()
    await own.sign_in(browser)
    await browser.get("/citizen/home")
    async with own.clinic.store.begin(own.clinic.actor("dpo")) as tx:
        found = await openings.of_person(tx, patient_id)
    assert found[0].reference == f"Patient/{patient_id}" and found[0].purpose == "PATRQT"


async def test_a_record_that_was_deleted_ends_the_session(own: OwnRecord) -> None:
    patient_id = await own.person()
    browser = own.browser()
    await own.sign_in(browser)

    async def work(tx: Any) -> None:
        await write.delete(tx, "Patient", patient_id)

    await own.clinic.store.run(own.clinic.actor("system"), work)
    assert (await browser.get("/citizen/home")).headers["location"] == "/cua-toi"


async def test_the_page_is_in_english_for_who_asks_for_it(own: OwnRecord) -> None:
    browser = own.browser()
    await browser.get("/cua-toi")
    answer = await browser.post("/preferences", {"language": "en", "next": "/cua-toi"})
    assert answer.headers["location"] == "/cua-toi"
    await browser.get("/cua-toi")
    assert "Phone number that" in browser.words() and 'lang="en"' in browser.page
