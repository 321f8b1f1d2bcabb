"""The card: every element in words, values as people write them, nothing of others' HTML alive."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from lienmach.departments.registration import card, fhir_words, narrative, summaries
from lienmach.standards.fhir import definitions
from lienmach.standards.fhir import json as fhir_json

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
READER = card.Reader(definitions.load(), "vi", ZONE, "/p/1/entries", {"Practitioner/7": "BS Mẫu"})


def flat(resource: dict[str, Any]) -> dict[str, card.Fact]:
    def walk(facts: tuple[card.Fact, ...]) -> dict[str, card.Fact]:
        return {fact.key: fact for one in facts for fact in (one, *walk(one.children).values())}

    return walk(READER.read(resource))


@pytest.mark.parametrize(
    ("key", "value", "text", "code"),
    [
        (
            "valueQuantity",
            {"value": 5, "unit": "mmol/L", "code": "mmol/L", "system": "http://unitsofmeasure.org"},
            "5 mmol/L",
            "UCUM",
        ),
        ("valueQuantity", {"value": 3, "unit": "{viên}"}, "3", "{viên}"),
        (
            "valueCodeableConcept",
            {"coding": [{"system": "http://loinc.org", "code": "1-8", "display": "Âm tính"}]},
            "Âm tính",
            "1-8 · LOINC",
        ),
        ("valueBoolean", True, "Có", ""),
        (
            "valuePeriod",
            {"start": "2024-01-02T08:00:00+07:00", "end": "2024-01-02T09:30:00+07:00"},
            "02/01/2024 08:00 – 09:30",
            "",
        ),
        ("effectiveDateTime", "1958-02", "02/1958", ""),
        ("status", "final", "Chính thức", "final"),
    ],
)
def test_a_value_is_written_as_people_write_it(key: str, value: Any, text: str, code: str) -> None:
    fact = flat({"resourceType": "Observation", key: value})[key]
    assert (fact.text, fact.code) == (text, code)


def test_a_reference_leads_to_its_card_under_its_name() -> None:
    facts = flat(
        {
            "resourceType": "Observation",
            "performer": [{"reference": "Practitioner/7"}, {"reference": "https://x.example/Patient/1"}],
            "encounter": {"reference": "Encounter/2"},
        }
    )
    assert (facts["performer[0]"].text, facts["performer[0]"].href) == ("BS Mẫu", "/p/1/entries/Practitioner/7")
    assert (facts["performer[1]"].text, facts["performer[1]"].href) == ("https://x.example/Patient/1", "")
    assert (facts["encounter"].text, facts["encounter"].code) == ("Lượt khám", "Encounter/2")


def test_extensions_of_primitives_and_null_padded_lists_are_shown() -> None:
    why = {"extension": [{"url": "https://x.example/why", "valueString": "mẹ không nhớ"}]}
    facts = flat(
        {"resourceType": "Patient", "_birthDate": why, "name": [{"given": ["An", "B"], "_given": [None, why]}]}
    )
    assert facts["birthDate"].children[0].text == "mẹ không nhớ"
    assert any(fact.text == "mẹ không nhớ" for key, fact in facts.items() if key.startswith("name[0].given"))


def test_what_speaks_about_the_data_comes_last() -> None:
    facts = READER.read({"resourceType": "Observation", "id": "1", "meta": {"versionId": "1"}, "status": "final"})
    assert [fact.key for fact in facts] == ["status", "meta", "id"]


def test_an_unknown_element_is_shown_and_not_dropped() -> None:
    assert flat({"resourceType": "Observation", "oddThing": {"deep": ["x"]}})["oddThing.deep[0]"].text == "x"


def test_two_versions_are_compared_line_by_line() -> None:
    old = READER.read({"resourceType": "Patient", "gender": "male", "birthDate": "1958"})
    new = READER.read({"resourceType": "Patient", "gender": "female", "active": True})
    states = {line.label: line.state for line in card.compare(old, new)}
    assert states == {"Giới tính": "changed", "Đang dùng": "added", "Ngày sinh": "gone"}
    assert {line.state for line in card.compare(old, old)} == {"same"}


def test_pretty_json_keeps_every_character_of_every_value() -> None:
    body = b'{"a":1.10,"b":[],"c":[{"d":"x: {,} \\u0111 \\" "},2E5],"e":{} }'
    assert fhir_json.parse(card.pretty(body).encode()) == fhir_json.parse(body)
    for piece in ("1.10", '"x: {,} \\u0111 \\" "', "2E5", "[]"):
        assert piece in card.pretty(body)


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("<div onclick='x()'><p class='a'>A &amp; B</p></div>", "<div><p>A &amp; B</p></div>"),
        ("<script>alert(1)</script>B", "B"),
        ("<img src=x onerror=alert(1)>B", "B"),
        ("<a href='javascript:x'>B</a>", "B"),
        ("<p>A<b>B", "<p>A<b>B</b></p>"),
        ("<style>*{}</style><svg><script>x</script></svg>C", "C"),
        ("a<br/>b", "a<br>b"),
        ("&lt;script&gt;", "&lt;script&gt;"),
    ],
)
def test_a_narrative_is_harmless(given: str, left: str) -> None:
    assert narrative.clean(given) == left


def test_every_kind_of_resource_has_a_vietnamese_word_on_the_timeline() -> None:
    for _, _, names in summaries.KINDS:
        for name in names:
            assert fhir_words.type_word(name, "vi") != fhir_words.split(name), name


def test_a_resource_of_any_type_has_a_line() -> None:
    for name in definitions.load().types:
        assert summaries.of({"resourceType": name}, "vi", ZONE).title


@pytest.mark.parametrize(
    ("resource", "title", "value"),
    [
        (
            {"resourceType": "Observation", "code": {"text": "Mạch"}, "valueQuantity": {"value": 88, "unit": "/min"}},
            "Mạch",
            "88 lần/phút",
        ),
        ({"resourceType": "RelatedPerson", "name": [{"text": "Lý Thị Mẫu"}]}, "Lý Thị Mẫu", ""),
        (
            {
                "resourceType": "MedicationRequest",
                "medicationCodeableConcept": {"text": "Metformin"},
                "dosageInstruction": [{"text": "Tối 1"}],
            },
            "Metformin",
            "Tối 1",
        ),
        (
            {
                "resourceType": "Claim",
                "item": [{"productOrService": {"text": "Khám"}}, {}],
                "total": {"value": 50000, "currency": "VND"},
            },
            "Khám (+1)",
            "50.000 ₫",
        ),
        (
            {"resourceType": "AllergyIntolerance", "code": {"text": "Penicillin"}, "criticality": "high"},
            "Penicillin",
            "mức nguy hiểm: cao",
        ),
    ],
)
def test_a_line_says_what_and_with_which_value(resource: dict[str, Any], title: str, value: str) -> None:
    summary = summaries.of(resource, "vi", ZONE)
    assert (summary.title, summary.value) == (title, value)
