"""Pages of the import into a catalogue: hand in a file, see what it would do, take it.

The file is kept as it came until it is taken (or for a day), and read again at the taking: if the list has changed
meanwhile, the new comparison is shown instead of taking something that nobody has seen.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import asyncpg
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import catalogue_columns, catalogue_import, catalogue_sheets
from lienmach.care.catalogue_import import Preview
from lienmach.departments.administration.catalogue_titles import MEMBERS, TITLES
from lienmach.departments.administration.catalogues import WRONG_DAY, day_of, list_of
from lienmach.record.transaction import Transaction
from lienmach.web import formats, rendering
from lienmach.web.pages import page

_SHOWN_MAX = 100  # of each kind; the counts tell the rest
_KEPT = timedelta(days=1)
_FORM_BYTES_MAX = catalogue_sheets.BYTES_MAX + 64 * 1024


@dataclass(frozen=True)
class Upload:
    """A kept file and how it is to be compared."""

    upload_id: str
    file_name: str
    content: bytes
    starts_on: date
    is_whole: bool
    document: str


@page("catalogues.change")
async def show(request: Request, actor: Actor) -> Response:
    """GET /administration/catalogues/{list}/import — the form for a file."""
    list_name = list_of(request)
    tomorrow = request.app.state.store.now().astimezone(formats.ZONE) + timedelta(days=1)
    return _render(request, list_name, first_day=tomorrow.strftime("%d/%m/%Y"))


@page("catalogues.change", form_bytes_max=_FORM_BYTES_MAX)
async def upload(request: Request, actor: Actor) -> Response:
    """POST /administration/catalogues/{list}/import — `step` preview reads the file, take does what was shown."""
    list_name = list_of(request)
    form = await request.form()
    if str(form.get("step", "")) == "take":
        return await _take(
            request, actor, list_name, str(form.get("upload_id", ""))[:40], str(form.get("seal", ""))[:64],
            is_partial=form.get("without_faults") == "1",
        )  # fmt: skip
    typed = {name: str(form.get(name, "")).strip()[:200] for name in ("first_day", "document", "scope")}
    file = form.get("file")
    day = day_of(typed["first_day"])
    if day is None:
        return _render(request, list_name, status=422, fault=WRONG_DAY, **typed)
    if not isinstance(file, UploadFile) or not file.filename:
        return _render(
            request, list_name, status=422, fault="Chưa chọn tệp. Hãy chọn tệp CSV, .xlsx hoặc JSON.", **typed
        )
    content = await file.read()
    kept = Upload(
        secrets.token_urlsafe(18), file.filename[:120], content, day, typed["scope"] != "part", typed["document"]
    )
    return await _preview(request, actor, list_name, kept, keep=True)


async def _preview(
    request: Request, actor: Actor, list_name: str, kept: Upload, *, keep: bool = False, is_changed: bool = False
) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        shown = await _compare(tx, list_name, kept)
        if keep and not shown.is_empty:
            _keep(tx, list_name, kept)
        has_whole_fault = any(one.line == 0 for one in shown.faults)
        return rendering.render(
            request,
            "administration/catalogue_preview.html",
            status=409 if is_changed else 422 if shown.faults else 200,
            list_name=list_name,
            title=TITLES[list_name],
            shown=shown,
            starts_on=shown.starts_on.strftime("%d/%m/%Y"),
            kept=kept,
            words=MEMBERS,
            most=_SHOWN_MAX,
            is_changed=is_changed,
            may_take=not shown.is_empty and not has_whole_fault,
        )


async def _take(
    request: Request, actor: Actor, list_name: str, upload_id: str, seal: str, *, is_partial: bool
) -> Response:
    store = request.app.state.store
    async with store.begin(actor) as tx:
        kept = await _find(tx, list_name, upload_id)
    if kept is None:
        text = "Tệp xem trước đã hết hạn. Hãy chọn lại tệp."
        return _render(request, list_name, status=422, fault=text)

    async def work(tx: Transaction) -> bool:
        shown = await _compare(tx, list_name, kept)
        if shown.seal != seal or (shown.faults and not is_partial) or any(one.line == 0 for one in shown.faults):
            return False
        catalogue_import.take(tx, shown)
        _drop(tx, kept.upload_id)
        return True

    try:
        is_taken = await store.run(actor, work)
    except (errors.Conflict, errors.NotFound, errors.Invalid):
        is_taken = False
    if not is_taken:
        return await _preview(request, actor, list_name, kept, is_changed=True)
    return RedirectResponse(f"/administration/catalogues/{list_name}?done=import", 303)


async def _compare(tx: Transaction, list_name: str, kept: Upload) -> Preview:
    lines, faults, ignored = await asyncio.to_thread(_read, list_name, kept)
    return await catalogue_import.preview(
        tx, list_name, lines, kept.starts_on, is_whole=kept.is_whole,
        source=kept.document or kept.file_name, faults=faults, ignored=ignored,
    )  # fmt: skip


def _read(list_name: str, kept: Upload) -> tuple[list[Any], list[Any], list[str]]:
    return catalogue_import.read_lines(list_name, catalogue_sheets.read(kept.file_name, kept.content))


def _keep(tx: Transaction, list_name: str, kept: Upload) -> None:
    options = {"starts_on": str(kept.starts_on), "is_whole": kept.is_whole, "document": kept.document}

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "delete from administration_upload where tenant = $1 and entered_at < $2", tx.tenant.number, tx.now - _KEPT
        )
        await connection.execute(
            """insert into administration_upload
                      (tenant, upload_id, list, file_name, content, options, entered_by, entered_at)
               values ($1, $2, $3, $4, $5, $6::jsonb, $7, $8)""",
            tx.tenant.number, kept.upload_id, list_name, kept.file_name, kept.content,
            json.dumps(options, ensure_ascii=False), tx.actor.user, tx.now,
        )  # fmt: skip

    tx.also(write)


def _drop(tx: Transaction, upload_id: str) -> None:
    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "delete from administration_upload where tenant = $1 and upload_id = $2", tx.tenant.number, upload_id
        )

    tx.also(write)


async def _find(tx: Transaction, list_name: str, upload_id: str) -> Upload | None:
    """The kept file of this person, or None."""
    rows = await tx.fetch(
        """select upload_id, file_name, content, options from administration_upload
           where tenant = $1 and upload_id = $2 and list = $3 and entered_by = $4 and entered_at > $5""",
        tx.tenant.number, upload_id, list_name, tx.actor.user, tx.now - _KEPT,
    )  # fmt: skip
    if not rows:
        return None
    row = rows[0]
    options = json.loads(row["options"])
    return Upload(
        row["upload_id"], row["file_name"], bytes(row["content"]), date.fromisoformat(options["starts_on"]),
        options["is_whole"], options["document"],
    )  # fmt: skip


def _render(
    request: Request,
    list_name: str,
    *,
    status: int = 200,
    fault: str = "",
    first_day: str = "",
    document: str = "",
    scope: str = "whole",
) -> Response:
    return rendering.render(
        request,
        "administration/catalogue_upload.html",
        status=status,
        list_name=list_name,
        title=TITLES[list_name],
        fault=fault,
        first_day=first_day,
        document=document,
        scope=scope,
        headings=catalogue_columns.headings(list_name),
        megabytes=catalogue_sheets.BYTES_MAX // 1024 // 1024,
        rows_max=catalogue_sheets.ROWS_MAX,
    )


ROUTES = (
    Route("/administration/catalogues/{list}/import", show),
    Route("/administration/catalogues/{list}/import", upload, methods=["POST"]),
)
