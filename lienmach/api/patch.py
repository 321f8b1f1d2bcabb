"""PATCH [type]/[id] and PATCH [type]?… with JSON Patch (FHIR R4 http.html#patch, RFC 6902)."""

from __future__ import annotations

from lienmach.api import answers, bodies
from lienmach.api.exchange import Answer, Request
from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.record import access, conditional, read, write
from lienmach.record.change import Stored
from lienmach.record.transaction import Store, Transaction
from lienmach.standards.fhir import json as fhir_json
from lienmach.standards.fhir import patch

CONTENT_TYPE = "application/json-patch+json"


async def instance(store: Store, actor: Actor, request: Request, resource_type: str, resource_id: str | None) -> Answer:
    """Patch one resource; with resource_id None the one that the query matches."""
    if request.content_type() != CONTENT_TYPE:
        raise errors.Unsupported(f"PATCH takes {CONTENT_TYPE}.")
    text = await request.body()
    if_match = bodies.if_match(request)

    async def work(tx: Transaction) -> Stored:
        tx.access.note(
            "patch",
            what=f"{resource_type}/{resource_id[:64]}" if resource_id else "",
            query="" if resource_id else request.query,
            request_id=request.header(b"x-request-id"),
        )
        found = resource_id or await conditional.find_one(tx, resource_type, request.query)
        if found is None:
            raise errors.NotFound("The condition matches nothing, so there is nothing to patch.")
        return await apply(tx, resource_type, found, text, if_match=if_match)

    return answers.of_write(request, await store.run(actor, work), created=False)


async def apply(
    tx: Transaction, resource_type: str, resource_id: str, text: bytes, *, if_match: int | None = None
) -> Stored:
    """Apply the patch to the current version and store the result as the next one.

    The version patched is a premise by itself: a concurrent change makes the unit run again on the newer one.
    Raises errors.Invalid (a patch that cannot be read or applied), Unprocessable (its result is not valid).
    """
    access.check(tx, "update", resource_type)
    current = await read.current(tx, resource_type, resource_id)
    try:
        operations = fhir_json.parse_list(text)
        changed = patch.apply(write.parse(tx, current.body), operations)
    except patch.PatchError as problem:
        raise errors.Unprocessable(str(problem), code="processing") from None
    except fhir_json.JsonError as problem:
        raise errors.Malformed(str(problem)) from None
    return await write.update(
        tx, resource_type, resource_id, fhir_json.dump(changed), if_match=if_match, resource=changed, point=current
    )
