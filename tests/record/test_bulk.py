"""The fast way in: what is there stays, what changed follows, what is refused leaves nothing behind."""

from __future__ import annotations

import asyncio
import json

import pytest

from lienmach.base import errors
from lienmach.record import bulk, history, read, write
from lienmach.record.bulk import Item

PATIENT = b'{"resourceType":"Patient","id":"p1","name":[{"family":"Nguy\xe1\xbb\x85n"}],"birthDate":"1958-02-01"}'
WEIGHT = (
    b'{"resourceType":"Observation","status":"final","code":{"text":"w"},"valueQuantity":{"value":62.50,'
    b'"unit":"kg"},"subject":{"reference":"%s"}}'
)
WRONG = b'{"resourceType":"Observation","code":{"text":"w"},"colour":"red"}'


def patient(body=PATIENT, *, url="Patient/p1", resource_id="p1"):
    return Item("a.ndjson", url, body, "Patient", resource_id)


def weight(url, subject=b"Patient/p1", body=None):
    return Item("a.ndjson", url, body or WEIGHT % subject, "Observation")


async def rows(store, actor, kind):
    async with store.begin(actor) as tx:
        found = await tx.fetch(
            "select v.body, v.id from resource r join version v on v.tenant = r.tenant and "
            "v.seq = r.seq where r.tenant = $1 and r.type = $2 order by v.seq",
            tx.tenant.number,
            tx.definitions.type_number(kind),
        )
        await tx.abandon()
    return [(row["id"], row["body"]) for row in found]


async def events(store, actor):
    return len(await rows(store, actor, "AuditEvent"))


async def test_a_load_stores_everything_with_one_audit_event(store, system):
    report = await bulk.load(store, system, [patient(), weight("urn:uuid:1"), weight("urn:uuid:2")])
    assert (report.created, report.refused) == ({"Patient": 1, "Observation": 2}, 0)
    assert await events(store, system) == 1
    (found, body), _ = await rows(store, system, "Observation")
    value = json.loads(body)
    assert value.pop("id") == found
    assert value.pop("meta")["versionId"] == "1"
    assert value == json.loads(WEIGHT % b"Patient/p1")
    assert b'"value":62.50,' in body


async def test_a_second_load_adds_nothing_not_even_an_audit_event(store, system):
    items = [patient(), weight("urn:uuid:1"), weight("urn:uuid:2")]
    await bulk.load(store, system, items)
    report = await bulk.load(store, system, items)
    assert (report.there, report.created, report.changed) == ({"Patient": 1, "Observation": 2}, {}, {})
    assert await events(store, system) == 1


async def test_a_changed_body_is_the_next_version_of_the_same_resource(store, system):
    await bulk.load(store, system, [patient(), weight("urn:uuid:1")])
    ((found, _),) = await rows(store, system, "Observation")
    changed = WEIGHT.replace(b"62.50", b"63.0") % b"Patient/p1"
    report = await bulk.load(store, system, [patient(), weight("urn:uuid:1", body=changed)])
    assert (report.there, report.changed) == ({"Patient": 1}, {"Observation": 1})
    async with store.begin(system) as tx:
        assert (await read.read(tx, "Observation", found)).version_id == 2
        assert len((await history.history(tx, "Observation", found)).entries) == 2


async def test_the_same_resource_from_another_source_is_recognised_by_its_id_and_bytes(store, system):
    await bulk.load(store, system, [patient()])
    report = await bulk.load(store, system, [Item("b.ndjson", "Patient/p1", PATIENT, "Patient", "p1")])
    assert report.there == {"Patient": 1}


async def test_what_was_changed_here_is_not_set_back_by_the_same_source(store, system):
    await bulk.load(store, system, [patient()])
    newer = PATIENT.replace(b"1958", b"1959")
    await store.run(system, lambda tx: write.update(tx, "Patient", "p1", newer))
    await bulk.load(store, system, [patient()])
    async with store.begin(system) as tx:
        assert b"1959" in (await read.read(tx, "Patient", "p1")).body


async def test_a_refused_one_is_named_and_the_others_are_taken(store, system):
    refusals = []
    report = await bulk.load(
        store, system, [patient(), weight("urn:uuid:1", body=WRONG), weight("urn:uuid:2")], refuse=refusals.append
    )
    assert (report.refused, report.created) == (1, {"Patient": 1, "Observation": 1})
    (one,) = refusals
    assert (one.item.full_url, one.with_group) == ("urn:uuid:1", False)
    assert isinstance(one.failure, errors.Unprocessable)
    assert {issue.expression for issue in one.failure.issues} >= {"Observation.status", "Observation.colour"}


async def test_of_a_group_with_a_wrong_one_nothing_is_taken(store, system):
    refusals = []
    group = [patient(), weight("urn:uuid:1", body=WRONG), weight("urn:uuid:2")]
    report = await bulk.load(store, system, [group, weight("urn:uuid:3")], refuse=refusals.append)
    assert (report.refused, report.created) == (3, {"Observation": 1})
    assert sorted(one.with_group for one in refusals) == [False, True, True]
    assert await rows(store, system, "Patient") == []
    assert (await bulk.load(store, system, [patient()])).created == {"Patient": 1}  # no mark was left behind


async def test_links_of_a_group_point_to_the_ids_that_were_given(store, system):
    group = [
        Item("b.json", "urn:uuid:a", PATIENT, "Patient"),
        Item("b.json", "urn:uuid:b", WEIGHT % b"urn:uuid:a", "Observation"),
    ]
    await bulk.load(store, system, [group])
    ((new_id, _),) = await rows(store, system, "Patient")
    assert new_id != "p1"
    ((_, body),) = await rows(store, system, "Observation")
    assert json.loads(body)["subject"] == {"reference": f"Patient/{new_id}"}


async def test_a_link_to_nobody_in_the_group_refuses_the_group(store, system):
    refusals = []
    group = [Item("b.json", "urn:uuid:b", WEIGHT % b"urn:uuid:a", "Observation")]
    assert (await bulk.load(store, system, [group], refuse=refusals.append)).refused == 1
    assert refusals[0].failure.issues[0].expression == "Observation.subject.reference"


async def test_a_later_addition_to_a_group_points_to_what_was_taken_before(store, system):
    group = [Item("b.json", "urn:uuid:a", PATIENT, "Patient")]
    group.append(Item("b.json", "urn:uuid:b", WEIGHT % b"urn:uuid:a", "Observation"))
    await bulk.load(store, system, [group])
    report = await bulk.load(
        store, system, [[*group, Item("b.json", "urn:uuid:c", WEIGHT % b"urn:uuid:a", "Observation")]]
    )
    assert (report.there, report.created) == ({"Patient": 1, "Observation": 1}, {"Observation": 1})
    ((new_id, _),) = await rows(store, system, "Patient")
    assert all(
        json.loads(body)["subject"] == {"reference": f"Patient/{new_id}"}
        for _, body in await rows(store, system, "Observation")
    )


async def test_one_name_twice_in_a_load_is_one_resource(store, system):
    report = await bulk.load(
        store, system, [weight("urn:uuid:1"), weight("urn:uuid:1"), weight("urn:uuid:1", b"Patient/p2")]
    )
    assert (report.created, report.there, report.changed) == (
        {"Observation": 1},
        {"Observation": 1},
        {"Observation": 1},
    )


async def test_one_id_under_two_names_in_a_batch_has_two_versions(store, system):
    changed = PATIENT.replace(b"1958", b"1960")
    await bulk.load(store, system, [patient(), patient(changed, url="other")])
    async with store.begin(system) as tx:
        stored = await read.read(tx, "Patient", "p1")
    assert (stored.version_id, b"1960" in stored.body) == (2, True)


async def test_more_than_a_batch_is_taken_in_order(store, system):
    count = bulk.BATCH_RESOURCES * 2 + 1
    done = []
    report = await bulk.load(
        store, system, (weight(f"urn:uuid:{n}", b"Patient/%d" % n) for n in range(count)), progress=done.append
    )
    assert report.created == {"Observation": count}
    assert (sum(done), len(done)) == (count, 3)
    found = await rows(store, system, "Observation")
    assert [json.loads(body)["subject"]["reference"] for _, body in found] == [f"Patient/{n}" for n in range(count)]


async def test_tenants_do_not_share_marks(store, system, stranger):
    await bulk.load(store, system, [weight("urn:uuid:1")])
    assert (await bulk.load(store, stranger, [weight("urn:uuid:1")])).created == {"Observation": 1}


async def test_a_load_that_was_stopped_goes_on_where_it_stopped(store, system):
    count = bulk.BATCH_RESOURCES * 2 + 10

    def items(until):
        for number in range(count):
            if number == until:
                raise KeyboardInterrupt
            yield weight(f"urn:uuid:{number}", b"Patient/%d" % number)

    with pytest.raises(KeyboardInterrupt):
        await bulk.load(store, system, items(bulk.BATCH_RESOURCES * 2 + 5))
    taken = len(await rows(store, system, "Observation"))
    assert taken >= bulk.BATCH_RESOURCES
    report = await bulk.load(store, system, items(None))
    assert (report.there["Observation"] + report.created["Observation"], report.refused) == (count, 0)
    assert report.there["Observation"] >= bulk.BATCH_RESOURCES
    assert len(await rows(store, system, "Observation")) == count


async def test_of_two_loads_at_once_each_resource_is_stored_once(store, system):
    items = [weight(f"urn:uuid:{n}", b"Patient/%d" % n) for n in range(50)]
    items += [
        patient(PATIENT.replace(b'"p1"', b'"p%d"' % n), url=f"Patient/p{n}", resource_id=f"p{n}") for n in range(50)
    ]
    first, second = await asyncio.gather(bulk.load(store, system, items), bulk.load(store, system, items))
    assert first.created.total() + second.created.total() == 100
    assert first.there.total() + second.there.total() == 100
    assert len(await rows(store, system, "Observation")) == 50
