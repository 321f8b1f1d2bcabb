"""Invented Vietnamese names: parts drawn by rough frequency, every diacritic of the language among them.

The weights of family names follow commonly quoted shares (Nguyễn about 38 %, Trần 11 %, Lê 9.5 % …, from memory);
they make lists of namesakes as long as real ones. No name is taken from a real person; like any two
common parts it may happen to be somebody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from random import Random

_FAMILIES = """Nguyễn 384 Trần 110 Lê 95 Phạm 70 Huỳnh 30 Hoàng 21 Phan 45 Vũ 22 Võ 17 Đặng 21 Bùi 20 Đỗ 14
Hồ 13 Ngô 13
Dương 10 Lý 5 Đinh 8 Trịnh 7 Mai 7 Đoàn 7 Lương 6 Cao 6 Tạ 4 Tô 4 Hà 4 Châu 3 Quách 2 Kiều 2 Ông 1 Ứng 1 Ưng 1 Lữ 1
Tống 2 Thái 3 Từ 2 Chử 1 Khổng 1 Phùng 3 La 1 Văn 2"""
_MIDDLES = {
    "male": """Văn 30 Hữu 8 Đức 7 Minh 8 Quốc 6 Thành 5 Công 4 Xuân 4 Ngọc 4 Thanh 5 Trọng 3 Gia 4 Tuấn 3
Hoàng 4 Bá 2 Đình 4
Quang 5 Nhật 3 Duy 4 Phước 3 Tấn 2 Vĩnh 1 Khắc 1 Đăng 2 Sỹ 1 Thế 2 Trung 2 Anh 2""",
    "female": """Thị 42 Ngọc 9 Thanh 6 Thùy 5 Kim 5 Minh 4 Phương 4 Bích 3 Hồng 4 Mỹ 4 Diễm 2 Như 3 Quỳnh 3
Thu 4 Tuyết 2
Khánh 3 Bảo 4 Cẩm 2 Ánh 2 Yến 2 Hoài 2 Tường 1 Thảo 2 Gia 2 Xuân 2 Huyền 2""",
}
_GIVENS = {
    "male": """Hùng 6 Dũng 6 Tuấn 6 Minh 6 Nam 5 Long 5 Hải 5 Sơn 5 Thắng 4 Phúc 4 Khoa 4 Huy 5 Khang 4 Bảo 4
Đạt 4 Quân 4 Ân 3
An 4 Bình 4 Cường 4 Đức 4 Giang 2 Hậu 2 Hiếu 4 Kiên 3 Lộc 3 Lợi 2 Mạnh 3 Nghĩa 3 Nhân 3 Phong 3 Phước 2 Quý 2
Tài 3 Tâm 2
Tân 2 Thịnh 3 Thọ 2 Tiến 3 Toàn 3 Trí 3 Trung 4 Trường 2 Tú 3 Tùng 3 Việt 3 Vinh 3 Vũ 2 Vượng 1 Út 2 Ưng 1
Ẩn 1 Sỹ 1 Thưởng 1
Luật 1 Lượng 1 Khải 2 Điền 1 Đường 1""",
    "female": """Lan 5 Hoa 5 Hương 6 Linh 6 Trang 5 Thảo 5 Hà 5 Mai 5 Ngọc 5 Anh 5 Nga 3 Hằng 4 Hạnh 4
Phương 5 Thủy 4 Vân 4 Yến 4
Loan 3 Oanh 3 Dung 3 Đào 2 Cúc 2 Bích 2 Ánh 2 Châu 3 Chi 4 Diễm 2 Giang 2 Hiền 4 Hồng 4 Huệ 2 Huyền 4 Kiều 2
Liên 3 Ly 2
Lý 1 My 3 Mỹ 2 Ngân 4 Nguyệt 3 Nhi 4 Nhung 3 Như 3 Phượng 3 Quyên 2 Quỳnh 3 Sương 2 Tâm 2 Thanh 3 Thơ 2 Thư 4
Thúy 3 Tiên 3
Trâm 3 Trinh 3 Tú 2 Tuyết 3 Uyên 3 Vy 4 Xuân 2 Xuyến 1 Ý 1 Út 2 Ẩn 1 Lụa 1 Nữ 1""",
}
# Names of other groups are built in other ways; they are here so that no page assumes one way.
_TAY = "Nông 4 Hoàng 5 Lý 3 Bế 2 Ma 2 Hà 1 Lục 1 Đàm 2"
_KHMER = "Thạch 5 Sơn 3 Kim 4 Lâm 2 Danh 3 Châu 2"
_HOA = "Trương 2 Lâm 3 Quách 2 Lý 3 Trần 4 Ngô 2 Huỳnh 2 Vương 2"
_HMONG = {"male": "A 8 Xuân 1 Văn 1", "female": "Thị 9 A 1"}
_HMONG_FAMILIES = "Giàng 4 Vàng 4 Lò 1 Sùng 3 Thào 3 Mùa 2 Hạng 2 Lầu 1"
_HMONG_GIVENS = {"male": "Páo 2 Chơ 1 Dình 2 Sính 2 Tủa 1 Chứ 2", "female": "Mỷ 2 Dợ 1 Sáo 2 Chở 1 Máy 2 Xúa 1"}
_EDE_CLANS = "Niê 4 Êban 2 Mlô 3 Kbuôr 1 Ayŭn 1 Byă 2"
_EDE_GIVENS = {"male": "Blô 2 Thinh 2 Wăn 1 Ngông 1 Bhăm 1", "female": "Hen 2 Bia 2 Nguôn 1 Loan 1 Ŏn 1"}


@dataclass(frozen=True)
class Style:
    """How a group builds names. ethnic_code: as in standards/vietnam/ethnic_groups. weight: share of households."""

    ethnic_code: str
    weight: int
    families: str


STYLES = (
    Style("01", 860, _FAMILIES),
    Style("02", 40, _TAY),
    Style("05", 40, _KHMER),
    Style("04", 20, _HOA),
    Style("08", 25, _HMONG_FAMILIES),
    Style("12", 15, _EDE_CLANS),
)


class _Draw:
    """Weighted choice from a text of words and weights."""

    def __init__(self, text: str) -> None:
        pieces = text.split()
        self.words = pieces[::2]
        self.cumulated = list(accumulate(int(weight) for weight in pieces[1::2]))

    def one(self, random: Random) -> str:
        return random.choices(self.words, cum_weights=self.cumulated)[0]


_DRAWS: dict[str, _Draw] = {
    text: _Draw(text)
    for text in (
        *(style.families for style in STYLES),
        *_MIDDLES.values(),
        *_GIVENS.values(),
        *_HMONG.values(),
        *_HMONG_GIVENS.values(),
        *_EDE_GIVENS.values(),
    )
}


def draw_style(random: Random) -> Style:
    """The naming of one household."""
    return random.choices(STYLES, weights=[style.weight for style in STYLES])[0]


def draw_family(style: Style, random: Random) -> str:
    """A family name (with the Êđê: the clan, which stands last)."""
    return _DRAWS[style.families].one(random)


def draw_full(style: Style, family: str, sex: str, random: Random) -> str:
    """A full name of that family. sex: male or female."""
    if style.ethnic_code == "12":
        given = _DRAWS[_EDE_GIVENS[sex]].one(random)
        return f"Y {given} {family}" if sex == "male" else f"H'{given} {family}"
    if style.ethnic_code == "08":
        return f"{family} {_DRAWS[_HMONG[sex]].one(random)} {_DRAWS[_HMONG_GIVENS[sex]].one(random)}"
    middles = [_DRAWS[_MIDDLES[sex]].one(random)]
    if random.random() < 0.18:  # four syllables, as among younger people
        middles.append(_DRAWS[_GIVENS[sex]].one(random))
    given = _DRAWS[_GIVENS[sex]].one(random)
    middles = [one for one in middles if one != given] or (["Văn"] if sex == "male" else ["Thị"])
    return " ".join((family, *middles, given))
