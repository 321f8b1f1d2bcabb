"""Arrival at the desk: from whatever a person brings to a number on paper, with nothing typed twice."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from lienmach.care import (
    booking,
    coverages,
    person_change,
    queue,
    resources,
    systems,
    visit_facts,
    visit_origin,
    visits,
)
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import identity
from tests.clinic import Clinic
from tests.web.client import Browser

ARRIVALS = "/registration/arrivals"
CARD = "079058000011|023456789|Nguyễn Văn Ân|01021958|Nam|12 Lê Lợi, Phường Bến Nghé, Quận 1, TP. Hồ Chí Minh|15042021"


@pytest.fixture
async def desk(browser: Browser) -> Browser:
    await browser.sign_in("reception")
    await browser.get(ARRIVALS)
    return browser


@pytest.fixture
async def person(clinic: Clinic) -> str:
    return await clinic.patient(
        identifier=[identity.identifier("cccd", "079058000011")], telecom=[{"system": "phone", "value": "0912345678"}]
    )


async def encounters(clinic: Clinic, patient_id: str) -> list[dict[str, Any]]:
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        return await resources.find(tx, "Encounter", ("patient", f"Patient/{patient_id}"))


async def test_a_returning_person_is_received_with_a_scan_and_one_enter(
    clinic: Clinic, desk: Browser, person: str
) -> None:
    answer = await desk.post(ARRIVALS, {"text": CARD})
    assert answer.status_code == 303 and answer.headers["location"] == f"{ARRIVALS}/{person}"
    await desk.get(answer.headers["location"])
    assert "Nguyễn Văn Ân" in desk.words() and "phòng chờ ngắn nhất" in desk.words()
    answer = await desk.post(f"{ARRIVALS}/{person}", chosen(desk))
    assert answer.status_code == 303 and answer.headers["location"].endswith("?print=1")
    await desk.get(answer.headers["location"])
    assert "data-print-now" in desk.page and "<svg" in desk.page and "-001" in desk.words()
    (visit,) = await encounters(clinic, person)
    assert visit["status"] == "arrived"
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        ticket = await queue.ticket_of(tx, visit["id"], "exam")
    assert ticket is not None and ticket.state == "waiting" and ticket.name == "Nguyễn V. Ân"


def chosen(desk: Browser) -> dict[str, str]:
    """What the form sends when nothing was touched."""
    found = {"reason": "", "slip": "", "category": ""}
    for name, body in re.findall(r'<select id="(\w+)" name="\w+"[^>]*>(.*?)</select>', desk.page, re.S):
        options = re.findall(r'<option value="([^"]*)"( selected)?', body)
        found[name] = next((value for value, own in options if own), options[0][0] if options else "")
    for name, value in re.findall(r'<input type="hidden" name="(booking)" value="([^"]*)"', desk.page):
        found[name] = value
    return found


async def test_an_old_person_is_preselected_as_priority_and_goes_before_others(clinic: Clinic, desk: Browser) -> None:
    old = await clinic.patient(birthDate="1940-01-01")
    await desk.get(f"{ARRIVALS}/{old}")
    assert chosen(desk)["group"] in ("tu-75", "tu-80") and "Theo ngày sinh" in desk.words()
    await desk.post(f"{ARRIVALS}/{old}", chosen(desk))
    (visit,) = await encounters(clinic, old)
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        ticket = await queue.ticket_of(tx, visit["id"], "exam")
    assert ticket is not None and 0 < ticket.priority < queue.EMERGENCY


async def test_two_people_are_sent_to_the_two_rooms_of_a_specialty(clinic: Clinic, desk: Browser) -> None:
    rooms = set()
    for name in ("Trần Một", "Trần Hai"):
        one = await clinic.patient(name=[{"text": name}], birthDate="1990-01-01")
        await desk.get(f"{ARRIVALS}/{one}")
        rooms.add(chosen(desk)["room"])
        await desk.post(f"{ARRIVALS}/{one}", chosen(desk))
    assert len(rooms) == 2


async def test_a_second_visit_of_the_day_is_asked_about(clinic: Clinic, desk: Browser, person: str) -> None:
    await desk.get(f"{ARRIVALS}/{person}")
    await desk.post(f"{ARRIVALS}/{person}", chosen(desk))
    await desk.get(f"{ARRIVALS}/{person}")
    assert "Đang có lượt khám mở" in desk.words()
    answer = await desk.post(f"{ARRIVALS}/{person}", chosen(desk))
    assert answer.status_code == 409 and len(await encounters(clinic, person)) == 1
    answer = await desk.post(f"{ARRIVALS}/{person}", {**chosen(desk), "again": "1"})
    assert answer.status_code == 303 and len(await encounters(clinic, person)) == 2


async def test_a_new_person_is_registered_from_the_card_and_comes_back_without_retyping(
    clinic: Clinic, desk: Browser
) -> None:
    await desk.post(ARRIVALS, {"text": CARD})
    assert "Đăng ký từ thẻ vừa quét" in desk.words() and 'name="next" value="arrival"' in desk.page
    form = {"step": "draft", "next": "arrival", "name": "Nguyễn Văn Ân", "sex": "male", "birth": "1958-02-01"}
    await desk.post("/registration/patients/new", {**form, "citizen_number": "079058000011"})
    assert 'name="next" value="arrival"' in desk.page and 'value="01/02/1958"' in desk.page
    answer = await desk.post("/registration/patients/new", {**form, "step": "save", "citizen_number": "079058000011"})
    assert answer.status_code == 303 and answer.headers["location"].startswith(f"{ARRIVALS}/")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("079058000011|02345|Nguy", "Mã quét bị đứt đoạn"),
        ("lorem|ipsum", "Đây không phải mã trên thẻ căn cước hay thẻ BHYT"),
        (CARD.replace("01021958", "01022958"), "ở tương lai"),
        ("GD4790000123456|4e677579e1bb856e2056c4836e20c3826e|01/02/1958|1|-|79001|01/01/2020|31/12/2020", "hết hạn"),
        ("Ân " * 120, "quá dài"),
        ("https://kham.example/dat-kham/12345678901234567890", "Không có lịch hẹn nào"),
        ("12345678901234567890", "Không có lịch hẹn nào"),
        ("zzzz qqqq", "Chưa thấy người nào"),
    ],
)
async def test_bad_input_gets_a_sentence_that_helps(desk: Browser, text: str, sentence: str) -> None:
    answer = await desk.post(ARRIVALS, {"text": text})
    assert answer.status_code == 200 and sentence in desk.words()


async def test_a_birth_date_ahead_offers_no_registration(desk: Browser) -> None:
    await desk.post(ARRIVALS, {"text": CARD.replace("01021958", "01022958")})
    assert 'value="draft"' not in desk.page


async def test_a_long_name_or_a_birth_ahead_is_not_registered_and_what_was_typed_stays(
    clinic: Clinic, desk: Browser
) -> None:
    await desk.get("/registration/patients/new")
    answer = await desk.post("/registration/patients/new", {"name": "A" * 300, "sex": "male", "birth": "01012990"})
    assert answer.status_code == 422 and "dài quá 200 ký tự" in desk.words()
    await desk.get("/registration/patients/new")
    await desk.post("/registration/patients/new", {"name": "Lý Mới", "sex": "male", "birth": "31/02/1990"})
    assert 'value="31/02/1990"' in desk.page and 'id="birth"' in desk.page
    assert "autofocus" in desk.page.split('id="birth"')[1].split(">")[0]


async def test_a_reason_that_is_too_long_opens_nothing(clinic: Clinic, desk: Browser, person: str) -> None:
    await desk.get(f"{ARRIVALS}/{person}")
    answer = await desk.post(f"{ARRIVALS}/{person}", {**chosen(desk), "reason": "đau " * 200})
    assert answer.status_code == 422 and await encounters(clinic, person) == []


async def test_typing_shows_people_and_never_leaves_the_page(desk: Browser, person: str) -> None:
    answer = await desk.post(ARRIVALS, {"text": "079058000011"}, headers={"hx-request": "true"})
    assert answer.status_code == 200 and f"{ARRIVALS}/{person}" in desk.page and "<html" not in desk.page


async def test_a_doctors_slip_opens_one_visit_as_category_1_5(clinic: Clinic, desk: Browser, person: str) -> None:
    async def slip(tx: Transaction) -> str:
        today = queue.today(tx)
        return (
            await resources.create(
                tx,
                {
                    "resourceType": "Appointment",
                    "identifier": [{"system": systems.PAPER, "value": "86991/2026/GH/000001"}],
                    "status": "booked",
                    "start": f"{today}T07:30:00+07:00",
                    "end": f"{today}T11:30:00+07:00",
                    "participant": [
                        {"actor": {"reference": f"Patient/{person}"}, "required": "required", "status": "accepted"}
                    ],
                },
            )
        ).id

    await clinic.store.run(clinic.actor("doctor"), slip)
    await desk.get(f"{ARRIVALS}/{person}")
    assert "giấy hẹn 86991/2026/GH/000001" in desk.words()
    assert (await desk.post(f"{ARRIVALS}/{person}", chosen(desk))).status_code == 303
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert await booking.is_slip_used(tx, "86991/2026/GH/000001")
    other = await clinic.patient(name=[{"text": "Ai Khác"}])
    await desk.get(f"{ARRIVALS}/{other}")
    answer = await desk.post(f"{ARRIVALS}/{other}", {**chosen(desk), "slip": "86991/2026/GH/000001"})
    assert answer.status_code == 422 and "của người khác" in desk.words() and await encounters(clinic, other) == []


@pytest.mark.parametrize(("days", "is_fine"), [(-11, False), (-10, True), (5, True), (6, False)])
async def test_a_doctors_slip_is_good_around_its_day_and_used_once(
    clinic: Clinic, desk: Browser, person: str, days: int, is_fine: bool
) -> None:
    """days: from today to the day of the slip; the list allows five days before it and ten after it."""

    async def slip(tx: Transaction) -> None:
        on = queue.today(tx) + timedelta(days=days)
        who = {"actor": {"reference": f"Patient/{person}"}, "required": "required", "status": "accepted"}
        body = {
            "resourceType": "Appointment",
            "identifier": [{"system": systems.PAPER, "value": "86991/2026/GH/000002"}],
            "status": "booked",
            "start": f"{on}T07:30:00+07:00",
            "end": f"{on}T11:30:00+07:00",
            "participant": [who],
        }
        await resources.create(tx, body)

    await clinic.store.run(clinic.actor("doctor"), slip)
    await desk.get(f"{ARRIVALS}/{person}")
    form = {**chosen(desk), "slip": "86991/2026/GH/000002"}
    answer = await desk.post(f"{ARRIVALS}/{person}", form)
    if not is_fine:
        assert answer.status_code == 422 and "Giấy hẹn này chỉ dùng từ" in desk.words()
        assert await encounters(clinic, person) == []
        form["slip"] = ""
        assert (await desk.post(f"{ARRIVALS}/{person}", form)).status_code == 303, "as somebody without a slip"
        return
    assert answer.status_code == 303
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        found = await booking.find_slip(tx, "86991/2026/GH/000002")
        assert found is not None and found.status == "arrived"
    answer = await desk.post(f"{ARRIVALS}/{person}", {**form, "again": "1"})
    assert answer.status_code == 409 and "chỉ dùng một lần" in desk.words()


ADDRESS = {"address_line": "Số 1", "province_code": "01", "commune": "Phường Ba Đình"}
NEW_CARD = "GD4790000123456|4e677579e1bb856e2056c4836e20c3826e|01/02/1958|1|-|79001|01/01/2026|31/12/2099"


async def test_a_new_card_shown_at_the_desk_is_put_on_the_person(clinic: Clinic, desk: Browser, person: str) -> None:
    await desk.get(f"{ARRIVALS}/{person}")
    answer = await desk.post(f"{ARRIVALS}/{person}", {**chosen(desk), "card": NEW_CARD, **ADDRESS})
    assert answer.status_code == 303
    (visit,) = await encounters(clinic, person)
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        (card,) = await coverages.of_patient(tx, person)
        assert coverages.number_of(await resources.read(tx, "Patient", person)) == "GD4790000123456"
    assert visit_facts.coverage_of(visit) == card.coverage_id and str(card.to_on) == "2099-12-31"


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        ("GD479", "gồm 2 chữ cái"),
        (NEW_CARD[:40], "gồm 2 chữ cái"),
        (NEW_CARD.replace("2099", "2025"), "đã hết hạn"),
        (NEW_CARD.replace("4e677579e1bb856e2056c4836e20c3826e", "4cc3aa"), "khác tên trong hồ sơ"),
    ],
)
async def test_a_wrong_card_opens_no_visit_and_changes_nothing(
    clinic: Clinic, desk: Browser, person: str, card: str, sentence: str
) -> None:
    await desk.get(f"{ARRIVALS}/{person}")
    answer = await desk.post(f"{ARRIVALS}/{person}", {**chosen(desk), "card": card})
    assert answer.status_code == 422 and sentence in desk.words() and await encounters(clinic, person) == []
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        assert await coverages.of_patient(tx, person) == []


async def test_a_card_without_an_address_is_asked_about_at_the_field_and_opens_no_visit(
    clinic: Clinic, desk: Browser, person: str
) -> None:
    await desk.get(f"{ARRIVALS}/{person}")
    answer = await desk.post(f"{ARRIVALS}/{person}", {**chosen(desk), "card": NEW_CARD, "reason": "Ho"})
    assert answer.status_code == 422 and 'aria-describedby="commune-hint"' in desk.page and 'value="Ho"' in desk.page
    assert await encounters(clinic, person) == []
    answer = await desk.post(f"{ARRIVALS}/{person}", {**chosen(desk), "card": NEW_CARD, **ADDRESS})
    assert answer.status_code == 303
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        found = await resources.read(tx, "Patient", person)
    assert found["address"][0]["text"] == "Số 1, Phường Ba Đình, Hà Nội" and person_change.has_address(found)


async def test_the_desk_may_go_on_with_a_reason_and_the_queue_shows_a_mark_until_the_address_is_there(
    clinic: Clinic, desk: Browser, person: str
) -> None:
    await desk.get(f"{ARRIVALS}/{person}")
    sent = {**chosen(desk), "card": NEW_CARD, "address_reason": "sẽ mang giấy tờ sau"}
    assert (await desk.post(f"{ARRIVALS}/{person}", sent)).status_code == 303
    queue_page = f"/registration/queue?place={sent['room']}"
    await desk.get(queue_page)
    assert "chưa có địa chỉ" in desk.words() and f"/registration/patients/{person}/details" in desk.page
    await desk.get(f"/registration/arrivals/{person}")
    assert "Người này chưa có địa chỉ" in desk.words() and "sẽ mang giấy tờ sau" in desk.page
    await desk.post(f"{ARRIVALS}/{person}", {**chosen(desk), **ADDRESS, "again": "1"})
    await desk.get(queue_page)
    assert "chưa có địa chỉ" not in desk.words()


async def test_who_pays_alone_is_not_asked_for_an_address_and_has_no_mark(
    clinic: Clinic, desk: Browser, person: str
) -> None:
    await desk.get(f"{ARRIVALS}/{person}")
    sent = chosen(desk)
    assert (await desk.post(f"{ARRIVALS}/{person}", sent)).status_code == 303
    await desk.get(f"/registration/queue?place={sent['room']}")
    assert "chưa có địa chỉ" not in desk.words()


async def test_referral_and_accident_are_kept_on_the_visit_and_put_right_afterwards(
    clinic: Clinic, desk: Browser, person: str
) -> None:
    await desk.get(f"{ARRIVALS}/{person}")
    sent = {**chosen(desk), "from_code": "79024", "referral": "CT/2026/7", "accident": "1", "card": NEW_CARD, **ADDRESS}
    assert (await desk.post(f"{ARRIVALS}/{person}", sent)).status_code == 303
    (visit,) = await encounters(clinic, person)
    assert visit_origin.of(visit) == visit_origin.Origin("79024", "CT/2026/7", "1")
    assert visit_facts.category_of(visit) == "1.3"
    url = f"/registration/visits/{visit['id']}/arrival"
    await desk.get(url)
    assert 'value="79024"' in desk.page and "CT/2026/7" in desk.page
    version = re.search(r'name="version" value="(\d+)"', desk.page)[1]  # type: ignore[index]
    changed = {"version": version, "from_code": "79025", "referral": "CT/2026/7", "accident": ""}
    assert (await desk.post(url, changed)).status_code == 303
    (visit,) = await encounters(clinic, person)
    assert visit_origin.of(visit) == visit_origin.Origin("79025", "CT/2026/7", "")
    assert (await desk.post(url, {**changed, "accident": "2"})).status_code == 412
    assert "vừa sửa" in desk.words()
    assert "Mã cơ sở chuyển đến đây 79025 79025" in desk.words()


async def test_two_who_put_a_visits_origin_right_at_once_lose_neither_and_other_changes_do_not_hinder(
    clinic: Clinic, desk: Browser, person: str
) -> None:
    own = await clinic.visit(person, started=False)
    url = f"/registration/visits/{own}/arrival"
    await desk.get(url)
    seen = {"version": re.search(r'name="version" value="(\d+)"', desk.page)[1]}  # type: ignore[index]
    await clinic.store.run(clinic.actor("doctor"), lambda tx: visits.start(tx, own))
    first = await desk.post(url, {**seen, "from_code": "", "referral": "", "accident": "1"})
    assert first.status_code == 303  # the doctor began meanwhile, and wrote nothing of this
    answer = await desk.post(url, {**seen, "from_code": "79024", "referral": "CT/2026/7", "accident": ""})
    assert answer.status_code == 412 and "Hai người cùng sửa" in desk.page
    form = desk.page[desk.page.index('<form method="post" action="/registration/visits/') :]
    again = dict(re.findall(r'name="(\w+)" type="text" value="([^"]*)"', form))
    again["version"] = re.search(r'name="version" value="(\d+)"', form)[1]  # type: ignore[index]
    again["accident"] = re.search(r'value="(\d+)" selected', form)[1]  # type: ignore[index]
    assert (await desk.post(url, again)).status_code == 303
    (visit,) = await encounters(clinic, person)
    assert visit_origin.of(visit) == visit_origin.Origin("79024", "CT/2026/7", "1")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"from_code": "7902"}, "đúng 5 ký tự"),
        ({"referral": "CT/2026/7"}, "ghi cả mã cơ sở"),
        ({"referral": "C" * 51, "from_code": "79024"}, "50 ký tự"),
        ({"accident": "9"}, "không có trong danh mục"),
    ],
)
async def test_a_wrong_referral_is_said_at_its_field_and_opens_no_visit(
    clinic: Clinic, desk: Browser, person: str, said: dict[str, str], sentence: str
) -> None:
    await desk.get(f"{ARRIVALS}/{person}")
    answer = await desk.post(f"{ARRIVALS}/{person}", {**chosen(desk), **said})
    assert answer.status_code == 422 and sentence in desk.words() and 'aria-invalid="true"' in desk.page
    assert await encounters(clinic, person) == []
