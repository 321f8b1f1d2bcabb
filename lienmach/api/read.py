"""GET [type]/[id] and GET [type]/[id]/_history/[vid] (FHIR R4 http.html#read, #vread)."""

from __future__ import annotations

from lienmach.api import answers, subsets
from lienmach.api.exchange import Answer, Request
from lienmach.base.actor import Actor
from lienmach.record import read
from lienmach.record.transaction import Store


async def instance(store: Store, actor: Actor, request: Request, resource_type: str, resource_id: str) -> Answer:
    async with store.begin(actor) as tx:
        tx.access.note("read", what=f"{resource_type}/{resource_id[:64]}", request_id=request.header(b"x-request-id"))
        stored = await read.read(tx, resource_type, resource_id)
        body = subsets.of_request(tx.definitions, request, stored.body)
    return answers.of_stored(request, stored, body=body)


async def version(
    store: Store, actor: Actor, request: Request, resource_type: str, resource_id: str, version_id: str
) -> Answer:
    async with store.begin(actor) as tx:
        tx.access.note("vread", what=f"{resource_type}/{resource_id[:64]}", request_id=request.header(b"x-request-id"))
        stored = await read.vread(tx, resource_type, resource_id, version_id)
        body = subsets.of_request(tx.definitions, request, stored.body)
    return answers.of_stored(request, stored, body=body)
