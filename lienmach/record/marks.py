"""What imports remember: under which name of which source, with which bytes, and as which resource it was taken.

A mark is written in the same commit as its resource (`Transaction.marks`, record/rowsets.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import asyncpg

from lienmach.record.transaction import Transaction

_FIND = "select m.name, m.body, m.type, m.id from import_mark m where m.tenant = $1 and m.name = any($2::bytea[])"
_ANY = "select 1 from import_mark m where m.tenant = $1 and m.name = any($2::bytea[]) limit 1"


@dataclass(frozen=True, slots=True)
class Known:
    """A mark as it stands. digest: `hash_of` the body that was taken last."""

    digest: bytes
    type: str
    id: str


def name_of(source: str, full_url: str) -> bytes:
    """The 16 bytes that a mark keeps of a name."""
    return sha256(b"%b\0%b" % (source.encode(errors="surrogateescape"), full_url.encode())).digest()[:16]


def hash_of(body: bytes) -> bytes:
    """The 16 bytes that a mark keeps of a body."""
    return sha256(body).digest()[:16]


async def find(tx: Transaction, names: list[bytes]) -> dict[bytes, Known]:
    """The marks that there are of these names."""
    type_name = tx.definitions.type_name
    return {
        row["name"]: Known(row["body"], type_name(row["type"]), row["id"])
        for row in await tx.fetch(_FIND, tx.tenant.number, names)
    }


def expect_none(tx: Transaction, names: list[bytes]) -> None:
    """Make it a premise of this unit that no other import marks one of `names` before it is committed."""
    if not names:
        return

    async def still_unmarked(unit: Transaction, connection: asyncpg.Connection) -> bool:
        return await connection.fetchval(_ANY, unit.tenant.number, names) is None

    tx.premises.append(still_unmarked)
