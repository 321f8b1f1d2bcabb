from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from lienmach.standards.vietnam import dates_typed, formats

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("fhir", "text"),
    [
        ("1958", "1958"),
        ("1958-02", "02/1958"),
        ("1958-02-01", "01/02/1958"),
        ("2026-01-01T20:05:00Z", "02/01/2026 03:05"),
        ("2026-01-01T20:05:00+07:00", "01/01/2026 20:05"),
        ("?", "?"),
    ],
)
def test_dates_are_written_day_first(fhir, text):
    assert formats.write_date(fhir, ZoneInfo("Asia/Ho_Chi_Minh")) == text


@pytest.mark.parametrize(
    ("birth", "vi", "en"),
    [
        ("2026-11-21", "0 ngày tuổi", "0 days"),
        ("2026-10-23", "29 ngày tuổi", "29 days"),
        ("2026-10-22", "1 tháng tuổi", "1 month"),
        ("2026-10-21", "1 tháng tuổi", "1 month"),
        ("2020-11-22", "71 tháng tuổi", "71 months"),
        ("2020-11-21", "6 tuổi", "6 years"),
        ("1958-11-22", "67 tuổi", "67 years"),
        ("1958", "khoảng 68 tuổi", "about 68 years"),
        ("2026-11-22", "", ""),
        ("", "", ""),
        ("2027", "", ""),
    ],
)
def test_ages_are_days_then_months_then_years(birth, vi, en):
    assert formats.write_age(birth, TODAY) == vi
    assert formats.write_age(birth, TODAY, en=True) == en


def test_numbers_and_money_use_the_dot_for_thousands():
    assert formats.write_number(Decimal("1234567.89")) == "1.234.567,89"
    assert formats.write_number(Decimal("5.40")) == "5,40"
    assert formats.write_number(1234567, en=True) == "1,234,567"
    assert formats.write_money(-1500) == "-1.500 đ"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1.234", ["1234", "1.234"]),
        ("1,234", ["1.234", "1234"]),
        ("1.234.567,89", ["1234567.89"]),
        ("1,234,567.89", ["1234567.89"]),
        ("5,4", ["5.4"]),
        ("0.123", ["0.123"]),
        ("12", ["12"]),
        ("1.234.567", ["1234567"]),
    ],
)
def test_typed_numbers_give_every_reading(text, values):
    assert formats.read_number(text) == [Decimal(one) for one in values]


@pytest.mark.parametrize("text", ["", "a", "1.23.4", "1,2.3,4", "1..2", "NaN", "1e5", "٣"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError):
        formats.read_number(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("+84 912 345 678", "0912 345 678"),
        ("84912345678", "0912 345 678"),
        ("0912.345.678", "0912 345 678"),
        ("(024) 3825 0000", "02438 250 000"),
        ("113", "113"),
    ],
)
def test_phones_are_written_in_groups(text, written):
    assert formats.write_phone(text) == written


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("01021958", ["1958-02-01"]),
        ("1/2/58", ["1958-02-01"]),
        ("1-2-1958", ["1958-02-01"]),
        ("1958", ["1958"]),
        ("1258", ["1958-02-01", "1958-12"]),
        ("02/1958", ["1958-02"]),
        ("010258", ["1958-02-01"]),
        ("1/2/05", ["2005-02-01"]),
        ("1958-02-01", ["1958-02-01"]),
        ("11258", ["1958-12-01", "1958-02-11"]),
        ("58", ["1958"]),
        ("21/11/2026", ["2026-11-21"]),
    ],
)
def test_typed_dates_give_every_reading(text, readings):
    assert [one.fhir for one in dates_typed.read(text, TODAY)] == readings


@pytest.mark.parametrize(
    "text", ["", "abc", "31/2/58", "22/11/2026", "1/1/1890", "1/1/1", "٠١٠٢١٩٥٨", "1/2/3/4", "99999999"]
)
def test_what_is_no_date_gives_no_reading(text):
    assert dates_typed.read(text, TODAY) == []


def test_every_reading_is_echoed():
    assert [one.echo for one in dates_typed.read("1258", TODAY)] == ["01/02/1958", "tháng 12/1958 (không rõ ngày)"]


@pytest.mark.parametrize(
    "text,masked",
    [
        ("0912 345 678", "091****678"),
        ("+84912345678", "091****678"),
        ("091****678", "091****678"),
        ("x", "****"),
        ("", "****"),
    ],
)
def test_a_masked_phone_keeps_its_ends_only(text: str, masked: str) -> None:
    assert formats.mask_phone(text) == masked
