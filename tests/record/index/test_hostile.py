"""Whatever a query says, it is answered or refused in words; PostgreSQL never sees text that it cannot hold."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lienmach.base import errors
from lienmach.record.index import parameters
from tests.record.index.shelves import CONTEXT, PARAMETERS, Shelf

_ASKED = [
    ("Observation", code)
    for code in (
        "code",
        "status",
        "date",
        "value-quantity",
        "value-string",
        "subject",
        "patient",
        "identifier",
        "code-value-quantity",
        "code-value-concept",
        "code-value-date",
        "code-value-string",
        "_profile",
    )
] + [
    ("Location", "near"),
    ("RiskAssessment", "probability"),
    ("MolecularSequence", "chromosome-window-coordinate"),
    ("DocumentReference", "relationship"),
    ("Patient", "name"),
    ("Patient", "telecom"),
    ("ValueSet", "url"),
]
_WORD = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"[a-z]{0,2}[0-9eE+.\-T:|$\\%_' ]{0,14}", fullmatch=True),
    st.sampled_from(
        [
            "'; drop table ix; --",
            "\0",
            "\ud800",
            "%",
            "\\",
            "a\\|b$c",
            "ge",
            "1e99|||",
            "9999-12-31",
            "0001",
            "ap0001",
            "ap9999-12-31T23:59:60Z",
            "2024-02-30",
            "$1",
            "{}",
            "NaN",
            "Infinity",
            "1|2|3|4|5",
            "http://unitsofmeasure.org|",
            "5|http://unitsofmeasure.org|10*9999999",
            "٣",
            "x" * 5000,
        ]
    ),
)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(_ASKED),
    st.sampled_from(
        [
            None,
            "exact",
            "contains",
            "not",
            "text",
            "of-type",
            "identifier",
            "missing",
            "above",
            "below",
            "Patient",
            "in",
            "\0",
        ]
    ),
    st.lists(_WORD, min_size=1, max_size=3),
)
def test_a_condition_is_made_or_refused(asked: tuple[str, str], modifier: str | None, values: list[str]):
    parameter = PARAMETERS.of(asked[0])[asked[1]]
    try:
        parameters.condition(parameter, modifier, values, CONTEXT)
    except errors.Failure as refused:
        assert refused.status == 400


@pytest.mark.parametrize(("type", "code"), _ASKED)
async def test_the_database_answers_every_condition(shelf: Shelf, type: str, code: str):
    parameter, conditions = PARAMETERS.of(type)[code], []

    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from([None, None, "exact", "contains", "text", "below"]), st.lists(_WORD, min_size=1, max_size=2))
    def collect(modifier: str | None, values: list[str]) -> None:
        try:
            conditions.append(parameters.condition(parameter, modifier, values, CONTEXT))
        except errors.Failure:
            pass

    await asyncio.to_thread(collect)
    for one in conditions:
        found: list[Any] = await shelf.rids(type, one)
        assert found == []
