"""The channel `insurance`: card and history look-up, and the co-payment of the year. Reading only: asking twice is safe.

A message's key says what is asked: `card/…` or `copay/…`. An answer about somebody else is no answer.
"""

from __future__ import annotations

import json
import re
from typing import Any

from lienmach.care import insurance_words
from lienmach.care.gateways import calls, portal
from lienmach.care.gateways.calls import Line
from lienmach.care.outbox import Answer, Message
from lienmach.standards.fhir import folding

CARD_PATH = "/api/egw/KQNhanLichSuKCB2024"
COPAY_PATH = "/api/TraCuuCCT/TraCuuTienMCCT"
_CODE = re.compile(r"[0-9]{3}")


async def send(line: Line, message: Message, *, is_unknown: bool) -> Answer:
    """Ask the portal. is_unknown: an earlier try may have been answered; asking again harms nobody."""
    base = line.settings.insurance_url.rstrip("/")

    async def ask(tokens: portal.Tokens) -> Answer:
        more: dict[str, Any] = {"content": message.body, "headers": {"Content-Type": message.content_type}}
        if message.key.startswith("copay/"):
            more["headers"] |= portal.headers(line, tokens)
            return judge(message, await calls.call(line, "POST", base + COPAY_PATH, key=message.message_id, **more))
        more["params"] = {
            "token": tokens["access"],
            "id_token": tokens["id"],
            "username": line.settings.insurance_user,
            "password": portal.password_of(line),
        }
        return judge(message, await calls.call(line, "POST", base + CARD_PATH, key=message.message_id, **more))

    return await portal.signed_in(line, ask)


def judge(message: Message, answer: Answer) -> Answer:
    """What an answer is worth: its result code goes before its status, and it must be about who was asked for."""
    if answer.outcome != "done":
        return answer
    said = calls.json_of(answer)
    code = str((said or {}).get("maKetQua", ""))
    if said is None or not _CODE.fullmatch(code):
        return calls.judged(answer, "down", "wrong-answer")
    if code in insurance_words.TRANSIENT:
        return calls.judged(answer, "down", "sign-in" if code == "401" else "server-error")
    if code == "205":
        return calls.judged(answer, "refused", "refused")
    if message.key.startswith("card/") and not is_about(message, said):
        return calls.judged(answer, "down", "wrong-answer")
    return answer


def is_about(message: Message, said: dict[str, Any]) -> bool:
    """Whether an answer that names a card names the person and the number that were asked for."""
    if not said.get("maThe"):
        return True
    asked = json.loads(message.body)
    number = str(asked["maThe"])
    own = {str(said.get(name) or "") for name in ("maThe", "maTheCu", "maTheMoi", "maSoBHXH")}
    if len(number) in (10, 15) and not any(one[-10:] == number[-10:] for one in own if one):
        return False
    return _plain(said.get("hoTen")) == _plain(asked["hoTen"])


def _plain(name: Any) -> str:
    return " ".join(folding.fold(str(name or "")).split())
