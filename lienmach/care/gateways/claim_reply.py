"""The channel `claim-reply`: words about one fault of a claim, to the insurer's portal.

How an appraisal is answered is not published: `giaiTrinhHoSo` and its members (maGiaoDich of the version, maLK, maLoi,
bang, truong, stt, noiDung, lanGui; back comes maTiepNhan) are our own reading, and the simulator's. What becomes of a
reply stands in the answer to `ketQuaHoSo` as dsGiaiTrinh: maTiepNhan, trangThai DANG_XU_LY, CHAP_NHAN or GIU_NGUYEN,
noiDung.
"""

from __future__ import annotations

from lienmach.care.gateways import calls, checkin, portal
from lienmach.care.gateways.calls import Line
from lienmach.care.outbox import Answer, Message

PATH = "/api/qd130/giaiTrinhHoSo"


async def send(line: Line, message: Message, *, is_unknown: bool) -> Answer:
    """Send the words; maKetQua 200 with a maTiepNhan is a yes. is_unknown: they may be there; the same words are one."""

    async def ask(tokens: portal.Tokens) -> Answer:
        url = line.settings.insurance_url.rstrip("/") + PATH
        headers = {**portal.headers(line, tokens), "Content-Type": message.content_type}
        answer = checkin.judge(
            await calls.call(line, "POST", url, key=message.message_id, content=message.body, headers=headers)
        )
        if answer.outcome == "done" and not receipt_of(answer):
            return calls.judged(answer, "down", "wrong-answer")
        return answer

    return await portal.signed_in(line, ask)


def receipt_of(answer: Answer) -> str:
    """maTiepNhan of a receipt, or ""."""
    return str((calls.json_of(answer) or {}).get("maTiepNhan") or "")[:100]
