"""Whoever changes the record behind its back is found out, and the first row at fault is named."""

from __future__ import annotations

import json

import asyncpg
import pytest

from lienmach.commands import verify
from lienmach.record import bulk, write
from lienmach.record.bulk import Item
from tests.commands.bundles import patient

COUNT = 6


@pytest.fixture
async def owner(store, system, stranger, owner_url):
    """The tables' owner, on a chain of six patients, one second version, and the audit events of both."""
    items = [Item("x", f"{n}", json.dumps(patient(f"p{n}")).encode(), "Patient", f"p{n}") for n in range(1, COUNT + 1)]
    await bulk.load(store, system, items)
    await bulk.load(store, stranger, items)
    await store.run(system, lambda tx: write.update(tx, "Patient", "p2", json.dumps(patient("p2", "Hai")).encode()))
    connection = await asyncpg.connect(owner_url)
    for table in ("version", "ledger", "resource"):
        await connection.execute(f"alter table {table} no force row level security")
    yield connection
    await connection.close()


@pytest.fixture
def check(owner, store, pool):
    """The first fault of tenant 1, and what tenant 2 has to say: nothing, ever."""

    async def run():
        async with pool.acquire() as connection:
            rows, fault = await verify.follow(connection, store.tenants[1])
            assert (await verify.follow(connection, store.tenants[2]))[1] is None
        return rows, fault

    return run


async def test_an_untouched_chain_holds_with_its_audit_events(check):
    assert await check() == (COUNT + 1 + 2, None)


async def test_one_altered_byte_is_named(owner, check):
    await owner.execute(
        "update version set body = overlay(body placing '\\x59'::bytea from 20 for 1) where tenant = 1 and seq = 3"
    )
    _, fault = await check()
    assert (fault.seq, fault.text) == (3, "Row 3 (Patient/p3, version 1) was altered.")


@pytest.mark.parametrize(
    "change",
    [
        "at = at + interval '1 ms'",
        "id = 'p9'",
        "version_id = 7",
        "salt = decode(repeat('00', 16), 'hex')",
        "op = 'D'",
        "type = type + 1",
        "hash = decode(repeat('00', 32), 'hex')",
    ],
)
async def test_every_column_of_a_row_is_watched(owner, check, change):
    await owner.execute(f"update version set {change} where tenant = 1 and seq = 4")
    _, fault = await check()
    assert fault.seq == 4


@pytest.mark.parametrize("seq", [1, 3, COUNT])
async def test_a_deleted_row_is_named(owner, check, seq):
    await owner.execute("delete from version where tenant = 1 and seq = $1", seq)
    _, fault = await check()
    assert fault.seq == seq
    assert f"Row {seq} is missing" in fault.text


async def test_two_swapped_rows_are_named_by_the_first(owner, check):
    await swap(owner, 2, 5)
    _, fault = await check()
    assert fault.seq == 2
    assert "moved" in fault.text


async def swap(owner, one, other, columns="seq"):
    """Give two rows each other's place; the chain's hashes stay with the row or with the place."""
    async with owner.transaction():
        await owner.execute("update version set seq = -seq where tenant = 1 and seq in ($1, $2)", one, other)
        await owner.execute(
            "update version set seq = case when seq = -$1::bigint then $2 else $1 end where tenant = 1 and seq < 0",
            one,
            other,
        )


async def test_swapped_contents_of_two_rows_are_named_by_the_first(owner, check):
    await owner.execute(
        "update version v set body = o.body, id = o.id, salt = o.salt from version o "
        "where v.tenant = 1 and o.tenant = 1 and (v.seq, o.seq) in ((3, 4), (4, 3))"
    )
    _, fault = await check()
    assert fault.seq == 3


async def test_a_cut_tail_is_named(owner, check):
    await owner.execute("delete from version where tenant = 1 and seq >= $1", COUNT + 2)
    _, fault = await check()
    assert fault.seq == COUNT + 2
    assert "is missing" in fault.text


async def test_a_row_behind_the_head_is_named(owner, check):
    await owner.execute("update ledger set seq = seq - 1 where tenant = 1")
    _, fault = await check()
    assert "after the head" in fault.text


async def test_an_altered_head_is_named(owner, check):
    await owner.execute("update ledger set hash = decode(repeat('00', 32), 'hex') where tenant = 1")
    _, fault = await check()
    assert "head of the chain was altered" in fault.text


async def test_a_version_that_was_taken_out_of_its_history_is_named(owner, check):
    await owner.execute("update version set rid = 3 where tenant = 1 and id = 'p2' and version_id = 2")
    _, fault = await check()
    assert (fault.seq, "Patient/p2, version 2" in fault.text) == (COUNT + 2, True)


async def test_a_directory_that_points_at_an_older_version_is_named(owner, check):
    await owner.execute("update resource set seq = 2, version_id = 1 where tenant = 1 and id = 'p2'")
    _, fault = await check()
    assert "directory" in fault.text
    assert "Patient/p2" in fault.text


@pytest.mark.parametrize(
    "sql",
    [
        "update resource set deleted = true where tenant = 1 and id = 'p3'",
        "delete from resource where tenant = 1 and id = 'p3'",
    ],
)
async def test_a_resource_that_the_directory_hides_is_named(owner, check, sql):
    await owner.execute(sql)
    _, fault = await check()
    assert "directory" in fault.text
    assert "Patient/p3" in fault.text


@pytest.mark.parametrize("sql", ["delete from ix where tenant = 1 and rid = 3"])
async def test_a_lost_search_index_is_not_the_chains_matter(owner, check, sql):
    await owner.execute(sql)
    assert (await check())[1] is None
