"""References and uris: typed, absolute, versioned, by bare id, by logical identifier, above and below."""

from __future__ import annotations

import pytest

from lienmach.base import errors
from tests.record.index.shelves import Shelf, condition

BASE = "https://node.example/fhir"


def observation(name: str, subject: dict) -> dict:
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "x"}, "subject": subject}


async def shelve(shelf: Shelf) -> None:
    await shelf.put(
        observation("typed", {"reference": "Patient/1"}),
        observation("group", {"reference": "Group/1"}),
        observation("versioned", {"reference": "Patient/1/_history/2"}),
        observation("absolute", {"reference": "http://other.example/fhir/Patient/1"}),
        observation("own", {"reference": f"{BASE}/Patient/1"}),
        observation("logical", {"identifier": {"system": "urn:mrn", "value": "A1"}, "type": "Patient"}),
        observation("other", {"reference": "Patient/2"}),
    )


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("subject=Patient/1", {"typed", "versioned", "own"}),
        ("subject=Group/1", {"group"}),
        ("subject=1", {"typed", "versioned", "own", "group"}),
        ("subject:Patient=1", {"typed", "versioned", "own"}),
        ("subject:Group=1", {"group"}),
        ("subject:Patient=Patient/1", {"typed", "versioned", "own"}),
        ("patient=1", {"typed", "versioned", "own"}),
        ("patient=Patient/1", {"typed", "versioned", "own"}),
        ("subject=Patient/1/_history/2", {"versioned"}),
        ("subject=http://other.example/fhir/Patient/1", {"absolute"}),
        (f"subject={BASE}/Patient/1", {"typed", "versioned", "own"}),
        ("subject=Patient/1,Patient/2", {"typed", "versioned", "own", "other"}),
        ("subject:identifier=urn:mrn|A1", {"logical"}),
        ("subject:identifier=A1", {"logical"}),
        ("patient:identifier=urn:mrn|A1", {"logical"}),
        ("subject:identifier=urn:x|A1", set()),
        ("subject=A1", set()),
        ("patient:missing=true", {"group"}),
        ("subject:missing=true", set()),
    ],
)
async def test_a_reference_is_found_in_each_of_its_forms(shelf: Shelf, query: str, matches: set[str]):
    await shelve(shelf)
    assert await shelf.find("Observation", query) == matches


async def test_a_canonical_is_found_with_and_without_its_version(shelf: Shelf):
    await shelf.put(
        {
            "resourceType": "QuestionnaireResponse",
            "id": "a",
            "status": "completed",
            "questionnaire": "http://x/Questionnaire/q|1.0",
        }
    )
    for query, matches in (
        ("http://x/Questionnaire/q", {"a"}),
        ("http://x/Questionnaire/q|1.0", {"a"}),
        ("http://x/Questionnaire/q|2.0", set()),
        ("http://x/Questionnaire/qq", set()),
    ):
        assert await shelf.find("QuestionnaireResponse", f"questionnaire={query}") == matches, query


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("url=http://acme.vn/fhir/ValueSet/1", {"a"}),
        ("url=http://acme.vn/fhir/ValueSet", set()),
        ("url:below=http://acme.vn/fhir", {"a", "b"}),
        ("url:below=http://acme.vn/fhir/", {"a", "b"}),
        ("url:below=http://acme.vn/fhi", set()),
        ("url:below=http://acme.vn", {"a", "b"}),
        ("url:below=http://acme.vn/fhir/ValueSet/1", {"a"}),
        ("url:above=http://acme.vn/fhir/ValueSet/1/x/y", {"a"}),
        ("url:above=http://acme.vn/fhir/ValueSet/12", set()),
        ("url=urn:oid:1.2", {"c"}),
        ("url:below=urn:oid:1", set()),
        ("url:missing=false", {"a", "b", "c"}),
    ],
)
async def test_a_uri_is_exact_and_above_and_below_go_by_segment(shelf: Shelf, query: str, matches: set[str]):
    for name, url in (
        ("a", "http://acme.vn/fhir/ValueSet/1"),
        ("b", "http://acme.vn/fhir/ValueSet/2"),
        ("c", "urn:oid:1.2"),
    ):
        await shelf.put({"resourceType": "ValueSet", "id": name, "status": "active", "url": url})
    assert await shelf.find("ValueSet", query) == matches


async def test_profiles_and_sources_of_any_type_are_found(shelf: Shelf):
    await shelf.put(
        {
            "resourceType": "Basic",
            "id": "a",
            "code": {"text": "x"},
            "meta": {
                "profile": ["http://x/p|1"],
                "source": "urn:src",
                "tag": [{"system": "s", "code": "t"}],
                "security": [{"code": "HTEST"}],
            },
        }
    )
    for query in ("_profile=http://x/p", "_profile=http://x/p|1", "_source=urn:src", "_tag=s|t", "_security=HTEST"):
        assert await shelf.find("Basic", query) == {"a"}, query
    assert await shelf.find("Basic", "_profile=http://x/q") == set()


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("subject:Practitioner=1", errors.UnknownParameter),
        ("subject:exact=1", errors.UnknownParameter),
        ("subject:Patient=Group/1", errors.Invalid),
        ("subject:identifier=urn:x|", errors.Invalid),
        ("_profile:exact=x", errors.UnknownParameter),
        ("subject=", errors.Invalid),
    ],
)
def test_what_a_reference_does_not_have_is_refused(query: str, error: type[Exception]):
    with pytest.raises(error):
        condition("Observation", query)
