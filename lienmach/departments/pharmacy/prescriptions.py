"""Pages of the noun "prescriptions": what waits at the dispensary, open one by its code, give out its insured lines."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import banner, facility, patients, resources, stock
from lienmach.care.money import accounts
from lienmach.departments.pharmacy import dispensing
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats
from lienmach.web import rendering, shell
from lienmach.web.pages import page


@page("dispensings.give")
async def index(request: Request, actor: Actor) -> Response:
    """GET /pharmacy/prescriptions — what waits at my dispensary, longest first; a code opens any other."""
    async with request.app.state.store.begin(actor) as tx:
        place = await place_of(tx)
        tx.access.note("search-type", query="/pharmacy/prescriptions")
        found = await _waiting(tx, place.id)
        return rendering.render(
            request,
            "pharmacy/prescriptions.html",
            block="waiting" if rendering.is_fragment(request) else "",
            place=place,
            waiting=found,
            typed="",
            fault="",
        )


@page("dispensings.give")
async def find(request: Request, actor: Actor) -> Response:
    """POST /pharmacy/prescriptions — open the prescription of a scanned or typed code."""
    form = await request.form()
    code = code_typed(str(form.get("code", "")))
    async with request.app.state.store.begin(actor) as tx:
        try:
            found = await dispensing.read(tx, code)
        except errors.NotFound as problem:
            place = await place_of(tx)
            waiting = await _waiting(tx, place.id)
            return rendering.render(
                request,
                "pharmacy/prescriptions.html",
                status=404,
                place=place,
                waiting=waiting,
                typed=code,
                fault=rendering.sentence(request, problem),
            )
    return RedirectResponse(f"/pharmacy/prescriptions/{found.code}", 303)


@page("dispensings.give")
async def show(request: Request, actor: Actor) -> Response:
    """GET /pharmacy/prescriptions/{code} — the lines, what is left, what the shelf holds, and what was given."""
    return await _page(request, actor)


@page("dispensings.give")
async def give(request: Request, actor: Actor) -> Response:
    """POST /pharmacy/prescriptions/{code} — hand out the quantities typed beside the lines, all or nothing."""
    form = await request.form()
    try:
        wanted = [
            (key.removeprefix("quantity-"), read_quantity(str(value)), str(form.get(f"drug-{key[9:]}", "")))
            for key, value in form.multi_items()
            if key.startswith("quantity-") and str(value).strip()
        ]
        wanted = [one for one in wanted if one[1] > 0]
        if not wanted:
            raise errors.Invalid("Chưa nhập số lượng cấp ở dòng nào.")

        async def work(tx: Transaction) -> None:
            place = await place_of(tx)
            here = {one.id for one in (await dispensing.read(tx, request.path_params["code"])).lines}
            for request_id, quantity, drug_code in wanted:
                if request_id not in here:
                    raise errors.NotFound("Dòng thuốc này không thuộc đơn đang mở.")
                await dispensing.give(tx, request_id, quantity, place_id=place.id, drug_code=drug_code)

        await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Invalid, errors.PreconditionFailed) as problem:
        return await _page(request, actor, fault=rendering.sentence(request, problem), status=problem.status)
    return RedirectResponse(f"/pharmacy/prescriptions/{request.path_params['code']}?given=1", 303)


@page("dispensings.give")
async def take_back(request: Request, actor: Actor) -> Response:
    """POST /pharmacy/prescriptions/{code}/returns — take back a quantity of one hand-over, with a reason."""
    form = await request.form()
    try:
        quantity = read_quantity(str(form.get("quantity", "")))

        async def work(tx: Transaction) -> None:
            found = await dispensing.read(tx, request.path_params["code"])
            own = str(form.get("dispense", ""))
            if own not in {str(each["id"]) for line in found.lines for each in line.dispenses}:
                raise errors.NotFound("Lần cấp thuốc này không thuộc đơn đang mở.")
            await dispensing.take_back(tx, own, quantity, str(form.get("reason", "")))

        await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Invalid, errors.NotFound, errors.PreconditionFailed) as problem:
        return await _page(request, actor, fault=rendering.sentence(request, problem), status=problem.status)
    return RedirectResponse(f"/pharmacy/prescriptions/{request.path_params['code']}?returned=1", 303)


@page("dispensings.give")
async def reserve(request: Request, actor: Actor) -> Response:
    """POST /pharmacy/prescriptions/{code}/reservations — keep again what was let go; the desk closes the bill anew."""
    form = await request.form()

    async def work(tx: Transaction) -> None:
        place = await place_of(tx)
        found = await dispensing.read(tx, request.path_params["code"])
        own = str(form.get("line", ""))
        if own not in {line.id for line in found.lines}:
            raise errors.NotFound("Dòng thuốc này không thuộc đơn đang mở.")
        await dispensing.renew(tx, own, place_id=place.id)

    try:
        await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.Invalid, errors.NotFound, errors.PreconditionFailed) as problem:
        return await _page(request, actor, fault=rendering.sentence(request, problem), status=problem.status)
    return RedirectResponse(f"/pharmacy/prescriptions/{request.path_params['code']}?reserved=1", 303)


@page("dispensings.give")
async def release(request: Request, actor: Actor) -> Response:
    """POST /pharmacy/prescriptions/unfetched — at closing time: let go what nobody fetched today."""

    async def work(tx: Transaction) -> int:
        place = await place_of(tx)
        return len(await dispensing.release_unfetched(tx, place.id, tx.now))

    done = await request.app.state.store.run(actor, work)
    return RedirectResponse(f"/pharmacy/prescriptions?released={done}", 303)


async def _page(request: Request, actor: Actor, *, fault: str = "", status: int = 200) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        place = await place_of(tx)
        found = await dispensing.read(tx, request.path_params["code"])
        insured = found.of("bhyt")
        shelf = await stock.available(tx, [one.drug_code for one in insured], place_id=place.id) if insured else {}
        known = await patients.read_banner(tx, found.patient_id, en=shell.language_of(request) == "en")
        account = await accounts.of_visit(tx, found.encounter_id)
        return rendering.render(
            request,
            "pharmacy/prescription.html",
            status=status,
            banner=known,
            found=found,
            insured=[await _line(tx, one, shelf, place.id) for one in insured],
            self_paid=found.of("self"),
            state=state_of(account),
            is_released=accounts.is_released(account),
            place=place,
            fault=fault,
            done=next((one for one in ("given", "returned", "reserved") if one in request.query_params), ""),
        )


async def _line(tx: Transaction, line: dispensing.Line, shelf: dict[str, Decimal], place_id: str) -> dict[str, Any]:
    own = await tx.fetch(
        "select quantity from stock_reservation where tenant = $1 and cause = $2",
        tx.tenant.number, f"MedicationRequest/{line.id}",
    )  # fmt: skip
    reserved = own[0]["quantity"] if own else Decimal(0)
    on_shelf = shelf.get(line.drug_code, Decimal(0)) + reserved
    first = next(iter(await stock.lots(tx, place_id, line.drug_code)), None)
    return {
        "line": line,
        "reserved": formats.write_number(reserved),
        "on_shelf": formats.write_number(on_shelf),
        "offered": _plain(min(line.left, reserved)) if min(line.left, reserved) > 0 else "",
        "may_reserve": line.left > reserved and line.request["status"] not in ("stopped", "cancelled"),
        "prescribed": formats.write_number(line.prescribed),
        "given": formats.write_number(line.given),
        "left": formats.write_number(line.left),
        "lot": first,
        "substitutes": await dispensing.substitutes(tx, line) if line.left > 0 else [],
        "dispenses": [
            (one["id"], dispensing.lot_of(one), formats.write_number(Decimal(one["quantity"]["value"])),
             one["whenHandedOver"], _plain(Decimal(one["quantity"]["value"])),
             one["medicationReference"].get("display", ""))
            for one in line.dispenses
        ],
    }  # fmt: skip


async def _waiting(tx: Transaction, place_id: str) -> list[dict[str, Any]]:
    """Who waits at the window, read together: name, sex and birth of each, and where the visit stands."""
    lines = await dispensing.waiting(tx, place_id)
    people = await resources.read_many(tx, "Patient", [one.patient_id for one in lines])
    known = await accounts.of_visits(tx, [one.encounter_id for one in lines])
    today = tx.now.astimezone(tx.tenant.time_zone).date()
    return [
        {
            "one": one,
            "person": banner.build(people.get(one.patient_id, {}), today=today),
            "state": state_of(known.get(one.encounter_id)),
        }
        for one in lines
    ]


def state_of(account: accounts.Account | None) -> tuple[str, str]:
    """(tone of its mark, words) of where a visit stands on its way to the window."""
    if account is None or account.state == "running":
        return "", "Đang khám"
    if account.state == "finished":
        return "warn", "Chờ chốt bảng kê"
    if account.is_stale:
        return "warn", "Cần lập lại bảng kê"
    if not accounts.is_released(account):
        return "warn", "Chờ thanh toán"
    return "good", "Sẵn sàng cấp"


async def place_of(tx: Transaction) -> facility.Room:
    """The dispensary where the actor works: the room they chose, else the first of their facility."""
    own = await facility.workplace(tx)
    if own is not None and own.kind == "dispensary":
        return own
    return await facility.room(tx, await stock.dispensary(tx))


def code_typed(text: str) -> str:
    """A code as people type or scan it: lower case, no blanks; the last part of a QR address."""
    return text.strip().lower().replace(" ", "").rpartition("/")[2][:40]


def read_quantity(text: str) -> Decimal:
    """A quantity as typed, comma or dot. Raises errors.Invalid with a sentence."""
    try:
        readings = formats.read_number(text)
    except ValueError:
        readings = []
    if not readings or readings[0] <= 0 or readings[0] > 100_000:
        raise errors.Invalid("Số lượng chưa đúng. Nhập một số lớn hơn 0, ví dụ 20 hoặc 0,5.")
    return readings[0]


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}".replace(".", ",")


ROUTES = (
    Route("/pharmacy/prescriptions", index),
    Route("/pharmacy/prescriptions", find, methods=["POST"]),
    Route("/pharmacy/prescriptions/unfetched", release, methods=["POST"]),
    Route("/pharmacy/prescriptions/{code}", show),
    Route("/pharmacy/prescriptions/{code}", give, methods=["POST"]),
    Route("/pharmacy/prescriptions/{code}/returns", take_back, methods=["POST"]),
    Route("/pharmacy/prescriptions/{code}/reservations", reserve, methods=["POST"]),
)
