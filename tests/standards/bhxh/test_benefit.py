"""The arithmetic of a visit against the examples of its sources, each limit just inside and just outside."""

from __future__ import annotations

import random
from datetime import date, datetime
from decimal import Decimal

import pytest

from lienmach.standards.bhxh import benefit
from tests.standards.bhxh import given
from tests.standards.bhxh.given import CATEGORIES, PARAMETERS, card, line, visit

BIG = 1_000_000  # above every 15 % line


@pytest.mark.parametrize(
    ("number", "category", "on", "kind", "price", "muc_huong"),
    [
        ("DN4790000000001", "1.1", date(2026, 11, 21), "01", BIG, "80"),
        ("HT3790000000001", "1.13", date(2026, 7, 1), "01", BIG, "47.5"),
        ("HT3790000000001", "1.13", date(2026, 6, 30), "01", BIG, "0"),
        ("DN4790000000001", "1.13", date(2026, 7, 1), "01", 379_499, "50"),
        ("DN4790000000001", "1.13", date(2026, 7, 1), "01", 379_500, "40"),
        ("DN4790000000001", "3.1", date(2026, 11, 21), "03", BIG, "32"),
        ("DN4790000000001", "3.1", date(2026, 11, 21), "01", BIG, "0"),
        ("DN4790000000001", "1.2", date(2026, 11, 21), "01", BIG, "100"),
        ("TE1790000000001", "1.1", date(2026, 11, 21), "01", BIG, "100"),
        ("HN2790000000001", "1.1", date(2026, 11, 21), "01", BIG, "100"),
        ("QN5790000000001", "1.1", date(2026, 11, 21), "01", BIG, "100"),
        ("CN3790000000001", "1.1", date(2025, 12, 31), "01", BIG, "95"),
        ("CN3790000000001", "1.1", date(2026, 1, 1), "01", BIG, "100"),
        ("LH4790000000001", "1.1", date(2025, 12, 31), "01", BIG, "80"),
        ("LH4790000000001", "1.1", date(2026, 1, 1), "01", BIG, "100"),
    ],
)
def test_percent_times_rate_by_card_category_and_day(
    number: str, category: str, on: date, kind: str, price: int, muc_huong: str
) -> None:
    at = datetime(on.year, on.month, on.day, 9)
    amounts = benefit.compute(
        visit(category, on, kind=kind, cards=(card(number),)), [line("a", price, at=at)], PARAMETERS
    )
    assert amounts.muc_huong == Decimal(muc_huong)
    assert str(amounts.lines[0].MUC_HUONG) == muc_huong  # as the claim writes it: at most 4 characters
    assert amounts.T_BHTT == Decimal(price) * Decimal(muc_huong) / 100


@pytest.mark.parametrize(
    ("on", "least_that_is_shared"),
    [
        (date(2019, 7, 1), 223_500),
        (date(2023, 6, 30), 223_500),
        (date(2023, 7, 1), 270_000),
        (date(2024, 6, 30), 270_000),
        (date(2024, 7, 1), 351_000),
        (date(2026, 6, 30), 351_000),
        (date(2026, 7, 1), 379_500),
    ],
)
def test_a_visit_strictly_below_15_percent_of_the_base_salary_of_its_day_is_free(
    on: date, least_that_is_shared: int
) -> None:
    at = datetime(on.year, on.month, on.day, 9)
    below = benefit.compute(visit(on=on), [line("a", f"{least_that_is_shared - 1}.99", at=at)], PARAMETERS)
    at_line = benefit.compute(visit(on=on), [line("a", least_that_is_shared, at=at)], PARAMETERS)
    assert (below.is_below_line, below.T_BNCCT, below.patient_total) == (True, 0, 0)
    assert not at_line.is_below_line
    assert at_line.line_vnd == least_that_is_shared
    assert at_line.T_BNCCT == Decimal(least_that_is_shared) / 5


def test_the_order_that_lifts_a_visit_over_the_line_makes_earlier_lines_co_paid() -> None:
    first = line("a", 379_000)
    before = benefit.compute(visit(), [first], PARAMETERS)
    after = benefit.compute(visit(), [first, line("b", 500, at=datetime(2026, 11, 21, 10))], PARAMETERS)
    assert before.patient_total == 0
    assert [one.T_BNCCT for one in after.lines] == [Decimal(75_800), Decimal(100)]
    assert after.patient_total == 75_900


def test_what_is_not_insured_does_not_count_towards_the_line() -> None:
    lines = [line("a", 379_000), line("b", BIG, scope=2)]
    amounts = benefit.compute(visit(), lines, PARAMETERS)
    assert amounts.is_below_line
    assert (amounts.T_BNTT, amounts.T_BNCCT, amounts.patient_total) == (Decimal(BIG), 0, BIG)
    assert (amounts.lines[1].PHAM_VI, amounts.lines[1].TYLE_TT_BH, amounts.lines[1].THANH_TIEN_BH) == (2, 0, 0)


def test_examinations_count_100_30_30_30_10_0_in_order_of_time() -> None:
    lines = [
        line(f"k{hour}", 40_000, nhom="13", at=datetime(2026, 11, 21, hour)) for hour in (14, 9, 10, 11, 12, 13, 15)
    ]
    amounts = benefit.compute(visit(), lines, PARAMETERS)
    rates = {one.line.key: one.TYLE_TT_DV for one in amounts.lines}
    assert [rates[f"k{hour}"] for hour in range(9, 16)] == [100, 30, 30, 30, 10, 0, 0]
    assert amounts.T_TONGCHI_BH == Decimal(40_000 * 2)


def test_without_a_card_everything_is_the_patients_own_and_each_examination_is_whole() -> None:
    lines = [line("a", 40_000, nhom="13"), line("b", 40_000, nhom="13", at=datetime(2026, 11, 21, 10))]
    amounts = benefit.compute(visit(cards=()), lines, PARAMETERS)
    assert (amounts.T_BNTT, amounts.T_BHTT, amounts.T_TONGCHI_BH) == (80_000, 0, 0)
    assert {one.why for one in amounts.lines} == {"no-card"}
    assert amounts.muc_huong == 0


def test_the_price_above_the_insured_price_is_the_patients_own() -> None:
    amounts = benefit.compute(visit(), [line("a", 600_000, don_gia_bh=Decimal(500_000))], PARAMETERS)
    assert (amounts.T_BHTT, amounts.T_BNCCT, amounts.T_BNTT) == (400_000, 100_000, 100_000)


def test_a_drug_has_one_price_and_its_ratio_leaves_the_rest_to_the_patient() -> None:
    drug = line("a", "1234.567", table="2", nhom="6", quantity="333", ratio=50, don_gia_bh=Decimal(1))
    one = benefit.compute(visit(), [drug], PARAMETERS).lines[0]
    assert one.THANH_TIEN_BV == Decimal("411110.81")  # r2(333 * 1234.567)
    assert one.THANH_TIEN_BH == Decimal("205555.41")  # a tie goes up
    assert one.T_BNTT == one.THANH_TIEN_BV - one.THANH_TIEN_BH
    assert one.DON_GIA_BH == one.DON_GIA_BV


def test_a_supply_above_its_ceiling_is_insured_up_to_the_ceiling() -> None:
    supply = line("a", 700_000, nhom="10", ceiling=Decimal(600_000), don_gia_bh=Decimal(700_000))
    one = benefit.compute(visit(), [supply], PARAMETERS).lines[0]
    assert (one.DON_GIA_BH, one.T_BHTT, one.T_BNCCT, one.T_BNTT) == (600_000, 480_000, 120_000, 100_000)
    two = benefit.compute(
        visit(cards=(card("TE1790000000001"),)), [line("a", 700_000, nhom="10", quantity=2, ceiling=Decimal(600_000))],
        PARAMETERS,
    )  # fmt: skip
    assert two.lines[0].T_BHTT == 600_000


def test_of_several_cards_the_highest_valid_one_counts_and_a_new_one_from_its_first_day() -> None:
    old = card("DN4790000000001", to_on=date(2026, 12, 31))
    new = card("HN2790000000001", from_on=date(2026, 11, 22))
    lines = [line("a", BIG, at=datetime(2026, 11, 21, 23, 59)), line("b", BIG, at=datetime(2026, 11, 22))]
    amounts = benefit.compute(visit(kind="03", cards=(old, new)), lines, PARAMETERS)
    assert [one.MUC_HUONG for one in amounts.lines] == [80, 100]
    assert amounts.percent == 100


@pytest.mark.parametrize(
    ("kind", "to_on", "line_on", "why"),
    [
        ("01", date(2026, 11, 21), date(2026, 11, 21), ""),
        ("01", date(2026, 11, 20), date(2026, 11, 21), "ended-card"),
        ("03", date(2026, 11, 21), date(2026, 12, 6), ""),
        ("03", date(2026, 11, 21), date(2026, 12, 7), "ended-card"),
        ("03", date(2026, 11, 20), date(2026, 11, 21), "ended-card"),
    ],
)
def test_a_card_that_ends_covers_an_arrival_and_15_days_of_treatment(
    kind: str, to_on: date, line_on: date, why: str
) -> None:
    at = datetime(line_on.year, line_on.month, line_on.day, 9)
    amounts = benefit.compute(visit(kind=kind, cards=(card(to_on=to_on),)), [line("a", BIG, at=at)], PARAMETERS)
    assert amounts.lines[0].why == why
    assert (amounts.T_BHTT > 0) is (why == "")


@pytest.mark.parametrize(("category", "why"), [("1.1", "late-card"), ("2", "")])
def test_lines_before_a_late_card_are_the_patients_own_except_in_an_emergency(category: str, why: str) -> None:
    late = card(shown_at=datetime(2026, 11, 21, 9, 30))
    lines = [line("a", BIG, at=datetime(2026, 11, 21, 9, 29)), line("b", BIG, at=datetime(2026, 11, 21, 9, 30))]
    amounts = benefit.compute(visit(category, cards=(late,)), lines, PARAMETERS)
    assert [one.why for one in amounts.lines] == [why, ""]


def test_forces_cards_alone_cover_what_is_outside_the_list() -> None:
    for number, paid in (("QN5790000000001", BIG), ("DN4790000000001", 0)):
        amounts = benefit.compute(visit(cards=(card(number),)), [line("a", BIG, scope=3)], PARAMETERS)
        assert amounts.T_BHTT == paid
        assert amounts.lines[0].PHAM_VI == (3 if paid else 2)


def test_lines_from_the_moment_of_exemption_on_carry_no_co_payment_until_the_end_of_its_year() -> None:
    exempt = card(exempt_from=datetime(2026, 12, 30, 10))
    lines = [
        line("a", BIG, at=datetime(2026, 12, 30, 9, 59)),
        line("b", BIG, at=datetime(2026, 12, 30, 10)),
        line("c", BIG, at=datetime(2026, 12, 31, 23, 59)),
        line("d", BIG, at=datetime(2027, 1, 1)),
    ]
    amounts = benefit.compute(visit(kind="03", on=date(2026, 12, 30), cards=(exempt,)), lines, PARAMETERS)
    assert [one.MUC_HUONG for one in amounts.lines] == [80, 100, 100, 80]


@pytest.mark.parametrize(
    ("five_years_on", "left", "shares"),
    [
        (date(2026, 11, 21), 199_999, [80, 100]),
        (date(2026, 11, 21), 200_000, [80, 80]),  # "above" six months, not "at"
        (date(2026, 11, 22), 0, [80, 80]),
        (date(2020, 1, 1), 0, [80, 100]),
        (date(2020, 1, 1), -1, [100, 100]),
    ],
)
def test_crossing_six_months_of_co_payment_after_five_years_waives_the_rest(
    five_years_on: date, left: int, shares: list[int]
) -> None:
    one = card(five_years_on=five_years_on, copay_left_vnd=Decimal(left))
    lines = [line("a", BIG), line("b", BIG, at=datetime(2026, 11, 21, 10))]
    amounts = benefit.compute(visit(cards=(one,)), lines, PARAMETERS)
    assert [one.MUC_HUONG for one in amounts.lines] == shares


def test_what_is_left_of_six_months_counts_each_payment_in_the_salary_of_its_day() -> None:
    salaries = PARAMETERS.base_salaries
    paid = [(date(2026, 3, 1), Decimal(2_340_000)), (date(2025, 12, 31), Decimal(9_000_000))]
    assert benefit.copay_left(paid, date(2026, 6, 30), salaries) == 5 * 2_340_000
    assert benefit.copay_left(paid, date(2026, 7, 1), salaries) == 5 * 2_530_000
    assert benefit.copay_left([(date(2026, 8, 1), Decimal(20_000_000))], date(2026, 8, 2), salaries) < 0


def test_help_for_the_facility_comes_off_the_line_first() -> None:
    one = line("a", 10_000_000, ratio=50, help=Decimal(3_000_000), help_kind="facility")
    done = benefit.compute(visit(), [one], PARAMETERS).lines[0]
    assert (done.THANH_TIEN_BH, done.T_BHTT, done.T_BNCCT, done.T_BNTT) == (3_500_000, 2_800_000, 700_000, 3_500_000)
    assert done.T_NGUONKHAC == 3_000_000


def test_help_for_the_patient_is_taken_from_the_bill_before_the_fund_and_arv_help_is_the_co_payment() -> None:
    given_help = line("a", 600_000, don_gia_bh=Decimal(500_000), help=Decimal(150_000), help_kind="patient")
    done = benefit.compute(visit(), [given_help], PARAMETERS).lines[0]
    assert (done.T_BNTT, done.T_BNCCT, done.T_BHTT, done.T_NGUONKHAC) == (0, 50_000, 400_000, 150_000)
    arv = benefit.compute(visit(), [line("a", 500_000, help_kind="arv")], PARAMETERS).lines[0]
    assert (arv.T_BNCCT, arv.T_NGUONKHAC, arv.T_BHTT) == (0, 100_000, 400_000)


def test_a_category_that_pays_by_the_case_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="depends on the case"):
        benefit.compute(visit("7.2"), [line("a", 1)], PARAMETERS)


@pytest.mark.parametrize("wrong", [{"quantity": 0}, {"don_gia_bh": Decimal(-1)}, {"ratio": 101}, {"scope": 4}])
def test_a_line_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        benefit.compute(visit(), [line("a", 1, **wrong)], PARAMETERS)


@pytest.mark.parametrize("seed", range(300))
def test_the_parts_are_the_whole_and_totals_are_sums(seed: int) -> None:
    """MON-05, MON-06, MON-09, MON-13, MON-17 and the rounding of the bill, over invented visits."""
    draw = random.Random(seed)
    lines = [
        line(
            f"l{index}", Decimal(draw.randrange(0, 500_000_000)).scaleb(-3), table=draw.choice("23"),
            nhom=draw.choice(("1", "13", "4")), quantity=Decimal(draw.randrange(1, 90_000)).scaleb(-3),
            ratio=draw.choice((0, 30, 50, 100)), scope=draw.choice((1, 1, 1, 2, 3)),
            don_gia_bh=Decimal(draw.randrange(0, 400_000_000)).scaleb(-3),
            at=datetime(2026, 11, 21, draw.randrange(8, 18), draw.randrange(60)),
        )
        for index in range(draw.randrange(0, 12))
    ]  # fmt: skip
    cards = tuple(card(f"{draw.choice(('DN4', 'HT3', 'HN2', 'QN5'))}79000000000{n}") for n in range(draw.randrange(3)))
    category = draw.choice([one for one in CATEGORIES if one != "7.2"])
    amounts = benefit.compute(visit(category, cards=cards), lines, given.PARAMETERS)
    for one in amounts.lines:
        assert one.THANH_TIEN_BV == one.T_BNTT + one.T_BNCCT + one.T_BHTT + one.T_NGUONKHAC
        assert one.T_BHTT == benefit.r2(one.THANH_TIEN_BH * one.MUC_HUONG / 100)
        assert min(one.T_BNTT, one.T_BNCCT, one.T_BHTT) >= 0
    for total, name in (("T_TONGCHI_BV", "THANH_TIEN_BV"), ("T_TONGCHI_BH", "THANH_TIEN_BH")):
        assert getattr(amounts, total) == sum(getattr(one, name) for one in amounts.lines)
    assert amounts.T_BHTT <= amounts.T_TONGCHI_BH <= amounts.T_TONGCHI_BV
    assert amounts.patient_total - amounts.T_BNTT - amounts.T_BNCCT == amounts.rounding
    assert abs(amounts.rounding) <= Decimal("0.5")
