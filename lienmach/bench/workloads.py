"""What is asked of the node, with the budget of each: docs/explanation and the table of budgets name the same ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

from lienmach.bench import data
from lienmach.bench.client import request
from lienmach.bench.node import Node

BUSY_PATIENTS = 500  # have WEIGHTS weights each, for the page of 20
WEIGHTS = 30
TRANSACTION_PATIENTS = 5  # × 20 entries
_NEW = 10_000_000  # numbers of patients that workloads make


@dataclass(frozen=True)
class Workload:
    """make: the next request's bytes. per: how many resources one request stands for. budget_ms: CPU for each."""

    name: str
    title: str
    budget_ms: float
    moonshot_ms: float
    make: Callable[[], bytes]
    per: int = 1


def all_of(node: Node, patients: int) -> list[Workload]:
    """The workloads on a node that holds patients 0 to `patients`, of which the first are busy ones."""
    chance = Random(7)
    fresh = itertools.count(_NEW)
    again = itertools.count()
    batches = itertools.count(_NEW * 10, TRANSACTION_PATIENTS)
    busy = min(BUSY_PATIENTS, patients)

    def ask(method: str, path: str, body: bytes | None = None) -> bytes:
        return request(method, "/fhir" + path, node.address, node.token, body)

    def create() -> bytes:
        return ask("POST", "/Patient", data.dump(data.patient(next(fresh), with_id=False)))

    def read() -> bytes:
        return ask("GET", f"/Patient/{data.patient_id(chance.randrange(patients))}")

    def update() -> bytes:
        at = next(again)
        changed = data.patient(at % patients)
        changed["telecom"] = [{"system": "phone", "value": f"03{at % 10**8:08d}", "use": "mobile"}]
        return ask("PUT", f"/Patient/{changed['id']}", data.dump(changed))

    def by_identifier() -> bytes:
        number = chance.randrange(patients)
        return ask("GET", f"/Patient?identifier={quote(data.IDENTIFIER_SYSTEM, safe='')}%7C{data.identifier(number)}")

    def page() -> bytes:
        return ask(
            "GET",
            f"/Observation?patient=Patient/{data.patient_id(chance.randrange(busy))}"
            f"&code={quote(data.LOINC, safe='')}%7C{data.WEIGHT}&_sort=-date&_count=20",
        )

    def transaction() -> bytes:
        return ask("POST", "", data.transaction(next(batches), TRANSACTION_PATIENTS))

    return [
        Workload("create", "create Patient, durable", 1.0, 0.5, create),
        Workload("read", "read", 0.2, 0.1, read),
        Workload("update", "update", 1.2, 0.6, update),
        Workload("search_identifier", "search by identifier", 0.4, 0.2, by_identifier),
        Workload("search_page", "search page of 20", 1.0, 0.5, page),
        Workload(
            "transaction",
            "transaction of 100, per resource",
            0.5,
            0.25,
            transaction,
            TRANSACTION_PATIENTS * data.RESOURCES_A_PATIENT,
        ),
    ]


def searches(node: Node, patients: int) -> dict[str, Callable[[], bytes]]:
    """The searches whose growth is watched."""
    chance = Random(11)
    found = {one.name: one.make for one in all_of(node, patients) if one.name.startswith("search")}

    def by_name() -> bytes:
        person = data.patient(chance.randrange(patients))["name"][0]["text"]
        return request("GET", f"/fhir/Patient?name={quote(person)}&_count=20", node.address, node.token)

    def chart() -> bytes:
        return request(
            "GET",
            f"/fhir/Observation?patient={data.patient_id(chance.randrange(patients))}&date=ge2018&_count=20",
            node.address,
            node.token,
        )

    return {**found, "search_name": by_name, "search_patient_date": chart}
