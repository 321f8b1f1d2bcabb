"""Visits whose claim was built, sent and answered, without a portal: the verbs of care/claims in their order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lienmach.base.actor import Actor
from lienmach.care import outbox, resources
from lienmach.care.claims import answers, building, claims, rejections, storing
from lienmach.care.claims.answers import Told
from lienmach.care.claims.claims import Claim, Version
from lienmach.care.claims.rejections import Rejection, Said, of_visit
from lienmach.care.money import accounts, statements
from lienmach.care.outbox import Answer
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh import claim_xml
from tests.care.money_visits import MoneyVisits

SYSTEM = Actor(1, "system", frozenset(["system"]), "HOPERAT")
FACILITY = "86991"


@dataclass
class ClaimVisits:
    """What happens to claims, step by step."""

    visits: MoneyVisits

    async def run(self, work: Any) -> Any:
        return await self.visits.clinic.store.run(SYSTEM, work)

    async def opened(self, *costs: tuple[str, int], **more: Any) -> str:
        """A finished visit with a claim that waits for its statement."""
        own = await self.visits.finished(*(costs or (("T-KHAM", 1), ("T-LON", 1))), **more)

        async def work(tx: Transaction) -> None:
            claims.open_visit(tx, await resources.read(tx, "Encounter", own))

        await self.run(work)
        return own

    async def built(self, own: str, reason: str = "") -> Version:
        """Build and queue the next version from the statement in force."""

        async def work(tx: Transaction) -> None:
            claim, statement = await claims.read(tx, own), await statements.current(tx, own)
            account = await accounts.read(tx, own)
            assert statement is not None
            tables = await building.tables_of(
                tx, own, statement, settled_at=account.settled_at, settle_on=claim.settle_on
            )
            data = claim_xml.build(tables, facility=FACILITY, made_on=tx.now.date())
            storing.keep_version(
                tx,
                storing.NewVersion(
                    claim, claim.version + 1, reason, statement.invoice_id, data, claim_xml.content_digest(tables),
                    statement.totals["T_BHTT"], None, mended=await rejections.mended_by(tx, own, tables),
                ),
            )  # fmt: skip

        await self.run(work)
        return (await self.versions(own))[-1]

    async def sent(self, *costs: tuple[str, int], **more: Any) -> str:
        """A visit that is closed and whose first version the portal has received."""
        own = await self.opened(*costs, **more)
        await self.visits.close(own)
        await self.received(own, await self.built(own))
        return own

    async def received(self, own: str, version: Version) -> None:
        """The portal took a version."""
        body = json.dumps({"maKetQua": "200", "maGiaoDich": f"GD-{own[-6:]}-{version.version}"}).encode()

        async def work(tx: Transaction) -> None:
            message = await outbox.read(tx, version.message_id)
            await answers.receive(tx, message, Answer("done", 200, body=body))

        await self.run(work)

    async def told(self, own: str, state: str, *faults: Said, accepted: Decimal | None = None) -> list[Rejection]:
        """The portal says what became of the newest version."""
        version = (await self.versions(own))[-1].version
        body = json.dumps({"trangThai": state, "dsLoi": [one.text for one in faults]}, ensure_ascii=False).encode()
        await self.run(lambda tx: answers.take_in(tx, own, version, Told(state, faults, accepted), body))
        async with self.visits.clinic.store.begin(SYSTEM) as tx:
            return await of_visit(tx, own)

    async def moved(self, own: str, state: str) -> None:
        """The claim stands in a state, whatever led to it."""

        async def work(tx: Transaction) -> None:
            storing.move(tx, await claims.read(tx, own), state)

        await self.run(work)

    async def claim(self, own: str) -> Claim:
        async with self.visits.clinic.store.begin(SYSTEM) as tx:
            return await claims.read(tx, own)

    async def versions(self, own: str) -> list[Version]:
        async with self.visits.clinic.store.begin(SYSTEM) as tx:
            return await claims.versions(tx, own)


def fault(table: str = "XML3", field: str = "NGAY_KQ", row: int = 2, **more: Any) -> Said:
    """What the portal finds wrong."""
    said = {"kind": "structure", "code": "CT07", "text": f"{field} chưa phù hợp", "amount_vnd": None, **more}
    return Said(said["kind"], said["code"], table, field, row, said["text"], said["amount_vnd"])
