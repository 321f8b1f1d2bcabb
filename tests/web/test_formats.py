"""Values on screen: dd/mm/yyyy, the 24-hour clock of the facility, 1.234,5."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lienmach.web import formats


@pytest.mark.parametrize(
    ("fhir", "shown"),
    [
        ("1958", "1958"),
        ("1958-02", "02/1958"),
        ("1958-02-01", "01/02/1958"),
        ("2020-11-14T17:09:13+00:00", "15/11/2020 00:09"),
        ("2020-11-14T17:09:13Z", "15/11/2020 00:09"),
        ("2016-12-31T23:59:60Z", "01/01/2017 06:59"),
        ("2020-11-14T17:09", "14/11/2020 17:09"),
        ("", ""),
        (None, ""),
        ("không phải ngày", "không phải ngày"),
    ],
)
def test_a_moment_keeps_its_precision(fhir: str | None, shown: str) -> None:
    assert formats.moment(fhir) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("62.50"), "62,50"),
        (1234, "1234"),
        (12345, "12.345"),
        (Decimal("-0.5"), "−0,5"),
        (Decimal("1E+3"), "1000"),
        (None, ""),
    ],
)
def test_a_number_keeps_its_digits(value: Decimal | int | None, shown: str) -> None:
    assert formats.number(value) == shown


def test_money_is_whole_in_dong_and_named_otherwise() -> None:
    assert formats.money(1250000) == "1.250.000 ₫"
    assert formats.money(Decimal("866.589"), "USD") == "866,59 USD"
