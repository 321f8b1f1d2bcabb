"""E-invoices say what was paid: once, at once or in the day's summary, and what changes afterwards is adjusted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.base.jobs import Taken
from lienmach.care import catalogues, outbox
from lienmach.care.money import einvoice_days, einvoice_message, einvoices, payments
from lienmach.care.money.einvoice_message import Buyer
from lienmach.care.money.einvoices import EInvoice
from lienmach.record.transaction import Transaction
from lienmach.simulators import einvoice
from tests.care import bank_world, outbox_work
from tests.clinic import Clinic
from tests.simulators import running
from tests.simulators.running import Simulator

BUYER = Buyer("Công ty Mẫu", "0312345678", "ketoan@mau.example", "1 Đường Mẫu")


@pytest.fixture
async def provider(clinic: Clinic) -> AsyncIterator[Simulator]:
    async with running.here(einvoice) as one:
        outbox_work.connect(clinic.store, einvoice_url=one.url, einvoice_user="x", einvoice_password="y")
        yield one


async def run(clinic: Clinic, verb: Any, *args: Any, **more: Any) -> Any:
    """A verb of the cashier in one unit."""

    async def work(tx: Transaction) -> Any:
        return await verb(tx, *args, **more)

    return await clinic.store.run(clinic.actor("cashier"), work)


async def paid(clinic: Clinic, amount: int) -> str:
    """A visit whose bill was paid by transfer."""
    visit = await bank_world.bill(clinic, amount)
    await run(clinic, payments.take, visit, amount, method="transfer", request_key=f"paid {visit}")
    return visit


async def refund(clinic: Clinic, visit: str, amount: int) -> None:
    """The bill shrinks by this much, and the money goes back."""
    now = await bank_world.account(clinic, visit)
    await bank_world.bill(clinic, now.patient_total - amount, encounter_id=visit)
    more = {"method": "transfer", "reason": "trả lại thuốc", "request_key": f"refund {visit} {amount}"}
    await run(clinic, payments.refund, visit, amount, **more)


async def of_visit(clinic: Clinic, visit: str) -> list[EInvoice]:
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        return await einvoices.of_visit(tx, visit)


async def today(clinic: Clinic) -> date:
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        return catalogues.today(tx)


async def close_day(clinic: Clinic) -> None:
    """The job of today's end."""
    day = (await today(clinic)).isoformat()
    [job] = [one for one in einvoice_days.JOBS if one.kind == einvoice_days.DAY]
    await job.function(clinic.store, Taken(1, 1, einvoice_days.DAY, {"day": day}, 1, 10))


async def body(clinic: Clinic, key: str) -> dict[str, Any]:
    """The message of an invoice."""
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        message = await outbox.find(tx, "einvoice", key)
    assert message is not None
    found: dict[str, Any] = json.loads(message.body)
    return found


async def standing(clinic: Clinic) -> list[einvoices.Standing]:
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        return await einvoices.standing(tx)


async def test_who_asks_gets_an_invoice_with_number_and_code(clinic: Clinic, provider: Simulator) -> None:
    visit = await paid(clinic, 123_456)
    key = await run(clinic, einvoices.request, visit, BUYER)
    [before] = await of_visit(clinic, visit)
    assert (before.state, before.number) == ("waiting", "")
    await outbox_work.work(clinic.store, clinic.pool)
    [one] = await of_visit(clinic, visit)
    assert (one.key, one.kind, one.amount, one.state, one.buyer) == (key, "bill", 123_456, "sent", BUYER)
    assert one.number == "00000001" and one.code and one.series
    assert list((await provider.state())["invoices"]) == [key]


async def test_an_invoice_names_statement_and_buyer_and_nothing_of_the_illness(clinic: Clinic) -> None:
    visit = await paid(clinic, 123_456)
    said = await body(clinic, await run(clinic, einvoices.request, visit, BUYER))
    bill = (await bank_world.account(clinic, visit)).bill_number
    assert said["lines"] == [{"name": f"Khám bệnh, chữa bệnh theo bảng kê số {bill}", "amount": 123_456}]
    assert (said["total"], said["kind"], said["seller"]["code"]) == (123_456, "original", "86991")
    assert said["buyer"] == {"name": BUYER.name, "tax_code": BUYER.tax_code, "email": BUYER.email,
                             "address": BUYER.address}  # fmt: skip
    assert said["in_words"] == "Một trăm hai mươi ba nghìn bốn trăm năm mươi sáu đồng"
    assert set(said) == {"key", "kind", "day", "seller", "buyer", "lines", "total", "vat", "in_words"}


@pytest.mark.parametrize(
    "buyer",
    [
        Buyer("Nguyễn Văn Mẫu"),
        Buyer("Công ty", "0312345678-001", address="1 Đường Mẫu"),
        Buyer("Người Mẫu", "079058000011", address="1 Đường Mẫu"),
        Buyer("x" * 200, email="a@b.vn"),
    ],
)
def test_a_buyer_who_can_be_is_taken(buyer: Buyer) -> None:
    assert einvoice_message.check(buyer) == buyer


@pytest.mark.parametrize(
    ("buyer", "place"),
    [
        (Buyer(""), "name"),
        (Buyer("  "), "name"),
        (Buyer("x" * 201), "name"),
        (Buyer("A", "031234567", address="B"), "tax_code"),
        (Buyer("A", "03123456789", address="B"), "tax_code"),
        (Buyer("A", "0312345678-01", address="B"), "tax_code"),
        (Buyer("A", "０３１２３４５６７８", address="B"), "tax_code"),
        (Buyer("A", "0312345678"), "address"),
        (Buyer("A", address="x" * 301), "address"),
        (Buyer("A", email="a"), "email"),
        (Buyer("A", email="a@b"), "email"),
        (Buyer("A", email="a@b.vn, c@d.vn"), "email"),
        (Buyer("A", email="a" * 65 + "@b.vn"), "email"),
    ],
)
async def test_a_buyer_who_cannot_be_is_refused_by_field(clinic: Clinic, buyer: Buyer, place: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        einvoice_message.check(buyer)
    assert refused.value.issues[0].expression == place


async def test_what_is_not_paid_or_free_of_charge_gets_no_invoice(clinic: Clinic) -> None:
    open_bill, free = await bank_world.bill(clinic, 100_000), await bank_world.bill(clinic, 0)
    running_visit = await bank_world.visit(clinic)
    with pytest.raises(errors.Conflict, match="còn phải trả"):
        await run(clinic, einvoices.request, open_bill, BUYER)
    with pytest.raises(errors.Conflict, match="không phải trả tiền"):
        await run(clinic, einvoices.request, free, BUYER)
    with pytest.raises(errors.NotFound):
        await run(clinic, einvoices.request, running_visit, BUYER)
    await close_day(clinic)
    for visit in (open_bill, free):
        assert await of_visit(clinic, visit) == []


async def test_a_bill_has_one_invoice_however_many_ask_at_once(clinic: Clinic) -> None:
    visit = await paid(clinic, 100_000)
    told = await asyncio.gather(
        *(run(clinic, einvoices.request, visit, BUYER) for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(one, str) for one in told) == 1
    assert all(isinstance(one, errors.Conflict) for one in told if not isinstance(one, str))
    assert len(await of_visit(clinic, visit)) == 1


async def test_what_nobody_asked_for_is_one_summary_of_the_day_with_its_list(clinic: Clinic) -> None:
    visits = [await paid(clinic, amount) for amount in (100_000, 50_001)]
    named = await paid(clinic, 7_000)
    await run(clinic, einvoices.request, named, BUYER)
    await close_day(clinic)
    [summary] = await of_visit(clinic, visits[0])
    assert (summary.kind, summary.amount, summary.buyer) == ("summary", 150_001, None)
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        parts = await einvoices.list_of(tx, summary.key)
    assert {one.encounter_id: one.amount for one in parts} == {visits[0]: 100_000, visits[1]: 50_001}
    said = await body(clinic, summary.key)
    assert [one["amount"] for one in said["lines"]] == [100_000, 50_001]
    assert said["buyer"] == {"name": einvoice_message.NOBODY}
    assert len(await of_visit(clinic, named)) == 1


async def test_the_end_of_a_day_twice_is_one_summary(clinic: Clinic) -> None:
    visit = await paid(clinic, 100_000)
    await close_day(clinic)
    await close_day(clinic)
    assert len(await of_visit(clinic, visit)) == 1
    assert await standing(clinic) == []


async def test_a_visit_is_looked_at_again_only_when_its_money_moves(clinic: Clinic) -> None:
    visits = [await paid(clinic, 100_000) for _ in range(3)]
    unpaid = await bank_world.bill(clinic, 50_000)
    assert await looked_at(clinic) == {*visits, unpaid}
    await close_day(clinic)
    assert await looked_at(clinic) == set(), "all of them are right"
    await refund(clinic, visits[0], 30_000)
    await run(clinic, payments.take, unpaid, 20_000, method="transfer", request_key="a part")
    assert await looked_at(clinic) == {visits[0], unpaid}
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        missing = {one.encounter_id: one.paid - one.invoiced for one in await einvoices.standing(tx)}
    assert missing == {visits[0]: -30_000, unpaid: 20_000}
    await close_day(clinic)
    assert await looked_at(clinic) == set()
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        said = [sum((await einvoices.parts_of(tx, visit)).values()) for visit in (*visits, unpaid)]
    assert said == [70_000, 100_000, 100_000, 20_000]


async def looked_at(clinic: Clinic) -> set[str]:
    """Visits that the end of the day compares."""
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        rows = await tx.fetch("select encounter_id from visit_account where tenant = $1 and is_invoice_due", 1)
    return {row["encounter_id"] for row in rows}


async def test_a_part_payment_is_invoiced_as_far_as_it_was_paid(clinic: Clinic) -> None:
    visit = await bank_world.bill(clinic, 100_000)
    await run(clinic, payments.take, visit, 30_000, method="transfer", request_key="a")
    await close_day(clinic)
    assert [one.amount for one in await of_visit(clinic, visit)] == [30_000]
    await run(clinic, payments.take, visit, 70_000, method="transfer", request_key="b")
    await close_day(clinic)
    assert [(one.kind, one.amount) for one in await of_visit(clinic, visit)] == [
        ("summary", 30_000), ("summary", 70_000),
    ]  # fmt: skip


async def test_a_refund_adjusts_the_invoice_by_name(clinic: Clinic, provider: Simulator) -> None:
    visit = await paid(clinic, 100_000)
    original = await run(clinic, einvoices.request, visit, BUYER)
    await refund(clinic, visit, 30_000)
    [key] = await run(clinic, einvoices.adjust, visit)
    said = await body(clinic, key)
    assert (said["kind"], said["adjusts"], said["total"]) == ("adjusting", original, -30_000)
    assert said["in_words"] == "Điều chỉnh giảm: ba mươi nghìn đồng"
    assert said["buyer"]["name"] == BUYER.name and said["reason"] == einvoices.CHANGED
    await outbox_work.work(clinic.store, clinic.pool)
    for one in await of_visit(clinic, visit):
        if one.state != "sent":
            await outbox_work.send(clinic.store, one.message_id)  # it came before its original and waits
    assert {one.state for one in await of_visit(clinic, visit)} == {"sent"}
    assert await run(clinic, einvoices.adjust, visit) == []


async def test_whoever_forgets_to_adjust_is_helped_at_the_end_of_the_day(clinic: Clinic) -> None:
    named, summed, other = [await paid(clinic, 100_000) for _ in range(3)]
    await run(clinic, einvoices.request, named, BUYER)
    await close_day(clinic)
    for visit in (named, summed, other):
        await refund(clinic, visit, 100_000 if visit == named else 1)
    await close_day(clinic)
    for visit, amount in ((named, 0), (summed, 99_999), (other, 99_999)):
        assert await run(clinic, _said_of, visit) == amount
    assert await standing(clinic) == []


async def _said_of(tx: Transaction, visit: str) -> int:
    return sum((await einvoices.parts_of(tx, visit)).values())


async def test_who_wants_a_name_after_the_summary_gets_one_and_the_summary_gives_it_up(clinic: Clinic) -> None:
    visit, other = await paid(clinic, 100_000), await paid(clinic, 20_000)
    await close_day(clinic)
    await run(clinic, einvoices.request, visit, BUYER)
    summary, adjustment, bill = await of_visit(clinic, visit)
    if adjustment.kind == "bill":
        adjustment, bill = bill, adjustment
    assert (adjustment.kind, adjustment.adjusts, adjustment.amount) == ("adjustment", summary.key, -100_000)
    assert (bill.kind, bill.amount) == ("bill", 100_000)
    assert await run(clinic, _said_of, visit) == 100_000
    assert [one.kind for one in await of_visit(clinic, other)] == ["summary"]
    with pytest.raises(errors.Conflict, match="đã có hóa đơn"):
        await run(clinic, einvoices.request, visit, BUYER)


async def test_a_bill_that_grew_and_was_paid_is_adjusted_upwards(clinic: Clinic) -> None:
    visit = await paid(clinic, 100_000)
    await run(clinic, einvoices.request, visit, BUYER)
    await bank_world.bill(clinic, 150_000, encounter_id=visit)
    assert await run(clinic, einvoices.adjust, visit) == []  # nobody has paid the rest yet
    await run(clinic, payments.take, visit, 50_000, method="transfer", request_key="more")
    await close_day(clinic)
    said = await body(clinic, (await of_visit(clinic, visit))[-1].key)
    assert (said["kind"], said["total"], said["in_words"]) == (
        "adjusting", 50_000, "Điều chỉnh tăng: năm mươi nghìn đồng",
    )  # fmt: skip


async def test_a_provider_who_lost_its_answer_issues_nothing_twice(clinic: Clinic, provider: Simulator) -> None:
    visit = await paid(clinic, 100_000)
    await run(clinic, einvoices.request, visit, BUYER)
    own = (await of_visit(clinic, visit))[0].message_id
    await outbox_work.send(clinic.store, own)
    await provider.fault("duplicate")
    later = await paid(clinic, 50_000)
    await run(clinic, einvoices.request, later, BUYER)
    second = (await of_visit(clinic, later))[0].message_id
    await outbox_work.send(clinic.store, second)
    assert (await of_visit(clinic, later))[0].state == "waiting"
    await provider.fault("")
    await outbox_work.send(clinic.store, second)
    assert (await of_visit(clinic, later))[0].number == "00000002"
    assert len((await provider.state())["invoices"]) == 2


# The chain of days


async def days(clinic: Clinic) -> list[tuple[str, datetime]]:
    """The summaries that are queued."""
    async with clinic.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local lienmach.tenant = '1'")
        rows = await connection.fetch(
            "select payload ->> 'day' as day, run_at from job where kind = $1 order by run_at", einvoice_days.DAY
        )
    return [(row["day"], row["run_at"]) for row in rows]


async def test_the_first_statement_queues_the_day_and_each_day_the_next_once(clinic: Clinic) -> None:
    [begin] = [one for one in einvoice_days.JOBS if one.kind == einvoice_days.BEGIN]
    for _ in range(3):
        await begin.function(clinic.store, Taken(1, 1, einvoice_days.BEGIN, {"type": "Invoice", "id": "a"}, 1, 10))
    [(day, at)] = await days(clinic)
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        zone = tx.tenant.time_zone
    assert day == (await today(clinic)).isoformat()
    assert at.astimezone(zone).strftime("%H:%M") == "23:45"
    for _ in range(2):
        await close_day(clinic)
    assert len(await days(clinic)) == 2
