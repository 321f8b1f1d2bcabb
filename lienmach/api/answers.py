"""Values and errors -> HTTP: ETag, Location, Bundle, OperationOutcome (FHIR R4 http.html). The one translation."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from lienmach.api import exchange
from lienmach.api.exchange import Answer, Request
from lienmach.base import clock, errors, ids
from lienmach.record.change import Stored
from lienmach.standards.fhir import json as fhir_json
from lienmach.standards.fhir import outcome

_JSON = (b"content-type", b"application/fhir+json; charset=utf-8")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_JSON_TYPES = frozenset(
    [
        "application/fhir+json",
        "application/json",
        "text/json",
        "application/json+fhir",
        "json",
        "application/json-patch+json",
        "*/*",
        "application/*",
        "",
    ]
)


def check_format(request: Request) -> None:
    """Raise errors.NotAcceptable unless JSON is welcome (`_format` before Accept, http.html#mime-type)."""
    wanted = request.param("_format")
    if wanted is not None:
        if wanted.split(";")[0].strip().lower().replace(" ", "+") not in _JSON_TYPES:
            raise errors.NotAcceptable(f"_format={wanted[:80]} is not spoken here; ask for application/fhir+json.")
        return
    accept = request.header(b"accept").lower()
    if accept and not any(part.split(";")[0].strip() in _JSON_TYPES for part in accept.split(",")):
        if "text/html" in accept:
            return  # a person who looks with a browser reads JSON too
        raise errors.NotAcceptable(f"Accept: {accept[:80]} is not spoken here; ask for application/fhir+json.")


async def finish(request: Request, answer: Answer) -> Answer:
    """Lay the body out for eyes if `_pretty=true`; digits and order stay."""
    if answer.body and request.param("_pretty") == "true":
        answer.body = await exchange.aside(len(answer.body), lambda: msgspec.json.format(answer.body, indent=2) + b"\n")
    return answer


def etag(version_id: int) -> bytes:
    return b'W/"%d"' % version_id


def of_stored(request: Request, stored: Stored, *, body: bytes | None = None) -> Answer:
    """200 with the resource, or 304 if the client has this version already."""
    headers = [_JSON, (b"etag", etag(stored.version_id)), (b"last-modified", _http_date(stored.last_updated))]
    if _is_fresh(request, stored):
        return Answer(304, b"", headers[1:])
    return Answer(200, stored.body if body is None else body, headers)


def _is_fresh(request: Request, stored: Stored) -> bool:
    known = request.header(b"if-none-match")
    if known:
        mine = etag(stored.version_id).decode()  # compared weakly (RFC 9110 8.8.3.2): W/ or not is the same
        return known.strip() == "*" or mine[2:] in [one.strip().removeprefix("W/") for one in known.split(",")]
    since = request.header(b"if-modified-since")
    if since:
        try:
            moment = parsedate_to_datetime(since)
        except (TypeError, ValueError):
            raise errors.Invalid(f"If-Modified-Since is not an HTTP date: {since[:80]}") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return stored.last_updated.replace(microsecond=0) <= moment
    return False


def of_write(request: Request, stored: Stored, *, created: bool) -> Answer:
    """201 or 200 with Location and ETag, and the body that `Prefer: return=` asks for."""
    location = f"{request.base_url}/{stored.type}/{stored.id}/_history/{stored.version_id}".encode()
    headers = [
        _JSON,
        (b"etag", etag(stored.version_id)),
        (b"last-modified", _http_date(stored.last_updated)),
        (b"location", location),
        (b"content-location", location),
    ]
    status = 201 if created else 200
    wish = request.prefers("return") or "representation"
    if wish == "minimal":
        return Answer(status, b"", headers[1:])
    if wish == "OperationOutcome":
        text = "Created." if created else "Stored."
        return Answer(status, outcome.write([errors.Issue("information", "informational", text)]), headers)
    return Answer(status, stored.body, headers)


def of_deletion(stored: Stored | None) -> Answer:
    if stored is None:
        return Answer(204)
    return Answer(204, b"", [(b"etag", etag(stored.version_id))])


def of_failure(failure: errors.Failure) -> Answer:
    """The failure as its status and an OperationOutcome with all its issues."""
    headers = [_JSON]
    if isinstance(failure, errors.TooMany):
        headers.append((b"retry-after", str(failure.seconds).encode()))
    if isinstance(failure, errors.Unavailable):
        headers.append((b"retry-after", b"5"))
    if isinstance(failure, errors.Unauthenticated):
        headers.append((b"www-authenticate", b'Bearer realm="lienmach"'))
    return Answer(failure.status, outcome.write(failure.issues), headers)


def of_fault() -> Answer:
    """500: what we did not foresee."""
    return Answer(
        500,
        outcome.write([errors.Issue("fatal", "exception", "This is our fault, not yours; it is in this node's log.")]),
        [_JSON],
    )


def bundle(kind: str, *, links: list[tuple[str, str]], entries: list[bytes], total: int | None = None) -> bytes:
    """A Bundle around entries that are bytes already; nothing in them is written again."""
    head: dict[str, Any] = {
        "resourceType": "Bundle",
        "id": ids.new_id(),
        "meta": {"lastUpdated": clock.to_instant(clock.now())},
        "type": kind,
    }
    if total is not None:
        head["total"] = total
    if links:
        head["link"] = [{"relation": relation, "url": url} for relation, url in links]
    start = fhir_json.dump(head)
    if not entries:
        return start
    return start[:-1] + b',"entry":[' + b",".join(entries) + b"]}"


def search_entry(base_text: bytes, resource_type: str, resource_id: str, body: bytes, mode: bytes) -> bytes:
    """base_text: the base URL as JSON text without its quotes; types and ids need no escape."""
    return b'{"fullUrl":"%b/%b/%b","resource":%b,"search":{"mode":"%b"}}' % (
        base_text,
        resource_type.encode(),
        resource_id.encode(),
        body,
        mode,
    )


def history_entry(base_url: str, stored: Stored) -> bytes:
    """An entry of a history Bundle: the version, and the request and response that made it."""
    method, status = {
        "C": ("PUT" if stored.version_id > 1 else "POST", "201"),
        "U": ("PUT", "200"),
        "D": ("DELETE", "204"),
    }[stored.op]
    url = stored.type if method == "POST" else f"{stored.type}/{stored.id}"
    tail = fhir_json.dump(
        {
            "request": {"method": method, "url": url},
            "response": {
                "status": status,
                "etag": etag(stored.version_id).decode(),
                "lastModified": clock.to_instant(stored.last_updated),
            },
        }
    )[1:]
    head = b'{"fullUrl":' + fhir_json.dump(f"{base_url}/{stored.type}/{stored.id}") + b","
    if stored.op != "D":
        head += b'"resource":' + stored.body + b","
    return head + tail


def _http_date(moment: datetime) -> bytes:
    """An HTTP date (RFC 9110 5.6.7); four times as fast as email.utils, and every answer carries one."""
    at = moment.astimezone(UTC)
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02d} {_MONTHS[at.month]} {at.year:04d} "
        f"{at.hour:02d}:{at.minute:02d}:{at.second:02d} GMT"
    ).encode()
