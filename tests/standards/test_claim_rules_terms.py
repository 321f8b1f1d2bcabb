"""Terms decide what is asked: from when on, how bad, at which moment, and whether at all; rounding to the tie."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from lienmach.care import catalogue_set
from lienmach.care.claims import surroundings as package
from lienmach.standards.bhxh.rules import check, doses, findings
from lienmach.standards.bhxh.rules.findings import Finding, Term
from lienmach.standards.bhxh.rules.surroundings import Surroundings
from tests.standards import planting, rules_case
from tests.standards.rules_case import Case

ROWS = [one for one in catalogue_set.rows("demo") if one.list == package.TERMS]


def _unweighed() -> Case:
    """An adult whose weight nobody took (ADM-07, a warning when the visit is closed)."""
    for seed in range(200):
        case = rules_case.clean(seed)
        if not case.visit["MA_THE_BHYT"].startswith("TE"):
            case.visit["CAN_NANG"] = ""
            return case
    raise AssertionError


def _found(case: Case, **terms: object) -> list[Finding]:
    own = Term("ADM-07", "", "warn", "close", "doc")
    case.change(terms={**(case.around.terms or {}), "ADM-07": (replace(own, **terms),)})  # type: ignore[arg-type]
    return check.check(case.tables, case.around)


def test_all_161_rules_stand_in_the_list_each_with_its_terms() -> None:
    assert len(ROWS) == len({one.code for one in ROWS}) == 161
    for row in ROWS:
        assert row.data["level"] in findings.LEVELS and row.data["moment"] in ("live", "close", "batch", "send")
        assert row.data["mender"] in ("rec", "doc", "lab", "img", "pha", "cas", "ins", "it")
        assert row.data["confidence"] in ("source", "secondary", "memory", "own") and row.source and row.data["place"]


def test_the_list_says_of_every_rule_whether_it_is_checked() -> None:
    here = {*check.RULES, *check.OF_FILE, *check.OF_BATCH}
    checked = {one.code for one in ROWS if one.data["is_checked"]}
    assert here <= checked
    elsewhere = checked - here
    assert {one[:3] for one in elsewhere} == {"SND", "RX-"}
    assert {one.code for one in ROWS} - checked == {"ICD-05", "TIM-19", "TIM-20", "TIM-24"}


def test_a_rule_holds_from_its_first_day_to_its_last() -> None:
    case = _unweighed()
    on = planting.moment(case.visit["NGAY_VAO"]).date()
    assert [one.rule for one in _found(case, from_on=on, to_on=on)] == ["ADM-07"]
    assert not _found(case, from_on=date.fromordinal(on.toordinal() + 1))
    assert not _found(case, to_on=date.fromordinal(on.toordinal() - 1))


def test_a_facility_makes_a_rule_an_error_or_switches_it_off() -> None:
    case = _unweighed()
    assert [one.level for one in _found(case)] == ["warn"]
    assert [one.level for one in _found(case, level="error")] == ["error"]
    assert not _found(case, is_off=True)


def test_rules_of_the_end_are_not_asked_while_the_visit_is_open() -> None:
    case = _unweighed()
    assert not check.check(case.tables, case.around, moments=frozenset({"live"}))
    assert [one.rule for one in check.check(case.tables, case.around, moments=frozenset({"live", "close"}))] == [
        "ADM-07"
    ]


def test_a_rule_that_lacks_its_surroundings_keeps_silent() -> None:
    for seed in range(60):
        case = rules_case.clean(seed)
        assert not check.check(case.tables, Surroundings(terms=case.around.terms))
        assert not check.check(case.tables, package.from_package())


def test_checking_changes_no_row() -> None:
    case = _unweighed()
    before = {table: [dict(row) for row in rows] for table, rows in case.tables.items()}
    check.check(case.tables, case.around)
    assert case.tables == before


def test_nonsense_is_found_and_breaks_nothing() -> None:
    for text in ("", "x", "-1", "9" * 40, "202613999999", "½", ";;", "\n", "1e9", "NaN"):
        case = rules_case.clean(5)
        for rows in case.tables.values():
            for row in rows:
                row.update(dict.fromkeys(row, text))
        assert check.check(case.tables, case.around)
    assert check.check({}, case.around)
    assert check.check({"XML1": []}, case.around)
    assert check.check({"XML1": [{}]}, case.around)


def test_a_sentence_is_filled_and_says_where() -> None:
    for one in _found(_unweighed()):
        assert "{" not in one.sentence() and (one.table, one.field, one.row) == ("XML1", "CAN_NANG", 1)


@pytest.mark.parametrize(("said", "is_right"), [("0.13", True), ("0.12", True), ("0.11", False), ("0.14", False)])
def test_a_tie_may_be_rounded_up_or_to_even_and_nothing_else(said: str, is_right: bool) -> None:
    case = next(one for seed in range(300) if (one := rules_case.clean(seed)).tables.get("XML2"))
    row = case.tables["XML2"][0]
    row.update(SO_LUONG="1", DON_GIA="0.125", THANH_TIEN_BV=said)
    assert ("MON-01" not in {one.rule for one in check.check(case.tables, case.around)}) is is_right


def test_a_dose_is_read_as_the_claim_writes_it() -> None:
    found = doses.read("1,5 viên/lần * 2 lần/ngày * 30 ngày [3 viên/ngày]")
    assert found is not None
    assert (found.amount, found.unit, found.days, found.quantity) == (Decimal("1.5"), "viên", Decimal(30), Decimal(90))
    assert doses.read("1 viên/lần * 2 lần/ngày * 5 ngày") is not None
    assert doses.read("sáng 1 viên, tối 1 viên") is None
    assert doses.read("1" + " " * 5000) is None
