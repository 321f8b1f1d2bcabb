"""A stand-in for the insurer's portal: sign-in, card look-up, co-payment of the year, check-in, and claims
(insurance_claims.py), catalogues (insurance_lists.py). Everything is invented.

What a card is follows from the last digit of the number asked for, so demo cards work without a list:

    0 1  valid, registered at this facility     5    expired, a new card was issued (003)
    2    valid, registered elsewhere            6    withdrawn (110)
    3    expired (010)                          7    valid, ends in ten days
    4    valid, and a new card was issued (004) 8    valid, five years, co-payment above six months of base salary
                                                9    no such card (050)

Endings of two digits go before: 60 wrong name, 70 wrong birth date, 20 reported decrease, 90 the portal's own error.
Cards of object QN and CA that are valid answer 001 and 002. Names and birth dates are repeated as they were asked.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lienmach.simulators import faults
from lienmach.simulators.insurance_claims import Claims
from lienmach.simulators.insurance_lists import Lists

NAME, PORT = "insurance", 8711
FIELDS = (
    "maKetQua ghiChu maThe hoTen ngaySinh gioiTinh diaChi maDKBD cqBHXH gtTheTu gtTheDen maKV ngayDu5Nam maSoBHXH "
    "maTheCu maTheMoi gtTheTuMoi gtTheDenMoi maDKBDMoi tenDKBDMoi"
).split()
_TWO = {"60": "060", "70": "070", "20": "120", "90": "101"}
_ONE = {"3": "010", "4": "004", "5": "003", "6": "110", "9": "050"}
_NUMBER = re.compile(r"[A-Z]{2}[1-5][0-9]{12}|[0-9]{10}|[0-9]{12}")
_FIELD = re.compile(r"<(MA_LK|MA_CSKCB|NGAY_YL)>([^<]+)</")
OTHER_FACILITY = "86992"


@dataclass
class Portal:
    """What the portal remembers. check_ins: by MA_LK, the newest file. looked_up: how often a number was asked."""

    facility: str = "86991"
    tokens: set[str] = field(default_factory=set)
    check_ins: dict[str, dict[str, Any]] = field(default_factory=dict)
    looked_up: dict[str, int] = field(default_factory=dict)
    received: int = 0
    claims: Claims = field(default_factory=lambda: Claims(lambda request: False))
    lists: Lists = field(default_factory=lambda: Lists(lambda request: False))

    def __post_init__(self) -> None:
        self.claims.is_signed_in = self.lists.is_signed_in = self._is_signed_in

    def _is_signed_in(self, request: Request) -> bool:
        return request.headers.get("accessToken", "") in self.tokens

    async def take_token(self, request: Request) -> Response:
        """POST /api/token/take"""
        form = await request.form()
        if not form.get("username") or not re.fullmatch(r"[0-9A-F]{32}", str(form.get("password", ""))):
            return JSONResponse({"maKetQua": "401", "APIKey": None})
        token = secrets.token_hex(16)
        self.tokens.add(token)
        key = {
            "access_token": token,
            "id_token": secrets.token_hex(8),
            "token_type": "Bearer",
            "username": str(form["username"]),
            "expires_in": 3600,
        }
        return JSONResponse({"maKetQua": "200", "APIKey": key})

    async def look_up(self, request: Request) -> Response:
        """POST /api/egw/KQNhanLichSuKCB2024"""
        if request.query_params.get("token", "") not in self.tokens:
            return JSONResponse({"maKetQua": "401", "ghiChu": "Phiên làm việc không hợp lệ"})
        asked = await _json(request)
        number = str((asked or {}).get("maThe", "")).upper()
        if asked is None or not _NUMBER.fullmatch(number) or not str(asked.get("hoTen", "")).strip():
            return JSONResponse({"maKetQua": "205", "ghiChu": "Tham số không đúng định dạng"})
        self.looked_up[number] = self.looked_up.get(number, 0) + 1
        return JSONResponse(card_of(number, asked, date.today(), self.facility))

    async def copayment(self, request: Request) -> Response:
        """POST /api/TraCuuCCT/TraCuuTienMCCT"""
        if request.headers.get("accessToken", "") not in self.tokens:
            return JSONResponse({"MaKetQua": "401", "maKetQua": "401"})
        asked = await _json(request)
        if asked is None or not asked.get("maThe"):
            return JSONResponse({"MaKetQua": "205", "maKetQua": "205"})
        card = str(asked["maThe"])
        paid = [*copayments(card, date.today()), *self.claims.copayments(card)]
        return JSONResponse({"MaKetQua": "000", "maKetQua": "000", "GhiChu": "", "DataCCT": paid})

    async def check_in(self, request: Request) -> Response:
        """POST /api/qd130/checkInKcbQd3176"""
        if request.headers.get("accessToken", "") not in self.tokens:
            return JSONResponse({"maKetQua": "401"})
        form = await request.form()
        try:
            text = base64.b64decode(str(form.get("fileHSBase64", "")), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return JSONResponse({"maKetQua": "205", "thongDiep": "Tệp không đọc được"})
        said = dict(_FIELD.findall(text))
        if str(form.get("loaiHoSo")) != "0" or "MA_LK" not in said or said.get("MA_CSKCB") != form.get("maCSKCB"):
            return JSONResponse({"maKetQua": "205", "thongDiep": "Thiếu MA_LK hoặc sai mã cơ sở"})
        self.received += 1
        number = self.check_ins.get(said["MA_LK"], {}).get("maGiaoDich") or secrets.token_hex(8)
        self.check_ins[said["MA_LK"]] = {"maGiaoDich": number, "file": text}
        return JSONResponse(
            {"maKetQua": "200", "maGiaoDich": number, "thoiGianTiepNhan": date.today().strftime("%Y%m%d")}
        )

    def said(self) -> dict[str, Any]:
        """What a test or a person wants to see."""
        own = {"check_ins": self.check_ins, "received": self.received, "looked_up": self.looked_up}
        return {**own, **self.claims.said(), "catalogues": self.lists.said()}

    def routes(self) -> list[Route]:
        """The calls of the portal."""
        return [
            Route("/api/token/take", self.take_token, methods=["POST"]),
            Route("/api/egw/KQNhanLichSuKCB2024", self.look_up, methods=["POST"]),
            Route("/api/TraCuuCCT/TraCuuTienMCCT", self.copayment, methods=["POST"]),
            Route("/api/qd130/checkInKcbQd3176", self.check_in, methods=["POST"]),
            *self.claims.routes(),
            *self.lists.routes(),
        ]


def card_of(number: str, asked: dict[str, Any], today: date, facility: str) -> dict[str, Any]:
    """The answer about a number."""
    code = _TWO.get(number[-2:]) or _ONE.get(number[-1], "000")
    if code == "000" and number[:2] in ("QN", "CA"):
        code = {"QN": "001", "CA": "002"}[number[:2]]
    answer: dict[str, Any] = {
        **dict.fromkeys(FIELDS, ""),
        "maKetQua": code,
        "dsLichSuKCB2018": [],
        "dsLichSuKT2018": [],
    }
    if code in ("050", "060", "070", "101"):
        return answer
    card = number if len(number) == 15 else f"GD486{number[-10:]}"
    start, end = date(today.year, 1, 1), date(today.year + 1, 12, 31)
    if code == "010" or code == "003":
        start, end = date(today.year - 2, 1, 1), date(today.year - 1, 12, 31)
    if number[-1] == "7":
        end = today + timedelta(days=10)
    is_elsewhere = number[-1] == "2"
    answer |= {
        "maThe": card,
        "hoTen": str(asked.get("hoTen", "")).upper(),
        "ngaySinh": str(asked.get("ngaySinh", "")),
        "maDKBD": OTHER_FACILITY if is_elsewhere else facility,
        "cqBHXH": "Bảo hiểm xã hội (mẫu)",
        "gtTheTu": f"{start:%d/%m/%Y}",
        "gtTheDen": f"{end:%d/%m/%Y}",
        "ngayDu5Nam": "01/01/2020" if number[-1] == "8" else f"01/01/{today.year + 2}",
        "maSoBHXH": card[5:],
    }
    if code in ("003", "004"):
        answer |= {
            "maTheMoi": f"HN2{card[3:]}",
            "gtTheTuMoi": f"{today:%d/%m/%Y}",
            "gtTheDenMoi": f"{date(today.year + 1, 12, 31):%d/%m/%Y}",
            "maDKBDMoi": facility,
            "tenDKBDMoi": "Trung tâm Y tế khu vực Liền Mạch (mẫu)",
        }
    return answer


def copayments(number: str, today: date) -> list[dict[str, Any]]:
    """DataCCT: the co-payments of this year. Its members are not published; these are our reading."""
    if number[-1] != "8":
        return []
    return [{"maCSKCB": OTHER_FACILITY, "ngayRa": f"{today.year}0103", "tienCCT": 20_000_000}]


async def _json(request: Request) -> dict[str, Any] | None:
    try:
        found = await request.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


async def serve(
    host: str,
    port: int,
    *,
    fault: str = "",
    seed: int = 1,
    facility: str = "86991",
    reject: float = 0.0,
    structure_seconds: float = 2.0,
    appraise_seconds: float = 5.0,
    list_seconds: float = 5.0,
) -> None:
    """Answer until cancelled. facility: the code at which digits 0 and 1 are registered. reject: rate, 0 to 1, at which
    the appraisal finds something; the seconds: how long after the receipt structure errors, appraisal and rows of catalogues are told."""
    claims = Claims(
        lambda request: False, float(structure_seconds), float(appraise_seconds), reject=float(reject), seed=seed
    )
    lists = Lists(lambda request: False, float(list_seconds))
    portal = Portal(facility, claims=claims, lists=lists)
    await faults.listen(faults.build(portal.routes(), faults.Faults(fault, seed), portal.said), host, port)
