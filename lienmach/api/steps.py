"""The entries of a batch or transaction, read: what each asks for (FHIR R4 bundle.html#Bundle.entry.request)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from lienmach.api import bodies, patch
from lienmach.base import errors
from lienmach.record import write
from lienmach.record.transaction import Store
from lienmach.standards.fhir import bundles
from lienmach.standards.fhir import json as fhir_json

ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}


@dataclass(slots=True)
class Step:
    """One entry. id: of what it names, or gets. exists: its condition matched. waits: it holds conditional references.

    failure: why it cannot be run (batch only; a transaction fails as a whole). headers: for a batch exchange.
    """

    index: int
    method: str
    parts: tuple[str, ...]
    query: str
    resource: bytes | None
    full_url: str = ""
    type: str = ""
    id: str | None = None
    if_match: int | None = None
    if_none_exist: str = ""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    value: dict[str, Any] | None = None
    exists: bool = False
    waits: bool = False
    failure: errors.Failure | None = None


def read(store: Store, parts: bundles.Parts, *, batch: bool, base_url: str) -> list[Step]:
    """All entries as steps. Raises errors.Invalid for the first that cannot be run, unless it is a batch."""
    found = []
    seen: set[str] = set()
    for index, entry in enumerate(parts.entries):
        step = Step(index, "", (), "", entry.resource, entry.full_url)
        try:
            _fill(store, step, entry.request, batch, base_url)
            if step.full_url and not batch and step.method != "GET":
                if step.full_url in seen:
                    raise errors.Invalid(f"Two entries have the fullUrl {step.full_url[:120]}.", expression="fullUrl")
                seen.add(step.full_url)
        except errors.Failure as failure:
            placed = failure.__class__(
                issues=[
                    replace(one, expression=f"Bundle.entry[{index}]" + (f".{one.expression}" if one.expression else ""))
                    for one in failure.issues
                ]
            )
            if not batch:
                raise placed from None
            step.failure = placed
        found.append(step)
    return found


def _fill(store: Store, step: Step, request: dict[str, Any], batch: bool, base_url: str) -> None:
    method, url = request.get("method"), request.get("url")
    if not isinstance(method, str) or method not in ORDER:
        raise errors.Invalid(
            "An entry needs request.method: GET, HEAD, POST, PUT, PATCH or DELETE.", expression="request.method"
        )
    if not isinstance(url, str) or not url:
        raise errors.Invalid("An entry needs request.url.", expression="request.url")
    if url.startswith(base_url + "/"):
        url = url[len(base_url) :]
    path, _, step.query = url.partition("?")
    step.method = "GET" if method == "HEAD" else method
    step.parts = tuple(unquote(part) for part in path.split("/") if part)
    if step.method in ("POST", "PUT", "PATCH") and step.resource is None:
        raise errors.Invalid(f"{method} needs a resource.", expression="resource")
    _conditions(step, request)
    if batch:
        return
    if not step.parts or not store.definitions.is_resource_type(step.parts[0]):
        raise errors.Invalid(f"{url[:80]} is not the URL of a FHIR resource.", expression="request.url")
    step.type = step.parts[0]
    fits = {"POST": len(step.parts) == 1, "GET": len(step.parts) <= 2}.get(
        step.method, len(step.parts) == 2 or (len(step.parts) == 1 and bool(step.query))
    )
    if not fits or (len(step.parts) == 2 and step.parts[1].startswith(("_", "$"))):
        raise errors.Invalid(f"{method} {url[:80]} is not done in a transaction.", expression="request.url")
    if len(step.parts) == 2:
        write.check_id(step.parts[1])
        step.id = step.parts[1]


def _conditions(step: Step, request: dict[str, Any]) -> None:
    for key, header in (("ifMatch", b"if-match"), ("ifNoneExist", b"if-none-exist"), ("ifNoneMatch", b"if-none-match")):
        text = request.get(key)
        if text is None:
            continue
        if not isinstance(text, str):
            raise errors.Invalid(f"request.{key} is a string.", expression=f"request.{key}")
        step.headers[header] = text.encode()
        if key == "ifMatch":
            step.if_match = bodies.version_of_etag(text)
        elif key == "ifNoneExist":
            step.if_none_exist = text.partition("?")[2] if "?" in text else text


def inside(step: Step, issue: errors.Issue) -> errors.Issue:
    """The issue with the place of the entry in front of its own."""
    place = f"Bundle.entry[{step.index}].resource"
    kind, dot, rest = issue.expression.partition(".")
    if kind == step.type or not dot:
        return replace(issue, expression=place + (dot + rest if dot else ""))
    return replace(issue, expression=f"{place}.{issue.expression}")


def patch_text(step: Step) -> bytes:
    """JSON Patch travels in a Binary (http.html#patch)."""
    try:
        value = fhir_json.parse(step.resource or b"{}")
    except fhir_json.JsonError as problem:
        raise errors.Malformed(str(problem)) from None
    if value.get("resourceType") != "Binary" or value.get("contentType") != patch.CONTENT_TYPE:
        raise errors.Invalid(f"PATCH in a bundle takes a Binary with contentType {patch.CONTENT_TYPE}.")
    try:
        return base64.b64decode(value.get("data", ""), validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise errors.Invalid("The Binary's data are not base64.") from None


def entry(response: dict[str, Any], resource: bytes = b"") -> bytes:
    head = b'"resource":' + resource + b"," if resource else b""
    return b"{" + head + b'"response":' + fhir_json.dump(response) + b"}"
