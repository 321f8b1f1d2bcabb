"""Is this process alive, and may traffic be sent to it? The answers name parts, never people.

`/healthz` says that the process answers; it asks nobody, so a slow database does not get web workers
killed. `/readyz` asks the parts. A disk that fills up is named there and stays ready: reading goes on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg

from lienmach.base import metrics
from lienmach.base.disk import Watch

_PATIENCE_SECONDS = 2.0


@dataclass(frozen=True)
class Readiness:
    """ready: 200 or 503. parts: `database`, `disk`, `jobs` and their states, for the answer's JSON."""

    ready: bool
    parts: dict[str, Any]


async def ready(pool: asyncpg.Pool, watch: Watch) -> Readiness:
    """Ask the database and the disk, and refresh the gauges that depend on them."""
    parts: dict[str, Any] = {}
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            rows = await pool.fetch("select * from job_counts()")
        parts["database"] = {"state": "ok"}
        parts["jobs"] = {
            "state": "dead" if any(row["dead"] for row in rows) else "ok",
            "waiting": sum(row["waiting"] for row in rows),
            "dead": sum(row["dead"] for row in rows),
        }
        for row in rows:
            metrics.JOBS_WAITING.labels(row["kind"]).set(row["waiting"])
            metrics.JOBS_DEAD.labels(row["kind"]).set(row["dead"])
            metrics.JOBS_OLDEST_SECONDS.labels(row["kind"]).set(row["oldest_seconds"])
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        parts["database"] = {"state": "away"}
    space = watch.look()
    parts["disk"] = {"state": space.state, "free_mb": space.free_mb, "reserve": space.reserve}
    metrics.DISK_FREE_BYTES.set(space.free_mb * 2**20)
    metrics.DISK_STATE.set(("ok", "low", "full").index(space.state))
    is_ready = parts["database"]["state"] == "ok"
    metrics.READY.set(int(is_ready))
    return Readiness(is_ready, parts)
