"""The channel `einvoice`: an invoice or its adjustment goes to the provider, known by its key, so that it is one.

The contract is our own (see the docstring of simulators/einvoice.py): providers differ, and a facility puts a small
adapter in front of its own. What is sent names no disease, no service and no drug.
"""

from __future__ import annotations

from typing import Any

from lienmach.care.gateways import calls
from lienmach.care.gateways.calls import Line
from lienmach.care.outbox import Answer, Message

SIGN_IN_PATH, ISSUE_PATH = "/api/sign-in", "/api/invoices"
_NO_ORIGINAL = 409


async def send(line: Line, message: Message, *, is_unknown: bool) -> Answer:
    """Send one invoice. is_unknown: it may be issued; under the same key the provider answers with the same one.

    An adjustment whose original has not arrived yet waits for it.
    """
    answer = await _signed_in(line, message)
    if answer.status == _NO_ORIGINAL:
        return calls.judged(answer, "down", "server-error")
    if answer.outcome == "done" and not (calls.json_of(answer) or {}).get("number"):
        return calls.judged(answer, "down", "wrong-answer")
    return answer


async def _signed_in(line: Line, message: Message) -> Answer:
    """Call with the token in hand, or with a new one where the provider no longer takes it."""
    base, user = line.settings.einvoice_url.rstrip("/"), line.settings.einvoice_user
    answer = Answer("down", problem="sign-in")
    for _ in range(2):
        tokens = line.tokens.get((base, user))
        if tokens is None:
            body: dict[str, Any] = {"user": user, "password": line.settings.einvoice_password}
            said = await calls.call(line, "POST", base + SIGN_IN_PATH, json=body)
            if said.outcome != "done":
                return calls.judged(said, "down", "sign-in") if said.outcome == "refused" else said
            token = (calls.json_of(said) or {}).get("token")
            if not token:
                return calls.judged(said, "down", "wrong-answer")
            tokens = line.tokens[base, user] = {"token": str(token)}
        headers = {"Authorization": f"Bearer {tokens['token']}", "Content-Type": message.content_type}
        answer = await calls.call(
            line, "POST", base + ISSUE_PATH, key=message.message_id, content=message.body, headers=headers
        )
        if answer.problem != "sign-in":
            return answer
        line.tokens.pop((base, user), None)
    return answer
