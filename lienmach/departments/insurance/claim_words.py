"""States, reasons and kinds of claims and their findings, as people say them (keys of the words)."""

from __future__ import annotations

from lienmach.care.claims import claims

PAID_CHANGED, SILENT = "paid-changed", "silent"
WHAT_TO_DO = (
    "Bảng kê đã khác sau khi quỹ trả tiền; không có gì tự gửi đi. Mở bảng kê để xem và chốt lại nếu chưa chốt, thống nhất "
    "với cơ quan bảo hiểm, rồi lập bản mới và gửi lại với lý do."
)
#: What a list says: a claim that waits is told by what it waits for. Silent ones are among those that were sent.
STATES = {
    "waits-statement": "Chờ bảng kê",
    "stale": "Chờ lập lại bảng kê",
    "waits-drugs": "Chờ cấp thuốc",
    "findings": "Có lỗi",
    "ready": "Sẵn sàng gửi",
    "sent": "Đã gửi",
    "silent": "Không có trả lời",
    "rejected": "Bị trả",
    "accepted": "Được chấp nhận",
    "paid-changed": "Đổi sau khi quỹ trả",
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
    "silent": "bad",
    "rejected": "bad",
    "accepted": "good",
    "paid-changed": "bad",
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
REJECTION_STATES = {
    "open": "Chưa xử lý",
    "answered": "Giải trình chờ gửi",
    "sent": "Đã gửi giải trình",
    "accepted": "Giải trình được chấp nhận",
    "kept": "Quỹ giữ nguyên từ chối",
    "mended": "Đã sửa, gửi lại",
    "closed": "Đã xong",
}
REJECTION_TONES = {
    "open": "bad",
    "answered": "warn",
    "sent": "blue",
    "accepted": "good",
    "kept": "bad",
    "mended": "blue",
    "closed": "good",
}


def state_of(state: str, why: str) -> str:
    """The word of STATES for a claim: what it waits for where it waits, whether it has changed where it was paid."""
    if state == "paid" and why == claims.CHANGED:
        return PAID_CHANGED
    if state == "waiting":
        return why if why in STATES else "waits-statement"
    return state


def states_of(word: str) -> tuple[tuple[str, ...], str]:
    """(states, why) of the claims that a word of STATES names; every state for none."""
    if word in claims.WAITING_FOR:
        return ("waiting",), word
    if word == PAID_CHANGED:
        return ("paid",), claims.CHANGED
    if word == SILENT:
        return ("sent", "recalled"), ""
    return ((word,), "") if word in STATES else (claims.STATES, "")
