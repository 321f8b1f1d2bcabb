"""How long there is: the days until something of a claim is due, as a tone and a sentence.

Payment request within 7 working days and before day 5 of the next month, structure errors within 2 working days,
appraisal within 3 (TT 48/2017/TT-BYT, TT 12/2026/TT-BTC; secondary). The days themselves come from care/claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from lienmach.care.claims import deadlines
from lienmach.care.claims.rejections import Rejection

LATE = timedelta(hours=3)  # SND-01: shown when it is older and not sent; a draft of 2027 makes it a duty
_SOON_DAYS = 2


@dataclass(frozen=True)
class Clock:
    """One thing that is due. text: a key of the words with its places {count} and {since}; tone: of a tag, "" while there
    is time. since: the day on which something was received that nobody answered, None elsewhere.
    """

    kind: str
    due_on: date
    tone: str
    text: str
    count: int
    since: date | None = None


def clock(kind: str, due_on: date, today: date) -> Clock:
    """What a day that something is due on means today."""
    left = (due_on - today).days
    if left < 0:
        return Clock(kind, due_on, "bad", "Quá hạn {count} ngày", -left)
    if left == 0:
        return Clock(kind, due_on, "bad", "Hết hạn hôm nay", 0)
    return Clock(kind, due_on, "warn" if left <= _SOON_DAYS else "", "Còn {count} ngày", left)


def silence(since: datetime, zone: tzinfo) -> Clock:
    """The portal has said nothing of what it received then, and shows no answer to it any more."""
    day = since.astimezone(zone).date()
    shown_until = day + timedelta(days=deadlines.ANSWERS_SHOWN_DAYS)
    return Clock("silence", shown_until, "bad", "Không có trả lời từ {since}: hỏi cổng", 0, day)


def of_rejection(one: Rejection, now: datetime, zone: tzinfo) -> Clock | None:
    """The clock of a rejection, None where nothing is due."""
    if one.received_at is not None and one.is_silent(now):
        return silence(one.received_at, zone)
    return clock(one.kind, one.due_on, now.astimezone(zone).date()) if one.is_due else None


def is_late(finished_at: datetime | None, sent_at: datetime | None, now: datetime) -> bool:
    """SND-01: whether a visit ended more than three hours ago and its claim has not been sent."""
    return sent_at is None and finished_at is not None and now - finished_at > LATE


KINDS = {
    "request": "Gửi đề nghị thanh toán",
    "structure": "Sửa lỗi cấu trúc",
    "appraisal": "Trả lời giám định",
    "silence": "Cổng chỉ hiện câu trả lời đến",
}
