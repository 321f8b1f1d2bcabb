from datetime import date

import pytest

from lienmach.standards.vietnam import ethnic_groups, identity, insurance_card


def codes(remarks):
    return [one.code for one in remarks]


def test_a_citizen_number_gives_its_parts():
    one = identity.read_citizen_number("079 158 000 001")
    assert (one.place_code, one.province, one.sex, one.birth_year, one.serial) == (
        "079",
        "Hồ Chí Minh",
        "female",
        1958,
        "000001",
    )
    assert identity.read_citizen_number("001203000001").birth_year == 2003
    assert identity.read_citizen_number("001203000001").sex == "male"


@pytest.mark.parametrize("text", ["", "07915800000", "0791580000012", "07915800000x", "٠٧٩١٥٨٠٠٠٠٠١"])
def test_what_is_not_twelve_digits_is_no_citizen_number(text):
    assert identity.read_citizen_number(text) is None
    assert codes(identity.check_citizen_number(text)) == ["citizen-number-shape"]


def test_a_number_that_fits_the_record_has_no_remark():
    assert identity.check_citizen_number("079158000001", sex="female", birth_year=1958) == []


def test_each_difference_is_a_remark_and_no_refusal():
    assert codes(identity.check_citizen_number("079158000001", sex="male")) == ["sex-differs"]
    assert codes(identity.check_citizen_number("079158000001", birth_year=1959)) == ["birth-year-differs"]
    assert codes(identity.check_citizen_number("097158000001")) == ["place-unknown"]
    assert codes(identity.check_citizen_number("134158000001")) == []  # born abroad
    assert codes(identity.check_citizen_number("079158000001", sex="other")) == []


def test_systems_seen_elsewhere_mean_the_same_kind():
    assert identity.kind_of_system("http://fhir.vn/sid/cccd").key == "cccd"
    assert identity.kind_of_system("urn:oid:1") is None
    one = identity.identifier("cccd", "079 158 000 001")
    assert one["value"] == "079158000001" and one["type"]["coding"][0]["code"] == "NI"


def test_a_typed_number_names_its_kinds():
    assert identity.kinds_of_value("079158000001") == ("cccd",)
    assert identity.kinds_of_value("te1 79 0000000001") == ("bhyt",)
    assert identity.kinds_of_value("0123456789") == ("bhxh",)
    assert identity.kinds_of_value("012345678") == ("cmnd",)
    assert identity.kinds_of_value("nguyen") == ()


def test_a_card_number_gives_its_parts():
    card = insurance_card.parse("gd4-79.000000001 ")
    assert card is None  # one digit short
    card = insurance_card.parse("gd4 79 0123456789")
    assert (card.object_code, card.level, card.province_code, card.social_number) == ("GD", "4", "79", "0123456789")


@pytest.mark.parametrize(
    ("number", "on", "expected"),
    [
        ("GD4790123456789", date(2026, 1, 1), []),
        ("GD2790123456789", date(2026, 1, 1), ["card-level-unusual"]),
        ("CN3790123456789", date(2025, 12, 31), []),
        ("CN3790123456789", date(2026, 1, 1), ["card-level-unusual"]),
        ("CN2790123456789", date(2026, 1, 1), []),
        ("ZZ4790123456789", date(2026, 1, 1), ["card-object-unknown"]),
        ("GD4970123456789", date(2026, 1, 1), ["card-province-unknown"]),
        ("GD6790123456789", date(2026, 1, 1), ["card-shape"]),
    ],
)
def test_a_card_number_is_checked_as_of_a_day(number, on, expected):
    assert codes(insurance_card.check(number, on=on)) == expected


@pytest.mark.parametrize(
    ("birth_year", "months", "on", "is_over"),
    [
        (2020, 71, date(2026, 6, 1), False),
        (2020, 72, date(2026, 9, 30), False),
        (2020, 75, date(2026, 10, 1), True),
        (2020, 71, date(2026, 11, 20), False),
        (2020, 72, date(2026, 11, 21), True),
    ],
)
def test_a_childs_card_ends_at_72_months_but_not_before_30_september(birth_year, months, on, is_over):
    assert insurance_card.is_outgrown(birth_year, months, on) is is_over


def test_there_are_54_groups_and_two_extras():
    assert len(ethnic_groups.all_groups()) == 56
    assert ethnic_groups.group("01").name == "Kinh" and ethnic_groups.group("54").name == "Rơ-măm"
    assert ethnic_groups.group("57") is None
