"""GET metadata: exactly what is there, no more (FHIR R4 http.html#capabilities)."""

from __future__ import annotations

from functools import lru_cache
from importlib import metadata as package_metadata
from typing import Any

from lienmach.api import tokens
from lienmach.api.exchange import Answer, Request
from lienmach.base import clock, errors
from lienmach.record.index.parameters import Parameter, Parameters
from lienmach.record.transaction import Store
from lienmach.standards.fhir import json as fhir_json

_INTERACTIONS = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
_RESULT_PARAMETERS = (("_id", "token"), ("_lastUpdated", "date"), ("_list", "reference"), ("_has", "special"))


async def metadata(store: Store, request: Request) -> Answer:
    """The CapabilityStatement, for everyone; a good token adds the search parameters of its own tenant."""
    if request.param("mode") not in (None, "full", "normative"):
        raise errors.Invalid("metadata takes mode=full or normative.")
    try:
        parameters = store.parameters_of((await tokens.actor_of(store, request)).tenant)
    except errors.Unauthenticated:
        parameters = store.standard_parameters
    if parameters is store.standard_parameters:
        body = _of_everyone(store, request.base_url)
    else:
        body = fhir_json.dump(statement(store, request.base_url, parameters))
    return Answer(200, body, [(b"content-type", b"application/fhir+json; charset=utf-8")])


@lru_cache(maxsize=4)
def _of_everyone(store: Store, base_url: str) -> bytes:
    """The statement without a tenant's own parameters, kept: writing it takes 10 ms, and anybody may ask for it."""
    return fhir_json.dump(statement(store, base_url, store.standard_parameters))


def statement(store: Store, base_url: str, parameters: Parameters) -> dict[str, Any]:
    """parameters: what to list; those that are still being built are left out."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": clock.to_instant(clock.now())[:10],
        "kind": "instance",
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "patchFormat": ["application/json-patch+json"],
        "software": {"name": "Liền Mạch", "version": package_metadata.version("lienmach")},
        "implementation": {"description": "Liền Mạch", "url": base_url},
        "rest": [
            {
                "mode": "server",
                "security": {"description": "Bearer tokens; every access is audited."},
                "resource": [_resource(kind, parameters) for kind in store.definitions.types],
                "interaction": [{"code": code} for code in ("transaction", "batch", "search-system", "history-system")],
                "searchParam": [_param("_id", "token"), _param("_lastUpdated", "date"), _param("_type", "token")],
                "compartment": [
                    f"http://hl7.org/fhir/CompartmentDefinition/{name}"
                    for name in ("patient", "encounter", "practitioner", "relatedPerson", "device")
                ],
            }
        ],
    }


def _resource(kind: str, parameters: Parameters) -> dict[str, Any]:
    found: dict[str, Parameter] = {code: one for code, one in parameters.of(kind).items() if one.building is None}
    guarded = kind == "AuditEvent"
    codes = [code for code in _INTERACTIONS if not (guarded and code in ("update", "patch", "delete"))]
    includes = [f"{kind}:{code}" for code, one in sorted(found.items()) if one.kind == "reference"]
    return {
        "type": kind,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{kind}",
        "interaction": [{"code": code} for code in codes],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": not guarded,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": not guarded,
        "conditionalDelete": "not-supported" if guarded else "single",
        "referencePolicy": ["literal", "logical", "local"],
        **({"searchInclude": includes} if includes else {}),
        "searchParam": [_param(code, kind) for code, kind in _RESULT_PARAMETERS]
        + [_param(code, one.kind, one.url) for code, one in sorted(found.items())],
    }


def _param(name: str, kind: str, url: str = "") -> dict[str, Any]:
    return {"name": name, **({"definition": url} if url else {}), "type": kind}
