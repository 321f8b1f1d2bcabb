"""What goes in comes out: files of every kind, taken once, refused with a reason, whole where they must be whole."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, field

import pytest

from lienmach.base import errors
from lienmach.commands import import_, import_reading
from lienmach.commands.progress import Progress
from lienmach.record import read, write
from tests.commands import bundles
from tests.commands.bundles import A, B, C, bundle, observation, patient, post, practitioner


@dataclass
class World:
    """An import into tenant 1 and a look at what is there then."""

    store: object
    actor: object
    folder: object
    refusals: object = field(default=None)

    async def take(self, *paths):
        files = import_reading.find_files(list(paths) or [self.folder])
        self.refusals = import_.Refusals(self.folder.parent / "imports")
        shown = Progress(sum(one.size for one in files), to=io.StringIO())
        try:
            return await import_.take(self.store, self.actor, files, self.refusals, shown)
        finally:
            self.refusals.close()

    async def bodies(self, kind):
        async with self.store.begin(self.actor) as tx:
            found = await tx.fetch(
                "select v.body from resource r join version v on v.tenant = r.tenant and v.seq = r.seq "
                "where r.tenant = $1 and r.type = $2 and not r.deleted order by v.seq", tx.tenant.number,
                tx.definitions.type_number(kind))
            await tx.abandon()
        return [row["body"] for row in found]

    async def all(self, kind):
        return [json.loads(one) for one in await self.bodies(kind)]

    async def read(self, kind, resource_id):
        async with self.store.begin(self.actor) as tx:
            return await read.read(tx, kind, resource_id)

    def refused(self):
        return [json.loads(line) for line in self.refusals.path.read_text("utf-8").splitlines()]


@pytest.fixture
def world(store, system, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    return World(store, system, folder)


def sent(body):
    """The text without id and meta, which the record sets."""
    value = json.loads(body)
    value.pop("id", None)
    value.pop("meta", None)
    return value


# Kinds of files

async def test_a_single_resource_keeps_its_id_and_every_byte_but_meta(world):
    text = observation("Patient/p1", resource_id="o1")
    bundles.write(world.folder / "one.json", text)
    report = await world.take()
    assert report.created == {"Observation": 1}
    body = (await world.read("Observation", "o1")).body
    head, _, tail = text.partition('"Observation"')
    assert body.startswith((head + '"Observation"').encode())
    assert body.endswith(tail.partition('"o1",')[2].encode())


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.gz", "a.jsonl", "a.json", "a.json.gz"])
async def test_lines_are_taken_whatever_the_file_is_called(world, name):
    lines = [json.dumps(patient("p1")), "", json.dumps(patient("p2")), json.dumps(patient())]
    bundles.write(world.folder / name, "\n".join(lines))
    assert (await world.take()).created == {"Patient": 3}
    assert {one["id"] for one in await world.all("Patient")} > {"p1", "p2"}


async def test_a_folder_is_read_with_all_below_it_but_for_hidden_and_other_files(world):
    for name in ("b/x.json", "a/deep/y.json.gz", ".hidden/z.json", "c/readme.txt"):
        bundles.write(world.folder / name, json.dumps(patient("p-" + name[0].replace(".", "h"))))
    assert (await world.take()).created == {"Patient": 2}


async def test_a_byte_order_mark_is_passed_over(world):
    bundles.write(world.folder / "bom.json", b"\xef\xbb\xbf" + json.dumps(patient("p1")).encode())
    assert (await world.take()).created == {"Patient": 1}


# Transactions

async def test_links_of_a_transaction_point_to_the_new_ids_also_in_the_narrative(world):
    div = f"<div xmlns='http://www.w3.org/1999/xhtml'><a href='{A}'>Thử</a></div>"
    observed = json.loads(observation(A)) | {"text": {"status": "generated", "div": div}}
    bundles.write(world.folder / "t.json", bundle("transaction", [
        post(B, observed, "Observation"), post(A, patient("own"), "Patient")]))
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
    bundles.write(world.folder / "t.json", bundle("transaction", [
        post(A, patient(), "Patient"), post(B, wrong, "Patient"), post(C, patient(), "Patient")]))
    report = await world.take()
    assert (report.created.total(), report.refused) == (0, 3)
    assert [(one["index"], "withGroup" in one) for one in world.refused()] == [(1, False), (0, True), (2, True)]
    assert world.refused()[0]["issue"][0]["expression"] == ["Patient.colour"]


async def test_conditional_references_find_what_another_file_brings_later(world):
    entries = [post(A, observation("Patient/p1")[:-1]
                    + ',"performer":[{"reference":"Practitioner?identifier=https://example.org/staff|BS-1"}]}',
                    "Observation")]
    bundles.write(world.folder / "a-first.json", bundle("transaction", entries))
    bundles.write(world.folder / "b-later.json", bundle("transaction", [post(B, practitioner(), "Practitioner")]))
    report = await world.take()
    assert (report.created, report.refused) == ({"Observation": 1, "Practitioner": 1}, 0)
    (doctor,), (found,) = await world.all("Practitioner"), await world.all("Observation")
    assert found["performer"] == [{"reference": f"Practitioner/{doctor['id']}"}]
    assert (await world.take()).there == {"Observation": 1, "Practitioner": 1}


async def test_conditional_bundles_that_wait_for_each_other_go_in_whatever_their_order(world):
    wanted = "Practitioner?identifier=https://example.org/staff|BS-1"
    bundles.write(world.folder / "a.json", bundle("transaction", [
        post(A, observation("Patient/p1")[:-1] + f',"performer":[{{"reference":"{wanted}"}}]}}', "Observation")]))
    bundles.write(world.folder / "b.json", bundle("transaction", [
        post(B, practitioner(), "Practitioner", ifNoneExist=wanted.partition("?")[2])]))
    report = await world.take()
    assert (report.created, report.refused) == ({"Observation": 1, "Practitioner": 1}, 0)


async def test_a_condition_that_nothing_meets_is_refused_once(world):
    bundles.write(world.folder / "a.json", bundle("transaction", [
        post(A, observation("Patient?identifier=none"), "Observation")]))
    report = await world.take()
    assert (report.created.total(), report.refused, len(world.refused())) == (0, 1, 1)


async def test_if_none_exist_takes_what_is_there(world):
    condition = {"ifNoneExist": "identifier=https://example.org/staff|BS-1"}
    bundles.write(world.folder / "a.json", bundle("transaction", [post(A, practitioner(), "Practitioner")]))
    bundles.write(world.folder / "b.json", bundle("transaction", [
        post(B, practitioner(), "Practitioner", **condition),
        {"fullUrl": C, "request": {"method": "POST", "url": "Observation"},
         "resource": observation("Patient/p1")[:-1] + f',"performer":[{{"reference":"{B}"}}]}}'}]))
    report = await world.take()
    assert (report.created, report.there) == ({"Practitioner": 1, "Observation": 1}, {"Practitioner": 1})
    (doctor,), (found,) = await world.all("Practitioner"), await world.all("Observation")
    assert found["performer"] == [{"reference": f"Practitioner/{doctor['id']}"}]


async def test_a_delete_in_a_transaction_is_done(world, store, system):
    bundles.write(world.folder / "a.json", json.dumps(patient("p1")))
    bundles.write(world.folder / "b.json", bundle("transaction", [
        {"request": {"method": "DELETE", "url": "Patient/p1"}}]))
    report = await world.take()
    assert (report.created, report.refused) == ({"Patient": 1}, 0)
    with pytest.raises(errors.Gone):
        await world.read("Patient", "p1")


async def test_entries_of_a_batch_stand_for_themselves(world):
    bundles.write(world.folder / "b.json", bundle("batch", [
        post(A, patient(), "Patient"), post(B, patient() | {"colour": "red"}, "Patient"),
        {"request": {"method": "PUT", "url": "Patient/p7"}, "resource": patient("p7")},
        {"request": {"method": "DELETE", "url": "Patient/p8"}}]))
    report = await world.take()
    assert (report.created, report.refused) == ({"Patient": 2}, 1)
    assert (await world.read("Patient", "p7")).version_id == 1


# Other bundles

@pytest.mark.parametrize("kind", ["collection", "searchset"])
async def test_a_collection_is_its_entries_each_under_its_own_id(world, kind):
    bundles.write(world.folder / "c.json", bundle(kind, [
        {"fullUrl": "https://example.org/fhir/Patient/p1", "resource": patient("p1")},
        {"resource": observation("Patient/p1", resource_id="o1")}]))
    assert (await world.take()).created == {"Patient": 1, "Observation": 1}
    assert sent((await world.read("Observation", "o1")).body) == sent(observation("Patient/p1"))


@pytest.mark.parametrize("kind", ["document", "message"])
async def test_a_document_is_kept_whole_beside_its_entries(world, kind):
    text = bundle(kind, [{"fullUrl": A, "resource": patient("p1")},
                         {"fullUrl": B, "resource": observation(A)}], id="d1", timestamp="2026-01-01T00:00:00Z",
                  identifier={"system": "urn:ietf:rfc:3986", "value": C})
    bundles.write(world.folder / "d.json", text)
    report = await world.take()
    assert report.created == {"Bundle": 1, "Patient": 1, "Observation": 1}
    assert sent((await world.read("Bundle", "d1")).body) == sent(text)
    observed = (await world.read("Observation", B.removeprefix("urn:uuid:"))).body
    assert json.loads(observed)["subject"]["reference"] == "Patient/p1"


async def test_a_history_gives_its_versions_in_their_order(world):
    def entry(family, version, method="PUT"):
        resource = patient("p1", family) | {"meta": {"versionId": version}}
        return {"fullUrl": "https://example.org/Patient/p1", "request": {"method": method, "url": "Patient/p1"},
                "response": {"status": "200"}, "resource": resource}

    bundles.write(world.folder / "h.json", bundle("history", [entry("Ba", "3"), entry("Hai", "2"), entry("Một", "1")]))
    await world.take()
    stored = await world.read("Patient", "p1")
    assert (stored.version_id, "Ba" in stored.body.decode()) == (3, True)
    assert (await world.take()).there == {"Patient": 3}


async def test_a_bundle_in_a_file_of_lines_is_a_resource_unless_it_is_a_request(world):
    lines = [bundle("collection", [{"resource": patient("p1")}], id="b1"),
             bundle("transaction", [post(A, patient(), "Patient")])]
    bundles.write(world.folder / "l.ndjson", b"\n".join(one.replace(b"\n", b" ") for one in lines))
    assert (await world.take()).created == {"Bundle": 1, "Patient": 1}


# Again

async def test_a_second_import_adds_nothing(world):
    bundles.write(world.folder / "a.json", bundle("transaction", [
        post(A, patient("p1"), "Patient"), post(B, observation(A), "Observation")]))
    bundles.write(world.folder / "b.ndjson", json.dumps(patient("p2")) + "\n" + json.dumps(patient()))
    first = await world.take()
    second = await world.take()
    assert (second.there, second.created.total(), second.changed.total()) == (first.created, 0, 0)
    assert len(await world.all("AuditEvent")) == 1


async def test_a_changed_entry_is_the_next_version_and_its_links_still_hold(world):
    path = world.folder / "a.json"
    bundles.write(path, bundle("transaction", [
        post(A, patient(), "Patient"), post(B, observation(A, "62.50"), "Observation")]))
    await world.take()
    (before,) = await world.all("Observation")
    bundles.write(path, bundle("transaction", [
        post(A, patient(), "Patient"), post(B, observation(A, "63.0"), "Observation")]))
    report = await world.take()
    assert (report.changed, report.there, report.created.total()) == ({"Observation": 1}, {"Patient": 1}, 0)
    (after,) = await world.all("Observation")
    assert after["id"] == before["id"]
    assert after["meta"]["versionId"] == "2"
    assert after["subject"] == before["subject"]


async def test_a_changed_entry_of_a_conditional_bundle_is_the_next_version_too(world):
    path, wanted = world.folder / "a.json", "Practitioner?identifier=https://example.org/staff|BS-1"

    def text(value):
        observed = observation(B, value)[:-1] + f',"performer":[{{"reference":"{wanted}"}}]}}'
        return bundle("transaction", [post(A, observed, "Observation"), post(B, patient(), "Patient")])

    bundles.write(world.folder / "0.json", bundle("transaction", [post(C, practitioner(), "Practitioner")]))
    bundles.write(path, text("62.50"))
    assert (await world.take()).created == {"Practitioner": 1, "Observation": 1, "Patient": 1}
    (before,) = await world.all("Observation")
    bundles.write(path, text("63.0"))
    report = await world.take()
    assert (report.changed, report.there) == ({"Observation": 1}, {"Practitioner": 1, "Patient": 1})
    (after,) = await world.all("Observation")
    assert (after["id"], after["subject"]) == (before["id"], before["subject"])


async def test_what_people_changed_here_is_not_set_back(world, store, system):
    bundles.write(world.folder / "a.json", json.dumps(patient("p1")))
    await world.take()
    newer = json.dumps(patient("p1", "Mới"), ensure_ascii=False).encode()
    await store.run(system, lambda tx: write.update(tx, "Patient", "p1", newer))
    await world.take()
    assert "Mới" in (await world.read("Patient", "p1")).body.decode()


# Refusals

async def test_a_missing_file_is_named_before_anything_is_done(world):
    with pytest.raises(errors.NotFound, match=r"nowhere\.json"):
        import_reading.find_files([world.folder / "nowhere.json"])


async def test_a_folder_without_fhir_is_named(world):
    with pytest.raises(errors.NotFound, match="no FHIR file"):
        import_reading.find_files([world.folder])


@pytest.mark.parametrize(("name", "data", "words"), [
    ("a.json.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xff\xff\xff", "damaged|too early"),
    ("b.json", b"hello", "not valid JSON"),
    ("c.json", b'{"name":"x"}', "not FHIR"),
    ("d.json", b"[1]", "not a JSON object"),
    ("e.json", b'{"resourceType":"Unicorn"}', "Unicorn"),
    ("f.json", b'{"resourceType":"Patient","id":5}', "id is not a string"),
    ("g.json", b'{"resourceType":"Patient","gender":"x","gender":"male"}', "twice"),
    ("h.json", b"", "not valid JSON"),
])
async def test_what_is_not_fhir_is_refused_with_its_reason_and_the_rest_is_taken(world, name, data, words):
    (world.folder / name).write_bytes(data)
    bundles.write(world.folder / "z.json", json.dumps(patient("p1")))
    report = await world.take()
    assert (report.created, report.refused) == ({"Patient": 1}, 1)
    (line,) = world.refused()
    assert line["source"].endswith(name)
    assert re.search(words, line["issue"][0]["diagnostics"])


async def test_a_file_that_is_called_gz_and_is_not_is_refused(world):
    (world.folder / "a.json.gz").write_bytes(json.dumps(patient("p1")).encode())
    assert (await world.take()).refused == 1


async def test_a_wrong_line_is_refused_by_its_number_and_the_others_are_taken(world):
    bundles.write(world.folder / "a.ndjson", "\n".join([json.dumps(patient("p1")), "{oops", json.dumps(patient("p3"))]))
    report = await world.take()
    assert (report.created, report.refused) == ({"Patient": 2}, 1)
    assert world.refused()[0]["index"] == 2


async def test_the_file_of_refusals_holds_no_body(world):
    bundles.write(world.folder / "a.json", json.dumps(patient("p1", "Bí Mật") | {"colour": "red"}))
    await world.take()
    assert "Bí Mật" not in world.refusals.path.read_text("utf-8")
    assert world.refusals.path.stat().st_mode & 0o777 == 0o600


async def test_the_summary_groups_the_reasons(world):
    lines = [json.dumps(patient(f"p{n}") | {"colour": "red"}) for n in range(3)] + [json.dumps(patient("q"))]
    bundles.write(world.folder / "a.ndjson", "\n".join(lines))
    report = await world.take()
    words = import_.summary(report, world.refusals, 1, "main", 0.1)
    assert "1 new" in words
    assert "3 refused" in words
    assert "3  Patient.colour" in words
