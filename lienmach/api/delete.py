"""DELETE [type]/[id] and DELETE [type]?… of one match (FHIR R4 http.html#delete, #3.1.0.7.1)."""

from __future__ import annotations

from lienmach.api import answers, bodies
from lienmach.api.exchange import Answer, Request
from lienmach.base.actor import Actor
from lienmach.record import conditional, write
from lienmach.record.change import Stored
from lienmach.record.transaction import Store, Transaction


async def instance(store: Store, actor: Actor, request: Request, resource_type: str, resource_id: str) -> Answer:
    if_match = bodies.if_match(request)

    async def work(tx: Transaction) -> Stored | None:
        tx.access.note("delete", what=f"{resource_type}/{resource_id[:64]}", request_id=request.header(b"x-request-id"))
        return await write.delete(tx, resource_type, resource_id, if_match=if_match)

    return answers.of_deletion(await store.run(actor, work))


async def by_condition(store: Store, actor: Actor, request: Request, resource_type: str) -> Answer:
    async def work(tx: Transaction) -> Stored | None:
        tx.access.note("delete", query=request.query, request_id=request.header(b"x-request-id"))
        return await conditional.delete(tx, resource_type, request.query)

    return answers.of_deletion(await store.run(actor, work))
