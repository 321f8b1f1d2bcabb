"""Who has opened one's own record: everything of it, and nothing of anybody else."""

from __future__ import annotations

import re

import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.record import openings, read
from lienmach.record.transaction import Store
from tests.record import own_people
from tests.record.own_people import MINE, OTHER, citizen


@pytest.fixture
async def filled(store: Store, system: Actor) -> Store:
    """The record with both people in it."""
    await own_people.fill(store, system)
    return store


async def _open(store: Store, role: str, *people_ids: str, query: str = "") -> None:
    actor = Actor(1, role, frozenset({role}), "TREAT", f"{role} Thử", f"Practitioner/{role}")
    async with store.begin(actor) as tx:
        tx.access.note("search-type", query=query)
        for one in people_ids:
            await read.read(tx, "Patient", one)


async def test_openings_name_who_and_why_and_nobody_else(filled: Store) -> None:
    await _open(filled, "doctor", MINE, OTHER, query="/registration/patients?text=secret")
    await _open(filled, "nurse", OTHER)
    async with filled.begin(citizen()) as tx:
        found = [one for one in await openings.of_person(tx, MINE) if one.roles != ("system",)]
    assert [(one.who, one.roles, one.purpose, one.reference) for one in found] == [
        ("doctor Thử", ("doctor",), "TREAT", "Practitioner/doctor")
    ]
    assert not re.search(f"{OTHER}|secret", repr(found))


async def test_openings_of_somebody_else_are_refused(filled: Store) -> None:
    await _open(filled, "doctor", OTHER)
    async with filled.begin(citizen()) as tx:
        with pytest.raises(errors.Refused):
            await openings.of_person(tx, OTHER)
        with pytest.raises(errors.Refused):
            await openings.check(tx, OTHER, "x")
    async with filled.begin(Actor(1, "bao", frozenset({"reception"}), "PATADMIN")) as tx:
        with pytest.raises(errors.Refused):
            await openings.of_person(tx, OTHER)


async def test_openings_come_in_pages_without_gap_or_repetition(filled: Store) -> None:
    for _ in range(7):
        await _open(filled, "doctor", MINE)
    async with filled.begin(citizen()) as tx:
        whole = await openings.of_person(tx, MINE)
        parts, mark = [], ""
        while page := await openings.of_person(tx, MINE, count=3, after=mark):
            parts += page
            mark = page[-1].mark
        assert [one.event_id for one in parts] == [one.event_id for one in whole]
        for forged in ("x", "1", "1.2.3", "9" * 30 + ".1"):
            with pytest.raises(errors.Invalid):
                await openings.of_person(tx, MINE, after=forged)


async def test_an_opening_of_mine_is_known_and_one_of_another_is_not(filled: Store) -> None:
    await _open(filled, "doctor", MINE)
    await _open(filled, "nurse", OTHER)
    async with filled.begin(Actor(1, "dpo", frozenset({"dpo"}), "HOPERAT")) as tx:
        mine = (await openings.of_person(tx, MINE, count=1))[0]
        other = (await openings.of_person(tx, OTHER, count=1))[0]
    assert other.roles == ("nurse",)
    async with filled.begin(citizen()) as tx:
        await openings.check(tx, MINE, mine.event_id)
        for event_id in (other.event_id, "nothing", ""):
            with pytest.raises(errors.NotFound):
                await openings.check(tx, MINE, event_id)


async def test_what_a_citizen_looks_at_is_audited_in_their_name(filled: Store) -> None:
    async with filled.begin(citizen()) as tx:
        await read.read(tx, "Patient", MINE)
    async with filled.begin(citizen()) as tx:
        newest = (await openings.of_person(tx, MINE, count=1))[0]
    assert (newest.reference, newest.roles, newest.purpose) == (f"Patient/{MINE}", ("citizen",), "PATRQT")
