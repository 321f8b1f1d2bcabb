from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienmach.care import people_search
from lienmach.record import people

TODAY, TZ = date(2026, 11, 21), ZoneInfo("Asia/Ho_Chi_Minh")
CARD = "079200000001|012345678|NGUYỄN VĂN THỬ|01022000|Nam|1 Đường A, Phường B, Hồ Chí Minh|01072021"


def read(text):
    return people_search.read(text, today=TODAY, tz=TZ)


def asked(text):
    found = set()
    for one in read(text).branches:
        if isinstance(one, people.Term):
            found.add((one.kind, one.value) + one.also)
        elif isinstance(one, people.Words):
            found.add(("words", one.phrase))
        else:
            found.add(("born", one.lo.date().isoformat(), one.hi.date().isoformat()))
    return found


@pytest.mark.parametrize(
    ("text", "branches"),
    [
        ("nguyễn  văn ân", {("words", "nguyen van an"), ("outer", "nguyen an")}),
        ("văn Ân", {("spelled", "văn ân"), ("words", "van an"), ("outer", "van an")}),
        ("An", {("words", "an"), ("initials", "an")}),
        ("nva", {("words", "nva"), ("initials", "nva")}),
        ("nva 1958", {("word-year", "nva|1958"), ("initials-year", "nva|1958")}),
        ("n v a 1958", {("word-year", "nva|1958"), ("initials-year", "nva|1958")}),
        ("NVA1958", {("number", "NVA1958"), ("word-year", "nva|1958"), ("initials-year", "nva|1958")}),
        ("nvâ1958", {("number", "NVÂ1958"), ("word-year", "nva|1958"), ("initials-year", "nva|1958")}),
        ("abcdefgh1958", {("number", "ABCDEFGH1958"), ("words", "abcdefgh1958")}),
        ("n v a", {("words", "nva"), ("initials", "nva")}),
        ("1958 an", {("word-year", "an|1958"), ("initials-year", "an|1958")}),
        ("nguyen an 1958", {("word-year", "nguyen|1958", "an|1958")}),
        ("079200000001", {("number", "079200000001")}),
        ("079 200 000 001", {("number", "079200000001")}),
        ("0001", {("number", "0001"), ("end", "0001")}),
        ("0912 345 678", {("number", "0912345678"), ("phone", "0912345678")}),
        ("+84 912 345 678", {("number", "+84912345678"), ("phone", "0912345678")}),
        (
            "gd4 79 0123456789",
            {("number", "GD4790123456789"), ("words", "gd4 79 0123456789"), ("outer", "gd4 0123456789")},
        ),
        ("01021958", {("number", "01021958"), ("born", "1958-02-01", "1958-02-02")}),
        ("1/2/58", {("born", "1958-02-01", "1958-02-02")}),
        ("", set()),
        ("  ", set()),
        ("\x00", set()),
    ],
)
def test_a_typed_text_is_understood(text, branches):
    assert asked(text) == branches


def test_a_full_birth_date_narrows_a_name():
    one = read("ân 1/2/1958").branches[0]
    assert (one.value, one.lo.isoformat()) == ("an|1958", "1958-02-01T00:00:00+07:00")


def test_diacritics_that_were_typed_are_kept_for_ranking():
    assert read("nguyễn văn").branches[1].spellings == ("Nguyễn Văn", "NGUYỄN VĂN", "nguyễn văn")
    assert read("Nguyen Van").branches[0].spellings == ()


def test_a_scan_gives_its_person_and_its_numbers():
    one = read(CARD)
    assert one.scanned.name == "NGUYỄN VĂN THỬ" and not one.mangled
    assert asked(CARD) == {("number", "079200000001"), ("number", "012345678"), ("name-year", "nguyen van thu|2000")}


def test_a_mangled_scan_says_so_and_what_could_be_saved():
    damaged = read(CARD.replace("NGUYỄN", "NGUY?N"))
    assert damaged.mangled and damaged.hint == "scan-number-only"
    assert damaged.branches == [people.Term("number", "079200000001", "number", 0)]
    assert read("GĐ790|é|â|1|x").hint == "scan-mangled"
    assert read(CARD.encode().decode("latin-1")).hint == "scan-restored"
    assert all(
        hint in people_search.HINTS for hint in ("scan-mangled", "scan-restored", "scan-number-only", "too-long")
    )


def test_a_text_beyond_the_limit_asks_for_nothing():
    assert read("a" * 201).hint == "too-long" and read("a" * 201).branches == []
    assert read("a" * 200).branches


@given(
    st.one_of(
        st.text(),
        st.lists(st.sampled_from(["nguyễn", "1958", "1/2/58", "0912", "||", "%", "_", "'", "٣", "ß"])).map(" ".join),
    )
)
def test_any_text_is_understood_or_ignored(text):
    read(text)


def test_a_torn_scan_is_said_and_its_number_is_used():
    torn = read("079200000001|0123")
    assert torn.hint == "scan-torn" and torn.scanned is None
    assert asked("079200000001|0123") == {("number", "079200000001")}
    assert read("0792|Ng").hint == "scan-unreadable" and read("0792|Ng").branches == []
