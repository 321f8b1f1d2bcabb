"""The catalogue part of the insurer's stand-in: a facility hands in rows of forms 01 to 06, each is accepted or refused.

How catalogues are handed in is not published; these calls are our own reading:

    POST /api/danhmuc/{form} {"maCSKCB", "maLanNop", "dsDong": [{"STT", "MA_NOI_BO", "TU_NGAY", …members of the form}]}
    POST /api/danhmuc/ketQua {"maGiaoDich"}

The first answers maKetQua 200 with a maGiaoDich, the same one for the same maLanNop of a facility (without one: for the
same content), and keeps what came first. The second answers trangThai
DANG_XU_LY, and a moment later DA_XU_LY with dsDong: STT, MA_NOI_BO, ketQua CHAP_NHAN with tuNgay (the day asked for,
not before the receipt) or TU_CHOI with lyDo. A row without what its form needs is refused, and so is what was planted:

    POST /_plant_row {"MA_NOI_BO": …, "lyDo": …}
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

FORMS = ("01", "02", "03", "04", "05", "06")
NEEDED = {
    "02": ("MA_BAC_SI", "HO_TEN", "CHUC_DANH"),
    "03": ("MA_THUOC", "TEN_THUOC", "DON_VI_TINH", "DON_GIA"),
    "05": ("MA_DICH_VU", "TEN_DICH_VU", "DON_GIA"),
    "06": ("MA_MAY", "TEN_MAY"),
}
_ROWS_MAX = 20_000
Row = dict[str, Any]


@dataclass
class HandedIn:
    """One list. at: when it was received, in seconds; on: the day of it."""

    number: str
    form: str
    facility: str
    rows: list[Row]
    at: float
    on: date


@dataclass
class Lists:
    """What the portal remembers of catalogues. seconds: how long after the receipt the rows are told."""

    is_signed_in: Callable[[Request], bool]
    seconds: float = 5.0
    now: Callable[[], float] = time.time
    received: dict[str, HandedIn] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    plants: dict[str, str] = field(default_factory=dict)

    async def take(self, request: Request) -> Response:
        """POST /api/danhmuc/{form}"""
        form = request.path_params["form"]
        if not self.is_signed_in(request):
            return JSONResponse({"maKetQua": "401"})
        said = await _json(request)
        rows = said.get("dsDong")
        if form not in FORMS or not isinstance(rows, list) or not 0 < len(rows) <= _ROWS_MAX:
            return JSONResponse({"maKetQua": "205", "thongDiep": "Sai mẫu danh mục hoặc danh mục trống"})
        named = [said.get("maCSKCB"), said["maLanNop"]] if said.get("maLanNop") else said
        key = hashlib.sha256(json.dumps([form, named], sort_keys=True).encode()).hexdigest()
        number = self.by_key.setdefault(key, secrets.token_hex(8))
        if number not in self.received:
            kept = [one for one in rows if isinstance(one, dict)]
            facility = str(said.get("maCSKCB", ""))
            self.received[number] = HandedIn(number, form, facility, kept, self.now(), date.today())
        return JSONResponse({"maKetQua": "200", "maGiaoDich": number})

    async def tell(self, request: Request) -> Response:
        """POST /api/danhmuc/ketQua"""
        if not self.is_signed_in(request):
            return JSONResponse({"maKetQua": "401"})
        number = str((await _json(request)).get("maGiaoDich", ""))
        one = self.received.get(number)
        if one is None:
            return JSONResponse({"maKetQua": "205", "thongDiep": "Không có giao dịch này"})
        is_done = self.now() - one.at >= self.seconds
        return JSONResponse(
            {"maKetQua": "200", "maGiaoDich": number, "mau": one.form, "soDong": len(one.rows),
             "trangThai": "DA_XU_LY" if is_done else "DANG_XU_LY",
             "dsDong": [self._verdict(one, row) for row in one.rows] if is_done else []}
        )  # fmt: skip

    async def plant(self, request: Request) -> Response:
        """POST /_plant_row"""
        said = await _json(request)
        if not said.get("MA_NOI_BO"):
            return JSONResponse({"problem": "MA_NOI_BO is missing"}, 400)
        self.plants[str(said["MA_NOI_BO"])] = str(said.get("lyDo") or "Không có trong kết quả trúng thầu")
        return JSONResponse({"planted": self.plants})

    def said(self) -> dict[str, Any]:
        """What a test or a person wants to see."""
        return {one.number: {"form": one.form, "facility": one.facility, "rows": one.rows}
                for one in self.received.values()}  # fmt: skip

    def routes(self) -> list[Route]:
        """The calls of the portal."""
        return [
            Route("/api/danhmuc/ketQua", self.tell, methods=["POST"]),
            Route("/api/danhmuc/{form}", self.take, methods=["POST"]),
            Route("/_plant_row", self.plant, methods=["POST"]),
        ]

    def _verdict(self, one: HandedIn, row: Row) -> Row:
        own = {"STT": row.get("STT"), "MA_NOI_BO": row.get("MA_NOI_BO", "")}
        lacking = [name for name in ("MA_NOI_BO", *NEEDED.get(one.form, ())) if not str(row.get(name) or "").strip()]
        why = f"Thiếu {', '.join(lacking)}" if lacking else self.plants.get(str(own["MA_NOI_BO"]), "")
        if why:
            return {**own, "ketQua": "TU_CHOI", "lyDo": why}
        asked = str(row.get("TU_NGAY") or "")
        return {**own, "ketQua": "CHAP_NHAN", "tuNgay": max(asked, f"{one.on:%Y%m%d}")}


async def _json(request: Request) -> dict[str, Any]:
    try:
        found = await request.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
