"""The FHIR door: method and path -> interaction (FHIR R4 http.html). Raw ASGI below `/fhir`.

GET    metadata                                 capabilities (no token)
POST   (root)                                   batch, transaction
GET    (root) ?…, POST _search                  search of everything
GET    _history                                 history of everything
GET    [type] ?…, POST [type]/_search           search
POST   [type]                                   create
PUT, PATCH, DELETE [type] ?…                    by a condition
GET    [type]/_history                          history of a type
GET, PUT, PATCH, DELETE [type]/[id]             read, update, patch, delete
GET    [type]/[id]/_history [/vid]              history, vread
GET    [compartment]/[id]/[type] ?…             compartment search; `*` for every type
"""

from __future__ import annotations

import logging
import time
from typing import Any

from lienmach.api import (
    answers,
    attempts,
    capabilities,
    create,
    delete,
    history,
    patch,
    read,
    search,
    tokens,
    transaction,
    update,
)
from lienmach.api.attempts import Work
from lienmach.api.exchange import Answer, Receive, Request, Send
from lienmach.base import errors, metrics
from lienmach.base.actor import Actor
from lienmach.record import failures
from lienmach.record.transaction import Store

_log = logging.getLogger(__name__)
_COMPARTMENTS = frozenset(["Patient", "Encounter", "Practitioner", "RelatedPerson", "Device"])


class FhirDoor:
    """ASGI application for `/fhir…`. store: of this process, or None until the start-up has opened it."""

    def __init__(self, prefix: str = "/fhir") -> None:
        self.prefix = prefix
        self.store: Store | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request: Request | None = None
        name = "refused"
        try:
            if self.store is None:
                raise errors.Unavailable("This node is starting; try again in a moment.")
            request = Request.read(scope, receive, self.store.limits, self.prefix)
            name, work = route(self.store, request)
            answers.check_format(request)
            if name == "capabilities":
                answer = await capabilities.metadata(self.store, request)
            else:
                actor = await tokens.actor_of(self.store, request)
                answer = await attempts.run(self.store, actor, request, work)
            answer = await answers.finish(request, answer)
        except Exception as error:
            failure = failures.failure_of(error)
            if failure is None:
                _log.exception("%s failed in a way that it should not", name)
            answer = answers.of_fault() if failure is None else answers.of_failure(failure)
        metrics.count_answer(name, scope["method"], answer.status, time.perf_counter() - started)
        await answer.send(request, send)


def route(store: Store, request: Request) -> tuple[str, Work]:
    """(name of the interaction, its function). Raises errors.NotFound, NotAllowed."""
    parts, method = request.parts, "GET" if request.method == "HEAD" else request.method
    if any("\0" in part for part in parts):  # PostgreSQL has no such text, and others may share the statement
        raise errors.NotFound("The path holds a NUL character, which no id has.", code="value")
    if not parts or parts[0].startswith("_") or parts[0] == "metadata":
        return _system(parts, method)
    kind = parts[0]
    if kind.startswith("$") or any(part.startswith("$") for part in parts):
        raise errors.NotFound(f"There is no operation {parts[-1][:60]} here.", code="not-supported")
    if not store.definitions.is_resource_type(kind):
        raise errors.NotFound(f"{kind[:60]} is not a resource type of FHIR R4.", code="not-supported")
    if len(parts) == 1:
        return _type(kind, method, request)
    if len(parts) == 2 and parts[1] in ("_search", "_history"):
        if parts[1] == "_search":
            return _only(method, ("POST",), "search-type", lambda s, a, r: search.search_page(s, a, r, kind))
        return _only(method, ("GET",), "history-type", lambda s, a, r: history.versions(s, a, r, kind))
    if len(parts) == 2:
        return _instance(kind, parts[1], method)
    return _below(store, parts, method)


def _system(parts: tuple[str, ...], method: str) -> tuple[str, Work]:
    if parts in ((), ("_search",)):
        if not parts and method == "POST":
            return "transaction", lambda s, a, r: transaction.bundle(s, a, r, route)
        return _only(
            method,
            ("GET",) if not parts else ("POST",),
            "search-system",
            lambda s, a, r: search.search_page(s, a, r, None),
        )
    if parts == ("_history",):
        return _only(method, ("GET",), "history-system", lambda s, a, r: history.versions(s, a, r))
    if parts == ("metadata",):
        return _only(method, ("GET",), "capabilities", _nothing)
    raise errors.NotFound(f"There is nothing at /{'/'.join(parts)[:80]}.")


async def _nothing(store: Store, actor: Actor, request: Request) -> Answer:
    return Answer(204)


def _type(kind: str, method: str, request: Request) -> tuple[str, Work]:
    if method == "GET":
        return "search-type", lambda s, a, r: search.search_page(s, a, r, kind)
    if method == "POST":
        return "create", lambda s, a, r: create.create(s, a, r, kind)
    if method in ("PUT", "PATCH", "DELETE") and not request.query:
        raise errors.NotAllowed(f"{method} needs an id, or a condition in the query.")
    if method == "PUT":
        return "update-conditional", lambda s, a, r: update.by_condition(s, a, r, kind)
    if method == "PATCH":
        return "patch-conditional", lambda s, a, r: patch.instance(s, a, r, kind, None)
    allowed = ("GET", "POST", "PUT", "PATCH", "DELETE")
    return _only(method, allowed, "delete-conditional", lambda s, a, r: delete.by_condition(s, a, r, kind))


def _instance(kind: str, resource_id: str, method: str) -> tuple[str, Work]:
    if method == "GET":
        return "read", lambda s, a, r: read.instance(s, a, r, kind, resource_id)
    if method == "PUT":
        return "update", lambda s, a, r: update.instance(s, a, r, kind, resource_id)
    if method == "PATCH":
        return "patch", lambda s, a, r: patch.instance(s, a, r, kind, resource_id)
    allowed = ("GET", "PUT", "PATCH", "DELETE")
    return _only(method, allowed, "delete", lambda s, a, r: delete.instance(s, a, r, kind, resource_id))


def _below(store: Store, parts: tuple[str, ...], method: str) -> tuple[str, Work]:
    kind, resource_id, below = parts[0], parts[1], parts[2]
    if below == "_history" and len(parts) == 3:
        return _only(method, ("GET",), "history-instance", lambda s, a, r: history.versions(s, a, r, kind, resource_id))
    if below == "_history" and len(parts) == 4:
        return _only(method, ("GET",), "vread", lambda s, a, r: read.version(s, a, r, kind, resource_id, parts[3]))
    searched = len(parts) == 3 or (len(parts) == 4 and parts[3] == "_search")
    if kind in _COMPARTMENTS and searched and (below == "*" or store.definitions.is_resource_type(below)):
        wanted = None if below == "*" else below
        return _only(
            method,
            ("GET",) if len(parts) == 3 else ("POST",),
            "search-compartment",
            lambda s, a, r: search.search_page(s, a, r, wanted, compartment=(kind, resource_id)),
        )
    raise errors.NotFound(f"There is nothing at /{'/'.join(parts)[:80]}.")


def _only(method: str, allowed: tuple[str, ...], name: str, work: Work) -> tuple[str, Work]:
    if method not in allowed:
        raise errors.NotAllowed(f"{method[:20]} is not done here, only {' and '.join(allowed)}.")
    return name, work
