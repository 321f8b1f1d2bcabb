"""Measure a node against the table of budgets: CPU per request with PostgreSQL included, memory, starts, growth.

    python -m lienmach.bench            small ladder: searches from 1,000 to 16,000 patients
    python -m lienmach.bench --full     up to 64,000 patients (1.28 million resources)
    python -m lienmach.bench --quick    no growth, short runs: a first look
    python -m lienmach.bench --day      only the day at the clinic: 100,000 visits, then thirty people at work
    python -m lienmach.bench --claims   only 1,000 visits from booking to paid, worked out again from their claims

Starts a node of its own on a scratch home and drives it from this process. CPU is that of the node's whole process
tree (web, jobs, PostgreSQL with its backends), read from /proc before and after; wall times on a shared machine are
noise, so the budgets are of CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from lienmach.bench import data, day, processes, visits, workloads
from lienmach.bench.client import Driven, drive
from lienmach.bench.node import Failed, Node
from lienmach.bench.report import Report
from lienmach.bench.workloads import Workload

CONNECTIONS = 32
LADDER = (1_000, 4_000, 16_000)
LADDER_FULL = (1_000, 4_000, 16_000, 64_000)
START_BUDGETS = {"first_boot": 8.0, "warm": 3.0}
MEMORY_BUDGET_MB = 500
IMPORT_BUDGET_MS, IMPORT_MOONSHOT_MS = 0.2, 0.12
GROWTH_REQUESTS = 400
ROUNDS = 3
Growth = dict[str, tuple[float, float]]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m lienmach.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="the growth of searches up to 64,000 patients")
    parser.add_argument("--quick", action="store_true", help="short runs without growth")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each measurement, in three rounds (6)")
    parser.add_argument("--only", default="", help="workloads by name, separated by commas")
    parser.add_argument("--home", type=Path, help="keep the node's home here; a scratch folder by default")
    parser.add_argument(
        "--results", type=Path, default=Path("bench-results"), help="folder or .json file (bench-results)"
    )
    day.add_arguments(parser)
    visits.add_arguments(parser)
    args = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="lm-bench-"))
    report = Report()
    nodes: list[Node] = []
    try:
        if args.claims:
            nodes.append(visits.new_node(args.home or scratch / "claims-home"))
            visits.measure(nodes[-1], report, args.claims, scratch)
        elif not args.day:
            nodes.append(Node(args.home or scratch / "home", {}))
            _bench(nodes[-1], report, args, scratch)
            nodes[-1].stop()
        if args.day or not (args.quick or args.only or args.claims):
            home = args.home if args.home and args.day else scratch / "day"
            nodes.append(day.new_node(home))
            day.measure(nodes[-1], report, args, scratch)
    except Failed as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    finally:
        for node in nodes:
            node.stop()
            if args.home is None or node.home != args.home:
                _forget(node)
        shutil.rmtree(scratch, ignore_errors=True)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    report.save(args.results if args.results.suffix == ".json" else args.results / f"{stamp}.json")
    return 0


def _bench(node: Node, report: Report, args: argparse.Namespace, scratch: Path) -> None:
    ladder = LADDER[:1] if args.quick else LADDER_FULL if args.full else LADDER
    seconds = min(args.seconds, 3.0) if args.quick else args.seconds
    _measure_start(node, report)
    node.fetch_token()
    _fill(node, report, scratch, 0, ladder[0], measured=not args.only or "import" in args.only)
    first = _measure_growth(node, report, ladder[0], None) if len(ladder) > 1 else {}
    chosen = [one for one in workloads.all_of(node, ladder[0]) if not args.only or one.name in args.only.split(",")]
    report.heading(f"{CONNECTIONS} connections, CPU of all processes a request")
    for one in chosen:
        _measure(node, report, one, seconds)
    report.heading("One client, without a budget: one commit serves one answer")
    for one in chosen:
        _measure_single(node, report, one, min(seconds, 3.0))
    held = ladder[0]
    if len(ladder) > 1:
        report.heading("Growth of searches, one client: p50 and CPU, each with its ratio to the first size")
        report.growth(held, first, first)
    for patients in ladder[1:]:
        _fill(node, report, scratch, held, patients - held, measured=False)
        held = patients
        processes.wait_idle(node.pid, seconds_max=180)  # vacuum and checkpoint after the import are not the search's
        _measure_growth(node, report, patients, first)
    report.heading("Memory, idle")
    processes.wait_idle(node.pid)
    held_memory = processes.memory(node.pid)
    report.budgeted(
        "memory",
        "after",
        f"{held_memory.processes} processes after all of this, PSS",
        held_memory.pss_mb,
        MEMORY_BUDGET_MB,
        "MB",
    )


def _measure_start(node: Node, report: Report) -> None:
    report.heading("Start")
    report.budgeted("start", "first_boot", "first boot to ready", node.start(), START_BUDGETS["first_boot"], "s")
    node.stop()
    report.budgeted("start", "warm", "warm start to ready", node.start(), START_BUDGETS["warm"], "s")
    processes.wait_idle(node.pid, seconds_max=20)
    held = processes.memory(node.pid)
    report.budgeted("memory", "idle", f"{held.processes} processes, idle, PSS", held.pss_mb, MEMORY_BUDGET_MB, "MB")
    report.budgeted("memory", "idle_rss", "the same, RSS (shared pages counted often)", held.rss_mb, None, "MB")


def _fill(node: Node, report: Report, scratch: Path, first: int, count: int, *, measured: bool) -> None:
    """Import patients `first` and on; the first fill is measured, and makes some of them busy."""
    file = scratch / f"from-{first}.ndjson"
    with open(file, "wb") as out:
        out.writelines(data.lines(first, count))
        if first == 0:
            for number in range(min(workloads.BUSY_PATIENTS, count)):
                out.writelines(data.dump(data.weight(number, at)) + b"\n" for at in range(workloads.WEIGHTS))
    if measured:
        # What the command costs before its first resource (start, compiling the definitions) is taken off.
        small = scratch / "small.ndjson"
        small.write_bytes(b"".join(data.lines(99_000_000, 1)))
        fixed, _ = node.load(small)
        cpu, seconds = node.load(file)
        with open(file, "rb") as lines:
            resources = sum(1 for _ in lines)
        report.heading("Bulk import beside the running node")
        report.workload(
            "import",
            "bulk import, per resource",
            cpu_ms=(cpu - fixed) / resources * 1000,
            budget=IMPORT_BUDGET_MS,
            moonshot=IMPORT_MOONSHOT_MS,
            rate=resources / seconds,
            p50=float("nan"),
            p99=float("nan"),
            count=resources,
            failures={},
            note=f"   {cpu / resources * 1000:.3f} with the command's start of {fixed:.1f} s",
        )
    else:
        node.load(file)
    file.unlink()
    processes.wait_idle(node.pid)


def _measure(node: Node, report: Report, one: Workload, seconds: float) -> None:
    """Warm up, then run ROUNDS times: the median round is the figure, for a neighbour may spoil one of them."""
    asyncio.run(drive(node.host, node.port, one.make, connections=CONNECTIONS, seconds=1.0))
    rounds: list[tuple[float, Driven]] = []
    for _ in range(ROUNDS):
        before = processes.cpu_seconds(node.pid)
        seen = asyncio.run(drive(node.host, node.port, one.make, connections=CONNECTIONS, seconds=seconds / ROUNDS))
        rounds.append(((processes.cpu_seconds(node.pid) - before) / (seen.count * one.per) * 1000, seen))
        _complain(one, seen)
    rounds.sort(key=lambda measured: measured[0])
    cpu_ms, seen = rounds[ROUNDS // 2]
    report.workload(
        one.name,
        one.title,
        cpu_ms=cpu_ms,
        budget=one.budget_ms,
        moonshot=one.moonshot_ms,
        rate=seen.count * one.per / seen.seconds,
        p50=seen.quantile(0.5),
        p99=seen.quantile(0.99),
        count=sum(measured.count for _, measured in rounds),
        failures=seen.failures,
        note=f"   ({rounds[0][0]:.3f} to {rounds[-1][0]:.3f})",
    )


def _measure_single(node: Node, report: Report, one: Workload, seconds: float) -> None:
    before = processes.cpu_seconds(node.pid)
    seen = asyncio.run(drive(node.host, node.port, one.make, connections=1, seconds=seconds))
    cpu = processes.cpu_seconds(node.pid) - before
    report.single(
        one.name,
        one.title,
        cpu_ms=cpu / (seen.count * one.per) * 1000,
        rate=seen.count * one.per / seen.seconds,
        p50=seen.quantile(0.5),
        p99=seen.quantile(0.99),
    )


def _measure_growth(node: Node, report: Report, patients: int, first: Growth | None) -> Growth:
    """p50 and CPU in ms of each search at this size, of one client; CPU tells more where others share the machine."""
    found: Growth = {}
    for name, make in workloads.searches(node, patients).items():
        asyncio.run(drive(node.host, node.port, make, connections=1, seconds=10.0, count_max=50))
        before = processes.cpu_seconds(node.pid)
        seen = asyncio.run(drive(node.host, node.port, make, connections=1, seconds=30.0, count_max=GROWTH_REQUESTS))
        cpu = processes.cpu_seconds(node.pid) - before
        found[name] = (seen.quantile(0.5), cpu / max(seen.count, 1) * 1000)
    if first is not None:
        report.growth(patients, found, first)
    return found


def _complain(one: Workload, seen: Driven) -> None:
    if seen.failures:
        print(f"    {one.name}: {seen.failures} {seen.example.decode('utf-8', 'replace')}", file=sys.stderr)


def _forget(node: Node) -> None:
    """Delete the database that a node as root keeps outside of its home, in the folder that the home names."""
    named = node.home / "database"
    if named.is_file():
        folder = Path(named.read_text().strip())
        if folder.is_dir() and folder.is_absolute() and (folder / "data").exists():
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
