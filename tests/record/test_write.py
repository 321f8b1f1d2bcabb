"""The record's first promises: what was sent is what is read, versions follow each other, nobody wins twice."""

from __future__ import annotations

import asyncio
import json

import pytest

from lienmach.base import errors
from lienmach.record import conditional, history, ledger, read, write

PATIENT = (
    b'{"resourceType":"Patient","name":[{"text":"Nguy\xe1\xbb\x85n V\xc4\x83n \xc3\x82n"}],"birthDate":"1958-02-01"}'
)
WEIGHT = (
    b'{"resourceType":"Observation","status":"final","code":{"text":"w"},"valueQuantity":{"value":62.50,'
    b'"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"},"subject":{"reference":"Patient/%s"}}'
)


async def _create(store, actor, body):
    return await store.run(actor, lambda tx: write.create(tx, body))


async def test_what_is_read_is_what_was_sent_but_for_id_and_meta(store, system):
    stored = await _create(store, system, WEIGHT % b"x")
    async with store.begin(system) as tx:
        found = await read.read(tx, "Observation", stored.id)
    assert found.body == stored.body
    assert b'"value":62.50,' in found.body
    value = json.loads(found.body)
    assert value.pop("id") == stored.id
    assert value.pop("meta")["versionId"] == "1"
    assert value == json.loads(WEIGHT % b"x")


async def test_an_update_makes_the_next_version_and_keeps_the_first(store, system):
    stored = await _create(store, system, PATIENT)
    body = PATIENT[:-1] + b',"id":"%s","active":true}' % stored.id.encode()
    second = await store.run(system, lambda tx: write.update(tx, "Patient", stored.id, body, if_match=1))
    assert (second.version_id, second.op) == (2, "U")
    async with store.begin(system) as tx:
        assert (await read.vread(tx, "Patient", stored.id, "1")).body == stored.body
        assert (await read.vread(tx, "Patient", stored.id, "2")).body == second.body
        page = await history.history(tx, "Patient", stored.id)
    assert [one.version_id for one in page.entries] == [2, 1]


async def test_an_update_of_an_older_version_is_refused(store, system):
    stored = await _create(store, system, PATIENT)
    body = PATIENT[:-1] + b',"id":"%s"}' % stored.id.encode()
    with pytest.raises(errors.PreconditionFailed):
        await store.run(system, lambda tx: write.update(tx, "Patient", stored.id, body, if_match=2))


async def test_of_many_updates_of_one_version_exactly_one_wins(store, system):
    stored = await _create(store, system, PATIENT)
    body = PATIENT[:-1] + b',"id":"%s"}' % stored.id.encode()

    async def attempt():
        try:
            await store.run(system, lambda tx: write.update(tx, "Patient", stored.id, body, if_match=1))
            return True
        except errors.PreconditionFailed:
            return False

    assert sum(await asyncio.gather(*(attempt() for _ in range(20)))) == 1


async def test_updates_without_if_match_all_succeed_one_after_the_other(store, system):
    stored = await _create(store, system, PATIENT)
    body = PATIENT[:-1] + b',"id":"%s"}' % stored.id.encode()
    done = await asyncio.gather(
        *(store.run(system, lambda tx: write.update(tx, "Patient", stored.id, body)) for _ in range(8))
    )
    assert sorted(one.version_id for one in done) == list(range(2, 10))


async def test_a_deleted_resource_is_gone_and_its_history_stays(store, system):
    stored = await _create(store, system, PATIENT)
    await store.run(system, lambda tx: write.delete(tx, "Patient", stored.id))
    async with store.begin(system) as tx:
        with pytest.raises(errors.Gone):
            await read.read(tx, "Patient", stored.id)
        page = await history.history(tx, "Patient", stored.id)
    assert [one.op for one in page.entries] == ["D", "C"]


async def test_an_id_that_was_deleted_can_be_written_again(store, system):
    stored = await _create(store, system, PATIENT)
    await store.run(system, lambda tx: write.delete(tx, "Patient", stored.id))
    body = PATIENT[:-1] + b',"id":"%s"}' % stored.id.encode()
    again = await store.run(system, lambda tx: write.update(tx, "Patient", stored.id, body))
    assert (again.version_id, again.op) == (3, "C")
    async with store.begin(system) as tx:
        assert (await read.read(tx, "Patient", stored.id)).version_id == 3


async def test_one_hundred_conditional_creates_on_one_identifier_store_exactly_one(store, system):
    body = PATIENT[:-1] + b',"identifier":[{"system":"http://x","value":"1"}]}'
    done = await asyncio.gather(
        *(
            store.run(system, lambda tx: conditional.create(tx, "Patient", body, "identifier=http://x|1"))
            for _ in range(100)
        )
    )
    assert sum(created for _, created in done) == 1
    assert len({stored.id for stored, _ in done}) == 1


async def test_all_faults_of_a_body_are_told_at_once(store, system):
    with pytest.raises(errors.Unprocessable) as caught:
        await _create(store, system, b'{"resourceType":"Patient","gender":"x","birthDate":"1958-13-01","shoe":1}')
    assert len(caught.value.issues) == 3


async def test_another_tenant_finds_nothing(store, system, stranger):
    stored = await _create(store, system, PATIENT)
    async with store.begin(stranger) as tx:
        with pytest.raises(errors.NotFound):
            await read.read(tx, "Patient", stored.id)
        with pytest.raises(errors.NotFound):
            await read.vread(tx, "Patient", stored.id, "1")
        with pytest.raises(errors.NotFound):
            await history.history(tx, "Patient", stored.id)
        assert (await history.history(tx, "Patient")).entries == []


async def test_the_same_id_in_two_tenants_is_two_resources(store, system, stranger):
    body = PATIENT[:-1] + b',"id":"same"}'
    for actor in (system, stranger):
        assert (await store.run(actor, lambda tx: write.update(tx, "Patient", "same", body))).op == "C"


async def test_a_unit_of_more_versions_than_one_statement_takes_is_whole_and_in_order(store, system):
    async def work(tx):
        for n in range(1100):
            body = b'{"resourceType":"Basic","id":"b%d","code":{"text":"%d"}}' % (n, n)
            await write.update(tx, "Basic", f"b{n}", body)
        for n in range(0, 1100, 50):  # the same once more, in another statement than the version before
            await write.update(tx, "Basic", f"b{n}", b'{"resourceType":"Basic","id":"b%d","code":{"text":"again"}}' % n)

    for times in (1, 2):
        await store.run(system, work)
        async with store.begin(system) as tx:
            assert (await read.read(tx, "Basic", "b50")).version_id == 2 * times
            assert (await read.read(tx, "Basic", "b51")).version_id == times
            head = (await tx.fetch("select seq from ledger where tenant = $1", 1))[0]["seq"]
        async with store.pool.acquire() as connection, connection.transaction():
            await connection.execute("set local lienmach.tenant = '1'")
            said = [one async for one in ledger.verify(connection, 1)]
        assert not [one for one in said if isinstance(one, ledger.Fault)]
        assert said[-1].rows >= head
