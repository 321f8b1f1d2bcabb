"""Whichever door a Patient is written by: nobody is named as who changed it but who did, and a phone that goes takes its
sessions along."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lienmach.base import clock, errors
from lienmach.care import person_change, person_draft, resources
from lienmach.identity import citizen_sessions, rows
from lienmach.record import write
from tests.clinic import Clinic

AT = "2026-11-20T08:00:00Z"
PHONE = "0912345678"


async def put(clinic: Clinic, patient: dict[str, Any], role: str = "reception") -> None:
    body = json.dumps(patient).encode()
    await clinic.store.run(clinic.actor(role), lambda tx: write.update(tx, "Patient", patient["id"], body))


async def stored(clinic: Clinic, patient_id: str) -> dict[str, Any]:
    async with clinic.store.begin(clinic.actor("reception")) as tx:
        return await resources.read(tx, "Patient", patient_id)


async def me(clinic: Clinic, role: str) -> dict[str, str]:
    async with clinic.store.begin(clinic.actor(role)) as tx:
        return resources.me(tx)


async def names_of(clinic: Clinic, patient_id: str) -> list[str]:
    async with clinic.store.begin(clinic.actor("reception")) as tx:
        return [one.who for one in await person_change.history(tx, patient_id)]


# Who changed the details


async def test_nobody_names_another_as_who_changed_the_details(clinic: Clinic) -> None:
    own = await clinic.patient()
    mine, theirs = await me(clinic, "reception"), await me(clinic, "doctor")
    plain = await stored(clinic, own)
    forged = person_draft.stamped({**plain, "gender": "female"}, theirs, AT)
    twice = {**forged, "extension": [*person_draft.stamped(plain, mine, AT)["extension"], *forged["extension"]]}
    two = json.loads(json.dumps(person_draft.stamped(plain, mine, AT)))
    two["extension"][-1]["extension"].insert(0, {"url": "who", "valueReference": theirs})
    for one in (forged, twice, two):
        with pytest.raises(errors.Refused):
            await put(clinic, one)
    with pytest.raises(errors.Refused):
        body = json.dumps({**forged, "id": "new"}).encode()
        await clinic.store.run(clinic.actor("reception"), lambda tx: write.create(tx, body))
    await put(clinic, person_draft.stamped({**plain, "gender": "female"}, mine, AT))
    assert (await names_of(clinic, own))[0] == mine["display"]


async def test_what_was_read_goes_back_as_it_is_and_names_nobody_anew(clinic: Clinic) -> None:
    own = await clinic.patient()
    theirs = await me(clinic, "doctor")
    await put(clinic, person_draft.stamped({**await stored(clinic, own), "gender": "female"}, theirs, AT), "doctor")
    await put(clinic, {**await stored(clinic, own), "birthDate": "1990-01-02"})
    assert (await names_of(clinic, own))[:2] == ["", theirs["display"]]
    without = {name: one for name, one in (await stored(clinic, own)).items() if name != "extension"}
    await put(clinic, {**without, "birthDate": "1990-01-03"})
    again = person_draft.stamped({**without, "birthDate": "1990-01-04"}, theirs, AT)
    with pytest.raises(errors.Refused):  # what stood there once is not there now
        await put(clinic, again)


async def test_a_connected_system_brings_who_changed_it_elsewhere(clinic: Clinic) -> None:
    own = await clinic.patient()
    await put(clinic, person_draft.stamped(await stored(clinic, own), {"display": "BS. Nơi khác"}, AT), "system")
    assert (await stored(clinic, own))["extension"][-1]["url"] == person_draft.CHANGED_BY


# Phones and sessions


async def opened(clinic: Clinic, patient_id: str) -> tuple[str, str]:
    """(cookie of a session that a code opened, cookie of a request whose code was sent)."""
    now, cookies = clock.now(), []
    for address in ("10.0.0.1", "10.0.0.2"):
        pool = clinic.pool
        cookies.append(await citizen_sessions.ask(pool, 1, phone=PHONE, birth="1990-01-01", address=address, now=now))
        code, hashed = await citizen_sessions.new_code()
        async with rows.of_tenant(pool, 1) as connection:
            request_id = await connection.fetchval(
                "select request_id from citizen_request where token_hash = $1", rows.digest(cookies[-1])
            )
            await citizen_sessions.keep_code(connection, 1, request_id, hashed, [patient_id])
        await citizen_sessions.check_code(pool, 1, cookies[-1], code, now)
    found = await citizen_sessions.proven(clinic.pool, 1, cookies[0], now)
    assert found
    session = await citizen_sessions.open_session(clinic.pool, 1, found, patient_id, "Ân", now)
    return session, cookies[1]


async def lives(clinic: Clinic, cookies: tuple[str, str]) -> tuple[bool, bool]:
    """Whether the session lives, and whether the code that was sent still opens one."""
    now = clock.now()
    session = await citizen_sessions.find(clinic.pool, cookies[0], now)
    return session is not None, await citizen_sessions.proven(clinic.pool, 1, cookies[1], now) is not None


def phone(value: str) -> list[dict[str, str]]:
    return [{"system": "phone", "value": value}]


@pytest.mark.parametrize(
    "before,after,stays",
    [
        ({"telecom": phone("0912 345 678")}, {"telecom": phone("0987654321")}, False),
        ({"telecom": phone(PHONE)}, {"telecom": []}, False),
        ({"contact": [{"telecom": phone(PHONE)}]}, {"contact": [{"telecom": phone("0987654321")}]}, False),
        ({"telecom": phone(PHONE)}, {"telecom": [*phone(PHONE), *phone("0987654321")]}, True),
        ({"telecom": phone("0912 345 678")}, {"telecom": phone("0912345678"), "gender": "female"}, True),
    ],
)
async def test_a_phone_that_goes_ends_what_a_code_to_it_opened(
    clinic: Clinic, before: dict[str, Any], after: dict[str, Any], stays: bool
) -> None:
    own, other = await clinic.patient(**before), await clinic.patient(telecom=phone("0900000009"))
    cookies, of_other = await opened(clinic, own), await opened_beside(clinic, other)
    assert await lives(clinic, cookies) == (True, True)
    changed = {name: one for name, one in {**await stored(clinic, own), **after}.items() if one != []}
    await put(clinic, changed)
    assert await lives(clinic, cookies) == (stays, stays)
    assert await citizen_sessions.find(clinic.pool, of_other, clock.now()) is not None


async def opened_beside(clinic: Clinic, patient_id: str) -> str:
    """A session of somebody else."""
    cookie, hashed = rows.new_secret()
    now = clock.now()
    async with rows.of_tenant(clinic.pool, 1) as connection:
        await connection.execute(
            """insert into citizen_session (token_hash, tenant, patient, display, csrf, created_at, last_seen_at,
                                            expires_at) values ($1, 1, $2, '', '\\x00', $3, $3, $4)""",
            hashed, patient_id, now, now + citizen_sessions.ABSOLUTE,
        )  # fmt: skip
    return cookie


async def test_a_change_that_is_not_stored_ends_nothing(clinic: Clinic) -> None:
    own = await clinic.patient(telecom=phone(PHONE))
    cookies = await opened(clinic, own)
    theirs = person_draft.stamped(
        {**await stored(clinic, own), "telecom": phone("0987654321")}, await me(clinic, "doctor"), AT
    )
    with pytest.raises(errors.Refused):
        await put(clinic, theirs)
    assert await lives(clinic, cookies) == (True, True)


async def test_a_deleted_record_has_no_session(clinic: Clinic) -> None:
    own = await clinic.patient(telecom=phone(PHONE))
    cookies = await opened(clinic, own)
    await clinic.store.run(clinic.actor("system"), lambda tx: write.delete(tx, "Patient", own))
    assert await lives(clinic, cookies) == (False, False)


async def test_a_request_whose_code_is_being_made_while_its_phone_goes_gets_none(clinic: Clinic) -> None:
    own, now = await clinic.patient(telecom=phone("0912 345 678")), clock.now()
    for number, asked in enumerate((PHONE, "0900000009")):
        await citizen_sessions.ask(clinic.pool, 1, phone=asked, birth="1990-01-01", address=f"10.0.0.{number}", now=now)
    await put(clinic, {**await stored(clinic, own), "telecom": phone("0987654321")})
    kept = []
    async with rows.of_tenant(clinic.pool, 1) as connection:
        for one in await connection.fetch("select request_id from citizen_request order by address"):
            kept.append(await citizen_sessions.keep_code(connection, 1, one["request_id"], "hash", [own]))
    assert kept == [False, True]


async def test_a_phone_that_goes_from_a_merged_record_ends_what_it_opened_of_the_one_that_is_left(
    clinic: Clinic,
) -> None:
    left = await clinic.patient(telecom=phone("0987654321"))
    link = [{"other": {"reference": f"Patient/{left}"}, "type": "replaced-by"}]
    merged = await clinic.patient(telecom=phone(PHONE), active=False, link=link)
    cookies = await opened(clinic, left)  # by a code to the phone of the merged one (citizen/codes.py)
    await put(clinic, {name: one for name, one in (await stored(clinic, merged)).items() if name != "telecom"})
    assert await lives(clinic, cookies) == (False, False)
