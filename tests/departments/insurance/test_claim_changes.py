"""What the desk says of two versions, of two statements and of a day that something is due on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from lienmach.departments.insurance import claim_changes, claim_clocks, statement_changes
from lienmach.departments.insurance.claim_changes import FieldChange

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def test_a_field_that_changed_is_named_with_both_values() -> None:
    before = {"XML1": [{"MA_LK": "A", "NGAY_TTOAN": ""}]}
    after = {"XML1": [{"MA_LK": "A", "NGAY_TTOAN": "202611220900"}]}
    assert claim_changes.between(before, after) == [FieldChange("XML1", 1, "NGAY_TTOAN", "", "202611220900")]
    assert claim_changes.between(after, after) == []


def test_a_row_that_is_put_in_between_changes_no_other_row() -> None:
    def drug(code: str, name: str) -> dict[str, str]:
        return {"MA_THUOC": code, "TEN_THUOC": name}

    before = {"XML2": [drug("40.1", "Một"), drug("40.3", "Ba")]}
    after = {"XML2": [drug("40.1", "Một"), drug("40.2", "Hai"), drug("40.3", "Ba")]}
    assert claim_changes.between(before, after) == [FieldChange("XML2", 2, "", "", "Hai", "added")]
    assert claim_changes.between(after, before) == [FieldChange("XML2", 2, "", "Hai", "", "gone")]


def test_two_rows_of_the_same_code_are_told_apart() -> None:
    rows = [{"MA_DICH_VU": "1", "SO_LUONG": "1"}, {"MA_DICH_VU": "1", "SO_LUONG": "2"}]
    changed = [rows[0], {"MA_DICH_VU": "1", "SO_LUONG": "3"}]
    assert claim_changes.between({"XML3": rows}, {"XML3": changed}) == [FieldChange("XML3", 2, "SO_LUONG", "2", "3")]


def line(own: str, *, quantity: str = "10", fund: str = "100") -> SimpleNamespace:
    amounts = {"THANH_TIEN_BV": Decimal(fund), "T_BHTT": Decimal(fund), "T_BNCCT": Decimal(0), "T_BNTT": Decimal(0)}
    return SimpleNamespace(charge_id=own, name=f"Thuốc {own}", quantity=Decimal(quantity), **amounts)


def said(before: list[SimpleNamespace], after: list[SimpleNamespace]) -> list[str]:
    return [one.text.format(**one.places) for one in statement_changes.between(before, after)]


def test_what_a_visit_costs_since_its_statement_is_told_by_line() -> None:
    assert said([line("a"), line("b")], [line("a", quantity="7.000"), line("c")]) == [
        "Thêm: Thuốc c", "Bỏ: Thuốc b", "Thuốc a: số lượng 10 → 7",
    ]  # fmt: skip
    assert said([line("a")], [line("a", fund="1250.50")]) == ["Thuốc a: quỹ trả 100 → 1250,5"]
    assert said([line("a")], [line("a")]) == []


@pytest.mark.parametrize(
    ("days", "tone", "text"),
    [
        (-1, "bad", "Quá hạn 1 ngày"), (0, "bad", "Hết hạn hôm nay"), (1, "warn", "Còn 1 ngày"),
        (2, "warn", "Còn 2 ngày"), (3, "", "Còn 3 ngày"),
    ],
)  # fmt: skip
def test_a_clock_says_in_words_and_colour_how_long_there_is(days: int, tone: str, text: str) -> None:
    clock = claim_clocks.clock("request", TODAY + timedelta(days=days), TODAY)
    assert (clock.tone, clock.text.format(count=clock.count)) == (tone, text)


def test_a_claim_is_late_after_three_hours_and_not_before_and_never_once_sent() -> None:
    hours = timedelta(hours=3)
    assert not claim_clocks.is_late(NOW - hours, None, NOW)
    assert claim_clocks.is_late(NOW - hours - timedelta(seconds=1), None, NOW)
    assert not claim_clocks.is_late(NOW - 2 * hours, NOW, NOW)
    assert not claim_clocks.is_late(None, None, NOW)
