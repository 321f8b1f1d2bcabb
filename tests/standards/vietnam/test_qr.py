import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienmach.standards.vietnam import qr, telex

CITIZEN = "079200000001|012345678|NGUYỄN VĂN THỬ|01022000|Nam|1 Đường A, Phường B, Hồ Chí Minh|01072021"


def insurance(name="Nguyễn Thị Thử", birth="01/02/1958", tail="|-|4|01/01/2030|abc|$"):
    def text(value):
        return value.encode().hex()

    return f"GD4790123456789|{text(name)}|{birth}|2|{text('Thôn 1, Xã A')}|79 - 034|01/01/2026|-|05/01/2026|7900{tail}"


def test_a_citizen_card_is_read():
    one = qr.parse(CITIZEN)
    assert one == qr.ScannedPerson(
        "citizen-card",
        "NGUYỄN VĂN THỬ",
        "2000-02-01",
        "male",
        "1 Đường A, Phường B, Hồ Chí Minh",
        "079200000001",
        "012345678",
        "2021-07-01",
    )


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + CITIZEN + "\r\n",
        CITIZEN + "|Nguyễn A|Trần B|x",
        CITIZEN.replace("01022000", "01/02/2000"),
        unicodedata.normalize("NFD", CITIZEN),
        CITIZEN.replace("Nam", "NAM"),
    ],
)
def test_variants_of_a_citizen_card_say_the_same(text):
    assert qr.parse(text) == qr.parse(CITIZEN)


def test_missing_fields_of_a_citizen_card_are_empty():
    one = qr.parse("079200000001||NGUYỄN VĂN THỬ|2000")
    assert (one.birth, one.old_number, one.sex, one.address, one.issued_on) == ("2000", "", "", "", "")


def test_an_insurance_card_is_read():
    one = qr.parse(insurance())
    assert (one.card_number, one.name, one.birth, one.sex, one.address) == (
        "GD4790123456789",
        "Nguyễn Thị Thử",
        "1958-02-01",
        "female",
        "Thôn 1, Xã A",
    )
    assert (one.facility, one.valid_from, one.valid_to, one.area, one.five_years_on) == (
        "79034",
        "2026-01-01",
        "",
        "4",
        "2030-01-01",
    )


def test_an_insurance_card_without_its_tail_and_with_a_year_is_read():
    assert qr.parse(insurance(birth="1958", tail="")).birth == "1958"
    short = "|".join(insurance().upper().split("|")[:4])
    assert qr.parse(short).name == "Nguyễn Thị Thử"
    assert qr.parse("0123456789" + insurance()[15:]).card_number == "0123456789"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "|||",
        "hello|a|b|c",
        "07920000000|a|b|c|d",
        CITIZEN.replace("01022000", "31022000"),
        CITIZEN.replace("NGUYỄN VĂN THỬ", ""),
        CITIZEN.replace("NGUYỄN", "NGUY?N"),
        insurance().replace("4e67", "4eg7"),
        CITIZEN + "x" * 3000,
        "079200000001||A|٠١٠٢٢٠٠٠",
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence_that_quotes_nothing(text):
    with pytest.raises(ValueError) as caught:
        qr.parse(text)
    assert str(caught.value).endswith(".") and "NGUY" not in str(caught.value)


@given(
    st.one_of(
        st.text(),
        st.lists(st.text(alphabet="0123456789abcdef-/|GD4Âđ\ufeff\x00", max_size=20)).map("|".join),
        st.tuples(st.just("079200000001"), st.text(), st.text(), st.text(), st.text()).map("|".join),
    )
)
def test_any_text_gives_a_value_or_a_value_error(text):
    try:
        assert qr.parse(text).name
    except ValueError:
        pass
    assert telex.is_mangled(text) in (True, False)
    telex.restore(text)
