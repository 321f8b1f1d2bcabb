"""The store beside a plain dict: after every step of a random life, reads, versions, histories and searches agree.

LM_TEST_SEED=… repeats a run, LM_TEST_EXAMPLES=… makes it longer. Hypothesis prints the steps of a failure as a program.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from model_resources import (
    GENDERS,
    NAMES,
    OTHER_IDS,
    PATIENT_IDS,
    SYSTEM,
    VALUES,
    observations,
    patients,
    plain,
    resources,
)
from model_world import World

from lienmach.api import routes
from lienmach.base import db
from lienmach.base.settings import Settings
from lienmach.record.transaction import Store
from lienmach.standards.fhir import definitions

SEED = int(os.environ.get("LM_TEST_SEED", "") or random.SystemRandom().randrange(10**6))
EXAMPLES = int(os.environ.get("LM_TEST_EXAMPLES", "8"))


class Machine(RuleBasedStateMachine):
    """What a client does, and what a dict would then hold.

    versions: (type, id) -> list of (resource without id and meta, or None for a deletion; lastUpdated).
    log: (type, id, version) in the order of acknowledgement. born: (type, id) in the order of first versions.
    """

    world: World

    @initialize()
    def begin(self) -> None:
        self.http = self.world.do(self.world.client())
        self.versions: dict[tuple[str, str], list[tuple[dict[str, Any] | None, str]]] = {}
        self.log: list[tuple[str, str, int]] = []
        self.born: list[tuple[str, str]] = []

    def teardown(self) -> None:
        if hasattr(self, "http"):
            self.world.do(self.http.aclose())

    # -- the model

    def now(self, kind: str, one: str) -> dict[str, Any] | None:
        found = self.versions.get((kind, one))
        return found[-1][0] if found else None

    def live(self, kind: str) -> dict[str, dict[str, Any]]:
        return {one: now for (of, one) in self.born if of == kind and (now := self.now(of, one)) is not None}

    def keep(self, kind: str, one: str, resource: dict[str, Any] | None, updated: str) -> None:
        key = (kind, one)
        if key not in self.versions:
            self.born.append(key)
        self.versions.setdefault(key, []).append((resource, updated))
        self.log.append((kind, one, len(self.versions[key])))

    def kept(self, answer: httpx.Response, sent: dict[str, Any]) -> None:
        """A write was acknowledged; its answer is what was sent, with the next version."""
        body = answer.json()
        kind, one = body["resourceType"], body["id"]
        assert plain(body) == plain(sent)
        self.keep(kind, one, plain(sent), body["meta"]["lastUpdated"])
        assert body["meta"]["versionId"] == str(len(self.versions[kind, one]))
        assert answer.headers["etag"] == f'W/"{len(self.versions[kind, one])}"'

    def holders(self, kind: str, value: str) -> list[str]:
        return [
            one
            for one, now in self.live(kind).items()
            if any(identifier["value"] == value for identifier in now.get("identifier", []))
        ]

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> httpx.Response:
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers = {"content-type": "application/fhir+json", **(headers or {})}
        answer = self.world.do(self.http.request(method, path, content=content, headers=headers))
        assert answer.status_code < 500, answer.text
        return answer

    # -- what a client does

    @rule(resource=resources)
    def create(self, resource: dict[str, Any]) -> None:
        answer = self.ask("POST", f"/{resource['resourceType']}", resource)
        assert answer.status_code == 201
        self.kept(answer, resource)

    @rule(resource=resources, number=st.integers(0, 2), stale=st.sampled_from([None, None, 0, 1]))
    def put(self, resource: dict[str, Any], number: int, stale: int | None) -> None:
        kind = resource["resourceType"]
        one = (PATIENT_IDS if kind == "Patient" else OTHER_IDS)[number]
        version = len(self.versions.get((kind, one), []))
        headers = {} if stale is None or not version else {"if-match": f'W/"{version - stale}"'}
        there = self.now(kind, one) is not None
        answer = self.ask("PUT", f"/{kind}/{one}", {**resource, "id": one}, headers)
        if headers and (stale or not there):
            assert answer.status_code == 412
            return
        assert answer.status_code == (200 if there else 201), answer.text
        self.kept(answer, resource)

    @rule(kind=st.sampled_from(["Patient", "Observation"]), number=st.integers(0, 2))
    def delete(self, kind: str, number: int) -> None:
        one = (PATIENT_IDS if kind == "Patient" else OTHER_IDS)[number]
        assert self.ask("DELETE", f"/{kind}/{one}").status_code == 204
        if self.now(kind, one) is not None:
            self.keep(kind, one, None, "")

    @rule(number=st.integers(0, 2), gender=st.sampled_from([*GENDERS, "none"]))
    def patch(self, number: int, gender: str) -> None:
        one = PATIENT_IDS[number]
        now = self.now("Patient", one)
        answer = self.ask(
            "PATCH",
            f"/Patient/{one}",
            [{"op": "add", "path": "/gender", "value": gender}],
            {"content-type": "application/json-patch+json"},
        )
        if now is None:
            assert answer.status_code == (410 if ("Patient", one) in self.versions else 404)
        elif gender == "none":
            assert answer.status_code == 422
        else:
            assert answer.status_code == 200, answer.text
            self.kept(answer, {**now, "gender": gender})

    @rule(value=st.sampled_from(VALUES), resource=patients)
    def create_unless_there(self, value: str, resource: dict[str, Any]) -> None:
        resource = {**resource, "identifier": [{"system": SYSTEM, "value": value}]}
        found = self.holders("Patient", value)
        answer = self.ask("POST", "/Patient", resource, {"if-none-exist": f"identifier={SYSTEM}|{value}"})
        assert answer.status_code == {0: 201, 1: 200}.get(len(found), 412), answer.text
        if not found:
            self.kept(answer, resource)
        elif len(found) == 1:
            assert answer.json()["id"] == found[0]

    @rule(value=st.sampled_from(VALUES), resource=observations)
    def update_what_matches(self, value: str, resource: dict[str, Any]) -> None:
        resource = {**resource, "identifier": [{"system": SYSTEM, "value": value}]}
        found = self.holders("Observation", value)
        answer = self.ask("PUT", f"/Observation?identifier={SYSTEM}|{value}", resource)
        assert answer.status_code == {0: 201, 1: 200}.get(len(found), 412), answer.text
        if len(found) < 2:
            assert not found or answer.json()["id"] == found[0]
            self.kept(answer, resource)

    @rule(value=st.sampled_from(VALUES))
    def delete_what_matches(self, value: str) -> None:
        found = self.holders("Observation", value)
        answer = self.ask("DELETE", f"/Observation?identifier={SYSTEM}|{value}")
        assert answer.status_code == (412 if len(found) > 1 else 204)
        if len(found) == 1:
            self.keep("Observation", found[0], None, "")

    @rule(
        person=patients,
        seen=st.lists(observations, min_size=1, max_size=3),
        gone=st.integers(0, 2),
        good=st.sampled_from([True, True, False]),
    )
    def transaction(self, person: dict[str, Any], seen: list[dict[str, Any]], gone: int, good: bool) -> None:
        """A new person with observations that refer to it, and a deletion; with one bad entry nothing of it."""
        link = "urn:uuid:8f2f2c2e-6f0d-4a4c-9a52-0a8f0d3a6d11"
        seen = [{**one, "subject": {"reference": link}} for one in seen]
        entries = [{"resource": one, "request": {"method": "POST", "url": "Observation"}} for one in seen]
        entries.append({"fullUrl": link, "resource": person, "request": {"method": "POST", "url": "Patient"}})
        entries.append({"request": {"method": "DELETE", "url": f"Observation/{OTHER_IDS[gone]}"}})
        if not good:
            entries.append(
                {
                    "resource": {"resourceType": "Patient", "gender": "x"},
                    "request": {"method": "POST", "url": "Patient"},
                }
            )
        answer = self.ask(
            "POST",
            "",
            {"resourceType": "Bundle", "type": "transaction", "entry": entries},
            {"prefer": "return=representation"},
        )
        if not good:
            assert answer.status_code == 422, answer.text
            return
        assert answer.status_code == 200, answer.text
        found = answer.json()["entry"]
        person_id = found[len(seen)]["resource"]["id"]
        if self.now("Observation", OTHER_IDS[gone]) is not None:
            self.keep("Observation", OTHER_IDS[gone], None, "")
        for sent, entry in zip([*seen, person], found, strict=False):
            body = entry["resource"]
            expected = {**sent, "subject": {"reference": f"Patient/{person_id}"}} if sent is not person else sent
            assert plain(body) == expected
            self.keep(body["resourceType"], body["id"], plain(body), body["meta"]["lastUpdated"])

    # -- what must be so after every step

    @invariant()
    def every_read_agrees(self) -> None:
        if not hasattr(self, "http"):
            return
        for kind, one in self.born:
            answer = self.ask("GET", f"/{kind}/{one}")
            now = self.now(kind, one)
            assert answer.status_code == (200 if now is not None else 410)
            assert now is None or plain(answer.json()) == now
        assert self.ask("GET", "/Patient/nobody").status_code == 404

    @invariant()
    def every_history_agrees(self) -> None:
        if not hasattr(self, "http") or not self.log:
            return
        kind, one, _ = self.log[-1]
        versions = self.versions[kind, one]
        entries = self.ask("GET", f"/{kind}/{one}/_history?_count=100").json()["entry"]
        assert [plain(entry["resource"]) if "resource" in entry else None for entry in entries] == [
            resource for resource, _ in reversed(versions)
        ]
        assert [entry["response"]["etag"] for entry in entries] == [
            f'W/"{number}"' for number in range(len(versions), 0, -1)
        ]
        for number, (resource, _) in enumerate(versions, 1):
            answer = self.ask("GET", f"/{kind}/{one}/_history/{number}")
            assert answer.status_code == (200 if resource is not None else 410)
            assert resource is None or plain(answer.json()) == resource
        wanted = [(of, named, number) for of, named, number in reversed(self.log) if of == kind]
        found, url = [], f"/{kind}/_history?_count=7"
        while url:
            page = self.ask("GET", url).json()
            found += [
                (*entry["fullUrl"].split("/")[-2:], int(entry["response"]["etag"][3:-1])) for entry in page["entry"]
            ]
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        assert sorted(found) == sorted(wanted) and (kind != "Patient" or found == wanted)

    @invariant()
    def every_search_of_people_agrees(self) -> None:
        if not hasattr(self, "http"):
            return
        people = self.live("Patient")
        assert self.found("/Patient?_count=3") == list(reversed(people))
        text, folded = list(NAMES.items())[len(self.log) % 3]
        for asked in (folded, text, folded.split()[-1]):
            self.agree(
                f"/Patient?name={asked}", [one for one, now in people.items() if now.get("name") == [{"text": text}]]
            )
        self.agree(
            "/Patient?gender=male,other", [one for one, now in people.items() if now.get("gender") in ("male", "other")]
        )
        self.agree("/Patient?gender:not=male", [one for one, now in people.items() if now.get("gender") != "male"])
        self.agree(
            "/Patient?birthdate=1958",
            [one for one, now in people.items() if now.get("birthDate", "").startswith("1958")],
        )
        self.agree(
            "/Patient?birthdate=gt1958-02-03",
            [one for one, now in people.items() if now.get("birthDate") in ("2001-12-31", "1958", "1958-02")],
        )

    @invariant()
    def every_search_of_observations_agrees(self) -> None:
        if not hasattr(self, "http"):
            return
        seen = self.live("Observation")
        person = PATIENT_IDS[len(self.log) % 3]
        about = [one for one, now in seen.items() if now.get("subject") == {"reference": f"Patient/{person}"}]
        self.agree(f"/Observation?patient={person}", about)
        self.agree(f"/Observation?subject=Patient/{person}", about)
        self.agree(f"/Patient/{person}/Observation", about)
        self.agree(
            "/Observation?value-quantity=gt0|http://unitsofmeasure.org|kg",
            [one for one, now in seen.items() if now.get("valueQuantity", {}).get("value", 0) > 0],
        )
        self.agree(
            "/Observation?value-quantity=lt0|http://unitsofmeasure.org|g",
            [one for one, now in seen.items() if now.get("valueQuantity", {}).get("value", 0) < 0],
        )

    @invariant()
    def every_search_over_links_agrees(self) -> None:
        if not hasattr(self, "http"):
            return
        people, seen = self.live("Patient"), self.live("Observation")
        self.agree(
            "/Observation?patient.gender=female",
            [
                one
                for one, now in seen.items()
                if people.get(now.get("subject", {}).get("reference", "")[8:], {}).get("gender") == "female"
            ],
        )
        self.agree(
            "/Patient?_has:Observation:patient:code=a",
            list(
                {
                    now["subject"]["reference"][8:]
                    for now in seen.values()
                    if "subject" in now and now["code"]["coding"][0]["code"] == "a"
                }
                & people.keys()
            ),
        )

    @invariant()
    def every_search_of_both_types_agrees(self) -> None:
        if not hasattr(self, "http"):
            return
        people, seen = self.live("Patient"), self.live("Observation")
        value = VALUES[len(self.log) % 3]
        for kind, live in (("Patient", people), ("Observation", seen)):
            holds = [one for one, now in live.items() if any(i["value"] == value for i in now.get("identifier", []))]
            self.agree(f"/{kind}?identifier={SYSTEM}|{value}", holds)
            self.agree(
                f"/{kind}?identifier:missing=true", [one for one, now in live.items() if "identifier" not in now]
            )
        if any(updated for versions in self.versions.values() for _, updated in versions):
            since = sorted(updated for versions in self.versions.values() for _, updated in versions if updated)
            moment = since[len(since) // 2]
            for kind, live in (("Patient", people), ("Observation", seen)):
                self.agree(
                    f"/{kind}?_lastUpdated=ge{moment}",
                    [one for one in live if self.versions[kind, one][-1][1] >= moment],
                )

    def agree(self, path: str, wanted: list[str]) -> None:
        found = self.found(path)
        assert sorted(found) == sorted(wanted), f"{path}: {sorted(found)}, the model says {sorted(wanted)}"
        assert len(set(found)) == len(found)
        joint = "&" if "?" in path else "?"
        total = self.ask("GET", f"{path}{joint}_summary=count").json()["total"]
        assert total == len(wanted), f"{path}: total {total}, the model says {len(wanted)}"

    def found(self, path: str) -> list[str]:
        """Ids of all pages, in order."""
        ids: list[str] = []
        while path:
            page = self.ask("GET", path).json()
            ids += [entry["resource"]["id"] for entry in page.get("entry", [])]
            path = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        return ids


@pytest.fixture
def world(database: Any, database_name: str, tmp_path: Path) -> Iterator[World]:
    loop = asyncio.new_event_loop()
    limits = replace(Settings.load({}), home=tmp_path, disk_low_mb=2, disk_full_mb=1)
    pool = loop.run_until_complete(db.connect_pool(database.url("app", database_name), min=1, max=4))
    store = loop.run_until_complete(Store.open(limits, pool, definitions.load()))
    door = routes.FhirDoor()
    door.store = store
    yield World(loop, store, door, database.url("owner", database_name))
    loop.run_until_complete(store.close())
    loop.run_until_complete(pool.close())
    loop.close()


def test_the_store_and_a_dict_agree_after_every_step(world: World) -> None:
    print(f"seed {SEED}, {EXAMPLES} examples")
    machine = type("Machine", (Machine,), {"world": world})
    run_state_machine_as_test(
        seed(SEED)(machine),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=20,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
