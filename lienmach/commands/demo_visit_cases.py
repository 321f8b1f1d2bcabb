"""What the people of demo visits come for: complaint, diagnosis, orders and drugs. Invented for trying, no advice.

Codes are of the lists that we bring (care/catalogue). A set is a row of the list `order-set`, which then says the
services and the drugs, as when a doctor applies it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """code: ICD-10 of the main diagnosis. room: codes of rooms where it is seen. weight: how often. ages: years.

    sex: male, female or "" for both. others: further diagnoses. services: laboratory, imaging and so on. drugs: each
    with others to take instead when it must not be given. order_set: applied in place of services and drugs.
    leave_days: of a sick leave, 0 for none. refers: is sent on. second_exam: (service, room) of a further examination.
    """

    code: str
    reason: str
    rooms: tuple[str, ...]
    weight: int
    ages: tuple[int, int] = (16, 90)
    sex: str = ""
    others: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    drugs: tuple[tuple[str, ...], ...] = ()
    order_set: str = ""
    has_fever: bool = False
    is_long: bool = False
    leave_days: int = 0
    refers: bool = False
    second_exam: tuple[str, str] = ("", "")
    finding: str = "Tỉnh, tiếp xúc tốt. Tim đều, phổi trong, bụng mềm."
    advice: str = "Uống thuốc theo đơn, tái khám khi không đỡ."


_NOI, _NOI_TIET, _NHI, _SAN, _STATION = ("P102",), ("P101",), ("P104",), ("P105",), ("TYT1",)
_PAIN = ("PARA500", "PARA650")

CASES: tuple[Case, ...] = (
    Case("E11.9", "Tái khám đái tháo đường", _NOI_TIET, 26, (35, 90), others=("I10",), order_set="dtd-tai-kham",
         is_long=True, second_exam=("KB-TIM-MACH", "P102"), finding="Tỉnh, da niêm hồng. Bàn chân không loét, mạch mu chân rõ.",
         advice="Ăn nhạt, bớt tinh bột, đi bộ mỗi ngày. Tái khám sau 4 tuần."),
    Case("E11.9", "Mệt, khát nước, tiểu nhiều", _NOI_TIET, 14, (35, 90), others=("E78.5",),
         services=("XN-GLU", "XN-HBA1C", "XN-CREA", "XN-DIEN-GIAI", "XN-LIPID"), drugs=(("METF500",), ("ATOR10",)),
         is_long=True, second_exam=("KB-NOI", "P102")),
    Case("E05.9", "Hồi hộp, sụt cân", _NOI_TIET, 4, (18, 70), services=("XN-GIAP", "CDHA-SA-GIAP", "TDCN-DIENTIM"),
         drugs=(("THIA5",), ("PROPRA40", "BISO25")), is_long=True, finding="Bướu giáp lan tỏa độ II, mạch nhanh."),
    Case("E03.9", "Mệt, tăng cân, sợ lạnh", _NOI_TIET, 3, (25, 80), services=("XN-TSH", "XN-FT4"),
         drugs=(("LEVOT50",),), is_long=True),
    Case("E78.5", "Kiểm tra mỡ máu", _NOI_TIET, 4, (35, 85), services=("XN-LIPID", "XN-AST", "XN-ALT"),
         drugs=(("ATOR10", "ROSU10"),), is_long=True),
    Case("E04.1", "Sờ thấy cục ở cổ", _NOI_TIET, 2, (20, 80), services=("XN-TSH", "CDHA-SA-GIAP"), refers=True,
         finding="Nhân giáp thùy phải khoảng 2 cm, di động theo nhịp nuốt.", advice="Chuyển làm tế bào học."),
    Case("I10", "Tái khám tăng huyết áp", _NOI, 12, (38, 90), order_set="tha-tai-kham", is_long=True, second_exam=("KB-NOI-TIET", "P101"),
         advice="Ăn nhạt, đo huyết áp mỗi sáng. Tái khám sau 4 tuần."),
    Case("I10", "Đau đầu, huyết áp cao", _STATION, 5, (38, 90), drugs=(("AMLO5",), ("LOSA50",)), is_long=True),
    Case("J00", "Sổ mũi, đau họng", _STATION, 4, drugs=(_PAIN, ("CETI10", "LORA10"))),
    Case("J00", "Ho, sổ mũi hai ngày", _NOI, 5, order_set="cam-lanh", leave_days=2),
    Case("J02.9", "Đau họng, sốt", _NOI, 5, order_set="viem-hong", has_fever=True, leave_days=2,
         second_exam=("KB-TMH", "P103")),
    Case("J20.9", "Ho có đờm, sốt", _NOI, 7, services=("XN-CTM", "XN-CRP", "CDHA-XQ-NGUC"), has_fever=True,
         drugs=(("AMOX500", "AZI500", "DOXY100"), _PAIN, ("ACC200",)), leave_days=3,
         finding="Phổi rải rác ran ẩm hai đáy."),
    Case("J18.9", "Sốt, ho, khó thở", _NOI, 3, (40, 90), services=("XN-CTM", "XN-CRP", "XN-DIEN-GIAI", "CDHA-XQ-NGUC"),
         drugs=(("AUG1G", "LEVO500"), _PAIN), has_fever=True, refers=True, finding="Ran nổ đáy phổi phải, thở 26 lần."),
    Case("K29.7", "Đau thượng vị", _NOI, 5, order_set="da-day"),
    Case("K21.9", "Ợ nóng, ợ chua", _NOI, 4, services=("NS-DADAY",), drugs=(("ESO20", "OME20"), ("DOMPE10",))),
    Case("A09.9", "Tiêu chảy, nôn", _NOI, 4, services=("XN-CTM", "XN-DIEN-GIAI"), drugs=(("ORS",), ("SMECTA",)),
         leave_days=2),
    Case("M54.5", "Đau thắt lưng", _NOI, 6, (18, 85), services=("CDHA-XQ-CSTL",), leave_days=3,
         drugs=(("MELO75", "PARA650"), ("EPERI50",), ("B1B6B12",)), second_exam=("KB-CO-XUONG-KHOP", "P103")),
    Case("M17.9", "Đau khớp gối", _NOI, 5, (45, 90), order_set="khop-goi"),
    Case("M54.5", "Đau lưng sau khi gánh nặng", _STATION, 3, (18, 85), drugs=(_PAIN, ("EPERI50",))),
    Case("M10.0", "Sưng đau ngón chân cái", _NOI, 3, (30, 80), "male", services=("XN-URIC", "XN-CREA"),
         drugs=(("COLCHI05",), ("ALLO100",)), leave_days=3),
    Case("N30.0", "Tiểu buốt, tiểu rắt", _NOI, 3, (18, 80), "female", order_set="nhiem-trung-tieu"),
    Case("N39.0", "Tiểu đục, đau hông lưng", _NOI, 3, (20, 85), services=("XN-NUOC-TIEU", "XN-CREA", "CDHA-SA-BUNG"),
         drugs=(("CEFU500", "CIPRO500"), ("DROTA40",))),
    Case("A90", "Sốt cao ngày thứ ba", _NOI, 4, (15, 70), order_set="sot-xuat-huyet", has_fever=True, leave_days=4,
         advice="Uống nhiều nước, tái khám mỗi ngày, đến ngay khi đau bụng, nôn nhiều, chảy máu."),
    Case("L50.9", "Nổi mề đay", _NOI, 3, drugs=(("LORA10", "FEXO60"), ("HYDROKEM",))),
    Case("L20.9", "Ngứa, khô da", _NOI, 2, drugs=(("CETI10",), ("HYDROKEM",))),
    Case("H10.9", "Đỏ mắt, ra ghèn", _NOI, 2, drugs=(("TOBREYE", "CIPROEYE"), ("NACLEYE",)), leave_days=3),
    Case("J45.9", "Khò khè, khó thở về đêm", _NOI, 3, (16, 75), services=("TDCN-HOHAP",),
         drugs=(("SALBUX",), ("SYMBI160",)), is_long=True, finding="Phổi ran rít hai bên, thở ra kéo dài."),
    Case("K58.9", "Đau quặn bụng, đi ngoài thất thường", _NOI, 2, (18, 70), services=("XN-PHAN-SOI",),
         drugs=(("ALVER60",),)),
    Case("H81.1", "Chóng mặt khi đổi tư thế", _NOI, 3, (30, 88), drugs=(("BETAHIS16",),), leave_days=1,
         second_exam=("KB-THAN-KINH", "P103")),
    Case("F51.0", "Mất ngủ", _NOI, 2, (25, 70), drugs=(("DIAZE5",), ("MGB6",))),
    Case("I25.9", "Đau ngực khi gắng sức", _NOI, 3, (45, 88), services=("XN-TROPT", "XN-LIPID", "TDCN-DIENTIM"),
         drugs=(("ASPI81", "CLOPI75"), ("ATOR20",)), is_long=True, refers=True, finding="Tim đều, không tiếng thổi."),
    Case("J06.9", "Trẻ sốt, ho, sổ mũi", _NHI, 8, (1, 10), has_fever=True, drugs=(("PARA150G",), ("AMBROSY",)),
         advice="Hạ sốt theo cân nặng. Đưa trẻ đến ngay khi bỏ bú, co giật, li bì, thở nhanh."),
    Case("J03.9", "Trẻ sốt, nuốt đau", _NHI, 4, (3, 14), services=("XN-CTM", "XN-CRP"), has_fever=True,
         drugs=(("AMOX250G", "AZI100G"), ("PARA250G", "PARA150G"))),
    Case("A09.9", "Trẻ tiêu chảy", _NHI, 4, (1, 10), services=("XN-PHAN-SOI",), drugs=(("ORS",), ("RACE10G",))),
    Case("H66.0", "Trẻ đau tai", _NHI, 3, (2, 12), drugs=(("AUG281G", "AZI100G"), ("PARA150G",)), has_fever=True,
         second_exam=("KB-TMH", "P103")),
    Case("B08.4", "Trẻ nổi bóng nước tay chân, loét miệng", _NHI, 2, (1, 6), services=("XN-CTM",),
         drugs=(("PARA150G",),), has_fever=True),
    Case("Z34.9", "Khám thai định kỳ", _SAN, 6, (19, 40), "female", drugs=(("FEFOL",), ("CALD",)),
         services=("XN-CTM", "XN-NUOC-TIEU", "CDHA-SA-THAI"), finding="Tim thai rõ, không phù.",
         advice="Uống sắt, canxi. Đến ngay khi đau bụng, ra huyết, ra nước, thai máy ít."),
    Case("N76.0", "Khí hư nhiều, ngứa", _SAN, 4, (20, 55), "female", services=("XN-KHI-HU",), drugs=(("METRONYS",),)),
    Case("N92.6", "Kinh nguyệt không đều", _SAN, 3, (20, 50), "female", services=("XN-BHCG", "CDHA-SA-TCPP"),
         drugs=(("DYDRO10",),)),
    Case("N95.1", "Bốc hỏa, mất ngủ", _SAN, 2, (45, 60), "female", services=("CDHA-SA-TCPP",), drugs=(("CALD",),)),
    # Costs that a card rarely covers whole: dear tests of pensioners, tests outside the list, a price above the fund's.
    Case("I50.9", "Khó thở khi gắng sức, phù chân", _NOI, 12, (60, 74), is_long=True,
         services=("XN-NTPROBNP", "XN-TROPT", "XN-CREA", "XN-DIEN-GIAI"), drugs=(("FURO40",), ("BISO25",)),
         finding="Phù nhẹ hai mắt cá, ran ẩm đáy phổi.", advice="Ăn nhạt, cân mỗi sáng, đến ngay khi khó thở tăng."),
    Case("B18.1", "Tái khám viêm gan B", _NOI, 4, (25, 70), services=("XN-HBVDNA", "XN-AST", "XN-ALT"),
         drugs=(("TENO300",),), is_long=True),
    Case("M81.9", "Đau nhức xương, lùn đi", _NOI_TIET, 6, (50, 88), services=("XN-VITD", "XN-CA"), drugs=(("CALD",),),
         is_long=True),
    Case("K29.5", "Đầy bụng, ợ hơi kéo dài", _NOI, 5, services=("XN-HP-THO", "XN-CTM"),
         drugs=(("ESO20", "OME20"), ("DOMPE10",))),
)  # fmt: skip
