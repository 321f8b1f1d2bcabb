"""The channel `prescription-sale`: a pharmacy tells the national system what it sold, right after the sale.

One message a sale, known to the receiver by its key: sent again it is the same sale.
"""

from __future__ import annotations

from lienmach.care.gateways import calls, prescription
from lienmach.care.gateways.calls import Line
from lienmach.care.outbox import Answer, Message

PATH = "/api/v1/cap-nhat-don-thuoc"


async def send(line: Line, message: Message, *, is_unknown: bool) -> Answer:
    """Report one sale. is_unknown: it may be known already; the key makes it one."""
    answer = await prescription.with_token(line, "POST", PATH, message)
    if answer.outcome == "done" and not (calls.json_of(answer) or {}).get("success"):
        return calls.judged(answer, "down", "wrong-answer")
    return answer
