"""What the fund paid: shown beside what is known, named where it does not fit, booked as a whole and once."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from html import unescape

from lienmach.care.money import ledger
from tests.departments.insurance.claim_visits import SYSTEM, ClaimVisits
from tests.web.client import Browser

PAGE = "/insurance/reconciliation"
Officer = Callable[..., Awaitable[Browser]]


async def balances(sendings: ClaimVisits, own: str) -> tuple[Decimal, Decimal, Decimal]:
    """(what the fund owes for a visit, bank, loss)."""
    async with sendings.visits.clinic.store.begin(SYSTEM) as tx:
        trial = await ledger.trial(tx)
        assert sum(trial.values()) == 0
        return await ledger.balance(tx, "1312", own), trial.get("1121", Decimal(0)), trial.get("8111", Decimal(0))


async def preview(desk: Browser, text: str, batch: str = "2026-11/1") -> int:
    return (await desk.post(PAGE, {"step": "preview", "batch": batch, "text": text})).status_code


def kept(page: str) -> str:
    found = re.search(r'<textarea name="text" hidden[^>]*>(.*?)</textarea>', page, re.DOTALL)
    return unescape(found[1]) if found else ""


async def test_a_list_that_agrees_is_shown_and_then_booked_once(sendings: ClaimVisits, officer: Officer) -> None:
    own = await sendings.sent()
    claim = await sendings.claim(own)
    desk = await officer()
    await desk.get(PAGE)
    assert "Quỹ còn nợ theo sổ cái (1312)" in desk.words()
    cut = Decimal(1000)
    assert await preview(desk, f"{claim.ma_lk}\t{claim.t_bhtt - cut}\t{cut}\tChỉ định chưa phù hợp") == 200
    assert "Khớp" in desk.words() and (await balances(sendings, own))[0] == claim.t_bhtt
    form = {"step": "book", "batch": "2026-11/1", "text": kept(desk.page)}
    for count in (1, 0):
        answer = await desk.post(PAGE, form)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?booked={count}"), desk.words()
        assert await balances(sendings, own) == (0, claim.t_bhtt - cut, cut)
    assert (await sendings.claim(own)).state == "paid"
    await desk.get(f"{PAGE}?booked=1")
    assert "Đã ghi sổ 1 dòng" in desk.words()


async def test_an_unknown_visit_or_too_much_is_named_and_changes_nothing(
    sendings: ClaimVisits, officer: Officer
) -> None:
    own = await sendings.sent()
    claim = await sendings.claim(own)
    desk = await officer()
    await desk.get(PAGE)
    good = f"{claim.ma_lk}\t{claim.t_bhtt}\t0\t"
    text = f"KHONGCO\t500\t0\t\n{good}"
    await preview(desk, text)
    assert "Không có lượt khám nào mang mã này; dòng này không làm thay đổi gì." in desk.words()
    assert not kept(desk.page), "there is nothing to book"
    answer = await desk.post(PAGE, {"step": "book", "batch": "2026-11/1", "text": text})
    assert answer.status_code == 422 and "không có lượt khám nào mang mã KHONGCO" in desk.words()
    await preview(desk, f"{claim.ma_lk}\t{claim.t_bhtt}\t0.01\tthừa")
    assert "Nhiều hơn số quỹ còn nợ" in desk.words()
    answer = await desk.post(PAGE, {"step": "book", "batch": "b", "text": f"{claim.ma_lk}\t{claim.t_bhtt + 1}\t0\t"})
    assert answer.status_code == 422 and "quỹ chỉ còn nợ" in desk.words()
    assert await balances(sendings, own) == (claim.t_bhtt, 0, 0)


async def test_less_than_was_claimed_is_said_and_the_rest_stays_owed(sendings: ClaimVisits, officer: Officer) -> None:
    own = await sendings.sent()
    claim = await sendings.claim(own)
    desk = await officer()
    await desk.get(PAGE)
    await preview(desk, f"{claim.ma_lk}\t1.000\t0\t")
    assert "phần còn lại quỹ vẫn nợ" in desk.words()
    await desk.post(PAGE, {"step": "book", "batch": "2026-11/1", "text": kept(desk.page)})
    assert (await balances(sendings, own))[0] == claim.t_bhtt - 1000
    await desk.get(PAGE)
    assert f"{sendings.visits.clinic.store.now():%m/%Y}" in desk.words()


async def test_a_list_that_cannot_be_read_says_which_line_and_keeps_what_was_typed(
    sendings: ClaimVisits, officer: Officer
) -> None:
    desk = await officer()
    await desk.get(PAGE)
    assert await preview(desk, "MA_LK\tchấp nhận\nA1\tmột\nA2\t5") == 422
    assert "Dòng 2" in desk.words() and "không phải là số tiền" in desk.words() and "A2" in desk.page
    assert await preview(desk, "") == 422 and "Hãy dán danh sách" in desk.words()
    assert await preview(desk, "A1\t5", batch="") == 422 and "tên danh sách" in desk.words()
    assert (await desk.post(PAGE, {"step": "burn"})).status_code == 400


async def test_a_file_is_read_as_what_is_pasted(sendings: ClaimVisits, officer: Officer) -> None:
    own = await sendings.sent()
    claim = await sendings.claim(own)
    desk = await officer()
    await desk.get(PAGE)
    content = f"Mã LK;Số tiền chấp nhận;Lý do\n{claim.ma_lk};{claim.t_bhtt};\n".encode("utf-8-sig")
    answer = await desk.client.post(
        PAGE, data={"csrf": desk.proof(), "step": "preview", "batch": "quý 4"},
        files={"file": ("quy.csv", content, "text/csv")},
    )  # fmt: skip
    assert answer.status_code == 200 and "Khớp" in answer.text
