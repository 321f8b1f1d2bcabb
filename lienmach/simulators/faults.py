"""Faults on demand, for every simulator: what the world does on bad days, at a rate, by a seed.

slow: the answer takes long. down: 503. wrong: an answer that is none. duplicate: the work is done, but the answer is
lost on the way, so that who asked must ask again and must not cause it twice. Set by option or, while it runs, by
`POST /_fault {"fault": "down:0.5"}`; `{"fault": ""}` ends it.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KINDS = ("slow", "down", "wrong", "duplicate")
SLOW_SECONDS = 20.0
NONSENSE = "<html><body><h1>Hệ thống đang bảo trì</h1></body></html>"


class Faults:
    """Which fault, how often. `draw` tells whether it strikes this time."""

    def __init__(self, said: str = "", seed: int = 1, slow_seconds: float = SLOW_SECONDS) -> None:
        self.random = random.Random(seed)
        self.slow_seconds = slow_seconds
        self.kind, self.rate = read(said)

    def set(self, said: str) -> None:
        """Change the fault; raises ValueError for one that there is not."""
        self.kind, self.rate = read(said)

    def draw(self) -> str:
        """The fault that strikes now, or ""."""
        return self.kind if self.kind and self.random.random() < self.rate else ""

    @property
    def said(self) -> str:
        return f"{self.kind}:{self.rate:g}" if self.kind else ""


def read(said: str) -> tuple[str, float]:
    """(kind, rate) of `kind[:rate]`, rate 0 to 1. Raises ValueError with a sentence."""
    kind, _, rate = said.partition(":")
    if not kind:
        return "", 0.0
    if kind not in KINDS:
        raise ValueError(f"there is no fault {kind!r}; there are {', '.join(KINDS)}")
    try:
        number = float(rate or 1)
    except ValueError:
        raise ValueError(f"the rate of a fault is a number from 0 to 1, not {rate!r}") from None
    if not 0 <= number <= 1:
        raise ValueError("the rate of a fault is a number from 0 to 1")
    return kind, number


class Door:
    """The ASGI application of a simulator behind its faults; paths that begin with /_ and /inbox never fail."""

    def __init__(self, app: Any, faults: Faults) -> None:
        self.app, self.faults = app, faults

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        kind = "" if scope["type"] != "http" or path.startswith(("/_", "/inbox")) else self.faults.draw()
        if kind == "down":
            await Response("", 503)(scope, receive, send)
            return
        if kind == "wrong":
            await Response(NONSENSE, media_type="text/html; charset=utf-8")(scope, receive, send)
            return
        if kind == "slow":
            await asyncio.sleep(self.faults.slow_seconds)
        if kind == "duplicate":
            await self.app(scope, receive, _swallow)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
            await send({"type": "http.response.body", "body": b"{"})  # the rest never comes: the line breaks
            return
        await self.app(scope, receive, send)


async def _swallow(message: dict[str, Any]) -> None:
    return None


def build(routes: list[Route], faults: Faults, said: Callable[[], dict[str, Any]]) -> Door:
    """The application of a simulator: its routes, `/_fault`, and `/_state` with what it would say of itself."""

    async def show_fault(request: Request) -> Response:
        return JSONResponse({"fault": faults.said})

    async def set_fault(request: Request) -> Response:
        try:
            body = json.loads(await request.body() or b"{}")
            faults.set(str(body.get("fault", "")))
            faults.slow_seconds = float(body.get("slow_seconds", faults.slow_seconds))
        except (ValueError, AttributeError) as problem:
            return JSONResponse({"problem": str(problem)}, 400)
        return JSONResponse({"fault": faults.said})

    async def show_state(request: Request) -> Response:
        return JSONResponse(said())

    own = [Route("/_fault", show_fault), Route("/_fault", set_fault, methods=["POST"]), Route("/_state", show_state)]
    return Door(Starlette(routes=[*own, *routes]), faults)


async def listen(app: Any, host: str, port: int) -> None:
    """Answer HTTP until the task is cancelled or the process is told to stop."""
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    # The command stops all simulators together, so a server of its own takes no signals.
    server.capture_signals = _leave_signals  # type: ignore[assignment,method-assign]
    serving = asyncio.ensure_future(server.serve())
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = server.force_exit = True
        await asyncio.wait([serving], timeout=3)
        raise


class _Nothing:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: Any) -> None:
        return None


def _leave_signals() -> _Nothing:
    return _Nothing()
