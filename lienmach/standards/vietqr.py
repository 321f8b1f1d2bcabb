"""VietQR: the text of a bank transfer QR code, written and read back.

Layout: EMVCo merchant-presented mode as NAPAS uses it: tag (2 digits), length (2 digits, in characters), value; the
last field is a checksum (CRC-16/CCITT-FALSE) over everything before its own four digits. Source: the MIT-licensed
package vietnam-qr-pay 1.0.0 and the EMVCo layout; checksum checked on 2026-11-21.
The limits of account, amount and purpose are from memory.

    text = payload("970436", "0000000001", 150000, "VP BN0001")
    read(text)["amount"] == 150000
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

GUID = "A000000727"
TO_ACCOUNT, TO_CARD = "QRIBFTTA", "QRIBFTTC"
DONG, VIETNAM = "704", "VN"
PURPOSE_CHARACTERS_MAX = 25
AMOUNT_MAX = 999_999_999_999  # twelve digits, as far as the words of number_words.py go; the field holds 13
_TEXT_CHARACTERS_MAX = 512
_BIN = re.compile(r"[0-9]{6}")
_ACCOUNT = re.compile(r"[0-9A-Za-z]{1,19}")
_PURPOSE = re.compile(r"[0-9A-Za-z][0-9A-Za-z ]*")
_AMOUNT = re.compile(r"[1-9][0-9]{0,12}")


def crc(text: str) -> str:
    """CRC-16/CCITT-FALSE of an ASCII text as four hex digits in capitals; of "123456789" it is 29B1."""
    value = 0xFFFF
    for byte in text.encode("ascii"):
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1) ^ 0x1021 if value & 0x8000 else value << 1
            value &= 0xFFFF
    return f"{value:04X}"


def payload(bin: str, account: str, amount: int | None = None, purpose: str = "") -> str:
    """The text of a QR code that pays to an account.

    bin: six digits of the bank. amount: whole đồng above 0; None leaves it to the payer (a static code). purpose:
    plain ASCII letters, digits and blanks, at most 25. Raises ValueError with what does not fit.
    """
    if not _BIN.fullmatch(bin):
        raise ValueError("the bank's BIN has six digits")
    if not _ACCOUNT.fullmatch(account):
        raise ValueError("an account number has 1 to 19 digits or letters")
    if amount is not None and (type(amount) is not int or not 0 < amount <= AMOUNT_MAX):
        raise ValueError("the amount is a whole number of đồng above 0")
    if purpose and (len(purpose) > PURPOSE_CHARACTERS_MAX or not _PURPOSE.fullmatch(purpose)):
        raise ValueError(f"the purpose has at most {PURPOSE_CHARACTERS_MAX} plain letters, digits and blanks")
    beneficiary = _field("00", bin) + _field("01", account)
    merchant = _field("00", GUID) + _field("01", beneficiary) + _field("02", TO_ACCOUNT)
    text = (
        _field("00", "01")
        + _field("01", "11" if amount is None else "12")
        + _field("38", merchant)
        + _field("53", DONG)
        + ("" if amount is None else _field("54", str(amount)))
        + _field("58", VIETNAM)
        + (_field("62", _field("08", purpose)) if purpose else "")
        + "6304"
    )
    return text + crc(text)


def read(text: str) -> dict[str, Any]:
    """What a QR text says: bin, account, service, amount (int or None), purpose, bill, is_dynamic.

    Raises ValueError with a sentence for a text that is no VietQR, is cut or was changed.
    """
    if not text.isascii() or len(text) > _TEXT_CHARACTERS_MAX or text[-8:-4] != "6304":
        raise ValueError("this is not the text of a VietQR code")
    if crc(text[:-4]) != text[-4:]:
        raise ValueError("the checksum is wrong: the text was changed or cut")
    fields = dict(_fields(text))
    merchant = dict(_fields(fields.get("38", "")))
    beneficiary = dict(_fields(merchant.get("01", "")))
    if fields.get("00") != "01" or merchant.get("00") != GUID:
        raise ValueError("this QR code pays by another scheme than VietQR")
    if fields.get("53") != DONG or fields.get("58") != VIETNAM:
        raise ValueError("this QR code is not in đồng")
    amount = fields.get("54")
    if amount is not None and not _AMOUNT.fullmatch(amount):
        raise ValueError("the amount is not a whole number of đồng")
    bin, account = beneficiary.get("00", ""), beneficiary.get("01", "")
    if not _BIN.fullmatch(bin) or not _ACCOUNT.fullmatch(account):
        raise ValueError("bank or account of this QR code are not as they should be")
    more = dict(_fields(fields.get("62", "")))
    return {
        "bin": bin,
        "account": account,
        "service": merchant.get("02", ""),
        "amount": int(amount) if amount is not None else None,
        "purpose": more.get("08", ""),
        "bill": more.get("01", ""),
        "is_dynamic": fields.get("01") == "12",
    }


def _field(tag: str, value: str) -> str:
    return f"{tag}{len(value):02d}{value}"


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """(tag, value) of each field; raises ValueError where a field is cut or stands twice."""
    place, seen = 0, set()
    while place < len(text):
        tag, length = text[place : place + 2], text[place + 2 : place + 4]
        if not re.fullmatch(r"[0-9]{4}", tag + length):
            raise ValueError("a field of this QR code is cut")
        value = text[place + 4 : place + 4 + int(length)]
        if len(value) != int(length) or tag in seen:
            raise ValueError("a field of this QR code is cut or stands twice")
        seen.add(tag)
        yield tag, value
        place += 4 + int(length)
