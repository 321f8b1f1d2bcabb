"""Snapshots: what a unit of work sees, shared by units that asked before it was taken.

One snapshot is one REPEATABLE READ transaction on one connection. Units of the same tenant that ask in the
same moment share it: one BEGIN and one COMMIT serve all of them.
A unit never joins a snapshot that was taken before it asked, so everyone reads their own writes.
Units with different eyes may share a snapshot because each statement still carries its own unit's predicate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg

class Snapshot:
    """One shared view; `fetch` may be called until the unit that joined calls `leave`."""

    def __init__(self, pool: asyncpg.Pool, tenant: int, on_close: Callable[[], None]) -> None:
        self._pool = pool
        self._tenant = tenant
        self._on_close = on_close
        self._members = 0
        self._lock = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def take(self, connection: asyncpg.Connection) -> None:
        """Take the view on this connection, which the snapshot gives back. From here on nobody may join."""
        self._connection = connection
        try:
            await connection.execute(
                "begin isolation level repeatable read read only; "
                f"set local lienmach.tenant = '{int(self._tenant)}'"
            )
        except BaseException as error:
            await self._release()
            if not self.ready.done():
                self.ready.set_exception(error if isinstance(error, Exception) else ConnectionError("stopped"))
                self.ready.exception()  # units that gave up meanwhile never ask for it
            if not isinstance(error, Exception):
                raise
            return
        self.ready.set_result(None)
        if self._members == 0:
            await self._release()

    def join(self) -> None:
        self._members += 1

    async def leave(self) -> None:
        """A unit has read all that it needs; the last one closes the view."""
        self._members -= 1
        if self._members == 0 and self.ready.done():
            async with self._lock:
                await self._release()

    async def fetch(self, sql: str, args: tuple[Any, ...]) -> list[asyncpg.Record]:
        await self.ready
        async with self._lock:
            assert self._connection is not None
            found: list[asyncpg.Record] = await self._connection.fetch(sql, *args)
            return found

    async def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                if not connection.is_closed():
                    await connection.execute("commit")
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                connection.terminate()
            finally:
                await self._pool.release(connection)
                self._on_close()


class Snapshots:
    """Hands out snapshots; at most `concurrent_max` are open, so that waiting units gather in the next one."""

    def __init__(self, pool: asyncpg.Pool, concurrent_max: int) -> None:
        self._pool = pool
        self._free = asyncio.Semaphore(concurrent_max)
        self._forming: dict[int, Snapshot] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def join(self, tenant: int) -> Snapshot:
        """A snapshot of this tenant's rows that is not taken yet."""
        snapshot = self._forming.get(tenant)
        if snapshot is None:
            snapshot = self._forming[tenant] = Snapshot(self._pool, tenant, self._free.release)
            task = asyncio.get_running_loop().create_task(self._open(snapshot, tenant))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        snapshot.join()
        return snapshot

    async def _open(self, snapshot: Snapshot, tenant: int) -> None:
        await self._free.acquire()
        try:
            connection = await self._pool.acquire()
        except Exception as error:
            self._free.release()
            snapshot.ready.set_exception(error)
            snapshot.ready.exception()
            return
        finally:
            self._forming.pop(tenant, None)
        await snapshot.take(connection)
