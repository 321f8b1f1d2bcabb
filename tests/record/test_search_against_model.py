"""A few hundred random resources, a few hundred random searches: the record and plain Python find the same."""

from __future__ import annotations

import random

import pytest
import search_draws
import search_world

from lienmach.base.actor import Actor
from lienmach.record import search, write

ACTOR = Actor(1, "test", frozenset({"system"}))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_search_finds_what_plain_python_finds(store, seed: int) -> None:
    world = search_world.build(seed)
    async with store.begin(ACTOR) as tx:
        for resource in world:
            await write.update(tx, resource["resourceType"], resource["id"], search_world.body(resource))
    chance = random.Random(seed)
    for _ in range(100):
        kind, params = search_draws.Draws(chance, world).query()
        wanted = search_world.expected(world, kind, params)
        async with store.begin(ACTOR) as tx:
            page = await search.search(tx, kind, [*params, ("_count", "1000"), ("_total", "accurate")])
        assert {one.id for one in page.matches} == wanted, (seed, kind, params)
        assert len(page.matches) == len(wanted) == page.total, (seed, kind, params)
        async with store.begin(ACTOR) as tx:
            found = await search.search_ids(tx, kind, params, limit=1000)
        assert {one.id for one in found} == wanted, (seed, kind, params)
        by_pages: list[str] = []
        order = chance.choice(("", "_lastUpdated", "-_id", "birthdate" if kind == "Patient" else "date"))
        asked = [*params, ("_count", "7"), *([("_sort", order)] if order else [])]
        cursor = None
        while True:
            async with store.begin(ACTOR) as tx:
                page = await search.search(tx, kind, [*asked, *([("_page", cursor)] if cursor else [])])
            by_pages += [one.id for one in page.matches]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert len(by_pages) == len(wanted) and set(by_pages) == wanted, (seed, kind, params, order)
