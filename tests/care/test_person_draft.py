from dataclasses import replace
from datetime import date

import pytest

from lienmach.care import banner, papers_data, person_draft
from lienmach.care.person_draft import PersonDraft
from lienmach.standards.fhir import definitions, validate
from lienmach.standards.vietnam import qr

FULL = PersonDraft(
    name="  NGUYỄN  VĂN THỬ ",
    birth="1958-02-01",
    sex="male",
    citizen_number="079 058 000 001",
    old_number="012345678",
    insurance_number="gd4 79 0123456789",
    social_number="0123456789",
    passport="C1234567",
    phone="0000 123 456",
    address_line="Số 1",
    commune_code="00004",
    ethnic_code="02",
    demo=True,
)


def test_a_full_draft_becomes_a_valid_patient():
    made = person_draft.build(FULL)
    assert validate.validate(definitions.load(), made) == []
    assert made["name"] == [{"use": "official", "text": "NGUYỄN VĂN THỬ", "family": "NGUYỄN", "given": ["VĂN THỬ"]}]
    assert [one["value"] for one in made["identifier"]] == [
        "079058000001",
        "012345678",
        "GD4790123456789",
        "0123456789",
        "C1234567",
    ]
    assert (made["address"][0]["city"], made["address"][0]["state"]) == ("Phường Ba Đình", "Hà Nội")
    assert made["address"][0]["text"] == "Số 1, Phường Ba Đình, Hà Nội"
    assert made["meta"]["security"][0]["code"] == "HTEST"


def test_an_empty_draft_names_what_is_missing_and_a_name_with_an_unknown_sex_is_enough():
    assert [one.code for one in person_draft.missing(PersonDraft())] == ["name-missing", "sex-missing"]
    assert person_draft.missing(PersonDraft(name="Ân", sex="unknown")) == []
    assert [one.code for one in person_draft.missing(PersonDraft(name="Ân 2", sex="male"))] == ["name-missing"]
    assert person_draft.build(PersonDraft(name="Ân", sex="unknown")) == {
        "resourceType": "Patient",
        "active": True,
        "name": [{"use": "official", "text": "Ân", "given": ["Ân"]}],
        "gender": "unknown",
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sex": "female"}, "sex-differs"),
        ({"birth": "1959"}, "birth-year-differs"),
        ({"phone": "12"}, "phone-shape"),
        ({"old_number": "12"}, "old-card-shape"),
        ({"social_number": "12"}, "social-number-shape"),
        ({"birth": "2958-01-01"}, "birth-ahead"),
        ({"insurance_number": "GD2790123456789"}, "card-level-unusual"),
        ({"insurance_number": "TE1790123456789", "birth": "2020-11-21"}, "card-child-grown"),
    ],
)
def test_what_does_not_fit_is_remarked(change, code):
    assert person_draft.check(FULL, on=date(2026, 11, 21)) == []
    assert code in [one.code for one in person_draft.check(replace(FULL, **change), on=date(2026, 11, 21))]


def test_a_scan_fills_a_draft_and_an_old_address_stays_text():
    scan = qr.parse("079200000001||NGUYỄN VĂN THỬ|01022000|Nam|Số 1, Phường Ba Đình, Hà Nội|01072025")
    assert (person_draft.of_scan(scan).commune_code, person_draft.of_scan(scan).address_line) == ("00004", "Số 1")
    old = person_draft.of_scan(replace(scan, address="Tổ 1, Phường X, Quận 1, TP HCM"))
    assert (old.commune_code, old.address_text) == ("", "Tổ 1, Phường X, Quận 1, TP HCM")
    assert person_draft.build(old)["address"][0]["text"] == "Tổ 1, Phường X, Quận 1, TP HCM"


def test_a_scan_of_an_old_address_shows_today_with_the_old_name_beside_it_and_asks_where_it_was_divided():
    scan = qr.parse("079200000001||NGUYỄN VĂN THỬ|01022000|Nam|12 Lê Lợi, Phường Bến Nghé, Quận 1, TP HCM|01072021")
    draft = person_draft.of_scan(scan)
    assert (draft.address_line, draft.commune_code, draft.address_text) == ("12 Lê Lợi", "26740", "")
    made = person_draft.build(draft)
    assert validate.validate(definitions.load(), made) == []
    assert [(one["use"], one["text"]) for one in made["address"]] == [
        ("home", "12 Lê Lợi, Phường Sài Gòn, Hồ Chí Minh"),
        ("old", "Phường Bến Nghé, Quận 1, Hồ Chí Minh"),
    ]
    divided = person_draft.of_scan(replace(scan, address="Tổ 1, Thị trấn Tây Đằng, Huyện Ba Vì, Hà Nội"))
    assert (divided.commune_code, divided.address_line) == ("", "Tổ 1")
    assert person_draft.build(divided)["address"] == [
        {
            **person_draft.build(divided)["address"][0],
            "use": "home",
            "text": "Tổ 1, Thị trấn Tây Đằng, Huyện Ba Vì, Hà Nội",
        }
    ]


def test_a_card_of_a_child_is_remarked_from_72_months_on_and_not_before():
    child = replace(FULL, insurance_number="TE1790123456789", birth="2020-11-22", citizen_number="")
    assert person_draft.check(child, on=date(2026, 11, 21)) == []
    assert person_draft.check(child, on=date(2026, 11, 22)) != []


def test_who_comes_along_with_a_child_stands_on_its_prescription():
    made = person_draft.build(PersonDraft(name="Bé An", sex="male", guardian=" Trần  Thị Mẹ "))
    assert validate.validate(definitions.load(), made) == []
    assert papers_data.guardian_of(made)["guardian"] == "Trần Thị Mẹ"


def test_the_banner_is_never_blank():
    one = banner.build({"resourceType": "Patient", "id": "a"}, today=date(2026, 11, 21), allergies=[])
    assert (one.name, one.sex, one.birth, one.address, one.phone) == (
        "(Chưa có tên)",
        "Chưa rõ",
        "Chưa rõ",
        "Chưa rõ",
        "Chưa rõ",
    )
    assert (one.allergies, one.allergies_word, one.insurance, one.weight) == (
        (),
        "Chưa hỏi",
        "Chưa có thẻ BHYT",
        "Chưa cân",
    )


def test_the_banner_says_who_it_is():
    made = {**person_draft.build(FULL), "id": "a"}
    one = banner.build(
        made,
        today=date(2026, 11, 21),
        allergies=[
            {"code": {"text": "Tôm"}},
            {"code": {"text": "Penicilin"}, "criticality": "high"},
            {"code": {"text": "Cũ"}, "clinicalStatus": {"coding": [{"code": "resolved"}]}},
        ],
        weight={"valueQuantity": {"value": 53.5, "unit": "kg"}, "effectiveDateTime": "2026-11-20T08:00:00+07:00"},
    )
    assert (one.name, one.sex, one.birth, one.age) == ("NGUYỄN VĂN THỬ", "Nam", "01/02/1958", "68 tuổi")
    assert one.numbers[0] == ("Số định danh (CCCD)", "079058000001") and one.demo
    assert one.insurance == "GD 4 79 0123456789 (chưa kiểm tra)"
    assert one.allergies == ("Penicilin", "Tôm") and one.allergies_word == ""
    assert one.weight == "53,5 kg (20/11/2026)" and one.phone == "0000 123 456"


def test_a_role_that_may_not_see_allergies_is_not_told_that_nobody_asked():
    assert banner.build({}, today=date(2026, 11, 21)).allergies_word == "Không hiển thị"


def test_the_banner_tells_asked_without_allergies_and_the_dead_and_the_merged():
    none_known = [{"code": {"coding": [{"code": "716186003"}]}}]
    one = banner.build(
        {"deceasedDateTime": "2020-01-05", "birthDate": "1950-01-06", "link": [{"type": "replaced-by"}]},
        today=date(2026, 11, 21),
        allergies=none_known,
        en=True,
    )
    assert one.allergies_word == "No known allergies"
    assert one.age == "69 years" and one.alerts == ("Deceased 05/01/2020", "Merged into another record")


def test_an_occupation_stands_on_the_person_with_its_code_and_name() -> None:
    draft = replace(FULL, occupation_code="60000", occupation_name="Nông dân (mẫu)")
    [found] = [one for one in person_draft.build(draft)["extension"] if one["url"] == person_draft.OCCUPATION]
    assert found["valueCodeableConcept"]["coding"][0]["code"] == "60000"
    assert all(one["url"] != person_draft.OCCUPATION for one in person_draft.build(FULL).get("extension", ()))
