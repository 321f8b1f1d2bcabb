"""The claim part of the insurer's stand-in: receipt, structure errors a moment later, then the appraisal.

What the real portal is described to do is done (receipt at once, one record a file, same bytes = same transaction); how
it is asked for its answers, how words about a fault reach it (insurance_claims_replies.py) and how catalogues are
handed in is not published: these calls are our own reading.

    POST /_plant {"ma_lk": …, "bang": "XML3", "truong": "NGAY_KQ", "stt": 1, "maLoi": "GD01", "noiDung": …, "loai": "2"}

lets the version in hand, or the next one of that visit, come back with this fault; the version after it is accepted. A
member "giaiTrinh" says what becomes of a reply to it: CHAP_NHAN, the rule, or GIU_NGUYEN.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lienmach.simulators.insurance_claims_replies import Replies

TABLES = {
    "XML1": "TONG_HOP", "XML2": "CHI_TIET_THUOC", "XML3": "CHI_TIET_DVKT", "XML4": "CHI_TIET_CLS",
    "XML5": "CHI_TIET_DIEN_BIEN_BENH", "XML6": "", "XML7": "", "XML8": "", "XML9": "", "XML10": "",
    "XML11": "CHI_TIEU_DU_LIEU_GIAY_CHUNG_NHAN_NGHI_VIEC_HUONG_BAO_HIEM_XA_HOI", "XML13": "CHI_TIEU_GIAYCHUYENTUYEN",
    "XML14": "CHI_TIEU_GIAYHEN_KHAMLAI", "XML15": "",
}  # fmt: skip
NEEDED = (
    "MA_LK", "MA_BN", "HO_TEN", "NGAY_SINH", "GIOI_TINH", "MA_BENH_CHINH", "MA_DOITUONG_KCB", "NGAY_VAO", "NGAY_RA",
    "KET_QUA_DTRI", "MA_LOAI_RV", "T_TONGCHI_BV", "T_BHTT", "NAM_QT", "THANG_QT", "MA_LOAI_KCB", "MA_CSKCB",
)  # fmt: skip
_RECALL = "8"  # MA_DOITUONG_KCB
_FILE_BYTES_MAX = 20 * 1024 * 1024
Fault = dict[str, Any]
Rows = list[dict[str, str]]


@dataclass
class Received:
    """One file. faults: of its structure. planted: what the appraisal will say."""

    number: str
    ma_lk: str
    at: float
    data: bytes
    tables: dict[str, Rows]
    faults: list[Fault]
    planted: list[Fault] = field(default_factory=list)
    is_accepted: bool = False


@dataclass
class Claims:
    """What the portal remembers of claims. reject: how often the appraisal finds something by itself.

    structure_seconds, appraise_seconds: how long after the receipt each is told.
    """

    is_signed_in: Callable[[Request], bool]
    structure_seconds: float = 2.0
    appraise_seconds: float = 5.0
    reject: float = 0.0
    seed: int = 1
    now: Callable[[], float] = time.time
    received: dict[str, Received] = field(default_factory=dict)
    by_bytes: dict[str, str] = field(default_factory=dict)
    by_visit: dict[str, list[str]] = field(default_factory=dict)
    plants: dict[str, list[Fault]] = field(default_factory=dict)
    replies: Replies = field(default_factory=Replies)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.replies.seconds = self.appraise_seconds

    async def take(self, request: Request) -> Response:
        """POST /api/qd130/guiHoSoXmlQD3176"""
        if not self.is_signed_in(request):
            return JSONResponse({"maKetQua": "401"})
        form = await request.form(max_part_size=2 * _FILE_BYTES_MAX)
        try:
            data = base64.b64decode(str(form.get("fileHSBase64", "")), validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if not data or len(data) > _FILE_BYTES_MAX or str(form.get("loaiHoSo")) != "130":
            return JSONResponse({"maKetQua": "205", "thongDiep": "Tệp không đọc được hoặc sai loại hồ sơ"})
        known = self.by_bytes.get(hashlib.sha256(data).hexdigest())
        if known is None:
            known = self._receive(data, str(form.get("maCSKCB", "")))
        return JSONResponse(
            {"maKetQua": "200", "maGiaoDich": known, "thoiGianTiepNhan": f"{datetime.now():%Y%m%d%H%M%S}",
             "thongDiep": "Đã tiếp nhận"}
        )  # fmt: skip

    async def tell(self, request: Request) -> Response:
        """POST /api/qd130/ketQuaHoSo"""
        if not self.is_signed_in(request):
            return JSONResponse({"maKetQua": "401"})
        number = str((await _json(request)).get("maGiaoDich", ""))
        one = self.received.get(number)
        if one is None:
            return JSONResponse({"maKetQua": "205", "thongDiep": "Không có giao dịch này"})
        answer = {**self._answer(one), "dsGiaiTrinh": self.replies.told(number, self.now())}
        return JSONResponse({"maKetQua": "200", "maGiaoDich": number, "maLK": one.ma_lk, **answer})

    async def plant(self, request: Request) -> Response:
        """POST /_plant"""
        said = await _json(request)
        if not said.get("ma_lk"):
            return JSONResponse({"problem": "ma_lk is missing"}, 400)
        fault = {"loai": "2", "maLoi": "GD01", "bang": "XML3", "truong": "NGAY_KQ", "stt": 1,
                 "noiDung": "Thời điểm có kết quả chưa phù hợp",
                 **{name: value for name, value in said.items() if name != "ma_lk"}}  # fmt: skip
        newest = self.by_visit.get(str(said["ma_lk"]), [])
        if newest and not self.received[newest[-1]].is_accepted:
            self.received[newest[-1]].planted.append(fault)
        else:
            self.plants.setdefault(str(said["ma_lk"]), []).append(fault)
        return JSONResponse({"planted": fault})

    async def take_reply(self, request: Request) -> Response:
        """POST /api/qd130/giaiTrinhHoSo: words about one fault of one version."""
        if not self.is_signed_in(request):
            return JSONResponse({"maKetQua": "401"})
        said = await _json(request)
        one = self.received.get(str(said.get("maGiaoDich", "")))
        faults = [] if one is None else [*one.faults, *one.planted]
        return JSONResponse(self.replies.take(said, faults, self.now()))

    def copayments(self, card: str) -> list[dict[str, Any]]:
        """DataCCT of a card: the co-payments of the visits that were accepted this year, the newest version of each."""
        found = []
        for numbers in self.by_visit.values():
            accepted = [one for number in numbers if (one := self.received[number]) and self._is_accepted(one)]
            first = accepted[-1].tables["XML1"][0] if accepted else {}
            shared = _amount(first.get("T_BNCCT", "")) or Decimal(0)
            cards = first.get("MA_THE_BHYT", "").split(";")
            if shared and any(one[-10:] == card[-10:] for one in cards if one):
                found.append({"maCSKCB": first["MA_CSKCB"], "ngayRa": first["NGAY_RA"][:8], "tienCCT": float(shared)})
        return found

    def said(self) -> dict[str, Any]:
        """What a test or a person wants to see."""
        visits = {
            key: [
                {
                    "maGiaoDich": number,
                    "sha256": hashlib.sha256(self.received[number].data).hexdigest(),
                    **self._answer(self.received[number]),
                }
                for number in numbers
            ]
            for key, numbers in self.by_visit.items()
        }
        return {"claims": visits, "replies": self.replies.said()}

    def routes(self) -> list[Route]:
        """The calls of the portal."""
        return [
            Route("/api/qd130/guiHoSoXmlQD3176", self.take, methods=["POST"]),
            Route("/api/qd130/ketQuaHoSo", self.tell, methods=["POST"]),
            Route("/api/qd130/giaiTrinhHoSo", self.take_reply, methods=["POST"]),
            Route("/_plant", self.plant, methods=["POST"]),
        ]

    def _receive(self, data: bytes, facility: str) -> str:
        number = secrets.token_hex(8)
        tables, faults = read(data, facility)
        key = tables.get("XML1", [{}])[0].get("MA_LK", "") if tables.get("XML1") else ""
        planted = self.plants.pop(key, [])
        if not planted and self.reject and self.random.random() < self.reject:
            planted = [{"loai": "2", "maLoi": "GD99", "bang": "XML3", "truong": "MA_DICH_VU", "stt": 1,
                        "noiDung": "Chỉ định chưa phù hợp với chẩn đoán", "soTien": "1000.00"}]  # fmt: skip
        self.received[number] = Received(number, key, self.now(), data, tables, faults, planted)
        self.by_bytes[hashlib.sha256(data).hexdigest()] = number
        self.by_visit.setdefault(key, []).append(number)
        return number

    def _answer(self, one: Received) -> dict[str, Any]:
        age = self.now() - one.at
        if age < self.structure_seconds:
            return {"trangThai": "DANG_XU_LY", "dsLoi": []}
        if one.faults:
            return {"trangThai": "LOI_CAU_TRUC", "dsLoi": one.faults}
        structural = [fault for fault in one.planted if str(fault.get("loai")) == "1"]
        if structural:
            return {"trangThai": "LOI_CAU_TRUC", "dsLoi": structural}
        if age < self.appraise_seconds:
            return {"trangThai": "DANG_XU_LY", "dsLoi": []}
        asked = _amount(one.tables["XML1"][0].get("T_BHTT", "")) or Decimal(0)
        standing = [fault for fault in one.planted if not self.replies.is_accepted(one.number, fault, self.now())]
        off = sum((_amount(str(fault.get("soTien", ""))) or Decimal(0) for fault in standing), Decimal(0))
        if standing:
            return {"trangThai": "TU_CHOI", "dsLoi": standing, "soTienChapNhan": f"{max(asked - off, Decimal(0)):.2f}"}
        one.is_accepted = True
        return {"trangThai": "CHAP_NHAN", "dsLoi": [], "soTienChapNhan": f"{asked:.2f}"}

    def _is_accepted(self, one: Received) -> bool:
        return self._answer(one)["trangThai"] == "CHAP_NHAN"


def read(data: bytes, facility: str) -> tuple[dict[str, Rows], list[Fault]]:
    """(rows by table, faults of the structure) of a file."""
    root = _parse(data)
    if root is None or root.tag != "GIAMDINHHS":
        return {}, [_fault("CT01", "ENV", "GIAMDINHHS", 0, "Tệp không đúng cấu trúc GIAMDINHHS")]
    faults = []
    own = root.findtext("THONGTINDONVI/MACSKCB") or ""
    if own != facility or len(own) != 5:
        faults.append(_fault("CT02", "ENV", "MACSKCB", 0, "Mã cơ sở trong tệp khác mã cơ sở gửi"))
    if root.find("CHUKYDONVI") is None or not len(root.find("CHUKYDONVI")):
        faults.append(_fault("CT03", "ENV", "CHUKYDONVI", 0, "Hồ sơ chưa được ký số"))
    records = root.findall("THONGTINHOSO/DANHSACHHOSO/HOSO")
    if len(records) != 1:
        return {}, [*faults, _fault("CT04", "ENV", "SOLUONGHOSO", 0, "Mỗi tệp chỉ có một hồ sơ")]
    tables: dict[str, Rows] = {}
    for entry in records[0].findall("FILEHOSO"):
        name = entry.findtext("LOAIHOSO") or ""
        if name not in TABLES or name in tables:
            faults.append(
                _fault("CT05", name[:10] or "ENV", "LOAIHOSO", 0, "Bảng không có trong quy định hoặc lặp lại")
            )
            continue
        tables[name], wrong = _rows(name, entry.findtext("NOIDUNGFILE") or "")
        faults += wrong
    return tables, [*faults, *_content(tables)]


def _content(tables: dict[str, Rows]) -> list[Fault]:
    first = tables.get("XML1", [])
    if len(first) != 1:
        return [_fault("CT06", "XML1", "", 0, "Hồ sơ phải có đúng một dòng XML1")]
    visit, faults = first[0], []
    faults += [_fault("CT07", "XML1", name, 1, f"Thiếu {name}") for name in NEEDED if not visit.get(name)]
    for table, rows in tables.items():
        for number, row in enumerate(rows, 1):
            if row.get("MA_LK") != visit.get("MA_LK"):
                faults.append(_fault("CT08", table, "MA_LK", number, "MA_LK khác MA_LK của XML1"))
    if visit.get("MA_DOITUONG_KCB") == _RECALL:
        return faults
    lines = [*tables.get("XML2", []), *tables.get("XML3", [])]
    for total, part in (("T_TONGCHI_BV", "THANH_TIEN_BV"), ("T_TONGCHI_BH", "THANH_TIEN_BH"), ("T_BHTT", "T_BHTT")):
        said, amounts = _amount(visit.get(total, "")), [_amount(line.get(part, "")) for line in lines]
        known = [one for one in amounts if one is not None]
        if said is None or len(known) != len(amounts) or sum(known, Decimal(0)) != said:
            faults.append(_fault("CT09", "XML1", total, 1, f"{total} khác tổng {part} của các dòng"))
    return faults


def _rows(table: str, text: str) -> tuple[Rows, list[Fault]]:
    try:
        root = _parse(base64.b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError):
        root = None
    if root is None:
        return [], [_fault("CT10", table, "NOIDUNGFILE", 0, "Nội dung bảng không đọc được")]
    record = TABLES[table]
    found = [root] if root.tag == record or not record else list(root.iter(record))
    return [{child.tag: child.text or "" for child in one if isinstance(child.tag, str)} for one in found], []


def _parse(data: bytes) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    return None if root.getroottree().docinfo.doctype else root


def _fault(code: str, table: str, name: str, row: int, text: str) -> Fault:
    return {"loai": "1", "maLoi": code, "bang": table, "truong": name, "stt": row, "noiDung": text}


def _amount(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


async def _json(request: Request) -> dict[str, Any]:
    try:
        found = await request.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
