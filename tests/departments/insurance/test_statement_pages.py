"""The statement at the desk: what waits, what changed, closing one and many, and two officers at the same one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal

from lienmach.care import resources, visit_facts
from lienmach.care.claims import consideration, storing
from lienmach.care.money import accounts, statements
from lienmach.standards.bhxh.rules.findings import Finding
from tests.care.money_visits import MoneyVisits
from tests.clinic import PIN
from tests.web.client import Browser

LIST = "/insurance/statements"
Officer = Callable[..., Awaitable[Browser]]


async def stale(visits: MoneyVisits, visit: str) -> None:
    """Let the account know that its costs have changed, as the job does."""
    async with visits.clinic.store.begin(visits.clinic.actor("system")) as tx:
        accounts.set_stale(tx, visit, (await statements.draft(tx, visit)).is_changed)


def shown(page: str) -> str:
    found = re.search(r'name="shown" value="([^"]+)"', page)
    return found[1] if found else ""


async def test_what_waits_is_listed_with_amounts_and_self_paid_visits_are_not(
    visits: MoneyVisits, officer: Officer
) -> None:
    insured = await visits.finished(("T-KHAM", 1), ("T-LON", 1))
    alone = await visits.finished(("T-KHAM", 1), card="", category="9")
    desk = await officer()
    assert (await desk.get(LIST)).status_code == 200
    assert f"/insurance/visits/{insured}" in desk.page and alone not in desk.page
    assert "457.345,68 ₫" in desk.words() and "1 chờ chốt" in desk.words()
    found = re.search(rf'value="{insured}"[^>]*', desk.page)
    assert found and "checked" in found[0]


async def test_the_list_shows_what_the_job_has_computed_last_and_closing_computes_anew(
    visits: MoneyVisits, officer: Officer
) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-LON", 1))
    before = await visits.account(visit)
    assert before.expected_total is None
    await consideration.consider_visit(visits.clinic.store, 1, visit)
    known = await visits.account(visit)
    async with visits.clinic.store.begin(visits.clinic.actor("insurance")) as tx:
        amounts = (await statements.draft(tx, visit)).amounts
        accounts.set_expected(tx, known, Decimal(11), Decimal(7), 4)
    assert (known.expected_total, known.expected_fund) == (amounts.T_TONGCHI_BV, amounts.T_BHTT)
    assert known.expected_patient == amounts.patient_total
    desk = await officer()
    await desk.get(LIST)
    assert "11 ₫" in desk.words() and "7 ₫" in desk.words() and "4 ₫" in desk.words()
    assert (await visits.close(visit)).patient_total == amounts.patient_total


async def test_a_visit_is_found_by_its_key_or_the_name_of_the_person(visits: MoneyVisits, officer: Officer) -> None:
    visit = await visits.finished(("T-KHAM", 1))
    account = await visits.account(visit)
    desk = await officer()
    for text in (account.ma_lk, account.ma_lk[:14].lower(), "nguyen van an"):
        await desk.get(LIST, params={"text": text})
        assert f"/insurance/visits/{visit}" in desk.page, text
    await desk.get(LIST, params={"text": "khong ai ca"})
    assert "Không tìm thấy" in desk.words()


async def test_an_empty_desk_says_so(visits: MoneyVisits, officer: Officer) -> None:
    desk = await officer()
    await desk.get(LIST)
    assert "Không có bảng kê nào chờ" in desk.words()


async def test_the_counts_renew_themselves_and_say_when_the_list_has_changed(
    visits: MoneyVisits, officer: Officer
) -> None:
    desk = await officer()
    await desk.get(LIST)
    asked = re.search(r'hx-get="(/insurance/statements\?seen=[^"]+)"', desk.page)
    assert asked
    part = await desk.client.get(asked[1], headers={"HX-Request": "true"})
    assert "<html" not in part.text and "0 chờ chốt" in part.text and "tải lại" not in part.text
    await visits.finished(("T-KHAM", 1))
    part = await desk.client.get(asked[1], headers={"HX-Request": "true"})
    assert "1 chờ chốt" in part.text and "tải lại" in part.text


async def test_the_statement_shows_card_shares_lines_and_what_is_not_counted(
    visits: MoneyVisits, officer: Officer
) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-LON", 1), ("T-THUOC", 10))
    await visits.add(visit, "T-XN", 1, 7, is_done=False)
    desk = await officer()
    assert (await desk.get(f"/insurance/visits/{visit}")).status_code == 200
    said = desk.words()
    assert "80 % theo thẻ × 100 % theo đối tượng = 80 %" in said
    assert "1. Khám bệnh" in said and "3. Xét nghiệm" in said and "8. Thuốc, dịch truyền" in said
    assert "Mục T-XN – chưa thực hiện" in said
    assert "cùng chi trả theo thẻ" in said and "1.1" in said
    assert f"/insurance/patients/{(await visits.account(visit)).patient_id}/card" in desk.page


async def test_closing_asks_for_the_pin_and_says_closed_only_when_it_is(visits: MoneyVisits, officer: Officer) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-LON", 1))
    page = f"/insurance/visits/{visit}"
    desk = await officer()
    await desk.get(page)
    answer = await desk.post(page, {"shown": shown(desk.page), "pin": "000000"})
    assert answer.status_code == 422 and (await visits.account(visit)).state == "finished"
    answer = await desk.post(page, {"shown": shown(desk.page), "pin": PIN})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{page}?done=closed"), desk.words()
    account = await visits.account(visit)
    assert account.state == "closed" and account.version == 1
    await desk.get(answer.headers["location"])
    assert f"Đã chốt và ký bảng kê {account.bill_number}" in desk.words()
    assert f"/billing/statements/{account.invoice_id}/pdf" in desk.page


async def test_what_changed_while_it_was_read_is_not_signed(visits: MoneyVisits, officer: Officer) -> None:
    visit = await visits.finished(("T-KHAM", 1))
    page = f"/insurance/visits/{visit}"
    desk = await officer()
    await desk.get(page)
    seen = shown(desk.page)
    await visits.add(visit, "T-LON", 1, 5)
    answer = await desk.post(page, {"shown": seen, "pin": PIN})
    assert answer.status_code == 409 and "hãy đọc lại rồi chốt" in desk.words()
    assert (await visits.account(visit)).state == "finished" and "Mục T-LON" in desk.words()


async def test_two_officers_close_the_same_statement_and_one_wins(visits: MoneyVisits, officer: Officer) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-LON", 1))
    page = f"/insurance/visits/{visit}"
    first, second = await officer("insurance"), await officer("cashier")
    await asyncio.gather(first.get(page), second.get(page))
    answers = await asyncio.gather(*(one.post(page, {"shown": shown(one.page), "pin": PIN}) for one in (first, second)))
    assert sorted(one.status_code for one in answers) == [303, 409]
    assert "không cần chốt lại" in (first if answers[0].status_code == 409 else second).words()
    account = await visits.account(visit)
    async with visits.clinic.store.begin(visits.clinic.actor("insurance")) as tx:
        assert account.version == 1 and len(await statements.versions(tx, visit)) == 1


async def test_a_changed_visit_stands_on_top_with_what_changed_and_needs_a_reason(
    visits: MoneyVisits, officer: Officer
) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-THUOC", 10))
    await visits.close(visit)
    await visits.give(f"MedicationRequest/{visit}-1", 4)
    await stale(visits, visit)
    desk, page = await officer(), f"/insurance/visits/{visit}"
    await desk.get(LIST)
    assert "1 cần lập lại" in desk.words() and "Mục T-THUOC: số lượng 10 → 4" in desk.words()
    await desk.get(page)
    assert "Mục T-THUOC: số lượng 10 → 4" in desk.words()
    answer = await desk.post(page, {"shown": shown(desk.page), "pin": PIN, "reason": ""})
    assert answer.status_code == 422 and "lý do" in desk.words()
    answer = await desk.post(page, {"shown": shown(desk.page), "reason": "Người bệnh chỉ lĩnh 4 viên"})
    assert answer.status_code == 303, desk.words()
    assert (await visits.account(visit)).version == 2
    await desk.get(page)
    assert "Người bệnh chỉ lĩnh 4 viên" in desk.words() and "đã thay" in desk.words()


async def test_many_are_closed_under_one_pin_and_each_tells_its_result(visits: MoneyVisits, officer: Officer) -> None:
    chosen = [await visits.finished(("T-KHAM", 1), ("T-XN", number)) for number in range(1, 4)]
    twice = await visits.finished(("T-KHAM", 1))
    await visits.close(twice)
    desk = await officer()
    await desk.get(LIST)
    answer = await desk.post(LIST, {"visit": [*chosen, twice, "nobody"], "pin": PIN})  # type: ignore[dict-item]
    assert answer.status_code == 200 and "đã chốt 3 bảng kê, 2 chưa chốt được" in desk.words()
    for own in chosen:
        account = await visits.account(own)
        assert account.state == "closed" and f"Đã chốt {account.bill_number}" in desk.words()
    assert "bản mới cần lý do" in desk.words() and (await visits.account(twice)).version == 1


async def find_error(visits: MoneyVisits, visit: str) -> None:
    """The rules found an error in this visit when its claim was last considered."""
    wrong = Finding("TIM-07", "XML3", "NGAY_YL", 1, "error", "Y lệnh sau kết quả", (), "doc")
    async with visits.clinic.store.begin(visits.clinic.actor("system")) as tx:
        storing.keep_findings(tx, visit, [wrong])


async def test_one_faulty_visit_is_not_closed_with_the_others_and_holds_none_of_them_back(
    visits: MoneyVisits, officer: Officer
) -> None:
    first, faulty, last = [await visits.finished(("T-KHAM", 1)) for _ in range(3)]
    await find_error(visits, faulty)
    desk = await officer()
    await desk.get(LIST)
    assert "1 phải sửa" in desk.words()
    found = re.search(rf'value="{faulty}"[^>]*', desk.page)
    assert found and "checked" not in found[0], "it is not marked from the start"
    await desk.post(LIST, {"visit": [first, faulty, last], "pin": PIN})  # type: ignore[dict-item]
    assert "đã chốt 2 bảng kê, 1 chưa chốt được" in desk.words() and "Còn lỗi phải sửa" in desk.words()
    assert [(await visits.account(own)).state for own in (first, faulty, last)] == ["closed", "finished", "closed"]


async def test_an_error_names_rule_place_and_who_mends_it_and_closing_wants_it_seen(
    visits: MoneyVisits, officer: Officer
) -> None:
    visit = await visits.finished(("T-KHAM", 1))
    await find_error(visits, visit)
    desk, page = await officer(), f"/insurance/visits/{visit}"
    await desk.get(page)
    said = desk.words()
    assert "Y lệnh sau kết quả" in said and "TIM-07 · XML3.NGAY_YL · dòng 1 · Người sửa: Bác sĩ" in said
    assert f"/outpatient/visits/{visit}" in said
    answer = await desk.post(page, {"shown": shown(desk.page), "pin": PIN})
    assert answer.status_code == 422 and "đánh dấu đã xem" in desk.words()
    assert (await visits.account(visit)).state == "finished"
    answer = await desk.post(page, {"shown": shown(desk.page), "seen": "1"})
    assert answer.status_code == 303 and (await visits.account(visit)).state == "closed"


async def test_with_script_a_few_are_closed_at_a_time_and_the_rest_follows_by_itself(
    visits: MoneyVisits, officer: Officer
) -> None:
    chosen = [await visits.finished(("T-KHAM", 1)) for _ in range(7)]
    desk = await officer()
    await desk.get(LIST)
    proof, htmx = desk.proof(), {"HX-Request": "true"}
    first = await desk.client.post(LIST, data={"csrf": proof, "visit": chosen, "pin": PIN}, headers=htmx)
    assert "<html" not in first.text and "đã chốt 5" in first.text and 'hx-trigger="load"' in first.text
    rest = re.findall(r'name="visit" value="([^"]+)"', first.text)
    assert rest == chosen[5:]
    data = {"csrf": proof, "visit": rest, "closed": "5", "left": "0"}
    second = await desk.client.post(LIST, data=data, headers=htmx)
    assert "đã chốt 7 bảng kê, 0 chưa chốt được" in second.text and "hx-trigger" not in second.text
    assert {(await visits.account(own)).state for own in chosen} == {"closed"}


async def test_a_wrong_pin_or_nothing_chosen_closes_nothing(visits: MoneyVisits, officer: Officer) -> None:
    visit = await visits.finished(("T-KHAM", 1))
    desk = await officer()
    await desk.get(LIST)
    assert (await desk.post(LIST, {"visit": visit, "pin": "111111"})).status_code == 422
    answer = await desk.post(LIST, {"pin": PIN})
    assert answer.status_code == 422 and "ít nhất một lượt" in desk.words()
    part = await desk.client.post(
        LIST, data={"csrf": desk.proof(), "visit": visit, "pin": "111111"}, headers={"HX-Request": "true"}
    )
    assert part.status_code == 200 and "alert" in part.text
    assert (await visits.account(visit)).state == "finished"


async def test_a_visit_is_made_self_paid_with_a_reason_and_not_without(visits: MoneyVisits, officer: Officer) -> None:
    visit = await visits.finished(("T-KHAM", 1), ("T-LON", 1))
    page = f"/insurance/visits/{visit}"
    desk = await officer()
    await desk.get(page)
    answer = await desk.post(f"{page}/category", {"why": ""})
    assert answer.status_code == 422 and "lý do" in desk.words()
    answer = await desk.post(f"{page}/category", {"why": "Thẻ đã bị thu hồi"})
    assert answer.status_code == 303, desk.words()
    async with visits.clinic.store.begin(visits.clinic.actor("insurance")) as tx:
        encounter = await resources.read(tx, "Encounter", visit)
        assert visit_facts.category_of(encounter) == "9"
        assert (await statements.draft(tx, visit)).amounts.T_BHTT == 0
    assert not (await visits.account(visit)).is_insured


async def test_a_visit_without_an_account_is_not_found_and_says_what_to_wait_for(
    visits: MoneyVisits, officer: Officer
) -> None:
    visit = await visits.clinic.visit(await visits.clinic.patient())
    desk = await officer()
    assert (await desk.get(f"/insurance/visits/{visit}")).status_code == 404
    assert (await desk.get("/insurance/visits/a%20b")).status_code == 404
