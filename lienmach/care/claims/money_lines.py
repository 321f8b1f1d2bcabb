"""The costs of a visit as its claim takes them: from the closed cost statement, or, before that, as they stand now.

Both come from the same function (`charges.of_visit`); a claim is built from the statement's snapshot and from nothing
else, so that paper and file say the same to the đồng (MON-20).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from lienmach.care import charge_lines, charges
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh import costs

DRUG, SERVICE = "drug", "service"
#: cost groups of XML2, whatever the list: drugs, blood
DRUG_GROUPS = frozenset({"4", "5", "6", "7", "17"})
SUPPLY_GROUPS = frozenset({"10", "11"})
AMOUNTS = ("THANH_TIEN_BV", "THANH_TIEN_BH", "T_BHTT", "T_BNCCT", "T_BNTT", "T_NGUONKHAC")
_SHARES = ("PHAM_VI", "TYLE_TT_DV", "TYLE_TT_BH", "DON_GIA_BV", "DON_GIA_BH", "MUC_HUONG")


@dataclass(frozen=True)
class MoneyLine:
    """One cost. cause: such as `ServiceRequest/1`. amounts: PHAM_VI … T_NGUONKHAC by name. performer: who did it.

    done_at: None while it is only expected. ceiling: T_TRANTT.
    """

    charge_id: str
    cause: str
    list_name: str
    code: str
    name: str
    nhom: str
    quantity: Decimal
    ordered_at: datetime
    done_at: datetime | None
    amounts: dict[str, Any]
    unit: str = ""
    ceiling: Decimal | None = None
    performer: dict[str, str] = field(default_factory=dict)

    @property
    def is_drug(self) -> bool:
        """Whether it stands in XML2."""
        return self.nhom in DRUG_GROUPS if self.nhom else self.list_name == DRUG

    @property
    def cause_id(self) -> str:
        """The id in the cause."""
        return self.cause.partition("/")[2]

    def amount(self, name: str) -> Decimal:
        """One of the amounts."""
        return Decimal(self.amounts[name])


@dataclass(frozen=True)
class Money:
    """The lines of a visit in the order of their causes. exempt_from: since when there is no co-payment, if computed."""

    lines: tuple[MoneyLine, ...]
    exempt_from: datetime | None = None

    def total(self, name: str, lines: Iterable[MoneyLine] | None = None) -> Decimal:
        """The exact sum of an amount over lines (all of them by default)."""
        return sum((one.amount(name) for one in (self.lines if lines is None else lines)), Decimal(0))


async def of_statement(tx: Transaction, statement: Any, items: Iterable[Resource]) -> Money:
    """From the snapshot of a statement (care.money.statements.Statement); who did it stands on the charge."""
    by_id = {one["id"]: one for one in items}
    zone = tx.tenant.time_zone
    found = [
        MoneyLine(
            one.charge_id, one.cause, one.list_name, one.code, one.name, one.nhom, one.quantity,
            one.ordered_at.astimezone(zone),
            # What was expected at closing and is done meanwhile has its time on the charge.
            _local(one.done_at, tx) or _done_at(by_id.get(one.charge_id, {}), tx),
            {name: getattr(one, name) for name in (*_SHARES, *AMOUNTS)}, one.unit, one.ceiling,
            performer_of(by_id.get(one.charge_id, {})),
        )
        for one in statement.lines
    ]  # fmt: skip
    lines = tuple(sorted(found, key=lambda one: (one.ordered_at, one.charge_id)))
    return Money(lines, statement.exempt_from)


async def as_they_stand(tx: Transaction, encounter_id: str, items: Iterable[Resource], certain: Iterable[str]) -> Money:
    """Provisionally, from the charges. certain: causes that are not done yet and still count (drugs that wait at the
    dispensary, tests whose specimen was taken); other planned services are ordered and not done: left out (REL-13)."""
    kept: dict[str, Resource] = {}
    left_out: list[str] = []
    sure = set(certain)
    for item in items:
        cause = cause_of(item)
        if item["status"] == "planned" and cause not in sure:
            left_out.append(cause)
        else:
            kept[item["id"]] = item
    amounts = await charges.of_visit(tx, encounter_id, without=left_out)
    found = []
    for one in amounts.lines:
        if one.line.key not in kept:
            continue
        item = kept[one.line.key]
        read = charge_lines.read(item, tx.tenant.time_zone)
        found.append(
            MoneyLine(
                item["id"], cause_of(item), read.list_name, read.code, read.name, one.line.nhom, one.line.quantity,
                one.line.ordered_at, _done_at(item, tx), {name: getattr(one, name) for name in (*_SHARES, *AMOUNTS)},
                "", one.line.ceiling, performer_of(item),
            )
        )  # fmt: skip
    return Money(tuple(sorted(found, key=lambda one: (one.ordered_at, one.charge_id))), amounts.exempt_from)


def cause_of(item: Resource) -> str:
    """The cause of a ChargeItem, "" for one that names none."""
    return next((str(one.get("reference", "")) for one in item.get("supportingInformation", ())), "")


def performer_of(item: Resource) -> dict[str, str]:
    """The Reference to who did or gave out what is charged, {} while nobody did."""
    for one in item.get("performer", ()):
        actor: dict[str, str] = one.get("actor") or {}
        return actor
    return {}


def is_insured(line: MoneyLine) -> bool:
    """Whether the fund's list covers it."""
    return int(line.amounts["PHAM_VI"]) != costs.OUT_OF_SCOPE


def _done_at(item: Resource, tx: Transaction) -> datetime | None:
    for one in item.get("extension", ()):
        if one.get("url") == charges.DONE_AT and item.get("status") != "planned":
            return _local(datetime.fromisoformat(str(one["valueDateTime"]).replace("Z", "+00:00")), tx)
    return None


def _local(at: datetime | None, tx: Transaction) -> datetime | None:
    return at.astimezone(tx.tenant.time_zone) if at else None
