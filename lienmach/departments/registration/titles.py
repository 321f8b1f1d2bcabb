"""Names of what references point to (people, facilities, medicines), looked up for one page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lienmach.departments.registration import values
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import json as fhir_json

_MAX = 40


async def of(tx: Transaction, references: Iterable[str]) -> dict[str, str]:
    """Name by reference ("Type/id") of those that are here and that the actor may read; at most 40 are looked up."""
    found = {}
    for reference in sorted(set(references))[:_MAX]:
        kind, _, key = reference.partition("/")
        if not tx.definitions.is_resource_type(kind) or "/" in key or not tx.policy.may_read(tx.definitions.type_number(kind)):
            continue
        point = await tx.point(kind, key)
        if point is not None and not point.deleted:
            name = _name(fhir_json.parse(point.body))
            if name:
                found[reference] = name
    return found


def _name(resource: dict[str, Any]) -> str:
    name = resource.get("name")
    if isinstance(name, str):
        return name
    if isinstance(name, list) and name and isinstance(name[0], dict):
        return values.human_name(name[0])
    code = resource.get("code") or (resource.get("type") or [{}])
    return values.concept(code[0] if isinstance(code, list) and code else code, "vi")
