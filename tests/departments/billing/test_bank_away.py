"""A bank that does not answer: the cashier who waits for money reads so, and nothing else changes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from lienmach.base.jobs import Taken
from lienmach.care.money import poll_turns, statement_polls, unread_lines
from lienmach.care.money.unread_lines import Unread
from lienmach.record.transaction import Transaction
from tests.care import bank_world, outbox_work
from tests.care.money_visits import MoneyVisits
from tests.web.client import Browser

SENTENCE = "Chưa đọc được sao kê ngân hàng"


async def test_a_bank_that_is_away_is_said_beside_the_code_and_at_the_tray(
    visits: MoneyVisits, cashier: Browser
) -> None:
    clinic = visits.clinic
    outbox_work.connect(clinic.store, bank_url="http://127.0.0.1:9", bank_secret="x")
    visit = await visits.finished(("T-KHAM", 1), ("T-RIENG", 1), card="", category="9")
    await visits.close(visit, role="cashier")
    await bank_world.ask(clinic, visit)
    for path in (f"/billing/visits/{visit}", "/billing/transfers"):
        await cashier.get(path)
        assert SENTENCE not in cashier.words()
    await statement_polls.poll(clinic.store, Taken(1, 1, poll_turns.POLL, {"turn": 1}, 1, 10))
    for path in (f"/billing/visits/{visit}", "/billing/transfers"):
        await cashier.get(path)
        assert SENTENCE in cashier.words(), path
    assert (await visits.account(visit)).due > 0


async def test_an_unreadable_line_stands_beside_the_tray_until_somebody_says_what_became_of_it(
    visits: MoneyVisits, cashier: Browser
) -> None:
    line = Unread('{"amount": "7<b>000"}', "Trường amount: phải là số nguyên đồng")
    await visits.run("system", _keep(line))
    await cashier.get("/billing/transfers")
    assert "Dòng sao kê không đọc được (1)" in cashier.words() and "7&lt;b&gt;000" in cashier.page
    found = re.search(r"/billing/transfers/(u-[0-9a-f]+)", cashier.page)
    assert found
    path = f"/billing/transfers/{found[1]}"
    assert (await cashier.post(path, {"step": "seen", "reason": ""})).status_code == 400
    assert "Hãy ghi dòng này đã được xử lý thế nào" in cashier.words()
    answer = await cashier.post(path, {"step": "seen", "reason": "đã nhận bằng tay"})
    assert answer.status_code == 303
    await cashier.get(answer.headers["location"])
    assert "Đã ghi việc xử lý dòng sao kê" in cashier.words() and "không đọc được" not in cashier.words()
    assert (await cashier.post(path, {"step": "seen", "reason": "lần nữa"})).status_code == 409
    assert (await cashier.post("/billing/transfers/u-0", {"step": "seen", "reason": "không có"})).status_code == 404


def _keep(line: Unread) -> Callable[[Transaction], Awaitable[None]]:
    async def work(tx: Transaction) -> None:
        unread_lines.keep(tx, bank_world.BIN, bank_world.ACCOUNT, [line])

    return work
