"""Quality control: Westgard rules just inside and just outside, runs from the analyser, flags where results are passed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lienmach.departments.laboratory import charts, westgard

CASES = [
    ([2.0], ()),
    ([2.01], ("1-2s",)),
    ([-2.01], ("1-2s",)),
    ([3.0], ("1-2s",)),
    ([3.01], ("1-3s", "1-2s")),
    ([2.1, 2.1], ("2-2s", "1-2s")),
    ([2.1, 2.0], ()),
    ([2.1, -2.1], ("R-4s", "1-2s")),
    ([2.1, -2.0], ()),
    ([1.1, 1.1, 1.1, 1.1], ("4-1s",)),
    ([1.1, 1.0, 1.1, 1.1], ()),
    ([-1.1, -1.1, -1.1, -1.1], ("4-1s",)),
    ([1.1, 1.1, 1.1, -1.1], ()),
    ([0.1] * 10, ("10-x",)),
    ([0.1] * 9, ()),
    ([-0.1] + [0.1] * 9, ()),
    ([0.1] * 9 + [0.0], ()),
    ([], ()),
]


@pytest.mark.parametrize(("scores", "rules"), CASES)
def test_westgard_rules(scores: list[float], rules: tuple[str, ...]) -> None:
    assert westgard.broken([Decimal(str(one)) for one in scores]) == rules


def test_only_the_warning_lets_results_out() -> None:
    assert not westgard.is_out(()) and not westgard.is_out(("1-2s",)) and westgard.is_out(("2-2s", "1-2s"))


def test_the_chart_names_the_rule_and_keeps_a_wild_point_inside() -> None:
    points = [("01/01", Decimal("4.1"), ()), ("02/01", Decimal("99"), ("1-3s", "1-2s"))]
    drawn = str(charts.levey_jennings(points, mean=Decimal("4"), sd=Decimal("0.1"), title='K <"1">'))
    assert "1-3s" in drawn and "99 (1-3s, 1-2s)" in drawn and "&lt;&#34;1&#34;&gt;" in drawn
    assert all(0 <= float(part.split(",")[1]) <= 200 for part in drawn.split('points="')[1].split('"')[0].split())


LOT = {"indicator": "K", "level": "mức 1", "lot": "A12", "sample": "QC1", "mean": "4,0", "sd": "0,1",
       "expires": "31/12/2040"}  # fmt: skip


async def open_lot(browser: Any, lab: Any) -> str:
    answer = await browser.post("/laboratory/controls", {**LOT, "analyser": lab.analyser_id})
    assert answer.status_code == 303, browser.words()
    return answer.headers["location"]


@pytest.mark.parametrize("dialect", ["hl7", "astm"])
async def test_control_material_from_the_analyser_is_judged_and_flags_its_test(
    lab: Any, wire: Any, as_role: Any, dialect: str
) -> None:
    browser = await as_role("lab")
    address = await open_lot(browser, lab)
    tube = await lab.tube("XN-DIEN-GIAI")
    await wire.sim.send("QC1", {"K": "4.05"}, dialect, is_control=True)
    await wire.sim.send(tube, {"K": "4.2"}, dialect)
    specimen = f"/laboratory/specimens/{(await lab.panel(tube)).specimen['id']}"
    await browser.get(specimen)
    assert "Nội kiểm ngoài giới hạn" not in browser.words()
    await wire.sim.send("QC1", {"K": "4.40"}, dialect, is_control=True)
    await browser.get(specimen)
    assert "Nội kiểm ngoài giới hạn: 1-3s, 1-2s" in browser.words()
    await browser.get(address)
    assert "<svg" in browser.page and "Một lần đo vượt 3 độ lệch chuẩn" in browser.words()
    await browser.get("/laboratory/controls")
    assert "Ngoài kiểm soát: 1-3s, 1-2s" in browser.words()
    assert await lab.rows("select 1 from laboratory_tray") == []


async def test_control_material_without_a_lot_waits_in_the_tray(lab: Any, wire: Any) -> None:
    await wire.sim.send("QC9", {"K": "4.05"}, "hl7", is_control=True)
    assert [row["reason"] for row in await lab.rows("select reason from laboratory_tray")] == ["control"]


async def test_a_run_by_hand_and_a_closed_lot(lab: Any, as_role: Any) -> None:
    browser = await as_role("lab")
    address = await open_lot(browser, lab)
    assert (await browser.post(address, {"step": "run", "value": "x"})).status_code == 422
    assert (await browser.post(address, {"step": "run", "value": "4,25", "note": "sau hiệu chuẩn"})).status_code == 303
    await browser.get(address)
    assert "1-2s" in browser.words() and "sau hiệu chuẩn" in browser.words()
    assert (await browser.post(address, {"step": "close"})).status_code == 303
    assert (await browser.post(address, {"step": "run", "value": "4,0"})).status_code == 409


@pytest.mark.parametrize(
    "wrong",
    [{"sd": "0"}, {"mean": "bốn"}, {"expires": "01/01/2020"}, {"indicator": "NOPE"}, {"analyser": "x"}, {"lot": ""}],
)
async def test_a_lot_that_cannot_be_is_refused_with_a_sentence(lab: Any, as_role: Any, wrong: dict[str, str]) -> None:
    browser = await as_role("lab")
    answer = await browser.post("/laboratory/controls", {**LOT, "analyser": lab.analyser_id, **wrong})
    assert answer.status_code == 422 and 'role="alert"' in browser.page
    assert await lab.rows("select 1 from laboratory_lot") == []
