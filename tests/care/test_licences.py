"""Nobody signs or prescribes without a licence that holds on the day."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import licences, prescriptions, resources, systems
from tests.clinic import Clinic

SYSTEM = Actor(1, "system", frozenset(["system"]), "HOPERAT")


async def _with_period(clinic: Clinic, period: dict[str, str] | None) -> None:
    """Let the licence of the doctor hold for a period only; None takes the licence away."""

    async def work(tx: Any) -> None:
        doctor = await resources.follow(tx, clinic.actor("doctor").reference)
        kept = [one for one in doctor["identifier"] if one["system"] != systems.LICENCE]
        mine = next(one for one in doctor["identifier"] if one["system"] == systems.LICENCE)
        doctor["identifier"] = [*kept, {**mine, "period": period}] if period is not None else kept
        if not doctor["identifier"]:
            del doctor["identifier"]
        await resources.update(tx, doctor)

    await clinic.store.run(SYSTEM, work)


@pytest.mark.parametrize("days, holds", [((-1, 0), True), ((0, 1), True), ((-2, -1), False), ((1, 2), False)])
async def test_a_licence_counts_on_its_first_and_last_day_and_not_beside_them(
    clinic: Clinic, days: tuple[int, int], holds: bool
) -> None:
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        today = tx.now.astimezone(tx.tenant.time_zone).date()
    start, end = ((today + timedelta(days=one)).isoformat() for one in days)
    await _with_period(clinic, {"start": start, "end": end})
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        if holds:
            assert (await licences.check(tx)).endswith("MAU-CCHN")
        else:
            with pytest.raises(errors.Unprocessable, match="RX-09"):
                await licences.check(tx)


async def test_who_has_no_licence_prescribes_nothing(clinic: Clinic) -> None:
    encounter = await clinic.visit(await clinic.patient())
    await _with_period(clinic, None)
    line = prescriptions.RxLine("PARA500", Decimal(1), 3, 5)

    async def work(tx: Any) -> None:
        await prescriptions.write(tx, encounter, [line], reasons={})

    with pytest.raises(errors.Unprocessable, match="RX-09"):
        await clinic.store.run(clinic.actor("doctor"), work)
    async with clinic.store.begin(SYSTEM) as tx:
        assert await prescriptions.of_visit(tx, encounter) == []
