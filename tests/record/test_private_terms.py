import pytest

from lienmach.record.index import private


def pairs(resource):
    return set(private.private_terms({"resourceType": "Patient", **resource}, lambda kind, value: (kind, value)))


def test_a_name_is_written_for_initials_years_and_its_given_words():
    assert pairs({"name": [{"text": "Nguyễn Văn Ân"}], "birthDate": "1958-02"}) == {
        ("initials", "nva"),
        ("initials-year", "nva|1958"),
        ("outer", "nguyen an"),
        ("name-year", "nguyen van an|1958"),
        ("word-year", "nguyen|1958"),
        ("word-year", "van|1958"),
        ("word-year", "an|1958"),
        ("spelled", "ân"),
        ("spelled", "văn ân"),
    }


def test_a_name_in_parts_is_read_in_vietnamese_order():
    assert ("initials", "nva") in pairs({"name": [{"family": "Nguyen", "given": ["Van", None, "An"]}]})


def test_numbers_are_written_compact_with_their_ends():
    assert pairs({"identifier": [{"value": "gd4 79 0123456789"}, {"value": "A-1"}]}) == {
        ("number", "GD4790123456789"),
        ("number", "0123456789"),
        ("number", "A1"),
        ("end", "6789"),
    }


def test_phones_are_written_in_one_notation_and_letters_are_none():
    assert pairs(
        {"telecom": [{"system": "phone", "value": "+84 912 345 678"}, {"system": "email", "value": "0912345679"}]}
    ) == {("phone", "0912345678"), ("end", "5678")}


@pytest.mark.parametrize(
    "resource",
    [
        {},
        {"name": None},
        {"name": [None, {}, {"text": 5}, {"text": " "}, {"given": "x"}]},
        {"identifier": [{"value": None}, {}]},
        {"telecom": [{"value": 5}]},
        {"birthDate": None},
    ],
)
def test_what_is_empty_or_odd_writes_nothing(resource):
    assert pairs(resource) == set()


def test_only_a_patient_has_private_terms_and_tenants_differ():
    assert private.terms_of({"resourceType": "Practitioner", "name": [{"text": "A B"}]}, 1) == []
    patient = {"resourceType": "Patient", "name": [{"text": "A B"}]}
    assert set(private.terms_of(patient, 1)).isdisjoint(private.terms_of(patient, 2))
    assert private.term_of(1, "initials", "ab") in private.terms_of(patient, 1)
