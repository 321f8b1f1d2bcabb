"""Who sees one person only: on every path that reads, rows of that person and of nobody else.

Two people have the same resources of every type that can be theirs, and each of their values is the other's too, so
that a search finds both unless something keeps them apart. Beside them: what is not released, what is about nobody.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.record import access, conditional, history, life, people, read, search, write
from lienmach.record.transaction import Store, Transaction
from tests.record import own_people
from tests.record.own_people import DAY, MINE, OPEN, OTHER, citizen, of_others, resources_of, visible_ids


@pytest.fixture
async def filled(store: Store, system: Actor) -> Store:
    """The record with both people in it."""
    await own_people.fill(store, system)
    return store


async def test_each_type_of_the_grant_is_found_and_only_mine(filled: Store) -> None:
    async with filled.begin(citizen()) as tx:
        found = set()
        for kind in access.GRANTS["citizen"].read.split():
            page = await search.search(tx, kind, [("_count", "1000"), ("_total", "accurate")])
            assert not of_others(page.matches)
            assert page.total == len(page.matches)
            found |= {(one.type, one.id) for one in page.matches}
    assert found == visible_ids(MINE)


async def test_every_search_parameter_of_every_type_finds_only_mine(filled: Store) -> None:
    """Values that both share: whatever is asked for, the other one's rows stay away, and are not counted."""
    asked = 0
    async with filled.begin(citizen()) as tx:
        for kind in access.GRANTS["citizen"].read.split():
            for code, parameter in sorted(tx.parameters.of(kind).items()):
                for value in _values(parameter, tx):
                    for params in ([(code, value)], [(f"{code}:missing", "false")], [(f"{code}:missing", "true")]):
                        more = [("_total", "accurate"), ("_count", "1000")]
                        try:
                            page = await search.search(tx, kind, [*params, *more])
                        except errors.Failure:
                            continue  # not a value of this parameter; nothing was answered
                        asked += 1
                        assert not of_others(page.matches), f"{kind}?{params}"
                        assert page.total == len(page.matches), f"{kind}?{params}"
    assert asked > 500


def _values(parameter: Any, tx: Transaction) -> list[str]:
    if parameter.kind == "reference":
        targets = parameter.targets or ("Patient", "Encounter", "Organization")
        ids = {"Patient": (MINE, OTHER), "Encounter": (f"visit-{MINE}", f"visit-{OTHER}"), "Organization": ("home",)}
        return [f"{kind}/{one}" for kind in targets for one in ids.get(kind, ())]
    return {
        "date": ["ge2000-01-01", DAY, "1958-02-01"],
        "string": ["n", "kali", "hu"],
        "number": ["gt0"],
        "quantity": ["gt0", "6.8"],
        "uri": ["https://example.org/c"],
        "composite": ["k1$gt0"],
    }.get(parameter.kind, ["k1", "shared", "final", "active", "male", "finished", "booked", "0912345678"])


@pytest.mark.parametrize(
    "kind,params",
    [
        ("Observation", [("patient:Patient.name", "nguyễn")]),
        ("Observation", [("patient:Patient._id", OTHER)]),
        ("Observation", [("encounter:Encounter.status", "finished")]),
        ("Observation", [("encounter:Encounter.appointment:Appointment.status", "booked")]),
        ("Patient", [("_has:Observation:patient:code", "k1")]),
        ("Patient", [("_has:Observation:patient:status", "preliminary")]),
        ("Patient", [("_has:Task:patient:status", "requested")]),
        ("Patient", [("_has:ServiceRequest:subject:code", "k1")]),
        ("Patient", [("organization:Organization.name", "trạm")]),
        ("Encounter", [("appointment:Appointment.location:Location.name", "phòng")]),
        ("Encounter", [("_has:Condition:encounter:code", "k1")]),
        ("MedicationDispense", [("prescription:MedicationRequest.status", "active")]),
        ("Patient", [("_list", "both")]),
        ("Patient", [("_id", f"{MINE},{OTHER}")]),
        ("Patient", [("_lastUpdated", "ge2000-01-01"), ("_sort", "-_lastUpdated")]),
        ("Patient", [("_sort", "name,birthdate,gender,_id")]),
        ("Observation", [("_sort", "code,status,-date"), ("_count", "1")]),
        ("Appointment", [("patient", f"Patient/{OTHER}")]),
        ("Appointment", [("actor", "Location/room")]),
    ],
)
async def test_chains_lists_and_orders_find_only_mine(filled: Store, kind: str, params: list[tuple[str, str]]) -> None:
    async with filled.begin(citizen()) as tx:
        page = await search.search(tx, kind, [*params, ("_total", "accurate")])
        assert not of_others(page.matches)
        assert (page.total or 0) <= sum(one[0] == kind for one in visible_ids(MINE))
        while page.next_cursor:
            page = await search.search(tx, kind, [*params, ("_page", page.next_cursor)])
            assert not of_others(page.matches)


async def test_what_a_hop_may_not_see_answers_nothing(filled: Store) -> None:
    """A chain through somebody else's or an unreadable resource does not tell whether it fits."""
    async with filled.begin(citizen()) as tx:
        for kind, params in (
            ("Patient", [("organization:Organization.name", "trạm")]),
            ("Patient", [("_has:Observation:patient:status", "preliminary")]),
            ("Patient", [("_has:Task:patient:status", "requested")]),
            ("Patient", [("_list", "both")]),
            ("Observation", [("patient:Patient._id", OTHER)]),
        ):
            assert not (await search.search(tx, kind, params)).matches, f"{kind}?{params}"


async def test_includes_bring_only_mine(filled: Store) -> None:
    async with filled.begin(citizen()) as tx:
        brought = 0
        for kind in access.GRANTS["citizen"].read.split():
            for includes in (
                [("_include", "*")],
                [("_revinclude", "*")],
                [("_include:iterate", "*"), ("_revinclude:iterate", "*")],
                [("_include", f"{kind}:*"), ("_revinclude:iterate", "Observation:*")],
            ):
                page = await search.search(tx, kind, [*includes, ("_count", "100")])
                assert not of_others([*page.matches, *page.included]), f"{kind} {includes}"
                brought += len(page.included)
    assert brought > 20


async def test_a_search_of_everything_and_of_compartments_shows_only_mine(filled: Store) -> None:
    async with filled.begin(citizen()) as tx:
        everything = await search.search(tx, None, [("_count", "1000"), ("_total", "accurate")])
        assert {(one.type, one.id) for one in everything.matches} == visible_ids(MINE)
        assert everything.total == len(visible_ids(MINE))
        for compartment in (
            ("Patient", MINE),
            ("Patient", OTHER),
            ("Encounter", f"visit-{MINE}"),
            ("Encounter", f"visit-{OTHER}"),
        ):
            for kind in (None, "Observation", "Condition"):
                page = await search.search(
                    tx, kind, [("_count", "1000"), ("_total", "accurate")], compartment=compartment
                )
                assert not of_others(page.matches)
                assert compartment[1].endswith(MINE) or (not page.matches and page.total == 0)


async def test_reads_of_others_are_not_found_rather_than_refused(filled: Store) -> None:
    async with filled.begin(citizen()) as tx:
        for one in resources_of(MINE):
            kind, own = one["resourceType"], one["id"]
            if (kind, own) in visible_ids(MINE):
                assert (await read.read(tx, kind, own)).id == own
                assert (await read.vread(tx, kind, own, "1")).id == own
            elif kind in OPEN:
                with pytest.raises(errors.NotFound):
                    await read.read(tx, kind, own)
        for one in resources_of(OTHER):
            kind, own = one["resourceType"], one["id"]
            if kind not in access.GRANTS["citizen"].read.split():
                continue
            for asked in (read.read(tx, kind, own), read.vread(tx, kind, own, "1"), history.history(tx, kind, own)):
                with pytest.raises(errors.NotFound):
                    await asked
            with pytest.raises(errors.NotFound):
                await read.read(tx, kind, "nobody-has-this")


async def test_other_types_are_refused(filled: Store) -> None:
    async with filled.begin(citizen()) as tx:
        for kind in ("Task", "ServiceRequest", "Communication", "Organization", "AuditEvent", "List", "Practitioner"):
            for asked in (
                read.read(tx, kind, "x"),
                read.vread(tx, kind, "x", "1"),
                search.search(tx, kind, []),
                history.history(tx, kind),
            ):
                with pytest.raises(errors.Refused):
                    await asked


async def test_history_shows_current_versions_of_mine_only(filled: Store, system: Actor) -> None:
    async def release(tx: Transaction) -> None:
        for who in (MINE, OTHER):
            stored = await read.read(tx, "Observation", f"observation-preliminary-{who}")
            body = {**json.loads(stored.body), "status": "final"}
            await write.update(tx, "Observation", body["id"], json.dumps(body).encode())

    await filled.run(system, release)
    own = f"observation-preliminary-{MINE}"
    async with filled.begin(citizen()) as tx:
        entries = (await history.history(tx, "Observation", own)).entries
        assert [one.version_id for one in entries] == [2]  # the version before was not released
        assert (await history.history(tx, "Observation", own)).total is None
        with pytest.raises(errors.NotFound):
            await read.vread(tx, "Observation", own, "1")
        for kind in (None, *access.GRANTS["citizen"].read.split()):
            page = await history.history(tx, kind, count=1000)
            assert {one.id.rsplit("-", 1)[-1] for one in page.entries} <= {MINE}
            assert page.entries
        everything = {(one.type, one.id) for one in (await history.history(tx, None, count=1000)).entries}
        assert everything == visible_ids(MINE) | {("Observation", own)}


async def test_what_was_mine_and_is_somebody_elses_now_is_gone(filled: Store, system: Actor) -> None:
    async def give_away(tx: Transaction) -> None:
        for kind, own, element in (
            ("Observation", f"observation-final-{MINE}", "subject"),
            ("Appointment", f"appointment-{MINE}", "participant"),
        ):
            body = json.loads((await read.read(tx, kind, own)).body)
            other = {"reference": f"Patient/{OTHER}"}
            body[element] = other if element == "subject" else [{"actor": other, "status": "accepted"}]
            await write.update(tx, kind, own, json.dumps(body).encode())

    await filled.run(system, give_away)
    async with filled.begin(citizen()) as tx:
        for kind, own in (("Observation", f"observation-final-{MINE}"), ("Appointment", f"appointment-{MINE}")):
            for asked in (read.read(tx, kind, own), read.vread(tx, kind, own, "1"), history.history(tx, kind, own)):
                with pytest.raises(errors.NotFound):
                    await asked


async def test_the_life_of_a_person_holds_nothing_of_another(filled: Store) -> None:
    async with filled.begin(citizen()) as tx:
        own = await life.page(tx, MINE, life.Filter(), count=200)
        assert own.entries and not of_others([one.stored for one in own.entries])
        other = await life.page(tx, OTHER, life.Filter(), count=200)
        assert not other.entries and not await life.overview(tx, OTHER)


async def test_people_are_not_looked_for_and_contained_resources_not_searched(filled: Store) -> None:
    async with filled.begin(citizen()) as tx:
        with pytest.raises(errors.Refused):
            await people.find(tx, [people.Term("phone", "0912345678", "phone", 0)])
        for value in ("true", "both"):
            with pytest.raises(errors.Refused):
                await search.search(tx, "Observation", [("_contained", value), ("code", "k1")])


async def test_nothing_can_be_written(filled: Store) -> None:
    for kind in filled.definitions.types:
        async with filled.begin(citizen()) as tx:
            for interaction in ("create", "update", "delete"):
                with pytest.raises(errors.Refused):
                    access.check(tx, interaction, kind)
            await tx.abandon()


async def test_a_conditional_write_does_not_tell_which_ids_are_taken(filled: Store) -> None:
    for own in (OTHER, "free"):
        body = json.dumps({"resourceType": "Patient", "id": own}).encode()
        async with filled.begin(citizen()) as tx:
            for asked in (
                conditional.update(tx, "Patient", "identifier=nothing", body),
                conditional.create(tx, "Patient", body, "identifier=nothing"),
                write.update(tx, "Patient", own, body),
                write.delete(tx, "Patient", own),
            ):
                with pytest.raises(errors.Refused):
                    await asked
            await tx.abandon()


@pytest.mark.parametrize(
    "actor",
    [
        citizen(reference=""),
        citizen(reference="Practitioner/me"),
        citizen(reference="Patient/"),
        citizen(reference="Patient/me/_history/1"),
        Actor(1, "x", frozenset({"citizen", "doctor"}), "TREAT", "", f"Patient/{MINE}"),
        Actor(1, "x", frozenset({"citizen", "doctor"}), "PATRQT", "", f"Patient/{MINE}"),
        Actor(1, "x", frozenset({"citizen"}), "TREAT", "", f"Patient/{MINE}"),
    ],
)
async def test_a_citizen_who_is_nobody_or_has_another_role_sees_nothing(filled: Store, actor: Actor) -> None:
    async with filled.begin(actor) as tx:
        for kind in filled.definitions.types:
            with pytest.raises(errors.Refused):
                access.check(tx, "read", kind)
        assert not (await search.search(tx, None, [])).matches


async def test_the_same_person_of_another_tenant_sees_nothing(filled: Store) -> None:
    async with filled.begin(Actor(2, "x", frozenset({"citizen"}), "PATRQT", "", f"Patient/{MINE}")) as tx:
        assert not (await search.search(tx, None, [("_count", "1000")])).matches
        with pytest.raises(errors.NotFound):
            await read.read(tx, "Patient", MINE)
