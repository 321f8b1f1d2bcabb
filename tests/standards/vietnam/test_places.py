from datetime import date

import pytest

from lienmach.standards.vietnam import places


def test_there_are_34_provinces_today_and_63_the_day_before():
    assert len(places.provinces(date(2025, 7, 1))) == 34
    assert len(places.provinces(date(2025, 6, 30))) == 63


def test_a_code_means_something_only_with_a_day():
    assert places.province("80", date(2025, 6, 30)).name == "Long An"
    assert places.province("80", date(2025, 7, 1)).name == "Tây Ninh"
    assert places.province("72", date(2025, 7, 1)) is None


def test_every_old_province_has_its_successor():
    for old in places.provinces(date(2025, 1, 1)):
        assert places.successor(old) in places.provinces(date(2026, 1, 1))
    assert places.successor(places.find_province("Kiên Giang")).name == "An Giang"


def test_every_commune_lies_in_a_province_of_today():
    total = sum(len(places.communes(one.code)) for one in places.provinces(date(2026, 1, 1)))
    assert total == 3321
    assert places.commune("00004").full_name == "Phường Ba Đình"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("tp hcm", "Hồ Chí Minh"),
        ("TP.HCM", "Hồ Chí Minh"),
        ("thanh pho ho chi minh", "Hồ Chí Minh"),
        ("Huế", "Huế"),
        ("Thừa Thiên Huế", "Thừa Thiên Huế"),
        ("ba ria-vung tau", "Bà Rịa - Vũng Tàu"),
        ("tỉnh dak lak", "Đắk Lắk"),
        ("HN", "Hà Nội"),
    ],
)
def test_a_province_is_found_as_people_type_it(text, name):
    assert places.find_province(text).name == name


def test_what_is_no_province_is_none():
    assert places.find_province("xứ lạ") is None and places.find_province("") is None


def test_communes_are_found_without_marks_and_by_any_word():
    assert [one.name for one in places.search("ba dinh")[:2]] == ["Ba Dinh", "Ba Đình"]
    assert places.search("Ba Đình")[0].full_name == "Phường Ba Đình"
    assert places.search("dinh ba, ha noi")[0].name == "Ba Đình"
    assert places.search("phuong ba dinh", province_code="01")[0].code == "00004"
    assert places.search("ba dinh", province_code="79") == []
    assert len(places.search("", province_code="01", limit=5)) == 5


def test_an_address_of_two_levels_is_understood():
    one = places.read("Số 1 Đường A, Phường Ba Đình, Hà Nội")
    assert (one.line, one.commune.code, one.province.code, one.is_old) == ("Số 1 Đường A", "00004", "01", False)


def test_an_old_address_keeps_its_words_and_no_commune_is_guessed():
    one = places.read("12 Đường B, Phường Bến Nghé, Quận 1, TP HCM")
    assert one.commune is None and one.is_old and one.province.name == "Hồ Chí Minh"
    assert one.line == "12 Đường B, Phường Bến Nghé, Quận 1"
    one = places.read("Thôn 2, Xã A, Huyện B, Thái Bình")
    assert one.old_province.name == "Thái Bình" and one.province.name == "Hưng Yên" and one.is_old


def test_a_name_of_several_communes_is_asked():
    several = places.read("Xã Tân Tiến")
    assert several.commune is None and len(several.candidates) > 1
    assert places.read("").province is None
