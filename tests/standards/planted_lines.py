"""Planted faults of lines, shares and amounts (COD, BEN, MON)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from lienmach.standards.bhxh.claim_xml import Row
from tests.standards.planting import (
    PAPER,
    Fault,
    Mutate,
    add,
    all_shares,
    day,
    fault,
    is_below,
    is_drug,
    is_self,
    is_service,
    kind_is,
    line,
    moment,
    of_around,
    priced,
    put,
    reprice,
    row,
    share,
    sum_up,
    truncated,
    visit,
)
from tests.standards.rules_case import Case

_SUPPLY = is_service("10")
_TESTS = is_service("1", "2", "3")


def _accepted_later(form: str) -> Mutate:
    """Everything of a form is accepted from tomorrow on."""

    def change(case: Case) -> bool:
        since = moment(case.visit["NGAY_VAO"]).date() + timedelta(days=1)
        known = case.around.accepted or {}
        later = {code: tuple(replace(one, from_on=since) for one in rows) for code, rows in known[form].items()}
        case.change(accepted={**known, form: later})
        return any(is_drug(one) if form == "03" else is_service("13")(one) for one in case.lines())

    return of_around(change)


def _without_right(case: Case) -> bool:
    """Nobody may do imaging."""
    known = case.around.accepted or {}
    staff = {code: tuple(replace(one, data={**one.data, "kinds": ["exam", "lab", "procedure", "functional"]}) for one in rows)
             for code, rows in known["02"].items()}  # fmt: skip
    case.change(accepted={**known, "02": staff})
    return any(is_service("2")(one) for one in case.lines())


def _other_machine(one: Row) -> None:
    one["MA_MAY"] = {"1": "SA.2.MAU02", "2": "XN.1.MAU01", "3": "XN.1.MAU01"}[one["MA_NHOM"]]


def _twice(case: Case) -> bool:
    """A line of the same service again."""
    found = next((one for one in case.lines("XML3") if is_service("3", "18")(one)), None)
    if found is None:
        return False
    case.tables["XML3"].append({**found, "STT": str(len(case.tables["XML3"]) + 1)})
    sum_up(case)
    return is_below(case)


def _same_drug(case: Case) -> bool:
    drugs = [one for one in case.lines("XML2") if is_drug(one)]
    if len(drugs) > 1:
        drugs[1]["MA_THUOC"] = drugs[0]["MA_THUOC"]
    return len(drugs) > 1


def _percent(case: Case) -> str:
    return {"3": "95", "4": "80"}.get(case.visit["MA_THE_BHYT"][2], "")


def _is_plain(case: Case) -> bool:
    """No exemption, no category of its own rate, no card whose level has dates."""
    own = case.visit
    return (
        not own["NGAY_MIEN_CCT"]
        and own["MA_DOITUONG_KCB"] not in ("1.2", "1.13", "1.14")
        and own["MA_THE_BHYT"][:2] != "CN"
    )


def _of_plain(wanted: Callable[[Case], str | None]) -> Mutate:
    return all_shares(lambda case: wanted(case) if _is_plain(case) and _percent(case) else None)


def _above_at(value: str) -> Mutate:
    return _of_plain(lambda case: None if is_below(case) else value)


def _half(case: Case) -> str | None:
    """A half category above the line, as if it paid in full."""
    is_half = case.visit["MA_DOITUONG_KCB"] == "1.14" and bool(_percent(case)) and not case.visit["NGAY_MIEN_CCT"]
    return _percent(case) if is_half and case.visit["MA_THE_BHYT"][:2] != "CN" else None


def _exempt(case: Case) -> str | None:
    """Exempt lines at the card's percent."""
    own = case.visit
    is_whole = own["MA_DOITUONG_KCB"] not in ("1.2", "1.13", "1.14") and own["MA_THE_BHYT"][:2] != "CN"
    return _percent(case) or None if own["NGAY_MIEN_CCT"] and is_whole and not is_below(case) else None


def _one_other(case: Case) -> bool:
    lines = [one for one in case.lines() if one["PHAM_VI"] == "1" and not Decimal(one["T_NGUONKHAC"])]
    if len(lines) < 2 or not _is_plain(case) or any(one.get("T_TRANTT") for one in lines):
        return False
    lines[-1]["MUC_HUONG"] = "64"
    share(lines[-1])
    sum_up(case)
    return True


def _no_five_years(case: Case) -> bool:
    case.visit["NAM_NAM_LIEN_TUC"] = ""
    return bool(case.visit["NGAY_MIEN_CCT"])


def _exempt_last_year(case: Case) -> bool:
    own = case.visit
    own["NGAY_MIEN_CCT"] = f"{int(own['NGAY_VAO'][:4]) - 1}12010800"
    own["NAM_NAM_LIEN_TUC"] = day(own["NGAY_VAO"], -900)
    return own["MA_THE_BHYT"][2] in "1245"


def _shifted(first: str, second: str, value: str) -> Callable[[Row], object]:
    """đồng moved from one part of a line to another."""

    def change(one: Row) -> None:
        add(first, value)(one)
        add(second, f"-{value}")(one)

    return change


def _is_shared(one: Row) -> bool:
    return one["PHAM_VI"] == "1" and Decimal(one["T_BHTT"]) > 1 and not Decimal(one["T_NGUONKHAC"])


def _of_drug(pick: Callable[[Row], bool] = lambda one: True) -> Callable[[Row], bool]:
    return lambda one: is_drug(one) and not Decimal(one["T_NGUONKHAC"]) and pick(one)


def _of_service(pick: Callable[[Row], bool] = lambda one: True) -> Callable[[Row], bool]:
    return lambda one: is_service("1", "2", "3", "13", "18")(one) and pick(one)


def _whole_up(one: Row) -> None:
    add("THANH_TIEN_BV", "0.01")(one)
    add("T_BNTT", "0.01")(one)


def _insured_up(one: Row) -> None:
    one["THANH_TIEN_BH"] = f"{Decimal(one['THANH_TIEN_BH']) - 1:f}"
    share(one)


def _truncate(one: Row) -> None:
    one["THANH_TIEN_BV"] = truncated(one)
    one["THANH_TIEN_BH"] = min(one["THANH_TIEN_BV"], one["THANH_TIEN_BH"], key=Decimal)
    share(one)


def _second_in_full(case: Case) -> bool:
    found = [one for one in case.lines("XML3") if is_service("13")(one)]
    if len(found) < 2:
        return False
    found[1]["TYLE_TT_DV"] = "100"
    reprice(found[1])
    sum_up(case)
    return is_below(case)


def _helped(one: Row) -> bool:
    return Decimal(one["T_NGUONKHAC"]) > 0 and Decimal(one["T_BHTT"]) > 200


def _help_taken_from_fund(one: Row) -> None:
    own = Decimal(one["T_NGUONKHAC"])
    add("T_BHTT", f"-{own}")(one)
    add("T_BNTT" if Decimal(one["T_BNCCT"]) == 0 else "T_BNCCT", f"{own}")(one)


def _bill(**changes: Decimal | int) -> Mutate:
    def change(case: Case) -> bool:
        own = case.around.bill
        assert own is not None
        moved = {name: getattr(own, name) + value for name, value in changes.items()}
        case.change(bill=replace(own, **moved))
        return True

    return of_around(change)


def _statement(case: Case) -> bool:
    own = case.around.statement
    assert own is not None
    case.change(statement=replace(own, totals={**own.totals, "T_BHTT": own.totals["T_BHTT"] + 1}))
    return True


def _statement_lines(case: Case) -> bool:
    own = case.around.statement
    assert own is not None
    case.change(statement=replace(own, line_count=len(case.lines()) + 1))
    return True


def _no_consent(case: Case) -> bool:
    case.change(consents={})
    return any(is_self(one) and "MA_VAT_TU" in one and one["MA_DICH_VU"] for one in case.lines("XML3"))


def _no_code(one: Row) -> None:
    one.update(MA_DICH_VU="", MA_VAT_TU="")


_LINES = (
    fault("drug in a group of tests", "COD-01 XML2.MA_NHOM", line(is_drug, put(MA_NHOM="1"))),
    fault("group with a leading zero", "COD-01 XML2.MA_NHOM", line(is_drug, put(MA_NHOM="04"))),
    fault("drug that is not accepted", "COD-02 XML2.MA_THUOC", line(is_drug, put(MA_THUOC="40.999")), also=("REL-12",), is_around=True),
    fault("drug accepted from tomorrow", "COD-02 XML2.MA_THUOC", _accepted_later("03"), is_around=True),
    fault("strength unlike the accepted", "COD-02 XML2.HAM_LUONG", line(is_drug, put(HAM_LUONG="900 mg")), is_around=True),
    fault("price above the accepted", "COD-02 XML2.DON_GIA", line(_of_drug(), priced(add("DON_GIA", "0.5")), then=sum_up), is_around=True),
    fault("no registration", "COD-03 XML2.SO_DANG_KY", line(is_drug, put(SO_DANG_KY=""))),
    fault("blank in the registration", "COD-03 XML2.SO_DANG_KY", line(is_drug, put(SO_DANG_KY="MAU 1")), also=("COD-02",)),
    fault("tender without group and year", "COD-04 XML2.TT_THAU", line(is_drug, put(TT_THAU="15/QĐ-MẪU;G1")), also=("COD-02",)),
    fault("supply without a tender", "COD-04 XML3.TT_THAU", line(_SUPPLY, put(TT_THAU=""))),
    fault("service that is not accepted", "COD-05 XML3.MA_DICH_VU", line(is_service("13"), put(MA_DICH_VU="99.9999.9999")), is_around=True),
    fault("service accepted from tomorrow", "COD-05 XML3.MA_DICH_VU", _accepted_later("05"), is_around=True),
    fault("name unlike the accepted", "COD-05 XML3.TEN_DICH_VU", line(is_service("13"), put(TEN_DICH_VU="Khám khác")), is_around=True),
    fault("insured price above the accepted", "COD-05 XML3.DON_GIA_BH", line(
        lambda one: is_service("1", "3", "18")(one) and one["DON_GIA_BV"] > one["DON_GIA_BH"],
        priced(add("DON_GIA_BH", "10")), then=sum_up), is_around=True),
    fault("supply without a name", "COD-06 XML3.TEN_VAT_TU", line(_SUPPLY, put(TEN_VAT_TU=""))),
    fault("supply code in another group", "COD-06 XML3.MA_VAT_TU", line(is_service("18"), put(MA_VAT_TU="N01.01.010")), also=("COD-11",)),
    fault("test without a machine", "COD-07 XML3.MA_MAY", line(lambda one: _TESTS(one) and bool(one["NGAY_KQ"]), put(MA_MAY=""))),
    fault("machine that is not accepted", "COD-07 XML3.MA_MAY", line(_TESTS, put(MA_MAY="XX.1.LA")), is_around=True),
    fault("machine that cannot do it", "COD-07 XML3.MA_MAY", line(_TESTS, _other_machine), is_around=True),
    fault("licence that is not accepted", "COD-08 XML3.MA_BAC_SI", line(_of_service(), put(MA_BAC_SI="9999999/LA")), is_around=True),
    fault("reader that is not accepted", "COD-08 XML4.MA_BS_DOC_KQ", row("XML4", MA_BS_DOC_KQ="9999999/LA"), is_around=True),
    fault("imaging without the right", "COD-08 XML3.NGUOI_THUC_HIEN", of_around(_without_right), is_around=True),
    fault("nobody did it", "COD-09 XML3.NGUOI_THUC_HIEN", line(is_service("2", "18"), put(NGUOI_THUC_HIEN=""))),
    fault("not said when it was done", "COD-09 XML3.NGAY_TH_YL", line(is_service("18"), put(NGAY_TH_YL=""))),
    fault("surgery without anaesthesia", "COD-10 XML3.PP_VO_CAM", line(is_service("8"), put(PP_VO_CAM=""))),
    fault("anaesthesia 7", "COD-10 XML3.PP_VO_CAM", line(is_service("8"), put(PP_VO_CAM="7"))),
    fault("line without any code", "COD-11 XML3.MA_DICH_VU", line(is_service("13"), _no_code)),
    fault("code without a name", "COD-11 XML3.TEN_DICH_VU", line(is_service("18"), put(TEN_DICH_VU="")), also=("COD-05",)),
    fault("dose in words", "COD-12 XML2.LIEU_DUNG", lambda case: kind_is("01")(case) and line(is_drug, put(LIEU_DUNG="sáng 1 viên"))(case)),
    fault("more given than needed", "COD-12 XML2.SO_LUONG", line(_of_drug(), priced(add("SO_LUONG", "1")), then=sum_up), also=("REL-12",)),
    fault("result without an indicator", "COD-13 XML4.MA_CHI_SO", row("XML4", lambda one: bool(one["GIA_TRI"]), MA_CHI_SO="")),
    fault("unit of no list", "COD-13 XML4.DON_VI_DO", row("XML4", lambda one: bool(one["GIA_TRI"] and one["DON_VI_DO"]), DON_VI_DO="giạ")),
    fault("an ingredient twice", "COD-14 XML2.MA_THUOC", _same_drug, also=("COD-02", "REL-12")),
    fault("a service twice", "COD-15 XML3.MA_DICH_VU", _twice, also=("REL-13",)),
    fault("scope 4", "COD-16 XML2.PHAM_VI", line(is_drug, put(PHAM_VI="4"))),
    fault("funding by a project and claimed", "COD-16 XML2.NGUON_CTRA", line(lambda one: is_drug(one) and _is_shared(one), put(NGUON_CTRA="2"))),
)  # fmt: skip
_SHARES = (
    fault("a share of its own", "BEN-01 XML3.MUC_HUONG", _above_at("64"), also=("MON-05",)),
    fault("category of half counted whole", "BEN-01 XML3.MUC_HUONG", all_shares(lambda case: None if is_below(case) else _half(case))),
    fault("co-paid below the line", "BEN-02 XML3.MUC_HUONG", _of_plain(lambda case: _percent(case) if is_below(case) else None)),
    fault("100 % at the line or above", "BEN-03 XML3.MUC_HUONG", _above_at("100")),
    fault("exempt without five years", "BEN-04 XML1.NGAY_MIEN_CCT", _no_five_years),
    fault("exempt by a paper of last year", "BEN-04 XML1.NGAY_MIEN_CCT", _exempt_last_year),
    fault("exempt lines co-paid", "BEN-05 XML3.MUC_HUONG", all_shares(_exempt)),
    fault("one line of another share", "BEN-06 XML3.MUC_HUONG", _one_other, also=("BEN-01", "BEN-02")),
    fault("out of scope but co-paid", "BEN-07 XML2.T_BNCCT", line(
        lambda one: is_self(one) and "MA_THUOC" in one, _shifted("T_BNCCT", "T_BNTT", "1"), then=sum_up), also=("MON-05",)),
    fault("in scope at 0 %", "BEN-07 XML3.TYLE_TT_BH", line(is_service("13"), priced(put(TYLE_TT_BH="0")), then=sum_up), also=("BEN-01", "BEN-06")),
    fault("scope of the forces", "BEN-08 XML2.PHAM_VI", lambda case: (
        case.visit["MA_THE_BHYT"][:2] != "QN" and line(is_drug, put(PHAM_VI="3"))(case)), also=("BEN-01", "BEN-03", "BEN-06")),
    fault("rate 0 but claimed", "BEN-09 XML1.T_BHTT", visit(lambda case: float(case.visit["T_BHTT"]) > 0, MA_DOITUONG_KCB="3.1"), also=("CAT-04", *PAPER)),
    fault("share of five characters", "BEN-10 XML3.MUC_HUONG", line(lambda one: is_service("13")(one) and one["MUC_HUONG"] == "100", put(MUC_HUONG="100.0"))),
    fault("ratio unlike the accepted", "BEN-11 XML2.TYLE_TT_BH", lambda case: line(
        lambda one: _of_drug()(one) and one["TYLE_TT_BH"] == "50", priced(put(TYLE_TT_BH="49")), then=sum_up)(case), is_around=True),
)  # fmt: skip
_AMOUNTS = (
    fault("a hundredth too much", "MON-01 XML2.THANH_TIEN_BV", line(_of_drug(), _whole_up, then=sum_up)),
    fault("rounded by cutting off", "MON-01 XML2.THANH_TIEN_BV", line(
        lambda one: _of_drug()(one) and truncated(one) != one["THANH_TIEN_BV"] and one["TYLE_TT_BH"] == "100", _truncate, then=sum_up), also=("MON-02",)),
    fault("insured amount of a drug", "MON-02 XML2.THANH_TIEN_BH", line(_of_drug(), _insured_up, then=sum_up)),
    fault("price of a service", "MON-03 XML3.THANH_TIEN_BV", line(_of_service(), _whole_up, then=sum_up)),
    fault("insured amount of a service", "MON-04 XML3.THANH_TIEN_BH", line(_of_service(), _insured_up, then=sum_up)),
    fault("a hundredth for the fund", "MON-05 XML3.T_BHTT", line(
        lambda one: _of_service()(one) and _is_shared(one), _shifted("T_BNCCT", "T_BHTT", "0.01"), then=sum_up)),
    fault("parts above the whole", "MON-06 XML3.THANH_TIEN_BV", line(_of_service(), add("T_BNTT", "1"), then=sum_up), also=("MON-05",)),
    fault("four sources do not add up", "MON-07 XML3.T_NGUONKHAC", line(_of_service(), put(T_NGUONKHAC_NSNN="100"))),
    fault("help taken from the fund", "MON-08 XML2.T_NGUONKHAC", line(_helped, _help_taken_from_fund, then=sum_up)),
    fault("total at hospital price", "MON-09 XML1.T_TONGCHI_BV", lambda case: not add("T_TONGCHI_BV", "1")(case.visit), also=("MON-20",)),
    fault("total of co-payment", "MON-09 XML1.T_BNCCT", lambda case: not add("T_BNCCT", "1")(case.visit), also=("MON-18", "MON-20")),
    fault("total of drugs", "MON-10 XML1.T_THUOC", lambda case: not add("T_THUOC", "1")(case.visit)),
    fault("total of supplies", "MON-11 XML1.T_VTYT", lambda case: not add("T_VTYT", "1")(case.visit)),
    fault("total by service fee", "MON-12 XML1.T_BHTT_GDV", lambda case: not add("T_BHTT_GDV", "1")(case.visit)),
    fault("negative source", "MON-13 XML3.T_NGUONKHAC_VTTN", line(_of_service(), put(T_NGUONKHAC_VTTN="-5")), also=("MON-07",)),
    fault("nothing given but charged", "MON-13 XML2.SO_LUONG", line(_of_drug(), priced(put(SO_LUONG="0")), then=sum_up), also=("REL-12",)),
    fault("insured price above the ceiling", "MON-14 XML3.DON_GIA_BH", line(
        lambda one: _SUPPLY(one) and bool(one["T_TRANTT"]), priced(lambda one: one.update(DON_GIA_BH=one["DON_GIA_BV"])), then=sum_up), also=("MON-05",)),
    fault("second examination in full", "MON-15 XML3.TYLE_TT_DV", _second_in_full),
    fault("insured price 0", "MON-16 XML3.DON_GIA_BH", line(is_service("2"), priced(put(DON_GIA_BH="0")), then=sum_up), also=("COD-05",)),
    fault("claimed more than insured", "MON-17 XML1.T_BHTT", lambda case: not add("T_BHTT", "9000000")(case.visit), also=("MON-09", "MON-19", "MON-20")),
    fault("bill of another amount", "MON-18 XML1.T_BNCCT", _bill(patient_total=1), is_around=True),
    fault("rounding that is none", "MON-18 XML1.T_BNCCT", _bill(rounding=Decimal("0.3")), is_around=True),
    fault("fund receivable not booked", "MON-19 XML1.T_BHTT", _bill(fund_vnd=Decimal(1)), is_around=True),
    fault("statement of other totals", "MON-20 XML1.T_BHTT", of_around(_statement), is_around=True),
    fault("statement of other lines", "MON-20 XML1.T_TONGCHI_BV", of_around(_statement_lines), is_around=True),
    fault("self-pay without consent", "MON-21 XML3.T_BNTT", of_around(_no_consent), is_around=True),
)  # fmt: skip
FAULTS: tuple[Fault, ...] = (*_LINES, *_SHARES, *_AMOUNTS)
