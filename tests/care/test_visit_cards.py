"""Which cards count for a visit: what the portal has verified goes before what was only typed."""

from __future__ import annotations

from typing import Any

import pytest

from lienmach.care import coverages, resources, visit_cards
from lienmach.care.coverages import InsuredCard
from tests.clinic import Clinic

USUAL, RICH = "GD4860000000001", "HN2860000000002"


@pytest.mark.parametrize(
    "results, counted",
    [(("000", ""), {USUAL}), (("", "000"), {RICH}), (("", ""), {USUAL, RICH}), (("000", "004"), {USUAL, RICH})],
)
async def test_a_card_that_nobody_verified_counts_only_while_no_other_one_is(
    clinic: Clinic, results: tuple[str, str], counted: set[str]
) -> None:
    patient_id = await clinic.patient()
    cards = [
        InsuredCard("", number, number[:2], number[2], initial_facility="86991", result_code=result)
        for number, result in zip((USUAL, RICH), results, strict=True)
    ]

    async def keep(tx: Any) -> str:
        return [await coverages.keep(tx, patient_id, one) for one in cards][0]

    named = await clinic.store.run(clinic.actor("reception"), keep)
    visit = await clinic.visit(patient_id, category="1.1", coverage_id=named)
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        encounter = await resources.read(tx, "Encounter", visit)
        assert {one.number for one in await visit_cards.of_visit(tx, encounter)} == counted
