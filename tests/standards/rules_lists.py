"""What clean claims are drawn from: cards, categories, services, drugs, people, and the accepted catalogues of them."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from lienmach.standards.bhxh.rules.surroundings import AcceptedRow

FACILITY, OTHER_FACILITY = "79024", "79013"
DOCTOR, NURSE, TECHNICIAN, RADIOLOGIST, HEAD = "0001234/HCM", "0005678/HCM", "0004321/HCM", "0008765/HCM", "0000001/HCM"
MACHINES = {"1": "XN.1.MAU01", "2": "SA.2.MAU02", "3": "DT.1.MAU03"}
CARDS = ("GD4", "DN4", "HT3", "CN3", "HN2", "QN5", "TE1")
CATEGORIES = ("1.1", "1.2", "1.3", "1.5", "1.11", "1.12", "1.14", "2")
#: the level of facility at which a category is said
LEVELS = {"1.2": "commune", "1.12": "district", "1.14": "province"}
KINDS = ("01", "01", "01", "05", "08", "02")
#: code, name, group, price of the hospital, insured price
SERVICES = (
    ("22.0120.1370", "Tổng phân tích tế bào máu (mẫu)", "1", "46200", "46200"),
    ("23.0075.1494", "Định lượng Glucose (mẫu)", "1", "21500.5", "21500.5"),
    ("23.0041.1506", "Định lượng Cholesterol (mẫu)", "1", "27111.333", "27111.333"),
    ("18.0015.0001", "Siêu âm ổ bụng (mẫu)", "2", "58600", "43900"),
    ("18.0119.0028", "Chụp X-quang ngực (mẫu)", "2", "68300", "68300"),
    ("21.0014.1778", "Điện tim thường (mẫu)", "3", "39900", "35400"),
    ("15.0304.0505", "Rạch nhọt (mẫu)", "18", "197000", "197000"),
    ("03.2456.1044", "Cắt u da lành tính dưới 5 cm (mẫu)", "8", "737000", "737000"),
)
EXAMINATIONS = (
    ("02.1896", "Khám Nội (mẫu)", "13", "45000", "45000"),
    ("14.1896", "Khám Mắt (mẫu)", "13", "45000", "45000"),
    ("13.1896", "Khám Phụ sản (mẫu)", "13", "45000", "45000"),
)
#: code, name, strength, route, group, price, ratio
DRUGS = (
    ("40.48", "Paracetamol (mẫu)", "500 mg", "1.01", "4", "315", 100),
    ("40.154", "Amoxicilin (mẫu)", "500 mg", "1.01", "4", "987.625", 100),
    ("40.685", "Omeprazol (mẫu)", "20 mg", "1.01", "4", "450.333", 100),
    ("40.491", "Amlodipin (mẫu)", "5 mg", "1.01", "4", "610", 100),
    ("40.838", "Thuốc theo tỷ lệ (mẫu)", "10 mg", "1.01", "6", "12345.675", 50),
)
SUPPLIES = (("N03.05.010", "Chỉ khâu tiêu chậm (mẫu)", "78900", "50000"), ("N02.03.020", "Gạc hút (mẫu)", "12345", ""))
DISEASES = ("I10", "E11.9", "J06.9", "K29.7", "M54.5")


def accepted(on: date) -> dict[str, dict[str, tuple[AcceptedRow, ...]]]:
    """The accepted catalogues of the facility, all from 30 days before a day."""
    since = on - timedelta(days=30)

    def row(code: str, data: dict[str, object]) -> tuple[AcceptedRow, ...]:
        return (AcceptedRow(code, data, since),)

    every = ["exam", "lab", "imaging", "procedure", "functional"]
    people = (DOCTOR, NURSE, TECHNICIAN, RADIOLOGIST)
    drugs = {
        code: row(code, {"MA_THUOC": code, "TEN_THUOC": name, "HAM_LUONG": strength, "DUONG_DUNG": route,
                         "SO_DANG_KY": "MAU-00001-26", "TT_THAU": "15/QĐ-MẪU;G1;N2;2026", "DON_GIA": Decimal(price),
                         "TYLE_TT_BH": ratio})
        for code, name, strength, route, _, price, ratio in DRUGS
    }  # fmt: skip
    services = {
        code: row(code, {"MA_DICH_VU": code, "TEN_DICH_VU": name, "DON_GIA": Decimal(insured)})
        for code, name, _, _, insured in (*SERVICES, *EXAMINATIONS)
    }
    machines = {
        code: row(code, {"MA_MAY": code, "MA_DICH_VU": [one[0] for one in SERVICES if one[2] == nhom]})
        for nhom, code in MACHINES.items()
    }
    staff = {one: row(one, {"MA_BAC_SI": one, "kinds": every}) for one in people}
    return {"02": staff, "03": drugs, "05": services, "06": machines}
