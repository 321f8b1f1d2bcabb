"""What every page of one's own record has: whose it is, the way out, and the proof for its forms."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lienmach.base import errors
from lienmach.care import resources
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import names
from lienmach.web import own_sessions, rendering, sessions


async def person(tx: Transaction) -> Resource:
    """The Patient whom the actor is. Raises own_sessions.Outside where the record was deleted meanwhile."""
    try:
        return await resources.read(tx, "Patient", str(tx.policy.person))
    except errors.NotFound:
        raise own_sessions.Outside("the record is gone") from None


def id_in(request: Request, name: str = "id") -> str:
    """An id of the address; whatever is longer than an id can be is nobody's."""
    return str(request.path_params[name])[:65]


def render(request: Request, template: str, patient: Resource, *, status: int = 200, **values: Any) -> Response:
    """A page of this person's record. The session was looked up by the page's own guard."""
    session = request.scope["lienmach"]["own"]
    return rendering.render(
        request,
        template,
        status=status,
        person=names.shown(patient),
        born=str(patient.get("birthDate", "")),
        facility=session.facility,
        proof=sessions.proof(session),
        **values,
    )
