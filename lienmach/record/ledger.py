"""The chain: one gapless sequence and one hash chain per tenant, over every version, audit events included.

    leaf = SHA-256(frame of tenant, type, id, version_id, op, at, patient, salt, SHA-256(body))
    hash = SHA-256(hash of the row before || seq as 8 bytes || leaf)

The salt is random per version and kept beside the body: erase both and the leaf says nothing about a person,
while the chain still holds. Frames carry lengths, so no two different rows can read as the same bytes.
What it proves and what not: docs/explanation/record.md.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import asyncpg

from lienmach.standards.fhir import type_numbers

FIRST_HASH = bytes(32)
SALT_BYTES = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BATCH = 2000


def salts(count: int) -> list[bytes]:
    """Fresh salts, drawn together: asking the kernel costs more than the bytes."""
    drawn = os.urandom(SALT_BYTES * count)
    return [drawn[at : at + SALT_BYTES] for at in range(0, len(drawn), SALT_BYTES)]


def link(
    previous: bytes,
    salt: bytes,
    body: bytes,
    *,
    seq: int,
    tenant: int,
    type_number: int,
    resource_id: str,
    version_id: int,
    op: str,
    at: datetime,
    patient: str | None,
) -> bytes:
    """The 32 bytes of the chain with this row, given those with the row before."""
    person = (patient or "").encode()
    frame = b"%d|%d|%d|%b|%d|%b|%d|%d|%b|%b" % (
        tenant,
        type_number,
        len(resource_id),
        resource_id.encode(),
        version_id,
        op.encode(),
        (at - _EPOCH) // _MICROSECOND,
        len(person),
        person,
        salt + sha256(body).digest(),
    )
    return sha256(previous + seq.to_bytes(8, "big") + sha256(frame).digest()).digest()


@dataclass(frozen=True)
class Fault:
    """The first place where the record does not agree with its chain. seq: where; text: what, in a sentence."""

    tenant: int
    seq: int
    text: str


@dataclass(frozen=True)
class Progress:
    """rows: verified so far. of: the length of the chain."""

    rows: int
    of: int


async def verify(connection: asyncpg.Connection, tenant: int) -> AsyncIterator[Progress | Fault]:
    """Read one tenant's chain from its first row; yields Progress after each batch, and at most one Fault, last.

    connection: any role, on which the caller has set `lienmach.tenant`, in one REPEATABLE READ transaction, so
    that a running node does not disturb it. The fault named is the first altered, missing or moved row.
    """
    head = await connection.fetchrow("select seq, hash from ledger where tenant = $1", tenant)
    if head is None:
        yield Fault(tenant, 0, "The head of the chain is missing.")
        return
    seq, chain = 0, FIRST_HASH
    while True:
        rows = await connection.fetch(
            "select seq, type, id, version_id, op, at, patient, salt, hash, body, rid from version "
            "where tenant = $1 and seq > $2 order by seq limit $3",
            tenant,
            seq,
            _BATCH,
        )
        if not rows:
            break
        for row in rows:
            seq += 1
            if row["seq"] != seq:
                yield Fault(tenant, seq, f"Row {seq} is missing; the next one found is {row['seq']}.")
                return
            chain = _follow(chain, tenant, row)
            if chain != row["hash"]:
                yield Fault(tenant, seq, await _explain(connection, tenant, row))
                return
        yield Progress(seq, head["seq"])
    if seq < head["seq"]:
        yield Fault(tenant, seq + 1, f"Row {seq + 1} is missing; the chain's head says {head['seq']} rows.")
    elif seq > head["seq"]:
        yield Fault(tenant, head["seq"] + 1, f"Row {head['seq'] + 1} stands after the head of the chain.")
    elif chain != head["hash"]:
        yield Fault(tenant, seq, "The head of the chain was altered.")
    else:
        fault = await _check_directory(connection, tenant)
        if fault is not None:
            yield fault


def _follow(chain: bytes, tenant: int, row: asyncpg.Record) -> bytes:
    op = row["op"].decode() if isinstance(row["op"], bytes) else row["op"]
    return link(
        chain,
        row["salt"],
        row["body"],
        seq=row["seq"],
        tenant=tenant,
        type_number=row["type"],
        resource_id=row["id"],
        version_id=row["version_id"],
        op=op,
        at=row["at"],
        patient=row["patient"],
    )


async def _explain(connection: asyncpg.Connection, tenant: int, row: asyncpg.Record) -> str:
    """Altered where it stands, or moved here from another place? A moved row still fits behind its old neighbour."""
    name = f"Row {row['seq']} ({_name(row)}, version {row['version_id']})"
    other = await connection.fetchval(
        "select seq from version where tenant = $1 and id = $2 and type = $3 and version_id = $4 and seq <> $5",
        tenant,
        row["id"],
        row["type"],
        row["version_id"],
        row["seq"],
    )
    if other is not None:
        return f"{name} stands twice, here and as row {other}."
    expected = {"C": 1}.get(row["op"] if isinstance(row["op"], str) else row["op"].decode())
    if (expected is not None and row["rid"] != row["seq"]) or row["rid"] > row["seq"]:
        return f"{name} was moved: it is out of order."
    return f"{name} was altered."


def _name(row: asyncpg.Record) -> str:
    """`Type/id` of a row, as it says itself."""
    kind = type_numbers.NAMES.get(row["type"], f"type {row['type']}")
    return f"{kind}/{row['id']}"


async def _check_directory(connection: asyncpg.Connection, tenant: int) -> Fault | None:
    """The directory must point at the last version of each resource: a lost pointer hides an intact row.

    So does a wrong `rid`, by which the versions of one resource are held together.
    """
    # A record that was never analysed looks empty to the planner, which would then compare each row with all others.
    await connection.execute("set local enable_nestloop = off")
    row = await connection.fetchrow(
        "select v.seq, v.type, v.id, v.version_id from version v left join version f on f.tenant = $1 and f.seq = v.rid "
        "and f.type = v.type and f.id = v.id and f.version_id = 1 where v.tenant = $1 and (f.seq is null or "
        "(v.version_id = 1 and v.rid <> v.seq)) order by v.seq limit 1",
        tenant,
    )
    if row is not None:
        return Fault(
            tenant,
            row["seq"],
            f"Row {row['seq']} ({_name(row)}, version {row['version_id']}) was taken out of its resource's history.",
        )
    row = await connection.fetchrow(
        "select v.seq, v.type, v.id from version v where v.tenant = $1 and not exists (select 1 from resource r "
        "where r.tenant = $1 and r.type = v.type and r.id = v.id and r.seq >= v.seq) order by v.seq limit 1",
        tenant,
    )
    if row is None:
        row = await connection.fetchrow(
            "select r.seq, r.type, r.id from resource r left join version v on v.tenant = $1 and v.seq = r.seq "
            "and v.type = r.type and v.id = r.id and v.rid = r.rid and v.version_id = r.version_id "
            "and (v.op = 'D') = r.deleted where r.tenant = $1 and v.seq is null order by r.seq limit 1",
            tenant,
        )
    if row is None:
        return None
    return Fault(tenant, row["seq"], f"The directory of ids does not show row {row['seq']} ({_name(row)}) as current.")
