"""Numbered files run once, in order, and a dry run changes nothing."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from lienmach.base import migrate
from lienmach.base.errors import Conflict


@pytest.fixture
def room(tmp_path: Path) -> Path:
    folder = tmp_path / "kitchen" / "schema"
    folder.mkdir(parents=True)
    (folder / "0001_pots.sql").write_text("create table pot (n int); grant select on pot to lienmach_app;")
    (folder / "0002_lids.sql").write_text("create table lid (n int);")
    return folder


async def _tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        return {row[0] for row in await connection.fetch("select tablename from pg_tables where schemaname = 'public'")}
    finally:
        await connection.close()


async def test_files_run_once_in_order(owner_url: str, room: Path) -> None:
    assert await migrate.pending(owner_url, [room]) == ["kitchen/0001_pots", "kitchen/0002_lids"]
    assert await migrate.migrate(owner_url, None, [room]) == ["kitchen/0001_pots", "kitchen/0002_lids"]
    assert await migrate.migrate(owner_url, None, [room]) == []
    assert await migrate.pending(owner_url, [room]) == []
    assert {"pot", "lid"} <= await _tables(owner_url)


async def test_a_dry_run_names_the_files_and_changes_nothing(owner_url: str, room: Path) -> None:
    assert await migrate.migrate(owner_url, None, [room], dry_run=True) == ["kitchen/0001_pots", "kitchen/0002_lids"]
    assert "pot" not in await _tables(owner_url)


async def test_a_dry_run_finds_a_broken_file(owner_url: str, room: Path) -> None:
    (room / "0003_bad.sql").write_text("create table pot (n int);")
    with pytest.raises(asyncpg.DuplicateTableError) as caught:
        await migrate.migrate(owner_url, None, [room], dry_run=True)
    assert "kitchen/0003_bad" in caught.value.__notes__[0]


async def test_a_failing_file_leaves_those_before_it_and_nothing_of_itself(owner_url: str, room: Path) -> None:
    (room / "0002_lids.sql").write_text("create table lid (n int); select 1/0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate.migrate(owner_url, None, [room])
    found = await _tables(owner_url)
    assert "pot" in found and "lid" not in found
    (room / "0002_lids.sql").write_text("create table lid (n int);")
    assert await migrate.migrate(owner_url, None, [room]) == ["kitchen/0002_lids"]


async def test_a_file_changed_after_it_ran_is_refused(owner_url: str, room: Path) -> None:
    await migrate.migrate(owner_url, None, [room])
    (room / "0001_pots.sql").write_text("create table pan (n int);")
    with pytest.raises(Conflict, match="kitchen/0001_pots was changed"):
        await migrate.migrate(owner_url, None, [room])


async def test_a_superuser_file_waits_for_a_superuser(database, database_name: str, room: Path) -> None:
    (room / "0003_speed.superuser.sql").write_text("create extension if not exists pg_trgm;")
    owner, superuser = database.url("owner", database_name), database.url("superuser", database_name)
    assert "kitchen/0003_speed" not in await migrate.migrate(owner, None, [room])
    assert await migrate.migrate(owner, superuser, [room]) == ["kitchen/0003_speed"]


def test_a_number_used_twice_is_refused(room: Path) -> None:
    (room / "0002_more.sql").write_text("")
    with pytest.raises(Conflict, match="0002 is used twice"):
        migrate.steps([room])


def test_a_name_out_of_shape_is_refused(room: Path) -> None:
    (room / "3_more.sql").write_text("")
    with pytest.raises(Conflict, match="not named like"):
        migrate.steps([room])
