"""Pages of the noun "messages": what waits to be sent outside, what was sent, what was refused and why; try again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import outbox
from lienmach.departments.insurance import message_words
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page

_VIEWS = {"open": ("waiting", "sending", "refused"), "sent": ("sent",), "stopped": ("stopped",)}
_COUNT = 100


@page("insurance.check")
async def index(request: Request, actor: Actor) -> Response:
    """GET /insurance/messages?view=open|sent|stopped&channel= — with htmx the block `list`."""
    view = request.query_params.get("view", "open")
    view = view if view in _VIEWS else "open"
    channel = request.query_params.get("channel", "")
    channel = channel if channel in outbox.CHANNELS else ""
    async with request.app.state.store.begin(actor) as tx:
        states = await outbox.channel_states(tx)
        listed = await outbox.listed(tx, states=_VIEWS[view], channel=channel, limit=_COUNT)
        return rendering.render(
            request,
            "insurance/messages.html",
            block="list" if rendering.is_fragment(request) else "",
            channels=states,
            messages=listed,
            view=view,
            channel=channel,
            words=message_words,
            is_full=len(listed) == _COUNT,
        )


@page("insurance.check")
async def change(request: Request, actor: Actor) -> Response:
    """POST /insurance/messages — `step` retry sends a message again, stop gives it up."""
    form = await request.form()
    own, step = str(form.get("message", "")), str(form.get("step", ""))
    if step not in ("retry", "stop"):
        raise errors.Invalid("Hãy chọn gửi lại hoặc dừng gửi.")

    async def work(tx: Transaction) -> None:
        await outbox.read(tx, own)
        (outbox.retry if step == "retry" else outbox.stop)(tx, own)

    await request.app.state.store.run(actor, work)
    return RedirectResponse(f"/insurance/messages/{own}", 303)


ROUTES = (Route("/insurance/messages", index), Route("/insurance/messages", change, methods=["POST"]))
