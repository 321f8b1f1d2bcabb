"""Validation: each rule just inside and just outside, all findings at once, with the place of each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lienmach.standards.fhir import definitions, json, validate

D = definitions.load()
ABSENT = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
OBSERVATION = '"resourceType":"Observation","status":"final","code":{"text":"x"}'


def findings(body: str) -> list[tuple[str, str]]:
    """(expression, code) of all errors."""
    return [(f.expression, f.code) for f in validate.validate(D, json.parse(body.encode())) if f.severity == "error"]


def patient(members: str) -> str:
    return '{"resourceType":"Patient",' + members + "}"


def observation(members: str) -> str:
    return "{" + OBSERVATION + "," + members + "}"


GOOD = [
    '{"resourceType":"Patient"}',
    patient('"name":[{"given":["An","Bình"],"family":"Nguyễn"}],"birthDate":"1990","gender":"female"'),
    # Primitive extensions (json.html#primitive)
    patient('"_birthDate":{"extension":[{"url":"http://x","valueString":"y"}]}'),
    patient('"birthDate":"1990","_birthDate":{"id":"b"},"_gender":{"extension":[{"url":"http://x","valueId":"y"}]}'),
    patient('"name":[{"given":["An",null],"_given":[{"id":"g"},{"extension":[{"url":"http://x","valueCode":"c"}]}]}]'),
    patient('"name":[{"given":["An","Bình"],"_given":[null,{"extension":[{"url":"http://x","valueCode":"c"}]}]}]'),
    patient('"name":[{"_given":[{"extension":[{"url":"http://x","valueCode":"c"}]}]}]'),
    '{"resourceType":"Observation","_status":{"extension":[{"url":"http://x","valueCode":"c"}]},"code":{"text":"x"}}',
    observation('"_valueString":{"extension":[{"url":"http://x","valueCode":"c"}]}'),
    observation('"valueString":"x","_valueString":{"id":"v"}'),
    # Choices
    observation('"valueQuantity":{"value":1.50},"effectiveDateTime":"2024-02-29"'),
    observation('"valueInteger":3,"effectivePeriod":{"start":"2024"}'),
    # References
    observation('"subject":{"reference":"Patient/1"}'),
    observation('"subject":{"reference":"Patient/1/_history/2"}'),
    observation('"subject":{"reference":"https://example.org/fhir/Patient/1"}'),
    observation('"subject":{"reference":"https://example.org/people/1"}'),
    observation('"subject":{"reference":"urn:uuid:0b8d2b5e-6a3f-4d0e-9b1a-1f6f0c1d2e3f"}'),
    observation('"subject":{"reference":"Patient?identifier=http://x|1"}'),
    observation('"subject":{"display":"somebody"},"focus":[{"reference":"Account/1"}]'),
    # Contained
    observation('"contained":[{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#p"}'),
    observation(
        '"contained":[{"resourceType":"Patient","id":"p","managingOrganization":{"reference":"#o"}},'
        '{"resourceType":"Organization","id":"o","name":"x"}],"subject":{"reference":"#p"}'
    ),
    observation(
        '"contained":[{"resourceType":"Provenance","id":"p","target":[{"reference":"#"}],'
        '"recorded":"2024-01-01T00:00:00Z","agent":[{"who":{"display":"x"}}]}]'
    ),
    # Bindings
    '{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":'
    '"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}',
    patient('"contact":[{"relationship":[{"coding":[{"system":"http://x","code":"any"}]}]}]'),
    # content references, resources inside
    '{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"group","item":['
    '{"linkId":"1.1","type":"string"}]}]}',
    '{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient"}},{"fullUrl":"x"}]}',
    '{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"Patient"}},'
    '{"name":"b","part":[{"name":"c","valueDecimal":1.0}]}]}',
    # Extensions
    patient('"extension":[{"url":"http://x","extension":[{"url":"y","valueAddress":{"city":"Huế"}}]}]'),
    patient('"extension":[{"url":"http://x","_valueDate":{"extension":[{"url":"http://y","valueCode":"c"}]}}]'),
]


@pytest.mark.parametrize("body", GOOD)
def test_good_resources_have_no_findings(body: str) -> None:
    assert validate.validate(D, json.parse(body.encode())) == []


BAD = [
    # Types and elements
    ('{"resourceType":"Patientt"}', ("Resource", "not-supported")),
    ('{"resourceType":"DomainResource"}', ("Resource", "not-supported")),
    ('{"resourceType":["Patient"]}', ("Resource", "not-supported")),
    ('{"name":[]}', ("Resource", "structure")),
    (patient('"nom":"x"'), ("Patient.nom", "structure")),
    (patient('"name":[{"nom":"x"}]'), ("Patient.name[0].nom", "structure")),
    (patient('"name":[{"resourceType":"HumanName","text":"x"}]'), ("Patient.name[0].resourceType", "structure")),
    (patient('"fhir_comments":["x"]'), ("Patient.fhir_comments", "structure")),
    (patient('"name":{"text":"x"}'), ("Patient.name", "structure")),
    (patient('"birthDate":["1990"]'), ("Patient.birthDate", "value")),
    (patient('"active":"true"'), ("Patient.active", "value")),
    (patient('"active":null'), ("Patient.active", "value")),
    (patient('"maritalStatus":"M"'), ("Patient.maritalStatus", "value")),
    (patient('"maritalStatus":null'), ("Patient.maritalStatus", "value")),
    (patient('"meta":{"accounts":[]}'), ("Patient.meta.accounts", "structure")),
    (patient('"id":"a b"'), ("Patient.id", "value")),
    # Nothing is empty
    (patient('"name":[]'), ("Patient.name", "structure")),
    (patient('"name":[{}]'), ("Patient.name[0]", "invariant")),
    (patient('"name":[{"id":"x"}]'), ("Patient.name[0]", "invariant")),
    (patient('"name":[null]'), ("Patient.name[0]", "structure")),
    (patient('"name":[{"text":""}]'), ("Patient.name[0].text", "value")),
    (patient('"maritalStatus":{}'), ("Patient.maritalStatus", "invariant")),
    (patient('"contact":[{}]'), ("Patient.contact[0]", "invariant")),
    # Required
    ('{"resourceType":"Observation","code":{"text":"x"}}', ("Observation.status", "required")),
    (observation('"component":[{"valueString":"x"}]'), ("Observation.component[0].code", "required")),
    (
        '{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{"display":"x"}}',
        ("MedicationRequest.medication", "required"),
    ),
    (patient('"communication":[{"preferred":true}]'), ("Patient.communication[0].language", "required")),
    (
        '{"resourceType":"Provenance","recorded":"2024-01-01T00:00:00Z","agent":[{"who":{"display":"x"}}]}',
        ("Provenance.target", "required"),
    ),
    # Primitives in lists and their twins
    (patient('"name":[{"given":["An",""]}]'), ("Patient.name[0].given[1]", "value")),
    (patient('"name":[{"given":["An",null]}]'), ("Patient.name[0].given[1]", "structure")),
    (patient('"name":[{"given":["An",null],"_given":[null,null]}]'), ("Patient.name[0].given[1]", "structure")),
    (
        patient(
            '"name":[{"given":["An"],"_given":[{"id":"g"},{"id":"g","extension":[{"url":"http://x","valueCode":"c"}]}'
            "]}]"
        ),
        ("Patient.name[0].given", "structure"),
    ),
    (patient('"name":[{"given":["An",null],"_given":[null,{"id":"g"}]}]'), ("Patient.name[0].given[1]", "invariant")),
    (patient('"name":[{"_given":[null]}]'), ("Patient.name[0].given[0]", "structure")),
    (patient('"_birthDate":{"id":"b"}'), ("Patient.birthDate", "invariant")),
    (patient('"name":[{"given":["An"],"_given":{"id":"g"}}]'), ("Patient.name[0].given", "structure")),
    (patient('"name":[{"given":["An"],"_given":[{}]}]'), ("Patient.name[0].given[0]", "invariant")),
    (patient('"_birthDate":{"extension":[]}'), ("Patient.birthDate.extension", "structure")),
    (patient('"_birthDate":"x"'), ("Patient.birthDate", "value")),
    (patient('"_birthDate":{"value":"x"}'), ("Patient.birthDate.value", "structure")),
    (patient('"_birthDate":[{"id":"b"}]'), ("Patient.birthDate", "value")),
    (patient('"_name":[{"id":"b"}]'), ("Patient._name", "structure")),
    (patient('"_id":{"id":"b"}'), ("Patient._id", "structure")),
    # Choices
    (observation('"valueString":"x","valueInteger":1'), ("Observation.value", "structure")),
    (
        observation('"valueString":"x","_valueInteger":{"extension":[{"url":"http://x","valueCode":"c"}]}'),
        ("Observation.value", "structure"),
    ),
    (observation('"valueDecimal":1.0'), ("Observation.valueDecimal", "structure")),
    (observation('"value":"x"'), ("Observation.value", "structure")),
    (observation('"valueInteger":1.0'), ("Observation.value", "value")),
    # References
    (observation('"subject":{"reference":"Practitioner/1"}'), ("Observation.subject.reference", "value")),
    (
        observation('"subject":{"reference":"https://example.org/Practitioner/1"}'),
        ("Observation.subject.reference", "value"),
    ),
    (observation('"subject":{"reference":"Patiant/1"}'), ("Observation.subject.reference", "value")),
    (observation('"subject":{"reference":"Patient/"}'), ("Observation.subject.reference", "value")),
    (observation('"subject":{"reference":"1"}'), ("Observation.subject.reference", "value")),
    (observation('"subject":{"reference":"Practitioner?name=x"}'), ("Observation.subject.reference", "value")),
    (observation('"focus":[{"reference":"Nothing/1"}]'), ("Observation.focus[0].reference", "value")),
    (observation('"subject":{"reference":"#p"}'), ("Observation.subject.reference", "not-found")),
    # Contained
    (
        observation('"contained":[{"resourceType":"Patient","id":"q"}],"subject":{"reference":"#p"}'),
        ("Observation.subject.reference", "not-found"),
    ),
    (observation('"contained":[{"resourceType":"Patient"}]'), ("Observation.contained[0].id", "required")),
    (
        observation('"contained":[{"resourceType":"Patient","id":"p","nom":1}],"subject":{"reference":"#p"}'),
        ("Observation.contained[0].nom", "structure"),
    ),
    (observation('"contained":[{"id":"p"}],"subject":{"reference":"#p"}'), ("Observation.contained[0]", "structure")),
    (
        observation(
            '"contained":[{"resourceType":"Patient","id":"p"},{"resourceType":"Group","id":"p","type":"person",'
            '"actual":true}],"subject":{"reference":"#p"}'
        ),
        ("Observation.contained[1].id", "duplicate"),
    ),
    (
        observation(
            '"contained":[{"resourceType":"Patient","id":"p","contained":[{"resourceType":"Basic","id":"b",'
            '"code":{"text":"x"}}]}],"subject":{"reference":"#p"}'
        ),
        ("Observation.contained[0].contained", "invariant"),
    ),
    # Bindings
    (patient('"gender":"Female"'), ("Patient.gender", "code-invalid")),
    (patient('"gender":"f m"'), ("Patient.gender", "code-invalid")),
    (
        '{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":'
        '"http://x","code":"active"}]}}',
        ("Condition.clinicalStatus", "code-invalid"),
    ),
    (
        '{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"text":"active"}}',
        ("Condition.clinicalStatus", "code-invalid"),
    ),
    # Extensions
    (patient('"extension":[{"valueString":"x"}]'), ("Patient.extension[0].url", "required")),
    (patient('"extension":[{"url":"http://x"}]'), ("Patient.extension[0]", "invariant")),
    (
        patient('"extension":[{"url":"http://x","valueString":"x","extension":[{"url":"y","valueCode":"z"}]}]'),
        ("Patient.extension[0]", "invariant"),
    ),
    (
        patient('"extension":[{"url":"http://x","valueString":"x","valueCode":"y"}]'),
        ("Patient.extension[0].value", "structure"),
    ),
    # Inside of others
    (
        '{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","active":1}}]}',
        ("Bundle.entry[0].resource.active", "value"),
    ),
    (
        '{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"X"}}]}',
        ("Bundle.entry[0].resource", "not-supported"),
    ),
    (
        '{"resourceType":"Parameters","parameter":[{"name":"a","part":[{"valueString":"x"}]}]}',
        ("Parameters.parameter[0].part[0].name", "required"),
    ),
    (
        '{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"group","item":['
        '{"linkId":"1.1","type":"x"}]}]}',
        ("Questionnaire.item[0].item[0].type", "code-invalid"),
    ),
    (patient('"text":{"status":"generated","div":"<script/>"}'), ("Patient.text.div", "value")),
    (patient('"photo":[{"data":"?"}]'), ("Patient.photo[0].data", "value")),
]


@pytest.mark.parametrize(("body", "expected"), BAD)
def test_each_broken_rule_is_found_at_its_place(body: str, expected: tuple[str, str]) -> None:
    assert findings(body) == [expected]


def test_all_findings_come_at_once() -> None:
    body = patient('"x":1,"gender":"m","birthDate":"2023-02-29","name":[{"given":[""]},{}]')
    assert findings(body) == [
        ("Patient.x", "structure"),
        ("Patient.gender", "code-invalid"),
        ("Patient.birthDate", "value"),
        ("Patient.name[0].given[0]", "value"),
        ("Patient.name[1]", "invariant"),
    ]


@pytest.mark.parametrize("count", [100, 101, 3000])
def test_after_a_hundred_findings_one_says_that_there_are_more(count: int) -> None:
    found = validate.validate(D, {"resourceType": "Patient", "name": [{}] * count})
    assert len(found) == (100 if count == 100 else 101)
    assert ("There are more" in found[-1].diagnostics) == (count > 100)


def test_an_error_behind_very_many_open_questions_is_not_lost() -> None:
    nulls = {"given": [None] * 400, "_given": [{"extension": [ABSENT]}] * 400}
    assert validate.validate(D, {"resourceType": "Patient", "name": [nulls]}) == []
    bad = {"given": [None] * 400 + ["", "a"], "_given": [{"extension": [ABSENT]}] * 400 + [None, None]}
    assert [f.expression for f in validate.validate(D, {"resourceType": "Patient", "name": [bad]})] == [
        "Patient.name[0].given[400]"
    ]
    contained = {"resourceType": "Group", "id": "g", "type": "person", "actual": True}
    many: dict[str, Any] = {
        "resourceType": "List",
        "status": "current",
        "mode": "working",
        "contained": [contained],
        "entry": [{"item": {"reference": "#g"}}] * 400,
    }
    assert validate.validate(D, many) == []
    many["entry"] = [*many["entry"], {"item": {"reference": "#h"}}, {"deleted": 1, "item": {"display": "x"}}]
    assert {f.expression for f in validate.validate(D, many)} == {
        "List.entry[400].item.reference",
        "List.entry[401].deleted",
    }


def test_an_unreferred_contained_resource_is_a_warning_only() -> None:
    found = validate.validate(
        D, json.parse(patient('"contained":[{"resourceType":"Organization","id":"o","name":"x"}]').encode())
    )
    assert [(f.severity, f.expression) for f in found] == [("warning", "Patient.contained[0]")]


def test_another_type_than_that_of_the_url_is_refused() -> None:
    assert validate.validate(D, {"resourceType": "Patient"}, type_expected="Patient") == []
    assert len(validate.validate(D, {"resourceType": "Patient"}, type_expected="Group")) == 1


def test_sentences_do_not_repeat_long_values() -> None:
    for value in ("x" * 5000, {"reference": "y" * 5000}):
        for found in validate.validate(
            D, {"resourceType": "Patient", "id": value, "gender": value, "z" * 5000: 1, "managingOrganization": value}
        ):
            assert len(found.diagnostics) < 400 and len(found.expression) < 200


names = st.sampled_from(
    sorted(
        {
            *D.elements("Patient"),
            *D.elements("HumanName"),
            *D.elements("Extension"),
            "_given",
            "_birthDate",
            "valueString",
            "reference",
            "contained",
            "resourceType",
            "coding",
            "div",
        }
    )
)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.just(Decimal("1.5"))
    | st.sampled_from(["Patient", "Patient/1", "#a", "male", "2024"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=300)
@given(st.dictionaries(names, anything, max_size=5), st.sampled_from(["Patient", "Bundle", "Parameters", "Basic"]))
def test_any_json_is_judged(value: dict[str, Any], name: str) -> None:
    validate.validate(D, {**value, "resourceType": name})
    validate.validate(D, value)
