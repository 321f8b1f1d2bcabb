"""Names of what a page refers to: people who are named there are named in the page's audit event too."""

from __future__ import annotations

import json

from lienmach.base.actor import Actor
from lienmach.departments.registration import titles
from lienmach.record import search, write
from lienmach.record.transaction import Store

DOCTOR = Actor(1, "bs", frozenset(["doctor"]))
RECEPTION = Actor(1, "td", frozenset(["reception"]))


async def _store(store: Store, actor: Actor, resource: dict) -> None:
    await store.run(
        actor, lambda tx: write.update(tx, resource["resourceType"], resource["id"], json.dumps(resource).encode())
    )


async def test_another_person_who_is_named_is_audited(store: Store, system: Actor) -> None:
    await _store(store, system, {"resourceType": "Patient", "id": "b", "name": [{"text": "Mẫu Thị Hai"}]})
    await _store(store, system, {"resourceType": "Organization", "id": "o", "name": "Trạm Mẫu"})
    async with store.begin(DOCTOR) as tx:
        found = await titles.of(tx, ["Patient/b", "Organization/o", "Patient/nobody", "http://x/y", "Nothing/1"])
    assert found == {"Patient/b": "Mẫu Thị Hai", "Organization/o": "Trạm Mẫu"}
    async with store.begin(system) as tx:
        events = (await search.search(tx, "AuditEvent", [("patient", "Patient/b")])).matches
    assert sum(b'"value":"bs"' in one.body for one in events) == 1


async def test_a_name_that_the_role_may_not_read_is_not_told(store: Store, system: Actor) -> None:
    await _store(
        store,
        system,
        {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/b"}, "code": {"text": "kín"}},
    )
    async with store.begin(RECEPTION) as tx:
        assert await titles.of(tx, ["Condition/c"]) == {}
