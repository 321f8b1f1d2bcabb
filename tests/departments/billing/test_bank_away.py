"""A bank that does not answer: the cashier who waits for money reads so, and nothing else changes."""

from __future__ import annotations

from lienmach.base.jobs import Taken
from lienmach.care.money import poll_turns, statement_polls
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
