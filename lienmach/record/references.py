"""References to resources of this record: which ones a resource holds, and whether they resolve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lienmach.base import errors
from lienmach.record.transaction import Transaction


def literal(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """(FHIRPath, reference) of every Reference.reference below `value`, contained ones (`#…`) left out."""
    if isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str) and not reference.startswith("#"):
            yield f"{path}.reference", reference
        for key, inner in value.items():
            if isinstance(inner, dict | list):
                yield from literal(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            if isinstance(inner, dict | list):
                yield from literal(inner, f"{path}[{position}]")


def local_key(tx: Transaction, reference: str) -> tuple[str, str] | None:
    """(type, id) if `reference` names a resource of this server ("Type/id", with or without a version), else None."""
    base = tx.store.base_url
    if base and reference.startswith(base + "/"):
        reference = reference[len(base) + 1 :]
    parts = reference.split("#")[0].split("/")
    if len(parts) in (2, 4) and tx.definitions.is_resource_type(parts[0]) and parts[1]:
        return parts[0], parts[1]
    return None


async def check(tx: Transaction, resource: dict[str, Any]) -> None:
    """Raise errors.Conflict with all local references that do not resolve; for tenants that ask for it."""
    broken = []
    for path, reference in literal(resource, resource["resourceType"]):
        key = local_key(tx, reference)
        if key is None:
            continue
        number = tx.definitions.type_number(key[0])
        pending = tx.pending.get((number, key[1]))
        point = await tx.point(*key) if pending is None else None
        if (pending is not None and pending.op == "D") or (pending is None and (point is None or point.deleted)):
            broken.append(errors.Issue("error", "not-found", f"{reference[:120]} is not here.", path))
    if broken:
        raise errors.Conflict(issues=broken)
