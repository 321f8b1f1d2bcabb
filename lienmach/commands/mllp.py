"""Listen to analysers (HL7 v2 over MLLP, ASTM over TCP), beside a running database, until stopped."""

from __future__ import annotations

import argparse
import asyncio
import signal

from lienmach.base import disk, processes
from lienmach.base.settings import Settings
from lienmach.commands import node


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Listen on the addresses of the settings; SIGTERM and Ctrl-C end it after the message in hand."""
    if args.parent:
        processes.end_with_parent(args.parent)
    asyncio.run(_listen(settings))
    return 0


async def _listen(settings: Settings) -> None:
    from lienmach import app

    async with node.attached(settings) as one:
        store = await app.open_store(one.settings, one.pool)
        store.check_room = disk.watch(one.settings, one.cluster.place if one.cluster else None).check_write
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, stop.set)
        try:
            async with asyncio.TaskGroup() as listening:
                for department in app.DEPARTMENTS:
                    for listen in department.listeners:
                        listening.create_task(listen(store, settings, stop=stop))
        finally:
            await store.close()
