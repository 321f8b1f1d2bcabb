"""SearchParameter resources of a tenant's own: what can be served, and a sentence for what can not."""

from __future__ import annotations

from typing import Any

import pytest

from lienmach.record.index import custom
from lienmach.record.index.parameters import Building, Parameters
from tests.record.index.shelves import PARAMETERS, STANDARD, Shelf


def resource(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter",
        "url": "https://node.example/SearchParameter/x",
        "name": "x",
        "status": "active",
        "description": "x",
        "code": "x",
        "base": ["Patient"],
        "type": "token",
        "expression": "Patient.maritalStatus",
        **changes,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"base": ["Patient", "Person"], "expression": "Patient.gender | Person.gender"},
        {"base": ["Resource"], "expression": "Resource.language"},
        {"status": "draft", "expression": "what("},
        {"code": "name", "expression": "("},
        {
            "type": "composite",
            "expression": "Patient.contact",
            "component": [
                {"definition": "http://x", "expression": "relationship"},
                {"definition": "http://y", "expression": "gender"},
            ],
        },
    ],
)
def test_what_can_be_served_or_has_no_effect_may_be_stored(changes: dict[str, Any]):
    assert custom.refusal(STANDARD, resource(**changes)) is None


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"expression": "Patient.name.matches('(a+)+$')"}, "matches()"),
        ({"expression": ""}, "expression"),
        ({"expression": "Patient.nonsense"}, "nonsense"),
        ({"expression": "Observation.code"}, "finds nothing"),
        ({"type": "special"}, "special"),
        ({"type": "quantity"}, "cannot index"),
        ({"code": "a b"}, "a b"),
        ({"code": "a:b"}, "a:b"),
        ({"base": ["Cat"]}, "Cat"),
        ({"url": ""}, "url"),
        ({"type": "composite"}, "component"),
        ({"expression": "(" * 3000}, "nested"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_reason(changes: dict[str, Any], word: str):
    issue = custom.refusal(STANDARD, resource(**changes))
    assert issue is not None and word in issue.diagnostics


def test_a_definition_survives_its_row_in_the_database():
    one = custom.definition_of(resource(target=["Group"], component=[{"definition": "a", "expression": "b"}]))
    assert one is not None and custom.from_json(custom.to_json(one)) == one


def test_a_custom_parameter_may_read_a_standard_one_but_never_the_other_way_round():
    same = custom.definition_of(resource(code="b", type="string", expression="Patient.name"))
    assert same is not None
    with_it = Parameters(STANDARD, [same]).of("Patient")
    assert [one.code for one in with_it["b"].reads] == ["name"]
    assert with_it["name"].sources[0].code == "name" and not with_it["name"].reads
    assert set(with_it) - set(PARAMETERS.of("Patient")) == {"b"}


async def test_a_parameter_of_its_own_indexes_what_it_finds(shelf: Shelf):
    one = custom.definition_of(resource())
    assert one is not None
    shelf.parameters = Parameters(STANDARD, [one])
    await shelf.put({"resourceType": "Patient", "id": "a", "maritalStatus": {"coding": [{"code": "M"}]}})
    assert await shelf.find("Patient", "x=M") == {"a"}
    assert await shelf.find("Patient", "x:not=M") == set()


def test_a_parameter_in_building_is_written_but_not_asked():
    one = custom.definition_of(resource())
    assert one is not None
    found = Parameters(STANDARD, [one], {one.url: Building(5, 10)}).of("Patient")["x"]
    assert found.building is not None and found.building.total == 10
