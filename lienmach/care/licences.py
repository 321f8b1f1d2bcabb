"""Whether the person who acts may practise today: a licence on their Practitioner, in force (rules RX-09, COD-08).

TT 26/2025/TT-BYT and Decree 188/2025 (secondary): who prescribes and signs is a practitioner whose licence holds on
that day. A connected system has no Practitioner and is not asked: what it sends has been signed elsewhere.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from lienmach.base import errors
from lienmach.care import resources, systems
from lienmach.record.transaction import Transaction


async def check(tx: Transaction) -> str:
    """The licence number of who acts, "" for a system. Raises errors.Unprocessable without one in force today."""
    if not tx.actor.reference.startswith("Practitioner/"):
        return ""
    practitioner = await resources.follow(tx, tx.actor.reference)
    today = tx.now.astimezone(tx.tenant.time_zone).date()
    found = [one for one in practitioner.get("identifier", ()) if one.get("system") == systems.LICENCE]
    held = next((one for one in found if _holds(one.get("period") or {}, today)), None)
    if held is None:
        raise errors.Unprocessable(
            "Hồ sơ nhân viên của bạn chưa có giấy phép hành nghề còn hiệu lực hôm nay, nên chưa ký hoặc kê đơn được "
            "(RX-09). Hãy báo người quản trị bổ sung."
        )
    return str(held.get("value", ""))


def _holds(period: dict[str, Any], on: date) -> bool:
    start, end = str(period.get("start", ""))[:10], str(period.get("end", ""))[:10]
    return (not start or start <= on.isoformat()) and (not end or on.isoformat() <= end)
