"""A VietQR text is exact to the character, reads back, and what was changed or is something else is refused."""

from __future__ import annotations

import random
from typing import Any

import pytest

from lienmach.standards import vietqr

DYNAMIC = "00020101021238540010A00000072701240006970436011000000000010208QRIBFTTA530370454061500005802VN62130809VP BN00016304252A"
STATIC = "00020101021138540010A00000072701240006970436011000000000010208QRIBFTTA53037045802VN6304B690"


def test_the_checksum_of_the_check_string_is_right() -> None:
    assert vietqr.crc("123456789") == "29B1"


def test_a_code_with_an_amount_is_the_published_example() -> None:
    assert vietqr.payload("970436", "0000000001", 150000, "VP BN0001") == DYNAMIC


def test_a_code_without_an_amount_is_the_published_example() -> None:
    assert vietqr.payload("970436", "0000000001") == STATIC


def test_a_code_reads_back() -> None:
    assert vietqr.read(DYNAMIC) == {
        "bin": "970436",
        "account": "0000000001",
        "service": "QRIBFTTA",
        "amount": 150000,
        "purpose": "VP BN0001",
        "bill": "",
        "is_dynamic": True,
    }
    assert vietqr.read(STATIC)["amount"] is None
    assert not vietqr.read(STATIC)["is_dynamic"]


@pytest.mark.parametrize("seed", range(20))
def test_any_code_that_is_written_reads_back(seed: int) -> None:
    chance = random.Random(seed)
    account = "".join(chance.choices("0123456789ABCXYZ", k=chance.randint(1, 19)))
    purpose = "".join(chance.choices("ABCabc0123456789", k=chance.randint(0, 25)))
    amount = chance.randint(1, vietqr.AMOUNT_MAX)
    found = vietqr.read(vietqr.payload("970436", account, amount, purpose))
    assert (found["account"], found["amount"], found["purpose"]) == (account, amount, purpose)


@pytest.mark.parametrize(
    "wrong",
    [
        {"bin": "97043"},
        {"bin": "97043x"},
        {"bin": "９７０４３６"},
        {"account": ""},
        {"account": "0" * 20},
        {"account": "00 01"},
        {"amount": 0},
        {"amount": -1},
        {"amount": vietqr.AMOUNT_MAX + 1},
        {"amount": True},
        {"amount": 1.5},
        {"purpose": "x" * 26},
        {"purpose": "viện phí"},
        {"purpose": "A-1"},
        {"purpose": " A"},
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        vietqr.payload(**{"bin": "970436", "account": "1", "amount": 1, "purpose": "A", **wrong})


def test_what_just_fits_is_taken() -> None:
    text = vietqr.payload("970436", "0" * 19, vietqr.AMOUNT_MAX, "x" * 25)
    assert vietqr.read(text)["amount"] == vietqr.AMOUNT_MAX


def test_a_code_of_which_one_character_was_changed_is_refused() -> None:
    for place in range(len(DYNAMIC)):
        changed = DYNAMIC[:place] + ("1" if DYNAMIC[place] != "1" else "2") + DYNAMIC[place + 1 :]
        with pytest.raises(ValueError):
            vietqr.read(changed)


def signed(text: str) -> str:
    """A text with a checksum that fits it."""
    return text + "6304" + vietqr.crc(text + "6304")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "6304",
        "https://example.vn/pay?id=1",
        DYNAMIC[:-1],
        DYNAMIC + " ",
        "Ｖ" + DYNAMIC,
        signed("000201"),
        signed("00020199"),
        signed("0002010102115303704"),
        signed(DYNAMIC[:-8].replace("5303704", "5303840")),  # dollars
        signed(DYNAMIC[:-8].replace("A000000727", "A000000728")),  # another scheme
        signed(DYNAMIC[:-8].replace("5406150000", "54061500.0")),  # a fraction of a đồng
        signed(DYNAMIC[:-8] + "5406150000"),  # two amounts
        signed("0" * 600),
    ],
)
def test_what_is_no_vietqr_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        vietqr.read(text)
