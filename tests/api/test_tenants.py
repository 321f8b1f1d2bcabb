"""Two tenants on one node: what one does and asks is answered as if the other were not there.

The tests compare transcripts: tenant 2 lives the same life beside an empty tenant 1 and beside a full one, and may
not be able to tell the difference by any answer, status, header, total, link or order.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tenant_asks import READS, SECRET, WRITES
from two_tenants import Side, two_sides

from lienmach.record import access, snapshot


@pytest.fixture
async def sides(database: Any, tmp_path: Path) -> AsyncIterator[tuple[Side, Side]]:
    async for both in two_sides(database, tmp_path):
        yield both


async def test_the_full_tenant_itself_does_see_all_of_it(sides: tuple[Side, Side]) -> None:
    """Else the comparisons below would compare nothing with nothing."""
    _, full = sides
    for path, total in (
        (f"/Patient?name={SECRET}", 2),
        ("/Patient?_list=watched", 2),
        ("/Patient?_has:Observation:patient:code=bp", 2),
        (f"/Observation?subject.name={SECRET}", 2),
        ("/Patient/only/Observation", 1),
        (f"/Patient?nick={SECRET}", 2),
    ):
        answer = await full.one.get(path)
        assert answer.status_code == 200 and answer.json()["total"] == total, f"{path}: {answer.text[:200]}"


async def test_no_reading_tells_whether_the_other_tenant_has_anything(sides: tuple[Side, Side]) -> None:
    empty, full = sides
    for beside_empty, beside_full in zip(await empty.transcript(READS), await full.transcript(READS), strict=True):
        assert beside_full == beside_empty
        assert SECRET not in beside_full.split(" -> ", 1)[1].replace(f"={SECRET}", "")


async def test_no_writing_tells_whether_the_other_tenant_has_anything(sides: tuple[Side, Side]) -> None:
    empty, full = sides
    before = await _rows_of(full, 1)
    for beside_empty, beside_full in zip(await empty.transcript(WRITES), await full.transcript(WRITES), strict=True):
        assert beside_full == beside_empty
    assert await _rows_of(full, 1) == before  # and nothing of the other was touched


async def test_after_all_the_writing_every_reading_is_still_the_same(sides: tuple[Side, Side]) -> None:
    empty, full = sides
    await empty.transcript(WRITES)
    await full.transcript(WRITES)
    assert await full.transcript(READS) == await empty.transcript(READS)


async def _rows_of(side: Side, tenant: int) -> list[Any]:
    async with side.store.pool.acquire() as connection, connection.transaction():
        await connection.execute(f"set local lienmach.tenant = '{tenant}'")
        return [tuple(row) for row in await connection.fetch("select seq, hash from version order by seq")]


# ------------------------------------------------------------------------------- with the predicates removed


def _without_predicates(sql: str) -> str:
    """The statement as if nobody had written `tenant = …` into it; its arguments stay used."""
    sql = re.sub(r"(\w+\.)?tenant = \$(\d+)", r"$\2::int is not null", sql)
    return re.sub(r"\b\w+\.tenant = \w+\.tenant\b", "true", sql)


async def test_with_the_predicates_removed_row_level_security_still_gives_nothing(
    sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch, database: Any
) -> None:
    """`visible` says yes to everything, no statement names the tenant: the same answers as before."""
    empty, full = sides
    expected = await empty.transcript(READS)
    name = await full.store.pool.fetchval("select current_database()")
    owner = await asyncpg.connect(database.url("owner", name))
    function = await owner.fetchval("select pg_get_functiondef('points'::regproc)")
    stripped = re.sub(r"\b[rv]\.tenant = which and ", "", function)
    assert stripped != function
    await owner.execute(stripped)
    fetch, rewritten = snapshot.Snapshot.fetch, []

    async def fetch_without(self: snapshot.Snapshot, sql: str, args: tuple[Any, ...], **more: Any) -> list[Any]:
        bare = _without_predicates(sql)
        rewritten.append(bare != sql)
        return await fetch(self, bare, args, **more)

    def sees_all(tx: Any, alias: str, args: list[Any]) -> str:
        args.append(tx.tenant.number)
        return f"${len(args)}::int is not null"

    monkeypatch.setattr(snapshot.Snapshot, "fetch", fetch_without)
    monkeypatch.setattr(access, "_typed", sees_all)
    for beside_empty, beside_full in zip(expected, await full.transcript(READS), strict=True):
        assert beside_full == beside_empty
    assert sum(rewritten) > 50
    for row in await owner.fetch("select relname from pg_class where relrowsecurity"):
        await owner.execute(f"alter table {row[0]} disable row level security")
    await owner.close()
    # The control: without the backstop, everything of the other tenant lies open to these very requests.
    assert sum(SECRET in text.split(" -> ", 1)[1] for text in await full.transcript(READS)) > 20


async def test_every_table_with_a_tenant_has_row_level_security(sides: tuple[Side, Side]) -> None:
    _, full = sides
    rows = await full.store.pool.fetch(
        "select c.relname, c.relrowsecurity from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant' "
        "where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and c.relname <> 'tenant'"
    )
    assert len(rows) > 12
    assert [row["relname"] for row in rows if not row["relrowsecurity"]] == []


async def test_the_application_role_sees_and_writes_nothing_of_another_tenant(sides: tuple[Side, Side]) -> None:
    _, full = sides
    tables = [
        row[0]
        for row in await full.store.pool.fetch(
            "select table_name from information_schema.columns where table_schema = 'public' and column_name = 'tenant' "
            "and table_name <> 'tenant' order by 1"
        )
    ]
    checked = 0
    async with full.store.pool.acquire() as connection:
        for table in tables:
            if not await connection.fetchval("select has_table_privilege($1, 'select')", table):
                continue
            async with connection.transaction():
                await connection.execute("set local lienmach.tenant = '2'")
                assert await connection.fetchval(f"select count(*) from {table} where tenant <> 2") == 0, table
                assert await connection.fetchval(f"select count(*) from {table} where tenant = 1") == 0, table
            for change in (
                f"update {table} set tenant = tenant where tenant = 1",
                f"delete from {table} where tenant = 1",
            ):
                try:
                    async with connection.transaction():
                        await connection.execute("set local lienmach.tenant = '2'")
                        assert (await connection.execute(change)).endswith(" 0"), change
                except asyncpg.InsufficientPrivilegeError:
                    pass
            with pytest.raises(asyncpg.PostgresError):  # no setting: an error, not a row
                async with connection.transaction():
                    await connection.execute("set local lienmach.tenant = ''")
                    await connection.fetch(f"select * from {table}")
            checked += 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await connection.execute("set local lienmach.tenant = '2'")
                await connection.execute("insert into post (tenant, bucket, term, d1, rid) values (1, 0, 1, now(), 1)")
        for forbidden in (
            "update version set body = ''",
            "delete from version",
            "truncate version",
            "alter table version disable row level security",
            "set role lienmach_owner",
        ):
            with pytest.raises(asyncpg.PostgresError):
                async with connection.transaction():
                    await connection.execute("set local lienmach.tenant = '2'")
                    await connection.execute(forbidden)
    assert checked > 10


async def test_a_connection_that_never_heard_of_a_tenant_gets_an_error(store_url: str) -> None:
    connection = await asyncpg.connect(store_url)
    try:
        for table in ("version", "resource", "ix", "post", "str", "dat", "num", "ledger", "frame"):
            with pytest.raises(asyncpg.PostgresError, match=r"lienmach\.tenant"):
                await connection.fetch(f"select * from {table}")
    finally:
        await connection.close()
