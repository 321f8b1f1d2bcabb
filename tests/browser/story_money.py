"""Step 7: deposit, cost statement, VietQR and a bank, cash in parts, nothing to pay, money given back, a shift that balances.

The code is read from its squares as a payer's app reads it. A paid bill closes without anybody touching the page; the
story asks for less than five seconds, and allows twenty here, because the machine is shared with other tests.
"""

from __future__ import annotations

import base64
import io
import json
import re
import time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pypdf
from playwright.sync_api import Page, expect

from lienmach.standards.vietnam import number_words
from tests.browser import story_qr
from tests.browser.story_arrival import NAME
from tests.browser.story_node import StoryNode
from tests.browser.story_screens import Screens, settle

FLOAT, DEPOSIT, PART = 500_000, 30_000, 20_000
CLOSED_SECONDS_MAX = 20
REFUND_REASON = "Người bệnh trả lại thuốc chưa dùng"


def open_shift(screens: Screens) -> None:
    """The cashier counts the float; without it no cash is taken."""
    desk = screens.seat("thungan")
    page = desk.page
    desk.go("/billing/visits")
    expect(page.locator("main")).to_contain_text("Bạn chưa mở ca")
    page.keyboard.press("F8")
    page.get_by_label("Tiền đầu ca trong két").fill("500.000")
    screens.shoot(page, "cashier-opens-shift")
    page.keyboard.press("F9")
    expect(page.locator("main")).to_contain_text("Đã mở ca")


def take_deposit(screens: Screens, encounter_id: str) -> None:
    """While the visit runs: found by name and year, cash taken, a numbered slip with the amount in words."""
    desk = screens.seat("thungan")
    page = desk.page
    desk.go("/billing/deposits")
    page.keyboard.type("an 1958")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(encounter_id))
    page.get_by_label("Số tiền tạm ứng").fill("30k")
    screens.shoot(page, "cashier-deposit")
    page.get_by_role("button", name="Nhận tiền mặt").click()
    expect(page.locator("main")).to_contain_text("Đã nhận tạm ứng")
    paper = _print(screens, page, "deposit-paper")
    assert number_words.in_words(DEPOSIT) in paper and NAME in paper


def close_at_desk(screens: Screens, encounter_id: str) -> None:
    """The insurance desk: what waits, whose card, why so much, every line; signed by PIN."""
    desk = screens.seat("baohiem")
    page = desk.page
    screens.shoot(page, "desk-home")
    page.keyboard.press("F3")
    page.wait_for_url("**/insurance/statements")
    row = page.locator("#waiting tr", has_text=NAME)
    expect(row).to_contain_text("Không có lỗi")
    expect(row).to_contain_text("Còn giá trị")
    screens.shoot(page, "desk-statements")
    row.get_by_role("link").click()
    page.wait_for_url(re.compile(encounter_id))
    main = page.locator("main")
    expect(main).to_contain_text("Không có lỗi nào")
    expect(main).to_contain_text("Siêu âm Doppler mạch máu chi dưới – chưa thực hiện")
    expect(main).to_contain_text("80 % theo thẻ × 100 % theo đối tượng = 80 %")
    screens.shoot(page, "desk-statement")
    page.get_by_label("PIN ký").fill(screens.node.pin)
    page.get_by_label("PIN ký").scroll_into_view_if_needed()
    screens.shoot(page, "desk-statement-signs")
    page.keyboard.press("F9")
    expect(main).to_contain_text("Đã chốt và ký bảng kê")
    screens.shoot(page, "desk-statement-closed")
    link = page.get_by_role("link", name="Bản in 01/KBCB").get_attribute("href")
    body = page.context.request.get(desk.base + str(link)).body()
    words = number_words.in_words(statement_of(screens.node, encounter_id)["patient_total"])
    assert words in _text(body)
    screens.shoot_paper(body, "statement-paper")


def pay_by_code(screens: Screens, encounter_id: str) -> None:
    """What the code asks for is what the statement leaves after the deposit; paid, the bill closes by itself."""
    desk = screens.seat("thungan")
    page = desk.page
    said = statement_of(screens.node, encounter_id)["totals"]
    share = (Decimal(said["T_BNTT"]) + Decimal(said["T_BNCCT"])).quantize(Decimal(1), ROUND_HALF_UP)
    page.keyboard.press("F7")
    page.wait_for_url("**/billing/visits")
    line = page.locator("#desk-list a", has_text=NAME)
    expect(line).to_contain_text("Chờ thu")
    screens.shoot(page, "cashier-desk")
    line.click()
    page.wait_for_url(re.compile(encounter_id))
    expect(page.get_by_label("Thu tiền mặt", exact=True)).to_have_value(_grouped(int(share) - DEPOSIT))
    text = _ask(page)
    assert amount_of(text) == int(share) - DEPOSIT
    screens.shoot(page, "cashier-code")
    started = time.monotonic()
    pay(screens.node, text)
    expect(page.locator("main")).to_contain_text("Đã nhận tiền chuyển khoản", timeout=CLOSED_SECONDS_MAX * 1000)
    assert time.monotonic() - started < CLOSED_SECONDS_MAX
    expect(page.locator("main h2").first).to_contain_text("Đã thu")
    expect(page.locator("figure.code")).to_have_count(0)
    screens.shoot(page, "cashier-paid")
    paper = _print(screens, page, "receipt-paper")
    assert number_words.in_words(int(share) - DEPOSIT) in paper


def pay_in_parts(screens: Screens, name: str) -> None:
    """A person without a card: the cashier closes; a part in cash; the notice of the rest is lost, polling finds it."""
    page = _open_bill(screens, name)
    _close_here(screens, page)
    total = _due(page)
    page.get_by_label("Thu tiền mặt", exact=True).fill(str(PART))
    page.get_by_label("Khách đưa").fill("50k")
    expect(page.locator("[data-change]")).to_contain_text("30.000")
    screens.shoot(page, "cashier-part")
    page.keyboard.press("F9")
    expect(page.locator("main")).to_contain_text("Đã thu tiền")
    assert _due(page) == total - PART
    text = _ask(page)
    assert amount_of(text) == total - PART
    screens.node.ask_simulator("bank", "/_webhook", {"drop": 1})
    assert pay(screens.node, text)["notice"] == "dropped"
    expect(page.locator("main")).to_contain_text("Đã nhận tiền chuyển khoản", timeout=120_000)
    screens.shoot(page, "cashier-healed")
    assert not screens.node.simulator("bank")["modes"]


def pay_nothing(screens: Screens, name: str) -> None:
    """Insured and under the line of 15 %: closed at the desk, and the cashier has nothing to take and no paper to give."""
    desk = screens.seat("baohiem")
    desk.go("/insurance/statements")
    desk.page.locator("#waiting tr", has_text=name).get_by_role("link").click()
    expect(desk.page.locator("main")).to_contain_text("quỹ trả 100 %")
    give_pin(screens, desk.page)
    desk.page.keyboard.press("F9")
    expect(desk.page.locator("main")).to_contain_text("Đã chốt và ký bảng kê")
    page = _open_bill(screens, name)
    expect(page.locator("main")).to_contain_text("Không phải trả gì: không thu tiền, không có biên lai.")
    expect(page.get_by_role("button", name=re.compile("VietQR|Thu tiền"))).to_have_count(0)
    expect(page.locator("figure.code, #receipts-title")).to_have_count(0)
    screens.shoot(page, "cashier-nothing-to-pay")


def pay_in_cash(screens: Screens, name: str) -> None:
    """The cashier closes and takes all that is due, in three keys."""
    page = _open_bill(screens, name)
    _close_here(screens, page)
    page.keyboard.press("F9")
    expect(page.locator("main")).to_contain_text("Đã thu tiền")
    expect(page.locator("main h2").first).to_contain_text("Đã thu")


def close_again(screens: Screens, encounter_id: str) -> None:
    """Drugs came back: the desk sees what changed, closes again with a reason, and the first version is kept."""
    desk = screens.seat("baohiem")
    page = desk.page
    deadline = time.monotonic() + 60
    desk.go("/insurance/statements")
    while not page.locator("#stale a", has_text=NAME).count():  # the job looks at it after the commit
        assert time.monotonic() < deadline, page.locator("main").inner_text()
        page.wait_for_timeout(500)
        page.reload()
    screens.shoot(page, "desk-stale")
    page.locator("#stale a", has_text=NAME).click()
    page.wait_for_url(re.compile(encounter_id))
    expect(page.locator("main")).to_contain_text("Amlodipin 5 mg: số lượng 30 → 20")
    page.get_by_label("Lý do lập lại").fill("Người bệnh trả lại 10 viên amlodipin")
    give_pin(screens, page)
    page.get_by_label("Lý do lập lại").scroll_into_view_if_needed()
    screens.shoot(page, "desk-closes-again")
    page.keyboard.press("F9")
    expect(page.locator("main")).to_contain_text("bản 2")
    expect(page.locator("main")).to_contain_text("đã thay")


def refund(screens: Screens, encounter_id: str) -> None:
    """What was paid too much, offered as it is; given back in cash, with a reason and a slip."""
    before, after = statement_of(screens.node, encounter_id, 1), statement_of(screens.node, encounter_id, 2)
    owed = before["patient_total"] - after["patient_total"]
    assert owed > 0
    page = _open_bill(screens, NAME)
    expect(page.locator("main h2").first).to_contain_text("Phải hoàn")
    expect(page.get_by_label("Số tiền hoàn")).to_have_value(_grouped(owed))
    page.get_by_label("Lý do hoàn tiền").fill(REFUND_REASON)
    screens.shoot(page, "cashier-refund")
    page.get_by_role("button", name="Hoàn tiền").click()
    expect(page.locator("main")).to_contain_text("Đã hoàn tiền")
    paper = _print(screens, page, "refund-paper")
    assert number_words.in_words(owed) in paper and REFUND_REASON in paper


def close_shift(screens: Screens) -> None:
    """The drawer is counted; what must lie there lies there; the ledger balances."""
    desk = screens.seat("thungan")
    page = desk.page
    desk.go("/billing/shifts")
    expected = int(str(page.locator("[data-gap]").get_attribute("data-gap")))
    assert expected > FLOAT
    notes, rest = divmod(expected, 10_000)
    page.get_by_label("Số tờ 10.000 ₫").fill(str(notes))
    page.get_by_role("textbox", name="Khác", exact=True).fill(str(rest))
    page.get_by_role("button", name="Cộng tiền").click()
    expect(page.locator("[data-gap]")).to_have_text("0 ₫")
    screens.shoot(page, "cashier-counts")
    page.keyboard.press("F9")
    page.wait_for_url(re.compile(r"/billing/shifts/[^?]+$"))
    expect(page.locator("dl div", has_text="Chênh lệch")).to_contain_text("0 ₫ ✓")
    screens.shoot(page, "cashier-shift-closed")
    desk.go("/billing/ledger")
    expect(page.locator("main .tag.good").first).to_contain_text("Cân")
    screens.shoot(page, "cashier-ledger")


def statement_of(node: StoryNode, encounter_id: str, version: int = 0) -> dict[str, Any]:
    """What a version of the cost statement says (0: the newest), from the Invoice of the record."""
    visit = node.fhir("GET", f"Encounter/{encounter_id}")
    found = {}
    for one in node.resources(f"Invoice?patient={visit['subject']['reference'].removeprefix('Patient/')}"):
        more = {each["url"].rpartition("/")[2]: each for each in one["extension"]}
        if more["invoice-encounter"]["valueReference"]["reference"] == f"Encounter/{encounter_id}":
            snapshot = json.loads(base64.b64decode(more["statement-snapshot"]["valueBase64Binary"]))
            found[more["statement-version"]["valueInteger"]] = snapshot | {"date": one["date"], "status": one["status"]}
    return dict(found[version or max(found)])


def pay(node: StoryNode, text: str) -> dict[str, Any]:
    """The payer's app: what the code says goes to the bank."""
    return dict(node.ask_simulator("bank", "/pay", {"payload": text}))


def amount_of(text: str) -> int:
    """The amount of a payment code, after its checksum and its currency were looked at."""
    assert story_qr.checksum(text[:-4]) == text[-4:]
    said = story_qr.fields(text)
    merchant = story_qr.fields(said["38"])
    assert (merchant["00"], said["53"], said["58"]) == ("A000000727", "704", "VN")
    return int(said["54"])


def give_pin(screens: Screens, page: Page) -> None:
    """Type the PIN where the page asks for it; a key that was opened stays open for a while."""
    if page.get_by_label("PIN ký").count():
        page.get_by_label("PIN ký").fill(screens.node.pin)


def _open_bill(screens: Screens, name: str) -> Page:
    desk = screens.seat("thungan")
    desk.go("/billing/visits")
    desk.page.get_by_label("Tìm hoá đơn").fill(name)
    desk.page.keyboard.press("Enter")
    desk.page.wait_for_url(re.compile(r"/billing/visits/[^/?]+$"))
    settle(desk.page)
    return desk.page


def _close_here(screens: Screens, page: Page) -> None:
    give_pin(screens, page)
    page.keyboard.press("F9")
    expect(page.locator("main")).to_contain_text("Đã chốt và ký bảng kê")


def _due(page: Page) -> int:
    return int(re.sub(r"\D", "", page.locator(".due .large").inner_text()))


def _ask(page: Page) -> str:
    """Ask for the code of all that is due; the text that its squares say."""
    page.keyboard.press("F8")
    expect(page.locator("figure.code .qr svg")).to_be_visible()
    text = story_qr.read(page.locator("figure.code .qr").inner_html())
    expect(page.locator("figure.code")).to_contain_text(story_qr.fields(story_qr.fields(text)["62"])["08"])
    return text


def _print(screens: Screens, page: Page, what: str) -> str:
    """The text of the slip that the page offers to print."""
    link = page.get_by_role("link", name=re.compile("In biên lai")).get_attribute("href")
    body = page.context.request.get(screens.seat("thungan").base + str(link)).body()
    screens.shoot_paper(body, what)
    return _text(body)


def _text(pdf: bytes) -> str:
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    return re.sub(r"\s+", " ", " ".join(one.extract_text() for one in pages))


def _grouped(amount: int) -> str:
    return f"{amount:,}".replace(",", ".") if amount > 9999 else str(amount)
