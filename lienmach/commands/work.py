"""Work the job queue, beside a running database, until stopped."""

from __future__ import annotations

import argparse
import asyncio
import signal

from lienmach.base import jobs, processes
from lienmach.base.settings import Settings
from lienmach.commands import node


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Claim and run jobs; SIGTERM and Ctrl-C end it after the batch in hand."""
    if args.parent:
        processes.end_with_parent(args.parent)
    asyncio.run(_work(settings))
    return 0


async def _work(settings: Settings) -> None:
    from lienmach import app

    async with node.attached(settings) as one:
        store = await app.open_store(one.settings, one.pool)
        worker = jobs.Worker(
            one.pool, app.job_kinds(), store, lease_seconds=settings.job_lease_seconds,
            poll_seconds=settings.job_poll_ms / 1000,
        )  # fmt: skip
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, worker.stop)
        try:
            await worker.run()
        finally:
            await store.close()
