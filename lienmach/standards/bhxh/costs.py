"""Values of a visit's money: lines, cards, category, dated parameters, and the amounts that come out.

Members that a decision names keep its spelling (T_BHTT, MUC_HUONG, THANH_TIEN_BH …: annexes of Decision 130/QĐ-BYT,
2023-01-18, as amended by 4750, 3176 and 1931). The arithmetic is `benefit.compute`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

DRUGS, SERVICES = "2", "3"  # the table of the claim that a line will stand in: XML2, XML3
EXAMINATION = "13"  # MA_NHOM
EMERGENCY = "2"  # MA_DOITUONG_KCB
IN_SCOPE, OUT_OF_SCOPE, FORCES_SCOPE = 1, 2, 3  # PHAM_VI
INPATIENT_KINDS = frozenset({"03", "04", "06", "09"})  # MA_LOAI_KCB


@dataclass(frozen=True)
class Period:
    """A value and the days on which it holds, both included; None is open."""

    value: Decimal
    from_on: date | None = None
    to_on: date | None = None


@dataclass(frozen=True)
class LevelPeriod:
    """An object code whose level is another than the printed one on these days (CN and LH since 2026-01-01)."""

    level: str
    from_on: date | None = None
    to_on: date | None = None


@dataclass(frozen=True)
class Category:
    """One MA_DOITUONG_KCB. rates: outpatient percent by date; rates_inpatient: where they differ; none: by the case.

    is_whole_card: 100 % whatever the card says (1.2, commune station kind).
    """

    code: str
    rates: tuple[Period, ...]
    rates_inpatient: tuple[Period, ...] = ()
    is_whole_card: bool = False


@dataclass(frozen=True)
class Parameters:
    """Dated parameters, from the catalogues. percents: by benefit level. levels: by object code, dated ones only.

    base_salaries: đồng a month. examination_rates: TYLE_TT_DV of the n-th examination; beyond the last one: the last.
    """

    base_salaries: tuple[Period, ...]
    percents: Mapping[str, tuple[Period, ...]]
    levels: Mapping[str, tuple[LevelPeriod, ...]] = field(default_factory=dict)
    examination_rates: tuple[int, ...] = (100, 30, 30, 30, 10, 0)


@dataclass(frozen=True)
class Card:
    """One card. object_code, level: characters 1-2 and 3 of its number. shown_at: when it was presented late.

    exempt_from: the moment of a co-payment exemption (NGAY_MIEN_CCT). five_years_on: five continuous years are reached.
    copay_left_vnd: what is left until six months of base salary this year (`copay_left`); None: not known.
    """

    number: str
    object_code: str
    level: str
    from_on: date | None = None
    to_on: date | None = None
    shown_at: datetime | None = None
    exempt_from: datetime | None = None
    five_years_on: date | None = None
    copay_left_vnd: Decimal | None = None


@dataclass(frozen=True)
class Visit:
    """arrived_at: NGAY_VAO in local time. kind: MA_LOAI_KCB. cards: none for a visit that is not insured.

    is_no_gap_form: THANH_TIEN_BV of a facility that does not collect the gap of a further examination.
    """

    arrived_at: datetime
    category: Category
    cards: tuple[Card, ...] = ()
    kind: str = "01"
    is_no_gap_form: bool = False


@dataclass(frozen=True)
class Line:
    """One cost. table: DRUGS or SERVICES. ordered_at: NGAY_YL, local time like the visit's. ratio: TYLE_TT_BH.

    ceiling: T_TRANTT of a supply. A drug has one price: don_gia_bh is not looked at. help: T_NGUONKHAC of kind
    help_kind: patient (their bill is helped), facility (taken off the line first), arv (stands for the co-payment).
    """

    key: str
    table: str
    nhom: str
    quantity: Decimal
    don_gia_bv: Decimal
    don_gia_bh: Decimal
    ordered_at: datetime
    scope: int = IN_SCOPE
    ratio: int = 100
    ceiling: Decimal | None = None
    help: Decimal = Decimal(0)
    help_kind: str = ""


@dataclass(frozen=True)
class LineAmounts:
    """What one line comes to. why: "" insured, else no-card, late-card, ended-card, rate-0, out-of-scope."""

    line: Line
    why: str
    PHAM_VI: int
    TYLE_TT_DV: int
    TYLE_TT_BH: int
    DON_GIA_BV: Decimal
    DON_GIA_BH: Decimal
    MUC_HUONG: Decimal
    THANH_TIEN_BV: Decimal
    THANH_TIEN_BH: Decimal
    T_BHTT: Decimal
    T_BNCCT: Decimal
    T_BNTT: Decimal
    T_NGUONKHAC: Decimal


@dataclass(frozen=True)
class Amounts:
    """A visit. lines: in the order given. percent: p and muc_huong: p × r / 100 of the newest insured line, 0 without.

    line_vnd: 15 % of the base salary of the day of arrival (0: no salary is known for that day). is_below_line: the
    insured sum is strictly below it. exempt_from: the moment from which lines carry no co-payment.
    patient_total: whole đồng, rounded once; rounding: what that changed, at most half a đồng.
    """

    lines: tuple[LineAmounts, ...]
    T_TONGCHI_BV: Decimal
    T_TONGCHI_BH: Decimal
    T_BHTT: Decimal
    T_BNCCT: Decimal
    T_BNTT: Decimal
    T_NGUONKHAC: Decimal
    percent: Decimal
    rate: Decimal
    muc_huong: Decimal
    line_vnd: int
    is_below_line: bool
    exempt_from: datetime | None
    patient_total: int
    rounding: Decimal
