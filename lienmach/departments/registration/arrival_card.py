"""A card that is shown at the desk and not in the record yet: read from a scan or typed, and put on the person.

The new number goes in front of the earlier ones, which stay as old numbers. What the code of the card says about its
days becomes the Coverage until the portal has spoken.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from lienmach.base import errors
from lienmach.care import coverages, resources
from lienmach.care.coverages import InsuredCard
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import folding
from lienmach.standards.vietnam import identity, insurance_card, names, qr

_SHAPE = "Số thẻ BHYT gồm 2 chữ cái, 1 chữ số từ 1 đến 5 và 12 chữ số. Hãy quét lại hoặc gõ lại, hoặc để trống."
_ANOTHER = "Tên trên thẻ BHYT vừa quét khác tên trong hồ sơ. Hãy xem lại thẻ có đúng của người này không."
_OVER = "Thẻ BHYT vừa quét đã hết hạn. Hãy hỏi thẻ mới, hoặc để trống ô này để tiếp đón không dùng thẻ."


@dataclass(frozen=True)
class ShownCard:
    """number: 15 characters. Days and facility only from a scan, name "" unless scanned."""

    number: str
    name: str = ""
    facility: str = ""
    from_on: date | None = None
    to_on: date | None = None
    five_years_on: date | None = None


def read(text: str) -> ShownCard:
    """The card that was scanned or typed. Raises errors.Unprocessable for what is none."""
    if "|" in text:
        try:
            scanned = qr.parse(text)
        except ValueError:
            raise errors.Unprocessable(_SHAPE) from None
        parsed = insurance_card.parse(scanned.card_number)
        if parsed is not None:
            return ShownCard(
                parsed.number, scanned.name, scanned.facility, _day(scanned.valid_from), _day(scanned.valid_to),
                _day(scanned.five_years_on),
            )  # fmt: skip
    else:
        parsed = insurance_card.parse(text)
        if parsed is not None:
            return ShownCard(parsed.number)
    raise errors.Unprocessable(_SHAPE)


async def put(tx: Transaction, patient: dict[str, Any], card: ShownCard) -> None:
    """Put a card on the person. Raises errors.Unprocessable for another person's card and one that is over."""
    if card.name and folding.fold(card.name) != folding.fold(names.shown(patient)):
        raise errors.Unprocessable(_ANOTHER)
    if card.to_on is not None and card.to_on < tx.now.astimezone(tx.tenant.time_zone).date():
        raise errors.Unprocessable(_OVER)
    known = await coverages.of_patient(tx, patient["id"])
    if coverages.number_of(patient) != card.number:
        earlier = [
            {**one, "use": "old"} if one.get("system") == coverages.CARD else one
            for one in patient.get("identifier", ())
            if (one.get("system"), identity.compact(str(one.get("value", "")))) != (coverages.CARD, card.number)
        ]
        await resources.update(tx, {**patient, "identifier": [identity.identifier("bhyt", card.number), *earlier]})
    if all(one.number != card.number for one in known):
        own = coverages.coverage_id(patient["id"], card.number)
        kept = InsuredCard(
            own, card.number, card.number[:2], card.number[2], card.facility, card.from_on, card.to_on,
            card.five_years_on,
        )  # fmt: skip
        await coverages.keep(tx, patient["id"], kept)


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if len(text) == 10 else None
