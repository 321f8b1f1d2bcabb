"""Page of the noun "hand-in" of a catalogue: what of ours the insurer has not accepted or has otherwise, and handing it in.

What was handed in waits in the outbox while the portal is away; the page says of every hand-in where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogue_import, catalogues, facility, outbox
from lienmach.care.claims import hand_ins, own_lists
from lienmach.care.claims.hand_ins import HandedRow, HandIn
from lienmach.care.claims.own_lists import Own
from lienmach.departments.insurance import accepted_columns, desk_rights, message_words
from lienmach.departments.insurance.catalogue import form_of
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page

_SHOWN_MAX = 150
_WRONG_DAY = "Ngày chưa đúng. Viết đủ ngày, tháng, năm như 01/07/2026."
_MACHINE_CODE_MAX = 60


@page("claims.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /insurance/catalogues/{form}/hand-in — our rows that differ, and the last hand-ins (htmx: block `hand_ins`)."""
    return await _page(request, actor)


@page("claims.manage")
async def hand_in(request: Request, actor: Actor) -> Response:
    """POST /insurance/catalogues/{form}/hand-in — `step` hand-in queues the rows `row` from `from_on`, all every row
    that can go; drop gives the hand-in `hand_in` up.
    """
    form, sent = form_of(request), await request.form()
    if str(sent.get("step", "")) == "drop":
        return await _drop(request, actor, str(sent.get("hand_in", ""))[:64])
    is_all, chosen = str(sent.get("step", "")) == "all", {str(one)[:128] for one in sent.getlist("row")}
    codes = {
        name.removeprefix("machine:"): " ".join(str(value).split())[:_MACHINE_CODE_MAX]
        for name, value in sent.items()
        if name.startswith("machine:")
    }
    try:
        from_on = catalogue_import.read_day(str(sent.get("from_on", "")).strip())
    except ValueError:
        from_on = None
    if from_on is None:
        return await _page(request, actor, fault=rendering.text(request, _WRONG_DAY), codes=codes, status=422)

    async def work(tx: Transaction) -> None:
        last = await hand_ins.last_of(tx, form)
        known = {**hand_ins.machine_codes(last), **codes}
        ours = await own_lists.of_form(tx, form, catalogues.today(tx), machine_codes=known)
        rows = [
            one
            for one in ours
            if one.state != own_lists.SAME
            and (one.key in chosen or (is_all and not one.lacking and not _is_waiting(one, last)))
        ]
        rows = rows[: hand_ins.ROWS_MAX] if is_all else rows
        hand_ins.hand_in(tx, form, (await facility.home(tx)).code, rows, from_on)

    try:
        await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Unprocessable) as problem:
        fault = rendering.sentence(request, problem)
        return await _page(request, actor, fault=fault, codes=codes, status=problem.status)
    return RedirectResponse(f"/insurance/catalogues/{form}/hand-in?done=1", 303)


async def _drop(request: Request, actor: Actor, hand_in_id: str) -> Response:
    async def work(tx: Transaction) -> None:
        hand_ins.drop(tx, await hand_ins.read(tx, hand_in_id))

    try:
        await request.app.state.store.run(actor, work)
    except errors.Conflict as problem:
        return await _page(request, actor, fault=rendering.sentence(request, problem), status=409)
    return RedirectResponse(f"/insurance/catalogues/{form_of(request)}/hand-in", 303)


async def _page(
    request: Request, actor: Actor, *, fault: str = "", codes: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    form = form_of(request)
    async with request.app.state.store.begin(actor) as tx:
        today = catalogues.today(tx)
        last, made = await hand_ins.last_of(tx, form), await hand_ins.listed(tx, form)
        codes = {**hand_ins.machine_codes(last), **(codes or {})}
        ours = await own_lists.of_form(tx, form, today, machine_codes=codes)
        differing = [one for one in ours if one.state != own_lists.SAME]
        open_rows = [one for one in differing if not _is_waiting(one, last)]
        return rendering.render(
            request,
            "insurance/catalogue_hand_in.html",
            block="hand_ins" if rendering.is_fragment(request) else "",
            status=status,
            form=form,
            title=accepted_columns.TITLES[form],
            same=len(ours) - len(differing),
            waiting=len(differing) - len(open_rows),
            rows=open_rows[:_SHOWN_MAX],
            more=max(len(open_rows) - _SHOWN_MAX, 0),
            last={
                one.code: last[one.code] for one in open_rows if one.code in last and last[one.code].state == "refused"
            },
            hand_ins=[(one, await _refused(tx, one)) for one in made],
            is_connected=outbox.is_connected(tx.store.limits, hand_ins.CHANNEL),
            problems=message_words.PROBLEMS,
            codes=codes,
            today=today,
            fault=fault,
            done=request.query_params.get("done", ""),
            may=desk_rights.of(actor),
        )


def _is_waiting(one: Own, last: Mapping[str, HandedRow]) -> bool:
    return one.code in last and last[one.code].state == hand_ins.WAITING


async def _refused(tx: Transaction, one: HandIn) -> list[HandedRow]:
    if not one.refused:
        return []
    return [row for row in await hand_ins.rows_of(tx, one.hand_in_id) if row.state == hand_ins.REFUSED]


ROUTES = (
    Route("/insurance/catalogues/{form}/hand-in", show),
    Route("/insurance/catalogues/{form}/hand-in", hand_in, methods=["POST"]),
)
