"""`_contained` and `_containedType`: what other resources contain is found, answered, sorted. Rows: test_contained_rows.py."""

from __future__ import annotations

import json

import pytest
from contained_ward import WARD, drug, found, ids, order
from test_search_cases import ask, fill

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.record import search, write
from lienmach.record.transaction import Store

CASES = [
    ("Medication?code=para", {"alone"}),
    ("Medication?code=para&_contained=false", {"alone"}),
    ("Medication?code=para&_contained=true", {"r1", "r2", "r3"}),
    ("Medication?code=para&_contained=both", {"alone", "r1", "r2", "r3"}),
    ("Medication?code=para&_contained=true&_containedType=container", {"r1", "r2", "r3"}),
    ("Medication?code=para&_contained=true&_containedType=contained", {"r1#m1", "r2#m2", "r3#m1", "r3#m2", "r3#m3"}),
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
    extra = [
        order(f"q{number}", drug("a", "para", identifier=[{"value": f"{number % 4}"}]), drug("b", "para"))
        for number in range(12)
    ]
    await fill(store, ward=WARD + extra)
    for kind in ("container", "contained"):
        for which in ("true", "both"):
            for sort in ("", "&_sort=code", "&_sort=-identifier", "&_sort=_id", "&_sort=-_lastUpdated,status"):
                query = f"Medication?code=para&_contained={which}&_containedType={kind}{sort}"
                whole = await found(store, query + "&_count=100")
                assert len(whole) == len(set(whole)) == {"container": 15, "contained": 29}[kind] + (which == "both"), (
                    query
                )
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
    assert [one.partition("/")[2] for one in await found(store, query + "&_sort=date")] == ["o1#a", "o2", "o1", "o1#b"]
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
        ("MedicationRequest", "r9#m1", inner, "an")
    ]


@pytest.mark.parametrize(
    "query",
    [
        "Medication?manufacturer.name=x&_contained=true",
        "Medication?_has:MedicationRequest:medication:status=active&_contained=both",
        "?_type=Medication&_contained=true",
        "Patient/an/Observation?_contained=true",
        "Medication?_list=x&_contained=true",
        "Medication?_contained=true&_containedType=contained&_revinclude=MedicationRequest:medication",
    ],
)
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
    person = {
        "resourceType": "Patient",
        "id": "an",
        "name": [{"text": "Trần Thử Ẩn"}],
        "gender": "male",
        "identifier": [{"value": "001099000001"}],
        "telecom": [{"system": "phone", "value": "0912345678"}],
    }
    await fill(
        store,
        ward=[
            {
                **order("r1", person),
                "medicationReference": {"reference": "Medication/x"},
                "subject": {"reference": "#an"},
            }
        ],
    )
    for query in (
        "Patient?",
        "Patient?name=tran",
        "Patient?identifier=001099000001",
        "Patient?_id=an",
        "Patient?gender=male",
        "Patient?phone=0912345678",
        "Patient/an/*?",
        "Patient/an/Patient?",
        "?_type=Patient",
        "Patient?gender:missing=false",
        "Patient?_sort=name",
    ):
        assert (await ask(store, query + "&_total=accurate")).total == 0, query
    assert await ids(store, "Patient?name=tran&phone=0912345678&_contained=true") == {"r1"}


async def test_a_role_needs_both_the_container_and_what_it_contains(store: Store) -> None:
    """Reception reads Patient and Appointment, not MedicationRequest; Medication it may read."""
    who = {"resourceType": "Patient", "id": "p", "name": [{"text": "Trần Thử"}]}
    visit = {
        "resourceType": "Appointment",
        "id": "v",
        "status": "booked",
        "contained": [who],
        "participant": [{"actor": {"reference": "#p"}, "status": "accepted"}],
    }
    await fill(
        store,
        ward=[
            *WARD,
            visit,
            {**order("r7", who), "medicationReference": {"reference": "Medication/x"}, "subject": {"reference": "#p"}},
        ],
    )
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
