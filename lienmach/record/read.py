"""Read one resource, or one of its versions (FHIR R4 http.html#read, #vread)."""

from __future__ import annotations

from typing import Any

from lienmach.base import errors
from lienmach.record import access
from lienmach.record.change import Stored
from lienmach.record.points import Point
from lienmach.record.transaction import Transaction

_VERSION = """
select v.version_id, v.at, v.op, v.patient, v.body, v.seq, v.rid
from resource r join version v on v.tenant = r.tenant and {0}
where r.tenant = $1 and r.type = $2 and r.id = $3 and """
_FIRST = _VERSION.format("v.seq = r.rid and v.version_id = $4")
_LATER = _VERSION.format("v.rid = r.rid and v.version_id = $4 and v.version_id > 1")


async def read(tx: Transaction, resource_type: str, resource_id: str) -> Stored:
    """The current version. Raises errors.Refused, NotFound (also for other tenants' rows), Gone."""
    point = await current(tx, resource_type, resource_id)
    stored = Stored(
        resource_type, resource_id, point.version_id, point.at, point.body, "U", point.patient, point.seq, point.rid
    )
    tx.show(stored)
    return stored


async def current(tx: Transaction, resource_type: str, resource_id: str) -> Point:
    """The current version as a change is built on it; it is not noted as shown. Raises as `read`."""
    access.check(tx, "read", resource_type)
    point = await tx.point(resource_type, resource_id)
    if point is None or not await access.may_see(tx, resource_type, point.rid, point.seq):
        raise errors.NotFound(f"There is no {resource_type}/{resource_id[:64]}.")
    if point.deleted:
        raise errors.Gone(f"{resource_type}/{resource_id} was deleted; its history is still there.")
    return point


async def vread(tx: Transaction, resource_type: str, resource_id: str, version_id: str) -> Stored:
    """One version, also of a resource that is deleted now. Raises errors.NotFound, Gone (this version deleted it)."""
    access.check(tx, "read", resource_type)
    missing = errors.NotFound(f"There is no {resource_type}/{resource_id[:64]} with version {version_id[:20]}.")
    if not (version_id.isascii() and version_id.isdecimal()) or len(version_id) > 9:
        raise missing
    number = tx.definitions.type_number(resource_type)
    args: list[Any] = [tx.tenant.number, number, resource_id, int(version_id)]
    found = await tx.fetch((_FIRST if args[3] == 1 else _LATER) + access.visible_version(tx, "v", args), *args)
    if not found:
        raise missing
    row = found[0]
    op = row["op"].decode()
    if op == "D":
        raise errors.Gone(f"Version {version_id} of {resource_type}/{resource_id} is its deletion.")
    stored = Stored(
        resource_type,
        resource_id,
        row["version_id"],
        row["at"],
        row["body"],
        op,
        row["patient"],
        row["seq"],
        row["rid"],
    )
    tx.show(stored)
    return stored
