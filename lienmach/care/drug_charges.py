"""What a prescription line costs: a charge for each drug that was handed over for it.

The line's own charge is of the drug that was written. A substitute has a charge of its own with its own code, group,
price and terms, those of the day of the order as for every cost, so that bill and claim carry what the patient got; the
charge of the written drug falls by as much.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from lienmach.base import clock, errors
from lienmach.care import charge_lines, charges, resources, systems
from lienmach.care.charges import NewLine
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction

_COPIED = ("subject", "context", "occurrenceDateTime", "performingOrganization", "supportingInformation")


async def settle(
    tx: Transaction, cause: str, written: str, given: Mapping[str, Decimal], *, promised: Decimal = Decimal(0)
) -> None:
    """Make the charges of a line say what was handed over so far.

    cause: such as `MedicationRequest/1`. written: code of the drug that was prescribed. given: code -> all that was
    handed over and not taken back; 0 for a drug that was taken back whole. promised: what is still reserved, as
    written: while there is any, the charge of the written drug stays expected. Raises errors.Unprocessable for a
    substitute without a price on the day of the order, errors.NotFound for a line without a charge.
    """
    others = {code: quantity for code, quantity in given.items() if code != written}
    for code, quantity in others.items():
        await _settle_other(tx, cause, code, quantity)
    own = given.get(written, Decimal(0))
    if not promised:
        await charges.settle(tx, cause, quantity=own, at=tx.now)
    elif others:  # the rest is still expected, less what the substitute took over
        await charges.renew(tx, cause, quantity=own + promised)


async def _settle_other(tx: Transaction, cause: str, code: str, quantity: Decimal) -> None:
    key = cause_of(cause, code)
    try:
        known = await resources.read(tx, "ChargeItem", charges.charge_id(key))
    except errors.NotFound:
        if not quantity:
            return
        await _expect(tx, cause, code, quantity)
    else:
        if known["status"] == "billable" and Decimal(known["quantity"]["value"]) == quantity:
            return
    await charges.settle(tx, key, quantity=quantity, at=tx.now)


async def _expect(tx: Transaction, cause: str, code: str, quantity: Decimal) -> None:
    """A charge beside that of the written drug: same visit, order and moment, terms of its own."""
    written = await resources.read(tx, "ChargeItem", charges.charge_id(cause))
    key, ordered_at = (
        cause_of(cause, code),
        datetime.fromisoformat(written["occurrenceDateTime"].replace("Z", "+00:00")),
    )
    [line] = await charge_lines.of_catalogue(tx, [NewLine("drug", code, quantity, key, ordered_at)])
    made: Resource = {
        "resourceType": "ChargeItem",
        "id": charges.charge_id(key),
        "extension": charge_lines.write(line),
        "status": "planned",
        "code": resources.concept(systems.DRUG, code, line.name),
        **{name: written[name] for name in _COPIED if name in written},
        "quantity": {"value": quantity},
        "enterer": resources.me(tx),
        "enteredDate": clock.to_instant(tx.now),
    }
    if written.get("meta", {}).get("security"):
        made["meta"] = {"security": written["meta"]["security"]}
    await resources.create(tx, made, resource_id=made["id"])


def handed_over(dispenses: Iterable[Resource], written: str, more: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Drug -> what hand-overs of a line and `more` come to. written: the drug of a hand-over that names none."""
    found = dict(more)
    for one in dispenses:
        medication = (one.get("contained") or [{}])[0]
        code = resources.code_of(medication.get("code"), systems.DRUG) or written
        found[code] = found.get(code, Decimal(0)) + Decimal(one["quantity"]["value"])
    return found


def cause_of(cause: str, code: str) -> str:
    """What the charge of a substitute follows from."""
    return f"{cause}|{code}"
