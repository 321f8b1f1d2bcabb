"""Analysers of the laboratory: which there are, how each calls our tests, what it sent.

An analyser is known by how it calls itself (MSH-3, or the fifth field of an H record). It stands in the record as a
Device, so that a result can say where it was measured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import asyncpg

from lienmach.base import errors, ids
from lienmach.care import catalogues, resources
from lienmach.departments.laboratory import facts
from lienmach.record.transaction import Transaction

DIALECTS = ("hl7", "astm")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.\-]{0,39}")


@dataclass(frozen=True)
class Analyser:
    """code: how it calls itself. seen_at: its last message."""

    analyser_id: str
    code: str
    name: str
    dialect: str
    device_id: str
    is_active: bool
    seen_at: datetime | None

    @property
    def device(self) -> dict[str, str]:
        """The Reference that a result carries."""
        return {"reference": f"Device/{self.device_id}", "display": self.name}


@dataclass(frozen=True)
class Mapping:
    """code: the analyser's own. unit: what it sends where that is not our unit; our value = its value * factor."""

    code: str
    indicator: str
    unit: str
    factor: Decimal


async def all_of(tx: Transaction) -> list[Analyser]:
    """All analysers, by name."""
    return [
        _analyser(row)
        for row in await tx.fetch(
            """select analyser_id, code, name, dialect, device_id, is_active, seen_at from laboratory_analyser
               where tenant = $1 order by name, code""",
            tx.tenant.number,
        )
    ]


async def of_sender(tx: Transaction, code: str) -> Analyser | None:
    """The analyser that calls itself so, or None."""
    rows = await tx.fetch(
        """select analyser_id, code, name, dialect, device_id, is_active, seen_at from laboratory_analyser
           where tenant = $1 and code = $2""",
        tx.tenant.number, code,
    )  # fmt: skip
    return _analyser(rows[0]) if rows else None


async def read(tx: Transaction, analyser_id: str) -> Analyser:
    """One analyser. Raises errors.NotFound."""
    found = next((one for one in await all_of(tx) if one.analyser_id == analyser_id), None)
    if found is None:
        raise errors.NotFound("There is no such analyser.")
    return found


async def add(tx: Transaction, *, code: str, name: str, dialect: str) -> str:
    """Add an analyser with its Device; returns its id. Raises errors.Unprocessable, errors.Conflict."""
    code, name = code.strip(), " ".join(name.split())[:120]
    if not _CODE.fullmatch(code):
        raise errors.Unprocessable("Mã máy gồm 1 đến 40 chữ không dấu, số, dấu cách, gạch nối hoặc dấu chấm.")
    if not name:
        raise errors.Unprocessable("Hãy nhập tên máy.")
    if dialect not in DIALECTS:
        raise errors.Unprocessable("Hãy chọn cách máy gửi kết quả: HL7 hoặc ASTM.")
    if await of_sender(tx, code) is not None:
        raise errors.Conflict("Đã có máy mang mã này.")
    analyser_id, device_id = ids.new_id(), ids.new_id()
    device = {"resourceType": "Device", "id": device_id, "status": "active",
              "deviceName": [{"name": name, "type": "user-friendly-name"}]}  # fmt: skip
    await resources.create(tx, device, resource_id=device_id)

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into laboratory_analyser (tenant, analyser_id, code, name, dialect, device_id, entered_by, entered_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8)""",
            tx.tenant.number, analyser_id, code, name, dialect, device_id, tx.actor.user, tx.now,
        )  # fmt: skip

    tx.also(write)
    return analyser_id


def set_active(tx: Transaction, analyser_id: str, is_active: bool) -> None:
    """Listen to an analyser or no more, when tx commits."""

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "update laboratory_analyser set is_active = $3 where tenant = $1 and analyser_id = $2",
            tx.tenant.number, analyser_id, is_active,
        )  # fmt: skip

    tx.also(write)


async def mappings(tx: Transaction, analyser_id: str) -> dict[str, Mapping]:
    """The analyser's codes, each with our indicator."""
    return {
        row["code"]: Mapping(row["code"], row["indicator"], row["unit"], row["factor"])
        for row in await tx.fetch(
            """select code, indicator, unit, factor from laboratory_code where tenant = $1 and analyser_id = $2
               order by code""",
            tx.tenant.number,
            analyser_id,
        )
    }


async def map_code(
    tx: Transaction, analyser_id: str, code: str, indicator: str, *, unit: str = "", factor: str = "1"
) -> None:
    """Say what an analyser's code means, when tx commits; again replaces it. Raises errors.Unprocessable."""
    code = code.strip()[:60]
    if not code:
        raise errors.Unprocessable("Hãy nhập mã của máy.")
    if await catalogues.get(tx, "indicator", indicator.strip(), on=facts.today(tx)) is None:
        raise errors.Unprocessable("Không có chỉ số này trong danh mục đang dùng.")
    if not re.fullmatch(r"\d{1,6}([.,]\d{1,8})?", factor.strip()) or Decimal(factor.strip().replace(",", ".")) == 0:
        raise errors.Unprocessable("Hệ số phải là một số lớn hơn 0, ví dụ 0,0555.")
    number = Decimal(factor.strip().replace(",", "."))

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            """insert into laboratory_code (tenant, analyser_id, code, indicator, unit, factor, entered_by, entered_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8)
               on conflict (tenant, analyser_id, code) do update set indicator = excluded.indicator,
                   unit = excluded.unit, factor = excluded.factor, entered_by = excluded.entered_by,
                   entered_at = excluded.entered_at""",
            tx.tenant.number, analyser_id, code, indicator.strip(), unit.strip()[:40], number, tx.actor.user, tx.now,
        )  # fmt: skip

    tx.also(write)


def _analyser(row: asyncpg.Record) -> Analyser:
    return Analyser(row["analyser_id"], row["code"], row["name"], row["dialect"], row["device_id"], row["is_active"],
                    row["seen_at"])  # fmt: skip
