"""The amounts of one visit: what it costs, what the fund pays, what the patient pays. Pure: values in, values out.

The share of a line is a property of the whole visit, so there is one function, `compute`, and nothing adds shares up
line by line. Members that a decision names keep its spelling (T_BHTT, MUC_HUONG, THANH_TIEN_BH …).

Sources: annexes of Decision 130/QĐ-BYT (2023-01-18) as amended by 4750 (2023-12-29), 3176 (2024-10-29) and 1931
(2026-06-29); categories of Decision 3276/QĐ-BYT (2025-10-17); Law 51/2024/QH15; Decree 188/2025/NĐ-CP. Confidence of
the single rules stands beside them where it is less than a source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from lienmach.standards.bhxh import costs
from lienmach.standards.bhxh.costs import Amounts, Card, Category, Line, LineAmounts, Parameters, Period, Visit

ENDED_CARD_DAYS = 15  # Decree 188/2025 art. 50(4), secondary
_HUNDRED = Decimal(100)
_ZERO = Decimal(0)


def compute(visit: Visit, lines: Sequence[Line], parameters: Parameters) -> Amounts:
    """Every amount of a visit from its lines.

    The percent of the card is taken on the day of the line, category rate and base salary on the day of arrival.
    Raises ValueError for a quantity or price that cannot be, for two lines of one key, and for a category whose rate
    depends on the case.
    """
    _check(lines)
    arrived_on = visit.arrived_at.date()
    rate = rate_of(visit.category, visit.kind, arrived_on)
    salary = value_on(parameters.base_salaries, arrived_on) or _ZERO
    line_vnd = int(salary * 15 / 100)
    orders = _examination_rates(visit, lines, parameters)
    covers = {one.key: _cover(visit, one, rate) for one in lines}
    bases = {one.key: _base(visit, one, orders.get(one.key, 100), covers[one.key][0]) for one in lines}
    insured_sum = sum((base.bh for base in bases.values()), _ZERO)
    is_below = insured_sum < line_vnd
    percents = {
        one.key: _HUNDRED if is_below or visit.category.is_whole_card else _percent(covers[one.key][1], one, parameters)
        for one in lines
    }
    exempt_from = _exemption(visit, lines, bases, percents, rate)
    done = []
    for one in lines:
        if _is_exempt(one, exempt_from):
            percents[one.key] = _HUNDRED
        done.append(_share(one, covers[one.key][0], bases[one.key], percents[one.key] * rate / _HUNDRED))
    insured = [one for one in done if not one.why]
    newest = max(insured, key=lambda one: one.line.ordered_at, default=None)
    totals = {name: sum((getattr(one, name) for one in done), _ZERO) for name in _SUMS}
    owed = totals["T_BNTT"] + totals["T_BNCCT"]
    paid = owed.quantize(Decimal(1), ROUND_HALF_UP)
    return Amounts(
        lines=tuple(done),
        T_TONGCHI_BV=totals["THANH_TIEN_BV"],
        T_TONGCHI_BH=totals["THANH_TIEN_BH"],
        **{name: totals[name] for name in ("T_BHTT", "T_BNCCT", "T_BNTT", "T_NGUONKHAC")},
        percent=percents[newest.line.key] if newest else _ZERO,
        rate=rate,
        muc_huong=newest.MUC_HUONG if newest else _ZERO,
        line_vnd=line_vnd,
        is_below_line=is_below,
        exempt_from=exempt_from,
        patient_total=int(paid),
        rounding=paid - owed,
    )


_SUMS = ("THANH_TIEN_BV", "THANH_TIEN_BH", "T_BHTT", "T_BNCCT", "T_BNTT", "T_NGUONKHAC")


def rate_of(category: Category, kind: str, on: date) -> Decimal:
    """The category rate r of a day. Raises ValueError where it depends on the case."""
    periods = category.rates_inpatient if kind in costs.INPATIENT_KINDS and category.rates_inpatient else category.rates
    found = value_on(periods, on)
    if found is None:
        raise ValueError(f"category {category.code} has no rate of its own on {on}; it depends on the case")
    return found


def value_on(periods: Sequence[Period], on: date) -> Decimal | None:
    """The value that holds on a day, None if none does."""
    return next((one.value for one in periods if _holds(one.from_on, one.to_on, on)), None)


def percent_of(card: Card, on: date, parameters: Parameters) -> Decimal:
    """The percent p of a card on a day; 0 for a level that no row knows.

    The printed digit counts unless its object has a level of its own on that day.
    """
    dated = (one.level for one in parameters.levels.get(card.object_code, ()) if _holds(one.from_on, one.to_on, on))
    return value_on(parameters.percents.get(next(dated, card.level), ()), on) or _ZERO


def copay_left(payments: Sequence[tuple[date, Decimal]], on: date, base_salaries: Sequence[Period]) -> Decimal:
    """What is left on a day until the co-payment of its year passes six months of base salary.

    Payments count in months of the salary of their own day, so a salary that rises inside a year is right too
    (CV 302/CSYT-CĐ on 2026, secondary): (6 - paid before / old salary) × new salary. Below 0: passed already.
    """
    salary = value_on(base_salaries, on)
    if salary is None:
        raise ValueError(f"no base salary is known for {on}")
    months = _ZERO
    for paid_on, amount in payments:
        then = value_on(base_salaries, paid_on)
        if paid_on.year == on.year and paid_on <= on and then:
            months += amount / then
    return r2((6 - months) * salary)


def r2(value: Decimal) -> Decimal:
    """Two decimals, half up (no text names the mode: memory)."""
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


@dataclass(frozen=True)
class _Base:
    """A line before it is shared. tyle_dv: TYLE_TT_DV. tyle_bh: TYLE_TT_BH. cap: T_BHTT may not be above it."""

    tyle_dv: int
    tyle_bh: int
    price_bv: Decimal
    price_bh: Decimal
    bv: Decimal
    bh: Decimal
    cap: Decimal | None


def _check(lines: Sequence[Line]) -> None:
    seen: set[str] = set()
    for one in lines:
        if one.key in seen:
            raise ValueError(f"two lines have the key {one.key}")
        seen.add(one.key)
        if one.quantity <= 0:
            raise ValueError(f"the quantity of {one.key} must be above 0")
        if one.don_gia_bv < 0 or one.don_gia_bh < 0 or not 0 <= one.ratio <= 100:
            raise ValueError(f"price or ratio of {one.key} cannot be")
        if one.scope not in (costs.IN_SCOPE, costs.OUT_OF_SCOPE, costs.FORCES_SCOPE) or one.table not in (
            costs.DRUGS,
            costs.SERVICES,
        ):
            raise ValueError(f"scope or table of {one.key} cannot be")


def _examination_rates(visit: Visit, lines: Sequence[Line], parameters: Parameters) -> dict[str, int]:
    """TYLE_TT_DV of the insured examinations in order of time; without a card each is paid in full."""
    if not visit.cards:
        return {}
    examinations = [one for one in lines if one.nhom == costs.EXAMINATION and one.scope == costs.IN_SCOPE]
    rates = parameters.examination_rates
    ordered = sorted(examinations, key=lambda one: one.ordered_at)  # stable: as given within a minute
    return {one.key: rates[min(index, len(rates) - 1)] for index, one in enumerate(ordered)}


def _cover(visit: Visit, line: Line, rate: Decimal) -> tuple[str, tuple[Card, ...]]:
    """(why the fund has no part in it or "", the cards that cover it)."""
    if not visit.cards:
        return "no-card", ()
    if line.scope == costs.OUT_OF_SCOPE or (line.scope == costs.IN_SCOPE and line.ratio == 0):
        return "out-of-scope", ()
    if rate == 0:
        return "rate-0", ()
    valid = tuple(one for one in visit.cards if _is_valid(one, visit, line.ordered_at.date()))
    if not valid:
        return "ended-card", ()
    is_emergency = visit.category.code == costs.EMERGENCY
    shown = tuple(one for one in valid if is_emergency or one.shown_at is None or one.shown_at <= line.ordered_at)
    if not shown:
        return "late-card", ()
    if line.scope == costs.FORCES_SCOPE:
        shown = tuple(one for one in shown if one.level == "5")
    return ("", shown) if shown else ("out-of-scope", ())


def _is_valid(card: Card, visit: Visit, on: date) -> bool:
    """An examination (01) needs a card valid on arrival; treatment goes on for 15 days after its last day."""
    if card.from_on is not None and on < card.from_on:
        return False
    if card.to_on is None:
        return True
    arrived_on = visit.arrived_at.date()
    if visit.kind == "01":
        return arrived_on <= card.to_on
    return arrived_on <= card.to_on and on <= card.to_on + timedelta(days=ENDED_CARD_DAYS)


def _base(visit: Visit, line: Line, tyle_dv: int, why: str) -> _Base:
    """THANH_TIEN_BV and THANH_TIEN_BH (MON-01 to MON-04, MON-14)."""
    price_bv = line.don_gia_bv
    price_bh = price_bv if line.table == costs.DRUGS else line.don_gia_bh
    cap = None
    if line.ceiling is not None and price_bv > line.ceiling > 0:
        price_bh = cap = line.ceiling
    tyle_dv = 100 if line.table == costs.DRUGS else tyle_dv
    part = Decimal(tyle_dv) / _HUNDRED
    if visit.is_no_gap_form and line.table == costs.SERVICES:
        bv = r2(line.quantity * price_bv - line.quantity * price_bh * (1 - part))
    else:
        bv = r2(line.quantity * price_bv * part)
    if why:
        return _Base(tyle_dv, 0, price_bv, price_bh, bv, _ZERO, cap)
    counted = line.quantity * price_bh * part
    if line.help_kind == "facility":
        counted -= line.help
    return _Base(tyle_dv, line.ratio, price_bv, price_bh, bv, min(bv, r2(counted * line.ratio / _HUNDRED)), cap)


def _percent(cards: tuple[Card, ...], line: Line, parameters: Parameters) -> Decimal:
    """The highest percent of the cards on the day of the line."""
    return max((percent_of(one, line.ordered_at.date(), parameters) for one in cards), default=_ZERO)


def _exemption(
    visit: Visit, lines: Sequence[Line], bases: Mapping[str, _Base], percents: Mapping[str, Decimal], rate: Decimal
) -> datetime | None:
    """The moment from which co-payment is waived: as a paper says, or when the visit itself crosses six months.

    Lines ordered at one moment stand or fall together: those after the crossing are exempt. Only right-route
    co-payment counts (memory), so only where the category rate is 100; and only of the year of arrival.
    """
    stated = min((one.exempt_from for one in visit.cards if one.exempt_from is not None), default=None)
    lefts = [one for one in visit.cards if one.copay_left_vnd is not None and one.five_years_on is not None]
    if not lefts or rate != _HUNDRED:
        return stated
    card = min(lefts, key=lambda one: one.copay_left_vnd or _ZERO)
    paid, last = _ZERO, None
    for line in sorted(lines, key=lambda one: one.ordered_at):
        on = line.ordered_at.date()
        if on.year != visit.arrived_at.year:
            break
        is_over = card.copay_left_vnd is not None and paid > card.copay_left_vnd
        if is_over and card.five_years_on is not None and card.five_years_on <= on and line.ordered_at != last:
            return line.ordered_at if stated is None else min(stated, line.ordered_at)
        if stated is None or line.ordered_at < stated:
            base = bases[line.key]
            paid += base.bh - r2(base.bh * percents[line.key] / _HUNDRED)
        last = line.ordered_at
    return stated


def _is_exempt(line: Line, exempt_from: datetime | None) -> bool:
    """Whether no co-payment is due on a line: an exemption ends on 31 December."""
    return exempt_from is not None and exempt_from <= line.ordered_at and exempt_from.year == line.ordered_at.year


def _share(line: Line, why: str, base: _Base, muc_huong: Decimal) -> LineAmounts:
    """T_BHTT by rounding, the rest by subtraction, so that the parts are the whole (MON-05, MON-06, MON-08)."""
    muc_huong = _ZERO if why else muc_huong.normalize() + 0
    bhtt = r2(base.bh * muc_huong / _HUNDRED)
    if base.cap is not None:
        bhtt = min(bhtt, base.cap)
    bncct, bntt, other = base.bh - bhtt, base.bv - base.bh, _ZERO
    if line.help_kind == "arv" and not why:
        other, bncct = bncct, _ZERO
    elif line.help_kind == "facility" and not why:
        other, bntt = line.help, bntt - line.help
    elif line.help:
        other = line.help
        taken = min(bntt, other)
        from_copay = min(bncct, other - taken)
        bntt, bncct, bhtt = bntt - taken, bncct - from_copay, bhtt - (other - taken - from_copay)
    if min(bhtt, bncct, bntt) < 0:
        raise ValueError(f"help for {line.key} is more than the line")
    scope = costs.OUT_OF_SCOPE if why else line.scope
    return LineAmounts(
        line, why, scope, base.tyle_dv, base.tyle_bh, base.price_bv, base.price_bh, muc_huong,
        base.bv, base.bh, bhtt, bncct, bntt, other,
    )  # fmt: skip


def _holds(from_on: date | None, to_on: date | None, on: date) -> bool:
    return (from_on is None or from_on <= on) and (to_on is None or on <= to_on)
