"""States, reasons and kinds of claims and their findings, as people say them (keys of the words)."""

from __future__ import annotations

from lienmach.care.claims import claims

#: What a list says: a claim that waits is told by what it waits for.
STATES = {
    "waits-statement": "Chờ bảng kê",
    "stale": "Chờ lập lại bảng kê",
    "waits-drugs": "Chờ cấp thuốc",
    "findings": "Có lỗi",
    "ready": "Sẵn sàng gửi",
    "sent": "Đã gửi",
    "rejected": "Bị trả",
    "accepted": "Được chấp nhận",
    "paid": "Đã thanh toán",
    "recalled": "Đã thu hồi",
    "none": "Không đề nghị thanh toán",
}
TONES = {
    "waits-statement": "warn",
    "stale": "warn",
    "waits-drugs": "warn",
    "findings": "bad",
    "ready": "blue",
    "sent": "blue",
    "rejected": "bad",
    "accepted": "good",
    "paid": "good",
    "recalled": "",
    "none": "",
}
LEVELS = {"error": "Phải sửa", "warn": "Nên xem", "info": "Để biết"}
LEVEL_TONES = {"error": "bad", "warn": "warn", "info": ""}
MENDERS = {
    "rec": "Tiếp đón",
    "doc": "Bác sĩ",
    "lab": "Xét nghiệm",
    "img": "Chẩn đoán hình ảnh",
    "pha": "Dược",
    "cas": "Thu ngân",
    "ins": "Bảo hiểm y tế",
    "it": "Quản trị",
}
KINDS = {"structure": "Lỗi cấu trúc", "appraisal": "Giám định"}
REJECTION_STATES = {"open": "Chưa xử lý", "answered": "Đã giải trình", "mended": "Đã sửa, gửi lại", "closed": "Đã xong"}
REJECTION_TONES = {"open": "bad", "answered": "blue", "mended": "blue", "closed": "good"}


def state_of(state: str, why: str) -> str:
    """The word of STATES for a claim: what it waits for where it waits."""
    if state == "waiting":
        return why if why in STATES else "waits-statement"
    return state


def states_of(word: str) -> tuple[tuple[str, ...], str]:
    """(states, why) of the claims that a word of STATES names; every state for none."""
    if word in claims.WAITING_FOR:
        return ("waiting",), word
    return ((word,), "") if word in STATES else (claims.STATES, "")
