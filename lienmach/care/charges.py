"""What a visit costs: charges expected when something is ordered, settled when it is done, and the visit's amounts.

A charge is a ChargeItem whose id follows from its cause (such as `ServiceRequest/1`), so it is found without a search
and exists once. It carries the price and the insured terms of the day of the order: a price list that changes later
rewrites nothing. Status: planned (expected), billable (done or given out), aborted (cancelled), not-billable (nothing
was given out). The arithmetic is standards/bhxh/benefit.py; the share of a line is known only for the visit as a whole.

    await charges.expect(tx, encounter_id, list_name="service", code=…, quantity=Decimal(1), cause=…, at=tx.now)
    amounts = await charges.of_visit(tx, encounter_id)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from lienmach.base import clock, errors
from lienmach.care import charge_lines, insurance, resources, systems, visit_cards, visit_facts
from lienmach.care.charge_lines import ChargeLine
from lienmach.care.claims import looks
from lienmach.care.resources import Resource
from lienmach.care.visit_cards import Basis
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh import benefit, costs
from lienmach.standards.bhxh.costs import Amounts as Amounts

LISTS = {"service": systems.SERVICE, "drug": systems.DRUG}
DONE_AT = systems.EXTENSION + "charge-done-at"  # valueDateTime: when it was done or given out (NGAY_TH_YL)
REASON = systems.EXTENSION + "charge-cancel-reason"  # valueString
COUNTED = ("planned", "billable", "billed")
_LINES_MAX = 1000
_REFERENCE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}")


@dataclass(frozen=True)
class NewLine:
    """A line that is not stored: what an order that is being considered would add. key: unlike that of any other line.

    list_name: service or drug. scope: insured, or self for what the patient chose to pay alone.
    """

    list_name: str
    code: str
    quantity: Decimal
    key: str
    at: datetime
    scope: str = "insured"


def charge_id(cause: str) -> str:
    """The id of the ChargeItem that a cause has."""
    return hashlib.sha256(f"charge|{cause}".encode()).hexdigest()[:32]


async def expect(
    tx: Transaction,
    encounter_id: str,
    *,
    list_name: str,
    code: str,
    quantity: Decimal,
    cause: str,
    at: datetime,
    scope: str = "insured",
) -> Stored:
    """Expect the cost of what was just ordered; the same cause again replaces what was expected before.

    quantity: above 0. at: moment of the order, aware. scope: insured or self. Also queues the check-in message with the
    first insured cost of a visit. Raises errors.Unprocessable for a code or price that the catalogues do not have on
    that day, errors.Conflict for a cause whose charge is settled.
    """
    encounter = await resources.read(tx, "Encounter", encounter_id)
    [line] = await charge_lines.of_catalogue(tx, [NewLine(list_name, code, quantity, cause, at, scope)])
    own = charge_id(cause)
    known = await _known(tx, own)
    if known is not None and known["status"] in ("billable", "billed"):
        raise errors.Conflict("This cost is settled already and can no longer be expected again.")
    item: Resource = {
        "resourceType": "ChargeItem",
        "id": own,
        "extension": charge_lines.write(line),
        "status": "planned",
        "code": resources.concept(LISTS[list_name], code, line.name),
        "subject": encounter["subject"],
        "context": {"reference": f"Encounter/{encounter_id}"},
        "occurrenceDateTime": clock.to_instant(at),
        "quantity": {"value": quantity},
        "enterer": resources.me(tx),
        "enteredDate": clock.to_instant(tx.now),
        **({"performingOrganization": encounter["serviceProvider"]} if encounter.get("serviceProvider") else {}),
        **({"supportingInformation": [{"reference": cause}]} if _REFERENCE.fullmatch(cause) else {}),
    }
    if encounter.get("meta", {}).get("security"):
        item["meta"] = {"security": encounter["meta"]["security"]}
    if known is None:
        stored = await resources.create(tx, item, resource_id=own)
    else:
        stored = await resources.update(tx, {**item, "meta": {**item.get("meta", {}), **known["meta"]}})
    if line.line.scope == costs.IN_SCOPE:
        await insurance.queue_check_in(tx, encounter_id, first_cost=line)
    if not visit_facts.is_open(encounter):
        consider_claim(tx, encounter_id)
    return stored


async def settle(tx: Transaction, cause: str, *, quantity: Decimal | None = None, at: datetime | None = None) -> Stored:
    """Make a charge final: done, or given out. quantity: all that was used or given so far, 0 for nothing at all.

    at: when (NGAY_TH_YL), aware; now if left out. May be called again: the last quantity holds. After the statement of
    the visit was closed too: it says another sum then, and the claim is looked at again. Raises errors.NotFound without
    such a charge, errors.Conflict if it was cancelled or billed.
    """
    item = await resources.read(tx, "ChargeItem", charge_id(cause))
    if item["status"] not in ("planned", "billable", "not-billable"):
        raise errors.Conflict("This cost was cancelled or billed already; nothing was changed.")
    amount = Decimal(item["quantity"]["value"]) if quantity is None else quantity
    if amount < 0:
        raise errors.Unprocessable("What was given out cannot be less than nothing.")
    item["status"] = "billable" if amount else "not-billable"
    if amount:
        item["quantity"] = {"value": amount}
        item["performer"] = [{"actor": resources.me(tx)}]  # NGUOI_THUC_HIEN of the claim
    consider_claim(tx, resources.id_of(item.get("context"), "Encounter"))
    return await resources.update(
        tx, visit_facts.with_extension(item, DONE_AT, "valueDateTime", clock.to_instant(at or tx.now))
    )


async def renew(tx: Transaction, cause: str, *, quantity: Decimal) -> Stored:
    """Expect a charge again that was settled: what was let go is promised anew. quantity: all of it, above 0.

    Raises errors.NotFound without such a charge, errors.Conflict if it was cancelled or billed.
    """
    item = await resources.read(tx, "ChargeItem", charge_id(cause))
    if item["status"] not in ("planned", "billable", "not-billable"):
        raise errors.Conflict("This cost was cancelled or billed already; nothing was changed.")
    item |= {"status": "planned", "quantity": {"value": quantity}}
    consider_claim(tx, resources.id_of(item.get("context"), "Encounter"))
    return await resources.update(tx, visit_facts.with_extension(item, DONE_AT, "valueDateTime", None))


async def cancel(tx: Transaction, cause: str, reason: str) -> Stored | None:
    """Take back a cost that was expected; None if the cause never had one. Raises errors.Conflict once it is billed."""
    item = await _known(tx, charge_id(cause))
    if item is None:
        return None
    if item["status"] == "billed":
        raise errors.Conflict("This cost is on a bill already; the bill must be changed first.")
    item["status"] = "aborted"
    consider_claim(tx, resources.id_of(item.get("context"), "Encounter"))
    return await resources.update(
        tx, visit_facts.with_extension(item, REASON, "valueString", reason.strip()[:500] or None)
    )


def consider_claim(tx: Transaction, encounter_id: str) -> None:
    """Let statement and claim of a visit be looked at again when tx has committed; said twice it is once."""
    if encounter_id:
        looks.queue(tx, encounter_id)


@dataclass(frozen=True)
class VisitAmounts(costs.Amounts):
    """The amounts of a visit and how sure they are. is_provisional: card not verified, or the category may change.

    remarks: Vietnamese sentences to show beside the total; they are keys of the words. names: (line key, name).
    """

    is_provisional: bool = True
    remarks: tuple[str, ...] = ()
    names: tuple[tuple[str, str], ...] = ()


async def of_visit(
    tx: Transaction, encounter_id: str, *, extra: Sequence[NewLine] = (), without: Iterable[str] = ()
) -> VisitAmounts:
    """Every amount of a visit as it stands in this unit, its own pending charges included.

    extra: lines that an order would add; they come last, in their order. without: causes, or ids of charges, left out.
    A visit without a card is the patient's own; a card that nobody has verified counts provisionally and is said so in
    `remarks`.
    """
    stored, added, basis = await _gather(tx, encounter_id, extra, without)
    return _compute(basis, [*stored, *added])


async def in_steps(tx: Transaction, encounter_id: str, extra: Sequence[NewLine]) -> list[VisitAmounts]:
    """The visit without any of these lines, with the first, with the first two, and so on; read once."""
    stored, added, basis = await _gather(tx, encounter_id, extra, ())
    return [_compute(basis, [*stored, *added[:count]]) for count in range(len(added) + 1)]


async def _gather(
    tx: Transaction, encounter_id: str, extra: Sequence[NewLine], without: Iterable[str]
) -> tuple[list[ChargeLine], list[ChargeLine], Basis]:
    encounter = await resources.read(tx, "Encounter", encounter_id)
    left_out = {one for cause in without for one in (cause, charge_id(cause))}
    found = [charge_lines.read(one, tx.tenant.time_zone) for one in await items_of_visit(tx, encounter_id)]
    stored = [one for one in found if one.line.key not in left_out]
    added = await charge_lines.of_catalogue(tx, extra) if extra else []
    return stored, added, await visit_cards.basis_of(tx, encounter)


def _compute(basis: Basis, lines: Sequence[ChargeLine]) -> VisitAmounts:
    try:
        amounts = benefit.compute(basis.visit, [one.line for one in lines], basis.parameters)
    except ValueError as problem:
        raise errors.Unprocessable(f"The amounts of this visit cannot be computed: {problem}.") from None
    own: dict[str, Any] = {name: getattr(amounts, name) for name in costs.Amounts.__dataclass_fields__}
    return VisitAmounts(
        **own,
        is_provisional=basis.is_provisional,
        remarks=basis.remarks,
        names=tuple((one.line.key, one.name) for one in lines),
    )


async def items_of_visit(tx: Transaction, encounter_id: str, *, statuses: Sequence[str] = COUNTED) -> list[Resource]:
    """The ChargeItems of a visit in these states, oldest order first, this unit's own included."""
    reference = f"Encounter/{encounter_id}"
    listed = await resources.find(tx, "ChargeItem", ("context", reference), count=_LINES_MAX)
    found = {one["id"]: one for one in listed}
    for change in list(tx.pending.values()):
        if change.type == "ChargeItem" and change.op != "D":
            one = resources.of(change.stored())
            if one.get("context", {}).get("reference") == reference:
                found[one["id"]] = one
    kept = [one for one in found.values() if one["status"] in statuses]
    return sorted(kept, key=lambda one: (one["occurrenceDateTime"], one["enteredDate"], one["id"]))


async def _known(tx: Transaction, own: str) -> Resource | None:
    try:
        return await resources.read(tx, "ChargeItem", own)
    except errors.NotFound:
        return None
