"""Our words about a rejection, sent to the portal: queued with the click, received, then accepted or kept by the insurer.

    await replies.answer(tx, rejection_id, "Chỉ định theo phác đồ, xem biên bản hội chẩn")

A reply goes once: it is a message of the outbox, and another is taken only for one that the portal has refused; from
then on the refused one never goes, whoever tries it again (care/outbox_order.py). One of which the portal says nothing
for as long as it shows answers may be written anew too. How the portal takes it and what it says of it is our own
reading (gateways/claim_reply.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.care import outbox, outbox_order
from lienmach.care.claims import arrivals, claims, rejections
from lienmach.care.claims.rejections import Rejection
from lienmach.care.outbox import Message
from lienmach.record.transaction import Transaction

CHANNEL = "claim-reply"
VERDICTS = {"CHAP_NHAN": "accepted", "GIU_NGUYEN": "kept"}
_LISTED_MAX = 500


@dataclass(frozen=True)
class Verdict:
    """What the portal says of one reply. receipt: its number. state: accepted or kept. text: its words."""

    receipt: str
    state: str
    text: str


async def answer(tx: Transaction, rejection_id: str, text: str) -> None:
    """Queue the words that answer a rejection, when tx commits.

    Raises errors.NotFound, errors.Unprocessable for no words, errors.Conflict for one whose answer is on its way or
    there (unless nothing was heard of it for 60 days), or that is mended or closed; at the commit also where somebody
    was faster.
    """
    said = claims.checked_reason(text)
    found = await rejections.read(tx, rejection_id)
    if found is None:
        raise errors.NotFound("Không có lần trả hồ sơ này.")
    _check(found, tx.now)
    number, before = found.replies + 1, found.message_id if found.state == "answered" else ""
    key, body = f"{found.id}/{number}", outbox.as_json(await _body(tx, found, said))

    async def write(connection: asyncpg.Connection) -> None:
        taken = await connection.fetchval(
            """update claim_rejection set state = 'answered', reply = $3, replied_by = $4, replied_at = $5, replies = $6,
                                          message_id = $7, received_at = null, receipt = ''
               where tenant = $1 and rejection_id = $2 and replies = $6 - 1 and state = $8 returning true""",
            tx.tenant.number, found.id, said, tx.actor.display or tx.actor.user, tx.now, number,
            outbox.message_id(CHANNEL, key), found.state,
        )  # fmt: skip
        if not taken:
            raise errors.Conflict("Người khác vừa trả lời lỗi này; hãy tải lại trang.")
        if before and not await arrivals.give_up(connection, tx, before, outbox_order.OVERTAKEN):
            raise errors.Conflict("Lời giải trình trước vừa được gửi lại; hãy tải lại trang.")

    tx.also(write)
    outbox.queue(tx, CHANNEL, key, body, subject=f"Encounter/{found.encounter_id}")


async def received(connection: asyncpg.Connection, tx: Transaction, message: Message, receipt: str) -> int | None:
    """The portal has a reply, inside a commit: the version that it is about, None for one that is not known."""
    found: int | None = await connection.fetchval(
        """update claim_rejection set state = case when state = 'answered' then 'sent' else state end, received_at = $3,
                                      receipt = $4
           where tenant = $1 and encounter_id = $5 and message_id = $2 returning version""",
        tx.tenant.number, message.message_id, tx.now, receipt, message.subject.partition("/")[2],
    )  # fmt: skip
    return found


async def judge(connection: asyncpg.Connection, tx: Transaction, encounter_id: str, told: Sequence[Verdict]) -> None:
    """Write what the portal says of replies, inside a commit; what was mended meanwhile stays so."""
    for one in told:
        await connection.execute(
            """update claim_rejection set state = $4, verdict = $5
               where tenant = $1 and encounter_id = $2 and receipt = $3 and state = 'sent'""",
            tx.tenant.number, encounter_id, one.receipt, one.state, one.text,
        )  # fmt: skip


def verdicts_of(said: Any) -> tuple[Verdict, ...]:
    """Final verdicts of a list of replies as the portal tells it; anything else is left out."""
    listed = [one for one in (said if isinstance(said, list) else [])[:_LISTED_MAX] if isinstance(one, dict)]
    found = [
        Verdict(
            str(one.get("maTiepNhan") or "")[:100],
            VERDICTS.get(str(one.get("trangThai")), ""),
            " ".join(str(one.get("noiDung") or "").split())[:1000],
        )
        for one in listed
    ]
    return tuple(one for one in found if one.receipt and one.state)


def _check(found: Rejection, now: datetime) -> None:
    if found.may_be_answered(now):
        return
    if found.state == "answered" and found.is_unknown and found.problem in rejections.UNDONE:
        raise errors.Conflict(
            "Chưa rõ cổng đã nhận lời giải trình trước hay chưa: hãy gửi lại đúng lời ấy ở tin gửi đi, cổng chỉ tính một lần."
        )
    if found.state == "answered":
        raise errors.Conflict("Lời giải trình trước đang chờ gửi; không cần ghi lại.")
    if found.state == "sent":
        raise errors.Conflict("Lời giải trình đã gửi, đang chờ cơ quan bảo hiểm trả lời.")
    raise errors.Conflict("Lỗi này đã sửa và gửi lại hoặc đã xong; không cần giải trình nữa.")


async def _body(tx: Transaction, found: Rejection, said: str) -> dict[str, Any]:
    rows = await tx.fetch(
        """select transaction_number from claim_version where tenant = $1 and encounter_id = $2 and version = $3""",
        tx.tenant.number, found.encounter_id, found.version,
    )  # fmt: skip
    return {
        "maGiaoDich": rows[0]["transaction_number"] if rows else "",
        "maLK": found.ma_lk,
        "maLoi": found.code,
        "bang": found.table,
        "truong": found.field,
        "stt": found.row,
        "noiDung": said,
        "lanGui": found.replies + 1,
    }
