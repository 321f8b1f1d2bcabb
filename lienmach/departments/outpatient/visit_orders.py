"""Pages of the noun "orders of a visit": find by typing, sets, what was done before, the total before and after.

One form holds the lines that are not placed yet; each step sends all of it, keeps it as a draft and shows it again with
everything that the lines would change. Nothing is ordered before the step `place`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogues, drafts, order_consents, orders, paper, papers_order
from lienmach.care.orders import OrderLine
from lienmach.departments.outpatient import order_sets, snippets, visit_orders_frame, visit_orders_list
from lienmach.record.transaction import Transaction
from lienmach.web import forms, rendering
from lienmach.web.pages import page

FORM = "orders"
_FOUND_MAX = 12
_LINES_MAX = 40
_TEXT_MAX = 500
PRIORITIES = {"routine": "Thường", "urgent": "Khẩn", "stat": "Cấp cứu"}

_WORDS: dict[type[errors.Failure], str] = {
    orders.RepeatReasonMissing: "Hãy ghi lý do làm lại ở các dòng được đánh dấu.",
    orders.ConsentMissing: "Cần thông báo và có đồng ý của người bệnh về phần tự trả trước khi chỉ định.",
}


@dataclass(frozen=True)
class _Said:
    """A sentence above the form: its words, its places, how bad; undo: the order whose cancellation may go back."""

    text: str = ""
    kind: str = ""
    values: tuple[tuple[str, object], ...] = ()
    undo: str = ""


@page("visits.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}/orders — the orders of a visit, and the form for more (htmx: block `orders`)."""
    return await _render(request, actor)


@page("visits.sign")
async def find_orderable(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}/orders/services?find= — sets and services for the list below the field."""
    text = request.query_params.get("find", "").strip()[:80]
    async with request.app.state.store.begin(actor) as tx:
        frame = await visit_orders_frame.read(tx, request, actor)
        found = await _find(tx, text, frame)
        return rendering.render(request, "outpatient/visit_orders.html", block="found", found=found, text=text)


@page("visits.sign")
async def change(request: Request, actor: Actor) -> Response:
    """POST /outpatient/visits/{id}/orders — `step` is a verb with an argument: add:CODE, set:CODE, drop:N, keep, find,

    agree, place, cancel:ID, restore:ID. Answers the form with what the lines would change.
    """
    form = await request.form()
    verb, _, argument = str(form.get("step", "keep")).partition(":")
    lines = _lines(form)
    if verb in _VERBS:
        answer = await _VERBS[verb](request, actor, form, lines, argument)
    else:
        answer = await _keep(request, actor, lines, verb, argument, str(form.get("find", "")))
    if verb in ("set", "place", "cancel", "restore"):  # the panels beside this one show what came of it
        answer.headers["HX-Trigger"] = "orders-changed"
    return answer


async def _keep(
    request: Request, actor: Actor, lines: list[OrderLine], verb: str, argument: str, text: str
) -> Response:
    encounter_id = visit_orders_frame.checked_id(request)

    async def work(tx: Transaction) -> tuple[list[OrderLine], _Said]:
        kept, said = await _changed(tx, encounter_id, lines, verb, argument)
        _save(tx, encounter_id, kept)
        return kept, said

    kept, said = await request.app.state.store.run(actor, work)
    return await _render(
        request, actor, lines=kept, said=said, text=text if verb == "find" else "", focus=verb != "keep"
    )


async def _changed(
    tx: Transaction, encounter_id: str, lines: list[OrderLine], verb: str, argument: str
) -> tuple[list[OrderLine], _Said]:
    """The lines after a step; a code that the catalogue does not have today changes nothing."""
    today = visit_orders_frame.today(tx)
    if verb == "drop":
        dropped = forms.read_count(argument, most=_LINES_MAX)
        return [one for index, one in enumerate(lines) if index != dropped], _Said()
    if verb == "set":
        chosen = await order_sets.read(tx, argument, on=today)
        if chosen is None:
            return lines, _Said("Bộ chỉ định này không còn hiệu lực.", "warn")
        known = await catalogues.get_many(tx, "service", chosen.services, on=today)
        priced = await _priced(tx, [code for code in chosen.services if code in known])
        added = _with(lines, priced)
        if chosen.drugs:
            await snippets.prescribe(tx, encounter_id, chosen)
            values = (("name", chosen.name), ("count", len(chosen.drugs)))
            return added, _Said("Đã thêm bộ {name}; {count} thuốc của bộ nằm trong nháp đơn thuốc (F6).", "", values)
        return added, _Said("Đã thêm bộ {name}.", "", (("name", chosen.name),))
    if verb == "add":
        if await catalogues.get(tx, "service", argument, on=today) is None:
            return lines, _Said("Không có dịch vụ nào như vậy trong danh mục hôm nay; hãy gõ lại tên.", "warn")
        if any(one.service_code == argument for one in lines):
            return lines, _Said("Dịch vụ này đã có trong danh sách; hãy sửa số lượng ở dòng của nó.", "warn")
        if not await _priced(tx, [argument]):
            return lines, _Said(
                "Dịch vụ này chưa có giá hôm nay nên chưa chỉ định được; hãy báo người quản lý danh mục.", "warn"
            )
        return _with(lines, [argument]), _Said()
    return lines, _Said()


async def _priced(tx: Transaction, codes: Sequence[str]) -> list[str]:
    """Those of the codes that have a price today; without one nobody can say what the patient would pay."""
    prices = await catalogues.get_many(
        tx, "price", [f"service:{code}" for code in codes], on=visit_orders_frame.today(tx)
    )
    return [code for code in codes if f"service:{code}" in prices]


async def _agree(request: Request, actor: Actor, form: FormData, lines: list[OrderLine], argument: str) -> Response:
    """Keep that the patient was told and agrees, now and before the order."""
    encounter_id = visit_orders_frame.checked_id(request)

    async def work(tx: Transaction) -> bool:
        seen = await orders.preview(tx, encounter_id, lines)
        lacking = [one for one in seen.costs if one.service_code in seen.consent_needed]
        if lacking:
            await order_consents.keep(tx, encounter_id, lacking, agreed_by=str(form.get("agreed_by", "")))
        _save(tx, encounter_id, lines)
        return bool(lacking)

    try:
        has_kept = await request.app.state.store.run(actor, work)
    except errors.Failure as failure:
        return await _render(request, actor, lines=lines, failure=failure)
    said = _Said("Đã lưu đồng ý của người bệnh về phần tự trả.") if has_kept else _Said()
    return await _render(request, actor, lines=lines, said=said)


async def _place(request: Request, actor: Actor, form: FormData, lines: list[OrderLine], argument: str) -> Response:
    encounter_id = visit_orders_frame.checked_id(request)
    priority = str(form.get("priority", "routine"))

    async def work(tx: Transaction) -> int:
        placed = await orders.place(tx, encounter_id, lines, priority=priority)
        drafts.drop(tx, FORM, encounter_id)
        return len(placed)

    try:
        count = await request.app.state.store.run(actor, work)
    except errors.Failure as failure:
        return await _render(request, actor, lines=lines, failure=failure, priority=priority)
    return await _render(request, actor, lines=[], said=_Said("Đã đặt {count} chỉ định.", "", (("count", count),)))


async def _cancel(request: Request, actor: Actor, form: FormData, lines: list[OrderLine], argument: str) -> Response:
    reason = str(form.get(f"reason:{argument}", "")).strip()

    async def work(tx: Transaction) -> str:
        await visit_orders_list.check(tx, visit_orders_frame.checked_id(request), visit_orders_frame.checked(argument))
        return (await orders.cancel(tx, argument, reason)).id

    try:
        cancelled = await request.app.state.store.run(actor, work)
    except errors.Failure as failure:
        return await _render(request, actor, failure=failure)
    return await _render(request, actor, said=_Said("Đã huỷ chỉ định.", "", (), cancelled))


async def _restore(request: Request, actor: Actor, form: FormData, lines: list[OrderLine], argument: str) -> Response:
    async def work(tx: Transaction) -> None:
        await visit_orders_list.check(tx, visit_orders_frame.checked_id(request), visit_orders_frame.checked(argument))
        await orders.restore(tx, argument)

    try:
        await request.app.state.store.run(actor, work)
    except errors.Failure as failure:
        return await _render(request, actor, failure=failure)
    return await _render(request, actor, said=_Said("Đã hoàn tác; chỉ định vẫn còn hiệu lực."))


_VERBS = {"agree": _agree, "place": _place, "cancel": _cancel, "restore": _restore}


@page("visits.read")
async def show_paper(request: Request, actor: Actor) -> Response:
    """GET /outpatient/visits/{id}/orders/paper — the orders of the visit for the patient to carry, as PDF."""
    async with request.app.state.store.begin(actor) as tx:
        frame = await visit_orders_frame.read(tx, request, actor)
        pdf = await paper.render(tx, "order", await papers_order.sheet(tx, frame.encounter_id))
    headers = {"Content-Disposition": "inline; filename=phieu-chi-dinh.pdf"}
    return Response(pdf, media_type="application/pdf", headers=headers)


async def _render(
    request: Request,
    actor: Actor,
    *,
    lines: list[OrderLine] | None = None,
    said: _Said | None = None,
    failure: errors.Failure | None = None,
    priority: str = "routine",
    text: str = "",
    focus: bool = True,
) -> Response:
    """The page as it stands now. lines: None takes those of the draft. focus: in the field that finds."""
    async with request.app.state.store.begin(actor) as tx:
        frame = await visit_orders_frame.read(tx, request, actor)
        draft = await drafts.find(tx, FORM, frame.encounter_id) if lines is None else None
        if lines is None:
            lines = [_of_draft(one) for one in draft.data.get("lines", [])] if draft else []
        known = await catalogues.get_many(tx, "service", [one.service_code for one in lines], on=frame.today)
        priced = await _priced(tx, [one.service_code for one in lines])
        lines = [one for one in lines if one.service_code in known and one.service_code in priced]
        seen = await orders.preview(tx, frame.encounter_id, lines)
        return rendering.render(
            request,
            "outpatient/visit_orders.html",
            block=visit_orders_frame.block_of(request, "orders"),
            status=visit_orders_frame.status_of(request, failure) if failure else 200,
            frame=frame,
            lines=visit_orders_list.lines(lines, seen),
            seen=seen,
            warnings=await visit_orders_frame.not_accepted(tx, frame, "service", [one.service_code for one in lines]),
            costs=[one for one in seen.costs if one.service_code in seen.consent_needed],
            placed=await visit_orders_list.placed(tx, frame),
            found=await _find(tx, text, frame) if text else [],
            text=text,
            focus=focus,
            sets=await order_sets.find(tx, "", on=frame.today, specialty=_specialty(frame)) if frame.may_change else [],
            said=said or _Said(),
            fault=_WORDS.get(type(failure), failure.text) if failure else "",
            draft_at=draft.at if draft and lines else None,
            priorities=PRIORITIES,
            priority=priority,
            tab="orders",
        )


async def _find(tx: Transaction, text: str, frame: visit_orders_frame.VisitFrame) -> list[dict[str, Any]]:
    """Sets first, then services, as lines of the list below the field."""
    if not text:
        return []
    sets = await order_sets.find(tx, text, on=frame.today, specialty=_specialty(frame), limit=3)
    services = await catalogues.find(tx, "service", text, on=frame.today, limit=_FOUND_MAX)
    return [
        *({"step": f"set:{one.code}", "name": one.name, "set": one, "kind": "set"} for one in sets),
        *(
            {"step": f"add:{one.code}", "name": one.name, "set": None, "kind": str(one.data.get("kind", ""))}
            for one in services
        ),
    ]


def _specialty(frame: visit_orders_frame.VisitFrame) -> str:
    coding = (frame.encounter.get("serviceType") or {}).get("coding") or [{}]
    return str(coding[0].get("code", ""))


def _lines(form: FormData) -> list[OrderLine]:
    """The lines of the form, in order. A quantity that is no number is 1."""
    columns = [form.getlist(name) for name in ("line", "quantity", "note", "repeat_reason")]
    found = []
    for index, code in enumerate(columns[0][:_LINES_MAX]):
        quantity, note, reason = (str(column[index]) if index < len(column) else "" for column in columns[1:])
        found.append(
            OrderLine(
                str(code)[:60],
                forms.read_count(quantity, most=50) or 1,
                note.strip()[:_TEXT_MAX],
                reason.strip()[:_TEXT_MAX],
            )
        )
    return found


def _with(lines: Sequence[OrderLine], codes: Sequence[str]) -> list[OrderLine]:
    there = {one.service_code for one in lines}
    return [*lines, *(OrderLine(code) for code in codes if code not in there)][:_LINES_MAX]


def _save(tx: Transaction, encounter_id: str, lines: Sequence[OrderLine]) -> None:
    if lines:
        drafts.save(tx, FORM, encounter_id, {"lines": [asdict(replace(one, has_consent=False)) for one in lines]})
    else:
        drafts.drop(tx, FORM, encounter_id)


def _of_draft(data: dict[str, Any]) -> OrderLine:
    return OrderLine(
        str(data.get("service_code", "")),
        int(data.get("quantity", 1)),
        str(data.get("note", "")),
        str(data.get("repeat_reason", "")),
    )


ROUTES = (
    Route("/outpatient/visits/{id}/orders", show),
    Route("/outpatient/visits/{id}/orders", change, methods=["POST"]),
    Route("/outpatient/visits/{id}/orders/services", find_orderable),
    Route("/outpatient/visits/{id}/orders/paper", show_paper),
)
