"""A small day at a demo node, done through the pages: booking, arrival, visit, laboratory, pharmacy, messages.

It leaves something to see on every page of every department. What must hold of the steps is tested elsewhere.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from playwright.sync_api import Browser, Page

from lienmach.base import postgres
from lienmach.base.settings import Settings
from tests.browser.conftest import DESK
from tests.browser.story_node import StoryNode


@dataclass
class Day:
    """Who works where; `pages` fills while the day goes on: name -> (login, path)."""

    node: StoryNode
    browser: Browser
    pages: dict[str, tuple[str, str]] = field(default_factory=dict)
    _seats: dict[str, Page] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"http://{self.node.address}"

    def seat(self, login: str) -> Page:
        """The screen of a demo login, signed in; "" is a visitor."""
        if login not in self._seats:
            page = self.browser.new_context(viewport=DESK, base_url=self.base).new_page()  # type: ignore[arg-type]
            page.set_default_timeout(15_000)
            if login:
                page.goto("/sign-in")
                page.fill("#login", login)
                page.fill("#password", self.node.password)
                page.keyboard.press("Enter")
                page.wait_for_url(self.base + "/")
            self._seats[login] = page
        return self._seats[login]

    def cookies(self, login: str) -> Any:
        """What makes a new browser context this login."""
        return self.seat(login).context.cookies()

    def see(self, name: str, login: str, path: str) -> None:
        """Remember a page to be looked at."""
        self.pages[name] = (login, path.removeprefix(self.base).partition("#")[0])


def spend(day: Day) -> None:
    """The whole day. It takes about half a minute."""
    booking(day)
    patient = arrivals(day)
    visit = examination(day, patient)
    tube = collection(day)
    results(day, visit, tube)
    code = signature(day, visit)
    papers_of(day, visit)
    money(day, visit)
    pharmacy(day, code)
    desks(day)


def booking(day: Day) -> None:
    """A visitor books on the telephone; another day is full of free times."""
    page = day.seat("")
    page.goto("/dat-kham?specialty=noi-tiet")
    page.locator(".days a").nth(1).click()
    page.locator(".times a").first.click()
    day.see("booking form", "", page.url)
    page.fill("#name", "Trần Thị Hồng Thử")
    page.fill("#phone", "0912345678")
    page.keyboard.press("Enter")
    link = page.locator(".slip .code").inner_text().strip()
    day.see("booking slip", "", link)
    for name, path in (("specialties", "/dat-kham"), ("times", "/dat-kham?specialty=noi-tiet"), ("board", "/bang-goi")):
        day.see(name, "", path)


def arrivals(day: Day) -> str:
    """Three people come to room 101; returns the id of the first, who is insured."""
    page = day.seat("tiepdon")
    found = [
        _arrive(page, name, birth, sex)
        for name, birth, sex in (
            ("Nguyễn Văn Thử Một", "01021958", "male"),
            ("Lê Thị Thử Hai", "05061990", "female"),
            ("Phạm Thị Thử Ba", "05062021", "female"),
        )
    ]
    page.goto(found[2][1])
    day.see("ticket", "tiepdon", found[2][1])
    day.see("arrival", "tiepdon", f"/registration/arrivals/{found[2][0]}")
    day.see("card", "tiepdon", f"/insurance/patients/{found[0][0]}/card")
    day.see("results of nobody", "bacsi", f"/laboratory/patients/{found[1][0]}/results")
    day.see("number on a telephone", "", "/so/" + secret_of(day, found[2][1].rpartition("/")[2]))
    number = page.request.get(found[2][1] + "/paper")
    assert number.headers["content-type"] == "application/pdf"
    return found[0][0]


def secret_of(day: Day, ticket_id: str) -> str:
    """What the QR code of a ticket leads to; it is drawn, not written, on the paper."""

    async def ask() -> str:
        cluster = postgres.attach(Settings(home=day.node.home))
        assert cluster is not None
        connection = await asyncpg.connect(cluster.url("owner"))
        try:
            return str(await connection.fetchval("select secret from ticket where ticket_id = $1", ticket_id))
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as beside:  # the browser's own loop runs in this thread
        return beside.submit(asyncio.run, ask()).result()


def _arrive(page: Page, name: str, birth: str, sex: str) -> tuple[str, str]:
    page.goto("/registration/patients/new?next=arrival")
    page.fill("#name", name)
    page.check(f"input[name=sex][value={sex}]")
    page.fill("#birth", birth)
    page.fill("#insurance_number", f"GD479{birth}12")
    page.select_option("#province_code", "01")
    page.fill("#commune", "Phường Ba Đình")
    page.get_by_role("button", name="Lưu hồ sơ mới").click()
    page.wait_for_url("**/arrivals/*")
    patient = page.url.partition("?")[0].rpartition("/")[2]
    page.fill("#reason", "Mệt, khát nước nhiều")
    page.select_option("#room", "p-p101")
    page.get_by_role("button", name="Tiếp đón và in số").click()
    page.wait_for_url("**/tickets/*")
    return patient, page.url.partition("?")[0]


def examination(day: Day, patient: str) -> str:
    """The nurse measures, the doctor starts, orders and prescribes; returns the path of the visit."""
    for login in ("dieuduong", "bacsi"):
        page = day.seat(login)
        page.goto("/outpatient/visits/rooms")
        page.locator("button[value=p-p101]").click()
        page.wait_for_url("**/outpatient/visits")
    nurse = day.seat("dieuduong")
    nurse.locator("#work-list a", has_text="Thử Một").click()
    nurse.wait_for_url("**/outpatient/visits/*")
    visit = nurse.url.removeprefix(day.base)
    nurse.locator("#vitals summary").click()
    for name, value in (("systolic", "145/85"), ("pulse", "88"), ("weight", "62"), ("height", "165")):
        nurse.fill(f"#vital-{name}", value)
    nurse.get_by_role("button", name="Lưu sinh hiệu").click()
    nurse.wait_for_selector("#vitals .num")
    doctor = day.seat("bacsi")
    doctor.goto(visit)
    doctor.get_by_role("button", name="Bắt đầu khám").click()
    doctor.wait_for_selector("#history")
    doctor.wait_for_selector("#order-find")
    doctor.get_by_role("button", name="Đã hỏi: không có").click()
    doctor.wait_for_selector("#allergies .tag.good")
    doctor.fill("#history", "Khát nước, tiểu nhiều một tháng nay.")
    doctor.locator("#icd").press_sequentially("E11.9", delay=30)
    doctor.locator("#icd-list [role=option]").first.click()
    doctor.wait_for_selector("#codes input[name=main]", state="attached")
    doctor.get_by_role("button", name="Lưu tạm").click()
    doctor.wait_for_load_state("networkidle")
    doctor.goto(visit + "/orders")
    for number, text in enumerate(("dien giai", "hba1c", "glucose")):
        _look_up(doctor, "order", text)
        doctor.keyboard.press("Enter")
        doctor.locator("#orders input[name=line]").nth(number).wait_for(state="attached")
    doctor.locator("#orders [data-main]").click()
    doctor.wait_for_selector("#orders details.inline")
    for page_name in ("orders", "prescription", "papers", "total"):
        day.see(f"visit {page_name}", "bacsi", f"{visit}/{page_name}")
    for kind in ("referral", "appointment-slip", "sick-leave", "visit-summary"):
        day.see(f"paper {kind}", "bacsi", f"{visit}/papers?kind={kind}")
    day.see("chart of a nurse", "dieuduong", visit)
    day.see("results", "bacsi", f"/laboratory/patients/{patient}/results")
    day.see("trend", "bacsi", f"/laboratory/patients/{patient}/results?test=K")
    return visit


def _look_up(page: Page, box: str, text: str) -> None:
    """Type key by key as people do: a whole text at once may fall between an answer's arrival and its wiring."""
    page.wait_for_load_state("networkidle")
    page.locator(f"#{box}-find").press_sequentially(text, delay=30)
    page.wait_for_selector(f"#{box}-found [role=option]")


def collection(day: Day) -> str:
    """The tubes of the orders; returns the number of the one for electrolytes."""
    page = day.seat("xetnghiem")
    page.goto("/laboratory/collections")
    page.get_by_role("button", name="Đã lấy mẫu").first.click()
    page.wait_for_selector("text=dán nhãn lên từng ống")
    first = page.locator("section li", has_text="Huyết thanh").first
    label = page.request.get(first.locator("a").get_attribute("href") or "")
    assert label.headers["content-type"] == "application/pdf"
    return first.locator("b").inner_text().strip()


def results(day: Day, visit: str, tube: str) -> None:
    """The analyser sends a dangerous potassium, a tube nobody knows and control material; the head releases."""
    node, head = day.node, day.seat("truongxn")
    node.start_analyser()
    head.goto("/laboratory/analysers")
    head.locator("a[data-item]").first.click()  # a demo node knows the simulated analyser and its codes
    head.wait_for_url("**/analysers/*")
    day.see("analyser", "truongxn", head.url)
    node.measure(tube, {"K": "6.9", "NA": "133", "CL": "101"})
    node.measure("9999999999", {"K": "4.4", "XYZ": "7"})
    head.goto("/laboratory/controls")
    head.select_option("#analyser", index=1)
    for name, value in (("indicator", "K"), ("level", "mức 1"), ("lot", "A12"), ("sample", "QC1"), ("mean", "4,0"),
                        ("sd", "0,1"), ("expires", "31/12/2030")):  # fmt: skip
        head.fill(f"#{name}", value)
    head.get_by_role("button", name="Mở lô").click()
    head.wait_for_url("**/controls/*")
    for value in ("4,05", "3,92", "4,12", "4,2"):
        head.fill("#value", value)
        head.get_by_role("button", name="Ghi lần đo").click()
        head.wait_for_load_state()
    day.see("control", "truongxn", head.url)
    head.goto("/laboratory/orders")
    head.fill("#tube", tube)
    head.keyboard.press("Enter")
    head.wait_for_url("**/specimens/*")
    specimen = head.url
    head.keyboard.press("F7")
    head.wait_for_selector("text=Trả và ký")
    head.fill("#pin", node.pin)
    head.keyboard.press("F9")
    head.wait_for_selector("text=Sửa kết quả đã trả")
    day.see("specimen", "truongxn", specimen)
    head.goto("/laboratory/analysers")
    day.see(
        "message of an analyser", "truongxn", head.locator("a[href*='/messages/']").first.get_attribute("href") or ""
    )
    for name, path in (("collections", "collections"), ("laboratory list", "orders"), ("tray", "unmatched"),
                       ("controls", "controls"), ("analysers", "analysers")):  # fmt: skip
        day.see(name, "truongxn", f"/laboratory/{path}")
    day.see("alerts", "bacsi", "/laboratory/alerts")


def papers_of(day: Day, visit: str) -> None:
    """Where the signature of the note is told."""
    encounter = visit.rpartition("/")[2]
    notes = day.node.resources(f"Composition?encounter={encounter}")
    day.see("signatures", "bacsi", f"/signing/signatures/Composition/{notes[0]['id']}")


def signature(day: Day, visit: str) -> str:
    """A prescription, and the visit signed; returns the prescription's code."""
    page = day.seat("bacsi")
    page.goto(visit + "/prescription")
    _look_up(page, "drug", "metformin")
    page.keyboard.press("Enter")
    page.wait_for_selector(".rx li")
    page.locator("[name='per_time:0']").fill("1")
    page.locator("[name='morning:0']").fill("1")
    page.locator("[name='days:0']").fill("7")
    page.locator("[name='days:0']").press("Tab")
    page.wait_for_selector("#prescription [data-main]:not([disabled])")
    page.locator("#prescription [data-main]").click()
    page.wait_for_selector("a:has-text('In A5')")
    paper = page.locator("a:has-text('In A5')").first.get_attribute("href") or ""
    answer = page.request.get(day.base + paper)
    assert answer.headers["content-type"] == "application/pdf"
    page.goto(visit)
    page.wait_for_selector("#history")
    page.keyboard.press("F9")
    page.wait_for_url("**/signature*")
    day.see("signed visit", "bacsi", f"{visit}/addenda")
    day.see("chart of a signed visit", "bacsi", visit)
    page.locator("input[name=result]").first.check()
    page.fill("#pin", day.node.pin)
    page.locator("button[data-visit-key=F9]").click(timeout=75_000)  # an insured visit waits for its second minute
    page.wait_for_selector("text=Đã ký và kết thúc khám")
    page.goto("/outpatient/visits")
    other = page.locator("#work-list a", has_text="Thử Hai").get_attribute("href") or ""
    page.goto(other)
    page.get_by_role("button", name="Bắt đầu khám").click()
    page.wait_for_selector("#history")
    page.fill("#history", "Ho hai ngày.")
    page.get_by_role("button", name="Lưu tạm").click()
    page.wait_for_load_state("networkidle")
    day.see("work list", "bacsi", "/outpatient/visits")
    day.see("rooms", "bacsi", "/outpatient/visits/rooms")
    day.see("chart", "bacsi", other)
    day.see("preview before signing", "bacsi", f"{other}/signature")
    return paper.rpartition("code=")[2]


def money(day: Day, visit: str) -> None:
    """The cashier closes the cost statement; under the line of 15 % there is nothing to pay."""
    page = day.seat("thungan")
    page.goto(visit.replace("/outpatient/", "/billing/"))
    page.fill("#pin", day.node.pin)
    page.keyboard.press("F9")
    page.wait_for_selector("text=Đã chốt và ký bảng kê")
    day.see("bill", "thungan", page.url)


def pharmacy(day: Day, code: str) -> None:
    """The medicine is given out."""
    page = day.seat("duocsi")
    page.goto(f"/pharmacy/prescriptions/{code}")
    page.keyboard.press("F9")
    page.wait_for_selector("text=Đã cấp và trừ kho")
    day.see("prescription given", "duocsi", f"/pharmacy/prescriptions/{code}")
    for name in ("prescriptions", "stock", "registers"):
        day.see(f"pharmacy {name}", "duocsi", f"/pharmacy/{name}")
    page.goto("/pharmacy/stock")
    day.see("stock card", "duocsi", page.locator("td a").first.get_attribute("href") or "")
    page.goto("/pharmacy/registers")
    page.select_option("#drug", index=1)
    page.wait_for_url("**/registers?drug=*")
    day.see("register", "duocsi", page.url)
    day.see("sales", "nhathuoc", "/pharmacy/sales")
    day.see("sale", "nhathuoc", f"/pharmacy/sales/{code}")


def desks(day: Day) -> None:
    """What needs no work of its own."""
    for login, path in (("tiepdon", "/registration/arrivals"), ("tiepdon", "/registration/queue"),
                        ("tiepdon", "/registration/bookings"), ("tiepdon", "/registration/patients/new"),
                        ("tiepdon", "/insurance/messages"), ("tiepdon", "/insurance/messages?view=sent"),
                        ("bacsi", "/signing/key"), ("quantri", "/administration/catalogues"),
                        ("quantri", "/administration/catalogues/drug"),
                        ("quantri", "/administration/catalogues/icd10/import"), ("quantri", "/administration/paper"),
                        ("quantri", "/administration/paper/prescription"), ("baove", "/"), ("giamdoc", "/"),
                        ("thungan", "/"), ("nhathuoc", "/"), ("dieuduong", "/"), ("xetnghiem", "/")):  # fmt: skip
        day.see(f"{path} of {login}", login, path)
    admin = day.seat("quantri")
    admin.goto("/administration/catalogues/priority-group/import")
    rows = "code,name\n01,Trẻ dưới 6 tuổi\n99,Nhóm thử\n".encode()
    admin.set_input_files("#file", {"name": "uu-tien.csv", "mimeType": "text/csv", "buffer": rows})
    admin.fill("#first_day", "01/01/2027")
    admin.locator("button[value=preview]").click()
    admin.wait_for_selector("h1:has-text('Xem trước')")
    reception = day.seat("tiepdon")
    reception.goto("/insurance/messages?view=sent")
    if reception.locator("td a").count():
        day.see("message", "tiepdon", reception.locator("td a").first.get_attribute("href") or "")
