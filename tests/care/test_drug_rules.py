"""Each rule about a prescription just inside and just outside, on the lists that come with the project."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lienmach.care import catalogue_set, drug_rules
from lienmach.care.drug_facts import Allergy, Current, Facts
from lienmach.care.drug_formulary import LISTS, Formulary
from lienmach.care.drug_lines import RxLine

ADULT = Facts(months=480, sex="female", weight_kg=Decimal(55), has_beds=True)
CHILD = Facts(months=36, sex="male", weight_kg=Decimal(14), has_beds=True)


def _formulary() -> Formulary:
    lists: dict = {name: {} for name in LISTS}
    for row in catalogue_set.rows("demo"):
        if row.list in lists:
            lists[row.list][row.code] = row
    return Formulary(lists["drug"], lists["ingredient"], lists["allergy-group"], lists["interaction"])


FORMULARY = _formulary()


def rx(code, per_time="1", times=1, days=5, **more):
    return RxLine(code, Decimal(per_time), times, days, **more)


def judge(facts, *lines):
    return drug_rules.judge(facts, [(FORMULARY.drugs[one.drug_code], one) for one in lines], FORMULARY)


def found(facts, *lines):
    """{key: level} of what is not only told."""
    return {one.key: one.level for one in judge(facts, *lines) if one.level != "inform"}


def with_(facts, **more):
    return Facts(**{**facts.__dict__, **more})


def allergic(*ingredients, groups=(), is_sure=True):
    return with_(ADULT, allergies=(Allergy("thuốc", frozenset(ingredients), frozenset(groups), is_sure),))


@pytest.mark.parametrize(
    ("facts", "code", "expected"),
    [
        (allergic("amoxicillin"), "AMOX500", {"allergy-ingredient:amoxicillin": "block"}),
        (
            allergic("ampicillin"),
            "AUG625",
            {"allergy-group:amoxicillin": "block", "allergy-group:clavulanic-acid": "block"},
        ),
        (allergic(groups=["penicillin"]), "AMOX500", {"allergy-group:amoxicillin": "block"}),
        (allergic(groups=["penicillin"]), "CEFU500", {"allergy-cross:cefuroxime": "reason"}),
        (allergic(groups=["penicillin"]), "AZI500", {}),
        (allergic(groups=["penicillin"]), "IMI500I", {}),  # carbapenem: only told
        (allergic(groups=["sulfonamide"]), "FURO40", {}),  # only told
        (allergic(groups=["sulfonamide"]), "COTRIM480", {"allergy-group:sulfamethoxazole": "block"}),
        (allergic("aspirin"), "IBU400", {"allergy-group:ibuprofen": "block"}),
        (allergic("ibuprofen"), "ETORI60", {"allergy-cross:etoricoxib": "reason"}),
        (allergic("ibuprofen"), "PARA500", {}),
        (allergic("paracetamol"), "DICLOGEL", {}),
        (allergic("diclofenac"), "DICLOGEL", {"allergy-ingredient:diclofenac": "block"}),
        (allergic("amoxicillin", is_sure=False), "AMOX500", {"allergy-ingredient:amoxicillin": "reason"}),
    ],
)
def test_an_allergy_stops_the_ingredient_its_group_and_asks_about_its_neighbours(facts, code, expected):
    assert found(facts, rx(code)) == expected


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("WAR5", "IBU400", "block"),
        ("WAR5", "PARA500", "inform"),
        ("WAR5", "METRO250", "reason"),
        ("SILDE50", "ISMN30", "block"),
        ("SIMVA20", "CLARI500", "block"),
        ("ATOR20", "AMLO5", None),
        ("ROSU10", "CLARI500", None),
        ("ENA5", "LOSA50", "reason"),
        ("IBU400", "MELO75", "reason"),
        ("CLOPI75", "OME20", "reason"),
        ("CLOPI75", "PANTO40", None),
        ("WAR5", "DICLOGEL", None),  # what is rubbed in does not count
        ("MTX25", "COTRIM480", "block"),
    ],
)
def test_two_medicines_that_do_not_go_together_are_told_by_their_level(one, other, level):
    for lines in ((rx(one), rx(other)), (rx(other), rx(one))):
        levels = [danger.level for danger in judge(ADULT, *lines) if danger.kind == "interaction"]
        assert sorted(set(levels)) == ([level] if level else [])


def test_an_interaction_with_a_medicine_taken_now_counts_and_has_the_same_key():
    now = Current("1", FORMULARY.drugs["WAR5"], rx("WAR5", "0.5", 1, 30), "e", is_refill=False)
    together = found(ADULT, rx("WAR5", "0.5"), rx("IBU400"))
    assert found(with_(ADULT, current=(now,)), rx("IBU400")) == together == {"interaction:ibuprofen+warfarin": "block"}


def test_the_same_ingredient_twice_wants_a_reason_but_a_refill_is_only_told():
    assert found(ADULT, rx("PARA500"), rx("PARACOD")) == {"duplicate:paracetamol": "reason"}
    assert found(ADULT, rx("PARA500"), rx("IBU400")) == {}
    earlier = Current("1", FORMULARY.drugs["METF850"], rx("METF850", times=2, days=30), "", is_refill=False)
    refill = Current("1", earlier.drug, earlier.line, "", is_refill=True)
    assert found(with_(ADULT, current=(earlier,)), rx("METF850", times=1, days=30)) == {"duplicate:metformin": "reason"}
    assert found(with_(ADULT, current=(refill,)), rx("METF850", times=2, days=30)) == {}


@pytest.mark.parametrize(
    ("facts", "line", "expected"),
    [
        (ADULT, rx("PARA500", "2", 4), {}),  # 4,000 mg: the limit itself
        (ADULT, rx("PARA500", "1", 9), {"dose-day:paracetamol": "reason"}),
        (ADULT, rx("PARA500", "2", 8), {"dose-day:paracetamol": "block"}),  # twice the limit
        (ADULT, rx("PARA500", "2.5", 1), {"dose-single:paracetamol": "reason"}),
        (ADULT, rx("PARA500", "4", 1), {"dose-single:paracetamol": "block"}),
        (ADULT, rx("METF850", "1", 3, 30), {}),
        (ADULT, rx("METF1000", "1", 4, 30), {"dose-day:metformin": "reason"}),
        (CHILD, rx("PARA250G", "1", 4), {}),  # 1,000 of 1,050 mg
        (CHILD, rx("PARA250G", "1", 5), {"dose-day:paracetamol": "reason"}),
        (CHILD, rx("PARA250G", "1", 7), {"dose-day:paracetamol": "block"}),
        (CHILD, rx("IBU100SY", "5", 3), {}),  # 5 ml = 100 mg; 300 of 560 mg
        (CHILD, rx("IBU100SY", "10", 3), {"dose-day:ibuprofen": "reason"}),
        (with_(CHILD, months=24, weight_kg=None), rx("ORS", "1", 2, 2), {"RX-05:ORS": "block"}),
        (with_(CHILD, months=71, weight_kg=None), rx("ORS", "1", 2, 2), {"RX-05:ORS": "block"}),
        (with_(CHILD, months=72, weight_kg=None), rx("ORS", "1", 2, 2), {}),
        (with_(CHILD, months=143, weight_kg=Decimal(30)), rx("COD30", days=3), {"min-age:codeine": "block"}),
        (with_(CHILD, months=144, weight_kg=Decimal(40)), rx("COD30", days=3), {}),
        (with_(CHILD, months=215, weight_kg=Decimal(50)), rx("CIPRO500", times=2), {"min-age:ciprofloxacin": "reason"}),
        (with_(CHILD, months=216, weight_kg=Decimal(50)), rx("CIPRO500", times=2), {}),
        (with_(CHILD, months=95, weight_kg=Decimal(25)), rx("DOXY100"), {"min-age:doxycycline": "block"}),
        (with_(CHILD, months=96, weight_kg=Decimal(25)), rx("DOXY100"), {}),
    ],
)
def test_doses_are_held_against_age_and_weight(facts, line, expected):
    assert found(facts, line) == expected


def test_doses_of_one_ingredient_are_added_up_over_lines_and_medicines_taken_now():
    lines = (rx("PARA500", "2", 3), rx("PARA650", "1", 2))
    assert found(ADULT, *lines)["dose-day:paracetamol"] == "reason"  # 3,000 + 1,300
    now = Current("1", FORMULARY.drugs["PARA500"], rx("PARA500", "2", 3), "", is_refill=False)
    assert "dose-day:paracetamol" in found(with_(ADULT, current=(now,)), rx("PARA650", "1", 2))


@pytest.mark.parametrize(
    ("clearance", "line", "expected"),
    [
        ("29.9", rx("METF500", "1", 1), {"kidney:metformin": "block"}),
        ("30", rx("METF500", "1", 2), {}),
        ("44.9", rx("METF500", "1", 3), {"kidney:metformin": "reason"}),
        ("45", rx("METF500", "1", 3), {}),
        ("59", rx("METF1000", "1", 3), {"kidney:metformin": "reason"}),
        ("60", rx("METF1000", "1", 3), {}),
        ("20", rx("AMLO5"), {}),
        (None, rx("METF500", "1", 2), {}),
    ],
)
def test_kidneys_that_clear_less_lower_the_dose_or_forbid_it(clearance, line, expected):
    assert found(with_(ADULT, clearance=Decimal(clearance) if clearance else None), line) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ENA5", {"pregnancy:enalapril": "block"}),
        ("IBU400", {"pregnancy:ibuprofen": "reason"}),
        ("PARA500", {}),
        ("MDOPA250", {}),
        ("CLOTRIVAG", {}),
        ("METRONYS", {}),
    ],
)
def test_pregnancy_stops_what_harms(code, expected):
    assert found(with_(ADULT, is_pregnant=True), rx(code)) == expected
    assert found(ADULT, rx(code)) == {}


def test_breastfeeding_stops_what_reaches_the_child():
    assert found(with_(ADULT, is_breastfeeding=True), rx("COD30")) == {"breastfeeding:codeine": "block"}


@pytest.mark.parametrize(
    ("facts", "line", "expected"),
    [
        (ADULT, rx("AMLO5", days=30), {}),
        (ADULT, rx("AMLO5", days=31), {"RX-04:AMLO5": "block"}),
        (with_(ADULT, has_long_term=True), rx("AMLO5", days=90), {}),
        (with_(ADULT, has_long_term=True), rx("AMLO5", days=91), {"RX-04:AMLO5": "block"}),
        (ADULT, rx("MORPH10I", times=2, days=7), {}),
        (ADULT, rx("MORPH10I", times=2, days=8), {"RX-04:MORPH10I": "block"}),
        (with_(ADULT, codes=frozenset({"C34.9"})), rx("MORPH30", times=2, days=10), {}),
        (with_(ADULT, codes=frozenset({"C34.9"})), rx("MORPH30", times=2, days=11), {"RX-04:MORPH30": "block"}),
        (with_(ADULT, has_beds=False), rx("MORPH10I", times=2, days=3), {"RX-03:MORPH10I": "block"}),
        (with_(ADULT, has_beds=None), rx("MORPH10I", times=2, days=3), {}),
        (ADULT, rx("DIAZE5", days=10), {}),
        (ADULT, rx("DIAZE5", days=11), {"RX-04:DIAZE5": "block"}),
        (with_(ADULT, has_long_term=True), rx("DIAZE5", days=30), {}),
        (ADULT, rx("PSEUDO60", times=3, days=11), {"RX-04:PSEUDO60": "block"}),
        (ADULT, rx("PARA500", times=3, quantity=Decimal(15)), {}),
        (ADULT, rx("PARA500", times=3, quantity=Decimal(16)), {"COD-12:PARA500": "block"}),
        (ADULT, rx("PARA500", times=3, quantity=Decimal(14)), {}),  # less is only told
        (ADULT, rx("PARA500", times=3, quantity=Decimal(0)), {"COD-12:PARA500": "block"}),
        (ADULT, rx("PARA500", "0", 3), {"RX-06:PARA500": "block"}),
        (ADULT, rx("PARA500", times=0), {"RX-06:PARA500": "block"}),
        (ADULT, rx("PARA500", days=0), {"RX-06:PARA500": "block"}),
        (ADULT, rx("MTX25", "4", 1, 28, every_days=7), {}),
    ],
)
def test_the_law_about_days_forms_weight_and_quantity(facts, line, expected):
    assert found(facts, line) == expected


def test_every_usual_dose_of_the_list_is_within_the_limits_of_the_list():
    wrong = {}
    for code, row in FORMULARY.drugs.items():
        usual = row.data["usual"]
        line = rx(code, usual["per_time"], usual["times"], usual["days"], every_days=usual.get("every_days", 1))
        child = any(part["code"] in ("racecadotril",) and code == "RACE10G" for part in row.data["ingredients"])
        dangers = found(CHILD if child else ADULT, line)
        if dangers:
            wrong[code] = dangers
    assert wrong == {}


def test_every_ingredient_class_and_group_that_a_rule_names_is_in_the_lists():
    classes = {name for row in FORMULARY.ingredients.values() for name in row.data["classes"]}
    for row in FORMULARY.interactions.values():
        for side in (row.data["a"], row.data["b"]):
            assert side[1:] in classes if side.startswith("@") else side in FORMULARY.ingredients, row.code
        assert row.code == "+".join(sorted((row.data["a"], row.data["b"])))
    for row in FORMULARY.ingredients.values():
        assert set(row.data["allergy_groups"]) <= set(FORMULARY.groups), row.code
    for row in FORMULARY.drugs.values():
        assert all(part["code"] in FORMULARY.ingredients for part in row.data["ingredients"]), row.code
    assert len(FORMULARY.drugs) >= 250 and len(FORMULARY.interactions) >= 150 and len(FORMULARY.ingredients) >= 150
