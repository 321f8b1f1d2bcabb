"""XML2 (drugs that this facility gave out) and XML3 (services and supplies) of a claim. Pure.

The drug is the one that was handed over, which may be another than was written. Amounts are those of the statement, to
the đồng: a row for each of its lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from lienmach.care import prescription_words, prescriptions, resources
from lienmach.care.catalogues import Row
from lienmach.care.claims import accepted, facts, figures, money_lines
from lienmach.care.claims.facts import Facts
from lienmach.care.claims.money_lines import MoneyLine
from lienmach.care.drug_lines import Unreadable
from lienmach.standards.bhxh import claim_fields

Cells = dict[str, str]
EXAMINATION, SURGERY = "13", "8"
MEASURED = frozenset({"1", "2", "3"})  # MA_NHOM: laboratory, imaging, functional tests
_PERFORMED = frozenset({*MEASURED, SURGERY, "18", EXAMINATION})
_UNIT = "Lần"
_DISEASES_CHARACTERS_MAX = 100
_OTHER_SOURCE, _FUND = "4", "1"  # NGUON_CTRA


@dataclass(frozen=True)
class Given:
    """What was handed over of one drug: code, quantity and when first."""

    code: str
    quantity: Decimal
    at: datetime | None


def drugs(found: Facts) -> list[Cells]:
    """The rows of XML2, in the order of the orders."""
    lines = [one for one in found.money.lines if one.is_drug]
    return [_drug(found, line, given_of(found, line), number) for number, line in enumerate(lines, 1)]


def performed(found: Facts) -> list[Cells]:
    """The rows of XML3, in the order of the orders."""
    lines = [one for one in found.money.lines if not one.is_drug]
    return [_performed(found, line, number) for number, line in enumerate(lines, 1)]


def given_of(found: Facts, line: MoneyLine) -> Given:
    """What was handed over of a line's drug, and when first; what is still expected counts as written.

    A substitute is a line of its own (care/drug_charges.py). The quantity is that of the statement: one that says
    another quantity than was handed over is stale, and is closed again before anything goes.
    """
    listed = found.dispenses.get(line.cause_id, ())
    own = [one for one in listed if (facts.drug_of(one) or line.code) == line.code]
    return Given(line.code, line.quantity, found.local(own[0].get("whenHandedOver")) if own else line.done_at)


def main_code(found: Facts, line: MoneyLine) -> str:
    """MA_DICH_VU: the accepted code of a service, else our own."""
    return accepted.text_of(found.accepted_services.get(line.code), "MA_DICH_VU", line.code)


def collected_at(found: Facts, line: MoneyLine) -> datetime | None:
    """When the specimen of a test was taken, None for what has none."""
    report = found.reports.get(line.cause_id)
    if report is None or not report.get("specimen"):
        return None
    return found.local(report.get("effectiveDateTime"))


def result_at(found: Facts, line: MoneyLine) -> datetime | None:
    """When the result of an order was released, None while it is pending or for what has none."""
    report = found.reports.get(line.cause_id)
    if report is None or not facts.is_released(report):
        return None
    return found.local(report.get("issued"))


def _drug(found: Facts, line: MoneyLine, given: Given, number: int) -> Cells:
    row = found.drugs.get(given.code) or found.drugs.get(line.code)
    own = found.accepted_drugs.get(given.code)
    request = found.requests.get(line.cause_id, {})
    values = {
        "MA_LK": found.key,
        "STT": str(number),
        "MA_NHOM": line.nhom,
        "MA_THUOC": accepted.text_of(own, "MA_THUOC", _data(row, "bhyt_code") or given.code),
        "TEN_THUOC": figures.one_line(accepted.text_of(own, "TEN_THUOC", row.name if row else line.name), 1024),
        "DON_VI_TINH": accepted.text_of(own, "DON_VI_TINH", _data(row, "unit") or line.unit)[:50],
        "HAM_LUONG": accepted.text_of(own, "HAM_LUONG", _data(row, "strength"))[:1024],
        "DUONG_DUNG": accepted.text_of(own, "DUONG_DUNG", _data(row, "route_bhyt"))[:4],
        "DANG_BAO_CHE": accepted.text_of(own, "DANG_BAO_CHE", _data(row, "form"))[:1024],
        **_dosage(request, row),
        "SO_DANG_KY": accepted.text_of(own, "SO_DANG_KY", _data(row, "registration")).replace(" ", "")[:255],
        "TT_THAU": accepted.text_of(own, "TT_THAU", _data(row, "tender"))[:50],
        "PHAM_VI": str(line.amounts["PHAM_VI"]),
        "TYLE_TT_BH": figures.rate(line.amounts["TYLE_TT_BH"]),
        "SO_LUONG": figures.quantity(given.quantity),
        "DON_GIA": figures.price(line.amounts["DON_GIA_BV"]),
        **_money(line),
        "MA_KHOA": found.department(),
        "MA_BAC_SI": found.licence(request.get("requester")),
        "NGAY_YL": figures.datetime12(line.ordered_at),
        "NGAY_TH_YL": figures.datetime12(given.at),
        "MA_PTTT": "1",
        "NGUON_CTRA": _FUND if money_lines.is_insured(line) else _OTHER_SOURCE,
    }
    return _row("XML2", found, values)


def _performed(found: Facts, line: MoneyLine, number: int) -> Cells:
    order = found.orders.get(line.cause_id, {})
    own = found.accepted_services.get(line.code)
    is_exam = line.nhom == EXAMINATION
    people = performers(found, line)
    done_at = (collected_at(found, line) if line.nhom in MEASURED else None) or line.done_at
    place = next(iter(order.get("locationReference", ())), None)
    # The order of an examination is given at the desk: the doctor who examines answers for it.
    orderer = people[0] if is_exam and people else found.licence(order.get("requester"))
    name = accepted.text_of(own, "TEN_DICH_VU", line.name)
    is_supply = line.nhom in money_lines.SUPPLY_GROUPS
    values = {
        "MA_LK": found.key,
        "STT": str(number),
        "MA_DICH_VU": "" if is_supply else main_code(found, line)[:50],
        "MA_VAT_TU": line.code if is_supply else "",
        "TEN_VAT_TU": figures.one_line(line.name, 1024) if is_supply else "",
        "MA_NHOM": line.nhom,
        "TEN_DICH_VU": "" if is_supply else figures.one_line(name, 1024),
        "DON_VI_TINH": line.unit[:50] or _UNIT,
        "PHAM_VI": str(line.amounts["PHAM_VI"]),
        "SO_LUONG": figures.quantity(line.quantity),
        "DON_GIA_BV": figures.price(line.amounts["DON_GIA_BV"]),
        "DON_GIA_BH": figures.price(line.amounts["DON_GIA_BH"]),
        "TYLE_TT_DV": figures.rate(line.amounts["TYLE_TT_DV"]),
        "TYLE_TT_BH": figures.rate(line.amounts["TYLE_TT_BH"]),
        "T_TRANTT": figures.amount(line.ceiling) if line.ceiling else "",
        **_money(line),
        "MA_KHOA": found.department(place),
        "MA_BAC_SI": orderer,
        "NGUOI_THUC_HIEN": figures.parts(people) if line.nhom in _PERFORMED else "",
        "MA_BENH": _diseases(found),
        "NGAY_YL": figures.datetime12(line.ordered_at),
        "NGAY_TH_YL": figures.datetime12(done_at),
        "NGAY_KQ": figures.datetime12(_ready_at(found, line, done_at, people)),
        "MA_PTTT": "1",
        "MA_MAY": machine(found, line) if line.nhom in MEASURED else "",
    }
    return _row("XML3", found, values)


def performers(found: Facts, line: MoneyLine) -> list[str]:
    """Licences of who did a service: of a test who passed its values, else who completed it."""
    report = found.reports.get(line.cause_id)
    licences: list[str] = []
    for one in (report or {}).get("result", ()):
        value = found.observations.get(resources.id_of(one, "Observation"), {})
        people = [facts.passed_by(value), *value.get("performer", ())]
        licences += [own for person in people[:2] if (own := found.licence(person))][:1]
    if licences:
        return list(dict.fromkeys(licences))
    own = found.licence(line.performer) or (found.licences.get(found.doctor, "") if line.nhom == EXAMINATION else "")
    return [own] if own else []


def machine(found: Facts, line: MoneyLine) -> str:
    """MA_MAY: the accepted machine that measured, else the one accepted for the service."""
    report = found.reports.get(line.cause_id) or {}
    values = [found.observations.get(resources.id_of(one, "Observation"), {}) for one in report.get("result", ())]
    devices = {resources.id_of(one.get("device"), "Device") for one in values}
    return accepted.machine_of(found.machines, service=line.code, devices=devices)


def _ready_at(found: Facts, line: MoneyLine, done_at: datetime | None, performed: list[str]) -> datetime | None:
    """NGAY_KQ: of a test its release; of the visit's examination the signature; of what has no report its doing."""
    if line.cause_id in found.reports:
        return result_at(found, line)
    if line.nhom == EXAMINATION and performed == [found.licences.get(found.doctor, "")] and done_at:
        return max(done_at, min(found.finished_at, found.ended_at))
    return done_at


def _money(line: MoneyLine) -> Cells:
    other = line.amount("T_NGUONKHAC")
    return {
        "THANH_TIEN_BV": figures.amount(line.amount("THANH_TIEN_BV")),
        "THANH_TIEN_BH": figures.amount(line.amount("THANH_TIEN_BH")),
        "T_NGUONKHAC_NSNN": figures.amount(0),
        "T_NGUONKHAC_VTNN": figures.amount(0),
        "T_NGUONKHAC_VTTN": figures.amount(0),
        "T_NGUONKHAC_CL": figures.amount(other),  # nothing here tells one source from another: the remainder
        "T_NGUONKHAC": figures.amount(other),
        "MUC_HUONG": figures.rate(line.amounts["MUC_HUONG"]),
        "T_BNTT": figures.amount(line.amount("T_BNTT")),
        "T_BNCCT": figures.amount(line.amount("T_BNCCT")),
        "T_BHTT": figures.amount(line.amount("T_BHTT")),
    }


def _dosage(request: resources.Resource, row: Row | None) -> Cells:
    """LIEU_DUNG in the outpatient form of COD-12, CACH_DUNG as the doctor wrote it."""
    said = figures.one_line(str((request.get("dosageInstruction") or [{}])[0].get("text", "")), 1024)
    if row is None or not request:
        return {"LIEU_DUNG": "", "CACH_DUNG": said}
    try:
        dose = prescription_words.claim_dosage(prescriptions.line_of(request), row)
    except Unreadable:
        dose = ""  # of another system; its words are all there is
    return {"LIEU_DUNG": dose[:1024], "CACH_DUNG": said}


def _diseases(found: Facts) -> str:
    """MA_BENH: the codes of the visit, whole ones, as many as fit."""
    codes = [code for code, _ in found.diagnoses]
    while len(figures.parts(codes)) > _DISEASES_CHARACTERS_MAX:
        codes.pop()
    return figures.parts(codes)


def _data(row: Row | None, name: str) -> str:
    return str(row.data.get(name) or "") if row is not None else ""


def _row(table: str, found: Facts, values: Cells) -> Cells:
    """The row of the version of the visit; what that version does not know is left out."""
    known = set(claim_fields.names(table, found.visit_on))
    return claim_fields.row(table, found.visit_on, {name: text for name, text in values.items() if name in known})
