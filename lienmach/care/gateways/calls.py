"""One HTTP call to a system outside: limits of time and size, and its outcome in our words.

done: 2xx. refused: the receiver understood and said no (4xx). down: nobody answered, it was busy (429) or broken (5xx);
then the call may have been done all the same, and nobody knows.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import httpx

from lienmach.base.settings import Settings
from lienmach.care.outbox import Answer

CONNECT_SECONDS, READ_SECONDS, WHOLE_SECONDS = 5.0, 15.0, 30.0
ANSWER_BYTES_MAX = 2 * 1024 * 1024
KEY_HEADER = "Idempotency-Key"
_AGAIN = frozenset({408, 425, 429})


@dataclass
class Line:
    """The line to the world of one process: client, settings and the tokens that it was given, by address and user."""

    client: httpx.AsyncClient
    settings: Settings
    tokens: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)


def open_client() -> httpx.AsyncClient:
    """A client with our limits. It follows no redirect: a receiver that moved is for a person to look at."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its lines hold addresses with tokens in them
    return httpx.AsyncClient(
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS), verify=_trust(), follow_redirects=False
    )


async def call(line: Line, method: str, url: str, *, key: str = "", **more: Any) -> Answer:
    """Ask and read the whole answer. more: as httpx takes it. key: sent as the idempotency key."""
    headers = {**more.pop("headers", {}), **({KEY_HEADER: key} if key else {})}
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            async with line.client.stream(method, url, headers=headers, **more) as response:
                body = bytearray()
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > ANSWER_BYTES_MAX:
                        return Answer("down", response.status_code, "", bytes(body[:4096]), "too-large")
                return _answer(response.status_code, response.headers.get("content-type", ""), bytes(body))
    except (TimeoutError, httpx.TimeoutException):
        return Answer("down", problem="timeout")
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        return Answer("down", problem="no-connection")


def json_of(answer: Answer) -> dict[str, Any] | None:
    """The JSON object of an answer, None if it holds none."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def judged(answer: Answer, outcome: str, problem: str = "") -> Answer:
    """The same answer with another outcome: what its body says goes before its status."""
    return Answer(outcome, answer.status, answer.content_type, answer.body, problem)


def _answer(status: int, content_type: str, body: bytes) -> Answer:
    if 200 <= status < 300:
        return Answer("done", status, content_type, body)
    if status == 401:
        return Answer("down", status, content_type, body, "sign-in")
    if status in _AGAIN or status >= 500:
        return Answer("down", status, content_type, body, "server-error")
    return Answer("refused", status, content_type, body, "refused")


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
