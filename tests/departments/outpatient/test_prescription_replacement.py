"""A prescription that was sent is replaced after the visit has ended: today, signed, and the old one is given out no more."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.care import drug_safety, outbox, prescription_replacement, prescriptions, resources, signing, stock
from lienmach.care.drug_lines import RxLine
from lienmach.departments.pharmacy import dispensing
from tests.clinic import Clinic
from tests.departments.outpatient.conftest import PIN
from tests.departments.outpatient.test_visit_prescription_pages import show, step, written
from tests.departments.outpatient.test_visit_signature import END, shown, typed
from tests.web.client import Browser


@pytest.fixture
async def visit(clinic: Clinic, doctor: Browser) -> str:
    """A visit that was signed with one prescription, which was handed over to be sent."""
    own = await typed(clinic, doctor)

    async def write(tx: Any) -> None:
        await prescriptions.write(tx, own, [RxLine("PARA500", Decimal(1), 3, 5, payer="self")], reasons={})

    await clinic.store.run(clinic.actor("doctor"), write)
    await doctor.get(f"/outpatient/visits/{own}/signature")
    answer = await doctor.post(f"/outpatient/visits/{own}/signature", {**END, "shown": shown(doctor)})
    assert answer.status_code == 303, doctor.words()
    return own


async def code_of(clinic: Clinic, visit: str) -> str:
    [line] = await written(clinic, visit)
    return drug_safety.code_of(line)


async def sent(clinic: Clinic, visit: str) -> set[str]:
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        messages = await outbox.of_subject(tx, f"Encounter/{visit}")
    return {one.key for one in messages if one.channel == "prescription"}


async def test_the_doctor_replaces_a_sent_prescription_and_the_pharmacy_refuses_the_old_one(
    clinic: Clinic, doctor: Browser, visit: str
) -> None:
    old_code = await code_of(clinic, visit)
    [old] = await written(clinic, visit)
    assert "Thay đơn" in await show(doctor, visit) and "Ký đơn mới" not in doctor.page
    assert "Đang sửa đơn" in await step(doctor, visit, f"edit:{old_code}")
    words = await step(doctor, visit, "replace", **{"days:0": "3"})
    assert "Đã ký đơn" in words and f"thay đơn {old_code}" in words, "the key is still open from the signature"
    [new] = await written(clinic, visit)
    code = drug_safety.code_of(new)
    assert code != old_code and prescriptions.line_of(new).days == 3
    assert await sent(clinic, visit) == {old_code, code}
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        before = await resources.read(tx, "MedicationRequest", old["id"])
        assert (before["status"], before["statusReason"]["coding"][0]["code"]) == ("stopped", "replaced")
        [signature] = await signing.verify(tx, f"MedicationRequest/{new['id']}")
        assert signature.state == "ok"
    for line, is_given in ((old, False), (new, True)):
        run = clinic.store.run(clinic.actor("retail"), lambda tx, own=line["id"]: dispensing.sell(tx, own, Decimal(1)))
        if is_given:
            await run
        else:
            with pytest.raises(errors.Conflict, match="thay bằng đơn khác"):
                await run


async def test_a_wrong_pin_or_a_line_that_blocks_replaces_nothing(
    clinic: Clinic, doctor: Browser, visit: str, browser_at: Callable[..., Browser]
) -> None:
    code = await code_of(clinic, visit)
    again = browser_at()
    await again.sign_in("doctor")
    await show(again, visit)
    await step(again, visit, f"edit:{code}")
    assert "PIN" in await step(again, visit, "replace", pin="000111")
    assert "Đơn thuốc" in html.unescape(again.page) and await code_of(clinic, visit) == code
    assert "thiếu liều" in await step(again, visit, "replace", pin=PIN, **{"days:0": "mãi"})
    assert await code_of(clinic, visit) == code
    assert "phải được ký" in await step(again, visit, "write", **{"days:0": "3"})
    assert await code_of(clinic, visit) == code
    assert "Đã ký đơn" in await step(again, visit, "replace", pin=PIN)


async def test_only_its_own_doctor_replaces_it(
    clinic: Clinic, doctor: Browser, nurse: Browser, visit: str, browser_at: Callable[..., Browser]
) -> None:
    code = await code_of(clinic, visit)
    await signing.ensure(clinic.store, clinic.actor("doctor", "doctor2"), PIN)
    other = browser_at()
    await other.sign_in("doctor2")
    await show(other, visit)
    await step(other, visit, f"edit:{code}")
    assert "Chỉ bác sĩ của lượt khám" in await step(other, visit, "replace", pin=PIN, **{"days:0": "3"})
    await show(nurse, visit)
    assert "Thay đơn" not in nurse.page
    answer = await nurse.post(f"/outpatient/visits/{visit}/prescription", {"step": "replace", "replaces": code})
    assert answer.status_code == 403
    assert await code_of(clinic, visit) == code


@pytest.mark.parametrize(("days", "is_late"), [(0, False), (1, True)])
async def test_it_is_replaced_on_the_day_of_the_end_and_not_later(
    clinic: Clinic, doctor: Browser, visit: str, days: int, is_late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, now = await code_of(clinic, visit), clinic.store.now
    monkeypatch.setattr(clinic.store, "now", lambda: now() + timedelta(days=days))
    actor = clinic.actor("doctor")
    async with clinic.store.begin(actor) as tx:
        encounter = await resources.read(tx, "Encounter", visit)
        assert prescriptions.may_replace(tx, encounter) is not is_late
    signer = await signing.signer_for(clinic.store, actor, session_key=b"test", pin=PIN)
    lines = [RxLine("PARA500", Decimal(1), 2, 5, payer="self")]
    run = clinic.store.run(
        actor, lambda tx: prescription_replacement.replace(tx, visit, signer, code, lines, reasons={})
    )
    if is_late:
        with pytest.raises(errors.Conflict, match="trong ngày kết thúc khám"):
            await run
    else:
        await run


async def test_what_was_given_out_or_sold_is_brought_back_before_it_is_replaced(
    clinic: Clinic, doctor: Browser, visit: str
) -> None:
    code = await code_of(clinic, visit)
    [line] = await written(clinic, visit)
    await clinic.store.run(clinic.actor("retail"), lambda tx: dispensing.sell(tx, line["id"], Decimal(2)))
    await show(doctor, visit)
    await step(doctor, visit, f"edit:{code}")
    assert "cấp hoặc bán một phần" in await step(doctor, visit, "replace", **{"days:0": "3"})
    assert await code_of(clinic, visit) == code


async def test_an_insured_line_that_is_replaced_gives_its_stock_and_cost_back(clinic: Clinic, doctor: Browser) -> None:
    own = await clinic.visit(await clinic.patient(), category="1.1", reason="Ho")

    async def prepare(tx: Any) -> None:
        place = await stock.dispensary(tx)
        last = tx.now.date().replace(year=tx.now.year + 1, day=1)
        stock.receive(tx, [stock.Lot(place, "PARA500", "A1", last, Decimal(15), 500)])

    await clinic.store.run(clinic.actor("pharmacist"), prepare)

    async def write(tx: Any) -> None:
        await prescriptions.write(tx, own, [RxLine("PARA500", Decimal(1), 3, 5, payer="bhyt")], reasons={})

    await clinic.store.run(clinic.actor("doctor"), write)
    note = {"reason": "Ho", "history": "Ho", "examination": "Họng đỏ", "main": "J00", "next": "signature"}
    await doctor.get(f"/outpatient/visits/{own}")
    await doctor.post(f"/outpatient/visits/{own}/note", note)
    await doctor.get(f"/outpatient/visits/{own}/signature")
    await doctor.post(f"/outpatient/visits/{own}/signature", {**END, "category": "1.1", "shown": shown(doctor)})
    await show(doctor, own)
    await step(doctor, own, f"edit:{await code_of(clinic, own)}")
    words = await step(doctor, own, "replace", **{"days:0": "4"})
    assert "Đã ký đơn" in words, "all 15 tablets were reserved for the old one"
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert (await stock.available(tx, ["PARA500"]))["PARA500"] == 3
