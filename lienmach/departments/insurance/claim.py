"""Pages of the noun "claim": its state, every version with its bytes, every answer as it came; send again, recall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import patients
from lienmach.care.claims import claims, preflight, refused_recalls, rejections
from lienmach.care.claims.claims import Version
from lienmach.departments.insurance import claim_changes, claim_clocks, claim_words, desk_rights, mending, message_words
from lienmach.departments.insurance.claim_changes import FieldChange
from lienmach.departments.insurance.claims import UNSENT, clocks, word_of
from lienmach.departments.insurance.visit import checked_id
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh import claim_xml
from lienmach.standards.bhxh.claim_xml import Tables
from lienmach.web import rendering, shell
from lienmach.web.pages import page

_CHANGES_MAX = 100
_STEPS = {"resend": claims.resend, "recall": claims.recall, "leave-recall": refused_recalls.leave}


@dataclass(frozen=True)
class Shown:
    """One version as the page tells it. changes: from the version before; more: how many are not shown."""

    version: Version
    changes: list[FieldChange]
    more: int


@page("claims.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /insurance/claims/{id} — the claim of a visit (an Encounter's id)."""
    return await _render(request, actor)


@page("claims.manage")
async def change(request: Request, actor: Actor) -> Response:
    """POST /insurance/claims/{id} — `step` resend, recall or leave-recall, with a `reason`."""
    own = checked_id(request)
    form = {name: str(value)[:300] for name, value in (await request.form()).items()}
    step, reason = form.get("step", ""), form.get("reason", "")
    verb = _STEPS.get(step)
    if verb is None:
        raise errors.Invalid("Hãy chọn gửi lại hoặc thu hồi.")

    async def work(tx: Transaction) -> None:
        await verb(tx, own, reason)

    try:
        await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as failure:
        return await _render(request, actor, form=form, failure=failure, status=failure.status)
    return RedirectResponse(f"/insurance/claims/{own}?done={step}", 303)


@page("claims.read")
async def download(request: Request, actor: Actor) -> Response:
    """GET /insurance/claims/{id}/versions/{version} — the file of a version, exactly the bytes that are or were sent."""
    own, wanted = checked_id(request), str(request.path_params["version"])
    async with request.app.state.store.begin(actor) as tx:
        claim = await claims.read(tx, own)
        tx.access.note("search-type", what=f"Patient/{claim.patient_id}", query=f"/insurance/claims/{own}/versions")
        found = next((one for one in await claims.versions(tx, own) if str(one.version) == wanted), None)
    if found is None:
        raise errors.NotFound("Hồ sơ này không có bản đó.")
    return Response(found.xml, media_type="application/xml", headers={
        "Content-Disposition": f'attachment; filename="{claim.ma_lk}-{found.version}.xml"',
    })  # fmt: skip


async def _render(
    request: Request,
    actor: Actor,
    *,
    form: dict[str, str] | None = None,
    failure: errors.Failure | None = None,
    status: int = 200,
) -> Response:
    own = checked_id(request)
    async with request.app.state.store.begin(actor) as tx:
        claim = await claims.read(tx, own)
        tx.access.note("search-type", what=f"Patient/{claim.patient_id}", query=f"/insurance/claims/{own}")
        returned = await rejections.of_visit(tx, own)
        word = word_of(claim)
        values: dict[str, Any] = {
            "banner": await patients.read_banner(tx, claim.patient_id, en=shell.language_of(request) == "en"),
            "claim": claim,
            "word": word,
            "clocks": clocks(claim, returned, tx.now, tx.tenant.time_zone),
            "is_late": claim.state in UNSENT and claim_clocks.is_late(claim.finished_at, claim.sent_at, tx.now),
            "findings": mending.of_findings(actor, own, claim.patient_id, await preflight.stored(tx, own)),
            "rejections": returned,
            "may_resend": claim.may_be_resent(tx.now),
            "may_leave": await refused_recalls.may_be_left(tx, claim),
            "versions": _shown(await claims.versions(tx, own)),
            "words": claim_words,
            "changed_text": claim_words.WHAT_TO_DO,
            "kinds": claim_clocks.KINDS,
            "problem_of": message_words.problem_of,
            "may": desk_rights.of(actor),
            "form": {"reason": "", **(form or {})},
            "sentence": rendering.sentence(request, failure) if failure else "",
            "done": "" if failure else request.query_params.get("done", ""),
        }
        return rendering.render(request, "insurance/claim.html", status=status, **values)


def _shown(versions: list[Version]) -> list[Shown]:
    """Newest first, each with what it changed."""
    ordered = sorted(versions, key=lambda one: one.version)
    found = []
    before: Tables | None = None  # of the version before it that was not given up
    for one in ordered:
        tables = claim_xml.read(one.xml).tables
        changes = claim_changes.between(before, tables) if before else []
        found.append(Shown(one, changes[:_CHANGES_MAX], max(0, len(changes) - _CHANGES_MAX)))
        before = before if one.state == "dropped" else tables
    return found[::-1]


ROUTES = (
    Route("/insurance/claims/{id}", show),
    Route("/insurance/claims/{id}", change, methods=["POST"]),
    Route("/insurance/claims/{id}/versions/{version}", download),
)
