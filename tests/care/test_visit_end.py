"""A visit ends once: signed as a whole, at the time that its kind says, and nothing of it changes afterwards."""

from __future__ import annotations

import asyncio
import functools
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from lienmach.base import errors
from lienmach.care import (
    catalogues,
    charges,
    coverages,
    notes,
    orders,
    outbox,
    papers,
    prescriptions,
    resources,
    signing,
    systems,
    visit_category,
    visit_facts,
    visits,
)
from lienmach.care.catalogues import Row
from lienmach.care.coverages import InsuredCard
from lienmach.care.facility import Facility
from lienmach.care.prescriptions import RxLine
from lienmach.care.visit_end import Ending
from tests.clinic import Clinic

PIN = "583914"
TEXTS = {"reason": "Ho", "history": "Ho ba ngày", "examination": "Họng đỏ & sạch <mủ>", "advice": "Uống nhiều nước"}
COLD = Ending(TEXTS, "J00")


@pytest.fixture
async def visit(clinic: Clinic) -> str:
    """A running visit of a doctor with a key, some minutes old."""
    await signing.ensure(clinic.store, clinic.actor("doctor"), PIN)
    found = await clinic.visit(await clinic.patient())
    now = clinic.store.now
    clinic.store.now = lambda: now() + timedelta(minutes=5)
    return found


async def signer(clinic: Clinic, login: str = "") -> Any:
    return await signing.signer_for(clinic.store, clinic.actor("doctor", login), session_key=b"", pin=PIN)


async def finish(clinic: Clinic, visit: str, ending: Ending = COLD, **more: Any) -> Any:
    key = await signer(clinic)
    asked = {"result": "2", "outcome": "1", **more}
    return await clinic.store.run(
        clinic.actor("doctor"), lambda tx: visits.finish(tx, visit, key, ending=ending, **asked)
    )


async def read(clinic: Clinic, kind: str, own: str) -> dict[str, Any]:
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        return await resources.read(tx, kind, own)


async def test_a_signed_visit_has_its_end_category_outcome_and_a_valid_signature(clinic: Clinic, visit: str) -> None:
    await finish(clinic, visit)
    encounter = await read(clinic, "Encounter", visit)
    assert encounter["status"] == "finished" and visit_facts.ended_at(encounter)
    assert visit_facts.category_of(encounter) == "9" and not visit_facts.is_category_provisional(encounter)
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert await visits.is_signed(tx, visit)
        note = await notes.find(tx, visit)
        for reference in (f"Composition/{notes.id_of(visit)}", f"Encounter/{visit}"):
            [signature] = await signing.verify(tx, reference)
            assert signature.state == "ok"
        [exam] = await orders.of_visit(tx, visit)
        [item] = await charges.items_of_visit(tx, visit)
    assert (
        note is not None and note["status"] == "final" and notes.texts_of(note)["examination"] == TEXTS["examination"]
    )
    assert exam["status"] == "completed" and item["status"] == "billable"
    started = visit_facts.started_at(encounter)
    assert started is not None and exam["occurrenceDateTime"][:19] == started.isoformat()[:19]


async def test_of_two_who_sign_at_once_one_wins_and_the_other_reads_why(clinic: Clinic, visit: str) -> None:
    key = await signer(clinic)

    async def sign() -> str:
        try:
            await clinic.store.run(
                clinic.actor("doctor"), lambda tx: visits.finish(tx, visit, key, result="2", outcome="1", ending=COLD)
            )
        except errors.Conflict as refused:
            return refused.text
        return "signed"

    answers = await asyncio.gather(*(sign() for _ in range(5)))
    assert answers.count("signed") == 1
    assert all("kết thúc" in one for one in answers if one != "signed")


async def test_a_signed_note_takes_addenda_only(clinic: Clinic, visit: str) -> None:
    doctor = clinic.actor("doctor")
    with pytest.raises(errors.Conflict, match="chưa ký"):
        await clinic.store.run(doctor, lambda tx: _append(tx, visit, "Sớm quá"))
    await finish(clinic, visit)
    for late in (
        lambda tx: visits.write_note(tx, visit, {"history": "Khác"}),
        lambda tx: visits.set_diagnoses(tx, visit, "I10"),
        lambda tx: visits.cancel(tx, visit, "Nhầm"),
        lambda tx: visits.start(tx, visit),
        lambda tx: visits.record_vitals(tx, visit, {"pulse": Decimal(80)}),
    ):
        with pytest.raises(errors.Conflict):
            await clinic.store.run(doctor, late)
    with pytest.raises(errors.Unprocessable, match="nội dung"):
        await clinic.store.run(doctor, lambda tx: _append(tx, visit, "  "))
    await clinic.store.run(doctor, lambda tx: _append(tx, visit, "Bổ sung: đã gọi lại"))
    async with clinic.store.begin(doctor) as tx:
        [addendum] = await notes.addenda(tx, visit)
        assert (await notes.find(tx, visit) or {})["meta"]["versionId"] == "1"
    assert addendum["relatesTo"][0]["code"] == "appends"


async def _append(tx: Any, visit: str, text: str) -> Any:
    return await notes.append(tx, await visits.read(tx, visit), text)


@pytest.mark.parametrize(
    ("ending", "more", "sentence"),
    [
        (Ending(TEXTS), {}, "bệnh chính"),
        (Ending(TEXTS, "E11"), {}, "chi tiết"),
        (Ending(TEXTS, "J00", ("J00",)), {}, "hai lần"),
        (COLD, {"result": "99"}, "kết quả điều trị"),
        (COLD, {"outcome": ""}, "tình trạng"),
        (COLD, {"category": "77"}, "Đối tượng"),
        (Ending({"history": "a" * 20_001}, "J00"), {}, "20.000"),
        (Ending({"other": "a"}, "J00"), {}, "mục này"),
    ],
)
async def test_what_cannot_be_signed_is_said_and_nothing_changes(
    clinic: Clinic, visit: str, ending: Ending, more: dict[str, str], sentence: str
) -> None:
    before = await read(clinic, "Encounter", visit)
    with pytest.raises(errors.Unprocessable, match=sentence):
        await finish(clinic, visit, ending, **more)
    assert await read(clinic, "Encounter", visit) == before
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert await notes.find(tx, visit) is None


async def test_a_code_is_valid_on_the_day_the_visit_ends_and_not_a_day_longer(clinic: Clinic, visit: str) -> None:
    today = clinic.store.now().astimezone(clinic.store.tenants[1].time_zone).date()

    async def add(tx: Any) -> None:
        for code, last in (("X00.1", today), ("X00.2", today - timedelta(days=1))):
            catalogues.put(tx, [Row("icd10", code, f"Bệnh {code}", today - timedelta(days=90), last, "demo")])

    await clinic.store.run(clinic.actor("admin"), add)
    with pytest.raises(errors.Unprocessable, match="không có hiệu lực"):
        await finish(clinic, visit, Ending(TEXTS, "X00.2"))
    await finish(clinic, visit, Ending(TEXTS, "X00.1"))


async def test_outpatient_treatment_ends_with_the_last_day_of_its_drugs(clinic: Clinic, visit: str) -> None:
    async def treat(tx: Any) -> None:
        encounter = await visits.read(tx, visit)
        encounter["type"] = [resources.concept(systems.LOAI_KCB, "02")]
        await resources.update(tx, encounter)

    await clinic.store.run(clinic.actor("doctor"), treat)
    line = RxLine("PARA500", Decimal(1), 2, 7, payer="self")
    await finish(clinic, visit, Ending(TEXTS, "J00", lines=(line,)))
    encounter = await read(clinic, "Encounter", visit)
    zone = clinic.store.tenants[1].time_zone
    end = visit_facts.ended_at(encounter)
    today = clinic.store.now().astimezone(zone).date()
    assert end is not None and end.astimezone(zone).strftime("%H:%M") == "23:59"
    assert end.astimezone(zone).date() == today + timedelta(days=6)


async def test_the_prescription_is_written_signed_and_handed_over_with_the_visit(clinic: Clinic, visit: str) -> None:
    line = RxLine("PARA500", Decimal(1), 2, 3, payer="self")
    await finish(clinic, visit, Ending(TEXTS, "J00", lines=(line,)))
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        [written] = await prescriptions.of_visit(tx, visit)
        [signature] = await signing.verify(tx, f"MedicationRequest/{written['id']}")
        queued = await tx.fetch("select 1 from prescription where tenant = 1 and queued_at is not null")
        [message] = [one for one in await outbox.of_subject(tx, f"Encounter/{visit}") if one.channel == "prescription"]
    assert signature.state == "ok" and len(queued) == 1
    assert json.loads(message.body)["loi_dan"] == TEXTS["advice"]


async def test_a_pending_laboratory_result_does_not_hold_the_visit(clinic: Clinic, visit: str) -> None:
    await clinic.store.run(
        clinic.actor("doctor"), lambda tx: orders.place(tx, visit, [orders.OrderLine("XN-HBA1C", has_consent=True)])
    )
    await finish(clinic, visit)
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        [lab] = [one for one in await orders.of_visit(tx, visit) if orders.kind_of(one) == "lab"]
        [signature] = await signing.verify(tx, f"ServiceRequest/{lab['id']}")
    assert lab["status"] == "active" and signature.state == "ok"


async def test_who_died_has_no_appointment_slip(clinic: Clinic, visit: str) -> None:
    doctor, key = clinic.actor("doctor"), await signer(clinic)
    await clinic.store.run(doctor, lambda tx: visits.set_diagnoses(tx, visit, "J00"))
    day = clinic.store.now().date() + timedelta(days=7)
    slip = await clinic.store.run(doctor, lambda tx: papers.issue(tx, visit, papers.AppointmentSlip(day), key))
    with pytest.raises(errors.Unprocessable, match="tử vong"):
        await finish(clinic, visit, result="5")
    await clinic.store.run(doctor, lambda tx: papers.withdraw(tx, slip.id, "Cấp nhầm"))
    await finish(clinic, visit, result="5")


async def test_a_visit_that_nobody_started_is_not_signed(clinic: Clinic, visit: str) -> None:
    other = await clinic.visit(await clinic.patient(), started=False)
    with pytest.raises(errors.Conflict, match="bắt đầu"):
        await finish(clinic, other)


CARD = InsuredCard("c", "DN4797931234567", "DN", "4", initial_facility="86991")
HOSPITAL = Facility("bv", "BV", "86991", "district", True)
STATION = Facility("tyt", "TYT", "86992", "commune", False)


@pytest.mark.parametrize(
    ("facility", "card", "provisional", "is_emergency", "code"),
    [
        (HOSPITAL, None, "1.1", False, "9"),
        (HOSPITAL, CARD, "9", False, "9"),
        (HOSPITAL, CARD, "1.3", False, "1.1"),
        (HOSPITAL, InsuredCard("c", "", "DN", "4", initial_facility="79001"), "1.3", False, "1.3"),
        (HOSPITAL, InsuredCard("c", "", "DN", "4", initial_facility="79001"), "", True, "2"),
        (HOSPITAL, InsuredCard("c", "", "DN", "4", initial_facility="79001"), "", False, "1.12"),
        (STATION, CARD, "1.3", False, "1.2"),
    ],
)
def test_the_category_is_the_first_row_that_fits(
    facility: Facility, card: InsuredCard | None, provisional: str, is_emergency: bool, code: str
) -> None:
    assert visit_category.decide(facility, card, provisional=provisional, is_emergency=is_emergency) == code


async def test_an_insured_visit_is_not_ended_in_the_minute_it_began_whoever_asks(clinic: Clinic) -> None:
    key = await clinic.signer("doctor")
    at = clinic.store.now().replace(second=0, microsecond=0) + timedelta(minutes=1)  # keys hold from now on only
    if f"{at.astimezone(ZoneInfo('Asia/Ho_Chi_Minh')):%H:%M}" == "23:59":
        at += timedelta(minutes=1)
    clinic.store.now = lambda: at
    person = await clinic.patient()
    own = InsuredCard("", "GD4860000000001", "GD", "4", initial_facility="86991", result_code="000")
    coverage = await clinic.store.run(clinic.actor("reception"), lambda tx: coverages.keep(tx, person, own))
    visit = await clinic.visit(person, category="1.1", coverage_id=coverage)
    alone = await clinic.visit(await clinic.patient(), category="9")

    async def end(tx: Any, one: str, category: str = "") -> None:
        await visits.finish(tx, one, key, ending=COLD, result="2", outcome="1", category=category)

    clinic.store.now = lambda: at + timedelta(seconds=59.9)
    for category in ("", "1.1"):
        with pytest.raises(errors.Conflict, match="hãy ký từ phút sau"):
            await clinic.store.run(clinic.actor("doctor"), functools.partial(end, one=visit, category=category))
    assert (await read(clinic, "Encounter", visit))["status"] == "in-progress"
    await clinic.store.run(clinic.actor("doctor"), lambda tx: end(tx, alone))
    clinic.store.now = lambda: at + timedelta(minutes=1)
    await clinic.store.run(clinic.actor("doctor"), lambda tx: end(tx, visit))
    assert (await read(clinic, "Encounter", visit))["status"] == "finished"
