"""Faults planted in the claim files of whole days: `lienmach claims check` names rule, table and field of each.

The faults are those of tests/standards/planted_faults.py as far as a file holds them, and some of its bytes. Where the
record is needed too (look-ups, ledger, work done), tests/standards/test_claim_rules_faults.py plants them.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import copy
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from lienmach.bench.claim_sums import ClaimFile
from lienmach.care.claims import surroundings
from lienmach.commands import claims
from lienmach.standards.bhxh import claim_fields, claim_xml
from lienmach.standards.bhxh.claim_xml import Tables
from lienmach.standards.bhxh.rules import doses
from lienmach.standards.bhxh.rules.surroundings import Surroundings
from tests.commands import driven_visits
from tests.commands.driven_visits import SYSTEM, Driven
from tests.standards.planted_faults import FAULTS
from tests.standards.planting import Fault, is_drug
from tests.standards.rules_case import Case

KINDS = frozenset({"STR", "ADM", "CRD", "CAT", "ICD", "COD", "BEN", "MON", "TIM", "REL", "PAP"})
FAULTS_MIN = 60


@dataclass(frozen=True)
class Planted:
    """A file with one fault in it. where: rule, table and field that must be named."""

    name: str
    where: tuple[str, str, str]
    data: bytes


@pytest.fixture(scope="module")
def planted(driven: Driven) -> list[Planted]:
    """Every fault in the first claim that holds it."""
    return [*asyncio.run(_plant(driven)), *_in_bytes(driven.files[0].data)]


def test_the_claims_as_they_were_sent_have_no_finding(
    driven: Driven, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = _written(tmp_path, [(one.key, one.data) for one in driven.files])
    assert _check(driven, names, capsys) == (0, [])


def test_each_planted_fault_is_named_with_rule_table_and_field(
    driven: Driven, planted: list[Planted], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = _written(tmp_path, [(f"{number:03}", one.data) for number, one in enumerate(planted)])
    code, said = _check(driven, names, capsys)
    assert code == 1
    found = {(one["file"], one["rule"], one["table"], one["field"]) for one in said}
    missed = [one.name for name, one in zip(names, planted, strict=True) if (name, *one.where) not in found]
    assert missed == []
    assert all(one["text"] and "{" not in one["text"] for one in said)


def test_the_faults_are_of_every_kind_and_many(planted: list[Planted]) -> None:
    kinds = Counter(one.where[0][:3] for one in planted)
    assert set(kinds) == KINDS
    if driven_visits.IS_VARIED:
        assert len({(one.where, one.name) for one in planted}) == len(planted) >= FAULTS_MIN


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_one_fault_of_a_kind_alone_ends_the_check_with_1(
    kind: str, driven: Driven, planted: list[Planted], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = next(one for one in planted if one.where[0].startswith(kind))
    code, said = _check(driven, _written(tmp_path, [(kind, one.data)]), capsys)
    assert code == 1
    assert one.where in {(each["rule"], each["table"], each["field"]) for each in said}


def test_the_shell_exports_the_bytes_that_were_sent_and_finds_nothing_in_them(driven: Driven, tmp_path: Path) -> None:
    first, last = driven_visits.day_texts()
    done = _shell(driven, "export", "--from", first, "--to", last, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert {one.stem: one.read_bytes() for one in tmp_path.glob("*.xml")} == {one.key: one.data for one in driven.files}
    assert all(key in done.stderr for key in driven.money.unanswered)
    checked = _shell(driven, "check", *sorted(str(one) for one in tmp_path.glob("*.xml")))
    assert (checked.returncode, json.loads(checked.stdout)) == (0, [])


async def _plant(driven: Driven) -> list[Planted]:
    """The faults that tables alone can hold. Of those that need surroundings, which only a home has, what it has."""
    found = []
    async with driven.record() as store:
        cases: list[tuple[ClaimFile, Tables, Surroundings]] = []
        for one in driven.files:
            tables = claim_xml.read(one.data).tables
            async with store.begin(SYSTEM) as tx:
                cases.append((one, tables, await surroundings.gather(tx, None, tables)))
    for fault in FAULTS:
        held = _planted_in_first(fault, cases)
        if held is not None:
            found.append(held)
    return found


def _planted_in_first(fault: Fault, cases: Sequence[tuple[ClaimFile, Tables, Surroundings]]) -> Planted | None:
    for claim, tables, around in cases:
        if not _NEEDS.get(fault.name, _nothing)(tables):
            continue
        case = Case(0, copy.deepcopy(tables), around)
        try:
            if not fault.mutate(case) or case.tables == tables:
                continue
        except (AssertionError, AttributeError, TypeError, IndexError, ValueError):
            continue  # it changes surroundings that a file has not
        if (fault.is_around and case.around is not around) or not _fits_a_file(case.tables):
            continue
        where = _SAID_ELSEWHERE.get(fault.name, (fault.rule, fault.table, fault.field))
        return Planted(fault.name, where, _wrapped(claim.data, case.tables))
    return None


def _nothing(_: Tables) -> bool:
    return True


def _is_given_whole(tables: Tables) -> bool:
    """The first drug is counted in what is taken, and all of the course was given out."""
    first = next((one for one in tables.get("XML2", ()) if is_drug(one)), None)
    dose = doses.read(first["LIEU_DUNG"]) if first else None
    return bool(first and dose and dose.unit == first["DON_VI_TINH"] and Decimal(first["SO_LUONG"]) >= dose.quantity)


#: What a claim must be for a change to be a fault of it.
_NEEDS: dict[str, Callable[[Tables], bool]] = {
    "men's disease of a woman": lambda tables: tables["XML1"][0]["GIOI_TINH"] == "2",
    "more given than needed": _is_given_whole,
}
#: Two codes that differ are a fault of the envelope, where a file has one.
_SAID_ELSEWHERE = {"facility code of another": ("STR-03", "ENV", "MACSKCB")}


def _fits_a_file(tables: Tables) -> bool:
    """Whether the tables can be written: a table that is never sent and a second XML1 are faults of bytes (_in_bytes)."""
    single = [name for name, (_, within, _) in claim_fields.ROOTS.items() if within is None]
    return all(name in claim_fields.TABLES[1:] for name in tables) and all(
        len(rows) == 1 for name, rows in tables.items() if name in single
    )


def _wrapped(data: bytes, tables: Tables) -> bytes:
    """The file with other tables inside, written as they stand: wrong names, order and number of rows too."""
    root = etree.fromstring(data)
    listing = root.find("THONGTINHOSO/DANHSACHHOSO/HOSO")
    assert listing is not None
    for entry in list(listing):
        listing.remove(entry)
    for name in sorted(tables, key=lambda one: int(one.removeprefix("XML"))):
        entry = etree.SubElement(listing, "FILEHOSO")
        etree.SubElement(entry, "LOAIHOSO").text = name
        etree.SubElement(entry, "NOIDUNGFILE").text = base64.b64encode(_table(name, tables[name])).decode()
    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written


def _table(name: str, rows: Sequence[dict[str, str]]) -> bytes:
    root_name, within, record = claim_fields.ROOTS[name]
    root = etree.Element(root_name)
    place = root if within is None else etree.SubElement(root, within)
    for row in rows:
        one = root if within is None else etree.SubElement(place, record)
        for field, text in row.items():
            etree.SubElement(one, field).text = text or None
    written: bytes = etree.tostring(root, encoding="UTF-8")
    return written


def _in_bytes(data: bytes) -> list[Planted]:
    """Faults of the envelope."""
    first = b"<LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>"
    start, end = data.index(b"<CHUKYDONVI>"), data.index(b"</CHUKYDONVI>") + len(b"</CHUKYDONVI>")

    def one(name: str, where: str, change: Callable[[bytes], bytes]) -> Planted:
        rule, table, field = where.split("/")
        changed = change(data)
        assert changed != data, name
        return Planted(name, (rule, table, field), changed)

    return [
        one("cut off", "STR-01/ENV/", lambda said: said[: len(said) // 2]),
        one("other root", "STR-01/ENV/GIAMDINHHS", lambda said: said.replace(b"GIAMDINHHS>", b"KHAC>")),
        one("two records said", "STR-02/ENV/SOLUONGHOSO", lambda said: said.replace(
            b"<SOLUONGHOSO>1<", b"<SOLUONGHOSO>2<")),
        one("facility of three characters", "STR-03/ENV/MACSKCB", lambda said: said.replace(
            b"<MACSKCB>86", b"<MACSKCB>", 1)),
        one("no signature", "STR-04/ENV/CHUKYDONVI", lambda said: said[:start] + b"<CHUKYDONVI/>" + said[end:]),
        one("a table that nobody knows", "STR-05/ENV/LOAIHOSO", lambda said: said.replace(
            b"<LOAIHOSO>XML3<", b"<LOAIHOSO>XML99<")),
        one("no base64", "STR-06/XML1/NOIDUNGFILE", lambda said: said.replace(first, first + b"###")),
        one("byte-order mark", "STR-16/ENV/", lambda said: b"\xef\xbb\xbf" + said),
    ]  # fmt: skip


def _written(place: Path, files: Sequence[tuple[str, bytes]]) -> list[str]:
    names = []
    for name, data in files:
        path = place / f"{name}.xml"
        path.write_bytes(data)
        names.append(str(path))
    return names


def _check(
    driven: Driven, names: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[dict[str, Any]]]:
    """(exit code, what is printed) of the command."""
    args = argparse.Namespace(verb="check", tenant="main", files=list(names))
    capsys.readouterr()
    code = claims.run(driven.settings, args)
    return code, json.loads(capsys.readouterr().out)


def _shell(driven: Driven, *words: str) -> subprocess.CompletedProcess[str]:
    given = {
        "LIENMACH_HOME": str(driven.settings.home),
        "LIENMACH_DATABASE_URL": str(driven.settings.database_url),
        "LIENMACH_DATABASE_OWNER_URL": str(driven.settings.database_owner_url),
        "LIENMACH_DISK_LOW_MB": "2",
        "LIENMACH_DISK_FULL_MB": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "lienmach", "claims", *words], env={**os.environ, **given}, capture_output=True,
        text=True, check=False, timeout=300,
    )  # fmt: skip
