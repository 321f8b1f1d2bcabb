"""The channel `claim`: a signed claim to the insurer's portal, and the question what has become of it.

The portal knows a visit by its MA_LK: the same bytes again are one receipt. Sending: public descriptions of the API
(secondary; loaiHoSo 130 was the value of 4750 and is to be checked for 3176). How it is asked for its answer is not
published: `ketQuaHoSo` and its members are our own reading, and the simulator's.
"""

from __future__ import annotations

import base64
import re

from lienmach.care.gateways import calls, checkin, portal
from lienmach.care.gateways.calls import Line
from lienmach.care.outbox import Answer, Message

PATH = "/api/qd130/guiHoSoXmlQD3176"
ANSWER_PATH = "/api/qd130/ketQuaHoSo"
KIND = "130"
_FACILITY = re.compile(rb"<MACSKCB>([^<]{1,20})</MACSKCB>")


async def send(line: Line, message: Message, *, is_unknown: bool) -> Answer:
    """Send the file; maKetQua 200 with a maGiaoDich is a yes. is_unknown: it may be there; the same bytes are one."""
    found = _FACILITY.search(message.body)
    facility = found.group(1).decode() if found else ""

    async def ask(tokens: portal.Tokens) -> Answer:
        form = {
            "username": line.settings.insurance_user,
            "loaiHoSo": KIND,
            "maTinh": facility[:2],
            "maCSKCB": facility,
            "fileHSBase64": base64.b64encode(message.body).decode(),
        }
        url = line.settings.insurance_url.rstrip("/") + PATH
        answer = checkin.judge(
            await calls.call(line, "POST", url, key=message.message_id, data=form, headers=portal.headers(line, tokens))
        )
        if answer.outcome == "done" and not transaction_of(answer):
            return calls.judged(answer, "down", "wrong-answer")
        return answer

    return await portal.signed_in(line, ask)


async def ask_answer(line: Line, transaction: str) -> Answer:
    """Ask what has become of a sending. Reading only: asking twice is safe."""

    async def ask(tokens: portal.Tokens) -> Answer:
        url = line.settings.insurance_url.rstrip("/") + ANSWER_PATH
        answer = checkin.judge(
            await calls.call(line, "POST", url, json={"maGiaoDich": transaction}, headers=portal.headers(line, tokens))
        )
        if answer.outcome == "done" and (calls.json_of(answer) or {}).get("maGiaoDich") != transaction:
            return calls.judged(answer, "down", "wrong-answer")
        return answer

    return await portal.signed_in(line, ask)


def transaction_of(answer: Answer) -> str:
    """maGiaoDich of a receipt, or ""."""
    return str((calls.json_of(answer) or {}).get("maGiaoDich") or "")[:100]
