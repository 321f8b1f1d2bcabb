"""The channel `checkin`: XML0 to the insurer's portal. The portal knows a visit by its MA_LK: sending again replaces."""

from __future__ import annotations

import base64
import re

from lienmach.care.gateways import calls, portal
from lienmach.care.gateways.calls import Line
from lienmach.care.outbox import Answer, Message

PATH = "/api/qd130/checkInKcbQd3176"
_FACILITY = re.compile(rb"<MA_CSKCB>([^<]{1,20})</MA_CSKCB>")
_BUSY = frozenset({"101", "500", "503"})


async def send(line: Line, message: Message, *, is_unknown: bool) -> Answer:
    """Send the file; maKetQua 200 is a yes. is_unknown: it may be there already; the same key makes it one."""
    found = _FACILITY.search(message.body)
    facility = found.group(1).decode() if found else ""

    async def ask(tokens: portal.Tokens) -> Answer:
        form = {
            "username": line.settings.insurance_user,
            "loaiHoSo": "0",
            "maTinh": facility[:2],
            "maCSKCB": facility,
            "fileHSBase64": base64.b64encode(message.body).decode(),
        }
        url = line.settings.insurance_url.rstrip("/") + PATH
        answer = await calls.call(
            line, "POST", url, key=message.message_id, data=form, headers=portal.headers(line, tokens)
        )
        return judge(answer)

    return await portal.signed_in(line, ask)


def judge(answer: Answer) -> Answer:
    """The outcome by maKetQua."""
    if answer.outcome != "done":
        return answer
    code = str((calls.json_of(answer) or {}).get("maKetQua", ""))
    if code == "200":
        return answer
    if code == "401":
        return calls.judged(answer, "down", "sign-in")
    if not code or code in _BUSY:
        return calls.judged(answer, "down", "server-error" if code else "wrong-answer")
    return calls.judged(answer, "refused", "refused")
