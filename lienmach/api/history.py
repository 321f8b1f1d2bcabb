"""GET …/_history of an instance, a type, everything (FHIR R4 http.html#history), newest first."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote, urlencode

from lienmach.api import answers
from lienmach.api.exchange import Answer, Request
from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.record import history
from lienmach.record.transaction import Store, Transaction
from lienmach.standards.fhir import dates

_KNOWN = frozenset(["_count", "_since", "_at", "_page", "_format", "_pretty", "_summary", "_elements"])


async def versions(
    store: Store, actor: Actor, request: Request, resource_type: str | None = None, resource_id: str | None = None
) -> Answer:
    level = "instance" if resource_id else "type" if resource_type else "system"
    for name, _ in request.params:
        if name not in _KNOWN and request.prefers("handling") != "lenient":
            raise errors.UnknownParameter(f"History has no parameter '{name[:80]}'.")
    count = _count(request)
    async with store.begin(actor) as tx:
        tx.access.note(
            f"history-{level}",
            what=f"{resource_type}/{resource_id[:64]}" if resource_id else "",
            query="" if resource_id else f"{'/'.join(request.parts)}?{request.query}",
            request_id=request.header(b"x-request-id"),
        )
        page = await history.history(
            tx,
            resource_type,
            resource_id,
            count=count,
            before_seq=_before(request),
            since=_moment(tx, request, "_since"),
            at=_range(tx, request),
        )
    path = quote("/".join(request.parts))
    kept = [(name, value) for name, value in request.params if name != "_page"]
    links = [("self", f"{request.base_url}/{path}" + (f"?{urlencode(kept)}" if kept else ""))]
    if page.next_seq is not None:
        links.append(("next", f"{request.base_url}/{path}?{urlencode([*kept, ('_page', str(page.next_seq))])}"))
    entries = [answers.history_entry(request.base_url, one) for one in page.entries]
    body = answers.bundle("history", links=links, entries=entries, total=page.total)
    return Answer(200, body, [(b"content-type", b"application/fhir+json; charset=utf-8")])


def _count(request: Request) -> int:
    text = request.param("_count")
    if text is None:
        return request.limits.page_count_default
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise errors.Invalid(f"_count takes a number, not {text[:40]}")
    return max(1, min(int(text), request.limits.page_count_max))


def _before(request: Request) -> int | None:
    text = request.param("_page")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise errors.Invalid("_page is not one of the links that this server gave.")
    return int(text)


def _moment(tx: Transaction, request: Request, name: str) -> datetime | None:
    text = request.param(name)
    if text is None:
        return None
    try:
        return dates.parse_range(text, tx.tenant.time_zone)[0]
    except ValueError as problem:
        raise errors.Invalid(f"{name}: {problem}") from None


def _range(tx: Transaction, request: Request) -> tuple[datetime, datetime] | None:
    text = request.param("_at")
    if text is None:
        return None
    try:
        return dates.parse_range(text, tx.tenant.time_zone)
    except ValueError as problem:
        raise errors.Invalid(f"_at: {problem}") from None
