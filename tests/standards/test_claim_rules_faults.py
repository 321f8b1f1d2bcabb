"""Every planted fault is caught, with its rule, table and field; clean claims of all shapes have no finding at all."""

from __future__ import annotations

import pytest

from lienmach.standards.bhxh.rules import check
from tests.standards import rules_case
from tests.standards.planted_faults import FAULTS
from tests.standards.planting import Fault
from tests.standards.rules_case import Case

CLAIMS, SEEDS_MAX, CASES = 500, 3000, 3


def _planted(one: Fault) -> list[Case]:
    """Claims of different seeds that hold the fault."""
    found: list[Case] = []
    for seed in range(SEEDS_MAX):
        case = rules_case.clean(seed)
        if one.mutate(case):
            found.append(case)
            if len(found) == CASES:
                break
    return found


def test_clean_claims_of_all_shapes_have_no_finding() -> None:
    shapes = set()
    for seed in range(CLAIMS):
        case = rules_case.clean(seed)
        shapes.add((case.shape["kind"], case.shape["category"], case.visit["MA_THE_BHYT"][:3], case.shape["is_below"]))
        found = check.check(case.tables, case.around)
        assert not found, f"seed {seed}: {found[0].rule} {found[0].table}.{found[0].field}: {found[0].sentence()}"
    assert len(shapes) > 100


@pytest.mark.parametrize("one", FAULTS, ids=lambda one: f"{one.rule}: {one.name}")
def test_a_planted_fault_is_caught_by_its_rule_and_by_no_unrelated_one(one: Fault) -> None:
    cases = _planted(one)
    assert cases, "no clean claim has what this fault needs"
    for case in cases:
        found = check.check(case.tables, case.around)
        said = {(each.rule, each.table, each.field) for each in found}
        assert (one.rule, one.table, one.field) in said, f"seed {case.seed}: {sorted(said)}"
        strange = {each.rule for each in found} - {one.rule} - one.also
        assert not strange, f"seed {case.seed}: {[each.sentence() for each in found if each.rule in strange]}"


def test_every_rule_has_a_planted_fault() -> None:
    assert not set(check.RULES) - {one.rule for one in FAULTS}


def test_the_faults_are_many_and_each_has_a_name_of_its_own() -> None:
    assert len(FAULTS) >= 90
    assert len({(one.rule, one.name) for one in FAULTS}) == len(FAULTS)
