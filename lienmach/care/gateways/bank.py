"""The line to the bank: its signature on both sides, and the statement that is read when a notice may be lost.

Contract (our own; see simulators/bank.py): `X-Timestamp` holds seconds since 1970, `X-Signature` the hex HMAC-SHA256
under LIENMACH_BANK_SECRET of `timestamp.body` for a notice and of `timestamp.path?query` for a question. What is older
than five minutes is taken for a replay.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from lienmach.base import errors
from lienmach.care.gateways import calls
from lienmach.care.gateways.calls import Line
from lienmach.care.money import bank_notice
from lienmach.care.money.bank_notice import Notice
from lienmach.care.money.unread_lines import Unread

WINDOW_SECONDS = 300
PATH = "/statement"
PAGE_COUNT = 100
_CURSOR_CHARACTERS_MAX = 200
_MARK = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Page:
    """A part of the statement: what came in, oldest first, where the next one begins, and whether there is more.

    unread: lines that say nothing that can be booked.
    """

    notices: tuple[Notice, ...]
    cursor: str
    has_more: bool
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True)
class NoPage:
    """No statement this time. problem: word as in outbox.Answer."""

    problem: str


def signature(secret: str, timestamp: str, content: bytes) -> str:
    """The mark of what is sent at a moment."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + content, hashlib.sha256).hexdigest()


def is_signed(secret: str, timestamp: str, mark: str, content: bytes) -> bool:
    """Whether something bears the mark of a secret, however long ago. An empty secret signs nothing."""
    is_mark = bool(secret) and re.fullmatch(r"[0-9]{1,12}", timestamp) is not None and bool(_MARK.fullmatch(mark))
    return is_mark and hmac.compare_digest(signature(secret, timestamp, content), mark)


def check(secret: str, timestamp: str, mark: str, content: bytes, now: datetime) -> None:
    """Refuse what the bank did not sign, or signed longer ago than five minutes. Raises errors.Unauthenticated."""
    if not secret:
        raise errors.Unauthenticated("Cơ sở chưa kết nối ngân hàng nên không nhận thông báo nào.")
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or not _MARK.fullmatch(mark):
        raise errors.Unauthenticated("Thông báo thiếu chữ ký hoặc thời điểm; không có gì được ghi.")
    if not hmac.compare_digest(signature(secret, timestamp, content), mark):
        raise errors.Unauthenticated("Chữ ký của thông báo không đúng; không có gì được ghi.")
    if abs(now.timestamp() - int(timestamp)) > WINDOW_SECONDS:
        raise errors.Unauthenticated("Thông báo đã quá 5 phút nên không được nhận; hãy gửi lại với thời điểm mới.")


async def statement(line: Line, account: str, cursor: str, now: datetime) -> Page | NoPage:
    """What came into an account after a cursor ("": from the beginning). Debits are left out.

    A line that cannot be read is handed over as it came: it must neither be passed over nor stop those behind it. A
    page without lines, or without the place where the next one begins, is no page.
    """
    query = urlencode({"account": account, "after": cursor, "limit": PAGE_COUNT})
    url = f"{line.settings.bank_url.rstrip('/')}{PATH}?{query}"
    timestamp = str(int(now.timestamp()))
    signed = f"{urlsplit(url).path}?{query}".encode()
    headers = {"X-Timestamp": timestamp, "X-Signature": signature(line.settings.bank_secret, timestamp, signed)}
    answer = await calls.call(line, "GET", url, headers=headers)
    if answer.outcome != "done":
        return NoPage(answer.problem)
    try:
        return _page(bank_notice.parse(answer.body), account)
    except (errors.Invalid, ValueError, KeyError, TypeError, AttributeError):
        return NoPage("wrong-answer")


def _page(said: dict[str, Any], account: str) -> Page:
    lines, cursor, has_more = said["items"], said["next"], said["more"]
    if not isinstance(cursor, str) or len(cursor) > _CURSOR_CHARACTERS_MAX or not isinstance(has_more, bool):
        raise ValueError("no cursor")
    if not isinstance(lines, list):
        raise ValueError("no lines")
    notices, unread = [], []
    for one in lines:
        if isinstance(one, dict) and one.get("direction") == "debit":
            continue
        found = _notice(one, account)
        if isinstance(found, Notice):
            notices.append(found)
        else:
            unread.append(found)
    return Page(tuple(notices), cursor, has_more, tuple(unread))


def _notice(line: Any, account: str) -> Notice | Unread:
    text = json.dumps(line, ensure_ascii=False, sort_keys=True)
    try:
        notice = bank_notice.read(line)
    except errors.Invalid as problem:
        return Unread(text, problem.text)
    if notice.account != account:
        return Unread(text, "Dòng này thuộc tài khoản khác.")
    return notice
