"""A thousand demo visits from booking to paid, worked out again from their claim files and from the tables of money.

    python -m lienmach.bench --claims             1,000 visits of three days
    python -m lienmach.bench --claims 200         a first look

`lienmach demo visits` lets them take place through the functions of the screens, signs included; then every claim is
exported and checked as a command of its own would, and its lines, totals, signature, ledger and receipts are compared
(claim_sums.py, claim_money.py). CPU is that of the command with its database and simulators.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import asyncpg
import signxml
from cryptography import x509
from lxml import etree
from signxml import xades

from lienmach.bench import claim_money, claim_sums, day_data, day_fill, processes
from lienmach.bench.claim_money import Money
from lienmach.bench.claim_sums import ClaimFile
from lienmach.bench.node import Failed, Node
from lienmach.bench.report import Report, load

VISITS = 1_000
DAYS, SEED = 3, 11
_SHOWN = 20
_CPU_EVERY_SECONDS = 1.0
_SIGNERS = "select certificate from signing_key where tenant = 1 and login like '@%'"


def measure(node: Node, report: Report, count: int, scratch: Path) -> None:
    """Let `count` visits take place on the home of a node that does not run, check all of them, start and stop it.

    Raises Failed where a visit fails, a clean one is flagged, or anything does not agree.
    """
    days = _days()
    report.heading(f"{count:,} visits of {len(days)} days from booking to paid, their claims sent")
    seconds, cpu = _drive(node, count, days)
    started = time.monotonic()
    place = scratch / "claims"
    _run(node, ["claims", "export", "--from", days[0].isoformat(), "--to", days[-1].isoformat(), str(place)])
    exported = time.monotonic() - started
    names = sorted(str(one) for one in place.glob("*.xml"))
    started = time.monotonic()
    flagged = json.loads(_run(node, ["claims", "check", *names], may_fail=True))
    checked = time.monotonic() - started
    files = [claim_sums.read(Path(one).read_bytes()) for one in names]
    node.start()
    money, certificates = asyncio.run(_read(node))
    node.stop()
    wrong = [f"{one['file']}: {one['rule']} {one['table']}.{one['field']}" for one in flagged]
    wrong += [one for file in files for one in claim_sums.differences(file)]
    wrong += claim_money.differences(money, files)
    wrong += [f"{one.key}: its signature does not fit" for one in files if not _is_signed(one, certificates)]
    shapes = Counter(shape for one in files for shape in claim_sums.shapes(one))
    lines = sum(len(one.lines) for one in files)
    report.figures["claims"] = {
        "visits": count, "with_account": len(money.visits), "claims": len(files), "lines": lines,
        "seconds": round(seconds, 1), "cpu_ms_a_visit": round(cpu / count * 1000, 1),
        "export_seconds": round(exported, 1), "check_seconds": round(checked, 1), "unanswered": money.unanswered,
        "shapes": dict(sorted(shapes.items())), "wrong": wrong[:_SHOWN], "load": load(),
    }  # fmt: skip
    print(
        f"    {seconds:,.0f} s, {cpu / count * 1000:,.0f} ms of CPU a visit; {len(files):,} claims with {lines:,} lines "
        f"exported in {exported:,.1f} s, checked in {checked:,.1f} s; {len(money.unanswered)} wait for the portal's word "
        f"about a card; load {load()[0]}",
        flush=True,
    )
    for name, number in sorted(shapes.items()):
        print(f"    {number:6,} {name}")
    print(f"  {'✗' if wrong else '✓'} every line, total, signature, bill, receipt and ledger agrees", flush=True)
    if wrong:
        raise Failed(f"{len(wrong):,} do not: " + "; ".join(wrong[:_SHOWN]))


def _days() -> list[date]:
    """Working days before today, oldest first: the keys of a new home begin a year ago."""
    today, found = datetime.now(day_data.VIETNAM).date(), list[date]()
    while len(found) < DAYS:
        today -= timedelta(days=1)
        if today.isoweekday() < 7:
            found.append(today)
    return found[::-1]


def _drive(node: Node, count: int, days: Sequence[date]) -> tuple[float, float]:
    """(seconds, CPU seconds) of the commands that let the visits take place, a day after the other."""
    seconds = cpu = 0.0
    for number, day in enumerate(days):
        own = count // len(days) + (number < count % len(days))
        if not own:
            continue
        started = time.monotonic()
        command = subprocess.Popen(
            [sys.executable, "-m", "lienmach", "demo", "visits", "--count", str(own), "--seed", str(SEED), "--day",
             day.isoformat()],
            env=node.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
        )  # fmt: skip
        spent, said = _wait(command)
        seconds, cpu = seconds + time.monotonic() - started, cpu + spent
        last = said.strip().rpartition("\n")[2]
        print(f"    {day.isoformat()}: {last}", flush=True)
        if command.returncode or " 0 failures" not in last:
            raise Failed(f"lienmach demo visits: {said[-800:]}")
    return seconds, cpu


def _wait(command: subprocess.Popen[str]) -> tuple[float, str]:
    """(CPU seconds of the command with all it has started, what it said)."""
    most = 0.0
    while True:
        most = max(most, processes.cpu_seconds(command.pid))
        try:
            said, _ = command.communicate(timeout=_CPU_EVERY_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return most, said


def _run(node: Node, words: Sequence[str], *, may_fail: bool = False) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "lienmach", *words], env=node.environment, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    if done.returncode not in ((0, 1) if may_fail else (0,)):
        raise Failed(f"lienmach {words[0]} {words[1]}: {done.stderr[-800:]}")
    return done.stdout


async def _read(node: Node) -> tuple[Money, list[x509.Certificate]]:
    owner = await asyncpg.connect(day_fill.database_url(node))
    try:
        await owner.execute("set lienmach.tenant = '1'")
        rows = await owner.fetch(_SIGNERS)
        return await claim_money.gather(owner), [x509.load_der_x509_certificate(row["certificate"]) for row in rows]
    finally:
        await owner.close()


def _is_signed(claim: ClaimFile, certificates: Sequence[x509.Certificate]) -> bool:
    """Whether one of the facilities' keys has signed the whole file (XAdES in CHUKYDONVI)."""
    root = etree.fromstring(claim.data)
    for one in certificates:
        try:
            found = xades.XAdESVerifier().verify(
                root, x509_cert=one, expect_references=3,
                expect_config=signxml.SignatureConfiguration(require_x509=True, location=".//"),
            )  # fmt: skip
        except (signxml.exceptions.InvalidSignature, signxml.exceptions.InvalidInput, ValueError):
            continue
        if any(each.signed_xml is not None and each.signed_xml.tag == root.tag for each in found):
            return True
    return False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its option for the command line."""
    parser.add_argument(
        "--claims", type=int, nargs="?", const=VISITS, metavar="VISITS",
        help=f"only visits from booking to paid with their claims ({VISITS:,})",
    )  # fmt: skip


def new_node(home: Path) -> Node:
    """A demo home without its demo people; the simulators are those of the command."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "demo-filled").touch()
    return Node(home, {"LIENMACH_MLLP": "", "LIENMACH_ASTM": ""}, is_demo=True)
