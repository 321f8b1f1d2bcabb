"""The check of the claim beside the doctor: each finding with its rule and its place, and no signature is stopped."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

from lienmach.care import catalogues, coverages, prescriptions, resources, stock
from lienmach.care.coverages import InsuredCard
from lienmach.care.prescriptions import RxLine
from lienmach.standards.vietnam import identity
from tests.clinic import Clinic

CARD = "GD4860000000001"


async def insured_visit(clinic: Clinic, **card: Any) -> str:
    """An open visit with a card; returns the id of the Encounter."""
    patient_id = await clinic.patient()
    own = InsuredCard("", CARD, CARD[:2], CARD[2], initial_facility="86991", result_code="000", **card)

    async def keep(tx: Any) -> str:
        return await coverages.keep(tx, patient_id, own)

    coverage = await clinic.store.run(clinic.actor("reception"), keep)
    return await clinic.visit(patient_id, category="1.1", coverage_id=coverage, reason="Ho")


async def test_a_finding_names_its_rule_and_its_place(clinic: Clinic, browser: Any) -> None:
    visit = await insured_visit(clinic)
    await browser.sign_in("doctor")
    answer = await browser.get(f"/outpatient/visits/{visit}/findings")
    assert answer.status_code == 200
    assert "ADM-01" in answer.text and "XML1.SO_CCCD" in answer.text  # an adult without a citizen number


async def test_what_is_mended_is_no_longer_found(clinic: Clinic, browser: Any) -> None:
    visit = await insured_visit(clinic)

    kind = next(one for one in identity.KINDS if one.key == "cccd")

    async def mend(tx: Any) -> None:
        encounter = await resources.read(tx, "Encounter", visit)
        person = await resources.follow(tx, encounter["subject"]["reference"])
        person["identifier"] = [{"system": kind.system, "value": "086058000001"}]
        await resources.update(tx, person)

    await clinic.store.run(clinic.actor("reception"), mend)
    await browser.sign_in("doctor")
    answer = await browser.get(f"/outpatient/visits/{visit}/findings", headers={"HX-Request": "true"})
    assert answer.status_code == 200 and "ADM-01" not in answer.text


async def test_a_visit_that_is_the_patients_own_has_no_findings(clinic: Clinic, browser: Any) -> None:
    visit = await clinic.visit(await clinic.patient())
    await browser.sign_in("doctor")
    answer = await browser.get(f"/outpatient/visits/{visit}/findings")
    assert "Không có gì phải sửa" in answer.text


async def test_a_service_that_the_insurer_has_not_accepted_warns_at_once_and_an_accepted_one_does_not(
    clinic: Clinic, browser: Any
) -> None:
    visit = await insured_visit(clinic)

    async def end(tx: Any) -> None:
        yesterday = catalogues.yesterday(catalogues.today(tx))
        catalogues.close(tx, "accepted-service", "XN-CTM", last_on=yesterday)

    await clinic.store.run(clinic.actor("director"), end)
    await browser.sign_in("doctor")
    await browser.get(f"/outpatient/visits/{visit}/orders")
    for code, warns in (("XN-GLU", False), ("XN-CTM", True)):
        answer = await browser.post(f"/outpatient/visits/{visit}/orders", {"step": f"add:{code}"})
        assert answer.status_code == 200
        assert ("mẫu 05/DM" in answer.text) is warns, code


async def test_what_only_the_doctor_can_mend_stands_first_while_the_visit_is_open(clinic: Clinic, browser: Any) -> None:
    visit = await insured_visit(clinic)

    async def in_stock(tx: Any) -> None:
        place, on = await stock.dispensary(tx), catalogues.today(tx) + timedelta(days=300)
        stock.receive(tx, [stock.Lot(place, one, "L1", on, Decimal(100)) for one in ("PARA500", "PARA650")])

    async def written(tx: Any) -> None:
        lines = [RxLine(code, Decimal(1), 2, 3, payer="bhyt") for code in ("PARA500", "PARA650")]
        await prescriptions.write(tx, visit, lines, reasons={"duplicate:paracetamol": "Hai hàm lượng"})

    await clinic.store.run(clinic.actor("pharmacist"), in_stock)
    await clinic.store.run(clinic.actor("doctor"), written)
    await browser.sign_in("doctor")
    answer = await browser.get(f"/outpatient/visits/{visit}/findings")
    first = re.findall(r"<li>.*?</li>", answer.text, re.S)
    assert "trước khi ký" in first[0] and f"/outpatient/visits/{visit}/prescription" in first[0], first
    reception = next(one for one in first if "ADM-01" in one)
    assert "trước khi ký" not in reception and first.index(reception) > 0, "the desk can mend it later too"
