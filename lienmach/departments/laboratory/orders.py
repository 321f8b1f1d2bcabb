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
        found = await _orders(tx)
        if analyser_id:
            found = await _of_analyser(tx, found, analyser_id)
        reports = await tubes.reports_of(tx, [one["id"] for one in found])
        specimens = await _specimens(tx, {own: one for own, one in reports.items() if _needs_tube(one)})
        states = {one["id"]: _state(reports.get(one["id"]), specimens) for one in found}
        counts = {name: sum(one == name for one in states.values()) for name in STATES}
        wanted = [one for one in found if state not in STATES or states[one["id"]] == state]
        pages = max(1, -(-len(wanted) // _LINES))
        number = min(forms.read_count(request.query_params.get("page", "")[:4], most=pages) or 1, pages)
        shown = wanted[(number - 1) * _LINES : number * _LINES]
        own = {one["id"]: reports[one["id"]] for one in shown if one["id"] in reports}
        specimens |= await _specimens(tx, {key: one for key, one in own.items() if not _needs_tube(one)})
        known = await screens.people(tx, shown, request)
        lines = [_line(one, reports.get(one["id"]), specimens, known, states[one["id"]]) for one in shown]
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
            is_cut=len(found) >= _PAGE_COUNT,
            number=number,
            pages=pages,
        )


async def _orders(tx: Transaction) -> list[Resource]:
    lab = ("category", f"{order_facts.KIND}|lab")
    since = ("authored", f"ge{(facts.today(tx) - timedelta(days=_DAYS)).isoformat()}")
    active = await resources.find(
        tx, "ServiceRequest", ("status", "active"), lab, since, ("_sort", "-authored"), count=_PAGE_COUNT
    )
    today = ("authored", facts.today(tx).isoformat())  # the whole day and no more: a range that an index answers
    done = await resources.find(
        tx, "ServiceRequest", ("status", "completed"), lab, today, ("_sort", "-authored"), count=_PAGE_COUNT
    )
    urgent = ("stat", "urgent", "asap")
    oldest = sorted(active, key=lambda one: (one.get("priority") not in urgent, one.get("authoredOn", "")))
    return [*oldest, *done]


async def _of_analyser(tx: Transaction, orders: list[Resource], analyser_id: str) -> list[Resource]:
    """Orders with a test that this analyser measures."""
    measured = {one.indicator for one in (await machines.mappings(tx, analyser_id)).values()}
    codes = {resources.code_of(one.get("code"), systems.SERVICE) for one in orders}
    rows = await catalogues.get_many(tx, "service", codes, on=facts.today(tx))
    fits = {code for code, row in rows.items() if measured & set(row.data.get("indicators") or ())}
    return [one for one in orders if resources.code_of(one.get("code"), systems.SERVICE) in fits]


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
