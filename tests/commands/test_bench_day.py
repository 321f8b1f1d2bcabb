"""The day at the clinic that the benchmark makes: valid data under the ids that the rooms look for, honest figures."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal

import pytest

from lienmach.bench import (
    browser,
    client,
    data,
    day_bill_rows,
    day_bills,
    day_data,
    day_fill,
    day_pages,
    day_people,
    day_visit,
)
from lienmach.care import catalogue_set, charges, coverages, notes, visit_facts
from lienmach.care.claims import claims
from lienmach.care.money import ledger, statement, statement_entries
from lienmach.departments.laboratory import facts
from lienmach.identity import roles
from lienmach.standards.bhxh import claim_xml
from lienmach.standards.fhir import definitions, validate
from lienmach.standards.vietnam import identity, prescription_code

TODAY = date(2026, 3, 9)
NOW = datetime(2026, 3, 9, 10, 30, tzinfo=day_data.VIETNAM)


def visit(state: str = "finished") -> day_data.Visit:
    return day_data.Visit(7, 3, day_data.MEASURED, NOW, state)


def bill(number: int = 7, person: int = 3) -> day_bills.Bill:
    return day_bills.of_visit(day_data.Visit(number, person, day_data.MEASURED, NOW, "finished"))


def bills(count: int = 400) -> list[day_bills.Bill]:
    today = day_fill.today_of(10_000_000, 2000, 200, NOW)
    return list(day_fill.bills(day_data.history(0, count, 2000, TODAY), today))


@pytest.mark.parametrize("state", ["finished", "in-progress", "arrived"])
def test_a_visit_in_every_state_is_valid_and_marked(state: str) -> None:
    made = list(day_visit.of_visit(visit(state)))
    made += [day_data.person(3), *day_data.rooms(), *day_data.staff("bench-bacsi1", "BS Mẫu Tải 1")]
    made += [day_visit.medicine(visit(), day_visit.DRUGS[0], status="active")]
    made += [day_visit.medicine_charge(visit(), day_visit.DRUGS[0]), day_data.coverage(3), day_bills.invoice(bill())]
    for resource in made:
        assert validate.validate(definitions.load(), json.loads(data.dump(resource))) == []
        assert resource["meta"]["security"][0]["code"] == "HTEST"


def test_a_finished_visit_is_whole_and_always_the_same() -> None:
    made = list(day_visit.of_visit(visit()))
    assert len(made) == day_visit.RESOURCES_A_VISIT
    assert made == list(day_visit.of_visit(visit()))
    assert len({(one["resourceType"], one["id"]) for one in made}) == len(made)


def test_its_ids_are_those_that_the_rooms_look_for() -> None:
    own = {(one["resourceType"], one["id"]): one for one in day_visit.of_visit(visit())}
    order = visit().order_id
    assert ("Composition", notes.id_of(visit().id)) in own
    assert ("DiagnosticReport", facts.report_id(order)) in own
    assert ("ChargeItem", charges.charge_id(f"ServiceRequest/{order}")) in own
    named = own["Encounter", visit().id]["diagnosis"][0]["condition"]
    code = named["display"].partition(" ")[0]
    assert named["reference"] == f"Condition/{visit_facts.own_id(visit().id, 'diagnosis', code)}"
    result = next(one for kind, one in own if kind == "Observation" and one != f"{visit().id}-w")
    indicators = [one[2] for one in day_visit.TESTS]
    assert result in {facts.observation_id(order, one) for one in indicators}
    assert prescription_code.is_code(visit().prescription)


def test_its_numbers_have_the_shape_of_citizen_and_card_numbers() -> None:
    kinds = {one.system: one for one in identity.KINDS}
    for number in (1, 99_999):
        for one in day_data.person(number)["identifier"]:
            assert kinds[one["system"]].pattern
            assert len(one["value"]) in (12, 15)
    assert len({day_data.citizen_number(number) for number in range(2000)}) == 2000


def test_its_codes_are_of_the_lists_that_we_bring() -> None:
    rows = {(row.list, row.code) for row in catalogue_set.rows("demo")}
    for disease in day_visit.DISEASES:
        assert ("icd10", disease[0]) in rows
    for test in day_visit.TESTS:
        assert ("service", test[0]) in rows and ("indicator", test[2]) in rows
    for drug in day_visit.DRUGS:
        assert ("drug", drug[0]) in rows
    for room in (*day_data.DEMO_ROOMS, *day_data.OWN_ROOMS):
        assert ("service", room.exam) in rows


def test_nobody_has_two_visits_today_and_nobody_came_in_the_future() -> None:
    today = day_fill.today_of(10_000_000, 2000, 200, NOW)
    people = [one.person for one in today.visits]
    assert len(set(people)) == len(people) and not set(people) & set(today.people)
    assert all(one.at <= NOW and one.at.date() == TODAY for one in today.visits)
    measured = [one for one in today.visits if one.room == day_data.MEASURED and one.state == "arrived"]
    assert len(measured) == day_fill.WAITING_MEASURED
    assert len(today.at_window) == day_fill.AT_WINDOW and set(today.at_window) <= set(today.visits)


def test_history_ends_before_today() -> None:
    past = list(day_data.history(0, 500, 100, TODAY))
    assert all(one.at.date() < TODAY and one.state == "finished" for one in past)
    assert len({one.id for one in past}) == 500


def test_thirty_people_with_roles_that_exist() -> None:
    staff = day_people.staff()
    assert len(staff) + 1 == len({login for login, _, _ in staff}) + 1 == 30  # the citizen has no login
    assert {role for _, _, role in staff} <= set(roles.ROLES)


def test_a_form_is_read_as_a_browser_would_send_it() -> None:
    page = """<form action="/other"><input name="no" value="1"></form>
        <form action="/visit"><input type="hidden" name="csrf" value="p"><input name="reason" value="Ho &amp; sốt">
        <select name="room"><option value="a">A</option><option value="b" selected>B</option></select>
        <select name="group"><option value="">-</option><option value="x">X</option></select>
        <input type="radio" name="result" value="1"><input type="radio" name="result" value="2" checked>
        <input type="checkbox" name="again" value="1"><textarea name="note">\nhai\ndòng</textarea>
        <input name="gone" value="1" disabled><button name="step" value="place">Đặt</button></form>
        <form action="/visit"><input name="second" value="1"></form>"""
    assert browser.form_of(page, "/visit") == [
        ("csrf", "p"), ("reason", "Ho & sốt"), ("room", "b"), ("group", ""), ("result", "2"), ("note", "hai\ndòng"),
    ]  # fmt: skip
    assert browser.form_of(page, "/nowhere") == []


def test_what_went_wrong_is_read_from_the_page() -> None:
    offline = '<div id="offline" class="note bad" role="alert" hidden><p>⚠ Mất kết nối tới máy chủ.</p></div>'
    page = browser.Page("/x", 409, f'<main>{offline}<div class="note bad"><p>⚠ Đã có người gọi.</p></div>', "", 0.0, 0)
    assert page.sentence() == "⚠ Đã có người gọi."
    bare = browser.Page("/x", 500, "<main id='m'><h1>Phần mềm gặp lỗi</h1>", "", 0.0, 0)
    assert "Phần mềm gặp lỗi" in bare.sentence()


def test_quantiles_are_of_what_was_measured() -> None:
    times = [float(number) for number in range(1, 101)]
    assert day_pages.quantile(times, 0.5) == 51 and day_pages.quantile(times, 0.95) == 96
    assert day_pages.quantile([3.0], 0.99) == 3
    assert day_pages.quantile([], 0.5) != day_pages.quantile([], 0.5)


def test_the_assets_of_a_page_are_those_that_it_names() -> None:
    page = (
        '<link href="/static/ab/app.css"><script src="/static/ab/shell.js"></script><a href="/outpatient/visits">x</a>'
    )
    assert day_pages.assets_of(page * 2) == ["/static/ab/app.css", "/static/ab/shell.js"]


def test_an_answer_is_equal_to_another_whatever_its_head_says() -> None:
    assert client.Answer(200, b"x", b"HTTP/1.1 200 OK") == client.Answer(200, b"x")


@pytest.mark.parametrize("person", [3, 5], ids=["insured", "self-pay"])
def test_a_statement_reads_back_as_one_of_ours_and_says_what_the_visit_costs(person: int) -> None:
    one = bill(person=person)
    found = statement.of(json.loads(data.dump(day_bills.invoice(one))))
    basis = [found.category, found.kind, *(card["number"] for card in found.cards)]
    assert found.digest == statement.digest_of(found.lines, found.totals, found.patient_total, basis)
    assert found.invoice_id == statement.invoice_id(one.visit.id, 1) and bool(found.cards) == (person == 3)
    assert sum(posting.amount for posting in statement_entries.of(found)) == 0
    costs = [each for each in day_visit.of_visit(one.visit) if each["resourceType"] == "ChargeItem"]
    assert sorted(each["id"] for each in costs) == [line.charge_id for line in found.lines]
    assert coverages.card_of(day_data.coverage(3)) is not None


async def test_the_rows_of_money_fit_one_another() -> None:
    class Owner:
        """Takes what would be copied; the trigger of the tables is not here, so the sums are made below."""

        def __init__(self) -> None:
            self.rows: dict[str, list[dict[str, object]]] = {}

        async def copy_records_to_table(
            self, table: str, *, records: list[tuple[object, ...]], columns: list[str]
        ) -> None:
            known = self.rows.setdefault(table, [])
            known += [dict(zip(columns, record, strict=True)) for record in records]

        async def execute(self, sql: str) -> None:
            assert sql.startswith(("analyze ", "select setval"))

    owner = Owner()
    made = bills()
    await day_bill_rows.put(owner, made, TODAY, NOW)  # type: ignore[arg-type]
    rows = owner.rows
    sums: dict[object, Decimal] = {}
    for one in rows["ledger_posting"]:
        sums[one["entry_id"]] = sums.get(one["entry_id"], Decimal(0)) + Decimal(str(one["amount"]))
        assert one["account"] in ledger.ACCOUNTS
    assert set(sums.values()) == {Decimal(0)} and len(sums) == len(rows["ledger_entry"])
    assert len({one["cause"] for one in rows["ledger_entry"]}) == len(rows["ledger_entry"])
    assert len(rows["visit_account"]) == len(made) and {one["state"] for one in rows["claim"]} <= set(claims.STATES)
    insured = [one for one in made if one.is_insured]
    assert len(rows["claim"]) == len(insured) > len(rows["claim_version"]) > 0
    shifts = {one["shift_id"] for one in rows["cash_shift"]}
    assert {one["shift_id"] for one in rows["money_receipt"]} <= shifts | {""}
    envelope = claim_xml.read(day_bill_rows.xml_of(insured[0]))
    assert envelope.tables["XML1"][0]["MA_LK"] == insured[0].ma_lk and {"XML2", "XML3"} <= set(envelope.tables)
