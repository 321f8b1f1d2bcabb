"""Sixty days without a word of the portal: a claim or a reply says so, is found by it, and can be sent again."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from lienmach.base import errors
from lienmach.care import outbox
from lienmach.care.claims import answers, replies
from lienmach.care.outbox import Answer
from lienmach.record.transaction import Transaction
from tests.departments.insurance.claim_visits import ClaimVisits, fault
from tests.web.client import Browser

CLAIMS, REJECTIONS = "/insurance/claims", "/insurance/rejections"
Officer = Callable[..., Awaitable[Browser]]


def later(sendings: ClaimVisits, began: datetime, days: int) -> None:
    """So many days have passed; from the sixtieth on an hour more, so that they have for whatever a test did."""
    sendings.visits.clinic.store.now = lambda: began + timedelta(days=days, hours=days // 60)


def beginning(sendings: ClaimVisits) -> tuple[datetime, str]:
    """(now, the words about what was heard last today)."""
    now = sendings.visits.clinic.store.now()
    return now, f"Không có trả lời từ {now.astimezone(timezone(timedelta(hours=7))):%d/%m/%Y}: hỏi cổng"


async def said(sendings: ClaimVisits, rejection_id: str, text: str, receipt: str = "") -> None:
    """The desk answers a rejection; with a receipt: the portal has taken it."""
    await sendings.run(lambda tx: replies.answer(tx, rejection_id, text))
    if receipt:
        await taken(sendings, rejection_id, receipt)


async def taken(sendings: ClaimVisits, rejection_id: str, receipt: str, number: int = 1) -> None:
    """The portal has taken a reply."""
    body = json.dumps({"maKetQua": "200", "maTiepNhan": receipt}).encode()

    async def work(tx: Transaction) -> None:
        message = await outbox.read(tx, outbox.message_id(replies.CHANNEL, f"{rejection_id}/{number}"))
        await answers.receive(tx, message, Answer("done", 200, body=body))

    await sendings.run(work)


@pytest.mark.parametrize("is_recall", [False, True])
async def test_a_claim_without_a_verdict_says_so_after_sixty_days_on_top_of_the_list_and_by_a_filter(
    sendings: ClaimVisits, officer: Officer, is_recall: bool
) -> None:
    began, since = beginning(sendings)
    own, accepted = await sendings.sent(), await sendings.sent(("T-KHAM", 1))
    await sendings.told(accepted, "accepted", accepted=Decimal("1000"))
    if is_recall:
        await sendings.moved(own, "recalled")
    for days, is_told in ((59, False), (60, True)):
        later(sendings, began, days)
        desk = await officer()
        await desk.get(CLAIMS)
        assert (f'href="/insurance/claims/{own}"' in desk.page, since in desk.words()) == (is_told, is_told)
        await desk.get(CLAIMS, params={"state": "silent"})
        assert (f'href="/insurance/claims/{own}"' in desk.page) == is_told
        assert f'href="/insurance/claims/{accepted}"' not in desk.page
        await desk.get(f"{CLAIMS}/{own}")
        assert (since in desk.words()) == is_told
        assert ('value="resend"' in desk.page) == (is_told or not is_recall)


async def test_a_claim_without_a_verdict_is_found_among_the_silent_by_key_and_name(
    sendings: ClaimVisits, officer: Officer
) -> None:
    began, _ = beginning(sendings)
    own = await sendings.sent()
    key = (await sendings.claim(own)).ma_lk
    later(sendings, began, 60)
    desk = await officer()
    for text, is_found in ((key, True), ("nguyen van an", True), ("khong ai", False)):
        await desk.get(CLAIMS, params={"state": "silent", "text": text})
        assert (f'href="/insurance/claims/{own}"' in desk.page) == is_found, text


async def test_a_reply_without_a_verdict_says_so_and_stands_in_a_list_of_its_own(
    sendings: ClaimVisits, officer: Officer
) -> None:
    began, since = beginning(sendings)
    own = await sendings.sent()
    first, second = await sendings.told(
        own, "rejected", fault("XML1", "HO_TEN", 1, kind="appraisal"), fault("XML3", "NGAY_KQ", 2, kind="appraisal")
    )
    await said(sendings, first.id, "Theo phác đồ", "TN-1")
    await said(sendings, second.id, "Theo y lệnh")  # waits for the portal: it is not asked for
    for days, is_told in ((59, False), (60, True)):
        later(sendings, began, days)
        desk = await officer()
        await desk.get(REJECTIONS)
        assert ("1 lời giải trình quá 60 ngày" in desk.words()) == is_told
        await desk.get(REJECTIONS, params={"view": "silent"})
        assert (f"/insurance/rejections/{first.id}" in desk.page, since in desk.words()) == (is_told, is_told)
        assert f"/insurance/rejections/{second.id}" not in desk.page
        await desk.get(REJECTIONS, params={"view": "answered"})
        assert (since in desk.words()) == is_told and f"/insurance/rejections/{second.id}" in desk.page
        for page in (f"{REJECTIONS}/{first.id}", f"{CLAIMS}/{own}"):
            await desk.get(page)
            assert (since in desk.words()) == is_told, page


async def test_words_to_which_the_portal_is_silent_may_be_written_anew_after_sixty_days_and_not_before(
    sendings: ClaimVisits, officer: Officer
) -> None:
    began, _ = beginning(sendings)
    own = await sendings.sent()
    [one] = await sendings.told(own, "rejected", fault("XML1", "HO_TEN", 1, kind="appraisal"))
    await said(sendings, one.id, "Theo phác đồ", "TN-1")
    later(sendings, began, 59)
    with pytest.raises(errors.Conflict):
        await said(sendings, one.id, "Cổng không có lời trước")
    later(sendings, began, 60)
    desk = await officer()
    await desk.get(f"{REJECTIONS}/{one.id}")
    assert 'value="answer"' in desk.page
    answer = await desk.post(f"{REJECTIONS}/{one.id}", {"step": "answer", "text": "Cổng không có lời trước"})
    assert answer.status_code == 303
    await desk.get(REJECTIONS, params={"view": "silent"})
    assert one.id not in desk.page
    await taken(sendings, one.id, "TN-2", 2)
    told = answers.Told("", (), None, (replies.Verdict("TN-1", "kept", "Cũ"), replies.Verdict("TN-2", "accepted", "")))
    await sendings.run(lambda tx: answers.take_in(tx, own, 1, told, b"{}"))
    async with sendings.visits.clinic.store.begin(sendings.visits.clinic.actor("insurance")) as tx:
        [found] = await answers.rejections.of_visit(tx, own)
    assert (found.state, found.reply) == ("accepted", "Cổng không có lời trước")
