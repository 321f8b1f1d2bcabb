"""What a writing request carries: a resource as JSON, a patch, a version that must match."""

from __future__ import annotations

import re

from lienmach.api.exchange import Request
from lienmach.base import errors
from lienmach.record import write

_RESOURCE_TYPES = frozenset(["application/fhir+json", "application/json", "application/json+fhir", "text/json", ""])
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')


async def read_resource(request: Request) -> bytes:
    """The body of a create or update. Raises errors.Unsupported for another content type, Malformed for none."""
    kind = request.content_type()
    if kind not in _RESOURCE_TYPES:
        raise errors.Unsupported(f"Content-Type {kind[:80]} is not read here; send application/fhir+json.")
    body = await request.body()
    if not body:
        raise errors.Malformed("The request has no body.")
    return body


def if_match(request: Request) -> int | None:
    """The version that `If-Match` wants, or None. Raises errors.Invalid for one that is no ETag of ours."""
    return version_of_etag(request.header(b"if-match"))


def version_of_etag(text: str) -> int | None:
    """The version that an ETag names; ANY for `*`. Raises errors.Invalid."""
    if not text:
        return None
    if text.strip() == "*":
        return write.ANY
    match = _ETAG.fullmatch(text.strip())
    if match is None:
        raise errors.Invalid(f'If-Match takes an ETag such as W/"3", not {text[:40]}')
    return int(match[1])
