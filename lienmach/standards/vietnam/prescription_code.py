"""The national code of a prescription: 14 characters, 5 of the facility, 7 by chance, a hyphen, a letter of its kind.

(QĐ 808/QĐ-BYT of 2022-04-01 and TT 26/2025/TT-BYT as secondary sources tell them; the hyphen counts.) Never a running
number. Compared without case; the circular prints the letter in capitals, the message carries it small.
"""

from __future__ import annotations

import re

ORDINARY, NARCOTIC, PSYCHOTROPIC = "c", "n", "h"
KINDS: dict[str, tuple[str, str]] = {
    ORDINARY: ("Đơn thuốc", "Prescription"),
    NARCOTIC: ("Đơn thuốc “N”", "Prescription of narcotic medicines"),
    PSYCHOTROPIC: ("Đơn thuốc “H”", "Prescription of psychotropic medicines and precursors"),
    "y": ("Đơn thuốc y học cổ truyền", "Prescription of traditional medicine"),
    "t": ("Đơn thuốc thang", "Prescription of decoctions"),
}
"""Letter -> title on paper. `y` of QĐ 808 and `t` of TT 55/2025 contradict each other; we write neither yet."""

LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
RANDOM = 7  # letters that chance gives
_CODE = re.compile(r"[0-9a-z]{5}[0-9a-z]{7}-[nhcty]")


def compose(facility_code: str, chance: str, kind: str) -> str:
    """The code of a facility (5 characters of MA_CSKCB), 7 LETTERS drawn by chance and the letter of its kind.

    Raises ValueError if that is no code.
    """
    code = f"{facility_code.strip().lower()}{chance}-{kind}"
    if not is_code(code):
        raise ValueError("A prescription code needs the 5 characters of the facility and a known letter.")
    return code


def tidy(text: str) -> str:
    """What was typed or scanned, as we keep it: small, without spaces."""
    return re.sub(r"\s", "", text).lower()


def is_code(text: str) -> bool:
    """Whether the text is a code as we keep it."""
    return bool(_CODE.fullmatch(text))


def kind_of(code: str) -> str:
    """The letter of its kind."""
    return code[-1:].lower()
