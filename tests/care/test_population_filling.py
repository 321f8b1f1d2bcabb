from lienmach.base.actor import Actor
from lienmach.care import patients
from lienmach.care.population import filling
from lienmach.record import read, search, write

DEMO = Actor(1, "demo", frozenset(["system"]), "HTEST")


async def fill(store, people, seed=1):
    seen = []
    progress = await filling.fill(store, DEMO, seed=seed, people=people, report=seen.append)
    assert seen == sorted(seen) and seen[-1] == people
    return progress


async def count(store, actor, kind):
    async with store.begin(actor) as tx:
        return (await search.search(tx, kind, [("_summary", "count")])).total


async def test_a_second_run_adds_nothing_and_more_people_are_added_to_those_there(store, system):
    first = await fill(store, 40)
    assert first.kept == 0 and await count(store, system, "Patient") == 40
    again = await fill(store, 40)
    assert (again.added, again.kept) == (0, first.added)
    more = await fill(store, 60)
    assert more.kept == first.added and await count(store, system, "Patient") == 60


async def test_what_somebody_deleted_stays_deleted(store, system):
    await fill(store, 3)
    async with store.begin(system) as tx:
        await write.delete(tx, "Patient", "d1-00001-1")
    assert (await fill(store, 3)).added == 0
    assert await count(store, system, "Patient") == 2


async def test_only_the_tenant_that_was_named_gets_people(store, stranger, system):
    await fill(store, 3)
    assert await count(store, stranger, "Patient") == 0


async def test_a_demo_person_is_found_and_has_a_life(store, system):
    await fill(store, 30)
    async with store.begin(system) as tx:
        stored = await read.read(tx, "Patient", "d1-00001-1")
        found = await patients.find(tx, _number(stored.body))
        assert [one.patient["id"] for one in found.people] == ["d1-00001-1"]
        banner = await patients.read_banner(tx, "d1-00001-1")
        assert banner.demo and banner.name == found.people[0].patient["name"][0]["text"]


def _number(body):
    import json

    return json.loads(body)["identifier"][0]["value"]
