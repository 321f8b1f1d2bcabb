"""Clean claims of outpatient visits, drawn by a seed: tables and everything around them, worked out by benefit.compute.

    case = rules_case.clean(7)      # case.tables, case.around; nothing in it breaks a rule

Shapes: cards of 80, 95 and 100 %, children, both sides of the 15 % line, the 50 % category, self-pay lines, supplies
with ceilings, second examinations, drugs paid by ratio, help from other sources, kinds 01, 02, 05 and 08, late results,
exemption, and the papers XML11, XML13 and XML14. All people, numbers and prices are invented.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from lienmach.care.claims import surroundings as package
from lienmach.standards.bhxh import benefit, claim_fields, costs
from lienmach.standards.bhxh.claim_xml import Row, Tables
from lienmach.standards.bhxh.rules.surroundings import (
    Bill,
    CheckIn,
    CostStatement,
    Facility,
    Look,
    Paper,
    Slip,
    Surroundings,
)
from tests.standards.rules_lists import (
    CARDS,
    CATEGORIES,
    DISEASES,
    DOCTOR,
    DRUGS,
    EXAMINATIONS,
    FACILITY,
    HEAD,
    KINDS,
    LEVELS,
    MACHINES,
    NURSE,
    OTHER_FACILITY,
    RADIOLOGIST,
    SERVICES,
    SUPPLIES,
    TECHNICIAN,
    accepted,
)

_ZERO = Decimal(0)


@dataclass
class Case:
    """One claim and what stands around it; a fault is planted by changing either."""

    seed: int
    tables: Tables
    around: Surroundings
    shape: dict[str, object] = field(default_factory=dict)

    @property
    def visit(self) -> Row:
        """The row of XML1."""
        return self.tables["XML1"][0]

    def lines(self, table: str = "") -> list[Row]:
        """Rows of XML2 and XML3, or of one of them."""
        return [one for name in ("XML2", "XML3") if table in ("", name) for one in self.tables.get(name, ())]

    def change(self, **members: object) -> None:
        """Other surroundings."""
        self.around = replace(self.around, **members)  # type: ignore[arg-type]


@dataclass
class _Draft:
    """What is drawn first. lines: what the arithmetic takes, beside what the row says of it."""

    drawn: random.Random
    arrived_at: datetime
    kind: str
    category: str
    card: str
    born_on: date
    lines: list[tuple[costs.Line, str, Row]] = field(default_factory=list)
    is_pending: bool = False
    has_referral: bool = False
    days: int = 0
    results: list[Row] = field(default_factory=list)


def clean(seed: int) -> Case:
    """The claim of this seed; the same seed, the same claim."""
    draft = _start(random.Random(seed))
    at = _examine(draft)
    if draft.kind != "05":
        at = _serve(draft, at)
    at = _prescribe(draft, at)
    at = max([at, *(max(line.ordered_at, draft.arrived_at) + timedelta(minutes=12) for line, _, _ in draft.lines)])
    ended_at = at + timedelta(minutes=draft.drawn.randint(1, 30))
    if draft.kind in ("02", "05") and not draft.has_referral:
        last = max([one.ordered_at for one, table, _ in draft.lines if table == "XML2"], default=ended_at).date()
        last += timedelta(days=max(draft.days, 1) - 1)
        ended_at = datetime(last.year, last.month, last.day, 23, 59)
    else:
        ended_at = max(ended_at, draft.arrived_at + timedelta(minutes=5))
    return _written(seed, draft, at, ended_at)


def _start(drawn: random.Random) -> _Draft:
    first = date(2025, 10, 20) if drawn.random() < 0.1 else date(2026, 8, 1)
    arrived_on = first + timedelta(days=drawn.randrange(100))
    arrived_at = datetime(arrived_on.year, arrived_on.month, arrived_on.day, drawn.randint(7, 15), drawn.randrange(60))
    card = drawn.choice(CARDS) + f"79{drawn.randrange(10**10):010d}"
    is_child = card.startswith("TE")
    born_on = arrived_on - timedelta(days=drawn.randint(60, 1900) if is_child else drawn.randint(7000, 30000))
    kind = "01" if is_child else drawn.choice(KINDS)
    category = drawn.choice(CATEGORIES)
    if category == "1.14" and arrived_on < date(2026, 7, 1):
        category = "1.1"  # its rate was 0 then: such a visit claims nothing
    draft = _Draft(drawn, arrived_at, kind, category, card, born_on)
    draft.has_referral = drawn.random() < 0.08
    draft.is_pending = drawn.random() < 0.1
    return draft


def _examine(draft: _Draft) -> datetime:
    """One to three examinations; returns when the first of them began."""
    at = draft.arrived_at + timedelta(minutes=draft.drawn.randint(0, 5))
    started_at = at + timedelta(minutes=draft.drawn.randint(1, 40))
    count = draft.drawn.choice((1, 1, 1, 2, 3))
    doctors = [DOCTOR, NURSE, RADIOLOGIST]
    for index, (code, name, nhom, price, insured) in enumerate(EXAMINATIONS[:count]):
        ordered_at = at if index == 0 else started_at + timedelta(minutes=5 * index)
        done_at = started_at if index == 0 else ordered_at + timedelta(minutes=1)
        line = _line(draft, "XML3", nhom, Decimal(1), price, insured, ordered_at)
        _add(draft, line, "XML3", code, name, done_at, done_at + timedelta(minutes=10), doctors[index])
    return started_at


def _serve(draft: _Draft, at: datetime) -> datetime:
    drawn = draft.drawn
    found = drawn.sample(SERVICES, drawn.choice((0, 1, 2, 3, 4)))
    if draft.kind == "08" and not found:
        found = [SERVICES[0]]
    for code, name, nhom, price, insured in found:
        at += timedelta(minutes=drawn.randint(1, 5))
        done_at, result_at = at + timedelta(minutes=10), at + timedelta(minutes=25)
        is_self = drawn.random() < 0.15
        line = _line(draft, "XML3", nhom, Decimal(1), price, insured, at, scope=2 if is_self else 1)
        is_pending = draft.is_pending and nhom == "1"
        person = {"1": TECHNICIAN, "2": RADIOLOGIST}.get(nhom, DOCTOR)
        _add(draft, line, "XML3", code, name, done_at, None if is_pending else result_at, person)
        if nhom in MACHINES and not is_pending:
            draft.results.append(_result(code, name, nhom, result_at, len(draft.results) + 1))
        if nhom in ("8", "18"):
            _supply(draft, at, done_at, code)
        at = at if is_pending else result_at
    return at


def _supply(draft: _Draft, at: datetime, done_at: datetime, service: str) -> None:
    code, name, price, ceiling = draft.drawn.choice(SUPPLIES)
    line = _line(draft, "XML3", "10", Decimal(1), price, price, at, ceiling=ceiling)
    _add(draft, line, "XML3", "", name, done_at, done_at, "")
    draft.lines[-1][2].update(MA_VAT_TU=code, TEN_VAT_TU=name, MA_DICH_VU=service, TT_THAU="12/QĐ-MẪU;G2;N3;2026")


def _prescribe(draft: _Draft, at: datetime) -> datetime:
    drawn = draft.drawn
    count = drawn.choice((0, 1, 2, 3, 4)) if draft.kind != "05" else drawn.choice((1, 2, 3))
    ordered_at = at + timedelta(minutes=3)
    for code, name, strength, route, nhom, price, ratio in drawn.sample(DRUGS, count):
        days, times = (28, 1) if draft.kind == "05" else (drawn.choice((3, 5, 7)), drawn.choice((1, 2, 3)))
        draft.days = max(draft.days, days)
        is_self = drawn.random() < 0.1
        line = _line(draft, "XML2", nhom, Decimal(days * times), price, price, ordered_at, 2 if is_self else 1, ratio)
        if drawn.random() < 0.04 and not is_self:
            line = replace(line, help=Decimal(100), help_kind="patient")
        _add(draft, line, "XML2", code, name, ordered_at + timedelta(minutes=40), None, "")
        draft.lines[-1][2].update(
            HAM_LUONG=strength, DUONG_DUNG=route, SO_DANG_KY="MAU-00001-26", TT_THAU="15/QĐ-MẪU;G1;N2;2026",
            LIEU_DUNG=f"1 viên/lần * {times} lần/ngày * {days} ngày [{times} viên/ngày]", DON_VI_TINH="viên",
        )  # fmt: skip
    return ordered_at


def _line(
    draft: _Draft, table: str, nhom: str, quantity: Decimal, price: str, insured: str, at: datetime, scope: int = 1,
    ratio: int = 100, *, ceiling: str = "",
) -> costs.Line:  # fmt: skip
    return costs.Line(
        f"{len(draft.lines)}", costs.DRUGS if table == "XML2" else costs.SERVICES, nhom, quantity, Decimal(price),
        Decimal(insured), at, scope, ratio, Decimal(ceiling) if ceiling else None,
    )  # fmt: skip


def _add(
    draft: _Draft, line: costs.Line, table: str, code: str, name: str, done_at: datetime, result_at: datetime | None,
    performer: str,
) -> None:  # fmt: skip
    row = {
        "MA_NHOM": line.nhom, "MA_KHOA": "K01", "MA_BAC_SI": DOCTOR, "NGAY_YL": _at(line.ordered_at),
        "NGAY_TH_YL": _at(done_at), "MA_PTTT": "1", "DON_VI_TINH": "Lần",
    }  # fmt: skip
    if table == "XML2":
        row |= {"MA_THUOC": code, "TEN_THUOC": name, "NGUON_CTRA": "1"}
    else:
        row |= {"MA_DICH_VU": code, "TEN_DICH_VU": name if line.nhom != "10" else "", "NGUOI_THUC_HIEN": performer,
                "NGAY_KQ": _at(result_at)}  # fmt: skip
        if line.nhom in MACHINES:
            row["MA_MAY"] = MACHINES[line.nhom]
        if line.nhom == "8":
            row["PP_VO_CAM"] = "2"
    draft.lines.append((line, table, row))


def _result(code: str, name: str, nhom: str, at: datetime, number: int) -> Row:
    row = {"STT": str(number), "MA_DICH_VU": code, "TEN_CHI_SO": name, "NGAY_KQ": _at(at), "MA_BS_DOC_KQ": DOCTOR}
    if nhom == "1":
        return row | {"MA_CHI_SO": "GLU", "GIA_TRI": "5.6", "DON_VI_DO": "mmol/L"}
    return row | {"MO_TA": "Hình ảnh bình thường (mẫu)", "KET_LUAN": "Không thấy bất thường (mẫu)"}


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y%m%d%H%M}" if moment else ""


def _written(seed: int, draft: _Draft, last_at: datetime, ended_at: datetime) -> Case:
    """Tables and surroundings of what was drawn."""
    known = package.from_package()
    assert known.parameters is not None
    drawn, on = draft.drawn, draft.arrived_at.date()
    exempt_from = draft.arrived_at if draft.card[2] in "34" and drawn.random() < 0.06 else None
    start, end = on - timedelta(days=100), on + timedelta(days=200)
    five = on - timedelta(days=400) if exempt_from else None
    card = costs.Card(draft.card, draft.card[:2], draft.card[2], start, end, None, exempt_from, five)
    visit = costs.Visit(draft.arrived_at, known.categories[draft.category], (card,), draft.kind)
    amounts = benefit.compute(visit, [one for one, _, _ in draft.lines], known.parameters)
    tables = _lines(draft, amounts, on)
    if draft.results:
        tables["XML4"] = [claim_fields.row("XML4", on, {"MA_LK": _key(seed), **one}) for one in draft.results]
    if draft.kind != "01":
        course = {"MA_LK": _key(seed), "STT": "1", "DIEN_BIEN_LS": "Tỉnh, tiếp xúc tốt (mẫu)", "NGUOI_THUC_HIEN": DOCTOR,
                  "THOI_DIEM_DBLS": _at(last_at)}  # fmt: skip
        tables["XML5"] = [claim_fields.row("XML5", on, course)]
    for table in ("XML2", "XML3"):
        for row in tables.get(table, ()):
            row["MA_LK"] = _key(seed)
    case = Case(seed, {}, known, {"kind": draft.kind, "category": draft.category, "is_below": amounts.is_below_line})
    sums = _visit_row(seed, draft, amounts, tables, ended_at, start, end, exempt_from, five)
    case.tables = {"XML1": [claim_fields.row("XML1", on, sums)], **tables}
    _papers(case, draft, on, ended_at)
    case.around = _around(case, draft, amounts, last_at)
    return case


def _lines(draft: _Draft, amounts: costs.Amounts, on: date) -> Tables:
    tables: Tables = {}
    for (line, table, row), one in zip(draft.lines, amounts.lines, strict=True):
        own = tables.setdefault(table, [])
        values = {
            **row, "STT": str(len(own) + 1), "PHAM_VI": str(one.PHAM_VI), "TYLE_TT_BH": str(one.TYLE_TT_BH),
            "SO_LUONG": _short(line.quantity), "MUC_HUONG": _short(one.MUC_HUONG),
            "T_NGUONKHAC_NSNN": "0", "T_NGUONKHAC_VTNN": "0", "T_NGUONKHAC_VTTN": "0",
            "T_NGUONKHAC_CL": _money(one.T_NGUONKHAC),
            **{name: _money(getattr(one, name)) for name in AMOUNTS},
        }  # fmt: skip
        if table == "XML2":
            values["DON_GIA"] = _short(one.DON_GIA_BV)
        else:
            values |= {"DON_GIA_BV": _short(one.DON_GIA_BV), "DON_GIA_BH": _short(one.DON_GIA_BH),
                       "TYLE_TT_DV": str(one.TYLE_TT_DV)}  # fmt: skip
            values["T_TRANTT"] = _money(line.ceiling) if line.ceiling else ""
        if one.PHAM_VI == 2 and table == "XML2":
            values["NGUON_CTRA"] = "4"
        known = set(claim_fields.names(table, on))
        own.append(claim_fields.row(table, on, {name: text for name, text in values.items() if name in known}))
    return tables


AMOUNTS = ("THANH_TIEN_BV", "THANH_TIEN_BH", "T_BHTT", "T_BNCCT", "T_BNTT", "T_NGUONKHAC")


def _visit_row(
    seed: int, draft: _Draft, amounts: costs.Amounts, tables: Tables, ended_at: datetime, start: date, end: date,
    exempt_from: datetime | None, five: date | None,
) -> Row:  # fmt: skip
    drawn = draft.drawn
    diseases = drawn.sample(DISEASES, drawn.randint(1, 3))
    said = "; ".join(f"{code} {package.from_package().codes['icd10'][code][0].name}" for code in diseases)
    drugs = sum((Decimal(one["THANH_TIEN_BV"]) for one in tables.get("XML2", ())), _ZERO)
    supplies = sum((Decimal(one["THANH_TIEN_BV"]) for one in tables.get("XML3", ()) if one["MA_NHOM"] == "10"), _ZERO)
    days = {one["NGAY_TH_YL"][:8] for one in tables.get("XML3", ())}
    counted = {"05": draft.days, "08": len(days), "02": (ended_at.date() - draft.arrived_at.date()).days + 1}
    is_forces = draft.card[:2] in ("QN", "CA", "CY")
    slip = draft.category in ("1.3", "1.5")
    return {
        "MA_LK": _key(seed), "STT": "1", "MA_BN": f"BN{seed:06d}", "HO_TEN": "NGUYỄN THỊ MẪU", "SO_CCCD": "079300000001",
        "NGAY_SINH": f"{draft.born_on:%Y%m%d}0000", "GIOI_TINH": "2", "MA_QUOCTICH": "000", "MA_DANTOC": "01",
        "MA_NGHE_NGHIEP": "00000", "DIA_CHI": "1 Đường Mẫu", "MATINH_CU_TRU": "01", "MAXA_CU_TRU": "00004",
        "MA_THE_BHYT": draft.card, "MA_DKBD": FACILITY if draft.category == "1.1" else OTHER_FACILITY,
        "GT_THE_TU": f"{start:%Y%m%d}", "GT_THE_DEN": f"{end:%Y%m%d}",
        "NGAY_MIEN_CCT": _at(exempt_from), "NAM_NAM_LIEN_TUC": f"{five:%Y%m%d}" if five else "",
        "LY_DO_VV": "Mệt (mẫu)", "CHAN_DOAN_VAO": said, "CHAN_DOAN_RV": said, "MA_BENH_CHINH": diseases[0],
        "MA_BENH_KT": ";".join(diseases[1:]), "MA_DOITUONG_KCB": draft.category,
        "MA_NOI_DI": OTHER_FACILITY if draft.category == "1.3" else "", "GIAY_CHUYEN_TUYEN": "MAU/2026/7" if slip else "",
        "MA_NOI_DEN": OTHER_FACILITY if draft.has_referral else "", "NGAY_VAO": _at(draft.arrived_at),
        "NGAY_RA": _at(ended_at), "SO_NGAY_DTRI": str(counted.get(draft.kind, 0)), "KET_QUA_DTRI": "2",
        "MA_LOAI_RV": "2" if draft.has_referral else "1", "NGAY_TTOAN": "",
        "T_THUOC": _money(drugs), "T_VTYT": _money(supplies),
        **{name: _money(getattr(amounts, name)) for name in TOTALS},
        "T_BHTT_GDV": "0" if is_forces else _money(amounts.T_BHTT),
        "NAM_QT": f"{ended_at:%Y}", "THANG_QT": f"{ended_at:%m}", "MA_LOAI_KCB": draft.kind, "MA_KHOA": "K01",
        "MA_CSKCB": FACILITY, "CAN_NANG": "52.50" if draft.card[:2] != "TE" else "14.20", "MA_HSBA": _key(seed),
        "MA_TTDV": HEAD,
    }  # fmt: skip


TOTALS = ("T_TONGCHI_BV", "T_TONGCHI_BH", "T_BNTT", "T_BNCCT", "T_BHTT", "T_NGUONKHAC")


def _papers(case: Case, draft: _Draft, on: date, ended_at: datetime) -> None:
    drawn, visit = draft.drawn, case.visit
    names = ("HO_TEN", "NGAY_SINH", "GIOI_TINH", "MA_THE_BHYT", "GT_THE_DEN", "NGAY_VAO", "NGAY_RA", "CHAN_DOAN_RV",
             "MA_BENH_CHINH", "MA_BENH_KT", "MA_CSKCB", "MA_LK", "DIA_CHI", "MA_TTDV")  # fmt: skip
    shared = {name: visit[name] for name in names} | {"MA_BAC_SI": DOCTOR}
    if draft.has_referral:
        values = shared | {
            "SO_HOSO": "1", "SO_CHUYENTUYEN": "MAU/1", "GIAY_CHUYEN_TUYEN": "MAU/1", "MA_CSKCB_DEN": OTHER_FACILITY,
            "DAU_HIEU_LS": "Sốt (mẫu)", "QT_BENHLY": "Ba ngày (mẫu)", "MA_LOAI_RV": "2", "MA_LYDO_CT": "1",
            "HUONG_DIEU_TRI": "Chuyển (mẫu)", "PHUONGTIEN_VC": "Xe cứu thương",
        }  # fmt: skip
        case.tables["XML13"] = [claim_fields.row("XML13", on, values)]
    elif drawn.random() < 0.3:
        back = ended_at.date() + timedelta(days=10)
        visit["NGAY_TAI_KHAM"] = f"{back:%Y%m%d}"
        values = shared | {"SO_GIAYHEN_KL": "MAU/H/1", "NGAY_HEN_KL": f"{back:%Y%m%d}", "NGAY_CT": f"{on:%Y%m%d}",
                           "MA_DOITUONG_KCB": visit["MA_DOITUONG_KCB"]}  # fmt: skip
        case.tables["XML14"] = [claim_fields.row("XML14", on, values)]
    if drawn.random() < 0.2:
        until = on + timedelta(days=2)
        leave = {
            "MA_LK": visit["MA_LK"], "SO_CT": "1", "SO_SERI": "MAU26-1", "SO_KCB": visit["MA_LK"], "DON_VI": "Công ty Mẫu",
            "MA_BHXH": "7900000001", "CHAN_DOAN_RV": visit["CHAN_DOAN_RV"], "PP_DIEUTRI": "nội khoa",
            "MA_DINH_CHI_THAI": "0", "SO_NGAY_NGHI": "3", "TU_NGAY": f"{on:%Y%m%d}", "DEN_NGAY": f"{until:%Y%m%d}",
            "MA_TTDV": HEAD, "MA_BS": DOCTOR, "NGAY_CT": f"{on:%Y%m%d}", "MAU_SO": "CT07", "HO_TEN_ME": "TRẦN THỊ MẪU",
        }  # fmt: skip
        case.tables["XML11"] = [claim_fields.row("XML11", on, leave)]


def _around(case: Case, draft: _Draft, amounts: costs.Amounts, last_at: datetime) -> Surroundings:
    visit, on = case.visit, draft.arrived_at.date()
    done = [one for one in case.lines("XML3") if one["MA_DICH_VU"] and not one["MA_VAT_TU"]]
    given: dict[tuple[str, str], Decimal] = {}
    for one in case.lines("XML2"):
        key = (one["MA_THUOC"], one["TEN_THUOC"])
        given[key] = given.get(key, _ZERO) + Decimal(one["SO_LUONG"])
    known = {"at": last_at + timedelta(minutes=1), "card": draft.card, "code": "000"}
    return replace(
        package.from_package(),
        on=on,
        facility=Facility(FACILITY, LEVELS.get(draft.category, "clinic")),
        accepted=accepted(on),
        looks=(Look(draft.arrived_at, "000", draft.card), Look(**known, name="Nguyễn Thị Mẫu", birth=visit["NGAY_SINH"][:8],
               sex="2", initial_facility=visit["MA_DKBD"])),
        bill=Bill(amounts.patient_total, amounts.rounding, amounts.T_BHTT),
        statement=CostStatement(
            "BK-MẪU-1", True, {name: getattr(amounts, name) for name in TOTALS}, len(case.lines())
        ),
        is_statement_asked=True,
        given=given,
        done={one["MA_DICH_VU"]: 1 for one in done},
        unsigned=frozenset(),
        consents={one["MA_DICH_VU"]: draft.arrived_at for one in done},
        papers={table: Paper("MAU/1", True, True) for table in ("XML11", "XML13", "XML14")},
        check_in=CheckIn(visit["MA_LK"], draft.arrived_at),
        is_check_in_asked=True,
        earlier=(),
        slips={"MAU/2026/7": Slip("MAU/2026/7", "referral", on - timedelta(days=3), on + timedelta(days=5))},
        now=last_at + timedelta(hours=4),
    )  # fmt: skip


def _key(seed: int) -> str:
    return f"MAU{seed:010d}"


def _money(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.01'), ROUND_HALF_UP):f}"


def _short(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
