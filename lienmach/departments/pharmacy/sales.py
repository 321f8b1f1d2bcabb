"""Pages of the noun "sales": an outside pharmacy opens a prescription by its code and sells what the patient pays alone.

Nothing here touches our stock, a charge or a claim. What was sold is reported to the national system right after.
"""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import outbox, resources, systems
from lienmach.care.resources import Resource
from lienmach.departments.pharmacy import dispensing, prescriptions
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats, names
from lienmach.web import rendering
from lienmach.web.pages import page

CHANNEL = "prescription-sale"


@page("prescriptions.sell")
async def index(request: Request, actor: Actor) -> Response:
    """GET /pharmacy/sales — the box for the code."""
    return rendering.render(request, "pharmacy/sales.html", found=None, typed="", fault="", done="")


@page("prescriptions.sell")
async def find(request: Request, actor: Actor) -> Response:
    """POST /pharmacy/sales — open the prescription of a code."""
    code = prescriptions.code_typed(str((await request.form()).get("code", "")))
    async with request.app.state.store.begin(actor) as tx:
        try:
            found = await dispensing.read(tx, code)
        except errors.NotFound as problem:
            return rendering.render(
                request,
                "pharmacy/sales.html",
                status=404,
                found=None,
                typed=code,
                fault=rendering.sentence(request, problem),
                done="",
            )
    return RedirectResponse(f"/pharmacy/sales/{found.code}", 303)


@page("prescriptions.sell")
async def show(request: Request, actor: Actor) -> Response:
    """GET /pharmacy/sales/{code} — who it is for, the lines to sell, and what was sold."""
    return await _page(request, actor)


@page("prescriptions.sell")
async def sell(request: Request, actor: Actor) -> Response:
    """POST /pharmacy/sales/{code} — sell the quantities typed beside the lines, all or nothing."""
    form = await request.form()
    code = request.path_params["code"]
    try:
        wanted = [
            (key.removeprefix("quantity-"), prescriptions.read_quantity(str(value)))
            for key, value in form.multi_items()
            if key.startswith("quantity-") and str(value).strip()
        ]
        if not wanted:
            raise errors.Invalid("Chưa nhập số lượng bán ở dòng nào.")

        async def work(tx: Transaction) -> None:
            here = {one.id: one for one in (await dispensing.read(tx, code)).lines}
            sold = []
            for request_id, quantity in wanted:
                if request_id not in here:
                    raise errors.NotFound("Dòng thuốc này không thuộc đơn đang mở.")
                stored = await dispensing.sell(tx, request_id, quantity)
                sold.append(_report(here[request_id], resources.of(stored)))
                key = f"{code}:{stored.id}"
            body = json.dumps({"ma_don_thuoc": code, "thuoc_ban": sold}, ensure_ascii=False).encode()
            outbox.queue(tx, CHANNEL, key, body, subject=f"MedicationRequest/{wanted[0][0]}")

        await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as problem:
        return await _page(request, actor, fault=rendering.sentence(request, problem), status=problem.status)
    return RedirectResponse(f"/pharmacy/sales/{code}?sold=1", 303)


def _report(line: dispensing.Line, dispense: Resource) -> dict[str, str]:
    """One item of what the pharmacy tells the national system (QĐ 808/QĐ-BYT 2022, cap-nhat-don-thuoc)."""
    sold = resources.code_of(dispense["contained"][0]["code"], systems.DRUG)
    return {
        "ma_thuoc_da_ke_don": line.drug_code,
        "ma_thuoc": sold,
        "biet_duoc": dispense["medicationReference"].get("display", ""),
        "ten_thuoc": line.name,
        "don_vi_tinh": line.unit,
        "so_luong": str(dispense["quantity"]["value"]),
        "cach_dung": line.dosage,
    }


async def _page(request: Request, actor: Actor, *, fault: str = "", status: int = 200) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        found = await dispensing.read(tx, request.path_params["code"])
        person = await resources.read(tx, "Patient", found.patient_id)
        return rendering.render(
            request,
            "pharmacy/sales.html",
            status=status,
            found=found,
            name=names.shown(person),
            birth=formats.write_date(str(person.get("birthDate", ""))) if person.get("birthDate") else "",
            lines=found.of("self"),
            state=found.state("self"),
            typed="",
            fault=fault,
            done="sold" if "sold" in request.query_params else "",
        )


ROUTES = (
    Route("/pharmacy/sales", index),
    Route("/pharmacy/sales", find, methods=["POST"]),
    Route("/pharmacy/sales/{code}", show),
    Route("/pharmacy/sales/{code}", sell, methods=["POST"]),
)
