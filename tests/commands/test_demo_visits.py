"""A day of demo visits: nothing fails, nothing is missing, no time lies before its cause, and a second run adds nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from lienmach.base import clock, errors
from lienmach.base.actor import Actor
from lienmach.care import resources, signing, systems, visit_facts
from lienmach.commands import demo_visit_day, demo_visit_plan, demo_visits, verify
from lienmach.commands.demo_visit_cases import CASES
from lienmach.commands.demo_visit_day import Day, Tally
from lienmach.record.transaction import Store
from tests.clinic import Clinic

SYSTEM = Actor(1, "system", frozenset(["system"]), "HOPERAT")
COUNT = 25
DAY = (clock.now() - timedelta(days=3)).date()


def _seed() -> int:
    """A seed whose plans of the day show everything that the tests look for, whatever day it is."""
    for seed in range(1, 500):
        plans = [demo_visit_plan.plan(seed, number, DAY) for number in range(1, COUNT + 1)]
        counts = (
            sum(one.dispensing == "part" and one.has_card for one in plans) - 3,
            sum(one.has_second_exam for one in plans) - 3,
            sum(not one.has_card for one in plans) - 3,
            sum(bool(one.category) for one in plans) - 1,
            sum(one.has_booking for one in plans) - 3,
            sum(one.is_critical and one.case.order_set == "dtd-tai-kham" for one in plans) - 2,
            sum(one.laboratory == "collected" for one in plans) - 2,
            sum(bool(one.papers) for one in plans) - 4,
        )
        if min(counts) >= 0:
            return seed
    raise AssertionError("no seed shows enough")


SEED = _seed()


@dataclass
class Driven:
    clinic: Clinic
    tally: Tally

    async def all_of(self, kind: str, *params: tuple[str, str]) -> list[dict[str, Any]]:
        """Resources of a type, as the system sees them."""
        async with self.clinic.store.begin(SYSTEM) as tx:
            found = await resources.find(tx, kind, *params, count=1000)
        assert len(found) < 1000
        return found

    async def visits(self) -> list[dict[str, Any]]:
        return [
            one
            for one in await self.all_of("Encounter")
            if resources.identifier_of(one, demo_visit_plan.MARK).endswith(DAY.isoformat())
        ]


@pytest.fixture
async def driven(clinic: Clinic) -> Driven:
    tally = await demo_visits.drive(clinic.store, SYSTEM, seed=SEED, count=COUNT, day=DAY)
    return Driven(clinic, tally)


def test_a_plan_follows_from_seed_number_and_day() -> None:
    assert demo_visit_plan.plan(1, 7, DAY) == demo_visit_plan.plan(1, 7, DAY)
    assert demo_visit_plan.plan(1, 7, DAY) != demo_visit_plan.plan(2, 7, DAY)
    assert demo_visit_plan.plan(1, 7, DAY).mark != demo_visit_plan.plan(1, 7, DAY + timedelta(days=1)).mark


def test_forty_visits_show_over_twenty_diagnoses_and_several_doctors_on_any_day() -> None:
    for ahead in range(10):
        plans = [demo_visit_plan.plan(1, number, DAY + timedelta(days=ahead)) for number in range(1, 41)]
        assert len({one.case.code for one in plans}) > 20
        assert len({one.doctor for one in plans}) >= 4


def test_every_case_is_of_a_room_with_a_doctor() -> None:
    assert {room for case in CASES for room in case.rooms} <= set(demo_visit_plan.DOCTORS)
    assert len({case.code for case in CASES}) > 20


async def test_a_day_of_visits_goes_through_and_leaves_a_whole_record(driven: Driven) -> None:
    tally, visits = driven.tally, await driven.visits()
    assert tally.failures == []
    assert (tally.visits, tally.kept, len(visits)) == (COUNT, 0, COUNT)
    assert tally.finished + tally.cancelled == COUNT
    assert tally.statements == tally.finished > tally.insured
    assert tally.signed == tally.finished == sum(one["status"] == "finished" for one in visits)
    for name in (
        "second_exams",
        "orders",
        "results",
        "pending",
        "critical",
        "prescriptions",
        "partly",
        "papers",
        "booked",
        "insured",
        "paid",
    ):
        assert getattr(tally, name) > 0, name
    assert len({visit_facts.doctor_of(one).get("reference") for one in visits}) >= 4
    assert all(one["meta"]["security"][0]["code"] == "HTEST" for one in visits)
    await _check_times(driven, visits)
    await _check_signatures(driven)
    async with driven.clinic.pool.acquire() as connection:
        assert (await verify.follow(connection, driven.clinic.store.tenants[1]))[1] is None


async def test_the_same_seed_and_day_again_add_nothing(clinic: Clinic) -> None:
    async def versions() -> int:
        """How many there are without the audit of reading."""
        audit = clinic.store.definitions.type_number("AuditEvent")
        async with clinic.pool.acquire() as connection, connection.transaction():
            await connection.execute("select set_config('lienmach.tenant', '1', true)")
            return int(await connection.fetchval("select count(*) from version where type <> $1", audit))

    first = await demo_visits.drive(clinic.store, SYSTEM, seed=1, count=4, day=DAY)
    before = await versions()
    again = await demo_visits.drive(clinic.store, SYSTEM, seed=1, count=4, day=DAY)
    assert (first.visits, again.visits, again.kept, again.failures) == (4, 0, 4, [])
    assert await versions() == before


async def test_today_goes_up_to_now_with_people_who_are_still_there(clinic: Clinic) -> None:
    tally = await demo_visits.drive(clinic.store, SYSTEM, seed=3, count=12)
    assert tally.failures == []
    now = clock.now()
    async with clinic.store.begin(SYSTEM) as tx:
        found = await resources.find(tx, "Encounter")
    assert len(found) == 12
    assert {one["status"] for one in found} & {"arrived", "in-progress"}
    assert all(datetime.fromisoformat(one["period"]["start"]) <= now for one in found)


@pytest.mark.parametrize("ends", [None, timedelta(seconds=20)])
async def test_on_a_young_day_an_insured_visit_waits_for_its_minute_or_stays_open(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, ends: timedelta | None
) -> None:
    """By a day of a few minutes, in which all minutes of the plan are shorter than a second."""
    begin = demo_visit_day.begin

    async def young(store: Store, actor: Actor, day: date | None) -> Day:
        one = await begin(store, actor, day)
        one.minute = timedelta(milliseconds=100)
        one.clock.ends_at = one.clock.at + ends if ends else None
        return one

    monkeypatch.setattr(demo_visit_day, "begin", young)
    tally = await demo_visits.drive(clinic.store, SYSTEM, seed=1, count=6, day=DAY)
    async with clinic.store.begin(SYSTEM) as tx:
        ended = await resources.find(tx, "Encounter", ("status", "finished"))
    insured = [one for one in ended if visit_facts.category_of(one) != "9"]
    assert tally.failures == [] and len(ended) == tally.finished and len(insured) == tally.insured
    assert bool(insured) == (ends is None)
    for one in insured:
        start, end = (_at(one["period"][name]).replace(second=0, microsecond=0) for name in ("start", "end"))
        assert end > start


async def test_a_day_to_come_is_refused(clinic: Clinic) -> None:
    with pytest.raises(errors.Invalid):
        await demo_visits.drive(clinic.store, SYSTEM, seed=1, count=1, day=date(2999, 1, 1))


async def test_a_day_before_the_keys_of_the_doctors_is_refused_with_a_sentence(clinic: Clinic) -> None:
    early = (clock.now() - timedelta(days=500)).date()
    with pytest.raises(demo_visit_day.TooEarly, match=early.isoformat()):
        await demo_visits.drive(clinic.store, SYSTEM, seed=1, count=1, day=early)


async def _check_times(driven: Driven, visits: list[dict[str, Any]]) -> None:
    """Order, collection, result and end follow each other; nothing is given out before it is signed."""
    begun = {one["id"]: _at(one["period"]["start"]) for one in visits}
    orders = {one["id"]: one for one in await driven.all_of("ServiceRequest")}
    for order in orders.values():
        assert begun[resources.id_of(order["encounter"], "Encounter")] <= _at(order["authoredOn"])
    taken = 0
    for specimen in await driven.all_of("Specimen"):
        collected = _at(specimen["collection"]["collectedDateTime"])
        taken += 1
        for request in specimen["request"]:
            assert _at(orders[resources.id_of(request, "ServiceRequest")]["authoredOn"]) < collected
        assert collected <= _at(specimen.get("receivedTime", specimen["collection"]["collectedDateTime"]))
    assert taken
    for report in await driven.all_of("DiagnosticReport", ("status", "final")):
        assert _at(report["effectiveDateTime"]) < _at(report["issued"])
        own = orders[resources.id_of(report["basedOn"][0], "ServiceRequest")]
        assert _at(report["issued"]) == _at(own["occurrenceDateTime"])
    signed = {
        resources.id_of({"reference": target["reference"].split("/_history/")[0]}, "Encounter"): _at(one["recorded"])
        for one in await driven.all_of("Provenance")
        for target in one["target"]
        if target["reference"].startswith("Encounter/")
    }
    assert len(signed) == driven.tally.signed
    for dispense in await driven.all_of("MedicationDispense"):
        assert signed[resources.id_of(dispense["context"], "Encounter")] <= _at(dispense["whenHandedOver"])
    for visit in visits:
        end = visit["period"].get("end")
        assert end is not None and begun[visit["id"]] < _at(end)
        assert signed.get(visit["id"], _at(end)) == _at(end)
        assert _at(end).astimezone(driven.clinic.store.tenants[1].time_zone).date() == DAY


async def _check_signatures(driven: Driven) -> None:
    notes = await driven.all_of("Composition", ("status", "final"))
    assert len(notes) == driven.tally.signed
    papers = await driven.all_of("DocumentReference", ("type", f"{systems.PAPER_KIND}|"))
    assert len(papers) == driven.tally.papers
    async with driven.clinic.store.begin(SYSTEM) as tx:
        for one in (*notes, *papers):
            found = await signing.verify(tx, f"{one['resourceType']}/{one['id']}")
            assert found and all(signature.state == "ok" for signature in found)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
