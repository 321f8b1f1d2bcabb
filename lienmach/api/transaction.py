"""POST a Bundle: transaction, all or nothing; batch, each entry for itself (FHIR R4 http.html#transaction).

A transaction runs in the order of the specification, whatever the order of its entries: DELETE, POST, PUT and
PATCH, GET. Ids are given out first, so that every link to an entry's fullUrl can be replaced in the bytes of
every other entry; conditional references are resolved last, when what this bundle stores can be matched too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from lienmach.api import answers, batch, bodies, patch, search, steps
from lienmach.api.exchange import Answer, Request, read_params
from lienmach.api.steps import Step
from lienmach.base import clock, errors, ids
from lienmach.base.actor import Actor
from lienmach.record import conditional, read, references, write
from lienmach.record.change import Stored
from lienmach.record.transaction import Store, Transaction
from lienmach.standards.fhir import bundles, links
from lienmach.standards.fhir import json as fhir_json

_BIG_BYTES = 256 * 1024  # above this, taking a body apart would hold up everybody else
_ISSUES_MAX = 100
_TOO_LARGE = "The answers of this bundle together are larger than a body may be; ask for less at once."


async def bundle(store: Store, actor: Actor, request: Request, route: batch.Route) -> Answer:
    """Run the Bundle in the body. route: how a batch entry finds its interaction."""
    body = await bodies.read_resource(request)
    parts = await read_parts(store, body)
    kind = parts.envelope.get("type")
    if parts.envelope.get("resourceType") != "Bundle" or kind not in ("transaction", "batch"):
        raise errors.Invalid(
            "The root of this server takes a Bundle of type transaction or batch.", expression="Bundle.type"
        )
    read_steps = partial(steps.read, store, parts, batch=kind == "batch", base_url=request.base_url)
    found = await asyncio.to_thread(read_steps) if len(body) > _BIG_BYTES else read_steps()
    if kind == "batch":
        entries = await batch.run(store, actor, request, found, route)
    else:
        entries = await store.run(
            actor,
            lambda tx: run(
                tx,
                found,
                request.base_url,
                request_id=request.header(b"x-request-id"),
                representation=request.prefers("return") == "representation",
            ),
        )
        await _search_again(store, actor, found, entries, request)
    return Answer(
        200,
        answers.bundle(f"{kind}-response", links=[], entries=entries),
        [(b"content-type", b"application/fhir+json; charset=utf-8")],
    )


async def _search_again(store: Store, actor: Actor, found: list[Step], entries: list[bytes], request: Request) -> None:
    """A search among the entries answers for the record with the whole bundle in it.

    Within the transaction it was tried, so that one that cannot be read stops the bundle; its answer comes now.
    """
    if all(step.method == "GET" for step in found):
        return
    for step in found:
        if step.method == "GET" and step.id is None:
            kind, params = step.type, read_params(step.query.encode())
            answer = await store.run(actor, partial(_answer_search, request.base_url, kind, params))
            entries[step.index] = steps.entry({"status": "200 OK"}, answer.body)


async def _answer_search(base_url: str, kind: str, params: list[tuple[str, str]], tx: Transaction) -> Answer:
    return await search.answer(tx, base_url, kind, params)


async def read_parts(store: Store, body: bytes) -> bundles.Parts:
    """Take a Bundle apart; a big one in a thread. Raises errors.Malformed, TooLarge."""
    limits = store.limits

    def split() -> bundles.Parts:
        return bundles.split(
            body, entries_max=limits.bundle_entries_max, depth_max=limits.depth_max, bytes_max=limits.body_bytes_max
        )

    try:
        return await asyncio.to_thread(split) if len(body) > _BIG_BYTES else split()
    except (bundles.TooManyEntries, fhir_json.TooLong) as problem:
        raise errors.TooLarge(str(problem)) from None
    except fhir_json.JsonError as problem:
        raise errors.Malformed(str(problem)) from None


async def run(
    tx: Transaction, found: list[Step], base_url: str, *, representation: bool = False, request_id: str = ""
) -> list[bytes]:
    """All steps in one unit of work; the entries of the response, in the order of the request."""
    found = [replace(step) for step in found]  # a unit that must run again starts from the request
    tx.defers_references = True
    tx.access.note("transaction", request_id=request_id)
    await _name(tx, found)
    _refuse_doubles(found)
    await _link(tx, found)
    results: dict[int, bytes] = {}
    problems: list[errors.Issue] = []
    size = 0
    for step in sorted(found, key=partial(_turn, tx.store.is_last)):
        try:
            results[step.index] = await _do(tx, step, base_url, representation)
            size += len(results[step.index])
            if size > tx.store.limits.body_bytes_max:
                raise errors.TooLarge(_TOO_LARGE)
        except errors.Failure as failure:
            issues = [steps.inside(step, issue) for issue in failure.issues]
            if not isinstance(failure, errors.Unprocessable):
                raise failure.__class__(issues=issues) from None
            problems += issues
            if len(problems) >= _ISSUES_MAX:
                break
        if step.index % 20 == 19:
            await asyncio.sleep(0)
    if problems:
        raise errors.Unprocessable(issues=problems[:_ISSUES_MAX])
    await _check_references(tx, found)
    tx.access.note("transaction", request_id=request_id)
    return [results[index] for index in range(len(found))]


def _turn(is_last: Callable[[str], bool], step: Step) -> tuple[int, bool, bool, int]:
    """DELETE, then what is written, then GET; of the writes those last that refer to something by a condition.

    is_last: of a type with a rule of a department that wants to see the whole bundle; it follows all others.
    """
    order = steps.ORDER[step.method]
    is_written = steps.ORDER["DELETE"] < order < steps.ORDER["GET"]
    if not is_written:
        return order, False, step.waits, order
    return steps.ORDER["POST"], is_last(step.type), step.waits, order


async def _check_references(tx: Transaction, found: list[Step]) -> None:
    """For tenants whose references must resolve: each does, now that the whole bundle is there."""
    if not tx.tenant.references_must_resolve:
        return
    for step in found:
        is_found = step.method == "POST" and step.exists  # its resource is not stored
        if step.value is not None and not is_found:
            try:
                await references.check(tx, step.value)
            except errors.Failure as failure:
                raise failure.__class__(issues=[steps.inside(step, issue) for issue in failure.issues]) from None


async def _name(tx: Transaction, found: list[Step]) -> None:
    """Give every entry the id of what it creates, changes or deletes."""
    same: dict[tuple[str, str], str] = {}
    for step in found:
        condition = step.if_none_exist if step.method == "POST" else step.query if step.id is None else ""
        if step.method == "GET" or (step.method != "POST" and step.id is not None):
            continue
        try:
            known = same.get((step.type, condition)) if condition else None
            if known is None and condition:
                known = await conditional.find_one(tx, step.type, condition)
        except errors.Failure as failure:
            raise failure.__class__(issues=[steps.inside(step, issue) for issue in failure.issues]) from None
        step.exists = known is not None
        if known is None and step.method in ("POST", "PUT"):
            known = ids.new_id() if step.method == "POST" else _claimed_id(step) or ids.new_id()
        step.id = known
        if condition and known is not None:
            same[(step.type, condition)] = known


def _claimed_id(step: Step) -> str | None:
    places = fhir_json.members(step.resource or b"{}")
    if "id" not in places:
        return None
    start, end = places["id"]
    return (step.resource or b"")[start:end].decode().strip('"')


def _refuse_doubles(found: list[Step]) -> None:
    """One resource must not be written twice in a transaction, nor found and deleted (http.html#transaction)."""
    gone = {(step.type, step.id): step.index for step in found if step.method == "DELETE"}
    for step in found:
        if step.method == "POST" and step.exists and (step.type, step.id) in gone:
            raise errors.Invalid(
                f"Entry {gone[step.type, step.id]} deletes what entry {step.index} finds by its ifNoneExist.",
                expression=f"Bundle.entry[{step.index}]",
            )
    seen: dict[tuple[str, str], int] = {}
    for step in found:
        if step.method == "GET" or step.id is None or (step.method == "POST" and step.exists):
            continue
        first = seen.setdefault((step.type, step.id), step.index)
        if first != step.index:
            raise errors.Invalid(
                f"Entries {first} and {step.index} both write {step.type}/{step.id}.",
                expression=f"Bundle.entry[{step.index}]",
            )


async def _link(tx: Transaction, found: list[Step]) -> None:
    """Replace every link to an entry's fullUrl by the id it got; mark what waits for conditional references."""
    mapping: dict[str, str] = {}
    for step in found:
        if step.id is None or step.method not in ("POST", "PUT"):
            continue
        target = f"{step.type}/{step.id}"
        if step.full_url:
            mapping[step.full_url] = target
            tail = "/".join(step.full_url.rsplit("/", 2)[1:])
            if step.full_url.startswith("http") and tail != target and tail.startswith(f"{step.type}/"):
                mapping.setdefault(tail, target)
    rewrite = links.rewriter(tx.definitions, mapping)
    for step in found:
        if step.resource is None or step.method == "PATCH":
            continue
        step.resource = rewrite(step.resource)
        try:
            step.value = write.parse(tx, step.resource)
        except errors.Failure as failure:
            raise failure.__class__(issues=[steps.inside(step, issue) for issue in failure.issues]) from None
        for path, reference in references.literal(step.value, step.type):
            if reference.startswith("urn:"):
                raise errors.Invalid(
                    issues=[
                        steps.inside(
                            step,
                            errors.Issue(
                                "error",
                                "not-found",
                                f"{reference[:120]} is the fullUrl of no entry of this bundle.",
                                path,
                            ),
                        )
                    ]
                )
            if "?" in reference and tx.definitions.is_resource_type(reference.partition("?")[0]):
                step.waits = True
        if step.index % 50 == 49:
            await asyncio.sleep(0)


async def _resolve_conditions(tx: Transaction, step: Step) -> None:
    """Replace `Type?query` references by the one match; none or several fail the transaction."""
    mapping: dict[str, str] = {}
    for path, reference in references.literal(step.value, step.type):
        kind, mark, query = reference.partition("?")
        if not mark or reference in mapping or not tx.definitions.is_resource_type(kind):
            continue
        match = await conditional.find_one(tx, kind, query)
        if match is None:
            raise errors.PreconditionFailed(f"{reference[:120]} matches nothing.", expression=path)
        mapping[reference] = f"{kind}/{match}"
    step.resource = links.rewrite(tx.definitions, step.resource or b"", mapping)
    step.value = write.parse(tx, step.resource)


async def _do(tx: Transaction, step: Step, base_url: str, representation: bool) -> bytes:
    if step.waits:
        await _resolve_conditions(tx, step)
    if step.method == "GET":
        return await _get(tx, step, base_url)
    if step.method == "DELETE":
        if step.id is not None:
            await write.delete(tx, step.type, step.id, if_match=step.if_match)
        return steps.entry({"status": "204 No Content"})
    if step.method == "PATCH":
        if step.id is None:
            raise errors.NotFound("The condition matches nothing, so there is nothing to patch.")
        stored = await patch.apply(tx, step.type, step.id, steps.patch_text(step), if_match=step.if_match)
        if tx.tenant.references_must_resolve:
            step.value = write.parse(tx, stored.body)
        return _written(stored, representation)
    assert step.resource is not None and step.id is not None and step.value is not None
    if step.method == "POST":
        if step.exists:
            pending = tx.pending.get((tx.definitions.type_number(step.type), step.id))
            stored = pending.stored() if pending else await read.read(tx, step.type, step.id)
            return _written(replace(stored, op="U"), representation)
        return _written(
            await write.create(tx, step.resource, type_expected=step.type, resource_id=step.id, resource=step.value),
            representation,
        )
    if step.query and not step.exists:
        await conditional.check_free(tx, step.type, step.id)
    if step.value.get("id") is None and step.query:
        step.value["id"] = step.id
    return _written(
        await write.update(tx, step.type, step.id, step.resource, if_match=step.if_match, resource=step.value),
        representation,
    )


async def _get(tx: Transaction, step: Step, base_url: str) -> bytes:
    """A read sees what this transaction wrote; a search is only tried here and answered after the commit."""
    if step.id is not None:
        pending = tx.pending.get((tx.definitions.type_number(step.type), step.id))
        if pending is not None and pending.op != "D":
            stored = pending.stored()
        else:
            stored = await read.read(tx, step.type, step.id)
        return steps.entry(
            {
                "status": "200 OK",
                "etag": answers.etag(stored.version_id).decode(),
                "lastModified": clock.to_instant(stored.last_updated),
            },
            stored.body,
        )
    answer = await search.answer(tx, base_url, step.type, read_params(step.query.encode()))
    return steps.entry({"status": "200 OK"}, answer.body)


def _written(stored: Stored, representation: bool) -> bytes:
    response = {
        "status": "201 Created" if stored.op == "C" else "200 OK",
        "location": f"{stored.type}/{stored.id}/_history/{stored.version_id}",
        "etag": answers.etag(stored.version_id).decode(),
        "lastModified": clock.to_instant(stored.last_updated),
    }
    return steps.entry(response, stored.body if representation else b"")
