"""Signing in at the insurer's portal, for the channels that speak to it: insurance and checkin.

Calls of the portal: public descriptions of its API (secondary); the password goes as upper-case MD5, as it asks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from lienmach.care.gateways import calls
from lienmach.care.gateways.calls import Line
from lienmach.care.outbox import Answer

Tokens = dict[str, str]


def password_of(line: Line) -> str:
    """The password as the portal takes it."""
    return hashlib.md5(line.settings.insurance_password.encode(), usedforsecurity=False).hexdigest().upper()


async def signed_in(line: Line, ask: Callable[[Tokens], Awaitable[Answer]]) -> Answer:
    """Ask with the token in hand, or a new one; once more with a new one if the portal no longer takes it."""
    base, user = line.settings.insurance_url.rstrip("/"), line.settings.insurance_user
    known = line.tokens.get((base, user))
    if known is not None:
        answer = await ask(known)
        if answer.problem != "sign-in":
            return answer
        line.tokens.pop((base, user), None)
    taken = await calls.call(
        line, "POST", f"{base}/api/token/take", data={"username": user, "password": password_of(line)}
    )
    if taken.outcome != "done":
        return taken
    said = calls.json_of(taken) or {}
    key = said.get("APIKey")
    if str(said.get("maKetQua", "")) != "200" or not isinstance(key, dict) or not key.get("access_token"):
        return calls.judged(taken, "down", "sign-in" if said else "wrong-answer")
    tokens = {"access": str(key["access_token"]), "id": str(key.get("id_token", ""))}
    line.tokens[base, user] = tokens
    return await ask(tokens)


def headers(line: Line, tokens: Tokens) -> dict[str, str]:
    """The headers of the newer calls."""
    return {"accessToken": tokens["access"], "tokenId": tokens["id"], "passwordHash": password_of(line)}
