"""Read the whole chain of versions and name the first row that was altered, moved or is missing."""

from __future__ import annotations

import argparse
import asyncio
import time

import asyncpg

from lienmach.base.settings import Settings
from lienmach.commands import node
from lienmach.commands.progress import Progress
from lienmach.record import ledger, tenants
from lienmach.record.ledger import Fault
from lienmach.record.tenants import Tenant


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tenant", default="", help="slug of the tenant; all tenants if it is left out")


def run(settings: Settings, args: argparse.Namespace) -> int:
    """One line a tenant; 1 if a chain does not hold."""
    return asyncio.run(_verify(settings, args.tenant))


async def _verify(settings: Settings, slug: str) -> int:
    wrong = 0
    async with node.attached(settings) as one, one.pool.acquire() as connection:
        found = await tenants.load_all(connection)
        chosen = [tenant for tenant in found.values() if slug in ("", tenant.slug)]
        if not chosen:
            print(f"There is no tenant '{slug}' on this node.")
            return 1
        for tenant in chosen:
            started = time.monotonic()
            rows, fault = await follow(connection, tenant)
            if fault is None:
                print(f"{tenant.slug}: the chain holds, {rows:,} versions, {time.monotonic() - started:.1f} s.")
            else:
                wrong += 1
                print(f"{tenant.slug}: THE CHAIN DOES NOT HOLD. {fault.text}")
    return 1 if wrong else 0


async def follow(connection: asyncpg.Connection, tenant: Tenant) -> tuple[int, Fault | None]:
    """(rows read, the first fault or None) of one tenant, in one snapshot beside a running node."""
    rows, fault, shown = 0, None, None
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("select set_config('lienmach.tenant', $1, true)", str(tenant.number))
        async for step in ledger.verify(connection, tenant.number):
            if isinstance(step, Fault):
                fault = step
                break
            shown = shown or Progress(step.of)
            rows = step.rows
            shown.report(rows, f"{tenant.slug}: {rows:,} of {step.of:,} versions")
    if shown is not None:
        shown.end()
    return rows, fault
