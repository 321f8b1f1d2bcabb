"""Whole days of demo visits from booking to paid, driven once for all tests that look at their money.

LM_TEST_VISITS says how many (120). The days are those before today; the seed is searched by the plans alone, so that
on any day the visits show what the tests ask for.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from lienmach import app as application
from lienmach.base import clock, db
from lienmach.base.actor import Actor
from lienmach.base.settings import Settings
from lienmach.bench import claim_money, claim_sums
from lienmach.bench.claim_money import Money
from lienmach.bench.claim_sums import ClaimFile
from lienmach.care import signing, signing_documents
from lienmach.care.claims import claims
from lienmach.care.money import statements
from lienmach.care.money.statements import Statement
from lienmach.commands import demo_visit_plan, demo_visits
from lienmach.commands.demo_visit_day import Tally
from lienmach.commands.demo_visit_plan import VisitPlan
from lienmach.record.transaction import Store
from lienmach.simulators import insurance
from tests.care import outbox_work
from tests.simulators import running

SYSTEM = Actor(1, "system", frozenset(["system"]), "HOPERAT")
VISITS = int(os.environ.get("LM_TEST_VISITS", "120"))
IS_VARIED = VISITS >= 100  # fewer cannot show everything
DAYS = tuple((clock.now() - timedelta(days=back)).date() for back in (4, 3))
_DEAR = ("I50.9", "B18.1")
_GOOD_DIGITS = "0178"  # of a card that the portal knows and that is registered here


@dataclass
class Driven:
    """What the days have left. statements: by MA_LK, oldest first. files: newest claim files. unsigned: what does not fit."""

    settings: Settings
    tallies: list[Tally]
    money: Money
    files: list[ClaimFile]
    statements: dict[str, list[Statement]]
    versions: Counter[int]
    unsigned: list[str]
    signatures: int
    transfers: int

    @asynccontextmanager
    async def record(self) -> AsyncIterator[Store]:
        """The record of the days, opened again."""
        pool = await db.connect_pool(str(self.settings.database_url), min=1, max=4)
        store = await application.open_store(self.settings, pool)
        try:
            yield store
        finally:
            await store.close()
            await pool.close()


@pytest.fixture(scope="session")
def driven(database: Any, clinic_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """The days, on a database of their own."""
    name = database.create(clinic_template)
    settings = dataclasses.replace(
        Settings.load({}),
        home=tmp_path_factory.mktemp("driven"),
        database_url=database.url("app", name),
        database_owner_url=database.url("owner", name),
        disk_low_mb=2,
        disk_full_mb=1,
    )
    yield asyncio.run(_drive(settings))
    database.drop(name)


async def _drive(settings: Settings) -> Driven:
    pool = await db.connect_pool(str(settings.database_url), min=1, max=8)
    store = await application.open_store(settings, pool)
    seed = _seed()
    try:
        async with running.here(insurance, structure_seconds="0", appraise_seconds="0") as portal:
            outbox_work.connect(store, insurance_url=portal.url)
            tallies = [
                await demo_visits.drive(
                    store, SYSTEM, seed=seed, count=_count(place), day=day, kinds=application.job_kinds()
                )
                for place, day in enumerate(DAYS)
            ]
        return await _gathered(store, settings, tallies)
    finally:
        await store.close()
        await pool.close()


async def _gathered(store: Store, settings: Settings, tallies: list[Tally]) -> Driven:
    async with store.pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        money = await claim_money.gather(connection)
        keys = await connection.fetch("select certificate from signing_key where tenant = 1 and login like '@%'")
        transfers = await connection.fetchval(
            "select count(*) from bank_transfer where tenant = 1 and state = 'matched'"
        )
    found = Driven(settings, tallies, money, [], {}, Counter(), [], 0, transfers)
    certificates = [row["certificate"] for row in keys]
    for key, visit in money.visits.items():
        encounter_id = visit.said["encounter_id"]
        async with store.begin(SYSTEM) as tx:
            found.statements[key] = await statements.versions(tx, encounter_id)
            for one in found.statements[key]:
                judged = await signing.verify(tx, f"Invoice/{one.invoice_id}")
                found.signatures += len(judged)
                if not judged or any(each.state != "ok" for each in judged):
                    found.unsigned.append(f"{key}: statement {one.number} {[each.state for each in judged]}")
            newest = await claims.newest(tx, encounter_id)
        if newest is not None:
            found.files.append(claim_sums.read(newest.xml))
            found.versions[newest.version] += 1
            if not _is_covered(newest.xml, certificates):
                found.unsigned.append(f"{key}: claim, version {newest.version}")
    return found


def _is_covered(xml: bytes, certificates: list[bytes]) -> bool:
    """Whether a facility's key has signed every table of the file."""
    for certificate in certificates:
        try:
            covered = signing_documents.verify_xml(xml, certificate)
        except Exception:  # of another facility
            continue
        return claim_sums.read(covered).tables == claim_sums.read(xml).tables
    return False


def _count(place: int) -> int:
    return VISITS // len(DAYS) + (place < VISITS % len(DAYS))


def _seed() -> int:
    """A seed whose plans show everything that the tests look for, whatever day it is."""
    for seed in range(1, 1000 if IS_VARIED else 2):
        plans = [demo_visit_plan.plan(seed, number, day) for place, day in enumerate(DAYS)
                 for number in range(1, _count(place) + 1)]  # fmt: skip
        if not IS_VARIED or _shows_all([one for one in plans if one.ending == "finished"]):
            return seed
    raise AssertionError("no seed shows enough")


def _shows_all(plans: list[VisitPlan]) -> bool:
    insured = [one for one in plans if one.has_card and one.draft.insurance_number[-1] in _GOOD_DIGITS]
    home = [one for one in insured if one.room != "TYT1"]
    taken = [one for one in home if one.laboratory != "ordered"]
    alone = [one for one in plans if not one.has_card]
    counts = (
        sum(one.case.code in _DEAR and _level(one) == "3" and not one.category for one in taken) - 2,
        sum(one.case.code in _DEAR and _level(one) == "4" and not one.category for one in taken) - 2,
        sum(one.case.code in ("M81.9", "K29.5") for one in taken) - 2,
        sum(_level(one) == "3" and one.case.code not in _DEAR for one in insured) - 1,
        sum(bool(one.category) and one.draft.insurance_number[-2:] != "72" for one in plans if one.has_card) - 3,
        sum(_level(one) == "1" for one in insured) - 2,
        sum(one.room == "TYT1" for one in insured) - 2,
        sum(one.has_second_exam for one in insured) - 4,
        sum(one.dispensing == "part" for one in insured) - 4,
        sum(one.dispensing == "none" for one in insured) - 3,
        *(sum(kind in one.papers for one in insured) - 2 for kind in ("referral", "sick-leave", "appointment-slip")),
        sum(one.random("deposit").random() < 0.2 for one in alone) - 2,
        sum(one.random("pay").random() < 0.03 for one in alone) - 1,
    )
    return min(counts) >= 0


def _level(plan: VisitPlan) -> str:
    return plan.draft.insurance_number[2:3]


def day_texts() -> tuple[str, str]:
    """First and last day as options of a command."""
    return DAYS[0].isoformat(), DAYS[-1].isoformat()
