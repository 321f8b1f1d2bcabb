"""Composites: the parts must hold in one place; and the special parameter `near`."""

from __future__ import annotations

import pytest

from lienmach.base import errors
from tests.record.index.shelves import Shelf, condition

UCUM = "http://unitsofmeasure.org"


def coded(code: str, system: str = "http://loinc.org") -> dict:
    return {"coding": [{"system": system, "code": code}]}


def pressure(name: str, systolic: int, diastolic: int) -> dict:
    def part(code: str, value: int) -> dict:
        return {"code": coded(code), "valueQuantity": {"value": value, "system": UCUM, "code": "mm[Hg]"}}

    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": coded("85354-9"),
        "component": [part("8480-6", systolic), part("8462-4", diastolic)],
    }


async def test_code_and_value_must_stand_in_the_same_component(shelf: Shelf):
    await shelf.put(pressure("a", 150, 80), pressure("b", 80, 150))
    for name in ("component-code-value-quantity", "combo-code-value-quantity"):
        for code in ("8480-6", "http://loinc.org|8480-6"):
            assert await shelf.find("Observation", f"{name}={code}$gt140") == {"a"}, name
            assert await shelf.find("Observation", f"{name}={code}$gt18|{UCUM}|kPa") == {"a"}, name
        assert await shelf.find("Observation", f"{name}=urn:x|8480-6$gt140") == set()
        assert await shelf.find("Observation", f"{name}=8462-4$gt140,8480-6$gt140") == {"a", "b"}
    assert await shelf.find("Observation", "code-value-quantity=8480-6$gt140") == set()


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("code-value-concept=c$v", True),
        ("code-value-concept=http://loinc.org|c$http://loinc.org|v", True),
        ("code-value-concept=c$urn:x|v", False),
        ("code-value-concept=v$c", False),
        ("combo-code-value-concept=c$v", True),
        ("component-code-value-concept=c$v", False),
    ],
)
async def test_two_codes_are_paired(shelf: Shelf, query: str, matches: bool):
    await shelf.put(
        {
            "resourceType": "Observation",
            "id": "a",
            "status": "final",
            "code": coded("c"),
            "valueCodeableConcept": coded("v"),
        }
    )
    assert await shelf.find("Observation", query) == ({"a"} if matches else set())


async def test_a_code_is_paired_with_a_date_or_a_text(shelf: Shelf):
    await shelf.put(
        {
            "resourceType": "Observation",
            "id": "d",
            "status": "final",
            "code": coded("c"),
            "valueDateTime": "2024-05-10",
        },
        {"resourceType": "Observation", "id": "s", "status": "final", "code": coded("c"), "valueString": "Âm tính"},
    )
    assert await shelf.find("Observation", "code-value-date=c$ge2024-05") == {"d"}
    assert await shelf.find("Observation", "code-value-date=c$lt2024-05") == set()
    assert await shelf.find("Observation", "code-value-string=c$am t") == {"s"}
    assert await shelf.find("Observation", "code-value-string=x$am t") == set()


async def test_a_code_is_paired_with_a_reference_and_with_two_numbers(shelf: Shelf):
    await shelf.put(
        {
            "resourceType": "DocumentReference",
            "id": "a",
            "status": "current",
            "relatesTo": [
                {"code": "replaces", "target": {"reference": "DocumentReference/1"}},
                {"code": "signs", "target": {"reference": "DocumentReference/2"}},
            ],
        },
        {
            "resourceType": "MolecularSequence",
            "id": "m",
            "coordinateSystem": 0,
            "referenceSeq": {"chromosome": coded("1", "urn:c"), "windowStart": 10, "windowEnd": 20},
            "variant": [{"start": 12, "end": 13}],
        },
    )
    assert await shelf.find("DocumentReference", "relationship=replaces$DocumentReference/1") == {"a"}
    assert await shelf.find("DocumentReference", "relationship=replaces$1") == {"a"}
    assert await shelf.find("DocumentReference", "relationship=replaces$DocumentReference/2") == set()
    assert await shelf.find("MolecularSequence", "chromosome-window-coordinate=1$lt11$gt19") == {"m"}
    assert await shelf.find("MolecularSequence", "chromosome-window-coordinate=1$gt11$gt19") == set()
    assert await shelf.find("MolecularSequence", "chromosome-variant-coordinate=urn:c|1$12$13") == {"m"}


async def test_the_use_context_of_an_artifact_is_paired(shelf: Shelf):
    await shelf.put(
        {
            "resourceType": "ValueSet",
            "id": "a",
            "status": "active",
            "useContext": [
                {
                    "code": {"system": "urn:k", "code": "age"},
                    "valueRange": {"low": {"value": 18}, "high": {"value": 60}},
                },
                {"code": {"system": "urn:k", "code": "focus"}, "valueCodeableConcept": coded("x")},
            ],
        }
    )
    assert await shelf.find("ValueSet", "context-type-quantity=age$gt20") == {"a"}
    assert await shelf.find("ValueSet", "context-type-quantity=focus$gt20") == set()
    assert await shelf.find("ValueSet", "context-type-value=focus$x") == {"a"}
    assert await shelf.find("ValueSet", "context-type-value=age$x") == set()


def test_a_composite_implies_the_plain_code_so_that_a_query_may_start_there():
    for query in ("code-value-quantity=8480-6$gt1", "combo-code-value-quantity=8480-6$gt1", "code-value-concept=a$b"):
        implied = condition("Observation", query).implies
        assert implied is not None and implied.hot and implied.terms


@pytest.mark.parametrize(
    "query",
    [
        "code-value-quantity=8480-6",
        "code-value-quantity=$5",
        "code-value-quantity=a$5$6",
        "code-value-quantity=http://loinc.org|$5",
        "code-value-quantity=a$x",
        "code-value-date=a$x",
    ],
)
def test_a_composite_without_its_parts_is_refused(query: str):
    with pytest.raises(errors.Invalid, match=query.partition("=")[0]):
        condition("Observation", query)


def test_a_composite_has_no_modifiers():
    for modifier in ("missing", "exact"):
        with pytest.raises(errors.UnknownParameter):
            condition("Observation", f"code-value-quantity:{modifier}=true")


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("21.0285|105.8542|1|km", True),
        ("21.0|105.85", True),
        ("21.0|105.85|3|km", False),
        ("21.0|105.85|3500|m", True),
        ("10.8|106.7|1000|km", False),
        ("10.8|106.7|1200|km", True),
        ("21.0285|105.8542|0|km", True),
        ("21.0285|-74", False),
    ],
)
async def test_near_measures_on_the_sphere(shelf: Shelf, query: str, matches: bool):
    await shelf.put(
        {"resourceType": "Location", "id": "a", "position": {"latitude": 21.0285, "longitude": 105.8542}},
        {"resourceType": "Location", "id": "b"},
    )
    assert await shelf.find("Location", f"near={query}") == ({"a"} if matches else set())


@pytest.mark.parametrize(
    "value", ["21", "21|200", "91|0", "a|b", "21|105|5|miles", "21|105|-1", "NaN|0", "0|0|1e99999999"]
)
def test_a_place_that_is_none_is_refused(value: str):
    with pytest.raises(errors.Invalid, match="'near'"):
        condition("Location", f"near={value}")
