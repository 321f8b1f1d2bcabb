"""Messages of analysers as they came, and the tray of readings without a place: keep, find, resolve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from lienmach.base import errors
from lienmach.record import committer
from lienmach.record.transaction import Transaction
from lienmach.standards.instruments import Sent

#: Why a reading waits -> what the page says.
REASONS = {
    "tube": "Không có ống mẫu mang số này",
    "code": "Chưa biết mã xét nghiệm này của máy",
    "patient": "Người bệnh trên máy khác với người bệnh của ống mẫu",
    "order": "Ống mẫu này không có chỉ định xét nghiệm đó",
    "rejected": "Ống mẫu đã bị từ chối",
    "unit": "Đơn vị máy gửi khác với đơn vị đã khai",
    "value": "Giá trị máy gửi không đọc được",
    "final": "Kết quả của xét nghiệm này đã trả",
    "control": "Không có lô nội kiểm nào mang số mẫu này",
}


@dataclass(frozen=True)
class Waiting:
    """One reading of the tray. reason: a key of REASONS."""

    tray_id: str
    message_id: str
    analyser_id: str
    tube: str
    code: str
    value: str
    unit: str
    flag: str
    patient_number: str
    patient_name: str
    reason: str
    entered_at: datetime | None = None


@dataclass(frozen=True)
class Kept:
    """One message. state: taken, tray (part of it waits), query, refused. repeats: how often the same came again."""

    message_id: str
    sender: str
    control_id: str
    dialect: str
    state: str
    sentence: str
    repeats: int
    received_at: datetime
    body: bytes = b""


async def same(tx: Transaction, sender: str, control_id: str, digest: bytes) -> str | None:
    """The id of this very message if it was kept before."""
    rows = await tx.fetch(
        """select message_id from laboratory_message
           where tenant = $1 and sender = $2 and control_id = $3 and digest = $4""",
        tx.tenant.number, sender, control_id, digest,
    )  # fmt: skip
    return rows[0]["message_id"] if rows else None


def keep(
    tx: Transaction,
    message_id: str,
    sent: Sent,
    dialect: str,
    raw: bytes,
    digest: bytes,
    *,
    state: str,
    sentence: str = "",
    analyser_id: str = "",
    waiting: Sequence[Waiting] = (),
) -> None:
    """Write the message and its readings for the tray when tx commits; if the same came meanwhile, tx runs again."""

    async def write(connection: asyncpg.Connection) -> None:
        stored = await connection.fetchval(
            """insert into laboratory_message (tenant, message_id, sender, control_id, digest, dialect, body, state,
                                               sentence, received_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
               on conflict (tenant, sender, control_id, digest) do nothing returning true""",
            tx.tenant.number, message_id, sent.sender, sent.control_id, digest, dialect, raw, state, sentence, tx.now,
        )  # fmt: skip
        if not stored:
            raise committer.Changed("The same message came over another connection.")
        await connection.execute(
            "update laboratory_analyser set seen_at = $3 where tenant = $1 and analyser_id = $2",
            tx.tenant.number, analyser_id, tx.now,
        )  # fmt: skip
        for one in waiting:
            await connection.execute(
                """insert into laboratory_tray (tenant, tray_id, message_id, analyser_id, tube, code, value, unit, flag,
                                                patient_number, patient_name, reason, state, entered_at)
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'waiting', $13)""",
                tx.tenant.number, one.tray_id, one.message_id, one.analyser_id, one.tube, one.code, one.value, one.unit,
                one.flag, one.patient_number, one.patient_name, one.reason, tx.now,
            )  # fmt: skip

    tx.also(write)


def count_repeat(tx: Transaction, message_id: str) -> None:
    """Count that a kept message came once more."""

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "update laboratory_message set repeats = repeats + 1 where tenant = $1 and message_id = $2",
            tx.tenant.number, message_id,
        )  # fmt: skip

    tx.also(write)


async def waiting(tx: Transaction, *, tray_id: str | None = None) -> list[Waiting]:
    """What waits in the tray, oldest first; one reading if its id is named."""
    rows = await tx.fetch(
        """select tray_id, message_id, analyser_id, tube, code, value, unit, flag, patient_number, patient_name, reason,
                  entered_at
           from laboratory_tray where tenant = $1 and state = 'waiting' and ($2::text is null or tray_id = $2)
           order by entered_at, tray_id limit 200""",
        tx.tenant.number, tray_id,
    )  # fmt: skip
    return [Waiting(**dict(row)) for row in rows]


async def one_waiting(tx: Transaction, tray_id: str) -> Waiting:
    """One reading of the tray. Raises errors.Conflict if somebody has resolved it."""
    found = await waiting(tx, tray_id=tray_id)
    if not found:
        raise errors.Conflict("Kết quả này đã được xử lý; hãy tải lại khay.")
    return found[0]


def resolve(tx: Transaction, tray_id: str, state: str, resolution: str) -> None:
    """Take a reading from the tray. state: matched or dropped. Raises at the commit Conflict if another was faster."""

    async def write(connection: asyncpg.Connection) -> None:
        done = await connection.fetchval(
            """update laboratory_tray set state = $3, resolution = $4, resolved_by = $5, resolved_at = $6
               where tenant = $1 and tray_id = $2 and state = 'waiting' returning true""",
            tx.tenant.number, tray_id, state, resolution[:300], tx.actor.user, tx.now,
        )  # fmt: skip
        if not done:
            raise errors.Conflict("Kết quả này đã được xử lý; hãy tải lại khay.")

    tx.also(write)


async def recent(tx: Transaction, *, state: str = "", limit: int = 60) -> list[Kept]:
    """The newest messages, without their bytes."""
    rows = await tx.fetch(
        """select message_id, sender, control_id, dialect, state, sentence, repeats, received_at
           from laboratory_message where tenant = $1 and ($2 = '' or state = $2) order by received_at desc limit $3""",
        tx.tenant.number, state, limit,
    )  # fmt: skip
    return [Kept(**dict(row)) for row in rows]


async def read(tx: Transaction, message_id: str) -> Kept:
    """One message with its bytes. Raises errors.NotFound."""
    rows = await tx.fetch(
        """select message_id, sender, control_id, dialect, state, sentence, repeats, received_at, body
           from laboratory_message where tenant = $1 and message_id = $2""",
        tx.tenant.number, message_id,
    )  # fmt: skip
    if not rows:
        raise errors.NotFound("There is no such message.")
    return Kept(**dict(rows[0]))
