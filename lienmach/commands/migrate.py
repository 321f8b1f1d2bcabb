"""Bring the database to this version's schema."""

from __future__ import annotations

import argparse
import asyncio

from lienmach.base import postgres
from lienmach.base.settings import Settings
from lienmach.commands import node


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="try what waits, take it back, and say what it was")


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Migrate the database given by URL, or the embedded one, started if need be."""
    cluster = None
    if not settings.database_url:
        cluster = postgres.attach(settings) or postgres.start(settings)
        settings = node.with_urls(settings, cluster)
    try:
        done = asyncio.run(node.bring_up_to_date(settings, cluster, dry_run=args.dry_run))
    finally:
        if cluster is not None:
            cluster.stop(after_others=True)
    for label in done:
        print(f"{'would run' if args.dry_run else 'ran'} {label}")
    if not done:
        print("Nothing to do: the schema is this version's.")
    return 0
