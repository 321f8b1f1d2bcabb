"""The page of the noun "batches": the newest claim files of the visits that ended on a day, as one ZIP."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Sequence
from datetime import date

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care.claims import claims
from lienmach.web.pages import page

_FILES_MAX = 1_000
_YEARS = range(2000, 2200)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same files give the same bytes


@page("claims.read")
async def download(request: Request, actor: Actor) -> Response:
    """GET /insurance/batches/{day} — one XML file a visit, named by MA_LK and version, exactly the bytes of the version."""
    try:
        on = date.fromisoformat(str(request.path_params["day"]))
    except ValueError:
        on = date.max
    if on.year not in _YEARS:
        raise errors.NotFound("Không có ngày này.")
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query=f"/insurance/batches/{on}")
        found = await claims.listed(tx, states=claims.STATES, on=on, limit=_FILES_MAX + 1)
        if len(found) > _FILES_MAX:
            raise errors.TooLarge(
                "Ngày này có hơn {count} hồ sơ; hãy dùng lệnh claims export.", values={"count": _FILES_MAX}
            )
        files = []
        for one in found:
            newest = await claims.newest(tx, one.encounter_id) if one.version else None
            if newest is not None:
                files.append((f"{one.ma_lk}-{newest.version}.xml", newest.xml))
    if not files:
        raise errors.NotFound("Ngày này chưa có hồ sơ nào được lập.")
    packed = await asyncio.to_thread(_pack, files)
    return Response(packed, media_type="application/zip", headers={
        "Content-Disposition": f'attachment; filename="giam-dinh-{on}.zip"',
    })  # fmt: skip


def _pack(files: Sequence[tuple[str, bytes]]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


ROUTES = (Route("/insurance/batches/{day}", download),)
