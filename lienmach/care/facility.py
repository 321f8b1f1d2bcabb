"""Where care happens: facilities (Organization), their rooms (Location), and where the person who acts sits today.

Rooms and facilities are resources; here they are read into small values. What a facility is by law (level, beds) stands
in extensions of its Organization, because FHIR R4 has no element for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.care import resources, systems
from lienmach.record.transaction import Transaction

LEVEL = systems.EXTENSION + "facility-level"
HAS_BEDS = systems.EXTENSION + "facility-has-beds"


@dataclass(frozen=True)
class Facility:
    """level: commune, clinic, district, province. code: MA_CSKCB, 5 characters. has_beds: it treats inpatients."""

    organization_id: str
    name: str
    code: str
    level: str
    has_beds: bool
    address: str = ""
    phone: str = ""


@dataclass(frozen=True)
class Room:
    """kind: reception, exam, collection, lab, imaging, procedure, dispensary, cashier. department: MA_KHOA."""

    id: str
    code: str
    name: str
    kind: str
    specialty: str
    department: str
    organization_id: str


async def home(tx: Transaction) -> Facility:
    """The facility of the person who acts: of their workplace, of their role, else the only one that has a code.

    Raises errors.Conflict where none can be told.
    """
    seat = await workplace(tx)
    if seat is not None:
        return await facility(tx, seat.organization_id)
    if tx.actor.reference:
        for role in await resources.find(tx, "PractitionerRole", ("practitioner", tx.actor.reference), count=5):
            own = resources.id_of(role.get("organization"), "Organization")
            if own:
                return await facility(tx, own)
    coded = await resources.find(tx, "Organization", ("identifier", systems.FACILITY + "|"), ("_sort", "_id"), count=50)
    if not coded:
        raise errors.Conflict("No facility is set up yet: add an Organization with its code (MA_CSKCB).")
    ranked = sorted((_facility(one) for one in coded), key=lambda one: (one.level == "pharmacy", not one.has_beds))
    return ranked[0]


async def facility(tx: Transaction, organization_id: str) -> Facility:
    """One facility. Raises errors.NotFound, Refused."""
    return _facility(await resources.read(tx, "Organization", organization_id))


async def rooms(tx: Transaction, kind: str | None = None, *, organization_id: str = "") -> list[Room]:
    """Rooms in use, by code; of one kind and one facility if asked."""
    wanted = ("type", f"{systems.ROOM_KIND}|{kind or ''}")
    found = [_room(one) for one in await resources.find(tx, "Location", wanted, ("status", "active"), count=500)]
    return sorted(
        (one for one in found if not organization_id or one.organization_id == organization_id),
        key=lambda one: one.code,
    )


async def room(tx: Transaction, location_id: str) -> Room:
    """One room. Raises errors.NotFound, Refused."""
    return _room(await resources.read(tx, "Location", location_id))


async def workplace(tx: Transaction) -> Room | None:
    """The room where the person who acts said that they sit, or None."""
    rows = await tx.fetch(
        "select location_id from workplace where tenant = $1 and login = $2", tx.tenant.number, tx.actor.user
    )
    if not rows:
        return None
    try:
        return await room(tx, rows[0]["location_id"])
    except (errors.NotFound, errors.Gone):
        return None


def set_workplace(tx: Transaction, location_id: str) -> None:
    """Remember the room of the person who acts, when tx commits."""

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into workplace (tenant, login, location_id, at) values ($1, $2, $3, $4)
               on conflict (tenant, login) do update set location_id = excluded.location_id, at = excluded.at""",
            tx.tenant.number, tx.actor.user, location_id, tx.now,
        )  # fmt: skip

    tx.also(write)


def _facility(organization: dict[str, Any]) -> Facility:
    said = {one.get("url"): one for one in organization.get("extension", ())}
    address = (organization.get("address") or [{}])[0]
    phones = [one.get("value", "") for one in organization.get("telecom", ()) if one.get("system") == "phone"]
    return Facility(
        organization["id"],
        organization.get("name", ""),
        resources.identifier_of(organization, systems.FACILITY),
        said.get(LEVEL, {}).get("valueCode", ""),
        bool(said.get(HAS_BEDS, {}).get("valueBoolean", False)),
        address.get("text", ""),
        phones[0] if phones else "",
    )


def _room(location: dict[str, Any]) -> Room:
    kinds = [resources.code_of(one, systems.ROOM_KIND) for one in location.get("type", ())]
    specialties = [resources.code_of(one, systems.SPECIALTY) for one in location.get("type", ())]
    departments = [resources.code_of(one, systems.KHOA) for one in location.get("type", ())]
    return Room(
        location["id"],
        resources.identifier_of(location, systems.ROOM),
        location.get("name", ""),
        next((one for one in kinds if one), ""),
        next((one for one in specialties if one), ""),
        next((one for one in departments if one), ""),
        resources.id_of(location.get("managingOrganization"), "Organization"),
    )
