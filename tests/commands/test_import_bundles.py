"""Bundles that are imported: links, conditions, all or nothing, and what each kind of bundle means."""

from __future__ import annotations

import json

import pytest

from lienmach.base import errors
from tests.commands import bundles
from tests.commands.bundles import A, B, C, bundle, observation, patient, post, practitioner


def sent(body):
    """The text without id and meta, which the record sets."""
    value = json.loads(body)
    value.pop("id", None)
    value.pop("meta", None)
    return value


# Transactions


async def test_links_of_a_transaction_point_to_the_new_ids_also_in_the_narrative(world):
    div = f"<div xmlns='http://www.w3.org/1999/xhtml'><a href='{A}'>Thử</a></div>"
    observed = json.loads(observation(A)) | {"text": {"status": "generated", "div": div}}
    bundles.write(
        world.folder / "t.json",
        bundle("transaction", [post(B, observed, "Observation"), post(A, patient("own"), "Patient")]),
    )
    assert (await world.take()).created == {"Patient": 1, "Observation": 1}
    (person,), (found,) = await world.all("Patient"), await world.all("Observation")
    assert person["id"] != "own"
    assert found["subject"]["reference"] == f"Patient/{person['id']}"
    assert f"href='Patient/{person['id']}'" in found["text"]["div"]


async def test_a_transaction_is_byte_for_byte_what_was_sent_but_for_id_and_meta_and_links(world):
    text = observation("Patient/p9", "1.10")
    bundles.write(world.folder / "t.json", bundle("transaction", [post(A, text, "Observation")]))
    await world.take()
    (body,) = await world.bodies("Observation")
    head, _, tail = text.partition('"Observation"')
    assert body.startswith((head + '"Observation"').encode())
    assert body.endswith(tail.encode())


async def test_of_a_transaction_with_a_wrong_entry_nothing_is_taken(world):
    wrong = patient() | {"colour": "red"}
    bundles.write(
        world.folder / "t.json",
        bundle(
            "transaction", [post(A, patient(), "Patient"), post(B, wrong, "Patient"), post(C, patient(), "Patient")]
        ),
    )
    report = await world.take()
    assert (report.created.total(), report.refused) == (0, 3)
    assert [(one["index"], "withGroup" in one) for one in world.refused()] == [(1, False), (0, True), (2, True)]
    assert world.refused()[0]["issue"][0]["expression"] == ["Patient.colour"]


async def test_conditional_references_find_what_another_file_brings_later(world):
    entries = [
        post(
            A,
            observation("Patient/p1")[:-1]
            + ',"performer":[{"reference":"Practitioner?identifier=https://example.org/staff|BS-1"}]}',
            "Observation",
        )
    ]
    bundles.write(world.folder / "a-first.json", bundle("transaction", entries))
    bundles.write(world.folder / "b-later.json", bundle("transaction", [post(B, practitioner(), "Practitioner")]))
    report = await world.take()
    assert (report.created, report.refused) == ({"Observation": 1, "Practitioner": 1}, 0)
    (doctor,), (found,) = await world.all("Practitioner"), await world.all("Observation")
    assert found["performer"] == [{"reference": f"Practitioner/{doctor['id']}"}]
    assert (await world.take()).there == {"Observation": 1, "Practitioner": 1}


async def test_conditional_bundles_that_wait_for_each_other_go_in_whatever_their_order(world):
    wanted = "Practitioner?identifier=https://example.org/staff|BS-1"
    bundles.write(
        world.folder / "a.json",
        bundle(
            "transaction",
            [post(A, observation("Patient/p1")[:-1] + f',"performer":[{{"reference":"{wanted}"}}]}}', "Observation")],
        ),
    )
    bundles.write(
        world.folder / "b.json",
        bundle("transaction", [post(B, practitioner(), "Practitioner", ifNoneExist=wanted.partition("?")[2])]),
    )
    report = await world.take()
    assert (report.created, report.refused) == ({"Observation": 1, "Practitioner": 1}, 0)


async def test_a_condition_that_nothing_meets_is_refused_once(world):
    bundles.write(
        world.folder / "a.json", bundle("transaction", [post(A, observation("Patient?identifier=none"), "Observation")])
    )
    report = await world.take()
    assert (report.created.total(), report.refused, len(world.refused())) == (0, 1, 1)


async def test_if_none_exist_takes_what_is_there(world):
    condition = {"ifNoneExist": "identifier=https://example.org/staff|BS-1"}
    bundles.write(world.folder / "a.json", bundle("transaction", [post(A, practitioner(), "Practitioner")]))
    bundles.write(
        world.folder / "b.json",
        bundle(
            "transaction",
            [
                post(B, practitioner(), "Practitioner", **condition),
                {
                    "fullUrl": C,
                    "request": {"method": "POST", "url": "Observation"},
                    "resource": observation("Patient/p1")[:-1] + f',"performer":[{{"reference":"{B}"}}]}}',
                },
            ],
        ),
    )
    report = await world.take()
    assert (report.created, report.there) == ({"Practitioner": 1, "Observation": 1}, {"Practitioner": 1})
    (doctor,), (found,) = await world.all("Practitioner"), await world.all("Observation")
    assert found["performer"] == [{"reference": f"Practitioner/{doctor['id']}"}]


async def test_a_delete_in_a_transaction_is_done(world, store, system):
    bundles.write(world.folder / "a.json", json.dumps(patient("p1")))
    bundles.write(
        world.folder / "b.json", bundle("transaction", [{"request": {"method": "DELETE", "url": "Patient/p1"}}])
    )
    report = await world.take()
    assert (report.created, report.refused) == ({"Patient": 1}, 0)
    with pytest.raises(errors.Gone):
        await world.read("Patient", "p1")


async def test_entries_of_a_batch_stand_for_themselves(world):
    bundles.write(
        world.folder / "b.json",
        bundle(
            "batch",
            [
                post(A, patient(), "Patient"),
                post(B, patient() | {"colour": "red"}, "Patient"),
                {"request": {"method": "PUT", "url": "Patient/p7"}, "resource": patient("p7")},
                {"request": {"method": "DELETE", "url": "Patient/p8"}},
            ],
        ),
    )
    report = await world.take()
    assert (report.created, report.refused) == ({"Patient": 2}, 1)
    assert (await world.read("Patient", "p7")).version_id == 1


# Other bundles


@pytest.mark.parametrize("kind", ["collection", "searchset"])
async def test_a_collection_is_its_entries_each_under_its_own_id(world, kind):
    bundles.write(
        world.folder / "c.json",
        bundle(
            kind,
            [
                {"fullUrl": "https://example.org/fhir/Patient/p1", "resource": patient("p1")},
                {"resource": observation("Patient/p1", resource_id="o1")},
            ],
        ),
    )
    assert (await world.take()).created == {"Patient": 1, "Observation": 1}
    assert sent((await world.read("Observation", "o1")).body) == sent(observation("Patient/p1"))


@pytest.mark.parametrize("kind", ["document", "message"])
async def test_a_document_is_kept_whole_beside_its_entries(world, kind):
    text = bundle(
        kind,
        [{"fullUrl": A, "resource": patient("p1")}, {"fullUrl": B, "resource": observation(A)}],
        id="d1",
        timestamp="2026-01-01T00:00:00Z",
        identifier={"system": "urn:ietf:rfc:3986", "value": C},
    )
    bundles.write(world.folder / "d.json", text)
    report = await world.take()
    assert report.created == {"Bundle": 1, "Patient": 1, "Observation": 1}
    assert sent((await world.read("Bundle", "d1")).body) == sent(text)
    observed = (await world.read("Observation", B.removeprefix("urn:uuid:"))).body
    assert json.loads(observed)["subject"]["reference"] == "Patient/p1"


async def test_a_history_gives_its_versions_in_their_order(world):
    def entry(family, version, method="PUT"):
        resource = patient("p1", family) | {"meta": {"versionId": version}}
        return {
            "fullUrl": "https://example.org/Patient/p1",
            "request": {"method": method, "url": "Patient/p1"},
            "response": {"status": "200"},
            "resource": resource,
        }

    bundles.write(world.folder / "h.json", bundle("history", [entry("Ba", "3"), entry("Hai", "2"), entry("Một", "1")]))
    await world.take()
    stored = await world.read("Patient", "p1")
    assert (stored.version_id, "Ba" in stored.body.decode()) == (3, True)
    assert (await world.take()).there == {"Patient": 3}


async def test_a_bundle_in_a_file_of_lines_is_a_resource_unless_it_is_a_request(world):
    lines = [
        bundle("collection", [{"resource": patient("p1")}], id="b1"),
        bundle("transaction", [post(A, patient(), "Patient")]),
    ]
    bundles.write(world.folder / "l.ndjson", b"\n".join(one.replace(b"\n", b" ") for one in lines))
    assert (await world.take()).created == {"Bundle": 1, "Patient": 1}
