"""A change of what claims quote queues a look at those claims and at no others; before there is a claim, at none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from lienmach.care import resources
from lienmach.care.claims import claims, quoting
from lienmach.record.change import Change
from lienmach.record.transaction import Transaction
from tests.departments.insurance.claim_visits import SYSTEM, ClaimVisits

KINDS = ("DiagnosticReport", "DocumentReference", "Coverage", "Patient")


@pytest.fixture
def followed(sendings: ClaimVisits) -> ClaimVisits:
    """Claims whose store follows changes as an application's does (app.open_store)."""
    store = sendings.visits.clinic.store
    for wish in quoting.ON_CHANGE:
        assert wish.which is not None
        store.on_change[wish.type] = [wish.job]
        store.which[wish.type, wish.job] = wish.which
    return sendings


async def queued(sendings: ClaimVisits) -> list[str]:
    """Types of which a change has queued the follow-up, in their order."""
    async with sendings.visits.clinic.store.begin(SYSTEM) as tx:
        rows = await tx.fetch(
            "select payload ->> 'type' as type from job where kind = $1 order by job_id", quoting.CHANGED
        )
    return [row["type"] for row in rows]


async def change(tx: Transaction, kind: str, encounter_id: str) -> None:
    """A resource of a kind that is about a visit or its person."""
    subject = (await resources.read(tx, "Encounter", encounter_id))["subject"]
    visit = {"reference": f"Encounter/{encounter_id}"}
    bodies: dict[str, dict[str, Any]] = {
        "DiagnosticReport": {"status": "final", "code": {"text": "x"}, "subject": subject, "encounter": visit},
        "DocumentReference": {
            "status": "current", "subject": subject, "context": {"encounter": [visit]},
            "content": [{"attachment": {"contentType": "text/plain"}}],
        },
        "Coverage": {"status": "active", "beneficiary": subject, "payor": [{"display": "BHXH"}]},
        "Specimen": {"status": "available", "subject": subject},
    }  # fmt: skip
    if kind == "Patient":
        person = await resources.read(tx, "Patient", resources.id_of(subject, "Patient"))
        await resources.update(tx, {**person, "birthDate": "1970-01-02"})
        return
    await resources.create(tx, {"resourceType": kind, **bodies[kind]})


async def open_claim(tx: Transaction, encounter_id: str) -> None:
    claims.open_visit(tx, await resources.read(tx, "Encounter", encounter_id))


async def test_before_a_visit_has_a_claim_only_its_specimens_are_followed(followed: ClaimVisits) -> None:
    own = await followed.visits.finished(("T-KHAM", 1))
    before = await queued(followed)
    for kind in (*KINDS, "Specimen"):
        await followed.run(lambda tx, kind=kind: change(tx, kind, own))
    assert (await queued(followed))[len(before) :] == ["Specimen"]


@pytest.mark.parametrize("state", ["waiting", "paid", "none"])
async def test_every_change_that_a_claim_may_quote_is_followed_in_whatever_state_it_is(
    followed: ClaimVisits, state: str
) -> None:
    own = await followed.opened(("T-KHAM", 1))
    await followed.moved(own, state)
    before = await queued(followed)
    for kind in (*KINDS, "Specimen"):
        await followed.run(lambda tx, kind=kind: change(tx, kind, own))
    assert (await queued(followed))[len(before) :] == [*KINDS, "Specimen"]


async def test_a_paper_of_a_visit_without_a_claim_is_not_followed_for_the_claim_of_another(
    followed: ClaimVisits,
) -> None:
    await followed.opened(("T-KHAM", 1))
    other = await followed.visits.finished(("T-KHAM", 1))
    before = await queued(followed)
    await followed.run(lambda tx: change(tx, "DocumentReference", other))
    assert await queued(followed) == before


async def test_a_claim_that_begins_while_something_changes_is_looked_at_whichever_is_first(
    followed: ClaimVisits,
) -> None:
    store = followed.visits.clinic.store
    for is_claim_first in (True, False):
        own = await followed.visits.finished(("T-KHAM", 1))
        before = len(await queued(followed))
        tx = store.begin(SYSTEM)
        await change(tx, "DocumentReference", own)
        if is_claim_first:
            await followed.run(lambda other, own=own: open_claim(other, own))
            await tx.commit()
            assert (await queued(followed))[before:] == ["DocumentReference"], "it was asked for at the commit"
        else:
            await tx.commit()
            await followed.run(lambda other, own=own: open_claim(other, own))
            assert len(await queued(followed)) == before
            async with store.begin(SYSTEM) as view:
                rows = await view.fetch(
                    "select true from job where kind = $1 and payload ->> 'encounter' = $2", claims.CONSIDER, own
                )
            assert rows, "its first look comes after the change"


async def test_all_changes_of_a_commit_are_asked_for_at_once(
    followed: ClaimVisits, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = await followed.opened(("T-KHAM", 1))
    before = await queued(followed)
    asked: list[int] = []

    async def count(connection: asyncpg.Connection, tenant: int, changes: Sequence[Change]) -> Sequence[Change]:
        asked.append(len(changes))
        return await quoting.which(connection, tenant, changes)

    store = followed.visits.clinic.store
    for key in store.which:
        monkeypatch.setitem(store.which, key, count)

    async def work(tx: Transaction) -> None:
        for kind in KINDS:
            await change(tx, kind, own)

    await followed.run(work)
    assert asked == [len(KINDS)]
    assert (await queued(followed))[len(before) :] == list(KINDS)
