"""What two tenants hold, and everything that may be asked of one: readings and writings, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SECRET = "SecretOfTenantOne"
SYSTEM = "http://x"
PATCH = {"content-type": "application/json-patch+json"}


def person(one: str, name: str, value: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": one,
        "name": [{"text": name}],
        "gender": "female",
        "birthDate": "1958-02-03",
        "identifier": [{"system": SYSTEM, "value": value}],
        **more,
    }


def seen(one: str, subject: str, text: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": one,
        "status": "final",
        "subject": {"reference": f"Patient/{subject}"},
        "code": {"coding": [{"system": SYSTEM, "code": "bp"}], "text": text},
        "effectiveDateTime": "2024-05-05",
        "encounter": {"reference": "Encounter/stay"},
        "valueQuantity": {"value": 80, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }


FULL: list[dict[str, Any]] = [
    person("same", SECRET, "1"),
    person("only", SECRET, "2"),
    person("gone", SECRET, "3"),
    seen("seen", "only", SECRET),
    seen("same", "same", SECRET),
    {
        "resourceType": "Encounter",
        "id": "stay",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/only"},
    },
    {
        "resourceType": "List",
        "id": "watched",
        "status": "current",
        "mode": "working",
        "title": SECRET,
        "entry": [{"item": {"reference": "Patient/only"}}, {"item": {"reference": "Patient/same"}}],
    },
    {"resourceType": "Organization", "id": "org", "name": SECRET},
    {
        "resourceType": "SearchParameter",
        "id": "nick",
        "status": "active",
        "url": "http://x/nick",
        "name": "nick",
        "description": SECRET,
        "code": "nick",
        "base": ["Patient"],
        "type": "string",
        "expression": "Patient.name.text",
    },
]
OWN: list[dict[str, Any]] = [
    person("same", "Trần Thị Bình", "9"),
    seen("mine", "same", "own"),
    seen("points", "only", "points at what is not here"),
    {
        "resourceType": "List",
        "id": "own",
        "status": "current",
        "mode": "working",
        "entry": [{"item": {"reference": "Patient/only"}}, {"item": {"reference": "Patient/same"}}],
    },
    {
        "resourceType": "Patient",
        "id": "linked",
        "managingOrganization": {"reference": "Organization/org"},
        "generalPractitioner": [{"reference": "Practitioner/none"}],
    },
]


@dataclass(frozen=True)
class Ask:
    method: str
    path: str
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


def get(path: str, **headers: str) -> Ask:
    return Ask("GET", path, None, tuple((name.replace("_", "-"), value) for name, value in headers.items()))


READS = [
    *(
        get(f"/{kind}/{one}")
        for kind, one in (
            ("Patient", "same"),
            ("Patient", "only"),
            ("Patient", "gone"),
            ("Observation", "seen"),
            ("Observation", "same"),
            ("Encounter", "stay"),
            ("List", "watched"),
            ("Organization", "org"),
            ("SearchParameter", "nick"),
        )
    ),
    get("/Patient/only", if_none_match='W/"1"'),
    get("/Patient/only", if_none_match="*"),
    get("/Patient/only", if_modified_since="Thu, 01 Jan 1970 00:00:00 GMT"),
    get("/Patient/same", if_none_match='W/"2"'),
    get("/Patient/only?_summary=true"),
    get("/Patient/only?_elements=name"),
    get("/Patient/only/_history/1"),
    get("/Patient/same/_history/1"),
    get("/Patient/same/_history/2"),
    get("/Patient/gone/_history/1"),
    get("/Patient/gone/_history/2"),
    get("/Patient/only/_history"),
    get("/Patient/same/_history"),
    get("/Patient/gone/_history"),
    get("/Patient/_history"),
    get("/Observation/_history?_count=1"),
    get("/List/_history?_since=2000"),
    get("/Encounter/_history"),
    get("/Patient/_history?_at=2099"),
    get("/Patient/_history?_page=3"),
    *(
        get(f"{path}")
        for path in (
            "/Patient",
            "/Patient?_total=accurate",
            "/Patient?_summary=count",
            "/Patient?_count=0",
            "/Patient?_count=1",
            f"/Patient?name={SECRET}",
            f"/Patient?name:contains={SECRET}",
            f"/Patient?name:exact={SECRET}",
            f"/Patient?identifier={SYSTEM}|1",
            "/Patient?identifier=2",
            f"/Patient?identifier={SYSTEM}|",
            "/Patient?_id=only",
            "/Patient?_id=same,only,gone",
            "/Patient?gender=female",
            "/Patient?gender:not=male",
            "/Patient?birthdate=1958",
            "/Patient?_lastUpdated=ge2000",
            "/Patient?organization=Organization/org",
            "/Patient?organization:missing=true",
            "/Patient?_sort=-birthdate",
            "/Patient?_sort=name",
            "/Patient?organization.name=" + SECRET,
            "/Patient?organization:Organization._id=org",
            "/Patient?_has:Observation:patient:code=bp",
            "/Patient?_has:Observation:patient:_id=seen",
            "/Patient?_has:Encounter:patient:status=finished",
            "/Patient?_has:Observation:patient:_has:x:y:z=1",
            "/Patient?_list=watched",
            "/Patient?_list=own",
            "/Patient?_id=linked&_include=*",
            "/Patient?_id=linked&_include=Patient:organization",
            "/Patient?_id=same&_revinclude=*",
            "/Patient?_id=only&_revinclude=Observation:patient",
            "/Patient?_id=same&_revinclude:iterate=*&_include:iterate=*",
            "/Observation",
            "/Observation?patient=only",
            "/Observation?patient=Patient/only&_total=accurate",
            "/Observation?subject.name=" + SECRET,
            "/Observation?patient.gender=female",
            "/Observation?patient._id=only",
            "/Observation?patient.identifier=2",
            "/Observation?encounter.status=finished",
            "/Observation?code=bp",
            "/Observation?code:text=" + SECRET,
            "/Observation?_id=points&_include=*",
            "/Observation?date=2024-05-05",
            "/Observation?_id=points&_include=Observation:patient&_include:iterate=Patient:organization",
            "/Observation?value-quantity=80|http://unitsofmeasure.org|kg",
            "/Observation?code-value-quantity=bp$80",
            "/Observation?value-quantity=80000|http://unitsofmeasure.org|g",
            "/Observation?_summary=count",
            "/Patient/only/Observation",
            "/Patient/only/*",
            "/Patient/same/*",
            "/Patient/same/Observation?_summary=count",
            "/Encounter/stay/Observation",
            "/Encounter/stay/*",
            "/Encounter?_summary=count",
            "/Encounter?subject:Patient._id=only",
            "/Organization?name=" + SECRET,
            "/List?title=" + SECRET,
            "/List?item=Patient/only",
            "?_type=Patient,Observation",
            "?_type=Patient&_id=only",
            "?_id=only&_total=accurate",
            "/Patient?nick=" + SECRET,
            "/Patient?_sort=nick",
            "/SearchParameter?code=nick",
            "/SearchParameter",
            "/metadata",
            "/AuditEvent?patient=Patient/only&_summary=count",
            "/AuditEvent?entity=Patient/gone&_summary=count",
            "/AuditEvent?outcome=4&_summary=count",
            "/Patient/only/$everything",
            "/Patient/only/AuditEvent?_summary=count",
        )
    ),
    Ask(
        "POST",
        "/Patient/_search",
        f"name={SECRET}&_total=accurate",
        (("content-type", "application/x-www-form-urlencoded"),),
    ),
    Ask(
        "POST",
        "/Patient/only/Observation/_search",
        "_total=accurate",
        (("content-type", "application/x-www-form-urlencoded"),),
    ),
    Ask("HEAD", "/Patient/only"),
    Ask("HEAD", "/Patient/same"),
]


def bundle(kind: str, *entries: tuple[str, str, Any, dict[str, str]]) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [
            {**({"resource": one} if one else {}), "request": {"method": method, "url": url, **more}}
            for method, url, one, more in entries
        ],
    }


def new(**more: Any) -> dict[str, Any]:
    return {key: value for key, value in person("", "New", "2", **more).items() if key != "id"}


WRITES = [
    Ask("PUT", "/Patient/only", person("only", "Own only", "7"), (("if-match", 'W/"1"'),)),
    Ask("PATCH", "/Patient/only", [{"op": "add", "path": "/active", "value": True}], tuple(PATCH.items())),
    Ask("PATCH", "/Patient?identifier=2", [{"op": "add", "path": "/active", "value": True}], tuple(PATCH.items())),
    Ask("DELETE", "/Patient/only"),
    Ask("DELETE", "/Patient/only", None, (("if-match", 'W/"7"'),)),
    Ask("DELETE", "/Patient?identifier=2"),
    Ask("DELETE", f"/Observation?subject.name={SECRET}"),
    Ask("POST", "/Patient", new(), (("if-none-exist", f"identifier={SYSTEM}|1"),)),
    Ask("POST", "/Patient", new(), (("if-none-exist", f"identifier={SYSTEM}|2"),)),
    Ask("POST", "/Patient", new(), (("if-none-exist", "_id=only"),)),
    Ask("POST", "/Patient", new(), (("if-none-exist", f"name={SECRET}"),)),
    Ask("PUT", f"/Patient?name={SECRET}", new()),
    Ask(
        "PUT",
        "/Encounter/stay",
        {
            "resourceType": "Encounter",
            "id": "stay",
            "status": "planned",
            "class": {"code": "IMP"},
            "subject": {"reference": "Patient/only"},
        },
    ),
    Ask("POST", "", bundle("transaction", ("GET", "Patient/gone", None, {}))),
    Ask(
        "POST",
        "",
        bundle(
            "transaction",
            ("POST", "Patient", new(), {"ifNoneExist": f"name={SECRET}"}),
            ("GET", f"Patient?name={SECRET}", None, {}),
            ("DELETE", "Patient/gone", None, {}),
        ),
    ),
    Ask(
        "POST",
        "",
        bundle(
            "transaction",
            (
                "POST",
                "Observation",
                {**seen("", "x", "conditional"), "id": None, "subject": {"reference": f"Patient?name={SECRET}"}},
                {},
            ),
        ),
    ),
    Ask("POST", "", bundle("transaction", ("PUT", "Patient/gone", person("gone", "Own", "6"), {"ifMatch": 'W/"2"'}))),
    Ask(
        "POST",
        "",
        bundle(
            "batch",
            ("GET", "Patient/gone", None, {}),
            ("GET", f"Patient?name={SECRET}", None, {}),
            ("GET", "Patient/gone/_history", None, {}),
            ("DELETE", "List/watched", None, {}),
            ("PUT", "Patient/gone", person("gone", "Own gone", "8"), {}),
        ),
    ),
    Ask("PUT", "/SearchParameter/nick", FULL[-1] | {"id": "nick", "description": "own"}),
    get("/Patient/gone/_history"),
    get("/Patient/only/_history"),
    get("/Encounter/stay/_history"),
]
