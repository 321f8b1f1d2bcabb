"""The cost statement 01/KBCB of a visit as a value, and to and from the snapshot that its Invoice carries.

The snapshot is canonical JSON: members sorted, decimals as text with exactly their digits, so that reading it back
gives the same value. The XML of the claim and the printed sheet are made from it, never from a second computation
(Decision 697/QĐ-BYT 2026-03-19, secondary; rule MON-20).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from lienmach.base import errors
from lienmach.care import systems, visit_facts
from lienmach.care.resources import Resource

ENCOUNTER = systems.EXTENSION + "invoice-encounter"  # valueReference(Encounter)
SNAPSHOT = systems.EXTENSION + "statement-snapshot"  # valueBase64Binary
VERSION = systems.EXTENSION + "statement-version"  # valueInteger
_AMOUNTS = ("DON_GIA_BV", "DON_GIA_BH", "MUC_HUONG", "THANH_TIEN_BV", "THANH_TIEN_BH", "T_BHTT", "T_BNCCT", "T_BNTT",
            "T_NGUONKHAC")  # fmt: skip
_MOVING = ("is_expected", "done_at", "name", "unit")  # may change without changing what is paid


@dataclass(frozen=True)
class StatementLine:
    """One cost. charge_id: of its ChargeItem. cause: such as `MedicationRequest/1`, "" where it names no resource.

    is_expected: not given out or done yet, but certain. The rest as in costs.LineAmounts.
    """

    charge_id: str
    cause: str
    list_name: str
    code: str
    name: str
    unit: str
    table: str
    nhom: str
    quantity: Decimal
    ordered_at: datetime
    done_at: datetime | None
    is_expected: bool
    PHAM_VI: int
    TYLE_TT_DV: int
    TYLE_TT_BH: int
    DON_GIA_BV: Decimal
    DON_GIA_BH: Decimal
    MUC_HUONG: Decimal
    THANH_TIEN_BV: Decimal
    THANH_TIEN_BH: Decimal
    T_BHTT: Decimal
    T_BNCCT: Decimal
    T_BNTT: Decimal
    T_NGUONKHAC: Decimal
    why: str
    ceiling: Decimal | None


@dataclass(frozen=True)
class Statement:
    """A closed statement. is_current: no later version has replaced it. closed_by: name. reason: from version 2 on.

    totals: T_TONGCHI_BV, T_TONGCHI_BH, T_BHTT, T_BNCCT, T_BNTT, T_NGUONKHAC, T_THUOC, T_VTYT, T_BHTT_GDV.
    patient_total: whole đồng, rounded once; rounding: what that changed. cards: number, object_code, level,
    initial_facility, from_on, to_on, area, result_code, checked_at, five_years_on, exempt_from as text; best first.
    header: patient, address, card, diagnoses [[code, name]], arrived, ended, result, outcome, category, kind, facility,
    department, room. excluded: (name, why) of what was ordered and does not count. digest: of lines and totals.
    exempt_from: since when no co-payment was due, as it was worked out (costs.Amounts).
    """

    invoice_id: str
    number: str
    version: int
    encounter_id: str
    patient_id: str
    ma_lk: str
    is_current: bool
    closed_at: datetime
    closed_by: str
    reason: str
    lines: tuple[StatementLine, ...]
    totals: dict[str, Decimal]
    patient_total: int
    rounding: Decimal
    muc_huong: Decimal
    percent: Decimal
    rate: Decimal
    category: str
    kind: str
    cards: tuple[dict[str, str], ...] = ()
    header: dict[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    excluded: tuple[tuple[str, str], ...] = ()
    digest: str = ""
    exempt_from: datetime | None = None


def invoice_id(encounter_id: str, version: int) -> str:
    """The id of the Invoice of a visit's statement."""
    return hashlib.sha256(f"statement|{encounter_id}|{version}".encode()).hexdigest()[:32]


def digest_of(
    lines: Sequence[StatementLine], totals: Mapping[str, Decimal], patient_total: int, basis: Sequence[str]
) -> str:
    """SHA-256 of what is paid, by whom and for what; a line that is given out as expected changes nothing.

    basis: category, kind and the numbers of the cards.
    """
    told = [{name: _plain(value) for name, value in asdict(one).items() if name not in _MOVING} for one in lines]
    whole = {
        "lines": told,
        "totals": {name: _plain(value) for name, value in totals.items()},
        "patient_total": patient_total,
        "basis": list(basis),
    }
    return hashlib.sha256(_canonical(whole)).hexdigest()


def build(statement: Statement, *, organization: Mapping[str, str] | None = None) -> Resource:
    """The Invoice of a statement, issued."""
    said = {name: value for name, value in asdict(statement).items() if name != "is_current"}
    invoice: Resource = {
        "resourceType": "Invoice",
        "id": statement.invoice_id,
        "extension": [
            {"url": ENCOUNTER, "valueReference": {"reference": f"Encounter/{statement.encounter_id}"}},
            {"url": VERSION, "valueInteger": statement.version},
            {"url": SNAPSHOT, "valueBase64Binary": base64.b64encode(_canonical(said)).decode()},
        ],
        "identifier": [{"system": systems.BILL, "value": statement.number}],
        "status": "issued",
        "subject": {"reference": f"Patient/{statement.patient_id}"},
        "date": statement.closed_at.isoformat(timespec="milliseconds"),
        "totalNet": _money(Decimal(statement.patient_total)),
        "totalGross": _money(statement.totals["T_TONGCHI_BV"]),
    }
    if organization:
        invoice["issuer"] = dict(organization)
    items = [_item(one) for one in statement.lines]
    return {**invoice, **({"lineItem": items} if items else {})}


def of(invoice: Resource) -> Statement:
    """The statement that an Invoice carries. Raises errors.Unprocessable for an Invoice that is not ours."""
    packed = visit_facts.extension_of(invoice, SNAPSHOT, "valueBase64Binary")
    try:
        said = json.loads(base64.b64decode(str(packed), validate=True))
        lines = tuple(_line(one) for one in said.pop("lines"))
        totals = {name: Decimal(value) for name, value in said.pop("totals").items()}
        for name in ("rounding", "muc_huong", "percent", "rate"):
            said[name] = Decimal(said[name])
        said["closed_at"] = datetime.fromisoformat(said["closed_at"])
        said["cards"], said["remarks"] = tuple(said["cards"]), tuple(said["remarks"])
        said["excluded"] = tuple((name, why) for name, why in said["excluded"])
        exempt = said.get("exempt_from")  # not in the first statements
        said["exempt_from"] = datetime.fromisoformat(exempt) if exempt else None
        is_current = invoice.get("status") == "issued"
        return Statement(**said, lines=lines, totals=totals, is_current=is_current)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise errors.Unprocessable("This Invoice carries no statement; it was not made here.") from None


def _line(said: dict[str, Any]) -> StatementLine:
    said["quantity"] = Decimal(said["quantity"])
    said["ordered_at"] = datetime.fromisoformat(said["ordered_at"])
    said["done_at"] = datetime.fromisoformat(said["done_at"]) if said["done_at"] else None
    said["ceiling"] = Decimal(said["ceiling"]) if said["ceiling"] is not None else None
    for name in _AMOUNTS:
        said[name] = Decimal(said[name])
    return StatementLine(**said)


def _item(line: StatementLine) -> Resource:
    parts = [{"type": "base", "amount": _money(line.THANH_TIEN_BV)}]
    for code, amount in (("T_BHTT", line.T_BHTT), ("T_NGUONKHAC", line.T_NGUONKHAC)):
        if amount:
            parts.append({"type": "deduction", "code": {"text": code}, "amount": _money(-amount)})
    return {"chargeItemReference": {"reference": f"ChargeItem/{line.charge_id}"}, "priceComponent": parts}


def _money(amount: Decimal) -> Resource:
    return {"value": amount, "currency": "VND"}


def _canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_text).encode()


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a snapshot holds no {type(value).__name__}")


def _plain(value: Any) -> Any:
    """A value by what it is worth: 10 and 10.0 are the same quantity, one moment is the same in each zone."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return int(value.timestamp()) if isinstance(value, datetime) else value
