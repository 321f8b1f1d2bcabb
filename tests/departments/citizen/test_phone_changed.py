"""A phone put right at the desk: who came in by a code to the old one is out with their next page."""

from __future__ import annotations

from dataclasses import replace

from lienmach.care import person_change, resources
from lienmach.record.transaction import Transaction
from tests.departments.citizen.own_world import OwnRecord


async def test_a_phone_put_right_at_the_desk_ends_the_sessions_of_the_old_one(own: OwnRecord) -> None:
    patient_id = await own.person()
    browser = own.browser()
    await own.sign_in(browser)
    assert (await browser.get("/citizen/home")).status_code == 200

    async def put_right(tx: Transaction) -> None:
        patient = await resources.read(tx, "Patient", patient_id)
        draft = replace(person_change.draft_of(patient), phone="0987654321")
        await person_change.change(tx, patient_id, draft, if_match=int(patient["meta"]["versionId"]))

    await own.clinic.store.run(own.clinic.actor("reception"), put_right)
    answer = await browser.get("/citizen/home")
    assert answer.status_code == 303 and answer.headers["location"].startswith("/cua-toi")
    await own.sign_in(browser, phone="0987654321")
    assert (await browser.get("/citizen/home")).status_code == 200
