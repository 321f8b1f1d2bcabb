"""Page of the noun "orders": the work list of the laboratory, by state and analyser; a scanned tube opens its results."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import catalogues, order_facts, resources, systems
from lienmach.care.resources import Resource
from lienmach.departments.laboratory import facts, machines, screens, tubes
from lienmach.record import search
from lienmach.record.transaction import Transaction
from lienmach.web import forms, rendering
from lienmach.web.pages import page

STATES = {
    "waiting": "Chờ lấy mẫu",
    "collected": "Đã lấy mẫu",
    "received": "Đã nhận mẫu",
    "measured": "Có kết quả, chờ duyệt",
    "partial": "Đã trả một phần",
    "done": "Đã trả",
}
_PAGE_COUNT = 300  # orders of each kind that are looked at
_LINES = 100  # of a page: people are read and drawn for these only
_DAYS = 30
_LAB = ("category", f"{order_facts.KIND}|lab")


@page("results.enter")
async def index(request: Request, actor: Actor) -> Response:
    """GET /laboratory/orders?state=&analyser= — open orders of the last 30 days and those released today."""
    return await _list(request, actor)


@page("results.enter")
async def scan(request: Request, actor: Actor) -> Response:
    """POST /laboratory/orders — a scanned tube is received and its results open."""
    number = str((await request.form()).get("tube", "")).strip()[:40]

    async def work(tx: Transaction) -> str:
        specimen = await tubes.of_number(tx, number)
        if specimen is None:
            return ""
        if specimen.get("status") in ("available", "unavailable"):
            await tubes.receive(tx, specimen["id"])
        return str(specimen["id"])

    found = await request.app.state.store.run(actor, work) if number else ""
    if not found:
        fault = "Không có ống mẫu mang số này. Hãy quét lại mã vạch trên nhãn."
        return await _list(request, actor, fault=fault, status=404, typed=number)
    return RedirectResponse(f"/laboratory/specimens/{found}", 303)


async def _list(request: Request, actor: Actor, *, fault: str = "", status: int = 200, typed: str = "") -> Response:
    state = request.query_params.get("state", "")
    analyser_id = request.query_params.get("analyser", "")[:64]
    async with request.app.state.store.begin(actor) as tx:
        orders = {one["id"]: one for one in await _active(tx)}
        done = await _done_today(tx)
        is_cut = max(len(orders), len(done)) >= _PAGE_COUNT
        if analyser_id:
            orders |= await resources.read_many(tx, "ServiceRequest", done)
            fits = await _of_analyser(tx, list(orders.values()), analyser_id)
            orders, done = {own: orders[own] for own in orders if own in fits}, [own for own in done if own in fits]
        reports = await tubes.reports_of(tx, [own for own in orders if own not in set(done)])
        specimens = await _specimens(tx, {own: one for own, one in reports.items() if _needs_tube(one)})
        states = {own: _state(reports.get(own), specimens) for own in orders} | dict.fromkeys(done, "done")
        counts = {name: sum(one == name for one in states.values()) for name in STATES}
        wanted = [own for own, one in states.items() if state not in STATES or one == state]
        pages = max(1, -(-len(wanted) // _LINES))
        number = min(forms.read_count(request.query_params.get("page", "")[:4], most=pages) or 1, pages)
        shown = wanted[(number - 1) * _LINES : number * _LINES]
        orders |= await resources.read_many(tx, "ServiceRequest", [own for own in shown if own not in orders])
        reports |= await tubes.reports_of(tx, [own for own in shown if own not in reports])
        missing = {own: reports[own] for own in shown if own in reports and not _needs_tube(reports[own])}
        specimens |= await _specimens(tx, missing)
        known = await screens.people(tx, [orders[own] for own in shown if own in orders], request)
        lines = [_line(orders[own], reports.get(own), specimens, known, states[own]) for own in shown if own in orders]
        return rendering.render(
            request,
            "laboratory/orders.html",
            block="lines" if rendering.is_fragment(request) else "",
            status=status,
            lines=lines,
            counts=counts,
            states=STATES,
            state=state,
            analyser=analyser_id,
            analysers=await machines.all_of(tx),
            fault=fault,
            typed=typed,
            is_cut=is_cut,
            number=number,
            pages=pages,
        )


async def _active(tx: Transaction) -> list[Resource]:
    """Open orders of the last days, urgent ones first, then the oldest."""
    since = ("authored", f"ge{(facts.today(tx) - timedelta(days=_DAYS)).isoformat()}")
    active = await resources.find(
        tx, "ServiceRequest", ("status", "active"), _LAB, since, ("_sort", "-authored"), count=_PAGE_COUNT
    )
    urgent = ("stat", "urgent", "asap")
    return sorted(active, key=lambda one: (one.get("priority") not in urgent, one.get("authoredOn", "")))


async def _done_today(tx: Transaction) -> list[str]:
    """Ids of the orders of today that were released; they are read when they are shown."""
    today = ("authored", facts.today(tx).isoformat())  # the whole day and no more: a range that an index answers
    done = [("status", "completed"), _LAB, today, ("_sort", "-authored")]
    return [one.id for one in await search.search_ids(tx, "ServiceRequest", done, limit=_PAGE_COUNT)]


async def _of_analyser(tx: Transaction, orders: list[Resource], analyser_id: str) -> set[str]:
    """Ids of the orders with a test that this analyser measures."""
    measured = {one.indicator for one in (await machines.mappings(tx, analyser_id)).values()}
    codes = {resources.code_of(one.get("code"), systems.SERVICE) for one in orders}
    rows = await catalogues.get_many(tx, "service", codes, on=facts.today(tx))
    fits = {code for code, row in rows.items() if measured & set(row.data.get("indicators") or ())}
    return {one["id"] for one in orders if resources.code_of(one.get("code"), systems.SERVICE) in fits}


async def _specimens(tx: Transaction, reports: dict[str, Resource]) -> dict[str, Resource]:
    wanted = sorted(
        {resources.id_of(one, "Specimen") for report in reports.values() for one in report.get("specimen", ())}
    )
    found: dict[str, Resource] = {}
    for start in range(0, len(wanted), 200):
        page_ids = ",".join(wanted[start : start + 200])
        found |= {one["id"]: one for one in await resources.find(tx, "Specimen", ("_id", page_ids))}
    return found


def _needs_tube(report: Resource) -> bool:
    """Whether only its specimen tells how far an order is."""
    return report.get("status") not in (*facts.RELEASED, "partial", "preliminary")


def _state(report: Resource | None, specimens: dict[str, Resource]) -> str:
    """Where an order stands: a key of STATES."""
    status = (report or {}).get("status", "")
    if status in facts.RELEASED:
        return "done"
    if status in ("partial", "preliminary"):
        return "partial" if status == "partial" else "measured"
    specimen = specimens.get(_tube(report))
    if specimen is None:
        return "waiting"
    return "received" if specimen.get("receivedTime") else "collected"


def _tube(report: Resource | None) -> str:
    """The id of the Specimen of a report, or ""."""
    return resources.id_of(((report or {}).get("specimen") or [{}])[0], "Specimen")


def _line(
    order: Resource, report: Resource | None, specimens: dict[str, Resource], known: dict[str, Any], state: str
) -> dict[str, Any]:
    specimen = specimens.get(_tube(report))
    return {
        "id": order["id"],
        "known": known.get(resources.id_of(order.get("subject"), "Patient")),
        "name": (order.get("code") or {}).get("text", ""),
        "is_urgent": order.get("priority") in ("stat", "urgent", "asap"),
        "at": order.get("authoredOn", ""),
        "state": state,
        "specimen": specimen["id"] if specimen else "",
        "number": tubes.number_of(specimen) if specimen else "",
        "is_corrected": (report or {}).get("status") == "corrected",
    }


ROUTES = (Route("/laboratory/orders", index), Route("/laboratory/orders", scan, methods=["POST"]))
