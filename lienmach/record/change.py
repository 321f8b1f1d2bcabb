"""The values that a unit of work collects: versions to write, jobs they cause; and a version as it stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import asyncpg

from lienmach.base.actor import Actor
from lienmach.base.jobs import JobRow
from lienmach.record.frames import Frame
from lienmach.record.index.contained import Inner
from lienmach.record.index.rows import IndexRows
from lienmach.record.points import Key, Point
from lienmach.record.tenants import Tenant


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a resource, as it stands in the record. body: its exact bytes, b"" if op is "D".

    op: C created, U updated, D deleted. patient: id of the one person it is about, or None.
    seq, rid: the record's own numbers (0 until the unit that wrote it is committed).
    """

    type: str
    id: str
    version_id: int
    last_updated: datetime
    body: bytes
    op: str = "C"
    patient: str | None = None
    seq: int = 0
    rid: int = 0


@dataclass(slots=True)
class Change:
    """A version to be written. point: the version it follows (None: the id is new). rows: None for a deletion.

    frame: what the index rows leave out because many share it (audit events). contained: rows of what it contains.
    """

    type: str
    type_number: int
    id: str
    op: str
    version_id: int
    at: datetime
    body: bytes
    bucket: int
    patient: str | None
    rows: IndexRows | None
    point: Point | None
    prior: Change | None = None
    superseded: bool = False
    frame: Frame | None = None
    contained: Sequence[Inner] = ()
    rid: int = 0
    seq: int = 0

    def stored(self) -> Stored:
        return Stored(
            self.type, self.id, self.version_id, self.at, self.body, self.op, self.patient, self.seq, self.rid
        )


class Unit(Protocol):
    """What the committer and the audit need of a unit of work (record/transaction.py is the one there is)."""

    actor: Actor
    tenant: Tenant
    now: datetime
    changes: list[Change]
    pending: dict[Key, Change]
    jobs: list[JobRow]
    asked: list[Any]
    has_queued: bool
    premises: list[Premise]
    effects: list[Effect]
    marks: dict[bytes, Mark]

    def on(self, connection: asyncpg.Connection | None) -> None: ...

    def add(self, change: Change) -> None: ...


Mark = tuple[int, int, bytes, bytes, str]  # what an import remembers: bucket, type number, name, hash of the body, id
Premise = Callable[[Any, asyncpg.Connection], Awaitable[bool]]
Effect = Callable[[asyncpg.Connection], Awaitable[None]]
