"""Names of what references point to (people, facilities, medicines), looked up for one page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lienmach.base import errors
from lienmach.departments.registration import values
from lienmach.record import read
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import json as fhir_json

_MAX = 40


async def of(tx: Transaction, references: Iterable[str]) -> dict[str, str]:
    """Name by reference ("Type/id") of those that are here and that the actor may read; at most 40 are looked up."""
    found = {}
    for reference in sorted(set(references))[:_MAX]:
        kind, _, key = reference.partition("/")
        if not tx.definitions.is_resource_type(kind) or "/" in key:
            continue
        try:
            stored = await read.read(tx, kind, key)  # who is named on the page is named in its audit event
        except (errors.NotFound, errors.Gone, errors.Refused):
            continue
        name = _name(fhir_json.parse(stored.body))
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
