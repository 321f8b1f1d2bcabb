"""Blocks and chapters of ICD-10, by which visits are compared and counted.

Source: the WHO's ICD-10 (2019), its list of chapters and blocks, written down from memory (`memory`): check it against
the published list before figures leave the house. A code outside of it is its own letter's block.
"""

from __future__ import annotations

import bisect
import re
from functools import lru_cache

#: First and last category of each block; a single category is its own block.
_BLOCKS = """
A00-A09 A15-A19 A20-A28 A30-A49 A50-A64 A65-A69 A70-A74 A75-A79 A80-A89 A90-A99 B00-B09 B15-B19 B20-B24 B25-B34 B35-B49
B50-B64 B65-B83 B85-B89 B90-B94 B95-B98 B99-B99 C00-C14 C15-C26 C30-C39 C40-C41 C43-C44 C45-C49 C50-C50 C51-C58 C60-C63
C64-C68 C69-C72 C73-C75 C76-C80 C81-C96 C97-C97 D00-D09 D10-D36 D37-D48 D50-D53 D55-D59 D60-D64 D65-D69 D70-D77 D80-D89
E00-E07 E10-E14 E15-E16 E20-E35 E40-E46 E50-E64 E65-E68 E70-E90 F00-F09 F10-F19 F20-F29 F30-F39 F40-F48 F50-F59 F60-F69
F70-F79 F80-F89 F90-F98 F99-F99 G00-G09 G10-G14 G20-G26 G30-G32 G35-G37 G40-G47 G50-G59 G60-G64 G70-G73 G80-G83 G90-G99
H00-H06 H10-H13 H15-H22 H25-H28 H30-H36 H40-H42 H43-H45 H46-H48 H49-H52 H53-H54 H55-H59 H60-H62 H65-H75 H80-H83 H90-H95
I00-I02 I05-I09 I10-I15 I20-I25 I26-I28 I30-I52 I60-I69 I70-I79 I80-I89 I95-I99 J00-J06 J09-J18 J20-J22 J30-J39 J40-J47
J60-J70 J80-J84 J85-J86 J90-J94 J95-J99 K00-K14 K20-K31 K35-K38 K40-K46 K50-K52 K55-K64 K65-K67 K70-K77 K80-K87 K90-K93
L00-L08 L10-L14 L20-L30 L40-L45 L50-L54 L55-L59 L60-L75 L80-L99 M00-M03 M05-M14 M15-M19 M20-M25 M30-M36 M40-M43 M45-M49
M50-M54 M60-M63 M65-M68 M70-M79 M80-M85 M86-M90 M91-M94 M95-M99 N00-N08 N10-N16 N17-N19 N20-N23 N25-N29 N30-N39 N40-N51
N60-N64 N70-N77 N80-N98 N99-N99 O00-O08 O10-O16 O20-O29 O30-O48 O60-O75 O80-O84 O85-O92 O94-O99 P00-P04 P05-P08 P10-P15
P20-P29 P35-P39 P50-P61 P70-P74 P75-P78 P80-P83 P90-P96 Q00-Q07 Q10-Q18 Q20-Q28 Q30-Q34 Q35-Q37 Q38-Q45 Q50-Q56 Q60-Q64
Q65-Q79 Q80-Q89 Q90-Q99 R00-R09 R10-R19 R20-R23 R25-R29 R30-R39 R40-R46 R47-R49 R50-R69 R70-R79 R80-R82 R83-R89 R90-R94
R95-R99 S00-S09 S10-S19 S20-S29 S30-S39 S40-S49 S50-S59 S60-S69 S70-S79 S80-S89 S90-S99 T00-T07 T08-T14 T15-T19 T20-T32
T33-T35 T36-T50 T51-T65 T66-T78 T79-T79 T80-T88 T90-T98 U00-U49 U50-U99 V01-V99 W00-W99 X00-X59 X60-X84 X85-Y09 Y10-Y34
Y35-Y36 Y40-Y84 Y85-Y89 Y90-Y98 Z00-Z13 Z20-Z29 Z30-Z39 Z40-Z54 Z55-Z65 Z70-Z76 Z80-Z99
"""

#: Chapter -> first and last category, name.
CHAPTERS: dict[str, tuple[str, str, str]] = {
    "I": ("A00", "B99", "Bệnh nhiễm trùng và ký sinh trùng"),
    "II": ("C00", "D48", "U tân sinh"),
    "III": ("D50", "D89", "Bệnh máu, cơ quan tạo máu và rối loạn miễn dịch"),
    "IV": ("E00", "E90", "Bệnh nội tiết, dinh dưỡng và chuyển hoá"),
    "V": ("F00", "F99", "Rối loạn tâm thần và hành vi"),
    "VI": ("G00", "G99", "Bệnh hệ thần kinh"),
    "VII": ("H00", "H59", "Bệnh mắt và phần phụ"),
    "VIII": ("H60", "H95", "Bệnh tai và xương chũm"),
    "IX": ("I00", "I99", "Bệnh hệ tuần hoàn"),
    "X": ("J00", "J99", "Bệnh hệ hô hấp"),
    "XI": ("K00", "K93", "Bệnh hệ tiêu hoá"),
    "XII": ("L00", "L99", "Bệnh da và mô dưới da"),
    "XIII": ("M00", "M99", "Bệnh hệ cơ xương khớp và mô liên kết"),
    "XIV": ("N00", "N99", "Bệnh hệ sinh dục, tiết niệu"),
    "XV": ("O00", "O99", "Thai nghén, sinh đẻ và hậu sản"),
    "XVI": ("P00", "P96", "Một số bệnh khởi phát trong thời kỳ chu sinh"),
    "XVII": ("Q00", "Q99", "Dị tật bẩm sinh và bất thường nhiễm sắc thể"),
    "XVIII": ("R00", "R99", "Triệu chứng, dấu hiệu bất thường chưa phân loại"),
    "XIX": ("S00", "T98", "Chấn thương, ngộ độc và hậu quả do nguyên nhân bên ngoài"),
    "XX": ("V01", "Y98", "Nguyên nhân bên ngoài của bệnh tật và tử vong"),
    "XXI": ("Z00", "Z99", "Các yếu tố ảnh hưởng đến tình trạng sức khoẻ"),
    "XXII": ("U00", "U99", "Mã dùng cho mục đích đặc biệt"),
}
_CODE = re.compile(r"[A-Z][0-9]{2}")


def category(icd: str) -> str:
    """The three characters of a code, such as J00 of J00.1; "" for what is no code."""
    found = _CODE.match(icd.upper())
    return found[0] if found else ""


def block(icd: str) -> str:
    """The block of a code, such as "J00-J06"; "" for what is no code."""
    own = category(icd)
    if not own:
        return ""
    starts, ends = _ranges()
    at = bisect.bisect_right(starts, own) - 1
    return f"{starts[at]}-{ends[at]}" if at >= 0 and own <= ends[at] else own


def chapter(icd: str) -> str:
    """The Roman number of a code's chapter; "" for what is no code."""
    own = category(icd)
    return next((name for name, (first, last, _) in CHAPTERS.items() if own and first <= own <= last), "")


@lru_cache(maxsize=1)
def _ranges() -> tuple[list[str], list[str]]:
    pairs = [one.partition("-") for one in sorted(_BLOCKS.split())]
    return [first for first, _, _ in pairs], [last for _, _, last in pairs]
