"""The patient category of a visit (MA_DOITUONG_KCB): decided when it ends, the first row from the top that fits.

QĐ 3276/QĐ-BYT of 2025-10-17, annex 1 (read in a secondary copy). What only papers can tell, a referral or a change of
residence, was seen at the desk: a category chosen there for such a paper stays unless a row above it fits. The person
who signs may choose another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from lienmach.care import catalogues, insurance
from lienmach.care.catalogues import Row
from lienmach.care.coverages import InsuredCard
from lienmach.care.facility import Facility
from lienmach.record.transaction import Transaction

NOT_INSURED = "9"
BY_PAPER = frozenset({"1.3", "1.4", "1.5", "1.6", "1.7", "7", "7.2", "7.3", "7.4", "8", "10"})
_ABOVE_PAPERS = frozenset({"1.1", "1.2"})


def decide(facility: Facility, card: InsuredCard | None, *, provisional: str = "", is_emergency: bool = False) -> str:
    """The code that fits. provisional: what the desk chose, "" if nothing.

    A visit that the desk marked as not insured stays so; without a card nothing is claimed.
    """
    if card is None or provisional == NOT_INSURED:
        return NOT_INSURED
    found = insurance.provisional_category(facility, card, is_emergency=is_emergency)
    return provisional if provisional in BY_PAPER and found not in _ABOVE_PAPERS else found


async def choices(tx: Transaction, on: date) -> Sequence[Row]:
    """All categories of the list of a day, in the order of the decision."""
    rows = await catalogues.all_of(tx, "ma-doituong-kcb", on=on)
    return sorted(rows, key=lambda one: [int(part) for part in one.code.split(".") if part.isdecimal()])
