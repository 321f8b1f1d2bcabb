"""Whatever is asked of whatever parameter, the answer is a page or a refusal in words, and nothing changes."""

from __future__ import annotations

import pytest
from test_search_cases import ACTOR, ask, fill

from lienmach.base import errors
from lienmach.record import search

HOSTILE = [
    "'; drop table ix; --",
    "\\",
    "|||",
    "$$$",
    "a|b|c|d|e",
    "%_%",
    "gt",
    "1e999999999",
    "-1e400",
    "NaN",
    "9" * 300,
    "(",
    "ge9999-12-31T23:59:59.999Z",
    "ap0001-01-01",
    "gt0001",
    "2024-02-30",
    "..",
    "../../etc",
    "http://[",
    "urn:",
    "/",
    "#",
    "Patient/",
    "/1",
    "Patient/1/_history/",
    "\U0010ffff",
    "đ" * 3000,
    "{}",
    "null",
    "true",
    "\u202e",
]


async def _try(store, kind: str | None, params: list[tuple[str, str]]) -> None:
    tx = store.begin(ACTOR)
    try:
        await search.search(tx, kind, params)
    except errors.Failure as error:
        assert 400 <= error.status < 500, (kind, params)
        assert len(error.text) < 600
    finally:
        await tx.abandon()


async def test_hostile_values_of_every_parameter_of_a_few_types_get_a_page_or_a_refusal(store) -> None:
    await fill(store)
    for kind in ("Patient", "Observation", "RiskAssessment", "Location", "ValueSet"):
        for code in (
            *store.standard_parameters.of(kind),
            "_id",
            "_lastUpdated",
            "_list",
            "_sort",
            "_include",
            "_count",
            "_revinclude",
            "_page",
            "_elements",
            "_summary",
            "_total",
            "_type",
            "_contained",
            "_text",
        ):
            for value in HOSTILE:
                await _try(store, kind, [(code, value)])


async def test_every_parameter_of_every_type_can_be_asked_and_sorted_or_says_why_not(store) -> None:
    values = {
        "number": "gt1",
        "date": "ge2024-01",
        "string": "an",
        "token": "http://x|y",
        "reference": "Patient/1",
        "quantity": "gt1|http://unitsofmeasure.org|kg",
        "uri": "http://x",
        "composite": "a$b",
        "special": "1|2|3",
    }
    for kind in store.definitions.types:
        for code, parameter in store.standard_parameters.of(kind).items():
            await _try(store, kind, [(code, values[parameter.kind]), (f"{code}:missing", "true"), ("_count", "1")])
            await _try(store, kind, [("_sort", code), ("_id", "a"), ("_count", "1")])


NAMES = [
    "",
    ":",
    ".",
    "a.b.c.d.e.f.g.h",
    "_has",
    "_has:",
    "_has:::",
    "_has:Observation:patient:",
    "subject:",
    "subject:Patient.",
    "name:exact:exact",
    "na'me",
    "a\0",
    "\udc00",
    "_sort:x",
    "_count:missing",
    "_include:",
    "__proto__",
    "name.family",
    "subject:Patient:exact.name",
    "_id.name",
    "_has:Patient:_id:name",
]


async def test_hostile_names_are_refused(store) -> None:
    for name in NAMES:
        tx = store.begin(ACTOR)
        with pytest.raises(errors.Failure) as caught:
            await search.search(tx, "Observation", [(name, "1")])
        assert 400 <= caught.value.status < 500
        await tx.abandon()


async def test_after_all_of_it_the_ward_is_as_it_was(store) -> None:
    await fill(store)
    for value in HOSTILE:
        await _try(store, None, [("_id", value), ("_tag", value)])
    assert (await ask(store, "Patient?_total=accurate")).total == 4
