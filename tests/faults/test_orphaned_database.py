"""A postmaster that is killed while its children work: they end at once, and nobody's statement counts as cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from lienmach.base import db, errors, postgres, postgres_process, processes
from lienmach.base.postgres import Cluster
from lienmach.base.settings import Settings
from lienmach.record import failures

BUSY = "select count(*) from generate_series(1, 1000000000)"  # works for minutes and asks nobody whether to go on
_PATIENCE_SECONDS = 30.0


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    home = Path(tempfile.mkdtemp(prefix="lm-orphans-"))
    settings = replace(Settings(), home=home, stop_seconds=10, disk_low_mb=2, disk_full_mb=1)
    one = postgres.start(settings)
    yield one
    one.stop()
    postgres.destroy(settings)
    shutil.rmtree(home, ignore_errors=True)


async def _lose_the_head(cluster: Cluster) -> BaseException:
    """What somebody is told whose statement runs while the postmaster is killed and brought back."""
    pool = await db.connect_pool(cluster.url("app"), min=1, max=1)
    try:
        asking = asyncio.create_task(pool.fetchval(BUSY))
        await _until_it_works(cluster)
        assert cluster.child is not None
        cluster.child.kill()
        cluster.child.wait()
        await asyncio.get_running_loop().run_in_executor(None, cluster.restart)
        [told] = await asyncio.wait_for(asyncio.gather(asking, return_exceptions=True), _PATIENCE_SECONDS)
        return told
    finally:
        pool.terminate()


async def _until_it_works(cluster: Cluster) -> None:
    watching = await asyncpg.connect(cluster.url("superuser"))
    try:
        for _ in range(600):
            if await watching.fetchval(
                "select count(*) from pg_stat_activity where state = 'active' and query = $1", BUSY
            ):
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the statement never ran")
    finally:
        await watching.close()


def test_who_waits_for_a_statement_hears_that_the_database_is_away_and_not_that_it_took_too_long(
    cluster: Cluster,
) -> None:
    told = asyncio.run(_lose_the_head(cluster))
    assert not isinstance(told, asyncpg.QueryCanceledError), told
    assert isinstance(failures.failure_of(told), errors.Unavailable), repr(told)


def test_orphans_are_told_to_end_at_once_and_never_to_stop_in_order(cluster: Cluster) -> None:
    """To an orphaned checkpointer SIGINT says: write that the database was shut down. Others may still commit then."""
    assert cluster.child is not None
    orphans = [pid for pid in processes.running_in(cluster.place.data) if pid != cluster.child.pid]
    assert orphans
    for pid in orphans:
        os.kill(pid, signal.SIGSTOP)  # alone, they would end by themselves before anybody tells them
    cluster.child.kill()
    cluster.child.wait()
    ending = threading.Thread(target=postgres_process.end, args=(cluster.place, 10.0))
    ending.start()
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while any(signal.SIGQUIT not in _pending(pid) for pid in orphans) and time.monotonic() < deadline:
            assert not any(signal.SIGINT in _pending(pid) for pid in orphans)
            time.sleep(0.005)
    finally:
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        ending.join(_PATIENCE_SECONDS)
    assert processes.running_in(cluster.place.data) == []


def _pending(pid: int) -> set[int]:
    """Signals that were sent to a process and that it has not taken yet; SIGQUIT of one that is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {signal.SIGQUIT}
    mask = int(next(line.split()[1] for line in text.splitlines() if line.startswith("ShdPnd")), 16)
    return {one for one in range(1, 65) if mask >> (one - 1) & 1}
