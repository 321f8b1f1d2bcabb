"""`docs/journeys.md` lists, for each journey, the files in the order in which it first enters them; these tests run it.

A journey is run once to warm up (what is compiled on first use is not part of the path) and once under a tracer. A
change of path is a change of the document, in the same commit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import pytest

from lienmach import app
from lienmach.base import clock
from lienmach.base.settings import Settings
from lienmach.identity import sessions, tokens, users
from tests.house import markdown
from tests.house.conftest import BASE, add_tenant
from tests.house.journey import Traced

PATIENT = {
    "resourceType": "Patient",
    "id": "an",
    "name": [{"text": "Nguyễn Văn Mẫu"}],
    "birthDate": "1958-03-02",
    "gender": "male",
    "identifier": [{"system": "urn:example:numbers", "value": "42"}],
}
OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "subject": {"reference": "Patient/an"},
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
    "effectiveDateTime": "2024-05-06T08:30:00+07:00",
    "valueQuantity": {"value": 72, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
}


def documented(title: str) -> dict[str, str]:
    """file -> what happens there, of a journey as docs/journeys.md has it."""
    told = markdown.page("docs/journeys.md").sections.get(title, "")
    return dict(re.findall(r"^\| *\d+ *\| *`([^`]+)` *\|(.*?)\|$", told, re.MULTILINE))


def check(title: str, journey: Traced) -> None:
    """Compare; on a difference print the table as it should be, ready to be laid over the old one."""
    told = documented(title)
    if journey.files != list(told):
        missing = [one for one in journey.files if one not in told]
        gone = [one for one in told if one not in journey.files]
        rows = "\n".join(
            f"| {number} | `{name}` |{told.get(name, ' … ')}|" for number, name in enumerate(journey.files, 1)
        )
        pytest.fail(
            f"`{title}` takes another way than docs/journeys.md says. New: {missing}; gone: {gone}. "
            f"As it is now:\n\n## {title}\n{rows}",
            pytrace=False,
        )


@pytest.fixture
async def fhir(node: app.Application, pool: asyncpg.Pool) -> AsyncIterator[httpx.AsyncClient]:
    token = await tokens.issue(pool, 1, role_names=["system"], user="tester", now=clock.now())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=node),
        base_url=BASE,
        headers={"authorization": f"Bearer {token}", "content-type": "application/fhir+json"},
    ) as client:
        answer = await client.put("/fhir/Patient/an", content=json.dumps(PATIENT))
        assert answer.status_code == 201, answer.text
        answer = await client.post("/fhir/Observation", content=json.dumps(OBSERVATION))
        assert answer.status_code == 201, answer.text
        yield client


@pytest.fixture
async def browser(
    node: app.Application, fhir: httpx.AsyncClient, pool: asyncpg.Pool
) -> AsyncIterator[httpx.AsyncClient]:
    account = users.Account(1, "bacsi", "BS Mẫu", frozenset({"doctor"}), "no password")
    await users.add(pool, account, clock.now())
    cookie = await sessions.open_session(pool, account, datetime.now(UTC))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=node), base_url=BASE, cookies={"lienmach": cookie}
    ) as client:
        yield client


async def _travel(title: str, step: Callable[[], Awaitable[httpx.Response]], status: int) -> httpx.Response:
    answer = await step()
    assert answer.status_code == status, answer.text[:500]
    await asyncio.sleep(0.05)  # let what the first run left behind come to an end
    with Traced() as journey:
        answer = await step()
    assert answer.status_code == status, answer.text[:500]
    check(title, journey)
    return answer


async def test_a_program_creates_a_resource(fhir: httpx.AsyncClient) -> None:
    body = json.dumps(OBSERVATION)
    await _travel("A program creates a resource", lambda: fhir.post("/fhir/Observation", content=body), 201)


async def test_a_program_searches(fhir: httpx.AsyncClient) -> None:
    path = "/fhir/Observation?patient=an&code=http://loinc.org|8867-4&date=ge2024&_include=Observation:subject"
    answer = await _travel("A program searches", lambda: fhir.get(path), 200)
    modes = {entry["search"]["mode"] for entry in answer.json()["entry"]}
    assert modes == {"match", "include"}


async def test_a_program_sends_a_transaction(fhir: httpx.AsyncClient) -> None:
    bundle = json.dumps(
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "fullUrl": "urn:uuid:0b9c9a3e-6a0f-4a0e-9f43-6a5f1e1f0a01",
                    "resource": {key: value for key, value in PATIENT.items() if key != "id"},
                    "request": {"method": "POST", "url": "Patient"},
                },
                {
                    "fullUrl": "urn:uuid:0b9c9a3e-6a0f-4a0e-9f43-6a5f1e1f0a02",
                    "resource": {
                        **OBSERVATION,
                        "subject": {"reference": "urn:uuid:0b9c9a3e-6a0f-4a0e-9f43-6a5f1e1f0a01"},
                    },
                    "request": {"method": "POST", "url": "Observation"},
                },
            ],
        }
    )
    await _travel("A program sends a transaction", lambda: fhir.post("/fhir", content=bundle), 200)


async def test_a_nurse_finds_a_person(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/registration/patients")
    proof = re.search(r'name="csrf"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="csrf"', page.text)
    token = re.search(r'"x-csrf-token"\s*:\s*"([^"]+)"', page.text.replace("&#34;", '"').replace("&quot;", '"'))
    csrf = next(one for one in (*(proof.groups() if proof else ()), token[1] if token else None) if one)

    def step() -> Awaitable[httpx.Response]:
        return browser.post("/registration/patients", data={"text": "nguyen van mau", "csrf": csrf})

    answer = await _travel("Somebody at the desk finds a person", step, 200)
    assert "Nguyễn Văn Mẫu" in answer.text


async def test_a_doctor_reads_a_timeline(browser: httpx.AsyncClient) -> None:
    answer = await _travel("A doctor reads a timeline", lambda: browser.get("/registration/patients/an"), 200)
    assert "72" in answer.text


def test_an_administrator_imports_a_folder(
    settings: Settings, owner_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from lienmach.commands import import_

    asyncio.run(add_tenant(owner_url))
    folder = tmp_path / "given"
    folder.mkdir()

    def run(number: int) -> Traced:
        lines = [
            {**PATIENT, "id": f"p{number}"},
            {**OBSERVATION, "id": f"o{number}", "subject": {"reference": f"Patient/p{number}"}},
        ]
        (folder / f"{number}.ndjson").write_text("\n".join(json.dumps(one) for one in lines))
        with Traced() as journey:
            code = import_.run(replace(settings), argparse.Namespace(paths=[folder], tenant="main"))
        assert code == 0, capsys.readouterr()
        return journey

    run(1)
    check("An administrator imports a folder", run(2))
