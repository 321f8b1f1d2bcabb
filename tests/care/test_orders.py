"""Orders: what they ask before they are placed, what they cost, and that each is done or cancelled once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from lienmach.base import clock, errors
from lienmach.care import catalogues, charges, order_consents, orders, queue, resources, systems
from lienmach.care.catalogues import Row
from lienmach.care.orders import OrderLine
from tests.clinic import Clinic

Work = Callable[[Any], Awaitable[Any]]
CARD = "DN4797900000012"


async def run(clinic: Clinic, work: Work, role: str = "doctor") -> Any:
    return await clinic.store.run(clinic.actor(role), work)


@pytest.fixture
async def patient(clinic: Clinic) -> str:
    return await clinic.patient()


@pytest.fixture
async def visit(clinic: Clinic, patient: str) -> str:
    return await clinic.visit(patient)


async def place(clinic: Clinic, visit: str, *lines: OrderLine, **more: Any) -> list[str]:
    async def work(tx: Any) -> list[str]:
        return [one.id for one in await orders.place(tx, visit, lines, **more)]

    return await run(clinic, work)


async def read(clinic: Clinic, kind: str, own: str) -> dict[str, Any]:
    async def work(tx: Any) -> dict[str, Any]:
        return await resources.read(tx, kind, own)

    return await run(clinic, work)


async def charge_of(clinic: Clinic, order: str) -> str:
    found = await read(clinic, "ChargeItem", charges.charge_id(f"ServiceRequest/{order}"))
    return str(found["status"])


async def test_an_order_is_stored_with_its_room_its_charge_and_a_number_in_the_queue(
    clinic: Clinic, visit: str
) -> None:
    first, second = await place(clinic, visit, OrderLine("XN-HBA1C", note="nhịn ăn"), OrderLine("CDHA-XQ-NGUC"))
    order, other = await read(clinic, "ServiceRequest", first), await read(clinic, "ServiceRequest", second)
    assert order["status"] == "active" and orders.kind_of(order) == "lab" and order["note"][0]["text"] == "nhịn ăn"
    assert order["requisition"] == other["requisition"], "what is ordered together has one number"
    lab = await clinic.room("lab")
    assert order["locationReference"][0]["reference"] == f"Location/{lab.id}"
    assert await charge_of(clinic, first) == "planned"

    async def tickets(tx: Any) -> list[Any]:
        return [await queue.ticket_of(tx, visit, kind) for kind in ("collection", "imaging")]

    collection, imaging = await run(clinic, tickets)
    assert collection.place_id == (await clinic.room("collection")).id and collection.number == 1
    assert imaging.state == "waiting"


async def test_a_second_order_does_not_take_a_second_number(clinic: Clinic, visit: str) -> None:
    await place(clinic, visit, OrderLine("XN-HBA1C"))
    await place(clinic, visit, OrderLine("XN-CREA"))

    async def waiting(tx: Any) -> int:
        return len(await queue.waiting(tx, (await clinic.room("collection")).id))

    assert await run(clinic, waiting) == 1


async def test_a_visit_that_has_ended_takes_no_order(clinic: Clinic, visit: str) -> None:
    async def end(tx: Any) -> None:
        encounter = await resources.read(tx, "Encounter", visit)
        await resources.update(tx, {**encounter, "status": "finished"})

    await run(clinic, end)
    with pytest.raises(orders.VisitClosed):
        await place(clinic, visit, OrderLine("XN-HBA1C"))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (OrderLine("KHONG-CO"), "Danh mục"),
        (OrderLine("XN-HBA1C", quantity=0), "Số lượng"),
        (OrderLine("XN-HBA1C", quantity=51), "Số lượng"),
    ],
)
async def test_an_impossible_line_is_refused_with_a_sentence(
    clinic: Clinic, visit: str, line: OrderLine, why: str
) -> None:
    with pytest.raises(errors.Unprocessable, match=why):
        await place(clinic, visit, line)
    assert len(await run(clinic, lambda tx: orders.of_visit(tx, visit))) == 1, "only the examination stands"


async def result(clinic: Clinic, patient: str, days_ago: int, *, system: str = systems.INDICATOR) -> None:
    """An HbA1c of 8.4 % at the commune station, so many days ago."""
    at = clock.to_instant(clinic.store.now() - timedelta(days=days_ago))
    code = "HBA1C" if system == systems.INDICATOR else "4548-4"
    body = {
        "resourceType": "Observation",
        "status": "final",
        "category": [resources.concept("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")],
        "code": resources.concept(system, code, "HbA1c"),
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": at,
        "performer": [{"reference": "Organization/tyt"}],
        "valueQuantity": {"value": Decimal("8.4"), "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
        "interpretation": [
            resources.concept("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "H")
        ],
    }
    await run(clinic, lambda tx: resources.create(tx, body), "lab")


@pytest.mark.parametrize("system", [systems.INDICATOR, systems.LOINC])
async def test_an_earlier_result_of_another_facility_is_shown_and_a_reason_asked(
    clinic: Clinic, patient: str, visit: str, system: str
) -> None:
    await result(clinic, patient, 10, system=system)
    with pytest.raises(orders.RepeatReasonMissing) as refused:
        await place(clinic, visit, OrderLine("XN-HBA1C"))
    [found] = refused.value.earlier
    assert (found.value, found.unit, found.flag) == ("8.4", "%", "H")
    assert "Trạm Y tế" in found.facility and found.has_result
    [own] = await place(clinic, visit, OrderLine("XN-HBA1C", repeat_reason="Thay đổi thuốc"))
    order = await read(clinic, "ServiceRequest", own)
    assert any(one.get("valueString") == "Thay đổi thuốc" for one in order["extension"])


@pytest.mark.parametrize(("days_ago", "is_asked"), [(80, True), (81, False)])
async def test_a_result_is_asked_about_within_the_days_of_the_service_and_not_after(
    clinic: Clinic, patient: str, visit: str, days_ago: int, is_asked: bool
) -> None:
    await result(clinic, patient, days_ago)

    async def look(tx: Any) -> bool:
        return bool((await orders.preview(tx, visit, [OrderLine("XN-HBA1C")])).earlier)

    assert await run(clinic, look) is is_asked


async def test_the_result_of_somebody_else_is_nobodys_business(clinic: Clinic, visit: str) -> None:
    await result(clinic, await clinic.patient(name=[{"text": "Người Khác"}]), 1)
    assert await place(clinic, visit, OrderLine("XN-HBA1C"))


async def test_the_same_service_again_on_one_day_wants_a_reason_until_the_first_is_cancelled(
    clinic: Clinic, visit: str
) -> None:
    [first] = await place(clinic, visit, OrderLine("XN-HBA1C"))
    with pytest.raises(orders.RepeatReasonMissing) as refused:
        await place(clinic, visit, OrderLine("XN-HBA1C"))
    assert not refused.value.earlier[0].has_result
    await run(clinic, lambda tx: orders.cancel(tx, first, "Chỉ định nhầm"))
    assert await place(clinic, visit, OrderLine("XN-HBA1C"))


async def test_one_service_twice_in_one_order_is_refused(clinic: Clinic, visit: str) -> None:
    with pytest.raises(errors.Conflict, match="hai lần"):
        await place(clinic, visit, OrderLine("XN-HBA1C"), OrderLine("XN-HBA1C"))


@pytest.fixture
async def insured(clinic: Clinic) -> str:
    """A visit of a person with a card of level 4 (80 %) in category 1.1; services at one price for fund and patient."""
    person = await clinic.patient(identifier=[{"system": "https://lienmach.org/sid/bhyt", "value": CARD}])

    async def cover(tx: Any) -> str:
        return (
            await resources.create(
                tx,
                {
                    "resourceType": "Coverage",
                    "status": "active",
                    "identifier": [{"system": "https://lienmach.org/sid/bhyt", "value": CARD}],
                    "subscriberId": CARD,
                    "beneficiary": {"reference": f"Patient/{person}"},
                    "payor": [{"display": "Bảo hiểm xã hội Việt Nam"}],
                    "period": {"start": "2020-01-01", "end": "2099-12-31"},
                },
            )
        ).id

    coverage = await run(clinic, cover, "reception")
    await price(clinic, "KB-NOI-TIET", 40_000, 40_000)
    return await clinic.visit(person, category="1.1", coverage_id=coverage)


async def price(clinic: Clinic, code: str, own: int, insured_price: int, **data: Any) -> None:
    """Set today's price of a service; data: changed members of the service."""

    async def work(tx: Any) -> None:
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        row = await catalogues.get(tx, "service", code, on=today)
        assert row is not None
        catalogues.put(
            tx,
            [
                Row(
                    "price",
                    f"service:{code}",
                    row.name,
                    today,
                    None,
                    "demo",
                    {"don_gia_bv": own, "don_gia_bh": insured_price},
                    "test",
                ),
                Row("service", code, row.name, today, None, "demo", {**row.data, **data}, "test"),
            ],
        )

    await run(clinic, work, "admin")


async def look(clinic: Clinic, visit: str, *lines: OrderLine) -> orders.Preview:
    async def work(tx: Any) -> orders.Preview:
        return await orders.preview(tx, visit, lines)

    return await run(clinic, work)


async def test_the_order_that_lifts_the_visit_over_the_line_makes_earlier_lines_co_paid(
    clinic: Clinic, insured: str
) -> None:
    await price(clinic, "XN-HBA1C", 100_000, 100_000)
    line_vnd = (await look(clinic, insured)).before.line_vnd
    assert line_vnd > 200_000
    below = line_vnd - 140_000 - 1  # with examination and HbA1c one đồng below the line
    await price(clinic, "CDHA-XQ-NGUC", below, below)
    seen = await look(clinic, insured, OrderLine("XN-HBA1C"), OrderLine("CDHA-XQ-NGUC"))
    assert not seen.crosses_line and seen.before.patient_total == seen.after.patient_total == 0
    await price(clinic, "CDHA-XQ-NGUC", below + 1, below + 1)
    seen = await look(clinic, insured, OrderLine("XN-HBA1C"), OrderLine("CDHA-XQ-NGUC"))
    assert seen.crosses_line and not seen.after.is_below_line
    assert seen.after.patient_total == round(line_vnd * 0.2), "20 % of the whole visit, not of the last line"
    assert [one.patient_total for one in seen.steps] == [0, seen.after.patient_total]


async def test_a_second_examination_counts_thirty_percent(clinic: Clinic, insured: str) -> None:
    await price(clinic, "KB-TIM-MACH", 40_000, 40_000)
    seen = await look(clinic, insured, OrderLine("KB-TIM-MACH"))
    assert seen.after.T_TONGCHI_BH - seen.before.T_TONGCHI_BH == 12_000
    assert not seen.earlier, "examinations are not asked about"


@pytest.mark.parametrize(
    ("own", "insured_price", "data", "amount"),
    [(100_000, 80_000, {}, 20_000), (100_000, 80_000, {"is_insured": False}, 100_000)],
    ids=["above the insured price", "out of scope"],
)
async def test_what_the_patient_pays_alone_is_told_and_agreed_to_first(
    clinic: Clinic, insured: str, own: int, insured_price: int, data: dict[str, Any], amount: int
) -> None:
    await price(clinic, "XN-HBA1C", own, insured_price, **data)
    seen = await look(clinic, insured, OrderLine("XN-HBA1C"))
    assert seen.consent_needed == ["XN-HBA1C"] and seen.costs[0].own_vnd == amount
    with pytest.raises(orders.ConsentMissing):
        await place(clinic, insured, OrderLine("XN-HBA1C"))
    await run(clinic, lambda tx: order_consents.keep(tx, insured, seen.costs, agreed_by="Con gái"))
    assert not (await look(clinic, insured, OrderLine("XN-HBA1C"))).consent_needed
    await place(clinic, insured, OrderLine("XN-HBA1C"))


async def test_an_agreement_to_less_is_no_agreement(clinic: Clinic, insured: str) -> None:
    await price(clinic, "XN-HBA1C", 100_000, 80_000)
    seen = await look(clinic, insured, OrderLine("XN-HBA1C"))
    await run(clinic, lambda tx: order_consents.keep(tx, insured, seen.costs))
    assert (await look(clinic, insured, OrderLine("XN-HBA1C", quantity=2))).consent_needed == ["XN-HBA1C"]


async def test_a_consent_given_with_the_order_is_kept_with_who_when_and_how_much(clinic: Clinic, insured: str) -> None:
    await price(clinic, "XN-HBA1C", 100_000, 80_000)
    await place(clinic, insured, OrderLine("XN-HBA1C", has_consent=True))

    async def consents(tx: Any) -> list[dict[str, Any]]:
        return await resources.find(tx, "Consent", ("data", f"Encounter/{insured}"))

    [consent] = await run(clinic, consents)
    assert consent["status"] == "active" and consent["dateTime"] and consent["performer"]
    assert (await run(clinic, lambda tx: order_consents.kept(tx, insured))) == {"XN-HBA1C": 20_000}


async def test_without_a_card_nobody_asks_for_a_consent(clinic: Clinic, visit: str) -> None:
    await price(clinic, "XN-HBA1C", 100_000, 80_000)
    assert await place(clinic, visit, OrderLine("XN-HBA1C"))


# Done or cancelled, once


async def test_a_completed_order_has_a_final_charge(clinic: Clinic, visit: str) -> None:
    [own] = await place(clinic, visit, OrderLine("XN-HBA1C"))
    await run(clinic, lambda tx: orders.complete(tx, own), "lab")
    assert (await read(clinic, "ServiceRequest", own))["status"] == "completed"
    assert await charge_of(clinic, own) == "billable"


async def test_nothing_is_done_before_it_was_ordered_nor_tomorrow(clinic: Clinic, visit: str) -> None:
    [own] = await place(clinic, visit, OrderLine("XN-HBA1C"))
    for wrong in (timedelta(hours=-1), timedelta(hours=1)):
        at = clinic.store.now() + wrong
        with pytest.raises(errors.Unprocessable, match="Thời điểm"):
            await run(clinic, lambda tx, at=at: orders.complete(tx, own, done_at=at), "lab")


async def test_a_cancelled_order_costs_nothing_and_its_number_is_given_back(clinic: Clinic, visit: str) -> None:
    first, second = await place(clinic, visit, OrderLine("XN-HBA1C"), OrderLine("XN-CREA"))

    async def ticket(tx: Any) -> str:
        return (await queue.ticket_of(tx, visit, "collection")).state

    with pytest.raises(errors.Unprocessable, match="lý do"):
        await run(clinic, lambda tx: orders.cancel(tx, first, "  "))
    await run(clinic, lambda tx: orders.cancel(tx, first, "Chỉ định nhầm"))
    assert await run(clinic, ticket) == "waiting" and await charge_of(clinic, first) == "aborted"
    await run(clinic, lambda tx: orders.cancel(tx, second, "Chỉ định nhầm"))
    assert await run(clinic, ticket) == "cancelled"


async def test_a_cancellation_is_taken_back_at_once_but_not_later(clinic: Clinic, visit: str) -> None:
    [own] = await place(clinic, visit, OrderLine("XN-HBA1C"))
    await run(clinic, lambda tx: orders.cancel(tx, own, "Chỉ định nhầm"))
    await run(clinic, lambda tx: orders.restore(tx, own))
    order = await read(clinic, "ServiceRequest", own)
    assert order["status"] == "active" and "extension" not in order and await charge_of(clinic, own) == "planned"
    with pytest.raises(errors.Conflict):
        await run(clinic, lambda tx: orders.restore(tx, own))
    await run(clinic, lambda tx: orders.cancel(tx, own, "Chỉ định nhầm"))
    real = clinic.store.now
    clinic.store.now = lambda: real() + timedelta(seconds=31)
    with pytest.raises(errors.Conflict, match="hoàn tác"):
        await run(clinic, lambda tx: orders.restore(tx, own))


async def test_an_order_whose_specimen_was_taken_is_not_cancelled_by_the_doctor(
    clinic: Clinic, patient: str, visit: str
) -> None:
    [own] = await place(clinic, visit, OrderLine("XN-HBA1C"))
    specimen = {
        "resourceType": "Specimen",
        "status": "available",
        "subject": {"reference": f"Patient/{patient}"},
        "request": [{"reference": f"ServiceRequest/{own}"}],
    }
    await run(clinic, lambda tx: resources.create(tx, specimen), "lab")
    with pytest.raises(errors.Conflict, match="Mẫu"):
        await run(clinic, lambda tx: orders.cancel(tx, own, "Chỉ định nhầm"))


async def test_of_many_who_complete_and_cancel_at_once_exactly_one_wins(clinic: Clinic, visit: str) -> None:
    [own] = await place(clinic, visit, OrderLine("XN-HBA1C"))

    async def one(index: int) -> str:
        try:
            if index % 2:
                await run(clinic, lambda tx: orders.cancel(tx, own, "Chỉ định nhầm"))
                return "revoked"
            await run(clinic, lambda tx: orders.complete(tx, own), "lab")
            return "completed"
        except errors.Conflict:
            return ""

    won = [one for one in await asyncio.gather(*(one(index) for index in range(12))) if one]
    assert len(won) == 1 and (await read(clinic, "ServiceRequest", own))["status"] == won[0]
    assert await charge_of(clinic, own) == {"revoked": "aborted", "completed": "billable"}[won[0]]


async def test_what_waits_for_a_signature_is_what_the_doctor_ordered(clinic: Clinic, visit: str) -> None:
    first, second = await place(clinic, visit, OrderLine("XN-HBA1C"), OrderLine("XN-CREA"))
    await run(clinic, lambda tx: orders.cancel(tx, second, "Chỉ định nhầm"))
    waiting = await run(clinic, lambda tx: orders.unsigned(tx, visit))
    assert [one.id for one in waiting] == [first], "neither the examination nor what was cancelled"
