"""What goes in comes out: files of every kind, taken once, refused with a reason. Bundles: test_import_bundles.py."""

from __future__ import annotations

import json
import re

import pytest

from lienmach.base import errors
from lienmach.commands import import_, import_reading
from lienmach.record import write
from tests.commands import bundles
from tests.commands.bundles import A, B, C, bundle, observation, patient, post, practitioner

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


# Again


async def test_a_second_import_adds_nothing(world):
    bundles.write(
        world.folder / "a.json",
        bundle("transaction", [post(A, patient("p1"), "Patient"), post(B, observation(A), "Observation")]),
    )
    bundles.write(world.folder / "b.ndjson", json.dumps(patient("p2")) + "\n" + json.dumps(patient()))
    first = await world.take()
    second = await world.take()
    assert (second.there, second.created.total(), second.changed.total()) == (first.created, 0, 0)
    assert len(await world.all("AuditEvent")) == 1


async def test_a_changed_entry_is_the_next_version_and_its_links_still_hold(world):
    path = world.folder / "a.json"
    bundles.write(
        path, bundle("transaction", [post(A, patient(), "Patient"), post(B, observation(A, "62.50"), "Observation")])
    )
    await world.take()
    (before,) = await world.all("Observation")
    bundles.write(
        path, bundle("transaction", [post(A, patient(), "Patient"), post(B, observation(A, "63.0"), "Observation")])
    )
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


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.json.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xff\xff\xff", "damaged|too early"),
        ("b.json", b"hello", "not valid JSON"),
        ("c.json", b'{"name":"x"}', "not FHIR"),
        ("d.json", b"[1]", "not a JSON object"),
        ("e.json", b'{"resourceType":"Unicorn"}', "Unicorn"),
        ("f.json", b'{"resourceType":"Patient","id":5}', "id is not a string"),
        ("g.json", b'{"resourceType":"Patient","gender":"x","gender":"male"}', "twice"),
        ("h.json", b"", "not valid JSON"),
    ],
)
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
