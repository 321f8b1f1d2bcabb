"""The only place that commits.

Units of work of one tenant that end in the same moment are written in one transaction: one lock of the chain's
head, one statement of inserts (several for very many rows), one flush to disk. A commit never shares fates: if a
group fails for a reason that one unit may have caused, all of it is rolled back and its units are written again
one by one.

Before it writes, the committer holds the head's row lock, so it is alone in its tenant (other processes wait):
premises that a unit took from its snapshot (this version is current, nothing matches this condition) are
looked at again there and can not change any more. A unit whose premise fell raises Changed and is run again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

import asyncpg

from lienmach.base import errors, metrics
from lienmach.record import changes, ledger
from lienmach.record.change import Unit
from lienmach.record.layout import Changed as Changed
from lienmach.record.layout import Layout

_log = logging.getLogger(__name__)
_GROUP_UNITS_MAX = 256
_GROUP_CHANGES_MAX = 2000
_COMPANY = 24  # units that are worth a commit of their own
_PATIENCE_SECONDS = 0.0005
_PATIENCE_STEPS = 4


class Committer:
    """Writes the units of one tenant, in the order in which they end."""

    def __init__(self, pool: asyncpg.Pool, tenant: int) -> None:
        self._pool = pool
        self._tenant = tenant
        self._waiting: deque[tuple[Unit, asyncio.Future[None]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._frames: set[int] = set()  # numbers that are surely stored
        self.open = 0  # units that were begun and have neither ended nor been handed in

    async def commit(self, unit: Unit) -> None:
        """Return when everything that `unit` collected is durable. Raises Changed, errors.Unavailable."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((unit, done))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._drain())
        await done

    async def close(self) -> None:
        """Wait until everything handed in is written."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def _drain(self) -> None:
        while self._waiting:
            await self._gather_company()
            group = self._next_group()
            try:
                await self._write_group(group)
            except BaseException as error:
                for _, done in group:
                    if not done.done():
                        done.set_exception(errors.Unavailable("The record is being stopped."))
                if not isinstance(error, Exception):
                    raise
                _log.exception("a commit failed in a way that it should not")

    async def _gather_company(self) -> None:
        """Wait a moment for units that are under way: one lock, one flush then serve all. Alone, nobody waits."""
        await asyncio.sleep(0)
        for _ in range(_PATIENCE_STEPS):
            if self.open <= 0 or len(self._waiting) >= _COMPANY:
                return
            await asyncio.sleep(_PATIENCE_SECONDS)

    def _next_group(self) -> list[tuple[Unit, asyncio.Future[None]]]:
        """As many waiting units as may be written together: no id twice, a unit with premises alone."""
        group: list[tuple[Unit, asyncio.Future[None]]] = []
        keys: set[tuple[int, str]] = set()
        size = 0
        while self._waiting and len(group) < _GROUP_UNITS_MAX:
            unit, _ = self._waiting[0]
            touched = unit.pending.keys()
            if group and (
                unit.premises or size + len(unit.changes) > _GROUP_CHANGES_MAX or not keys.isdisjoint(touched)
            ):
                break
            group.append(self._waiting.popleft())
            if unit.premises:
                break
            keys.update(touched)
            size += len(unit.changes)
        return group

    async def _write_group(self, group: list[tuple[Unit, asyncio.Future[None]]]) -> None:
        failure = await self._try([unit for unit, _ in group])
        metrics.COMMITS.labels("done" if failure is None else "again" if len(group) > 1 else "refused").inc()
        if failure is None:
            metrics.COMMIT_UNITS.inc(len(group))
            for _, done in group:
                if not done.done():
                    done.set_result(None)
            return
        retry = len(group) > 1 and not isinstance(failure, errors.Unavailable)
        for unit, done in group:
            one = await self._try([unit]) if retry else failure
            if done.done():
                continue
            if one is None:
                done.set_result(None)
            else:
                done.set_exception(one)

    async def _try(self, units: list[Unit]) -> Exception | None:
        """Write these units in one transaction; the failure as a value, in our own words."""
        try:
            async with self._pool.acquire() as connection:
                try:
                    await self._write(connection, units)
                except BaseException:
                    if connection.is_in_transaction():
                        await connection.execute("rollback")
                    raise
            return None
        except (Changed, errors.Failure) as failure:
            return failure
        except asyncpg.UniqueViolationError:
            return Changed("An id was taken meanwhile.")
        except (asyncpg.DiskFullError, asyncpg.OutOfMemoryError) as failure:
            _log.error("the database has no room left: %s", failure.sqlstate)
            return errors.Unavailable("The disk of this node is full; nothing was stored. Free space and try again.")
        except (
            asyncpg.PostgresConnectionError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            asyncpg.OperatorInterventionError,  # told to end, ended beside a crash, starting up, or cancelled by hand
            asyncpg.TooManyConnectionsError,
            asyncpg.ReadOnlySQLTransactionError,
            OSError,
        ) as failure:
            _log.warning("the database went away during a commit: %s", type(failure).__name__)
            return errors.Unavailable("The database is restarting; this change may not have been stored. Try again.")
        except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError):
            return errors.Invalid("A character in it cannot be stored, such as NUL; leave it out.")
        except asyncpg.PostgresError as failure:
            _log.error("the database refused a commit: %s %s", failure.sqlstate, type(failure).__name__)
            return errors.Conflict("The record refused this change; nothing was stored.")

    async def _write(self, connection: asyncpg.Connection, units: list[Unit]) -> None:
        tenant = self._tenant
        await connection.execute(f"begin; set local lienmach.tenant = '{int(tenant)}'")
        head = await connection.fetchrow("select seq, hash from ledger where tenant = $1 for update", tenant)
        if head is None:
            raise errors.Refused("This tenant has no record.")
        for unit in units:
            for premise in unit.premises:
                if not await premise(unit, connection):
                    raise Changed("A condition matches something else now.")
            for effect in unit.effects:
                await effect(connection)
        is_asked = any(unit.asked for unit in units)
        caused = await changes.caused(connection, tenant, units) if is_asked else []
        frames: set[int] = set()
        layout = Layout(tenant, head["seq"], head["hash"])
        salts = iter(ledger.salts(sum(len(unit.changes) for unit in units)))
        for unit in units:
            for change in unit.changes:
                layout.add(change, next(salts))
                if change.frame is not None and not (
                    change.frame.number in self._frames or change.frame.number in frames
                ):
                    frames.add(change.frame.number)
                    layout.rows.add_frame(change.frame)
                if layout.is_full:
                    await layout.send(connection)
            layout.add_marks_and_jobs(unit)
        layout.add_jobs(caused)
        await layout.send(connection)
        await connection.execute("commit")
        self._frames |= frames
