"""Fill a tenant with invented Vietnamese people, or visits of one day, marked as test data; a second run adds nothing."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time

from lienmach.base import processes
from lienmach.base.settings import Settings
from lienmach.care.population import filling
from lienmach.commands import demo_visits, opened
from lienmach.commands.progress import Progress

PEOPLE_MAX = 1_000_000
SEED_MAX = 999_999
FIRST_VISITS = 40  # of today, in a new demo home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", choices=("people", "visits"), default="people", help="what is made (people)")
    parser.add_argument("--people", type=int, default=2000, help="how many people there shall be (2000)")
    parser.add_argument(
        "--count", type=int, default=FIRST_VISITS, help=f"how many visits there shall be ({FIRST_VISITS})"
    )
    parser.add_argument("--day", default="", help="the day of the visits, such as 2026-11-20 (today, up to now)")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other people and visits (1)")
    parser.add_argument("--tenant", default="main", help="slug of the tenant (main)")
    parser.add_argument("--background", action="store_true", help="step behind other work on this machine")
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--with-visits", action="store_true", help=argparse.SUPPRESS)


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Fill and say what was added; 2 for numbers that make no sense."""
    if not 1 <= args.people <= PEOPLE_MAX or not 0 <= args.seed <= SEED_MAX:
        print(f"lienmach demo: --people is 1 to {PEOPLE_MAX}, --seed 0 to {SEED_MAX}.", file=sys.stderr)
        return 2
    if args.parent:
        processes.end_with_parent(args.parent)
    if args.background:
        os.nice(10)  # whoever opens the first page goes first
    if args.what == "visits":
        return demo_visits.run(settings, args)
    code = asyncio.run(_fill(settings, args))
    if args.with_visits and code == 0:
        demo_visits.run(settings, args)  # a visit that failed has been told; it is no reason to fill again
    return code


async def _fill(settings: Settings, args: argparse.Namespace) -> int:
    started = time.monotonic()
    shown = Progress(args.people)
    async with opened.record(settings, args.tenant, command="demo") as (store, actor):
        done = await filling.fill(
            store,
            actor,
            seed=args.seed,
            people=args.people,
            report=lambda people: shown.report(people, f"{people:,} of {args.people:,} demo people"),
        )
    shown.end()
    print(
        f"{done.people:,} demo people in {args.tenant}: {done.added:,} resources added, {done.kept:,} were there, "
        f"{time.monotonic() - started:.1f} s.",
        flush=True,
    )
    return 0
