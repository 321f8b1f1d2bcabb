"""Whole numbers as they are said in Vietnamese: money on receipts, days and quantities on papers.

In groups of three digits: nghìn, triệu, tỷ. A group behind the first is said whole ("không trăm linh năm"), and a group
of zeros is left out. 1 behind tens is mốt, 5 behind tens is lăm. Source: usage, from memory.
"""

from __future__ import annotations

NUMBER_MAX = 999_999_999_999  # 999 tỷ and what goes with it
_DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_GROUPS = ("", "nghìn", "triệu", "tỷ")


def in_words(amount: int) -> str:
    """An amount of money: "Một triệu hai trăm ba mươi bốn nghìn đồng". Raises ValueError as `words`."""
    said = words(amount)
    return f"{said[0].upper()}{said[1:]} đồng"


def words(number: int) -> str:
    """A whole number from 0 to 999 tỷ in small letters: 21 "hai mươi mốt", 1005 "một nghìn không trăm linh năm".

    Raises ValueError for one that is not whole, below 0 or larger.
    """
    if type(number) is not int or not 0 <= number <= NUMBER_MAX:
        raise ValueError("only whole numbers from 0 to 999,999,999,999 are written in words")
    if number == 0:
        return _DIGITS[0]
    said: list[str] = []
    for place in range(len(_GROUPS) - 1, -1, -1):
        group = number // 1000**place % 1000
        if group:
            said += [*_group(group, is_first=not said), _GROUPS[place]]
    return " ".join(one for one in said if one)


def _group(group: int, *, is_first: bool) -> list[str]:
    """1 to 999 in words; the first group says neither hundreds nor tens that it has not."""
    hundreds, rest = divmod(group, 100)
    tens, ones = divmod(rest, 10)
    said = [_DIGITS[hundreds], "trăm"] if hundreds or not is_first else []
    if tens > 1:
        said += [_DIGITS[tens], "mươi"]
    elif tens == 1:
        said.append("mười")
    elif ones and said:
        said.append("linh")
    if ones:
        said.append({1: "mốt" if tens > 1 else "một", 5: "lăm" if tens else "năm"}.get(ones, _DIGITS[ones]))
    return said
