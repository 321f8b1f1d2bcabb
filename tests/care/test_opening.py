"""A new home is ready for its first day, and opening it twice adds nothing."""

from __future__ import annotations

from lienmach.base.actor import Actor
from lienmach.care import catalogues
from lienmach.care.population import opening
from lienmach.record.transaction import Store


async def _counts(store: Store, actor: Actor) -> tuple[int, ...]:
    async with store.begin(actor) as tx:
        rows = await tx.fetch(
            """select (select count(*) from catalogue where tenant = $1), (select count(*) from stock_lot where tenant = $1),
                      (select count(*) from resource where tenant = $1 and type <> $2),
                      (select count(*) from signing_key where tenant = $1)""",
            1, tx.definitions.type_number("AuditEvent"),
        )  # fmt: skip
    return tuple(rows[0])


async def test_a_demo_home_is_ready_and_a_second_opening_adds_nothing(store: Store, system: Actor) -> None:
    await opening.open_home(store, system, is_demo=True)
    first = await _counts(store, system)
    assert all(first)
    await opening.open_home(store, system, is_demo=True)
    assert await _counts(store, system) == first


async def test_an_empty_home_gets_its_code_lists_as_drafts_that_nobody_is_offered(store: Store, system: Actor) -> None:
    await opening.open_home(store, system, is_demo=False)
    async with store.begin(system) as tx:
        today = tx.now.date()
        assert await catalogues.find(tx, "icd10", "tang huyet ap", on=today) == []
        assert await catalogues.find(tx, "icd10", "tang huyet ap", on=today, states=("draft",))
        assert {row["state"] for row in await tx.fetch("select distinct state from catalogue where tenant = 1")} == {
            "draft"
        }
    counts = await _counts(store, system)
    assert counts[1:] == (0, 0, 0)
