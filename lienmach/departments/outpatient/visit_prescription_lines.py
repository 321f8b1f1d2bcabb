"""The lines of the prescription page as values for its template: typed ones with their dangers, and the written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from lienmach.base import errors
from lienmach.care import (
    catalogues,
    charges,
    drug_lines,
    drug_safety,
    outbox,
    prescription_words,
    prescriptions,
    resources,
    stock,
    visit_facts,
)
from lienmach.care.catalogues import Row
from lienmach.care.drug_danger import BLOCK, INFORM, REASON, is_reason
from lienmach.care.drug_lines import RxLine
from lienmach.departments.outpatient import visit_prescription_form
from lienmach.departments.outpatient.visit_orders_frame import VisitFrame
from lienmach.departments.outpatient.visit_prescription_form import TypedLine, TypedPrescription
from lienmach.record.transaction import Transaction

SELF_PAY = "9"  # MA_DOITUONG_KCB
#: state of a message of the outbox -> (words, colour)
SENDINGS = {
    "waiting": ("đang chờ gửi", "warn"),
    "sending": ("đang gửi", "warn"),
    "sent": ("đã gửi", "good"),
    "refused": ("bị từ chối", "bad"),
    "stopped": ("đã ngừng gửi", "warn"),
}


@dataclass(frozen=True)
class ShownDanger:
    """One danger as the page shows it. level: block, reason, inform. reason: what was typed; is_open: none yet."""

    level: str
    text: str
    key: str
    reason: str

    @property
    def is_open(self) -> bool:
        return self.level == REASON and not is_reason(self.reason)


@dataclass(frozen=True)
class ShownLine:
    """One line of the form. quantity: what is given out, None while it is not known. is_short: stock is less."""

    typed: TypedLine
    name: str
    unit: str
    dose_unit: str
    is_insured: bool
    faults: dict[str, str]
    dosage: str
    quantity: Decimal | None
    stock: Decimal | None
    dangers: list[ShownDanger] = field(default_factory=list)

    @property
    def is_short(self) -> bool:
        wanted, own = self.quantity, self.stock
        return self.typed.payer == "bhyt" and wanted is not None and own is not None and own < wanted


@dataclass(frozen=True)
class ShownPrescription:
    """The form. before, after: amounts of the visit without and with the insured lines, None while it is empty.

    may_write: every line can be read, nothing blocks and every reason is given.
    """

    lines: list[ShownLine]
    replaces: str
    before: Any
    after: Any
    may_write: bool
    fault: str = ""

    @property
    def self_count(self) -> int:
        return sum(one.typed.payer != "bhyt" for one in self.lines)


async def of_form(
    tx: Transaction, frame: VisitFrame, typed: TypedPrescription, *, is_english: bool = False
) -> ShownPrescription:
    """What the typed lines mean now: quantity, dosage in words, stock, dangers, totals."""
    if not typed.lines:
        return ShownPrescription([], typed.replaces, None, None, False)
    drugs = await catalogues.get_many(tx, "drug", [one.drug_code for one in typed.lines], on=frame.today)
    lines = [one for one in typed.lines if one.drug_code in drugs]
    readings = [visit_prescription_form.read(one) for one in lines]
    read = {index: line for index, (line, _) in enumerate(readings) if line is not None}
    replaced = await _replaced(tx, frame, typed.replaces)
    dangers = await _dangers(tx, frame, typed, read, replaced, is_english=is_english)
    in_stock = await stock_of(tx, [one.drug_code for one in lines])
    shown = [
        _shown(one, drugs[one.drug_code], readings[index][1], read.get(index), in_stock, dangers.get(index, []))
        for index, one in enumerate(lines)
    ]
    before, after, fault = await _amounts(tx, frame, read, drugs, replaced)
    is_fine = len(read) == len(lines) and not any(
        one.level == BLOCK or one.is_open for line in shown for one in line.dangers
    )
    return ShownPrescription(shown, typed.replaces, before, after, is_fine and not fault, fault)


async def written(tx: Transaction, frame: VisitFrame) -> list[dict[str, Any]]:
    """The prescriptions of the visit that stand, by code, with the state of their submission."""
    messages = {
        one.key: one
        for one in await outbox.of_subject(tx, f"Encounter/{frame.encounter_id}")
        if one.channel == "prescription"
    }
    groups: dict[str, list[dict[str, Any]]] = {}
    for request in await prescriptions.of_visit(tx, frame.encounter_id):
        groups.setdefault(drug_safety.code_of(request), []).append(_written_line(request))
    found = []
    for code, lines in groups.items():
        message = messages.get(code)
        words, colour = SENDINGS[message.state] if message else ("gửi khi kết thúc lượt khám", "")
        found.append(
            {
                "code": code,
                "lines": lines,
                "sending": words,
                "colour": colour,
                "problem": message.problem if message and message.state in ("refused", "waiting") else "",
                "may_edit": frame.may_change and (message is None or message.state != "sending"),
                "may_replace": frame.may_replace and any(line["is_active"] for line in lines),
            }
        )
    return found


async def stock_of(tx: Transaction, codes: Sequence[str]) -> dict[str, Decimal]:
    """What the dispensary may still promise of each drug; {} where the facility has no dispensary."""
    try:
        return await stock.available(tx, codes) if codes else {}
    except errors.Conflict:
        return {}


async def payer_of(tx: Transaction, encounter_id: str, drug: Row) -> str:
    """Who pays for a drug of this visit unless the doctor says otherwise: bhyt or self."""
    return _payer(await resources.read(tx, "Encounter", encounter_id), drug)


async def with_payers(
    tx: Transaction, encounter_id: str, lines: Sequence[TypedLine], drugs: Mapping[str, Row]
) -> list[TypedLine]:
    """The lines whose drugs the list has, each with who pays now and its usual days where none are said."""
    encounter = await resources.read(tx, "Encounter", encounter_id)
    found = []
    for one in lines:
        drug = drugs.get(one.drug_code)
        if drug is not None:
            usual = visit_prescription_form.of_usual(drug, "")
            found.append(
                replace(
                    one,
                    payer=_payer(encounter, drug),
                    days=one.days or usual.days,
                    instruction=one.instruction or usual.instruction,
                )
            )
    return found


def _payer(encounter: dict[str, Any], drug: Row) -> str:
    has_card = bool(visit_facts.coverage_of(encounter)) or visit_facts.category_of(encounter) not in ("", SELF_PAY)
    return "bhyt" if has_card and drug.data.get("is_insured") else "self"


def _shown(
    typed: TypedLine,
    drug: Row,
    faults: dict[str, str],
    line: RxLine | None,
    in_stock: Mapping[str, Decimal],
    dangers: list[ShownDanger],
) -> ShownLine:
    return ShownLine(
        typed,
        drug.name,
        str(drug.data.get("unit", "")),
        str(drug.data.get("dose_unit") or drug.data.get("unit", "")),
        bool(drug.data.get("is_insured")),
        faults,
        prescription_words.dosage(line, drug) if line else "",
        drug_lines.quantity_of(line, drug) if line else None,
        in_stock.get(typed.drug_code),
        dangers,
    )


async def _dangers(
    tx: Transaction,
    frame: VisitFrame,
    typed: TypedPrescription,
    read: Mapping[int, RxLine],
    replaced: Sequence[dict[str, Any]],
    *,
    is_english: bool,
) -> dict[int, list[ShownDanger]]:
    """Dangers by index of the line in the form, gravest first."""
    places = list(read)
    found: dict[int, list[ShownDanger]] = {}
    for one in await drug_safety.check(
        tx,
        frame.patient_id,
        [read[index] for index in places],
        encounter_id=frame.encounter_id,
        without=[request["id"] for request in replaced],
    ):
        text = one.text_en if is_english else one.text
        danger = ShownDanger(
            one.level if one.level in (BLOCK, INFORM) else REASON, text, one.key, typed.reasons.get(one.key, "")
        )
        found.setdefault(places[one.line] if 0 <= one.line < len(places) else 0, []).append(danger)
    return found


async def _replaced(tx: Transaction, frame: VisitFrame, code: str) -> list[dict[str, Any]]:
    if not code:
        return []
    return [one for one in await prescriptions.of_visit(tx, frame.encounter_id) if drug_safety.code_of(one) == code]


async def _amounts(
    tx: Transaction,
    frame: VisitFrame,
    read: Mapping[int, RxLine],
    drugs: Mapping[str, Row],
    replaced: Sequence[dict[str, Any]],
) -> tuple[Any, Any, str]:
    """(amounts before, after, fault): a drug without a price of the day cannot be prescribed on insurance."""
    new = [
        charges.NewLine(
            "drug", line.drug_code, drug_lines.quantity_of(line, drugs[line.drug_code]), f"new/{index}", tx.now
        )
        for index, line in read.items()
        if line.payer == "bhyt" and drugs[line.drug_code].data.get("is_insured")
    ]
    before = await charges.of_visit(tx, frame.encounter_id)
    gone = [f"MedicationRequest/{one['id']}" for one in replaced]
    try:
        return before, await charges.of_visit(tx, frame.encounter_id, extra=new, without=gone), ""
    except errors.Unprocessable as failure:
        return before, before, failure.text


def _written_line(request: dict[str, Any]) -> dict[str, Any]:
    quantity = (request.get("dispenseRequest") or {}).get("quantity") or {}
    return {
        "id": request["id"],
        "name": str(request["medicationCodeableConcept"].get("text", "")),
        "dosage": str((request.get("dosageInstruction") or [{}])[0].get("text", "")),
        "quantity": quantity.get("value", ""),
        "unit": str(quantity.get("unit", "")),
        "payer": visit_facts.extension_of(request, drug_lines.PAYER, "valueCode") or "self",
        "is_active": request.get("status") == "active",
    }
