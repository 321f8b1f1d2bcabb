"""Search expressions: every one of R4 compiles, what it finds is right, what we do not support is named."""

from __future__ import annotations

from typing import Any

import pytest

from lienmach.standards.fhir import definitions, path, path_syntax
from lienmach.standards.fhir.path_closures import Closures
from lienmach.standards.fhir.path_types import Schema

STANDARD = definitions.load()
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "active": True,
    "birthDate": "1958-02-01",
    "_birthDate": {"extension": [{"url": "t", "valueDateTime": "1958-02-01T08:00:00+07:00"}]},
    "name": [
        {"use": "official", "family": "Trần", "given": ["Thử", None], "_given": [None, {"id": "x"}]},
        {"use": "nickname", "given": ["Tí"]},
    ],
    "telecom": [{"system": "phone", "value": "0900"}, {"system": "email", "value": "a@b"}],
    "link": [
        {"other": {"reference": "RelatedPerson/1"}},
        {"other": {"reference": "Patient/2"}},
        {"other": {"reference": "#c"}},
    ],
    "contained": [{"resourceType": "RelatedPerson", "id": "c", "name": [{"family": "Lê"}]}],
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"text": "a"},
    "valueQuantity": {"value": 1},
    "component": [{"code": {"text": "b"}, "valueString": "x"}, {"code": {"text": "c"}, "valueQuantity": {"value": 2}}],
}
_EVERY = [
    (one.code, base, one.expression)
    for one in STANDARD.search_parameters()
    if one.expression
    for base in (STANDARD.types if one.base[0] in ("Resource", "DomainResource") else one.base)
]


def found(expression: str, resource: dict[str, Any]) -> list[Any]:
    return [value for _, value in path.compile(STANDARD, expression, resource["resourceType"]).find(resource)]


def test_every_search_expression_of_r4_compiles_to_something():
    nothing = [(code, base) for code, base, text in _EVERY if not path.compile(STANDARD, text, base).branches]
    assert len(_EVERY) > 1900 and nothing == []


def test_every_component_of_every_composite_compiles():
    for one in STANDARD.search_parameters():
        for base in one.base if one.components else ():
            for datatype in path.compile(STANDARD, one.expression, base).datatypes:
                for _, text in one.components:
                    assert path.compile(STANDARD, text, datatype).branches, (one.url, text)


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("Patient.active", [True]),
        ("Patient.name.given", ["Thử", "Tí"]),
        ("Patient.name.where(use='official').family", ["Trần"]),
        ("Patient.name.where(use = 'old').family", []),
        ("Patient.name.where(given.exists($this = 'Tí')).use", ["nickname"]),
        ("Patient.name.where(use='official' and family.exists()).given.first()", ["Thử"]),
        ("Patient.name[1].given", ["Tí"]),
        ("Patient.name[7].given", []),
        ("Patient.name.last().use", ["nickname"]),
        ("Patient.telecom.where(system='email').value | Patient.telecom.where(system='phone').value", ["a@b", "0900"]),
        ("Practitioner.name | Patient.birthDate", ["1958-02-01"]),
        ("Patient.birthDate.extension('t').value.ofType(dateTime)", ["1958-02-01T08:00:00+07:00"]),
        ("Patient.birthDate.extension('u').value", []),
        (
            "Patient.link.other.where(resolve() is RelatedPerson)",
            [{"reference": "RelatedPerson/1"}, {"reference": "#c"}],
        ),
        ("Patient.link.other.where(resolve() is Patient)", [{"reference": "Patient/2"}]),
        ("Patient.deceased.exists() and Patient.deceased != false", [False]),
        ("Patient.deceased.exists().not()", [True]),
        ("Patient.active = true or Patient.deceased.exists()", [True]),
        ("Patient.active xor Patient.active", [False]),
        ("Patient.contained.ofType(RelatedPerson).name.family", ["Lê"]),
        ("%resource.birthDate", ["1958-02-01"]),
        ("Patient.name.exists(use = 'nickname')", [True]),
        ("Patient.gender.empty()", [True]),
        ("Patient.maritalStatus.coding.code", []),
        ("`Patient`.`active`", [True]),
    ],
)
def test_what_a_patient_answers(expression: str, values: list[Any]):
    assert found(expression, PATIENT) == values


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("Observation.value", [{"value": 1}]),
        ("Observation.value.ofType(Quantity)", [{"value": 1}]),
        ("(Observation.value as Quantity)", [{"value": 1}]),
        ("Observation.value.as(string)", []),
        ("Observation.valueQuantity.value", [1]),
        ("Observation.component.value.ofType(Quantity)", [{"value": 2}]),
        ("Observation.component.where(value is string).code.text", ["b"]),
        ("Observation.code.text | Observation.component.code.text", ["a", "b", "c"]),
        ("Observation.effective.ofType(DateTime)", []),
    ],
)
def test_choice_types_are_told_by_their_json_name(expression: str, values: list[Any]):
    assert found(expression, OBSERVATION) == values


def test_straight_lines_and_closures_find_the_same():
    for resource in (PATIENT, OBSERVATION):
        kind = resource["resourceType"]
        for _, base, text in _EVERY:
            if base == kind:
                run, _ = Closures(Schema(STANDARD, kind)).closure(path_syntax.parse(text), frozenset((kind,)))
                assert path.compile(STANDARD, text, kind).find(resource) == run([(kind, resource)], resource), text


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ({"reference": "Patient/1"}, "Patient"),
        ({"reference": "https://a/fhir/Patient/1/_history/2"}, "Patient"),
        ({"reference": "Patient?identifier=1"}, "Patient"),
        ({"reference": "#c"}, "RelatedPerson"),
        ({"reference": "urn:uuid:1", "type": "Group"}, "Group"),
        ({"identifier": {"value": "1"}}, ""),
        ({"reference": "#nowhere"}, ""),
        ({"reference": 5}, ""),
        ("http://a/ValueSet/x", "ValueSet"),
        (None, ""),
    ],
)
def test_the_type_behind_a_reference_is_read_from_its_text(reference: Any, kind: str):
    assert path.type_of_reference(reference, PATIENT) == kind


@pytest.mark.parametrize(
    ("expression", "piece"),
    [
        ("Patient.name.family.matches('(a+)+$')", "matches()"),
        ("Patient.nonsense", "'nonsense'"),
        ("Patient.name.count()", "count()"),
        ("Patient.birthDate > '2000'", "'>'"),
        ("Patient.name + 'a'", "'+'"),
        ("Patient.managingOrganization.resolve().name", "resolve()"),
        ("Patient.name.where(%resource.active)", "%resource"),
        ("Patient.name.ofType(Nonsense)", "'Nonsense'"),
        ("%vs-x.name", "%vs"),
        ("Patient.name[", "the end"),
        ("Patient.name)", "')'"),
        ("Patient..name", "'.'"),
        ("'open", "'open"),
        ("", "the end"),
        ("(" * 60 + "Patient" + ")" * 60, "nested"),
        ("Patient.name" * 2000, "10000"),
        ("Patient.extension.value.extension.value.extension.value", "ways"),
        ("Patient.name[-1]", "index"),
        ("Patient.extension(name)", "quotes"),
        ("Patient.name.where()", "where()"),
    ],
)
def test_what_is_not_supported_is_named(expression: str, piece: str):
    with pytest.raises(path.PathError) as refused:
        path.compile(STANDARD, expression, "Patient")
    assert piece in str(refused.value)


@pytest.mark.parametrize(
    "broken",
    [{"name": "text"}, {"name": [5]}, {"name": {"given": "x"}}, {"link": [{"other": "x"}]}, {"telecom": [None, [], 1]}],
)
def test_a_resource_of_wrong_shape_does_not_break_a_path(broken: dict[str, Any]):
    for _, base, text in _EVERY:
        if base == "Patient":
            path.compile(STANDARD, text, "Patient").find({"resourceType": "Patient", **broken})
