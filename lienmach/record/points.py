"""Point reads: the current version of one id, many in one statement.

A unit that only reads one resource, or that looks at the version its update will follow, needs no transaction of
its own: one statement is one view. Reads of one tenant that ask in the same moment become one call of the SQL
function `points` (record/schema), which sets the tenant for row-level security and answers, in one round trip.
A unit that has a snapshot already reads from that instead (record/snapshot.py), so it never sees two states.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

import asyncpg

Key = tuple[int, str]  # (type number, id)
SQL = "select * from points($1, $2::smallint[], $3::text[])"


@dataclass(frozen=True, slots=True)
class Point:
    """The current version of one id: where it stands, and its bytes."""

    rid: int
    seq: int
    bucket: int
    version_id: int
    deleted: bool
    at: datetime
    patient: str | None
    body: bytes


def point_of(row: asyncpg.Record) -> Point:
    """A row of the function `points` as a value."""
    return Point(row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8])


class Points:
    """The point reads of one tenant in one process."""

    def __init__(self, pool: asyncpg.Pool, tenant: int) -> None:
        self._pool = pool
        self._tenant = tenant
        self._wanted: dict[Key, list[asyncio.Future[Point | None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def read(self, key: Key) -> Point | None:
        """The current version under `key` at some moment after this call, or None."""
        mine: asyncio.Future[Point | None] = asyncio.get_running_loop().create_future()
        self._wanted.setdefault(key, []).append(mine)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._drain())
        return await mine

    async def _drain(self) -> None:
        await asyncio.sleep(0)  # while one statement runs, the next one gathers company
        while self._wanted:
            wanted, self._wanted = self._wanted, {}
            keys = list(wanted)
            try:
                async with self._pool.acquire() as connection:
                    rows = await connection.fetch(SQL, self._tenant, [key[0] for key in keys], [key[1] for key in keys])
            except BaseException as error:
                for key in keys:
                    _tell(wanted[key], None, error if isinstance(error, Exception) else ConnectionError("stopped"))
                if not isinstance(error, Exception):
                    raise
                continue
            found = {keys[row[0] - 1]: point_of(row) for row in rows}
            for key, waiting in wanted.items():
                _tell(waiting, found.get(key), None)


def _tell(waiting: list[asyncio.Future[Point | None]], point: Point | None, error: Exception | None) -> None:
    for one in waiting:
        if one.done():
            continue  # its unit gave up meanwhile
        if error is not None:
            one.set_exception(error)
        else:
            one.set_result(point)
