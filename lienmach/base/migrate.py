"""Numbered SQL files, each run once, in order, recorded in the table `migration`.

A room keeps its files in its folder `schema`, named `0001_what.sql`. `0002_what.superuser.sql` runs
as superuser where there is one; elsewhere it is skipped with a warning, recorded as not run, and
tried again when there is one, so it may only make things faster, never right. A file that has run
is never edited: its hash is compared, and the next change is the next number.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from lienmach.base.errors import Conflict

log = logging.getLogger(__name__)

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+?)(\.superuser)?\.sql")
_LOCK = 0x6C69656E  # "lien", the advisory lock of migrations
_TABLE = """
create table if not exists migration (
    room text, number int, name text not null, sha256 text not null,
    at timestamptz not null default now(), primary key (room, number))
"""


@dataclass(frozen=True)
class Step:
    """One file. room: the package folder above `schema`, such as `record`."""

    room: str
    number: int
    name: str
    superuser: bool
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def label(self) -> str:
        return f"{self.room}/{self.number:04d}_{self.name}"


async def migrate(
    owner_url: str, superuser_url: str | None, folders: list[Path], *, dry_run: bool = False
) -> list[str]:
    """Run what has not run yet and return its labels, such as `record/0001_record`.

    folders: the rooms' `schema` folders in the order of the house. dry_run: run it all in one
    transaction and take it back (superuser files are only listed). Two nodes that migrate at once
    wait for each other. Raises Conflict for a changed or missing file; a failing file leaves those
    before it in place and raises the database's error with its label in a note.
    """
    owner = await asyncpg.connect(owner_url, statement_cache_size=0)
    try:
        await owner.execute("select pg_advisory_lock($1)", _LOCK)
        if dry_run:
            transaction = owner.transaction()
            await transaction.start()
            try:
                return await _run(owner, None, folders, dry_run=True)
            finally:
                await transaction.rollback()
        superuser = await asyncpg.connect(superuser_url, statement_cache_size=0) if superuser_url else None
        try:
            return await _run(owner, superuser, folders, dry_run=False)
        finally:
            if superuser is not None:
                await superuser.close()
    finally:
        await owner.close()


async def pending(url: str, folders: list[Path]) -> list[str]:
    """Labels of the files that have not run, as any role that may connect. Changes nothing.

    Superuser files are not counted: a node serves without them.
    """
    wanted = [step for step in steps(folders) if not step.superuser]
    connection = await asyncpg.connect(url, statement_cache_size=0)
    try:
        if not await connection.fetchval("select to_regclass('public.migration') is not null"):
            return [step.label for step in wanted]
        done = {(row["room"], row["number"]) for row in await connection.fetch("select room, number from migration")}
        return [step.label for step in wanted if (step.room, step.number) not in done]
    finally:
        await connection.close()


def steps(folders: list[Path]) -> list[Step]:
    """Read the files of the rooms, in order. Raises Conflict for a bad name or a number used twice."""
    found: list[Step] = []
    for folder in folders:
        seen: set[int] = set()
        for path in sorted(folder.glob("*.sql")):
            match = _NAME.fullmatch(path.name)
            if match is None:
                raise Conflict(f"The migration {path.name} is not named like 0001_what.sql.")
            number = int(match[1])
            if number in seen:
                raise Conflict(f"The number {number:04d} is used twice in {folder.parent.name}/schema.")
            seen.add(number)
            found.append(Step(folder.parent.name, number, match[2], match[3] is not None, path.read_text("utf-8")))
    return found


async def _run(
    owner: asyncpg.Connection, superuser: asyncpg.Connection | None, folders: list[Path], *, dry_run: bool
) -> list[str]:
    await owner.execute(_TABLE)
    await owner.execute("grant select on migration to lienmach_app")
    done = {(row["room"], row["number"]): row for row in await owner.fetch("select * from migration")}
    labels = []
    for step in steps(folders):
        before = done.get((step.room, step.number))
        if before is not None:
            if before["sha256"] != step.sha256:
                raise Conflict(
                    f"The migration {step.label} was changed after it ran here; write the next number instead."
                )
            continue
        if step.superuser and superuser is None:
            if not dry_run:
                log.warning(
                    "%s needs a superuser and was skipped: searches under row-level security are slower", step.label
                )
                continue
        else:
            await _run_step(owner, superuser, step)
        labels.append(step.label)
    return labels


async def _run_step(owner: asyncpg.Connection, superuser: asyncpg.Connection | None, step: Step) -> None:
    try:
        if step.superuser and superuser is not None:
            # Two connections cannot commit as one: a superuser file is written so that it may run twice.
            async with superuser.transaction():
                await superuser.execute(step.sql)
        async with owner.transaction():
            if not step.superuser:
                await owner.execute(step.sql)
            await owner.execute(
                "insert into migration (room, number, name, sha256) values ($1, $2, $3, $4)",
                step.room, step.number, step.name, step.sha256,
            )  # fmt: skip
    except asyncpg.PostgresError as error:
        error.add_note(f"in migration {step.label}")
        raise
