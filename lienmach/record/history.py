"""History of one resource, of a type, of everything (FHIR R4 http.html#history), newest first.

Pages go by the commit sequence: lastUpdated is neither unique nor in commit order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.record import access
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction

_COLUMNS = "v.type, v.id, v.version_id, v.at, v.op, v.patient, v.body, v.seq, v.rid"


@dataclass(frozen=True)
class HistoryPage:
    """entries: newest first. next_seq: where the next page begins (rows below it), None at the end. total: or None."""

    entries: list[Stored]
    next_seq: int | None
    total: int | None


async def history(
    tx: Transaction,
    resource_type: str | None,
    resource_id: str | None = None,
    *,
    count: int = 50,
    before_seq: int | None = None,
    since: datetime | None = None,
    at: tuple[datetime, datetime] | None = None,
) -> HistoryPage:
    """A page of versions. before_seq: from an earlier page. since: `_since`, at or after. at: `_at`, [low, high).

    Raises errors.Refused, and NotFound for an instance that was never here.
    """
    args: list[Any] = [tx.tenant.number]
    where = ["v.tenant = $1"]
    total = None
    if resource_type is not None:
        access.check(tx, "read", resource_type)
        args.append(tx.definitions.type_number(resource_type))
        where.append(f"v.type = ${len(args)}")
        if resource_id is not None:
            point = await tx.point(resource_type, resource_id)
            if point is None or not await access.may_see(tx, resource_type, point.rid, point.seq):
                raise errors.NotFound(f"There is no {resource_type}/{resource_id[:64]}.")
            args.append(point.rid)
            where.append(f"((v.version_id > 1 and v.rid = ${len(args)}) or v.seq = ${len(args)})")
            is_whole = since is None and at is None and tx.policy.person is None
            total = point.version_id if is_whole else None
    where += [access.visible_version(tx, "v", args), *_bounds(args, before_seq, since, at)]
    args.append(count + 1)
    found = await tx.fetch(
        f"select {_COLUMNS} from version v where {' and '.join(where)} order by v.seq desc limit ${len(args)}", *args
    )
    entries = [_stored(tx, row) for row in found[:count]]
    for entry in entries:
        tx.show(entry)
    return HistoryPage(entries, entries[-1].seq if len(found) > count and entries else None, total)


def _bounds(
    args: list[Any], before_seq: int | None, since: datetime | None, at: tuple[datetime, datetime] | None
) -> Iterator[str]:
    """What of the history is asked for; values are appended to `args`."""
    if before_seq is not None:
        args.append(before_seq)
        yield f"v.seq < ${len(args)}"
    if since is not None:
        args.append(since)
        yield f"v.at >= ${len(args)}"
    if at is not None:
        args += at
        # A version was the current one during [low, high) if it began before high and did not end before low.
        yield (
            f"v.at < ${len(args)} and not exists (select 1 from version w where w.tenant = v.tenant "
            f"and w.rid = v.rid and w.version_id = v.version_id + 1 and w.version_id > 1 "
            f"and w.at <= ${len(args) - 1})"
        )


def _stored(tx: Transaction, row: asyncpg.Record) -> Stored:
    kind, op = tx.definitions.type_name(row["type"]), row["op"].decode()
    return Stored(
        *(kind, row["id"], row["version_id"], row["at"], row["body"]), op, row["patient"], row["seq"], row["rid"]
    )
