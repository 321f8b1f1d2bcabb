"""What the synthetic people suffer from: short illnesses, long ones, and how each is followed.

A sample for trying, no clinical advice: about twenty ICD-10 codes with texts of our own, common generic drugs with
plain directions, and the measurements of a follow-up.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Drug:
    """name: substance and strength as on a Vietnamese prescription. directions: whole sentence. per_day: units a day."""

    name: str
    directions: str
    per_day: int
    unit: str = "viên"
    route: str = "Uống"


@dataclass(frozen=True)
class ShortIllness:
    """weight: how often. ages: from, to in years. drugs: all are given for `days`. fever: temperature is raised."""

    code: str
    text: str
    weight: int
    drugs: tuple[Drug, ...]
    days: int = 5
    ages: tuple[int, int] = (0, 120)
    fever: bool = False
    procedure: str = ""


@dataclass(frozen=True)
class LongIllness:
    """share: part of people of `ages` who have it. labs: keys of measurements.LABS, at every second visit."""

    code: str
    text: str
    ages: tuple[int, int]
    share: float
    drugs: tuple[Drug, ...]
    labs: tuple[str, ...]
    months_between: int = 3


_PARACETAMOL = Drug("Paracetamol 500 mg", "Uống 1 viên khi sốt trên 38,5 °C hoặc đau, cách nhau ít nhất 6 giờ.", 3)
_SYRUP = Drug("Paracetamol 120 mg/5 ml", "Uống 5 ml khi sốt trên 38,5 °C, cách nhau ít nhất 6 giờ.", 15, "ml")
_AMOXICILLIN = Drug("Amoxicilin 500 mg", "Sáng 1 viên, chiều 1 viên, sau ăn.", 2)
_CETIRIZINE = Drug("Cetirizin 10 mg", "Tối 1 viên.", 1)
_OMEPRAZOLE = Drug("Omeprazol 20 mg", "Sáng 1 viên, trước ăn 30 phút.", 1)
_ORS = Drug("Oresol gói 4,1 g", "Pha 1 gói với 200 ml nước, uống từng ngụm sau mỗi lần đi ngoài.", 3, "gói")
_IBUPROFEN = Drug("Ibuprofen 400 mg", "Sáng 1 viên, tối 1 viên, sau ăn no.", 2)

SHORT: tuple[ShortIllness, ...] = (
    ShortIllness("J00", "Viêm mũi họng cấp (cảm thường)", 22, (_PARACETAMOL, _CETIRIZINE), 5, (7, 120), True),
    ShortIllness("J06.9", "Nhiễm trùng đường hô hấp trên cấp", 20, (_SYRUP,), 5, (0, 6), True),
    ShortIllness("J20.9", "Viêm phế quản cấp", 10, (_AMOXICILLIN, _PARACETAMOL), 7, (7, 120), True),
    ShortIllness("A09.9", "Viêm dạ dày ruột", 8, (_ORS,), 3),
    ShortIllness("K29.7", "Viêm dạ dày", 9, (_OMEPRAZOLE,), 14, (16, 120)),
    ShortIllness("K21.9", "Trào ngược dạ dày - thực quản", 6, (_OMEPRAZOLE,), 28, (18, 120)),
    ShortIllness("M54.5", "Đau thắt lưng", 9, (_IBUPROFEN,), 7, (18, 120)),
    ShortIllness("M17.9", "Thoái hóa khớp gối", 6, (_PARACETAMOL,), 14, (50, 120)),
    ShortIllness("L20.9", "Viêm da cơ địa", 4, (_CETIRIZINE,), 10),
    ShortIllness(
        "H10.9", "Viêm kết mạc", 4, (Drug("Natri clorid 0,9 % nhỏ mắt", "Nhỏ mắt ngày 4 lần.", 1, "lọ", "Nhỏ mắt"),), 1
    ),
    ShortIllness("N39.0", "Nhiễm trùng đường tiết niệu", 4, (_AMOXICILLIN,), 7, (16, 120)),
    ShortIllness("R51", "Đau đầu", 6, (_PARACETAMOL,), 5, (10, 120)),
    ShortIllness("S61.0", "Vết thương hở ngón tay", 3, (_PARACETAMOL,), 5, (4, 120), False, "Khâu vết thương phần mềm"),
    ShortIllness("K02.9", "Sâu răng", 4, (_PARACETAMOL,), 3, (6, 120), False, "Hàn răng"),
    ShortIllness(
        "A97.0", "Sốt xuất huyết Dengue không có dấu hiệu cảnh báo", 3, (_ORS, _PARACETAMOL), 5, (2, 120), True
    ),
)

LONG: tuple[LongIllness, ...] = (
    LongIllness(
        "I10",
        "Tăng huyết áp nguyên phát",
        (40, 120),
        0.24,
        (Drug("Amlodipin 5 mg", "Sáng 1 viên.", 1), Drug("Losartan 50 mg", "Sáng 1 viên.", 1)),
        ("creatinine", "potassium", "ldl"),
    ),
    LongIllness(
        "E11.9",
        "Đái tháo đường típ 2, không biến chứng",
        (38, 120),
        0.09,
        (
            Drug("Metformin 500 mg", "Sáng 1 viên, chiều 1 viên, sau ăn.", 2),
            Drug("Gliclazid MR 30 mg", "Sáng 1 viên, trong bữa ăn.", 1),
        ),
        ("glucose", "hba1c", "creatinine", "ldl"),
    ),
    LongIllness(
        "E78.5",
        "Rối loạn chuyển hóa lipid máu",
        (35, 120),
        0.05,
        (Drug("Atorvastatin 10 mg", "Tối 1 viên.", 1),),
        ("ldl", "cholesterol"),
        6,
    ),
    LongIllness(
        "J45.9",
        "Hen phế quản",
        (5, 70),
        0.025,
        (
            Drug("Salbutamol xịt 100 mcg/liều", "Xịt 2 nhát khi khó thở.", 1, "nhát", "Hít"),
            Drug("Budesonid/Formoterol 160/4,5 mcg", "Sáng 1 nhát, tối 1 nhát, súc miệng sau xịt.", 2, "nhát", "Hít"),
        ),
        (),
    ),
    LongIllness(
        "J44.9",
        "Bệnh phổi tắc nghẽn mạn tính",
        (50, 120),
        0.04,
        (Drug("Tiotropium 18 mcg", "Hít 1 viên mỗi sáng.", 1, "viên", "Hít"),),
        (),
    ),
)

ALLERGENS: tuple[tuple[str, str, str], ...] = (
    ("Penicilin", "medication", "high"),
    ("Sulfamethoxazol", "medication", "high"),
    ("Tôm, cua", "food", "low"),
    ("Đậu phộng", "food", "high"),
    ("Aspirin", "medication", "low"),
    ("Cephalexin", "medication", "high"),
)

PROCEDURES: tuple[str, ...] = (
    "Siêu âm ổ bụng",
    "Điện tâm đồ thường quy",
    "Chụp X-quang ngực thẳng",
    "Nội soi dạ dày",
    "Phẫu thuật nội soi cắt ruột thừa",
    "Mổ lấy thai",
    "Phẫu thuật đục thủy tinh thể",
)
