"""A stand-in for the national prescription system: sign in, send, read by code, report what was sold.

It knows what the real one is described to check: five characters of the facility before the code, a code once and for
all, the required members, three formats of date. A prescription may be read for five days.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lienmach.simulators import faults

NAME, PORT = "prescription", 8712
VALID_DAYS = 5
_CODE = re.compile(r"[0-9a-z]{5}[0-9a-z]{7}-([nhcty])")
_NEEDED = (
    "loai_don_thuoc",
    "ma_don_thuoc",
    "ho_ten_benh_nhan",
    "ngay_sinh_benh_nhan",
    "gioi_tinh",
    "dia_chi",
    "chan_doan",
    "hinh_thuc_dieu_tri",
    "thong_tin_don_thuoc",
    "ngay_gio_ke_don",
)
_DRUG = ("ten_thuoc", "don_vi_tinh", "so_luong", "cach_dung")


@dataclass
class System:
    """What the system remembers: prescriptions by code, what was sold, and who is signed in (token -> facility)."""

    tokens: dict[str, str] = field(default_factory=dict)
    prescriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    sold: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)
    received: int = 0

    async def sign_in(self, request: Request) -> Response:
        """POST /api/auth/dang-nhap-co-so-kham-chua-benh and its twins for doctors and pharmacies."""
        asked = await _json(request) or {}
        facility = next((str(value) for key, value in asked.items() if key.startswith("ma_lien_thong_co_so")), "")
        if not facility or not asked.get("password"):
            return JSONResponse({"success": "Sai tài khoản hoặc mật khẩu"}, 401)
        token = secrets.token_hex(20)
        self.tokens[token] = facility
        return JSONResponse({"token": token, "token_type": "Bearer"})

    async def send(self, request: Request) -> Response:
        """POST /api/v1/gui-don-thuoc"""
        facility = self._signed_in(request)
        if facility is None:
            return JSONResponse({"success": "Chưa đăng nhập"}, 401)
        asked = await _json(request)
        wrong = faults_of(asked or {}, facility)
        code = str((asked or {}).get("ma_don_thuoc", "")).lower()
        if not wrong and code in self.prescriptions:
            wrong = ["Mã đơn thuốc đã tồn tại trên hệ thống"]
        checksum = hashlib.sha256(await request.body()).hexdigest()
        if wrong:
            text = "Gửi đơn thuốc không thành công"
            return JSONResponse({"success": text, "danh_sach_cac_loi": wrong, "checksum": checksum}, 422)
        self.received += 1
        self.prescriptions[code] = asked or {}
        return JSONResponse({"success": "Gửi đơn thuốc thành công", "checksum": checksum})

    async def read(self, request: Request) -> Response:
        """GET /api/v1/thong-tin-donthuoc/{code}"""
        if self._signed_in(request) is None:
            return JSONResponse({"success": "Chưa đăng nhập"}, 401)
        code = request.path_params["code"].lower()
        found = self.prescriptions.get(code)
        if found is None:
            return JSONResponse({"success": "Không tìm thấy đơn thuốc"}, 404)
        return JSONResponse({**found, "da_ban": self.sold.get(code, []), "con_hieu_luc": is_valid(found)})

    async def report_sold(self, request: Request) -> Response:
        """POST /api/v1/cap-nhat-don-thuoc"""
        if self._signed_in(request) is None:
            return JSONResponse({"success": "Chưa đăng nhập"}, 401)
        asked = await _json(request) or {}
        code = str(asked.get("ma_don_thuoc", "")).lower()
        found = self.prescriptions.get(code)
        items = asked.get("thuoc_ban") or asked.get("thong_tin_don_thuoc")
        key = request.headers.get("idempotency-key", "")
        if key and key in self.reported:
            return JSONResponse({"success": "Cập nhật đơn thuốc thành công"})
        if found is None or not isinstance(items, list) or not items:
            wrong = ["Thiếu mã đơn hoặc thuốc"]
            return JSONResponse({"success": "Không thành công", "danh_sach_cac_loi": wrong}, 422)
        wrong = self._sold_wrong(code, found, items)
        if wrong:
            return JSONResponse({"success": "Không thành công", "danh_sach_cac_loi": wrong}, 422)
        self.sold.setdefault(code, []).extend(items)
        self.reported.add(key)
        return JSONResponse({"success": "Cập nhật đơn thuốc thành công"})

    def _sold_wrong(self, code: str, found: dict[str, Any], items: list[Any]) -> list[str]:
        if not is_valid(found):
            return ["Đơn thuốc đã quá 5 ngày"]
        wrong = []
        for one in items:
            drug = str(one.get("ma_thuoc_da_ke_don", "")) if isinstance(one, dict) else ""
            wanted = [line for line in found["thong_tin_don_thuoc"] if str(line.get("ma_thuoc")) == drug]
            before = [line for line in self.sold.get(code, []) if str(line.get("ma_thuoc_da_ke_don")) == drug]
            total = sum(_number(line.get("so_luong")) for line in [*before, one]) if wanted else 0
            if not wanted:
                wrong.append("Thuốc không có trong đơn")
            elif total > sum(_number(line.get("so_luong")) for line in wanted):
                wrong.append("Bán quá số lượng kê đơn")
        return wrong

    def _signed_in(self, request: Request) -> str | None:
        return self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer ").strip())

    def said(self) -> dict[str, Any]:
        """What a test or a person wants to see."""
        return {"received": self.received, "prescriptions": self.prescriptions, "sold": self.sold}

    def routes(self) -> list[Route]:
        """The calls of the system."""
        return [
            Route("/api/auth/dang-nhap-co-so-kham-chua-benh", self.sign_in, methods=["POST"]),
            Route("/api/auth/dang-nhap-bac-si", self.sign_in, methods=["POST"]),
            Route("/api/auth/dang-nhap-co-so-gpp", self.sign_in, methods=["POST"]),
            Route("/api/v1/gui-don-thuoc", self.send, methods=["POST"]),
            Route("/api/v1/thong-tin-donthuoc/{code}", self.read),
            Route("/api/v1/cap-nhat-don-thuoc", self.report_sold, methods=["POST"]),
        ]


def faults_of(asked: dict[str, Any], facility: str) -> list[str]:
    """danh_sach_cac_loi: what is wrong with a prescription, in the system's words."""
    wrong = [f"Thiếu {name}" for name in _NEEDED if asked.get(name) in (None, "", [])]
    code = str(asked.get("ma_don_thuoc", "")).lower()
    found = _CODE.fullmatch(code)
    if found is None:
        wrong.append("Mã đơn thuốc sai định dạng")
    else:
        if code[:5] != facility.lower():
            wrong.append("Mã đơn thuốc không thuộc cơ sở")
        if found.group(1) != asked.get("loai_don_thuoc"):
            wrong.append("Loại đơn thuốc không khớp với mã")
    if not _is_day(asked.get("ngay_sinh_benh_nhan"), "%d/%m/%Y"):
        wrong.append("Ngày sinh phải là dd/mm/yyyy")
    if not _is_day(asked.get("ngay_gio_ke_don"), "%Y-%m-%d %H:%M:%S"):
        wrong.append("Ngày giờ kê đơn phải là Y-m-d H:i:s")
    if asked.get("gioi_tinh") not in (2, 3):
        wrong.append("Giới tính là 2 (nam) hoặc 3 (nữ)")
    if asked.get("ngay_tai_kham") not in (None, "") and not isinstance(asked["ngay_tai_kham"], int):
        wrong.append("Ngày tái khám là số ngày")
    drugs = asked.get("thong_tin_don_thuoc")
    for one in drugs if isinstance(drugs, list) else []:
        missing = [name for name in _DRUG if not isinstance(one, dict) or one.get(name) in (None, "")]
        wrong += [f"Thuốc thiếu {name}" for name in missing]
    return wrong


def is_valid(prescription: dict[str, Any]) -> bool:
    """Whether it may still be fetched: five days from the day on which it was written."""
    written = datetime.strptime(prescription["ngay_gio_ke_don"], "%Y-%m-%d %H:%M:%S").date()
    return date.today() <= written + timedelta(days=VALID_DAYS)


def _is_day(text: Any, pattern: str) -> bool:
    try:
        datetime.strptime(str(text), pattern)
    except ValueError:
        return False
    return True


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


async def _json(request: Request) -> dict[str, Any] | None:
    try:
        found = await request.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


async def serve(host: str, port: int, *, fault: str = "", seed: int = 1) -> None:
    """Answer until cancelled."""
    system = System()
    await faults.listen(faults.build(system.routes(), faults.Faults(fault, seed), system.said), host, port)
