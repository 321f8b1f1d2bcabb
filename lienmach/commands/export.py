"""Write the current resources as NDJSON, one file a type, or one file for all."""

from __future__ import annotations

import argparse
import asyncio
import gzip
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import IO, Any

from lienmach.base import errors
from lienmach.base.settings import Settings
from lienmach.commands import opened
from lienmach.commands.progress import Progress
from lienmach.record import access
from lienmach.record.transaction import Transaction

PAGE_BYTES = 8 * 1024 * 1024
PAGE_ROWS_MAX = 1000
_LEFT_OUT = frozenset(["AuditEvent"])  # the record's own; only if asked for
_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")  # JSON has none in strings, so only spacing between values changes
_COUNT = "select r.type, count(*) as n from resource r where not r.deleted and {visible} group by r.type"
_PAGE = """
select v.seq, v.body from version v join resource r on r.tenant = v.tenant and r.type = v.type and r.id = v.id
    and r.seq = v.seq
where v.type = $1 and v.seq > $2 and not r.deleted and {visible} order by v.seq limit $3
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "to",
        nargs="?",
        type=Path,
        default=Path("export"),
        metavar="DIR|FILE",
        help="a folder for one file a type (export), or a file for all: *.ndjson, *.ndjson.gz, - for stdout",
    )
    parser.add_argument("--tenant", default="main", help="slug of the tenant (main)")
    parser.add_argument("--types", default="", help="resource types, separated by commas; all but AuditEvent")
    parser.add_argument("--gzip", action="store_true", help="compress the files of a folder")


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Export and say how many of each type; existing files are not written over."""
    out = Output(args.to, compress=args.gzip)
    return asyncio.run(_export(settings, args.tenant, [one for one in args.types.split(",") if one], out))


async def _export(settings: Settings, tenant: str, types: list[str], out: Output) -> int:
    started = time.monotonic()
    async with opened.record(settings, tenant, command="export") as (store, actor):
        async with store.begin(actor) as tx:
            # The event is durable before the first byte leaves: who exported what, and when.
            tx.access.note("search-system", query="lienmach export" + (f" --types {','.join(types)}" if types else ""))
            _check(tx, types)
        tx = store.begin(actor)
        try:
            counted = await write(tx, types, out)
        finally:
            await tx.abandon()
    print(
        f"{counted.total():,} resources of {len(counted)} types from {tenant} to {out.name}, "
        f"{time.monotonic() - started:.1f} s.",
        file=sys.stderr,
    )
    for kind, count in counted.most_common():
        print(f"  {count:>9,}  {kind}", file=sys.stderr)
    return 0


async def write(tx: Transaction, types: list[str], out: Output) -> Counter[str]:
    """All current resources of `types` (all but AuditEvent if empty), in the order of their last change.

    Everything is read in the one snapshot of tx, page by page; bodies leave as they are stored, but for line breaks
    between values, which a line cannot hold: those become spaces. Returns the numbers by type.
    """
    args: list[Any] = []
    totals = {
        tx.definitions.type_name(row["type"]): row["n"]
        for row in await tx.fetch(_COUNT.format(visible=access.visible_version(tx, "r", args)), *args)
    }
    chosen = sorted(types or totals.keys() - _LEFT_OUT)
    progress = Progress(sum(totals.get(kind, 0) for kind in chosen))
    counted: Counter[str] = Counter()
    for kind in chosen:
        if not totals.get(kind):
            continue
        with out.open(kind) as file:
            seq, rows = 0, PAGE_ROWS_MAX // 10
            while True:
                args = [tx.definitions.type_number(kind), seq, rows]
                page = await tx.fetch(_PAGE.format(visible=access.visible_version(tx, "v", args)), *args)
                file.write(b"".join(_line(row["body"]) for row in page))
                counted[kind] += len(page)
                progress.report(counted.total(), f"{counted.total():,} resources")
                if len(page) < rows:
                    break
                seq = page[-1]["seq"]
                size = sum(len(row["body"]) for row in page) // len(page) + 1
                rows = max(1, min(PAGE_ROWS_MAX, PAGE_BYTES // size))
    out.close()
    progress.end()
    return counted


def _check(tx: Transaction, types: list[str]) -> None:
    unknown = [one for one in types if not tx.definitions.is_resource_type(one)]
    if unknown:
        raise errors.Invalid(f"{', '.join(unknown)[:200]} is not a resource type of FHIR R4.")


def _line(body: bytes) -> bytes:
    return (body.translate(_LINE_BREAKS) if b"\n" in body or b"\r" in body else body) + b"\n"


class Output:
    """Where lines go: a file a type in a folder, one file, or stdout. Raises errors.Conflict before writing over one."""

    def __init__(self, to: Path, *, compress: bool = False) -> None:
        self.name = "stdout" if str(to) == "-" else str(to)
        self._to = to
        self._compress = compress or to.name.endswith(".gz")
        self._single: IO[bytes] | None = None
        if self.name != "stdout" and to.name.endswith((".ndjson", ".ndjson.gz")) and to.exists():
            raise errors.Conflict(f"{to} is there already; name another file or delete it.")
        if to.is_dir() and any(to.glob("*.ndjson*")):
            raise errors.Conflict(f"{to} holds NDJSON files already; name another folder or delete them.")

    def open(self, kind: str) -> Any:
        """The file for one type, as a context."""
        if self._is_single():
            if self._single is None:
                self._single = sys.stdout.buffer if self.name == "stdout" else self._made(self._to)
            return _Kept(self._single)
        self._to.mkdir(parents=True, exist_ok=True)
        return self._made(self._to / f"{kind}.ndjson{'.gz' if self._compress else ''}")

    def close(self) -> None:
        if self._single is not None:
            self._single.flush() if self.name == "stdout" else self._single.close()

    def _is_single(self) -> bool:
        return self.name == "stdout" or self._to.name.endswith((".ndjson", ".ndjson.gz"))

    def _made(self, path: Path) -> Any:
        path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # patient data: for the owner's eyes
        raw = os.fdopen(number, "wb")
        if not self._compress:
            return raw
        return _Gzip(raw)


class _Gzip(gzip.GzipFile):
    """A compressed file that closes the file below it."""

    def __init__(self, raw: IO[bytes]) -> None:
        super().__init__(fileobj=raw, mode="wb", compresslevel=6, mtime=0)
        self._raw_file = raw

    def close(self) -> None:
        super().close()
        self._raw_file.close()


class _Kept:
    """A file that stays open behind its context: the next type goes into it too."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __enter__(self) -> IO[bytes]:
        return self._file

    def __exit__(self, *failure: object) -> None:
        return None
