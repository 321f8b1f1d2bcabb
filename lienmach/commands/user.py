"""Add a person with roles, and print the link where they set their own password (good once, for 72 hours)."""

from __future__ import annotations

import argparse
import asyncio
import sys

from lienmach.base import clock
from lienmach.base.settings import Settings
from lienmach.commands import node
from lienmach.identity import roles, rows, users


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    for name, words in (
        ("add", "add a person"),
        ("link", "a new link for somebody who lost the password"),
        ("close", "end somebody's access for good"),
    ):
        action = actions.add_parser(name, help=words)
        action.add_argument("login", help="2 to 40 of a-z, 0-9, dot, dash, underscore")
        action.add_argument("--tenant", default="main", help="slug of the tenant (main)")
        if name == "add":
            action.add_argument(
                "--role",
                required=True,
                action="append",
                choices=sorted(roles.ROLES),
                metavar="ROLE",
                help=f"may be given again. One of: {', '.join(roles.ROLES)}",
            )
            action.add_argument("--name", default="", help="name on screen (the login)")
            action.add_argument(
                "--practitioner",
                default="",
                metavar="REFERENCE",
                help="who this is in the record, such as Practitioner/123",
            )


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Do it; 2 for a tenant that is not here. Raises Conflict, Invalid, NotFound."""
    return asyncio.run(_run(settings, args))


async def _run(settings: Settings, args: argparse.Namespace) -> int:
    async with node.attached(settings) as one:
        tenant = await rows.tenant_of(one.pool, args.tenant)
        if tenant is None:
            print(f"lienmach user: there is no tenant {args.tenant!r} on this node.", file=sys.stderr)
            return 2
        now = clock.now()
        if args.action == "close":
            await users.close(one.pool, tenant, args.login)
            print(f"{args.login} can no longer sign in.")
            return 0
        if args.action == "add":
            await users.add(
                one.pool,
                users.Account(
                    tenant, args.login, args.name or args.login, frozenset(args.role), practitioner=args.practitioner
                ),
                now,
            )
        path = await users.new_setup_link(one.pool, tenant, args.login, now)
        scheme = "http" if settings.is_loopback() else "https"
        print(f"{scheme}://{settings.http}{path}\nThe link works once, for {users.SETUP_LINK_HOURS} hours.")
    return 0
