"""Nothing of one tenant, and nothing that a role may not read, shows by any path of a search."""

from __future__ import annotations

import pytest
from test_search_cases import ACTOR, CASES, ask, fill

from lienmach.base import errors
from lienmach.base.actor import Actor

STRANGER = Actor(2, "stranger", frozenset({"system"}))


async def test_no_search_of_the_ward_finds_anything_from_another_tenant(store) -> None:
    await fill(store)
    for cases in CASES.values():
        for query, wanted in cases:
            if isinstance(wanted, str):
                continue
            page = await ask(store, query + "&_total=accurate", STRANGER)
            own = [one for one in page.matches if one.type == "AuditEvent"]
            assert (len(page.matches) - len(own), page.included, (page.total or 0) - len(own)) == (0, [], 0), query


async def test_references_across_tenants_answer_nothing(store) -> None:
    """The stranger's own observations point at ids that exist only in the other tenant."""
    await fill(store)
    mine = [
        {
            "resourceType": "Observation",
            "id": "mine",
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": "Patient/an"},
            "encounter": {"reference": "Encounter/stay"},
        },
        {
            "resourceType": "List",
            "id": "watched",
            "status": "current",
            "mode": "working",
            "entry": [{"item": {"reference": "Patient/an"}}],
        },
    ]
    await fill(store, STRANGER, mine)
    assert (await ask(store, "Observation?patient=an", STRANGER)).total == 1  # its own row, by its own words
    for query in (
        "Observation?patient.name=nguyen",
        "Observation?patient.gender=male",
        "Observation?patient._id=an",
        "Observation?encounter.status=finished",
        "Patient?_has:Observation:patient:status=final",
        "Patient?_list=watched",
        "Encounter?_has:Observation:encounter:status=final",
    ):
        page = await ask(store, query + "&_total=accurate", STRANGER)
        assert (page.matches, page.total) == ([], 0), query
    page = await ask(store, "Observation?_id=mine&_include=*&_revinclude=*", STRANGER)
    assert page.included == []
    assert (await ask(store, "Patient/an/Observation?", STRANGER)).total == 1
    page = await ask(store, "Patient?_id=an&_revinclude=Observation:subject")
    assert {one.id for one in page.included} == {"bp", "hb"}


async def test_a_role_sees_its_types_only_by_chains_includes_and_totals_too(store) -> None:
    await fill(store)
    desk = Actor(1, "desk", frozenset({"reception"}), "PATADMIN")
    assert (await ask(store, "Patient?_id=an", desk)).total == 1
    with pytest.raises(errors.Refused):
        await ask(store, "Observation?code=8480-6", desk)
    assert (await ask(store, "Patient?_id=an&_revinclude=Observation:subject", desk)).included == []
    assert (await ask(store, "Patient?_has:Observation:patient:code=8480-6&_total=accurate", desk)).total == 0
    assert (await ask(store, "?_id=bp&_total=accurate", desk)).total == 0
    assert {one.type for one in (await ask(store, "Patient/an/*?", desk)).matches} <= {
        "Patient",
        "Encounter",
        "AllergyIntolerance",
    }
    assert (await ask(store, "Patient?_id=an", ACTOR)).total == 1


async def test_an_actor_without_a_role_finds_nothing_at_all(store) -> None:
    await fill(store)
    nobody = Actor(1, "nobody", frozenset())
    with pytest.raises(errors.Refused):
        await ask(store, "Patient?_id=an", nobody)
    page = await ask(store, "?_id=an&_total=accurate", nobody)
    assert (page.matches, page.total) == ([], 0)
