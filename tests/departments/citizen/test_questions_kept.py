"""A citizen's question about who opened their record is not there for those whom it is about, on any way of the FHIR API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import access_questions, resources, systems
from lienmach.record import access, history, life, read, search, write
from tests.departments.citizen.own_world import OwnRecord
from tests.departments.citizen.test_access_questions import ASKED, asked
from tests.departments.citizen.test_citizen_access import tasks

STAFF = [name for name, one in access.GRANTS.items() if "Task" in one.read.split() or one.read == access.ANY]
STAFF = [name for name in STAFF if name not in ("system", "dpo")]


@pytest.fixture
async def question(own: OwnRecord) -> dict[str, Any]:
    """A question beside an ordinary Task of the same person."""
    await asked(own)
    [task] = await tasks(own)

    async def work(tx: Any) -> None:
        plain = {name: task[name] for name in ("resourceType", "status", "intent", "for", "focus")}
        await resources.create(tx, {**plain, "id": "plain"}, resource_id="plain")

    await own.clinic.store.run(own.clinic.actor("reception"), work)
    return task


def test_the_record_and_the_page_mean_the_same_tasks() -> None:
    assert f"{systems.TASK_KIND}|{access_questions.KIND}" == access.QUESTION
    assert len(STAFF) > 7 and "doctor" in STAFF and "reception" in STAFF


async def _missing(asking: Any) -> None:
    with pytest.raises(errors.NotFound):
        await asking


@pytest.mark.parametrize("role", STAFF)
async def test_no_way_of_reading_shows_it_to_staff(own: OwnRecord, question: dict[str, Any], role: str) -> None:
    key, person = question["id"], question["for"]["reference"]
    async with own.clinic.store.begin(own.clinic.actor(role)) as tx:
        await _missing(read.read(tx, "Task", key))
        await _missing(read.vread(tx, "Task", key, "1"))
        await _missing(history.history(tx, "Task", key))
        for params in ([], [("_id", key)], [("patient", person)], [("code", access.QUESTION)], [("_sort", "status")]):
            page = await search.search(tx, "Task", [*params, ("_total", "accurate")])
            assert key not in {one.id for one in page.matches} and (page.total or 0) <= 1, params
        assert [one.id for one in (await search.search(tx, "Task", [("patient", person)])).matches] == ["plain"]
        found = await search.search(tx, "Patient", [("_revinclude", "Task:patient"), ("_id", person[8:])])
        assert [one.id for one in found.included if one.type == "Task"] == ["plain"]
        assert not (await search.search(tx, "Patient", [("_has:Task:patient:code", access.QUESTION)])).matches
        for listed in (await history.history(tx, "Task", count=1000), await history.history(tx, None, count=1000)):
            assert [one.id for one in listed.entries if one.type == "Task"] == ["plain"]
        for entry in (await life.page(tx, person[8:], life.Filter(), count=200)).entries:
            assert entry.stored.id != key
        assert (await read.read(tx, "Task", "plain")).id == "plain"
        assert (await history.history(tx, "Task", "plain")).total == 1


async def test_what_one_contains_leads_nobody_to_it(own: OwnRecord, question: dict[str, Any]) -> None:
    store, inside = own.clinic.store, {"resourceType": "Organization", "id": "o", "name": "Nơi được hỏi"}
    for one in (question, {**question, "id": "plain", "code": {"text": "khác"}}):
        body = json.dumps({**one, "contained": [inside]}).encode()
        await store.run(
            own.clinic.actor("dpo"), lambda tx, one=one, body=body: write.update(tx, "Task", one["id"], body)
        )
    for role, found in (("doctor", {"plain"}), ("dpo", {"plain", question["id"]})):
        async with store.begin(own.clinic.actor(role)) as tx:
            params = [("name", "Nơi được hỏi"), ("_contained", "true"), ("_containedType", "container")]
            page = await search.search(tx, "Organization", params)
            assert {one.id for one in page.matches} == found, role


@pytest.mark.parametrize(
    "role", [one for one in STAFF if "Task" in access.GRANTS[one].write.split() or one == "doctor"]
)
async def test_staff_cannot_complete_make_or_hide_one(own: OwnRecord, question: dict[str, Any], role: str) -> None:
    def writing(body: dict[str, Any]) -> Any:
        return own.clinic.store.run(
            own.clinic.actor(role), lambda tx: write.update(tx, "Task", body["id"], json.dumps(body).encode())
        )

    plain = {"resourceType": "Task", "status": "requested", "intent": "order"}
    for body in (
        {**question, "status": "completed"},
        {**plain, "id": question["id"]},
        {**plain, "id": "new", "code": question["code"]},
        {**plain, "id": "plain", "code": question["code"]},
    ):
        with pytest.raises(errors.Refused):
            await writing(body)
    assert (await writing({**plain, "id": "plain"})).version_id == 2
    assert await tasks(own) == [question]


async def test_nobody_deletes_one_or_makes_something_else_of_it(own: OwnRecord, question: dict[str, Any]) -> None:
    own_id = question["id"]
    body = json.dumps({**question, "code": {"text": "khác"}}).encode()
    store, system = own.clinic.store, Actor(1, "test", frozenset({"system"}), "HOPERAT")
    with pytest.raises(errors.Refused):
        await store.run(system, lambda tx: write.delete(tx, "Task", own_id))
    with pytest.raises(errors.Refused):
        await store.run(system, lambda tx: write.update(tx, "Task", own_id, body))


async def test_an_answered_one_stays_hidden_in_all_its_versions(own: OwnRecord, question: dict[str, Any]) -> None:
    store, key = own.clinic.store, question["id"]
    await store.run(own.clinic.actor("dpo"), lambda tx: access_questions.answer(tx, key, "Bác sĩ mở nhầm hồ sơ."))
    async with store.begin(own.clinic.actor("doctor")) as tx:
        for version in ("1", "2"):
            await _missing(read.vread(tx, "Task", key, version))
        assert {one.id for one in (await history.history(tx, "Task")).entries} == {"plain"}
    async with store.begin(own.clinic.actor("dpo")) as tx:
        entries = (await history.history(tx, "Task", key)).entries
        assert len(entries) == 2 and all(ASKED in one.body.decode() for one in entries)
