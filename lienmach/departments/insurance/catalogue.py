"""Pages of one acceptance list: its rows with the days on which they hold; a row is closed and another one opened.

A row that was sent is never edited: it ends, and a new one begins (TT 12/2026/TT-BTC; secondary).
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from datetime import date
from decimal import Decimal
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogue_import, catalogue_sheets, catalogues
from lienmach.care.catalogue_import import Preview
from lienmach.care.catalogue_sheets import Sheet
from lienmach.departments.insurance import accepted_columns, desk_rights
from lienmach.record.transaction import Transaction
from lienmach.web import forms, rendering
from lienmach.web.pages import page

_A_PAGE = 50
_SHOWN_MAX = 100
_FORM_BYTES_MAX = 6 * 1024 * 1024
_WRONG_DAY = "Ngày chưa đúng. Viết đủ ngày, tháng, năm như 01/07/2026."
_IN_USE = "Một dòng đã gửi đang dùng sẽ bị thay ở những ngày đã qua; hãy để dòng mới bắt đầu từ hôm nay."


@page("claims.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /insurance/catalogues/{form}?q=&page= — its rows, those of earlier days too."""
    return await _render(request, actor)


@page("claims.manage", form_bytes_max=_FORM_BYTES_MAX)
async def change(request: Request, actor: Actor) -> Response:
    """POST /insurance/catalogues/{form} — `step` close a row, preview a file, take what was previewed."""
    form = await request.form()
    step = str(form.get("step", ""))
    if step == "close":
        return await _close(request, actor, form)
    if step == "preview":
        return await _preview(request, actor, form)
    if step == "take":
        return await _take(request, actor, form)
    raise errors.Invalid("Hãy chọn đóng dòng, xem trước hoặc nhận tệp.")


async def _close(request: Request, actor: Actor, form: Any) -> Response:
    own, code = form_of(request), str(form.get("code", ""))[:60]
    last_on = _day(str(form.get("last_on", "")))
    if last_on is None or not code:
        return await _render(request, actor, fault=_WRONG_DAY, status=422)

    async def work(tx: Transaction) -> None:
        catalogues.close(tx, accepted_columns.list_of(own), code, last_on=last_on)

    try:
        await request.app.state.store.run(actor, work)
    except errors.NotFound:
        return await _render(request, actor, fault="Dòng này không còn hiệu lực vào ngày ấy.", status=409)
    except errors.Invalid:
        text = "Một dòng chỉ kết thúc được từ hôm qua trở đi: ngày đã qua giữ những gì đã dùng."
        return await _render(request, actor, fault=text, status=422)
    return RedirectResponse(f"/insurance/catalogues/{own}?done=close", 303)


async def _preview(request: Request, actor: Actor, form: Any) -> Response:
    starts_on = _day(str(form.get("first_day", "")))
    file = form.get("file")
    if starts_on is None:
        return await _render(request, actor, fault=_WRONG_DAY, status=422)
    if not isinstance(file, UploadFile) or not file.filename:
        return await _render(request, actor, fault="Chưa chọn tệp. Hãy chọn tệp CSV hoặc .xlsx.", status=422)
    sheet = await asyncio.to_thread(catalogue_sheets.read, file.filename, await file.read())
    return await _shown(request, actor, sheet, starts_on, str(form.get("document", ""))[:200])


async def _shown(request: Request, actor: Actor, sheet: Sheet, starts_on: date, document: str) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        found = await _compare(tx, form_of(request), sheet, starts_on, document)
    return await _render(
        request, actor, preview=found, kept=_kept(sheet, starts_on, document), status=422 if found.faults else 200
    )


async def _take(request: Request, actor: Actor, form: Any) -> Response:
    own = form_of(request)
    try:
        kept = json.loads(str(form.get("kept", "")))
        sheet = Sheet(
            [str(one) for one in kept["headers"]],
            [(int(number), [str(cell) for cell in cells]) for number, cells in kept["lines"]],
        )
        starts_on, document = date.fromisoformat(kept["starts_on"]), str(kept["document"])[:200]
    except (ValueError, KeyError, TypeError, RecursionError):
        return await _render(request, actor, fault="Bản xem trước không còn; hãy chọn lại tệp.", status=422)
    seal = str(form.get("seal", ""))

    async def work(tx: Transaction) -> bool:
        found = await _compare(tx, own, sheet, starts_on, document)
        if found.seal != seal or found.faults:
            return False
        catalogue_import.take(tx, found)
        return True

    try:
        is_taken = await request.app.state.store.run(actor, work)
    except (errors.Conflict, errors.NotFound, errors.Invalid):
        return await _render(request, actor, fault=_IN_USE, status=409)
    if not is_taken:
        return await _shown(request, actor, sheet, starts_on, document)
    return RedirectResponse(f"/insurance/catalogues/{own}?done=take", 303)


async def _compare(tx: Transaction, own: str, sheet: Sheet, starts_on: date, document: str) -> Preview:
    lines, faults = await asyncio.to_thread(accepted_columns.read, own, sheet)
    return await catalogue_import.preview(
        tx, accepted_columns.list_of(own), lines, starts_on, is_whole=False, source=document, faults=faults
    )


def _kept(sheet: Sheet, starts_on: date, document: str) -> str:
    """What the form carries until it is taken; it is read and compared again then."""
    return json.dumps(
        {"headers": sheet.headers, "lines": sheet.lines, "starts_on": starts_on.isoformat(), "document": document},
        ensure_ascii=False,
    )


async def _render(
    request: Request,
    actor: Actor,
    *,
    fault: str = "",
    preview: Preview | None = None,
    kept: str = "",
    status: int = 200,
) -> Response:
    own, asked = form_of(request), request.query_params
    text = asked.get("q", "").strip()[:100]
    number = max(forms.read_count(asked.get("page", "1"), most=9999) or 1, 1)
    async with request.app.state.store.begin(actor) as tx:
        today = catalogues.today(tx)
        name = accepted_columns.list_of(own)
        if text:
            rows, has_more = await catalogues.find(tx, name, text, on=today, limit=_A_PAGE), False
        else:
            rows = await catalogues.all_of(tx, name, limit=_A_PAGE + 1, offset=(number - 1) * _A_PAGE)
            has_more, rows = len(rows) > _A_PAGE, rows[:_A_PAGE]
        return rendering.render(
            request,
            "insurance/catalogue.html",
            status=status,
            form=own,
            title=accepted_columns.TITLES[own],
            columns=[one.rstrip("[]{}#?") for one in accepted_columns.MEMBERS[own]],
            rows=[(one, _members(own, one), one.valid_to is not None and one.valid_to < today) for one in rows],
            today=today,
            text=text,
            page_number=number,
            has_more=has_more,
            fault=fault,
            preview=_cut(preview) if preview else None,
            counts=(len(preview.added), len(preview.changed), preview.unchanged) if preview else (0, 0, 0),
            kept=kept,
            may=desk_rights.of(actor),
            done="" if fault or preview else asked.get("done", ""),
        )


def _cut(preview: Preview) -> Preview:
    return dataclasses.replace(
        preview, added=preview.added[:_SHOWN_MAX], changed=preview.changed[:_SHOWN_MAX],
        faults=preview.faults[:_SHOWN_MAX],
    )  # fmt: skip


def _members(own: str, row: catalogues.Row) -> list[tuple[str, str]]:
    found = []
    for column in accepted_columns.MEMBERS[own]:
        name = column.rstrip("[]{}#?")
        value = row.data.get(name)
        if value not in (None, "", []):
            found.append((name, _text(value)))
    return found


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(str(one) for one in value)
    if isinstance(value, bool):
        return "1" if value else "0"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _day(text: str) -> date | None:
    try:
        return catalogue_import.read_day(text.strip())
    except ValueError:
        return None


def form_of(request: Request) -> str:
    """The form that the address names. Raises errors.NotFound."""
    own = str(request.path_params["form"])
    if own not in accepted_columns.TITLES:
        raise errors.NotFound("Không có mẫu danh mục này.")
    return own


ROUTES = (Route("/insurance/catalogues/{form}", show), Route("/insurance/catalogues/{form}", change, methods=["POST"]))
