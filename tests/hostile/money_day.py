"""The money of a hostile day: a visit paid and claimed and rejected, one that owes, one not closed, money of nobody."""

from __future__ import annotations

from decimal import Decimal

from lienmach.care.claims import answers, rejections
from lienmach.care.money import einvoices
from lienmach.care.money.einvoice_message import Buyer
from lienmach.identity import rows
from tests.care import bank_world, claim_world, money_visits
from tests.care.claim_world import SYSTEM
from tests.clinic import Clinic

FAULT = rejections.Said("appraisal", "GD01", "XML3", "NGAY_KQ", 1, "Thời điểm chưa phù hợp", Decimal(1000))


async def add(clinic: Clinic) -> None:
    """An open shift, bills in every state, a code to pay by, a receipt, an invoice, a claim with a rejection, a tray."""
    visits = await money_visits.open_clinic(clinic)
    for role in ("insurance", "cashier"):
        await clinic.signer(role)
    await visits.shift()
    paid = await visits.finished(("T-LON", 1), ("T-THUOC", 10), card="", category="9")
    await visits.close(paid, role="cashier")
    due = (await visits.account(paid)).due
    await visits.pay(paid, due, "hostile/paid")
    await visits.run("cashier", lambda tx: einvoices.request(tx, paid, Buyer("Công ty Mẫu")))
    owing = await visits.finished(("T-LON", 1), ("T-RIENG", 1), card="", category="9")
    await visits.close(owing, role="cashier")
    await bank_world.ask(clinic, owing)
    stale = await visits.finished(("T-LON", 1), ("T-THUOC", 10))
    await visits.close(stale)
    await visits.give(money_visits.cause_of(stale, "T-THUOC", 1), 4)
    await visits.finished(("T-KHAM", 1), ("T-RIENG", 1))
    await bank_world.tell(clinic, bank_world.notice(amount=70_000, purpose="vien phi"))
    claimed = await claim_world.signed(clinic, quantity=0)
    await claimed.close()
    claim = await claimed.consider()
    assert claim.version == 1, await claimed.findings()
    told = answers.Told("rejected", (FAULT,), Decimal(0))
    await clinic.store.run(SYSTEM, lambda tx: answers.take_in(tx, claimed.encounter_id, 1, told, b"{}"))


async def own_cookie(clinic: Clinic, patient_id: str) -> str:
    """The cookie of a citizen who is in, as their code would have given it."""
    cookie, hashed = rows.new_secret()
    async with rows.of_tenant(clinic.pool, 1) as connection:
        await connection.execute(
            """insert into citizen_session (token_hash, tenant, patient, display, csrf, created_at, last_seen_at,
                                            expires_at)
               values ($1, 1, $2, 'Người Mẫu', $3, now(), now(), now() + interval '1 hour')""",
            hashed, patient_id, b"0" * 32,
        )  # fmt: skip
    return cookie
