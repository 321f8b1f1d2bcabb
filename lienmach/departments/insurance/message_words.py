"""Channels, states and problems of messages, as people say them (keys of the words)."""

from __future__ import annotations

import json

from lienmach.care.outbox import Message
from lienmach.standards.vietnam import formats

CHANNELS = {
    "insurance": "Tra cứu thẻ BHYT",
    "checkin": "Check-in BHYT",
    "prescription": "Đơn thuốc quốc gia",
    "prescription-sale": "Báo bán thuốc theo đơn",
    "sms": "Tin nhắn",
    "claim": "Hồ sơ giám định",
    "catalogue": "Danh mục nộp BHXH",
    "claim-reply": "Giải trình giám định",
    "einvoice": "Hóa đơn điện tử",
}
STATES = {"waiting": "Đang chờ", "sending": "Đang gửi", "sent": "Đã gửi", "refused": "Bị từ chối", "stopped": "Đã dừng"}
TONES = {"waiting": "warn", "sending": "blue", "sent": "good", "refused": "bad", "stopped": ""}
PROBLEMS = {
    "timeout": "Nơi nhận trả lời quá lâu; sẽ tự gửi lại.",
    "no-connection": "Không kết nối được nơi nhận; sẽ tự gửi lại.",
    "server-error": "Nơi nhận đang gặp lỗi; sẽ tự gửi lại.",
    "wrong-answer": "Nơi nhận trả lời không đúng quy cách; sẽ tự gửi lại.",
    "too-large": "Câu trả lời quá lớn; sẽ tự gửi lại.",
    "sign-in": "Nơi nhận không nhận tài khoản của cơ sở: hãy báo người quản trị kiểm tra mật khẩu.",
    "not-connected": "Cơ sở chưa kết nối nơi nhận này; tin được giữ lại.",
    "woken": "Nơi nhận đã hoạt động trở lại; đang gửi.",
    "refused": "Nơi nhận từ chối nội dung: hãy xem câu trả lời, sửa rồi gửi lại.",
    "not-taken-in": "Câu trả lời đã được giữ nhưng không ghi được vào hồ sơ: hãy báo người quản trị.",
    "stopped": "Đã dừng gửi; hãy mở tin gửi đi và gửi lại.",
    "overtaken": "Đã có bản hoặc lời mới hơn thay cho tin này; tin cũ không gửi nữa.",
    "given-up": "Lần nộp này đã được bỏ; tin này không gửi nữa.",
    "expired": "Mã trong tin đã hết hạn trước khi gửi được; người dân xin mã mới là được.",
    "duplicate": "Nơi nhận đã có mã này với nội dung khác: cần lập đơn với mã mới.",
}


def problem_of(word: str) -> str:
    """The sentence of a problem, "" for none."""
    return PROBLEMS.get(word, word)


def receiver_of(message: Message) -> str:
    """The phone of a short message, its middle hidden; "" for other channels."""
    if message.channel != "sms":
        return ""
    try:
        return formats.mask_phone(str(json.loads(message.body)["to"]))
    except (ValueError, KeyError, TypeError):
        return ""
