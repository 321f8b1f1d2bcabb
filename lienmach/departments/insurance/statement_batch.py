"""Closing many statements, one after the other: each in a unit of its own, so that one that fails keeps none back."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import resources
from lienmach.care.claims import preflight
from lienmach.care.money import accounts, statements
from lienmach.care.signing_port import Signer
from lienmach.record.transaction import Store, Transaction
from lienmach.standards.vietnam import names

FAULTY = "Còn lỗi phải sửa; hãy mở bảng kê để xem."
AGAIN = "Đã chốt một lần; bản mới cần lý do, hãy mở bảng kê."


@dataclass(frozen=True)
class Outcome:
    """What became of one visit. number: of the statement, "" if it was not closed; failure: why not."""

    encounter_id: str
    name: str = ""
    number: str = ""
    failure: errors.Failure | None = None


async def close(store: Store, actor: Actor, signer: Signer, encounter_ids: Sequence[str]) -> list[Outcome]:
    """Close the statements of these visits that have no error and were never closed before."""
    return [await _close_one(store, actor, signer, own) for own in encounter_ids]


async def _close_one(store: Store, actor: Actor, signer: Signer, encounter_id: str) -> Outcome:
    found = Outcome(encounter_id)

    async def work(tx: Transaction) -> Outcome:
        nonlocal found
        account = await accounts.of_visit(tx, encounter_id)
        if account is None or not account.is_insured:
            raise errors.NotFound("Không có bảng kê nào chờ chốt cho lượt khám này.")
        patient = await resources.read(tx, "Patient", account.patient_id)
        found = dataclasses.replace(found, name=names.shown(patient))
        if account.version:
            raise errors.Conflict(AGAIN)
        if any(one.level == "error" for one in await preflight.stored(tx, encounter_id)):
            raise errors.Conflict(FAULTY)
        statement = await statements.close(tx, encounter_id, signer)
        return dataclasses.replace(found, number=statement.number)

    try:
        return await store.run(actor, work)
    except errors.Failure as failure:
        return dataclasses.replace(found, failure=failure)
