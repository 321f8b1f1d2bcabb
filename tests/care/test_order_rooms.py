"""Where an order is done, by the catalogue and by names, and what looking at an order costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lienmach.care import catalogues, charges, orders
from lienmach.care.orders import OrderLine
from tests.care.test_orders import patient, place, read, run, visit
from tests.clinic import Clinic

__all__ = ["patient", "visit"]  # fixtures


async def test_the_room_is_the_one_that_is_named_after_the_service(clinic: Clinic, visit: str) -> None:
    for code, room in (("CDHA-XQ-NGUC", "XQ1"), ("CDHA-SA-BUNG", "SA1"), ("TDCN-DIENTIM", "SA1")):
        [own] = await place(clinic, visit, OrderLine(code))
        order = await read(clinic, "ServiceRequest", own)
        assert order["locationReference"][0]["reference"] == f"Location/{(await clinic.room('imaging', room)).id}"


async def test_a_room_that_the_service_names_goes_before_names_that_sound_alike(clinic: Clinic, visit: str) -> None:
    for named, room in ((["SA1"], "SA1"), (["KHONG-CO"], "XQ1"), ([], "XQ1")):

        async def name_rooms(tx: Any, named: list[str] = named) -> None:
            today = tx.now.astimezone(tx.tenant.time_zone).date()
            row = await catalogues.get(tx, "service", "CDHA-XQ-NGUC", on=today)
            assert row is not None
            catalogues.put(tx, [replace(row, data={**row.data, "rooms": named})])

        await run(clinic, name_rooms, "system")
        [own] = await place(clinic, visit, OrderLine("CDHA-XQ-NGUC", repeat_reason="phim hỏng"))
        order = await read(clinic, "ServiceRequest", own)
        assert order["locationReference"][0]["reference"] == f"Location/{(await clinic.room('imaging', room)).id}"


async def test_a_preview_reads_the_charges_of_a_visit_once_however_many_lines_it_has(
    clinic: Clinic, visit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    gather = charges._gather

    async def count(*args: Any) -> Any:
        nonlocal reads
        reads += 1
        return await gather(*args)

    monkeypatch.setattr(charges, "_gather", count)
    codes = ("XN-HBA1C", "XN-CREA", "CDHA-XQ-NGUC")
    seen = await run(clinic, lambda tx: orders.preview(tx, visit, [OrderLine(one) for one in codes]))
    assert reads == 1 and len(seen.steps) == 3 and seen.after == seen.steps[-1]
    totals = [one.patient_total for one in (seen.before, *seen.steps)]
    assert totals == sorted(set(totals)), "each line adds its own"
