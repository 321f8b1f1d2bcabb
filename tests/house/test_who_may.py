"""Who may open which door: `who_may.csv` is the access policy in a form that a hospital director can read.

The table is written by people and the tests compare the program with it: a route that is not in it fails, and so
does a wrong answer. FHIR rows speak of groups of resource types (`who_may_groups.csv`); pages of their routes.
`nobody` is someone without token or session. A yes at the FHIR door means "within the own tenant".
"""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount, Route

from lienmach.app import DEPARTMENTS
from lienmach.base.actor import Actor
from lienmach.base.errors import Refused
from lienmach.identity import roles
from lienmach.record import access
from lienmach.standards.fhir import definitions
from lienmach.web import pages, rendering
from tests.house import source

HERE = Path(__file__).parent
NOBODY = "nobody"
#: FHIR interaction -> what record/access.py is asked for it.
ASKED = {
    **dict.fromkeys(("read", "vread", "history-instance", "history-type", "search-type", "search-compartment"), "read"),
    "create": "create",
    **dict.fromkeys(("update", "update-conditional", "patch", "patch-conditional"), "update"),
    **dict.fromkeys(("delete", "delete-conditional"), "delete"),
}
#: Interactions on no type: everyone with a token may ask; what comes back obeys the rows of the types.
SYSTEM = ("search-system", "history-system", "transaction")
OPEN = ("capabilities",)
#: Rights whose pages are being built.
AWAITED = frozenset(
    """booking.public bookings.manage visits.arrive queue.call visits.read visits.write visits.sign results.read
results.acknowledge specimens.collect results.enter results.validate dispensings.give prescriptions.sell stock.manage
insurance.check catalogues.read catalogues.change paper.change signing.key""".split()
)


@dataclass(frozen=True)
class Row:
    """One line of the table. target: a group of resource types, a path, or `*`. answers: role -> yes."""

    door: str
    what: str
    target: str
    answers: dict[str, bool]


@lru_cache(maxsize=1)
def table() -> tuple[Row, ...]:
    found: list[Row] = []
    for path in (HERE / "who_may.csv", *sorted((HERE / "who_may").glob("*.csv"))):
        with path.open(encoding="utf-8", newline="") as text:
            found += (
                Row(
                    line.pop("door"),
                    line.pop("what"),
                    line.pop("target"),
                    {name: _yes(word) for name, word in line.items()},
                )
                for line in csv.DictReader(text)
            )
    return tuple(found)


def _yes(word: str) -> bool:
    assert word in ("yes", "no"), f"who_may.csv says yes or no, not {word!r}"
    return word == "yes"


@lru_cache(maxsize=1)
def groups() -> dict[str, tuple[str, ...]]:
    with (HERE / "who_may_groups.csv").open(encoding="utf-8", newline="") as text:
        return {line["group"]: tuple(line["types"].split()) for line in csv.DictReader(text)}


def actor(role: str, purpose: str = "") -> Actor:
    """Somebody with this one role, at the work that it does by default."""
    return Actor(1, "someone", frozenset({role}), purpose or roles.ROLES[role].purpose)


class Asking:
    """What `access.check` needs of a unit of work."""

    def __init__(self, one: Actor) -> None:
        self.definitions = definitions.load()
        self.policy = access.policy_of(one, self.definitions)
        self.tenant: Any = None


def may(one: Actor, asked: str, resource_type: str) -> bool:
    try:
        access.check(Asking(one), asked, resource_type)
    except Refused:
        return False
    return True


def test_the_table_has_a_column_for_every_role() -> None:
    for row in table():
        assert set(row.answers) == {*roles.ROLES, NOBODY}, "Give every role a column in who_may.csv"


def test_every_role_has_a_row_of_grants() -> None:
    assert set(access.GRANTS) == set(roles.ROLES), "identity/roles.py and record/access.py name different roles"


def test_every_resource_type_is_in_exactly_one_group() -> None:
    listed = [name for names in groups().values() for name in names]
    assert sorted(listed) == sorted(definitions.load().types), "Put each resource type once into who_may_groups.csv"


def test_every_interaction_of_the_fhir_door_is_in_the_table() -> None:
    told: dict[str, set[str]] = {}
    for row in table():
        if row.door == "fhir":
            for interaction in row.what.split():
                told.setdefault(interaction, set()).add(row.target)
    missing = [
        name
        for name in sorted(interactions())
        if told.get(name) != ({"*"} if name in (*SYSTEM, *OPEN) else set(groups()))
    ]
    assert not missing, source.report("Add the interaction to who_may.csv, for each group:", missing)
    assert interactions() == {*ASKED, *SYSTEM, *OPEN}, "Say in test_who_may.py what access.py is asked for it"


@lru_cache(maxsize=1)
def interactions() -> frozenset[str]:
    """The names that api/routes.py gives to what the door does."""
    tree = source.modules()["lienmach.api.routes"].tree
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            found |= _texts(node.value.elts[:1])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_only":
            found |= _texts(node.args[2:3])
    return frozenset(found)


def _texts(nodes: list[ast.expr]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_the_fhir_door_answers_as_the_table_says() -> None:
    wrong = []
    for row in table():
        if row.door != "fhir" or row.target == "*":
            continue
        assert not row.answers[NOBODY], f"{row.what} {row.target}: nobody gets in without a token"
        for interaction in row.what.split():
            for role in roles.ROLES:
                wrong += [
                    f"{interaction} of {name} as {role}: the table says {'yes' if row.answers[role] else 'no'}"
                    for name in groups()[row.target]
                    if may(actor(role), ASKED[interaction], name) != row.answers[role]
                ]
    assert not wrong, source.report(
        "Decide: mend GRANTS in record/access.py, or the table (and split its group) and say why in the commit:",
        wrong[:60],
    )


def test_system_interactions_are_open_to_every_role_and_metadata_to_all() -> None:
    for row in table():
        if row.door == "fhir" and row.target == "*":
            for role in roles.ROLES:
                assert row.answers[role], f"{row.what}: the door does not ask for a role, {role} gets an answer"
            assert row.answers[NOBODY] == (row.what in OPEN), f"{row.what}: only metadata needs no token"


def test_an_unknown_role_or_a_purpose_that_it_does_not_serve_may_nothing() -> None:
    for one in (
        Actor(1, "x", frozenset({"porter"}), "TREAT"),
        Actor(1, "x", frozenset(), "TREAT"),
        *(actor(role, "NOSUCH") for role in roles.ROLES),
    ):
        policy = access.policy_of(one, definitions.load())
        assert policy.read == frozenset() and policy.write == frozenset()


def test_nobody_changes_or_deletes_an_audit_event() -> None:
    for role in roles.ROLES:
        assert not may(actor(role), "update", "AuditEvent") and not may(actor(role), "delete", "AuditEvent")


# The pages


def page_routes() -> Iterator[tuple[str, str, str | None]]:
    """(method, path, right) of every page; right is None for the entry and the static files."""
    for route in pages.routes(DEPARTMENTS, rendering.Renderer.build(DEPARTMENTS)):
        if isinstance(route, Mount):
            yield "GET", f"{route.path}/…", None
        elif isinstance(route, Route):
            for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
                yield method, route.path, getattr(route.endpoint, "right", None)


def test_every_page_is_in_the_table() -> None:
    told = {(row.what, row.target) for row in table() if row.door == "page"}
    real = {(method, path) for method, path, _ in page_routes()}
    signs = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics")}
    assert not real - told, source.report(
        "Add these pages to who_may.csv:", [" ".join(one) for one in sorted(real - told)]
    )
    assert not told - real - signs, source.report(
        "These pages are gone; take them out of who_may.csv:", [" ".join(one) for one in sorted(told - real - signs)]
    )


def public_pages() -> set[tuple[str, str]]:
    """(method, path) of the pages that ask nobody to sign in."""
    return {
        (method, route.path)
        for route in pages.routes(DEPARTMENTS, rendering.Renderer.build(DEPARTMENTS))
        if isinstance(route, Route) and getattr(route.endpoint, "is_public", False)
        for method in (route.methods or {"GET"}) - {"HEAD"}
    }


def test_the_pages_answer_as_the_table_says() -> None:
    public = public_pages()
    rights = {(method, path): right for method, path, right in page_routes()}
    wrong = []
    for row in table():
        if row.door != "page" or rights.get((row.what, row.target)) is None:
            continue
        right = rights[row.what, row.target]
        assert right is not None
        if (row.what, row.target) in public:
            wrong += [f"{row.what} {row.target} is open to everybody; the table says no"] * (
                not all(row.answers.values())
            )
            continue
        wrong += [
            f"{row.what} {row.target} ({right}) as {role}: the table says {'yes' if row.answers[role] else 'no'}"
            for role in roles.ROLES
            if roles.may(actor(role), right) != row.answers[role]
        ]
        wrong += [f"{row.what} {row.target}: nobody gets in without signing in"] if row.answers[NOBODY] else []
    assert not wrong, source.report("Decide: mend identity/roles.py, or the table, and say why in the commit:", wrong)


def test_a_right_opens_at_least_one_page() -> None:
    used = {right for _, _, right in page_routes() if right}
    assert used <= set(roles.RIGHTS), source.report("A page without a right:", sorted(used - set(roles.RIGHTS)))
    idle = set(roles.RIGHTS) - used - AWAITED
    assert not idle, source.report("A right without a page:", sorted(idle))


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_the_signs_of_the_node_are_in_the_table(path: str) -> None:
    assert any(row.door == "page" and row.target == path and row.answers[NOBODY] for row in table())
