"""A day at the clinic: screens on a record of many visits, then thirty people at work on it at once.

    python -m lienmach.bench --day                    100,000 visits of 20,000 people
    python -m lienmach.bench --day --visits 20000     a first look
    python -m lienmach.bench --day --million          and again with one million visits and their queue

Starts a demo node of its own. With --home a record that was filled today is used again.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random

from lienmach.bench import day_citizen, day_data, day_fill, day_money_pages, day_pages, day_people, leaders, processes
from lienmach.bench.browser import Browser
from lienmach.bench.day_bills import Bill
from lienmach.bench.day_pages import quantile
from lienmach.bench.node import Node
from lienmach.bench.report import Report, load

VISITS = 100_000
MILLION = 1_000_000
VISITS_A_PERSON = 5
SHARE_TODAY = 100  # one of so many visits is of today and over
PEOPLE_MIN = 1500
_TODAY_FROM = 10_000_000  # numbers of the visits of today
_MARK = "bench-day.json"


def new_node(home: Path) -> Node:
    """A demo node without analysers; without the demo people too, who would flow in beside what is measured."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "demo-filled").touch()
    return Node(home, {"LIENMACH_MLLP": "", "LIENMACH_ASTM": ""}, is_demo=True)


def measure(node: Node, report: Report, args: argparse.Namespace, scratch: Path) -> None:
    """Start, fill, measure the screens, let thirty people work; the caller stops the node."""
    node.start()
    people = max(args.visits // VISITS_A_PERSON, PEOPLE_MIN)
    now = datetime.now(day_data.VIETNAM)
    today = _filled(node, report, args, scratch, people, now)
    _screens(node, report, people, today, args.visits)
    leaders.measure(node, report, args.visits)
    _load(node, report, today, args.load_seconds)
    if args.million:
        _grow(node, report, scratch, args.visits, people, now)
        _screens(node, report, people, today, MILLION)


def _filled(
    node: Node, report: Report, args: argparse.Namespace, scratch: Path, people: int, now: datetime
) -> day_fill.Today:
    """The visits of today, after the record was filled unless it was before, on this day and with as many."""
    mark, wanted = node.home / _MARK, {"visits": args.visits, "day": f"{now:%Y-%m-%d}"}
    known = json.loads(mark.read_text()) if mark.exists() else {}
    if {name: known.get(name) for name in wanted} == wanted:
        now = datetime.fromisoformat(known["at"])
    today = day_fill.today_of(_TODAY_FROM, people, args.visits // SHARE_TODAY, now)
    if known.get("at") == now.isoformat():
        return today
    staff = day_people.staff()
    report.heading(f"A day at the clinic: {args.visits:,} whole visits of {people:,} people, by import")
    file = scratch / "visits.ndjson"
    count = day_fill.write_record(file, args.visits, people, today, [(login, name) for login, name, _ in staff])
    size = file.stat().st_size
    cpu, seconds = node.load(file)
    file.unlink()
    history = list(day_data.history(0, args.visits, people, now.date()))
    began = time.monotonic()
    rows = day_fill.fill_tables(node, history, today, staff, now)
    print(
        f"    rows of the queue, the dispensary and the money in {time.monotonic() - began:,.0f} s: {rows}", flush=True
    )
    report.figures["day"]["import"] = {
        "resources": count, "bytes": size, "cpu_ms": round(cpu / count * 1000, 4), "per_second": round(count / seconds, 1)
    }  # fmt: skip
    print(
        f"    {count:,} resources ({size / 2**20:,.0f} MB) in {seconds:,.0f} s: {count / seconds:,.0f}/s, "
        f"{cpu / count * 1000:.3f} ms of CPU each; load {report.figures['machine']['load'][0]}",
        flush=True,
    )
    mark.write_text(json.dumps({**wanted, "at": now.isoformat()}))
    processes.wait_idle(node.pid, seconds_max=180)
    return today


def _grow(node: Node, report: Report, scratch: Path, held: int, people: int, now: datetime) -> None:
    """Up to one million encounters with their queue."""
    file = scratch / "encounters.ndjson"
    day_fill.write_encounters(file, held, MILLION - held, people, now.date())
    cpu, seconds = node.load(file)
    file.unlink()
    nothing = day_fill.Today((), (), ())
    day_fill.fill_tables(node, list(day_data.history(held, MILLION - held, people, now.date())), nothing, (), None)
    print(f"    {MILLION - held:,} further visits in {seconds:,.0f} s, {cpu:,.0f} s of CPU", flush=True)
    processes.wait_idle(node.pid, seconds_max=300)


def _screens(node: Node, report: Report, people: int, today: day_fill.Today, visits: int) -> None:
    report.heading(
        f"Screens with {visits:,} visits, one browser and then eight: p95 under {day_pages.BUDGET_MS:.0f} ms, "
        f"{day_pages.WEIGHT_MAX:,} bytes"
    )
    password = (node.home / "demo-password.txt").read_text().strip()
    waiting = next(one for one in today.visits if one.state == "arrived" and one.room == day_data.MEASURED)
    running = next(one for one in today.visits if one.state == "in-progress" and one.room == day_data.MEASURED)
    asyncio.run(day_pages.sit_down(node.host, node.port, password))
    money = day_money_pages.all_of(_some_bills(visits, people, today), day_fill.day_of(today))
    inside: dict[int, Browser] = {}
    for asked in (*day_pages.all_of(people, waiting, running), *money):
        before = processes.cpu_seconds(node.pid)
        seen = asyncio.run(_ask(node, password, asked, inside))
        cpu = processes.cpu_seconds(node.pid) - before
        one, several = (
            (quantile(times, 0.5), quantile(times, 0.95), max(times, default=float("nan")))
            for times in (seen.one, seen.several)
        )
        report.answer(
            asked.name if visits < MILLION else f"{asked.name}_million", asked.title, one=one, several=several,
            budget=day_pages.BUDGET_MS, cpu_ms=cpu / max(len(seen.one) + len(seen.several), 1) * 1000,
            weight=seen.weight, weight_max=day_pages.WEIGHT_MAX, failures=seen.failures,
        )  # fmt: skip


def _some_bills(visits: int, people: int, today: day_fill.Today) -> list[Bill]:
    """The bills of today, and of the first visits of the record."""
    past = day_data.history(0, min(visits, 3000), people, day_fill.day_of(today))
    return list(day_fill.bills(past, today))


async def _ask(node: Node, password: str, asked: day_pages.Asked, inside: dict[int, Browser]) -> day_pages.Seen:
    """Measure one thing. inside: citizens who are in; a code is sent for one only once."""
    if asked.person < 0:
        return await day_pages.measure(node.host, node.port, password, asked)
    if asked.person not in inside:
        inside[asked.person] = await day_citizen.enter(node, asked.person)
    return await day_pages.measure(node.host, node.port, password, asked, known=inside[asked.person])


def _load(node: Node, report: Report, today: day_fill.Today, seconds: float) -> None:
    report.heading(
        f"Thirty people at work for {seconds:.0f} s: no error, p95 of a click under {day_people.BUDGET_MS:.0f} ms"
    )
    password = (node.home / "demo-password.txt").read_text().strip()
    at: list[float] = []

    def begin() -> None:
        at[:] = [time.monotonic(), processes.cpu_seconds(node.pid)]

    book = asyncio.run(day_people.work(node, password, _arrivals(today), today.visits[0].person, seconds, begin))
    cores = (processes.cpu_seconds(node.pid) - at[1]) / (time.monotonic() - at[0])
    times = [ms for _, ms in book.clicks]
    p50, p95, p99 = (quantile(times, share) for share in (0.5, 0.95, 0.99))
    is_well = not book.errors and p95 <= day_people.BUDGET_MS
    report.figures["day"]["load"] = {
        "clicks": len(times), "polls": len(book.polls), "errors": len(book.errors), "p50_ms": round(p50, 1),
        "p95_ms": round(p95, 1), "p99_ms": round(p99, 1), "max_ms": round(max(times, default=0.0), 1),
        "cores": round(cores, 2), "machine_load": load(), "rounds": dict(book.done), "within": is_well,
    }  # fmt: skip
    print(
        f"  {'✓' if is_well else '✗'} {len(times):,} clicks and {len(book.polls):,} questions of open pages, "
        f"{len(book.errors)} errors   p50 {p50:.0f}  p95 {p95:.0f}  p99 {p99:.0f}  max {max(times, default=0):.0f} ms   "
        f"{cores:.2f} cores   load of this machine {load()[0]}   rounds {dict(book.done)}",
        flush=True,
    )
    by_name: defaultdict[str, list[float]] = defaultdict(list)
    for name, ms in book.clicks:
        by_name[name].append(ms)
    for name, own in sorted(by_name.items(), key=lambda pair: -quantile(pair[1], 0.95)):
        print(f"      {name:22} {len(own):5} clicks   p50 {quantile(own, 0.5):6.0f}  p95 {quantile(own, 0.95):6.0f} ms")
    for (name, text), count in Counter(book.errors).most_common(12):
        print(f"      {count} × {name}: {text}", flush=True)


def _arrivals(today: day_fill.Today) -> Iterator[int]:
    """People who come today, each once in a run; another run on the same home begins with others."""
    start = Random().randrange(len(today.people))
    return itertools.chain(today.people[start:], today.people[:start])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the day."""
    parser.add_argument("--day", action="store_true", help="only the day at the clinic")
    parser.add_argument("--visits", type=int, default=VISITS, help=f"whole visits in the record ({VISITS})")
    parser.add_argument("--million", action="store_true", help="then one million visits with their queue")
    parser.add_argument("--load-seconds", type=float, default=90.0, help="how long thirty people work at once (90)")
