"""Pages of the noun "stock": what lies on the shelf, receive lots, count them, and every movement of a drug."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogues, stock
from lienmach.departments.pharmacy import prescriptions
from lienmach.record.transaction import Transaction
from lienmach.web import forms, rendering
from lienmach.web.pages import page

_LOT_FIELDS = ("drug", "lot", "expires", "quantity", "price", "note")
_NEAR_DAYS = 90  # a lot that ends within a quarter is marked
_KIND_WORDS = {
    "receipt": "Nhập",
    "issue": "Cấp",
    "return": "Trả lại",
    "count": "Kiểm kê",
    "transfer": "Chuyển kho",
    "write-off": "Huỷ",
}


@dataclass
class Shelf:
    """One drug on the shelf. free: what may still be promised."""

    code: str
    name: str
    unit: str
    on_hand: Decimal = Decimal(0)
    free: Decimal = Decimal(0)
    first_expires_on: date | None = None
    lots: list[stock.Lot] = field(default_factory=list)


@page("stock.manage")
async def index(request: Request, actor: Actor) -> Response:
    """GET /pharmacy/stock — drugs on the shelf with their lots, what is reserved, what ends soon."""
    return await _index(request, actor)


@page("stock.manage")
async def receive(request: Request, actor: Actor) -> Response:
    """POST /pharmacy/stock — receive a lot: drug code or name, lot, last day, quantity, price."""
    sent = await request.form()
    form = {key: str(sent.get(key, "")).strip()[:200] for key in _LOT_FIELDS}
    try:
        quantity = prescriptions.read_quantity(form.get("quantity", ""))
        last = forms.read_date(form.get("expires", ""), request.app.state.store.now())
        if len(last.fhir) != 10:
            raise errors.Invalid(last.fault or "Hạn dùng cần đủ ngày, tháng, năm, ví dụ 31/12/2027.")
        if not form.get("lot"):
            raise errors.Invalid("Hãy nhập số lô in trên hộp.")
        price = form.get("price", "").replace(".", "").replace(",", "")
        price_vnd = forms.read_count(price, most=1_000_000_000) if price else None
        if price and price_vnd is None:
            raise errors.Invalid("Giá nhập là số đồng, ví dụ 1.200.")

        async def work(tx: Transaction) -> str:
            place = await prescriptions.place_of(tx)
            today = tx.now.astimezone(tx.tenant.time_zone).date()
            if date.fromisoformat(last.fhir) < today:
                raise errors.Invalid("Lô này đã hết hạn; không nhập vào kho cấp phát.")
            drug = await _drug(tx, form.get("drug", ""), today)
            lot = stock.Lot(place.id, drug.code, form["lot"][:40], date.fromisoformat(last.fhir), quantity, price_vnd)
            stock.receive(tx, [lot], note=form.get("note", ""))
            return drug.code

        code = await request.app.state.store.run(actor, work)
    except (errors.Invalid, errors.Conflict) as problem:
        return await _index(
            request, actor, fault=rendering.sentence(request, problem), status=problem.status, form=form
        )
    return RedirectResponse(f"/pharmacy/stock/{code}?received=1", 303)


@page("stock.manage")
async def show(request: Request, actor: Actor) -> Response:
    """GET /pharmacy/stock/{drug} — lots and all movements of a drug, newest first."""
    return await _show(request, actor)


@page("stock.manage")
async def count(request: Request, actor: Actor) -> Response:
    """POST /pharmacy/stock/{drug} — what was counted of a lot; the difference becomes a movement with its reason."""
    form = await request.form()
    drug_code = request.path_params["drug"]
    try:
        text, reason = str(form.get("counted", "")).strip(), str(form.get("note", "")).strip()[:200]
        counted = Decimal(0) if text == "0" else prescriptions.read_quantity(text)
        if len(reason) < 3:
            raise errors.Invalid("Hãy ghi lý do của chênh lệch, ví dụ “kiểm kê cuối tháng”.")

        async def work(tx: Transaction) -> None:
            place = await prescriptions.place_of(tx)
            stock.count(
                tx, place_id=place.id, drug_code=drug_code, lot=str(form.get("lot", "")), counted=counted, note=reason
            )

        await request.app.state.store.run(actor, work)
    except (errors.Invalid, errors.Conflict, errors.NotFound) as problem:
        return await _show(request, actor, fault=rendering.sentence(request, problem), status=problem.status)
    return RedirectResponse(f"/pharmacy/stock/{drug_code}?counted=1", 303)


async def _drug(tx: Transaction, text: str, day: date) -> catalogues.Row:
    found = await catalogues.get(tx, "drug", text, on=day)
    if found is not None:
        return found
    hits = await catalogues.find(tx, "drug", text, on=day, limit=3)
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise errors.Invalid(
            "Có nhiều thuốc tên như vậy: {codes}… Hãy nhập mã thuốc.",
            values={"codes": ", ".join(one.code for one in hits)},
        )
    raise errors.Invalid("Không thấy thuốc này trong danh mục. Hãy chọn từ danh sách gợi ý.")


async def _index(
    request: Request, actor: Actor, *, fault: str = "", status: int = 200, form: dict[str, str] | None = None
) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        place = await prescriptions.place_of(tx)
        shelves = await _shelves(tx, place.id)
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        return rendering.render(
            request,
            "pharmacy/stock.html",
            status=status,
            place=place,
            shelves=shelves,
            near=today + timedelta(days=_NEAR_DAYS),
            today=today,
            fault=fault,
            form=form or dict.fromkeys(_LOT_FIELDS, ""),
        )


async def _shelves(tx: Transaction, place_id: str) -> list[Shelf]:
    lots = await stock.lots(tx, place_id)
    codes = {one.drug_code for one in lots}
    today = tx.now.astimezone(tx.tenant.time_zone).date()
    rows = await catalogues.get_many(tx, "drug", codes, on=today, states=("approved", "demo", "draft"))
    free = await stock.available(tx, codes, place_id=place_id) if codes else {}
    by_code: dict[str, list[stock.Lot]] = defaultdict(list)
    for one in lots:
        by_code[one.drug_code].append(one)
    made = []
    for code, own in by_code.items():
        row = rows.get(code)
        made.append(
            Shelf(
                code,
                row.name if row else code,
                row.data.get("unit", "") if row else "",
                sum((one.on_hand for one in own), Decimal(0)),
                free.get(code, Decimal(0)),
                own[0].expires_on,
                own,
            )
        )
    return sorted(made, key=lambda one: one.name)


async def _show(request: Request, actor: Actor, *, fault: str = "", status: int = 200) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        place = await prescriptions.place_of(tx)
        code = request.path_params["drug"]
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        row = await catalogues.get(tx, "drug", code, on=today, states=("approved", "demo", "draft"))
        if row is None:
            raise errors.NotFound("Không có thuốc này trong danh mục.")
        moves = await tx.fetch(
            """select kind, lot, quantity, balance, note, moved_by, moved_at, cause from stock_move
               where tenant = $1 and place_id = $2 and drug_code = $3 order by move_id desc limit 200""",
            tx.tenant.number, place.id, code,
        )  # fmt: skip
        return rendering.render(
            request,
            "pharmacy/stock_moves.html",
            status=status,
            place=place,
            row=row,
            lots=await stock.lots(tx, place.id, code),
            moves=moves,
            words=_KIND_WORDS,
            fault=fault,
            done=next((one for one in ("received", "counted") if one in request.query_params), ""),
        )


@page("stock.manage")
async def suggest(request: Request, actor: Actor) -> Response:
    """GET /pharmacy/stock/drugs?drug=… — drugs for the list below the field."""
    async with request.app.state.store.begin(actor) as tx:
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        found = await catalogues.find(tx, "drug", request.query_params.get("drug", "")[:80], on=today, limit=12)
        return rendering.render(request, "pharmacy/stock.html", block="suggestions", found=found)


ROUTES = (
    Route("/pharmacy/stock", index),
    Route("/pharmacy/stock", receive, methods=["POST"]),
    Route("/pharmacy/stock/drugs", suggest),
    Route("/pharmacy/stock/{drug}", show),
    Route("/pharmacy/stock/{drug}", count, methods=["POST"]),
)
