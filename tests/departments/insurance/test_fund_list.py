"""The fund's list: what people paste and hand in is read as it stands, and what cannot be read says why, by line."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lienmach.departments.insurance import fund_list


def read(text: str, name: str = "") -> tuple[list[tuple[str, Decimal, Decimal, str]], list[tuple[int, str]]]:
    lines, faults = fund_list.read(name, text.encode())
    return (
        [(one.ma_lk, one.accepted, one.cut, one.reason) for one in lines],
        [(one.line, str(one.failure)) for one in faults],
    )


@pytest.mark.parametrize(
    "text",
    [
        "MA_LK;Số tiền chấp nhận;Số tiền từ chối;Lý do\nA1;1.234.567;500;sai giá\n",
        "ma_lk,chấp nhận,từ chối,lý do\nA1,1234567,500.00,sai giá\n",
        "A1\t1.234.567\t500\tsai giá",
        "A1,1234567,500,sai giá",
        "A1;1,234,567;500;sai giá",
    ],
)
def test_a_list_is_read_with_or_without_a_heading_and_however_amounts_are_written(text: str) -> None:
    assert read(text) == ([("A1", Decimal(1234567), Decimal(500), "sai giá")], [])


def test_decimals_are_read_and_more_than_two_are_refused() -> None:
    assert read("A1\t1.234,50")[0] == [("A1", Decimal("1234.50"), Decimal(0), "")]
    assert read("A1\t12.345,678")[1] == [(2, "“12.345,678” không phải là số tiền.")]


@pytest.mark.parametrize("amount", ["-5", "abc", "1e3000", "NaN", "1.2.3"])
def test_what_is_no_amount_is_a_fault_of_its_line(amount: str) -> None:
    lines, faults = read(f"MA_LK\tchấp nhận\nA1\t{amount}\nA2\t7")
    assert [one[0] for one in lines] == ["A2"]
    assert faults == [(2, f"“{amount}” không phải là số tiền.")]


def test_a_cut_without_a_reason_a_key_twice_and_no_key_are_faults() -> None:
    lines, faults = read("MA_LK;chấp nhận;từ chối;lý do\nA1;1;2;\nA2;1;;\nA2;1;;\nhai từ;1;;")
    assert [one[0] for one in lines] == ["A2"]
    assert faults == [
        (2, "Số tiền bị từ chối cần có lý do."),
        (4, "Mã A2 đã có ở dòng 3."),
        (5, "“hai từ” không phải là mã lượt khám (MA_LK)."),
    ]


def test_a_list_without_the_columns_and_an_empty_one_say_what_is_needed() -> None:
    assert read("MA_LK;ngày\nA1;1", "quy.csv")[1] == [
        (0, "Cần cột MA_LK và cột số tiền chấp nhận. Các cột đọc được: MA_LK, ngày.")
    ]
    assert read("")[1] == [(0, "Tệp rỗng.")]


def test_a_list_of_the_most_rows_is_read_and_one_more_is_not() -> None:
    rows = [f"A{number};1" for number in range(fund_list.ROWS_MAX)]
    assert len(read("MA_LK;chấp nhận\n" + "\n".join(rows))[0]) == fund_list.ROWS_MAX
    lines, faults = read("MA_LK;chấp nhận\n" + "\n".join([*rows, "B;1"]))
    assert not lines and "hãy tách theo tháng" in faults[0][1]
