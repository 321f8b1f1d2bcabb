"""Create, update, delete: the only ways in (FHIR R4 http.html). Everything is collected on tx; nobody commits here.

In order, for each write: read the bytes, may this actor, is it valid, do references resolve (where the tenant asks
for that), give it id and version, extract its index rows, queue the jobs it causes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from lienmach.base import clock, errors, ids
from lienmach.record import access, changes, references, subject
from lienmach.record.change import Change, Stored
from lienmach.record.index import contained, custom
from lienmach.record.index import rows as index_rows
from lienmach.record.points import Point
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import json as fhir_json
from lienmach.standards.fhir import validate

_ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.")
_READ_IT = object()
ANY = -1  # if_match: whatever version, as long as there is one


def parse(tx: Transaction, body: bytes) -> dict[str, Any]:
    """The resource in `body`, readable but not yet validated. Raises errors.Malformed, errors.TooLarge."""
    settings = tx.store.limits
    if len(body) > settings.body_bytes_max:
        raise errors.TooLarge(f"The body has {len(body)} bytes; the limit is {settings.body_bytes_max}.")
    try:
        return fhir_json.parse(body, depth_max=settings.depth_max)
    except fhir_json.TooLong as problem:
        raise errors.TooLarge(str(problem)) from None
    except fhir_json.JsonError as problem:
        raise errors.Malformed(str(problem)) from None


async def create(
    tx: Transaction,
    body: bytes,
    *,
    type_expected: str | None = None,
    resource_id: str | None = None,
    resource: dict[str, Any] | None = None,
) -> Stored:
    """Store a new resource and return it with id and meta (http.html#create).

    body: JSON as sent; an id in it is ignored. resource: `body` as parsed, if the caller has it already.
    resource_id: for ids promised earlier in a transaction. Raises errors.Malformed, Unprocessable (all issues),
    Refused, Conflict (a reference does not resolve where the tenant asks for it).
    """
    resource = parse(tx, body) if resource is None else resource
    kind = _kind(resource, type_expected)
    access.check(tx, "create", kind)
    return await _store(tx, kind, resource_id or ids.new_id(), body, resource, None)


async def update(
    tx: Transaction,
    resource_type: str,
    resource_id: str,
    body: bytes,
    *,
    if_match: int | None = None,
    is_new: bool = False,
    resource: dict[str, Any] | None = None,
    point: Any = _READ_IT,
) -> Stored:
    """Store a new version under this id, or the first one if the id is free (http.html#update, #upsert).

    body: JSON as sent, with the same id in it. if_match: the version that must be current (ANY: there must be one),
    else PreconditionFailed. is_new: nothing may be there yet (`If-None-Match: *`). point: the current version if the
    caller has read it (None: the id is free). Raises as `create`, and errors.Invalid if type or id in the body are
    others than in the call.
    """
    check_id(resource_id)
    resource = parse(tx, body) if resource is None else resource
    kind = _kind(resource, resource_type)
    if resource.get("id") != resource_id:
        raise errors.Invalid(f"The body must carry the id of its URL, {resource_id}.", expression=f"{kind}.id")
    current = await _current(tx, kind, resource_id) if point is _READ_IT else point
    version_id = None if current is None or current.deleted else current.version_id
    access.check(tx, "create" if version_id is None else "update", kind)
    if is_new and version_id is not None:
        raise errors.PreconditionFailed(f"{kind}/{resource_id} is here already, at version {version_id}.")
    if if_match is not None and version_id != if_match and (if_match != ANY or version_id is None):
        raise errors.PreconditionFailed(
            f"{kind}/{resource_id} is not at version {if_match}"
            + ("; it does not exist." if version_id is None else f" but at {version_id}; read it again.")
        )
    return await _store(tx, kind, resource_id, body, resource, current)


async def delete(
    tx: Transaction, resource_type: str, resource_id: str, *, if_match: int | None = None, point: Any = _READ_IT
) -> Stored | None:
    """Delete: its history stays, reading it answers Gone. None if there was nothing to delete (http.html#delete)."""
    access.check(tx, "delete", resource_type)
    current = await _current(tx, resource_type, resource_id) if point is _READ_IT else point
    if current is None or current.deleted:
        return None
    if if_match not in (None, ANY, current.version_id):
        raise errors.PreconditionFailed(
            f"{resource_type}/{resource_id} is not at version {if_match} but at {current.version_id}; read it again."
        )
    access.check_question(tx, resource_type, None, current.body)
    for guard in tx.store.guards.get(resource_type, ()):
        await guard(tx, {"resourceType": resource_type, "id": resource_id}, current)
    change = Change(
        type=resource_type,
        type_number=tx.definitions.type_number(resource_type),
        id=resource_id,
        op="D",
        version_id=current.version_id + 1,
        at=_later(tx, current),
        body=b"",
        bucket=current.bucket,
        patient=current.patient,
        rows=None,
        point=_directory_point(tx, resource_type, resource_id, current),
    )
    tx.add(change)
    changes.queue(tx, change)
    return change.stored()


def check_id(resource_id: str) -> None:
    """Raise errors.Invalid unless this is a FHIR id: 1 to 64 of A-Z a-z 0-9 - . (datatypes.html#id)."""
    if not (0 < len(resource_id) <= 64 and _ID_CHARACTERS.issuperset(resource_id)):
        raise errors.Invalid(f"An id has 1 to 64 of A-Z, a-z, 0-9, '-' and '.'; this is not one: {resource_id[:80]}")


async def _store(
    tx: Transaction, kind: str, resource_id: str, body: bytes, resource: dict[str, Any], current: Point | None
) -> Stored:
    tx.store.check_room()
    findings = validate.validate(tx.definitions, resource)
    if any(finding.severity in ("error", "fatal") for finding in findings):
        raise errors.Unprocessable(
            issues=[errors.Issue(f.severity, f.code, f.diagnostics, f.expression) for f in findings]
        )
    if kind == "SearchParameter" and (refused := custom.refusal(tx.definitions, resource)) is not None:
        raise errors.Unprocessable(issues=[refused])
    if tx.tenant.references_must_resolve and not tx.defers_references:
        await references.check(tx, resource)
    access.check_question(tx, kind, resource, b"" if current is None else current.body)
    for guard in tx.store.guards.get(kind, ()):
        await guard(tx, resource if resource.get("id") == resource_id else {**resource, "id": resource_id}, current)
    at = tx.now if current is None else _later(tx, current)
    version_id = 1 if current is None else current.version_id + 1
    patient = subject.patient_of(resource, resource_id, tx.store.base_url)
    if resource.get("id") != resource_id:
        resource = {**resource, "id": resource_id}
    own: dict[str, Any] = {"tenant": tx.tenant.number, "term_seed": tx.tenant.term_seed, "tz": tx.tenant.time_zone}
    change = Change(
        type=kind,
        type_number=tx.definitions.type_number(kind),
        id=resource_id,
        op="C" if current is None or current.deleted else "U",
        version_id=version_id,
        at=at,
        body=fhir_json.splice(body, id=resource_id, version_id=version_id, last_updated=clock.to_instant(at)),
        bucket=subject.bucket_of(patient or resource_id) if current is None else current.bucket,
        patient=patient,
        rows=index_rows.extract(tx.parameters, resource, **own),
        contained=contained.extract(tx.parameters, resource, **own) if "contained" in resource else (),
        point=None if current is None else _directory_point(tx, kind, resource_id, current),
    )
    tx.add(change)
    changes.queue(tx, change)
    return change.stored()


def _kind(resource: dict[str, Any], expected: str | None) -> str:
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or not kind:
        raise errors.Malformed("The body has no resourceType.", code="structure")
    if expected is not None and kind != expected:
        raise errors.Invalid(f"This URL takes {expected}, the body is a {kind[:80]}.", expression="resourceType")
    return kind


async def _current(tx: Transaction, kind: str, resource_id: str) -> Point | None:
    """The version that a write follows: one of this unit's own, or the current one of its snapshot."""
    pending = tx.pending.get((tx.definitions.type_number(kind), resource_id))
    if pending is not None:
        return Point(
            0, 0, pending.bucket, pending.version_id, pending.op == "D", pending.at, pending.patient, pending.body
        )
    return await tx.point(kind, resource_id)


def _directory_point(tx: Transaction, kind: str, resource_id: str, current: Point) -> Point | None:
    """What the directory shows until the commit: a change that follows one of its own unit moves from there."""
    pending = tx.pending.get((tx.definitions.type_number(kind), resource_id))
    return current if pending is None else pending.point


def _later(tx: Transaction, current: Point) -> Any:
    """lastUpdated of one resource never goes back nor stands still, even if the clock did."""
    return max(tx.now, current.at + timedelta(milliseconds=1))
