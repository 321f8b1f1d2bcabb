"""POST [type] (FHIR R4 http.html#create), conditional by `If-None-Exist` (#ccreate)."""

from __future__ import annotations

from lienmach.api import answers, bodies
from lienmach.api.exchange import Answer, Request
from lienmach.base.actor import Actor
from lienmach.record import conditional, write
from lienmach.record.change import Stored
from lienmach.record.transaction import Store, Transaction


async def create(store: Store, actor: Actor, request: Request, resource_type: str) -> Answer:
    body = await bodies.read_resource(request)
    condition = request.header(b"if-none-exist")

    async def work(tx: Transaction) -> tuple[Stored, bool]:
        tx.access.note("create", request_id=request.header(b"x-request-id"), query=condition)
        if condition:
            return await conditional.create(tx, resource_type, body, condition)
        return await write.create(tx, body, type_expected=resource_type), True

    stored, created = await store.run(actor, work)
    return answers.of_write(request, stored, created=created)
