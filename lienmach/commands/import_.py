"""Take FHIR resources in: JSON, NDJSON, Bundles of every type, .gz of them, and folders. A second run adds nothing."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from lienmach.base import clock, errors
from lienmach.base.actor import Actor
from lienmach.base.settings import Settings
from lienmach.commands import import_bundle, import_reading, opened
from lienmach.commands.import_reading import Execution, File, Reader, Unreadable
from lienmach.commands.progress import Progress
from lienmach.record import bulk
from lienmach.record.bulk import Item, Refusal, Report
from lienmach.record.transaction import Store
from lienmach.standards.fhir import definitions, rule_lines
from lienmach.standards.fhir.bundles import Parts

REASONS_SHOWN = 12
TYPES_SHOWN = 15
_ISSUES_KEPT = 20
_LATER = (errors.PreconditionFailed, errors.Conflict, errors.NotFound)  # what another file may still bring
_INDEX = re.compile(r"\[\d+\]")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files and folders")
    parser.add_argument("--tenant", default="main", help="slug of the tenant (main)")


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Import and say what was taken; 1 if something was refused."""
    files = import_reading.find_files(args.paths)
    gc.freeze()  # the definitions stay for good, and resources come and go without cycles: look for them less often
    gc.set_threshold(50_000, 20, 50)
    return asyncio.run(_import(settings, files, args.tenant))


async def _import(settings: Settings, files: list[File], tenant: str) -> int:
    started = time.monotonic()
    async with opened.record(settings, tenant, command="import") as (store, actor):
        refusals = Refusals(settings.home / "imports")
        try:
            report = await take(store, actor, files, refusals, Progress(sum(file.size for file in files)))
        finally:
            refusals.close()
    print(summary(report, refusals, len(files), tenant, time.monotonic() - started))
    return 1 if report.refused else 0


async def take(store: Store, actor: Actor, files: list[File], refusals: Refusals, progress: Progress) -> Report:
    """Import all files: first what stands for itself, then the Bundles that ask the record (conditions, DELETE).

    Those that fail for what another one may bring are tried again, as long as some of them succeed.
    """
    run_of = _Run(store, refusals, progress)
    report = await bulk.load(store, actor, run_of.pieces(files), refuse=refusals.add, progress=run_of.show)
    report.refused += run_of.unreadable
    waiting = run_of.waiting
    while waiting:
        left: dict[File, set[tuple[int, int | None]]] = {}
        succeeded = 0
        for file, places in waiting.items():
            for one in run_of.reader.read(file):
                if not isinstance(one, Execution) or (one.line, one.entry) not in places:
                    continue
                try:
                    report.add(await import_bundle.execute(store, actor, one))
                    succeeded += 1
                except errors.Unavailable:
                    raise
                except errors.Failure as failure:
                    entries = len(one.parts.entries) if one.entry is None else 1
                    if isinstance(failure, _LATER):
                        left.setdefault(file, set()).add((one.line, one.entry))
                        refusals.put_off(one, entries, failure)
                    else:
                        refusals.add_bundle(one, entries, failure)
                        report.refused += entries
                run_of.show(0)
        if left and succeeded:
            refusals.forget_put_off()
            waiting = left
            continue
        report.refused += refusals.settle_put_off()
        break
    progress.end()
    return report


class _Run:
    """The first pass over the files: what is handed to bulk.load, and what waits until it is through."""

    def __init__(self, store: Store, refusals: Refusals, progress: Progress) -> None:
        self.reader = Reader(store.definitions)
        self.refusals = refusals
        self.progress = progress
        self.waiting: dict[File, set[tuple[int, int | None]]] = {}
        self.unreadable = 0
        self.resources = 0
        self.read = 0

    def pieces(self, files: list[File]) -> Iterator[Item | list[Item]]:
        """The items of all files; what cannot be read is refused here."""
        for file in files:
            for piece in self.reader.read(file):
                if isinstance(piece, Unreadable):
                    self.unreadable += 1
                    self.refusals.add_unreadable(piece)
                elif isinstance(piece, Execution):
                    self.waiting.setdefault(file, set()).add((piece.line, piece.entry))
                else:
                    yield piece
            self.read += file.size

    def show(self, done: int) -> None:
        self.resources += done
        self.progress.report(self.read + self.reader.position(), f"{self.resources:,} resources")


@dataclass
class Refusals:
    """The file of refusals, one JSON object a line, made with the first of them; and what they have in common.

    folder: where it is made. No body is copied there, only where it stands and what is wrong with it.
    """

    folder: Path
    path: Path | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    example: dict[str, str] = field(default_factory=dict)
    with_group: int = 0
    _file: IO[str] | None = None
    _put_off: list[tuple[Execution, int, errors.Failure]] = field(default_factory=list)

    def add(self, one: Refusal) -> None:
        item = one.item
        self._write(
            {
                "source": item.source,
                "index": item.index,
                "type": item.type,
                "fullUrl": item.full_url,
                **({"withGroup": True} if one.with_group else {}),
            },
            one.failure,
        )
        if one.with_group:
            self.with_group += 1
        else:
            self._count(item.type, one.failure)

    def add_unreadable(self, one: Unreadable) -> None:
        self._write({"source": one.file.source, "index": one.line}, one.failure)
        self._count("", one.failure)

    def add_bundle(self, one: Execution, entries: int, failure: errors.Failure) -> None:
        self._write(
            {
                "source": one.file.source,
                "index": one.line if one.entry is None else one.entry,
                "type": "Bundle",
                "entries": entries,
            },
            failure,
        )
        self._count("Bundle", failure)

    def put_off(self, one: Execution, entries: int, failure: errors.Failure) -> None:
        """Not refused yet: it is tried once more."""
        small = Execution(one.file, one.line, Parts({}, []), one.digest, one.entry)
        self._put_off.append((small, entries, failure))

    def forget_put_off(self) -> None:
        self._put_off.clear()

    def settle_put_off(self) -> int:
        """No more tries: refuse them; returns how many entries they have."""
        for one, entries, failure in self._put_off:
            self.add_bundle(one, entries, failure)
        total = sum(entries for _, entries, _ in self._put_off)
        self._put_off.clear()
        return total

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _count(self, kind: str, failure: errors.Failure) -> None:
        for named in {(_INDEX.sub("", issue.expression) or kind, issue.code) for issue in failure.issues}:
            self.reasons[": ".join(one for one in named if one)] += 1
        for issue in failure.issues:
            place = ": ".join(one for one in (_INDEX.sub("", issue.expression) or kind, issue.code) if one)
            self.example.setdefault(place, _with_rule(issue))

    def _write(self, place: dict[str, object], failure: errors.Failure) -> None:
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            stamp = clock.now().strftime("%Y%m%d-%H%M%S-%f")[:-3]
            self.path = self.folder / f"refused-{stamp}.ndjson"
            self._file = open(self.path, "w", encoding="utf-8")
            self.path.chmod(0o600)
        issues = [
            {
                "severity": one.severity,
                "code": one.code,
                "diagnostics": one.diagnostics,
                **({"expression": [one.expression]} if one.expression else {}),
                **({"rule": rule} if (rule := _rule(one)) else {}),
            }
            for one in failure.issues[:_ISSUES_KEPT]
        ]
        line = json.dumps({**place, "issue": issues}, ensure_ascii=False)
        self._file.write(line.encode("utf-8", "backslashreplace").decode() + "\n")


def _rule(issue: errors.Issue) -> str:
    """The line of the specification that an issue stands on, "" if it is not about an element."""
    return rule_lines.line_of(definitions.load(), issue.expression)


def _with_rule(issue: errors.Issue) -> str:
    rule = _rule(issue)
    return f"{issue.diagnostics} [{rule}]" if rule else issue.diagnostics


def summary(report: Report, refusals: Refusals, files: int, tenant: str, seconds: float) -> str:
    taken = report.created.total() + report.changed.total()
    lines = [
        f"{files:,} file{'s' if files != 1 else ''} into {tenant}, {seconds:.1f} s: {taken:,} resources taken "
        f"({report.created.total():,} new, {report.changed.total():,} changed), "
        f"{report.there.total():,} were there already, {report.refused:,} refused."
    ]
    for words, counted in (("new", report.created), ("changed", report.changed)):
        common = counted.most_common()
        lines += [f"  {count:>9,}  {kind} {words}" for kind, count in common[:TYPES_SHOWN]]
        if rest := sum(count for _, count in common[TYPES_SHOWN:]):
            lines.append(f"  {rest:>9,}  of {len(common) - TYPES_SHOWN} other types {words}")
    if report.refused:
        lines.append("Refused, and why:")
        for reason, count in refusals.reasons.most_common(REASONS_SHOWN):
            words = refusals.example.get(reason, "")
            lines.append(f"  {count:>9,}  {reason}" + (f": {words}" if words else ""))
        if len(refusals.reasons) > REASONS_SHOWN:
            lines.append(f"             and {len(refusals.reasons) - REASONS_SHOWN} other reasons")
        if refusals.with_group:
            lines.append(f"  {refusals.with_group:>9,}  were in a transaction with one of these")
        lines.append(f"All of them, one a line: {refusals.path}")
    return "\n".join(lines)
