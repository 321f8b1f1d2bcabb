"""A final note takes addenda only; a final report takes corrections only."""

from __future__ import annotations

from typing import Any

import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import resources, signing, signing_guard
from lienmach.record.change import Stored
from lienmach.record.transaction import Store, Transaction
from tests.care.signing_world import DOCTOR, PIN, note, signed_note

REASON = [{"url": signing_guard.REASON, "valueString": "Ghi nhầm người bệnh"}]


@pytest.fixture
def guarded(store: Store) -> Store:
    """The record with the guards on their types, as departments set it."""
    for kind in ("Composition", "DiagnosticReport"):
        store.guards.setdefault(kind, []).append(signing.guard_final)
    store.guards.setdefault("Provenance", []).append(signing.guard_signature)
    return store


def report(status: str) -> dict[str, Any]:
    return {"resourceType": "DiagnosticReport", "status": status, "code": {"text": "HbA1c"}}


async def stored(store: Store, actor: Actor, resource: dict[str, Any]) -> Stored:
    return await store.run(actor, lambda tx: resources.create(tx, resource))


async def follow(store: Store, actor: Actor, before: Stored, **changed: Any) -> Stored:
    async def work(tx: Transaction) -> Stored:
        return await resources.update(tx, {**resources.of(before), **changed})

    return await store.run(actor, work)


@pytest.mark.parametrize("status", ["final", "preliminary", "amended"])
async def test_a_final_note_is_not_overwritten(guarded: Store, system: Actor, status: str) -> None:
    made = await stored(guarded, system, note())
    with pytest.raises(errors.Conflict):
        await follow(guarded, system, made, status=status, title="Khác")


async def test_a_preliminary_note_may_change_and_become_final(guarded: Store, system: Actor) -> None:
    made = await stored(guarded, system, note(status="preliminary"))
    again = await follow(guarded, system, made, title="Khác")
    assert (await follow(guarded, system, again, status="final")).version_id == 3


async def test_an_addendum_is_a_note_of_its_own(guarded: Store, system: Actor) -> None:
    made = await stored(guarded, system, note())
    addendum = {**note("Bổ sung"), "relatesTo": [{"code": "appends", "targetReference": resources.reference(made)}]}
    assert (await stored(guarded, system, addendum)).version_id == 1


async def test_a_final_note_is_marked_as_an_error_only_with_a_reason(guarded: Store, system: Actor) -> None:
    made = await stored(guarded, system, note())
    with pytest.raises(errors.Unprocessable):
        await follow(guarded, system, made, status="entered-in-error")
    marked = await follow(guarded, system, made, status="entered-in-error", extension=REASON)
    with pytest.raises(errors.Conflict):
        await follow(guarded, system, marked, status="final")


@pytest.mark.parametrize("status", ["amended", "corrected", "appended"])
async def test_a_final_report_may_be_corrected(guarded: Store, system: Actor, status: str) -> None:
    made = await stored(guarded, system, report("final"))
    again = await follow(guarded, system, made, status=status)
    assert (await follow(guarded, system, again, status="corrected")).version_id == 3


@pytest.mark.parametrize("status", ["final", "preliminary", "registered", "cancelled"])
async def test_a_final_report_does_not_go_back(guarded: Store, system: Actor, status: str) -> None:
    made = await stored(guarded, system, report("final"))
    with pytest.raises(errors.Conflict):
        await follow(guarded, system, made, status=status)


async def test_a_preliminary_report_becomes_final(guarded: Store, system: Actor) -> None:
    made = await stored(guarded, system, report("preliminary"))
    assert (await follow(guarded, system, made, status="final")).version_id == 2


async def test_a_signature_is_not_overwritten(guarded: Store) -> None:
    await signing.set_pin(guarded, DOCTOR, PIN)
    _, provenance = await signed_note(guarded)
    with pytest.raises(errors.Conflict):
        await follow(guarded, DOCTOR, provenance, recorded="2026-11-21T10:00:00+07:00")


async def test_a_provenance_without_a_signature_may_change(guarded: Store, system: Actor) -> None:
    plain = {
        "resourceType": "Provenance",
        "target": [{"reference": "Patient/1"}],
        "recorded": "2026-11-21T09:00:00+07:00",
        "agent": [{"who": {"display": "Mẫu"}}],
    }
    made = await stored(guarded, system, plain)
    assert (await follow(guarded, system, made, recorded="2026-11-21T10:00:00+07:00")).version_id == 2
