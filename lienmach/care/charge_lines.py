"""A charge as a line of the visit's arithmetic: from the catalogues of its day, and to and from a ChargeItem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from lienmach.base import errors
from lienmach.care import catalogues, systems
from lienmach.care.catalogues import Row
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh import costs
from lienmach.standards.bhxh.costs import Line

TERMS = systems.EXTENSION + "charge-terms"  # price and insured terms of the day of the order, members as in costs.Line
_MEMBERS = ("table", "nhom", "don-gia-bv", "don-gia-bh", "pham-vi", "tyle-tt-bh", "t-trantt")


@dataclass(frozen=True)
class ChargeLine:
    """line: as the arithmetic takes it. list_name, code, name: the row of the catalogue."""

    line: Line
    list_name: str
    code: str
    name: str


class Asked(Protocol):
    """What is needed of a line that is asked for: charges.NewLine."""

    @property
    def list_name(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def key(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def scope(self) -> str: ...


async def of_catalogue(tx: Transaction, asked: Sequence[Asked]) -> list[ChargeLine]:
    """The lines with price and terms of the days on which they were ordered.

    Raises errors.Unprocessable for a code, a price or a quantity that is not there.
    """
    zone = tx.tenant.time_zone
    rows: dict[tuple[str, str, Any], Row] = {}
    prices: dict[tuple[str, str, Any], Row] = {}
    for on, list_name in sorted({(one.at.astimezone(zone).date(), one.list_name) for one in asked}):
        codes = [one.code for one in asked if one.list_name == list_name and one.at.astimezone(zone).date() == on]
        for code, row in (await catalogues.get_many(tx, list_name, codes, on=on)).items():
            rows[list_name, code, on] = row
        priced = await catalogues.get_many(tx, "price", [f"{list_name}:{code}" for code in codes], on=on)
        for code, row in priced.items():
            prices[list_name, code.partition(":")[2], on] = row
    found = []
    for one in asked:
        key = (one.list_name, one.code, one.at.astimezone(zone).date())
        if key not in rows:
            raise errors.Unprocessable(f"Mã {one.code[:40]} không có trong danh mục vào ngày chỉ định.")
        if key not in prices:
            raise errors.Unprocessable(
                f"{rows[key].name} ({one.code[:40]}) chưa có giá vào ngày chỉ định. Hãy nhập bảng giá rồi thử lại."
            )
        if one.quantity <= 0:
            raise errors.Unprocessable(f"{rows[key].name}: số lượng phải lớn hơn 0.")
        found.append(ChargeLine(_line(one, rows[key], prices[key], zone), one.list_name, one.code, rows[key].name))
    return found


def _line(asked: Asked, row: Row, price: Row, zone: ZoneInfo) -> Line:
    is_insured = asked.scope == "insured" and bool(row.data.get("is_insured", True))
    scope = int(row.data.get("scope", costs.IN_SCOPE)) if is_insured else costs.OUT_OF_SCOPE
    own, insured = Decimal(str(price.data["don_gia_bv"])), Decimal(str(price.data.get("don_gia_bh") or 0))
    if scope == costs.IN_SCOPE and insured == 0:
        scope = costs.OUT_OF_SCOPE  # the list has no insured price for it
    is_drug = asked.list_name == "drug"
    if is_drug and scope == costs.IN_SCOPE:
        own = insured  # a drug on the list has one price, that of its tender
    ceiling = price.data.get("t_trantt")
    return Line(
        asked.key,
        costs.DRUGS if is_drug else costs.SERVICES,
        str(row.data.get("nhom", "4" if is_drug else "")),
        asked.quantity,
        own,
        insured,
        asked.at.astimezone(zone),
        scope,
        int(row.data.get("ratio", 100)) if scope == costs.IN_SCOPE else 100 if scope == costs.FORCES_SCOPE else 0,
        Decimal(str(ceiling)) if ceiling else None,
    )


def write(charge: ChargeLine) -> list[Resource]:
    """The extensions of a ChargeItem that keep the terms."""
    line = charge.line
    values: tuple[Any, ...] = (
        line.table, line.nhom, line.don_gia_bv, line.don_gia_bh, line.scope, line.ratio, line.ceiling,
    )  # fmt: skip
    parts = []
    for name, value in zip(_MEMBERS, values, strict=True):
        if value is not None and value != "":
            kind = {str: "valueCode", int: "valueInteger", Decimal: "valueDecimal"}[type(value)]
            parts.append({"url": name, kind: value})
    return [{"url": TERMS, "extension": parts}]


def read(item: Resource, zone: ZoneInfo) -> ChargeLine:
    """The line of a ChargeItem. Raises errors.Unprocessable for one that is not ours: it carries no terms."""
    said: dict[str, Any] = {}
    for one in item.get("extension", ()):
        if one.get("url") == TERMS:
            for part in one["extension"]:
                said[part["url"]] = next(value for key, value in part.items() if key.startswith("value"))
    coding = (item["code"].get("coding") or [{}])[0]
    if not said:
        raise errors.Unprocessable("A cost of this visit carries no price of its day; it was not made here.")
    line = Line(
        item["id"],
        said["table"],
        said.get("nhom", ""),
        Decimal(item["quantity"]["value"]),
        Decimal(said["don-gia-bv"]),
        Decimal(said["don-gia-bh"]),
        datetime.fromisoformat(item["occurrenceDateTime"].replace("Z", "+00:00")).astimezone(zone),
        said["pham-vi"],
        said["tyle-tt-bh"],
        Decimal(said["t-trantt"]) if "t-trantt" in said else None,
    )
    list_name = "drug" if coding.get("system") == systems.DRUG else "service"
    return ChargeLine(line, list_name, coding.get("code", ""), item["code"].get("text", ""))
