"""Numbers are said as people say them, and every number is said differently."""

from __future__ import annotations

import random
from typing import Any

import pytest

from lienmach.standards.vietnam import number_words

_VALUES = {word: value for value, word in enumerate(number_words._DIGITS)} | {"mốt": 1, "lăm": 5}
_GROUPS = {"nghìn": 10**3, "triệu": 10**6, "tỷ": 10**9}


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "Không đồng"),
        (1, "Một đồng"),
        (5, "Năm đồng"),
        (10, "Mười đồng"),
        (11, "Mười một đồng"),
        (15, "Mười lăm đồng"),
        (20, "Hai mươi đồng"),
        (21, "Hai mươi mốt đồng"),
        (25, "Hai mươi lăm đồng"),
        (100, "Một trăm đồng"),
        (101, "Một trăm linh một đồng"),
        (105, "Một trăm linh năm đồng"),
        (115, "Một trăm mười lăm đồng"),
        (1_000, "Một nghìn đồng"),
        (1_005, "Một nghìn không trăm linh năm đồng"),
        (1_050, "Một nghìn không trăm năm mươi đồng"),
        (15_000, "Mười lăm nghìn đồng"),
        (1_000_000, "Một triệu đồng"),
        (1_000_001, "Một triệu không trăm linh một đồng"),
        (1_234_000, "Một triệu hai trăm ba mươi bốn nghìn đồng"),
        (1_000_000_000, "Một tỷ đồng"),
        (
            999_999_999_999,
            "Chín trăm chín mươi chín tỷ chín trăm chín mươi chín triệu chín trăm chín mươi chín nghìn "
            "chín trăm chín mươi chín đồng",
        ),
    ],
)
def test_money_is_written_in_words(amount: int, text: str) -> None:
    assert number_words.in_words(amount) == text


@pytest.mark.parametrize("amount", [-1, 10**12, True, 1.0, "1"])
def test_what_is_no_whole_number_within_the_limit_is_refused(amount: Any) -> None:
    with pytest.raises(ValueError):
        number_words.in_words(amount)


def heard(text: str) -> int:
    """The number that words mean, understood word by word."""
    total = group = digit = 0
    for word in text.split():
        if word in _VALUES:
            digit = _VALUES[word]
        elif word == "trăm":
            group, digit = group + digit * 100, 0
        elif word == "mươi":
            group, digit = group + digit * 10, 0
        elif word == "mười":
            group += 10
        elif word in _GROUPS:
            total, group, digit = total + (group + digit) * _GROUPS[word], 0, 0
        else:
            assert word == "linh"
    return total + group + digit


def test_words_mean_the_number_again() -> None:
    chance = random.Random(4)
    numbers = [*range(3000), *(chance.randrange(10 ** chance.randint(1, 12)) for _ in range(3000))]
    for number in numbers:
        assert heard(number_words.words(number)) == number
