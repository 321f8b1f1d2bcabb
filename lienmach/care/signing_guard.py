"""What is final is never overwritten: guards for Composition, DiagnosticReport and signatures (departments name them).

A final note takes addenda (a Composition of its own that `relatesTo` it) or is marked entered-in-error with a reason. A
final report takes corrected, amended or appended versions, which keep the old one in the history, or entered-in-error.
"""

from __future__ import annotations

import json
from typing import Any

from lienmach.base import errors
from lienmach.care import systems
from lienmach.record.points import Point
from lienmach.record.transaction import Transaction

REASON = systems.EXTENSION + "status-reason"
_CLOSED = frozenset({"final", "amended", "corrected", "appended"})
_MAY_FOLLOW = {"Composition": frozenset[str](), "DiagnosticReport": frozenset({"amended", "corrected", "appended"})}


async def guard_final(tx: Transaction, resource: dict[str, Any], prior: Point | None) -> None:
    """Refuse a version that would overwrite a final one. Raises errors.Conflict, errors.Unprocessable."""
    if prior is None or prior.deleted:
        return
    kind, status = resource["resourceType"], resource.get("status")
    before = json.loads(prior.body).get("status")
    if before == "entered-in-error":
        raise errors.Conflict(f"This {kind} was marked as entered in error and stays so; write a new one.")
    if before not in _CLOSED or status in _MAY_FOLLOW[kind]:
        return
    if status != "entered-in-error":
        raise errors.Conflict(
            f"This {kind} is {before} and signed; it is not overwritten. "
            + ("Write an addendum." if kind == "Composition" else "Send a corrected or amended version.")
        )
    if not reason_of(resource):
        raise errors.Unprocessable(
            f"A {before} {kind} is marked entered-in-error only with a reason (extension {REASON}).",
            expression=f"{kind}.extension",
        )


async def guard_signature(tx: Transaction, resource: dict[str, Any], prior: Point | None) -> None:
    """Refuse another version of a Provenance that carries a signature. Raises errors.Conflict."""
    if prior is not None and not prior.deleted and json.loads(prior.body).get("signature"):
        raise errors.Conflict("This Provenance carries a signature; it is not overwritten. Write a new one.")


def reason_of(resource: dict[str, Any]) -> str:
    """Why a resource was marked as entered in error, or ""."""
    for one in resource.get("extension", ()):
        if one.get("url") == REASON:
            return str(one.get("valueString", "")).strip()
    return ""
