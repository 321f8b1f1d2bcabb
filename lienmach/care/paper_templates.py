"""The templates of a facility: the built-in ones, and versions of its own that survive upgrades.

A version keeps the shared part with which it was written, so a new release changes nothing on its paper; the page says
when the built-in template has changed since, and shows both.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.record.transaction import Transaction

KINDS = (
    "ticket",
    "specimen-label",
    "order",
    "result",
    "prescription",
    "visit-summary",
    "referral",
    "appointment-slip",
    "sick-leave",
    "receipt",
    "deposit-slip",
    "refund-slip",
    "invoice",
    "cost-statement",
)
SOURCE_CHARACTERS_MAX = 60_000
_FOLDER = Path(__file__).with_name("paper")


@dataclass(frozen=True)
class Template:
    """What is printed with. version: 0 for the built-in one."""

    kind: str
    version: int
    source: str
    prelude: str


@dataclass(frozen=True)
class Version:
    """One saved version. is_built_in: it returned to the built-in template. is_outdated: that one has changed since."""

    kind: str
    number: int
    source: str
    prelude: str
    note: str
    saved_by: str
    saved_at: datetime
    is_built_in: bool
    is_outdated: bool


@lru_cache(maxsize=32)
def built_in(kind: str) -> Template:
    """The template that comes with the program. Raises errors.NotFound for a kind that is none."""
    if kind not in KINDS:
        raise errors.NotFound(f"There is no paper of the kind '{kind[:40]}'.")
    return Template(kind, 0, _text(f"{kind}.typ"), _text("shared.typ"))


@lru_cache(maxsize=32)
def sample(kind: str) -> dict[str, Any]:
    """Data of this kind, invented and long, for previews and tests."""
    built_in(kind)
    found: dict[str, Any] = json.loads(_text(f"{kind}.sample.json"))
    return found


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def digest_of(template: Template) -> str:
    """What a version remembers of the built-in template that it was made from."""
    return hashlib.sha256((template.prelude + "\0" + template.source).encode()).hexdigest()


async def current(tx: Transaction, kind: str) -> Template:
    """The facility's own template, or the built-in one."""
    newest = await versions(tx, kind, limit=1)
    if not newest or newest[0].is_built_in:
        return built_in(kind)
    return Template(kind, newest[0].number, newest[0].source, newest[0].prelude)


async def versions(tx: Transaction, kind: str = "", *, limit: int = 50) -> list[Version]:
    """Saved versions of a kind, the newest first; without a kind the newest of each."""
    if kind:
        built_in(kind)
        found = await tx.fetch(
            "select * from paper_template where tenant = $1 and kind = $2 order by version desc limit $3",
            *(tx.tenant.number, kind, limit),
        )
    else:
        found = await tx.fetch(
            "select distinct on (kind) * from paper_template where tenant = $1 order by kind, version desc",
            tx.tenant.number,
        )
    return [_version(row) for row in found if row["kind"] in KINDS]


async def version(tx: Transaction, kind: str, number: int) -> Version:
    """One saved version. Raises errors.NotFound."""
    built_in(kind)
    found = await tx.fetch(
        "select * from paper_template where tenant = $1 and kind = $2 and version = $3", tx.tenant.number, kind, number
    )
    if not found:
        raise errors.NotFound(f"There is no version {number} of this template.")
    return _version(found[0])


def _version(row: asyncpg.Record) -> Version:
    return Version(
        row["kind"],
        row["version"],
        row["source"],
        row["prelude"],
        row["note"],
        row["saved_by"],
        row["saved_at"],
        row["source"] == "",
        row["source"] != "" and row["built_in"] != digest_of(built_in(row["kind"])),
    )


def save(tx: Transaction, kind: str, source: str, *, after: int, note: str = "", prelude: str = "") -> None:
    """Make this the template of the facility, at the commit. The caller has compiled it (paper.check).

    source: "" returns to the built-in template. after: the version that was shown (0 for none); another one saved
    meanwhile is a Conflict. prelude: the shared part to compile it with, by default today's.
    """
    template = built_in(kind)
    if len(source) > SOURCE_CHARACTERS_MAX:
        raise errors.TooLarge(f"A template has at most {SOURCE_CHARACTERS_MAX} characters.")
    row = (
        tx.tenant.number, kind, after + 1, source, prelude or template.prelude, digest_of(template), note[:200],
        tx.actor.display or tx.actor.user, tx.now,
    )  # fmt: skip

    async def write(connection: asyncpg.Connection) -> None:
        newest = await connection.fetchval(
            "select coalesce(max(version), 0) from paper_template where tenant = $1 and kind = $2",
            *(tx.tenant.number, kind),
        )
        if newest != after:
            raise errors.Conflict("Somebody has saved another version of this template meanwhile.")
        await connection.execute(
            """insert into paper_template (tenant, kind, version, source, prelude, built_in, note, saved_by, saved_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
            *row,
        )

    tx.also(write)
