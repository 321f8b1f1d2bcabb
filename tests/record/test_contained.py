"""`_contained` and `_containedType`: what other resources contain is found, answered, sorted, and forgotten."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from test_search_cases import ask, fill

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.base.jobs import Taken
from lienmach.record import bulk, reindex, search, write
from lienmach.record.index import contained
from lienmach.record.transaction import Store

SYSTEM = "urn:test:drug"


def drug(name: str, code: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Medication", "id": name, "code": {"coding": [{"system": SYSTEM, "code": code}]}, **more}


def order(name: str, *inner: dict[str, Any], patient: str = "an") -> dict[str, Any]:
    """A prescription with what it contains."""
    found = {
        "resourceType": "MedicationRequest", "id": name, "status": "active", "intent": "order",
        "subject": {"reference": f"Patient/{patient}"},
        "medicationReference": {"reference": f"#{inner[0]['id']}"} if inner else {"reference": "Medication/alone"},
    }
    return {**found, "contained": list(inner)} if inner else found


WARD = [
    {"resourceType": "Patient", "id": "an", "name": [{"text": "Nguyễn Văn An"}]},
    drug("alone", "para", status="active", identifier=[{"system": "urn:lot", "value": "0"}]),
    order("r1", drug("m1", "para", status="active", identifier=[{"system": "urn:lot", "value": "1"}])),
    order("r2", drug("m1", "amox", status="inactive"), drug("m2", "para", status="active")),
    order("r3", drug("m1", "para"), drug("m2", "para"), drug("m3", "para")),
    order("r4"),
    {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "x"},
     "subject": {"reference": "Patient/an"}, "effectiveDateTime": "2024-05-01",
     "hasMember": [{"reference": "#a"}, {"reference": "#b"}],
     "contained": [
         {"resourceType": "Observation", "id": "a", "status": "final", "effectiveDateTime": "2020-03-01",
          "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}, "subject": {"reference": "Patient/an"},
          "valueQuantity": {"value": 120, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}},
         {"resourceType": "Observation", "id": "b", "status": "final", "code": {"text": "ống nghiệm"}}]},
    {"resourceType": "Observation", "id": "o2", "status": "final", "effectiveDateTime": "2021-01-01",
     "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}, "subject": {"reference": "Patient/an"}},
]


async def found(store: Store, query: str, actor: Actor | None = None) -> list[str]:
    """Ids in order; the total must agree."""
    page = await ask(store, query, *([actor] if actor else []))
    assert page.total == len(page.matches), query
    counted = await ask(store, query + "&_summary=count", *([actor] if actor else []))
    assert counted.total == page.total, query
    return [f"{one.type}/{one.id}" for one in page.matches]


async def ids(store: Store, query: str) -> set[str]:
    return {one.partition("/")[2] for one in await found(store, query)}


async def rows_below_zero(store: Store) -> int:
    async with store.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local lienmach.tenant = '1'")
        return sum([await connection.fetchval(f"select count(*) from {table} where rid < 0")
                    for table in ("ix", "post", "str", "dat", "num")])


CASES = [
    ("Medication?code=para", {"alone"}),
    ("Medication?code=para&_contained=false", {"alone"}),
    ("Medication?code=para&_contained=true", {"r1", "r2", "r3"}),
    ("Medication?code=para&_contained=both", {"alone", "r1", "r2", "r3"}),
    ("Medication?code=para&_contained=true&_containedType=container", {"r1", "r2", "r3"}),
    ("Medication?code=para&_contained=true&_containedType=contained",
     {"r1#m1", "r2#m2", "r3#m1", "r3#m2", "r3#m3"}),
    ("Medication?code=amox&_contained=both&_containedType=contained", {"r2#m1"}),
    ("Medication?code=amox&status=active&_contained=true", set()),  # two that contain one half each are no match
    ("Medication?code=para&status:not=active&_contained=true", {"r3"}),
    ("Medication?status:missing=true&_contained=both", {"r3"}),
    ("Medication?code=ibu&_contained=both", set()),
    ("Medication?_contained=true", {"r1", "r2", "r3"}),
    ("Medication?identifier=urn:lot|1&_contained=true", {"r1"}),
    ("Medication?identifier=urn:lot|1", set()),
    ("Medication?identifier=urn:lot|&_contained=both", {"alone", "r1"}),
    ("Medication?_id=m2&_contained=true", {"r2", "r3"}),
    ("Medication?_id=m2", set()),
    ("Medication?_id=m2,alone&_contained=both", {"alone", "r2", "r3"}),
    ("Medication?_lastUpdated=gt2020&_contained=true", {"r1", "r2", "r3"}),
    ("Medication?_lastUpdated=lt2020&_contained=true", set()),
    ("MedicationRequest?_contained=true", set()),
    ("Observation?code=8480-6", {"o2"}),
    ("Observation?code=8480-6&_contained=true", {"o1"}),
    ("Observation?code=8480-6&_contained=both", {"o1", "o2"}),
    ("Observation?patient=an&_contained=true", {"o1"}),
    ("Observation?patient=an&_contained=both", {"o1", "o2"}),
    ("Observation?subject=Patient/an&_contained=both", {"o1", "o2"}),
    ("Observation?date=2020&_contained=true", {"o1"}),
    ("Observation?date=ge2020-02&_contained=both", {"o1", "o2"}),
    ("Observation?date=2024&_contained=true", set()),
    ("Observation?code-value-quantity=8480-6$gt100&_contained=true", {"o1"}),
    ("Observation?code-value-quantity=8480-6$gt130&_contained=true", set()),
    ("Observation?value-quantity=gt100||mm[Hg]&_contained=true", {"o1"}),
    ("Observation?code:text=ong&_contained=true", {"o1"}),
    ("Observation?status=final&_contained=both", {"o1", "o2"}),
    ("Observation?status=final&_contained=both&_containedType=contained", {"o1", "o2", "o1#a", "o1#b"}),
]


async def test_each_search_finds_what_stands_alone_or_what_is_contained_as_asked(store: Store) -> None:
    await fill(store, ward=WARD)
    wrong = [(query, wanted, got) for query, wanted in CASES if (got := await ids(store, query)) != wanted]
    assert not wrong, "\n".join(map(str, wrong))


async def test_pages_of_every_size_and_order_lose_and_double_nothing(store: Store) -> None:
    extra = [order(f"q{number}", drug("a", "para", identifier=[{"value": f"{number % 4}"}]), drug("b", "para"))
             for number in range(12)]
    await fill(store, ward=WARD + extra)
    for kind in ("container", "contained"):
        for which in ("true", "both"):
            for sort in ("", "&_sort=code", "&_sort=-identifier", "&_sort=_id", "&_sort=-_lastUpdated,status"):
                query = f"Medication?code=para&_contained={which}&_containedType={kind}{sort}"
                whole = await found(store, query + "&_count=100")
                assert len(whole) == len(set(whole)) == {
                    "container": 15, "contained": 29}[kind] + (which == "both"), query
                for count in (1, 4):
                    pages, cursor = [], ""
                    while True:
                        page = await ask(store, f"{query}&_count={count}{cursor}")
                        pages += [f"{one.type}/{one.id}" for one in page.matches]
                        if page.next_cursor is None:
                            break
                        cursor = f"&_page={page.next_cursor}"
                    assert pages == whole, (query, count)


async def test_the_order_is_that_of_what_is_searched(store: Store) -> None:
    await fill(store, ward=WARD)
    query = "Observation?_contained=both&_containedType=contained"
    assert await ids(store, query) == {"o1", "o2", "o1#a", "o1#b"}
    assert [one.partition("/")[2] for one in await found(store, query)] == ["o1", "o2", "o1#a", "o1#b"]
    assert [one.partition("/")[2] for one in await found(store, query + "&_sort=date")] == [
        "o1#a", "o2", "o1", "o1#b"]
    query = "Medication?_contained=true&_containedType=contained&_sort=-code,_id"
    assert (await found(store, query))[-1] == "MedicationRequest/r2#m1"


async def test_what_is_contained_is_answered_in_its_own_bytes(store: Store, system: Actor) -> None:
    inner = b'{ "resourceType" : "Medication" ,"id":"m1","amount":{"numerator":{"value":1.500}}}'
    body = json.dumps(order("r9", drug("m1", "x"))).encode()
    start = body.index(b'"contained": [') + 14
    async with store.begin(system) as tx:
        await write.update(tx, "MedicationRequest", "r9", body[:start] + b" " + inner + b" ]}")
    page = await ask(store, "Medication?_contained=true&_containedType=contained")
    assert [(one.type, one.id, one.body, one.patient) for one in page.matches] == [
        ("MedicationRequest", "r9#m1", inner, "an")]


async def test_no_row_stays_when_the_container_changes_or_goes(store: Store, system: Actor) -> None:
    full = order("r1", drug("m1", "para"), drug("m2", "amox", identifier=[{"value": "7"}]), {
        "resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"}, "valueInteger": 3,
        "effectiveDateTime": "2024", "derivedFrom": [{"reference": "#"}]})
    for resource, wanted in ((full, ["r1"]), (order("r1", drug("m1", "amox")), ["r1"]), (order("r1"), []),
                             (full, ["r1"]), (order("r1", drug("m1", "para")), [])):
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


@pytest.mark.parametrize("query", [
    "Medication?manufacturer.name=x&_contained=true", "Medication?_has:MedicationRequest:medication:status=active&_contained=both",
    "?_type=Medication&_contained=true", "Patient/an/Observation?_contained=true", "Medication?_list=x&_contained=true",
    "Medication?_contained=true&_containedType=contained&_revinclude=MedicationRequest:medication",
])
async def test_what_does_not_go_with_contained_is_refused_or_with_lenient_left_out(store: Store, query: str) -> None:
    with pytest.raises(errors.UnknownParameter):
        await ask(store, query)
    page = await ask(store, query, handling="lenient")
    assert any("Not used" in issue.diagnostics for issue in page.issues)


async def test_a_condition_is_never_about_what_is_contained(store: Store, system: Actor) -> None:
    async with store.begin(system) as tx:
        with pytest.raises(errors.UnknownParameter):
            await search.search_ids(tx, "Medication", [("code", "para"), ("_contained", "both")])


async def test_an_unknown_parameter_is_dropped_with_lenient_here_too(store: Store) -> None:
    await fill(store, ward=WARD)
    page = await ask(store, "Medication?code=amox&colour=red&_contained=true", handling="lenient")
    assert ([one.id for one in page.matches], page.total) == (["r2"], 1)
    assert ("colour", "red") not in page.self_params and ("_contained", "true") in page.self_params


async def test_containers_include_what_they_point_at(store: Store) -> None:
    await fill(store, ward=WARD)
    page = await ask(store, "Medication?code=amox&_contained=true&_include=MedicationRequest:subject")
    assert [one.id for one in page.included] == ["an"]


async def test_ordinary_searches_are_the_same_with_and_without_what_is_contained(store: Store) -> None:
    person = {"resourceType": "Patient", "id": "an", "name": [{"text": "Trần Thử Ẩn"}], "gender": "male",
              "identifier": [{"value": "001099000001"}], "telecom": [{"system": "phone", "value": "0912345678"}]}
    await fill(store, ward=[{**order("r1", person), "medicationReference": {"reference": "Medication/x"},
                             "subject": {"reference": "#an"}}])
    for query in ("Patient?", "Patient?name=tran", "Patient?identifier=001099000001", "Patient?_id=an",
                  "Patient?gender=male", "Patient?phone=0912345678", "Patient/an/*?", "Patient/an/Patient?",
                  "?_type=Patient", "Patient?gender:missing=false", "Patient?_sort=name"):
        assert (await ask(store, query + "&_total=accurate")).total == 0, query
    assert await ids(store, "Patient?name=tran&phone=0912345678&_contained=true") == {"r1"}


async def test_a_role_needs_both_the_container_and_what_it_contains(store: Store) -> None:
    """Reception reads Patient and Appointment, not MedicationRequest; Medication it may read."""
    who = {"resourceType": "Patient", "id": "p", "name": [{"text": "Trần Thử"}]}
    visit = {"resourceType": "Appointment", "id": "v", "status": "booked", "contained": [who],
             "participant": [{"actor": {"reference": "#p"}, "status": "accepted"}]}
    await fill(store, ward=[*WARD, visit, {**order("r7", who), "medicationReference": {"reference": "Medication/x"},
                                           "subject": {"reference": "#p"}}])
    desk = Actor(1, "desk", frozenset({"reception"}), "PATADMIN")
    assert await ids(store, "Patient?name=tran&_contained=true") == {"v", "r7"}
    for more in ("", "&_sort=name", "&_containedType=contained", "&_contained=both"):
        query = "Patient?name=tran" + (more if "both" in more else "&_contained=true" + more)
        assert {one.split("#")[0] for one in await found(store, query, desk)} == {"Appointment/v"}, more
    assert await found(store, "Medication?code=para&_contained=true", desk) == []
    assert await found(store, "Medication?_contained=true", desk) == []
    with pytest.raises(errors.Refused):
        await ask(store, "Observation?_contained=true", desk)
    nobody = Actor(1, "nobody", frozenset(), "TREAT")
    with pytest.raises(errors.Refused):
        await ask(store, "Medication?_contained=true", nobody)


async def test_nothing_contained_shows_in_another_tenant(store: Store, stranger: Actor) -> None:
    await fill(store, ward=WARD)
    assert await found(store, "Medication?_contained=both", stranger) == []


async def test_the_audit_names_the_person_of_the_container(store: Store) -> None:
    await fill(store, ward=WARD)
    await ask(store, "Medication?code=amox&_contained=true&_containedType=contained")
    page = await ask(store, "AuditEvent?patient=Patient/an&subtype=search-system")
    assert len(page.matches) == 1


async def test_a_parameter_that_is_added_later_finds_what_is_contained(
    store: Store, system: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindex, "BATCH", 2)
    await reindex.load_customs(store)
    url = "https://node.example/fhir/StructureDefinition/shelf"
    mark = {"extension": [{"url": url, "valueString": "Kệ một"}]}
    await fill(store, ward=[order(f"r{number}", drug("m1", "a", **mark), drug("m2", "a"), drug("m3", "a", **mark))
                            for number in range(4)] + [drug("alone", "a", **mark)])
    parameter = {
        "resourceType": "SearchParameter", "id": "shelf", "url": "https://node.example/fhir/SearchParameter/shelf",
        "name": "shelf", "status": "active", "description": "x", "code": "shelf", "base": ["Medication"],
        "type": "string", "expression": f"Medication.extension('{url}').value.ofType(string)"}
    await fill(store, ward=[parameter])
    await reindex.run(store, Taken(1, 1, reindex.KIND, {"id": "shelf"}, 1, 5), settle_seconds=0)
    await fill(store, ward=[order("r5", drug("m1", "a", **mark))])
    assert await ids(store, "Medication?shelf=ke&_contained=true&_containedType=contained") == {
        f"r{number}#{name}" for number in range(4) for name in ("m1", "m3")} | {"r5#m1"}
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
                inner = [drug(f"m{number}", chance.choice("abc"), identifier=[{"value": chance.choice("xyz")}])
                         for number in range(chance.randrange(4))]
                current[name] = order(name, *inner)
                await write.update(tx, "MedicationRequest", name, json.dumps(current[name]).encode())
    number = store.definitions.type_number
    async with store.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local lienmach.tenant = '1'")
        heads = await connection.fetch("select id, rid, seq from resource where type = $1 and not deleted",
                                       number("MedicationRequest"))
        wanted = {(contained.rid_of(head["rid"], place), -number("Medication"), head["seq"]) for head in heads
                  for place in range(len((current[head["id"]] or {}).get("contained", ())))}
        rows = await connection.fetch("select rid, type, seq from ix where rid < 0")
        hot = await connection.fetch("select distinct rid from post where rid < 0")
    assert {tuple(row) for row in rows} == wanted and len(rows) == len(wanted) > 0
    assert {row["rid"] for row in hot} == {row[0] for row in wanted}
    for code in "abc":
        for lot in "xyz":
            model = {f"{name}#{one['id']}" for name, resource in current.items() if resource is not None
                     for one in resource.get("contained", ())
                     if one["code"]["coding"][0]["code"] == code and one["identifier"][0]["value"] == lot}
            query = f"Medication?code={code}&identifier={lot}&_contained=true"
            assert await ids(store, query + "&_containedType=contained") == model
            assert await ids(store, query) == {one.partition("#")[0] for one in model}
