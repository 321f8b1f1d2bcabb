"""The rows of one resource: its person, its main date, no repetition, and no resource that breaks the walk."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lienmach.record.index import catalogue, parameters, rows, terms
from tests.record.index.shelves import PARAMETERS, SEED, STANDARD, ZONE, condition


def extract(resource: dict[str, Any], seed: int = SEED) -> rows.IndexRows:
    return rows.extract(PARAMETERS, resource, tenant=1, term_seed=seed, tz=ZONE)


@pytest.mark.parametrize(
    ("resource", "day"),
    [
        ({"resourceType": "Observation", "effectiveDateTime": "2024-05-10"}, datetime(2024, 5, 9, 17, tzinfo=UTC)),
        ({"resourceType": "Encounter", "period": {"start": "2024-05-10T00:00:00Z"}}, datetime(2024, 5, 10, tzinfo=UTC)),
        (
            {"resourceType": "Condition", "onsetDateTime": "2020", "recordedDate": "2021"},
            datetime(2019, 12, 31, 17, tzinfo=UTC),
        ),
        ({"resourceType": "Condition", "recordedDate": "2021"}, datetime(2020, 12, 31, 17, tzinfo=UTC)),
        ({"resourceType": "Observation"}, rows.EPOCH),
        ({"resourceType": "Patient", "birthDate": "1958-01-01"}, rows.EPOCH),
    ],
)
def test_the_main_date_is_the_low_edge_of_the_first_date_that_there_is(resource: dict[str, Any], day: datetime):
    assert extract(resource).d1 == day


@pytest.mark.parametrize(
    ("resource", "patient"),
    [
        ({"resourceType": "Patient", "id": "1"}, "Patient/1"),
        ({"resourceType": "Observation", "subject": {"reference": "Patient/1"}}, "Patient/1"),
        ({"resourceType": "Observation", "subject": {"reference": "Patient/1/_history/3"}}, "Patient/1"),
        ({"resourceType": "Observation", "subject": {"reference": "Group/1"}}, None),
        ({"resourceType": "Observation", "performer": [{"reference": "Patient/1"}]}, None),
        ({"resourceType": "Coverage", "beneficiary": {"reference": "Patient/1"}}, "Patient/1"),
    ],
)
def test_the_person_is_the_one_that_the_resource_is_about(resource: dict[str, Any], patient: str | None):
    expected = terms.patient_term(SEED, patient) if patient else None
    assert extract(resource).pat == expected


def test_rows_are_not_repeated():
    coding = {"system": "http://loinc.org", "code": "1", "display": "x"}
    found = extract(
        {
            "resourceType": "Observation",
            "code": {"coding": [coding, coding], "text": "x"},
            "valueQuantity": {"value": 1},
            "effectiveDateTime": "2024",
        }
    )
    for name in ("terms", "post", "str", "dat", "num"):
        table = getattr(found, name)
        assert len(table) == len(set(table)), name


def test_hot_terms_stand_in_post_as_well():
    found = extract(
        {
            "resourceType": "Observation",
            "identifier": [{"system": "s", "value": "v"}],
            "code": {"coding": [{"system": "s", "code": "c"}]},
            "status": "final",
        }
    )
    for query, hot in (
        ("code=c", True),
        ("code=s|c", True),
        ("combo-code=s|c", True),
        ("identifier=v", True),
        ("identifier=s|v", True),
        ("code=s|", False),
        ("code:not=c", False),
        ("status=final", False),
    ):
        asked = condition("Observation", query)
        assert asked.hot == hot, query
        if hot:
            assert not set(asked.terms).isdisjoint(found.post), query


def test_two_tenants_have_no_term_in_common():
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "s", "code": "c"}]},
        "subject": {"reference": "Patient/1"},
        "valueQuantity": {"value": 1, "unit": "x"},
    }
    one, other = extract(resource, 1), extract(resource, 2)
    assert set(one.terms).isdisjoint(other.terms) and one.pat != other.pat
    assert {row[4] for row in one.num if row[4]}.isdisjoint(row[4] for row in other.num if row[4])


def test_terms_fit_a_signed_integer_of_64_bits():
    found = extract({"resourceType": "Basic", "identifier": [{"value": str(n)} for n in range(200)]})
    assert min(found.terms) < 0 < max(found.terms)
    assert all(-(2**63) <= one < 2**63 for one in found.terms)


@pytest.mark.parametrize("type", STANDARD.types)
def test_every_parameter_of_a_type_is_indexed_or_reads_another(type: str):
    for code, parameter in PARAMETERS.of(type).items():
        sources = parameter.sources
        assert all(not one.reads for one in sources), code
        for source in sources:
            writers = [parameters.KINDS[source.kind].writer(source, one) for one in source.datatypes]
            assert any(writers), f"{type}.{code}: nothing writes {sorted(source.datatypes)}"


def test_what_is_not_declared_is_what_cannot_be_answered():
    named = {one.code for one in STANDARD.search_parameters()}
    declared = {code for type in STANDARD.types for code in PARAMETERS.of(type)}
    assert named - declared == set(catalogue.NOT_INDEXED)


def test_the_tables_of_the_catalogue_name_parameters_that_exist():
    for type, codes in catalogue.PRIMARY_DATES.items():
        for code in codes:
            assert PARAMETERS.of(type)[code].kind == "date" and not PARAMETERS.of(type)[code].reads, (type, code)
    for type, code in catalogue.HOT:
        assert PARAMETERS.of(type)[code].hot, (type, code)


def test_parameters_read_others_where_these_have_the_same_values():
    reads = {
        code: [one.code for one in parameter.reads]
        for code, parameter in PARAMETERS.of("Observation").items()
        if parameter.reads
    }
    assert reads["combo-code"] == ["code", "component-code"]
    assert reads["patient"] == ["subject"] and PARAMETERS.of("Observation")["patient"].narrowed
    assert set(reads["combo-code-value-quantity"]) == {"code-value-quantity", "component-code-value-quantity"}


# Values of any shape; but what is hashed or split is text, as the validator saw to before.
_TEXT = st.sampled_from(["", "x", "2024", "Patient/1", "#c", "http://a/b|1"])
_TEXTS = ("code", "system", "value", "text", "reference", "start", "end", "display", "url", "family", "unit", "type")
_LEAF = st.none() | st.booleans() | st.integers(-5, 5) | _TEXT
_JSON = st.recursive(
    _LEAF,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.builds(
            lambda texts, others: {**others, **texts},
            st.dictionaries(st.sampled_from(_TEXTS), _TEXT, max_size=3),
            st.dictionaries(
                st.sampled_from(["coding", "identifier", "extension", "low", "high", "repeat"]), inner, max_size=2
            ),
        )
    ),
    max_leaves=8,
)
_KEYS = sorted(
    {
        step.name
        for type in ("Observation", "Patient", "Encounter", "Condition", "Invoice", "ValueSet", "Location")
        for parameter in PARAMETERS.of(type).values()
        for branch in parameter.path.branches
        for step in branch.steps[:1]
        if hasattr(step, "name")
    }
)


@settings(max_examples=300, deadline=None)
@example("Observation", {"code": {"coding": True}})
@given(
    st.sampled_from(["Observation", "Patient", "Encounter", "Condition", "Invoice", "ValueSet", "Location"]),
    st.dictionaries(st.sampled_from(_KEYS), _JSON, max_size=6),
)
def test_no_resource_however_shaped_breaks_the_walk(type: str, body: dict[str, Any]):
    extract({**body, "resourceType": type, "id": "1"})
