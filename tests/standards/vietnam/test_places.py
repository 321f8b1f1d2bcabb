from datetime import date

import pytest

from lienmach.standards.vietnam import places, tables


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


def test_an_old_address_becomes_the_commune_of_today_and_keeps_its_old_name():
    one = places.read("12 Lê Lợi, Phường Bến Nghé, Quận 1, TP. Hồ Chí Minh")
    assert (one.line, one.commune.full_name, one.province.name) == ("12 Lê Lợi", "Phường Sài Gòn", "Hồ Chí Minh")
    assert one.is_old and one.former.full_name == "Phường Bến Nghé, Quận 1"
    assert places.read("12 Lê Lợi, P.Bến Nghé, Q.1, TPHCM").commune == one.commune
    town = places.read("1 Đường A, Phường Thảo Điền, Thành phố Thủ Đức, TP HCM")  # Thủ Đức is a commune of today too
    assert (town.line, town.commune.full_name) == ("1 Đường A", "Phường An Khánh")
    moved = places.read("Thôn 2, Xã Tân Hòa, Huyện Vũ Thư, Thái Bình")
    assert moved.old_province.name == "Thái Bình" and moved.commune.province == moved.province.code


def test_a_divided_commune_is_asked_never_guessed():
    one = places.read("Tổ 1, Thị trấn Tây Đằng, Huyện Ba Vì, Hà Nội")
    assert one.commune is None and {each.full_name for each in one.candidates} == {"Xã Quảng Oai", "Xã Minh Châu"}
    unmarked = places.read("Số 10, Phúc Xá, Ba Đình, Hà Nội")  # a district then, a commune now
    assert unmarked.commune is None
    assert {each.full_name for each in unmarked.candidates} == {"Phường Hồng Hà", "Phường Ba Đình"}
    named = places.read("Tổ Phúc Xá, Phường Ba Đình, Hà Nội")
    assert named.commune.full_name == "Phường Ba Đình" and named.former is None


def test_an_old_address_that_nobody_knows_keeps_its_words():
    one = places.read("12 Đường B, Phường X, Quận 1, TP HCM")
    assert one.commune is None and one.candidates == () and one.line == "12 Đường B, Phường X, Quận 1"
    one = places.read("Thôn 2, Xã A, Huyện B, Thái Bình")
    assert one.old_province.name == "Thái Bình" and one.province.name == "Hưng Yên" and one.is_old


def test_a_name_that_begins_like_a_kind_is_a_name():
    assert places.read("Thôn 1, Quảng Phú, Thanh Hóa").commune.full_name == "Phường Quảng Phú"
    assert places.search("quang phu", province_code="38")[0].name == "Quảng Phú"


def test_every_former_commune_became_communes_of_its_province():
    rows = tables.load("former_communes")
    assert len(rows) == 10035 and sum(";" in one["successors"] for one in rows) == 471
    for row in rows:
        today = places.successor(places.old_province(row["province"])).code
        assert {places.commune(code).province for code in row["successors"].split(";")} == {today}, row


def test_a_name_of_several_communes_is_asked():
    several = places.read("Xã Tân Tiến")
    assert several.commune is None and len(several.candidates) > 1
    assert places.read("").province is None
