"""The number on a health insurance card (thẻ BHYT): its parts and what looks wrong about it.

Fifteen characters: object code (2 letters), benefit level (1-5), issuing province (2 digits, the 63
provinces before July 2025 on older cards), social insurance number (10 digits). Cards printed since
April 2021 show the ten digits large (from memory). No check digit is known. Whether a card is *valid* only
the insurer's portal says; nothing here claims it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from lienmach.standards.vietnam import places, tables
from lienmach.standards.vietnam.identity import compact
from lienmach.standards.vietnam.remark import Remark

_CARD = re.compile(r"([A-Z]{2})([1-5])([0-9]{2})([0-9]{10})")
_SOCIAL = re.compile(r"[0-9]{10}")
_CHILD_YEARS = 6


@dataclass(frozen=True)
class InsuranceCard:
    """number: 15 characters. object_code: who is insured. level: "1".."5", the printed digit, which is
    not always the one that counts. social_number: the 10-digit BHXH number, stable for life."""

    number: str
    object_code: str
    level: str
    province_code: str
    social_number: str


@dataclass(frozen=True)
class InsuredObject:
    """One dated row of the object codes: which level belongs to a code while the row is valid."""

    code: str
    level: str
    valid_from: date | None
    valid_to: date | None
    meaning: str


def parse(text: str) -> InsuranceCard | None:
    """The parts of a card number typed with or without spaces; None if it has not that shape."""
    found = _CARD.fullmatch(compact(text))
    return InsuranceCard(found.group(), *found.groups()) if found else None


def is_social_number(text: str) -> bool:
    """Whether `text` has the shape of a 10-digit social insurance number."""
    return bool(_SOCIAL.fullmatch(compact(text)))


def check(text: str, *, on: date) -> list[Remark]:
    """Remarks on a card number as of a day: shape, object code, level of that object, province."""
    card = parse(text)
    if card is None:
        return [
            Remark(
                "card-shape",
                "Số thẻ BHYT gồm 2 chữ cái, 1 chữ số từ 1 đến 5 và 12 chữ số.",
                "A card number has 2 letters, a digit from 1 to 5 and 12 digits.",
            )
        ]
    remarks = []
    levels = [row.level for row in objects(card.object_code) if tables.is_valid(row.valid_from, row.valid_to, on)]
    if not levels:
        remarks.append(
            Remark(
                "card-object-unknown",
                "Mã đối tượng trên thẻ không có trong danh mục.",
                "The object code of the card is in no list that we know.",
            )
        )
    elif card.level not in levels:
        remarks.append(
            Remark(
                "card-level-unusual",
                "Mức hưởng trên thẻ không khớp với mã đối tượng.",
                "The benefit level does not belong to the object code.",
            )
        )
    if not places.old_province(card.province_code):
        remarks.append(
            Remark(
                "card-province-unknown",
                "Mã tỉnh trên thẻ không có trong danh mục.",
                "The province code of the card is in no list that we know.",
            )
        )
    return remarks


def is_outgrown(birth_year: int, months: int, on: date) -> bool:
    """Whether a card with TE is over on a day: at 72 months or, where no school has begun by then, after 30 September.

    months: completed months of age on that day. Luật BHYT art. 16 (as of Luật 46/2014/QH13), NĐ 105/2014/NĐ-CP.
    """
    return months >= _CHILD_YEARS * 12 and on > date(birth_year + _CHILD_YEARS, 9, 30)


def objects(code: str) -> tuple[InsuredObject, ...]:
    """All dated rows of one object code, none if it is unknown."""
    return _objects().get(code, ())


@lru_cache(maxsize=1)
def _objects() -> dict[str, tuple[InsuredObject, ...]]:
    found: dict[str, tuple[InsuredObject, ...]] = {}
    for row in tables.load("insurance_objects"):
        one = InsuredObject(
            row["code"], row["level"], tables.to_day(row["valid_from"]), tables.to_day(row["valid_to"]), row["meaning"]
        )
        found[one.code] = (*found.get(one.code, ()), one)
    return found
