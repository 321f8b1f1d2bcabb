"""What faults are planted with: pick a row, change it, put the rest in order again. The faults: planted_faults.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from lienmach.standards.bhxh.claim_xml import Row
from tests.standards.rules_case import Case

Mutate = Callable[[Case], bool]
Pick = Callable[[Row], bool]
_ZERO, _CENT = Decimal(0), Decimal("0.01")
PAPER = ("REL-11",)  # papers repeat what XML1 says


@dataclass(frozen=True)
class Fault:
    """One fault. rule, table, field: what must be named. is_around: it needs surroundings that a file has not."""

    name: str
    rule: str
    table: str
    field: str
    mutate: Mutate
    also: frozenset[str] = frozenset()
    is_around: bool = False


def fault(name: str, where: str, mutate: Mutate, *, also: Iterable[str] = (), is_around: bool = False) -> Fault:
    """where: "RULE TABLE.FIELD"."""
    rule, _, place = where.partition(" ")
    table, _, field = place.partition(".")
    return Fault(name, rule, table, field, mutate, frozenset(also), is_around)


def visit(only: Callable[[Case], bool] | None = None, **values: str) -> Mutate:
    """Fields of XML1 set to these values, where `only` holds."""

    def mutate(case: Case) -> bool:
        if (only is not None and not only(case)) or all(case.visit.get(name) == text for name, text in values.items()):
            return False
        case.visit.update(values)
        return True

    return mutate


def line(pick: Pick, change: Callable[[Row], object], *, then: Callable[[Case], object] | None = None) -> Mutate:
    """The first line that `pick` takes is changed; `then` puts the rest in order again."""

    def mutate(case: Case) -> bool:
        found = next((one for one in case.lines() if pick(one)), None)
        if found is None:
            return False
        change(found)
        if then is not None:
            then(case)
        return True

    return mutate


def row(table: str, pick: Pick | None = None, **values: str) -> Mutate:
    """The first row of a table that `pick` takes gets these values."""

    def mutate(case: Case) -> bool:
        found = next((one for one in case.tables.get(table, ()) if pick is None or pick(one)), None)
        if found is None:
            return False
        found.update(values)
        return True

    return mutate


def put(**values: str) -> Callable[[Row], object]:
    """Sets fields of a line."""
    return lambda one: one.update(values)


def is_drug(one: Row) -> bool:
    """A line of XML2 that is insured."""
    return "MA_THUOC" in one and one["PHAM_VI"] == "1"


def is_service(*groups: str) -> Pick:
    """An insured line of XML3 in one of these groups."""
    return lambda one: "MA_VAT_TU" in one and one["PHAM_VI"] == "1" and one["MA_NHOM"] in groups


def is_self(one: Row) -> bool:
    """A line that the patient pays alone."""
    return one["PHAM_VI"] == "2"


def at(text: str, minutes: int) -> str:
    """A datetime12 so many minutes later."""
    return f"{datetime.strptime(text, '%Y%m%d%H%M') + timedelta(minutes=minutes):%Y%m%d%H%M}"


def day(text: str, days: int) -> str:
    """A date8 so many days later."""
    return f"{datetime.strptime(text[:8], '%Y%m%d') + timedelta(days=days):%Y%m%d}"


def moment(text: str) -> datetime:
    """A datetime12 as a value."""
    return datetime.strptime(text, "%Y%m%d%H%M")


def add(field: str, value: str) -> Callable[[Row], object]:
    """A number of a row made larger."""
    return lambda one: one.update({field: f"{Decimal(one[field]) + Decimal(value):f}"})


def reprice(one: Row) -> None:
    """Amounts of a line from its prices and rates, without other sources."""
    quantity, ratio = Decimal(one["SO_LUONG"]), Decimal(one["TYLE_TT_BH"]) / 100
    if "DON_GIA" in one:
        whole, insured = quantity * Decimal(one["DON_GIA"]), quantity * Decimal(one["DON_GIA"]) * ratio
    else:
        rate = Decimal(one["TYLE_TT_DV"]) / 100
        whole = quantity * Decimal(one["DON_GIA_BV"]) * rate
        insured = quantity * Decimal(one["DON_GIA_BH"]) * rate * ratio
    one["THANH_TIEN_BV"], one["THANH_TIEN_BH"] = _two(whole), _two(insured)
    share(one)


def share(one: Row) -> None:
    """The parts of a line from its amounts and MUC_HUONG."""
    whole, insured = Decimal(one["THANH_TIEN_BV"]), Decimal(one["THANH_TIEN_BH"])
    fund = Decimal(_two(insured * Decimal(one["MUC_HUONG"]) / 100))
    one.update(T_BHTT=_two(fund), T_BNCCT=_two(insured - fund), T_BNTT=_two(whole - insured))


def sum_up(case: Case) -> None:
    """Totals of XML1 from the lines, and bill, ledger and statement after them."""
    lines, own = case.lines(), case.visit

    def total(field: str, rows: Iterable[Row] = lines) -> Decimal:
        return sum((Decimal(one[field]) for one in rows), _ZERO)

    sums = {
        "T_TONGCHI_BV": total("THANH_TIEN_BV"),
        "T_TONGCHI_BH": total("THANH_TIEN_BH"),
        **{name: total(name) for name in ("T_BNTT", "T_BNCCT", "T_BHTT", "T_NGUONKHAC")},
    }
    own.update({name: _two(value) for name, value in sums.items()})
    own["T_THUOC"] = _two(total("THANH_TIEN_BV", case.lines("XML2")))
    supplies = [one for one in case.lines("XML3") if one["MA_NHOM"] in ("10", "11")]
    own["T_VTYT"] = _two(total("THANH_TIEN_BV", supplies))
    if Decimal(own["T_BHTT_GDV"] or "0"):
        own["T_BHTT_GDV"] = _two(total("T_BHTT", [one for one in lines if one["MA_PTTT"] == "1"]))
    owed = sums["T_BNTT"] + sums["T_BNCCT"]
    paid = owed.quantize(Decimal(1), ROUND_HALF_UP)
    if case.around.bill is not None:
        case.change(
            bill=replace(case.around.bill, patient_total=int(paid), rounding=paid - owed, fund_vnd=sums["T_BHTT"])
        )
    if case.around.statement is not None:
        case.change(statement=replace(case.around.statement, totals=sums, line_count=len(lines)))


def priced(one_change: Callable[[Row], object]) -> Callable[[Row], object]:
    """The change of a line with its amounts worked out again."""

    def change(one: Row) -> None:
        one_change(one)
        reprice(one)

    return change


def all_shares(value: Callable[[Case], str | None]) -> Mutate:
    """MUC_HUONG of every insured line set to a value, with everything that follows; None: not this claim."""

    def mutate(case: Case) -> bool:
        wanted = value(case)
        lines = [one for one in case.lines() if one["PHAM_VI"] == "1"]
        if wanted is None or not lines or any(one["MUC_HUONG"] == wanted for one in lines):
            return False
        if any(Decimal(one["T_NGUONKHAC"] or "0") or one.get("T_TRANTT") for one in lines):
            return False
        for one in lines:
            one["MUC_HUONG"] = wanted
            share(one)
        sum_up(case)
        return True

    return mutate


def kind_is(*kinds: str) -> Callable[[Case], bool]:
    """Whether MA_LOAI_KCB is one of these."""
    return lambda case: case.visit["MA_LOAI_KCB"] in kinds


def no_papers(case: Case) -> bool:
    """Whether no paper repeats what XML1 says."""
    return not {"XML11", "XML13", "XML14"} & set(case.tables)


def of_around(change: Callable[[Case], bool]) -> Mutate:
    """A change of the surroundings; not where they are not known."""
    return lambda case: case.around.statement is not None and change(case)


def _two(value: Decimal) -> str:
    return f"{value.quantize(_CENT, ROUND_HALF_UP):f}"


def truncated(one: Row) -> str:
    """THANH_TIEN_BV of a drug without rounding."""
    exact = Decimal(one["SO_LUONG"]) * Decimal(one["DON_GIA"])
    return f"{exact.quantize(_CENT, ROUND_DOWN):f}"


def salary_line(case: Case) -> Decimal:
    """15 % of the base salary on the day of arrival."""
    return Decimal(379500 if moment(case.visit["NGAY_VAO"]).date() >= date(2026, 7, 1) else 351000)


def is_below(case: Case) -> bool:
    """Whether the visit lies below the 15 % line."""
    return Decimal(case.visit["T_TONGCHI_BH"]) < salary_line(case)
