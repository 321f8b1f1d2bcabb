"""Page of the noun "unmatched": readings of analysers that no order could be found for: match, map, replay, drop."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.departments.laboratory import intake, machines, messages
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page


@page("results.enter")
async def index(request: Request, actor: Actor) -> Response:
    """GET /laboratory/unmatched — what waits, oldest first, each with its reason."""
    return await _list(request, actor)


@page("results.enter")
async def change(request: Request, actor: Actor) -> Response:
    """POST /laboratory/unmatched/{id} — `step`: replay as it is, match to a tube, map the code, drop with a reason."""
    form = await request.form()

    async def work(tx: Transaction) -> str:
        return await _resolve(tx, str(request.path_params["id"]), form)

    try:
        reason = await request.app.state.store.run(actor, work)
        if str(form.get("step", "")) == "map":  # the code is known now: try again in a unit that sees it
            again = FormData(
                [*((name, value) for name, value in form.multi_items() if name != "step"), ("step", "replay")]
            )

            async def once_more(tx: Transaction) -> str:
                return await _resolve(tx, str(request.path_params["id"]), again)

            reason = await request.app.state.store.run(actor, once_more)
    except (errors.Conflict, errors.Unprocessable) as problem:
        return await _list(request, actor, fault=problem.text, status=problem.status)
    if reason:
        return await _list(request, actor, fault=messages.REASONS[reason], status=422)
    return RedirectResponse("/laboratory/unmatched", 303)


async def _resolve(tx: Transaction, tray_id: str, form: FormData) -> str:
    """ "" when the reading is resolved (or its code mapped), else the reason why it still waits."""
    one = await messages.one_waiting(tx, tray_id)
    step = str(form.get("step", ""))
    if step == "drop":
        reason = " ".join(str(form.get("reason", "")).split())
        if not reason:
            raise errors.Unprocessable("Hãy ghi lý do bỏ kết quả này.")
        messages.resolve(tx, tray_id, "dropped", reason)
        return ""
    if step == "map":
        await machines.map_code(
            tx, one.analyser_id, one.code, str(form.get("indicator", "")), unit=str(form.get("unit", "")),
            factor=str(form.get("factor", "1")) or "1",
        )  # fmt: skip
        return ""
    if step not in ("replay", "match"):
        raise errors.Unprocessable("Hãy chọn một việc trên trang này.")
    tube = str(form.get("tube", "")).strip()[:40] if step == "match" else ""
    if step == "match" and not tube:
        raise errors.Unprocessable("Hãy quét hoặc nhập số của ống mẫu đúng.")
    return await intake.replay(tx, one, tube=tube)


async def _list(request: Request, actor: Actor, *, fault: str = "", status: int = 200) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/laboratory/unmatched")
        names = {one.analyser_id: one.name for one in await machines.all_of(tx)}
        lines: list[dict[str, Any]] = [
            {"one": one, "analyser": names.get(one.analyser_id, ""), "reason": messages.REASONS[one.reason]}
            for one in await messages.waiting(tx)
        ]
        return rendering.render(request, "laboratory/unmatched.html", status=status, lines=lines, fault=fault)


ROUTES = (Route("/laboratory/unmatched", index), Route("/laboratory/unmatched/{id}", change, methods=["POST"]))
