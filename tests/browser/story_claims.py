"""Step 9: the claim is in the queue before anybody thinks of it; its file is clean; a rejection is worked off at its field.

The portal plants one rejection for the second version, which goes because drugs came back. It is answered in words and
sent again under the same key with the next version; the third is accepted.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import time
import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from playwright.sync_api import Page, expect

from lienmach.standards.bhxh import claim_xml
from lienmach.standards.bhxh.claim_xml import Tables
from tests.browser import story_money
from tests.browser.story_arrival import NAME
from tests.browser.story_node import StoryNode
from tests.browser.story_screens import Screens

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
ANSWER_SECONDS = 180  # the portal's answers are asked for after 20 seconds, then ever more rarely
SAID = "Chỉ định HbA1c lặp lại trong vòng 30 ngày, chưa rõ lý do"
REPLY = "Lần trước đo tại trạm y tế; đường huyết dao động nhiều, cần chỉnh thuốc, lý do đã ghi ở chỉ định"


def queued(screens: Screens, encounter_id: str) -> str:
    """In the queue as soon as the doctor has signed, waiting for the statement. Returns the visit's MA_LK."""
    desk = screens.seat("baohiem")
    page = desk.page
    desk.go("/insurance/claims")
    row = page.locator("#claims tr", has_text=NAME)
    expect(row).to_contain_text("Chờ bảng kê")
    expect(row).to_contain_text("Gửi đề nghị thanh toán")
    screens.shoot(page, "officer-queue")
    visit = screens.node.fhir("GET", f"Encounter/{encounter_id}")
    return str(visit["identifier"][0]["value"])


def sent(screens: Screens, encounter_id: str, ma_lk: str) -> None:
    """Sent by itself when the last drug was given out, and accepted; the day's batch shows it and holds its file."""
    page = _wait(screens, encounter_id, "Được chấp nhận")
    expect(page.locator("#findings-title")).to_have_count(0)
    expect(page.locator("main")).to_contain_text("Bản 1")
    screens.shoot(page, "officer-claim")
    desk = screens.seat("baohiem")
    desk.go("/insurance/claims")
    page.get_by_role("link", name="Hôm nay").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hồ sơ giám định ngày")
    expect(page.locator("#claims tr", has_text=ma_lk)).to_contain_text("Được chấp nhận")
    screens.shoot(page, "officer-batch")
    link = page.get_by_role("link", name=re.compile("Tải các tệp của ngày")).get_attribute("href")
    body = page.context.request.get(desk.base + str(link)).body()
    assert [one for one in zipfile.ZipFile(io.BytesIO(body)).namelist() if ma_lk in one]


def plant(screens: Screens, encounter_id: str, ma_lk: str) -> None:
    """The appraisal will find fault with the next version of this visit: the HbA1c that was done ten days ago too."""
    desk = screens.seat("baohiem")
    body = desk.page.context.request.get(f"{desk.base}/insurance/claims/{encounter_id}/versions/1").body()
    (row,) = [one for one in claim_xml.read(body).tables["XML3"] if "HbA1c" in one["TEN_DICH_VU"]]
    screens.node.ask_simulator("insurance", "/_plant", {
        "ma_lk": ma_lk, "bang": "XML3", "truong": "MA_DICH_VU", "stt": int(row["STT"]), "noiDung": SAID,
        "soTien": row["T_BHTT"],
    })  # fmt: skip


def rejected(screens: Screens, encounter_id: str) -> None:
    """The second version went by itself, with its reason; the appraisal sent it back."""
    page = _wait(screens, encounter_id, "Bị trả")
    expect(page.locator("main")).to_contain_text("trả lại 10 viên")
    screens.shoot(page, "officer-rejected")


def work_off(screens: Screens, encounter_id: str) -> None:
    """The rejection opens at its field with its clock and its loss; answered, sent again, accepted, the loss is gone."""
    desk = screens.seat("baohiem")
    page = desk.page
    desk.go("/insurance/rejections")
    row = page.locator("main tr", has_text=NAME)
    expect(row).to_contain_text("MA_DICH_VU")
    screens.shoot(page, "officer-rejections")
    row.get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/insurance/rejections/.+"))
    expect(page.locator("main h2").first).to_contain_text("XML3.MA_DICH_VU")
    expect(page.locator("main")).to_contain_text(SAID)
    expect(page.locator("main")).to_contain_text("Còn 3 ngày")
    page.locator("summary", has_text="Cả dòng").click()
    expect(page.locator("table.compare tr", has_text="⚠ MA_DICH_VU")).to_be_visible()
    screens.shoot(page, "officer-rejection")
    page.get_by_label(re.compile("lời giải trình")).fill(REPLY)
    page.get_by_role("button", name=re.compile("gửi lại")).click()
    expect(page.locator("main")).to_contain_text("Đã ghi yêu cầu gửi lại")
    page = _wait(screens, encounter_id, "Được chấp nhận")
    for words in ("Bản 1", "Bản 2", "Bản 3", REPLY, "trả lại 10 viên"):
        expect(page.locator("main")).to_contain_text(words)
    screens.shoot(page, "officer-accepted")
    desk.go("/insurance/rejections")
    expect(page.locator("main tr", has_text=NAME)).to_have_count(0)


def export(node: StoryNode, folder: Path, encounter_id: str, ma_lk: str) -> Tables:
    """The command writes what was sent; the checker has nothing to say; the columns add up to the statement."""
    today = datetime.now(ZONE).date().isoformat()
    told = node.command("claims", "export", "--from", today, "--to", today, str(folder))
    assert told.returncode == 0, told.stderr
    file = folder / f"{ma_lk}.xml"
    told = node.command("claims", "check", str(file))
    assert told.returncode == 0 and json.loads(told.stdout) == [], told.stdout + told.stderr
    tables = claim_xml.read(file.read_bytes()).tables
    said = story_money.statement_of(node, encounter_id)["totals"]
    lines = [*tables["XML2"], *tables["XML3"]]
    for name in ("T_BHTT", "T_BNCCT", "T_BNTT"):
        total = sum((Decimal(one[name]) for one in lines), Decimal(0))
        assert total == Decimal(tables["XML1"][0][name]) == Decimal(said[name]), name
    assert not [one for one in tables["XML3"] if "X-quang" in one["TEN_DICH_VU"] or "Doppler" in one["TEN_DICH_VU"]]
    return tables


def check_times(tables: Tables) -> None:
    """In what is sent no step stands before its cause: in, order, work, result, out, payment."""
    visit = tables["XML1"][0]
    begun, ended, paid = visit["NGAY_VAO"], visit["NGAY_RA"], visit["NGAY_TTOAN"]
    assert len(begun) == len(ended) == len(paid) == 12 and begun < ended <= paid, (begun, ended, paid)
    rows = [*tables["XML2"], *tables["XML3"]]
    pairs = [("order", begun, one["NGAY_YL"]) for one in rows] + [("paid", one["NGAY_YL"], paid) for one in rows]
    for one in tables["XML3"]:
        steps = [one["NGAY_YL"], one["NGAY_TH_YL"], one["NGAY_KQ"]]
        known = [each for each in steps if each]
        pairs += [("work", before, after) for before, after in itertools.pairwise(known)]
    wrong = [(what, cause, at) for what, cause, at in pairs if at < cause]
    assert len(pairs) > 12 and not wrong, wrong


def _wait(screens: Screens, encounter_id: str, word: str) -> Page:
    """The claim of the visit when its state is this word; looked at again and again, as an officer does."""
    desk = screens.seat("baohiem")
    deadline = time.monotonic() + ANSWER_SECONDS
    desk.go(f"/insurance/claims/{encounter_id}")
    while word not in desk.page.locator("main h2 .tag").first.inner_text():
        assert time.monotonic() < deadline, desk.page.locator("main").inner_text()
        desk.page.wait_for_timeout(1000)
        desk.page.reload()
    return desk.page
