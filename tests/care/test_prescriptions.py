"""Prescriptions of a visit: codes, forms, quantities, stock and cost, replacing, handing over, reading what others send."""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta
from decimal import Decimal

import pytest

from lienmach.base import errors
from lienmach.care import (
    catalogue_set,
    charges,
    drug_safety,
    outbox,
    prescription_words,
    prescriptions,
    resources,
    stock,
    systems,
    visit_diagnoses,
)
from lienmach.care.drug_lines import RxLine
from lienmach.record import write as record_write
from lienmach.standards.vietnam import prescription_code

DRUGS = {row.code: row for row in catalogue_set.rows("demo") if row.list == "drug"}


def rx(code, per_time="1", times=1, days=5, payer="self", **more):
    return RxLine(code, Decimal(per_time), times, days, payer=payer, **more)


@pytest.fixture
async def clinic(clinic):
    """The clinic; the rule about MedicationRequests is asked even where no department has said so yet."""
    asked = clinic.store.guards.setdefault("MedicationRequest", [])
    if drug_safety.guard not in asked:
        asked.append(drug_safety.guard)
    return clinic


@pytest.fixture
async def doctor(clinic):
    return clinic.actor("doctor")


@pytest.fixture
async def visit(clinic):
    """An open visit of a man of 68; gives the id of the Encounter."""
    return await clinic.visit(await clinic.patient())


async def written(clinic, doctor, encounter_id, *lines, reasons=None, replaces=""):
    async def work(tx):
        return await prescriptions.write(tx, encounter_id, list(lines), reasons=reasons or {}, replaces=replaces)

    return [resources.of(one) for one in await clinic.store.run(doctor, work)]


async def standing(clinic, doctor, encounter_id):
    async with clinic.store.begin(doctor) as tx:
        return await prescriptions.of_visit(tx, encounter_id)


def test_a_code_has_fourteen_characters_with_its_hyphen():
    code = prescription_code.compose("86991", "a1b2c3d", "n")
    assert (code, len(code), prescription_code.kind_of(code)) == ("86991a1b2c3d-n", 14, "n")
    assert prescription_code.is_code(prescription_code.tidy(" 86991A1B2C3D-N "))
    for wrong in ("86991a1b2c3-c", "86991a1b2c3d_c", "86991a1b2c3d-x", "86991a1b2c3dd-c", ""):
        assert not prescription_code.is_code(wrong)
    with pytest.raises(ValueError):
        prescription_code.compose("8699", "a1b2c3d", "c")


async def test_narcotics_and_psychotropics_stand_on_prescriptions_of_their_own(clinic, doctor, visit):
    made = await written(
        clinic, doctor, visit, rx("PARA500", times=3), rx("MORPH30", times=2, days=7), rx("DIAZE5", days=7), rx("PSEUDO60"),
        reasons=dict.fromkeys(("interaction:diazepam+morphine", "elderly:diazepam"), "đau ung thư kèm lo âu"),
    )  # fmt: skip
    by_letter = {}
    for one in made:
        by_letter.setdefault(drug_safety.code_of(one)[-1], []).append(
            resources.code_of(one["medicationCodeableConcept"], systems.DRUG)
        )
    assert by_letter == {"c": ["PARA500"], "h": ["DIAZE5", "PSEUDO60"], "n": ["MORPH30"]}
    assert all(prescription_code.is_code(drug_safety.code_of(one)) for one in made)
    assert {drug_safety.code_of(one)[:5] for one in made} == {"86991"}


async def test_lines_added_to_an_open_visit_join_its_one_prescription_and_toxic_ones_come_first(clinic, doctor, visit):
    first = await written(clinic, doctor, visit, rx("PARA500", times=3), rx("COLCHI1"))
    assert [one["identifier"][0]["value"][-2:] for one in first] == [".1", ".2"]
    assert resources.code_of(first[0]["medicationCodeableConcept"], systems.DRUG) == "COLCHI1"
    second = await written(clinic, doctor, visit, rx("VITC500"))
    assert drug_safety.code_of(second[0]) == drug_safety.code_of(first[0])
    assert second[0]["identifier"][0]["value"].endswith(".3")


async def test_the_quantity_is_dose_times_times_times_days_in_whole_packs(clinic, doctor, visit):
    made = await written(
        clinic, doctor, visit, rx("PARA500", "1", (2, 0, 1, 0), 5), rx("INSGLA", "14", 1, 30), rx("BETAKEM", "1", 2, 7)
    )
    found = {
        resources.code_of(one["medicationCodeableConcept"], systems.DRUG): one["dispenseRequest"]["quantity"]
        for one in made
    }
    assert found["PARA500"] == {"value": 15, "unit": "viên"}
    assert found["INSGLA"] == {"value": 2, "unit": "bút"}  # 420 IU of pens of 300
    assert found["BETAKEM"] == {"value": 1, "unit": "tuýp"}
    with pytest.raises(errors.Unprocessable) as caught:
        await written(clinic, doctor, visit, rx("LORA10", days=7, quantity=Decimal(70)))
    assert "COD-12:LORA10" in str(caught.value.issues)


async def test_a_prescription_is_valid_for_five_days_and_reads_as_it_was_written(clinic, doctor, visit):
    lines = [rx("METF500", "1", (1, 0, 1, 0), 30, instruction="sau ăn"), rx("MTX25", "4", 1, 28, every_days=7)]
    made = await written(clinic, doctor, visit, *lines)
    period = made[0]["dispenseRequest"]["validityPeriod"]
    assert date.fromisoformat(period["end"]) - date.fromisoformat(period["start"]) == timedelta(days=5)
    back = {one.drug_code: one for one in map(prescriptions.line_of, made)}
    assert (back["METF500"].amounts, back["METF500"].days, back["METF500"].instruction) == (
        lines[0].amounts,
        30,
        "sau ăn",
    )
    assert (back["MTX25"].every_days, back["MTX25"].total) == (7, 16)
    texts = [one["dosageInstruction"][0]["text"] for one in made]
    assert texts[1] == "Uống: sáng 1 viên, chiều 1 viên, sau ăn; dùng 30 ngày"


async def test_a_danger_is_not_written_and_one_that_wants_a_reason_is_kept_with_it(clinic, doctor, visit):
    lines = (rx("CLOPI75", days=30), rx("OME20", days=14))
    with pytest.raises(errors.Unprocessable) as caught:
        await written(clinic, doctor, visit, *lines)
    [danger] = caught.value.dangers
    assert (danger.level, danger.key) == ("reason", "interaction:clopidogrel+omeprazole")
    assert await standing(clinic, doctor, visit) == []
    with pytest.raises(errors.Unprocessable):
        await written(clinic, doctor, visit, *lines, reasons={danger.key: "ừ"})
    made = await written(clinic, doctor, visit, *lines, reasons={danger.key: "không có thuốc khác"})
    assert all("không có thuốc khác" in json.dumps(one, default=str, ensure_ascii=False) for one in made)


async def test_an_insured_line_is_reserved_and_its_cost_expected_a_line_paid_alone_neither(clinic, doctor, visit):
    place = (await clinic.room("dispensary")).id

    async def receive(tx):
        stock.receive(tx, [stock.Lot(place, "PARA500", "L1", date(2030, 1, 1), Decimal(100), 300)])

    await clinic.store.run(clinic.actor("pharmacist"), receive)
    made = await written(
        clinic, doctor, visit, rx("PARA500", times=3, payer="bhyt"), rx("LORA10", days=7), rx("SIMET80", payer="bhyt")
    )
    async with clinic.store.begin(doctor) as tx:
        assert (await stock.available(tx, ["PARA500"], place_id=place))["PARA500"] == 85
        causes = {one["id"]: one for one in await charges.items_of_visit(tx, visit)}
    payers = [one["extension"][0]["valueCode"] for one in made]
    assert payers == ["bhyt", "self", "self"]  # a drug outside the fund is the patient's own
    assert charges.charge_id(f"MedicationRequest/{made[0]['id']}") in causes
    assert charges.charge_id(f"MedicationRequest/{made[1]['id']}") not in causes

    async def stop(tx):
        await prescriptions.stop(tx, made[0]["id"], "người bệnh từ chối")

    await clinic.store.run(doctor, stop)
    async with clinic.store.begin(doctor) as tx:
        assert (await stock.available(tx, ["PARA500"], place_id=place))["PARA500"] == 100
    assert len(await standing(clinic, doctor, visit)) == 2


async def test_what_stock_does_not_have_is_not_promised(clinic, doctor, visit):
    with pytest.raises(errors.Conflict):
        await written(clinic, doctor, visit, rx("PARA500", times=3, payer="bhyt"))
    assert await standing(clinic, doctor, visit) == []


async def test_once_handed_over_a_prescription_never_changes_and_a_new_one_replaces_it(clinic, doctor, visit):
    made = await written(clinic, doctor, visit, rx("PARA500", times=3))
    code = drug_safety.code_of(made[0])

    async def diagnose(tx):
        encounter = await resources.read(tx, "Encounter", visit)
        await resources.update(tx, await visit_diagnoses.write(tx, encounter, "J00", []))

    async def queue(tx):
        return await prescriptions.queue_submission(tx, visit, advice="Uống nhiều nước", return_in_days=7)

    await clinic.store.run(doctor, diagnose)
    assert await clinic.store.run(doctor, queue) == [code]
    assert await clinic.store.run(doctor, queue) == []  # once
    async with clinic.store.begin(doctor) as tx:
        [message] = [one for one in await outbox.of_subject(tx, f"Encounter/{visit}") if one.channel == "prescription"]
        stored = await resources.read(tx, "MedicationRequest", made[0]["id"])
    body = json.loads(message.body)
    assert message.key == body["ma_don_thuoc"] == code
    assert (body["loai_don_thuoc"], body["gioi_tinh"], body["ngay_tai_kham"]) == ("c", 2, 7)
    assert (body["ngay_sinh_benh_nhan"], body["ngay_gio_ke_don"][4], body["thong_tin_don_thuoc"][0]["so_luong"]) == (
        "01/02/1958",
        "-",
        15,
    )

    async def change(tx):
        await resources.update(tx, {**stored, "note": [{"text": "thêm một viên"}]})

    with pytest.raises(errors.Conflict):
        await clinic.store.run(clinic.actor("pharmacist"), change)
    with pytest.raises(errors.Conflict):
        await written(clinic, doctor, visit, rx("VITC500"))  # the code is closed
    [again] = await written(clinic, doctor, visit, rx("PARA500", times=2), replaces=code)
    assert drug_safety.code_of(again) != code
    assert again["priorPrescription"] == {"reference": f"MedicationRequest/{made[0]['id']}"}
    async with clinic.store.begin(doctor) as tx:
        old = await resources.read(tx, "MedicationRequest", made[0]["id"])
    assert (old["status"], old["statusReason"]["coding"][0]["code"]) == ("stopped", "replaced")
    assert await clinic.store.run(doctor, queue) == [drug_safety.code_of(again)]


async def test_the_last_prescription_is_repeated_through_all_checks(clinic, doctor):
    patient = await clinic.patient()
    before = await clinic.visit(patient)
    await written(clinic, doctor, before, rx("AMOX500", times=3, days=7))
    today = await clinic.visit(patient)

    async def allergic(tx):
        statement = {
            "resourceType": "AllergyIntolerance",
            "patient": {"reference": f"Patient/{patient}"},
            "code": {"text": "Penicillin (nổi mề đay)"},
        }
        await resources.create(tx, statement)

    await clinic.store.run(doctor, allergic)
    async with clinic.store.begin(doctor) as tx:
        lines = [
            prescriptions.line_of(one) for one in await prescriptions.last_of(tx, patient, before_encounter_id=today)
        ]
    assert [one.drug_code for one in lines] == ["AMOX500"]
    with pytest.raises(errors.Unprocessable) as caught:
        await written(clinic, doctor, today, *lines)
    assert any(one.kind == "allergy" for one in caught.value.dangers)


async def test_of_two_prescribers_at_once_the_second_sees_the_line_of_the_first(clinic, doctor):
    patient = await clinic.patient()
    visits = [await clinic.visit(patient), await clinic.visit(patient)]
    lines = [rx("ISMN30", days=30), rx("SILDE50", days=2)]
    answers = await asyncio.gather(
        *(written(clinic, doctor, one, line) for one, line in zip(visits, lines, strict=True)), return_exceptions=True
    )
    assert sum(isinstance(one, errors.Unprocessable) for one in answers) == 1


async def test_a_draft_that_becomes_active_is_checked_and_a_line_that_came_back_is_not(clinic, doctor, visit):
    [made] = await written(clinic, doctor, visit, rx("PARA500", times=3))
    patient = made["subject"]["reference"]

    async def change(tx, status):
        request = await resources.read(tx, "MedicationRequest", made["id"])
        await resources.update(tx, {**request, "status": status})

    async def happen(tx):
        await resources.create(
            tx,
            {
                "resourceType": "AllergyIntolerance",
                "patient": {"reference": patient},
                "code": resources.concept(systems.INGREDIENT, "paracetamol", "Paracetamol"),
            },
        )

    await clinic.store.run(doctor, lambda tx: change(tx, "on-hold"))
    await clinic.store.run(doctor, happen)
    with pytest.raises(errors.Unprocessable):
        await clinic.store.run(doctor, lambda tx: change(tx, "active"))
    dispense = {
        "resourceType": "MedicationDispense",
        "status": "completed",
        "medicationCodeableConcept": made["medicationCodeableConcept"],
        "subject": made["subject"],
        "authorizingPrescription": [{"reference": f"MedicationRequest/{made['id']}"}],
    }

    async def give(tx):
        await resources.create(tx, dispense)

    await clinic.store.run(clinic.actor("pharmacist"), give)
    await clinic.store.run(doctor, lambda tx: change(tx, "active"))  # taken back from the person, not given anew


async def test_a_stopped_line_no_longer_stands_in_the_way(clinic, doctor, visit):
    [made] = await written(clinic, doctor, visit, rx("SILDE50", days=2))

    async def stop(tx):
        await prescriptions.stop(tx, made["id"], "kê nhầm người")

    await clinic.store.run(doctor, stop)
    assert len(await written(clinic, doctor, visit, rx("ISMN30", days=30))) == 1


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (rx("PARA500", "1", 3, 5, instruction="sau ăn"), "Uống: mỗi lần 1 viên, ngày 3 lần, sau ăn; dùng 5 ngày"),
        (rx("WAR5", "0.5", (0, 0, 0, 1), 30), "Uống: tối 0,5 viên; dùng 30 ngày"),
        (rx("METF500", "1", (2, 0, 1, 0), 30), "Uống: sáng 2 viên, chiều 1 viên; dùng 30 ngày"),
        (rx("MTX25", "4", 1, 28, every_days=7), "Uống: mỗi lần 4 viên, mỗi tuần một lần; dùng 28 ngày"),
        (rx("SALBUX", "2", 4, 30), "Hít: mỗi lần 2 nhát, ngày 4 lần; dùng 30 ngày"),
    ],
)
def test_the_dosage_reads_as_on_paper(line, text):
    assert prescription_words.dosage(line, DRUGS[line.drug_code]) == text


@pytest.mark.parametrize(
    ("amount", "digits", "words"),
    [("8", "08", "Tám"), ("10", "10", "Mười"), ("2.5", "02,5", ""), ("15", "15", "Mười lăm"), ("21", "21", "Hai mươi mốt"),
     ("105", "105", "Một trăm linh năm"), ("60", "60", "Sáu mươi")],
)  # fmt: skip
def test_quantities_have_two_digits_and_narcotics_stand_in_words(amount, digits, words):
    assert prescription_words.quantity(Decimal(amount)) == digits
    assert prescription_words.quantity_in_words(Decimal(amount)) == words


def test_the_dosage_of_the_claim_multiplies_out():
    assert prescription_words.claim_dosage(rx("METF500", "1", 2, 30), DRUGS["METF500"]) == (
        "1 viên/lần * 2 lần/ngày * 30 ngày [2 viên/ngày]"
    )


async def test_a_sent_prescription_cannot_be_deleted_around_the_rule(clinic, doctor, visit):
    [made] = await written(clinic, doctor, visit, rx("PARA500", times=3))
    with pytest.raises(errors.Refused):
        async with clinic.store.begin(doctor) as tx:
            await record_write.delete(tx, "MedicationRequest", made["id"])
