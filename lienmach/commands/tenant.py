"""Add a tenant: a further data controller on this node, whose rows no other tenant sees."""

from __future__ import annotations

import argparse
import asyncio
import sys

import asyncpg

from lienmach.base.settings import Settings
from lienmach.commands import node
from lienmach.record import tenants


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="add a tenant")
    add.add_argument("slug", help="short name in commands: 1 to 40 of a-z, 0-9 and -")
    add.add_argument("--name", default="", help="name on screen, such as the hospital's (the slug)")
    add.add_argument(
        "--references-must-resolve", action="store_true", help="refuse resources whose references point to nothing here"
    )


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Add it and say its number. Raises Conflict for a slug that is taken, Invalid for one that cannot be."""
    return asyncio.run(_add(settings, args))


async def _add(settings: Settings, args: argparse.Namespace) -> int:
    async with node.attached(settings) as one:
        if not one.settings.database_owner_url:
            print(
                "lienmach tenant: LIENMACH_DATABASE_OWNER_URL is not set; tenants are the owner's work.",
                file=sys.stderr,
            )
            return 1
        owner = await asyncpg.connect(one.settings.database_owner_url)
        try:
            number = await tenants.add(
                owner, args.slug, args.name or args.slug, references_must_resolve=args.references_must_resolve
            )
        finally:
            await owner.close()
    print(f"Tenant {args.slug} has number {number}. Next: lienmach user add LOGIN --tenant {args.slug} --role admin")
    return 0
