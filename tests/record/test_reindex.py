"""Search parameters that a tenant adds: refused until they are whole, correct afterwards, and nobody else's."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.base.jobs import Taken, Worker
from lienmach.record import reindex, search, write
from lienmach.record.change import Change
from lienmach.record.index import rows
from lienmach.record.transaction import Store

MATCHES = "Patient.name.where(family.matches('(a+)+$'))"
NICKNAME = "https://node.example/fhir/StructureDefinition/nickname"


def parameter(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter",
        "url": "https://node.example/fhir/SearchParameter/nickname",
        "name": "nickname",
        "status": "active",
        "description": "x",
        "code": "nickname",
        "base": ["Patient"],
        "type": "string",
        "expression": f"Patient.extension('{NICKNAME}').value.ofType(string)",
        **changes,
    }


def patient(nickname: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"resourceType": "Patient", "name": [{"text": "Trần Thử"}]}
    if nickname:
        found["extension"] = [{"url": NICKNAME, "valueString": nickname}]
    return found


async def put(store: Store, actor: Actor, *resources: dict[str, Any]) -> list[str]:
    async with store.begin(actor) as tx:
        return [(await write.create(tx, json.dumps(one).encode())).id for one in resources]


async def found(store: Store, actor: Actor, query: str, kind: str = "Patient") -> set[str]:
    name, _, value = query.partition("=")
    async with store.begin(actor) as tx:
        page = await search.search(tx, kind, [(name, value)])
        return {one.id for one in page.matches}


async def every(store: Store, actor: Actor, query: str) -> set[str]:
    name, _, value = query.partition("=")
    async with store.begin(actor) as tx:
        page = await search.search(tx, "Patient", [(name, value), ("_count", "1000")])
        return {one.id for one in page.matches}


async def build(store: Store, resource_id: str, tenant: int = 1) -> None:
    await reindex.run(store, Taken(1, tenant, reindex.KIND, {"id": resource_id}, 1, 5), settle_seconds=0)


async def test_old_and_new_resources_are_found_by_a_parameter_that_was_added_later(store: Store, system: Actor):
    await reindex.load_customs(store)
    old, none = await put(store, system, patient("Tí"), patient(None))
    (added,) = await put(store, system, parameter())
    with pytest.raises(errors.UnknownParameter):
        await found(store, system, "nickname=ti")
    await build(store, added)
    (new,) = await put(store, system, patient("Tít"))
    assert await found(store, system, "nickname=ti") == {old, new}
    assert await found(store, system, "nickname:exact=Tí") == {old}
    assert await found(store, system, "nickname:missing=true") == {none}
    (row,) = await reindex.progress(store, store.tenants[1])
    assert (row["state"], row["done"], row["total"]) == ("ready", 2, 2)


async def test_the_change_of_a_search_parameter_queues_its_job_and_the_worker_does_it(
    store: Store, system: Actor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reindex, "SETTLE_SECONDS", 0)
    await reindex.load_customs(store)
    (one, _) = await put(store, system, patient("Bống"), parameter())
    async with store.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local lienmach.tenant = '1'")
        assert await connection.fetchval("select count(*) from job where kind = 'reindex'") == 1
    worker = Worker(store.pool, [reindex.Job(reindex.KIND, _at_once)], store)
    assert await worker.run_once() == 1
    assert await found(store, system, "nickname=bong") == {one}


async def _at_once(store: Store, job: Taken) -> None:
    await reindex.run(store, job, settle_seconds=0)


async def test_a_parameter_in_building_is_refused_with_its_progress(store: Store, system: Actor):
    await reindex.load_customs(store)
    await put(store, system, patient("Tí"), parameter())
    async with store.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local lienmach.tenant = '1'")
        await connection.execute(
            "insert into reindex (tenant, id, url, code, definition, state, done, total) "
            "values (1, 'x', $1, 'nickname', $2, 'building', 300, 5000)",
            parameter()["url"],
            reindex.custom.to_json(reindex.custom.definition_of(parameter())),
        )
    await reindex.refresh(store, store.tenants[1])
    with pytest.raises(errors.UnknownParameter, match="being built: 300 of 5000"):
        await found(store, system, "nickname=ti")


async def test_what_is_written_while_the_index_is_built_is_found_too(
    store: Store, system: Actor, monkeypatch: pytest.MonkeyPatch
):
    """Another process, which has not noticed the parameter yet, writes during the walk."""
    monkeypatch.setattr(reindex, "BATCH", 5)
    await reindex.load_customs(store)
    other = await Store.open(store.limits, store.pool, store.definitions)
    before = await put(store, system, *(patient(f"Tí {number}") for number in range(60)))
    (added,) = await put(store, system, parameter())
    building = asyncio.create_task(build(store, added))
    meanwhile = []
    for number in range(12):
        meanwhile += await put(other, system, patient(f"Tí mới {number}"))
    assert not building.done(), "the walk must still be running for this test to say something"
    await building
    await other.close()
    assert await every(store, system, "nickname=ti") == {*before, *meanwhile}


async def test_a_changed_expression_forgets_what_the_old_one_found(store: Store, system: Actor):
    await reindex.load_customs(store)
    tokens = {"type": "token", "code": "kind", "expression": "Basic.code"}
    basic = {"resourceType": "Basic", "code": {"coding": [{"code": "a"}]}, "identifier": [{"value": "b"}]}
    (one,) = await put(store, system, basic)
    (added,) = await put(store, system, parameter(base=["Basic"], **tokens))
    await build(store, added)
    assert await found(store, system, "kind=a", "Basic") == {one}
    changed = parameter(base=["Basic"], **{**tokens, "expression": "Basic.identifier"}) | {"id": added}
    async with store.begin(system) as tx:
        await write.update(tx, "SearchParameter", added, json.dumps(changed).encode())
    await build(store, added)
    assert await found(store, system, "kind=a", "Basic") == set()
    assert await found(store, system, "kind=b", "Basic") == {one}


@pytest.mark.parametrize("end", ["retire", "delete"])
async def test_a_parameter_that_is_retired_or_deleted_is_unknown_again(store: Store, system: Actor, end: str):
    await reindex.load_customs(store)
    (added,) = await put(store, system, parameter())
    await build(store, added)
    assert await found(store, system, "nickname=ti") == set()
    async with store.begin(system) as tx:
        if end == "delete":
            await write.delete(tx, "SearchParameter", added)
        else:
            body = json.dumps(parameter(status="retired") | {"id": added}).encode()
            await write.update(tx, "SearchParameter", added, body)
    await build(store, added)
    with pytest.raises(errors.UnknownParameter):
        await found(store, system, "nickname=ti")


async def test_another_tenant_does_not_have_the_parameter(store: Store, system: Actor, stranger: Actor):
    await reindex.load_customs(store)
    (added,) = await put(store, system, parameter())
    await build(store, added)
    with pytest.raises(errors.UnknownParameter):
        await found(store, stranger, "nickname=ti")
    assert await reindex.progress(store, store.tenants[2]) == []


async def test_an_expression_that_is_not_supported_is_refused_when_it_is_written(store: Store, system: Actor):
    await reindex.load_customs(store)
    with pytest.raises(errors.Unprocessable, match=r"matches\(\)") as refused:
        await put(store, system, parameter(expression=MATCHES))
    assert refused.value.issues[0].expression == "SearchParameter.expression"
    await put(store, system, parameter(expression=MATCHES, status="draft"))


async def test_one_that_came_in_all_the_same_fails_with_a_sentence(store: Store, system: Actor):
    """An older version of this program may have stored it."""
    await reindex.load_customs(store)
    added = "old"
    async with store.begin(system) as tx:
        body = json.dumps(parameter(expression=MATCHES) | {"id": added}).encode()
        tx.add(
            Change(
                type="SearchParameter",
                type_number=store.definitions.type_number("SearchParameter"),
                id=added,
                op="C",
                version_id=1,
                at=tx.now,
                body=body,
                bucket=0,
                patient=None,
                point=None,
                rows=rows.IndexRows(None, rows.EPOCH),
            )
        )
    await build(store, added)
    (row,) = await reindex.progress(store, store.tenants[1])
    assert row["state"] == "failed" and "matches()" in row["error"]


async def test_a_code_that_the_standard_has_stays_the_standard_one(store: Store, system: Actor):
    await reindex.load_customs(store)
    (one, added) = await put(store, system, patient("Tí"), parameter(code="name"))
    await build(store, added)
    assert await found(store, system, "name=tran") == {one}
    assert await reindex.progress(store, store.tenants[1]) == []


async def test_a_process_that_watches_learns_of_a_parameter_that_another_built(
    store: Store, system: Actor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reindex, "WATCH_SECONDS", 0.01)
    other = await Store.open(store.limits, store.pool, store.definitions)
    task = asyncio.create_task(reindex.watch(other))
    try:
        await reindex.load_customs(store)
        (added,) = await put(store, system, parameter())
        await build(store, added)
        for _ in range(500):
            if 1 in other.custom_parameters and not other.custom_parameters[1].building:
                break
            await asyncio.sleep(0.01)
        assert await found(other, system, "nickname=ti") == set()
    finally:
        task.cancel()
        await other.close()
