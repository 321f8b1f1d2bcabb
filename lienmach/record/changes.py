"""What a change in the record causes: job rows, in the same transaction.

`app.py` fills `Store.on_change` from the departments: resource type -> kinds of job. A job row carries the type,
the id and the version; the job reads the rest. A change never waits for the work that it causes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from lienmach.base.jobs import JobRow
from lienmach.record.change import Change


@dataclass(frozen=True)
class OnChange:
    """A department's wish: a job of this kind after each change of a resource of this type, by whatever path.

    is_once: one for all changes of a commit, without a payload, for a job that looks for what has changed by itself; an
    import of a hundred thousand then leaves some hundred jobs.
    """

    type: str
    job: str
    is_once: bool = False


class Causing(Protocol):
    """What is needed of a unit of work."""

    jobs: list[JobRow]
    store: Any


def queue(tx: Causing, change: Change) -> None:
    """Add the jobs that wait for changes of this type."""
    for kind in tx.store.on_change.get(change.type, ()):
        if kind in tx.store.once_a_commit:
            if not any(one.kind == kind for one in tx.jobs):
                tx.jobs.append(JobRow(kind, {}))
            continue
        tx.jobs.append(
            JobRow(kind, {"type": change.type, "id": change.id, "version_id": change.version_id, "op": change.op})
        )
