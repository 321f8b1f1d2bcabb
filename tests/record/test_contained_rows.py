"""Rows of what is contained: written with the container, those of its current version, gone when it goes."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from contained_ward import drug, ids, order, rows_below_zero
from test_search_cases import ask, fill

from lienmach.base.actor import Actor
from lienmach.base.jobs import Taken
from lienmach.record import bulk, reindex, write
from lienmach.record.index import contained
from lienmach.record.transaction import Store


async def test_no_row_stays_when_the_container_changes_or_goes(store: Store, system: Actor) -> None:
    full = order(
        "r1",
        drug("m1", "para"),
        drug("m2", "amox", identifier=[{"value": "7"}]),
        {
            "resourceType": "Observation",
            "id": "o",
            "status": "final",
            "code": {"text": "x"},
            "valueInteger": 3,
            "effectiveDateTime": "2024",
            "derivedFrom": [{"reference": "#"}],
        },
    )
    for resource, wanted in (
        (full, ["r1"]),
        (order("r1", drug("m1", "amox")), ["r1"]),
        (order("r1"), []),
        (full, ["r1"]),
        (order("r1", drug("m1", "para")), []),
    ):
        await fill(store, ward=[resource])
        assert sorted(await ids(store, "Medication?code=amox&_contained=true")) == wanted
    assert await rows_below_zero(store) > 0
    await fill(store, ward=[full])
    async with store.begin(system) as tx:
        await write.delete(tx, "MedicationRequest", "r1")
    assert await rows_below_zero(store) == 0
    await fill(store, ward=[full])
    assert await ids(store, "Medication?code=amox&_contained=true") == {"r1"}


async def test_several_versions_in_one_unit_leave_the_rows_of_the_last(store: Store, system: Actor) -> None:
    async with store.begin(system) as tx:
        for resource in (order("r1", drug("m1", "a"), drug("m2", "b")), order("r1", drug("m1", "c"))):
            await write.update(tx, "MedicationRequest", "r1", json.dumps(resource).encode())
    assert await ids(store, "Medication?code=a,b,c&_contained=true&_containedType=contained") == {"r1#m1"}
    async with store.begin(system) as tx:
        await write.update(tx, "MedicationRequest", "r1", json.dumps(order("r1", drug("m1", "d"))).encode())
        await write.delete(tx, "MedicationRequest", "r1")
    assert await rows_below_zero(store) == 0


async def test_a_key_written_with_an_escape_is_forgotten_too(store: Store, system: Actor) -> None:
    body = json.dumps(order("r1", drug("m1", "para"))).replace('"contained"', '"\\u0063ontained"').encode()
    async with store.begin(system) as tx:
        await write.update(tx, "MedicationRequest", "r1", body)
    assert await ids(store, "Medication?code=para&_contained=true&_containedType=contained") == {"r1#m1"}
    async with store.begin(system) as tx:
        await write.delete(tx, "MedicationRequest", "r1")
    assert await rows_below_zero(store) == 0


@pytest.mark.parametrize("count", [contained.PLACES, contained.PLACES + 1])
async def test_the_first_places_of_a_container_are_searched_and_no_more(store: Store, count: int) -> None:
    inner = [drug(f"m{number}", "para" if number else "first") for number in range(count)]
    await fill(store, ward=[order("r1", *inner), order("r2", drug("m1", "other"))])
    page = await ask(store, "Medication?code=para,first&_contained=true&_containedType=contained&_count=1000")
    assert len(page.matches) == contained.PLACES
    assert await ids(store, "Medication?code=first&_contained=true&_containedType=contained") == {"r1#m0"}
    await fill(store, ward=[order("r1", *inner[:2])])
    assert await ids(store, "Medication?code=para&_contained=true&_containedType=contained") == {"r1#m1"}
    assert await ids(store, "Medication?code=other&_contained=true") == {"r2"}


async def test_an_import_indexes_what_is_contained(store: Store, system: Actor) -> None:
    body = json.dumps(order("r1", drug("m1", "para"))).encode()
    await bulk.load(store, system, [bulk.Item("x", "", body, "MedicationRequest", "r1")])
    assert await ids(store, "Medication?code=para&_contained=true") == {"r1"}


async def test_a_parameter_that_is_added_later_finds_what_is_contained(
    store: Store, system: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindex, "BATCH", 2)
    await reindex.load_customs(store)
    url = "https://node.example/fhir/StructureDefinition/shelf"
    mark = {"extension": [{"url": url, "valueString": "Kệ một"}]}
    await fill(
        store,
        ward=[
            order(f"r{number}", drug("m1", "a", **mark), drug("m2", "a"), drug("m3", "a", **mark))
            for number in range(4)
        ]
        + [drug("alone", "a", **mark)],
    )
    parameter = {
        "resourceType": "SearchParameter",
        "id": "shelf",
        "url": "https://node.example/fhir/SearchParameter/shelf",
        "name": "shelf",
        "status": "active",
        "description": "x",
        "code": "shelf",
        "base": ["Medication"],
        "type": "string",
        "expression": f"Medication.extension('{url}').value.ofType(string)",
    }
    await fill(store, ward=[parameter])
    await reindex.run(store, Taken(1, 1, reindex.KIND, {"id": "shelf"}, 1, 5), settle_seconds=0)
    await fill(store, ward=[order("r5", drug("m1", "a", **mark))])
    assert await ids(store, "Medication?shelf=ke&_contained=true&_containedType=contained") == {
        f"r{number}#{name}" for number in range(4) for name in ("m1", "m3")
    } | {"r5#m1"}
    assert await ids(store, "Medication?shelf=ke") == {"alone"}
    assert await ids(store, "Medication?code=a&_id=m2&_contained=true") == {"r0", "r1", "r2", "r3"}


async def test_after_any_course_of_writes_the_rows_are_those_of_the_current_versions(
    store: Store, system: Actor
) -> None:
    chance = random.Random(11)
    current: dict[str, dict[str, Any] | None] = {}
    for _ in range(40):
        async with store.begin(system) as tx:
            for _ in range(chance.randrange(1, 4)):
                name = f"r{chance.randrange(6)}"
                if current.get(name) is not None and chance.random() < 0.3:
                    current[name] = None
                    await write.delete(tx, "MedicationRequest", name)
                    continue
                inner = [
                    drug(f"m{number}", chance.choice("abc"), identifier=[{"value": chance.choice("xyz")}])
                    for number in range(chance.randrange(4))
                ]
                current[name] = order(name, *inner)
                await write.update(tx, "MedicationRequest", name, json.dumps(current[name]).encode())
    number = store.definitions.type_number
    async with store.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local lienmach.tenant = '1'")
        heads = await connection.fetch(
            "select id, rid, seq from resource where type = $1 and not deleted", number("MedicationRequest")
        )
        wanted = {
            (contained.rid_of(head["rid"], place), -number("Medication"), head["seq"])
            for head in heads
            for place in range(len((current[head["id"]] or {}).get("contained", ())))
        }
        rows = await connection.fetch("select rid, type, seq from ix where rid < 0")
        hot = await connection.fetch("select distinct rid from post where rid < 0")
    assert {tuple(row) for row in rows} == wanted and len(rows) == len(wanted) > 0
    assert {row["rid"] for row in hot} == {row[0] for row in wanted}
    for code in "abc":
        for lot in "xyz":
            model = {
                f"{name}#{one['id']}"
                for name, resource in current.items()
                if resource is not None
                for one in resource.get("contained", ())
                if one["code"]["coding"][0]["code"] == code and one["identifier"][0]["value"] == lot
            }
            query = f"Medication?code={code}&identifier={lot}&_contained=true"
            assert await ids(store, query + "&_containedType=contained") == model
            assert await ids(store, query) == {one.partition("#")[0] for one in model}
