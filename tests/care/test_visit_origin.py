"""What a person brings to a visit, from the desk to the claim: referral, accident, nationality, blood group."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lienmach.base import errors
from lienmach.care import person_change, resources, visit_origin
from lienmach.care.claims import building, preflight
from lienmach.care.visit_origin import Origin
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh.claim_xml import Row
from tests.care import claim_world
from tests.care.claim_world import SYSTEM, Signed
from tests.clinic import Clinic


async def _visit(one: Signed) -> Row:
    async with one.clinic.store.begin(SYSTEM) as tx:
        return (await building.tables_of(tx, one.encounter_id))["XML1"][0]


async def _encounter(one: Signed) -> dict[str, object]:
    async with one.clinic.store.begin(SYSTEM) as tx:
        return await resources.read(tx, "Encounter", one.encounter_id)


async def test_referral_and_accident_come_into_the_claim_and_the_end_of_the_visit_stays(clinic: Clinic) -> None:
    one = await claim_world.signed(clinic, quantity=0)
    before = await _visit(one)
    assert (before["MA_NOI_DI"], before["GIAY_CHUYEN_TUYEN"], before["MA_TAI_NAN"]) == ("", "", "")
    version = int((await _encounter(one))["meta"]["versionId"])  # type: ignore[index]
    said = Origin(" 79024", "CT/2026/7", "1")

    async def change(tx: Transaction) -> object:
        return await visit_origin.change(tx, one.encounter_id, said, if_match=version)

    assert await one.run("doctor", change) is not None
    after = await _visit(one)
    assert (after["MA_NOI_DI"], after["GIAY_CHUYEN_TUYEN"], after["MA_TAI_NAN"]) == ("79024", "CT/2026/7", "1")
    assert (after["MA_LOAI_RV"], after["KET_QUA_DTRI"]) == (before["MA_LOAI_RV"], before["KET_QUA_DTRI"])
    with pytest.raises(errors.PreconditionFailed):
        await one.run("doctor", change)


async def test_what_was_brought_outlives_the_signature_of_the_visit(clinic: Clinic) -> None:
    one = await claim_world.signed(clinic, quantity=0, origin=Origin("79024", "CT/2026/7", "2"))
    found = await _visit(one)
    assert (found["MA_NOI_DI"], found["GIAY_CHUYEN_TUYEN"], found["MA_TAI_NAN"]) == ("79024", "CT/2026/7", "2")


@pytest.mark.parametrize(
    ("code", "text", "said"), [("", "", "000"), ("000", "", "000"), ("", "Lào", "")], ids=["unasked", "ours", "other"]
)
async def test_nationality_and_blood_group_come_from_the_person(
    clinic: Clinic, code: str, text: str, said: str
) -> None:
    one = await claim_world.signed(clinic, quantity=0)

    async def change(tx: Transaction) -> None:
        patient = await resources.read(tx, "Patient", one.patient_id)
        draft = person_change.draft_of(patient)
        draft = replace(draft, nationality_code=code, nationality_text=text, blood_group="AB-")
        await person_change.change(tx, one.patient_id, draft, if_match=int(patient["meta"]["versionId"]))

    await one.run("reception", change)
    found = await _visit(one)
    assert (found["MA_QUOCTICH"], found["NHOM_MAU"]) == (said, "AB-")


async def test_the_number_by_which_the_portal_confirmed_a_card_is_not_changed_by_hand(clinic: Clinic) -> None:
    one = await claim_world.signed(clinic, quantity=0, card="")

    async def change(tx: Transaction) -> None:
        patient = await resources.read(tx, "Patient", one.patient_id)
        draft = replace(person_change.draft_of(patient), citizen_number="001058000018")
        await person_change.change(tx, one.patient_id, draft, if_match=int(patient["meta"]["versionId"]))

    async def confirm(tx: Transaction) -> None:
        await resources.create(
            tx,
            {
                "resourceType": "CoverageEligibilityResponse",
                "extension": [
                    {"url": "https://lienmach.org/fhir/StructureDefinition/look-up-result", "valueCode": "000"}
                ],
                "status": "active",
                "purpose": ["validation"],
                "patient": {"reference": f"Patient/{one.patient_id}"},
                "created": tx.now.isoformat(),
                "request": {"display": "look-up"},
                "outcome": "complete",
                "insurer": {"display": "BHXH"},
            },
        )

    await clinic.store.run(SYSTEM, confirm)
    with pytest.raises(errors.Unprocessable, match="không sửa bằng tay"):
        await one.run("reception", change)


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("DIA_CHI", "/registration/patients/p/details#address_line"),
        ("MAXA_CU_TRU", "/registration/patients/p/details#commune"),
        ("MA_TAI_NAN", "/registration/visits/e/arrival#accident"),
        ("MA_BENH_CHINH", ""),
    ],
)
def test_a_finding_on_the_person_opens_the_page_where_the_person_is_put_right(field: str, path: str) -> None:
    assert preflight.desk_link_of(field, "e", "p") == path
