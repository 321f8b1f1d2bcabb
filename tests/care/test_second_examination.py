"""A second speciality sees the person in the same visit: its room knows, and for the insured it counts 30 %."""

from __future__ import annotations

from typing import Any

import pytest

from lienmach.care import charges, insurance, orders, queue, resources, visit_list
from lienmach.care.orders import OrderLine
from tests.clinic import Clinic

CARD = "GD4790000000011"


@pytest.mark.parametrize(("card", "expected"), [(CARD, [30, 100]), ("", [100, 100])])
async def test_a_second_examination_stands_on_the_other_rooms_list(
    clinic: Clinic, card: str, expected: list[int]
) -> None:
    numbers = {"identifier": [{"system": "https://lienmach.org/sid/bhyt", "value": card}]} if card else {}
    person = await clinic.patient(**numbers)

    async def ask(tx: Any) -> str:
        return await insurance.ask(tx, person)

    coverage = await clinic.store.run(clinic.actor("reception"), ask)
    visit = await clinic.visit(person, coverage_id=coverage, category="1.1" if card else "9")
    other = await clinic.room("exam", "P105")

    async def place(tx: Any) -> Any:
        return await orders.place(tx, visit, [OrderLine("KB-SAN")])

    await clinic.store.run(clinic.actor("doctor"), place)
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        listed = (await visit_list.of_room(tx, room_id=other.id, on=today)).items
        assert [one.encounter_id for one in listed] == [visit] and listed[0].shown.startswith("P105")
        assert [one.encounter_id for one in await queue.waiting(tx, other.id)] == [visit]
        rates = sorted(one.TYLE_TT_DV for one in (await charges.of_visit(tx, visit)).lines)
        assert len((await resources.read(tx, "Encounter", visit))["location"]) == 2
    assert rates == expected
