"""What must hold when everybody has gone home: who opened the record, times in order, and a chain that tells."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import asyncpg
from playwright.sync_api import expect

from lienmach.base import postgres
from lienmach.base.settings import Settings
from tests.browser import story_money
from tests.browser.story_arrival import CITIZEN_NUMBER, NAME
from tests.browser.story_node import StoryNode
from tests.browser.story_screens import Screens, settle

#: Everybody of the story who saw something of his, as the page of accesses names them.
SEEN = ("BS Mẫu Khám Bệnh", "DS Mẫu Nhà Thuốc", "KTV Mẫu Xét Nghiệm", "Lễ tân Mẫu Tiếp Đón", "DS Mẫu Cấp Thuốc",
        "Mẫu Thu Ngân", "Mẫu Giám Định")  # fmt: skip


def who_opened(screens: Screens, patient_id: str) -> None:
    """The doctor and the data protection officer read who opened the record, and why."""
    for login in ("bacsi", "baove"):
        desk = screens.seat(login)
        desk.go(f"/registration/patients/{patient_id}/access")
        expect(desk.page.get_by_role("heading", name="Ai đã mở hồ sơ")).to_be_visible()
        while desk.page.locator("#more a").count():
            desk.page.locator("#more a").click()
            settle(desk.page)
        for name in SEEN:
            expect(desk.page.locator("main table").first).to_contain_text(name)
        desk.page.evaluate("scrollTo(0, 0)")
        screens.shoot(desk.page, f"{'doctor' if login == 'bacsi' else 'protection-officer'}-who-opened")


def find_by_fhir(node: StoryNode, patient_id: str) -> None:
    """One person by the number of the card, through the API, and what he had to pay: two versions, one in force."""
    found = node.resources(f"Patient?identifier={CITIZEN_NUMBER}")
    assert [one["id"] for one in found] == [patient_id] and found[0]["name"][0]["text"] == NAME
    bills = node.resources(f"Invoice?patient={patient_id}")
    assert sorted(one["status"] for one in bills) == ["cancelled", "issued"]
    for one in bills:
        assert one["subject"]["reference"] == f"Patient/{patient_id}" and one["totalNet"]["currency"] == "VND"
        assert one["lineItem"] and one["identifier"][0]["value"].startswith("BK")


def check_times(node: StoryNode, patient_id: str, encounter_id: str) -> None:
    """No time lies before its cause, and none after the moment at which it was stored."""
    visit = node.fhir("GET", f"Encounter/{encounter_id}")
    begun, ended = _at(visit["period"]["start"]), _at(visit["period"]["end"])
    patient = node.fhir("GET", f"Patient/{patient_id}/_history/1")
    orders = {one["id"]: one for one in node.resources(f"ServiceRequest?encounter={encounter_id}&_count=100")}
    tubes = {one["id"]: one for one in node.resources(f"Specimen?patient={patient_id}&_count=100")}
    lines = {one["id"]: one for one in node.resources(f"MedicationRequest?encounter={encounter_id}&_count=100")}
    pairs = [("the visit after the person", _at(patient["meta"]["lastUpdated"]), begun), ("end", begun, ended)]
    pairs += [("order", begun, _at(one["authoredOn"])) for one in (*orders.values(), *lines.values())]
    for tube in tubes.values():
        taken = _at(tube["collection"]["collectedDateTime"])
        pairs += [("tube", _at(orders[_id(one)]["authoredOn"]), taken) for one in tube["request"]]
        pairs += [("at the bench", taken, _at(tube["receivedTime"]))] if "receivedTime" in tube else []
    for result in node.resources(f"Observation?encounter={encounter_id}&category=laboratory&_count=100"):
        tube = tubes[_id(result["specimen"])]
        pairs += [("result", _at(tube["receivedTime"]), _at(result["issued"])),
                  ("measured", _at(tube["collection"]["collectedDateTime"]), _at(result["effectiveDateTime"]))]  # fmt: skip
    for note in node.resources(f"Composition?encounter={encounter_id}&_count=100"):
        pairs.append(("note", begun, _at(note["date"])))
        for mark in node.resources(f"Provenance?target=Composition/{note['id']}&_count=100"):
            pairs.append(("signature", _at(note["date"]), _at(mark["recorded"])))
    first, second = (story_money.statement_of(node, encounter_id, version) for version in (1, 2))
    pairs += [
        ("statement", ended, _at(first["closed_at"])),
        ("the second", _at(first["closed_at"]), _at(second["date"])),
    ]
    for given in node.resources(f"MedicationDispense?patient={patient_id}&_count=100"):
        cause = lines[_id(given["authorizingPrescription"][0])]
        pairs.append(("given out", _at(cause["authoredOn"]), _at(given["whenHandedOver"])))
        if "Glucosamin" not in str(cause):  # which he buys when he likes
            pairs.append(("not before the statement", _at(first["closed_at"]), _at(given["whenHandedOver"])))
    assert len(pairs) > 20, "something of the visit is missing"
    wrong = [(what, cause, at) for what, cause, at in pairs if at < cause]
    assert not wrong, wrong


def verify(screens: Screens, encounter_id: str) -> None:
    """The chain holds; one changed byte of the signed note, and neither the chain nor the signature does."""
    node = screens.node
    told = node.command("verify")
    assert told.returncode == 0 and "the chain holds" in told.stdout, told.stdout + told.stderr
    (note,) = node.resources(f"Composition?encounter={encounter_id}")
    _in_a_thread(lambda: _change_a_byte(node, note["id"]))
    told = node.command("verify")
    assert told.returncode == 1 and "DOES NOT HOLD" in told.stdout, told.stdout + told.stderr
    desk = screens.seat("bacsi")
    desk.go(f"/outpatient/visits/{encounter_id}/addenda")
    expect(desk.page.locator("main")).to_contain_text("không hợp lệ")
    screens.shoot(desk.page, "doctor-sees-tampering")


async def _change_a_byte(node: StoryNode, note_id: str) -> None:
    """As somebody with all keys of the database would."""
    cluster = postgres.attach(Settings(home=node.home))
    assert cluster is not None
    connection = await asyncpg.connect(cluster.url("superuser"))
    try:
        row = await connection.fetchrow(
            "select tenant, seq, body from version where id = $1 order by seq desc", note_id
        )
        body = bytearray(row["body"])
        body[body.index("loét".encode())] = ord("k")
        async with connection.transaction():
            await connection.execute("set local session_replication_role = replica")
            done = await connection.execute(
                "update version set body = $3 where tenant = $1 and seq = $2", row["tenant"], row["seq"], bytes(body)
            )
        assert done == "UPDATE 1", done
    finally:
        await connection.close()


def _in_a_thread(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `work` beside playwright's own event loop; what it raises is raised here."""
    problems: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as problem:
            problems.append(problem)

    runner = threading.Thread(target=run)
    runner.start()
    runner.join()
    if problems:
        raise problems[0]


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _id(reference: dict[str, Any]) -> str:
    return str(reference["reference"]).rsplit("/", 1)[1]
