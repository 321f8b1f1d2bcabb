"""Pages of the noun "rejection": the exact field that was sent back, what was sent, what it is now, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import patients
from lienmach.care.claims import building, claims, differences, rejections, replies
from lienmach.care.claims.claims import Version
from lienmach.care.claims.rejections import Rejection
from lienmach.care.money import accounts, statements
from lienmach.departments.insurance import claim_clocks, claim_words, desk_rights, mending, message_words
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh import claim_xml
from lienmach.standards.bhxh.claim_xml import Tables
from lienmach.web import rendering, shell
from lienmach.web.pages import page

_ID = re.compile(r"[A-Za-z0-9\-]{1,64}")


@dataclass(frozen=True)
class Value:
    """The field and its row. sent, now: its value in the version that was sent and as the record says today, None if
    there is no such row; rows: the whole row, (field, sent, now). is_mended: whether the place has become another."""

    sent: str | None
    now: str | None
    rows: list[tuple[str, str, str]]
    is_mended: bool


@page("claims.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /insurance/rejections/{id} — opened at the field that it names."""
    return await _render(request, actor)


@page("claims.manage")
async def change(request: Request, actor: Actor) -> Response:
    """POST /insurance/rejections/{id} — `step` resend (what was mended goes again) or answer (with words)."""
    own = _id(request)
    form = {name: str(value)[:2000] for name, value in (await request.form()).items()}
    step, text = form.get("step", ""), form.get("text", "").strip()
    if step not in ("resend", "answer"):
        raise errors.Invalid("Hãy chọn gửi lại hoặc giải trình.")

    async def work(tx: Transaction) -> None:
        rejection = await _read(tx, own)
        if step == "answer":
            await replies.answer(tx, own, text)
        else:
            await claims.resend(tx, rejection.encounter_id, text)

    try:
        await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as failure:
        return await _render(request, actor, form=form, failure=failure, status=failure.status)
    return RedirectResponse(f"/insurance/rejections/{own}?done={step}", 303)


async def _read(tx: Transaction, own: str) -> Rejection:
    found = await rejections.read(tx, own)
    if found is None:
        raise errors.NotFound("Không có lần trả hồ sơ này.")
    return found


async def _render(
    request: Request,
    actor: Actor,
    *,
    form: dict[str, str] | None = None,
    failure: errors.Failure | None = None,
    status: int = 200,
) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        one = await _read(tx, _id(request))
        tx.access.note("search-type", what=f"Patient/{one.patient_id}", query=f"/insurance/rejections/{one.id}")
        versions = await claims.versions(tx, one.encounter_id)
        now = await _tables_now(tx, one.encounter_id)
        values: dict[str, Any] = {
            "banner": await patients.read_banner(tx, one.patient_id, en=shell.language_of(request) == "en"),
            "one": one,
            "clock": claim_clocks.of_rejection(one, tx.now, tx.tenant.time_zone),
            "may_answer": one.may_be_answered(tx.now),
            "value": _value(one, versions, now),
            "place": mending.place_of(actor, one.encounter_id, one.patient_id, one.field, rejections.link_of(one)),
            "problem_of": message_words.problem_of,
            "words": claim_words,
            "kinds": claim_clocks.KINDS,
            "may": desk_rights.of(actor),
            "form": {"text": "", **(form or {})},
            "sentence": rendering.sentence(request, failure) if failure else "",
            "done": "" if failure else request.query_params.get("done", ""),
        }
        return rendering.render(request, "insurance/rejection.html", status=status, **values)


async def _tables_now(tx: Transaction, encounter_id: str) -> Tables:
    """The claim as it would be built now."""
    account, claim = await accounts.of_visit(tx, encounter_id), await claims.read(tx, encounter_id)
    return await building.tables_of(
        tx, encounter_id, await statements.current(tx, encounter_id),
        settled_at=account.settled_at if account else None, settle_on=claim.settle_on,
    )  # fmt: skip


def _value(one: Rejection, versions: list[Version], now: Tables) -> Value:
    version = next((each for each in versions if each.version == one.version), None)
    sent = claim_xml.read(version.xml).tables if version else {}
    old, new = differences.rows_at(sent, now, one.table, one.row)
    names = [*(old or {}), *(name for name in new or {} if name not in (old or {}))]
    told = [(name, (old or {}).get(name, ""), (new or {}).get(name, "")) for name in names]
    rows = [row for row in told if row[1] or row[2] or row[0] == one.field]
    return Value(
        None if old is None else old.get(one.field, ""),
        None if new is None else new.get(one.field, ""),
        rows,
        differences.is_mended(sent, now, one.table, one.field, one.row),
    )


def _id(request: Request) -> str:
    own = str(request.path_params["id"])
    if not _ID.fullmatch(own):
        raise errors.NotFound("Không có lần trả hồ sơ này.")
    return own


ROUTES = (Route("/insurance/rejections/{id}", show), Route("/insurance/rejections/{id}", change, methods=["POST"]))
