import unicodedata

import pytest

from lienmach.standards.vietnam import names


def test_a_name_is_split_only_at_its_ends():
    assert names.parts("Nguyễn  Thị Minh Khai") == names.NameParts("Nguyễn", "Thị Minh", "Khai")
    assert names.parts("Y Moan") == names.NameParts("Y", "", "Moan")
    assert names.parts("Thử") == names.NameParts("", "", "Thử")
    assert names.parts("") == names.NameParts("", "", "")


@pytest.mark.parametrize(
    "ordered",
    [
        ["An", "Ân", "Bảo", "Cúc", "Dũng", "Đào", "Em", "Ên"],
        ["Ba", "Bà", "Bả", "Bã", "Bá", "Bạ", "Bác", "Bắc", "Bấc"],
        ["Oanh", "Ông", "Ơn", "Phúc"],
        ["Uyên", "Ưng", "Vỹ"],
        ["Lê Văn An", "Trần Văn An", "Lê Văn Ân"],
        ["Lê An", "Lê Anh An", "Bùi Văn An"],
    ],
)
def test_people_are_sorted_by_given_name_in_the_vietnamese_alphabet(ordered):
    mixed = [unicodedata.normalize("NFD", one) for one in sorted(ordered)]
    assert [names.tidy(one) for one in sorted(mixed, key=names.sort_key)] == ordered


def test_initials_and_short_form():
    assert names.initials("Nguyễn Văn Ân") == "nva"
    assert names.initials("Đặng Út") == "du"
    assert names.shorten("Nguyễn Văn Ân") == "Nguyễn V. Ân"
    assert names.shorten("Nguyễn Thị Minh Khai") == "Nguyễn T. M. Khai"
    assert names.shorten("Lý Ân") == "Lý Ân"


def test_the_official_text_is_shown_and_parts_stand_in_vietnamese_order():
    assert names.shown({"name": [{"text": "B"}, {"use": "official", "text": "NGUYỄN  VĂN A"}]}) == "NGUYỄN VĂN A"
    assert names.shown({"name": [{"family": "Nguyễn", "given": ["Văn", "A"]}]}) == "Nguyễn Văn A"
    assert names.shown({}) == "" and names.shown({"name": [{"given": [None, "A"]}]}) == "A"
