"""Figures equal a straight count of the record: after visits, cancellations, other diagnoses, replaced prescriptions,
statements that are closed again, imports and recounts; and looking twice, or half, changes nothing."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from lienmach.base import clock, jobs
from lienmach.base.actor import Actor
from lienmach.base.jobs import Taken
from lienmach.care import charges, prescriptions, resources, stock, visits
from lienmach.care.prescriptions import RxLine
from lienmach.care.visit_end import Ending
from lienmach.commands import demo_visits
from lienmach.departments.leaders import day_figures, following, projection
from lienmach.record import bulk, write
from tests.clinic import Clinic
from tests.departments.leaders import recount

SYSTEM = Actor(1, "system", frozenset(["system"]), "HOPERAT")
TREATING = Actor(1, "system", frozenset(["system"]), "TREAT")
DAY = (clock.now() - timedelta(days=3)).date()
FOLLOW = Taken(1, 1, projection.FOLLOW, {}, 1, 10)
PARA = RxLine(drug_code="PARA500", per_time=Decimal(1), times=2, days=5, payer="bhyt")
AMOX = RxLine(drug_code="AMOX500", per_time=Decimal(1), times=2, days=5, payer="self")


async def agree(clinic: Clinic) -> dict[str, recount.Line]:
    """Look, and hold every line against the record's; returns them."""
    await projection.catch_up(clinic.store, 1)
    found = await recount.of_projection(clinic)
    assert found == await recount.of_record(clinic)
    return found


async def sums(clinic: Clinic) -> day_figures.DaySums:
    """Sums of all days."""
    async with clinic.store.begin(clinic.actor("director")) as tx:
        today = day_figures.today_of(tx)
        days = await day_figures.day_sums(tx, today - timedelta(days=400), today)
    return sum(days.values(), day_figures.DaySums())


async def test_figures_equal_a_recount_from_the_record(clinic: Clinic) -> None:
    tally = await demo_visits.drive(clinic.store, SYSTEM, seed=1, count=30, day=DAY)
    assert tally.visits == 30
    lines = await agree(clinic)
    whole = await sums(clinic)
    kept = [one for one in lines.values() if one[0] != "cancelled"]
    assert len(lines) == 30 and whole.cancelled == len(lines) - len(kept)
    assert whole.visits == len(kept) and whole.items == sum(one[6] for one in kept)
    assert whole.prescribed == sum(one[6] > 0 for one in kept) > 0
    assert whole.cost_vnd == sum(one[10] for one in kept) > 0
    await following.rebuild(clinic.store, Taken(1, 1, following.REBUILD, {}, 1, 10))
    assert await agree(clinic) == lines and await sums(clinic) == whole
    async with clinic.store.begin(SYSTEM) as tx:
        assert (await day_figures.progress(tx)).is_rebuilt


async def test_a_cancelled_visit_and_another_diagnosis_are_followed(clinic: Clinic) -> None:
    first, second = [await clinic.visit(await clinic.patient()) for _ in range(2)]
    doctor = clinic.actor("doctor")
    await clinic.store.run(doctor, lambda tx: visits.set_diagnoses(tx, first, "J00"))
    assert (await agree(clinic))[first][2] == "J00"
    await clinic.store.run(doctor, lambda tx: visits.set_diagnoses(tx, first, "J18.9", ["I10"]))
    third = await clinic.visit(await clinic.patient(), started=False)
    await clinic.store.run(doctor, lambda tx: visits.cancel(tx, third, "Người bệnh về"))
    lines = await agree(clinic)
    assert (lines[first][2], lines[second][2], lines[third][0]) == ("J18.9", "", "cancelled")
    assert (await sums(clinic)).visits == 2 and (await sums(clinic)).cancelled == 1


async def test_a_stopped_and_a_replaced_line_no_longer_count(clinic: Clinic) -> None:
    async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
        until = (tx.now + timedelta(days=300)).date()
        stock.receive(tx, [stock.Lot("p-ct1", "PARA500", "L1", until, Decimal(500))])
    visit, doctor = await clinic.visit(await clinic.patient()), clinic.actor("doctor")
    written = await clinic.store.run(doctor, lambda tx: prescriptions.write(tx, visit, [PARA, AMOX], reasons={}))
    assert (await agree(clinic))[visit][6:8] == (2, 1)
    await clinic.store.run(doctor, lambda tx: prescriptions.stop(tx, written[1].id, "người bệnh không muốn uống"))
    assert (await agree(clinic))[visit][6:8] == (1, 0)
    code = resources.of(written[0])["groupIdentifier"]["value"]
    await clinic.store.run(doctor, lambda tx: prescriptions.write(tx, visit, [AMOX], reasons={}, replaces=code))
    lines = await agree(clinic)
    assert lines[visit][6:8] == (1, 1) and lines[visit][9] > 0


async def _finished(clinic: Clinic, *lines: RxLine) -> str:
    visit = await clinic.visit(await clinic.patient())
    key = await clinic.signer("doctor")
    texts = {"reason": "Ho", "history": "Ho ba ngày", "examination": "Họng đỏ"}
    ending = Ending(texts, "J00", lines=lines)
    doctor = clinic.actor("doctor")
    await clinic.store.run(doctor, lambda tx: visits.finish(tx, visit, key, result="2", outcome="1", ending=ending))
    return visit


async def statement_of(clinic: Clinic, visit: str) -> tuple[int | None, int | None]:
    """(what the person pays, what the fund pays) as the pages have it."""
    await projection.catch_up(clinic.store, 1)
    async with clinic.store.begin(clinic.actor("director")) as tx:
        [row] = await tx.fetch(
            "select patient_vnd, fund_vnd from leaders_visit where tenant = 1 and encounter_id = $1", visit
        )
    return row["patient_vnd"], row["fund_vnd"]


async def test_a_statement_counts_from_when_it_is_closed_and_its_last_version_only(clinic: Clinic) -> None:
    async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
        until = (tx.now + timedelta(days=300)).date()
        stock.receive(tx, [stock.Lot("p-ct1", "PARA500", "L1", until, Decimal(500))])
    visit = await _finished(clinic, PARA)
    assert await statement_of(clinic, visit) == (None, None)
    account = await clinic.settle(visit)
    assert await statement_of(clinic, visit) == (account.patient_total, round(account.t_bhtt))
    [line] = await recount.all_of(clinic, "MedicationRequest")
    pharmacist = clinic.actor("pharmacist")
    await clinic.store.run(
        pharmacist, lambda tx: charges.settle(tx, f"MedicationRequest/{line['id']}", quantity=Decimal(0))
    )
    again = await clinic.settle(visit, reason="Người bệnh không lĩnh thuốc")
    assert again.patient_total < account.patient_total
    assert await statement_of(clinic, visit) == (again.patient_total, round(again.t_bhtt))
    assert (await sums(clinic)).patient_vnd == again.patient_total


async def test_a_deleted_visit_is_gone_and_a_corrected_birth_date_moves_the_age(clinic: Clinic) -> None:
    person = await clinic.patient()
    visit = await clinic.visit(person)
    await projection.catch_up(clinic.store, 1)

    async def correct(tx: Any) -> None:
        await resources.update(tx, {**await resources.read(tx, "Patient", person), "birthDate": "2020-01-01"})

    await clinic.store.run(clinic.actor("reception"), correct)
    await projection.catch_up(clinic.store, 1)
    async with clinic.store.begin(clinic.actor("director")) as tx:
        [row] = await tx.fetch("select age_band from leaders_visit where tenant = $1", 1)
    assert row["age_band"] in ("6-15", "1-5")
    await clinic.store.run(SYSTEM, lambda tx: write.delete(tx, "Encounter", visit))
    await projection.catch_up(clinic.store, 1)
    assert await recount.of_projection(clinic) == {}
    assert (await sums(clinic)).visits == 0


async def test_imported_visits_count_whatever_the_order_in_which_they_come(clinic: Clinic) -> None:
    bodies = [
        {"resourceType": "MedicationRequest", "id": "m1", "status": "completed", "intent": "order",
         "medicationCodeableConcept": {"coding": [{"system": "https://lienmach.org/fhir/CodeSystem/drug",
                                                   "code": "CEFTRI1I"}]},
         "subject": {"reference": "Patient/pp"}, "encounter": {"reference": "Encounter/e1"},
         "authoredOn": "2026-03-02T09:00:00+07:00", "dispenseRequest": {"quantity": {"value": 3}}},
        {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/pp"},
         "encounter": {"reference": "Encounter/e1"},
         "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "J02.9"}]}},
        {"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "AMB"},
         "subject": {"reference": "Patient/pp"},
         "participant": [{"individual": {"reference": "Practitioner/nv-bacsi"}}],
         "diagnosis": [{"condition": {"reference": "Condition/c1"}, "rank": 1}],
         "period": {"start": "2026-03-01T23:30:00Z", "end": "2026-03-02T01:00:00Z"}},
        {"resourceType": "Patient", "id": "pp", "birthDate": "1980", "gender": "female"},
    ]  # fmt: skip
    for body in bodies:
        kind = str(body["resourceType"])
        item = bulk.Item("test", f"{kind}/{body['id']}", json.dumps(body).encode(), kind, str(body["id"]))
        refused: list[bulk.Refusal] = []
        await bulk.load(clinic.store, TREATING, [item], refuse=refused.append)
        assert refused == []
        await projection.catch_up(clinic.store, 1)
    async with clinic.store.begin(clinic.actor("director")) as tx:
        [row] = await tx.fetch("select * from leaders_visit where tenant = $1 and encounter_id = 'e1'", 1)
    assert (row["icd"], row["block"], row["age_band"], row["sex"]) == ("J02.9", "J00-J06", "40-59", "female")
    assert (row["items"], row["antibiotics"], row["injections"]) == (1, 1, 1)
    assert (f"{row['day']}", row["hour"]) == ("2026-03-02", 6)  # in the facility's zone


async def test_looks_that_come_together_are_one_and_the_next_is_planned_once(clinic: Clinic) -> None:
    await clinic.visit(await clinic.patient())
    await asyncio.gather(*(following.follow(clinic.store, FOLLOW) for _ in range(20)))
    await following.follow(clinic.store, FOLLOW)
    async with clinic.pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        planned = await connection.fetch(
            "select run_at from job where kind = $1 and done_at is null and run_at > now() + interval '5 seconds'",
            projection.FOLLOW,
        )
    assert len(planned) == 1
    await agree(clinic)


async def test_a_visit_starts_the_looks_by_itself_and_none_is_lost_when_a_worker_dies(clinic: Clinic) -> None:
    await clinic.visit(await clinic.patient())
    worker = jobs.Worker(clinic.pool, following.JOBS, clinic.store)
    while await worker.run_once():
        pass
    assert len(await recount.of_projection(clinic)) == 1
    async with clinic.pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        await connection.execute("delete from leaders_visit")  # what a crash between two commits cannot do
    await following.rebuild(clinic.store, Taken(1, 1, following.REBUILD, {}, 1, 10))
    while await worker.run_once():
        pass
    assert len(await recount.of_projection(clinic)) == 1
