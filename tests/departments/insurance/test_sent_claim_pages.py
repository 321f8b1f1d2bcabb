"""Claims that came back, were recalled or paid, as the desk sees them: what stands, what is on its way, what to do."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from decimal import Decimal

import asyncpg

from lienmach.care.claims import claims, consideration, payments_of_fund, recalling
from lienmach.care.claims.payments_of_fund import FundLine
from lienmach.record.transaction import Transaction
from tests.departments.insurance.claim_visits import SYSTEM, ClaimVisits, fault
from tests.web.client import Browser

Officer = Callable[..., Awaitable[Browser]]


async def test_a_version_that_leaves_the_place_as_it_was_is_told_and_the_rejection_stays_open(
    sendings: ClaimVisits, officer: Officer
) -> None:
    own = await sendings.sent()
    [returned] = await sendings.told(own, "rejected", fault("XML1", "HO_TEN", 1, kind="appraisal"))
    await sendings.visits.shift()
    await sendings.visits.pay(own, (await sendings.visits.account(own)).due, "k1")
    await sendings.built(own, "Người bệnh đã thanh toán")
    desk = await officer()
    await desk.get(f"/insurance/rejections/{returned.id}")
    assert "Chưa xử lý" in desk.words() and "Bản 2 đã lập sau đó nhưng không đổi chỗ này" in desk.words()
    assert 'value="answer"' in desk.page
    for page in ("/insurance/rejections", f"/insurance/claims/{own}"):
        await desk.get(page)
        assert "bản 2 chưa đổi chỗ này" in desk.words(), page


async def test_a_claim_of_a_later_settlement_month_is_not_told_to_have_changed(
    sendings: ClaimVisits, officer: Officer
) -> None:
    own = await sendings.opened()
    await sendings.visits.close(own)

    async def settle_later(tx: Transaction) -> None:
        async def write(connection: asyncpg.Connection) -> None:
            await connection.execute(
                "update claim set settle_on = (ended_at + interval '40 days')::date where encounter_id = $1", own
            )

        tx.also(write)

    await sendings.run(settle_later)
    await sendings.received(own, await sendings.built(own))
    [returned] = await sendings.told(own, "rejected", fault("XML1", "", 1))
    desk = await officer()
    await desk.get(f"/insurance/rejections/{returned.id}")
    assert "chưa đổi" in desk.words() and "đã khác" not in desk.words()


async def test_who_opened_a_rejection_or_a_claim_stands_in_the_access_record(
    sendings: ClaimVisits, officer: Officer
) -> None:
    own = await sendings.sent()
    [returned] = await sendings.told(own, "rejected", fault())
    desk = await officer()
    for page in (f"/insurance/rejections/{returned.id}", f"/insurance/claims/{own}"):
        await desk.get(page)
        store = sendings.visits.clinic.store
        async with store.begin(SYSTEM) as tx:
            rows = await tx.fetch(
                "select convert_from(v.body, 'UTF8') as body from version v where v.tenant = 1 and v.type = $1",
                store.definitions.type_number("AuditEvent"),
            )
        told = [row["body"] for row in rows if base64.b64encode(page.encode()).decode() in row["body"]]
        assert told and (await sendings.claim(own)).patient_id in told[-1] and '"insurance"' in told[-1]


async def test_a_refused_recall_is_left_from_the_page_with_a_reason_that_stays_to_be_seen(
    sendings: ClaimVisits, officer: Officer
) -> None:
    own = await sendings.sent()
    desk, page = await officer(), f"/insurance/claims/{own}"
    await desk.get(page)
    assert "leave-recall" not in desk.page
    assert (await desk.post(page, {"step": "leave-recall", "reason": "Giữ hồ sơ"})).status_code == 409
    await _recall_refused(sendings, own)
    await desk.get(page)
    assert "Cổng giám định đã từ chối bản thu hồi" in desk.words()
    assert (await desk.post(page, {"step": "leave-recall", "reason": " "})).status_code == 422
    assert (await desk.post(page, {"step": "leave-recall", "reason": "Cổng từ chối, giữ hồ sơ"})).status_code == 303
    await desk.get(page)
    assert "Bản thu hồi này đã bỏ: Cổng từ chối, giữ hồ sơ" in desk.words() and "leave-recall" not in desk.page
    assert (await sendings.claim(own)).state == "sent"


async def _recall_refused(sendings: ClaimVisits, own: str) -> None:
    """The claim's recall was built and the portal has said no."""
    store = sendings.visits.clinic.store
    await sendings.run(lambda tx: claims.recall(tx, own, "Nhầm người"))
    await consideration.consider_visit(store, 1, own)
    newest = (await sendings.versions(own))[-1]
    assert recalling.is_recall(consideration.claim_xml.read(newest.xml).tables)

    async def work(tx: Transaction) -> None:
        async def write(connection: asyncpg.Connection) -> None:
            await connection.execute(
                "update outbox_message set state = 'refused', problem = 'refused' where tenant = 1 and message_id = $1",
                newest.message_id,
            )

        tx.also(write)

    await sendings.run(work)


async def test_a_paid_claim_that_has_changed_is_seen_in_the_list_on_its_page_and_at_reconciliation(
    sendings: ClaimVisits, officer: Officer
) -> None:
    own, other = await sendings.sent(), await sendings.sent(("T-KHAM", 1))
    for one in (own, other):
        claim = await sendings.claim(one)
        line = FundLine(claim.ma_lk, claim.t_bhtt, Decimal(0), number=1)
        await sendings.run(lambda tx, line=line: payments_of_fund.reconcile(tx, f"L-{line.ma_lk}", [line]))
    desk = await officer()
    await desk.get("/insurance/reconciliation")
    assert "Đổi sau khi quỹ trả" not in desk.words()
    await sendings.run(lambda tx: _mark(tx, own))
    for page in ("/insurance/reconciliation", "/insurance/claims", "/insurance/claims?state=paid-changed"):
        await desk.get(page)
        assert f"/insurance/claims/{own}" in desk.page and f'/insurance/claims/{other}"' not in desk.page, page
        assert "Đổi sau khi quỹ trả" in desk.words(), page
    await desk.get(f"/insurance/claims/{own}")
    assert "không có gì tự gửi đi" in desk.words() and 'value="resend"' in desk.page


async def _mark(tx: Transaction, own: str) -> None:
    """What the look at a claim says of it when the statement is another (tests/care/test_claims_sent.py)."""
    consideration.storing.mark_changed(tx, await claims.read(tx, own), True)
