"""The channel `sms`: short messages by a gateway that takes `{"to", "text"}` and knows a message by its key.

The contract is our own: gateways differ, and a facility puts a small adapter in front of its own. No diagnosis and no
drug ever stands in a text. No answer repeats the text: answers are kept as they came, and a text may hold a code.
"""

from __future__ import annotations

from lienmach.care.gateways import calls
from lienmach.care.gateways.calls import Line
from lienmach.care.outbox import Answer, Message


async def send(line: Line, message: Message, *, is_unknown: bool) -> Answer:
    """Send one text. is_unknown: it may have gone out; under the same key the gateway sends it once."""
    answer = await calls.call(
        line, "POST", line.settings.sms_url.rstrip("/") + "/send", key=message.message_id, content=message.body,
        headers={"Content-Type": message.content_type},
    )  # fmt: skip
    if answer.outcome == "done" and not (calls.json_of(answer) or {}).get("id"):
        return calls.judged(answer, "down", "wrong-answer")
    return answer
