"""XML11 (sick leave), XML13 (referral) and XML14 (appointment slip) of a claim, when the paper was issued. Pure.

Papers with their numbers and typed texts: care/papers.py. XML7 and XML8 belong to inpatients, XML12 is never sent.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from lienmach.care import notes, papers, visit_facts
from lienmach.care.claims import figures, tables_visit
from lienmach.care.claims.facts import Facts
from lienmach.care.papers import Paper
from lienmach.standards.bhxh import claim_fields

Cells = dict[str, str]
_FORM = "CT07"  # MAU_SO: form 07 of TT 25/2025/TT-BYT


def sick_leave(found: Facts) -> list[Cells]:
    """The row of XML11, none without a current sick leave."""
    paper = found.paper("sick-leave")
    if paper is None:
        return []
    begin, end = _day(paper.data.get("from_on")), _day(paper.data.get("until_on"))
    weeks = paper.data.get("loss_weeks")
    values = {
        "MA_LK": found.key,
        "SO_CT": paper.number,
        "SO_SERI": _serial(found, paper),
        "SO_KCB": found.key,
        "DON_VI": figures.one_line(str(paper.data.get("employer") or ""), 1024),
        "MA_BHXH": str(paper.data.get("social_number") or ""),
        "MA_THE_BHYT": _cards(found),
        "CHAN_DOAN_RV": tables_visit.diagnosis_of(found),
        "PP_DIEUTRI": figures.one_line(str(paper.data.get("treatment") or "")),
        "MA_DINH_CHI_THAI": "1" if weeks is not None else "0",
        "NGUYENNHAN_DINHCHI": figures.one_line(str(paper.data.get("loss_reason") or "")) if weeks is not None else "",
        "TUOI_THAI": str(weeks) if weeks is not None else "",
        "SO_NGAY_NGHI": str((end - begin).days + 1) if begin and end else "",
        "TU_NGAY": figures.date8(begin),
        "DEN_NGAY": figures.date8(end),
        "HO_TEN_CHA": figures.one_line(str(paper.data.get("father") or ""), 255),
        "HO_TEN_ME": figures.one_line(str(paper.data.get("mother") or ""), 255),
        "MA_TTDV": found.head,
        "MA_BS": found.licences.get(found.doctor, ""),
        "NGAY_CT": _issued_on(found, paper),
        "MAU_SO": _FORM,
    }
    return [_row("XML11", found, values)]


def referral(found: Facts) -> list[Cells]:
    """The row of XML13: exactly when the visit ended by referral (MA_LOAI_RV 2 or 5) and the paper was issued."""
    paper, outcome = found.paper("referral"), tables_visit.outcome_of(found)
    if paper is None or outcome not in tables_visit.REFERRED:
        return []
    codes, said = [code for code, _ in found.diagnoses], notes.texts_of(found.note)
    typed = {name: figures.one_line(str(value or "")) for name, value in paper.data.items()}
    plan = typed.get("plan", "")
    common = {
        **_shared(found),
        **tables_visit.codes_of(found),
        "MA_LK": found.key,
        "MA_CSKCB": found.home.code,
        "MA_LOAI_RV": outcome,
        "MA_BENH_CHINH": codes[0] if codes else "",
        "MA_BENH_KT": ";".join(codes[1:]),
        "MA_BAC_SI": found.licences.get(found.doctor, ""),
        "MA_TTDV": found.head,
    }
    values = {
        **common,
        "SO_HOSO": found.key,
        "SO_CHUYENTUYEN": paper.number[:50],
        "GIAY_CHUYEN_TUYEN": (found.slip or paper.number)[:50],
        "MA_CSKCB_DI": found.slip_from,
        "MA_NOI_DI": found.slip_from,  # the name before 2025
        "MA_CSKCB_DEN": typed.get("to_code", ""),
        "MA_NOI_DEN": typed.get("to_code", ""),
        "DAU_HIEU_LS": typed.get("signs", ""),
        "CHAN_DOAN_RV": tables_visit.diagnosis_of(found),
        "QT_BENHLY": figures.one_line(said["history"]) or typed.get("signs", ""),
        "TOMTAT_KQ": typed.get("results", ""),
        "PP_DIEUTRI": typed.get("treatment", "") or plan,
        "TINH_TRANG_CT": typed.get("state", ""),
        "PP_DIEU_TRI": typed.get("state", ""),  # the name of the same before 2025
        "MA_LYDO_CT": typed.get("reason_kind", ""),
        "HUONG_DIEU_TRI": plan,
        "PHUONGTIEN_VC": typed.get("transport", "")[:255],
        "HOTEN_NGUOI_HT": typed.get("escort", "")[:255],
        "CHUCDANH_NGUOI_HT": typed.get("escort_title", "")[:255],
    }
    return [_row("XML13", found, values)]


def appointment(found: Facts) -> list[Cells]:
    """The row of XML14, none without a current appointment slip."""
    paper = found.paper("appointment-slip")
    if paper is None:
        return []
    codes = [code for code, _ in found.diagnoses]
    values = {
        **_shared(found),
        "MA_LK": found.key,
        "SO_GIAYHEN_KL": paper.number[:50],
        "MA_CSKCB": found.home.code,
        "NGAY_HEN_KL": figures.date8(_day(paper.data.get("return_on"))),
        "CHAN_DOAN_RV": tables_visit.diagnosis_of(found),
        "MA_BENH_CHINH": codes[0] if codes else "",
        "MA_BENH_KT": ";".join(codes[1:]),
        "MA_DOITUONG_KCB": visit_facts.category_of(found.encounter),
        "MA_BAC_SI": found.licences.get(found.doctor, ""),
        "MA_TTDV": found.head,
        "NGAY_CT": _issued_on(found, paper),
    }
    return [_row("XML14", found, values)]


def _shared(found: Facts) -> Cells:
    """What XML13 and XML14 repeat of XML1 (REL-11)."""
    return {
        **tables_visit.person_of(found),
        "MA_THE_BHYT": _cards(found),
        "GT_THE_DEN": ";".join(figures.date8(one.to_on) for one in tables_visit.cards_of(found)),
        "NGAY_VAO": figures.datetime12(found.begun_at),
        "NGAY_RA": figures.datetime12(found.ended_at),
    }


def _cards(found: Facts) -> str:
    return ";".join(one.number for one in tables_visit.cards_of(found))


def _issued_on(found: Facts, paper: Paper) -> str:
    return figures.date8(paper.issued_at.astimezone(found.zone).date())


def _serial(found: Facts, paper: Paper) -> str:
    """SO_SERI as it is printed."""
    count = paper.number.rpartition("/")[2]
    return (
        papers.serial(paper.issued_at.astimezone(found.zone).date(), int(count)) if count.isdecimal() else paper.number
    )


def _day(text: Any) -> date | None:
    return date.fromisoformat(str(text)[:10]) if text else None


def _row(table: str, found: Facts, values: Cells) -> Cells:
    known = set(claim_fields.names(table, found.visit_on))
    return claim_fields.row(table, found.visit_on, {name: text for name, text in values.items() if name in known})
