"""The rows of one commit, laid out: each change gets its number and its link in the chain, and becomes rows.

The committer holds the head of the chain; here nothing waits but `send`. Rows go out in one statement, or in
several for very many changes, so that laying them out never keeps everybody else waiting for long.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg

from lienmach.base.jobs import JobRow
from lienmach.record import ledger, rowsets
from lienmach.record.change import Change, Unit
from lienmach.record.index import contained

_STATEMENT_CHANGES_MAX = 500


class Changed(Exception):
    """Somebody else changed what this unit relied on. Nothing was written; run the whole unit again."""


@dataclass(slots=True)
class _Moves:
    """Directory entries that point at a new version, with the version that they must point at until now.

    inner: row numbers of what the versions until now contain.
    """

    types: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    expected: list[int] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    deleted: list[bool] = field(default_factory=list)
    rids: list[int] = field(default_factory=list)
    inner: list[int] = field(default_factory=list)

    def arguments(self, tenant: int) -> tuple[Any, ...]:
        gone = [rid for rid, deleted in zip(self.rids, self.deleted, strict=True) if deleted]
        return (
            *(tenant, self.types, self.ids, self.expected, self.seqs, self.versions, self.deleted),
            *(self.rids + self.inner, gone + self.inner),
        )


class Layout:
    """Rows gathered since the last `send`, and where the chain stands with them."""

    def __init__(self, tenant: int, seq: int, chain: bytes) -> None:
        self.rows = rowsets.Rows()
        self._moves = _Moves()
        self._tenant = tenant
        self._seq = seq
        self._chain = chain

    @property
    def is_full(self) -> bool:
        return len(self.rows.tables["version"]) >= _STATEMENT_CHANGES_MAX

    def add(self, change: Change, salt: bytes) -> None:
        """Give a change the next number, link it, and lay its rows out."""
        self._seq = seq = self._seq + 1
        change.seq = seq
        change.rid = change.prior.rid if change.prior else seq if change.point is None else change.point.rid
        self._chain = self._link(change, salt)
        self.rows.tables["version"].append(
            (change.bucket, seq, change.rid, change.type_number, change.version_id, change.op, change.at, change.id)
            + (change.patient, salt, self._chain, change.body)
        )
        if not change.superseded:  # else a later change of the same unit is the current one
            self._point_at(change)
            if change.op != "D":
                self._index(change)

    def _link(self, change: Change, salt: bytes) -> bytes:
        return ledger.link(
            self._chain,
            salt,
            change.body,
            seq=change.seq,
            tenant=self._tenant,
            type_number=change.type_number,
            resource_id=change.id,
            version_id=change.version_id,
            op=change.op,
            at=change.at,
            patient=change.patient,
        )

    def _point_at(self, change: Change) -> None:
        """The directory shows this version from now on."""
        deleted, moves = change.op == "D", self._moves
        if change.point is None:
            self.rows.tables["resource"].append(
                (change.bucket, change.type_number, change.version_id, change.rid, change.seq, deleted, change.id)
            )
            return
        moves.types.append(change.type_number)
        moves.ids.append(change.id)
        moves.expected.append(change.point.seq)
        moves.seqs.append(change.seq)
        moves.versions.append(change.version_id)
        moves.deleted.append(deleted)
        moves.rids.append(change.rid)
        moves.inner.extend(contained.rids_of(change.rid, change.point.body))

    def _index(self, change: Change) -> None:
        self.rows.add_index(change.bucket, change.type_number, change.rid, change.seq, change.at, change.rows)
        for inner in change.contained:
            rid = contained.rid_of(change.rid, inner.place)
            self.rows.add_index(change.bucket, inner.type_number, rid, change.seq, change.at, inner.rows)

    def add_marks_and_jobs(self, unit: Unit) -> None:
        """What an import remembers, and the work that a unit causes."""
        self.rows.tables["import_mark"].extend(unit.marks.values())
        self.add_jobs(job if job.run_at else replace(job, run_at=unit.now) for job in unit.jobs)

    def add_jobs(self, found: Iterable[JobRow]) -> None:
        """Jobs with their time."""
        self.rows.tables["job"].extend((job.kind, job.payload_text, job.run_at, job.attempts_max) for job in found)

    async def send(self, connection: asyncpg.Connection) -> None:
        """Move the directory and insert what was gathered; the head of the chain moves with it. Raises Changed."""
        if not any(self.rows.tables.values()):
            return
        moves, rows = self._moves, self.rows
        self.rows, self._moves = rowsets.Rows(), _Moves()
        if moves.ids:
            moved = await connection.fetchval(rowsets.CHANGE_DIRECTORY, *moves.arguments(self._tenant))
            if moved != len(moves.ids):
                raise Changed("Another version was stored meanwhile.")
        sql, args = rows.statement(self._tenant, self._seq, self._chain, upsert=bool(moves.ids))
        await connection.execute(sql, *args)
