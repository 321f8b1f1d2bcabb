"""A case from the marked figure to its effect: the doctor is heard, a reason is asked at one point, all steps are kept."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from lienmach.base import errors
from lienmach.care import prescribing_questions, prescriptions, resources, stock, visits
from lienmach.care.drug_danger import Dangerous
from lienmach.care.prescriptions import RxLine
from lienmach.departments.leaders import case_steps, day_figures, measures, thresholds
from tests.clinic import Clinic
from tests.departments.leaders import made_visits
from tests.departments.leaders.made_visits import OUTLIER
from tests.web.client import Browser

WORDS = "Tỷ lệ kháng sinh tiêm khi cảm lạnh cao hơn đồng nghiệp"
SAID = "Nhóm bệnh nhân này có biến chứng, tôi gửi mười hồ sơ"
INJECTED = RxLine(drug_code="CEFTRI1I", per_time=Decimal(1), times=1, days=3, payer="bhyt")


@pytest.fixture
async def opened(clinic: Clinic) -> tuple[Clinic, str]:
    """The clinic with 2,000 visits and a case on the outlier, opened by the director."""
    today = clinic.store.now().astimezone(clinic.store.tenants[1].time_zone).date()
    await made_visits.store(clinic, made_visits.visits(2000, until=today))

    async def work(tx: Any) -> None:
        thresholds.approve(tx, Decimal("1.5"), 30, "Họp hội đồng thuốc")

    await clinic.store.run(clinic.actor("director"), work)
    return clinic, await open_one(clinic)


async def open_one(clinic: Clinic) -> str:
    async def work(tx: Any) -> str:
        to_on = day_figures.today_of(tx)
        found = await measures.read(tx, "injections", to_on - timedelta(days=59), to_on)
        return await case_steps.open_case(tx, found, OUTLIER, WORDS)

    return await clinic.store.run(clinic.actor("director"), work)


async def say(clinic: Clinic, role: str, case_id: str, verb: str, *args: Any, login: str = "", **more: Any) -> None:
    async def work(tx: Any) -> None:
        await getattr(case_steps, verb)(tx, await case_steps.read(tx, case_id), *args, **more)

    await clinic.store.run(clinic.actor(role, login), work)


async def read(clinic: Clinic, case_id: str, role: str = "director", login: str = "") -> case_steps.Case:
    async with clinic.store.begin(clinic.actor(role, login)) as tx:
        return await case_steps.read(tx, case_id)


async def own_charts(clinic: Clinic, count: int) -> list[str]:
    async with clinic.store.begin(clinic.actor("director")) as tx:
        rows = await tx.fetch(
            "select encounter_id from leaders_visit where tenant = $1 and doctor = $2 limit $3", 1, OUTLIER, count
        )
    return [row["encounter_id"] for row in rows]


async def test_the_doctor_is_heard_before_anything_is_decided(opened: tuple[Clinic, str]) -> None:
    clinic, case_id = opened
    with pytest.raises(errors.Conflict, match="chưa giải trình"):
        await say(clinic, "director", case_id, "decide", "talk", "Trao đổi tại giao ban khoa")
    then = clinic.store.now()
    clinic.store.now = lambda: then + timedelta(days=case_steps.HEARING_DAYS)
    with pytest.raises(errors.Conflict, match="chưa giải trình"):
        await say(clinic, "director", case_id, "decide", "talk", "Trao đổi tại giao ban khoa")
    clinic.store.now = lambda: then + timedelta(days=case_steps.HEARING_DAYS + 1)
    await say(clinic, "director", case_id, "decide", "talk", "Trao đổi tại giao ban khoa")
    decision = (await read(clinic, case_id)).decision
    assert decision is not None and decision.data == {"outcome": "talk", "is_heard": False}


async def test_the_whole_way_of_a_case_with_who_and_when(opened: tuple[Clinic, str]) -> None:
    clinic, case_id = opened
    charts = await own_charts(clinic, 10)
    await say(clinic, "doctor", case_id, "answer", SAID, charts)
    await say(clinic, "pharmacist", case_id, "comment", "Phác đồ cho phép tiêm khi có bội nhiễm")
    await say(clinic, "director", case_id, "decide", "no-issue", "Hồ sơ giải thích được số liệu")
    case = await read(clinic, case_id)
    assert [(one.kind, one.said_by, one.role) for one in case.steps] == [
        ("opened", "director", "director"),
        ("answer", "doctor", "doctor"),
        ("comment", "pharmacist", "pharmacist"),
        ("decision", "director", "director"),
    ]
    assert case.state == "decided" and case.steps[1].data["charts"] == charts
    assert all(one.is_intact for one in case.steps)
    assert case.figures["threshold"]["approved_by"] == "director" and case.figures["ratio"] > 1.5
    for role, verb, args in (("doctor", "answer", (SAID, [])), ("pharmacist", "comment", (SAID,))):
        with pytest.raises(errors.Conflict, match="đã kết luận"):
            await say(clinic, role, case_id, verb, *args)
    assert await open_one(clinic) != case_id  # a new period may be asked about again


async def test_only_the_doctor_answers_and_only_with_ten_charts_of_their_own(opened: tuple[Clinic, str]) -> None:
    clinic, case_id = opened
    with pytest.raises(errors.NotFound):
        await say(clinic, "doctor", case_id, "answer", SAID, [], login="doctor2")
    with pytest.raises(errors.Refused):
        await say(clinic, "director", case_id, "answer", SAID, [])
    with pytest.raises(errors.Unprocessable, match="nhiều nhất 10"):
        await say(clinic, "doctor", case_id, "answer", SAID, await own_charts(clinic, 11))
    with pytest.raises(errors.Unprocessable, match="của chính bác sĩ"):
        await say(clinic, "doctor", case_id, "answer", SAID, ["v-1"])
    with pytest.raises(errors.Unprocessable):
        await say(clinic, "doctor", case_id, "answer", "ngắn", [])
    await say(clinic, "doctor", case_id, "answer", SAID, await own_charts(clinic, 10))


async def test_a_second_case_on_the_same_figure_waits_for_the_first(opened: tuple[Clinic, str]) -> None:
    clinic, _ = opened
    with pytest.raises(errors.Conflict, match="đang mở"):
        await open_one(clinic)


async def test_a_doctor_does_not_comment_and_a_pharmacist_does_not_decide(opened: tuple[Clinic, str]) -> None:
    clinic, case_id = opened
    for role, verb, args in (("doctor", "comment", (SAID,)), ("pharmacist", "decide", ("talk", SAID))):
        with pytest.raises(errors.Refused):
            await say(clinic, role, case_id, verb, *args)


async def test_the_task_in_the_record_names_no_person(opened: tuple[Clinic, str]) -> None:
    clinic, case_id = opened
    await say(clinic, "doctor", case_id, "answer", SAID, [])
    async with clinic.store.begin(clinic.actor("nurse")) as tx:
        task = await resources.read(tx, "Task", case_id)
    text = str(task)
    assert "Practitioner" not in text and "Thử" not in text and "BS" not in text and SAID not in text
    assert len(task["note"]) == 2


async def test_a_step_that_was_changed_behind_our_back_is_seen(opened: tuple[Clinic, str], database: Any) -> None:
    clinic, case_id = opened
    owner = await asyncpg.connect(clinic.settings.database_owner_url)
    await owner.execute("set lienmach.tenant = '1'")
    await owner.execute("update leaders_case_step set words = 'khác hẳn điều đã ghi' where case_id = $1", case_id)
    await owner.close()
    assert [one.is_intact for one in (await read(clinic, case_id)).steps] == [False]


async def _prescribe(
    clinic: Clinic, icd: str, line: RxLine, role: str = "doctor", login: str = "", **reasons: str
) -> Any:
    visit = await clinic.visit(await clinic.patient())

    async def work(tx: Any) -> Any:
        await visits.set_diagnoses(tx, visit, icd)
        return await prescriptions.write(tx, visit, [line], reasons=reasons)

    return await clinic.store.run(clinic.actor(role, login), work)


@pytest.fixture
async def asked(opened: tuple[Clinic, str]) -> tuple[Clinic, str]:
    """The case decided: a reason is asked for injected antibiotics in acute infections of the upper airways."""
    clinic, case_id = opened
    async with clinic.store.begin(clinic.actor("pharmacist")) as tx:
        until = (tx.now + timedelta(days=300)).date()
        stock.receive(
            tx, [stock.Lot("p-ct1", drug, "L1", until, Decimal(500)) for drug in ("CEFTRI1I", "AMOX500", "PARA500")]
        )
    await say(clinic, "doctor", case_id, "answer", SAID, [])
    await say(
        clinic,
        "director",
        case_id,
        "decide",
        "ask-reason",
        "Ghi rõ chỉ định tiêm khi cảm lạnh",
        block="J00-J06",
        days=30,
    )
    return clinic, case_id


async def test_the_next_prescription_asks_a_reason_at_that_point_only(asked: tuple[Clinic, str]) -> None:
    clinic, case_id = asked
    with pytest.raises(Dangerous) as stopped:
        await _prescribe(clinic, "J00", INJECTED)
    [danger] = stopped.value.dangers
    assert (danger.level, danger.rule) == ("reason", "prescribing-question")
    assert "Ghi rõ chỉ định tiêm" in danger.text
    with pytest.raises(Dangerous):
        await _prescribe(clinic, "J00", INJECTED, **{danger.key: "ngắn"})
    [stored] = await _prescribe(clinic, "J00", INJECTED, **{danger.key: "bội nhiễm, không uống được"})
    assert "bội nhiễm" in str(resources.of(stored)["extension"])
    await _prescribe(clinic, "J18.9", INJECTED)  # another disease
    await _prescribe(clinic, "J00", RxLine(drug_code="PARA500", per_time=Decimal(1), times=2, days=3))  # another drug
    await _prescribe(clinic, "J00", RxLine(drug_code="AMOX500", per_time=Decimal(1), times=2, days=5))  # by mouth
    case = await read(clinic, case_id)
    async with clinic.store.begin(clinic.actor("director")) as tx:
        [rule] = await prescribing_questions.of_doctor(tx, OUTLIER)
    assert (rule.approved_by, rule.cause) == ("director", case_id)
    assert case.decision is not None and case.decision.data["question"] == rule.question_id


async def test_another_doctor_is_never_asked(asked: tuple[Clinic, str]) -> None:
    clinic, _ = asked
    await _take_over_and_prescribe(clinic)


async def _take_over_and_prescribe(clinic: Clinic) -> None:
    visit = await clinic.visit(await clinic.patient(), started=False)

    async def work(tx: Any) -> Any:
        await visits.start(tx, visit)
        await visits.set_diagnoses(tx, visit, "J00")
        return await prescriptions.write(tx, visit, [INJECTED], reasons={})

    assert await clinic.store.run(clinic.actor("doctor", "doctor2"), work)


async def test_the_question_ends_with_its_last_day_or_when_a_leader_ends_it(asked: tuple[Clinic, str]) -> None:
    clinic, case_id = asked
    then = clinic.store.now()
    clinic.store.now = lambda: then + timedelta(days=29)
    with pytest.raises(Dangerous):
        await _prescribe(clinic, "J00", INJECTED)
    clinic.store.now = lambda: then + timedelta(days=30)
    await _prescribe(clinic, "J00", INJECTED)
    clinic.store.now = lambda: then + timedelta(days=1)
    await say(clinic, "director", case_id, "end_rule", "Đã trở lại mức của đồng nghiệp")
    await _prescribe(clinic, "J00", INJECTED)
    with pytest.raises(errors.Conflict):
        await say(clinic, "director", case_id, "end_rule", "Đã trở lại mức của đồng nghiệp")
    assert [one.kind for one in (await read(clinic, case_id)).steps][-1] == "rule-ended"


async def test_a_reason_can_be_asked_for_antibiotics_only_and_within_a_year(opened: tuple[Clinic, str]) -> None:
    clinic, case_id = opened
    await say(clinic, "doctor", case_id, "answer", SAID, [])
    for more in ({"days": 0}, {"days": 367}, {"block": "Z00-Z13"}):
        with pytest.raises(errors.Unprocessable):
            await say(clinic, "director", case_id, "decide", "ask-reason", "Ghi rõ chỉ định tiêm", **more)
    assert (await read(clinic, case_id)).state == "heard"


async def test_the_pages_of_a_case_for_each_who_has_a_word(asked: tuple[Clinic, str], browser_at: Any) -> None:
    clinic, case_id = asked
    today = clinic.store.now().astimezone(clinic.store.tenants[1].time_zone).date()
    calm = made_visits.visits(
        900, until=today + timedelta(days=30), days=30, seed=5, prefix="after", calm=frozenset({OUTLIER})
    )
    await made_visits.store(clinic, calm)
    then = clinic.store.now()
    clinic.store.now = lambda: then + timedelta(days=29)
    director: Browser = browser_at()
    await director.sign_in("director")
    await director.get(f"/leaders/cases/{case_id}")
    words = director.words()
    for said in (WORDS, SAID, "Ghi rõ chỉ định tiêm", "Trước và sau kết luận", "Ngừng hỏi lý do"):
        assert said in words
    ratios = [float(one.replace(",", ".")) for one in re.findall(r"<b>([0-9],[0-9]+)</b>", director.page)]
    frozen, before, after = ratios
    assert frozen > 1.5 and before > 1.3 and 0.4 < after < before - 0.2
    assert (await director.get(f"/leaders/cases/{case_id}/file")).status_code == 200
    assert director.page.count("SHA-256") >= 4 and len(director.page) < 150_000
    other: Browser = browser_at()
    await other.sign_in("doctor2")
    assert (await other.get(f"/leaders/cases/{case_id}")).status_code == 404
    await other.get("/leaders/cases")
    assert "BS Mẫu" not in other.words()
    for role in ("nurse", "cashier", "reception"):
        one: Browser = browser_at()
        await one.sign_in(role)
        assert (await one.get("/leaders/cases")).status_code == 403


async def test_the_doctor_is_told_and_answers_on_the_page(opened: tuple[Clinic, str], browser: Browser) -> None:
    clinic, case_id = opened
    await browser.sign_in("doctor")
    await browser.get("/leaders/cases/notice", headers={"hx-request": "true"})
    assert "mời bạn giải trình" in browser.words()
    await browser.get(f"/leaders/cases/{case_id}")
    charts = re.findall(r'name="chart" value="([^"]+)"', browser.page)[:2]
    assert len(charts) == 2
    answer = await browser.post(f"/leaders/cases/{case_id}/answer", {"words": "ngắn", "chart": charts[0]})
    assert answer.status_code == 422 and "10 đến 4.000 ký tự" in browser.words() and ">ngắn</textarea>" in browser.page
    answer = await browser.post(f"/leaders/cases/{case_id}/answer", {"words": SAID, "chart": charts[0]})
    assert answer.status_code == 303
    await browser.get("/leaders/cases/notice", headers={"hx-request": "true"})
    assert "mời bạn" not in browser.words()
    assert (await read(clinic, case_id)).steps[-1].data == {"charts": [charts[0]]}
