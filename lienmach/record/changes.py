"""What a change in the record causes: job rows, in the same transaction.

`app.py` fills `Store.on_change` from the departments: resource type -> kinds of job. A job row carries the type,
the id and the version; the job reads the rest. A change never waits for the work that it causes. Who cares for few of
the changes says which, and is asked in the commit itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import asyncpg

from lienmach.base.jobs import JobRow
from lienmach.record.change import Change, Unit

#: (committing connection, tenant, changes of one commit) -> those that matter. Asked under the lock that orders the
#: commits of the tenant: what it sees is all that was committed before, and what comes later has to look by itself.
Which = Callable[[asyncpg.Connection, int, Sequence[Change]], Awaitable[Sequence[Change]]]


@dataclass(frozen=True)
class OnChange:
    """A department's wish: a job of this kind after each change of a resource of this type, by whatever path.

    is_once: one for all changes of a commit, without a payload, for a job that looks for what has changed by itself; an
    import of a hundred thousand then leaves some hundred jobs. which: a job only after those changes that it names.
    """

    type: str
    job: str
    is_once: bool = False
    which: Which | None = None


class Causing(Protocol):
    """What is needed of a unit of work."""

    jobs: list[JobRow]
    store: Any
    asked: list[Asked]


@dataclass(frozen=True)
class Asked:
    """A change of a unit after which a kind of job runs if the change matters."""

    kind: str
    which: Which
    change: Change


def queue(tx: Causing, change: Change) -> None:
    """Add the jobs that wait for changes of this type, and what is to be asked about it in the commit."""
    for kind in tx.store.on_change.get(change.type, ()):
        if kind in tx.store.once_a_commit:
            if not any(one.kind == kind for one in tx.jobs):
                tx.jobs.append(JobRow(kind, {}))
            continue
        which = tx.store.which.get((change.type, kind))
        if which is None:
            tx.jobs.append(_job(kind, change))
        else:
            tx.asked.append(Asked(kind, which, change))


async def caused(connection: asyncpg.Connection, tenant: int, units: Sequence[Unit]) -> list[JobRow]:
    """The jobs after those changes of a group that matter, each question put once for all units of it."""
    questions: dict[tuple[str, Which], list[tuple[Unit, Change]]] = {}
    for unit in units:
        for one in unit.asked:
            questions.setdefault((one.kind, one.which), []).append((unit, one.change))
    rows = []
    for (kind, which), asked in questions.items():
        found = {id(change) for change in await which(connection, tenant, [change for _, change in asked])}
        for unit, change in asked:
            if id(change) in found:
                unit.has_queued = True
                rows.append(dataclasses.replace(_job(kind, change), run_at=unit.now))
    return rows


def _job(kind: str, change: Change) -> JobRow:
    return JobRow(kind, {"type": change.type, "id": change.id, "version_id": change.version_id, "op": change.op})
