"""Pages of the noun "controls": lots of control material, their runs and their Levey-Jennings charts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogues
from lienmach.departments.laboratory import charts, facts, machines, ranges, runs, westgard
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import dates_typed
from lienmach.web import formats, rendering
from lienmach.web.pages import page

_FIELDS = ("analyser", "indicator", "level", "lot", "sample", "mean", "sd", "expires")
#: rule -> what it says.
RULES = {
    "1-3s": "Một lần đo vượt 3 độ lệch chuẩn",
    "2-2s": "Hai lần liên tiếp vượt 2 độ lệch chuẩn về cùng một phía",
    "R-4s": "Hai lần liên tiếp cách nhau quá 4 độ lệch chuẩn",
    "4-1s": "Bốn lần liên tiếp vượt 1 độ lệch chuẩn về cùng một phía",
    "10-x": "Mười lần liên tiếp nằm về cùng một phía của giá trị trung bình",
    "1-2s": "Một lần đo vượt 2 độ lệch chuẩn (cảnh báo)",
}


@page("results.enter")
async def index(request: Request, actor: Actor) -> Response:
    """GET /laboratory/controls — open lots with the state of their last run, and the form for a new lot."""
    return await _list(request, actor)


@page("results.enter")
async def open_lot(request: Request, actor: Actor) -> Response:
    """POST /laboratory/controls — a new lot."""
    form = await request.form()
    typed = {name: str(form.get(name, "")).strip()[:80] for name in _FIELDS}
    expires = _day(typed["expires"], request.app.state.store.now().date())

    async def work(tx: Transaction) -> str:
        await machines.read(tx, typed["analyser"])
        return await runs.open_lot(
            tx, analyser_id=typed["analyser"], indicator=typed["indicator"], level=typed["level"], lot=typed["lot"],
            sample=typed["sample"], mean=typed["mean"], sd=typed["sd"], expires_on=expires,
        )  # fmt: skip

    try:
        lot_id = await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Unprocessable, errors.NotFound) as problem:
        told = "Hãy chọn máy." if isinstance(problem, errors.NotFound) else problem.text
        return await _list(request, actor, fault=told, status=422, typed=typed)
    return RedirectResponse(f"/laboratory/controls/{lot_id}", 303)


@page("results.enter")
async def show(request: Request, actor: Actor) -> Response:
    """GET /laboratory/controls/{id} — the chart and the runs of a lot."""
    return await _show(request, actor)


@page("results.enter")
async def change(request: Request, actor: Actor) -> Response:
    """POST /laboratory/controls/{id} — `step`: run (a value by hand), close."""
    form = await request.form()
    lot_id, step = str(request.path_params["id"]), str(form.get("step", ""))

    async def work(tx: Transaction) -> None:
        lot = await runs.read(tx, lot_id)
        if step == "close":
            runs.close_lot(tx, lot_id)
            return
        value = ranges.read_value(str(form.get("value", "")))
        if value is None or value.comparator:
            raise errors.Unprocessable("Giá trị nội kiểm phải là một số, ví dụ 4,1.")
        if not lot.is_open:
            raise errors.Conflict("Lô này đã đóng.")
        await runs.add(tx, lot, value.number, " ".join(str(form.get("note", "")).split()))

    try:
        await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Unprocessable) as problem:
        return await _show(request, actor, fault=problem.text, status=problem.status)
    return RedirectResponse(f"/laboratory/controls/{lot_id}", 303)


async def _list(
    request: Request, actor: Actor, *, fault: str = "", status: int = 200, typed: dict[str, str] | None = None
) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        lots = await runs.lots(tx)
        names = await catalogues.get_many(tx, "indicator", [one.indicator for one in lots], on=facts.today(tx))
        analysers = await machines.all_of(tx)
        by_id = {one.analyser_id: one.name for one in analysers}
        lines: list[dict[str, Any]] = []
        for one in lots:
            last = await runs.runs_of(tx, one.lot_id, limit=1)
            lines.append(
                {"lot": one, "name": names[one.indicator].name if one.indicator in names else one.indicator,
                 "analyser": by_id.get(one.analyser_id, ""), "last": last[0] if last else None,
                 "is_out": bool(last) and westgard.is_out(last[0].rules)}
            )  # fmt: skip
        return rendering.render(
            request,
            "laboratory/controls.html",
            status=status,
            lines=lines,
            analysers=analysers,
            typed=typed or dict.fromkeys(_FIELDS, ""),
            fault=fault,
        )


async def _show(request: Request, actor: Actor, *, fault: str = "", status: int = 200) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        lot = await runs.read(tx, str(request.path_params["id"]))
        row = await catalogues.get(tx, "indicator", lot.indicator, on=facts.today(tx))
        name = row.name if row else lot.indicator
        found = await runs.runs_of(tx, lot.lot_id)
        points = [(formats.moment(one.entered_at), one.value, one.rules) for one in found]
        return rendering.render(
            request,
            "laboratory/control.html",
            status=status,
            lot=lot,
            name=name,
            runs=list(reversed(found)),
            rules=RULES,
            is_out=bool(found) and westgard.is_out(found[-1].rules),
            chart=charts.levey_jennings(points, mean=lot.mean, sd=lot.sd, title=f"Levey-Jennings: {name} {lot.level}"),
            fault=fault,
        )


def _day(text: str, today: date) -> date | None:
    """A whole date as typed, up to twenty years from now; None for anything else."""
    found = [one.fhir for one in dates_typed.read(text, today + timedelta(days=20 * 366)) if len(one.fhir) == 10]
    return date.fromisoformat(found[0]) if found else None


ROUTES = (
    Route("/laboratory/controls", index),
    Route("/laboratory/controls", open_lot, methods=["POST"]),
    Route("/laboratory/controls/{id}", show),
    Route("/laboratory/controls/{id}", change, methods=["POST"]),
)
