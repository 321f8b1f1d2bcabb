"""Pages of the noun "analysers": which there are, what each calls our tests, and the messages that came."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogues
from lienmach.departments.laboratory import facts, machines, messages
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.pages import page


@page("results.enter")
async def index(request: Request, actor: Actor) -> Response:
    """GET /laboratory/analysers — the list, the form for a new one, the last messages."""
    return await _list(request, actor)


@page("results.enter")
async def add(request: Request, actor: Actor) -> Response:
    """POST /laboratory/analysers — a new analyser by the name that it calls itself."""
    form = await request.form()

    async def work(tx: Transaction) -> str:
        return await machines.add(
            tx, code=str(form.get("code", "")), name=str(form.get("name", "")), dialect=str(form.get("dialect", ""))
        )

    try:
        analyser_id = await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Unprocessable) as problem:
        typed = {name: str(form.get(name, "")) for name in ("code", "name", "dialect")}
        return await _list(request, actor, fault=problem.text, status=problem.status, typed=typed)
    return RedirectResponse(f"/laboratory/analysers/{analyser_id}", 303)


@page("results.enter")
async def show(request: Request, actor: Actor) -> Response:
    """GET /laboratory/analysers/{id} — one analyser with the table of its codes."""
    return await _show(request, actor)


@page("results.enter")
async def change(request: Request, actor: Actor) -> Response:
    """POST /laboratory/analysers/{id} — `step`: map a code, or listen to it or no more."""
    form = await request.form()
    analyser_id, step = str(request.path_params["id"]), str(form.get("step", ""))

    async def work(tx: Transaction) -> None:
        await machines.read(tx, analyser_id)
        if step == "map":
            await machines.map_code(
                tx, analyser_id, str(form.get("code", "")), str(form.get("indicator", "")),
                unit=str(form.get("unit", "")), factor=str(form.get("factor", "")) or "1",
            )  # fmt: skip
        elif step in ("on", "off"):
            machines.set_active(tx, analyser_id, step == "on")
        else:
            raise errors.Unprocessable("Hãy chọn một việc trên trang này.")

    try:
        await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Unprocessable) as problem:
        return await _show(request, actor, fault=problem.text, status=problem.status)
    return RedirectResponse(f"/laboratory/analysers/{analyser_id}", 303)


@page("results.enter")
async def message(request: Request, actor: Actor) -> Response:
    """GET /laboratory/analysers/messages/{id} — one message as it came."""
    async with request.app.state.store.begin(actor) as tx:
        found = await messages.read(tx, str(request.path_params["id"]))
        # The text names people, and nothing of the record is read for it: the audit gets the page itself.
        tx.access.note("search-type", query=f"/laboratory/analysers/messages/{found.message_id}")
        text = found.body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
        return rendering.render(request, "laboratory/analyser_message.html", kept=found, text=_visible(text))


@page("results.enter")
async def indicators(request: Request, actor: Actor) -> Response:
    """GET /laboratory/analysers/indicators?indicator= — tests of the catalogue for the list below a field."""
    text = request.query_params.get("indicator", "")[:80]
    async with request.app.state.store.begin(actor) as tx:
        found = await catalogues.find(tx, "indicator", text, on=facts.today(tx), limit=12)
        return rendering.render(request, "laboratory/indicators.html", indicators=found)


async def _list(
    request: Request, actor: Actor, *, fault: str = "", status: int = 200, typed: dict[str, str] | None = None
) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        return rendering.render(
            request,
            "laboratory/analysers.html",
            status=status,
            analysers=await machines.all_of(tx),
            kept=await messages.recent(tx),
            typed=typed or {"code": "", "name": "", "dialect": "hl7"},
            fault=fault,
            addresses=(request.app.state.settings.mllp, request.app.state.settings.astm),
        )


async def _show(request: Request, actor: Actor, *, fault: str = "", status: int = 200) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        analyser = await machines.read(tx, str(request.path_params["id"]))
        codes = await machines.mappings(tx, analyser.analyser_id)
        rows = await catalogues.get_many(tx, "indicator", [one.indicator for one in codes.values()], on=facts.today(tx))
        return rendering.render(
            request,
            "laboratory/analyser.html",
            status=status,
            analyser=analyser,
            codes=[(one, rows[one.indicator].name if one.indicator in rows else "") for one in codes.values()],
            fault=fault,
        )


def _visible(text: str) -> str:
    return "".join(one if one == "\n" or one.isprintable() else "·" for one in text)[:100_000]


ROUTES = (
    Route("/laboratory/analysers", index),
    Route("/laboratory/analysers", add, methods=["POST"]),
    Route("/laboratory/analysers/indicators", indicators),
    Route("/laboratory/analysers/messages/{id}", message),
    Route("/laboratory/analysers/{id}", show),
    Route("/laboratory/analysers/{id}", change, methods=["POST"]),
)
