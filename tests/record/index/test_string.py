"""Strings: prefix without marks by default, :exact, :contains, and names by their last words."""

from __future__ import annotations

import unicodedata

import pytest

from lienmach.base import errors
from tests.record.index.shelves import Shelf, condition

NAME = {"text": "Nguyễn Văn Đức"}


def patient(name: str, human_name: dict, **more: object) -> dict:
    return {"resourceType": "Patient", "id": name, "name": [human_name], **more}


@pytest.mark.parametrize(
    "query",
    [
        "nguyen",
        "Nguyễn",
        "NGUYỄN VĂN",
        "van duc",
        "duc",
        "đức",
        "ngu",
        unicodedata.normalize("NFD", "Đức"),
        "Nguyễn  Văn",
    ],
)
async def test_a_name_is_found_from_any_of_its_words_on(shelf: Shelf, query: str):
    await shelf.put(patient("a", NAME), patient("b", {"text": "Trần Thử"}))
    assert await shelf.find("Patient", f"name={query}") == {"a"}


@pytest.mark.parametrize("query", ["uyen", "nguyen duc", "duc van", "ducc"])
async def test_a_name_is_not_found_by_its_middle_or_in_another_order(shelf: Shelf, query: str):
    await shelf.put(patient("a", NAME))
    assert await shelf.find("Patient", f"name={query}") == set()


async def test_exact_tells_marks_and_case_but_not_how_letters_are_composed(shelf: Shelf):
    await shelf.put(patient("a", {"text": unicodedata.normalize("NFD", "Nguyễn Văn Đức")}))
    assert await shelf.find("Patient", "name:exact=Nguyễn Văn Đức") == {"a"}
    for query in ("Nguyen Van Duc", "nguyễn văn đức", "Nguyễn Văn", "Văn Đức"):
        assert await shelf.find("Patient", f"name:exact={query}") == set()


async def test_contains_finds_a_part_anywhere_and_takes_signs_as_they_are(shelf: Shelf):
    await shelf.put(patient("a", NAME, address=[{"text": "50%_Đường Láng\\2", "city": "Hà Nội"}]))
    assert await shelf.find("Patient", "name:contains=uyen van") == {"a"}
    assert await shelf.find("Patient", "address:contains=%_duong") == {"a"}
    assert await shelf.find("Patient", "address:contains=láng\\2") == {"a"}
    assert await shelf.find("Patient", "address:contains=5_%") == set()


async def test_family_and_given_are_found_apart_and_together(shelf: Shelf):
    await shelf.put(patient("a", {"family": "Trần", "given": ["Thị", "Thử"], "prefix": ["Bà"]}))
    for query in ("family=tran", "given=thu", "name=tran thi", "name=thi thu", "name=ba", "phonetic=tran"):
        assert await shelf.find("Patient", query) == {"a"}, query
    assert await shelf.find("Patient", "family=thu") == set()


async def test_every_part_of_an_address_is_found(shelf: Shelf):
    await shelf.put(
        patient(
            "a",
            NAME,
            address=[
                {
                    "line": ["12 Ngõ Thử"],
                    "district": "Đống Đa",
                    "city": "Hà Nội",
                    "state": "HN",
                    "country": "VN",
                    "postalCode": "11500",
                }
            ],
        )
    )
    for query in (
        "address=12 ngo",
        "address=dong da",
        "address=ha noi",
        "address=vn",
        "address-city=hà",
        "address-postalcode=115",
        "address-state=hn",
        "address-country=VN",
    ):
        assert await shelf.find("Patient", query) == {"a"}, query
    assert await shelf.find("Patient", "address-city=dong da") == set()


async def test_missing_of_a_string(shelf: Shelf):
    await shelf.put(patient("a", NAME), {"resourceType": "Patient", "id": "b"})
    assert await shelf.find("Patient", "name:missing=true") == {"b"}
    assert await shelf.find("Patient", "name:missing=false") == {"a"}


async def test_a_very_long_text_is_stored_and_found_by_its_beginning(shelf: Shelf):
    long = "ữ" * 100_000
    await shelf.put({"resourceType": "ValueSet", "id": "a", "status": "draft", "description": long})
    assert await shelf.find("ValueSet", "description=uuuu") == {"a"}
    assert await shelf.find("ValueSet", f"description={'ữ' * 1000}") == {"a"}


@pytest.mark.parametrize("query", ["name=", "name= ", "name:contains= "])
def test_an_empty_text_is_refused(query: str):
    with pytest.raises(errors.Invalid, match="'name'"):
        condition("Patient", query)


def test_a_modifier_that_strings_do_not_have_is_refused():
    with pytest.raises(errors.UnknownParameter, match=":not"):
        condition("Patient", "name:not=a")
