"""Words about a rejected claim at the insurer's stand-in: taken once, accepted or kept a moment later.

The call is our own reading; nothing of it is published:

    POST /api/qd130/giaiTrinhHoSo {"maGiaoDich", "maLK", "maLoi", "bang", "truong", "stt", "noiDung", "lanGui"}

answers maKetQua 200 with a maTiepNhan, the same one for the same words; 205 for a transaction or fault that is not
there, or for no words. `ketQuaHoSo` then lists them as dsGiaiTrinh. A fault of which the words were accepted no longer
stands; a claim without faults is accepted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

ACCEPTED, KEPT, WORKED_ON = "CHAP_NHAN", "GIU_NGUYEN", "DANG_XU_LY"
_PLACE = ("maLoi", "bang", "truong", "stt")
_WORDS = {ACCEPTED: "Chấp nhận giải trình", KEPT: "Giữ nguyên kết quả giám định"}
Fault = dict[str, Any]


@dataclass
class Reply:
    """Words about one fault. verdict: what is said of them once they are looked at."""

    number: str
    transaction: str
    place: tuple[str, ...]
    at: float
    verdict: str
    text: str


@dataclass
class Replies:
    """What the portal remembers of replies, by number. seconds: how long after its receipt one is judged."""

    seconds: float = 5.0
    taken: dict[str, Reply] = field(default_factory=dict)

    def take(self, said: dict[str, Any], faults: Sequence[Fault], now: float) -> dict[str, Any]:
        """The answer to a reply. faults: of the version that it names."""
        place, text = _place(said), str(said.get("noiDung", "")).strip()
        fault = next((one for one in faults if _place(one) == place), None)
        if fault is None or not text:
            return {"maKetQua": "205", "thongDiep": "Không có lỗi này hoặc lời giải trình trống"}
        number = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
        # Words mend no structure: such a fault stands until another version comes.
        is_kept = fault.get("giaiTrinh") == KEPT or str(fault.get("loai")) == "1"
        verdict = KEPT if is_kept else ACCEPTED
        own = Reply(number, str(said.get("maGiaoDich")), place, now, verdict, text)
        self.taken.setdefault(number, own)
        return {"maKetQua": "200", "maTiepNhan": number}

    def told(self, transaction: str, now: float) -> list[dict[str, str]]:
        """dsGiaiTrinh of a version."""
        return [
            {"maTiepNhan": one.number, "trangThai": state, "noiDung": _WORDS.get(state, "")}
            for one in self.taken.values()
            if one.transaction == transaction and (state := self._state(one, now))
        ]

    def is_accepted(self, transaction: str, fault: Fault, now: float) -> bool:
        """Whether words about this fault of a version were accepted."""
        return any(
            one.transaction == transaction and one.place == _place(fault) and self._state(one, now) == ACCEPTED
            for one in self.taken.values()
        )

    def said(self) -> list[dict[str, str]]:
        """What a test or a person wants to see."""
        return [{"maGiaoDich": one.transaction, "noiDung": one.text} for one in self.taken.values()]

    def _state(self, one: Reply, now: float) -> str:
        return one.verdict if now - one.at >= self.seconds else WORKED_ON


def _place(said: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(said.get(name) or "") for name in _PLACE)
