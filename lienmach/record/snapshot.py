"""Snapshots: what a unit of work sees, shared by units that asked before it was taken.

One snapshot is one REPEATABLE READ transaction on one connection. Units of the same tenant that ask in the
same moment share it: one BEGIN and one COMMIT serve all of them.
A unit never joins a snapshot that was taken before it asked, so everyone reads their own writes.
Units with different eyes may share a snapshot because each statement still carries its own unit's predicate.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import asyncpg

_PATIENCE_SECONDS = 0.1  # units that have read nothing yet wait so long for a slow companion, then go elsewhere
_GATHER_SECONDS = 0.01  # so long a forming view waits for an open one to close, and gathers company meanwhile


class Lost(Exception):
    """This view cannot be used: a companion's statement failed or is slow. One who has read nothing takes another."""


class Snapshot:
    """One shared view; a unit that joined calls `fetch`, and `leave` once at the end."""

    def __init__(self, pool: asyncpg.Pool, tenant: int, seconds_max: int) -> None:
        self._pool = pool
        self._seconds_max = seconds_max
        self._tenant = tenant
        self._members = 0
        self._busy = False
        self._queue: deque[tuple[asyncio.Future[None], bool]] = deque()
        self._broken = False
        self._connection: asyncpg.Connection | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = asyncio.Event()

    async def take(self, connection: asyncpg.Connection) -> None:
        """Take the view on this connection, which the snapshot gives back. From here on nobody may join."""
        self._connection = connection
        try:
            await connection.execute(
                "begin isolation level repeatable read read only; "
                f"set local lienmach.tenant = '{int(self._tenant)}'; "
                f"set local statement_timeout = '{int(self._seconds_max)}s'"
            )
        except BaseException as error:
            self.fail(error)
            await self._release()
            if not isinstance(error, Exception):
                raise
            return
        self.ready.set_result(None)
        if self._members == 0:
            await self._release()

    def fail(self, error: BaseException) -> None:
        """Tell all who joined that there will be no view."""
        self._broken = True
        if not self.ready.done():
            self.ready.set_exception(error if isinstance(error, Exception) else ConnectionError("stopped"))
            self.ready.exception()  # units that gave up meanwhile never ask for it

    def join(self) -> None:
        self._members += 1

    async def leave(self) -> None:
        """A unit has read all that it needs; the last one closes the view."""
        self._members -= 1
        if self._members == 0 and self.ready.done() and not self._busy:
            await self._release()

    async def fetch(self, sql: str, args: tuple[Any, ...], *, is_first: bool) -> list[asyncpg.Record]:
        """Rows of one statement. is_first: this unit has read nothing yet, so it may still go elsewhere.

        Raises Lost. A statement that fails breaks the view for everybody: the transaction is over.
        """
        if not self.ready.done():
            await asyncio.shield(self.ready)  # a unit that is cancelled must not take the view from the others
        self.ready.result()
        await self._turn(is_first)
        impatience = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._send_away)
        try:
            if self._broken or self._connection is None:
                raise Lost("a companion's statement failed")
            try:
                found: list[asyncpg.Record] = await self._connection.fetch(sql, *args)
                return found
            except BaseException:
                self._broken = True
                raise
        finally:
            impatience.cancel()
            self._next()

    async def _turn(self, is_first: bool) -> None:
        """A connection runs one statement at a time: wait for those before us."""
        if not self._busy:
            self._busy = True
            return
        mine = asyncio.get_running_loop().create_future()
        self._queue.append((mine, is_first))
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._next()  # the turn was ours already
            raise

    def _next(self) -> None:
        while self._queue:
            one, _ = self._queue.popleft()
            if not one.done():
                one.set_result(None)
                return
        self._busy = False

    def _send_away(self) -> None:
        """A statement takes long: those who have read nothing yet need not wait for it."""
        for one, is_first in self._queue:
            if is_first and not one.done():
                one.set_exception(Lost("a companion is slow"))

    async def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                if not connection.is_closed():
                    await connection.execute("rollback" if self._broken else "commit")
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
                connection.terminate()
            finally:
                try:
                    await self._pool.release(connection)
                finally:
                    self.closed.set()


class Snapshots:
    """Hands out snapshots. A new one waits a moment while two are open, so that units gather in it.

    concurrent_max: how many may be open at all; the pool keeps further connections for commits.
    seconds_max: how long PostgreSQL may work on one statement before it is cancelled.
    """

    def __init__(self, pool: asyncpg.Pool, concurrent_max: int, seconds_max: int) -> None:
        self._pool = pool
        self._seconds_max = seconds_max
        self._all = asyncio.Semaphore(concurrent_max)
        self._quick = asyncio.Semaphore(min(2, concurrent_max))
        self._forming: dict[int, Snapshot] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def join(self, tenant: int) -> Snapshot:
        """A snapshot of this tenant's rows that is not taken yet."""
        snapshot = self._forming.get(tenant)
        if snapshot is None:
            snapshot = self._forming[tenant] = Snapshot(self._pool, tenant, self._seconds_max)
            task = asyncio.get_running_loop().create_task(self._live(snapshot, tenant))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        snapshot.join()
        return snapshot

    async def _live(self, snapshot: Snapshot, tenant: int) -> None:
        """Wait for a place, take the view, give the place back when the last unit left."""
        is_quick = True
        if self._quick.locked():
            try:
                await asyncio.wait_for(self._quick.acquire(), _GATHER_SECONDS)
            except TimeoutError:
                is_quick = False
        else:
            await self._quick.acquire()
        try:
            async with self._all:
                try:
                    connection = await self._pool.acquire()
                except Exception as error:
                    snapshot.fail(error)
                    return
                finally:
                    self._forming.pop(tenant, None)
                await snapshot.take(connection)
                await snapshot.closed.wait()
        finally:
            if is_quick:
                self._quick.release()
