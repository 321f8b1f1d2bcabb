"""An interaction and what goes wrong with it: failures in our own words, and the audit of a refusal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lienmach.api.exchange import Answer, Request
from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.record import failures
from lienmach.record.transaction import Store

Work = Callable[[Store, Actor, Request], Awaitable[Answer]]
_INTERACTIONS = {"GET": "read", "HEAD": "read", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


async def run(store: Store, actor: Actor, request: Request, work: Work) -> Answer:
    """Run the interaction; what was refused is told to the audit too, for it is what an auditor looks for.

    So is a condition that matches several: it answers a question about people and shows none of them.
    Raises errors.Failure, and what record/failures.py does not know.
    """
    try:
        return await work(store, actor, request)
    except (errors.Refused, errors.PreconditionFailed):
        async with store.begin(actor) as tx:
            asked = request.header(b"if-none-exist") or request.query
            tx.access.note(
                _INTERACTIONS.get(request.method, "delete"),
                what="/".join(request.parts[:2])[:100],
                query=asked,
                outcome="4",
                request_id=request.header(b"x-request-id"),
            )
        raise
    except Exception as error:
        failure = failures.failure_of(error)
        if failure is None:
            raise
        raise failure from error
