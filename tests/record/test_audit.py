"""Audit events: shaped right, found like any resource, although most of their terms stand in a frame."""

from __future__ import annotations

import pytest

from lienmach.record import audit, read, search, write
from lienmach.record.index import rows as index_rows
from lienmach.standards.fhir import json as fhir_json
from lienmach.standards.fhir import validate

PATIENT = b'{"resourceType":"Patient","name":[{"text":"Th\xe1\xbb\xad"}]}'


async def _events(store, actor, *params):
    async with store.begin(actor) as tx:
        return [fhir_json.parse(one.body) for one in (await search.search(tx, "AuditEvent", list(params))).matches]


async def _read_one(store, actor):
    stored = await store.run(actor, lambda tx: write.create(tx, PATIENT))
    async with store.begin(actor) as tx:
        tx.access.note("read", what=f"Patient/{stored.id}", request_id="r-1")
        await read.read(tx, "Patient", stored.id)
    return stored


async def test_an_event_is_valid_fhir_in_the_shape_of_balp(store, system):
    stored = await _read_one(store, system)
    (event,) = await _events(store, system, ("patient", f"Patient/{stored.id}"), ("action", "R"))
    assert validate.validate(store.definitions, event) == []
    assert event["meta"]["profile"] == [
        "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"
    ]
    assert event["entity"][0]["what"] == {"reference": f"Patient/{stored.id}"}
    assert event["entity"][1]["what"] == {"identifier": {"value": "r-1"}}


@pytest.mark.parametrize(
    "what, persons, query, request_id",
    [
        ("", ["a", "b"], "Patient?x", ""),
        ("Observation/o", ["a"], "", "r"),
        ("Organization/o", [], "", ""),
        ("Patient/p", [], "", "r"),
        ("", [], "", ""),
        ("", ["a"], "q", "r"),
    ],
)
def test_frame_and_own_terms_are_those_of_the_whole_event(
    definitions_loaded, tenant, system, what, persons, query, request_id
):
    parameters = definitions_loaded.parameters
    unit = _Unit(system, tenant, definitions_loaded)
    unit.access.note("read", what=what, query=query, request_id=request_id)
    for one in persons:
        unit.access.persons[one] = None
    audit.collect(unit)
    (change,) = unit.changes
    whole = index_rows.extract(
        parameters, fhir_json.parse(change.body), tenant=1, term_seed=tenant.term_seed, tz=tenant.time_zone
    )
    number, *own = change.rows.terms
    assert number == change.frame.number
    assert set(own) | set(change.frame.terms) == set(whole.terms)
    assert sorted(change.rows.post) == sorted(whole.post)
    assert change.rows.dat == whole.dat
    assert change.rows.d1 == whole.d1
    assert set(change.frame.strings) == {row[:3] for row in whole.str}


@pytest.mark.parametrize(
    "params, count",
    [
        ([("action", "R")], 1),
        ([("action", "C")], 1),
        ([("action", "D")], 0),
        ([("action:not", "R")], 1),
        ([("type", "rest"), ("outcome", "0")], 2),
        ([("address", "10.0.0")], 2),
        ([("address", "10.0.1")], 0),
        ([("subtype", "http://hl7.org/fhir/restful-interaction|read")], 1),
        ([("agent-name:missing", "true")], 2),
        ([("entity-role", "1")], 2),
        ([("_profile", audit._PROFILE + "PatientRead")], 1),
        ([("agent:missing", "false")], 2),
    ],
)
async def test_events_are_found_by_what_their_frame_says(store, system, params, count):
    actor = type(system)(1, "bacsi", frozenset(["system"]), address="10.0.0.7")
    await _read_one(store, actor)
    assert len(await _events(store, actor, *params)) == count


async def test_who_opened_a_record_is_told_newest_first(store, system):
    stored = await _read_one(store, system)
    events = await _events(store, system, ("patient", f"Patient/{stored.id}"))
    assert [event["action"] for event in events] == ["R", "C"]


class _Unit:
    """What `collect` needs of a unit of work."""

    def __init__(self, actor, tenant, loaded):
        from lienmach.base import clock

        self.access, self.actor, self.tenant, self.now = audit.Access(), actor, tenant, clock.now()
        self.definitions, self.parameters = loaded.definitions, loaded.parameters
        self.changes, self.jobs = [], []
        self.add = self.changes.append


@pytest.fixture(scope="module")
def definitions_loaded():
    from types import SimpleNamespace

    from lienmach.record.index.parameters import Parameters
    from lienmach.standards.fhir import definitions

    loaded = definitions.load()
    return SimpleNamespace(definitions=loaded, parameters=Parameters.load(loaded))


@pytest.fixture
def tenant():
    from zoneinfo import ZoneInfo

    from lienmach.record.tenants import Tenant

    return Tenant(1, "main", "x", ZoneInfo("Asia/Ho_Chi_Minh"), 77)


@pytest.mark.parametrize(("count", "events"), [(1000, 1), (1001, 2)])
async def test_nobody_is_left_out_however_many_an_answer_is_about(store, system, count, events):
    async with store.begin(system) as tx:
        for n in range(count):
            await write.create(tx, PATIENT, resource_id=f"p{n}")
    found = await _events(store, system)
    named = [one["what"]["reference"] for event in found for one in event["entity"]]
    assert (len(found), sorted(named)) == (events, sorted(f"Patient/p{n}" for n in range(count)))
