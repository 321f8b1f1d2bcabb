"""The money of the benchmark's visits: what each costs, its cost statement, and where bill and claim stand.

Figures follow from the visit alone. Every insured visit is below 15 % of the base salary, so the fund pays its part
whole and the patient the gap of the services; who has no card pays everything. The snapshot of a statement and its
digest are written as the rooms of care write them, so that a bill of three years ago opens as one of theirs.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from lienmach.bench import day_data, day_visit
from lienmach.bench.day_data import Resource, Visit

INSURED, SELF_PAY = "1.1", "9"
DUE, PAID, CREDIT, OPEN = "due", "paid", "credit", "open"  # where a bill stands; open: no statement yet
_SHARE_TRANSFER = 0.2
_SENT_DAYS, _APPRAISED_DAYS = 10, 75  # how long a claim stays sent, and accepted but not paid
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Line:
    """One cost. cause: reference of what was ordered. price_bh: what the fund counts."""

    cause: str
    list_name: str
    code: str
    nhom: str
    quantity: int
    price_bv: int
    price_bh: int

    @property
    def charge_id(self) -> str:
        return day_data.digest(f"charge|{self.cause}")

    @property
    def table(self) -> str:
        return "2" if self.list_name == "drug" else "3"

    @property
    def total(self) -> Decimal:
        return Decimal(self.quantity * self.price_bv).quantize(_CENT)

    @property
    def insured(self) -> Decimal:
        return Decimal(self.quantity * self.price_bh).quantize(_CENT)


@dataclass(frozen=True)
class Bill:
    """The money of a finished visit. standing: open, due, credit, paid. by_transfer: how it was paid.

    at_window: its medicine waits at the dispensary.
    """

    visit: Visit
    lines: tuple[Line, ...]
    is_insured: bool
    standing: str
    by_transfer: bool
    at_window: bool = False

    @property
    def total(self) -> Decimal:
        return sum((one.total for one in self.lines), Decimal("0.00"))

    @property
    def fund(self) -> Decimal:
        """T_BHTT."""
        insured = sum((one.insured for one in self.lines), Decimal("0.00"))
        return insured if self.is_insured else Decimal("0.00")

    @property
    def patient_total(self) -> int:
        return int(self.total - self.fund)

    @property
    def drugs(self) -> Decimal:
        return sum((one.total for one in self.lines if one.list_name == "drug"), Decimal("0.00"))

    @property
    def invoice_id(self) -> str:
        return day_data.digest("statement", self.visit.id, "1")

    @property
    def ma_lk(self) -> str:
        return day_visit.key_of(self.visit)

    @property
    def closed_at(self) -> datetime:
        return self.visit.end + timedelta(minutes=4)

    @property
    def paid_at(self) -> datetime:
        return self.visit.end + timedelta(minutes=9)

    def number(self, series: str) -> str:
        """The number of its statement (BK) or receipt (PT); they follow from the visit, with gaps."""
        return f"{series}{self.visit.at:%y}-{day_data.FACILITY_CODE}-{self.visit.number + 1:06}"


@dataclass(frozen=True)
class Claim:
    """Where the claim of an insured visit stands. why: of waiting. rejected: what the portal rejects, open or answered.

    cut: what the fund takes off.
    """

    state: str
    why: str = ""
    rejected: str = ""
    cut: Decimal = Decimal(0)

    @property
    def is_sent(self) -> bool:
        return self.state not in ("waiting", "findings", "ready")


def of_visit(visit: Visit, *, is_today: bool = False, at_window: bool = False) -> Bill:
    """The bill of a finished visit. Of today one in five waits for its statement and one in ten for money.

    at_window: its medicine waits at the dispensary.
    """
    chance = Random(f"bill {visit.number}")
    draw = chance.random()
    if is_today:
        standing = OPEN if draw < 0.2 else DUE if draw < 0.3 else CREDIT if draw < 0.31 else PAID
    else:
        standing = DUE if draw < 0.0005 else CREDIT if draw < 0.0012 else PAID
    by_transfer = chance.random() < _SHARE_TRANSFER
    return Bill(visit, _lines(visit, at_window), day_data.has_card(visit.person), standing, by_transfer, at_window)


def _lines(visit: Visit, at_window: bool) -> tuple[Line, ...]:
    """As the ChargeItems of the visit say (day_visit), in the order in which a statement names them: by their id."""
    _, test, drug = day_visit.drawn(visit)
    code, _, times, days = day_visit.DRUGS[0] if at_window else drug
    price = day_visit.PRICES[code]
    found = [
        Line(f"ServiceRequest/{visit.exam_id}", "service", visit.room.exam, "13", 1, *day_visit.EXAMINATION),
        Line(f"ServiceRequest/{visit.order_id}", "service", test[0], "1", 1, *day_visit.TEST),
        Line(f"MedicationRequest/{visit.request_id}", "drug", code, "4", times * days, price, price),
    ]
    return tuple(sorted(found, key=lambda one: one.charge_id))


def claim_of(bill: Bill, today: date) -> Claim:
    """Where the claim of an insured bill stands by its age."""
    if bill.standing == OPEN:
        return Claim("waiting", "waits-statement")
    if bill.at_window:
        return Claim("waiting", "waits-drugs")
    draw, days = Random(f"claim {bill.visit.number}").random(), (today - bill.visit.at.date()).days
    if days > _APPRAISED_DAYS:
        cut = (bill.fund / 4).quantize(Decimal(1)) if draw < 0.03 else Decimal(0)
        return Claim("recalled") if draw > 0.998 else Claim("paid", rejected="closed" if cut else "", cut=cut)
    if days > _SENT_DAYS:
        rejected = "open" if draw < 0.003 else "answered" if draw < 0.02 else ""
        return Claim("rejected" if rejected else "accepted", rejected=rejected)
    if days < 1:
        return Claim("sent")
    state = "rejected" if draw < 0.04 else "findings" if draw < 0.06 else "ready" if draw < 0.065 else "sent"
    return Claim(state, rejected="open" if state == "rejected" else "")


def invoice(bill: Bill) -> Resource:
    """The Invoice of the statement in force, its snapshot inside."""
    visit, said = bill.visit, _snapshot(bill)
    extension = day_data.EXTENSION
    return {
        "resourceType": "Invoice",
        "id": bill.invoice_id,
        "meta": day_data.TEST,
        "extension": [
            {"url": extension + "invoice-encounter", "valueReference": {"reference": f"Encounter/{visit.id}"}},
            {"url": extension + "statement-version", "valueInteger": 1},
            {"url": extension + "statement-snapshot", "valueBase64Binary": base64.b64encode(_canonical(said)).decode()},
        ],
        "identifier": [{"system": day_data.SID + "bill", "value": bill.number("BK")}],
        "status": "issued",
        "subject": {"reference": f"Patient/{day_data.person_id(visit.person)}"},
        "date": bill.closed_at.isoformat(timespec="milliseconds"),
        "issuer": {"reference": f"Organization/{day_data.FACILITY}", "display": day_data.FACILITY_NAME},
        "lineItem": [
            {
                "chargeItemReference": {"reference": f"ChargeItem/{one.charge_id}"},
                "priceComponent": [{"type": "base", "amount": _money(one.total)}],
            }
            for one in bill.lines
        ],
        "totalNet": _money(Decimal(bill.patient_total)),
        "totalGross": _money(bill.total),
    }


def _money(amount: Decimal) -> Resource:
    return {"value": float(amount), "currency": "VND"}


def _snapshot(bill: Bill) -> dict[str, Any]:
    """The statement as its own JSON tells it (canonical: members sorted, decimals as text)."""
    visit, lines = bill.visit, [_told(bill, one) for one in bill.lines]
    totals = _totals(bill)
    basis = [INSURED if bill.is_insured else SELF_PAY, "01"]
    cards = [_card(visit)] if bill.is_insured else []
    basis += [one["number"] for one in cards]
    return {
        "invoice_id": bill.invoice_id, "number": bill.number("BK"), "version": 1, "encounter_id": visit.id,
        "patient_id": day_data.person_id(visit.person), "ma_lk": bill.ma_lk, "closed_at": bill.closed_at.isoformat(),
        "closed_by": "Mẫu Giám Định", "reason": "", "lines": lines, "totals": totals,
        "patient_total": bill.patient_total, "rounding": "0.00", "muc_huong": "100" if bill.is_insured else "0",
        "percent": "100" if bill.is_insured else "0", "rate": "100" if bill.is_insured else "0", "category": basis[0],
        "kind": "01", "cards": cards, "header": _header(bill, cards), "remarks": [], "excluded": [],
        "digest": _digest(bill, lines, totals, basis),
    }  # fmt: skip


def _told(bill: Bill, line: Line) -> dict[str, Any]:
    is_insured = bill.is_insured
    fund = line.insured if is_insured else Decimal("0.00")
    return {
        "charge_id": line.charge_id, "cause": line.cause, "list_name": line.list_name, "code": line.code,
        "name": line.code, "unit": "viên" if line.table == "2" else "Lần", "table": line.table, "nhom": line.nhom,
        "quantity": str(line.quantity), "ordered_at": bill.visit.at.isoformat(), "done_at": None,
        "is_expected": False, "PHAM_VI": 1 if is_insured else 2, "TYLE_TT_DV": 100,
        "TYLE_TT_BH": 100 if is_insured else 0, "DON_GIA_BV": str(line.price_bv), "DON_GIA_BH": str(line.price_bh),
        "MUC_HUONG": "100" if is_insured else "0", "THANH_TIEN_BV": str(line.total), "THANH_TIEN_BH": str(fund),
        "T_BHTT": str(fund), "T_BNCCT": "0.00", "T_BNTT": str(line.total - fund), "T_NGUONKHAC": "0",
        "why": "" if is_insured else "no-card", "ceiling": None,
    }  # fmt: skip


def _totals(bill: Bill) -> dict[str, str]:
    return {
        "T_TONGCHI_BV": str(bill.total), "T_TONGCHI_BH": str(bill.fund), "T_BHTT": str(bill.fund), "T_BNCCT": "0.00",
        "T_BNTT": str(bill.total - bill.fund), "T_NGUONKHAC": "0", "T_THUOC": str(bill.drugs), "T_VTYT": "0",
        "T_BHTT_GDV": str(bill.fund),
    }  # fmt: skip


def _digest(bill: Bill, lines: list[dict[str, Any]], totals: dict[str, str], basis: list[str]) -> str:
    """Of what is paid, by whom and for what: every number by its worth, every moment in seconds."""
    numbers = {"quantity", "DON_GIA_BV", "DON_GIA_BH", "MUC_HUONG", *_AMOUNTS}
    told = []
    for one in lines:
        kept = {name: value for name, value in one.items() if name not in ("is_expected", "done_at", "name", "unit")}
        kept |= {name: _plain(kept[name]) for name in numbers}
        told.append({**kept, "ordered_at": int(bill.visit.at.timestamp())})
    whole = {
        "lines": told, "totals": {name: _plain(value) for name, value in totals.items()},
        "patient_total": bill.patient_total, "basis": basis,
    }  # fmt: skip
    return hashlib.sha256(_canonical(whole)).hexdigest()


_AMOUNTS = ("THANH_TIEN_BV", "THANH_TIEN_BH", "T_BHTT", "T_BNCCT", "T_BNTT", "T_NGUONKHAC")


def _plain(text: str) -> str:
    return f"{Decimal(text).normalize():f}"


def _card(visit: Visit) -> dict[str, str]:
    return {
        "number": day_data.card_number(visit.person), "object_code": "GD", "level": "4",
        "initial_facility": day_data.FACILITY_CODE, "from_on": "2020-01-01", "to_on": "2030-12-31",
        "five_years_on": "", "exempt_from": "", "area": "", "result_code": "000", "checked_at": "",
    }  # fmt: skip


def _header(bill: Bill, cards: list[dict[str, str]]) -> dict[str, Any]:
    visit = bill.visit
    disease = day_visit.drawn(visit)[0]
    category = "Khám chữa bệnh đúng nơi đăng ký ban đầu" if bill.is_insured else "Người bệnh tự trả"
    return {
        "facility": {"name": day_data.FACILITY_NAME, "code": day_data.FACILITY_CODE, "address": "", "phone": ""},
        "patient": {"name": day_data.name_of(visit.person), "birth": "", "sex": "", "age": ""},
        "address": "Xã Thử Nghiệm, Tỉnh Thử Nghiệm", "card": cards[0] if cards else {},
        "diagnoses": [[disease[0], disease[1]]], "arrived": f"{visit.at:%d/%m/%Y %H:%M}",
        "ended": f"{visit.end:%d/%m/%Y %H:%M}", "result": {"code": "2", "name": "Đỡ, giảm"},
        "outcome": {"code": "1", "name": "Ra viện"},
        "category": {"code": INSURED if bill.is_insured else SELF_PAY, "name": category},
        "kind": {"code": "01", "name": "Khám bệnh"}, "department": "", "room": visit.room.shown,
    }  # fmt: skip


def _canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
