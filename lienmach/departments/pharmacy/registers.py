"""Pages of the noun "registers": the book of narcotic, psychotropic and precursor drugs, each movement with its person.

The law asks for the book by drug, with the balance after each line (Thông tư on specially controlled drugs; the form is
from memory, to be compared with the one in force).
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import catalogues, resources
from lienmach.departments.pharmacy import dispensing, prescriptions
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats, names
from lienmach.web import rendering
from lienmach.web.pages import page

KINDS = {"narcotic": "Gây nghiện", "psychotropic": "Hướng thần", "precursor": "Tiền chất"}


@page("dispensings.give")
async def index(request: Request, actor: Actor) -> Response:
    """GET /pharmacy/registers — controlled drugs of this dispensary; with ?drug=… the book of one."""
    async with request.app.state.store.begin(actor) as tx:
        place = await prescriptions.place_of(tx)
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        rows = [
            row for row in await catalogues.all_of(tx, "drug", on=today) if row.data.get("kind", "ordinary") in KINDS
        ]
        chosen = next((row for row in rows if row.code == request.query_params.get("drug", "")), None)
        tx.access.note("search-type", query="/pharmacy/registers")
        lines = await _lines(tx, place.id, chosen.code) if chosen else []
        return rendering.render(
            request, "pharmacy/registers.html", place=place, rows=rows, chosen=chosen, lines=lines, kinds=KINDS
        )


async def _lines(tx: Transaction, place_id: str, drug_code: str) -> list[dict[str, Any]]:
    moves = await tx.fetch(
        """select kind, lot, quantity, balance, note, moved_by, moved_at, cause from stock_move
           where tenant = $1 and place_id = $2 and drug_code = $3 order by move_id limit 2000""",
        tx.tenant.number, place_id, drug_code,
    )  # fmt: skip
    found = []
    for move in moves:
        person, code, doctor = "", "", ""
        if move["cause"].startswith("MedicationRequest/"):
            request = await resources.follow(tx, move["cause"])
            person = names.shown(await resources.follow(tx, request["subject"]["reference"]))
            code, doctor = dispensing.code_of(request), request.get("requester", {}).get("display", "")
        found.append(
            {
                "move": move,
                "person": person,
                "code": code,
                "doctor": doctor,
                "taken_in": formats.write_number(move["quantity"]) if move["quantity"] > 0 else "",
                "given_out": formats.write_number(-move["quantity"]) if move["quantity"] < 0 else "",
                "balance": formats.write_number(move["balance"]),
            }
        )
    return found


ROUTES = (Route("/pharmacy/registers", index),)
