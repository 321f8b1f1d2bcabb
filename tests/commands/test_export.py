"""What is exported goes into an empty node and is the same there."""

from __future__ import annotations

import gzip
import io
import json

import pytest

from lienmach.base import errors
from lienmach.commands import export, import_, import_reading
from lienmach.commands.progress import Progress
from lienmach.record import bulk, write
from lienmach.record.bulk import Item
from tests.commands.bundles import observation, patient


@pytest.fixture
async def filled(store, system):
    """A patient with two versions, three observations (one spread over lines, one deleted), a Binary."""
    items = [
        Item("x", "1", json.dumps(patient("p1")).encode(), "Patient", "p1"),
        Item("x", "2", observation("Patient/p1", "62.50", "o1").encode(), "Observation", "o1"),
        Item("x", "3", observation("Patient/p1", "1e2", "o2").encode(), "Observation", "o2"),
        Item("x", "4", observation("Patient/p1", "1", "o3").encode(), "Observation", "o3"),
        Item("x", "5", b'{"resourceType":"Binary","id":"b","contentType":"text/plain","data":"eA=="}', "Binary", "b"),
    ]
    assert (await bulk.load(store, system, items)).refused == 0
    newer = json.dumps(patient("p1", "Mới"), ensure_ascii=False).encode()
    await store.run(system, lambda tx: write.update(tx, "Patient", "p1", newer))
    await store.run(system, lambda tx: write.delete(tx, "Observation", "o3"))
    return store


async def export_to(store, actor, to, *, types=(), compress=False):
    tx = store.begin(actor)
    try:
        return await export.write(tx, list(types), export.Output(to, compress=compress))
    finally:
        await tx.abandon()


async def current(store, actor):
    async with store.begin(actor) as tx:
        rows = await tx.fetch(
            "select v.body from resource r join version v on v.tenant = r.tenant and v.seq = r.seq "
            "where r.tenant = $1 and not r.deleted",
            tx.tenant.number,
        )
        await tx.abandon()
    found = {}
    for row in rows:
        value = json.loads(row["body"], parse_float=str)
        if value["resourceType"] != "AuditEvent":
            del value["meta"]["versionId"], value["meta"]["lastUpdated"]
            found[value["resourceType"], value["id"]] = value
    return found


@pytest.mark.parametrize("name", ["folder", "all.ndjson", "all.ndjson.gz"])
async def test_an_export_imports_into_an_empty_tenant_with_equal_counts_and_bodies(
    filled, system, stranger, tmp_path, name
):
    counted = await export_to(filled, system, tmp_path / name)
    assert counted == {"Patient": 1, "Observation": 2, "Binary": 1}
    files = import_reading.find_files([tmp_path / name])
    refusals = import_.Refusals(tmp_path)
    report = await import_.take(filled, stranger, files, refusals, Progress(1, to=io.StringIO()))
    assert (report.created, report.refused) == (counted, 0)
    assert await current(filled, stranger) == await current(filled, system)


async def test_importing_ones_own_export_changes_nothing(filled, system, tmp_path):
    counted = await export_to(filled, system, tmp_path / "folder")
    files = import_reading.find_files([tmp_path / "folder"])
    report = await import_.take(filled, system, files, import_.Refusals(tmp_path), Progress(1, to=io.StringIO()))
    assert (report.there, report.changed.total()) == (counted, 0)


async def test_a_body_is_one_line_and_its_bytes_are_kept(filled, system, tmp_path):
    await export_to(filled, system, tmp_path / "folder", types=["Observation"])
    (file,) = (tmp_path / "folder").iterdir()
    lines = file.read_bytes().splitlines()
    assert (file.name, len(lines)) == ("Observation.ndjson", 2)
    stored = observation("Patient/p1", "62.50", "o1").replace("\n", " ").encode()
    assert lines[0].endswith(stored.partition(b'"o1",')[2])


async def test_one_type_after_another_stands_in_one_file(filled, system, tmp_path):
    await export_to(filled, system, tmp_path / "all.ndjson.gz")
    lines = gzip.decompress((tmp_path / "all.ndjson.gz").read_bytes()).splitlines()
    assert [json.loads(line)["resourceType"] for line in lines] == ["Binary", "Observation", "Observation", "Patient"]


async def test_an_export_does_not_write_over_files(filled, system, tmp_path):
    await export_to(filled, system, tmp_path / "folder")
    with pytest.raises(errors.Conflict):
        await export_to(filled, system, tmp_path / "folder")


async def test_pages_join_without_loss(filled, system, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "PAGE_ROWS_MAX", 10)  # the first page has one row
    assert (await export_to(filled, system, tmp_path / "folder"))["Observation"] == 2


async def test_files_are_for_the_owner_alone(filled, system, tmp_path):
    await export_to(filled, system, tmp_path / "folder", types=["Patient"])
    assert (tmp_path / "folder" / "Patient.ndjson").stat().st_mode & 0o777 == 0o600


async def test_nothing_of_another_tenant_is_exported(filled, stranger, tmp_path):
    assert await export_to(filled, stranger, tmp_path / "folder") == {}
