"""What the pages refuse cannot be had by another door: other tenants, the FHIR API, addresses of visitors, the log."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from day_of_work import CARD, NAME, Day, begin

from lienmach import app
from lienmach.base import clock
from lienmach.identity import tokens
from tests.clinic import Clinic
from tests.web.client import Browser, build


@pytest.fixture
async def day(clinic: Clinic) -> Day:
    return await begin(clinic)


@pytest.fixture
async def fhir(day: Day) -> AsyncIterator[Any]:
    """Asks the FHIR door as a role."""
    node = app.build(day.clinic.settings, database_url=day.clinic.settings.database_url or "")
    await node.start()
    clients: dict[str, httpx.AsyncClient] = {}

    async def ask(role: str, method: str, path: str, body: Any = None, tenant: int = 1) -> httpx.Response:
        if (role, tenant) not in clients:
            token = await tokens.issue(day.clinic.pool, tenant, role_names=[role], user=f"api {role}", now=clock.now())
            headers = {"authorization": f"Bearer {token}", "content-type": "application/fhir+json"}
            clients[role, tenant] = httpx.AsyncClient(
                transport=httpx.ASGITransport(node), base_url="http://127.0.0.1:8000/fhir", headers=headers
            )
        return await clients[role, tenant].request(method, path, content=json.dumps(body) if body is not None else None)

    yield ask
    for one in clients.values():
        await one.aclose()
    await node.stop()


async def test_every_own_table_shows_a_tenant_only_its_own_rows(day: Day) -> None:
    async with day.clinic.pool.acquire() as connection:
        tables = await connection.fetch(
            """select c.relname, c.relrowsecurity from pg_class c join pg_attribute a on a.attrelid = c.oid
               where c.relkind = 'r' and a.attname = 'tenant' and c.relnamespace = 'public'::regnamespace
               and has_table_privilege(c.oid, 'select') and c.relname not in ('tenant') order by 1"""
        )
        assert len(tables) > 25
        open_tables = [row["relname"] for row in tables if not row["relrowsecurity"]]
        shown = []
        async with connection.transaction():
            await connection.execute("set local lienmach.tenant = '2'")
            for row in tables:
                if row["relname"] not in open_tables:
                    seen = await connection.fetchval(f"select count(*) from {row['relname']} where tenant <> 2")
                    shown += [row["relname"]] if seen else []
    # These are read before anybody has signed in, or by the worker of all tenants; they hold nothing of patients.
    beforehand = {"account", "session", "setup_link", "token", "job", "post", "lockout", "attempt"}
    assert set(open_tables) <= beforehand, f"without row-level security: {open_tables}"
    assert not shown, shown


async def test_a_stranger_finds_nothing_of_the_day(day: Day, fhir: Any) -> None:
    for kind in (
        "Patient",
        "Encounter",
        "ServiceRequest",
        "Composition",
        "MedicationRequest",
        "Provenance",
        "ChargeItem",
    ):
        for own in day.ids[kind][:3]:
            if own in day.ids["elsewhere"]:
                continue
            assert (await fhir("system", "GET", f"/{kind}/{own}", tenant=2)).status_code == 404, kind
    assert (await fhir("system", "GET", "/Encounter?_summary=count", tenant=2)).json()["total"] == 0


async def test_the_api_changes_nothing_that_is_signed_sent_or_counted(day: Day, fhir: Any) -> None:
    """What no role, not even a connected system, may do; each refusal names a reason and leaves the version as it was."""
    written, given = day.ids["MedicationRequest"][0], day.ids["MedicationDispense"][0]
    note = day.ids["Composition"][0]
    done: list[str] = []
    for role in ("system", "doctor", "pharmacist"):
        for kind, own, change in (
            ("Composition", note, {"title": "Khác"}),
            ("MedicationRequest", written, {"note": [{"text": "đổi liều"}]}),
            ("MedicationDispense", given, {"quantity": {"value": 1}}),
        ):
            found = await fhir("system", "GET", f"/{kind}/{own}")
            body = found.json()
            for method, sent in (("PUT", {**body, **change}), ("DELETE", None)):
                answer = await fhir(role, method, f"/{kind}/{own}", sent)
                if answer.status_code < 400:
                    done.append(f"{role} {method} {kind}: {answer.status_code}")
                elif answer.status_code != 405:
                    assert answer.json()["issue"][0]["diagnostics"], f"{role} {method} {kind}"
    assert not [one for one in done if "Composition" in one or "MedicationRequest" in one], done


async def test_a_dangerous_prescription_is_refused_at_the_api_too(day: Day, fhir: Any) -> None:
    """Methotrexate daily is a planted danger of ours; the guard stands before every write."""
    written = day.ids["MedicationRequest"][0]
    body = (await fhir("system", "GET", f"/MedicationRequest/{written}")).json()
    for name in ("id", "meta", "identifier", "groupIdentifier"):
        body.pop(name, None)
    body["dosageInstruction"] = [
        {"timing": {"repeat": {"frequency": 12, "period": 1, "periodUnit": "d"}}, "text": "12 lần mỗi ngày",
         "doseAndRate": [{"doseQuantity": {"value": 10, "unit": "viên"}}]}
    ]  # fmt: skip
    for role in ("system", "doctor"):
        answer = await fhir(role, "POST", "/MedicationRequest", body)
        assert answer.status_code == 422, f"{role}: {answer.status_code} {answer.text[:200]}"


async def test_visitors_see_half_hidden_names_and_cannot_guess_a_secret(day: Day) -> None:
    browser = Browser(build(day.clinic.store, day.clinic.settings, app.DEPARTMENTS))
    words = NAME.split()
    secrets = [one for one in day.ids["ticket"] if len(one) >= 16]
    async with day.clinic.store.begin(day.clinic.actor("reception")) as tx:
        rows = await tx.fetch("select ticket_id, secret, name from ticket where tenant = 1")
    assert rows and secrets
    for row in rows:
        assert re.fullmatch(r"[A-Za-z0-9_-]{20,}", row["secret"]) and row["secret"] != row["ticket_id"]
        for path in ("/bang-goi", f"/so/{row['secret']}"):
            answer = await browser.get(path)
            assert answer.status_code == 200
            assert NAME not in answer.text and " ".join(words[-2:]) not in answer.text, path
        for wrong in (row["secret"][:-1], row["secret"][::-1], row["ticket_id"], "0" * len(row["secret"])):
            answer = await browser.get(f"/so/{wrong}")
            assert answer.status_code == 404, wrong
            assert not any(word in answer.text for word in words[:1])
    await browser.client.aclose()


async def test_no_name_card_or_scanned_text_reaches_the_log_or_an_address(
    day: Day, caplog: pytest.LogCaptureFixture
) -> None:
    """A visit from the scan to the signature, refusals among it; the log knows nobody."""
    caplog.set_level(logging.DEBUG)
    scan = f"079058000011|023456789|{NAME}|01021958|Nữ|12 Lê Lợi, Phường Bến Nghé, Quận 1, TP. Hồ Chí Minh|15042021"
    browser = Browser(build(day.clinic.store, day.clinic.settings, app.DEPARTMENTS))
    await browser.sign_in("reception")
    person = next(own for own in day.ids["Patient"] if own not in day.ids["elsewhere"])
    await browser.get("/registration/arrivals")
    for text in (scan, scan[:40], NAME, CARD, "0912345678"):
        answer = await browser.post("/registration/arrivals", {"text": text})
        assert answer.status_code < 500
        assert NAME.split()[0] not in answer.headers.get("location", "") and CARD not in answer.headers.get(
            "location", ""
        )
    await browser.get(f"/registration/arrivals/{person}")
    await browser.post(f"/registration/arrivals/{person}", {"card": CARD, "room": "none", "reason": NAME})
    await browser.post(f"/registration/arrivals/{person}", {"card": "DN4", "room": "p-p101", "reason": NAME + "\0"})
    await browser.client.aclose()
    own = "\n".join(
        f"{one.getMessage()} {one.exc_text or ''}" for one in caplog.records if one.name.startswith("lienmach")
    )
    for word in (NAME, "Khổng Tước", CARD, "079058000011", "0912345678", "Lê Lợi"):
        assert word not in own, word
