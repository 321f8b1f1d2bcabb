"""Pages of the noun "catalogues": which code lists there are, what stands in one, approve and retire its rows."""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogue_import, catalogues
from lienmach.care.catalogues import Row
from lienmach.departments.administration.catalogue_titles import MEMBERS, STATES, TITLES
from lienmach.identity import roles
from lienmach.record.transaction import Transaction
from lienmach.web import forms, rendering
from lienmach.web.pages import page

_A_PAGE = 50
_FOUND_MAX = 60
_CHOSEN_MAX = 500
_ALL = ("approved", "demo", "draft")
WRONG_DAY = "Ngày chưa đúng. Viết đủ ngày, tháng, năm như 01/07/2026."


@page("catalogues.read")
async def index(request: Request, actor: Actor) -> Response:
    """GET /administration/catalogues — every list with how many rows it has, by state."""
    async with request.app.state.store.begin(actor) as tx:
        counts = await catalogues.counts(tx)
        return rendering.render(
            request,
            "administration/catalogues.html",
            lists=[(name, TITLES.get(name, name), counts.get(name, {})) for name in {**TITLES, **counts}],
            states=STATES,
            may_change=roles.may(actor, "catalogues.change"),
        )


@page("catalogues.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /administration/catalogues/{list} — rows, found by `q` or page by page; `state` narrows them."""
    async with request.app.state.store.begin(actor) as tx:
        return await _show(request, actor, tx)


@page("catalogues.change")
async def change(request: Request, actor: Actor) -> Response:
    """POST /administration/catalogues/{list} — `step` approve or retire the chosen rows, approve-all of a state."""
    form = await request.form()
    list_name, step = list_of(request), str(form.get("step", ""))
    store = request.app.state.store
    chosen = [one for text in form.getlist("row_id") if (one := forms.read_count(str(text), most=10**15))]
    fault = ""
    last_on: date | None = None
    if step in ("approve", "retire") and not 0 < len(chosen) <= _CHOSEN_MAX:
        fault = "Chưa chọn dòng nào. Hãy đánh dấu các dòng ở cột đầu rồi bấm lại."
    elif step == "retire":
        last_on = day_of(str(form.get("last_on", "")))
        fault = "" if last_on else WRONG_DAY
    elif step not in ("approve", "approve-all"):
        raise errors.Invalid(f"no step {step[:20]}")
    if not fault:
        fault = await _change(request, actor, list_name, step, chosen, last_on, str(form.get("state", "")))
    if fault:
        async with store.begin(actor) as tx:
            return await _show(request, actor, tx, fault=fault, status=422)
    return RedirectResponse(f"/administration/catalogues/{list_name}?done={step}", 303)


async def _change(
    request: Request, actor: Actor, list_name: str, step: str, chosen: list[int], last_on: date | None, state: str
) -> str:
    """Do it; returns a sentence why it was not done."""

    async def work(tx: Transaction) -> None:
        if step == "approve-all":
            catalogues.approve_list(tx, list_name, [state] if state in ("draft", "demo") else [])
        elif step == "approve":
            catalogues.approve(tx, chosen)
        else:
            assert last_on is not None
            codes = await catalogues.codes_of(tx, list_name, chosen)
            catalogues.close_all(tx, list_name, codes, last_on=last_on)

    try:
        await request.app.state.store.run(actor, work)
    except errors.NotFound:
        return "Có dòng không còn hiệu lực vào ngày ấy, hoặc là bản nháp; chưa có gì thay đổi."
    except errors.Conflict:
        return "Một dòng đã duyệt đang dùng sẽ mất những ngày đã qua; hãy để dòng mới bắt đầu từ hôm nay."
    except errors.Invalid:
        return "Một dòng chỉ kết thúc được từ hôm qua trở đi: ngày đã qua giữ những gì đã dùng."
    return ""


async def _show(request: Request, actor: Actor, tx: Transaction, *, fault: str = "", status: int = 200) -> Response:
    list_name = list_of(request)
    asked = request.query_params
    text, state = asked.get("q", "").strip()[:200], asked.get("state", "")
    number = max(forms.read_count(asked.get("page", "1"), most=9999) or 1, 1)
    states = [state] if state in _ALL else list(_ALL)
    today = catalogues.today(tx)
    if text:
        rows = await catalogues.find(tx, list_name, text, on=today, states=states, limit=_FOUND_MAX)
        has_more = False
    else:
        rows = await catalogues.all_of(tx, list_name, states=states, limit=_A_PAGE + 1, offset=(number - 1) * _A_PAGE)
        has_more, rows = len(rows) > _A_PAGE, rows[:_A_PAGE]
    counts = (await catalogues.counts(tx)).get(list_name, {})
    return rendering.render(
        request,
        "administration/catalogue.html",
        block="rows" if rendering.is_fragment(request) and request.method == "GET" else "",
        status=status,
        list_name=list_name,
        title=TITLES.get(list_name, list_name),
        rows=[_line(one, today) for one in rows],
        typed=text,
        state=state if state in _ALL else "",
        states=STATES,
        counts=counts,
        page_number=number,
        has_more=has_more,
        may_change=roles.may(actor, "catalogues.change"),
        fault=fault,
        done=asked.get("done", "") if not fault else "",
        today=today.strftime("%d/%m/%Y"),
    )


def _line(row: Row, today: date) -> dict[str, Any]:
    """What the table says of a row. is_over, is_coming: it holds no longer, or not yet."""
    return {
        "row": row,
        "state": STATES[row.state],
        "from": row.valid_from.strftime("%d/%m/%Y"),
        "to": row.valid_to.strftime("%d/%m/%Y") if row.valid_to else "",
        "is_over": row.valid_to is not None and row.valid_to < today,
        "is_coming": row.valid_from > today,
        "members": [
            (MEMBERS.get(name, name), name in MEMBERS, shown(value)) for name, value in sorted(row.data.items())
        ],
        "lay": ", ".join(row.data.get("lay", ())[:4]),
    }


def shown(value: Any) -> str:
    """A member of a row as a person may read it."""
    if isinstance(value, bool):
        return "✓" if value else "–"
    if isinstance(value, list):
        return "; ".join(shown(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {shown(one)}" for name, one in value.items())
    return "" if value is None else str(value)


def day_of(text: str) -> date | None:
    """A day that was typed, None if it is none."""
    try:
        return catalogue_import.read_day(text.strip())
    except ValueError:
        return None


def list_of(request: Request) -> str:
    """The list that the address names. Raises errors.NotFound for a name that is none."""
    name = str(request.path_params["list"])
    if name not in TITLES:
        raise errors.NotFound(f"There is no code list {name[:40]}.")
    return name


ROUTES = (
    Route("/administration/catalogues", index),
    Route("/administration/catalogues/{list}", show),
    Route("/administration/catalogues/{list}", change, methods=["POST"]),
)
