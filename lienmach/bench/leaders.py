"""The director's, the monitor's and the health department's pages on the record of the day's bench.

`lienmach import` has filled the record (bench/day.py); the figures are kept by the node's own worker, which is waited
for. Budgets as for all screens: 50 ms at the 95th percentile of one browser and of eight (bench/day_pages.py).
"""

from __future__ import annotations

import asyncio
import time

import asyncpg

from lienmach.bench import day_fill, day_pages, processes
from lienmach.bench.browser import Browser
from lienmach.bench.day_pages import Asked, Asking, quantile
from lienmach.bench.node import Failed, Node
from lienmach.bench.report import Report

WAIT_SECONDS_MAX = 1800.0
_BEHIND = """select l.seq - coalesce(p.seq, 0) from ledger l
             left join leaders_progress p on p.tenant = l.tenant where l.tenant = $1"""
_LOOK_BEHIND_MAX = 5000  # versions: what the node's own audit adds while it is asked


def all_of() -> list[Asked]:
    """What is measured: director on the phone, monitor of a quarter and of a year, the department's month."""

    def get(path: str, *, fragment: bool = False) -> Asking:
        return lambda one: one.get(path, fragment=fragment)

    director, department = "giamdoc", "soyte"
    return [
        Asked("cockpit", "director's page", director, get("/leaders/day"), True),
        Asked("cockpit_again", "the same, as it renews itself", director, get("/leaders/day", fragment=True)),
        Asked("cockpit_rows", "rows behind a tile", director, get("/leaders/day/visits"), True),
        Asked("monitor", "prescribing, 90 days", director, get("/leaders/prescribing?days=90"), True),
        Asked("monitor_year", "prescribing, a year", director, get("/leaders/prescribing?days=365&measure=cost")),
        Asked("department", "health department's totals", department, get("/leaders/department"), True),
        Asked("department_file", "the same as CSV", department, get("/leaders/department/export")),
    ]


def measure(node: Node, report: Report, visits: int) -> None:
    """Wait until the figures hold every visit, then ask for the pages."""
    report.heading(f"Leaders with {visits:,} visits: p95 under {day_pages.BUDGET_MS:.0f} ms")
    password = (node.home / "demo-password.txt").read_text().strip()
    asyncio.run(_start(node, password))
    began, cpu = time.monotonic(), processes.cpu_seconds(node.pid)
    counted = asyncio.run(_wait(node))
    print(
        f"    {counted:,} visits counted; waited {time.monotonic() - began:,.0f} s, "
        f"{processes.cpu_seconds(node.pid) - cpu:,.0f} s of CPU",
        flush=True,
    )
    processes.wait_idle(node.pid, seconds_max=60)
    for asked in all_of():
        before = processes.cpu_seconds(node.pid)
        seen = asyncio.run(day_pages.measure(node.host, node.port, password, asked))
        spent = processes.cpu_seconds(node.pid) - before
        one, several = (
            (quantile(times, 0.5), quantile(times, 0.95), max(times, default=float("nan")))
            for times in (seen.one, seen.several)
        )
        report.answer(
            asked.name, asked.title, one=one, several=several, budget=day_pages.BUDGET_MS,
            cpu_ms=spent / max(len(seen.one) + len(seen.several), 1) * 1000, weight=seen.weight,
            weight_max=day_pages.WEIGHT_MAX, failures=seen.failures,
        )  # fmt: skip


async def _start(node: Node, password: str) -> None:
    """A record that was filled before the figures existed is counted from its beginning: the director asks for it."""
    one = Browser(node.host, node.port)
    await one.sign_in("giamdoc", password)
    await one.get("/leaders/day")
    await one.post("/leaders/day/recount", {})
    one.close()


async def _wait(node: Node) -> int:
    owner = await asyncpg.connect(day_fill.database_url(node))
    try:
        await owner.execute(f"set lienmach.tenant = '{day_fill.TENANT}'")
        end = time.monotonic() + WAIT_SECONDS_MAX
        await asyncio.sleep(2.0)  # the recount begins
        while await owner.fetchval(_BEHIND, day_fill.TENANT) > _LOOK_BEHIND_MAX or not await owner.fetchval(
            "select is_rebuilt from leaders_progress where tenant = $1", day_fill.TENANT
        ):
            if time.monotonic() > end:
                raise Failed(f"The figures were not counted within {WAIT_SECONDS_MAX:.0f} s.")
            await asyncio.sleep(1.0)
        return int(await owner.fetchval("select count(*) from leaders_visit where tenant = $1", day_fill.TENANT))
    finally:
        await owner.close()
