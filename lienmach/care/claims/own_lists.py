"""Our own staff, drugs, services and machines as rows of the insurer's forms, beside what it has accepted of them.

Codes: staff by licence, drugs and services by our own code, machines by MA_MAY, as in accepted.py. A price is the
insured one of the price list. What only we know of a row (`kinds`, `is_head`, `device` …) stays with it and is never
handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from lienmach.care import catalogues, resources, systems
from lienmach.care.catalogues import Row
from lienmach.care.claims import accepted
from lienmach.record.transaction import Transaction

NEW, CHANGED, SAME = "new", "changed", "same"
#: form -> members that are handed in, in the order of the form
MEMBERS: dict[str, tuple[str, ...]] = {
    "02": ("MA_BAC_SI", "HO_TEN", "CHUC_DANH"),
    "03": ("MA_THUOC", "TEN_THUOC", "HAM_LUONG", "DUONG_DUNG", "DANG_BAO_CHE", "DON_VI_TINH", "SO_DANG_KY", "TT_THAU",
           "DON_GIA"),
    "05": ("MA_DICH_VU", "TEN_DICH_VU", "DON_GIA"),
    "06": ("MA_MAY", "TEN_MAY"),
}  # fmt: skip
#: form -> members without which a row cannot be handed in
_NEEDED: dict[str, tuple[str, ...]] = {
    "02": ("MA_BAC_SI", "HO_TEN", "CHUC_DANH"),
    "03": ("MA_THUOC", "TEN_THUOC", "DON_VI_TINH", "DON_GIA"),
    "05": ("MA_DICH_VU", "TEN_DICH_VU", "DON_GIA"),
    "06": ("MA_MAY", "TEN_MAY"),
}
_ROWS_MAX = 20_000
_DOES_ALL = ("exam", "lab", "imaging", "procedure", "functional")
#: word of a qualification -> kinds of work that its holder signs, where no accepted row says it
_KINDS = {"Bác sĩ": _DOES_ALL, "Kỹ thuật viên": ("lab", "imaging", "functional"), "Điều dưỡng": ("procedure",)}


@dataclass(frozen=True)
class Own:
    """A row of ours. key: what a page chooses it by. state: new, changed or same against the newest accepted row.

    differences: (member, accepted, ours). lacking: members that it needs and has not.
    """

    key: str
    code: str
    name: str
    data: Mapping[str, Any]
    state: str
    differences: tuple[tuple[str, str, str], ...]
    lacking: tuple[str, ...]


async def of_form(tx: Transaction, form: str, on: date, *, machine_codes: Mapping[str, str] | None = None) -> list[Own]:
    """Our rows of a form on a day, by name. machine_codes: MA_MAY by Device, where no accepted row says it yet.

    Raises KeyError for a form that has no list here.
    """
    standing = await newest(tx, form, on)
    if form == "02":
        found = await _staff(tx, standing)
    elif form == "06":
        found = await _machines(tx, standing, machine_codes or {})
    else:
        found = await _priced(tx, form, on, standing)
    return sorted((_compared(form, standing, *one) for one in found), key=lambda one: (one.name, one.code))


async def newest(tx: Transaction, form: str, on: date) -> dict[str, Row]:
    """The accepted rows that hold on a day or later, by code; of several the one that begins last."""
    rows = await catalogues.all_of(tx, accepted.FORMS[form][0], limit=_ROWS_MAX)
    return {one.code: one for one in rows if one.valid_to is None or one.valid_to >= on}


def handed_in(form: str, data: Mapping[str, Any]) -> dict[str, str]:
    """The members of a row as they are handed in: text, numbers without an exponent."""
    return {name: said(data.get(name)) for name in MEMBERS[form]}


def said(value: Any) -> str:
    """A member as text: 45000, 45000.0 and 45000.00 are the same price."""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        number = Decimal(str(value))
        return f"{number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize():f}"
    return " ".join(str(value or "").split())


def _compared(form: str, standing: Mapping[str, Row], key: str, code: str, name: str, data: dict[str, Any]) -> Own:
    row, ours = standing.get(code), handed_in(form, data)
    there = handed_in(form, row.data) if row is not None else {}
    differences = tuple(
        (one, there[one], ours[one]) for one in MEMBERS[form] if row is not None and there[one] != ours[one]
    )
    state = NEW if row is None else CHANGED if differences else SAME
    return Own(key, code, name, data, state, differences, tuple(one for one in _NEEDED[form] if not ours[one]))


async def _staff(tx: Transaction, standing: Mapping[str, Row]) -> list[tuple[str, str, str, dict[str, Any]]]:
    rows = []
    for one in await resources.find(tx, "Practitioner", ("active", "true"), count=1000):
        licence = resources.identifier_of(one, systems.LICENCE)
        if not licence:
            continue
        name = str((one.get("name") or [{}])[0].get("text", ""))
        word = str(((one.get("qualification") or [{}])[0].get("code") or {}).get("text", ""))
        known: Mapping[str, Any] = standing[licence].data if licence in standing else {}
        data = {"MA_BAC_SI": licence, "HO_TEN": name, "CHUC_DANH": word,
                "kinds": known.get("kinds", list(_KINDS.get(word, ()))), "is_head": bool(known.get("is_head"))}  # fmt: skip
        rows.append((licence, licence, name, data))
    return rows


async def _machines(
    tx: Transaction, standing: Mapping[str, Row], codes: Mapping[str, str]
) -> list[tuple[str, str, str, dict[str, Any]]]:
    by_device = {str(one.data.get("device") or ""): one for one in standing.values()}
    rows = []
    for one in await resources.find(tx, "Device", ("status", "active"), count=1000):
        name = str((one.get("deviceName") or [{}])[0].get("name", ""))
        row = by_device.get(one["id"])
        code = row.code if row is not None else codes.get(one["id"], "")
        known: Mapping[str, Any] = row.data if row is not None else {}
        data = {"MA_MAY": code, "TEN_MAY": name, "device": one["id"], "services": known.get("services", []),
                "nhom": known.get("nhom", "")}  # fmt: skip
        rows.append((one["id"], code, name, data))
    return rows


async def _priced(
    tx: Transaction, form: str, on: date, standing: Mapping[str, Row]
) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Insured drugs or services of the day with their insured price; one without a price lacks DON_GIA."""
    kind = "drug" if form == "03" else "service"
    listed = [one for one in await catalogues.all_of(tx, kind, on=on, limit=_ROWS_MAX) if one.data.get("is_insured")]
    prices = await catalogues.get_many(tx, "price", [f"{kind}:{one.code}" for one in listed], on=on)
    rows = []
    for one in listed:
        row, known = prices.get(f"{kind}:{one.code}"), standing.get(one.code)
        price = row.data.get("don_gia_bh") if row is not None else None
        data = _medicine(one, price) if form == "03" else _technique(one, price, known)
        rows.append((one.code, one.code, one.name, data))
    return rows


def _medicine(row: Row, price: Any) -> dict[str, Any]:
    own = row.data
    return {
        "MA_THUOC": own.get("bhyt_code"),
        "TEN_THUOC": row.name,
        "HAM_LUONG": own.get("strength"),
        "DUONG_DUNG": own.get("route_bhyt"),
        "DANG_BAO_CHE": own.get("form"),
        "DON_VI_TINH": own.get("unit"),
        "SO_DANG_KY": own.get("registration"),
        "TT_THAU": own.get("tender"),
        "DON_GIA": price,
    }


def _technique(row: Row, price: Any, known: Row | None) -> dict[str, Any]:
    """The accepted code stays: our own services carry none of the insurer's."""
    code = str(known.data.get("MA_DICH_VU") or row.code) if known is not None else row.code
    return {"MA_DICH_VU": code, "TEN_DICH_VU": row.name, "DON_GIA": price}
