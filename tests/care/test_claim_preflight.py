"""The claims of demo visits are clean, every planted fault in them is caught, and findings show while they can be mended."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import pytest

from lienmach.care import catalogues, charges, coverages, resources, visits
from lienmach.care.catalogues import Row
from lienmach.care.claims import building, preflight, storing, surroundings
from lienmach.care.coverages import InsuredCard
from lienmach.care.money import statements
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh.claim_xml import Tables
from lienmach.standards.bhxh.rules import check
from lienmach.standards.bhxh.rules.findings import Finding
from lienmach.standards.bhxh.rules.surroundings import Surroundings
from tests.care import claim_world
from tests.clinic import Clinic
from tests.standards.planted_faults import FAULTS
from tests.standards.rules_case import Case

VISITS = 24


@dataclass(frozen=True)
class Claimed:
    """One insured visit: its tables as they would be sent, and what stands around them."""

    encounter_id: str
    tables: Tables
    around: Surroundings


async def _claimed(day: claim_world.ClaimDay) -> list[Claimed]:
    found = []
    for own in day.encounters:
        async with day.clinic.store.begin(claim_world.SYSTEM) as tx:
            if not await preflight.is_insured(tx, await resources.read(tx, "Encounter", own)):
                continue
            statement = await statements.current(tx, own)
            tables = await building.tables_of(tx, own, statement)
            around = await surroundings.gather(tx, own, tables, statement=statement)
            found.append(Claimed(own, tables, around))
    return found


async def test_demo_visits_are_clean_and_sixty_faults_planted_in_their_claims_are_caught(clinic: Clinic) -> None:
    async with claim_world.made(clinic, count=VISITS) as day:
        claimed = await _claimed(day)
    assert len(claimed) > VISITS // 3
    for one in claimed:
        found = check.check(one.tables, one.around)
        assert not found, [(each.rule, each.field, each.sentence()) for each in found]
    # The lists were read for the codes of the claim; a planted code is looked up in the whole list.
    diagnoses = surroundings.from_package().codes["icd10"]
    planted = 0
    for fault in FAULTS:
        for one in claimed:
            around = replace(one.around, codes={**one.around.codes, "icd10": diagnoses})
            case = Case(0, copy.deepcopy(one.tables), around)
            if fault.is_around or not fault.mutate(case):
                continue
            said = {(each.rule, each.table, each.field) for each in check.check(case.tables, case.around)}
            assert (fault.rule, fault.table, fault.field) in said, (fault.name, sorted(said))
            planted += 1
            break
    assert planted >= 60


async def _open_visit(clinic: Clinic, *, card: str = claim_world.CARD) -> str:
    """An open visit, with a card or without, that nobody has written anything in."""
    patient_id = await clinic.patient()
    own = ""
    if card:

        async def keep(tx: Transaction) -> str:
            known = InsuredCard(
                "", card, card[:2], card[2], "86991", date(2026, 1, 1), date(2027, 12, 31), result_code="000",
                checked_at=tx.now,
            )  # fmt: skip
            return await coverages.keep(tx, patient_id, known)

        own = await clinic.store.run(clinic.actor("reception"), keep)
    return await clinic.visit(patient_id, **({"coverage_id": own, "category": "1.1"} if own else {}))


async def _found(clinic: Clinic, encounter_id: str, moment: str = "live", role: str = "doctor") -> list[Finding]:
    async with clinic.store.begin(clinic.actor(role)) as tx:
        return await preflight.findings(tx, encounter_id, moment=moment)


async def test_an_open_visit_is_told_what_is_missing_and_where_to_mend_it(clinic: Clinic) -> None:
    own = await _open_visit(clinic)
    found = await _found(clinic, own)
    main = next(one for one in found if one.rule == "ICD-01")
    assert (main.level, main.table, main.field, preflight.link_of(main)) == ("error", "XML1", "MA_BENH_CHINH", "#icd")
    doctor = clinic.actor("doctor")
    await clinic.store.run(doctor, lambda tx: visits.set_diagnoses(tx, own, "J06.9", []))
    assert "ICD-01" not in {one.rule for one in await _found(clinic, own)}


async def test_what_only_the_end_can_have_is_not_asked_of_an_open_visit(clinic: Clinic) -> None:
    own = await _open_visit(clinic)
    live = {one.rule for one in await _found(clinic, own, "close")}
    assert live == {one.rule for one in await _found(clinic, own)}
    assert not live & {"STR-08", "TIM-01", "CAT-11", "ADM-07", "MON-09"}


async def test_a_visit_that_the_patient_pays_alone_has_no_findings(clinic: Clinic) -> None:
    assert await _found(clinic, await _open_visit(clinic, card="")) == []


async def test_doctor_and_insurance_desk_see_the_same_of_a_signed_visit(clinic: Clinic) -> None:
    visit = await claim_world.signed(clinic)
    for role in ("doctor", "insurance"):
        assert await _found(clinic, visit.encounter_id, "close", role) == []


async def test_a_rule_that_the_facility_switched_off_is_not_asked(clinic: Clinic) -> None:
    own = await _open_visit(clinic)
    assert "ICD-01" in {one.rule for one in await _found(clinic, own)}

    async def switch_off(tx: Transaction) -> None:
        today = catalogues.today(tx)
        data = {"level": "off", "moment": "live", "mender": "doc"}
        catalogues.put(tx, [Row("claim-rule", "ICD-01", "Tắt", today, None, "demo", data)])

    await clinic.store.run(clinic.actor("system"), switch_off)
    assert "ICD-01" not in {one.rule for one in await _found(clinic, own)}


async def test_a_drug_outside_the_accepted_list_is_said_before_the_patient_leaves(clinic: Clinic) -> None:
    own = await _open_visit(clinic)

    async def expect(tx: Transaction) -> None:
        await catalogues_closed(tx)

    async def catalogues_closed(tx: Transaction) -> None:
        rows = await catalogues.all_of(tx, "accepted-drug", on=catalogues.today(tx))
        first = next(one for one in rows if one.code == "PARA500")
        data = {**first.data, "DON_GIA": Decimal(1)}
        catalogues.put(tx, [replace(first, valid_from=catalogues.today(tx), data=data, row_id=0)])
        await charges.expect(
            tx, own, list_name="drug", code="PARA500", quantity=Decimal(10), cause="MedicationRequest/thu", at=tx.now
        )
        await charges.settle(tx, "MedicationRequest/thu")

    await clinic.store.run(clinic.actor("system"), expect)
    found = [one for one in await _found(clinic, own) if one.rule == "COD-02"]
    assert [(one.field, preflight.link_of(one)) for one in found] == [("DON_GIA", "/prescription")]
    assert "40.48" in found[0].sentence() and f"{date.today():%d/%m/%Y}" in found[0].sentence()


async def test_what_the_job_found_is_kept_and_read_back_as_it_was(clinic: Clinic) -> None:
    visit = await claim_world.signed(clinic)
    kept = [
        Finding("TIM-03", "XML3", "NGAY_YL", 2, "error", "{name}: …", (("name", "Khám"),), "doc"),
        Finding("ADM-07", "XML1", "CAN_NANG", 1, "warn", "…", (), "doc"),
    ]

    async def keep(tx: Transaction) -> None:
        storing.keep_findings(tx, visit.encounter_id, kept)

    await clinic.store.run(claim_world.SYSTEM, keep)
    async with clinic.store.begin(clinic.actor("insurance")) as tx:
        assert await preflight.stored(tx, visit.encounter_id) == kept


@pytest.mark.parametrize(
    ("rule", "table", "field", "link"),
    [
        ("COD-12", "XML2", "LIEU_DUNG", "/prescription"),
        ("TIM-08", "XML3", "NGAY_KQ", "/orders"),
        ("ADM-06", "XML1", "CAN_NANG", "#vitals"),
        ("PAP-01", "XML11", "SO_NGAY_NGHI", "/papers"),
        ("CAT-11", "XML1", "KET_QUA_DTRI", "/signature"),
        ("ADM-01", "XML1", "SO_CCCD", ""),
    ],
)
def test_a_finding_leads_to_where_it_is_mended(rule: str, table: str, field: str, link: str) -> None:
    assert preflight.link_of(Finding(rule, table, field, 1, "error", "")) == link
