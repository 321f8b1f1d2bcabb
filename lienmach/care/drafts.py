"""What somebody has typed and not stored yet: one row a person and form, never a version of the record.

A draft is a convenience of its writer: nobody else sees it, it is not part of anybody's record, and it is dropped when
what it holds was stored. A page that finds one again says so and lets its writer choose.

Forms in use, all with the id of the visit as key:

    note          {"texts": {section: text}, "main": code, "others": [code], …}      care/visit_drafts.py
    prescription  {"lines": [{"drug_code", "per_time", "times", "days", …}], "reasons": {key: text}}
    orders        {"lines": [{"service_code", "quantity", "note"}]}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.record.transaction import Transaction

DATA_BYTES_MAX = 200_000


@dataclass(frozen=True)
class Draft:
    """data: what the form held. at: when it was last typed in."""

    data: dict[str, Any]
    at: datetime


def save(tx: Transaction, form: str, key: str, data: dict[str, Any]) -> None:
    """Keep what the actor has typed, in place of what was kept before, when tx commits. Raises errors.TooLarge."""
    text = json.dumps(data, ensure_ascii=False)
    if len(text.encode()) > DATA_BYTES_MAX:
        raise errors.TooLarge("Bản nháp quá dài; hãy ký hoặc rút gọn nội dung.")

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into draft (tenant, login, form, key, data, at) values ($1, $2, $3, $4, $5::jsonb, $6)
               on conflict (tenant, login, form, key) do update set data = excluded.data, at = excluded.at""",
            tx.tenant.number, tx.actor.user, form, key, text, tx.now,
        )  # fmt: skip

    tx.also(write)


async def find(tx: Transaction, form: str, key: str) -> Draft | None:
    """The actor's own draft of a form, or None."""
    rows = await tx.fetch(
        "select data, at from draft where tenant = $1 and login = $2 and form = $3 and key = $4",
        tx.tenant.number, tx.actor.user, form, key,
    )  # fmt: skip
    return Draft(json.loads(rows[0]["data"]), rows[0]["at"]) if rows else None


def drop(tx: Transaction, form: str, key: str) -> None:
    """Forget the actor's draft of a form, when tx commits."""

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "delete from draft where tenant = $1 and login = $2 and form = $3 and key = $4",
            tx.tenant.number, tx.actor.user, form, key,
        )  # fmt: skip

    tx.also(write)


async def keys_of(tx: Transaction, form: str) -> dict[str, datetime]:
    """Key -> when, of all the actor's drafts of a form: the work list says which visits have one."""
    rows = await tx.fetch(
        "select key, at from draft where tenant = $1 and login = $2 and form = $3 order by at desc limit 200",
        tx.tenant.number, tx.actor.user, form,
    )  # fmt: skip
    return {row["key"]: row["at"] for row in rows}
