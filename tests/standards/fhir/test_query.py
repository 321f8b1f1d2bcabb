"""Search text -> Query (FHIR R4 search.html): names, chains, escapes, result parameters, limits."""

from __future__ import annotations

import pytest

from lienmach.standards.fhir import query
from lienmach.standards.fhir.query_values import Criterion, Hop, Include, Limits, QueryError, SortKey


def parse(text: str, **limits: int) -> query.Query:
    pairs = [tuple(part.split("=", 1)) for part in text.split("&")]
    return query.parse(pairs, Limits(**limits))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name=an", Criterion("name", (), "name", None, ("an",))),
        ("name:exact=An", Criterion("name:exact", (), "name", "exact", ("An",))),
        ("code=a,b", Criterion("code", (), "code", None, ("a", "b"))),
        (r"code=a\,b,c\|d\$e\\", Criterion("code", (), "code", None, ("a,b", r"c\|d\$e\\"))),
        (r"code=a\\,b", Criterion("code", (), "code", None, (r"a\\", "b"))),
        ("code=a,,b", Criterion("code", (), "code", None, ("a", "b"))),
        ("subject.name=an", Criterion("subject.name", (Hop("subject", None),), "name", None, ("an",))),
        (
            "subject:Patient.name:exact=An",
            Criterion("subject:Patient.name:exact", (Hop("subject", "Patient"),), "name", "exact", ("An",)),
        ),
        ("subject:Patient=1", Criterion("subject:Patient", (), "subject", "Patient", ("1",))),
        (
            "_has:Observation:patient:code=x",
            Criterion("_has:Observation:patient:code", (Hop("patient", "Observation", True),), "code", None, ("x",)),
        ),
        (
            "patient._has:Group:member:_id=1",
            Criterion(
                "patient._has:Group:member:_id",
                (Hop("patient", None), Hop("member", "Group", True)),
                "_id",
                None,
                ("1",),
            ),
        ),
        (
            "_has:Observation:patient:_has:AuditEvent:entity:agent=1",
            Criterion(
                "_has:Observation:patient:_has:AuditEvent:entity:agent",
                (Hop("patient", "Observation", True), Hop("entity", "AuditEvent", True)),
                "agent",
                None,
                ("1",),
            ),
        ),
        (
            "_has:Observation:patient:encounter.type:not=x",
            Criterion(
                "_has:Observation:patient:encounter.type:not",
                (Hop("patient", "Observation", True), Hop("encounter", None)),
                "type",
                "not",
                ("x",),
            ),
        ),
    ],
)
def test_a_criterion_is_read_with_its_path_modifier_and_values(text: str, expected: Criterion) -> None:
    assert parse(text).criteria == (expected,)


def test_result_parameters_are_read() -> None:
    found = parse(
        "_sort=-date,code&_count=5&_total=accurate&_summary=data&_elements=id,name.given&_id=a,b&_page=x"
        "&_include=Observation:subject:Patient&_revinclude:iterate=Provenance:target&_include=*"
        "&_lastUpdated=gt2026&_list=l1&_type=Patient,Observation&_format=json&_pretty=true&_contained=false"
    )
    assert found.sort == (SortKey("date", True), SortKey("code", False))
    assert (found.count, found.total, found.summary, found.cursor) == (5, "accurate", "data", "x")
    assert found.elements == ("id", "name.given")
    assert (found.ids, found.updated, found.lists) == ((("a", "b"),), ("gt2026",), ("l1",))
    assert found.types == ("Patient", "Observation")
    assert found.includes == (
        Include("_include", "Observation", "subject", "Patient", False, False),
        Include("_revinclude:iterate", "Provenance", "target", None, True, True),
        Include("_include", "*", "*", None, False, False),
    )
    assert ("_format", "json") not in found.used and ("_count", "5") in found.used
    assert found.criteria == ()


def test_an_empty_value_is_as_if_it_were_not_there() -> None:
    assert parse("name=&gender=").criteria == ()


def test_count_zero_is_allowed_and_a_large_one_is_cut() -> None:
    assert parse("_count=0").count == 0
    assert parse("_count=999999999999", count_max=1000).count == 1000


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("_text=a", "not-supported"),
        ("_content=a", "not-supported"),
        ("_filter=a", "not-supported"),
        ("_query=a", "not-supported"),
        ("_sort=_score", "not-supported"),
        ("_contained=true&_contained=both", "value"),
        ("_containedType=inner", "value"),
        ("_contained=maybe", "value"),
        ("_list=$current-problems", "not-supported"),
        ("_list=a b", "value"),
        ("_count=-1", "value"),
        ("_count=x", "value"),
        ("_count=١", "value"),
        ("_count=5&_count=6", "value"),
        ("_total=many", "value"),
        ("_summary=yes", "value"),
        ("_sort=a b", "value"),
        ("_elements=a/b", "value"),
        ("_include=Observation", "value"),
        ("_include=observation:subject", "value"),
        ("_include=A:b:c:d", "value"),
        ("_include:deep=Observation:subject", "not-supported"),
        ("_id:exact=1", "not-supported"),
        ("_lastUpdated:missing=true", "not-supported"),
        ("na me=1", "not-supported"),
        ("name:=1", "not-supported"),
        ("_has:Observation:patient=1", "value"),
        ("_has:observation:patient:code=1", "value"),
        ("a..b=1", "not-supported"),
        (".a=1", "not-supported"),
        ("a:b c.d=1", "not-supported"),
        ("code=,", "value"),
        ("name=a\0b", "value"),
        ("';drop table ix;--=1", "not-supported"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_kind(text: str, code: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert caught.value.code == code
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    ("inside", "outside", "limits"),
    [
        ("c=" + ",".join("ab"), "c=" + ",".join("abc"), {"or_values_max": 2}),
        ("a=1&b=1", "a=1&b=1&c=1", {"params_max": 2}),
        ("a.b.c=1", "a.b.c.d=1", {"chain_depth_max": 2}),
        ("_sort=a,b", "_sort=a,b,c", {"sort_keys_max": 2}),
        ("_include=Aa:b,Aa:c", "_include=Aa:b,Aa:c,Aa:d", {"includes_max": 2}),
        ("a=" + "x" * 10, "a=" + "x" * 11, {"value_chars_max": 10}),
    ],
)
def test_each_limit_holds_just_outside_and_not_just_inside(inside: str, outside: str, limits: dict[str, int]) -> None:
    parse(inside, **limits)
    with pytest.raises(QueryError) as caught:
        parse(outside, **limits)
    assert caught.value.code == "too-costly"


def test_lenient_reading_drops_only_what_is_unknown_and_says_so() -> None:
    found = query.parse([("_text", "a"), ("name", "an")], Limits(), lenient=True)
    assert [one.code for one in found.criteria] == ["name"]
    assert [one.parameter for one in found.unread] == ["_text"]
    assert found.used == (("name", "an"),)
    with pytest.raises(QueryError):
        query.parse([("_count", "x")], Limits(), lenient=True)


def test_a_split_leaves_escaped_marks_alone() -> None:
    assert query.split(r"a\|b|c", "|") == [r"a\|b", "c"]
    assert query.split("a|b", "|") == ["a", "b"]
    assert query.split("\\", "|") == ["\\"]
