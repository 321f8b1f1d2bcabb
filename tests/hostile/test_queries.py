"""Hostile searches: refused by the name of the parameter, or answered with nothing; no row changes and nothing runs away."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest
from conftest_hostile import Ask, World

pytestmark = pytest.mark.asyncio(loop_scope="module")
FORM = {"content-type": "application/x-www-form-urlencoded"}
SQL = [
    "'; drop table version; --",
    "' or '1'='1",
    "1; select pg_sleep(10)",
    "\\'; delete from ix; --",
    "$1",
    "%s",
    "{0}",
    "null",
    "' union select body from version --",
    "1)) or 1=1 --",
]


def get(
    name: str,
    path: str,
    *words: str,
    status: tuple[int, ...] = (400,),
    codes: tuple[str, ...] = (),
    headers: dict[str, str] | None = None,
) -> Ask:
    return Ask(name, "GET", path, b"", headers or {}, status, codes, words)


def many(name: str, path: str, count: int, value: str = "x") -> str:
    return f"{path}?{name}=" + ",".join(f"{value}{number}" for number in range(count))


REFUSED = [
    get("an unknown parameter", "/Patient?shoe=1", "shoe", codes=("not-supported",)),
    get(
        "an unknown parameter of another type", "/Patient?value-quantity=1", "value-quantity", codes=("not-supported",)
    ),
    get("an unknown result parameter", "/Patient?_shoe=1", "_shoe", codes=("not-supported",)),
    get("an unknown modifier", "/Patient?name:shoe=x", "name", "shoe"),
    get("two modifiers", "/Patient?name:exact:exact=x", "name"),
    get("a modifier of another kind", "/Patient?birthdate:exact=2020", "birthdate"),
    get(":in without terminology", "/Observation?code:in=http://x", "code", "in"),
    get(":missing of neither", "/Patient?name:missing=perhaps", "missing"),
    get("a parameter without a name", "/Patient?=1"),
    get("a name of 10,000 letters", f"/Patient?{'x' * 10_000}=1"),
    get("201 OR values", many("name", "/Patient", 201), "200", status=(400, 413)),
    get("10,000 OR values", many("name", "/Patient", 9000), "200", status=(400, 413)),
    get("10,000 ids", many("_id", "/Patient", 9000), status=(400, 413)),
    get("101 parameters", "/Patient?" + "&".join(["name=x"] * 101), "100", status=(400, 413)),
    get("2,001 parameters", "/Patient?" + "&".join(["a=x"] * 2001), status=(400, 413)),
    get(
        "a chain of eight",
        "/Observation?" + ".".join(["subject:Patient"] + ["organization.partof"] * 7) + ".name=x",
        "6 steps",
        status=(413,),
    ),
    get("a chain of 200", "/Organization?" + ".".join(["partof"] * 200) + ".name=x", "6 steps", status=(413,)),
    get("_has twenty deep", "/Patient?" + "_has:Observation:subject:" * 20 + "code=x", "6 steps", status=(413,)),
    get("_has without its parts", "/Patient?_has=x", "_has"),
    get("_has with two parts", "/Patient?_has:Observation:subject=x", "_has"),
    get("_has of an unknown type", "/Patient?_has:Shoe:subject:code=x", "Shoe"),
    get("_has of an unknown reference", "/Patient?_has:Observation:shoe:code=x", "shoe"),
    get("_has of an unknown parameter", "/Patient?_has:Observation:subject:shoe=x", "shoe"),
    get("a chain over what is no reference", "/Patient?name.name=x", "name"),
    get("a chain to a type that it never has", "/Observation?subject:Claim.status=x", "Claim"),
    get("_count negative", "/Patient?_count=-1", "_count"),
    get("_count a word", "/Patient?_count=many", "_count"),
    get("_count with a fraction", "/Patient?_count=1.5", "_count"),
    get("_count of 400 digits", "/Patient?_count=" + "9" * 400, "_count", status=(400, 200)),
    get("_count in Arabic digits", "/Patient?_count=" + quote("١٠"), "_count"),
    get("_count empty", "/Patient?_count=", status=(200, 400)),
    get("_sort of nothing", "/Patient?_sort=", status=(200, 400)),
    get("_sort by an unknown", "/Patient?_sort=shoe", "shoe"),
    get("_sort by SQL", "/Patient?_sort=" + quote("name; drop table version"), "_sort"),
    get("_sort with two signs", "/Patient?_sort=--name", "_sort"),
    get("_sort by 1,000 keys", "/Patient?_sort=" + ",".join(["name"] * 1000), status=(200, 400, 413)),
    get("_total of a word", "/Patient?_total=all", "_total"),
    get("_summary of a word", "/Patient?_summary=maybe", "_summary"),
    get("_summary of a word on a read", "/Patient/an?_summary=maybe", "_summary"),
    get("_contained of a word", "/Patient?_contained=maybe", "_contained"),
    get("_include of a word", "/Patient?_include=shoe", "_include"),
    get("_include of an unknown type", "/Patient?_include=Shoe:x", "Shoe"),
    get("_include of an unknown reference", "/Patient?_include=Patient:shoe", "shoe"),
    get("_include of what is no reference", "/Patient?_include=Patient:name", "name"),
    get("_include with an unknown target", "/Patient?_include=Patient:organization:Shoe", "Shoe"),
    get("_include with an unknown modifier", "/Patient?_include:forever=Patient:organization", "_include"),
    get("_revinclude of a word", "/Patient?_revinclude=x", "_revinclude"),
    get("_type unknown", "?_type=Shoe", "Shoe"),
    get("_type of another", "/Patient?_type=Observation", "_type"),
    get("_page of rubbish", "/Patient?_page=rubbish", "_page"),
    get("_page of SQL", "/Patient?_page=" + quote(SQL[0]), "_page"),
    get("_page of base64 rubbish", "/Patient?_page=eyJhIjoxfQ", "_page"),
    get("_page deep", "/Patient?_page=" + "W1" * 5000, "_page"),
    get("_page of a number too large", "/Patient?_page=WyJ0ZCIsIjIwMjAtMDEtMDFUMDA6MDA6MDBaIiw5ZTk5OV0", "_page"),
    get("_lastUpdated a word", "/Patient?_lastUpdated=yesterday", "_lastUpdated"),
    get("_lastUpdated with an unknown prefix", "/Patient?_lastUpdated=xx2020", "_lastUpdated"),
    get("a birth date in words", "/Patient?birthdate=yesterday", "birthdate"),
    get("a thirtieth of February", "/Patient?birthdate=2024-02-30", "birthdate"),
    get("a month 13", "/Patient?birthdate=2024-13", "birthdate"),
    get("the year 0", "/Patient?birthdate=0000", "birthdate"),
    get("the year 99999", "/Patient?birthdate=99999", "birthdate"),
    get("a negative year", "/Patient?birthdate=-2024", "birthdate"),
    get("a date with SQL behind", "/Patient?birthdate=" + quote("2024-01-01' or 1=1"), "birthdate"),
    get("two prefixes", "/Patient?birthdate=gege2024", "birthdate"),
    get("an offset of 99 hours", "/Patient?birthdate=" + quote("2024-01-01T00:00:00+99:00"), "birthdate"),
    get("a date of 10,000 digits", "/Patient?birthdate=" + "2" * 10_000, "birthdate"),
    get("an empty date", "/Patient?birthdate=", "birthdate", status=(400, 200)),
    get("a quantity in words", "/Observation?value-quantity=high", "value-quantity"),
    get("a quantity NaN", "/Observation?value-quantity=NaN", "value-quantity"),
    get("a quantity Infinity", "/Observation?value-quantity=Infinity", "value-quantity"),
    get("a quantity with a huge exponent", "/Observation?value-quantity=1e999999999", "value-quantity"),
    get("a quantity with a tiny exponent", "/Observation?value-quantity=1e-999999999", "value-quantity"),
    get("a quantity of 10,000 digits", "/Observation?value-quantity=" + "9" * 10_000, "value-quantity"),
    get("a quantity with five parts", "/Observation?value-quantity=" + quote("1|a|b|c|d"), "value-quantity"),
    get("a number in words", "/RiskAssessment?probability=often", "probability"),
    get("a composite with one part", "/Observation?code-value-quantity=x", "code-value-quantity"),
    get("a composite with three parts", "/Observation?code-value-quantity=" + quote("a$1$2"), "code-value-quantity"),
    get("a token with three bars", "/Patient?identifier=" + quote("a|b|c|d"), "identifier", status=(400, 200)),
    get("a position in words", "/Location?near=here", "near", status=(400,)),
    get("a NUL in a value", "/Patient?name=a%00b", "NUL"),
    get("a NUL in an id", "/Patient?_id=%00", "NUL"),
    get("a NUL in a name", "/Patient?na%00me=x"),
    get("an invalid percent sequence", "/Patient?name=%ff%fe"),
    get("an overlong slash", "/Patient?name=%c0%af"),
    get("a surrogate in percent", "/Patient?name=%ed%a0%80"),
    get("an operation that is not there", "/Patient/an/$everything", "$everything", status=(404,)),
    get("an operation on the root", "/$export", status=(404,)),
    get("a compartment that does not exist", "/Organization/a/Patient", status=(404,)),
    get("a compartment without that type", "/Patient/an/Organization", status=(400, 404)),
    get("a history with an unknown parameter", "/Patient/an/_history?shoe=1", "shoe"),
    get("a history of a bad moment", "/Patient/an/_history?_since=yesterday", "_since"),
    get("a history of a bad range", "/Patient/an/_history?_at=2024-99", "_at"),
    get("a history page of SQL", "/_history?_page=" + quote(SQL[0]), "_page"),
    get("a history page too large", "/_history?_page=" + "9" * 19, "_page"),
    get("a history count in words", "/_history?_count=many", "_count"),
    get("a version in words", "/Patient/an/_history/first", status=(404,)),
    get("a version too large", "/Patient/an/_history/99999999999999999999", status=(404,)),
    get("a negative version", "/Patient/an/_history/-1", status=(404,)),
    get("a version in Arabic digits", "/Patient/an/_history/" + quote("١"), status=(404,)),
    get("metadata in another mode", "/metadata?mode=" + quote(SQL[0]), "mode"),
]

FORMS = [
    Ask(
        "a search in JSON",
        "POST",
        "/Patient/_search",
        b'{"name":"x"}',
        {"content-type": "application/json"},
        (415,),
        ("not-supported",),
        ("form",),
    ),
    Ask("a search without a type", "POST", "/Patient/_search", b"name=x", {}, (415,)),
    Ask("a search of 70 KB", "POST", "/Patient/_search", b"name=" + b"x" * 70_000, FORM, (413,)),
    Ask(
        "a search with 10,000 OR values",
        "POST",
        "/Patient/_search",
        b"name=" + b",".join([b"x"] * 10_000),
        FORM,
        (400, 413),
        (),
        ("200",),
    ),
    Ask("a form with NUL", "POST", "/Patient/_search", b"name=%00", FORM, (400,), (), ("NUL",)),
    Ask("a form of raw bytes", "POST", "/Patient/_search", b"name=\xff\xfe", FORM, (400,)),
    Ask(
        "a form bomb",
        "POST",
        "/Patient/_search",
        lambda: __import__("gzip").compress(b"name=" + b"x" * 20 * 2**20),
        {**FORM, "content-encoding": "gzip"},
        (413,),
    ),
    Ask(
        "an unknown parameter in a form",
        "POST",
        "/Patient/_search",
        b"shoe=1",
        FORM,
        (400,),
        ("not-supported",),
        ("shoe",),
    ),
]


@pytest.mark.parametrize("ask", [*REFUSED, *FORMS], ids=lambda ask: ask.name)
async def test_a_bad_search_is_refused_by_name(world: World, ask: Ask) -> None:
    if 200 in ask.status:
        answer = await world.send(ask)
        assert answer.status_code in ask.status, f"{ask.name}: {answer.status_code} {answer.text[:300]}"
    else:
        await world.refuse(ask)


@pytest.mark.parametrize("kind", ["Patient", "Observation", "Location", "RiskAssessment", "Encounter", "AuditEvent"])
async def test_sql_in_every_parameter_finds_nothing_and_changes_nothing(world: World, kind: str) -> None:
    names = [
        *world.store.standard_parameters.of(kind),
        "_id",
        "_lastUpdated",
        "_tag",
        "_profile",
        "_security",
        "_source",
        "_list",
        "_sort",
        "_count",
        "_include",
        "_revinclude",
        "_summary",
        "_elements",
        "_total",
        "_type",
        "_page",
        "_format",
        "_pretty",
        "_contained",
        "_containedType",
        "_text",
        "_content",
        "_filter",
        "_query",
    ]
    before = await world.count()
    for number, name in enumerate(names):
        value = SQL[number % len(SQL)]
        answer = await world.client.get(f"/{kind}?{urlencode({name: value})}")
        assert answer.status_code == 200 or 400 <= answer.status_code < 500, f"{name}={value}: {answer.text[:300]}"
        if answer.status_code == 200 and name not in ("_elements", "_pretty", "_security", "_format"):
            assert not [one for one in answer.json().get("entry", []) if one["search"]["mode"] == "match"], (
                name,
                value,
            )
    assert await world.count() == before


@pytest.mark.parametrize("value", SQL)
async def test_sql_as_a_parameter_name_a_modifier_a_chain_and_a_type_is_refused(world: World, value: str) -> None:
    text = quote(value, safe="")
    for path in (
        f"/Patient?{text}=1",
        f"/Patient?name:{text}=1",
        f"/Observation?subject:{text}.name=1",
        f"/Observation?subject.{text}=1",
        f"/Patient?_has:{text}:subject:code=1",
        f"/Patient?_has:Observation:{text}:code=1",
        f"/Patient?_include={text}:x",
        f"/{text}",
        f"/{text}/an",
        f"/Patient?_type={text}",
        f"/Patient/an/{text}",
    ):
        await world.refuse(get(path, path, status=(400, 404)))


@pytest.mark.parametrize(
    "value",
    [
        *SQL,
        "a\0b",
        "a b",
        "đ",
        "a\u202eb",
        "x" * 65,
        "x" * 5000,
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        "%00",
        "a%2fb",
        "`id`",
        "${7*7}",
        "<script>",
    ],
)
async def test_a_hostile_id_is_not_found_or_refused(world: World, value: str) -> None:
    text = quote(value, safe="")
    for method, path in (
        ("GET", f"/Patient/{text}"),
        ("GET", f"/Patient/{text}/_history"),
        ("DELETE", f"/Patient/{text}"),
        ("GET", f"/Patient/an/_history/{text}"),
        ("GET", f"/Patient/{text}/Observation"),
    ):
        answer = await world.send(Ask(path, method, path))
        assert answer.status_code in (200, 204, 400, 404, 405), (
            f"{method} {path}: {answer.status_code} {answer.text[:200]}"
        )
        if answer.status_code == 200:  # a compartment of a person who is not here is empty
            assert not answer.json().get("entry"), path
    body = b'{"resourceType":"Patient","id":"an"}'
    await world.refuse(
        Ask(value, "PUT", f"/Patient/{text}", body, {"content-type": "application/json"}, (400, 404, 405))
    )


async def test_cyclic_includes_end_and_bring_each_resource_once(world: World) -> None:
    for query in (
        "_id=a&_include:iterate=Organization:partof",
        "_id=a&_revinclude:iterate=Organization:partof",
        "_id=a&_include:iterate=*&_revinclude:iterate=*",
        "_id=a&_include:iterate=Organization:partof&_revinclude:iterate=Organization:partof&_include:iterate=*",
    ):
        answer = await world.send(get(query, f"/Organization?{query}"))
        assert answer.status_code in (200, 400), answer.text[:300]
        if answer.status_code == 200:
            ids = [
                entry["resource"].get("id") for entry in answer.json()["entry"] if entry["search"]["mode"] != "outcome"
            ]
            assert len(ids) == len(set(ids)) and "b" in ids


async def test_a_huge_count_is_cut_to_the_limit(world: World) -> None:
    answer = await world.send(get("_count", "/Patient?_count=999999999"))
    assert answer.status_code == 200
    link = next(one["url"] for one in answer.json()["link"] if one["relation"] == "self")
    assert f"_count={world.store.limits.page_count_max}" in link


async def test_absurd_but_valid_dates_are_answered(world: World) -> None:
    for value in (
        "0001",
        "9999-12-31T23:59:59.999Z",
        "ap0001-01-01",
        "ap9999-12-31",
        "lt0001",
        "gt9999",
        "ne9999",
        "9999-12-31T24:00:00Z",
        "2024-12-31T23:59:60Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
    ):
        for path in (
            f"/Patient?birthdate={quote(value)}",
            f"/Observation?date={quote(value)}",
            f"/Patient?_lastUpdated={quote(value)}",
            f"/Patient/an/_history?_since={quote(value)}",
            f"/Patient/an/_history?_at={quote(value)}",
        ):
            answer = await world.send(get(path, path))
            assert answer.status_code in (200, 400), f"{path}: {answer.status_code} {answer.text[:200]}"


async def test_just_inside_the_limits_is_answered(world: World) -> None:
    for path in (
        many("name", "/Patient", 200),
        "/Patient?" + "&".join(["name=x"] * 100),
        "/Patient?name=" + "x" * 16_384,
    ):
        answer = await world.client.get(path)
        assert answer.status_code == 200, f"{path[:60]}: {answer.text[:200]}"
