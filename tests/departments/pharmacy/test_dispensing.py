"""What a doctor signed is given out once, from lots that last, and only what was given out is charged."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.base.jobs import Taken
from lienmach.care import charges, prescriptions, resources, stock, systems, visit_end, visits
from lienmach.care.prescriptions import RxLine
from lienmach.departments.pharmacy import closing, dispensing
from tests.clinic import Clinic

PLACE = "p-ct1"
PARA = RxLine(drug_code="PARA500", per_time=Decimal(1), times=2, days=5, payer="bhyt")


async def receive(clinic: Clinic, drug: str, quantity: int, *, lot: str = "L1", days: int = 300) -> None:
    async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
        stock.receive(tx, [stock.Lot(PLACE, drug, lot, date.today() + timedelta(days=days), Decimal(quantity))])


async def release(clinic: Clinic, visit: str) -> None:
    """The doctor ends the visit, its statement is closed and the bill is paid: the window may give out."""
    key = await clinic.signer("doctor")
    texts = {"reason": "Ho", "history": "Ho hai ngày", "examination": "Họng đỏ"}

    async def end(tx: Any) -> None:
        await visits.finish(tx, visit, key, result="1", outcome="1", ending=visit_end.Ending(texts, "J00"))

    await clinic.store.run(clinic.actor("doctor"), end)
    await clinic.settle(visit)


async def prescribe(clinic: Clinic, *lines: RxLine, is_released: bool = True) -> tuple[str, list[str], str]:
    """(code, ids of the lines, Encounter id) of a new prescription."""
    visit = await clinic.visit(await clinic.patient())

    async def work(tx: Any) -> list[Any]:
        return await prescriptions.write(tx, visit, lines or [PARA], reasons={})

    stored = await clinic.store.run(clinic.actor("doctor"), work)
    if is_released:
        await release(clinic, visit)
    code = resources.of(stored[0])["groupIdentifier"]["value"]
    return code, [one.id for one in stored], visit


async def give(clinic: Clinic, request_id: str, quantity: int, drug_code: str = "") -> Any:
    async def work(tx: Any) -> Any:
        return await dispensing.give(tx, request_id, Decimal(quantity), place_id=PLACE, drug_code=drug_code)

    return await clinic.store.run(clinic.actor("pharmacist"), work)


async def charge_of(clinic: Clinic, request_id: str) -> dict[str, Any]:
    async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
        return await resources.read(tx, "ChargeItem", charges.charge_id(f"MedicationRequest/{request_id}"))


async def test_a_line_is_given_out_with_its_lot_and_its_charge_becomes_final(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 100)
    code, [line], _ = await prescribe(clinic)
    assert (await charge_of(clinic, line))["status"] == "planned"
    [given] = await give(clinic, line, 10)
    dispense = resources.of(given)
    assert dispense["contained"][0]["batch"]["lotNumber"] == "L1" and dispense["status"] == "completed"
    charge = await charge_of(clinic, line)
    assert charge["status"] == "billable" and charge["quantity"]["value"] == 10
    async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
        found = await dispensing.read(tx, code.upper())
        assert found.state("bhyt") == "done"
        assert (await stock.available(tx, ["PARA500"], place_id=PLACE))["PARA500"] == 90


async def test_a_second_dispense_of_the_same_line_is_refused(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 100)
    _, [line], _ = await prescribe(clinic)
    await give(clinic, line, 10)
    with pytest.raises(errors.Conflict, match="đã được cấp đủ"):
        await give(clinic, line, 1)


async def test_of_a_hundred_who_give_the_same_line_exactly_one_does(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 1000)
    _, [line], _ = await prescribe(clinic)
    outcomes = await asyncio.gather(*(give(clinic, line, 10) for _ in range(100)), return_exceptions=True)
    assert sum(isinstance(one, list) for one in outcomes) == 1
    assert {type(one) for one in outcomes if not isinstance(one, list)} <= {errors.Conflict, errors.PreconditionFailed}
    async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
        assert (await stock.available(tx, ["PARA500"], place_id=PLACE))["PARA500"] == 990


async def test_part_is_given_today_and_the_rest_later(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 100)
    code, [line], _ = await prescribe(clinic)
    await give(clinic, line, 4)
    async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
        assert (await dispensing.read(tx, code)).state("bhyt") == "partly"
    with pytest.raises(errors.Conflict, match="Chỉ còn 6"):
        await give(clinic, line, 7)
    await give(clinic, line, 6)
    assert (await charge_of(clinic, line))["quantity"]["value"] == 10


async def test_signing_is_refused_when_the_shelf_is_short_and_says_what_is_left(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 9)
    with pytest.raises(errors.Conflict, match="Kho chỉ còn 9"):
        await prescribe(clinic)


async def test_what_is_taken_back_returns_to_its_lot_and_leaves_the_charge(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 100)
    _, [line], _ = await prescribe(clinic)
    [given] = await give(clinic, line, 10)

    async def back(quantity: int, reason: str = "người bệnh dị ứng") -> Any:
        async def work(tx: Any) -> Any:
            return await dispensing.take_back(tx, given.id, Decimal(quantity), reason)

        return await clinic.store.run(clinic.actor("pharmacist"), work)

    with pytest.raises(errors.Invalid):
        await back(3, "")
    with pytest.raises(errors.Conflict):
        await back(11)
    await back(3)
    assert (await charge_of(clinic, line))["quantity"]["value"] == 7
    await back(7)
    assert (await charge_of(clinic, line))["status"] == "not-billable"
    async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
        assert (await stock.available(tx, ["PARA500"], place_id=PLACE))["PARA500"] == 100


async def test_what_nobody_fetched_goes_back_to_stock_and_is_not_charged(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 10)
    _, [line], visit = await prescribe(clinic)

    async def close(tx: Any) -> list[str]:
        return await dispensing.release_unfetched(tx, PLACE, tx.now + timedelta(seconds=1))

    assert await clinic.store.run(clinic.actor("pharmacist"), close) == [f"MedicationRequest/{line}"]
    assert (await charge_of(clinic, line))["status"] == "not-billable"
    await clinic.settle(visit, reason="Không đến lĩnh")
    with pytest.raises(errors.Conflict) as refused:  # they came the next morning
        await give(clinic, line, 10)
    assert refused.value.issues[0].code == "not-reserved"

    async def renew(tx: Any) -> None:
        await dispensing.renew(tx, line, place_id=PLACE)

    await clinic.store.run(clinic.actor("pharmacist"), renew)
    assert (await charge_of(clinic, line))["status"] == "planned"
    await clinic.settle(visit, reason="Người bệnh quay lại lĩnh")
    await give(clinic, line, 10)
    assert (await charge_of(clinic, line))["quantity"]["value"] == 10


async def test_at_closing_time_a_job_lets_go_what_nobody_fetched_and_runs_twice_without_harm(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 10)
    _, [line], _ = await prescribe(clinic)
    job = Taken(1, 1, stock.UNFETCHED, {"cause": f"MedicationRequest/{line}"}, 1, 10)
    await closing.release(clinic.store, job)  # the day is not over
    assert (await charge_of(clinic, line))["status"] == "planned"
    then = clinic.store.now()
    clinic.store.now = lambda: then + timedelta(days=1)
    for _ in range(2):
        await closing.release(clinic.store, job)
    assert (await charge_of(clinic, line))["status"] == "not-billable"
    async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
        assert (await stock.available(tx, ["PARA500"], place_id=PLACE))["PARA500"] == 10


async def test_a_prescription_is_fetched_within_five_days_and_not_later(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 100)
    _, [line], _ = await prescribe(clinic)
    then = clinic.store.now()
    clinic.store.now = lambda: then + timedelta(days=5, minutes=1)
    with pytest.raises(errors.Conflict, match="quá 5 ngày"):
        await give(clinic, line, 10)
    clinic.store.now = lambda: then + timedelta(days=4, hours=23)
    await give(clinic, line, 10)


async def test_a_substitute_has_the_same_ingredient_and_strength(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 100)
    await receive(clinic, "PARA500S", 100)
    await receive(clinic, "PARA650", 100)
    _, [line], _ = await prescribe(clinic)
    with pytest.raises(errors.Conflict, match="cùng hoạt chất"):
        await give(clinic, line, 10, "PARA650")
    [given] = await give(clinic, line, 10, "PARA500S")
    assert resources.of(given)["substitution"] == {"wasSubstituted": True}


async def charges_of(clinic: Clinic, request_id: str) -> dict[str, tuple[str, Decimal]]:
    """Drug -> (status, quantity) of its charge for a line."""
    async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
        request = await resources.read(tx, "MedicationRequest", request_id)
        visit = resources.id_of(request["encounter"], "Encounter")
        items = await charges.items_of_visit(tx, visit, statuses=("planned", "billable", "not-billable", "aborted"))
        cause = f"MedicationRequest/{request_id}"
        return {
            resources.code_of(one["code"], systems.DRUG): (one["status"], Decimal(one["quantity"]["value"]))
            for one in items
            if one["supportingInformation"] == [{"reference": cause}]
        }


async def test_a_substitute_is_charged_instead_of_what_was_written(clinic: Clinic) -> None:
    for drug in ("PARA500", "PARA500S"):
        await receive(clinic, drug, 100)
    _, [line], _ = await prescribe(clinic)
    await give(clinic, line, 10, "PARA500S")
    found = await charges_of(clinic, line)
    assert found["PARA500S"] == ("billable", 10) and found["PARA500"][0] == "not-billable"


async def test_a_part_given_as_a_substitute_leaves_the_rest_expected_as_written(clinic: Clinic) -> None:
    for drug in ("PARA500", "PARA500S"):
        await receive(clinic, drug, 100)
    _, [line], _ = await prescribe(clinic)
    await give(clinic, line, 4, "PARA500S")
    assert await charges_of(clinic, line) == {"PARA500S": ("billable", 4), "PARA500": ("planned", 6)}
    await give(clinic, line, 6)
    assert await charges_of(clinic, line) == {"PARA500S": ("billable", 4), "PARA500": ("billable", 6)}


async def test_a_substitute_that_is_brought_back_is_charged_no_more(clinic: Clinic) -> None:
    for drug in ("PARA500", "PARA500S"):
        await receive(clinic, drug, 100)
    _, [line], _ = await prescribe(clinic)
    [given] = await give(clinic, line, 4, "PARA500S")

    async def back(quantity: int) -> None:
        async def work(tx: Any) -> None:
            await dispensing.take_back(tx, given.id, Decimal(quantity), "không uống được")

        await clinic.store.run(clinic.actor("pharmacist"), work)

    await back(1)
    assert await charges_of(clinic, line) == {"PARA500S": ("billable", 3), "PARA500": ("planned", 6)}
    await back(3)
    found = await charges_of(clinic, line)
    assert found["PARA500S"][0] == "not-billable" and found["PARA500"] == ("planned", 6)

    async def let_go(tx: Any) -> None:
        await dispensing.release(tx, f"MedicationRequest/{line}")

    async def keep(tx: Any) -> None:
        await dispensing.renew(tx, line, place_id=PLACE)

    await clinic.store.run(clinic.actor("pharmacist"), let_go)
    assert (await charges_of(clinic, line))["PARA500"][0] == "not-billable"
    await clinic.store.run(clinic.actor("pharmacist"), keep)
    assert (await charges_of(clinic, line))["PARA500"] == ("planned", 10)


async def test_what_is_kept_again_after_a_substitute_is_only_the_rest(clinic: Clinic) -> None:
    for drug in ("PARA500", "PARA500S"):
        await receive(clinic, drug, 100)
    _, [line], _ = await prescribe(clinic)
    await give(clinic, line, 4, "PARA500S")

    async def let_go(tx: Any) -> None:
        await dispensing.release(tx, f"MedicationRequest/{line}")

    async def keep(tx: Any) -> None:
        await dispensing.renew(tx, line, place_id=PLACE)

    await clinic.store.run(clinic.actor("pharmacist"), let_go)
    assert (await charges_of(clinic, line))["PARA500S"] == ("billable", 4)
    await clinic.store.run(clinic.actor("pharmacist"), keep)
    assert await charges_of(clinic, line) == {"PARA500S": ("billable", 4), "PARA500": ("planned", 6)}


async def test_a_substitute_that_the_shelf_has_not_enough_of_is_neither_given_nor_charged(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 100)
    _, [line], _ = await prescribe(clinic)
    with pytest.raises(errors.Conflict, match="Kho chỉ còn 0"):
        await give(clinic, line, 10, "PARA500S")  # what is reserved as written is none of the substitute
    await receive(clinic, "PARA500S", 4)
    with pytest.raises(errors.Conflict, match="Kho chỉ còn 4"):
        await give(clinic, line, 10, "PARA500S")
    assert await charges_of(clinic, line) == {"PARA500": ("planned", 10)}


async def test_two_who_give_the_halves_at_once_leave_a_final_charge(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 100)
    _, [line], _ = await prescribe(clinic)
    await asyncio.gather(give(clinic, line, 5), give(clinic, line, 5))
    assert await charges_of(clinic, line) == {"PARA500": ("billable", 10)}
    async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
        assert (await resources.read(tx, "MedicationRequest", line))["status"] == "completed"


async def test_a_line_that_is_stopped_costs_what_was_given_of_it(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 100)
    _, [line], _ = await prescribe(clinic)
    await give(clinic, line, 4)
    await clinic.store.run(clinic.actor("doctor"), lambda tx: prescriptions.stop(tx, line, "người bệnh dị ứng"))
    assert await charges_of(clinic, line) == {"PARA500": ("billable", 4)}


async def test_a_substitute_without_the_doctors_consent_is_refused(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 100)
    await receive(clinic, "PARA500S", 100)
    strict = RxLine(drug_code="PARA500", per_time=Decimal(1), times=2, days=5, payer="bhyt", may_substitute=False)
    _, [line], _ = await prescribe(clinic, strict)
    with pytest.raises(errors.Conflict, match="không cho phép thay"):
        await give(clinic, line, 10, "PARA500S")


async def test_an_outside_pharmacy_sells_only_what_the_patient_pays_alone(clinic: Clinic) -> None:
    await receive(clinic, "PARA500", 100)
    own = RxLine(drug_code="GLUCOSA", per_time=Decimal(1), times=2, days=3, payer="self")
    code, _, _ = await prescribe(clinic, PARA, own)
    async with clinic.store.begin(clinic.actor("retail")) as tx:
        found = await dispensing.read(tx, code)
    [bought] = [one.id for one in found.of("self")]
    [insured] = [one.id for one in found.of("bhyt")]

    async def sell(request_id: str, quantity: int) -> Any:
        async def work(tx: Any) -> Any:
            return await dispensing.sell(tx, request_id, Decimal(quantity))

        return await clinic.store.run(clinic.actor("retail"), work)

    with pytest.raises(errors.Conflict, match="quỹ BHYT"):
        await sell(insured, 1)
    await sell(bought, 2)
    async with clinic.store.begin(clinic.actor("retail")) as tx:
        assert (await dispensing.read(tx, code)).state("self") == "partly"
    await sell(bought, 4)
    with pytest.raises(errors.Conflict, match="đã được cấp đủ"):
        await sell(bought, 1)
    with pytest.raises(errors.NotFound):
        await charge_of(clinic, bought)


async def test_two_pharmacies_that_sell_the_same_line_at_once_do_not_sell_it_twice(clinic: Clinic) -> None:
    own = RxLine(drug_code="GLUCOSA", per_time=Decimal(1), times=2, days=3, payer="self")
    _, [line], _ = await prescribe(clinic, own)

    async def sell() -> Any:
        async def work(tx: Any) -> Any:
            return await dispensing.sell(tx, line, Decimal(6))

        return await clinic.store.run(clinic.actor("retail"), work)

    outcomes = await asyncio.gather(*(sell() for _ in range(10)), return_exceptions=True)
    assert sum(not isinstance(one, Exception) for one in outcomes) == 1
    assert {type(one) for one in outcomes if isinstance(one, Exception)} == {errors.Conflict}
