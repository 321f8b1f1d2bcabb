"""From the analyser's socket to the record: results, queries, critical values, repeats, the tray, both protocols."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from lab_world import exchange, oru

from lienmach.departments.laboratory import critical, facts
from lienmach.simulators import faults
from lienmach.standards.hl7v2 import mllp

DIALECTS = pytest.mark.parametrize("dialect", ["hl7", "astm"])
GOOD = {"hl7": "AA", "astm": "ACK"}


@DIALECTS
async def test_a_result_lands_under_its_order_with_range_and_device(lab: Any, wire: Any, dialect: str) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    told = await wire.sim.send(tube, {"K": "4.1"}, dialect)
    assert told["answer"] == GOOD[dialect]
    found = await lab.value(tube, "K")
    assert found["status"] == "preliminary" and found["valueQuantity"]["value"] == Decimal("4.1")
    assert found["valueQuantity"]["code"] == "mmol/L" and facts.flag_of(found) == "N"
    assert found["referenceRange"][0]["text"] == "3,5 – 5,0"
    assert found["device"]["display"] == "Máy sinh hoá (mẫu)"


@DIALECTS
async def test_an_analyser_learns_what_is_ordered_for_a_tube_and_measures_it(lab: Any, wire: Any, dialect: str) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    told = await wire.sim.send(tube, None, dialect)
    assert sorted(told["asked"]) == ["CL", "K", "NA"] and told["answer"] == GOOD[dialect]
    assert all(facts.has_value(one.observation) for one in (await lab.panel(tube)).tests)
    assert (await wire.sim.send(tube, None, dialect))["asked"] == []


@DIALECTS
async def test_a_critical_potassium_reaches_who_ordered_at_once(lab: Any, wire: Any, dialect: str) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    await wire.sim.send(tube, {"K": "6.8"}, dialect)
    tasks = await lab.find("Task", ("code", "critical-result"))
    assert len(tasks) == 1 and tasks[0]["status"] == "requested"
    assert tasks[0]["owner"]["reference"] == "Practitioner/nv-bacsi"
    store, clinic = lab.clinic.store, lab.clinic
    async with store.begin(clinic.actor("doctor")) as tx:
        assert [one.what for one in await critical.waiting(tx)] == ["Kali máu 6,8 mmol/L ↑↑"]
    async with store.begin(clinic.actor("doctor", "doctor2")) as tx:
        assert await critical.waiting(tx) == []


async def test_the_same_message_twice_changes_nothing_and_is_accepted_again(lab: Any, wire: Any) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    wire.sim.faults = faults.Faults("duplicate")
    told = await wire.sim.send(tube, {"K": "6.8"}, "hl7")
    assert told["answer"] == "AA" and told["again"] == "AA"
    found = await lab.value(tube, "K")
    assert found["meta"]["versionId"] == "1"
    assert len(await lab.find("Task", ("code", "critical-result"))) == 1
    rows = await lab.rows("select repeats from laboratory_message")
    assert [row["repeats"] for row in rows] == [1]


async def test_the_same_message_over_many_lines_at_once_is_kept_once(lab: Any, wire: Any) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    message = oru(tube, "K", "4.4")
    answers = await asyncio.gather(*(exchange(wire.hl7, message) for _ in range(8)))
    assert all(b"|AA|" in one for one in answers)
    assert (await lab.value(tube, "K"))["meta"]["versionId"] == "1"
    assert len(await lab.rows("select 1 from laboratory_message")) == 1


REASONS = [
    ({"tube": "9912319999"}, "tube"),
    ({"code": "XX"}, "code"),
    ({"patient": "Trần^Thị Bé"}, "patient"),
    ({"code": "NA", "service": "XN-CA"}, "order"),
    ({"unit": "mg/dL"}, "unit"),
    ({"value": "#####"}, "value"),
]


@pytest.mark.parametrize(("change", "reason"), REASONS, ids=[reason for _, reason in REASONS])
async def test_what_is_not_certain_waits_in_the_tray_and_changes_nothing(
    lab: Any, wire: Any, change: dict[str, str], reason: str
) -> None:
    tube = await lab.tube(change.get("service", "XN-DIEN-GIAI"))
    answer = await exchange(
        wire.hl7,
        oru(
            change.get("tube", tube), change.get("code", "K"), change.get("value", "4.1"),
            unit=change.get("unit", "mmol/L"), patient=change.get("patient", ""),
        ),
    )  # fmt: skip
    assert b"|AA|" in answer
    assert [row["reason"] for row in await lab.rows("select reason from laboratory_tray")] == [reason]
    assert not any(facts.has_value(one.observation) for one in (await lab.panel(tube)).tests)


async def test_the_right_person_on_the_analyser_is_no_hindrance(lab: Any, wire: Any) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    await exchange(wire.hl7, oru(tube, "K", "4.1", patient="NGUYEN^VAN AN"))
    assert facts.has_value(await lab.value(tube, "K"))


NONSENSE = [
    (b"hello", b"|AE|", b"MSH"),
    (b"MSH|^~\\&|SIM-1\rOBX|", b"|AE|", b"control id"),
    (b"MSH|^~\\&|SIM-1|B|L|L|1||ADT^A01|7|P|2.5.1\rPID|1\r", b"|AR|", b"ORU"),
    (b"MSH|^~\\&|SIM-1|B|L|L|1||ORU^R01|7|P|2.5.1\r", b"|AE|", b"OBX"),
    (b"MSH|^~\\&|SIM-1|B|L|L|1||ORU^R01|7|P|2.5.1\rOBR|1||T\rOBX|1|NM|||1\r", b"|AE|", b"test code"),
    (b"MSH|^~\\&|SIM-1|B|L|L|1||ORU^R01|7|P|3\rOBR|1||T\rOBX|1|NM|K||1\r", b"|AR|", b"version"),
    (b"MSH|^~\\&|SIM-1|B|L|L|1||ORU^R01|7|T|2.5.1\rOBR|1||T\rOBX|1|NM|K||1\r", b"|AR|", b"MSH-11"),
    (b"MSH|^~\\&|OTHER|B|L|L|1||ORU^R01|7|P|2.5.1\rOBR|1||T\rOBX|1|NM|K||1\r", b"|AR|", b"not registered"),
    (b"MSH|^~\\&|SIM-1|B|L|L|1||ORU^R01|7|P|2.5.1\rOBR|1||\xff\xfe\rOBX|1|NM|K||1\r", b"|AE|", b"character set"),
]


@pytest.mark.parametrize(("raw", "code", "told"), NONSENSE)
async def test_nonsense_gets_a_sentence_is_kept_and_changes_nothing(
    lab: Any, wire: Any, raw: bytes, code: bytes, told: bytes
) -> None:
    answer = await exchange(wire.hl7, raw)
    assert code in answer and told in answer
    rows = await lab.rows("select state, sentence from laboratory_message")
    assert [row["state"] for row in rows] == ["refused"] and told.decode() in rows[0]["sentence"]
    assert await lab.find("Observation", ("category", "laboratory")) == []


async def test_a_stream_of_noise_is_cut_off_and_the_next_analyser_is_served(lab: Any, wire: Any) -> None:
    reader, writer = await asyncio.open_connection(*wire.hl7)
    writer.write(b"\x00\xff" * 4000)
    assert b"|AR|" in await reader.read()
    writer.close()
    reader, writer = await asyncio.open_connection(*wire.hl7)
    writer.write(mllp.START + b"A" * 30_000)
    assert b"longer than" in await reader.read()
    writer.close()
    tube = await lab.tube("XN-DIEN-GIAI")
    assert (await wire.sim.send(tube, {"K": "4.1"}, "hl7"))["answer"] == "AA"


async def test_a_line_that_breaks_inside_a_message_stores_nothing(lab: Any, wire: Any) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    _, writer = await asyncio.open_connection(*wire.hl7)
    writer.write(mllp.frame(oru(tube, "K", "6.8"))[:-2])
    await writer.drain()
    writer.close()
    await wire.sim.send(tube, {"NA": "140"}, "hl7")
    assert await lab.value(tube, "K") is None and facts.has_value(await lab.value(tube, "NA"))


async def test_two_messages_in_one_write_get_two_answers(lab: Any, wire: Any) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    reader, writer = await asyncio.open_connection(*wire.hl7)
    writer.write(mllp.frame(oru(tube, "K", "4.0", "1")) + mllp.frame(oru(tube, "NA", "141", "2")))
    assert b"|AA|1" in await reader.readuntil(mllp.END) and b"|AA|2" in await reader.readuntil(mllp.END)
    writer.close()


@pytest.mark.parametrize("spoilt", ["checksum", "number", "no-enq", "records"])
async def test_a_spoilt_astm_frame_gets_nak_and_changes_nothing(lab: Any, wire: Any, spoilt: str) -> None:
    tube = await lab.tube("XN-DIEN-GIAI")
    text = f"H|\\^&|1||SIM-1\rP|1\rO|1|{tube}\rR|1|^^^K|4.1|mmol/L\rL|1|N\r".encode()
    if spoilt == "records":
        text = b"H|\\^&|1||SIM-1\rZ|1\rL|1|N\r"
    body = (b"2" if spoilt == "number" else b"1") + text + b"\x03"
    check = b"00" if spoilt == "checksum" else b"%02X" % (sum(body) & 0xFF)
    reader, writer = await asyncio.open_connection(*wire.astm)
    if spoilt != "no-enq":
        writer.write(b"\x05")
        assert await reader.readexactly(1) == b"\x06"
    frame = b"\x02" + body + check + b"\r\n"
    for _ in range(2):  # again and again, the same answer
        writer.write(frame)
        assert await reader.readexactly(1) == b"\x15"
    writer.write(b"\x04")
    writer.close()
    assert await lab.value(tube, "K") is None


async def test_a_stopped_analyser_is_not_listened_to(lab: Any, wire: Any) -> None:
    from lienmach.departments.laboratory import machines

    async def off(tx: Any) -> None:
        machines.set_active(tx, lab.analyser_id, False)

    await lab.run(off)
    assert (await wire.sim.send("1", {"K": "4.1"}, "hl7"))["answer"].startswith("AR")
    assert (await wire.sim.send("1", {"K": "4.1"}, "astm"))["answer"] == "NAK"
