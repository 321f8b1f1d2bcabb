"""The entry through the door: cookies, CSRF, fixation, lock, and what every answer carries."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import asyncpg
import pytest

from lienmach.base import clock
from lienmach.identity import rows, users
from tests.web.client import PASSWORD, Browser, add_user

MakeBrowser = Callable[..., Browser]


@pytest.fixture
async def lan(browser: Browser, pool: asyncpg.Pool) -> Browser:
    await add_user(pool, "lan", "doctor")
    return browser


async def test_signing_in_leads_to_the_first_page_and_out_again(lan: Browser) -> None:
    assert (await lan.get("/")).headers["location"] == "/sign-in"
    assert (await lan.sign_in("lan")).headers["location"] == "/"
    assert (await lan.get("/")).status_code == 200
    assert "Xin chào, lan Thử" in lan.words()
    assert (await lan.post("/sign-out")).headers["location"] == "/sign-in"
    assert (await lan.get("/")).status_code == 303


async def test_the_page_that_was_asked_for_comes_after_sign_in_but_no_foreign_one(lan: Browser) -> None:
    asked = (await lan.get("/registration/patients/abc?kind=results")).headers["location"]
    assert asked == "/sign-in?next=%2Fregistration%2Fpatients%2Fabc%3Fkind%3Dresults"
    await lan.get("/sign-in")
    for target in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"):
        await lan.get("/sign-in")
        answer = await lan.post("/sign-in", {"login": "lan", "password": PASSWORD, "next": target})
        assert answer.headers["location"] == "/", target
        await lan.get("/")
        await lan.post("/sign-out")


async def test_a_wrong_password_says_one_sentence_whatever_was_wrong(lan: Browser) -> None:
    said = set()
    for login, password in (("lan", "sai"), ("khong-co", "sai"), ("lan@khong-co", "sai")):
        answer = await lan.sign_in(login, password)
        assert answer.status_code == 401
        said.add("Tên đăng nhập hoặc mật khẩu chưa đúng." in lan.words())
    assert said == {True}


async def test_the_fifth_failure_is_told_with_the_time_to_wait(lan: Browser) -> None:
    for _ in range(5):
        assert (await lan.sign_in("lan", "sai")).status_code == 401
    answer = await lan.sign_in("lan")
    assert answer.status_code == 429 and 0 < int(answer.headers["retry-after"]) <= 60


async def test_sign_in_without_the_proof_of_the_form_is_refused(lan: Browser) -> None:
    await lan.get("/sign-in")
    assert (await lan.post("/sign-in", {"login": "lan", "password": PASSWORD, "csrf": "x"})).status_code == 403
    lan.client.cookies.clear()
    assert (await lan.post("/sign-in", {"login": "lan", "password": PASSWORD})).status_code == 403


async def test_a_cookie_planted_before_sign_in_is_worth_nothing_after(lan: Browser, browser_at: MakeBrowser) -> None:
    planted = "a" * 43
    lan.client.cookies.set("lienmach", planted, domain="127.0.0.1")
    await lan.sign_in("lan")
    attacker = browser_at()
    attacker.client.cookies.set("lienmach", planted, domain="127.0.0.1")
    assert (await attacker.get("/")).status_code == 303


async def test_a_second_sign_in_ends_the_first_session_of_this_browser(lan: Browser, browser_at: MakeBrowser) -> None:
    await lan.sign_in("lan")
    first = lan.client.cookies["lienmach"]
    await lan.get("/")
    lan.client.cookies.delete("lienmach")
    await lan.get("/sign-in")
    lan.client.cookies.set("lienmach", first, domain="127.0.0.1", path="/")
    await lan.post("/sign-in", {"login": "lan", "password": PASSWORD})
    other = browser_at()
    other.client.cookies.set("lienmach", first, domain="127.0.0.1")
    assert (await other.get("/")).status_code == 303


@pytest.mark.parametrize("path", ["/sign-out", "/lock", "/preferences", "/registration/patients"])
async def test_a_post_without_proof_is_refused(lan: Browser, path: str) -> None:
    await lan.sign_in("lan")
    await lan.get("/")
    assert (await lan.post(path, {"csrf": "", "text": "an"})).status_code == 403
    assert (await lan.post(path, {"csrf": "A" * 88, "text": "an"})).status_code == 403
    assert (await lan.get("/")).status_code == 200  # still signed in, nothing was done


async def test_a_proof_of_another_session_is_refused(lan: Browser, browser_at: MakeBrowser) -> None:
    other = browser_at()
    await lan.sign_in("lan")
    await other.sign_in("lan")
    await other.get("/")
    await lan.get("/")
    assert (await lan.post("/registration/patients", {"csrf": other.proof(), "text": "an"})).status_code == 403


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
async def test_a_post_from_elsewhere_is_refused_even_with_proof(lan: Browser, headers: dict[str, str]) -> None:
    await lan.sign_in("lan")
    await lan.get("/")
    assert (await lan.post("/registration/patients", {"text": "an"}, headers=headers)).status_code == 403
    assert (
        await lan.post("/registration/patients", {"text": "an"}, headers={"origin": "http://127.0.0.1:8000"})
    ).status_code == 200


async def test_the_proof_is_masked_anew_on_each_page(lan: Browser) -> None:
    await lan.sign_in("lan")
    proofs = set()
    for _ in range(3):
        await lan.get("/")
        proofs.add(lan.proof())
    assert len(proofs) == 3


async def test_an_ended_session_sends_htmx_to_sign_in(lan: Browser) -> None:
    answer = await lan.post("/registration/patients", {"text": "an"}, headers={"hx-request": "true"})
    assert answer.status_code == 401 and answer.headers["hx-redirect"].startswith("/sign-in")


async def test_a_locked_screen_shows_nothing_until_the_password(lan: Browser) -> None:
    await lan.sign_in("lan")
    await lan.get("/")
    assert (await lan.post("/lock")).headers["location"] == "/unlock?next=/"
    assert (await lan.get("/registration/patients")).headers["location"].startswith("/unlock")
    await lan.get("/unlock")
    assert (await lan.post("/unlock", {"password": "sai"})).status_code == 401
    assert (await lan.post("/unlock", {"password": PASSWORD})).status_code == 303
    assert (await lan.get("/registration/patients")).status_code == 200


async def test_language_and_letter_size_stay_with_the_person(lan: Browser) -> None:
    await lan.sign_in("lan")
    await lan.get("/")
    await lan.post("/preferences", {"language": "en"})
    await lan.get("/")
    assert "Hello, lan Thử" in lan.words() and '<html lang="en">' in lan.page
    await lan.post("/preferences", {"comfort": "on"})
    await lan.get("/")
    assert 'class="comfort"' in lan.page


async def test_a_setup_link_asks_for_a_good_password_and_opens_once(lan: Browser, pool: asyncpg.Pool) -> None:
    await users.add(pool, users.Account(1, "moi", "Người Mới", frozenset({"nurse"})), clock.now())
    link = await users.new_setup_link(pool, 1, "moi", clock.now())
    await lan.get(link)
    assert (await lan.post(link, {"password": "ngan", "again": "ngan"})).status_code == 400
    assert (await lan.post(link, {"password": "mot cau dai", "again": "cau khac dai"})).status_code == 400
    assert (await lan.post(link, {"password": "mot cau dai", "again": "mot cau dai"})).status_code == 303
    assert (await lan.get(link)).status_code == 404
    assert (await lan.sign_in("moi", "mot cau dai")).status_code == 303


async def test_a_session_past_its_end_leads_to_sign_in(lan: Browser, pool: asyncpg.Pool) -> None:
    await lan.sign_in("lan")
    async with rows.of_tenant(pool, 1) as connection:
        await connection.execute("update session set last_seen_at = $1", clock.now() - timedelta(minutes=30))
    assert (await lan.get("/")).headers["location"] == "/sign-in"


async def test_every_answer_carries_the_security_headers_and_no_person_is_cached(lan: Browser) -> None:
    await lan.sign_in("lan")
    for path in ("/", "/sign-in", "/nothing", "/registration/patients"):
        answer = await lan.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        assert answer.headers["cache-control"] == "no-store", path
        assert answer.headers["x-frame-options"] == "DENY" and answer.headers["x-content-type-options"] == "nosniff"


async def test_a_page_has_no_inline_script_or_style(lan: Browser) -> None:
    await lan.sign_in("lan")
    for path in ("/", "/registration/patients", "/registration/patients/new"):
        await lan.get(path)
        assert " style=" not in lan.page and "<style" not in lan.page and "<script>" not in lan.page
        assert not re.search(r"<[^>]*\son[a-z]+=", lan.page)


async def test_static_files_are_kept_for_ever_under_their_hash_only(lan: Browser) -> None:
    await lan.get("/sign-in")
    url = lan.page.split('rel="stylesheet" href="')[1].split('"')[0]
    now = await lan.get(url)
    assert "immutable" in now.headers["cache-control"] and now.headers["content-encoding"] == "gzip"
    old = await lan.get("/static/000000000000/app.css")
    assert old.status_code == 200 and old.headers["cache-control"] == "no-cache"
    assert (await lan.get("/static/000000000000/%2e%2e/app.py")).status_code == 404


async def test_over_tls_the_cookie_is_bound_to_the_host(lan: Browser) -> None:
    lan.client.base_url = "https://127.0.0.1:8000"  # type: ignore[assignment]
    await lan.get("/sign-in")
    answer = await lan.post("/sign-in", {"login": "lan", "password": PASSWORD})
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("__Host-lienmach="))
    assert "Secure" in cookie and "HttpOnly" in cookie and "Domain" not in cookie and "Path=/" in cookie
    assert "strict-transport-security" in answer.headers


async def test_another_password_needs_the_one_in_use(lan: Browser) -> None:
    await lan.sign_in("lan")

    async def change(old: dict[str, str]) -> int:
        form = (await lan.get("/password")).text.partition('action="/password"')[2]
        proof = form.partition('name="csrf" value="')[2].partition('"')[0]
        wanted = {"password": "mot cau dai khac", "again": "mot cau dai khac"}
        return (await lan.post("/password", {**wanted, **old, "csrf": proof})).status_code

    assert await change({}) == 401
    assert await change({"old": "sai"}) == 401
    assert await change({"old": PASSWORD}) == 303
    assert (await lan.sign_in("lan", "mot cau dai khac")).status_code == 303
