"""The pages of registration through the door: works · wrong input · wrong person · in-page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import asyncpg
import one_life
import pytest

from lienmach.base.actor import Actor
from lienmach.base.settings import Settings
from lienmach.departments import registration
from lienmach.record import write
from lienmach.record.transaction import Store
from tests.web.client import Browser, add_user, build

MakeBrowser = Callable[..., Browser]
PATIENTS = "/registration/patients"
HTMX = {"hx-request": "true"}


@pytest.fixture
def app(store: Store, settings: Settings) -> Any:
    """The pages of this department alone, on an empty record of two tenants."""
    return build(store, settings, (registration.DEPARTMENT,))


async def store_one(store: Store, actor: Actor, resource: dict[str, Any], key: str | None = None) -> str:
    async with store.begin(actor) as tx:
        body = json.dumps(resource, ensure_ascii=False).encode()
        if key is not None:
            return (
                await write.update(tx, resource["resourceType"], key, json.dumps({**resource, "id": key}).encode())
            ).id
        return (await write.create(tx, body)).id


@pytest.fixture
async def person(store: Store, system: Actor) -> str:
    """A person with a visit at one facility, a blood pressure, a medicine and an undated goal."""
    key = await store_one(store, system, one_life.PERSON)
    house = await store_one(store, system, {"resourceType": "Organization", "name": "Trạm y tế Mẫu"})
    visit = await store_one(store, system, one_life.visit(key, house))
    for one in (one_life.pressure(key, visit), one_life.medicine(key), one_life.goal(key)):
        await store_one(store, system, one)
    return key


@pytest.fixture
async def as_role(browser_at: MakeBrowser, pool: asyncpg.Pool) -> Callable[..., Any]:
    async def sign_in(role: str, tenant: int = 1) -> Browser:
        await add_user(pool, f"u-{role}", role, tenant=tenant)
        browser = browser_at()
        answer = await browser.sign_in(f"u-{role}" + ("@other" if tenant == 2 else ""))
        assert answer.status_code == 303
        await browser.get("/")
        return browser

    return sign_in


# -- find ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "dang thi duong",
        "ĐẶNG THỊ ĐƯỜNG",
        "dtd 1958",
        "4521",
        "079158004521",
        "0000123456",
        "079158004521||Đặng Thị Đường|01021958|Nữ|Xã Mẫu|01012022",
    ],
)
async def test_a_person_is_found_by_what_the_desk_has(as_role: Any, person: str, text: str) -> None:
    desk = await as_role("reception")
    await desk.post(PATIENTS, {"text": text}, headers=HTMX)
    assert "Đặng Thị Đường" in desk.words() and f"{PATIENTS}/{person}" in desk.page
    assert "<html" not in desk.page


async def test_nobody_found_says_what_to_try_and_offers_to_register(as_role: Any, person: str) -> None:
    desk = await as_role("reception")
    await desk.post(PATIENTS, {"text": "zzz qqq"}, headers=HTMX)
    assert "Chưa thấy người nào" in desk.words() and "Đăng ký người mới" in desk.words()


async def test_a_spoilt_scan_is_said_and_the_raw_keys_are_read(as_role: Any, person: str) -> None:
    desk = await as_role("reception")
    spoilt = "079158004521||Đăng Thị �ường?|?|??|"
    await desk.post(PATIENTS, {"text": spoilt}, headers=HTMX)
    assert "Quét thô" in desk.words()
    await desk.get(PATIENTS)
    await desk.post(
        PATIENTS, {"text": spoilt, "raw": "079158004521||Dang Thi Duong|01021958|Nu|Xa Mau|01012022"}, headers=HTMX
    )
    assert f"{PATIENTS}/{person}" in desk.page and "phím thô" in desk.words()


async def test_what_was_typed_never_stands_in_a_url(as_role: Any, person: str) -> None:
    desk = await as_role("reception")
    await desk.get(PATIENTS)
    assert 'method="post"' in desk.page and "hx-post" in desk.page and "hx-get" not in desk.page
    answer = await desk.get(f"{PATIENTS}?text=dang")
    assert answer.status_code == 200 and "Đặng" not in desk.page


async def test_the_other_tenant_finds_and_opens_nobody(as_role: Any, person: str) -> None:
    stranger = await as_role("doctor", tenant=2)
    await stranger.post(PATIENTS, {"text": "dang thi duong"}, headers=HTMX)
    assert person not in stranger.page
    for path in ("", "/access", f"/entries/Patient/{person}"):
        assert (await stranger.get(f"{PATIENTS}/{person}{path}")).status_code == 404
        assert "Đường" not in stranger.page


# -- register ------------------------------------------------------------------------------------------------------

FORM = {"name": "Lý Văn Mới", "sex": "male", "birth": "01021990", "citizen_number": "", "phone": ""}


async def test_a_person_is_registered_and_shown(as_role: Any) -> None:
    desk = await as_role("reception")
    await desk.get(f"{PATIENTS}/new")
    answer = await desk.post(f"{PATIENTS}/new", FORM)
    assert answer.status_code == 303
    await desk.get(answer.headers["location"])
    assert "Lý Văn Mới" in desk.words() and "01/02/1990" in desk.words() and "Dị ứng Chưa hỏi" in desk.words()


async def test_a_form_with_faults_keeps_what_was_typed(as_role: Any) -> None:
    desk = await as_role("reception")
    await desk.get(f"{PATIENTS}/new")
    answer = await desk.post(f"{PATIENTS}/new", {"name": "Lý Văn Mới", "birth": "31/02/1990", "phone": "0912"})
    assert answer.status_code == 422
    assert 'value="Lý Văn Mới"' in desk.page and "Ngày chưa đúng" in desk.words() and "giới tính" in desk.words()


async def test_a_similar_person_warns_and_asks_a_reason_but_never_blocks(as_role: Any, person: str) -> None:
    desk = await as_role("reception")
    again = {"name": "Đặng Thị Đường", "sex": "female", "birth": "1/2/1958"}
    await desk.get(f"{PATIENTS}/new")
    await desk.post(f"{PATIENTS}/new/similar", again, headers=HTMX)
    assert "Trùng tên và ngày sinh" in desk.words() and person in desk.page
    await desk.get(f"{PATIENTS}/new")
    assert (await desk.post(f"{PATIENTS}/new", again)).status_code == 409
    assert "Vì sao vẫn đăng ký mới?" in desk.words()
    answer = await desk.post(f"{PATIENTS}/new", {**again, "reason": "Hai người trùng tên, đã đối chiếu thẻ"})
    assert answer.status_code == 303 and person not in answer.headers["location"]


async def test_a_scan_fills_the_form(as_role: Any) -> None:
    desk = await as_role("reception")
    await desk.get(f"{PATIENTS}/new")
    await desk.post(
        f"{PATIENTS}/new", {"step": "scan", "scan": "001190001234||Trần Văn Quét|02031990|Nam|Thôn Mẫu|01012022"}
    )
    assert 'value="Trần Văn Quét"' in desk.page and 'value="02/03/1990"' in desk.page and "001190001234" in desk.page


async def test_an_old_address_on_the_card_shows_the_commune_of_today_and_a_divided_one_is_asked(as_role: Any) -> None:
    desk = await as_role("reception")
    scan = "079058000011||Nguyễn Văn Ân|01021958|Nam|{}|15042021"
    old = "12 Lê Lợi, Phường Bến Nghé, Quận 1, TP. Hồ Chí Minh"
    await desk.post(f"{PATIENTS}/new", {"step": "scan", "scan": scan.format(old)})
    assert 'value="Phường Sài Gòn"' in desk.page
    assert "cũ: Phường Bến Nghé, Quận 1, Hồ Chí Minh (trước 01/07/2025)" in desk.words()
    divided = "Tổ 1, Thị trấn Tây Đằng, Huyện Ba Vì, Hà Nội"
    await desk.post(f"{PATIENTS}/new", {"step": "scan", "scan": scan.format(divided)})
    assert "Nơi này nay có thể thuộc: Xã Quảng Oai, Xã Minh Châu" in desk.words()
    assert '<option value="Xã Quảng Oai">' in desk.page and 'value="Xã Quảng Oai" autocomplete' not in desk.page


async def test_provinces_stand_in_the_order_of_the_alphabet(as_role: Any) -> None:
    desk = await as_role("reception")
    await desk.get(f"{PATIENTS}/new")
    options = desk.page.split('name="province_code"')[1].split("</select>")[0]
    assert 0 < options.index("An Giang") < options.index("Cà Mau") < options.index("Đà Nẵng") < options.index("Gia Lai")


# -- read ----------------------------------------------------------------------------------------------------------


async def test_a_life_stands_newest_first_with_values_units_and_places(as_role: Any, person: str) -> None:
    doctor = await as_role("doctor")
    assert (await doctor.get(f"{PATIENTS}/{person}")).status_code == 200
    said = doctor.words()
    for words in (
        "Đặng Thị Đường",
        "Nữ",
        "01/02/1958",
        "152/94 mmHg",
        "↑ Cao",
        "Khám tăng huyết áp",
        "Trạm y tế Mẫu",
        "Amlodipin 5 mg",
        "Sáng 1 viên",
        "Không ghi ngày",
        "Huyết áp dưới 130/80",
    ):
        assert words in said, words
    assert said.index("152/94") < said.index("Khám tăng huyết áp") < said.index("Amlodipin") < said.index("dưới 130/80")


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("kind=medicines", "Amlodipin", "152/94"),
        ("year=2024", "152/94", "Amlodipin"),
        ("kind=vaccines", "Chưa có mục nào", "152/94"),
        ("year=x&kind=zzz", "Chưa có mục nào", "152/94"),
    ],
)
async def test_filters_leave_what_fits(as_role: Any, person: str, query: str, shown: str, hidden: str) -> None:
    doctor = await as_role("doctor")
    await doctor.get(f"{PATIENTS}/{person}?{query}")
    assert shown in doctor.words() and hidden not in doctor.words()


async def test_a_facility_shows_its_visits_and_what_was_done_in_them(as_role: Any, person: str) -> None:
    doctor = await as_role("doctor")
    await doctor.get(f"{PATIENTS}/{person}")
    facility = doctor.page.split('<option value="', 1)[1]
    facility = next(part.split('"')[0] for part in doctor.page.split('<option value="') if "Trạm y tế Mẫu" in part)
    await doctor.get(f"{PATIENTS}/{person}?facility={facility}")
    assert "152/94" in doctor.words() and "Amlodipin" not in doctor.words()
    await doctor.get(f"{PATIENTS}/{person}?facility=nowhere")
    assert "152/94" not in doctor.words()


async def test_pages_by_key_show_every_entry_once(as_role: Any, store: Store, system: Actor, person: str) -> None:
    for number in range(60):
        await store_one(
            store,
            system,
            {
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": f"Chỉ số {number:02}"},
                "subject": {"reference": f"Patient/{person}"},
                "effectiveDateTime": "2020-01-01",
            },
        )
    doctor = await as_role("doctor")
    await doctor.get(f"{PATIENTS}/{person}")
    pages = [doctor.words()]
    while "Xem thêm" in pages[-1]:
        more = doctor.page.split('id="more"')[1].split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
        await doctor.get(f"{PATIENTS}/{person}{more}", headers=HTMX)
        pages.append(doctor.words())
    whole = " ".join(pages)
    assert len(pages) == 2 and all(whole.count(f"Chỉ số {number:02}") == 1 for number in range(60))
    assert (await doctor.get(f"{PATIENTS}/{person}?after=rubbish")).status_code == 400


async def test_a_role_sees_the_types_it_may_read(as_role: Any, person: str) -> None:
    desk = await as_role("reception")
    await desk.get(f"{PATIENTS}/{person}")
    assert "Khám tăng huyết áp" in desk.words() and "152/94" not in desk.words()


async def test_what_a_role_may_not_read_is_called_hidden_and_not_absent(as_role: Any, person: str) -> None:
    desk = await as_role("reception")
    await desk.get(f"{PATIENTS}/{person}")
    assert "Cân nặng Vai trò của bạn không xem được" in desk.words() and "Chưa cân" not in desk.words()
    assert "Dị ứng Chưa hỏi" in desk.words()
    officer = await as_role("dpo")
    await officer.get(f"{PATIENTS}/{person}/access")
    assert "Dị ứng Vai trò của bạn không xem được" in officer.words() and "Chưa hỏi" not in officer.words()


async def test_a_card_shows_every_element_and_the_json_as_sent(
    as_role: Any, store: Store, system: Actor, person: str
) -> None:
    key = await store_one(
        store,
        system,
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "Glucose"},
            "subject": {"reference": f"Patient/{person}"},
            "valueQuantity": {"value": 7.10, "unit": "mmol/L"},
            "note": [{"text": "<script>alert(1)</script>"}],
            "extension": [{"url": "https://example.org/x/lab-hint", "valueString": "nhịn ăn"}],
            "_effectiveDateTime": {"extension": [{"url": "https://example.org/why", "valueCode": "unknown"}]},
        },
    )
    doctor = await as_role("doctor")
    path = f"{PATIENTS}/{person}/entries/Observation/{key}"
    await doctor.get(path)
    for words in ("Glucose", "7,1 mmol/L", "Lab hint", "nhịn ăn", "Đặng Thị Đường", "Why"):
        assert words in doctor.words(), words
    assert "<script>alert" not in doctor.page
    assert (await doctor.get(path, headers=HTMX)).text.count("<article") == 1
    assert (await doctor.get(f"{PATIENTS}/khac/entries/Observation/{key}")).status_code == 404
    assert (await doctor.get(f"{PATIENTS}/{person}/entries/AuditEvent/{key}")).status_code == 404
    assert (await doctor.get(f"{PATIENTS}/{person}/entries/Nothing/{key}")).status_code == 404


async def test_two_versions_stand_side_by_side(as_role: Any, store: Store, system: Actor, person: str) -> None:
    await store_one(
        store, system, {**one_life.PERSON, "gender": "male", "maritalStatus": {"text": "Đã kết hôn"}}, person
    )
    doctor = await as_role("doctor")
    await doctor.get(f"{PATIENTS}/{person}/entries/Patient/{person}/versions")
    said = doctor.words()
    assert "đã đổi" in said and "Nữ" in said and "Nam" in said and "thêm" in said and "Đã kết hôn" in said
    await doctor.get(f"{PATIENTS}/{person}/entries/Patient/{person}?version=1")
    assert "Bản cũ" in doctor.words() and "Đã kết hôn" not in doctor.words()


async def test_who_opened_the_record_is_told_in_words(as_role: Any, person: str) -> None:
    desk = await as_role("reception")
    await desk.get(f"{PATIENTS}/{person}")
    officer = await as_role("dpo")
    await officer.get(f"{PATIENTS}/{person}/access")
    said = officer.words()
    assert "u-reception Thử" in said and "Tiếp đón" in said and "Mở hồ sơ" in said and "127.0.0.1" in said
    await officer.get(f"{PATIENTS}/{person}/access")
    assert "u-dpo Thử" in officer.words()  # looking at the log is looking, too


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        ("dpo", "", 403),
        ("dpo", "/access", 200),
        ("reception", "/access", 403),
        ("doctor", "/access", 200),
        ("admin", "", 403),
        ("cashier", "", 200),
        ("nurse", "/access", 403),
    ],
)
async def test_each_role_opens_its_own_pages(as_role: Any, person: str, role: str, path: str, status: int) -> None:
    someone = await as_role(role)
    assert (await someone.get(f"{PATIENTS}/{person}{path}")).status_code == status


@pytest.mark.parametrize("path", ["/a%2fb", "/" + "x" * 65, "/%00", "/..%2f..", "/'%20or%201=1"])
async def test_an_id_that_cannot_be_is_not_found(as_role: Any, path: str) -> None:
    doctor = await as_role("doctor")
    assert (await doctor.get(f"{PATIENTS}{path}")).status_code == 404
