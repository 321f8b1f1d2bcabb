"""One entry of a batch: an exchange of its own, with its own commit and its own audit event (http.html#transaction)."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from lienmach.api import attempts, patch, steps
from lienmach.api.exchange import Answer, Request, read_params
from lienmach.api.steps import Step
from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.record.transaction import Store
from lienmach.standards.fhir import outcome

_TOO_LARGE = "The answers of this bundle together are larger than a body may be; ask for less at once."
Route = Callable[[Store, Request], tuple[str, Callable[[Store, Actor, Request], Awaitable[Answer]]]]


async def run(store: Store, actor: Actor, request: Request, found: list[Step], route: Route) -> list[bytes]:
    """The entries one after the other; those that come when the answer is full already are not run."""
    entries: list[bytes] = []
    size = 0
    for step in found:
        if size > request.limits.body_bytes_max:
            entries.append(_failed(errors.TooLarge(_TOO_LARGE)))
            continue
        entries.append(await entry(store, actor, request, step, route))
        size += len(entries[-1])
    return entries


async def entry(store: Store, actor: Actor, request: Request, step: Step, route: Route) -> bytes:
    """One entry of a batch is one exchange of its own, with its own commit and its own audit event."""
    if step.failure is not None:
        return _failed(step.failure)
    headers = {b"content-type": b"application/fhir+json", **step.headers}
    for name in (b"prefer", b"x-request-id"):
        if name in request.headers:
            headers[name] = request.headers[name]
    body = step.resource or b""
    if step.method == "PATCH":
        headers[b"content-type"] = patch.CONTENT_TYPE.encode()
    stream = io.BytesIO(body)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": stream.read(), "more_body": False}

    one = Request(
        step.method,
        step.parts,
        step.query,
        headers,
        request.base_url,
        request.address,
        request.limits,
        receive,
        read_params(step.query.encode()),
    )
    try:
        if step.method == "PATCH":
            stream = io.BytesIO(steps.patch_text(step))
        interaction, work = route(store, one)
        if interaction == "transaction":
            raise errors.Invalid(
                "An entry of a batch is not itself a batch or a transaction.", expression="request.url"
            )
        answer = await attempts.run(store, actor, one, work)
    except errors.Failure as failure:
        return _failed(failure)
    sent = dict(answer.headers)
    response: dict[str, Any] = {"status": f"{answer.status} {HTTPStatus(answer.status).phrase}"}
    if b"location" in sent:
        response["location"] = sent[b"location"].decode()[len(request.base_url) + 1 :]
    if b"etag" in sent:
        response["etag"] = sent[b"etag"].decode()
    shown = answer.body if step.method == "GET" or request.prefers("return") == "representation" else b""
    return steps.entry(response, shown)


def _failed(failure: errors.Failure) -> bytes:
    return steps.entry(
        {"status": f"{failure.status} {HTTPStatus(failure.status).phrase}", "outcome": outcome.build(failure.issues)}
    )
