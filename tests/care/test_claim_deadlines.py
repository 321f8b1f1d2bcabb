"""The clocks of a claim count working days: just inside and just outside of weekends, holidays and month ends."""

from __future__ import annotations

from datetime import date

import pytest

from lienmach.care.claims import deadlines

HOLIDAY = frozenset({date(2026, 9, 2)})


@pytest.mark.parametrize(
    ("ended", "due"),
    [
        (date(2026, 11, 2), date(2026, 11, 11)),  # Monday: seven working days, a weekend between
        (date(2026, 11, 6), date(2026, 11, 17)),  # Friday
        (date(2026, 11, 7), date(2026, 11, 17)),  # Saturday
        (date(2026, 11, 25), date(2026, 12, 4)),  # the seventh working day is the 4th itself
        (date(2026, 11, 26), date(2026, 12, 4)),  # the seventh would be the 7th: before day 5
        (date(2026, 12, 31), date(2027, 1, 4)),
    ],
)
def test_payment_is_asked_within_seven_working_days_and_before_day_5(ended: date, due: date) -> None:
    assert deadlines.request_due(ended) == due


def test_a_holiday_is_no_working_day() -> None:
    assert deadlines.working_days_after(date(2026, 9, 1), 1) == date(2026, 9, 2)
    assert deadlines.working_days_after(date(2026, 9, 1), 1, HOLIDAY) == date(2026, 9, 3)


@pytest.mark.parametrize(
    ("kind", "said", "due"),
    [
        ("structure", date(2026, 11, 19), date(2026, 11, 23)),  # Thursday: Friday, Monday
        ("appraisal", date(2026, 11, 19), date(2026, 11, 24)),
        ("structure", date(2026, 11, 21), date(2026, 11, 24)),  # Saturday
    ],
)
def test_a_rejection_has_two_or_three_working_days(kind: str, said: date, due: date) -> None:
    assert deadlines.rejection_due(kind, said) == due


def test_the_month_of_settlement_is_that_of_the_end_unless_the_asking_comes_too_late() -> None:
    ended = date(2026, 11, 30)
    assert deadlines.settlement_on(ended, date(2026, 12, 4)) == ended
    assert deadlines.settlement_on(ended, date(2026, 12, 5)) == date(2026, 12, 5)
    last_of_drugs = date(2027, 1, 10)  # a visit of its drugs' days ends in the future
    assert deadlines.settlement_on(last_of_drugs, date(2026, 12, 12)) == last_of_drugs
