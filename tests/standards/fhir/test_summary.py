"""`_summary` and `_elements`: what stays keeps its bytes, what is cut is said."""

from __future__ import annotations

import pytest

from lienmach.standards.fhir import definitions, json, summary, validate

D = definitions.load()
TAG = '{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}'
OBSERVATION = (
    '{"resourceType":"Observation","id":"a","meta":{"versionId":"1"},"text":{"status":"generated","div":"<div/>"},'
    '"extension":[{"url":"http://x"}],"modifierExtension":[{"url":"http://y"}],"status":"final",'
    '"_status":{"id":"s"},"code":{"text":"x", "coding":[]},"valueQuantity":{"value": 1.50 },"note":[{"text":"n"}],'
    '"component":[{"code":{"text":"c"},"valueString":"v","referenceRange":[{"text":"r"}]}]}'
)


def cut(mode: str, body: str = OBSERVATION) -> str:
    return summary.summarize(D, body.encode(), mode).decode()


def pick(*names: str, body: str = OBSERVATION) -> str:
    return summary.pick(D, body.encode(), names).decode()


def test_a_summary_has_the_marked_elements_at_every_level() -> None:
    assert cut("true") == (
        '{"resourceType":"Observation","id":"a","meta":{"tag":[' + TAG + '],"versionId":"1"},'
        '"modifierExtension":[{"url":"http://y"}],"status":"final","_status":{"id":"s"},'
        '"code":{"text":"x","coding":[]},"valueQuantity":{"value":1.50},'
        '"component":[{"code":{"text":"c"},"valueString":"v"}]}'
    )


def test_text_has_the_narrative_and_what_is_mandatory() -> None:
    assert list(json.parse(cut("text").encode())) == [
        "resourceType",
        "id",
        "meta",
        "text",
        "modifierExtension",
        "status",
        "_status",
        "code",
    ]


def test_data_has_all_but_the_narrative() -> None:
    kept = json.parse(cut("data").encode())
    assert "text" not in kept and len(kept) == len(json.parse(OBSERVATION.encode())) - 1


def test_false_is_as_it_is_and_other_words_are_refused() -> None:
    assert cut("false") == OBSERVATION
    for mode in ("count", "yes", ""):
        with pytest.raises(ValueError):
            cut(mode)


@pytest.mark.parametrize("name", ["value", "valueQuantity", "value[x]", "Observation.value", "value.unit"])
def test_elements_are_picked_by_any_of_their_names(name: str) -> None:
    assert list(json.parse(pick(name).encode())) == [
        "resourceType",
        "id",
        "meta",
        "modifierExtension",
        "status",
        "_status",
        "code",
        "valueQuantity",
    ]


def test_unknown_elements_pick_nothing_more() -> None:
    assert "note" not in pick("unknown") and "valueQuantity" not in pick("unknown")


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ("", f'"meta":{{"tag":[{TAG}]}},'),
        ('"meta":{},', f'"meta":{{"tag":[{TAG}]}},'),
        ('"meta":{"tag":[{"code":"x"}],"source":"y"},', f'"meta":{{"tag":[{TAG},{{"code":"x"}}],"source":"y"}},'),
        (f'"meta":{{"tag":[{TAG}]}},', f'"meta":{{"tag":[{TAG}]}},'),
    ],
)
def test_what_is_cut_is_tagged_once(meta: str, expected: str) -> None:
    body = '{"resourceType":"Patient",' + meta + '"active":true}'
    assert cut("true", body) == '{"resourceType":"Patient",' + expected + '"active":true}'


def test_contained_resources_stay_when_what_stays_refers_to_them() -> None:
    body = (
        '{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"x"}],'
        '"managingOrganization":{"reference":"#o"},"generalPractitioner":[{"reference":"#o"}]}'
    )
    assert '"contained":[{' in cut("true", body)
    assert validate.validate(D, json.parse(pick("managingOrganization", body=body).encode())) == []
    assert "contained" not in pick("active", body=body)


def test_attachments_lose_their_data_in_a_summary() -> None:
    body = (
        '{"resourceType":"DocumentReference","status":"current","content":[{"attachment":'
        '{"contentType":"text/plain","data":"aGk="}}]}'
    )
    assert "aGk=" not in cut("true", body) and "text/plain" in cut("true", body)
