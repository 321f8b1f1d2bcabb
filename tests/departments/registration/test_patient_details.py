"""A person's details are put right after registration: what may change, who changed it, and two desks at once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from lienmach.care import person_change, person_draft, resources
from lienmach.care.person_draft import PersonDraft
from lienmach.standards.vietnam import identity
from tests.clinic import Clinic
from tests.web.client import Browser

PATIENTS = "/registration/patients"
COMMUNE = {"address_line": "Số 1", "province_code": "01", "commune": "Phường Ba Đình"}


@pytest.fixture
async def desk(browser: Browser) -> Browser:
    await browser.sign_in("reception")
    await browser.get("/")
    return browser


@pytest.fixture
async def person(clinic: Clinic) -> str:
    return await clinic.patient(
        identifier=[identity.identifier("cccd", "079058000011")],
        telecom=[{"system": "email", "value": "an@example.org"}, {"system": "phone", "value": "0912345678"}],
        maritalStatus={"text": "kết hôn"},
    )


def typed(desk: Browser, **changes: str) -> dict[str, str]:
    """What the form on the page sends, with some fields changed."""
    form = desk.page[desk.page.index('id="person"') :]
    form = form[: form.index("</form>")]
    found = dict(re.findall(r'<input[^>]*name="(\w+)" type="text" value="([^"]*)"', form))
    found |= dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    found |= dict(re.findall(r'name="(\w+)" value="(\w+)" checked', form))
    for name, body in re.findall(r'<select id="\w+" name="(\w+)"[^>]*>(.*?)</select>', form, re.S):
        found[name] = next(iter(re.findall(r'value="([^"]*)" selected', body)), "")
    found.pop("csrf")
    return {**found, **changes}


async def stored(clinic: Clinic, patient_id: str) -> dict[str, Any]:
    async with clinic.store.begin(clinic.actor("reception")) as tx:
        return await resources.read(tx, "Patient", patient_id)


async def test_a_wrong_detail_is_put_right_and_everything_else_stays(
    clinic: Clinic, desk: Browser, person: str
) -> None:
    before = await stored(clinic, person)
    await desk.get(f"{PATIENTS}/{person}/details")
    answer = await desk.post(
        f"{PATIENTS}/{person}/details",
        typed(desk, name="Nguyễn Văn Ấn", birth="02021958", phone="0987654321", **COMMUNE),
    )
    assert answer.status_code == 303 and answer.headers["location"] == f"{PATIENTS}/{person}/details"
    after = await stored(clinic, person)
    assert after["name"] == [{"use": "official", "text": "Nguyễn Văn Ấn", "family": "Nguyễn", "given": ["Văn Ấn"]}]
    assert after["birthDate"] == "1958-02-02"
    assert [one["value"] for one in after["telecom"]] == ["an@example.org", "0987654321"]
    assert after["address"][0]["text"] == "Số 1, Phường Ba Đình, Hà Nội"
    assert (after["maritalStatus"], after["identifier"]) == (before["maritalStatus"], before["identifier"])


async def test_the_page_says_who_changed_what_from_what(desk: Browser, person: str) -> None:
    await desk.get(f"{PATIENTS}/{person}/details")
    await desk.post(f"{PATIENTS}/{person}/details", typed(desk, phone="0987654321", sex="female"))
    await desk.get(f"{PATIENTS}/{person}/details")
    said = desk.words()
    assert "Giới tính Nam Nữ" in said and "Điện thoại 0912345678 0987654321" in said
    assert said.count("Đăng ký hồ sơ") == 1 and "reception" in said.casefold()


async def test_saving_without_a_change_writes_no_version(clinic: Clinic, desk: Browser, person: str) -> None:
    await desk.get(f"{PATIENTS}/{person}/details")
    assert (await desk.post(f"{PATIENTS}/{person}/details", typed(desk))).status_code == 303
    assert (await stored(clinic, person))["meta"]["versionId"] == "1"


async def test_who_saves_second_sees_both_values_and_loses_neither(clinic: Clinic, desk: Browser, person: str) -> None:
    await desk.get(f"{PATIENTS}/{person}/details")
    mine = typed(desk, phone="0900000001", sex="female")
    await desk.post(f"{PATIENTS}/{person}/details", typed(desk, phone="0900000002", name="Nguyễn Văn Ấn"))
    answer = await desk.post(f"{PATIENTS}/{person}/details", mine)
    assert answer.status_code == 412 and "Người khác vừa sửa" in desk.words()
    assert "Điện thoại 0900000002 0900000001" in desk.words()
    assert (await stored(clinic, person))["gender"] == "male"
    assert (await desk.post(f"{PATIENTS}/{person}/details", typed(desk))).status_code == 303
    after = await stored(clinic, person)
    assert (after["name"][0]["text"], after["gender"]) == ("Nguyễn Văn Ấn", "female")
    assert [one["value"] for one in after["telecom"]] == ["an@example.org", "0900000001"]


async def test_a_code_that_no_list_has_today_stays_while_something_else_is_changed(
    clinic: Clinic, desk: Browser
) -> None:
    country = {"coding": [{"system": person_draft.NATIONALITY_SYSTEM, "code": "418", "display": "Lào"}]}
    work = {"coding": [{"system": person_draft.OCCUPATION_SYSTEM, "code": "99999", "display": "Nghề cũ"}]}
    people = {"system": person_draft.ETHNIC_SYSTEM, "code": "77"}
    extensions = [
        {"url": person_draft.NATIONALITY, "extension": [{"url": "code", "valueCodeableConcept": country}]},
        {"url": person_draft.OCCUPATION, "valueCodeableConcept": work},
        {"url": person_draft.ETHNIC_GROUP, "valueCoding": people},
    ]
    own = await clinic.patient(extension=extensions)
    await desk.get(f"{PATIENTS}/{own}/details")
    sent = typed(desk, phone="0987654321")
    assert (await desk.post(f"{PATIENTS}/{own}/details", sent)).status_code == 303
    kept = [one for one in (await stored(clinic, own))["extension"] if one["url"] != person_draft.CHANGED_BY]
    assert kept == extensions
    await desk.get(f"{PATIENTS}/{own}/details")
    assert (await desk.post(f"{PATIENTS}/{own}/details", typed(desk, occupation_code=""))).status_code == 303
    assert person_change.draft_of(await stored(clinic, own)).occupation_code == ""


async def test_two_who_move_a_person_make_no_third_place_of_theirs(clinic: Clinic, desk: Browser, person: str) -> None:
    url = f"{PATIENTS}/{person}/details"
    await desk.get(url)
    await desk.post(url, typed(desk, **COMMUNE))
    await desk.get(url)
    mine = typed(desk, province_code="01", commune="Phường Ngọc Hà")
    await desk.post(url, typed(desk, province_code="79", commune="Phường Sài Gòn"))
    assert (await desk.post(url, mine)).status_code == 412
    assert (await desk.post(url, typed(desk))).status_code == 303
    assert (await stored(clinic, person))["address"][0]["text"] == "Số 1, Phường Ngọc Hà, Hà Nội"


@pytest.mark.parametrize(
    ("change", "sentence"), [({"name": " "}, "Cần có họ và tên"), ({"birth": "31/02/1958"}, "Ngày chưa đúng")]
)
async def test_a_fault_stands_at_its_field_and_changes_nothing(
    clinic: Clinic, desk: Browser, person: str, change: dict[str, str], sentence: str
) -> None:
    await desk.get(f"{PATIENTS}/{person}/details")
    answer = await desk.post(f"{PATIENTS}/{person}/details", typed(desk, phone="0987654321", **change))
    assert answer.status_code == 422 and sentence in desk.words() and 'aria-invalid="true"' in desk.page
    assert 'value="0987654321"' in desk.page
    assert (await stored(clinic, person))["meta"]["versionId"] == "1"


async def test_a_number_of_somebody_else_is_refused_and_that_person_is_shown(
    clinic: Clinic, desk: Browser, person: str
) -> None:
    other = await clinic.patient(
        name=[{"text": "Lê Thị Khác"}], identifier=[identity.identifier("cccd", "079160000099")]
    )
    await desk.get(f"{PATIENTS}/{person}/details")
    answer = await desk.post(f"{PATIENTS}/{person}/details", typed(desk, citizen_number="079160000099"))
    assert answer.status_code == 409 and f"{PATIENTS}/{other}" in desk.page and "đã mang số này" in desk.words()
    assert (await stored(clinic, person))["meta"]["versionId"] == "1"
    answer = await desk.post(f"{PATIENTS}/{person}/details", typed(desk, citizen_number="079058000012"))
    assert answer.status_code == 303


async def test_a_card_is_not_changed_by_hand_even_if_the_browser_sends_one(clinic: Clinic, desk: Browser) -> None:
    own = await clinic.patient(identifier=[identity.identifier("bhyt", "GD4790000123456")])
    await desk.get(f"{PATIENTS}/{own}/details")
    assert 'name="insurance_number"' not in desk.page and "không sửa bằng tay" in desk.words()
    sent = typed(desk, insurance_number="DN4790000999999", phone="0987654321", **COMMUNE)
    assert (await desk.post(f"{PATIENTS}/{own}/details", sent)).status_code == 303
    after = await stored(clinic, own)
    assert [one["value"] for one in after["identifier"]] == ["GD4790000123456"]
    assert after["telecom"][0]["value"] == "0987654321"


async def test_an_insured_person_without_a_commune_needs_a_reason_that_is_marked_until_it_is_there(
    clinic: Clinic, desk: Browser
) -> None:
    own = await clinic.patient(identifier=[identity.identifier("bhyt", "GD4790000123456")])
    url = f"{PATIENTS}/{own}/details"
    await desk.get(url)
    answer = await desk.post(url, typed(desk, phone="0987654321"))
    assert answer.status_code == 422 and "cần phường, xã" in desk.words()
    assert (await desk.post(url, typed(desk, address_reason="sẽ mang giấy tờ sau"))).status_code == 303
    await desk.get(url)
    assert "chưa gửi giám định được" in desk.words() and "sẽ mang giấy tờ sau" in desk.page
    assert (await desk.post(url, typed(desk, **COMMUNE))).status_code == 303
    after = await stored(clinic, own)
    assert person_change.has_address(after)
    assert person_draft.ADDRESS_REASON not in [one["url"] for one in after.get("extension", ())]


@pytest.mark.parametrize("role", ["reception", "doctor", "nurse"])
async def test_who_registers_people_puts_them_right(clinic: Clinic, browser: Browser, person: str, role: str) -> None:
    await browser.sign_in(role)
    assert (await browser.get(f"{PATIENTS}/{person}/details")).status_code == 200
    assert (await browser.post(f"{PATIENTS}/{person}/details", typed(browser, sex="female"))).status_code == 303
    visit = await clinic.visit(person, started=False)
    await browser.get(f"/registration/visits/{visit}/arrival")
    version = re.search(r'name="version" value="(\d+)"', browser.page)[1]  # type: ignore[index]
    sent = {"version": version, "accident": "1"}
    assert (await browser.post(f"/registration/visits/{visit}/arrival", sent)).status_code == 303


@pytest.mark.parametrize("role", ["lab", "imaging", "pharmacist", "cashier", "insurance", "director"])
async def test_who_reads_people_reads_their_details(clinic: Clinic, browser: Browser, person: str, role: str) -> None:
    await browser.sign_in(role)
    assert (await browser.get(f"{PATIENTS}/{person}/details")).status_code == 200
    assert "079058000011" in browser.words() and 'id="person"' not in browser.page
    visit = await clinic.visit(person, started=False)
    assert (await browser.get(f"/registration/visits/{visit}/arrival")).status_code == 200
    assert "Không phải tai nạn" in browser.words() and 'name="version"' not in browser.page


async def test_who_may_not_register_reads_the_details_and_may_not_write(browser: Browser, person: str) -> None:
    await browser.sign_in("insurance")
    await browser.get(f"{PATIENTS}/{person}/details")
    assert "079058000011" in browser.words() and 'id="person"' not in browser.page
    answer = await browser.post(f"{PATIENTS}/{person}/details", {"name": "Khác", "version": "1"})
    assert answer.status_code == 403


def test_a_draft_comes_back_from_the_patient_that_was_made_of_it() -> None:
    full = PersonDraft(
        name="NGUYỄN VĂN THỬ", birth="1958-02-01", sex="male", citizen_number="079058000001", old_number="012345678",
        insurance_number="GD4790123456789", social_number="0123456789", passport="C1234567", phone="0912345678",
        address_line="Số 1", commune_code="00004", province_code="01", former_address="Phường X, Hà Nội",
        ethnic_code="02", occupation_code="00000", occupation_name="Không nghề nghiệp", nationality_code="000",
        blood_group="AB-", guardian="Trần Thị Mẹ", guardian_phone="0987654321",
    )  # fmt: skip
    made = person_draft.build(full)
    assert person_change.draft_of(made) == full
    assert person_change.applied(made, full) == made


def test_what_another_system_wrote_is_kept_where_the_form_says_the_same() -> None:
    theirs = {
        "resourceType": "Patient",
        "name": [{"given": ["Văn Ân"], "family": "Nguyễn"}],
        "address": [{"text": "12 Lê Lợi, Quận 1, TP HCM", "district": "Quận 1", "city": "TP HCM"}],
        "contact": [{"relationship": [{"text": "Vợ"}], "name": {"text": "Lê Thị Vợ"}, "gender": "female"}],
        "extension": [{"url": "urn:x", "valueString": "y"}],
    }
    draft = person_change.draft_of(theirs)
    assert person_change.applied(theirs, draft) == theirs
    changed = person_change.applied(theirs, replace(draft, sex="male", guardian="Lê Thị Hai"))
    assert changed["address"] == theirs["address"] and changed["extension"] == theirs["extension"]
    assert changed["contact"] == [
        {"relationship": [{"text": "Vợ"}], "name": {"text": "Lê Thị Hai"}, "gender": "female"}
    ]
