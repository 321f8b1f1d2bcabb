"""Bearer token -> actor. Without one nobody is there."""

from __future__ import annotations

from lienmach.api.exchange import Request
from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.identity import tokens
from lienmach.record.transaction import Store


async def actor_of(store: Store, request: Request) -> Actor:
    """Who asks. Raises errors.Unauthenticated."""
    kind, _, token = request.header(b"authorization").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise errors.Unauthenticated("Send a token: Authorization: Bearer … (`lienmach token --role …` makes one).")
    actor = await tokens.actor_of(store.pool, token.strip(), address=request.address)
    if actor is None:
        raise errors.Unauthenticated("This token is not known here, or is over.")
    return actor
