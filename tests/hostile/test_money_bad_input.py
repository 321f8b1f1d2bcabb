"""Bad input around money: price lists with holes and overlaps, answers and lists for nobody, files that are no claims.

Each gets a sentence that says what to do, and changes nothing.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from day_of_work import Day

from lienmach.app import DEPARTMENTS
from lienmach.base import errors
from lienmach.care import catalogues
from lienmach.care.catalogues import Row
from lienmach.care.claims import answers
from lienmach.standards.bhxh import claim_xml
from tests.clinic import Clinic
from tests.running_node import ROOT
from tests.web.client import Browser, build

PRICES = "/administration/catalogues/price/import"
HEADING = "Mã dịch vụ,Tên,Đơn giá,Giá BHYT,Từ ngày,Đến ngày\n"


async def signed_in(clinic: Clinic, login: str) -> Browser:
    one = Browser(build(clinic.store, clinic.settings, DEPARTMENTS))
    assert (await one.sign_in(login)).status_code == 303
    await one.get("/password")
    return one


async def hand_in(browser: Browser, text: str) -> str:
    """The words of the preview of a price list."""
    await browser.get(PRICES)
    files = {"file": ("gia.csv", (HEADING + text).encode())}
    answer = await browser.post(
        PRICES, {"step": "preview", "first_day": "01/01/2027", "document": "QĐ thử", "scope": "part"}, files=files
    )
    assert answer.status_code < 500
    return browser.words()


async def test_overlapping_dates_of_a_price_name_both_lines_and_change_nothing(clinic: Clinic) -> None:
    day, director = Day(clinic), await signed_in(clinic, "director")
    before = await day.state()
    said = await hand_in(
        director, "XN-GLU,Glucose,25000,25000,01/01/2027,31/01/2027\nXN-GLU,Glucose,26000,26000,15/01/2027,\n"
    )
    assert "XN-GLU" in said and "trùng với dòng 2" in said and "15/01/2027" in said and "31/01/2027" in said, said[
        -600:
    ]
    after = await day.state()
    assert after[0] == before[0] and await _prices(clinic) == 1


@pytest.mark.parametrize("first_ends", ["14/01/2027", ""])
async def test_dates_that_only_touch_or_follow_are_no_overlap(clinic: Clinic, first_ends: str) -> None:
    said = await hand_in(
        await signed_in(clinic, "director"),
        f"XN-GLU,Glucose,25000,25000,01/01/2027,{first_ends}\nXN-GLU,Glucose,26000,26000,15/01/2027,\n",
    )
    assert "trùng với dòng" not in said and "XN-GLU" in said


DAYS = ("31/12/9999", "9999-12-31", "01/01/0001", "0001-01-01", "30/02/2026", "²", "x" * 500)


async def test_a_day_that_cannot_be_is_a_page_and_never_an_error(clinic: Clinic) -> None:
    for login, paths in {
        "insurance": ("/insurance/claims?on=", "/insurance/batches/", "/insurance/statements?on="),
        "cashier": ("/billing/ledger?day=", "/billing/ledger?on="),
        "director": ("/leaders/day?on=", "/leaders/prescribing?month=", "/leaders/department?from="),
    }.items():
        one = await signed_in(clinic, login)
        for path in paths:
            for day in DAYS:
                answer = await one.get(path + day.replace("/", "%2F" if "?" not in path else "/"))
                assert answer.status_code < 500, f"{path}{day}"


async def _prices(clinic: Clinic) -> int:
    async with clinic.store.begin(clinic.actor("director")) as tx:
        rows = await tx.fetch(
            "select 1 from catalogue where tenant = 1 and list = 'price' and code = 'service:XN-GLU' and state <> 'draft'"
        )
    return len(rows)


async def test_a_service_without_a_price_today_is_refused_where_it_is_ordered(clinic: Clinic) -> None:
    """The list has a hole: the old price ended yesterday, the new one begins next week."""
    visit = await clinic.visit(await clinic.patient())
    async with clinic.store.begin(clinic.actor("director")) as tx:
        today = catalogues.today(tx)

    async def dig(tx: Any) -> None:
        catalogues.close(tx, "price", "service:XN-GLU", last_on=today - timedelta(days=1))
        price = {"don_gia_bv": Decimal(26000), "don_gia_bh": Decimal(26000)}
        catalogues.put(
            tx, [Row("price", "service:XN-GLU", "Glucose", today + timedelta(days=7), None, "approved", price)]
        )

    await clinic.store.run(clinic.actor("director"), dig)
    doctor, day = await signed_in(clinic, "doctor"), Day(clinic)
    before = await day.state()
    form = {"step": "place", "line": "XN-GLU", "quantity": "1", "note": "", "repeat_reason": ""}
    answer = await doctor.post(f"/outpatient/visits/{visit}/orders", form)
    assert 400 <= answer.status_code < 500 and "XN-GLU" in doctor.words() and "giá" in doctor.words(), doctor.words()
    assert await day.state() == before


async def test_an_answer_about_an_unknown_visit_changes_nothing(clinic: Clinic) -> None:
    day, system = Day(clinic), clinic.actor("system")
    before = await day.state()
    told = answers.Told("rejected", (), Decimal(5))
    with pytest.raises(errors.NotFound, match="không có gì thay đổi"):
        await clinic.store.run(system, lambda tx: answers.take_in(tx, "nobody", 1, told, b"{}"))
    officer = await signed_in(clinic, "insurance")
    for own in ("nobody", "0" * 32, "../x", "a%00b", "x" * 400):
        for method in ("get", "post"):
            answer = await getattr(officer, method)(f"/insurance/rejections/{own}")
            assert (answer.status_code in (400, 404, 422) and "Không" in officer.words()) or method == "post", own
    assert await day.state() == before


FUND_LISTS: list[tuple[str, str]] = [
    ("", "Hãy dán danh sách"),
    ("86991261122NOBODY\t1000", "Không có lượt khám"),
    ("MA_LK\n86991261122NOBODY", "số tiền chấp nhận"),
    ("86991261122NOBODY\t-5", "không phải là số tiền"),
    ("86991261122NOBODY\t1e999", "không phải là số tiền"),
    ("86991261122NOBODY\t" + "9" * 400, "không phải là số tiền"),
    ("86991261122NOBODY\t²", "không phải là số tiền"),
    ("'; drop table claim; --\t5", "không phải là mã lượt khám"),
    ("A\t1\nA\t2", "đã có ở dòng"),
    ("\0\0\0", ""),
]


@pytest.mark.parametrize(("text", "sentence"), FUND_LISTS, ids=range(len(FUND_LISTS)))
@pytest.mark.parametrize("step", ["preview", "book"])
async def test_a_fund_list_of_nobody_or_of_no_money_changes_nothing(
    clinic: Clinic, text: str, sentence: str, step: str
) -> None:
    day, officer = Day(clinic), await signed_in(clinic, "insurance")
    before = await day.state()
    answer = await officer.post("/insurance/reconciliation", {"step": step, "batch": "11/2026", "text": text})
    assert answer.status_code < 500 and sentence in officer.words(), officer.words()[-800:]
    assert await day.state() == before


def _file(inner: bytes, *, table: str = "XML1", head: str = "") -> bytes:
    """A claim file that holds this as its one table."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<GIAMDINHHS><THONGTINDONVI><MACSKCB>86991</MACSKCB></THONGTINDONVI>'
        f"<THONGTINHOSO><NGAYLAP>20261122</NGAYLAP><SOLUONGHOSO>1</SOLUONGHOSO><DANHSACHHOSO><HOSO><FILEHOSO>"
        f"<LOAIHOSO>{table}</LOAIHOSO><NOIDUNGFILE>{base64.b64encode(inner).decode()}</NOIDUNGFILE></FILEHOSO></HOSO>"
        "</DANHSACHHOSO></THONGTINHOSO><CHUKYDONVI/></GIAMDINHHS>"
    ).encode()


def _zip(content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.xml", content)
    return sink.getvalue()


_LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]>"
)
_XXE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>'
_ROW = "<CHI_TIET_DVKT><MA_LK>1</MA_LK><STT>1</STT></CHI_TIET_DVKT>"
_ROWS = f"<CHITIEU_CHITIET_DVKT_VTYT><DSACH_CHI_TIET_DVKT>{_ROW * 100_000}</DSACH_CHI_TIET_DVKT></CHITIEU_CHITIET_DVKT_VTYT>"
NO_CLAIMS: dict[str, bytes] = {
    "nothing": b"",
    "zeros": b"\0" * 1000,
    "large": b"<a>" + b"x" * (50 * 1024 * 1024) + b"</a>",
    "zip-bomb": _zip(b"0" * 30_000_000),
    "gzip-bomb": gzip.compress(b"0" * 30_000_000),
    "laughs": _LAUGHS.encode() + b"<GIAMDINHHS>&j;</GIAMDINHHS>",
    "xxe": _XXE.encode() + b"<GIAMDINHHS><THONGTINDONVI><MACSKCB>&f;</MACSKCB></THONGTINDONVI></GIAMDINHHS>",
    "laughs-inside": _file(_LAUGHS.encode() + b"<TONG_HOP><MA_LK>&j;</MA_LK></TONG_HOP>"),
    "xxe-inside": _file(_XXE.encode() + b"<TONG_HOP><MA_LK>&f;</MA_LK></TONG_HOP>"),
    "utf-16": "<?xml version='1.0' encoding='UTF-16'?><GIAMDINHHS/>".encode("utf-16"),
    "latin-1": "<?xml version='1.0' encoding='ISO-8859-1'?><GIAMDINHHS>é</GIAMDINHHS>".encode("latin-1"),
    "said-latin-1": b"<?xml version='1.0' encoding='ISO-8859-1'?><GIAMDINHHS>\xc3\xa9</GIAMDINHHS>",
    "unknown-encoding": b"<?xml version='1.0' encoding='x-nonsense'?><GIAMDINHHS/>",
    "no-base64": _file(b"").replace(b"<NOIDUNGFILE></", "<NOIDUNGFILE>đây không phải base64!!</".encode()),
    "base64-of-noise": _file(bytes(range(256)) * 10),
    "deep": b"<a>" * 100_000,
    "deep-inside": _file(b"<TONG_HOP>" + b"<a>" * 100_000),
    "many-rows": _file(_ROWS.encode(), table="XML3"),
    "many-tables": _file(b"<TONG_HOP/>").replace(b"</HOSO>", b"<FILEHOSO><LOAIHOSO>XML1</LOAIHOSO></FILEHOSO>" * 2000 + b"</HOSO>"),
    "json": b'{"GIAMDINHHS": {}}',
    "other-root": b"<html><body>503</body></html>",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(NO_CLAIMS))
def test_what_is_no_claim_is_a_fault_and_never_an_exception(name: str) -> None:
    envelope = claim_xml.read(NO_CLAIMS[name])
    assert envelope.faults and len(envelope.faults) <= claim_xml.FAULTS_MAX
    assert all(len(sentence) < 400 for *_, sentence in envelope.faults)
    said = json.dumps([list(one) for one in envelope.faults]) + json.dumps(envelope.tables)[:10_000]
    assert "hahaha" not in said and os.uname().nodename not in said


def test_the_command_says_of_every_such_file_what_is_wrong_and_ends_with_1(tmp_path: Path) -> None:
    """In one process within bounded memory: findings as JSON for each file, no traceback."""
    names = []
    for name, content in NO_CLAIMS.items():
        path = tmp_path / f"{name}.xml"
        path.write_bytes(content)
        names.append(str(path))
    environment = {**os.environ, "LIENMACH_HOME": str(tmp_path / "none")}
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({3 << 30}, {3 << 30})); "
    code = limit + "import sys; from lienmach.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "claims", "check", *names], capture_output=True, text=True, cwd=ROOT,
        env=environment, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert {one["file"] for one in told} == set(names)
    assert all(one["rule"] and one["text"] for one in told)
    assert len(done.stdout) < 60_000_000  # bounded by ROWS_MAX


def test_a_file_that_is_not_there_and_a_folder_are_said_and_end_with_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lienmach", "claims", "check", str(tmp_path / "no.xml"), str(tmp_path)],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "LIENMACH_HOME": str(tmp_path / "none")}, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.count("cannot be opened") == 2 and json.loads(done.stdout) == []
