"""The error tree of `base/errors.py` in sentences that help a person: what happened, and what to do now."""

from __future__ import annotations

from dataclasses import dataclass, field

from lienmach.base import errors


@dataclass(frozen=True)
class Sentence:
    """title, advice: keys of `web/words`. values: places in the advice. detail: text of the record, as it is."""

    status: int
    title: str
    advice: str
    values: dict[str, object] = field(default_factory=dict)
    detail: str = ""
    headers: dict[str, str] = field(default_factory=dict)


# In the order of the tree, leaves before their parents.
_TABLE: tuple[tuple[type[errors.Failure], str, str], ...] = (
    (
        errors.Refused,
        "Bạn chưa được phép mở phần này",
        "Nếu công việc của bạn cần phần này, hãy nhờ người quản trị thêm quyền. Chưa có gì bị thay đổi.",
    ),
    (
        errors.NotFound,
        "Không tìm thấy",
        "Địa chỉ có thể đã sai, hoặc hồ sơ không thuộc cơ sở của bạn. Hãy tìm lại người bệnh bằng phím F2.",
    ),
    (errors.Gone, "Mục này đã được xoá", "Các phiên bản cũ vẫn còn trong lịch sử của mục này."),
    (errors.NotAllowed, "Không làm được việc này ở đây", "Hãy quay lại trang trước và thử lại."),
    (
        errors.Conflict,
        "Có người vừa sửa cùng lúc",
        "Hãy tải lại trang để xem bản mới nhất, rồi làm lại thay đổi của bạn.",
    ),
    (
        errors.PreconditionFailed,
        "Có người vừa sửa cùng lúc",
        "Hãy tải lại trang để xem bản mới nhất, rồi làm lại thay đổi của bạn.",
    ),
    (errors.TooLarge, "Nội dung quá lớn", "Hãy thu hẹp lại rồi thử lần nữa."),
    (errors.TooMany, "Bạn thử quá nhiều lần", "Vui lòng đợi {seconds} giây rồi thử lại."),
    (
        errors.Unavailable,
        "Máy chủ tạm thời chưa sẵn sàng",
        "Chưa có gì bị thay đổi. Hãy thử lại sau ít phút; nếu vẫn vậy, báo cho người quản trị.",
    ),
    (errors.Unprocessable, "Thông tin chưa đúng quy cách", "Chưa có gì được lưu. Hãy sửa các điểm dưới đây."),
    (errors.Invalid, "Yêu cầu chưa đúng", "Chưa có gì được lưu. Hãy kiểm tra lại thông tin vừa nhập."),
)
BUG = Sentence(
    500,
    "Phần mềm gặp lỗi",
    "Lỗi đã được ghi lại, không kèm thông tin người bệnh. Thao tác vừa rồi chưa được lưu; bạn có thể thử lại.",
)


def of(failure: errors.Failure) -> Sentence:
    """The sentence for a failure; one without a row gets the sentence for a bug, with its own status."""
    seconds = getattr(failure, "seconds", 0)
    headers = {"Retry-After": str(seconds)} if seconds else {}
    values: dict[str, object] = {"seconds": seconds} if seconds else {}
    for kind, title, advice in _TABLE:
        if isinstance(failure, kind):
            detail = (
                "; ".join(issue.diagnostics for issue in failure.issues[:5])
                if isinstance(failure, errors.Invalid) and failure.text != type(failure).__name__
                else ""
            )
            return Sentence(failure.status, title, advice, values, detail, headers)
    return Sentence(failure.status, BUG.title, BUG.advice)
