"""What the health department can reach holds totals only: no person, no doctor, no cell under five, by any route."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from random import Random

import pytest
from starlette.routing import Route

from lienmach.app import DEPARTMENTS
from lienmach.identity import roles
from tests.clinic import Clinic
from tests.departments.leaders import made_visits
from tests.departments.leaders.test_disclosure import solutions
from tests.web.client import Browser

COMMUNES = {"29551": 40, "29557": 3, "29560": 12, "29563": 1, "": 2}


def _before(today: date) -> date:
    return (today.replace(day=1) - timedelta(days=1)).replace(day=10)


@pytest.fixture
async def filled(clinic: Clinic) -> Clinic:
    """A month that is over and the running one, with small cells in each table."""
    today = clinic.store.now().astimezone(clinic.store.tenants[1].time_zone).date()
    chance, rows = Random(9), []
    for prefix, day in (("old", _before(today)), ("new", today)):
        for commune, count in COMMUNES.items():
            for number in range(count):
                icd = "Q21.0" if number == 1 else "J00" if number % 3 else "I10"
                rows.append(
                    made_visits.row(
                        f"{prefix}-{commune}-{number}", day - timedelta(days=number % 4 if prefix == "old" else 0),
                        doctor="Practitioner/nv-bacsi", icd=icd, chance=chance, commune=commune, is_insured=number != 0,
                    )
                )  # fmt: skip
    await made_visits.store(clinic, rows)
    return clinic


async def cells(browser: Browser, month: str) -> dict[str, dict[str, str]]:
    """Table -> code and name -> what is shown, from the CSV."""
    answer = await browser.get(f"/leaders/department/export?month={month}")
    assert answer.headers["content-type"].startswith("text/csv") and answer.text.startswith("\ufeff")
    found: dict[str, dict[str, str]] = {}
    for row in list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))[1:]:
        assert row[0] == month
        found.setdefault(row[1], {})[row[2] or row[3]] = row[4]
    return found


async def test_a_month_that_is_over_is_exact_but_for_hidden_cells(filled: Clinic, browser: Browser) -> None:
    today = filled.store.now().astimezone(filled.store.tenants[1].time_zone).date()
    await browser.sign_in("department")
    found = await cells(browser, f"{_before(today):%Y-%m}")
    communes = found["Theo xã, phường cư trú"]
    assert communes == {"29551": "40", "29560": "12", "29557": "*", "29563": "*", "Chưa rõ": "*"}
    assert found["Tổng số"][""] == "58"
    assert found["Tổng số"]["Có BHYT"] == "53"
    for words in ("Theo xã, phường cư trú", "Theo chương bệnh ICD-10", "Theo ngày", "Theo cơ sở"):
        table = {code: None if one == "*" else int(one) for code, one in found[words].items()}
        for values in solutions(table, 58).values():
            assert len(values) >= 2, words


async def test_the_running_month_is_told_in_fives(filled: Clinic, browser: Browser) -> None:
    today = filled.store.now().astimezone(filled.store.tenants[1].time_zone).date()
    await browser.sign_in("department")
    await browser.get("/leaders/department")
    assert "làm tròn xuống bội số của 5" in browser.words()
    found = await cells(browser, f"{today:%Y-%m}")
    assert found["Theo xã, phường cư trú"] == {"29551": "40", "29560": "10", "29557": "*", "29563": "*", "Chưa rõ": "*"}
    assert found["Tổng số"][""] == "55"


async def test_the_page_and_the_file_show_the_same(filled: Clinic, browser: Browser) -> None:
    today = filled.store.now().astimezone(filled.store.tenants[1].time_zone).date()
    month = f"{_before(today):%Y-%m}"
    await browser.sign_in("department")
    in_file = await cells(browser, month)
    await browser.get(f"/leaders/department?month={month}")
    hidden = sum(one == "*" for table in in_file.values() for one in table.values())
    assert browser.page.count("*</abbr>") == hidden > 0
    assert len(browser.page) < 150_000


async def test_no_route_of_the_department_tells_of_a_person_a_doctor_or_a_small_cell(
    filled: Clinic, browser: Browser
) -> None:
    await filled.patient(name=[{"text": "Trần Thị Hiếm"}])
    await browser.sign_in("department")
    own = roles.ROLES["department"].rights
    opened = []
    for department in DEPARTMENTS:
        for route in department.routes:
            assert isinstance(route, Route)
            path = re.sub(r"{[^}]*}", "1", route.path)
            if "GET" not in (route.methods or {"GET"}):
                continue
            answer = await browser.get(path)
            is_public = getattr(route.endpoint, "is_public", False)
            if getattr(route.endpoint, "right", "") in own:
                assert answer.status_code == 200
                opened.append(answer.text)
            elif not is_public:
                assert answer.status_code in (303, 403), path  # the citizen's pages lead to their own door
    assert len(opened) == 2
    opened.append((await browser.get("/")).text)
    types = ("Patient", "Encounter", "MedicationRequest", "Task")
    async with filled.store.begin(filled.actor("department")) as tx:
        assert not any(tx.policy.may_read(filled.store.definitions.type_number(one)) for one in types)
    for text in opened:
        assert "Hiếm" not in text and "BS Mẫu" not in text and "nv-bacsi" not in text and "old-" not in text
    shown = re.findall(r'<td class="num right">(\d+)</td>', opened[0])
    assert shown and all(int(one) >= 5 for one in shown)


async def test_nobody_else_opens_the_page_and_an_unknown_month_is_the_running_one(
    filled: Clinic, browser_at: object
) -> None:
    for role, status in (("department", 200), ("doctor", 403), ("cashier", 403)):
        one: Browser = browser_at()  # type: ignore[operator]
        await one.sign_in(role)
        assert (await one.get("/leaders/department?month=1999-01")).status_code == status
        assert (await one.get("/leaders/department/export?month='; drop")).status_code == status


async def test_an_empty_house_says_so(clinic: Clinic, browser: Browser) -> None:
    await browser.sign_in("department")
    await browser.get("/leaders/department")
    assert "Chưa có lượt khám nào trong tháng" in browser.words()


async def test_diseases_by_age_and_sex_are_told_in_fives_and_communes_by_age_in_a_large_month_only(
    clinic: Clinic, browser: Browser
) -> None:
    today = clinic.store.now().astimezone(clinic.store.tenants[1].time_zone).date()
    chance, day = Random(3), _before(today)
    await browser.sign_in("department")
    for count, has_communes in ((150, False), (250, True)):
        rows = [
            made_visits.row(f"m{count}-{number}", day, doctor="Practitioner/nv-bacsi", chance=chance,
                            icd="Q21.0" if number < 4 and not has_communes else "J00" if number % 3 else "I10")
            for number in range(count - (150 if has_communes else 0))
        ]  # fmt: skip
        await made_visits.store(clinic, rows)
        found = await cells(browser, f"{day:%Y-%m}")
        await browser.get(f"/leaders/department?month={day:%Y-%m}")
        assert "Theo nhóm bệnh ICD-10, tuổi và giới" in browser.words()
        assert "Q20-Q28" not in browser.words(), "a row under five is not there"
        assert ("Theo xã, phường cư trú và tuổi" in browser.words()) is has_communes
        crosses = [found[words] for words in found if "tuổi" in words]
        assert len(crosses) == 1 + has_communes
        told = [int(one) for table in crosses for one in table.values()]
        assert told and all(one >= 5 and one % 5 == 0 for one in told)
        assert len(browser.page) < 150_000
