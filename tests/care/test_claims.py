"""The claim of a visit: what it waits for, when it goes, why it goes again, and what a person may ask of it."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest

from lienmach.base import errors
from lienmach.base.jobs import Taken
from lienmach.care import catalogues, papers, resources, signing, signing_documents
from lienmach.care.catalogues import Row
from lienmach.care.claims import accepted, building, claims, consideration, differences, payments_of_fund, quoting
from lienmach.care.claims.payments_of_fund import FundLine
from lienmach.care.money import ledger
from lienmach.care.papers_rules import AppointmentSlip
from lienmach.standards.bhxh import claim_xml
from tests.care import claim_world
from tests.care.claim_world import SYSTEM, Signed
from tests.clinic import Clinic

COSTLY = ("TT-KHAU-SAU", "TT-CHICH-APXE")  # over 15 % of the base salary: the patient pays a share


async def sent(clinic: Clinic, **more: object) -> Signed:
    """A visit of which the first version is queued."""
    one = await claim_world.signed(clinic, quantity=0, **more)  # type: ignore[arg-type]
    await one.close()
    claim = await one.consider()
    assert (claim.state, claim.version) == ("ready", 1), await one.findings()
    return one


async def test_a_claim_waits_for_statement_and_drugs_and_then_goes_once(clinic: Clinic) -> None:
    one = await claim_world.signed(clinic)
    claim = await one.claim()
    assert (claim.state, claim.why, claim.version) == ("waiting", claims.WAITS_STATEMENT, 0)
    assert (await one.consider()).why == claims.WAITS_STATEMENT
    statement = await one.close()
    assert (await one.consider()).why == claims.WAITS_DRUGS
    await one.give(10)
    claim = await one.consider()
    assert (claim.state, claim.version) == ("ready", 1), await one.findings()
    assert claim.t_bhtt == statement.totals["T_BHTT"]
    again = await one.consider()
    assert (again.version, len(await one.versions())) == (1, 1)


async def test_of_two_workers_at_once_one_builds_the_version(clinic: Clinic) -> None:
    one = await claim_world.signed(clinic, quantity=0)
    await one.close()
    await asyncio.gather(one.consider(), one.consider(), one.consider())
    assert len(await one.versions()) == 1
    async with clinic.store.begin(SYSTEM) as tx:
        queued = await tx.fetch("select 1 from outbox_message where tenant = 1 and channel = 'claim'")
    assert len(queued) == 1


async def test_the_file_is_signed_by_the_facility_and_says_what_the_statement_says(clinic: Clinic) -> None:
    one = await claim_world.signed(clinic)
    statement = await one.close()
    await one.give(10)
    await one.consider()
    [version] = await one.versions()
    read = claim_xml.read(version.xml)
    assert read.faults == () and read.signature is not None
    who = {"reference": f"Organization/{(await one.claim()).organization_id}", "display": "x"}
    signer = await signing.facility_signer(clinic.store, 1, who)
    assert b"THONGTINHOSO" in signing_documents.verify_xml(version.xml, signer.certificate)
    first = read.tables["XML1"][0]
    for name in ("T_TONGCHI_BV", "T_TONGCHI_BH", "T_BHTT", "T_BNCCT", "T_BNTT", "T_THUOC", "T_VTYT", "T_BHTT_GDV"):
        assert Decimal(first[name]) == statement.totals[name], name
    async with clinic.store.begin(SYSTEM) as tx:
        assert await ledger.balance(tx, "1312", one.encounter_id) == statement.totals["T_BHTT"]


async def test_a_visit_without_a_card_has_no_claim(clinic: Clinic) -> None:
    one = await claim_world.signed(clinic, card="", category="9", quantity=0)
    await consideration.consider_visit(clinic.store, 1, one.encounter_id)
    async with clinic.store.begin(SYSTEM) as tx:
        assert await claims.of_visit(tx, one.encounter_id) is None
        assert await claims.counts(tx) == {}


async def test_a_payment_after_the_sending_is_the_next_version_with_its_reason(clinic: Clinic) -> None:
    one = await sent(clinic, procedures=COSTLY)
    due = (await one.account()).due
    assert due > 0
    assert (await one.tables())["XML1"][0]["NGAY_TTOAN"] == ""
    await one.pay(due)
    claim = await one.consider()
    first, second = await one.versions()
    assert (claim.version, second.reason) == (2, differences.PAID)
    assert (await one.tables())["XML1"][0]["NGAY_TTOAN"]
    assert first.xml != second.xml
    old, new = claim_xml.read(first.xml).tables, claim_xml.read(second.xml).tables
    assert differences.changed(old, new) == {("XML1", "NGAY_TTOAN")}
    assert old["XML1"][0]["MA_LK"] == new["XML1"][0]["MA_LK"] == claim.ma_lk


async def test_drugs_that_nobody_fetched_make_the_statement_stale_and_the_claim_wait(clinic: Clinic) -> None:
    one = await claim_world.signed(clinic)
    await one.close()
    await one.give(4)
    await one.let_go()
    claim = await one.consider()
    assert (claim.state, claim.why, claim.version) == ("waiting", claims.STALE, 0)
    assert (await one.account()).is_stale
    await one.close("Người bệnh không lĩnh đủ thuốc")
    claim = await one.consider()
    assert (claim.state, claim.version) == ("ready", 1), await one.findings()
    [row] = (await one.tables())["XML2"]
    assert row["SO_LUONG"] == "4"
    assert not (await one.account()).is_stale


async def test_bill_and_claim_carry_the_drug_that_was_handed_over_at_its_own_price(clinic: Clinic) -> None:
    one = await claim_world.signed(clinic)
    other = await _twin(clinic, "PARA500", Decimal("777.5"))
    before = await one.close()
    [written] = [line for line in before.lines if line.list_name == "drug"]
    assert (written.code, written.DON_GIA_BV == Decimal("777.5")) == ("PARA500", False)
    await one.give(10, other)
    claim = await one.consider()
    assert (claim.state, claim.why, claim.version) == ("waiting", claims.STALE, 0), "the bill names another drug"
    statement = await one.close("Thay thuốc cùng hoạt chất")
    [line] = [line for line in statement.lines if line.list_name == "drug"]
    assert (line.code, line.quantity, line.DON_GIA_BV) == (other, 10, Decimal("777.5"))
    assert ("Paracetamol khác (mẫu)", line.nhom) == (line.name, "6") and not line.is_expected
    claim = await one.consider()
    assert claim.version == 1, await one.findings()
    tables = await one.tables()
    [row] = tables["XML2"]
    assert (row["TEN_THUOC"], row["SO_DANG_KY"], row["MA_NHOM"]) == ("Paracetamol khác (mẫu)", "MAU-KHAC-26", "6")
    assert (row["DON_GIA"], row["THANH_TIEN_BV"], row["SO_LUONG"]) == ("777.500", "7775.00", "10")
    assert Decimal(tables["XML1"][0]["T_THUOC"]) == statement.totals["T_THUOC"] == Decimal(7775)


async def test_a_line_given_as_two_drugs_is_two_lines_of_bill_and_claim(clinic: Clinic) -> None:
    one = await claim_world.signed(clinic)
    other = await _twin(clinic, "PARA500", Decimal("777.5"))
    await one.close()
    await one.give(6, other)
    await one.consider()
    statement = await one.close("Thay một phần thuốc")
    drugs = {line.code: line for line in statement.lines if line.list_name == "drug"}
    assert {code: line.quantity for code, line in drugs.items()} == {"PARA500": 4, other: 6}
    assert drugs["PARA500"].is_expected and not drugs[other].is_expected
    if due := (await one.account()).due:
        await one.pay(due)
    await one.give(4)
    claim = await one.consider()
    assert claim.version == 1, await one.findings()
    rows = {row["TEN_THUOC"]: row for row in (await one.tables())["XML2"]}
    assert len(rows) == 2 and rows["Paracetamol khác (mẫu)"]["SO_LUONG"] == "6"
    assert sum(Decimal(row["THANH_TIEN_BV"]) for row in rows.values()) == statement.totals["T_THUOC"]
    assert {line.quantity for line in statement.lines if line.list_name == "drug"} == {4, 6}


async def _twin(clinic: Clinic, code: str, each: Decimal) -> str:
    """Another drug with the same content, accepted and on the shelf, in another group and at another price."""

    async def work(tx: object) -> None:
        today = catalogues.today(tx)  # type: ignore[arg-type]
        row = await catalogues.get(tx, "drug", code, on=today)  # type: ignore[arg-type]
        price = await catalogues.get(tx, "price", f"drug:{code}", on=today)  # type: ignore[arg-type]
        own = await catalogues.get(tx, accepted.DRUGS, code, on=today)  # type: ignore[arg-type]
        assert row and price and own
        said = {"TEN_THUOC": "Paracetamol khác (mẫu)", "SO_DANG_KY": "MAU-KHAC-26", "DON_GIA": f"{each}"}
        data = {**row.data, "registration": "MAU-KHAC-26", "nhom": "6"}
        costs = {**price.data, "don_gia_bv": each, "don_gia_bh": each}
        catalogues.put(tx, [  # type: ignore[arg-type]
            Row("drug", "PARA-KHAC", "Paracetamol khác (mẫu)", row.valid_from, None, "demo", data),
            Row("price", "drug:PARA-KHAC", "x", price.valid_from, None, "demo", costs),
            Row(accepted.DRUGS, "PARA-KHAC", "x", own.valid_from, None, "demo", {**own.data, **said}),
        ])  # fmt: skip

    await clinic.store.run(clinic.actor("system"), work)
    await claim_world.opening.fill_shelves(clinic.store, clinic.actor("system"))
    return "PARA-KHAC"


async def test_an_error_stops_the_claim_and_names_its_field_until_it_is_mended(clinic: Clinic) -> None:
    one = await claim_world.signed(clinic, quantity=0)
    await one.close()

    async def spoil(tx: object) -> None:
        patient = await resources.read(tx, "Patient", one.patient_id)  # type: ignore[arg-type]
        await resources.update(tx, {**patient, "birthDate": "2999-01-01"})  # type: ignore[arg-type]

    async def mend(tx: object) -> None:
        patient = await resources.read(tx, "Patient", one.patient_id)  # type: ignore[arg-type]
        await resources.update(tx, {**patient, "birthDate": "1958-02-01"})  # type: ignore[arg-type]

    await clinic.store.run(SYSTEM, spoil)
    claim = await one.consider()
    assert (claim.state, claim.version) == ("findings", 0)
    assert "ADM-02" in await one.findings()
    await clinic.store.run(SYSTEM, mend)
    claim = await one.consider()
    assert (claim.state, claim.version) == ("ready", 1), await one.findings()
    assert await one.findings() == set()


async def test_a_paper_issued_after_the_sending_goes_as_the_next_version(clinic: Clinic) -> None:
    one = await sent(clinic)
    key = await clinic.signer("doctor")
    on = (await one.claim()).ended_at
    assert on is not None
    slip = AppointmentSlip(return_on=on.date() + claim_world.timedelta(days=14))
    stored = await clinic.store.run(clinic.actor("doctor"), lambda tx: papers.issue(tx, one.encounter_id, slip, key))
    payload = {"type": "DocumentReference", "id": stored.id, "version_id": "1", "op": "C"}
    await quoting.consider_change(clinic.store, Taken(1, 1, quoting.CHANGED, payload, 1, 10))
    assert (await one.consider()).version == 2, await one.findings()
    tables = await one.tables()
    assert tables["XML14"][0]["NGAY_HEN_KL"] == tables["XML1"][0]["NGAY_TAI_KHAM"] == f"{slip.return_on:%Y%m%d}"
    assert (await one.versions())[-1].reason == differences.MENDED


async def test_a_person_asks_for_a_resending_with_a_reason_and_only_so(clinic: Clinic) -> None:
    waiting = await claim_world.signed(clinic, quantity=0)
    desk = clinic.actor("insurance")
    with pytest.raises(errors.Conflict):
        await clinic.store.run(desk, lambda tx: claims.resend(tx, waiting.encounter_id, "Gửi lại"))
    await waiting.close()
    await waiting.consider()
    with pytest.raises(errors.Unprocessable):
        await clinic.store.run(desk, lambda tx: claims.resend(tx, waiting.encounter_id, " "))
    await clinic.store.run(desk, lambda tx: claims.resend(tx, waiting.encounter_id, "Cơ quan BHXH yêu cầu gửi lại"))
    claim = await waiting.consider()
    assert (claim.version, claim.asked_reason) == (2, "")
    assert (await waiting.versions())[-1].reason == "Cơ quan BHXH yêu cầu gửi lại"
    assert (await waiting.consider()).version == 2


async def test_a_recall_says_category_8_and_asks_nothing_of_the_fund(clinic: Clinic) -> None:
    one = await sent(clinic)
    desk = clinic.actor("insurance")
    await clinic.store.run(desk, lambda tx: claims.recall(tx, one.encounter_id, "Gửi nhầm người bệnh"))
    await one.consider()
    tables = await one.tables()
    assert list(tables) == ["XML1"]
    assert (tables["XML1"][0]["MA_DOITUONG_KCB"], tables["XML1"][0]["T_BHTT"]) == ("8", "0.00")
    assert (await one.claim()).version == 2
    assert (await one.consider()).version == 2
    with pytest.raises(errors.Conflict):
        await clinic.store.run(desk, lambda tx: claims.recall(tx, one.encounter_id, "Lần nữa"))


async def test_the_fund_pays_and_cuts_and_the_ledger_follows_to_the_dong(clinic: Clinic) -> None:
    one = await sent(clinic)
    claim, desk = await one.claim(), clinic.actor("insurance")
    asked = claim.t_bhtt
    line = FundLine(claim.ma_lk, asked - 1000, Decimal(1000), "Sai mã dịch vụ", 1)
    assert await clinic.store.run(desk, lambda tx: payments_of_fund.reconcile(tx, "2026-11", [line])) == 1
    assert await clinic.store.run(desk, lambda tx: payments_of_fund.reconcile(tx, "2026-11", [line])) == 0
    async with clinic.store.begin(SYSTEM) as tx:
        assert await ledger.balance(tx, "1312", one.encounter_id) == 0
        assert await ledger.balance(tx, "1121") == asked - 1000
        assert await ledger.balance(tx, "8111") == 1000
        assert sum((await ledger.trial(tx)).values()) == 0
    assert (await one.claim()).paid_vnd == asked - 1000


async def test_a_list_with_one_bad_line_books_nothing_and_names_the_line(clinic: Clinic) -> None:
    one = await sent(clinic)
    claim, desk = await one.claim(), clinic.actor("insurance")
    good = FundLine(claim.ma_lk, claim.t_bhtt, number=1)
    for bad in (
        FundLine("86991000000NOBODY", Decimal(1), number=2),
        FundLine(claim.ma_lk, Decimal(1), number=2),
        FundLine("x", Decimal(-1), number=2),
        FundLine("x", Decimal("0.001"), number=2),
        FundLine("x", Decimal(1), Decimal(1), "", number=2),
    ):
        with pytest.raises(payments_of_fund.LineFaulty) as raised:
            await clinic.store.run(desk, lambda tx, bad=bad: payments_of_fund.reconcile(tx, "2026-11", [good, bad]))
        assert raised.value.number == 2
    over = FundLine(claim.ma_lk, claim.t_bhtt + Decimal("0.01"), number=1)
    with pytest.raises(payments_of_fund.LineFaulty):
        await clinic.store.run(desk, lambda tx: payments_of_fund.reconcile(tx, "2026-11", [over]))
    async with clinic.store.begin(SYSTEM) as tx:
        assert await ledger.balance(tx, "1121") == 0


async def test_the_desk_reads_the_tables_although_it_may_not_open_the_note(clinic: Clinic) -> None:
    one = await claim_world.signed(clinic, quantity=0)
    async with clinic.store.begin(clinic.actor("insurance")) as tx:
        tables = await building.tables_of(tx, one.encounter_id)
    assert tables["XML1"][0]["LY_DO_VV"] == "Ho, sốt"
    async with clinic.store.begin(clinic.actor("retail")) as tx:
        with pytest.raises(errors.Refused):
            await building.tables_of(tx, one.encounter_id)


async def test_a_service_that_is_not_accepted_yet_is_told_at_once(clinic: Clinic) -> None:
    async with clinic.store.begin(SYSTEM) as tx:
        today = catalogues.today(tx)
        assert await accepted.warn(tx, "drug", ["PARA500"], today) == {}
        before = accepted_from = claim_world.date(2024, 12, 31)
        told = await accepted.warn(tx, "drug", ["PARA500"], before)
        assert list(told) == ["PARA500"] and "03/DM" in told["PARA500"]
        assert await accepted.warn(tx, "drug", ["PARA500"], accepted_from + claim_world.timedelta(days=1)) == {}
        assert json.dumps(await accepted.warn(tx, "service", [], today)) == "{}"
