"""The channel `prescription`: the national prescription system. A prescription that is there never changes.

Calls: public code of the QĐ 808/QĐ-BYT era (secondary; the sign-in of a facility from memory). Success is told by the
HTTP status only: the member `success` is a sentence. After an unknown outcome the system is asked for the code first.
What an outside pharmacy sold from a prescription is the channel `prescription-sale` (prescription_sale.py).
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from lienmach.care.gateways import calls
from lienmach.care.gateways.calls import Line
from lienmach.care.outbox import Answer, Message

SIGN_IN_PATH = "/api/auth/dang-nhap-co-so-kham-chua-benh"
SEND_PATH = "/api/v1/gui-don-thuoc"
READ_PATH = "/api/v1/thong-tin-donthuoc/"
#: What makes two prescriptions of one code the same one.
_SAME = ("ma_don_thuoc", "loai_don_thuoc", "ho_ten_benh_nhan", "ngay_gio_ke_don", "thong_tin_don_thuoc")


async def send(line: Line, message: Message, *, is_unknown: bool) -> Answer:
    """Send a prescription. is_unknown: an earlier try may have arrived; then its code is asked for first."""
    if is_unknown:
        found = await _read(line, message)
        if found.outcome == "down":
            return found
        if found.outcome == "done":
            return found if is_same(message, found) else calls.judged(found, "refused", "duplicate")
    answer = await with_token(line, "POST", SEND_PATH, message, code=_code(message))
    if answer.outcome == "refused" and _says_duplicate(answer):
        found = await _read(line, message)
        if found.outcome == "done" and is_same(message, found):
            return found
        return calls.judged(answer, "refused", "duplicate")
    if answer.outcome == "done" and not (calls.json_of(answer) or {}).get("success"):
        return calls.judged(answer, "down", "wrong-answer")
    return answer


def is_same(message: Message, found: Answer) -> bool:
    """Whether what the system holds under the code is what we sent."""
    ours: dict[str, Any] = json.loads(message.body)
    theirs = calls.json_of(found) or {}
    return all(ours.get(name) == theirs.get(name) for name in _SAME)


async def _read(line: Line, message: Message) -> Answer:
    """What the system holds under the message's code; refused: nothing."""
    code = _code(message)
    answer = await with_token(line, "GET", READ_PATH + quote(code, safe=""), None, code=code)
    if answer.outcome == "done" and calls.json_of(answer) is None:
        return calls.judged(answer, "down", "wrong-answer")
    return answer


def _code(message: Message) -> str:
    return str(json.loads(message.body).get("ma_don_thuoc", ""))


def account_of(line: Line, code: str) -> tuple[str, str]:
    """(facility, password) under which a prescription goes: that of its own code, else the first of the settings."""
    facilities = line.settings.prescription_facility.split(",")
    passwords = line.settings.prescription_password.split(",")
    index = facilities.index(code[:5]) if code[:5] in facilities else 0
    return facilities[index], passwords[index] if len(passwords) == len(
        facilities
    ) else line.settings.prescription_password


async def with_token(line: Line, method: str, path: str, message: Message | None, *, code: str = "") -> Answer:
    """Call the system signed in, with a new token where it no longer takes the one in hand.

    code: of the prescription; it begins with the facility that wrote it.
    """
    base = line.settings.prescription_url.rstrip("/")
    user, password = account_of(line, code)
    for _ in range(2):
        tokens = line.tokens.get((base, user))
        if tokens is None:
            said = await calls.call(
                line, "POST", base + SIGN_IN_PATH,
                json={"ma_lien_thong_co_so_kham_chua_benh": user, "password": password},
            )  # fmt: skip
            if said.outcome != "done":
                return calls.judged(said, "down", "sign-in") if said.outcome == "refused" else said
            token = (calls.json_of(said) or {}).get("token")
            if not token:
                return calls.judged(said, "down", "wrong-answer")
            tokens = line.tokens[base, user] = {"token": str(token)}
        more: dict[str, Any] = {"headers": {"Authorization": f"Bearer {tokens['token']}"}}
        if message is not None:
            more["content"], more["key"] = message.body, message.message_id
            more["headers"]["Content-Type"] = message.content_type
        answer = await calls.call(line, method, base + path, **more)
        if answer.problem != "sign-in":
            return answer
        line.tokens.pop((base, user), None)
    return answer


def _says_duplicate(answer: Answer) -> bool:
    listed = (calls.json_of(answer) or {}).get("danh_sach_cac_loi") or []
    return any("đã tồn tại" in str(one).lower() for one in listed)
