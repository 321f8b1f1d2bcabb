"""A day of demo visits, closed, paid and given out, with its claims considered: what tests of claims start from."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from lienmach import app as application
from lienmach.base import clock
from lienmach.base.actor import Actor
from lienmach.base.jobs import Taken
from lienmach.care import coverages, orders, patients, prescriptions, resources, visit_origin, visits
from lienmach.care.claims import claims, consideration
from lienmach.care.claims.claims import Claim, Version
from lienmach.care.coverages import InsuredCard
from lienmach.care.drug_lines import RxLine
from lienmach.care.money import accounts, payments, shifts, statements
from lienmach.care.person_draft import PersonDraft
from lienmach.care.population import opening
from lienmach.commands import demo_visits
from lienmach.departments.pharmacy import dispensing
from lienmach.record.transaction import Transaction
from lienmach.simulators import insurance
from lienmach.standards.bhxh import claim_xml
from tests.care import outbox_work
from tests.clinic import Clinic
from tests.simulators import running

SYSTEM = Actor(1, "system", frozenset(["system"]), "HOPERAT")
DAY = (clock.now() - timedelta(days=3)).date()


@dataclass
class ClaimDay:
    """The clinic after the day. encounters: ids of finished visits."""

    clinic: Clinic
    portal: running.Simulator
    encounters: list[str]

    async def consider(self, encounter_id: str) -> Claim | None:
        """Run the job of one visit; its claim afterwards."""
        store = self.clinic.store
        await consideration.consider(store, Taken(1, 1, claims.CONSIDER, {"encounter": encounter_id}, 1, 10))
        return await self.claim(encounter_id)

    async def consider_all(self) -> dict[str, Claim]:
        """Run it for every visit; the claims by visit."""
        found = {own: await self.consider(own) for own in self.encounters}
        return {own: one for own, one in found.items() if one is not None}

    async def claim(self, encounter_id: str) -> Claim | None:
        async with self.clinic.store.begin(SYSTEM) as tx:
            return await claims.of_visit(tx, encounter_id)

    async def versions(self, encounter_id: str) -> list[Version]:
        async with self.clinic.store.begin(SYSTEM) as tx:
            return await claims.versions(tx, encounter_id)

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """Rows of the claims' tables; $1 is the tenant."""
        async with self.clinic.store.begin(SYSTEM) as tx:
            return await tx.fetch(sql, 1, *args)


@contextlib.asynccontextmanager
async def made(clinic: Clinic, *, seed: int = 1, count: int = 20, **options: Any) -> AsyncIterator[ClaimDay]:
    """Let the day take place with a portal that answers at once. options: of the portal's simulator.

    The store keeps the clock of the day's end.
    """
    given = {"structure_seconds": "0", "appraise_seconds": "0", **options}
    async with running.here(insurance, **given) as portal:
        outbox_work.connect(clinic.store, insurance_url=portal.url)
        kinds = application.job_kinds()
        tally = await demo_visits.drive(clinic.store, SYSTEM, seed=seed, count=count, day=DAY, kinds=kinds)
        assert tally.failures == []
        async with clinic.store.begin(SYSTEM) as tx:
            found = await resources.find(tx, "Encounter", ("status", "finished"), count=1000)
        yield ClaimDay(clinic, portal, [one["id"] for one in found])


CARD = "DN4790000000001"


@dataclass
class Signed:
    """One insured visit with an examination and a drug, signed by its doctor; the steps after it, one by one."""

    clinic: Clinic
    patient_id: str
    encounter_id: str
    request_id: str

    async def run(self, role: str, work: Any) -> Any:
        """A unit of work of somebody."""
        return await self.clinic.store.run(self.clinic.actor(role), work)

    async def close(self, reason: str = "") -> statements.Statement:
        """The insurance desk closes the statement."""
        key = await self.clinic.signer("insurance")
        found: statements.Statement = await self.run(
            "insurance", lambda tx: statements.close(tx, self.encounter_id, key, reason=reason)
        )
        return found

    async def pay(self, amount: int, key: str = "1") -> None:
        """The patient pays in cash."""

        async def work(tx: Transaction) -> None:
            if await shifts.current(tx) is None:
                await shifts.open_shift(tx, 500_000)
            again = f"claim/{self.encounter_id}/{key}"
            await payments.take(tx, self.encounter_id, amount, method="cash", request_key=again)

        await self.run("cashier", work)

    async def account(self) -> accounts.Account:
        async with self.clinic.store.begin(SYSTEM) as tx:
            return await accounts.read(tx, self.encounter_id)

    async def give(self, quantity: int, drug_code: str = "") -> None:
        """The dispensary hands out."""
        place = (await self.clinic.room("dispensary")).id
        await self.run(
            "pharmacist",
            lambda tx: dispensing.give(tx, self.request_id, Decimal(quantity), place_id=place, drug_code=drug_code),
        )

    async def let_go(self) -> None:
        """Nobody fetches the rest."""
        await self.run("pharmacist", lambda tx: dispensing.release(tx, f"MedicationRequest/{self.request_id}"))

    async def consider(self) -> Claim:
        """Run the job; the claim afterwards."""
        payload = {"encounter": self.encounter_id}
        await consideration.consider(self.clinic.store, Taken(1, 1, claims.CONSIDER, payload, 1, 10))
        return await self.claim()

    async def claim(self) -> Claim:
        async with self.clinic.store.begin(SYSTEM) as tx:
            return await claims.read(tx, self.encounter_id)

    async def versions(self) -> list[Version]:
        async with self.clinic.store.begin(SYSTEM) as tx:
            return await claims.versions(tx, self.encounter_id)

    async def tables(self) -> claim_xml.Tables:
        """What the newest version says."""
        return claim_xml.read((await self.versions())[-1].xml).tables

    async def findings(self) -> set[str]:
        """The rules that found an error when the claim was last considered."""
        async with self.clinic.store.begin(SYSTEM) as tx:
            rows = await tx.fetch(
                "select rule from claim_finding where tenant = 1 and encounter_id = $1 and level = 'error'",
                self.encounter_id,
            )
        return {row["rule"] for row in rows}


async def signed(
    clinic: Clinic,
    *,
    card: str = CARD,
    category: str = "1.1",
    quantity: int = 10,
    main: str = "J06.9",
    procedures: tuple[str, ...] = (),
    origin: visit_origin.Origin = visit_origin.Origin(),
) -> Signed:
    """A visit through the functions of the screens. card "": the patient's own. quantity: of PARA500, 0: no drug.

    procedures: ordered and done by the doctor.
    """
    store, system = clinic.store, clinic.actor("system")
    store.now = lambda: clock.now() - timedelta(minutes=30)  # so that nothing lies ahead of the clock on the wall
    await opening.fill_shelves(store, system)
    patient_id, coverage = await store.run(clinic.actor("reception"), lambda tx: _arrive(tx, card))
    more = {"coverage_id": coverage, "category": category} if card else {}
    encounter_id = await clinic.visit(patient_id, reason="Ho, sốt", origin=origin, **more)
    doctor, key = clinic.actor("doctor"), await clinic.signer("doctor")

    async def examine(tx: Transaction) -> None:
        await visits.record_vitals(tx, encounter_id, {"weight": Decimal("62.5")}, is_confirmed=True)
        await visits.write_note(tx, encounter_id, {"reason": "Ho, sốt", "history": "Ba ngày", "advice": "Nghỉ ngơi"})
        await visits.set_diagnoses(tx, encounter_id, main, ["I10"])

    async def order(tx: Transaction) -> list[str]:
        lines = [orders.OrderLine(code) for code in procedures]
        return [stored.id for stored in await orders.place(tx, encounter_id, lines)] if lines else []

    async def do(tx: Transaction) -> None:
        for own in placed:
            await orders.complete(tx, own)

    async def prescribe(tx: Transaction) -> str:
        if not quantity:
            return ""
        line = RxLine("PARA500", Decimal(1), 2, max(quantity // 2, 1), quantity=Decimal(quantity))
        return (await prescriptions.write(tx, encounter_id, [line], reasons={}))[0].id

    # Each step takes a minute: a visit of no minutes is refused (TIM-01).
    found: list[Any] = []
    placed: list[str] = []
    for step in (examine, order, do, prescribe):
        store.now = later(store.now)
        found.append(await store.run(doctor, step))
        placed = found[1] if len(found) == 2 else placed
    made = found[-1]
    store.now = later(store.now)
    await store.run(doctor, lambda tx: visits.finish(tx, encounter_id, key, result="2", outcome="1", category=category))
    store.now = later(store.now)
    return Signed(clinic, patient_id, encounter_id, str(made or ""))


def later(now: clock.Clock) -> clock.Clock:
    """The same clock two minutes on."""
    return lambda: now() + timedelta(minutes=2)


async def _arrive(tx: Transaction, card: str) -> tuple[str, str]:
    """Register the person; (Patient, Coverage of the card as the portal has answered it, "" for none)."""
    draft = PersonDraft(
        name="Nguyễn Văn Ân", sex="male", birth="1958-02-01", citizen_number="001058000017", commune_code="05587",
        address_line="1 Đường Mẫu", insurance_number=card, ethnic_code="01",
    )  # fmt: skip
    patient = await patients.register(tx, draft, reason_override="dữ liệu thử")
    if not card:
        return patient.id, ""
    known = InsuredCard(
        "", card, card[:2], card[2], "86991", date(2026, 1, 1), date(2027, 12, 31), result_code="000",
        checked_at=tx.now,
    )  # fmt: skip
    return patient.id, await coverages.keep(tx, patient.id, known)
