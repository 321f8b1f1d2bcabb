"""The page of one message: its tries, each answer as it came, and what to do now.

What was sent is shown for look-ups and check-ins only: a prescription is for those who treat, not for this desk.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import outbox, outbox_order
from lienmach.departments.insurance import message_words
from lienmach.web import rendering
from lienmach.web.pages import page

_SHOWN = ("insurance", "checkin")
_CHARACTERS_MAX = 20_000


@page("insurance.check")
async def show(request: Request, actor: Actor) -> Response:
    """GET /insurance/messages/{id}"""
    own = str(request.path_params["id"])[:64]
    async with request.app.state.store.begin(actor) as tx:
        message = await outbox.read(tx, own)
        tx.access.note("search-type", what=message.subject, query=f"/insurance/messages/{own}")
        tries = await outbox.answers(tx, own)
        is_shown = message.channel in _SHOWN
        return rendering.render(
            request,
            "insurance/message.html",
            message=message,
            sent=_text(message.body) if is_shown else "",
            tries=[(one, _answer(one.answer, is_shown)) for one in tries],
            words=message_words,
            patient_id=message.subject.partition("/")[2] if message.subject.startswith("Patient/") else "",
            may_retry=message.state in ("waiting", "refused", "stopped") and message.problem not in outbox_order.NEVER,
            may_stop=message.state in ("waiting", "refused"),
        )


def _answer(answer: outbox.Answer, is_shown: bool) -> str:
    """The answer; of a channel whose contents are not shown only what it says about faults."""
    if is_shown:
        return _text(answer.body)
    try:
        said: Any = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(said, dict):
        return ""
    kept = {name: said[name] for name in ("success", "danh_sach_cac_loi", "problem", "id") if name in said}
    return json.dumps(kept, ensure_ascii=False, indent=2)


def _text(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        pass
    return text[:_CHARACTERS_MAX]


ROUTES = (Route("/insurance/messages/{id}", show),)
