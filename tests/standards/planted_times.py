"""Planted faults of time, of tables against each other and of papers (TIM, REL, PAP)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from lienmach.standards.bhxh import claim_fields
from lienmach.standards.bhxh.claim_xml import Row
from lienmach.standards.bhxh.rules.surroundings import CheckIn, EarlierVisit, Paper
from tests.standards.planting import (
    PAPER,
    Fault,
    Mutate,
    at,
    day,
    fault,
    is_below,
    is_drug,
    is_service,
    kind_is,
    line,
    moment,
    of_around,
    put,
    row,
    sum_up,
    visit,
)
from tests.standards.rules_case import Case


def _no_minutes(case: Case) -> bool:
    case.visit["NGAY_RA"] = case.visit["NGAY_VAO"]
    return kind_is("01")(case)


def _ends_at_noon(case: Case) -> bool:
    case.visit["NGAY_RA"] = case.visit["NGAY_RA"][:8] + "2300"
    return kind_is("05")(case) and case.visit["MA_LOAI_RV"] == "1"


def _ends_a_day_late(case: Case) -> bool:
    case.visit["NGAY_RA"] = at(case.visit["NGAY_RA"], 24 * 60)
    return (
        kind_is("05")(case) and case.visit["MA_LOAI_RV"] == "1" and case.visit["THANG_QT"] == case.visit["NGAY_RA"][4:6]
    )


def _first_order(case: Case) -> str:
    return min(one["NGAY_YL"] for one in case.lines("XML3") if one["MA_NHOM"] == "13")


def _before_arrival(case: Case) -> bool:
    return line(is_service("18"), put(NGAY_YL=at(case.visit["NGAY_VAO"], -5)))(case)


def _before_examination(case: Case) -> bool:
    early = case.visit["NGAY_VAO"]
    return early < _first_order(case) and line(is_service("18"), put(NGAY_YL=early))(case)


def _drug_before_examination(case: Case) -> bool:
    return line(is_drug, put(NGAY_YL=_first_order(case)))(case)


def _shifted(field: str, minutes: int, of: str = "") -> Callable[[Row], object]:
    """A moment of a line put so many minutes after another of its moments."""
    return lambda one: one.update({field: at(one[of or field], minutes)})


def _after_end(group: str, **minutes: int) -> Mutate:
    """Moments of a line put after the end of the visit."""

    def mutate(case: Case) -> bool:
        values = {field: at(case.visit["NGAY_RA"], count) for field, count in minutes.items()}
        return kind_is("01", "08")(case) and line(is_service(group), lambda one: one.update(values))(case)

    return mutate


def _result_a_month_late(case: Case) -> bool:
    case.change(now=moment(case.visit["NGAY_RA"]) + timedelta(days=90))
    late = at(case.visit["NGAY_RA"], 40 * 24 * 60)
    return line(lambda one: is_service("1")(one) and bool(one["NGAY_KQ"]), put(NGAY_KQ=late))(case)


def _result_never(case: Case) -> bool:
    case.change(now=moment(case.visit["NGAY_RA"]) + timedelta(days=8))
    return any(is_service("1")(one) and not one["NGAY_KQ"] for one in case.lines("XML3"))


def _value_before_sample(case: Case) -> bool:
    found = next(iter(case.tables.get("XML4", ())), None)
    if found is None:
        return False
    own = [one["NGAY_TH_YL"] for one in case.lines("XML3") if one["MA_DICH_VU"] == found["MA_DICH_VU"]]
    found["NGAY_KQ"] = at(min(own), -1)
    return True


def _paid(minutes: int, after: str) -> Mutate:
    """NGAY_TTOAN so many minutes after arrival (NGAY_VAO), end (NGAY_RA) or the last order ("")."""

    def mutate(case: Case) -> bool:
        last = max(one["NGAY_YL"] for one in case.lines())
        case.visit["NGAY_TTOAN"] = at(case.visit.get(after) or last, minutes)
        return kind_is("01")(case) and (after or case.visit["NGAY_TTOAN"] < case.visit["NGAY_RA"])  # type: ignore[return-value]

    return mutate


def _paid_tomorrow(case: Case) -> bool:
    assert case.around.now is not None
    case.visit["NGAY_TTOAN"] = f"{case.around.now + timedelta(days=30):%Y%m%d%H%M}"
    return True


def _two_days(case: Case) -> bool:
    case.visit["NGAY_VAO"] = at(case.visit["NGAY_VAO"], -2 * 24 * 60)
    return kind_is("01")(case)


def _overlapping(case: Case) -> bool:
    begun = moment(case.visit["NGAY_VAO"])
    case.change(earlier=(EarlierVisit("KHAC", begun - timedelta(hours=1), None),))
    return True


def _still_has_some(case: Case) -> bool:
    begun = moment(case.visit["NGAY_VAO"])
    found = next((one for one in case.lines("XML2") if is_drug(one)), None)
    if found is None:
        return False
    lasts = ((found["MA_THUOC"], begun.date() + timedelta(days=9)),)
    case.change(earlier=(EarlierVisit("KHAC", begun - timedelta(days=20), begun - timedelta(days=20), "", lasts),))
    return True


def _one_person(case: Case) -> bool:
    found = [one for one in case.lines("XML3") if one["MA_NHOM"] == "13"]
    if len(found) > 1:
        found[1]["NGUOI_THUC_HIEN"] = found[0]["NGUOI_THUC_HIEN"]
    return len(found) > 1


def _result_of_nothing(case: Case) -> bool:
    rows = case.tables.get("XML4", [])
    if rows:
        rows.append({**rows[0], "STT": str(len(rows) + 1), "MA_DICH_VU": "99.9999.9999"})
    return bool(rows)


def _no_result(case: Case) -> bool:
    return bool(case.tables.pop("XML4", None))


def _no_examination(case: Case) -> bool:
    kept = [one for one in case.tables["XML3"] if one["MA_NHOM"] != "13"]
    case.tables["XML3"] = [{**one, "STT": str(number)} for number, one in enumerate(kept, 1)]
    was_below = is_below(case)
    sum_up(case)
    return bool(kept) and was_below and kind_is("01")(case)


def _no_course(case: Case) -> bool:
    return bool(case.tables.pop("XML5", None))


def _discharge(table: str) -> Mutate:
    def mutate(case: Case) -> bool:
        on = moment(case.visit["NGAY_VAO"]).date()
        known = {name: case.visit.get(name, "") for name in claim_fields.names(table, on)}
        case.tables[table] = [claim_fields.row(table, on, known)]
        return kind_is("01")(case)

    return mutate


def _no_referral(case: Case) -> bool:
    return bool(case.tables.pop("XML13", None))


def _late_slip(case: Case) -> bool:
    rows = case.tables.get("XML14", [])
    for one in rows:
        one["NGAY_CT"] = day(one["NGAY_HEN_KL"], 1)
    return bool(rows)


def _other_day(case: Case) -> bool:
    rows = case.tables.get("XML14", [])
    for one in rows:
        one["NGAY_HEN_KL"] = day(one["NGAY_HEN_KL"], 1)
    return bool(rows)


def _given_less(case: Case) -> bool:
    known = dict(case.around.given or {})
    if not known:
        return False
    first = next(iter(known))
    case.change(given={**known, first: known[first] - Decimal(1)})
    return True


def _not_done(case: Case) -> bool:
    case.change(done={})
    return any(one["MA_NHOM"] != "13" and one["MA_DICH_VU"] and not one["MA_VAT_TU"] for one in case.lines("XML3"))


def _unsigned(table: str, field: str) -> Mutate:
    def change(case: Case) -> bool:
        found = next((one for one in case.lines(table) if one[field] and not one.get("MA_VAT_TU")), None)
        case.change(unsigned=frozenset({found[field]}) if found else frozenset())
        return found is not None

    return of_around(change)


def _no_check_in(case: Case) -> bool:
    case.change(check_in=None)
    return case.visit["MA_DOITUONG_KCB"] != "2"


def _other_key(case: Case) -> bool:
    case.change(check_in=CheckIn("KHAC", case.around.now))
    return True


def _paper(table: str, **members: object) -> Mutate:
    def change(case: Case) -> bool:
        own = Paper("MAU/1", True, True)
        case.change(papers={**(case.around.papers or {}), table: replace(own, **members)})  # type: ignore[arg-type]
        return table in case.tables

    return of_around(change)


def _leave(**values: str) -> Mutate:
    return row("XML11", **values)


def _long_leave(case: Case) -> bool:
    rows = case.tables.get("XML11", [])
    for one in rows:
        one.update(SO_NGAY_NGHI="31", DEN_NGAY=day(one["TU_NGAY"], 30))
    return bool(rows)


def _leave_from_yesterday(case: Case) -> bool:
    rows = case.tables.get("XML11", [])
    for one in rows:
        one.update(TU_NGAY=day(one["TU_NGAY"], -1), SO_NGAY_NGHI="4")
    return bool(rows)


def _leave_issued_later(case: Case) -> bool:
    rows = case.tables.get("XML11", [])
    for one in rows:
        one["NGAY_CT"] = day(one["NGAY_CT"], 3)
    return bool(rows) and kind_is("01", "08")(case)


def _child_without_parents(case: Case) -> bool:
    return case.visit["MA_THE_BHYT"].startswith("TE") and _leave(HO_TEN_ME="", HO_TEN_CHA="")(case)


def _statement(**members: object) -> Mutate:
    def change(case: Case) -> bool:
        assert case.around.statement is not None
        case.change(statement=replace(case.around.statement, **members) if members else None)  # type: ignore[arg-type]
        return True

    return of_around(change)


_TIMES = (
    fault("visit of no minutes", "TIM-01 XML1.NGAY_RA", _no_minutes, also=("TIM-03", "TIM-07", "TIM-08", "TIM-12", *PAPER)),
    fault("course ends in the evening", "TIM-02 XML1.NGAY_RA", _ends_at_noon, also=PAPER),
    fault("course ends a day late", "TIM-02 XML1.NGAY_RA", _ends_a_day_late, also=PAPER),
    fault("ordered before arrival", "TIM-03 XML3.NGAY_YL", _before_arrival, also=("TIM-05",)),
    fault("done before it was ordered", "TIM-04 XML3.NGAY_TH_YL", line(is_service("18"), _shifted("NGAY_TH_YL", -1, "NGAY_YL"))),
    fault("result before it was done", "TIM-04 XML3.NGAY_KQ", line(is_service("18"), _shifted("NGAY_KQ", -1, "NGAY_TH_YL"))),
    fault("ordered before the examination", "TIM-05 XML3.NGAY_YL", _before_examination),
    fault("drug before the examination", "TIM-06 XML2.NGAY_YL", _drug_before_examination, also=("TIM-05",)),
    fault("done after the end", "TIM-07 XML3.NGAY_TH_YL", _after_end("13", NGAY_TH_YL=1, NGAY_KQ=2), also=("TIM-06",)),
    fault("procedure ready after the end", "TIM-08 XML3.NGAY_KQ", _after_end("18", NGAY_KQ=2)),
    fault("laboratory a month late", "TIM-09 XML3.NGAY_KQ", _result_a_month_late),
    fault("laboratory silent for a week", "TIM-09 XML3.NGAY_KQ", _result_never),
    fault("value before the sample", "TIM-10 XML4.NGAY_KQ", _value_before_sample),
    fault("given out before it was written", "TIM-11 XML2.NGAY_TH_YL", line(is_drug, _shifted("NGAY_TH_YL", -1, "NGAY_YL"))),
    fault("paid before the last order", "TIM-12 XML1.NGAY_TTOAN", _paid(-1, "NGAY_VAO"), also=("TIM-13",)),
    fault("paid before the end", "TIM-13 XML1.NGAY_TTOAN", _paid(0, "")),
    fault("course before arrival", "TIM-14 XML5.THOI_DIEM_DBLS", lambda case: row("XML5", THOI_DIEM_DBLS=at(case.visit["NGAY_VAO"], -1))(case)),
    fault("paid next month", "TIM-15 XML1.NGAY_TTOAN", _paid_tomorrow, is_around=True),
    fault("an examination of two days", "TIM-16 XML1.NGAY_RA", _two_days, also=("PAP-02", *PAPER)),
    fault("two visits at once", "TIM-21 XML1.NGAY_VAO", of_around(_overlapping), is_around=True),
    fault("drugs of last time still there", "TIM-22 XML2.MA_THUOC", of_around(_still_has_some), is_around=True),
    fault("one person for two specialities", "TIM-23 XML3.NGUOI_THUC_HIEN", _one_person),
)  # fmt: skip
_TABLES = (
    fault("result of nothing", "REL-01 XML4.MA_DICH_VU", _result_of_nothing),
    fault("no result rows", "REL-02 XML3.MA_DICH_VU", _no_result),
    fault("image without a conclusion", "REL-03 XML4.KET_LUAN", row("XML4", lambda one: one["MA_DICH_VU"].startswith("18."), KET_LUAN="")),
    fault("value and conclusion", "REL-04 XML4.KET_LUAN", row("XML4", lambda one: bool(one["GIA_TRI"]), KET_LUAN="Tốt")),
    fault("result of nothing said", "REL-05 XML4.GIA_TRI", row("XML4", lambda one: bool(one["GIA_TRI"]), GIA_TRI="")),
    fault("no examination", "REL-06 XML3.MA_NHOM", _no_examination),
    fault("treatment without a course", "REL-07 XML5.DIEN_BIEN_LS", _no_course),
    fault("discharge paper for 01", "REL-08 XML7", _discharge("XML7"), also=("STR-08",)),
    fault("record summary for 01", "REL-08 XML8", _discharge("XML8"), also=("STR-08",)),
    fault("referred without a referral", "REL-09 XML13.SO_CHUYENTUYEN", _no_referral),
    fault("referral but sent home", "REL-09 XML1.MA_LOAI_RV", visit(lambda case: "XML13" in case.tables, MA_LOAI_RV="1"), also=("TIM-02",)),
    fault("referred elsewhere", "REL-09 XML13.MA_CSKCB_DEN", row("XML13", MA_CSKCB_DEN="01001")),
    fault("appointment of another day", "REL-10 XML14.NGAY_HEN_KL", _other_day),
    fault("slip from after its day", "REL-10 XML14.NGAY_CT", _late_slip),
    fault("slip of another person", "REL-11 XML14.HO_TEN", row("XML14", HO_TEN="NGUYỄN THỊ KHÁC")),
    fault("referral for another disease", "REL-11 XML13.MA_BENH_CHINH", row("XML13", MA_BENH_CHINH="A01.0")),
    fault("less given than claimed", "REL-12 XML2.SO_LUONG", of_around(_given_less), is_around=True),
    fault("prescription not signed", "REL-12 XML2.MA_THUOC", _unsigned("XML2", "MA_THUOC"), is_around=True),
    fault("ordered and not done", "REL-13 XML3.MA_DICH_VU", of_around(_not_done), is_around=True),
    fault("order not signed", "REL-13 XML3.MA_DICH_VU", _unsigned("XML3", "MA_DICH_VU"), is_around=True),
    fault("never checked in", "REL-14 XML1.NGAY_VAO", of_around(_no_check_in), is_around=True),
    fault("checked in under another key", "REL-14 XML1.MA_LK", of_around(_other_key), is_around=True),
)  # fmt: skip
_PAPERS = (
    fault("days of leave", "PAP-01 XML11.SO_NGAY_NGHI", _leave(SO_NGAY_NGHI="9")),
    fault("31 days of leave", "PAP-01 XML11.SO_NGAY_NGHI", _long_leave),
    fault("leave from yesterday", "PAP-02 XML11.TU_NGAY", _leave_from_yesterday),
    fault("leave issued later", "PAP-02 XML11.NGAY_CT", _leave_issued_later),
    fault("social number of nine digits", "PAP-03 XML11.MA_BHXH", _leave(MA_BHXH="790000001")),
    fault("leave without a disease", "PAP-03 XML11.CHAN_DOAN_RV", _leave(CHAN_DOAN_RV="mệt")),
    fault("child's leave without parents", "PAP-03 XML11.HO_TEN_ME", _child_without_parents),
    fault("leave not signed by the facility", "PAP-04 XML11.MA_TTDV", _paper("XML11", is_signed_by_facility=False), is_around=True),
    fault("slip not signed", "PAP-05 XML14.MA_TTDV", _paper("XML14", is_signed_by_doctor=False), is_around=True),
    fault("slip used already", "PAP-05 XML14.SO_GIAYHEN_KL", _paper("XML14", is_used=True), is_around=True),
    fault("reason 5 for a referral", "PAP-06 XML13.MA_LYDO_CT", row("XML13", MA_LYDO_CT="5")),
    fault("referral not signed", "PAP-06 XML13.MA_TTDV", _paper("XML13", is_signed_by_doctor=False), is_around=True),
    fault("statement not signed", "PAP-07 XML1.T_TONGCHI_BV", _statement(is_signed=False), is_around=True),
    fault("no statement", "PAP-07 XML1.T_TONGCHI_BV", _statement(), is_around=True),
)  # fmt: skip
FAULTS: tuple[Fault, ...] = (*_TIMES, *_TABLES, *_PAPERS)
