"""What the rooms of one page ask for again is asked of the database once, and nobody notices."""

from __future__ import annotations

from typing import Any

from lienmach.base.actor import Actor
from lienmach.care import resources
from lienmach.record import search
from lienmach.record.transaction import Store

PERSON = {"resourceType": "Patient", "id": "an", "name": [{"text": "Nguyễn Văn An (mẫu)"}], "gender": "male"}


async def _fill(store: Store, system: Actor, gender: str = "male") -> None:
    async with store.begin(system) as tx:
        stored = await search.search_ids(tx, "Patient", [("_id", "an")])
        one = {**(await resources.read(tx, "Patient", "an") if stored else PERSON), "gender": gender}
        await (resources.update(tx, one) if stored else resources.create(tx, one, resource_id="an"))


async def test_the_same_question_in_one_unit_is_one_statement(store: Store, system: Actor, monkeypatch: Any) -> None:
    await _fill(store, system)
    asked = []
    ask = search.search

    async def counted(*args: Any, **more: Any) -> search.Page:
        asked.append(args[1])
        return await ask(*args, **more)

    monkeypatch.setattr(search, "search", counted)
    async with store.begin(system) as tx:
        first = await resources.find(tx, "Patient", ("gender", "male"))
        first[0]["gender"] = "changed by whoever asked"
        assert [one["gender"] for one in await resources.find(tx, "Patient", ("gender", "male"))] == ["male"]
        assert await resources.find(tx, "Patient", ("gender", "female")) == []
    assert asked == ["Patient", "Patient"]


async def test_what_is_told_again_is_shown_again(store: Store, system: Actor) -> None:
    await _fill(store, system)
    async with store.begin(system) as tx:
        for ask in (lambda: resources.read(tx, "Patient", "an"), lambda: resources.find(tx, "Patient", ("_id", "an"))):
            await ask()
            tx.access.withdraw()
            await ask()
            assert list(tx.access.persons) == ["an"]
            tx.access.withdraw()


async def test_a_unit_that_lets_its_view_go_sees_what_was_written_since(store: Store, system: Actor) -> None:
    await _fill(store, system)
    async with store.begin(system) as tx:
        assert (await resources.read(tx, "Patient", "an"))["gender"] == "male"
        await _fill(store, system, "female")
        await tx.leave()
        assert (await resources.read(tx, "Patient", "an"))["gender"] == "female"
        assert await resources.find(tx, "Patient", ("gender", "male")) == []
