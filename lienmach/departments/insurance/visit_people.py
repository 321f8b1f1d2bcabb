"""Whose visits a list shows: name, sex, birth and the mark of test data, read at once for all of its rows."""

from __future__ import annotations

from collections.abc import Iterable

from lienmach.care import banner, catalogues, resources
from lienmach.care.banner import Banner
from lienmach.record.transaction import Transaction


async def of(tx: Transaction, patient_ids: Iterable[str], *, is_english: bool) -> dict[str, Banner]:
    """Banners by id of the Patient, without what a list does not show; who is not there is left out."""
    found = await resources.read_many(tx, "Patient", sorted(set(patient_ids)))
    day = catalogues.today(tx)
    return {own: banner.build(one, today=day, en=is_english) for own, one in found.items()}
