"""GET and POST _search of a type, a compartment, everything (FHIR R4 search.html)."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from lienmach.api import answers, subsets
from lienmach.api.exchange import Answer, Request, read_params
from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.base.errors import Issue
from lienmach.record import search
from lienmach.record.transaction import Store, Transaction
from lienmach.standards.fhir import json as fhir_json
from lienmach.standards.fhir import outcome


async def search_page(
    store: Store,
    actor: Actor,
    request: Request,
    resource_type: str | None,
    *,
    compartment: tuple[str, str] | None = None,
) -> Answer:
    """One page of matches, with what they include. One snapshot, one audit event, links by key."""
    params = list(request.params)
    if request.method == "POST":
        if request.content_type() != "application/x-www-form-urlencoded":
            raise errors.Unsupported("_search takes application/x-www-form-urlencoded.")
        body = await request.body()
        if len(body) > request.limits.query_bytes_max:
            raise errors.TooLarge(f"The search has {len(body)} bytes; the limit is {request.limits.query_bytes_max}.")
        params += read_params(body)
    return await store.run(
        actor,
        lambda tx: answer(
            tx,
            request.base_url,
            resource_type,
            params,
            compartment=compartment,
            handling=request.prefers("handling") or "strict",
            request_id=request.header(b"x-request-id"),
        ),
    )


async def answer(
    tx: Transaction,
    base_url: str,
    resource_type: str | None,
    params: list[tuple[str, str]],
    *,
    compartment: tuple[str, str] | None = None,
    handling: str = "strict",
    request_id: str = "",
) -> Answer:
    """The searchset Bundle within a unit of work that the caller commits."""
    path = "/".join([*(compartment or ()), *([resource_type] if resource_type else ["*"] if compartment else [])])
    kind = "search-type" if resource_type else "search-system"
    page = await search.search(
        tx, resource_type, params, compartment=compartment, handling="lenient" if handling == "lenient" else "strict"
    )
    entries: list[bytes] = []
    base_text = fhir_json.dump(base_url)[1:-1]
    for stored, mode in (*((one, b"match") for one in page.matches), *((one, b"include") for one in page.included)):
        body = stored.body
        if page.query.summary is not None or page.query.elements:
            body = subsets.cut(tx.definitions, body, page.query.summary, page.query.elements)
        entries.append(answers.search_entry(base_text, stored.type, stored.id, body, mode))
    if sum(map(len, entries)) > tx.store.limits.body_bytes_max:
        raise errors.TooLarge("This page would be larger than the limit; ask for fewer with _count, or for _elements.")
    total, issues = page.total, page.issues
    if page.total_is_floor:  # only an estimate may be less than the truth, and says so
        total = total if page.query.total == "estimate" else None
        issues = [
            *issues,
            Issue("information", "informational", f"More than {page.total} match; they were not counted."),
        ]
    if issues:
        entries.append(b'{"resource":%b,"search":{"mode":"outcome"}}' % outcome.write(issues))
    url = f"{base_url}/{quote(path, safe='/*')}"
    self_text = urlencode(page.self_params)
    tx.access.note(kind, query=f"{path}?{self_text}", request_id=request_id)
    links = [("self", url + (f"?{self_text}" if self_text else ""))]
    if page.next_cursor is not None:
        kept = [(name, value) for name, value in page.self_params if name != "_page"]
        links.append(("next", f"{url}?{urlencode([*kept, ('_page', page.next_cursor)])}"))
    body = answers.bundle("searchset", links=links, entries=entries, total=total)
    return Answer(200, body, [(b"content-type", b"application/fhir+json; charset=utf-8")])
