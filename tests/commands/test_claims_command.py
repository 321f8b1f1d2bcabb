"""`lienmach claims`: one file a visit with exactly the bytes that are sent, and findings of files as JSON."""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from lienmach import __main__ as bell
from lienmach.base.settings import Settings
from lienmach.commands import claims as command
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh import claim_xml
from tests.care import claim_world
from tests.care.claim_world import SYSTEM, Signed
from tests.clinic import Clinic


async def export(one: Signed, place: Path) -> command.Exported:
    """Export the days around now."""
    today = one.clinic.store.now().astimezone(one.clinic.store.tenants[1].time_zone).date()
    return await command.export(one.clinic.store, SYSTEM, today - timedelta(days=1), today, place)


async def test_export_writes_the_bytes_of_the_newest_version(clinic: Clinic, tmp_path: Path) -> None:
    one = await claim_world.signed(clinic, quantity=0)
    await one.close()
    claim = await one.consider()
    done = await export(one, tmp_path / "out")
    assert (done.files, done.left) == (1, [])
    [file] = list((tmp_path / "out").iterdir())
    assert file.name == f"{claim.ma_lk}.xml"
    assert file.read_bytes() == (await one.versions())[-1].xml
    assert file.stat().st_mode & 0o077 == 0


async def test_a_ready_visit_without_a_version_is_built_and_signed_and_nothing_is_queued(
    clinic: Clinic, tmp_path: Path
) -> None:
    one = await claim_world.signed(clinic, quantity=0)
    await one.close()
    done = await export(one, tmp_path / "out")
    assert (done.files, done.left) == (1, [])
    read = claim_xml.read(next((tmp_path / "out").iterdir()).read_bytes())
    assert read.faults == () and read.signature is not None
    assert await one.versions() == []
    claim = await one.consider()
    assert claim.version == 1
    assert (await one.tables()) == read.tables


async def test_a_visit_that_cannot_be_sent_is_told_with_why(clinic: Clinic, tmp_path: Path) -> None:
    one = await claim_world.signed(clinic, quantity=0)
    done = await export(one, tmp_path)
    assert (done.files, done.left) == (0, [((await one.claim()).ma_lk, "waits-statement")])


async def test_export_goes_on_behind_a_full_page_and_writes_no_unsafe_name(
    clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_PAGE", 1)
    one = await claim_world.signed(clinic, quantity=0)
    key, now = (await one.claim()).ma_lk, clinic.store.now()
    await clinic.store.run(SYSTEM, lambda tx: _beside(tx, one.encounter_id, "other", now))
    done = await export(one, tmp_path)
    assert done.left == [(key, "waits-statement"), ("../../etc/x", "its key cannot be the name of a file")]


async def _beside(tx: Transaction, encounter_id: str, other: str, now: datetime) -> None:
    """One more claim of the same day, with a key that leads out of the folder."""

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into claim (tenant, encounter_id, patient_id, ma_lk, organization_id, state, finished_at)
               select tenant, $2, patient_id, '../../etc/x', organization_id, 'waiting', $3 from claim
               where tenant = 1 and encounter_id = $1""",
            encounter_id, other, now,
        )  # fmt: skip

    tx.also(write)


def check(*files: Path) -> int:
    args = argparse.Namespace(verb="check", tenant="main", files=[str(one) for one in files])
    return command.run(Settings.load({"LIENMACH_HOME": str(files[0].parent / "no-home")}), args)


async def test_check_names_rule_table_field_and_row(clinic: Clinic, tmp_path: Path) -> None:
    one = await claim_world.signed(clinic, quantity=0)
    await one.close()
    await export(one, tmp_path / "out")
    [file] = list((tmp_path / "out").iterdir())
    envelope = claim_xml.read(file.read_bytes())
    assert [each for each in await command.check(envelope, (clinic.store, SYSTEM)) if each.level != "info"] == []
    tables = envelope.tables
    tables["XML3"][0]["T_BHTT"] = "1.00"
    wrong = claim_xml.build(tables, facility="86991", made_on=envelope.made_on)
    found = await command.check(claim_xml.read(wrong), (clinic.store, SYSTEM))
    assert ("MON-05", "XML3", 1) in {(each.rule, each.table, each.row) for each in found}


def test_check_works_without_a_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_bytes(b"<HOSO/>")
    assert check(bad) == 1
    told = json.loads(capsys.readouterr().out)
    assert {"file", "rule", "table", "field", "row", "level", "text"} == set(told[0])
    assert told[0]["file"] == str(bad) and "STR-01" in {one["rule"] for one in told}


def test_a_file_that_is_not_there_is_said_and_the_others_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_bytes(b"")
    assert check(bad, tmp_path / "none.xml") == 2
    out = capsys.readouterr()
    assert "none.xml" in out.err and json.loads(out.out)


@pytest.mark.parametrize(
    "dates", [("2026-11-02", "2026-11-01"), ("gestern", "2026-11-01"), ("2024-01-01", "2026-11-01")]
)
def test_dates_that_make_no_sense_are_refused(dates: tuple[str, str], tmp_path: Path) -> None:
    args = ["claims", "export", "--from", dates[0], "--to", dates[1], str(tmp_path)]
    assert bell.main(args) == 2
