"""PUT [type]/[id] (FHIR R4 http.html#update, #upsert), and PUT [type]?… by a condition (#cond-update)."""

from __future__ import annotations

from lienmach.api import answers, bodies
from lienmach.api.exchange import Answer, Request
from lienmach.base.actor import Actor
from lienmach.record import conditional, write
from lienmach.record.change import Stored
from lienmach.record.transaction import Store, Transaction


async def instance(store: Store, actor: Actor, request: Request, resource_type: str, resource_id: str) -> Answer:
    body = await bodies.read_resource(request)
    if_match = bodies.if_match(request)
    is_new = request.header(b"if-none-match").strip() == "*"

    async def work(tx: Transaction) -> Stored:
        tx.access.note("update", what=f"{resource_type}/{resource_id[:64]}", request_id=request.header(b"x-request-id"))
        return await write.update(tx, resource_type, resource_id, body, if_match=if_match, is_new=is_new)

    stored = await store.run(actor, work)
    return answers.of_write(request, stored, created=stored.op == "C")


async def by_condition(store: Store, actor: Actor, request: Request, resource_type: str) -> Answer:
    body = await bodies.read_resource(request)
    if_match = bodies.if_match(request)

    async def work(tx: Transaction) -> Stored:
        tx.access.note("update", query=request.query, request_id=request.header(b"x-request-id"))
        return await conditional.update(tx, resource_type, request.query, body, if_match=if_match)

    stored = await store.run(actor, work)
    return answers.of_write(request, stored, created=stored.op == "C")
