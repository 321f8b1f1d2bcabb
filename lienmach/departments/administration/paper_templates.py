"""Pages of the noun "paper": the facility's printed templates, edited on screen with a preview."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import paper, paper_templates
from lienmach.care.paper_templates import Template, Version
from lienmach.record.transaction import Transaction
from lienmach.web import rendering
from lienmach.web.department import MenuItem
from lienmach.web.pages import page

#: Dots an inch of the picture, so that each is about 540 dots wide: as wide as its column, and light enough for a page.
_PREVIEW_PPI = {
    "ticket": 130, "specimen-label": 220, "result": 65, "visit-summary": 65, "referral": 65,
    "cost-statement": 50, "invoice": 55,
}  # fmt: skip
_PREVIEW_PPI_A5 = 90
_TOO_LONG = "Mẫu in dài quá {count} ký tự."
_RACED = "Có người vừa lưu một bản khác của mẫu này. Nội dung của bạn còn ở dưới; hãy so với bản mới rồi lưu lại."
_LIMIT = "Mẫu in chạy quá lâu hoặc cần quá nhiều bộ nhớ. Hãy tìm vòng lặp không dừng."


@dataclass(frozen=True)
class Draft:
    """What stands in the editor. after: the newest version that the person has seen. base: the version whose shared
    part it is compiled with, 0 for today's built-in one."""

    kind: str
    source: str
    after: int
    base: int
    note: str = ""


@page("paper.change")
async def index(request: Request, actor: Actor) -> Response:
    """GET /administration/paper — every kind of paper, with whose template it is printed."""
    async with request.app.state.store.begin(actor) as tx:
        own = {one.kind: one for one in await paper_templates.versions(tx)}
        kinds = [{"kind": kind, "title": paper.TITLES[kind], "own": own.get(kind)} for kind in paper.KINDS]
        return rendering.render(request, "administration/paper_templates.html", kinds=kinds, kind="")


@page("paper.change")
async def show(request: Request, actor: Actor) -> Response:
    """GET /administration/paper/{kind}?version= — the editor with the template in use, or with an earlier version."""
    kind, wanted = request.path_params["kind"], request.query_params.get("version", "")
    async with request.app.state.store.begin(actor) as tx:
        kept = await paper_templates.versions(tx, kind)
        after = kept[0].number if kept else 0
        shown = await _wanted(tx, kind, wanted) if wanted else await paper_templates.current(tx, kind)
    draft = Draft(kind, shown.source, after, shown.version)
    return await _editor(request, draft, kept, prelude=shown.prelude, done=request.query_params.get("done", ""))


@page("paper.change")
async def change(request: Request, actor: Actor) -> Response:
    """POST /administration/paper/{kind} — `step` preview compiles and shows, save keeps a new version, reset returns
    to the built-in template."""
    store, kind = request.app.state.store, request.path_params["kind"]
    draft = _draft(kind, await request.form())
    async with store.begin(actor) as tx:
        kept = await paper_templates.versions(tx, kind)
        prelude = (await _wanted(tx, kind, str(draft.base))).prelude
    step = str((await request.form()).get("step", "preview"))
    if step == "reset":
        return await _save(request, actor, Draft(kind, "", draft.after, 0), kept, prelude="")
    if len(draft.source) > paper_templates.SOURCE_CHARACTERS_MAX:
        fault = rendering.text(request, _TOO_LONG, count=paper_templates.SOURCE_CHARACTERS_MAX)
        return await _editor(request, draft, kept, prelude=prelude, fault=fault)
    if step != "save":
        return await _editor(request, draft, kept, prelude=prelude)
    try:
        await paper.check(kind, draft.source, prelude=prelude)
    except paper.TemplateFault:
        return await _editor(request, draft, kept, prelude=prelude, status=422)
    return await _save(request, actor, draft, kept, prelude=prelude)


@page("paper.change")
async def preview(request: Request, actor: Actor) -> Response:
    """GET /administration/paper/{kind}/preview?version= — the sample of this kind as PDF; version 0 is the built-in."""
    kind, wanted = request.path_params["kind"], request.query_params.get("version", "")
    async with request.app.state.store.begin(actor) as tx:
        shown = await _wanted(tx, kind, wanted) if wanted else await paper_templates.current(tx, kind)
    pdf = await paper.compile_paper(shown, paper_templates.sample(kind))
    return Response(
        pdf, media_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{kind}.pdf"'}
    )


async def _save(request: Request, actor: Actor, draft: Draft, kept: list[Version], *, prelude: str) -> Response:
    async def work(tx: Transaction) -> None:
        paper_templates.save(tx, draft.kind, draft.source, after=draft.after, note=draft.note, prelude=prelude)

    try:
        await request.app.state.store.run(actor, work)
    except errors.Conflict:
        return await _editor(request, draft, kept, prelude=prelude, fault=rendering.text(request, _RACED), status=409)
    return RedirectResponse(f"/administration/paper/{draft.kind}?done={'save' if draft.source else 'reset'}", 303)


async def _wanted(tx: Transaction, kind: str, number: str) -> Template:
    """A version by its number; 0, and a version that returned to it, is the built-in template."""
    if not (number.isascii() and number.isdecimal()) or len(number) > 9:
        raise errors.NotFound(f"There is no version {number[:20]} of this template.")
    if int(number) == 0:
        return paper_templates.built_in(kind)
    found = await paper_templates.version(tx, kind, int(number))
    return (
        paper_templates.built_in(kind)
        if found.is_built_in
        else Template(kind, found.number, found.source, found.prelude)
    )


def _draft(kind: str, form: FormData) -> Draft:
    numbers = {name: str(form.get(name, "0")) for name in ("after", "base")}
    whole = {
        name: int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
        for name, text in numbers.items()
    }
    source = str(form.get("source", "")).replace("\r\n", "\n")
    return Draft(kind, source, whole["after"], whole["base"], str(form.get("note", "")).strip()[:200])


async def _editor(
    request: Request,
    draft: Draft,
    kept: list[Version],
    *,
    prelude: str,
    fault: str = "",
    status: int = 200,
    done: str = "",
) -> Response:
    """The page with the draft, its picture or its faults."""
    image, faults = "", []
    ppi = _PREVIEW_PPI.get(draft.kind, _PREVIEW_PPI_A5)
    if not fault:
        try:
            template = Template(draft.kind, -1, draft.source, prelude)
            drawn = await paper.compile_paper(template, paper_templates.sample(draft.kind), image_ppi=ppi)
            image = base64.b64encode(drawn).decode()
            if status == 422:  # it prints the sample but not a paper whose facts are missing
                await paper.compile_paper(template, {}, image_ppi=ppi)
        except paper.TemplateFault as found:
            faults = [_fault(request, one, found.is_limit) for one in found.faults]
            status = 422 if request.method == "POST" else 200
    newest = kept[0] if kept and not kept[0].is_built_in else None
    return rendering.render(
        request,
        "administration/paper_templates.html",
        status=422 if fault and status == 200 else status,
        kind=draft.kind,
        title=paper.TITLES[draft.kind],
        draft=draft,
        kept=kept,
        is_outdated=newest is not None and newest.is_outdated,
        built_in=paper_templates.built_in(draft.kind).source,
        image=image,
        faults=faults,
        fault=fault,
        done=done,
    )


def _fault(request: Request, one: paper.Fault, is_limit: bool) -> dict[str, Any]:
    text = rendering.text(request, _LIMIT) if is_limit else one.text
    return {"line": one.line, "column": one.column, "text": text, "hint": one.hint}


MENU = (
    MenuItem(
        "Mẫu in",
        "/administration/paper",
        "paper.change",
        note="Phiếu, nhãn, đơn thuốc, giấy chuyển: sửa mẫu, xem thử, quay lại bản cũ.",
    ),
)
ROUTES = (
    Route("/administration/paper", index),
    Route("/administration/paper/{kind}", show),
    Route("/administration/paper/{kind}", change, methods=["POST"]),
    Route("/administration/paper/{kind}/preview", preview),
)
