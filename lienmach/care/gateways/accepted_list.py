"""The channel `catalogue`: rows of forms 02, 03, 05 and 06/DM to the insurer's portal, and the question what it accepted.

Neither call is published: both are our own reading, and the simulator's (simulators/insurance_lists.py).
"""

from __future__ import annotations

from lienmach.care.gateways import calls, checkin, portal
from lienmach.care.gateways.calls import Line
from lienmach.care.outbox import Answer, Message

PATH, ANSWER_PATH = "/api/danhmuc/", "/api/danhmuc/ketQua"


async def send(line: Line, message: Message, *, is_unknown: bool) -> Answer:
    """Send the rows; maKetQua 200 with a maGiaoDich is a yes. is_unknown: it may be there; the same maLanNop is one."""
    form = message.key.partition("/")[0]

    async def ask(tokens: portal.Tokens) -> Answer:
        headers = {**portal.headers(line, tokens), "Content-Type": "application/json"}
        url = line.settings.insurance_url.rstrip("/") + PATH + form
        answer = checkin.judge(
            await calls.call(line, "POST", url, key=message.message_id, content=message.body, headers=headers)
        )
        if answer.outcome == "done" and not transaction_of(answer):
            return calls.judged(answer, "down", "wrong-answer")
        return answer

    return await portal.signed_in(line, ask)


async def ask_answer(line: Line, transaction: str) -> Answer:
    """Ask what has become of a hand-in. Reading only: asking twice is safe."""

    async def ask(tokens: portal.Tokens) -> Answer:
        url = line.settings.insurance_url.rstrip("/") + ANSWER_PATH
        answer = checkin.judge(
            await calls.call(line, "POST", url, json={"maGiaoDich": transaction}, headers=portal.headers(line, tokens))
        )
        if answer.outcome == "done" and (calls.json_of(answer) or {}).get("maGiaoDich") != transaction:
            return calls.judged(answer, "down", "wrong-answer")
        return answer

    return await portal.signed_in(line, ask)


def transaction_of(answer: Answer) -> str:
    """maGiaoDich of a receipt, or ""."""
    return str((calls.json_of(answer) or {}).get("maGiaoDich") or "")[:100]
