"""The table once more, through the doors: a token or a session for each role, real requests, real answers.

`test_who_may.py` asks the policy; here the doors are asked, so that a door that forgot to ask is found.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import lru_cache

import asyncpg
import httpx
import pytest
from starlette.routing import Route

from lienmach import app
from lienmach.base import clock
from lienmach.identity import citizen_sessions, roles, rows, sessions, tokens, users
from tests.house import source
from tests.house.conftest import BASE
from tests.house.test_who_may import ASKED, NOBODY, groups, table

BODIES = {
    "Patient": {"resourceType": "Patient", "name": [{"text": "Nguyễn Văn Mẫu"}]},
    "Observation": {"resourceType": "Observation", "status": "final", "code": {"text": "mạch"}},
    "Organization": {"resourceType": "Organization", "name": "Trạm y tế mẫu"},
    "AuditEvent": {
        "resourceType": "AuditEvent",
        "type": {"code": "rest"},
        "recorded": "2026-01-01T00:00:00Z",
        "agent": [{"requestor": True}],
        "source": {"observer": {"display": "test"}},
    },
}


@lru_cache(maxsize=1)
def _group_of() -> dict[str, str]:
    return {name: group for group, names in groups().items() for name in names}


def expected(interaction: str, resource_type: str, role: str) -> bool:
    """What the table says about one interaction."""
    return next(
        row.answers[role]
        for row in table()
        if row.door == "fhir" and interaction in row.what.split() and row.target == _group_of()[resource_type]
    )


@pytest.fixture
async def fhir(node: app.Application) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=node), base_url=BASE, headers={"content-type": "application/fhir+json"}
    ) as client:
        yield client


async def _bearer(pool: asyncpg.Pool, role: str) -> dict[str, str]:
    token = await tokens.issue(pool, 1, role_names=[role], user=f"a {role}", now=clock.now())
    return {"authorization": f"Bearer {token}"}


async def test_the_fhir_door_asks_the_policy(fhir: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    wrong = []
    for role in (one for one in roles.ROLES if one not in roles.WITHOUT_ACCOUNT):
        own = role.replace("_", "-")
        headers = await _bearer(pool, role)
        for kind, body in BODIES.items():
            wanted = {
                ("search-type", "GET", f"/fhir/{kind}"),
                ("history-type", "GET", f"/fhir/{kind}/_history"),
                ("read", "GET", f"/fhir/{kind}/nobody"),
                ("create", "POST", f"/fhir/{kind}"),
                ("update", "PUT", f"/fhir/{kind}/{own}"),
                ("delete", "DELETE", f"/fhir/{kind}/nobody"),
            }
            for interaction, method, path in sorted(wanted):
                content = json.dumps({**body, "id": own}) if method in ("POST", "PUT") else None
                answer = await fhir.request(method, path, headers=headers, content=content)
                # PUT under a free id is a create.
                allowed = expected("create" if method == "PUT" else interaction, kind, role)
                if (answer.status_code == 403) == allowed or answer.status_code >= 500:
                    wrong.append(f"{method} {path} as {role}: {answer.status_code}, the table says {allowed}")
    assert not wrong, source.report("The door does not answer as who_may.csv says:", wrong)


async def test_a_search_of_everything_shows_only_what_the_role_may_read(
    fhir: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    system = await _bearer(pool, "system")
    for kind in ("Patient", "Observation", "Organization"):
        answer = await fhir.post(f"/fhir/{kind}", headers=system, content=json.dumps(BODIES[kind]))
        assert answer.status_code == 201, answer.text
    wrong = []
    for role in (one for one in roles.ROLES if one not in roles.WITHOUT_ACCOUNT):
        headers = await _bearer(pool, role)
        for path in ("/fhir?_count=1000", "/fhir/_history?_count=1000"):
            answer = await fhir.get(path, headers=headers)
            assert answer.status_code == 200, answer.text
            shown = {
                entry["resource"]["resourceType"] for entry in answer.json().get("entry", ()) if "resource" in entry
            }
            may = {kind for kind in BODIES if expected("read", kind, role)}
            wrong += [f"{path} as {role} shows {kind}" for kind in sorted(shown - may - {"OperationOutcome"})]
            wrong += [f"{path} as {role} hides {kind}" for kind in sorted(may - shown)]
    assert not wrong, source.report("A search of everything obeys the rows of the types:", wrong)


async def test_nobody_gets_in_without_a_token(fhir: httpx.AsyncClient) -> None:
    paths = {
        "read": "Patient/1",
        "vread": "Patient/1/_history/1",
        "history-instance": "Patient/1/_history",
        "history-type": "Patient/_history",
        "search-type": "Patient",
        "search-compartment": "Patient/1/Observation",
    }
    assert set(paths) == {name for name, asked in ASKED.items() if asked == "read"}
    for path in (*paths.values(), "", "_history"):
        assert (await fhir.get(f"/fhir/{path}".rstrip("/"))).status_code == 401, path
    for method, path in (
        ("POST", "Patient"),
        ("PUT", "Patient/1"),
        ("PATCH", "Patient/1"),
        ("DELETE", "Patient/1"),
        ("POST", ""),
    ):
        assert (await fhir.request(method, f"/fhir/{path}".rstrip("/"), content="{}")).status_code == 401, (
            method,
            path,
        )
    assert (await fhir.get("/fhir/metadata")).status_code == 200


async def test_a_token_of_another_tenant_finds_nothing(fhir: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    stored = await fhir.post(
        "/fhir/Patient", headers=await _bearer(pool, "system"), content=json.dumps(BODIES["Patient"])
    )
    token = await tokens.issue(pool, 2, role_names=["system"], user="stranger", now=clock.now())
    stranger = {"authorization": f"Bearer {token}"}
    assert (await fhir.get(f"/fhir/Patient/{stored.json()['id']}", headers=stranger)).status_code == 404
    assert (await fhir.get("/fhir/Patient?_total=accurate", headers=stranger)).json()["total"] == 0


async def _citizen(pool: asyncpg.Pool) -> str:
    """The cookie of somebody who has signed in to their own record, which holds nothing but their name."""
    now = clock.now()
    code, code_hash = await citizen_sessions.new_code()
    cookie = await citizen_sessions.ask(pool, 1, phone="0912345678", birth="1958", address="127.0.0.1", now=now)
    async with rows.of_tenant(pool, 1) as connection:
        request_id = await connection.fetchval("select request_id from citizen_request order by asked_at desc limit 1")
        await citizen_sessions.keep_code(connection, 1, request_id, code_hash, ["own"])
    found = await citizen_sessions.check_code(pool, 1, cookie, code, now)
    return await citizen_sessions.open_session(pool, 1, found, "own", "Nguyễn Văn Mẫu", now)


def _address(path: str) -> str:
    for name in ("{id}", "{key}", "{secret}", "{paper}"):
        path = path.replace(name, "nobody")
    return path.replace("{type}", "Patient").replace("{hash}", "0").replace("{path:path}", "none.css")


async def test_pages_open_to_the_roles_of_the_table(node: app.Application, pool: asyncpg.Pool) -> None:
    wrong = []
    asked = [row for row in table() if row.door == "page" and row.what == "GET"]
    body = json.dumps({**BODIES["Patient"], "id": "own"})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=node), base_url=BASE) as client:
        headers = {**await _bearer(pool, "system"), "content-type": "application/fhir+json"}
        assert (await client.put("/fhir/Patient/own", headers=headers, content=body)).status_code == 201
    for role in (*roles.ROLES, NOBODY):
        cookies = {}
        if role == roles.CITIZEN:
            cookies["lienmach-own"] = await _citizen(pool)
        elif role not in (NOBODY, roles.VISITOR):
            account = users.Account(1, f"a-{role}", role, frozenset({role}), "no password")
            await users.add(pool, account, clock.now())
            cookies["lienmach"] = await sessions.open_session(pool, account, clock.now())
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=node), base_url=BASE, cookies=cookies
        ) as browser:
            for row in asked:
                answer = await browser.get(_address(row.target))
                entry = "/cua-toi" if row.target.startswith("/citizen/") else "/sign-in"
                to_entry = answer.status_code == 303 and answer.headers["location"].startswith(entry)
                refused = answer.status_code in (401, 403) or (to_entry and row.target not in ("/unlock", "/sign-out"))
                if refused == row.answers[role] or answer.status_code >= 500:
                    wrong.append(
                        f"GET {row.target} as {role}: {answer.status_code}, the table says {row.answers[role]}"
                    )
    assert not wrong, source.report("The pages do not answer as who_may.csv says:", wrong)


#: What machines send carries a signature of its own in place of the proof (pages.public, is_signed).
SIGNED = frozenset(
    route.path
    for one in app.DEPARTMENTS
    for route in one.routes
    if isinstance(route, Route) and getattr(route.endpoint, "is_signed", False)
)


async def test_a_page_that_changes_something_wants_its_proof(node: app.Application, pool: asyncpg.Pool) -> None:
    account = users.Account(1, "bacsi", "BS Mẫu", frozenset({"doctor"}), "no password")
    await users.add(pool, account, clock.now())
    cookie = await sessions.open_session(pool, account, clock.now())
    wrong = []
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=node), base_url=BASE, cookies={"lienmach": cookie}
    ) as browser:
        for row in table():
            if row.door == "page" and row.what == "POST":
                answer = await browser.post(_address(row.target), data={"text": "an"})
                if row.target in SIGNED:
                    assert answer.status_code == 401, f"POST {row.target} takes what is not signed"
                    continue
                if answer.status_code not in (403, 404) and not answer.is_redirect:
                    wrong.append(f"POST {row.target}: {answer.status_code}")
                to_own_entry = answer.is_redirect and answer.headers["location"] == "/cua-toi"
                if answer.is_redirect and not to_own_entry and row.target not in ("/preferences",):
                    wrong.append(f"POST {row.target} was done: {answer.status_code} {answer.headers['location']}")
    assert not wrong, source.report("Check the proof (CSRF) before anything is done:", wrong)
