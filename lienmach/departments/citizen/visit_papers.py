"""A paper of one's own visit as PDF: the bytes that doctor and facility signed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import papers
from lienmach.departments.citizen import own_pages
from lienmach.web.pages import own


@own("own.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /citizen/visits/{id}/papers/{paper} — a paper that was withdrawn is not given out any more."""
    async with request.app.state.store.begin(actor) as tx:
        found = await papers.read(tx, own_pages.id_in(request, "paper"))
        if found.encounter_id != own_pages.id_in(request) or not found.is_current:
            raise errors.NotFound("There is no such paper of this visit.")
        pdf = await papers.read_pdf(tx, found.id)
    headers = {"Content-Disposition": f'inline; filename="{found.kind}.pdf"'}
    return Response(pdf, media_type="application/pdf", headers=headers)


ROUTES = (Route("/citizen/visits/{id}/papers/{paper}", show),)
