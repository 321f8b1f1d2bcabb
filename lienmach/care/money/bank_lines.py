"""The line to the bank of each tenant: the address of its statement, and the secret under which both sides sign.

LIENMACH_BANK_URL and LIENMACH_BANK_SECRET hold one word, which is the first tenant's, or `slug=word` for each tenant
that has a line, divided by commas: tenants are strangers to each other, the bank of one says nothing of the money of
another. Into which accounts money comes, the list `bank-account` of each tenant says, with its days.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lienmach.base.settings import Settings
from lienmach.record.tenants import Tenant

_OWN = re.compile(r"([a-z0-9-]{1,40})=(.*)")


@dataclass(frozen=True)
class BankLine:
    """url: of the statement; secret: of notices and questions; "" for none."""

    url: str
    secret: str


def of(settings: Settings, tenants: Mapping[int, Tenant], tenant: int) -> BankLine:
    """The line of a tenant."""
    return BankLine(_own(settings.bank_url, tenants, tenant), _own(settings.bank_secret, tenants, tenant))


def _own(said: str, tenants: Mapping[int, Tenant], tenant: int) -> str:
    """The word of a tenant. A part that names none of the node's tenants makes the whole one word, the first one's."""
    slugs = {one.slug for one in tenants.values()}
    parts = [_OWN.fullmatch(one.strip()) for one in said.split(",")]
    named = {one[1]: one[2] for one in parts if one is not None and one[1] in slugs}
    if len(named) == len(parts):
        return named.get(tenants[tenant].slug, "")
    return said if tenant == min(tenants) else ""
