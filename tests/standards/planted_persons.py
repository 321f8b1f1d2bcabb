"""Planted faults of structure, person, card, kind of visit and diagnosis (STR, ADM, CRD, CAT, ICD)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from lienmach.care.claims import surroundings as package
from lienmach.standards.bhxh.costs import Card
from lienmach.standards.bhxh.rules.surroundings import Slip
from tests.standards.planting import (
    PAPER,
    Mutate,
    day,
    fault,
    is_drug,
    is_service,
    kind_is,
    line,
    moment,
    no_papers,
    of_around,
    put,
    row,
    visit,
)
from tests.standards.rules_case import Case


def _reordered(case: Case) -> bool:
    case.tables["XML1"] = [dict(reversed(case.visit.items()))]
    return True


def _renamed(case: Case) -> bool:
    case.visit["TEN_LA"] = "x"
    return True


def _left_out(case: Case) -> bool:
    del case.visit["DU_PHONG"]
    return True


def _table(name: str) -> Mutate:
    def mutate(case: Case) -> bool:
        case.tables[name] = [{"MA_LK": case.visit["MA_LK"]}]
        return True

    return mutate


def _gap(case: Case) -> bool:
    rows = case.tables["XML3"]
    rows[-1]["STT"] = str(len(rows) + 1)
    return True


def _blank_in_list(case: Case) -> bool:
    text = case.visit["MA_BENH_KT"]
    case.visit["MA_BENH_KT"] = text.replace(";", "; ")
    return ";" in text


def _second_row(case: Case) -> bool:
    case.tables["XML1"].append({**case.visit, "STT": "2"})
    return True


def _newborn(case: Case) -> bool:
    case.visit["NGAY_SINH"] = day(case.visit["NGAY_VAO"], -10) + "0000"
    return case.visit["MA_THE_BHYT"].startswith("TE") and no_papers(case)


def _unborn(case: Case) -> bool:
    case.visit["NGAY_SINH"] = day(case.visit["NGAY_VAO"], 3) + "0000"
    return True


def _too_old(case: Case) -> bool:
    case.visit["NGAY_SINH"] = day(case.visit["NGAY_VAO"], -8 * 366) + "0000"
    return case.visit["MA_THE_BHYT"].startswith("TE")


def _is_child(case: Case) -> bool:
    return case.visit["MA_THE_BHYT"].startswith("TE")


def _is_of_age(case: Case) -> bool:
    return int(case.visit["NGAY_VAO"][:4]) - int(case.visit["NGAY_SINH"][:4]) > 14


def _has_drugs(case: Case) -> bool:
    return bool(case.tables.get("XML2"))


def _looked(name: str, value: str) -> Mutate:
    def change(case: Case) -> bool:
        *first, last = sorted(case.around.looks or (), key=lambda one: one.at)
        case.change(looks=(*first, replace(last, **{name: value})))
        return True

    return of_around(change)


def _looks(keep: int, code: str = "") -> Mutate:
    """Only the first answers are kept, and say this code."""

    def change(case: Case) -> bool:
        found = [replace(one, code=code or one.code) for one in (case.around.looks or ())[:keep]]
        case.change(looks=tuple(found))
        return max(one["NGAY_YL"] for one in case.lines()) > case.visit["NGAY_VAO"]

    return of_around(change)


def _card(change: str) -> Mutate:
    """The first letters of the card replaced; the level stays."""

    def mutate(case: Case) -> bool:
        number = case.visit["MA_THE_BHYT"]
        case.visit["MA_THE_BHYT"] = change + number[len(change) :]
        return number[:2] in ("GD", "DN")

    return mutate


def _short_card(case: Case) -> bool:
    case.visit["MA_THE_BHYT"] = case.visit["MA_THE_BHYT"][:14]
    return True


def _ended_card(case: Case) -> bool:
    case.visit["GT_THE_DEN"] = day(case.visit["NGAY_VAO"], -1)
    return True


def _shown_late(case: Case) -> bool:
    shown_at = moment(case.visit["NGAY_VAO"]) + timedelta(hours=9)
    number = case.visit["MA_THE_BHYT"]
    case.change(cards=(Card(number, number[:2], number[2], shown_at=shown_at),))
    return case.visit["MA_DOITUONG_KCB"] != "2"


def _category(*codes: str) -> Mutate:
    """The category exchanged for the last code, where it is one of the others."""

    def mutate(case: Case) -> bool:
        was = case.visit["MA_DOITUONG_KCB"]
        case.visit["MA_DOITUONG_KCB"] = codes[-1]
        return was in codes[:-1]

    return mutate


def _of(code: str, **values: str) -> Mutate:
    """Fields of a visit of this category."""
    return visit(lambda case: case.visit["MA_DOITUONG_KCB"] == code, **values)


def _slip(**members: object) -> Mutate:
    def change(case: Case) -> bool:
        number = case.visit["GIAY_CHUYEN_TUYEN"]
        on = moment(case.visit["NGAY_VAO"]).date()
        own = Slip(number, "referral", on - timedelta(days=20), on + timedelta(days=20))
        shift = {name: on + one if isinstance(one, timedelta) else one for name, one in members.items()}
        case.change(slips={number: replace(own, **shift)})  # type: ignore[arg-type]
        return bool(number)

    return of_around(change)


def _slip_of(code: str, mutate: Mutate) -> Mutate:
    return lambda case: case.visit["MA_DOITUONG_KCB"] == code and mutate(case)


def _wrong_level(case: Case) -> bool:
    assert case.around.facility is not None
    case.change(facility=replace(case.around.facility, level="central"))
    return case.visit["MA_DOITUONG_KCB"] in ("1.2", "1.11", "1.12")


def _has_claim(case: Case) -> bool:
    return float(case.visit["T_BHTT"]) > 0


def _dead(case: Case) -> bool:
    case.visit["KET_QUA_DTRI"] = "5"
    return "XML14" in case.tables


def _since_list(case: Case) -> bool:
    return case.visit["NGAY_VAO"] >= "20260801" and case.visit["MA_LOAI_KCB"] == "01"


def _earlier_month(case: Case) -> bool:
    end = moment(case.visit["NGAY_RA"])
    before = end.replace(day=1) - timedelta(days=1)
    case.visit.update(NAM_QT=f"{before:%Y}", THANG_QT=f"{before:%m}")
    return case.visit["MA_LOAI_KCB"] == "01"


def _others(count: int) -> Mutate:
    """So many secondary codes, all of them good."""

    def mutate(case: Case) -> bool:
        rows = package.from_package().codes["icd10"]
        good = [code for code, (one, *_) in rows.items() if not {"flags", "sex"} & one.data.keys()]
        case.visit["MA_BENH_KT"] = ";".join([one for one in good if not one.startswith("S")][1 : count + 1])
        return no_papers(case)

    return mutate


def _repeated(case: Case) -> bool:
    first = case.visit["MA_BENH_KT"].split(";")[0]
    case.visit["MA_BENH_KT"] += ";" + first
    return bool(first)


def _main_again(case: Case) -> bool:
    case.visit["MA_BENH_KT"] = case.visit["MA_BENH_CHINH"]
    return True


def _has_tests(case: Case) -> bool:
    return any(one["MA_NHOM"] in ("1", "2", "3") and one["PHAM_VI"] == "1" for one in case.lines("XML3"))


def _one_named(case: Case) -> bool:
    case.visit["CHAN_DOAN_RV"] = case.visit["CHAN_DOAN_RV"].split(";")[0]
    return ";" in case.visit["MA_BENH_KT"] or bool(case.visit["MA_BENH_KT"])


_MAIN = ("ICD-07", *PAPER)  # CHAN_DOAN_RV names the old one
FAULTS = (
    fault("facility code too short", "STR-03 XML1.MA_CSKCB", visit(MA_CSKCB="7902"), also=("CAT-03",)),
    fault("facility code of another", "STR-03 XML1.MA_CSKCB", visit(MA_CSKCB="01001"), also=("CAT-03",), is_around=True),
    fault("facility on the slip is another", "STR-03 XML14.MA_CSKCB", row("XML14", MA_CSKCB="01001")),
    fault("XML12 is sent", "STR-05 XML12", _table("XML12")),
    fault("XML0 is sent with the claim", "STR-05 XML0", _table("XML0"), also=("STR-07", "STR-08")),
    fault("fields in another order", "STR-07 XML1.DU_PHONG", _reordered),
    fault("a field that nobody knows", "STR-07 XML1.TEN_LA", _renamed),
    fault("a field left out", "STR-07 XML1.DU_PHONG", _left_out),
    fault("no address", "STR-08 XML1.DIA_CHI", visit(DIA_CHI="")),
    fault("no reason for coming", "STR-08 XML1.LY_DO_VV", visit(LY_DO_VV=" ")),
    fault("no unit of a drug", "STR-08 XML2.DON_VI_TINH", line(is_drug, put(DON_VI_TINH=""))),
    fault("nobody read the result", "STR-08 XML4.MA_BS_DOC_KQ", row("XML4", MA_BS_DOC_KQ="")),
    fault("phone too long", "STR-09 XML1.DIEN_THOAI", visit(DIEN_THOAI="0" * 16)),
    fault("route too long", "STR-09 XML2.DUONG_DUNG", line(is_drug, put(DUONG_DUNG="1.0111")), also=("COD-02",)),
    fault("grouped amount", "STR-10 XML1.T_TONGCHI_BV", visit(T_TONGCHI_BV="1.234.567,50")),
    fault("quantity of four decimals", "STR-10 XML2.SO_LUONG", line(is_drug, lambda one: one.update(SO_LUONG=one["SO_LUONG"] + ".0000"))),
    fault("month 13 of a payment", "STR-11 XML1.NGAY_TTOAN", visit(NGAY_TTOAN="202613010800")),
    fault("30 February as birth", "STR-11 XML1.NGAY_SINH", visit(NGAY_SINH="199002300000"), also=("ADM-08", *PAPER)),
    fault("newborn without an hour", "STR-11 XML1.NGAY_SINH", _newborn, also=("ADM-08",)),
    fault("numbers with a gap", "STR-12 XML3.STT", _gap),
    fault("blank in a list", "STR-13 XML1.MA_BENH_KT", _blank_in_list),
    fault("list ends with a separator", "STR-13 XML1.MA_KHOA", visit(MA_KHOA="K01;")),
    fault("two rows in XML1", "STR-14 XML1", _second_row),
    fault("key of another visit", "STR-15 XML3.MA_LK", line(is_service("13"), put(MA_LK="KHAC"))),
    fault("blank in the key", "STR-15 XML1.MA_LK", visit(MA_LK="MAU 1"), also=("REL-14",)),
    fault("citizen number too short", "ADM-01 XML1.SO_CCCD", visit(SO_CCCD="12345")),
    fault("adult without a number", "ADM-01 XML1.SO_CCCD", visit(_is_of_age, SO_CCCD="")),
    fault("born after arrival", "ADM-02 XML1.NGAY_SINH", _unborn, also=("STR-11", "ADM-08", *PAPER)),
    fault("children's card at eight", "ADM-02 XML1.NGAY_SINH", _too_old, also=("ADM-08", *PAPER)),
    fault("sex 5", "ADM-03 XML1.GIOI_TINH", visit(GIOI_TINH="5"), also=PAPER),
    fault("province of no list", "ADM-04 XML1.MATINH_CU_TRU", visit(MATINH_CU_TRU="99")),
    fault("commune of no list", "ADM-04 XML1.MAXA_CU_TRU", visit(MAXA_CU_TRU="99999")),
    fault("commune of another province", "ADM-04 XML1.MAXA_CU_TRU", visit(MATINH_CU_TRU="79")),
    fault("a district in 2026", "ADM-04 XML1.MAHUYEN_CU_TRU", visit(MAHUYEN_CU_TRU="001")),
    fault("ethnic group of no list", "ADM-05 XML1.MA_DANTOC", visit(MA_DANTOC="99")),
    fault("occupation of no list", "ADM-05 XML1.MA_NGHE_NGHIEP", visit(MA_NGHE_NGHIEP="99999")),
    fault("nationality in letters", "ADM-05 XML1.MA_QUOCTICH", visit(MA_QUOCTICH="VN")),
    fault("child with a drug not weighed", "ADM-06 XML1.CAN_NANG", visit(lambda case: _is_child(case) and _has_drugs(case), CAN_NANG="")),
    fault("weight in grams", "ADM-06 XML1.CAN_NANG", visit(CAN_NANG="5250")),
    fault("adult not weighed", "ADM-07 XML1.CAN_NANG", visit(lambda case: not _is_child(case), CAN_NANG="")),
    fault("name unlike the look-up", "ADM-08 XML1.HO_TEN", _looked("name", "Nguyễn Thị Khác"), is_around=True),
    fault("sex unlike the look-up", "ADM-08 XML1.GIOI_TINH", _looked("sex", "1"), is_around=True),
    fault("card of 14 characters", "CRD-01 XML1.MA_THE_BHYT", _short_card, also=PAPER),
    fault("card ended yesterday", "CRD-02 XML1.GT_THE_DEN", _ended_card),
    fault("two facilities for one card", "CRD-03 XML1.MA_DKBD", visit(MA_DKBD="79013;79014"), also=("CAT-03", "CRD-06")),
    fault("card without its first day", "CRD-03 XML1.GT_THE_TU", visit(GT_THE_TU="")),
    fault("card was withdrawn", "CRD-04 XML1.MA_THE_BHYT", _looked("code", "120"), is_around=True),
    fault("card not looked up after the last order", "CRD-04 XML1.MA_THE_BHYT", _looks(1), is_around=True),
    fault("portal never answered", "CRD-05 XML1.MA_THE_BHYT", _looks(2, "101"), is_around=True),
    fault("facility of four characters", "CRD-06 XML1.MA_DKBD", visit(MA_DKBD="7901"), also=("CAT-03",)),
    fault("facility unlike the look-up", "CRD-06 XML1.MA_DKBD", _looked("initial_facility", "01001"), is_around=True),
    fault("object of no list", "CRD-07 XML1.MA_THE_BHYT", _card("ZZ"), also=PAPER),
    fault("lines from before the card was shown", "CRD-08 XML3.PHAM_VI", _shown_late, is_around=True),
    fault("kind 17", "CAT-01 XML1.MA_LOAI_KCB", visit(_since_list, MA_LOAI_KCB="17")),
    fault("category of no list", "CAT-02 XML1.MA_DOITUONG_KCB", _category("1.11", "1.99"), also=PAPER),
    fault("1.1 with a card of elsewhere", "CAT-03 XML1.MA_DOITUONG_KCB", _of("1.1", MA_DKBD="79013"), also=("CRD-06",)),
    fault("inpatient category", "CAT-04 XML1.MA_DOITUONG_KCB", _category("1.11", "1.15"), also=PAPER),
    fault("category of another level", "CAT-04 XML1.MA_DOITUONG_KCB", _wrong_level, is_around=True),
    fault("referred without a number", "CAT-05 XML1.GIAY_CHUYEN_TUYEN", _of("1.3", GIAY_CHUYEN_TUYEN="")),
    fault("referred by nobody", "CAT-05 XML1.MA_NOI_DI", _of("1.3", MA_NOI_DI="")),
    fault("referral too old", "CAT-05 XML1.GIAY_CHUYEN_TUYEN", _slip_of("1.3", _slip(to_on=timedelta(days=-1))), is_around=True),
    fault("follow-up without a number", "CAT-06 XML1.GIAY_CHUYEN_TUYEN", _of("1.5", GIAY_CHUYEN_TUYEN="")),
    fault("slip used before", "CAT-06 XML1.GIAY_CHUYEN_TUYEN", _slip_of("1.5", _slip(used_by="KHAC")), is_around=True),
    fault("not insured but claimed", "CAT-07 XML1.T_BHTT", visit(_has_claim, MA_DOITUONG_KCB="9"), also=PAPER),
    fault("recall with costs", "CAT-07 XML1.MA_DOITUONG_KCB", visit(_has_claim, MA_DOITUONG_KCB="8"), also=PAPER),
    fault("05 with a service", "CAT-08 XML1.MA_LOAI_KCB", visit(kind_is("08"), MA_LOAI_KCB="05"), also=("CAT-10", "TIM-02")),
    fault("07 with an examination", "CAT-08 XML3.MA_NHOM", visit(kind_is("05"), MA_LOAI_KCB="07"), also=("CAT-10",)),
    fault("01 admitted", "CAT-09 XML1.NGAY_VAO_NOI_TRU", visit(kind_is("01"), NGAY_VAO_NOI_TRU="202608010800")),
    fault("01 with a bed", "CAT-09 XML3.MA_NHOM", lambda case: kind_is("01")(case) and line(is_service("18"), put(MA_NHOM="15"))(case)),
    fault("a day for kind 01", "CAT-10 XML1.SO_NGAY_DTRI", visit(kind_is("01"), SO_NGAY_DTRI="1")),
    fault("no day for kind 05", "CAT-10 XML1.SO_NGAY_DTRI", visit(kind_is("05"), SO_NGAY_DTRI="0")),
    fault("result 9", "CAT-11 XML1.KET_QUA_DTRI", visit(KET_QUA_DTRI="9")),
    fault("outcome 7", "CAT-11 XML1.MA_LOAI_RV", visit(lambda case: case.visit["MA_LOAI_RV"] == "1", MA_LOAI_RV="7")),
    fault("dead with an appointment", "CAT-11 XML1.NGAY_TAI_KHAM", _dead),
    fault("month 13 of settlement", "CAT-12 XML1.THANG_QT", visit(THANG_QT="13")),
    fault("settled before the end", "CAT-12 XML1.THANG_QT", _earlier_month),
    fault("department of no list", "CAT-13 XML1.MA_KHOA", visit(lambda case: _since_list(case), MA_KHOA="K98")),
    fault("department in words", "CAT-13 XML3.MA_KHOA", lambda case: _since_list(case) and line(is_service("13"), put(MA_KHOA="KHAM"))(case)),
    fault("injury without a cause", "CAT-14 XML1.MA_TAI_NAN", visit(MA_BENH_CHINH="S01.9"), also=_MAIN),
    fault("disease of no list", "ICD-01 XML1.MA_BENH_CHINH", visit(MA_BENH_CHINH="Q99.9"), also=_MAIN),
    fault("no main disease", "ICD-01 XML1.MA_BENH_CHINH", visit(MA_BENH_CHINH="")),
    fault("two main diseases", "ICD-01 XML1.MA_BENH_CHINH", visit(MA_BENH_CHINH="I10;J20"), also=_MAIN),
    fault("secondary disease of no list", "ICD-01 XML1.MA_BENH_KT", visit(MA_BENH_KT="Q99.8"), also=("ICD-07",)),
    fault("thirteen secondary diseases", "ICD-02 XML1.MA_BENH_KT", _others(13), also=("ICD-07",)),
    fault("a secondary disease twice", "ICD-02 XML1.MA_BENH_KT", _repeated, also=("ICD-07",)),
    fault("main disease is secondary too", "ICD-02 XML1.MA_BENH_KT", _main_again),
    fault("main disease has finer codes", "ICD-03 XML1.MA_BENH_CHINH", visit(MA_BENH_CHINH="E11"), also=_MAIN),
    fault("asterisk as main", "ICD-03 XML1.MA_BENH_CHINH", visit(MA_BENH_CHINH="M54.5*"), also=_MAIN),
    fault("never main", "ICD-03 XML1.MA_BENH_CHINH", visit(MA_BENH_CHINH="W54"), also=("CAT-14", *_MAIN)),
    fault("men's disease of a woman", "ICD-04 XML1.MA_BENH_CHINH", visit(MA_BENH_CHINH="N40"), also=_MAIN),
    fault("check-up with tests", "ICD-06 XML1.MA_BENH_CHINH", visit(_has_tests, MA_BENH_CHINH="Z00.0"), also=_MAIN),
    fault("a disease not in words", "ICD-07 XML1.CHAN_DOAN_RV", _one_named),
)  # fmt: skip
