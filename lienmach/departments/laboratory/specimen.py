"""Pages of the noun "specimen": one tube with its results: receive, refuse, label, enter, pass, release, correct."""

from __future__ import annotations

import hashlib
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import paper, patients, resources, signing
from lienmach.departments.laboratory import facts, panel, results, runs, screens, specimen_labels, tubes
from lienmach.departments.laboratory.panel import Panel
from lienmach.identity import roles
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction
from lienmach.web import rendering, sessions, shell
from lienmach.web.pages import page

_VALUE = "v-"


@page("results.enter")
async def show(request: Request, actor: Actor) -> Response:
    """GET /laboratory/specimens/{id} — the tube, its person, all results with ranges and what was before."""
    return await _show(request, actor)


@page("specimens.collect")
async def label(request: Request, actor: Actor) -> Response:
    """GET /laboratory/specimens/{id}/label — the label 50 × 25 mm as PDF, as often as it is needed."""
    async with request.app.state.store.begin(actor) as tx:
        pdf = await paper.render(tx, "specimen-label", await specimen_labels.data(tx, _id(request)))
    return Response(pdf, media_type="application/pdf", headers={"Content-Disposition": 'inline; filename="label.pdf"'})


@page("results.enter")
async def change(request: Request, actor: Actor) -> Response:
    """POST /laboratory/specimens/{id} — `step`: receive, reject, enter (values), pass (technically)."""
    form = await request.form()
    step = str(form.get("step", ""))
    specimen_id = _id(request)

    async def work(tx: Transaction) -> None:
        if step == "receive":
            await tubes.receive(tx, specimen_id)
        elif step == "reject":
            await tubes.reject(tx, specimen_id, str(form.get("reason", "")))
        elif step in ("enter", "pass"):
            await _enter(tx, specimen_id, form, passes=step == "pass")
        else:
            raise errors.Unprocessable("Hãy chọn một việc trên trang này.")

    return await _run(request, actor, work, form)


@page("results.validate")
async def release(request: Request, actor: Actor) -> Response:
    """POST /laboratory/specimens/{id}/release — release what was passed, in one's own name, signed."""
    form = await request.form()
    specimen_id, conclusion = _id(request), str(form.get("conclusion", ""))

    async def work(tx: Transaction) -> list[Stored]:
        found = await _panel(tx, specimen_id)
        _check_seen(found, str(form.get("seen", "")))
        ready = {
            test.order["id"]
            for test in found.tests
            if test.observation is not None
            and test.observation["status"] == "preliminary"
            and facts.is_technically_valid(test.observation)
        }
        if not ready:
            raise errors.Conflict("Chưa có kết quả nào chờ trả: cần duyệt kỹ thuật trước.")
        stored: list[Stored] = []
        for order_id in sorted(ready):
            stored += await results.release(tx, found, order_id, conclusion)
        return stored

    return await _sign(request, actor, work, form, activity="release-result")


@page("results.validate")
async def correct(request: Request, actor: Actor) -> Response:
    """POST /laboratory/specimens/{id}/correct — another value for a released one, with a reason, signed."""
    form = await request.form()
    specimen_id, key = _id(request), str(form.get("key", ""))

    async def work(tx: Transaction) -> list[Stored]:
        found = await _panel(tx, specimen_id)
        test = next((one for one in found.tests if one.key == key), None)
        if test is None:
            raise errors.Unprocessable("Hãy chọn xét nghiệm cần sửa.")
        return await results.correct(tx, found, test, str(form.get("value", "")), str(form.get("reason", "")))

    return await _sign(request, actor, work, form, activity="correct-result")


async def _sign(request: Request, actor: Actor, work: Any, form: FormData, *, activity: str) -> Response:
    """Run work with the actor's key; what it stores is signed in the same commit."""
    store = request.app.state.store
    try:
        signer = await signing.signer_for(
            store, actor, session_key=_session_key(request), pin=str(form.get("pin", "")) or None
        )
    except signing.SigningRefused as refused:
        return await _show(request, actor, pin_fault=str(refused), status=422, form=form)

    async def signed(tx: Transaction) -> None:
        await signing.attach(tx, signer, await work(tx), activity=activity)

    return await _run(request, actor, signed, form)


async def _run(request: Request, actor: Actor, work: Any, form: FormData) -> Response:
    try:
        await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Unprocessable) as problem:
        return await _show(request, actor, fault=problem.text, status=problem.status, form=form)
    return RedirectResponse(f"/laboratory/specimens/{_id(request)}", 303)


async def _enter(tx: Transaction, specimen_id: str, form: FormData, *, passes: bool) -> None:
    """Store the values that changed; passes: pass the ticked tests technically too."""
    found = await _panel(tx, specimen_id)
    if found.specimen.get("status") not in ("available", "unavailable"):
        raise errors.Conflict("Mẫu này đã bị từ chối; hãy lấy mẫu lại.")
    for test in found.tests:
        text = str(form.get(_VALUE + test.key, "")).strip()
        now = facts.value_text(test.observation or {}) if facts.has_value(test.observation) else ""
        if text and text != now and test.order.get("status") == "active":
            await results.enter(tx, found, test, text)
    if passes:
        await tubes.receive(tx, specimen_id)
        again = await panel.of_specimen(tx, await resources.read(tx, "Specimen", specimen_id))
        ticked = set(form.getlist("pass"))
        wanted = [one for one in again.tests if one.key in ticked]
        if not await results.pass_technically(tx, wanted):
            raise errors.Unprocessable("Hãy đánh dấu ít nhất một kết quả để duyệt kỹ thuật.")


async def _panel(tx: Transaction, specimen_id: str) -> Panel:
    return await panel.of_specimen(tx, await resources.read(tx, "Specimen", specimen_id))


async def _show(
    request: Request,
    actor: Actor,
    *,
    fault: str = "",
    pin_fault: str = "",
    status: int = 200,
    form: FormData | None = None,
) -> Response:
    store = request.app.state.store
    can_release = roles.may(actor, "results.validate")
    state = None
    if can_release:
        state = await signing.state_of(store, actor, session_key=_session_key(request), fault=pin_fault)
    async with store.begin(actor) as tx:
        found = await _panel(tx, _id(request))
        before = await panel.earlier(tx, found)
        out = await runs.out_of_control(tx)
        is_open = found.specimen.get("status") in ("available", "unavailable")
        lines = [screens.line(one, before.get(one.indicator.code), out, is_open=is_open) for one in found.tests]
        services = [
            {
                "name": name,
                "lines": [line for line, test in zip(lines, found.tests, strict=True) if test.service == name],
            }
            for name in dict.fromkeys(test.service for test in found.tests)
        ]
        return rendering.render(
            request,
            "laboratory/specimen.html",
            status=status,
            specimen=found.specimen,
            specimen_id=found.specimen["id"],
            number=tubes.number_of(found.specimen),
            known=await patients.read_banner(tx, found.patient["id"], en=shell.language_of(request) == "en"),
            services=services,
            typed={name: str(value) for name, value in form.items() if name.startswith(_VALUE)} if form else {},
            has_open=any(one["is_open"] for one in lines),
            has_passed=any(one["is_passed"] and not one["is_released"] for one in lines),
            released=[one for one in lines if one["is_released"]],
            reports=[one for one in found.reports.values() if one["status"] in (*facts.RELEASED, "partial")],
            is_refused=not is_open,
            reason=(found.specimen.get("note") or [{}])[-1].get("text", ""),
            seen=_seen(found),
            can_release=can_release,
            signing_state=state,
            fault=fault,
        )


def _seen(found: Panel) -> str:
    """Which versions the page shows, so that nobody releases what they have not seen."""
    told = [f"{test.key}/{(test.observation or {}).get('meta', {}).get('versionId', '0')}" for test in found.tests]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:32]


def _check_seen(found: Panel, seen: str) -> None:
    if seen != _seen(found):
        raise errors.Conflict("Kết quả vừa thay đổi; hãy xem lại rồi trả.")


def _session_key(request: Request) -> bytes:
    session = sessions.found(request)
    return session.cookie.encode() if session else b""


def _id(request: Request) -> str:
    return str(request.path_params["id"])


ROUTES = (
    Route("/laboratory/specimens/{id}", show),
    Route("/laboratory/specimens/{id}", change, methods=["POST"]),
    Route("/laboratory/specimens/{id}/label", label),
    Route("/laboratory/specimens/{id}/release", release, methods=["POST"]),
    Route("/laboratory/specimens/{id}/correct", correct, methods=["POST"]),
)
