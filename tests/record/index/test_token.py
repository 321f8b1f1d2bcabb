"""Tokens: code and system, implied systems, :not :text :of-type :missing (FHIR R4 search.html#token)."""

from __future__ import annotations

import pytest

from lienmach.base import errors
from tests.record.index.shelves import Shelf, condition

LOINC = "http://loinc.org"


def observation(
    name: str, code: str, *, system: str | None = LOINC, display: str = "", status: str = "final", **more: object
) -> dict:
    coding = {"code": code, **({"system": system} if system else {}), **({"display": display} if display else {})}
    return {"resourceType": "Observation", "id": name, "status": status, "code": {"coding": [coding]}, **more}


async def test_code_system_and_both_select_what_they_say(shelf: Shelf):
    await shelf.put(
        observation("a", "8480-6"),
        observation("b", "8480-6", system="urn:x"),
        observation("c", "8480-6", system=None),
        observation("d", "8462-4"),
    )
    assert await shelf.find("Observation", "code=8480-6") == {"a", "b", "c"}
    assert await shelf.find("Observation", f"code={LOINC}|8480-6") == {"a"}
    assert await shelf.find("Observation", "code=|8480-6") == {"c"}
    assert await shelf.find("Observation", f"code={LOINC}|") == {"a", "d"}
    assert await shelf.find("Observation", "code=8462-4,8480-6") == {"a", "b", "c", "d"}
    assert await shelf.find("Observation", "code=8480") == set()
    assert await shelf.find("Observation", "code=urn:x|8462-4") == set()


async def test_codes_tell_small_from_capital_letters(shelf: Shelf):
    await shelf.put(observation("a", "aB"))
    assert await shelf.find("Observation", "code=aB") == {"a"}
    assert await shelf.find("Observation", "code=ab") == set()


async def test_not_also_finds_those_that_have_no_value(shelf: Shelf):
    interpretation = {"interpretation": [{"coding": [{"code": "H"}]}]}
    await shelf.put(
        {"resourceType": "Observation", "id": "a", "status": "final", "method": {"coding": [{"code": "x"}]}},
        {"resourceType": "Observation", "id": "b", "status": "final", **interpretation},
    )
    assert await shelf.find("Observation", "method:not=x") == {"b"}
    assert await shelf.find("Observation", "method:not=y") == {"a", "b"}
    assert await shelf.find("Observation", "method:not=x,y") == {"b"}


async def test_a_bare_code_is_found_with_the_system_that_its_definition_implies(shelf: Shelf):
    await shelf.put(observation("a", "1"), observation("b", "1", status="cancelled"))
    for query in ("final", "|final", "http://hl7.org/fhir/observation-status|final"):
        assert await shelf.find("Observation", f"status={query}") == {"a"}
    assert await shelf.find("Observation", "status=http://loinc.org|final") == set()
    assert await shelf.find("Observation", "status:not=final") == {"b"}


async def test_booleans_are_tokens(shelf: Shelf):
    await shelf.put(
        {"resourceType": "Patient", "id": "a", "active": True},
        {"resourceType": "Patient", "id": "b", "active": False, "deceasedDateTime": "2020"},
        {"resourceType": "Patient", "id": "c", "deceasedBoolean": False},
    )
    assert await shelf.find("Patient", "active=true") == {"a"}
    assert await shelf.find("Patient", "active=http://terminology.hl7.org/CodeSystem/special-values|false") == {"b"}
    assert await shelf.find("Patient", "deceased=true") == {"b"}
    assert await shelf.find("Patient", "deceased=false") == {"a", "c"}
    assert await shelf.find("Patient", "active:missing=true") == {"c"}


async def test_text_reads_texts_and_displays_without_marks(shelf: Shelf):
    await shelf.put(
        observation("a", "1", display="Huyết áp tâm thu"),
        {"resourceType": "Observation", "id": "b", "status": "final", "code": {"text": "Áp lực"}},
    )
    assert await shelf.find("Observation", "code:text=huyet ap") == {"a"}
    assert await shelf.find("Observation", "code:text=ap l") == {"b"}
    assert await shelf.find("Observation", "code:text=áp") == {"a", "b"}
    assert await shelf.find("Observation", "code:text=yet") == set()
    assert await shelf.find("Observation", "combo-code:text=tam thu") == {"a"}


async def test_an_identifier_is_found_by_its_type_too(shelf: Shelf):
    v2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
    await shelf.put(
        {
            "resourceType": "Patient",
            "id": "a",
            "identifier": [{"system": "urn:mrn", "value": "12|3", "type": {"coding": [{"system": v2, "code": "MR"}]}}],
        }
    )
    assert await shelf.find("Patient", f"identifier:of-type={v2}|MR|12\\|3") == {"a"}
    assert await shelf.find("Patient", f"identifier:of-type={v2}|SS|12\\|3") == set()
    assert await shelf.find("Patient", "identifier=urn:mrn|12\\|3") == {"a"}
    assert await shelf.find("Patient", "identifier=12\\|3") == {"a"}


@pytest.mark.parametrize("query", ["0912345678", "+84 912.345.678", "+84912345678", "84912345678", "phone|0912345678"])
async def test_a_phone_number_is_found_in_any_notation(shelf: Shelf, query: str):
    await shelf.put(
        {"resourceType": "Patient", "id": "a", "telecom": [{"system": "phone", "value": "0912 345 678"}]},
        {"resourceType": "Patient", "id": "b", "telecom": [{"system": "phone", "value": "0912345679"}]},
    )
    assert await shelf.find("Patient", f"telecom={query}") == {"a"}
    assert await shelf.find("Patient", f"phone={query}") == {"a"}
    assert await shelf.find("Patient", f"email={query}") == set()


async def test_e_mail_addresses_do_not_tell_capital_letters(shelf: Shelf):
    await shelf.put({"resourceType": "Patient", "id": "a", "telecom": [{"system": "email", "value": "Tran.Thu@x.vn"}]})
    assert await shelf.find("Patient", "email=tran.thu@X.vn") == {"a"}


async def test_missing_asks_whether_there_is_any_value(shelf: Shelf):
    await shelf.put(
        observation("a", "1", category=[{"text": "only words"}]),
        observation("b", "1"),
        observation("c", "1", category=[{"coding": [{"code": "x"}]}]),
    )
    assert await shelf.find("Observation", "category:missing=true") == {"b"}
    assert await shelf.find("Observation", "category:missing=false") == {"a", "c"}
    assert await shelf.find("Observation", "code:missing=true") == set()  # an element that is never absent
    assert await shelf.find("Observation", "code:missing=false") == {"a", "b", "c"}


@pytest.mark.parametrize(
    "query",
    [
        "code=",
        "code=|",
        "code=a|b|c",
        "identifier:of-type=a|b",
        "code:missing=maybe",
        "code:missing=true,false",
        "code:text= ",
    ],
)
def test_a_token_that_cannot_be_read_is_refused_by_name(query: str):
    with pytest.raises(errors.Invalid) as refused:
        condition("Observation", query)
    assert query.partition("=")[0].partition(":")[0] in str(refused.value)


@pytest.mark.parametrize(
    "query", ["code:exact=a", "code:in=http://x", "code:below=a", "code:of-type=a|b|c", "code:x=a"]
)
def test_a_modifier_that_tokens_do_not_have_is_refused_by_name(query: str):
    with pytest.raises(errors.UnknownParameter, match=query.partition(":")[2].partition("=")[0]):
        condition("Observation", query)
