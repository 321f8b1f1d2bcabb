"""Result codes of the insurer's card look-up, and what they mean to people (Vietnamese; keys of the words).

Codes: public descriptions of the portal's look-up (secondary). Which kind of state each one makes is our own reading.
"""

from __future__ import annotations

#: kind of state -> badge, sentence.
KINDS: dict[str, tuple[str, str]] = {
    "none": ("Không có thẻ", "Hồ sơ chưa có số thẻ BHYT, mã số BHXH hay số định danh để tra cứu."),
    "unverified": ("Chưa xác minh", "Thẻ chưa được tra cứu trên cổng giám định."),
    "not-connected": ("Chưa xác minh", "Cơ sở chưa kết nối cổng giám định: thẻ được ghi nhận, chưa tra cứu được."),
    "asking": ("Đang tra cứu", "Đang chờ cổng giám định trả lời."),
    "down": ("Chưa xác minh", "Cổng giám định không trả lời. Cứ tiếp nhận người bệnh; hệ thống sẽ tự hỏi lại."),
    "refused": ("Chưa xác minh", "Cổng giám định từ chối yêu cầu tra cứu; bộ phận bảo hiểm cần xem lý do."),
    "valid": ("Còn giá trị", "Thẻ còn giá trị sử dụng."),
    "papers": ("Cần xem giấy tờ", "Thẻ do quân đội, công an quản lý: hãy xem giấy tờ kèm theo."),
    "renewed": ("Có thẻ mới", "Người bệnh đã được cấp thẻ mới."),
    "ended": ("Hết hạn", "Thẻ đã hết hạn sử dụng."),
    "locked": ("Thẻ bị khóa", "Thẻ đã bị thu hồi hoặc báo giảm, không dùng được."),
    "unknown": ("Không có thẻ", "Không tìm thấy thẻ này trong dữ liệu của cơ quan bảo hiểm."),
    "mismatch": ("Sai thông tin", "Thông tin gửi đi không khớp với dữ liệu của cơ quan bảo hiểm."),
    "operator": ("Chưa xác minh", "Người tra cứu chưa được cơ sở đăng ký trên cổng giám định."),
    "trouble": ("Chưa xác minh", "Cổng giám định báo lỗi; hãy tra cứu lại."),
}
VERIFIED = frozenset({"valid", "papers", "renewed"})
LOCKED = frozenset({"locked", "unknown", "mismatch"})  # such a card is not used for a visit
TRANSIENT = frozenset({"101", "401"})  # the portal's own trouble: ask again

#: code -> kind, sentence ("" takes the kind's).
CODES: dict[str, tuple[str, str]] = {
    "000": ("valid", ""),
    "001": ("papers", "Thẻ do Bộ Quốc phòng quản lý: hãy xem giấy tờ kèm theo."),
    "002": ("papers", "Thẻ do Bộ Công an quản lý: hãy xem giấy tờ kèm theo."),
    "003": ("renewed", "Thẻ cũ đã hết hạn; người bệnh đã được cấp thẻ mới."),
    "004": ("renewed", "Thẻ cũ còn giá trị; người bệnh đã được cấp thẻ mới."),
    "010": ("ended", ""),
    "050": ("unknown", ""),
    "051": ("mismatch", "Số thẻ không đúng."),
    "052": ("mismatch", "Mã tỉnh trên thẻ (ký tự thứ 4, 5) không đúng."),
    "053": ("mismatch", "Mã quyền lợi trên thẻ (ký tự thứ 3) không đúng."),
    "054": ("operator", "Số căn cước của người tra cứu chưa được cơ sở đăng ký trên cổng giám định."),
    "055": ("operator", "Họ tên của người tra cứu không khớp với số căn cước đã đăng ký."),
    "060": ("mismatch", "Họ tên không khớp với thẻ."),
    "061": ("mismatch", "Họ tên không khớp với thẻ, chỉ đúng chữ cái đầu."),
    "070": ("mismatch", "Ngày sinh không khớp với thẻ."),
    "100": ("trouble", "Cổng giám định báo lỗi dữ liệu; hãy tra cứu lại."),
    "101": ("trouble", "Máy chủ của cổng giám định báo lỗi; hãy tra cứu lại."),
    "110": ("locked", "Thẻ đã bị thu hồi."),
    "120": ("locked", "Thẻ đã báo giảm."),
    "121": ("locked", "Thẻ đã báo giảm: chuyển ngoại tỉnh."),
    "122": ("locked", "Thẻ đã báo giảm: chuyển nội tỉnh."),
    "123": ("locked", "Thẻ đã báo giảm: tăng lại tại cùng đơn vị."),
    "124": ("locked", "Thẻ đã báo giảm: ngừng tham gia."),
    "130": ("unknown", "Trẻ em chưa được cấp thẻ."),
    "205": ("mismatch", "Thông tin tra cứu sai định dạng."),
    "401": ("trouble", "Cổng giám định không nhận tài khoản của cơ sở."),
}


def kind_of(code: str) -> str:
    """The kind of state that a result code makes; a code that we do not know is trouble for a person."""
    return CODES.get(code, ("trouble", ""))[0]


def words(kind: str, code: str = "") -> tuple[str, str]:
    """Badge and sentence of a kind, the sentence of the code where it has one of that kind."""
    badge, text = KINDS[kind]
    own = CODES.get(code, ("", ""))
    return badge, own[1] if own[0] == kind and own[1] else text
