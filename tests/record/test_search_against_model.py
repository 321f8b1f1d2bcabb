"""A few hundred random resources, a few hundred random searches: the record and plain Python find the same."""

from __future__ import annotations

import random

import pytest
import search_world

from lienmach.base.actor import Actor
from lienmach.record import search, write

ACTOR = Actor(1, "test", frozenset({"system"}))


def _queries(chance: random.Random, world: list[dict]) -> tuple[str, list[tuple[str, str]]]:
    def patient() -> str:
        return f"p{chance.randrange(24)}"

    def day() -> str:
        text = f"202{chance.choice('45')}-{chance.randrange(1, 13):02d}-{chance.randrange(1, 28):02d}"
        text = text[: chance.choice((4, 7, 10))] if chance.random() < 0.9 else text + "T10:00:00+07:00"
        return chance.choice(("", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")) + text

    def born() -> str:
        return chance.choice(("", "ge", "lt", "ne")) + str(1950 + chance.randrange(60))

    def code() -> str:
        one = chance.choice(search_world.CODES)
        return chance.choice((one, f"{search_world.LOINC}|{one}", f"{search_world.LOINC}|", "L1", "urn:test:local|L1"))

    patients = [
        lambda: ("name", chance.choice(("ng", "Nguyễn", "nguyen", "an", "Đ", "dang", "van an", "thi", "ÁNH", "zz"))),
        lambda: ("name:contains", chance.choice(("uy", "ng", "ạ"))),
        lambda: ("gender", chance.choice(("male", "female", "male,other", "unknown"))),
        lambda: ("gender:not", chance.choice(("male", "male,female"))),
        lambda: ("gender:missing", chance.choice(("true", "false"))),
        lambda: ("birthdate", born()),
        lambda: ("birthdate:missing", "true"),
        lambda: ("active", chance.choice(("true", "false"))),
        lambda: ("identifier", chance.choice(world[:24])["identifier"][0]["value"]),
        lambda: ("identifier", "urn:test:cccd|" + chance.choice(world[:24])["identifier"][0]["value"]),
        lambda: ("_tag", chance.choice(("x", "urn:test:tag|y", "w"))),
        lambda: ("_id", ",".join(patient() for _ in range(3))),
        lambda: ("_has:Observation:patient:code", code()),
        lambda: ("_has:Observation:subject:value-quantity", f"gt{chance.randrange(250)}"),
        lambda: ("_has:Condition:patient:code", "I10"),
        lambda: ("_has:Encounter:patient:_has:Observation:encounter:code", code()),
    ]
    observations = [
        lambda: ("code", code()),
        lambda: ("code", f"{code()},{code()}"),
        lambda: ("code:not", code()),
        lambda: ("status", chance.choice(search_world.STATUSES)),
        lambda: ("status:not", "final"),
        lambda: ("patient", patient()),
        lambda: ("subject", "Patient/" + patient()),
        lambda: ("patient", f"{patient()},{patient()}"),
        lambda: ("encounter", f"e{chance.randrange(48)}"),
        lambda: ("encounter:missing", "true"),
        lambda: ("date", day()),
        lambda: ("date", day()),
        lambda: ("date:missing", chance.choice(("true", "false"))),
        lambda: ("value-quantity", chance.choice(("gt", "lt", "ge", "le", "ne", "")) + str(chance.randrange(200))),
        lambda: ("patient.name", chance.choice(("an", "nguyen", "dat"))),
        lambda: ("subject:Patient.gender", "male"),
        lambda: ("encounter.status", "finished"),
        lambda: ("encounter.patient.name", "tran"),
        lambda: ("encounter.date", day()),
        lambda: ("patient._has:Condition:patient:code", "E11"),
    ]
    encounters = [
        lambda: ("date", day()),
        lambda: ("date", day()),
        lambda: ("status", "finished"),
        lambda: ("class", "IMP"),
        lambda: ("patient", patient()),
        lambda: ("date:missing", "true"),
        lambda: ("patient.birthdate", born()),
        lambda: ("_has:Observation:encounter:code", code()),
        lambda: ("_id", f"e{chance.randrange(60)}"),
    ]
    kind, choices = chance.choice(
        (("Patient", patients), ("Observation", observations), ("Observation", observations), ("Encounter", encounters))
    )
    return kind, [chance.choice(choices)() for _ in range(chance.choice((1, 1, 2, 2, 3)))]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_search_finds_what_plain_python_finds(store, seed: int) -> None:
    world = search_world.build(seed)
    async with store.begin(ACTOR) as tx:
        for resource in world:
            await write.update(tx, resource["resourceType"], resource["id"], search_world.body(resource))
    chance = random.Random(seed)
    for _ in range(100):
        kind, params = _queries(chance, world)
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
