"""The way back from a recall that the portal has refused: the claim goes on as it was sent before, nothing is sent.

The recall's version is given up (state dropped) and stays to be seen, with the reason, by whom and when; its number is
never used again.
"""

from __future__ import annotations

from datetime import timedelta

import asyncpg

from lienmach.base import errors
from lienmach.base.jobs import JobRow
from lienmach.care import outbox, resources
from lienmach.care.claims import answers, arrivals, claims, recalling, storing
from lienmach.care.claims.claims import Claim, Version
from lienmach.care.money import accounts
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh import claim_xml


async def may_be_left(tx: Transaction, claim: Claim) -> bool:
    """Whether the recall of a claim was refused, so that it may be left."""
    return bool(await _refused(tx, claim))


async def leave(tx: Transaction, encounter_id: str, reason: str) -> None:
    """Go on with a claim as it was before its recall, when tx commits.

    Raises errors.Unprocessable without a reason, errors.Conflict for a recall that was not refused or a visit that the
    fund does not pay any more, errors.NotFound.
    """
    said = claims.checked_reason(reason)
    claim = await claims.read(tx, encounter_id)
    dropped = await _refused(tx, claim)
    if not dropped:
        raise errors.Conflict("Chỉ bỏ thu hồi được khi cổng giám định đã từ chối bản thu hồi.")
    if not accounts.is_insured(await resources.read(tx, "Encounter", encounter_id)):
        raise errors.Conflict(
            "Lượt khám này đã chuyển đối tượng sang người bệnh tự trả nên không bỏ thu hồi được; hãy gửi lại bản thu hồi với "
            "lý do."
        )
    own = [one.version for one in dropped]
    last = next(one for one in await _descending(tx, encounter_id) if one.version not in own)
    messages, who = [one.message_id for one in dropped], tx.actor.display or tx.actor.user

    async def write(connection: asyncpg.Connection) -> None:
        left = await connection.fetchval(
            """update claim set recall_reason = '', asked_reason = '', asked_by = '', state = $3, why = '', t_bhtt = $4,
                                transaction_number = $5, sent_at = $6, queued_at = $7, sent_version = $9
               where tenant = $1 and encounter_id = $2 and version = $8 and recall_reason <> '' and state <> 'paid'
               returning true""",
            tx.tenant.number, encounter_id, storing.state_of(last), last.t_bhtt, last.transaction_number, last.sent_at,
            last.built_at, claim.version, last.version if last.sent_at is not None else 0,
        )  # fmt: skip
        if not left:
            raise errors.Conflict("Hồ sơ vừa thay đổi; hãy tải lại trang.")
        await connection.execute(
            """update claim_version set state = 'dropped', dropped_reason = $4, dropped_by = $5, dropped_at = $6
               where tenant = $1 and encounter_id = $2 and version = any($3)""",
            tx.tenant.number, encounter_id, own, said, who, tx.now,
        )  # fmt: skip
        await connection.execute(
            """update outbox_message set state = 'stopped', problem = 'overtaken', next_at = null, done_at = $3
               where tenant = $1 and message_id = any($2) and state in ('refused', 'stopped')""",
            tx.tenant.number, messages, tx.now,
        )  # fmt: skip
        await _restore(connection, tx, encounter_id, own)

    tx.also(write)
    later = JobRow(answers.ANSWERS, {"encounter": encounter_id, "version": last.version}, tx.now + timedelta(seconds=1))
    tx.jobs.append(later)  # nobody has asked about it since the recall was built
    claims.reconsider(tx, encounter_id)


async def _restore(connection: asyncpg.Connection, tx: Transaction, encounter_id: str, dropped: list[int]) -> None:
    """What the recall had mended stands again; what the portal said of the recall itself is done with."""
    await connection.execute(
        """update claim_rejection set mended_in = 0, state = case when verdict <> '' then 'kept'
                                                                 when receipt <> '' then 'sent'
                                                                 when reply <> '' then 'answered' else 'open' end
           where tenant = $1 and encounter_id = $2 and mended_in = any($3) and state = 'mended'""",
        tx.tenant.number, encounter_id, dropped,
    )  # fmt: skip
    await connection.execute(
        """update claim_rejection set state = 'closed' where tenant = $1 and encounter_id = $2 and version = any($3)
           and state in ('open', 'answered', 'sent')""",
        tx.tenant.number, encounter_id, dropped,
    )  # fmt: skip


async def _refused(tx: Transaction, claim: Claim) -> list[Version]:
    """The recalls after the last version that asked for money, if the portal has refused the newest; else none."""
    if not claim.recall_reason:
        return []
    found = []
    for one in await _descending(tx, claim.encounter_id):
        if not recalling.is_recall(claim_xml.read(one.xml).tables):
            break
        found.append(one)
    if not found or any(one.state in ("sent", "accepted") for one in found):
        return []
    if found[0].state == "rejected":
        return found
    message = await outbox.read(tx, found[0].message_id)
    is_over = message.state in ("refused", "stopped") and not await arrivals.is_unknown(tx, message.message_id)
    return found if is_over else []


async def _descending(tx: Transaction, encounter_id: str) -> list[Version]:
    """Versions that were not given up, newest first."""
    return [one for one in await claims.versions(tx, encounter_id) if one.state != "dropped"][::-1]
