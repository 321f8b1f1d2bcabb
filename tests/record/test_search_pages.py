"""Order, pages, totals, includes and the `self` parameters of a search."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace

import pytest
from test_search_cases import ACTOR, ask, fill

from lienmach.base import errors
from lienmach.record import paging, write
from lienmach.record.sorting import NUMBER, TEXT, TIME


def _observation(number: int, when: str | None, **more) -> dict:
    found = {"resourceType": "Observation", "id": f"x{number}", "status": "final", "code": {"text": "x"}, **more}
    return found if when is None else {**found, "effectiveDateTime": when}


async def _all_pages(store, text: str, between=None) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = await ask(store, text + (f"&_page={cursor}" if cursor else ""))
        found += [one.id for one in page.matches]
        cursor = page.next_cursor
        if cursor is None:
            return found
        if between is not None:
            await between()


async def test_the_natural_order_is_newest_first_and_undated_last(store) -> None:
    await fill(
        store,
        ward=[
            _observation(1, "2024-01-01"),
            _observation(2, None),
            _observation(3, "2025"),
            _observation(4, "2024-06-01T10:00:00Z"),
        ],
    )
    assert await _all_pages(store, "Observation?_count=1") == ["x3", "x4", "x1", "x2"]
    assert await _all_pages(store, "Observation?_count=3&_sort=-date") == ["x3", "x4", "x1", "x2"]
    assert await _all_pages(store, "Observation?_count=1&_sort=date") == ["x1", "x4", "x3", "x2"]


SORTS = [
    ("_id", ["an", "binh", "dat", "nobody"]),
    ("-_id", ["nobody", "dat", "binh", "an"]),
    ("_lastUpdated,_id", ["an", "binh", "dat", "nobody"]),
    ("birthdate", ["an", "dat", "binh", "nobody"]),
    ("-birthdate", ["binh", "dat", "an", "nobody"]),
    ("name", ["binh", "an", "dat", "nobody"]),
    ("-name", ["dat", "an", "binh", "nobody"]),
    ("family", ["an", "binh", "dat", "nobody"]),
    ("gender", ["binh", "an", "dat", "nobody"]),
    ("-gender,birthdate", ["an", "dat", "binh", "nobody"]),
    ("gender,-birthdate", ["binh", "dat", "an", "nobody"]),
    ("-gender,-birthdate,_id", ["dat", "an", "binh", "nobody"]),
    ("identifier,-_id", ["binh", "an", "dat", "nobody"]),
]


async def test_every_sort_key_orders_with_missing_values_last_on_pages_of_any_size(store) -> None:
    await fill(store)
    for sort, wanted in SORTS:
        for count in (1, 3, 50):
            assert await _all_pages(store, f"Patient?_sort={sort}&_count={count}") == wanted, (sort, count)


async def test_quantities_and_codes_sort_too(store) -> None:
    await fill(store)
    found = await _all_pages(store, "Observation?_sort=-value-quantity,_id&_count=2")
    assert found[-1] == "loose" and found.index("bp2") < found.index("bp")
    assert await _all_pages(store, "Observation?_sort=status,_id&_count=2") == ["bp", "hb", "loose", "bp2"]


async def test_pages_under_concurrent_writes_lose_and_double_nothing_that_was_there(store) -> None:
    chance = random.Random(7)
    world = [_observation(n, f"2024-0{chance.randrange(1, 5)}-1{chance.randrange(10)}") for n in range(60)]
    await fill(store, ward=world)
    added = 0

    async def disturb() -> None:
        nonlocal added
        new = [
            _observation(1000 + added + n, f"2024-0{chance.randrange(1, 5)}-1{chance.randrange(10)}") for n in range(5)
        ]
        added += 5
        gone = f"x{1000 + chance.randrange(added)}"
        await asyncio.gather(fill(store, ward=new), fill(store, ward=[_observation(1, "2024-02-10")]))
        async with store.begin(ACTOR) as tx:
            await write.delete(tx, "Observation", gone)

    for order in ("", "&_sort=_id", "&_sort=date"):
        found = await _all_pages(store, f"Observation?_count=7{order}", disturb)
        assert len(found) == len(set(found))
        assert {f"x{n}" for n in range(60) if n != 1} <= set(found)


async def test_a_page_link_stays_good_when_the_row_it_names_is_gone(store) -> None:
    await fill(store, ward=[_observation(n, f"2024-01-0{n}") for n in range(1, 6)])
    first = await ask(store, "Observation?_count=2")
    assert [one.id for one in first.matches] == ["x5", "x4"]
    async with store.begin(ACTOR) as tx:
        await write.delete(tx, "Observation", "x4")
    second = await ask(store, f"Observation?_count=2&_page={first.next_cursor}")
    assert [one.id for one in second.matches] == ["x3", "x2"]


async def test_totals_are_told_as_asked(store) -> None:
    await fill(store, ward=[_observation(n, f"2024-01-0{n}") for n in range(1, 6)])
    assert (await ask(store, "Observation?_count=2&_total=accurate")).total == 5
    assert (await ask(store, "Observation?_count=2&_total=estimate")).total == 5
    assert (await ask(store, "Observation?_count=2&_total=none")).total is None
    assert (await ask(store, "Observation?_count=9")).total == 5
    for form in ("_count=0", "_summary=count"):
        page = await ask(store, f"Observation?{form}&date=ge2024-01-03")
        assert (page.matches, page.total, page.next_cursor) == ([], 3, None)


MARKS = [
    "abc",
    "!!!!",
    "e30",
    "bnVsbA",
    "W10",
    "WyJ0aSIsIngiLDFd",
    "WyJ0aSIsbnVsbCwtMV0",
    "WyJ0aSIsbnVsbCx0cnVlXQ",
    "WyJ0aSIsIjIwMjQtMDEtMDEiLDFd",
    "WyJ0aSIsbnVsbCwxZTk5OV0",
    "W" * 4000,
    "WyJ0ZSIsIngiLDFd",
    "x" * 5000,
]


async def test_a_mark_that_we_never_wrote_is_refused(store) -> None:
    for mark in MARKS:
        with pytest.raises(errors.Invalid):
            await ask(store, f"Observation?_page={mark}")
    with pytest.raises(errors.Invalid):
        await ask(store, f"Observation?_sort=_id&_page={paging.write_mark((TIME,), (None, 1))}")


@pytest.mark.parametrize(
    ("kinds", "values"), [((), (5,)), ((TEXT,), ("Đạt 'x\"", 5)), ((TEXT, NUMBER), (None, None, 0))]
)
def test_a_mark_gives_back_what_was_put_in(kinds: tuple[str, ...], values: tuple) -> None:
    assert paging.read_mark(kinds, paging.write_mark(kinds, values)) == values
    with pytest.raises(errors.Invalid):
        paging.read_mark((*kinds, TIME), paging.write_mark(kinds, values))


INCLUDES: list[tuple[str, set[str]]] = [
    ("Observation?_id=bp&_include=Observation:subject", {"an"}),
    ("Observation?_id=bp&_include=Observation:subject:Patient", {"an"}),
    ("Observation?_id=bp&_include=Observation:subject:Group", set()),
    ("Observation?_id=bp&_include=Observation:subject&_include=Observation:encounter", {"an", "stay"}),
    ("Observation?_id=bp&_include=*", {"an", "stay"}),
    ("Observation?_id=bp&_include=Observation:*", {"an", "stay"}),
    ("Observation?_id=bp&_include=Observation:subject&_include=Patient:general-practitioner", {"an"}),
    ("Observation?_id=bp&_include=Observation:subject&_include:iterate=Patient:general-practitioner", {"an", "dr"}),
    ("Observation?_id=bp,hb&_include=Observation:subject", {"an"}),
    ("Observation?_id=loose&_include=Observation:subject", set()),
    ("Patient?_id=an&_revinclude=Observation:subject", {"bp", "hb"}),
    ("Patient?_id=an&_revinclude=Observation:patient&_revinclude=Encounter:patient", {"bp", "hb", "stay"}),
    ("Patient?_id=an&_revinclude=Observation:*", {"bp", "hb"}),
    ("Patient?_id=an&_include=Patient:general-practitioner", {"dr"}),
    ("Practitioner?_id=dr&_revinclude=Patient:general-practitioner", {"an"}),
    (
        "Practitioner?_id=dr&_revinclude=Patient:general-practitioner&_revinclude:iterate=Observation:subject",
        {"an", "bp", "hb"},
    ),
    ("DiagnosticReport?_include=DiagnosticReport:result&_include:iterate=Observation:encounter", {"bp", "hb", "stay"}),
    ("Observation?_id=bp&_include=Encounter:subject", set()),
    ("Observation?subject=Patient/an&_include=Observation:subject&_revinclude:iterate=Observation:subject", {"an"}),
]


async def test_includes_add_what_is_named_once_and_nothing_else(store) -> None:
    await fill(store)
    for query, included in INCLUDES:
        page = await ask(store, query)
        found = [one.id for one in page.included]
        assert set(found) == included and len(found) == len(set(found)), query
        assert not set(found) & {one.id for one in page.matches}, query


async def test_an_include_comes_in_its_current_version_and_not_when_deleted(store) -> None:
    await fill(store)
    page = await ask(store, "Patient?_id=an&_include=Patient:general-practitioner")
    assert [(one.id, one.version_id) for one in page.included] == [("dr", 1)]
    async with store.begin(ACTOR) as tx:
        await write.delete(tx, "Practitioner", "dr")
    assert (await ask(store, "Patient?_id=an&_include=Patient:general-practitioner")).included == []


async def test_includes_in_a_circle_end(store) -> None:
    await fill(
        store,
        ward=[
            {
                "resourceType": "Organization",
                "id": f"o{n}",
                "name": "o",
                "partOf": {"reference": f"Organization/o{(n + 1) % 3}"},
            }
            for n in range(3)
        ],
    )
    page = await ask(
        store, "Organization?_id=o0&_include:iterate=Organization:partof&_revinclude:iterate=Organization:partof"
    )
    assert {one.id for one in page.included} == {"o1", "o2"}


async def test_includes_over_the_limit_are_cut_and_said(store) -> None:
    store.limits = replace(store.limits, include_max=2)
    await fill(
        store,
        ward=[_observation(n, "2024", subject={"reference": "Patient/p"}) for n in range(3)]
        + [{"resourceType": "Patient", "id": "p"}],
    )
    page = await ask(store, "Patient?_revinclude=Observation:subject")
    assert len(page.included) == 2
    assert [one.severity for one in page.issues] == ["warning"]
    store.limits = replace(store.limits, include_max=3)
    page = await ask(store, "Patient?_revinclude=Observation:subject")
    assert len(page.included) == 3 and page.issues == []


async def test_chains_over_the_limit_are_refused(store) -> None:
    await fill(store)
    store.limits = replace(store.limits, chain_ids_max=2)
    assert (await ask(store, "Observation?patient.name=nguyen")).total == 3
    store.limits = replace(store.limits, chain_ids_max=1)
    with pytest.raises(errors.TooLarge):
        await ask(store, "Observation?patient.name=nguyen")
    with pytest.raises(errors.TooLarge):
        await ask(store, "Patient?_has:Observation:patient:code=8480-6")


async def test_ten_thousand_values_are_refused_by_name(store) -> None:
    with pytest.raises(errors.TooLarge, match="code"):
        await ask(store, "Observation?code=" + ",".join(map(str, range(10_000))))
    assert (await ask(store, "Observation?code=" + ",".join(map(str, range(200))))).total == 0


async def test_lenient_search_drops_what_is_unknown_and_says_so(store) -> None:
    await fill(store)
    page = await ask(store, "Patient?gender=male&nonsense=1&_text=x&_count=5", handling="lenient")
    assert {one.id for one in page.matches} == {"an", "dat"}
    assert len(page.issues) == 2 and all(one.severity == "warning" for one in page.issues)
    assert page.self_params == [("gender", "male"), ("_count", "5")]
    page = await ask(store, "Patient?gender=male&name:nonsense=x&organization.nonsense=y&_sort=_id", handling="lenient")
    assert [one.id for one in page.matches] == ["an", "dat"] and len(page.issues) == 2
    assert page.self_params == [("gender", "male"), ("_sort", "_id")]


async def test_the_self_parameters_show_the_count_that_was_used(store) -> None:
    page = await ask(store, "Patient?name=a&_count=999999")
    assert page.self_params == [("name", "a"), ("_count", str(store.limits.page_count_max))]


async def test_what_is_found_and_included_stands_in_the_audit(store) -> None:
    await fill(store)
    await ask(store, "Encounter?_id=stay&_include=Encounter:subject")
    await ask(store, "Observation?patient=an&_include=Observation:subject")
    found = await ask(store, "AuditEvent?patient=Patient/an&_count=200")
    assert sum(json.loads(one.body).get("action") == "E" for one in found.matches) >= 2
