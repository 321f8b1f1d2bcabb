"""The cost statement of a visit: what stands on it, who may close it when, and that every version is booked exactly."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from lienmach.base import errors
from lienmach.care import charges, coverages, orders, resources, signing, systems, visit_facts, visits
from lienmach.care.money import accounts, ledger, statements
from lienmach.care.visit_end import Ending
from tests.care import money_visits
from tests.care.money_visits import MoneyVisits
from tests.clinic import Clinic

BALANCES = ("1311", "1312", "5111", "5112", "7111")


@pytest.fixture
async def money(clinic: Clinic) -> MoneyVisits:
    """A clinic with a small price list."""
    return await money_visits.open_clinic(clinic)


async def test_closing_signs_an_invoice_and_books_exactly_what_it_says(money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1), ("T-LON", 1), ("T-THUOC", 10))
    statement = await money.close(visit)
    assert statement.version == 1 and statement.number.startswith("BK") and statement.is_current
    async with money.clinic.store.begin(money.clinic.actor("insurance")) as tx:
        invoice = await resources.read(tx, "Invoice", statement.invoice_id)
        [signature] = await signing.verify(tx, f"Invoice/{statement.invoice_id}")
        assert statements.of(invoice) == statement == await statements.current(tx, visit)
        balances = await ledger.balances(tx, visit)
        account = await accounts.read(tx, visit)
        assert sum((await ledger.trial(tx)).values()) == 0
    assert invoice["status"] == "issued" and signature.state == "ok" and signature.activity == "close-statement"
    assert balances["1311"] == statement.patient_total == account.due
    assert balances["1312"] == statement.totals["T_BHTT"] == account.t_bhtt
    owed = statement.totals["T_BNTT"] + statement.totals["T_BNCCT"]
    assert Decimal(statement.patient_total) - owed == statement.rounding and abs(statement.rounding) <= Decimal("0.5")


async def drafted(money: MoneyVisits, visit: str) -> statements.Draft:
    async with money.clinic.store.begin(money.clinic.actor("insurance")) as tx:
        return await statements.draft(tx, visit)


async def booked(money: MoneyVisits) -> dict[str, Decimal]:
    """What each account holds that a statement posts to."""
    async with money.clinic.store.begin(money.clinic.actor("cashier")) as tx:
        found = await ledger.trial(tx)
    return {name: found.get(name, Decimal(0)) for name in BALANCES}


async def considered(money: MoneyVisits, visit: str) -> int:
    """How many jobs look at the claim of a visit."""
    owner = await asyncpg.connect(money.clinic.settings.database_owner_url)
    try:
        rows = await owner.fetch("select from job where kind = 'claims.consider' and payload->>'encounter' = $1", visit)
    finally:
        await owner.close()
    return len(rows)


async def specimen(money: MoneyVisits, cause: str, status: str) -> None:
    async def work(tx: Any) -> None:
        order = await resources.follow(tx, cause)
        await resources.update(tx, {
            "resourceType": "Specimen", "id": "sp1", "status": status, "subject": order["subject"],
            "request": [{"reference": cause}],
        })  # fmt: skip

    await money.run("system", work)


async def test_what_is_not_done_is_left_out_and_said_but_a_taken_specimen_and_reserved_drugs_count(
    money: MoneyVisits,
) -> None:
    visit = await money.finished(("T-KHAM", 1), ("T-THUOC", 10))
    done = await drafted(money, visit)
    assert {one.code: one.is_expected for one in done.lines} == {"T-KHAM": False, "T-THUOC": True}
    cause = await money.add(visit, "T-XN", 1, 7, is_done=False)
    waiting = await drafted(money, visit)
    assert waiting.excluded == (("Mục T-XN", "chưa thực hiện"),)
    assert waiting.amounts.patient_total == done.amounts.patient_total
    await specimen(money, cause, "available")
    taken = await drafted(money, visit)
    assert {one.code for one in taken.lines} == {"T-KHAM", "T-THUOC", "T-XN"} and not taken.excluded
    await specimen(money, cause, "unsatisfactory")
    assert (await drafted(money, visit)).excluded == (("Mục T-XN", "chưa thực hiện"),)
    await money.run("system", lambda tx: charges.cancel(tx, cause, "nhầm"))
    assert (await drafted(money, visit)).excluded == (("Mục T-XN", "đã huỷ"),)


async def test_drugs_given_out_as_expected_change_nothing_and_others_make_it_stale(money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1), ("T-LON", 1), ("T-THUOC", 10))
    first = await money.close(visit)
    drug = money_visits.cause_of(visit, "T-THUOC", 2)
    await money.give(drug, "10.0")
    same = await drafted(money, visit)
    given = next(one for one in same.lines if one.code == "T-THUOC")
    assert not same.is_changed and not given.is_expected and given.done_at is not None
    with pytest.raises(errors.Conflict, match="không có gì thay đổi"):
        await money.close(visit, "thử lại")
    await money.give(drug, 4)
    assert (await drafted(money, visit)).is_changed
    await money.give(drug, 0)
    none_given = await drafted(money, visit)
    assert none_given.is_changed and none_given.excluded == (("Mục T-THUOC", "không cấp phát"),)
    with pytest.raises(errors.Unprocessable, match="lý do"):
        await money.close(visit, "  ")
    assert (await money.account(visit)).version == 1
    second = await money.close(visit, "người bệnh không lấy thuốc")
    assert second.version == 2 and second.number != first.number and second.reason == "người bệnh không lấy thuốc"
    async with money.clinic.store.begin(money.clinic.actor("insurance")) as tx:
        old, new = await statements.versions(tx, visit)
        assert not old.is_current and new == second
        cancelled = await resources.read(tx, "Invoice", first.invoice_id)
        assert cancelled["status"] == "cancelled" and cancelled["cancelledReason"] == second.reason
        assert {one.state for one in await signing.verify(tx, f"Invoice/{first.invoice_id}")} == {"ok"}
        kinds = [one.kind for one in await ledger.entries(tx, encounter_id=visit)]
    assert kinds == ["statement", "statement-reversal", "statement"]
    booked_now = await booked(money)
    assert booked_now["1311"] == second.patient_total and booked_now["5112"] == 0
    assert booked_now["5111"] == -second.totals["T_TONGCHI_BV"] and booked_now["7111"] == -second.rounding


async def test_every_event_that_matters_lets_the_claim_be_considered_once_a_unit(money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1), ("T-LON", 1))
    assert await considered(money, visit) == 1
    await money.close(visit)
    assert await considered(money, visit) == 2
    account = await money.account(visit)
    await money.shift()
    await money.pay(visit, account.due - 1, "a")
    assert await considered(money, visit) == 2
    await money.pay(visit, 1, "b")
    assert await considered(money, visit) == 3


async def test_a_visit_that_is_not_finished_is_not_closed(money: MoneyVisits) -> None:
    running = await money.clinic.visit(await money.clinic.patient())
    with pytest.raises(errors.Conflict, match="chưa kết thúc"):
        await money.close(running)
    with pytest.raises(errors.NotFound):
        await money.close("nobody")


async def test_a_whole_visit_of_the_clinic_is_closed_and_paid(clinic: Clinic) -> None:
    visit = await clinic.visit(await clinic.patient())
    key = await clinic.signer("doctor")
    ending = Ending({"reason": "Ho", "history": "Ho", "examination": "Họng đỏ"}, "J00")
    now = clinic.store.now
    clinic.store.now = lambda: now() + timedelta(minutes=5)
    await clinic.store.run(
        clinic.actor("doctor"), lambda tx: visits.finish(tx, visit, key, ending=ending, result="2", outcome="1")
    )
    account = await clinic.settle(visit, role="cashier")
    assert account.state == "closed" and account.due == 0 and account.settled_at is not None and not account.is_insured
    assert accounts.is_released(account) and account.patient_total > 0
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        header = (await statements.read(tx, account.invoice_id)).header
        assert await orders.of_visit(tx, visit)
    assert header["diagnoses"][0][0] == "J00" and header["result"]["code"] == "2" and header["outcome"]["code"] == "1"
    assert header["patient"]["name"] == "Nguyễn Văn Ân" and header["category"]["code"] == "9" and header["arrived"]


async def test_of_those_who_close_at_once_one_closes_and_the_others_read_why(money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1), ("T-XN", 3))
    await money.clinic.signer("insurance")
    outcomes = await asyncio.gather(*(money.close(visit) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, statements.Statement) for one in outcomes) == 1
    assert {type(one) for one in outcomes} == {statements.Statement, errors.Conflict}
    assert (await money.account(visit)).version == 1
    assert (await booked(money))["1311"] == (await money.account(visit)).patient_total


async def test_numbers_of_statements_run_without_gaps_also_when_many_close_at_once(money: MoneyVisits) -> None:
    closed = [await money.finished(("T-KHAM", index + 1)) for index in range(6)]
    await money.clinic.signer("insurance")
    found = await asyncio.gather(*(money.close(visit) for visit in closed))
    assert sorted(int(one.number.rpartition("-")[2]) for one in found) == [1, 2, 3, 4, 5, 6]


async def test_a_cost_that_changes_while_it_is_closed_is_in_it_or_makes_it_stale(money: MoneyVisits) -> None:
    for turn in range(4):
        visit = await money.finished(("T-KHAM", 1), ("T-DAT", 6))
        drug = money_visits.cause_of(visit, "T-DAT", 1)
        await asyncio.gather(money.close(visit), money.give(drug, turn))
        async with money.clinic.store.begin(money.clinic.actor("insurance")) as tx:
            statement = await statements.current(tx, visit)
            now = await statements.draft(tx, visit)
        assert statement is not None
        assert (
            now.is_changed == (now.digest != statement.digest) == (now.amounts.patient_total != statement.patient_total)
        )


async def test_a_payment_beside_a_new_version_is_counted_whichever_comes_first(money: MoneyVisits) -> None:
    await money.shift()
    for turn in range(4):
        visit = await money.finished(("T-KHAM", 1), ("T-DAT", 6))
        first = await money.close(visit)
        await money.give(money_visits.cause_of(visit, "T-DAT", 1), turn)
        second, paid = await asyncio.gather(
            money.close(visit, "trả thuốc"), money.pay(visit, first.patient_total, f"k{turn}"), return_exceptions=True
        )
        assert isinstance(second, statements.Statement)
        taken = 0 if isinstance(paid, errors.Conflict) else first.patient_total
        account = await money.account(visit)
        assert account.due == second.patient_total - taken and (account.settled_at is not None) == (account.due <= 0)


async def test_a_locked_card_stops_the_closing_until_the_visit_is_the_patients_own(money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1), ("T-LON", 1))
    await lock_card(money, visit)
    with pytest.raises(errors.Conflict, match="9 \\(tự trả\\)"):
        await money.close(visit)
    assert (await money.account(visit)).state == "finished" and (await drafted(money, visit)).refusal
    with pytest.raises(errors.Unprocessable, match="lý do"):
        await money.run("insurance", lambda tx: statements.make_self_pay(tx, visit, " "))
    await money.run("insurance", lambda tx: statements.make_self_pay(tx, visit, "thẻ bị thu hồi"))
    statement = await money.close(visit)
    assert statement.category == "9" and statement.totals["T_BHTT"] == 0 and not statement.cards
    assert not (await money.account(visit)).is_insured
    with pytest.raises(errors.Conflict, match="đã là tự trả"):
        await money.run("insurance", lambda tx: statements.make_self_pay(tx, visit, "lần nữa"))


async def test_a_card_that_is_found_locked_after_closing_makes_the_statement_stale(money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1), ("T-LON", 1))
    first = await money.close(visit)
    await lock_card(money, visit)
    assert (await drafted(money, visit)).is_changed
    await money.run("insurance", lambda tx: statements.make_self_pay(tx, visit, "thẻ bị thu hồi"))
    second = await money.close(visit, "thẻ bị thu hồi")
    assert first.totals["T_BHTT"] > 0 and (await booked(money))["1312"] == 0
    assert (await booked(money))["1311"] == second.patient_total


async def test_a_card_that_nobody_verified_is_closed_with_a_remark(money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1))

    async def forget(tx: Any) -> None:
        [card] = await coverages.of_patient(tx, visit.removeprefix("e-"))
        plain = coverages.InsuredCard(card.coverage_id, card.number, card.object_code, card.level)
        await coverages.keep(tx, visit.removeprefix("e-"), plain)

    await money.run("system", forget)
    statement = await money.close(visit)
    assert any("chưa xác minh" in one for one in statement.remarks)


async def test_a_visit_of_nothing_to_pay_settles_by_itself(money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1))
    statement = await money.close(visit)
    account = await money.account(visit)
    assert statement.patient_total == 0 and account.settled_at == account.closed_at
    empty = await money.finished()
    assert (await money.close(empty)).lines == () and (await money.account(empty)).settled_at is not None


async def test_an_invoice_of_others_is_no_statement(money: MoneyVisits) -> None:
    visit = await money.finished(("T-KHAM", 1))
    statement = await money.close(visit)
    async with money.clinic.store.begin(money.clinic.actor("insurance")) as tx:
        invoice = await resources.read(tx, "Invoice", statement.invoice_id)
    assert resources.identifier_of(invoice, systems.BILL) == statement.number
    for broken in (
        {**invoice, "extension": []},
        visit_facts.with_extension(invoice, statements.values.SNAPSHOT, "valueBase64Binary", "e30="),
        visit_facts.with_extension(invoice, statements.values.SNAPSHOT, "valueBase64Binary", "%%%"),
    ):
        with pytest.raises(errors.Unprocessable):
            statements.of(broken)


async def lock_card(money: MoneyVisits, visit: str) -> None:
    """The portal says that the only card of the person was withdrawn."""

    async def work(tx: Any) -> None:
        [card] = await coverages.of_patient(tx, visit.removeprefix("e-"))
        said = coverages.InsuredCard(
            card.coverage_id, card.number, card.object_code, card.level, card.initial_facility, card.from_on,
            card.to_on, result_code="110", checked_at=tx.now, is_active=False,
        )  # fmt: skip
        await coverages.keep(tx, visit.removeprefix("e-"), said)

    await money.run("system", work)
