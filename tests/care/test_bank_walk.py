"""Whatever bank, payers and cashiers do in whatever order, the ledger balances after every step."""

from __future__ import annotations

import pytest

from tests.care import bank_world
from tests.care.bank_steps import BankSteps
from tests.care.money_walk import MoneyWalk
from tests.clinic import Clinic


@pytest.mark.parametrize("seed", [4, 20261122])
async def test_the_ledger_balances_whatever_the_bank_does(clinic: Clinic, seed: int) -> None:
    walk = await MoneyWalk.start(clinic, seed=seed)
    steps = BankSteps(walk)
    for _ in range(400):
        await walk.step()
    assert {step.__name__ for _, step in walk.steps} <= set(walk.done), "every kind of step was taken"
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        rows = await tx.fetch("select state, why from bank_transfer where tenant = $1", 1)
    assert {row["state"] for row in rows} >= {"matched", "assigned", "returned"}
    whys = {row["why"] for row in rows}
    assert whys >= {"", "no-number"} and whys & {"paid", "replaced", "more-than-due"}
    assert len(rows) == len(steps.told)
    await bank_world.books(clinic)
