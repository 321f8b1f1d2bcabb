"""What a list says of people beside their names, without opening their records."""

from __future__ import annotations

from collections.abc import Iterable

from lienmach.base import errors
from lienmach.record import search
from lienmach.record.transaction import Transaction

_IDS_MAX = 200


async def unplaced(tx: Transaction, patient_ids: Iterable[str]) -> frozenset[str]:
    """Those who have an insurance card and no commune: their claims cannot go (STR-08).

    By the index alone, so that a list which renews itself shows nobody. A role that may not see cards is told nothing.
    """
    wanted = sorted({one for one in patient_ids if one})[:_IDS_MAX]
    if not wanted:
        return frozenset()
    asked = [
        ("_id", ",".join(wanted)),
        ("address-city:missing", "true"),
        ("_has:Coverage:beneficiary:status", "active"),
    ]
    try:
        found = await search.search_ids(tx, "Patient", asked, limit=len(wanted))
    except errors.Refused:
        return frozenset()
    return frozenset(one.id for one in found)
