"""Prescriptions that contain medicines, an observation that contains observations, and how they are searched."""

from __future__ import annotations

from typing import Any

from test_search_cases import ask

from lienmach.base.actor import Actor
from lienmach.record.transaction import Store

SYSTEM = "urn:test:drug"


def drug(name: str, code: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Medication", "id": name, "code": {"coding": [{"system": SYSTEM, "code": code}]}, **more}


def order(name: str, *inner: dict[str, Any], patient: str = "an") -> dict[str, Any]:
    """A prescription with what it contains."""
    found = {
        "resourceType": "MedicationRequest",
        "id": name,
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient}"},
        "medicationReference": {"reference": f"#{inner[0]['id']}"} if inner else {"reference": "Medication/alone"},
    }
    return {**found, "contained": list(inner)} if inner else found


WARD = [
    {"resourceType": "Patient", "id": "an", "name": [{"text": "Nguyễn Văn An"}]},
    drug("alone", "para", status="active", identifier=[{"system": "urn:lot", "value": "0"}]),
    order("r1", drug("m1", "para", status="active", identifier=[{"system": "urn:lot", "value": "1"}])),
    order("r2", drug("m1", "amox", status="inactive"), drug("m2", "para", status="active")),
    order("r3", drug("m1", "para"), drug("m2", "para"), drug("m3", "para")),
    order("r4"),
    {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/an"},
        "effectiveDateTime": "2024-05-01",
        "hasMember": [{"reference": "#a"}, {"reference": "#b"}],
        "contained": [
            {
                "resourceType": "Observation",
                "id": "a",
                "status": "final",
                "effectiveDateTime": "2020-03-01",
                "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
                "subject": {"reference": "Patient/an"},
                "valueQuantity": {
                    "value": 120,
                    "unit": "mmHg",
                    "system": "http://unitsofmeasure.org",
                    "code": "mm[Hg]",
                },
            },
            {"resourceType": "Observation", "id": "b", "status": "final", "code": {"text": "ống nghiệm"}},
        ],
    },
    {
        "resourceType": "Observation",
        "id": "o2",
        "status": "final",
        "effectiveDateTime": "2021-01-01",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
        "subject": {"reference": "Patient/an"},
    },
]


async def found(store: Store, query: str, actor: Actor | None = None) -> list[str]:
    """Ids in order; the total must agree."""
    page = await ask(store, query, *([actor] if actor else []))
    assert page.total == len(page.matches), query
    counted = await ask(store, query + "&_summary=count", *([actor] if actor else []))
    assert counted.total == page.total, query
    return [f"{one.type}/{one.id}" for one in page.matches]


async def ids(store: Store, query: str) -> set[str]:
    return {one.partition("/")[2] for one in await found(store, query)}


async def rows_below_zero(store: Store) -> int:
    async with store.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local lienmach.tenant = '1'")
        return sum(
            [
                await connection.fetchval(f"select count(*) from {table} where rid < 0")
                for table in ("ix", "post", "str", "dat", "num")
            ]
        )
