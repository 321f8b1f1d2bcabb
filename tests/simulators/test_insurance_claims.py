"""The claim portal of the insurance simulator: structure, appraisal, what it remembers, catalogues."""

from __future__ import annotations

import base64
from datetime import date
from typing import Any

import httpx
import pytest

from lienmach.simulators import insurance
from lienmach.standards.bhxh import claim_fields, claim_xml
from tests.simulators import running

ON = date(2026, 8, 3)
FACILITY = "86991"
_MARK = b"<CHUKYDONVI/>"


def file(**first: str) -> bytes:
    """A file of one visit with one line, as if signed."""
    visit = {
        "MA_LK": "K1", "STT": "1", "MA_BN": "B1", "HO_TEN": "NGUYỄN VĂN ÂN", "NGAY_SINH": "195802010000",
        "GIOI_TINH": "1", "MA_BENH_CHINH": "I10", "MA_DOITUONG_KCB": "1.1", "NGAY_VAO": "202608030700",
        "NGAY_RA": "202608030800", "KET_QUA_DTRI": "2", "MA_LOAI_RV": "1", "T_TONGCHI_BV": "45000.00",
        "T_TONGCHI_BH": "45000.00", "T_BHTT": "36000.00", "T_BNCCT": "9000.00", "NAM_QT": "2026", "THANG_QT": "08",
        "MA_LOAI_KCB": "01", "MA_CSKCB": FACILITY, "MA_THE_BHYT": "DN4790000000001", **first,
    }  # fmt: skip
    line = {"MA_LK": "K1", "STT": "1", "THANH_TIEN_BV": "45000.00", "THANH_TIEN_BH": "45000.00", "T_BHTT": "36000.00"}
    tables = {"XML1": [claim_fields.row("XML1", ON, visit)], "XML3": [claim_fields.row("XML3", ON, line)]}
    data = claim_xml.build(tables, facility=FACILITY, made_on=ON)
    return data.replace(_MARK, b"<CHUKYDONVI><Signature/></CHUKYDONVI>")


class Portal:
    """Somebody signed in."""

    def __init__(self, url: str, client: httpx.AsyncClient, token: str) -> None:
        self.url, self.client, self.headers = url, client, {"accessToken": token}

    async def post(self, path: str, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await self.client.post(self.url + path, headers=self.headers, **more)).json()
        return found

    async def send(self, data: bytes, **more: str) -> dict[str, Any]:
        form = {"loaiHoSo": "130", "maCSKCB": FACILITY, "fileHSBase64": base64.b64encode(data).decode(), **more}
        return await self.post("/api/qd130/guiHoSoXmlQD3176", data=form)

    async def told(self, receipt: dict[str, Any]) -> dict[str, Any]:
        return await self.post("/api/qd130/ketQuaHoSo", json={"maGiaoDich": receipt["maGiaoDich"]})


@pytest.fixture
async def portal(request: pytest.FixtureRequest) -> Any:
    """A portal that answers at once, unless the test says otherwise."""
    options = {"structure_seconds": "0", "appraise_seconds": "0", **getattr(request, "param", {})}
    async with running.here(insurance, **options) as one, httpx.AsyncClient() as client:
        said = await client.post(one.url + "/api/token/take", data={"username": "x", "password": "0" * 32})
        yield Portal(one.url, client, said.json()["APIKey"]["access_token"])


async def test_a_good_file_is_accepted_with_its_sum(portal: Portal) -> None:
    told = await portal.told(await portal.send(file()))
    assert (told["trangThai"], told["soTienChapNhan"]) == ("CHAP_NHAN", "36000.00")


async def test_the_same_bytes_are_the_same_transaction_and_others_are_the_next(portal: Portal) -> None:
    first, again, other = await portal.send(file()), await portal.send(file()), await portal.send(file(HO_TEN="X"))
    assert first["maGiaoDich"] == again["maGiaoDich"] != other["maGiaoDich"]


@pytest.mark.parametrize(
    ("data", "code", "field"),
    [
        (b"<HOSO/>", "CT01", "GIAMDINHHS"),
        (file().replace(b"<MACSKCB>86991", b"<MACSKCB>86992"), "CT02", "MACSKCB"),
        (file().replace(b"<Signature/>", b""), "CT03", "CHUKYDONVI"),
        (file().replace(b"<LOAIHOSO>XML3", b"<LOAIHOSO>XML12"), "CT05", "LOAIHOSO"),
        (file(MA_BENH_CHINH=""), "CT07", "MA_BENH_CHINH"),
        (file(MA_LK="K2"), "CT08", "MA_LK"),
        (file(T_TONGCHI_BV="45000.01"), "CT09", "T_TONGCHI_BV"),
        (file(T_BHTT="35999.99"), "CT09", "T_BHTT"),
    ],
)
async def test_structure_errors_name_the_field(portal: Portal, data: bytes, code: str, field: str) -> None:
    told = await portal.told(await portal.send(data))
    assert told["trangThai"] == "LOI_CAU_TRUC"
    assert (code, field) in {(one["maLoi"], one["truong"]) for one in told["dsLoi"]}


async def test_a_planted_fault_comes_back_once(portal: Portal) -> None:
    await portal.client.post(
        portal.url + "/_plant", json={"ma_lk": "K1", "bang": "XML3", "truong": "NGAY_KQ", "stt": 1}
    )
    told = await portal.told(await portal.send(file()))
    assert (told["trangThai"], told["dsLoi"][0]["truong"]) == ("TU_CHOI", "NGAY_KQ")
    assert (await portal.told(await portal.send(file(HO_TEN="X"))))["trangThai"] == "CHAP_NHAN"


@pytest.mark.parametrize("portal", [{"structure_seconds": "600", "appraise_seconds": "900"}], indirect=True)
async def test_before_its_time_nothing_is_told(portal: Portal) -> None:
    assert (await portal.told(await portal.send(file(MA_BENH_CHINH=""))))["trangThai"] == "DANG_XU_LY"


async def test_accepted_visits_count_for_the_co_payment_of_the_year(portal: Portal) -> None:
    ask = {"json": {"maThe": "DN4790000000001"}}
    assert (await portal.post("/api/TraCuuCCT/TraCuuTienMCCT", **ask))["DataCCT"] == []
    await portal.send(file())
    await portal.send(file(T_BNCCT="8000.00"))
    [paid] = (await portal.post("/api/TraCuuCCT/TraCuuTienMCCT", **ask))["DataCCT"]
    assert (paid["tienCCT"], paid["ngayRa"]) == (8000.0, "20260803")


@pytest.mark.parametrize("form", ["02", "03", "05", "06"])
async def test_a_catalogue_is_taken_and_accepted_later(portal: Portal, form: str) -> None:
    said = await portal.post(f"/api/danhmuc/{form}", json={"maCSKCB": FACILITY, "dsDong": [{"MA": "1"}]})
    told = await portal.post("/api/danhmuc/ketQua", json={"maGiaoDich": said["maGiaoDich"]})
    assert (told["mau"], told["soDong"], told["trangThai"]) == (form, 1, "DANG_XU_LY")


async def test_a_hand_in_is_known_by_its_number_and_the_same_rows_under_another_are_the_next(portal: Portal) -> None:
    said = {"maCSKCB": FACILITY, "maLanNop": "1", "dsDong": [{"MA_NOI_BO": "A"}]}
    first = await portal.post("/api/danhmuc/05", json=said)
    again = await portal.post("/api/danhmuc/05", json={**said, "dsDong": [{"MA_NOI_BO": "A", "STT": 1}]})
    other = await portal.post("/api/danhmuc/05", json={**said, "maLanNop": "2"})
    assert again["maGiaoDich"] == first["maGiaoDich"] != other["maGiaoDich"]


async def test_what_cannot_be_read_is_refused_at_once(portal: Portal) -> None:
    assert (await portal.send(b""))["maKetQua"] == "205"
    assert (await portal.send(file(), loaiHoSo="0"))["maKetQua"] == "205"
    assert (await portal.post("/api/danhmuc/07", json={"dsDong": [1]}))["maKetQua"] == "205"
    assert (await portal.told({"maGiaoDich": "la"}))["maKetQua"] == "205"
    portal.headers = {"accessToken": "lạ".encode().hex()}
    assert (await portal.send(file()))["maKetQua"] == "401"


async def test_words_about_a_fault_are_taken_once_and_end_it_unless_they_are_not_accepted(portal: Portal) -> None:
    for row, verdict in ((1, "CHAP_NHAN"), (2, "GIU_NGUYEN")):
        fault = {"ma_lk": "K1", "stt": row, "maLoi": "GD07", "soTien": "1000.00", "giaiTrinh": verdict}
        await portal.post("/_plant", json=fault)
    receipt = await portal.send(file())
    words = {"maGiaoDich": receipt["maGiaoDich"], "maLoi": "GD07", "bang": "XML3", "truong": "NGAY_KQ", "noiDung": "x"}
    first, again = [await portal.post("/api/qd130/giaiTrinhHoSo", json={**words, "stt": 1}) for _ in range(2)]
    assert first["maKetQua"] == "200" and first["maTiepNhan"] == again["maTiepNhan"]
    await portal.post("/api/qd130/giaiTrinhHoSo", json={**words, "stt": 2})
    told = await portal.told(receipt)
    assert [each["trangThai"] for each in told["dsGiaiTrinh"]] == ["CHAP_NHAN", "GIU_NGUYEN"]
    assert [each["stt"] for each in told["dsLoi"]] == [2] and told["soTienChapNhan"] == "35000.00"
    for wrong in ({"stt": 3}, {"stt": 1, "noiDung": " "}, {"stt": 1, "maGiaoDich": "nothing"}):
        assert (await portal.post("/api/qd130/giaiTrinhHoSo", json={**words, **wrong}))["maKetQua"] == "205"
