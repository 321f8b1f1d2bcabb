"""Citizens' codes and sessions: limits, guesses, what works where and how long; and that nothing tells who exists."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from lienmach.base.errors import TooMany, Unauthenticated
from lienmach.identity import citizen_sessions, rows
from lienmach.identity.citizen_sessions import CodeOver, Proven
from lienmach.record.transaction import Store

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
PHONE, BIRTH = "0912345678", "1958-02-01"
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
pytestmark = pytest.mark.usefixtures("store")


async def asked(pool: asyncpg.Pool, *, phone: str = PHONE, address: str = "10.0.0.1", now: datetime = NOW) -> str:
    return await citizen_sessions.ask(pool, 1, phone=phone, birth=BIRTH, address=address, now=now)


async def request_of(pool: asyncpg.Pool, cookie: str) -> str:
    async with rows.of_tenant(pool, 1) as connection:
        found: str = await connection.fetchval(
            "select request_id from citizen_request where token_hash = $1", rows.digest(cookie)
        )
    return found


async def sent(pool: asyncpg.Pool, cookie: str, patients: list[str]) -> str:
    """What the job does for somebody who fits; returns the code."""
    code, code_hash = await citizen_sessions.new_code()
    request_id = await request_of(pool, cookie)
    async with rows.of_tenant(pool, 1) as connection:
        assert await citizen_sessions.keep_code(connection, 1, request_id, code_hash, patients)
    return code


async def opened(pool: asyncpg.Pool, now: datetime = NOW) -> str:
    cookie = await asked(pool, now=now)
    code = await sent(pool, cookie, ["an"])
    found = await citizen_sessions.check_code(pool, 1, cookie, code, now)
    return await citizen_sessions.open_session(pool, 1, found, "an", "Nguyễn Văn Ân", now)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


# The code


async def test_a_code_opens_the_record_of_whom_it_was_sent_for(pool: asyncpg.Pool) -> None:
    cookie = await asked(pool)
    code = await sent(pool, cookie, ["an"])
    assert len(code) == 6 and code.isdigit()
    found = await citizen_sessions.check_code(pool, 1, cookie, f" {code[:3]} {code[3:]} ", NOW)
    assert found == Proven(cookie, ("an",))


async def test_the_request_queues_one_job_that_names_nobody(pool: asyncpg.Pool, owner_url: str) -> None:
    cookie = await asked(pool)
    owner = await asyncpg.connect(owner_url)
    queued = await owner.fetch("select kind, payload::text as payload from job")
    kept = await owner.fetchrow("select * from citizen_request")
    await owner.close()
    assert [one["kind"] for one in queued] == [citizen_sessions.JOB]
    assert PHONE not in queued[0]["payload"] and BIRTH not in queued[0]["payload"]
    assert cookie not in str(kept)


async def test_a_code_is_kept_as_a_hash_only(pool: asyncpg.Pool, owner_url: str) -> None:
    code = await sent(pool, await asked(pool), ["an"])
    owner = await asyncpg.connect(owner_url)
    kept = await owner.fetchval("select code_hash from citizen_request")
    await owner.close()
    assert kept.startswith("$argon2id$") and code not in kept


async def test_a_code_lives_for_five_minutes(pool: asyncpg.Pool) -> None:
    cookie = await asked(pool)
    code = await sent(pool, cookie, ["an"])
    with pytest.raises(CodeOver):
        await citizen_sessions.check_code(pool, 1, cookie, code, NOW + 5 * MINUTE)
    await citizen_sessions.check_code(pool, 1, cookie, code, NOW + 5 * MINUTE - SECOND)


async def test_the_fifth_wrong_code_voids_it_and_the_fourth_does_not(pool: asyncpg.Pool) -> None:
    kept, lost = await asked(pool), await asked(pool)
    codes = {one: await sent(pool, one, ["an"]) for one in (kept, lost)}
    for cookie, guesses in ((kept, 4), (lost, 5)):
        for number in range(guesses):
            with pytest.raises(Unauthenticated) as failure:
                await citizen_sessions.check_code(pool, 1, cookie, wrong(codes[cookie]), NOW)
            assert isinstance(failure.value, CodeOver) == (number == 4)
    await citizen_sessions.check_code(pool, 1, kept, codes[kept], NOW)
    with pytest.raises(CodeOver):
        await citizen_sessions.check_code(pool, 1, lost, codes[lost], NOW)


async def test_guesses_sent_all_at_once_count_too(pool: asyncpg.Pool) -> None:
    cookie = await asked(pool)
    code = await sent(pool, cookie, ["an"])
    guesses = [citizen_sessions.check_code(pool, 1, cookie, wrong(code), NOW) for _ in range(12)]
    answers = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(isinstance(one, CodeOver) for one in answers) == 8  # the fifth guess and what came after it
    with pytest.raises(CodeOver):
        await citizen_sessions.check_code(pool, 1, cookie, code, NOW)


async def test_a_code_works_once(pool: asyncpg.Pool) -> None:
    cookie = await asked(pool)
    code = await sent(pool, cookie, ["an"])
    answers = await asyncio.gather(
        *(citizen_sessions.check_code(pool, 1, cookie, code, NOW) for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(one, Proven) for one in answers) == 1
    with pytest.raises(CodeOver):
        await citizen_sessions.check_code(pool, 1, cookie, code, NOW)


async def test_a_code_does_not_work_in_another_browser(pool: asyncpg.Pool) -> None:
    mine, other = await asked(pool), await asked(pool)
    code = await sent(pool, mine, ["an"])
    await sent(pool, other, ["an"])
    with pytest.raises(Unauthenticated):
        await citizen_sessions.check_code(pool, 1, other, code, NOW)
    for nobody in ("", "x" * 43):
        with pytest.raises(CodeOver):
            await citizen_sessions.check_code(pool, 1, nobody, code, NOW)


async def test_a_request_of_nobody_answers_like_a_wrong_code(pool: asyncpg.Pool) -> None:
    """Somebody who exists, guessed wrong, and nobody at all: the same failures in the same order."""
    somebody, nobody = await asked(pool), await asked(pool)
    code = await sent(pool, somebody, ["an"])
    told: dict[str, list[type]] = {somebody: [], nobody: []}
    for cookie in (somebody, nobody):
        for _ in range(7):
            with pytest.raises(Unauthenticated) as failure:
                await citizen_sessions.check_code(pool, 1, cookie, wrong(code), NOW)
            told[cookie].append(type(failure.value))
    assert told[somebody] == told[nobody]


async def test_a_second_code_of_one_request_is_not_kept(pool: asyncpg.Pool) -> None:
    cookie = await asked(pool)
    code = await sent(pool, cookie, ["an"])
    _, other = await citizen_sessions.new_code()
    async with rows.of_tenant(pool, 1) as connection:
        request_id = await request_of(pool, cookie)
        assert not await citizen_sessions.keep_code(connection, 1, request_id, other, ["other"])
    assert (await citizen_sessions.check_code(pool, 1, cookie, code, NOW)).patients == ("an",)


async def test_a_forgotten_request_has_no_code_and_still_counts(pool: asyncpg.Pool) -> None:
    cookie = await asked(pool)
    code = await sent(pool, cookie, ["an"])
    await citizen_sessions.forget(pool, 1, cookie, NOW)
    with pytest.raises(CodeOver):
        await citizen_sessions.check_code(pool, 1, cookie, code, NOW)
    assert await citizen_sessions.asked(pool, 1, await request_of(pool, cookie)) is None
    await asked(pool)
    await asked(pool)
    with pytest.raises(TooMany):
        await asked(pool)


# Limits


async def test_a_phone_gets_three_codes_an_hour(pool: asyncpg.Pool) -> None:
    for number in range(3):
        await asked(pool, address=f"10.0.0.{number}", now=NOW + number * MINUTE)
    with pytest.raises(TooMany) as failure:
        await asked(pool, address="10.0.0.9", now=NOW + HOUR - SECOND)
    assert failure.value.seconds == 1
    await asked(pool, phone="0987654321", address="10.0.0.9", now=NOW + HOUR - SECOND)
    await asked(pool, address="10.0.0.9", now=NOW + HOUR + SECOND)


async def test_an_address_gets_ten_codes_an_hour(pool: asyncpg.Pool) -> None:
    for number in range(10):
        await asked(pool, phone=f"09000000{number:02}")
    with pytest.raises(TooMany):
        await asked(pool, phone="0911111111")
    await asked(pool, phone="0911111111", address="10.0.0.2")
    await asked(pool, phone="0922222222", now=NOW + HOUR + SECOND)


async def test_limits_hold_for_requests_at_the_same_moment(pool: asyncpg.Pool) -> None:
    """Each on a connection of its own, as several processes have: they agree through the database."""
    of_phone = await asyncio.gather(
        *(asked(pool, address=f"10.1.0.{number}") for number in range(8)), return_exceptions=True
    )
    of_address = await asyncio.gather(
        *(asked(pool, phone=f"09100000{number:02}", address="10.2.0.1") for number in range(16)), return_exceptions=True
    )
    assert sum(isinstance(one, str) for one in of_phone) == 3
    assert sum(isinstance(one, str) for one in of_address) == 10
    assert all(isinstance(one, (str, TooMany)) for one in (*of_phone, *of_address))


# Sessions


async def test_a_session_stands_for_one_person(pool: asyncpg.Pool) -> None:
    session = await citizen_sessions.find(pool, await opened(pool), NOW)
    assert session is not None
    actor = session.actor("10.0.0.1")
    assert (actor.tenant, actor.user, actor.roles, actor.purpose, actor.reference, actor.address) == (
        1, "citizen/an", {"citizen"}, "PATRQT", "Patient/an", "10.0.0.1",
    )  # fmt: skip


async def test_a_session_ends_after_twenty_idle_minutes(pool: asyncpg.Pool) -> None:
    cookie = await opened(pool)
    used = NOW + 20 * MINUTE - SECOND
    assert await citizen_sessions.find(pool, cookie, used) is not None
    assert await citizen_sessions.find(pool, cookie, used + 19 * MINUTE) is not None
    assert await citizen_sessions.find(pool, cookie, used + 39 * MINUTE) is None


async def test_a_session_ends_after_four_hours_however_busy(pool: asyncpg.Pool) -> None:
    cookie = await opened(pool)
    for minutes in range(15, 240, 15):
        assert await citizen_sessions.find(pool, cookie, NOW + minutes * MINUTE) is not None
    assert await citizen_sessions.find(pool, cookie, NOW + 4 * HOUR - SECOND) is not None
    assert await citizen_sessions.find(pool, cookie, NOW + 4 * HOUR) is None


async def test_signing_out_ends_it_on_the_server(pool: asyncpg.Pool) -> None:
    cookie = await opened(pool)
    session = await citizen_sessions.find(pool, cookie, NOW)
    assert session is not None
    await citizen_sessions.close(pool, session)
    await citizen_sessions.close(pool, session)
    assert await citizen_sessions.find(pool, cookie, NOW) is None


async def test_a_proof_opens_one_session_and_none_of_anybody_else(pool: asyncpg.Pool) -> None:
    cookie = await asked(pool)
    found = await citizen_sessions.check_code(pool, 1, cookie, await sent(pool, cookie, ["an", "ba"]), NOW)
    with pytest.raises(CodeOver):
        await citizen_sessions.open_session(pool, 1, found, "other", "x", NOW)
    first, second = await asyncio.gather(
        *(citizen_sessions.open_session(pool, 1, found, one, "x", NOW) for one in ("an", "ba")), return_exceptions=True
    )
    assert sum(isinstance(one, str) for one in (first, second)) == 1
    assert await citizen_sessions.proven(pool, 1, cookie, NOW) is None


async def test_a_proof_is_over_with_its_time_and_a_guess_is_none(pool: asyncpg.Pool) -> None:
    cookie = await asked(pool)
    code = await sent(pool, cookie, ["an", "ba"])
    assert await citizen_sessions.proven(pool, 1, cookie, NOW) is None
    found = await citizen_sessions.check_code(pool, 1, cookie, code, NOW)
    assert await citizen_sessions.proven(pool, 1, cookie, NOW + 5 * MINUTE - SECOND) == found
    assert await citizen_sessions.proven(pool, 1, cookie, NOW + 5 * MINUTE) is None
    with pytest.raises(CodeOver):
        await citizen_sessions.open_session(pool, 1, Proven("x" * 43, ("an",)), "an", "x", NOW)


async def test_a_cookie_that_was_not_given_out_finds_nobody(pool: asyncpg.Pool, owner_url: str) -> None:
    cookie = await opened(pool)
    for forged in ("", "x", "a" * 43, "a" * 500, cookie[:-1] + ("A" if cookie[-1] != "A" else "B")):
        assert await citizen_sessions.find(pool, forged, NOW) is None
    owner = await asyncpg.connect(owner_url)
    assert cookie not in str(await owner.fetchrow("select * from citizen_session"))
    await owner.close()


async def test_the_rows_of_another_tenant_stay_there(pool: asyncpg.Pool, store: Store) -> None:
    cookie = await asked(pool)
    code = await sent(pool, cookie, ["an"])
    with pytest.raises(CodeOver):
        await citizen_sessions.check_code(pool, 2, cookie, code, NOW)
    async with rows.of_tenant(pool, 2) as connection:
        assert await connection.fetchval("select count(*) from citizen_request") == 0
        assert await connection.fetchval("select count(*) from citizen_session") == 0
