"""The outermost layer of all pages: security headers, no caching of people's data, gzip, a limit to forms.

A plain ASGI wrapper. Nothing may be loaded from outside, no inline script or style runs, no frame shows us.
"""

from __future__ import annotations

import gzip

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lienmach.base import errors

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)
_ALWAYS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()"),
)
FORM_BYTES_MAX = 1024 * 1024
FORM_LIMIT = "lienmach.form_bytes_max"  # in the scope: what a page that takes files has set for those who may open it
_PACK_BYTES_MIN = 1000
_PACKED_TYPES = ("text/html", "application/json", "application/fhir+json", "text/plain")


class SecurityHeaders:
    """Wraps the pages' app. Pages are whole bodies (no streams), so they are packed in one step."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        takes_gzip = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        is_tls = scope.get("scheme") == "https"
        start: Message | None = None
        received_bytes = 0

        async def receive_within_limit() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            most = scope.get(FORM_LIMIT, FORM_BYTES_MAX)  # forms are read whole, also those of people not signed in
            if received_bytes > most:
                raise errors.TooLarge(f"a form has at most {most} bytes")
            return message

        async def send_with_headers(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS:
                    headers[name] = value
                if is_tls:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
                headers.setdefault("Cache-Control", "no-store")
                start = message  # held back until the body says whether it is packed
                return
            if start is not None:
                if takes_gzip and not message.get("more_body"):
                    message = _pack(start, message)
                await send(start)
                start = None
            await send(message)

        await self.app(scope, receive_within_limit, send_with_headers)


def _pack(start: Message, message: Message) -> Message:
    headers = MutableHeaders(scope=start)
    body = message.get("body", b"")
    media_type = headers.get("content-type", "").partition(";")[0]
    if len(body) < _PACK_BYTES_MIN or media_type not in _PACKED_TYPES or "content-encoding" in headers:
        return message
    packed = gzip.compress(body, 5, mtime=0)
    headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(packed))
    headers.append("Vary", "Accept-Encoding")
    return {**message, "body": packed}
