"""Which costs of a visit stand on its statement now, and what they come to.

In: what was done or given out, drugs that the dispensary holds for the patient, laboratory tests whose specimen was
taken. Out: services that were ordered and not done (rule REL-13), what was cancelled, what nobody fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from lienmach.care import catalogues, charges, resources, visit_facts
from lienmach.care.charges import VisitAmounts
from lienmach.care.money.statement import StatementLine
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh import costs

NOT_DONE = "chưa thực hiện"
_WHY = {"planned": NOT_DONE, "aborted": "đã huỷ", "not-billable": "không cấp phát"}
_STATUSES = (*charges.COUNTED, "aborted", "not-billable")
_LOST = frozenset({"entered-in-error", "unsatisfactory", "unavailable"})  # a specimen that serves no order any more
_SUPPLIES = frozenset({"10", "11"})  # MA_NHOM
_SPECIMENS_MAX = 200
_UNIT = "Lần"


@dataclass(frozen=True)
class Costs:
    """lines: on the statement, oldest order first. excluded: (name, why) of the others."""

    lines: tuple[StatementLine, ...]
    amounts: VisitAmounts
    excluded: tuple[tuple[str, str], ...]


async def read(tx: Transaction, encounter: Resource) -> Costs:
    """The costs of a visit as it stands in this unit."""
    items = await charges.items_of_visit(tx, encounter["id"], statuses=_STATUSES)
    taken = await _orders_with_specimen(tx, encounter, items)
    counted = [one for one in items if _counts(one, taken)]
    kept = {one["id"] for one in counted}
    left_out = [one for one in items if one["id"] not in kept]
    amounts = await charges.of_visit(tx, encounter["id"], without=[one["id"] for one in left_out])
    by_id = {one["id"]: one for one in counted}
    units = await _units(tx, amounts, by_id)
    lines = tuple(_line(one, by_id[one.line.key], units) for one in amounts.lines)
    excluded = tuple((str(one["code"].get("text", "")), _WHY[one["status"]]) for one in left_out)
    return Costs(lines, amounts, excluded)


def totals_of(lines: Sequence[StatementLine], amounts: costs.Amounts) -> dict[str, Decimal]:
    """The sums of XML1 (rules MON-09 to MON-12). Every line is paid by service (MA_PTTT 1)."""
    zero = Decimal(0)
    return {
        **{name: getattr(amounts, name) + zero for name in _SUMS},
        "T_THUOC": sum((one.THANH_TIEN_BV for one in lines if one.table == costs.DRUGS), zero),
        "T_VTYT": sum((one.THANH_TIEN_BV for one in lines if one.nhom in _SUPPLIES), zero),
        "T_BHTT_GDV": sum((one.T_BHTT for one in lines), zero),
    }


_SUMS = ("T_TONGCHI_BV", "T_TONGCHI_BH", "T_BHTT", "T_BNCCT", "T_BNTT", "T_NGUONKHAC")


def cause_of(item: Resource) -> str:
    """The reference that caused a ChargeItem, or ""."""
    return next((str(one.get("reference", "")) for one in item.get("supportingInformation", ())), "")


def _counts(item: Resource, taken: set[str]) -> bool:
    if item["status"] != "planned":
        return item["status"] in charges.COUNTED
    cause = cause_of(item)
    return cause.startswith("MedicationRequest/") or cause in taken


async def _orders_with_specimen(tx: Transaction, encounter: Resource, items: Sequence[Resource]) -> set[str]:
    """References of the planned orders of which a usable specimen was taken."""
    planned = {cause_of(one) for one in items if one["status"] == "planned"}
    wanted = {one for one in planned if one.startswith("ServiceRequest/")}
    if not wanted:
        return set()
    patient = ("patient", visit_facts.patient_of(encounter))
    found = await resources.find(tx, "Specimen", patient, count=_SPECIMENS_MAX)
    living = [one for one in found if one.get("status") not in _LOST]
    return wanted & {str(asked.get("reference", "")) for one in living for asked in one.get("request", ())}


async def _units(
    tx: Transaction, amounts: VisitAmounts, items: dict[str, Resource]
) -> dict[tuple[str, str, date], str]:
    """(list, code, day of the order) -> unit, from the catalogues of that day."""
    wanted: dict[tuple[str, date], set[str]] = {}
    for one in amounts.lines:
        list_name, code = _code(items[one.line.key])
        wanted.setdefault((list_name, one.line.ordered_at.date()), set()).add(code)
    found = {}
    for (list_name, on), codes in sorted(wanted.items()):
        for code, row in (await catalogues.get_many(tx, list_name, codes, on=on)).items():
            found[list_name, code, on] = str(row.data.get("unit") or "")
    return found


def _line(amounts: costs.LineAmounts, item: Resource, units: dict[tuple[str, str, date], str]) -> StatementLine:
    line = amounts.line
    list_name, code = _code(item)
    said: dict[str, Any] = {name: getattr(amounts, name) for name in _OF_AMOUNTS}
    done = visit_facts.extension_of(item, charges.DONE_AT, "valueDateTime")
    is_expected = item["status"] == "planned"
    return StatementLine(
        charge_id=item["id"],
        cause=cause_of(item),
        list_name=list_name,
        code=code,
        name=str(item["code"].get("text", "")),
        unit=units.get((list_name, code, line.ordered_at.date())) or ("" if list_name == "drug" else _UNIT),
        table=line.table,
        nhom=line.nhom,
        quantity=line.quantity,
        ordered_at=line.ordered_at,
        done_at=None if is_expected or not done else _moment(str(done), line.ordered_at),
        is_expected=is_expected,
        ceiling=line.ceiling,
        **said,
    )


_OF_AMOUNTS = ("PHAM_VI", "TYLE_TT_DV", "TYLE_TT_BH", "DON_GIA_BV", "DON_GIA_BH", "MUC_HUONG", "THANH_TIEN_BV",
               "THANH_TIEN_BH", "T_BHTT", "T_BNCCT", "T_BNTT", "T_NGUONKHAC", "why")  # fmt: skip


def _code(item: Resource) -> tuple[str, str]:
    """(list, code) of a ChargeItem."""
    coding = (item["code"].get("coding") or [{}])[0]
    list_name = next((name for name, system in charges.LISTS.items() if system == coding.get("system")), "service")
    return list_name, str(coding.get("code", ""))


def _moment(text: str, like: datetime) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(like.tzinfo)
