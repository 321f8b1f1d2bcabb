"""Print a bearer token for this node, for scripts and tests on the same machine. It cannot be shown again."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import timedelta

from lienmach.base import clock
from lienmach.base.settings import Settings
from lienmach.commands import node
from lienmach.identity import roles, rows, tokens

DAYS_MAX = 3650


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--role",
        required=True,
        action="append",
        choices=sorted(roles.ROLES),
        metavar="ROLE",
        help=f"what the token may do; may be given again. One of: {', '.join(roles.ROLES)}",
    )
    parser.add_argument("--tenant", default="main", help="slug of the tenant (main)")
    parser.add_argument("--user", default="", help="the name that stands in the audit (the role)")
    parser.add_argument("--days", type=int, default=tokens.LIFE_DEFAULT.days, help="how long it lives (90)")


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Print the token; 2 for a tenant that is not here or a life that makes no sense."""
    if not 1 <= args.days <= DAYS_MAX:
        print(f"lienmach token: --days is 1 to {DAYS_MAX}.", file=sys.stderr)
        return 2
    return asyncio.run(_issue(settings, args))


async def _issue(settings: Settings, args: argparse.Namespace) -> int:
    async with node.attached(settings) as one:
        tenant = await rows.tenant_of(one.pool, args.tenant)
        if tenant is None:
            print(f"lienmach token: there is no tenant {args.tenant!r} on this node.", file=sys.stderr)
            return 2
        print(
            await tokens.issue(
                one.pool,
                tenant,
                role_names=args.role,
                user=args.user or args.role[0],
                now=clock.now(),
                life=timedelta(days=args.days),
            )
        )
    return 0
