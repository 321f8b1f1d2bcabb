"""The simulators keep the contracts that they stand for, and fail on demand."""

from __future__ import annotations

import json
import socket
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest

from lienmach import __main__ as bell
from lienmach.simulators import faults, insurance, prescription, sms
from tests.simulators import running

PASSWORD = "0" * 32


def rx(code: str = "86991abcdefg-c", **more: Any) -> dict[str, Any]:
    """A prescription that the national system takes."""
    return {
        "loai_don_thuoc": code[-1],
        "ma_don_thuoc": code,
        "ho_ten_benh_nhan": "Nguyễn Văn Ân",
        "ngay_sinh_benh_nhan": "01/02/1958",
        "gioi_tinh": 2,
        "dia_chi": "1 Đường Mẫu",
        "chan_doan": [{"ma_chan_doan": "J00", "ten_chan_doan": "Cảm", "ket_luan": ""}],
        "hinh_thuc_dieu_tri": 1,
        "thong_tin_don_thuoc": [
            {
                "ma_thuoc": "PARA500",
                "ten_thuoc": "Paracetamol",
                "don_vi_tinh": "viên",
                "so_luong": "10",
                "cach_dung": "Uống",
            }
        ],
        "ngay_gio_ke_don": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        **more,
    }


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("DN4790000000000", "000"),
        ("DN4790000000001", "000"),
        ("DN4790000000002", "000"),
        ("DN4790000000003", "010"),
        ("DN4790000000004", "004"),
        ("DN4790000000005", "003"),
        ("DN4790000000006", "110"),
        ("DN4790000000007", "000"),
        ("DN4790000000008", "000"),
        ("DN4790000000009", "050"),
        ("DN4790000000060", "060"),
        ("DN4790000000070", "070"),
        ("DN4790000000020", "120"),
        ("DN4790000000090", "101"),
        ("QN5790000000001", "001"),
        ("CA5790000000001", "002"),
        ("0000000001", "000"),
        ("079200000001", "000"),
    ],
)
def test_the_ending_of_a_number_chooses_the_card(number: str, code: str) -> None:
    today = date(2026, 11, 22)
    answer = insurance.card_of(number, {"hoTen": "Nguyễn Văn Ân", "ngaySinh": "1958"}, today, "86991")
    assert answer["maKetQua"] == code
    assert answer == insurance.card_of(number, {"hoTen": "Nguyễn Văn Ân", "ngaySinh": "1958"}, today, "86991")
    assert bool(answer["maTheMoi"]) is (code in ("003", "004"))
    assert bool(answer["maThe"]) is (code not in ("050", "060", "070", "101"))


async def test_the_portal_wants_a_token_and_well_formed_questions() -> None:
    async with running.here(insurance) as portal, httpx.AsyncClient(base_url=portal.url) as client:
        body = {"maThe": "DN4790000000001", "hoTen": "Nguyễn Văn Ân", "ngaySinh": "01/02/1958"}
        assert (await client.post("/api/egw/KQNhanLichSuKCB2024", json=body)).json()["maKetQua"] == "401"
        refused = await client.post("/api/token/take", data={"username": "a", "password": "plain"})
        assert refused.json()["maKetQua"] == "401"
        taken = await client.post("/api/token/take", data={"username": "a", "password": PASSWORD})
        params = {"token": taken.json()["APIKey"]["access_token"]}
        said = (await client.post("/api/egw/KQNhanLichSuKCB2024", params=params, json=body)).json()
        assert said["maKetQua"] == "000"
        assert set(insurance.FIELDS) <= said.keys()
        wrong = await client.post("/api/egw/KQNhanLichSuKCB2024", params=params, json={"maThe": "?"})
        assert wrong.json()["maKetQua"] == "205"


async def test_the_national_system_takes_a_code_once_and_names_every_fault() -> None:
    async with running.here(prescription) as system, httpx.AsyncClient(base_url=system.url) as client:
        assert (await client.post("/api/v1/gui-don-thuoc", json=rx())).status_code == 401
        signed = await client.post(
            "/api/auth/dang-nhap-co-so-kham-chua-benh",
            json={"ma_lien_thong_co_so_kham_chua_benh": "86991", "password": "x"},
        )
        client.headers["Authorization"] = f"Bearer {signed.json()['token']}"
        assert (await client.post("/api/v1/gui-don-thuoc", json=rx())).status_code == 200
        again = await client.post("/api/v1/gui-don-thuoc", json=rx())
        assert (again.status_code, again.json()["danh_sach_cac_loi"]) == (
            422, ["Mã đơn thuốc đã tồn tại trên hệ thống"],
        )  # fmt: skip
        for wrong in (
            rx("99999abcdefh-c"),
            rx("86991ABCDEFH"),
            rx("86991abcdefh-n", loai_don_thuoc="c"),
            rx("86991abcdefh-c", gioi_tinh=1),
            rx("86991abcdefh-c", ngay_sinh_benh_nhan="1958-02-01"),
            rx("86991abcdefh-c", ngay_gio_ke_don="01/02/2026"),
            rx("86991abcdefh-c", thong_tin_don_thuoc=[]),
        ):
            answer = await client.post("/api/v1/gui-don-thuoc", json=wrong)
            assert answer.status_code == 422
            assert answer.json()["danh_sach_cac_loi"]
        assert (await client.get("/api/v1/thong-tin-donthuoc/86991ABCDEFG-C")).json()["ma_don_thuoc"]
        assert (await client.get("/api/v1/thong-tin-donthuoc/86991zzzzzzz-c")).status_code == 404


async def test_a_pharmacy_sells_what_was_prescribed_and_no_more() -> None:
    async with running.here(prescription) as system, httpx.AsyncClient(base_url=system.url) as client:
        signed = await client.post(
            "/api/auth/dang-nhap-co-so-kham-chua-benh",
            json={"ma_lien_thong_co_so_kham_chua_benh": "86991", "password": "x"},
        )
        client.headers["Authorization"] = f"Bearer {signed.json()['token']}"
        await client.post("/api/v1/gui-don-thuoc", json=rx())
        old = datetime.now() - timedelta(days=6)
        await client.post(
            "/api/v1/gui-don-thuoc", json=rx("86991bbbbbbb-c", ngay_gio_ke_don=f"{old:%Y-%m-%d %H:%M:%S}")
        )

        async def sell(code: str, quantity: int, drug: str = "PARA500") -> int:
            items = [{"ma_thuoc_da_ke_don": drug, "ma_thuoc": drug, "so_luong": quantity}]
            body = {"ma_don_thuoc": code, "thong_tin_don_thuoc": items}
            return (await client.post("/api/v1/cap-nhat-don-thuoc", json=body)).status_code

        assert await sell("86991abcdefg-c", 6) == 200
        assert await sell("86991abcdefg-c", 5) == 422
        assert await sell("86991abcdefg-c", 4) == 200
        assert await sell("86991abcdefg-c", 1, "KHAC") == 422
        assert await sell("86991bbbbbbb-c", 1) == 422  # over five days old


async def test_short_messages_arrive_once_by_their_key() -> None:
    async with running.here(sms) as gateway, httpx.AsyncClient(base_url=gateway.url) as client:
        body = {"to": "0900000001", "text": "Mời bạn đến khám"}
        for _ in range(2):
            assert (await client.post("/send", json=body, headers={"Idempotency-Key": "a"})).status_code == 200
        assert (await client.post("/send", json={"to": "1", "text": "x"})).status_code == 422
        inbox = (await client.get("/inbox", params={"to": "0900000001"})).json()
        assert [one["text"] for one in inbox] == ["Mời bạn đến khám"]


async def test_faults_come_and_go_while_it_runs() -> None:
    async with running.here(sms, fault="down") as gateway, httpx.AsyncClient(base_url=gateway.url) as client:
        body = {"to": "0900000001", "text": "x"}
        assert (await client.post("/send", json=body)).status_code == 503
        await gateway.fault("wrong")
        assert "<html>" in (await client.post("/send", json=body)).text
        await gateway.fault("duplicate")
        with pytest.raises(httpx.HTTPError):
            await client.post("/send", json=body)
        await gateway.fault("")
        assert (await client.post("/send", json=body)).status_code == 200
        assert (await gateway.state())["received"] == 2  # the lost answer had been given
        assert (await client.post("/_fault", json={"fault": "fire"})).status_code == 400


@pytest.mark.parametrize("said", ["fire", "down:2", "down:x"])
def test_a_fault_that_there_is_not_is_refused(said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError):
        faults.read(said)
    assert bell.main(["simulate", "sms", "--fault", said]) == 1
    assert "--fault takes" in capsys.readouterr().err


def test_a_port_in_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert bell.main(["simulate", "sms", "--port", str(server.getsockname()[1])]) == 1
    assert "cannot listen" in capsys.readouterr().err


async def test_the_command_runs_simulators_as_a_process() -> None:
    one = running.Process("sms")
    await one.start()
    try:
        assert json.dumps(await one.state())
    finally:
        one.kill()
