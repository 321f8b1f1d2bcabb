"""What goes wrong with an interaction: failures of the database in our own words, and the audit of a refusal."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import asyncpg

from lienmach.api.exchange import Answer, Request
from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.record import committer
from lienmach.record.transaction import Store

_log = logging.getLogger(__name__)
Work = Callable[[Store, Actor, Request], Awaitable[Answer]]
_INTERACTIONS = {"GET": "read", "HEAD": "read", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


async def run(store: Store, actor: Actor, request: Request, work: Work) -> Answer:
    """Run the interaction; what was refused is told to the audit too, for it is what an auditor looks for.

    So is a condition that matches several: it answers a question about people and shows none of them.
    Raises errors.Failure, and what `of` does not know.
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
        failure = of(error)
        if failure is None:
            raise
        raise failure from error


def of(error: Exception) -> errors.Failure | None:
    """The failure that stands for an exception of the database or of the record; None for a fault of ours."""
    if isinstance(error, errors.Failure):
        return error
    if isinstance(error, asyncpg.QueryCanceledError):
        return errors.TooLarge("This took longer than the limit; narrow what you ask for.")
    if isinstance(error, committer.Changed):
        return errors.Conflict("Others keep changing this; read it again and try once more.")
    # InternalClientError: what the driver says between PostgreSQL's last words and the end of the connection.
    if isinstance(
        error,
        (
            asyncpg.PostgresConnectionError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            asyncpg.OperatorInterventionError,
            asyncpg.InsufficientResourcesError,
            OSError,
        ),
    ):
        _log.warning("the database went away or has no room: %s", type(error).__name__)
        return errors.Unavailable("The database is restarting or has no room; try again in a moment.")
    return None
