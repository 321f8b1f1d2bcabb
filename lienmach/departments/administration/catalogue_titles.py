"""What the code lists are called on screen, in the order in which they are shown."""

from __future__ import annotations

TITLES = {
    "icd10": "Mã bệnh ICD-10",
    "drug": "Thuốc",
    "ingredient": "Hoạt chất",
    "interaction": "Tương tác thuốc",
    "allergy-group": "Nhóm dị ứng",
    "service": "Dịch vụ kỹ thuật",
    "indicator": "Chỉ số xét nghiệm",
    "supply": "Vật tư y tế",
    "price": "Bảng giá",
    "specialty": "Chuyên khoa",
    "room-kind": "Loại phòng",
    "ma-khoa": "Khoa, phòng",
    "ma-loai-kcb": "Loại khám bệnh, chữa bệnh",
    "ma-doituong-kcb": "Đối tượng đến khám",
    "ma-nhom": "Nhóm chi phí",
    "ket-qua-dtri": "Kết quả điều trị",
    "ma-loai-rv": "Loại ra viện",
    "card-object": "Đối tượng thẻ BHYT",
    "card-benefit": "Mức hưởng BHYT",
    "base-salary": "Lương cơ sở",
    "examination-rate": "Tỷ lệ thanh toán lần khám",
    "priority-group": "Nhóm ưu tiên",
    "public-holiday": "Ngày nghỉ lễ",
    "slip-tolerance": "Hạn dùng giấy hẹn",
    "bank": "Ngân hàng",
    "bank-account": "Tài khoản nhận tiền",
    "nghe-nghiep": "Nghề nghiệp",
    "dan-toc": "Dân tộc",
    "snippet": "Câu mẫu",
    "note-template": "Mẫu bệnh án ngoại trú",
    "order-set": "Bộ chỉ định",
    "claim-rule": "Quy tắc kiểm tra hồ sơ BHYT",
}
STATES = {"approved": "Đã duyệt", "demo": "Dữ liệu thử", "draft": "Bản nháp"}
#: Members of rows that have a word of their own; the others are shown under their name.
MEMBERS = {
    "name": "Tên",
    "valid_to": "Ngày hết hiệu lực",
    "lay": "Tên thường gọi",
    "en": "Tên tiếng Anh",
    "has_finer": "Có mã chi tiết hơn",
    "don_gia_bv": "Giá bệnh viện",
    "don_gia_bh": "Giá BHYT",
    "unit": "Đơn vị",
    "unit_shown": "Đơn vị",
    "strength": "Hàm lượng",
    "text": "Nội dung",
    "confidence": "Độ chắc chắn",
}
