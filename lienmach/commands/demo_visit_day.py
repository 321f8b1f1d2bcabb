"""The day of the demo visits: its clock, its staff with their keys, and what has been counted so far.

Everybody acts as the pages let them act: by their own login, role and Practitioner, so that every rule of access holds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeVar

from lienmach.base import clock, errors
from lienmach.base.actor import Actor
from lienmach.care import booking_slots, facility, resources, signing, stock
from lienmach.care.facility import Room
from lienmach.care.population import clinic, opening
from lienmach.care.signing import Signer
from lienmach.commands.demo_visit_plan import DAY_MINUTES
from lienmach.departments.pharmacy import dispensing
from lienmach.identity import roles
from lienmach.record.transaction import Store, Transaction

Result = TypeVar("Result")
OPENS, CLOSES = time(7), time(16, 30)
#: login -> (role, name); the people of care/population/clinic.py.
STAFF = {
    "tiepdon": ("reception", "Lễ tân Mẫu Tiếp Đón"),
    "bacsi": ("doctor", "BS Mẫu Khám Bệnh"),
    "bacsi2": ("doctor", "BS Mẫu Nội Khoa"),
    "bacsi3": ("doctor", "BS Mẫu Nhi Khoa"),
    "bacsi4": ("doctor", "BS Mẫu Phụ Sản"),
    "bacsitram": ("doctor", "BS Mẫu Trạm Y Tế"),
    "dieuduong": ("nurse", "ĐD Mẫu Chăm Sóc"),
    "xetnghiem": ("lab", "KTV Mẫu Xét Nghiệm"),
    "truongxn": ("lab_head", "BS Mẫu Trưởng Xét Nghiệm"),
    "duocsi": ("pharmacist", "DS Mẫu Cấp Thuốc"),
    "nhathuoc": ("retail", "DS Mẫu Nhà Thuốc"),
    "thungan": ("cashier", "Mẫu Thu Ngân"),
    "baohiem": ("insurance", "Mẫu Giám Định"),
}
SIGNERS = ("bacsi", "bacsi2", "bacsi3", "bacsi4", "bacsitram", "truongxn", "thungan", "baohiem")
_BOOKED = ("bacsi", "bacsi2", "bacsi3", "bacsi4")  # whose Schedules opening.make_times makes
_REFILL = Decimal(5000)
_LOT_DAYS = 540


class TooEarly(errors.Conflict):
    """The keys of this home are younger than the day."""


@dataclass
class DayClock:
    """The store's clock for the day: it goes from step to step, never back, and today never beyond now."""

    at: datetime
    ends_at: datetime | None = None

    def __call__(self) -> datetime:
        return self.at

    def move(self, at: datetime) -> None:
        """Go on to a moment."""
        if self.ends_at is not None:
            at = min(at, self.ends_at)
        self.at = max(self.at, at)


@dataclass
class Tally:
    """What a run has made."""

    visits: int = 0
    kept: int = 0
    finished: int = 0
    cancelled: int = 0
    signed: int = 0
    orders: int = 0
    second_exams: int = 0
    results: int = 0
    pending: int = 0
    critical: int = 0
    prescriptions: int = 0
    dispensed: int = 0
    partly: int = 0
    papers: int = 0
    booked: int = 0
    insured: int = 0
    deposits: int = 0
    statements: int = 0
    closed_again: int = 0
    paid: int = 0
    credits: int = 0
    refunds: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass
class Day:
    """A day with its clock and staff. minute: what a minute of the plan takes, shorter while the day is young.

    shift_id: of the cashier, "" while none is open.
    """

    store: Store
    tenant: int
    day: date
    is_today: bool
    clock: DayClock
    opens_at: datetime
    minute: timedelta
    tally: Tally = field(default_factory=Tally)
    signers: dict[str, Signer] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)
    shift_id: str = ""

    @property
    def system(self) -> Actor:
        """The node itself."""
        return Actor(self.tenant, "system", frozenset({"system"}), "HOPERAT", "lienmach demo visits")

    def actor(self, login: str) -> Actor:
        """Somebody of the staff, at their own work."""
        role, name = STAFF[login]
        purpose = roles.ROLES[role].purpose
        return Actor(self.tenant, login, frozenset({role}), purpose, name, clinic.practitioner_of(login))

    async def run(self, login: str, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
        """A unit of work of one of the staff."""
        return await self.store.run(self.actor(login), work)

    async def refill(self, place_id: str, drug_code: str) -> None:
        """The pharmacist takes in a new lot of what has run out."""
        lot = stock.Lot(place_id, drug_code, f"MAU{self.day:%y%m%d}", self.day + timedelta(days=_LOT_DAYS), _REFILL)

        async def work(tx: Transaction) -> None:
            stock.receive(tx, [lot], note="dữ liệu thử")

        await self.run("duocsi", work)


async def begin(store: Store, actor: Actor, day: date | None) -> Day:
    """Make the clinic ready for a day (None: today), its clock at the opening; the store keeps that clock.

    Raises errors.Invalid for a day to come, TooEarly for one before the keys of the demo doctors.
    """
    now, zone = clock.now(), store.tenants[actor.tenant].time_zone
    today = now.astimezone(zone).date()
    chosen = day or today
    if chosen > today:
        raise errors.Invalid("--day lies ahead; a visit has taken place before it is in the record.")
    if await _is_missing(store, actor):
        await opening.open_home(store, actor, is_demo=True)
    opens_at = datetime.combine(chosen, OPENS, zone)
    closes_at = datetime.combine(chosen, CLOSES, zone)
    if chosen == today:
        closes_at = min(closes_at, now)
        if closes_at - opens_at < timedelta(hours=1):
            opens_at = datetime.combine(chosen, time(), zone)
    minute = max(closes_at - opens_at, timedelta(0)) / DAY_MINUTES
    own = DayClock(opens_at.astimezone(now.tzinfo), now if chosen == today else None)
    store.now = own
    one = Day(store, actor.tenant, chosen, chosen == today, own, own.at, minute)
    await _keys(one)
    await _places(one, actor)
    return one


async def close(one: Day) -> None:
    """Closing time of an earlier day: the dispensaries let go what nobody fetched."""
    one.clock.move(datetime.combine(one.day, CLOSES, one.store.tenants[one.tenant].time_zone))

    async def let_go(tx: Transaction) -> None:
        for place_id in opening.DISPENSARIES:
            await dispensing.release_unfetched(tx, place_id, tx.now)

    await one.run("duocsi", let_go)


async def _is_missing(store: Store, actor: Actor) -> bool:
    async def look(tx: Transaction) -> bool:
        try:
            await resources.read(tx, "Organization", clinic.HOSPITAL)
        except (errors.NotFound, errors.Gone):
            return True
        return not [one for place in opening.DISPENSARIES for one in await stock.lots(tx, place)]

    return await store.run(actor, look)


async def _keys(one: Day) -> None:
    """Unlock the key of everybody who signs; whoever has none gets one."""
    one.store.now, own = clock.now, one.store.now
    pin = await opening.make_keys(one.store, one.tenant)
    one.store.now = own
    for login in SIGNERS:
        try:
            one.signers[login] = await signing.signer_for(one.store, one.actor(login), session_key=b"", pin=pin)
        except signing.NoKey:
            raise TooEarly(
                f"The signing keys of this home's demo doctors begin after {one.day.isoformat()}; choose a later --day."
            ) from None


async def _places(one: Day, actor: Actor) -> None:
    """The rooms by code, and times that can be booked on this day."""

    async def work(tx: Transaction) -> dict[str, Room]:
        for login in _BOOKED:
            try:
                schedule = await resources.read(tx, "Schedule", f"lich-{login}")
            except (errors.NotFound, errors.Gone):
                continue
            await booking_slots.make_slots(tx, schedule, one.day)
        return {room.code: room for room in await facility.rooms(tx)}

    one.rooms = await one.store.run(actor, work)
