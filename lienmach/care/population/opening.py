"""What a new home needs before its first day of work: code lists; in a demo home also the clinic, stock, times and keys.

A home started empty gets the code lists as drafts and nothing else: no pharmacist or doctor of that facility has
approved them yet. Everything here may run again: what is there is left alone.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import (
    booking_slots,
    catalogue_set,
    catalogues,
    resources,
    signing,
    signing_certificates,
    signing_keys,
    stock,
)
from lienmach.care.population import accepted_lists, clinic
from lienmach.identity import demo_users, roles
from lienmach.record.transaction import Store, Transaction

PIN_FILE = "demo-pin.txt"
DISPENSARIES = ("p-ct1", "p-tyt2")
DAYS_AHEAD = 7
KEYS_BEFORE = timedelta(days=366)
#: Doctors of the demo clinic whom nobody signs in as; demo visits are signed by them too.
_DOCTORS_WITHOUT_LOGIN = (("bacsi3", "BS Mẫu Nhi Khoa", "doctor"), ("bacsi4", "BS Mẫu Phụ Sản", "doctor"))
_SHELF = {"viên": 3000, "gói": 1000, "ống": 500, "lọ": 200, "chai": 200, "tuýp": 150}
_PLAN = booking_slots.Plan(
    weekdays=(1, 2, 3, 4, 5, 6, 7), hours=((time(7, 30), time(11, 30)), (time(13, 30), time(16, 30))), minutes=15
)
_BOOKED = (
    ("bacsi", "p-p101", ("noi-tiet", "Nội tiết")),
    ("bacsi2", "p-p102", ("noi", "Nội khoa")),
    ("bacsi3", "p-p104", ("nhi", "Nhi khoa")),
    ("bacsi4", "p-p105", ("san", "Phụ sản")),
)


async def open_home(store: Store, actor: Actor, *, is_demo: bool) -> None:
    """Load what is missing of the above. actor: the system of the tenant."""
    await catalogue_set.load(store, actor, state="demo" if is_demo else "draft")
    if is_demo:
        await clinic.set_up(store, actor)
        await accepted_lists.fill(store, actor)
        await fill_shelves(store, actor)
        await make_times(store, actor)
        await make_keys(store, actor.tenant)


async def fill_shelves(store: Store, actor: Actor) -> int:
    """A lot of each insured drug at each demo dispensary that has none; returns how many lots came in."""

    async def work(tx: Transaction) -> int:
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        drugs = [row for row in await catalogues.all_of(tx, "drug", on=today) if row.data.get("is_insured")]
        added = 0
        for place in DISPENSARIES:
            there = {one.drug_code for one in await stock.lots(tx, place)}
            lots = list(_lots(place, (row for row in drugs if row.code not in there), today))
            stock.receive(tx, lots, note="dữ liệu thử")
            added += len(lots)
        return added

    return await store.run(actor, work)


def _lots(place: str, drugs: Iterable[catalogues.Row], today: date) -> Iterable[stock.Lot]:
    for row in drugs:
        quantity = _SHELF.get(str(row.data.get("unit", "")), 200)
        yield stock.Lot(place, row.code, f"MAU{today:%y%m%d}", today + timedelta(days=540), Decimal(quantity))


async def make_times(store: Store, actor: Actor) -> int:
    """Schedules of the demo doctors and their free times for the days ahead; returns how many times are new."""

    async def work(tx: Transaction) -> int:
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        made = 0
        for login, room, specialty in _BOOKED:
            own = await _schedule(tx, login, room, specialty)
            for ahead in range(DAYS_AHEAD + 1):
                made += await booking_slots.make_slots(tx, own, today + timedelta(days=ahead))
        return made

    return await store.run(actor, work)


async def _schedule(tx: Transaction, login: str, room: str, specialty: tuple[str, str]) -> dict[str, Any]:
    own = f"lich-{login}"
    try:
        return await resources.read(tx, "Schedule", own)
    except errors.NotFound:
        place = await resources.read(tx, "Location", room)
        doctor = await resources.read(tx, "Practitioner", f"nv-{login}")
        made = booking_slots.schedule(
            specialty,
            room=resources.reference(place, place["name"]),
            doctor=resources.reference(doctor, doctor["name"][0]["text"]),
            plan=_PLAN,
        )
        stored = await resources.create(tx, made, resource_id=own)
        return resources.of(stored)


async def make_keys(store: Store, tenant: int) -> str:
    """A signing key for each demo login that signs, all under the demo PIN, which is returned; and the facilities' own.

    They begin a year ago, so that demo visits of earlier days carry valid signatures. A key that is there stays.
    """
    pin = demo_pin(store.limits.home)
    present, began = store.now, store.now() - KEYS_BEFORE
    store.now = lambda: began
    try:
        for login, display, role in (*demo_users.DEMO, *_DOCTORS_WITHOUT_LOGIN):
            if "signing.key" in roles.ROLES[role].rights and not await signing_keys.of_person(store, tenant, login):
                actor = Actor(tenant, login, frozenset({role}), "TREAT", display, clinic.practitioner_of(login))
                await signing.ensure(store, actor, pin)
        for one in clinic.build():
            own = one["id"]
            if one["resourceType"] == "Organization" and not await signing_keys.of_person(
                store, tenant, signing_keys.FACILITY + own
            ):
                who = {"reference": f"Organization/{own}", "display": one["name"]}
                await signing.facility_signer(store, tenant, who)
    finally:
        store.now = present
    return pin


def demo_pin(home: Path) -> str:
    """The PIN of the demo logins of this home; made at the first call, readable by its owner only."""
    file = home / PIN_FILE
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        digits = f"{secrets.randbelow(90) + 10}{secrets.randbelow(90) + 10}{secrets.randbelow(90) + 10}"
        while signing_certificates.pin_fault(digits):
            digits = f"{secrets.randbelow(900_000) + 100_000}"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(digits + "\n")
    return file.read_text(encoding="utf-8").strip()
