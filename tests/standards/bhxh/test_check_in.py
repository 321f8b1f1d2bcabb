"""The check-in file: fields in the order of the decision, and what cannot be is refused by name."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from defusedxml import ElementTree

from lienmach.standards.bhxh import check_in

VALUES = {
    "MA_LK": "86991-1",
    "STT": "1",
    "MA_BN": "p1",
    "HO_TEN": "Nguyễn Văn Ân",
    "NGAY_SINH": "195802010000",
    "GIOI_TINH": "1",
    "MA_THE_BHYT": "DN4790000000001",
    "MA_DKBD": "86991",
    "GT_THE_TU": "20260101",
    "GT_THE_DEN": "20271231",
    "MA_DOITUONG_KCB": "1.11",
    "NGAY_VAO": "202611210830",
    "MA_LOAI_KCB": "01",
    "MA_CSKCB": "86991",
    "NGAY_YL": "202611210845",
}


def test_the_fields_stand_in_their_order_and_the_signature_comes_last() -> None:
    root = ElementTree.fromstring(check_in.build({**VALUES, "TEN_DICH_VU": "Khám <nội> & ngoại\x07"}))
    assert root.tag == "CHI_TIEU_TRANG_THAI_KCB"
    assert [one.tag for one in root] == ["DSACH_TRANG_THAI_KCB", "CHUKYDONVI"]
    record = root[0][0]
    assert [one.tag for one in record] == [name for name, _, _ in check_in.fields()]
    assert len(record) == 26
    assert record.findtext("TEN_DICH_VU") == "Khám <nội> & ngoại"
    assert record.findtext("MA_LOAI_KCB") == "01"


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"MA_LK": ""}, "MA_LK is missing"),
        ({"MA_LK": "x" * 101}, "at most 100"),
        ({"NGAY_VAO": "2026112108300"}, "at most 12"),
        ({"MA_DKBD": "86991;86992"}, "number of parts"),
        ({"MA_LA": "1"}, "no field"),
    ],
)
def test_what_cannot_be_is_refused_by_name(wrong: dict[str, str], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        check_in.build({**VALUES, **wrong})


@pytest.mark.parametrize(
    ("birth", "written"), [("1958", "195800000000"), ("1958-02", "195802000000"), ("1958-02-01", "195802010000")]
)
def test_unknown_parts_of_a_birth_date_are_zeros(birth: str, written: str) -> None:
    assert check_in.birth12(birth) == written


def test_times_have_12_digits_and_days_8() -> None:
    assert check_in.datetime12(datetime(2026, 11, 21, 8, 5)) == "202611210805"
    assert (check_in.date8(date(2026, 1, 2)), check_in.date8(None)) == ("20260102", "")
    assert check_in.birth12("2026-11-20", datetime(2026, 11, 20, 3, 4)) == "202611200304"
    with pytest.raises(ValueError):
        check_in.birth12("hôm qua")
