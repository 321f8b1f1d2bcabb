"""Papers of a visit: what each must say, just inside and just outside; numbers, signatures, the bytes that are kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.care import (
    coverages,
    papers,
    papers_data,
    papers_rules,
    papers_sheets,
    resources,
    signing,
    systems,
    visit_diagnoses,
    visit_facts,
)
from lienmach.care.papers import PaperFaulty, VisitSummary
from lienmach.care.papers_rules import AppointmentSlip, PaperFacts, Referral, SickLeave
from tests.clinic import Clinic

DAY = date(2026, 7, 6)  # a Monday
FACTS = PaperFacts(DAY, DAY, ("J20.9",), "1958-02-01", "7900000012")
LEAVE = SickLeave(DAY, DAY + timedelta(days=4), "7900000012", treatment="Nghỉ ngơi")
REFERRAL = Referral("Bệnh viện tuyến trên (mẫu)", "2", "Xe cứu thương", signs="Mệt", plan="Lọc máu")
PIN = "583914"


def fields(faults: list[papers_rules.Fault]) -> set[str]:
    return {one.field for one in faults}


# Rules


def test_papers_that_say_everything_have_no_fault() -> None:
    assert not papers_rules.check_leave(LEAVE, FACTS)
    assert not papers_rules.check_referral(REFERRAL, FACTS)
    assert not papers_rules.check_slip(AppointmentSlip(DAY + timedelta(days=1)), FACTS)


@pytest.mark.parametrize(("days", "is_fine"), [(0, False), (1, True), (30, True), (31, False)])
def test_a_sick_leave_is_one_to_thirty_days(days: int, is_fine: bool) -> None:
    paper = replace(LEAVE, until_on=DAY + timedelta(days=days - 1))
    assert ("until_on" not in fields(papers_rules.check_leave(paper, FACTS))) is is_fine


@pytest.mark.parametrize(
    ("codes", "weeks", "most"),
    [
        (("J20.9",), None, 30),
        (("A15.0",), None, 180),
        (("A19.9",), None, 180),
        (("A20.0",), None, 30),
        (("O02.1",), 12, 30),
        (("O02.1",), 13, 50),
    ],
)
def test_tuberculosis_and_a_late_loss_of_pregnancy_have_longer_leaves(
    codes: tuple[str, ...], weeks: int | None, most: int
) -> None:
    facts = replace(FACTS, diagnoses=codes)
    for days, is_fine in ((most, True), (most + 1, False)):
        paper = replace(LEAVE, until_on=DAY + timedelta(days=days - 1), loss_weeks=weeks, loss_reason="Thai lưu")
        assert ("until_on" not in fields(papers_rules.check_leave(paper, facts))) is is_fine


def test_the_catalogue_may_allow_more_but_fifty_days_need_their_weeks() -> None:
    assert papers_rules.leave_days_max(LEAVE, replace(FACTS, leave_days=180)) == 180
    assert papers_rules.leave_days_max(LEAVE, replace(FACTS, leave_days=50)) == 30
    assert papers_rules.leave_days_max(replace(LEAVE, loss_weeks=13), replace(FACTS, leave_days=50)) == 50


def test_a_sick_leave_begins_on_the_day_of_the_visit_and_is_issued_that_day() -> None:
    assert "from_on" in fields(papers_rules.check_leave(replace(LEAVE, from_on=DAY + timedelta(days=1)), FACTS))
    assert "from_on" in fields(papers_rules.check_leave(LEAVE, replace(FACTS, today=DAY + timedelta(days=1))))
    assert "from_on" in fields(papers_rules.check_leave(LEAVE, replace(FACTS, is_inpatient=True)))


@pytest.mark.parametrize("number", ["", "790000001", "79000000123", "790000001A"])
def test_a_social_number_has_ten_digits(number: str) -> None:
    assert "social_number" in fields(papers_rules.check_leave(replace(LEAVE, social_number=number), FACTS))


@pytest.mark.parametrize(("birth", "is_asked"), [("2019-07-07", True), ("2019-07-06", False), ("2025", True)])
def test_a_child_under_seven_has_a_parent_on_the_paper(birth: str, is_asked: bool) -> None:
    facts = replace(FACTS, birth=birth)
    assert ("mother" in fields(papers_rules.check_leave(LEAVE, facts))) is is_asked
    assert "mother" not in fields(papers_rules.check_leave(replace(LEAVE, father="Trần Văn Mẫu"), facts))


@pytest.mark.parametrize(
    ("member", "value"),
    [("to_name", " "), ("to_code", "7909"), ("reason_kind", "4"), ("transport", ""), ("signs", ""), ("validity", "x")],
)
def test_a_referral_names_place_reason_transport_and_signs(member: str, value: str) -> None:
    assert member in fields(papers_rules.check_referral(replace(REFERRAL, **{member: value}), FACTS))


def test_only_a_long_disease_gives_a_referral_of_a_year() -> None:
    yearly = replace(REFERRAL, validity="year")
    assert "validity" in fields(papers_rules.check_referral(yearly, FACTS))
    assert "validity" not in fields(papers_rules.check_referral(yearly, replace(FACTS, is_long_term=True)))


def test_a_referral_is_valid_for_ten_working_days_or_a_year() -> None:
    assert papers_rules.valid_until(REFERRAL, DAY) == date(2026, 7, 20)
    assert papers_rules.valid_until(REFERRAL, date(2026, 7, 11)) == date(2026, 7, 24), "from a Saturday"
    assert papers_rules.valid_until(replace(REFERRAL, validity="year"), DAY) == date(2027, 7, 6)
    assert papers_rules.valid_until(replace(REFERRAL, validity="year"), date(2028, 2, 29)) == date(2029, 2, 28)


def test_a_public_holiday_is_no_working_day_and_one_on_a_weekend_changes_nothing() -> None:
    holidays = {date(2026, 7, 8), date(2026, 7, 11)}  # a Wednesday and a Saturday
    assert papers_rules.valid_until(REFERRAL, DAY, holidays) == date(2026, 7, 21)
    assert papers_rules.valid_until(REFERRAL, DAY, {date(2026, 7, 21)}) == date(2026, 7, 20), "after the tenth"


async def test_a_referral_tells_the_end_of_the_card_the_occupation_and_counts_the_lists_holidays(
    clinic: Clinic,
) -> None:
    work = {
        "url": "http://example.org/fhir/StructureDefinition/occupation",
        "valueCodeableConcept": {"text": "Giáo viên"},
    }
    patient = await clinic.patient(
        identifier=[{"system": coverages.CARD, "value": "DN4860000000001"}], extension=[work]
    )
    card = coverages.InsuredCard("", "DN4860000000001", "DN", "4", to_on=date(2027, 12, 31))
    desk = clinic.actor("reception")
    own = await clinic.store.run(desk, lambda tx: coverages.keep(tx, patient, card))
    insured = await clinic.visit(patient, category="1.1", coverage_id=own)
    alone = await clinic.visit(await clinic.patient(), category="9")
    at = datetime(2026, 8, 28, 9, tzinfo=UTC)  # a Friday; the list has two holidays in the week after
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        visit = await papers_data.read(tx, insured)
        sheet = await papers_sheets.referral(tx, visit, REFERRAL, "1", "BS", at)
        other = await papers_sheets.referral(tx, await papers_data.read(tx, alone), REFERRAL, "1", "BS", at)
    assert (sheet["patient"]["insurance_until"], sheet["patient"]["occupation"]) == ("31/12/2027", "Giáo viên")
    assert sheet["validity"].endswith("15/09/2026")
    assert (other["patient"]["insurance_until"], other["patient"]["occupation"]) == ("", "")


@pytest.mark.parametrize(("days", "is_fine"), [(0, False), (1, True), (366, True), (367, False)])
def test_an_appointment_is_after_the_visit(days: int, is_fine: bool) -> None:
    found = papers_rules.check_slip(AppointmentSlip(DAY + timedelta(days=days)), FACTS)
    assert ("return_on" not in fields(found)) is is_fine
    assert "return_on" in fields(papers_rules.check_slip(AppointmentSlip(None), FACTS))


def test_a_paper_without_a_diagnosis_is_refused() -> None:
    facts = replace(FACTS, diagnoses=())
    assert "" in fields(papers_rules.check_leave(LEAVE, facts)) & fields(papers_rules.check_referral(REFERRAL, facts))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "một"),
        (5, "năm"),
        (10, "mười"),
        (15, "mười lăm"),
        (21, "hai mươi mốt"),
        (30, "ba mươi"),
        (105, "một trăm linh năm"),
        (180, "một trăm tám mươi"),
    ],
)
def test_days_are_written_in_words(number: int, words: str) -> None:
    assert papers_sheets.in_words(number) == words


# Issued


@pytest.fixture
async def visit(clinic: Clinic) -> str:
    """A visit with a diagnosis, and a doctor who has a key."""
    own = await clinic.visit(await clinic.patient())
    await signing.ensure(clinic.store, clinic.actor("doctor"), PIN)

    async def diagnose(tx: Any) -> None:
        encounter = await resources.read(tx, "Encounter", own)
        await visit_diagnoses.store(tx, encounter, "J20.9", [])

    await clinic.store.run(clinic.actor("doctor"), diagnose)
    return own


async def issue(clinic: Clinic, visit: str, said: Any) -> papers.Paper:
    actor = clinic.actor("doctor")
    signer = await signing.signer_for(clinic.store, actor, session_key=b"", pin=PIN)

    async def work(tx: Any) -> Any:
        return papers.of(resources.of(await papers.issue(tx, visit, said, signer)))

    return await clinic.store.run(actor, work)


async def ask(clinic: Clinic, work: Any) -> Any:
    return await clinic.store.run(clinic.actor("doctor"), work)


def leave_today(clinic: Clinic) -> SickLeave:
    today = clinic.store.now().astimezone(clinic.store.tenants[1].time_zone).date()
    return replace(LEAVE, from_on=today, until_on=today + timedelta(days=2))


async def test_each_kind_is_printed_signed_by_doctor_and_facility_and_kept(clinic: Clinic, visit: str) -> None:
    today = leave_today(clinic).from_on
    assert today is not None
    for said in (REFERRAL, AppointmentSlip(today + timedelta(days=30)), leave_today(clinic), VisitSummary("Uống đủ")):
        one = await issue(clinic, visit, said)
        pdf = await ask(clinic, lambda tx, own=one.id: papers.read_pdf(tx, own))
        assert pdf.startswith(b"%PDF") and len(pdf) == one.size_bytes
        assert pdf.count(b"/ETSI.CAdES.detached") == 2, "two signatures in the PDF"
        found = await ask(clinic, lambda tx, own=one.id: signing.verify(tx, f"DocumentReference/{own}"))
        assert [each.state for each in found] == ["ok", "ok"] and {each.login for each in found} == {"doctor", ""}
        assert f"/{papers.LETTERS[one.kind]}/" in one.number and one.is_current


async def test_the_same_bytes_are_printed_again(clinic: Clinic, visit: str) -> None:
    one = await issue(clinic, visit, leave_today(clinic))
    first = await ask(clinic, lambda tx: papers.read_pdf(tx, one.id))
    assert first == await ask(clinic, lambda tx: papers.read_pdf(tx, one.id))


async def test_a_copy_that_was_altered_is_not_printed(clinic: Clinic, visit: str) -> None:
    one = await issue(clinic, visit, leave_today(clinic))
    path = clinic.settings.home / "blobs" / "1" / one.sha256[:2] / one.sha256[2:4] / one.sha256
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"%PDF-", b"%PDG-", 1))
    with pytest.raises(errors.Conflict, match="nguyên vẹn"):
        await ask(clinic, lambda tx: papers.read_pdf(tx, one.id))


async def test_numbers_run_without_gap_also_when_many_are_issued_at_once(clinic: Clinic, visit: str) -> None:
    found = await asyncio.gather(*(issue(clinic, visit, leave_today(clinic)) for _ in range(3)))
    assert sorted(int(one.number[-6:]) for one in found) == [1, 2, 3]


async def test_a_number_that_is_taken_behind_the_newest_papers_is_passed_over(clinic: Clinic, visit: str) -> None:
    today = leave_today(clinic).from_on
    assert today is not None
    first = await issue(clinic, visit, leave_today(clinic))
    document = await ask(clinic, lambda tx: resources.read(tx, "DocumentReference", first.id))
    early = (today - timedelta(days=1)).isoformat()
    # The second paper, dated back, is of a facility that the look for the newest does not find.
    number = first.number[:-6] + "000002"
    document |= {"id": visit_facts.own_id("paper", number), "date": f"{early}T08:00:00.000Z"}
    document.pop("custodian")
    document.pop("meta")

    async def store(tx: Any) -> None:
        await resources.create(tx, document, resource_id=document["id"])

    await ask(clinic, store)
    assert (await issue(clinic, visit, leave_today(clinic))).number.endswith("000003")


async def test_a_faulty_paper_is_refused_with_a_sentence_a_field_and_leaves_nothing(clinic: Clinic, visit: str) -> None:
    with pytest.raises(PaperFaulty) as refused:
        await issue(clinic, visit, replace(leave_today(clinic), social_number="12"))
    assert refused.value.faults[0].field == "social_number" and "10 chữ số" in refused.value.text
    assert not await ask(clinic, lambda tx: papers.of_visit(tx, visit))


async def test_one_appointment_slip_a_visit_and_it_books_the_day(clinic: Clinic, visit: str) -> None:
    today = leave_today(clinic).from_on
    assert today is not None
    slip = AppointmentSlip(today + timedelta(days=30), "afternoon", instruction="Nhịn ăn sáng")
    one = await issue(clinic, visit, slip)

    async def appointments(tx: Any) -> list[dict[str, Any]]:
        return await resources.find(tx, "Appointment", ("identifier", f"{systems.PAPER}|{one.number}"))

    [booked] = await ask(clinic, appointments)
    assert booked["status"] == "booked" and booked["start"].startswith(f"{today + timedelta(days=30)}T06:00")
    with pytest.raises(errors.Conflict, match="chỉ một phiếu"):
        await issue(clinic, visit, slip)
    await ask(clinic, lambda tx: papers.withdraw(tx, one.id, "Đổi ngày"))
    [booked] = await ask(clinic, appointments)
    assert booked["status"] == "cancelled"
    again = await issue(clinic, visit, slip)
    assert again.number != one.number, "a number is never given again"


async def test_a_withdrawn_paper_stays_and_says_why(clinic: Clinic, visit: str) -> None:
    one = await issue(clinic, visit, leave_today(clinic))
    with pytest.raises(errors.Unprocessable, match="lý do"):
        await ask(clinic, lambda tx: papers.withdraw(tx, one.id, " "))
    await ask(clinic, lambda tx: papers.withdraw(tx, one.id, "Sai tên"))
    found = await ask(clinic, lambda tx: papers.read(tx, one.id))
    assert not found.is_current and found.withdrawn_for == "Sai tên"
    with pytest.raises(errors.Conflict, match="đã bị huỷ"):
        await ask(clinic, lambda tx: papers.withdraw(tx, one.id, "Lần nữa"))


async def test_a_visit_that_has_not_begun_gets_no_paper(clinic: Clinic, visit: str) -> None:
    waiting = await clinic.visit(await clinic.patient(name=[{"text": "Người Khác"}]), started=False)
    with pytest.raises(errors.Conflict, match="đang khám"):
        await issue(clinic, waiting, leave_today(clinic))


def test_an_insured_referral_names_the_code_of_the_receiving_facility_and_another_need_not() -> None:
    insured = replace(FACTS, is_insured=True)
    assert [one.field for one in papers.check(REFERRAL, insured)] == ["to_code"]
    assert papers.check(replace(REFERRAL, to_code="79099"), insured) == []
    assert papers.check(REFERRAL, FACTS) == []
