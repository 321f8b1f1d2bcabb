"""The queue: with its cause or not at all, once or again, never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from lienmach.base import jobs
from lienmach.base.errors import Conflict


async def _queue(pool: asyncpg.Pool, *rows: jobs.JobRow, tenant: int = 1) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', $1, true)", str(tenant))
        await jobs.queue(connection, tenant, rows)


def _worker(pool: asyncpg.Pool, function: Callable, *, attempts_max: int = 10, lease_seconds: int = 300) -> jobs.Worker:
    return jobs.Worker(
        pool, [jobs.Job("bell", function, attempts_max)], "app", lease_seconds=lease_seconds, poll_seconds=0.02
    )


async def _rows(owner_url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(owner_url)
    try:
        return await connection.fetch("select * from job order by job_id")
    finally:
        await connection.close()


async def _owner(owner_url: str, sql: str) -> None:
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def test_a_queued_job_runs_once_with_its_payload_and_tenant(pool, owner_url) -> None:
    seen = []

    async def ring(app, job) -> None:
        seen.append((app, job.tenant, job.payload, job.attempt))

    await _queue(pool, jobs.JobRow("bell", {"seq": 5}), tenant=2)
    worker = _worker(pool, ring)
    assert await worker.run_once() == 1
    assert await worker.run_once() == 0
    assert seen == [("app", 2, {"seq": 5}, 1)]
    assert (await _rows(owner_url))[0]["done_at"] is not None


async def test_a_job_of_a_transaction_that_failed_does_not_exist(pool, owner_url) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("select set_config('lienmach.tenant', '1', true)")
            await jobs.queue(connection, 1, [jobs.JobRow("bell")])
            await connection.execute("select 1/0")
    assert await _rows(owner_url) == []


async def test_a_job_for_another_tenant_than_the_transactions_is_refused(pool) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("select set_config('lienmach.tenant', '1', true)")
            await jobs.queue(connection, 2, [jobs.JobRow("bell")])


async def test_a_job_of_another_tenant_is_not_seen(pool) -> None:
    await _queue(pool, jobs.JobRow("bell"), tenant=2)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        assert await connection.fetchval("select count(*) from job") == 0


async def test_a_job_before_its_time_waits(pool) -> None:
    async def ring(app, job) -> None:
        raise AssertionError

    await _queue(pool, jobs.JobRow("bell", run_at=datetime.now(UTC) + timedelta(hours=1)))
    assert await _worker(pool, ring).run_once() == 0


async def test_a_failed_job_comes_back_later_and_keeps_our_own_words_only(pool, owner_url) -> None:
    async def ring(app, job) -> None:
        raise Conflict("the rope is torn") if job.attempt == 1 else ValueError("Nguyễn Văn A")

    await _queue(pool, jobs.JobRow("bell"))
    worker = _worker(pool, ring)
    await worker.run_once()
    row = (await _rows(owner_url))[0]
    assert row["error"] == "Conflict: the rope is torn" and row["dead_at"] is None and row["run_at"] > row["queued_at"]
    assert await worker.run_once() == 0
    await _owner(owner_url, "update job set run_at = now()")
    await worker.run_once()
    assert (await _rows(owner_url))[0]["error"] == "ValueError"


async def test_a_job_out_of_attempts_is_put_aside_and_one_before_that_is_not(pool, owner_url) -> None:
    async def ring(app, job) -> None:
        raise ValueError

    await _queue(pool, jobs.JobRow("bell", attempts_max=1), jobs.JobRow("bell", attempts_max=2))
    await _worker(pool, ring).run_once()
    assert [row["dead_at"] is not None for row in await _rows(owner_url)] == [True, False]


async def test_one_failure_in_a_batch_leaves_the_others_done(pool, owner_url) -> None:
    async def ring(app, job) -> None:
        if job.payload["n"] == 1:
            raise ValueError

    await _queue(pool, *(jobs.JobRow("bell", {"n": n}) for n in range(3)))
    await _worker(pool, ring).run_once()
    assert [row["done_at"] is not None for row in await _rows(owner_url)] == [True, False, True]


async def test_a_job_whose_worker_died_goes_to_another_when_its_lease_ends(pool, owner_url) -> None:
    seen = []

    async def ring(app, job) -> None:
        seen.append(job.attempt)

    await _queue(pool, jobs.JobRow("bell"))
    await pool.fetch("select * from job_claim('{bell}', 5, 300, 42)")  # a worker that dies with the job in hand
    worker = _worker(pool, ring)
    assert await worker.run_once() == 0
    await _owner(owner_url, "update job set leased_until = now() - interval '1 second'")
    assert await worker.run_once() == 1
    assert seen == [2]
    job_id = (await _rows(owner_url))[0]["job_id"]
    assert await pool.fetchval("select job_finish($1, 42)", [job_id]) == 0  # the dead one wakes: too late


async def test_a_job_that_kills_its_worker_every_time_is_put_aside(pool, owner_url) -> None:
    await _queue(pool, jobs.JobRow("bell", attempts_max=1))
    await pool.fetch("select * from job_claim('{bell}', 5, 300, 42)")
    await _owner(owner_url, "update job set leased_until = now() - interval '1 second'")
    assert await _worker(pool, lambda *_: None).run_once() == 0
    await pool.execute("select job_sweep(7)")
    row = (await _rows(owner_url))[0]
    assert row["dead_at"] is not None and row["error"] == "its worker died"


async def test_two_workers_share_the_jobs_without_doing_one_twice(pool) -> None:
    seen: list[int] = []

    async def ring(app, job) -> None:
        await asyncio.sleep(0)
        seen.append(job.payload["n"])

    await _queue(pool, *(jobs.JobRow("bell", {"n": n}) for n in range(100)))
    workers = [_worker(pool, ring) for _ in range(2)]
    running = [asyncio.create_task(one.run()) for one in workers]
    async with asyncio.timeout(10):
        while len(seen) < 100:
            await asyncio.sleep(0.01)
    for one in workers:
        one.stop()
    await asyncio.gather(*running)
    assert sorted(seen) == list(range(100))


async def test_kinds_that_nobody_here_does_are_left_alone(pool, owner_url) -> None:
    await _queue(pool, jobs.JobRow("drum"))
    assert await _worker(pool, lambda *_: None).run_once() == 0
    assert (await _rows(owner_url))[0]["attempts"] == 0


async def test_a_worker_outlives_an_error_of_the_driver(pool, owner_url) -> None:
    rung = asyncio.Event()

    async def ring(app, job) -> None:
        rung.set()

    class Stumbling:
        """The pool, but for one error that is none of PostgreSQL's: asyncpg raises it when a server is killed."""

        errors = [asyncpg.InternalClientError("got result for unknown protocol state")]

        async def fetch(self, *args):
            if self.errors:
                raise self.errors.pop()
            return await pool.fetch(*args)

        def __getattr__(self, name):
            return getattr(pool, name)

    worker = jobs.Worker(Stumbling(), [jobs.Job("bell", ring)], None, poll_seconds=0.05)
    await _queue(pool, jobs.JobRow("bell"))
    working = asyncio.create_task(worker.run())
    await asyncio.wait_for(rung.wait(), 10)
    worker.stop()
    await asyncio.wait_for(working, 10)
