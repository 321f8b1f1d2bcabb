"""Numbers and quantities: implied precision, prefixes, units that convert, comparators, ranges."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lienmach.base import errors
from tests.record.index.shelves import Shelf, condition

UCUM = "http://unitsofmeasure.org"


def observation(
    name: str, value: str | None, code: str = "", *, system: str = UCUM, unit: str = "", comparator: str = ""
) -> dict:
    quantity = {
        "value": Decimal(value) if value else None,
        "code": code,
        "system": system if code else "",
        "unit": unit,
        "comparator": comparator,
    }
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"text": "x"},
        "valueQuantity": {key: one for key, one in quantity.items() if one not in ("", None)},
    }


@pytest.mark.parametrize(
    ("query", "value", "matches"),
    [
        ("0.4", "0.4", True),
        ("0.4", "0.44", True),
        ("0.4", "0.45", False),
        ("0.4", "0.35", True),
        ("0.4", "0.34", False),
        ("0.40", "0.404", True),
        ("0.40", "0.406", False),
        ("4e-1", "0.42", True),
        ("1e0", "1.4", True),
        ("1.0", "1.4", False),
        ("ne0.4", "0.4", False),
        ("ne0.4", "0.5", True),
        ("gt0.4", "0.4", False),
        ("gt0.4", "0.41", True),
        ("lt0.4", "0.4", False),
        ("lt0.4", "0.39", True),
        ("ge0.4", "0.4", True),
        ("ge0.4", "0.39", False),
        ("le0.4", "0.4", True),
        ("le0.4", "0.41", False),
        ("sa0.4", "0.41", True),
        ("sa0.4", "0.4", False),
        ("eb0.4", "0.39", True),
        ("eb0.4", "0.4", False),
        ("ap0.4", "0.43", True),
        ("ap0.4", "0.45", False),
        ("0.1,0.4", "0.4", True),
        ("-0.4", "0.4", False),
    ],
)
async def test_a_number_matches_as_the_specification_says(shelf: Shelf, query: str, value: str, matches: bool):
    await shelf.put(
        {
            "resourceType": "RiskAssessment",
            "id": "a",
            "status": "final",
            "subject": {"reference": "Patient/1"},
            "prediction": [{"probabilityDecimal": Decimal(value)}],
        }
    )
    assert await shelf.find("RiskAssessment", f"probability={query}") == ({"a"} if matches else set())


async def test_a_whole_number_is_found_by_its_digits(shelf: Shelf):
    await shelf.put(
        {"resourceType": "MolecularSequence", "id": "a", "coordinateSystem": 0, "variant": [{"start": 100}]},
        {"resourceType": "MolecularSequence", "id": "b", "coordinateSystem": 0, "variant": [{"start": 101}]},
    )
    assert await shelf.find("MolecularSequence", "variant-start=100") == {"a"}
    assert await shelf.find("MolecularSequence", "variant-start=1e2") == {"a", "b"}
    assert await shelf.find("MolecularSequence", "variant-start:missing=true") == set()


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        (f"5.4|{UCUM}|g/L", {"g", "mg"}),
        (f"540|{UCUM}|mg/dL", {"g", "mg"}),
        (f"5.4|{UCUM}|mg/dL", set()),
        (f"5.4|{UCUM}|mmol/L", set()),
        ("5.4", {"g", "custom", "text"}),
        ("540", {"mg"}),
        ("5.4||g/L", {"g", "mg", "text"}),
        ("5.4||gram per litre", {"g"}),
        ("5.4|urn:local|glop", {"custom"}),
        ("5.4||glop", {"custom"}),
        (f"5.4|{UCUM}|glop", set()),
        (f"gt5.3|{UCUM}|g/L", {"g", "mg"}),
        (f"gt540|{UCUM}|mg/dL", set()),
        (f"ge540|{UCUM}|mg/dL", {"g", "mg"}),
        (f"lt0.0055|{UCUM}|kg/L", {"g", "mg"}),
        ("gt100", {"mg"}),
    ],
)
async def test_units_that_convert_compare_and_others_by_their_text(shelf: Shelf, query: str, matches: set[str]):
    await shelf.put(
        observation("g", "5.4", "g/L", unit="gram per litre"),
        observation("mg", "540", "mg/dL"),
        observation("custom", "5.4", "glop", system="urn:local"),
        observation("text", "5.4", unit="g/L"),
    )
    assert await shelf.find("Observation", f"value-quantity={query}") == matches


async def test_a_comparator_in_the_resource_opens_its_range(shelf: Shelf):
    await shelf.put(observation("below", "5", "g/L", comparator="<"), observation("above", "5", "g/L", comparator=">"))
    assert await shelf.find("Observation", f"value-quantity=lt1|{UCUM}|g/L") == {"below"}
    assert await shelf.find("Observation", f"value-quantity=gt100|{UCUM}|g/L") == {"above"}
    assert await shelf.find("Observation", f"value-quantity=5|{UCUM}|g/L") == set()


async def test_a_value_of_many_digits_is_found_by_itself(shelf: Shelf):
    await shelf.put(observation("a", "66.899999999999991", "[in_i]"), observation("b", "1E+300", "/min"))
    assert await shelf.find("Observation", f"value-quantity=66.899999999999991|{UCUM}|[in_i]") == {"a"}
    assert await shelf.find("Observation", f"value-quantity=gt1e99|{UCUM}|/min") == {"b"}


async def test_a_rate_per_minute_is_not_greater_than_sixty_times_it_per_hour(shelf: Shelf):
    await shelf.put(observation("a", "1", "/min"))
    for prefix, matches in (("gt", set()), ("ge", {"a"}), ("lt", set()), ("le", {"a"}), ("sa", set()), ("eb", set())):
        assert await shelf.find("Observation", f"value-quantity={prefix}60|{UCUM}|/h") == matches, prefix


async def test_combo_value_quantity_looks_at_components_too(shelf: Shelf):
    await shelf.put(
        observation("a", "5", "g/L"),
        {
            "resourceType": "Observation",
            "id": "b",
            "status": "final",
            "code": {"text": "x"},
            "component": [{"code": {"text": "y"}, "valueQuantity": {"value": 5, "system": UCUM, "code": "g/L"}}],
        },
    )
    assert await shelf.find("Observation", f"combo-value-quantity=5|{UCUM}|g/L") == {"a", "b"}
    assert await shelf.find("Observation", f"value-quantity=5|{UCUM}|g/L") == {"a"}
    assert await shelf.find("Observation", f"component-value-quantity=5|{UCUM}|g/L") == {"b"}
    assert await shelf.find("Observation", "combo-value-quantity:missing=true") == set()


async def test_money_is_found_by_amount_and_currency(shelf: Shelf):
    await shelf.put(
        {"resourceType": "Invoice", "id": "a", "status": "issued", "totalNet": {"value": 150000, "currency": "VND"}}
    )
    assert await shelf.find("Invoice", "totalnet=150000|urn:iso:std:iso:4217|VND") == {"a"}
    assert await shelf.find("Invoice", "totalnet=150000||VND") == {"a"}
    assert await shelf.find("Invoice", "totalnet=150000|urn:iso:std:iso:4217|USD") == set()


async def test_a_range_matches_what_it_overlaps(shelf: Shelf):
    edge = {"system": UCUM, "code": "a"}
    await shelf.put(
        {
            "resourceType": "Condition",
            "id": "a",
            "subject": {"reference": "Patient/1"},
            "onsetRange": {"low": {"value": 40, **edge}, "high": {"value": 50, **edge}},
        },
        {
            "resourceType": "Condition",
            "id": "b",
            "subject": {"reference": "Patient/1"},
            "onsetRange": {"low": {"value": 60, **edge}},
        },
    )
    assert await shelf.find("Condition", f"onset-age=gt45|{UCUM}|a") == {"a", "b"}
    assert await shelf.find("Condition", f"onset-age=lt45|{UCUM}|a") == {"a"}
    assert await shelf.find("Condition", f"onset-age=gt90|{UCUM}|a") == {"b"}


@pytest.mark.parametrize("value", ["high", "5,4a", "5|g", "5|a|b|c", "1e999", "NaN", "Infinity", "--5", "", "٣"])
def test_what_is_not_a_quantity_is_refused(value: str):
    with pytest.raises(errors.Invalid, match="'value-quantity'"):
        condition("Observation", f"value-quantity={value}")
