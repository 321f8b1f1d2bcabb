"""UCUM: what can be converted compares, what cannot stays apart; the table says what the library says."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lienmach.standards.fhir import unit_table, units


@pytest.mark.parametrize(
    ("amount", "code", "other_amount", "other_code"),
    [
        ("5.4", "g/L", "540", "mg/dL"),
        ("1", "kg", "1000", "g"),
        ("37", "Cel", "310.15", "K"),
        ("60", "/h", "1", "/min"),
        ("1", "m[IU]/mL", "1", "[IU]/L"),
        ("2", "[IU]", "2", "[iU]"),
        ("3", "{beats}/min", "3", "/min"),
        ("1", "meq/L", "1", "mmol/L"),
        ("50", "%", "0.5", "1"),
    ],
)
def test_equal_amounts_in_two_units_are_equal_in_canonical_form(
    amount: str, code: str, other_amount: str, other_code: str
):
    one, other = units.canonical(code), units.canonical(other_code)
    assert one is not None and other is not None and one.key == other.key
    left, right = one.convert(Decimal(amount)), other.convert(Decimal(other_amount))
    assert abs(left - right) <= abs(right) * Decimal("1e-12")


@pytest.mark.parametrize(
    ("code", "other"), [("mg/dL", "mmol/L"), ("[IU]/L", "[CFU]/L"), ("[IU]/L", "/L"), ("g", "m"), ("U/L", "[IU]/L")]
)
def test_units_of_different_kind_do_not_share_a_key(code: str, other: str):
    one, two = units.canonical(code), units.canonical(other)
    assert one is not None and two is not None and one.key != two.key


@pytest.mark.parametrize("code", ["", "mcg", "viên", "dB", "[pH]", "ea", "x" * 41, "{"])
def test_what_is_not_a_straight_ucum_unit_has_no_canonical_form(code: str):
    assert units.canonical(code) is None


@pytest.mark.parametrize("code", ["10*9999999", "m" + "9" * 30, "10^99999/L", "(" * 40, "m-99999999"])
def test_a_code_that_would_keep_a_core_busy_is_not_read(code: str):
    assert units.derive(code) is None


def test_a_conversion_keeps_all_digits():
    one = units.canonical("[in_i]")
    assert one is not None and one.convert(Decimal("66.899999999999991")) == Decimal("1.6992599999999997714")


@pytest.mark.parametrize("code", sorted(unit_table.COMMON))
def test_the_table_agrees_with_the_library(code: str):
    ours, theirs = units.canonical(code), units.derive(code)
    assert ours is not None and theirs is not None and ours.key == theirs.key
    for a, b in ((ours.factor, theirs.factor), (ours.offset, theirs.offset)):
        assert abs(a - b) <= abs(b) * Decimal("1e-12")
