"""Whatever people do in whatever order, the ledger balances after every step and says what the books say."""

from __future__ import annotations

import pytest

from tests.care.money_walk import MoneyWalk
from tests.clinic import Clinic


@pytest.mark.parametrize("seed", [1, 20261122])
async def test_the_ledger_balances_after_every_step(clinic: Clinic, seed: int) -> None:
    walk = await MoneyWalk.start(clinic, seed=seed)
    for _ in range(350):
        await walk.step()
    assert {step.__name__ for _, step in walk.steps} <= set(walk.done), "every kind of step was taken"
    assert {"too-much", "not-closed", "unchanged"} <= set(walk.refused)
    assert any(one.version > 2 for one in walk.books.visits.values())
    assert any(one.given_back for one in walk.books.visits.values())
    assert any(one.applied for one in walk.books.visits.values())
