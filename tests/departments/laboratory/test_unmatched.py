"""The tray: a reading without a place waits, and finds it by a tube, a mapping or a second try; nothing is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from lienmach.departments.laboratory import facts


async def waiting(lab: Any) -> list[Any]:
    return await lab.rows("select tray_id, reason, state, resolution from laboratory_tray order by entered_at")


async def test_a_result_of_an_unknown_tube_is_matched_by_hand(lab: Any, wire: Any, as_role: Any) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    await wire.sim.send("9999999999", {"K": "4.4"}, "hl7")
    one = (await waiting(lab))[0]
    browser = await as_role("lab")
    await browser.get("/laboratory/unmatched")
    assert "9999999999" in browser.page and "Không có ống mẫu mang số này" in browser.words()
    address = f"/laboratory/unmatched/{one['tray_id']}"
    assert (await browser.post(address, {"step": "match", "tube": "8888888888"})).status_code == 422
    assert (await browser.post(address, {"step": "replay"})).status_code == 422
    assert (await browser.post(address, {"step": "match", "tube": tube})).status_code == 303
    assert (await lab.value(tube, "K"))["valueQuantity"]["value"] == Decimal("4.4")
    after = (await waiting(lab))[0]
    assert after["state"] == "matched" and after["resolution"] == tube
    assert (await browser.post(address, {"step": "match", "tube": tube})).status_code == 409


async def test_an_unknown_code_is_mapped_on_screen_and_found_again(lab: Any, wire: Any, as_role: Any) -> None:
    tube = await lab.tube("XN-GLU")
    await wire.sim.send(tube, {"GLUCOSE": "99"}, "astm")
    browser = await as_role("lab")
    address = f"/laboratory/unmatched/{(await waiting(lab))[0]['tray_id']}"
    assert (await browser.post(address, {"step": "map", "indicator": "NOPE"})).status_code == 422
    form = {"step": "map", "indicator": "GLU", "unit": "", "factor": "0,0555"}
    assert (await browser.post(address, form)).status_code == 303, browser.words()
    found = await lab.value(tube, "GLU")
    assert found["valueQuantity"]["value"] == Decimal("5.4945") and (await waiting(lab))[0]["state"] == "matched"
    told = await wire.sim.send(tube, None, "hl7")
    assert told["asked"] == []  # measured by now


async def test_a_dropped_reading_needs_a_reason_and_stays_written(lab: Any, wire: Any, as_role: Any) -> None:
    await wire.sim.send("9999999999", {"K": "4.4"}, "hl7")
    browser = await as_role("lab")
    address = f"/laboratory/unmatched/{(await waiting(lab))[0]['tray_id']}"
    assert (await browser.post(address, {"step": "drop", "reason": ""})).status_code == 422
    assert (await browser.post(address, {"step": "drop", "reason": "Mẫu thử máy"})).status_code == 303
    after = (await waiting(lab))[0]
    assert after["state"] == "dropped" and after["resolution"] == "Mẫu thử máy"


async def test_a_result_for_what_is_released_does_not_overwrite_it(lab: Any, wire: Any) -> None:
    from lienmach.departments.laboratory import results

    tube = await lab.tube("XN-DIEN-GIAI")
    await wire.sim.send(tube, {"K": "4.4"}, "hl7")
    found = await lab.panel(tube)

    async def pass_it(tx: Any) -> None:
        await results.pass_technically(tx, found.tests)

    async def release(tx: Any) -> None:
        await results.release(tx, await lab_panel(tx, tube), found.tests[0].order["id"])

    await lab.run(pass_it)
    await lab.run(release, "lab_head")
    await wire.sim.send(tube, {"K": "5.9"}, "hl7")
    assert (await lab.value(tube, "K"))["valueQuantity"]["value"] == Decimal("4.4")
    assert [one["reason"] for one in await waiting(lab)] == ["final"]


async def lab_panel(tx: Any, tube: str) -> Any:
    from lienmach.departments.laboratory import panel, tubes

    specimen = await tubes.of_number(tx, tube)
    assert specimen is not None
    return await panel.of_specimen(tx, specimen)


async def test_a_message_with_good_and_lost_readings_stores_the_good_ones(lab: Any, wire: Any) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    await wire.sim.send(tube, {"K": "4.4", "XX": "1", "NA": "141"}, "astm")
    assert facts.has_value(await lab.value(tube, "K")) and facts.has_value(await lab.value(tube, "NA"))
    assert [one["reason"] for one in await waiting(lab)] == ["code"]


async def test_pages_of_analysers_show_messages_and_take_new_machines(lab: Any, wire: Any, as_role: Any) -> None:
    await wire.sim.send("9999999999", {"K": "4.4"}, "hl7")
    browser = await as_role("lab")
    await browser.get("/laboratory/analysers")
    assert "Máy sinh hoá (mẫu)" in browser.words() and "Có phần chờ ghép" in browser.words()
    message_id = (await lab.rows("select message_id from laboratory_message"))[0]["message_id"]
    await browser.get(f"/laboratory/analysers/messages/{message_id}")
    assert "OBX|1|NM|K^Potassium^L||4.4|mmol/L" in browser.page
    form = {"code": "SIM-1", "name": "Máy hai", "dialect": "astm"}
    assert (await browser.post("/laboratory/analysers", form)).status_code == 409
    assert "Đã có máy mang mã này" in browser.words()
    assert (await browser.post("/laboratory/analysers", {**form, "code": "Mã|sai"})).status_code == 422
    answer = await browser.post("/laboratory/analysers", {**form, "code": "SIM-2"})
    assert answer.status_code == 303
    address = answer.headers["location"]
    assert (await browser.post(address, {"step": "map", "code": "K", "indicator": "K"})).status_code == 303
    await browser.get(address)
    assert "Kali máu" in browser.words()
    bad = {"step": "map", "code": "K", "indicator": "K", "factor": "0"}
    assert (await browser.post(address, bad)).status_code == 422
    await browser.get("/laboratory/analysers/indicators?indicator=kali")
    assert 'value="K"' in browser.page
