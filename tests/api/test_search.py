"""The searchset Bundle: its totals, what is contained, and the parameters that the capability statement names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lienmach.base.jobs import Taken
from lienmach.record import reindex

OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"coding": [{"code": "x"}]}}
URL = "https://node.example/fhir/StructureDefinition/nickname"
PARAMETER = {
    "resourceType": "SearchParameter",
    "id": "nickname",
    "url": "https://node.example/fhir/SearchParameter/nickname",
    "name": "nickname",
    "status": "active",
    "description": "x",
    "code": "nickname",
    "base": ["Patient"],
    "type": "string",
    "expression": f"Patient.extension('{URL}').value.ofType(string)",
}
ORDER = {
    "resourceType": "MedicationRequest",
    "id": "r1",
    "status": "active",
    "intent": "order",
    "contained": [
        {
            "resourceType": "Medication",
            "id": "m1",
            "status": "active",
            "code": {"coding": [{"system": "urn:drug", "code": "para"}], "text": "Thuốc"},
        }
    ],
    "subject": {"reference": "Patient/an"},
    "medicationReference": {"reference": "#m1"},
}


async def bundle(fhir, query: str, **headers: str) -> dict[str, Any]:
    answer = await fhir.get(f"/{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("count", [3, 4])  # just as many as the limit of estimates, and one more
async def test_a_total_is_right_or_absent_and_only_an_estimate_may_be_a_floor(fhir, store, count):
    store.limits = replace(store.limits, total_max=3)
    for _ in range(count):
        assert (await fhir.post("/Observation", json=OBSERVATION)).status_code == 201
    for which in ("Observation?code=x", "Observation?", "Observation?status=final", "?_type=Observation"):
        for shape in (
            "",
            "&_count=2",
            "&_count=50",
            "&_sort=_id",
            "&_sort=_id&_count=2",
            "&_count=0",
            "&_summary=count",
        ):
            for asked in ("", "accurate", "estimate", "none"):
                said = await bundle(fhir, which + shape + (f"&_total={asked}" if asked else ""))
                case = (which, shape, asked)
                if asked == "none":
                    assert "total" not in said, case
                elif asked == "estimate":
                    assert said["total"] in ({count} if count == 3 else {3, count}), case
                    hints = [
                        one["resource"]["issue"][0]["severity"]
                        for one in said.get("entry", ())
                        if one["search"]["mode"] == "outcome"
                    ]
                    assert hints == ([] if said["total"] == count else ["information"]), case
                elif asked == "accurate" or shape in ("&_count=0", "&_summary=count"):
                    assert said["total"] == count, case
                else:
                    assert said.get("total", count) == count, case
    following = [
        link["url"]
        for link in (await bundle(fhir, "Observation?_count=2&_total=accurate"))["link"]
        if link["relation"] == "next"
    ]
    assert (await fhir.get(following[0])).json()["total"] == count


async def test_what_is_contained_is_answered_as_container_or_under_its_own_full_url(fhir):
    assert (await fhir.put("/MedicationRequest/r1", json=ORDER)).status_code == 201
    assert (await bundle(fhir, "Medication?code=para"))["total"] == 0
    (entry,) = (await bundle(fhir, "Medication?code=para&_contained=true"))["entry"]
    assert entry["fullUrl"] == "http://localhost/fhir/MedicationRequest/r1"
    assert (entry["resource"]["resourceType"], entry["search"]["mode"]) == ("MedicationRequest", "match")
    found = await bundle(fhir, "Medication?code=para&_contained=both&_containedType=contained")
    (entry,) = found["entry"]
    assert found["total"] == 1
    assert entry == {
        "fullUrl": "http://localhost/fhir/MedicationRequest/r1#m1",
        "resource": ORDER["contained"][0],
        "search": {"mode": "match"},
    }
    link = next(one["url"] for one in found["link"] if one["relation"] == "self")
    assert "_contained=both" in link and "_containedType=contained" in link
    for kind in ("container", "contained"):
        found = await bundle(fhir, f"Medication?_contained=true&_containedType={kind}&_summary=true")
        assert found["entry"][0]["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"
        found = await bundle(fhir, f"Medication?_contained=true&_containedType={kind}&_summary=count")
        assert found["total"] == 1 and "entry" not in found
    found = await bundle(fhir, "Medication?_contained=true&_containedType=contained&_elements=status")
    assert "code" not in found["entry"][0]["resource"]


async def test_a_chain_with_contained_is_refused_by_name_or_left_out_with_lenient(fhir):
    await fhir.put("/MedicationRequest/r1", json=ORDER)
    query = "Medication?manufacturer.name=x&_contained=true"
    answer = await fhir.get(f"/{query}")
    assert answer.status_code == 400 and "manufacturer.name" in answer.json()["issue"][0]["diagnostics"]
    found = await bundle(fhir, query, prefer="handling=lenient")
    assert [one["search"]["mode"] for one in found["entry"]] == ["match", "outcome"]


async def test_a_search_parameter_that_cannot_be_served_is_refused_with_its_place(fhir):
    bad = {**PARAMETER, "expression": "Patient.name.where(family.matches('a+'))"}
    answer = await fhir.put("/SearchParameter/nickname", json=bad)
    issue = answer.json()["issue"][0]
    assert (answer.status_code, issue["expression"]) == (422, ["SearchParameter.expression"])
    assert "matches()" in issue["diagnostics"]
    wrong = await fhir.put("/SearchParameter/nickname", json={**PARAMETER, "code": "a:b"})
    assert (wrong.status_code, wrong.json()["issue"][0]["expression"]) == (422, ["SearchParameter.code"])
    assert (await fhir.put("/SearchParameter/nickname", json={**bad, "status": "draft"})).status_code == 201
    assert (await fhir.put("/SearchParameter/nickname", json=PARAMETER)).status_code == 200


def _codes(statement: dict[str, Any], kind: str = "Patient") -> set[str]:
    resource = next(one for one in statement["rest"][0]["resource"] if one["type"] == kind)
    return {one["name"] for one in resource["searchParam"]}


async def test_metadata_names_own_parameters_when_they_are_ready_to_who_belongs_there(fhir, client_of, store):
    await reindex.load_customs(store)
    assert (await fhir.put("/SearchParameter/nickname", json=PARAMETER)).status_code == 201
    async with store.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local lienmach.tenant = '1'")
        await connection.execute(
            "insert into reindex (tenant, id, url, code, definition, state, done, total) "
            "values (1, 'nickname', $1, 'nickname', $2, 'building', 3, 5)",
            PARAMETER["url"],
            reindex.custom.to_json(reindex.custom.definition_of(PARAMETER)),
        )
    await reindex.refresh(store, store.tenants[1])
    assert "nickname" not in _codes((await fhir.get("/metadata")).json())
    await reindex.run(store, Taken(1, 1, reindex.KIND, {"id": "nickname"}, 1, 5), settle_seconds=0)
    assert "nickname" in _codes((await fhir.get("/metadata")).json())
    assert "nickname" not in _codes((await fhir.get("/metadata")).json(), "Observation")
    stranger = await client_of("system", 2)
    unknown = {"authorization": "Bearer lm_unknown"}
    for answer in (
        await stranger.get("/metadata"),
        await fhir.get("/metadata", headers=unknown),
        await fhir.get("/metadata", headers={"authorization": ""}),
    ):
        assert answer.status_code == 200
        assert "nickname" not in _codes(answer.json()) and "name" in _codes(answer.json())
