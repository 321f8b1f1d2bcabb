"""Which cards a visit has, since when, and what that makes of it: the basis of its amounts.

A visit that names a card, or a category other than 9, has all active cards of the person: of several valid ones the
highest counts. Without a card, or under category 9, it is the patient's own. A card that nobody has verified counts all
the same, and that is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from lienmach.base import clock
from lienmach.care import benefit_parameters, coverages, resources, systems, visit_facts
from lienmach.care.coverages import InsuredCard
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh import benefit, costs
from lienmach.standards.bhxh.costs import Card, Category, Parameters, Period, Visit

SHOWN_AT = systems.EXTENSION + "visit-card-shown-at"  # valueDateTime on an Encounter: the card was shown late, then
SELF_PAY = "9"
_UNVERIFIED = "Thẻ BHYT chưa xác minh: số tiền là tạm tính."
_PROVISIONAL = "Đối tượng khám chữa bệnh là tạm thời, được quyết định khi kết thúc lượt khám."
_NO_CATEGORY = "Chưa chọn đối tượng khám chữa bệnh: chi phí tính là tự trả."
_BY_CASE = "Tỷ lệ hưởng của đối tượng này tùy trường hợp: chi phí tạm tính là tự trả."
_NO_SALARY = "Danh mục chưa có mức lương cơ sở của ngày đến khám: chưa xét được mức 15 %."
_NO_CARD = "Lượt khám chưa có thẻ BHYT: chi phí tính là tự trả."


@dataclass(frozen=True)
class Basis:
    """visit, parameters: what benefit.compute takes. remarks: sentences to show; keys of the words."""

    visit: Visit
    parameters: Parameters
    is_provisional: bool
    remarks: tuple[str, ...]


async def basis_of(tx: Transaction, encounter: Resource) -> Basis:
    """The basis of a visit's amounts as its Encounter and the person's cards say now."""
    arrived_at = (visit_facts.begun_at(encounter) or tx.now).astimezone(tx.tenant.time_zone)
    kind, code = visit_facts.kind_of(encounter) or "01", visit_facts.category_of(encounter)
    on, remarks = arrived_at.date(), []
    cards = await of_visit(tx, encounter) if code != SELF_PAY else []
    parameters = await benefit_parameters.read(tx, [one.object_code for one in cards])
    found = await benefit_parameters.category(tx, code, on) if code else None
    if not code and cards:
        remarks.append(_NO_CATEGORY)
    if code and code != SELF_PAY and not cards:
        remarks.append(_NO_CARD)
    if found is not None and benefit_parameters.rate_on(found, kind, on) is None:
        found = None
        remarks += [_BY_CASE] if cards else []
    if found is None:
        found, cards = Category(code or SELF_PAY, (Period(Decimal(0)),)), []
    is_verified = all(_is_verified(one, on, tx) for one in cards)
    if not is_verified:
        remarks.append(_UNVERIFIED)
    if cards and benefit.value_on(parameters.base_salaries, on) is None:
        remarks.append(_NO_SALARY)
    is_provisional = visit_facts.is_category_provisional(encounter)
    if cards and is_provisional:
        remarks.append(_PROVISIONAL)
    shown_at = shown_late_at(encounter)
    priced = tuple(_card(one, parameters, on, shown_at) for one in cards)
    return Basis(Visit(arrived_at, found, priced, kind), parameters, is_provisional or not is_verified, tuple(remarks))


async def of_visit(tx: Transaction, encounter: Resource) -> list[InsuredCard]:
    """The active cards of a visit, the one that it names first; none for a visit that is not insured.

    Only cards that hold on a day of the visit: one of a later year changes nothing that is over. A card that nobody has
    verified counts only while no other one is: what the portal has said goes before what was typed or came from
    elsewhere.
    """
    named = visit_facts.coverage_of(encounter)
    if not named and visit_facts.category_of(encounter) in ("", SELF_PAY):
        return []
    found = [one for one in await coverages.of_patient(tx, visit_facts.patient_of(encounter)) if one.is_active]
    first = (visit_facts.begun_at(encounter) or tx.now).astimezone(tx.tenant.time_zone).date()
    last = max(first, visit_facts.day_of(encounter, tx.tenant.time_zone, tx.now))
    found = [one for one in found if one.coverage_id == named or _overlaps(one, first, last)] or found
    verified = [one for one in found if one.is_verified]
    return sorted(verified or found, key=lambda one: one.coverage_id != named)


def _overlaps(card: InsuredCard, first: date, last: date) -> bool:
    """Whether a card holds on a day of a visit; one that has just ended still counts for its fifteen days."""
    ended = card.to_on is not None and card.to_on + timedelta(days=benefit.ENDED_CARD_DAYS) < first
    return not ended and (card.from_on is None or card.from_on <= last)


def shown_late_at(encounter: Resource) -> datetime | None:
    """When the card of a visit was shown after its arrival; None if it was there from the start."""
    text = visit_facts.extension_of(encounter, SHOWN_AT, "valueDateTime")
    return datetime.fromisoformat(str(text)) if text else None


async def show_late(tx: Transaction, encounter_id: str, coverage_id: str, category: str = "") -> None:
    """The patient of an open visit shows a card now: from this moment on the fund pays, not before (Decree 188/2025).

    category: MA_DOITUONG_KCB, provisional. The next insured cost queues the check-in message.
    """
    encounter = await resources.read(tx, "Encounter", encounter_id)
    card: dict[str, Any] = {"reference": f"Coverage/{coverage_id}"}
    encounter = visit_facts.with_extension(encounter, visit_facts.COVERAGE, "valueReference", card)
    encounter = visit_facts.with_extension(encounter, SHOWN_AT, "valueDateTime", clock.to_instant(tx.now))
    if category:
        concept = resources.concept(systems.DOITUONG_KCB, category)
        encounter = visit_facts.with_extension(encounter, visit_facts.CATEGORY, "valueCodeableConcept", concept)
        encounter = visit_facts.with_extension(encounter, visit_facts.CATEGORY_PROVISIONAL, "valueBoolean", True)
    await resources.update(tx, encounter)


def _is_verified(card: InsuredCard, arrived_on: date, tx: Transaction) -> bool:
    """Whether the portal has spoken about the card since the day of arrival: an older word proves nothing today."""
    checked_at = card.checked_at
    return checked_at is not None and checked_at.astimezone(tx.tenant.time_zone).date() >= arrived_on


def _card(card: InsuredCard, parameters: Parameters, on: date, shown_at: datetime | None) -> Card:
    left = None
    if card.five_years_on is not None and card.is_verified and benefit.value_on(parameters.base_salaries, on):
        left = benefit.copay_left(card.payments, on, parameters.base_salaries)
    return costs.Card(
        card.number, card.object_code, card.level, card.from_on, card.to_on, shown_at,
        card.exempt_from, card.five_years_on, left,
    )  # fmt: skip
