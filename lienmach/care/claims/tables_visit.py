"""XML1 of a claim: who came, when, with which card and disease, how it ended, and the sums. Pure.

Fields: annex of Decision 130/QĐ-BYT (2023-01-18) as amended by 4750, 3176 and 1931. Where the annex asks for what no
screen records in an outpatient visit the field is empty; CHAN_DOAN_VAO repeats the diagnosis, for there is only one.
"""

from __future__ import annotations

import re
from datetime import date

from lienmach.care import (
    check_ins,
    notes,
    person_change,
    person_draft,
    prescriptions,
    resources,
    visit_facts,
    visit_origin,
    vitals,
)
from lienmach.care.claims import figures
from lienmach.care.claims.facts import Facts, rooms_of
from lienmach.care.claims.money_lines import SUPPLY_GROUPS
from lienmach.care.coverages import InsuredCard
from lienmach.care.drug_lines import Unreadable
from lienmach.care.resources import Resource
from lienmach.standards.bhxh import check_in, claim_fields
from lienmach.standards.vietnam import names

Row = dict[str, str]
NO_OCCUPATION, UNKNOWN_GROUP = "00000", "56"
REFERRED = frozenset({"2", "5"})  # MA_LOAI_RV
_NO_DAYS = frozenset({"01", "07", "09"})
_OTHERS_MAX = 12
_PHONE = re.compile(r"[^0-9+]")


def build(facts: Facts) -> Row:
    """The one row of XML1, every field of the version of the visit in order."""
    values = {
        "MA_LK": facts.key,
        "STT": "1",
        "MA_BN": facts.patient["id"],
        **_person(facts),
        **_cards(facts),
        **_illness(facts),
        **_times(facts),
        **_ending(facts),
        **_sums(facts),
        "MA_LOAI_KCB": facts.kind,
        "MA_KHOA": figures.parts(facts.departments.get(one, "") for one in rooms_of(facts.encounter)),
        "MA_CSKCB": facts.home.code,
        "CAN_NANG": weight_of(facts),
        "MA_HSBA": facts.key,
        "MA_TTDV": facts.head,
    }
    known = set(claim_fields.names("XML1", facts.visit_on))
    return claim_fields.row("XML1", facts.visit_on, {name: text for name, text in values.items() if name in known})


def person_of(facts: Facts) -> Row:
    """HO_TEN, NGAY_SINH, GIOI_TINH, DIA_CHI: the same in every table that repeats them."""
    patient = facts.patient
    try:
        born = check_in.birth12(str(patient.get("birthDate", "")), check_ins.born_at(patient, facts.begun_at))
    except ValueError:
        born = ""  # STR-08 says so
    return {
        "HO_TEN": figures.one_line(names.shown(patient), 255),
        "NGAY_SINH": born,
        "GIOI_TINH": check_ins.SEXES.get(str(patient.get("gender", "")), "3"),
        "DIA_CHI": figures.one_line(str((_address(patient)).get("text", "")), 1024),
    }


def codes_of(facts: Facts) -> Row:
    """MA_QUOCTICH, MA_DANTOC, MA_NGHE_NGHIEP."""
    return {
        "MA_QUOCTICH": _nationality(facts.patient),
        "MA_DANTOC": _extension_code(facts.patient, person_draft.ETHNIC_GROUP) or UNKNOWN_GROUP,
        "MA_NGHE_NGHIEP": _extension_code(facts.patient, person_draft.OCCUPATION) or NO_OCCUPATION,
    }


def cards_of(facts: Facts) -> tuple[InsuredCard, ...]:
    """The cards of the visit that had not ended on arrival."""
    return tuple(one for one in facts.cards if one.to_on is None or one.to_on >= facts.visit_on)


def diagnosis_of(facts: Facts) -> str:
    """CHAN_DOAN_RV: code and name of every disease (ICD-07)."""
    return figures.one_line("; ".join(f"{code} {name}".strip() for code, name in facts.diagnoses))


def result_of(facts: Facts) -> str:
    """KET_QUA_DTRI, "" while the visit is open."""
    found = visit_facts.extension_of(facts.encounter, visit_facts.RESULT, "valueCodeableConcept")
    return resources.code_of(found, visit_facts.RESULT_SYSTEM)


def outcome_of(facts: Facts) -> str:
    """MA_LOAI_RV, "" while the visit is open."""
    stay = facts.encounter.get("hospitalization") or {}
    return resources.code_of(stay.get("dischargeDisposition"), visit_facts.OUTCOME_SYSTEM)


def weight_of(facts: Facts) -> str:
    """CAN_NANG: kilograms with two decimals, as measured in this visit; "" if nobody did."""
    loinc = vitals.MEASURES["weight"].loinc
    found = [
        one
        for one in facts.observations.values()
        if resources.code_of(one.get("code"), "http://loinc.org") == loinc and "valueQuantity" in one
    ]
    newest = max(found, key=lambda one: str(one.get("effectiveDateTime", "")), default=None)
    return figures.amount(newest["valueQuantity"]["value"]) if newest else ""


def days_of_drugs(facts: Facts) -> int:
    """How long the drugs of the visit last, by the longest line."""
    found = [0]
    for request in facts.requests.values():
        if request.get("status") in prescriptions.STANDING:
            try:
                found.append(prescriptions.line_of(request).days)
            except Unreadable:
                continue  # of another system; its days are not known
    return max(found)


def _person(facts: Facts) -> Row:
    address = _address(facts.patient)
    phones = [one.get("value", "") for one in facts.patient.get("telecom", ()) if one.get("system") == "phone"]
    return {
        **person_of(facts),
        **codes_of(facts),
        "NHOM_MAU": _blood_group(facts.patient),
        "SO_CCCD": check_ins.personal_number(facts.patient),
        "MATINH_CU_TRU": _place(address, person_draft.PROVINCE_SYSTEM),
        "MAXA_CU_TRU": _place(address, person_draft.COMMUNE_SYSTEM),
        "DIEN_THOAI": _PHONE.sub("", phones[0])[:15] if phones else "",
    }


def _cards(facts: Facts) -> Row:
    cards = cards_of(facts)
    first = cards[0] if cards else None
    exempt = next((one.exempt_from for one in cards if one.exempt_from), None) or facts.money.exempt_from
    return {
        "MA_THE_BHYT": ";".join(one.number for one in cards),
        "MA_DKBD": ";".join(one.initial_facility for one in cards),
        "GT_THE_TU": ";".join(figures.date8(one.from_on) for one in cards),
        "GT_THE_DEN": ";".join(figures.date8(one.to_on) for one in cards),
        "NGAY_MIEN_CCT": figures.datetime12(exempt.astimezone(facts.zone)) if exempt else "",
        "MA_KHUVUC": first.area if first else "",
        "NAM_NAM_LIEN_TUC": figures.date8(first.five_years_on) if first else "",
    }


def _illness(facts: Facts) -> Row:
    codes = [code for code, _ in facts.diagnoses]
    said = notes.texts_of(facts.note)
    reasons = [str(one.get("text", "")) for one in facts.encounter.get("reasonCode", ())]
    referral = facts.paper("referral") if outcome_of(facts) in REFERRED else None
    return {
        "LY_DO_VV": figures.one_line(said["reason"] or "; ".join(one for one in reasons if one)),
        "CHAN_DOAN_VAO": diagnosis_of(facts),
        "CHAN_DOAN_RV": diagnosis_of(facts),
        "MA_BENH_CHINH": codes[0] if codes else "",
        "MA_BENH_KT": ";".join(codes[1 : _OTHERS_MAX + 1]),
        "MA_DOITUONG_KCB": visit_facts.category_of(facts.encounter),
        "MA_NOI_DI": facts.slip_from,
        "MA_TAI_NAN": visit_origin.of(facts.encounter).accident,
        "GIAY_CHUYEN_TUYEN": figures.one_line(facts.slip, 50),
        "MA_NOI_DEN": str(referral.data.get("to_code", "")) if referral else "",
        "PP_DIEU_TRI": figures.one_line(said["advice"]),
    }


def _times(facts: Facts) -> Row:
    return {
        "NGAY_VAO": figures.datetime12(facts.begun_at),
        "NGAY_RA": figures.datetime12(facts.ended_at),
        "SO_NGAY_DTRI": str(_days(facts)),
        "NGAY_TTOAN": figures.datetime12(facts.settled_at),
    }


def _days(facts: Facts) -> int:
    """CAT-10, by the kind of the visit."""
    if facts.kind in _NO_DAYS:
        return 0
    if facts.kind == "05":
        return days_of_drugs(facts)
    if facts.kind == "08":
        done: set[date] = {line.done_at.date() for line in facts.money.lines if line.done_at and not line.is_drug}
        return len(done)
    return (facts.ended_at.date() - facts.visit_on).days + 1


def _ending(facts: Facts) -> Row:
    slip = facts.paper("appointment-slip")
    settled_on = facts.settle_on or facts.ended_at.date()
    return {
        "KET_QUA_DTRI": result_of(facts),
        "MA_LOAI_RV": outcome_of(facts),
        "GHI_CHU": figures.one_line(notes.texts_of(facts.note)["advice"]),
        "NAM_QT": f"{settled_on:%Y}",
        "THANG_QT": f"{settled_on:%m}",
        "NGAY_TAI_KHAM": str(slip.data.get("return_on") or "").replace("-", "") if slip else "",
    }


def _sums(facts: Facts) -> Row:
    money = facts.money
    named = {
        "T_THUOC": money.total("THANH_TIEN_BV", (one for one in money.lines if one.is_drug)),
        "T_VTYT": money.total("THANH_TIEN_BV", (one for one in money.lines if one.nhom in SUPPLY_GROUPS)),
        "T_TONGCHI_BV": money.total("THANH_TIEN_BV"),
        "T_TONGCHI_BH": money.total("THANH_TIEN_BH"),
        "T_BNTT": money.total("T_BNTT"),
        "T_BNCCT": money.total("T_BNCCT"),
        "T_BHTT": money.total("T_BHTT"),
        "T_NGUONKHAC": money.total("T_NGUONKHAC"),
        "T_BHTT_GDV": money.total("T_BHTT"),  # every line is paid by service fee (MA_PTTT 1)
    }
    return {name: figures.amount(value) for name, value in named.items()}


def _address(patient: Resource) -> Resource:
    """The home address, the newest one of several."""
    found = [one for one in patient.get("address", ()) if one.get("use") not in ("old", "work")]
    chosen: Resource = found[0] if found else {}
    return chosen


def _place(address: Resource, system: str) -> str:
    for one in address.get("extension", ()):
        coding = one.get("valueCoding") or {}
        if one.get("url") == person_draft.PLACE_CODE and coding.get("system") == system:
            return str(coding.get("code", ""))
    return ""


def _extension_code(patient: Resource, url: str) -> str:
    for one in patient.get("extension", ()):
        if one.get("url") == url:
            concept = one.get("valueCodeableConcept") or {"coding": [one.get("valueCoding") or {}]}
            return str((concept.get("coding") or [{}])[0].get("code", ""))
    return ""


def _blood_group(patient: Resource) -> str:
    for one in patient.get("extension", ()):
        if one.get("url") == person_draft.BLOOD_GROUP:
            return str(one.get("valueCode", ""))
    return ""


def _nationality(patient: Resource) -> str:
    """The code of list quoc-tich; Việt Nam where nobody has asked, "" for a country without a code here (STR-08)."""
    code, words = person_change.nationality_of(patient)
    return code[:3] or ("" if words else person_draft.VIETNAM)
