"""Claims as files: `export` writes those of some days, `check` says what is wrong with files, as JSON."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from lienmach.base import errors, postgres_place
from lienmach.base.actor import Actor
from lienmach.base.settings import Settings
from lienmach.care.claims import claims, consideration, surroundings
from lienmach.care.claims.claims import Claim
from lienmach.commands import opened
from lienmach.record.transaction import Store
from lienmach.standards.bhxh import claim_xml
from lienmach.standards.bhxh.claim_xml import Envelope
from lienmach.standards.bhxh.rules import check as rules
from lienmach.standards.bhxh.rules.findings import Finding

DAYS_MAX = 366
_PAGE = 500
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_NOT_THE_FUNDS = ("none",)


@dataclass
class Exported:
    """What an export has come to. left: (MA_LK, why) of visits that cannot be sent."""

    files: int
    left: list[tuple[str, str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two verbs with their options."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="export|check")
    out = verbs.add_parser("export", help="write one claim file a visit: the bytes that are sent")
    out.add_argument(
        "--from", dest="begin", required=True, metavar="DATE", help="first day on which doctors finished visits"
    )
    out.add_argument("--to", dest="end", required=True, metavar="DATE", help="last such day")
    out.add_argument("--tenant", default="main", help="slug of the tenant (main)")
    out.add_argument("place", metavar="DIR", help="folder for <MA_LK>.xml")
    look = verbs.add_parser("check", help="print what is wrong with claim files, as JSON")
    look.add_argument("--tenant", default="main", help="slug of the tenant whose lists are used (main)")
    look.add_argument("files", nargs="+", metavar="FILE")


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Export: 0, or 1 if nothing could be written. Check: 0 clean, 1 errors or warnings, 2 a file that is not there."""
    if args.verb == "check":
        return asyncio.run(_check(settings, args.tenant, args.files))
    try:
        begin, end = date.fromisoformat(args.begin), date.fromisoformat(args.end)
    except ValueError:
        print("lienmach claims export: --from and --to are dates such as 2026-11-20.", file=sys.stderr)
        return 2
    if not begin <= end <= begin + timedelta(days=DAYS_MAX):
        print("lienmach claims export: --to is not before --from and at most a year behind it.", file=sys.stderr)
        return 2
    return asyncio.run(_export(settings, args.tenant, begin, end, Path(args.place)))


async def _export(settings: Settings, tenant: str, begin: date, end: date, place: Path) -> int:
    async with opened.record(settings, tenant, command="claims export") as (store, actor):
        done = await export(store, actor, begin, end, place)
    for key, why in done.left:
        print(f"lienmach claims export: {key} is not written: {why}", file=sys.stderr)
    print(f"{done.files:,} claims written to {place}, {len(done.left):,} left out.", file=sys.stderr)
    return 1 if done.left and not done.files else 0


async def export(store: Store, actor: Actor, begin: date, end: date, place: Path) -> Exported:
    """Write one file a visit that its doctor finished on these days: its newest version, or what would be sent now.

    Raises errors.Unavailable for a folder that cannot be written.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise errors.Unavailable(f"{place} cannot be made: {problem.strerror}.") from None
    done = Exported(0, [])
    last: Claim | None = None
    while True:
        async with store.begin(actor) as tx:
            found = await claims.listed(tx, on=begin, until=end, after=last, limit=_PAGE)
        for one in found:
            if one.state in _NOT_THE_FUNDS:
                continue
            data, why = await _bytes(store, actor, one)
            if data is None:
                done.left.append((one.ma_lk, why))
                continue
            _write(place / f"{one.ma_lk}.xml", data)
            done.files += 1
        if len(found) < _PAGE:
            return done
        last = found[-1]


async def _bytes(store: Store, actor: Actor, one: Claim) -> tuple[bytes | None, str]:
    """(the signed file, "") or (None, why there is none)."""
    if not _SAFE_NAME.fullmatch(one.ma_lk):
        return None, "its key cannot be the name of a file"
    async with store.begin(actor) as tx:
        newest = await claims.newest(tx, one.encounter_id)
        if newest is not None:
            return newest.xml, ""
        ready, why = await consideration.ready_of(tx, one.encounter_id)
    if ready is None:
        return None, why
    return await consideration.sign(store, actor.tenant, ready), ""


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, for the eyes of its owner only."""
    beside = path.with_name(f".{path.name}.part")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        beside.replace(path)
    except OSError as problem:
        raise errors.Unavailable(f"{path} cannot be written: {problem.strerror}.") from None


async def _check(settings: Settings, tenant: str, names: Iterable[str]) -> int:
    read: list[tuple[str, Envelope]] = []
    missing = 0
    for name in names:
        try:
            with open(name, "rb") as file:
                read.append((name, claim_xml.read(file.read(claim_xml.BYTES_MAX + 1))))
        except OSError as problem:
            print(f"lienmach claims check: {name} cannot be opened: {problem.strerror}.", file=sys.stderr)
            missing += 1
    told: list[dict[str, Any]] = []
    async with _lists(settings, tenant) as known:
        for name, envelope in read:
            told += [as_json(name, one) for one in await check(envelope, known)]
    print(json.dumps(told, ensure_ascii=False, indent=1))
    if missing:
        return 2
    return 1 if told else 0


async def check(envelope: Envelope, known: tuple[Store, Actor] | None) -> list[Finding]:
    """What the rules find in a file, by the lists of a home, or by those of the package where there is none."""
    if known is None:
        return rules.check_file(envelope, surroundings.from_package())
    store, actor = known
    async with store.begin(actor) as tx:
        around = await surroundings.gather(tx, None, envelope.tables)
    return rules.check_file(envelope, around)


def as_json(name: str, found: Finding) -> dict[str, Any]:
    """A finding as programs take it."""
    return {
        "file": name,
        "rule": found.rule,
        "table": found.table,
        "field": found.field,
        "row": found.row,
        "level": found.level,
        "text": found.sentence(),
    }


@contextlib.asynccontextmanager
async def _lists(settings: Settings, tenant: str) -> AsyncIterator[tuple[Store, Actor] | None]:
    """Store and actor of this home; None on a machine that has none."""
    if not settings.database_url and postgres_place.find(settings) is None:
        yield None
        return
    async with opened.record(settings, tenant, command="claims check") as known:
        yield known
