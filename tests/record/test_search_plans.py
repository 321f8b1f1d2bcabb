"""What drives a search: the choice is ours, and a test says so, because a wrong one is slow long before it is wrong."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from test_search_cases import ACTOR, fill

from lienmach.base import errors
from lienmach.record import search, walk

DRIVERS = [
    ("Patient?_id=an", "set ids whole"),
    ("Patient?identifier=urn:test:cccd|001", "walk post"),
    ("Patient?name=an&identifier=urn:test:cccd|001", "walk post"),
    ("Patient?name=an", "set side up to 1000, else walk type"),
    ("Patient?name=an&birthdate=1958-02-01", "set side up to 5000, else walk type"),
    ("Patient?name:contains=an", "walk type"),
    ("Patient?gender=male", "glance 2000, else walk type"),
    ("Patient?gender:not=male", "walk type"),
    ("Observation?patient=an&code=8480-6&date=ge2024", "walk patient"),
    ("Observation?patient=an&_sort=code", "walk patient"),
    ("Observation?patient=an,binh", "walk patient"),
    ("Observation?code=8480-6&status=final", "glance 2000, else walk post"),
    ("Observation?code=8480-6&date=2024-05", "walk post"),
    ("Observation?date=2024-05&status=final", "glance 2000, else walk type"),
    ("Observation?encounter=Encounter/stay", "set terms up to 5000, else walk type"),
    (
        "Observation?encounter=Encounter/stay&date=sa2024-04-30&date=lt2024-05-03",
        "all of the days up to 5000, else set terms up to 300, else walk type",
    ),
    (
        "Observation?encounter=Encounter/stay&date=sa2024-04-30&date=lt2024-05-06",
        "set terms up to 5000, else walk type",
    ),
    ("Observation?encounter=Encounter/stay&code=8480-6", "set terms up to 5000, else walk post"),
    ("Observation?code-value-quantity=8480-6$120", "walk post"),
    ("Observation?_sort=-_lastUpdated&status=final", "walk type"),
    ("Observation?code=8480-6&_sort=value-quantity", "set terms whole"),
]


async def test_each_kind_of_search_is_driven_by_what_narrows_it_best(store) -> None:
    await fill(store)
    wrong = []
    for query, wanted in DRIVERS:
        kind, _, rest = query.partition("?")
        async with store.begin(ACTOR) as tx:
            text = await search.explain(tx, kind, parse_qsl(rest))
        if text.split("\n", 1)[0] != wanted:
            wrong.append((query, wanted, text.split("\n", 1)[0]))
    assert not wrong, "\n".join(map(str, wrong))


class Counted:
    """A unit of work that counts what it is asked."""

    def __init__(self, tx) -> None:
        self.tx, self.asked = tx, []

    def __getattr__(self, name: str):
        return getattr(self.tx, name)

    async def fetch(self, sql: str, *args):
        self.asked.append(sql)
        return await self.tx.fetch(sql, *args)


async def test_a_simple_search_is_one_statement(store) -> None:
    await fill(store)
    for query in ("Patient?identifier=urn:test:cccd|001", "Observation?patient=an&code=8480-6", "Patient?name=an"):
        kind, _, rest = query.partition("?")
        tx = Counted(store.begin(ACTOR))
        page = await search.search(tx, kind, parse_qsl(rest))
        assert page.matches and len(tx.asked) == 1, query
        await tx.abandon()


async def test_the_same_kind_of_search_is_the_same_text_whatever_the_values(store) -> None:
    async with store.begin(ACTOR) as tx:
        texts = {
            (await search.explain(tx, "Observation", [("patient", who), ("code", code), ("date", when)])).split("\n")[1]
            for who, code, when in (("a", "1", "ge2024"), ("b", "2,3", "ge2023-01-01"), ("c", "x|4", "ge2022-01"))
        }
    assert len(texts) == 1


async def test_a_few_days_are_found_alike_whether_they_are_looked_at_whole_or_walked(store, monkeypatch) -> None:
    await fill(store)
    query = "encounter=Encounter/stay&date=sa2024-04-29&date=lt2024-05-02"
    found = []
    for most in (5000, 0):
        monkeypatch.setattr(walk, "NEAR_MAX", most)
        async with store.begin(ACTOR) as tx:
            found.append([one.id for one in (await search.search(tx, "Observation", parse_qsl(query))).matches])
    assert found[0] == found[1] and found[0]


async def test_a_step_back_from_named_people_looks_at_nobody_else(store) -> None:
    await fill(store)
    back = ("_has:Observation:patient:code", "8480-6")
    async with store.begin(ACTOR) as tx:
        everybody = {one.id for one in (await search.search(tx, "Patient", [back])).matches}
    assert len(everybody) > 1
    one = min(everybody)
    store.limits = replace(store.limits, chain_ids_max=1)
    async with store.begin(ACTOR) as tx:
        with pytest.raises(errors.TooLarge):
            await search.search(tx, "Patient", [back])
        assert [found.id for found in (await search.search(tx, "Patient", [("_id", one), back])).matches] == [one]
