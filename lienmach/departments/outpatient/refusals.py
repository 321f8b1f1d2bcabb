"""What a verb refuses, as a sentence on the page that asked: nothing was changed, and this is what to do."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.web import rendering

_SENTENCES_MAX = 12
Page = Callable[[Request, Actor], Awaitable[Response]]


def spoken(show: Page) -> Page:
    """A page whose conflicts and invalid values are answered with their own sentence (a key of `web/words`)."""

    @functools.wraps(show)
    async def guarded(request: Request, actor: Actor) -> Response:
        try:
            return await show(request, actor)
        except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as failure:
            return refuse(request, failure)

    return guarded


def refuse(request: Request, failure: errors.Failure) -> Response:
    """The sentences of a failure; for htmx only the box that goes into the page's notice."""
    return rendering.render(
        request,
        "outpatient/refusal.html",
        block="body" if rendering.is_fragment(request) else "",
        status=failure.status,
        sentences=sentences_of(request, failure),
        back=_back(request),
    )


def sentences_of(request: Request, failure: errors.Failure) -> list[str]:
    """The sentences of a failure in the language of the request; what stands before a colon (a code) stays."""
    said = []
    for issue in failure.issues[:_SENTENCES_MAX]:
        head, colon, tail = issue.diagnostics.partition(": ")
        whole = rendering.text(request, issue.diagnostics)
        said.append(f"{head}: {rendering.text(request, tail)}" if colon and whole == issue.diagnostics else whole)
    return said


def _back(request: Request) -> str:
    """The visit that the address names, else the work list."""
    own = str(request.path_params.get("id", ""))
    return f"/outpatient/visits/{own}" if own else "/outpatient/visits"
