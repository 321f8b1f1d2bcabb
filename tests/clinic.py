"""A set-up clinic for tests: catalogues as demo rows, facilities, rooms, staff accounts; made once, copied per test."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from lienmach import app as application
from lienmach.base import db
from lienmach.base.actor import Actor
from lienmach.base.settings import Settings
from lienmach.care import catalogue_set, facility, resources, signing, visits
from lienmach.care.money import accounts, payments, shifts, statements
from lienmach.care.money.accounts import Account
from lienmach.care.population import accepted_lists
from lienmach.care.population import clinic as demo_clinic
from lienmach.identity import roles
from lienmach.record import tenants
from lienmach.record.transaction import Store
from tests.web.client import add_user

TEMPLATE = "clinic_template"
PIN = "583914"
#: role -> login of the demo clinic whose Practitioner the test's account of that role is.
STAFF = {
    "reception": "tiepdon",
    "doctor": "bacsi",
    "nurse": "dieuduong",
    "lab": "xetnghiem",
    "lab_head": "truongxn",
    "imaging": "cdha",
    "pharmacist": "duocsi",
    "retail": "nhathuoc",
    "cashier": "thungan",
    "insurance": "baohiem",
    "director": "giamdoc",
}
#: A second doctor, for races.
MORE = {"doctor2": ("doctor", "bacsi2")}


@dataclass
class Clinic:
    """The tenant `main` with everything that a day of work needs. Accounts: login = role, password as in web.client."""

    store: Store
    settings: Settings
    pool: asyncpg.Pool
    signers: dict[str, Any] = field(default_factory=dict)

    def actor(self, role: str, login: str = "") -> Actor:
        """Somebody of a role, at the work that it does by default."""
        own = MORE[login][1] if login in MORE else STAFF.get(role, "")
        reference = demo_clinic.practitioner_of(own) if own else ""
        return Actor(1, login or role, frozenset({role}), roles.ROLES[role].purpose, f"{role} Thử", reference)

    async def room(self, kind: str, code: str = "") -> facility.Room:
        """The first room of a kind, or the one of a code."""
        async with self.store.begin(self.actor("doctor")) as tx:
            found = await facility.rooms(tx, kind, organization_id=demo_clinic.HOSPITAL)
        return next(one for one in found if not code or one.code == code)

    async def patient(self, **elements: Any) -> str:
        """A new person; returns the id of the Patient."""
        body = {
            "resourceType": "Patient",
            "name": [{"text": "Nguyễn Văn Ân", "family": "Nguyễn", "given": ["Văn", "Ân"]}],
            "gender": "male",
            "birthDate": "1958-02-01",
            **elements,
        }

        async def work(tx: Any) -> str:
            return (await resources.create(tx, body)).id

        return await self.store.run(self.actor("reception"), work)

    async def visit(self, patient_id: str, *, started: bool = True, **more: Any) -> str:
        """An open visit at the first examination room; returns the id of the Encounter."""
        place = await self.room("exam")

        async def arrive(tx: Any) -> str:
            own = await facility.facility(tx, demo_clinic.HOSPITAL)
            return (await visits.open_visit(tx, patient_id, room=place, facility=own, **more)).id

        found = await self.store.run(self.actor("reception"), arrive)
        if started:

            async def start(tx: Any) -> None:
                await visits.start(tx, found)

            await self.store.run(self.actor("doctor"), start)
        return found

    async def signer(self, role: str, login: str = "") -> Any:
        """The own key of somebody, made if there is none; unlocked once a test."""
        own = self.actor(role, login)
        if own.user not in self.signers:
            await signing.ensure(self.store, own, PIN)
            self.signers[own.user] = await signing.signer_for(self.store, own, session_key=b"", pin=PIN)
        return self.signers[own.user]

    async def settle(self, encounter_id: str, *, role: str = "insurance", reason: str = "") -> Account:
        """Close the statement of a finished visit and pay in cash what is due, in an open shift; again with a reason."""
        key, cashier = await self.signer(role), self.actor("cashier")
        await self.store.run(self.actor(role), lambda tx: statements.close(tx, encounter_id, key, reason=reason))

        async def pay(tx: Any) -> None:
            account = await accounts.read(tx, encounter_id)
            if account.due > 0:
                if await shifts.current(tx) is None:
                    await shifts.open_shift(tx, 500_000)
                again = f"settle/{encounter_id}/{account.version}"
                await payments.take(tx, encounter_id, account.due, method="cash", request_key=again)

        await self.store.run(cashier, pay)
        async with self.store.begin(cashier) as tx:
            return await accounts.read(tx, encounter_id)


@pytest.fixture(scope="session")
def clinic_template(database: Any) -> Iterator[str]:
    """A database with the clinic in it, to be copied."""
    name = database.create()
    asyncio.run(_fill(database, name))
    yield name
    database.drop(name)


async def _fill(database: Any, name: str) -> None:
    owner = await asyncpg.connect(database.url("owner", name))
    await tenants.add(owner, "main", "Trung tâm Y tế thử")
    await tenants.add(owner, "other", "Bệnh viện khác")
    await owner.close()
    pool = await db.connect_pool(database.url("app", name), min=1, max=4)
    store = await application.open_store(replace(database.settings), pool)
    system = Actor(1, "system", frozenset(["system"]), "TREAT")
    await demo_clinic.set_up(store, system)
    await catalogue_set.load(store, system, state="demo")
    await accepted_lists.fill(store, system)
    for role in roles.ROLES:
        if role not in (*roles.WITHOUT_ACCOUNT, "system"):
            own = STAFF.get(role)
            more = {"practitioner": demo_clinic.practitioner_of(own)} if own else {}
            await add_user(pool, role, role, **more)
    for login, (role, own) in MORE.items():
        await add_user(pool, login, role, practitioner=demo_clinic.practitioner_of(own))
    await store.close()
    await pool.close()


@pytest.fixture
async def clinic(database: Any, clinic_template: str, tmp_path: Path) -> AsyncIterator[Clinic]:
    """The clinic on a database of this test's own, with all departments' rules about writes."""
    name = await asyncio.to_thread(database.create, clinic_template)
    settings = dataclasses.replace(
        Settings.load({}),
        home=tmp_path / "home",
        database_url=database.url("app", name),
        database_owner_url=database.url("owner", name),
        disk_low_mb=2,
        disk_full_mb=1,
    )
    pool = await db.connect_pool(settings.database_url, min=1, max=8)
    store = await application.open_store(settings, pool)
    yield Clinic(store, settings, pool)
    await store.close()
    await pool.close()
    await asyncio.to_thread(database.drop, name)
