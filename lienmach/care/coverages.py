"""Insurance cards in the record: one Coverage a card and person, with what the portal said of it.

The id of a Coverage follows from person and number, so a card that was only typed and the same card answered by the
portal are one resource. What a card means for money: standards/bhxh/benefit.py; asking the portal: insurance.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from lienmach.base import clock
from lienmach.care import resources, systems
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import identity, insurance_card

CARD = next(one.system for one in identity.KINDS if one.key == "bhyt")
INSURER = {"display": "Bảo hiểm xã hội Việt Nam"}
DKBD = systems.EXTENSION + "card-initial-facility"  # valueString: MA_DKBD
FIVE_YEARS = systems.EXTENSION + "card-five-years-on"  # valueDate: five continuous insured years are reached
EXEMPT = systems.EXTENSION + "card-exempt-from"  # valueDateTime: NGAY_MIEN_CCT
RESULT = systems.EXTENSION + "card-result"  # valueCode: the portal's result; absent: nobody has asked or it was silent
CHECKED = systems.EXTENSION + "card-checked-at"  # valueDateTime of that answer
COPAYMENT = systems.EXTENSION + "card-copayment"  # complex: on (valueDate), amount (valueDecimal), of this year
AREA = systems.EXTENSION + "card-area"  # valueCode: MA_KHUVUC K1, K2, K3
_PEOPLE_AT_ONCE = 40
FORCES = frozenset({"QN", "CA", "CY"})


@dataclass(frozen=True)
class InsuredCard:
    """One card. number: 15 characters as printed. result_code: the portal's last word on it, "" if it never spoke.

    payments: co-payment of the year as the portal tells it, (day, đồng). is_active: not withdrawn, locked or unknown.
    """

    coverage_id: str
    number: str
    object_code: str
    level: str
    initial_facility: str = ""
    from_on: date | None = None
    to_on: date | None = None
    five_years_on: date | None = None
    exempt_from: datetime | None = None
    payments: tuple[tuple[date, Decimal], ...] = ()
    result_code: str = ""
    checked_at: datetime | None = None
    area: str = ""
    is_active: bool = True

    @property
    def is_verified(self) -> bool:
        return bool(self.result_code)

    @property
    def copay_year_vnd(self) -> int:
        return int(sum((amount for _, amount in self.payments), Decimal(0)))


def coverage_id(patient_id: str, number: str) -> str:
    """The id of the Coverage of a card and person."""
    return hashlib.sha256(f"coverage|{patient_id}|{number}".encode()).hexdigest()[:32]


def number_of(patient: Resource) -> str:
    """The card number that stands on a Patient, 15 characters, or "" if there is none of that shape."""
    for one in patient.get("identifier", ()):
        kind = identity.kind_of_system(str(one.get("system", "")))
        if kind is not None and kind.key == "bhyt":
            card = insurance_card.parse(str(one.get("value", "")))
            if card is not None:
                return card.number
    return ""


def card_of(coverage: Resource) -> InsuredCard | None:
    """The card that a Coverage stands for, None for a Coverage of another kind."""
    parsed = insurance_card.parse(resources.identifier_of(coverage, CARD) or str(coverage.get("subscriberId", "")))
    if parsed is None:
        return None
    period = coverage.get("period", {})
    said: dict[str, Any] = {}
    payments = []
    for one in coverage.get("extension", ()):
        if one.get("url") == COPAYMENT:
            inner = {part["url"]: part for part in one.get("extension", ())}
            payments.append((date.fromisoformat(inner["on"]["valueDate"]), Decimal(inner["amount"]["valueDecimal"])))
        else:
            said[one.get("url", "")] = next((value for key, value in one.items() if key.startswith("value")), None)
    return InsuredCard(
        coverage["id"], parsed.number, parsed.object_code, parsed.level, said.get(DKBD) or "",
        _day(period.get("start")), _day(period.get("end")), _day(said.get(FIVE_YEARS)), _moment(said.get(EXEMPT)),
        tuple(payments), said.get(RESULT) or "", _moment(said.get(CHECKED)), said.get(AREA) or "",
        coverage.get("status") == "active",
    )  # fmt: skip


def build(patient_id: str, card: InsuredCard) -> Resource:
    """The Coverage of a card."""
    said: list[Resource] = []
    for url, kind, value in (
        (DKBD, "valueString", card.initial_facility),
        (FIVE_YEARS, "valueDate", card.five_years_on and card.five_years_on.isoformat()),
        (EXEMPT, "valueDateTime", card.exempt_from and clock.to_instant(card.exempt_from)),
        (RESULT, "valueCode", card.result_code),
        (CHECKED, "valueDateTime", card.checked_at and clock.to_instant(card.checked_at)),
        (AREA, "valueCode", card.area),
    ):
        if value:
            said.append({"url": url, kind: value})
    for on, amount in card.payments:
        parts = [{"url": "on", "valueDate": on.isoformat()}, {"url": "amount", "valueDecimal": amount}]
        said.append({"url": COPAYMENT, "extension": parts})
    period = {"start": card.from_on and card.from_on.isoformat(), "end": card.to_on and card.to_on.isoformat()}
    coverage: Resource = {
        "resourceType": "Coverage",
        "id": card.coverage_id or coverage_id(patient_id, card.number),
        **({"extension": said} if said else {}),
        "identifier": [{"system": CARD, "value": card.number}],
        "status": "active" if card.is_active else "cancelled",
        "type": {"text": "Bảo hiểm y tế"},
        "subscriberId": card.number,
        "beneficiary": {"reference": f"Patient/{patient_id}"},
        "payor": [INSURER],
    }
    if any(period.values()):
        coverage["period"] = {name: value for name, value in period.items() if value}
    return coverage


async def of_patient(tx: Transaction, patient_id: str) -> list[InsuredCard]:
    """The cards of a person, this unit's own included; the one that ends last first."""
    found = {one["id"]: one for one in await resources.find(tx, "Coverage", ("beneficiary", f"Patient/{patient_id}"))}
    for change in list(tx.pending.values()):
        if change.type == "Coverage" and change.op != "D":
            one = resources.of(change.stored())
            if resources.id_of(one.get("beneficiary"), "Patient") == patient_id:
                found[one["id"]] = one
    return _ordered(found.values())


async def of_patients(tx: Transaction, patient_ids: Iterable[str]) -> dict[str, list[InsuredCard]]:
    """The cards of several people as they are stored, for a list; at most 40 people are asked for at once."""
    wanted, found = sorted(set(patient_ids)), dict[str, list[Resource]]()
    for start in range(0, len(wanted), _PEOPLE_AT_ONCE):
        named = ",".join(f"Patient/{one}" for one in wanted[start : start + _PEOPLE_AT_ONCE])
        for one in await resources.find(tx, "Coverage", ("beneficiary", named), count=1000):
            found.setdefault(resources.id_of(one.get("beneficiary"), "Patient"), []).append(one)
    return {own: _ordered(group) for own, group in found.items()}


def _ordered(coverages: Iterable[Resource]) -> list[InsuredCard]:
    cards = [card for one in coverages if (card := card_of(one)) is not None]
    return sorted(cards, key=lambda one: (one.is_active, one.to_on or date.max, one.number), reverse=True)


async def keep(tx: Transaction, patient_id: str, card: InsuredCard) -> str:
    """Store a card as it is known now; returns the id of its Coverage. Nothing is written if nothing changed."""
    resource = build(patient_id, card)
    known = [one for one in await of_patient(tx, patient_id) if one.coverage_id == resource["id"]]
    if not known:
        await resources.create(tx, resource, resource_id=resource["id"])
    elif build(patient_id, known[0]) != resource:
        stored = await resources.read(tx, "Coverage", resource["id"])
        await resources.update(tx, {**resource, "meta": stored.get("meta", {})})
    return str(resource["id"])


def _day(text: Any) -> date | None:
    return date.fromisoformat(str(text)[:10]) if text else None


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else None
