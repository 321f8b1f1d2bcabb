"""`_summary` and `_elements`: what of a resource is sent (FHIR R4 search.html#summary, #elements)."""

from __future__ import annotations

from lienmach.api.exchange import Request
from lienmach.base import errors
from lienmach.standards.fhir import summary
from lienmach.standards.fhir.definitions import Definitions

_KINDS = frozenset(["true", "text", "data", "count", "false"])


def of_request(definitions: Definitions, request: Request, body: bytes) -> bytes:
    """The body as the request's own `_summary` and `_elements` want it."""
    if "_summary" not in request.query and "_elements" not in request.query:
        return body
    elements = request.param("_elements")
    return cut(definitions, body, request.param("_summary"), tuple(elements.split(",")) if elements else ())


def cut(definitions: Definitions, body: bytes, kind: str | None, elements: tuple[str, ...]) -> bytes:
    """The body with what `_summary=kind` or `_elements` keeps, marked SUBSETTED; digits and order stay."""
    if kind is not None and kind not in _KINDS:
        raise errors.Invalid(f"_summary takes true, text, data, count or false, not {kind[:40]}")
    if elements:
        return summary.pick(definitions, body, elements)
    if kind in (None, "false", "count"):
        return body
    return summary.summarize(definitions, body, kind)
