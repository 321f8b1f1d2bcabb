"""Claim files worked out again from their own rows, apart from the code that made them: every line, share and total.

    found = claim_sums.read(data)                # the bytes of one claim file
    assert claim_sums.differences(found) == []

Restated from the annexes of Decision 130/QĐ-BYT (2023-01-18) as amended by 4750, 3176 and 1931, Decision 3276/QĐ-BYT
(2025-10-17) and Resolution 261/2025/QH15 (secondary); numbers of rules as in docs/reference/claim-rules.md. Only what
demo visits have: examinations (kind 01), no help from other sources, no cards of the forces.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from lxml import etree

Row = dict[str, str]
_ZERO, _HUNDRED, _CENT = Decimal(0), Decimal(100), Decimal("0.01")
#: from (yyyymmdd of arrival) -> 15 % of the base salary
_LINES = (("20260701", Decimal(379_500)), ("20240701", Decimal(351_000)))
#: fifth character of nothing but the third of a card -> percent; objects that have a level of their own since 2026
_PERCENT = {"1": 100, "2": 100, "3": 95, "4": 80}
_WHOLE_SINCE_2026 = ("CN", "LH")
#: categories that pay half since 2026-07-01; every other one that demo visits have pays whole
_HALF, _STATION = ("1.13", "1.14"), "1.2"
_WHOLE = ("1.1", "1.3", "1.5", "1.11", "1.12", _STATION)
_EXAMINATION, _EXAMINATION_RATES = "13", (100, 30, 30, 30, 10, 0)
_PARTS = ("T_BHTT", "T_BNCCT", "T_BNTT", "T_NGUONKHAC")
AMOUNTS = ("THANH_TIEN_BV", "THANH_TIEN_BH", *_PARTS)


@dataclass(frozen=True)
class ClaimFile:
    """One file. tables: rows as they stand; data: the bytes."""

    tables: dict[str, list[Row]]
    data: bytes

    @property
    def visit(self) -> Row:
        """The row of XML1."""
        return self.tables["XML1"][0]

    @property
    def key(self) -> str:
        """MA_LK."""
        return self.visit["MA_LK"]

    @property
    def lines(self) -> list[Row]:
        """Drugs, then services."""
        return [*self.tables.get("XML2", ()), *self.tables.get("XML3", ())]

    def total(self, field: str) -> Decimal:
        """An amount of XML1."""
        return Decimal(self.visit[field])

    @property
    def is_below(self) -> bool:
        """Whether it lies below the 15 % line of the day of arrival."""
        return sum((Decimal(one["THANH_TIEN_BH"]) for one in self.lines), _ZERO) < _line(self.visit["NGAY_VAO"])


def read(data: bytes) -> ClaimFile:
    """A claim file by a reader of its own. Raises ValueError, KeyError for what is none."""
    root = _parse(data)
    tables: dict[str, list[Row]] = {}
    for entry in root.iter("FILEHOSO"):
        inner = _parse(base64.b64decode(entry.findtext("NOIDUNGFILE") or "", validate=True))
        tables[entry.findtext("LOAIHOSO") or ""] = list(_rows(inner))
    return ClaimFile(tables, data)


def differences(claim: ClaimFile) -> list[str]:
    """What does not come out again, as sentences; empty where every line and total does."""
    found = [*_examinations_in_turn(claim)]
    wanted = _shares(claim)
    for one, share in zip(claim.lines, wanted, strict=True):
        found += _line_differences(one, share)
    found += _total_differences(claim)
    return [f"{claim.key}: {one}" for one in found]


def bill(claim: ClaimFile) -> tuple[int, Decimal]:
    """(what the patient pays in whole đồng, what rounding once has added) by the totals of XML1 (MON-18)."""
    owed = claim.total("T_BNTT") + claim.total("T_BNCCT")
    paid = owed.quantize(Decimal(1), ROUND_HALF_UP)
    return int(paid), paid - owed


def shapes(claim: ClaimFile) -> set[str]:
    """What this claim shows, for whoever asks whether a run was varied enough."""
    own, lines = claim.visit, claim.lines
    side = "below" if claim.is_below else "above"
    card = own["MA_THE_BHYT"].split(";")[0]
    groups = [one["MA_NHOM"] for one in claim.tables.get("XML3", ())]
    has = {
        f"{percent_of(card, own['NGAY_VAO'])} % card": True,
        f"{percent_of(card, own['NGAY_VAO'])} % card {side} the line": True,
        f"category {own['MA_DOITUONG_KCB']}": True,
        f"category {own['MA_DOITUONG_KCB']} {side} the line": True,
        "self-pay line": any(one["PHAM_VI"] == "2" for one in lines),
        "price above the insured one": any(one["PHAM_VI"] == "1" and Decimal(one["T_BNTT"]) for one in lines),
        "second examination": groups.count(_EXAMINATION) > 1,
        "child": card.startswith("TE"),
        "exempt": bool(own["NGAY_MIEN_CCT"]),
        "rounded": bool(bill(claim)[1]),
        "unpaid": not own["NGAY_TTOAN"],
        "nothing to pay": bill(claim)[0] == 0,
    }
    return {name for name, is_so in has.items() if is_so} | set(claim.tables)


def percent_of(card: str, arrived: str) -> int:
    """The percent of a card by its letters on a day. Raises KeyError for one that demo visits have not."""
    if card[:2] in _WHOLE_SINCE_2026:
        return 100 if arrived >= "2026" else {"CN": 95, "LH": 80}[card[:2]]
    return _PERCENT[card[2]]


def _shares(claim: ClaimFile) -> Iterator[Decimal]:
    """MUC_HUONG of each line (BEN-01 to BEN-07)."""
    own = claim.visit
    category = own["MA_DOITUONG_KCB"]
    if category not in (*_WHOLE, *_HALF):
        raise KeyError(f"{own['MA_LK']}: nothing is known of category {category}")
    rate = Decimal(50) if category in _HALF else _HUNDRED
    is_whole = claim.is_below or category == _STATION
    for one in claim.lines:
        if one["PHAM_VI"] != "1":
            yield _ZERO
        elif is_whole or (own["NGAY_MIEN_CCT"] and own["NGAY_MIEN_CCT"] <= one["NGAY_YL"]):
            yield rate
        else:
            yield max(Decimal(percent_of(card, one["NGAY_YL"])) for card in _cards(own, one["NGAY_YL"])) * rate / 100


def _cards(own: Row, at: str) -> list[str]:
    """The cards that hold on the day of a line, of those that the visit names; the first, where none says so."""
    numbers = own["MA_THE_BHYT"].split(";")
    froms, untils = own["GT_THE_TU"].split(";"), own["GT_THE_DEN"].split(";")
    told = [
        number for place, number in enumerate(numbers) if _at(froms, place, "0") <= at[:8] <= _at(untils, place, "9")
    ]
    return told or numbers[:1]


def _at(parts: list[str], place: int, other: str) -> str:
    return (parts[place] if place < len(parts) else "") or other


def _line_differences(one: Row, share: Decimal) -> Iterator[str]:
    """MON-01 to MON-06, MON-13, MON-14, BEN-01, BEN-07 of one line."""
    name = one.get("MA_THUOC") or one.get("MA_DICH_VU") or one.get("MA_VAT_TU") or ""
    quantity, ratio = Decimal(one["SO_LUONG"]), Decimal(one["TYLE_TT_BH"])
    if "DON_GIA" in one:
        whole, insured = quantity * Decimal(one["DON_GIA"]), quantity * Decimal(one["DON_GIA"])
    else:
        part = Decimal(one["TYLE_TT_DV"]) / _HUNDRED
        ceiling = Decimal(one["T_TRANTT"] or "0")
        if ceiling and Decimal(one["DON_GIA_BV"]) > ceiling != Decimal(one["DON_GIA_BH"]):
            yield f"{name}: the insured price is not the ceiling"
        whole, insured = quantity * Decimal(one["DON_GIA_BV"]) * part, quantity * Decimal(one["DON_GIA_BH"]) * part
    in_scope = one["PHAM_VI"] == "1"
    if in_scope != (0 < ratio <= 100):
        yield f"{name}: scope {one['PHAM_VI']} does not go with {ratio} %"
    if quantity <= 0:
        yield f"{name}: nothing was given"
    bh = _two(insured * ratio / _HUNDRED)
    fund = _two(bh * share / _HUNDRED)
    wanted = {
        "MUC_HUONG": share,
        "THANH_TIEN_BV": _two(whole),
        "THANH_TIEN_BH": bh,
        "T_BHTT": fund,
        "T_BNCCT": bh - fund,
        "T_BNTT": _two(whole) - bh,
        "T_NGUONKHAC": _ZERO,
    }
    for field, value in wanted.items():
        if Decimal(one[field]) != value:
            yield f"{name}: {field} is {one[field]}, comes to {value}"
    if any(Decimal(one[field]) < 0 for field in AMOUNTS):
        yield f"{name}: an amount below 0"
    if sum((Decimal(one[field]) for field in _PARTS), _ZERO) != Decimal(one["THANH_TIEN_BV"]):
        yield f"{name}: the parts are not the whole"


def _examinations_in_turn(claim: ClaimFile) -> Iterator[str]:
    """MON-15: the n-th insured examination in order of time."""
    examinations = [
        one for one in claim.tables.get("XML3", ()) if one["MA_NHOM"] == _EXAMINATION and one["PHAM_VI"] == "1"
    ]
    told = sorted((one["NGAY_YL"], -int(one["TYLE_TT_DV"])) for one in examinations)
    for place, (_, rate) in enumerate(told):
        if -rate != _EXAMINATION_RATES[min(place, len(_EXAMINATION_RATES) - 1)]:
            yield f"examination {place + 1} is paid at {-rate} %"
    for one in claim.tables.get("XML3", ()):
        if one not in examinations and one["TYLE_TT_DV"] != "100":
            yield f"{one['MA_DICH_VU']} is paid at {one['TYLE_TT_DV']} %"


def _total_differences(claim: ClaimFile) -> Iterator[str]:
    """MON-09 to MON-12 and MON-17."""
    drugs, services = claim.tables.get("XML2", []), claim.tables.get("XML3", [])
    supplies = [one for one in services if one["MA_NHOM"] in ("10", "11")]
    by_service = [one for one in claim.lines if one["MA_PTTT"] == "1"]
    wanted = {
        "T_TONGCHI_BV": _sum(claim.lines, "THANH_TIEN_BV"),
        "T_TONGCHI_BH": _sum(claim.lines, "THANH_TIEN_BH"),
        **{field: _sum(claim.lines, field) for field in _PARTS},
        "T_THUOC": _sum(drugs, "THANH_TIEN_BV"),
        "T_VTYT": _sum(supplies, "THANH_TIEN_BV"),
        "T_BHTT_GDV": _sum(by_service, "T_BHTT"),
    }
    for field, value in wanted.items():
        if claim.total(field) != value:
            yield f"{field} is {claim.visit[field]}, the lines come to {value}"
    if not claim.total("T_BHTT") <= claim.total("T_TONGCHI_BH") <= claim.total("T_TONGCHI_BV"):
        yield "more is claimed than was insured, or more insured than charged"


def _line(arrived: str) -> Decimal:
    return next(vnd for since, vnd in _LINES if since <= arrived[:8])


def _sum(rows: Iterable[Row], field: str) -> Decimal:
    return sum((Decimal(one[field]) for one in rows), _ZERO)


def _two(value: Decimal) -> Decimal:
    return value.quantize(_CENT, ROUND_HALF_UP)


def _parse(data: bytes) -> Any:
    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))


def _rows(table: Any) -> Iterator[Row]:
    """The records of a table: XML1 and papers are one themselves, the others hold them in a list."""
    listing = table[0] if len(table) and len(table[0]) else None
    for record in listing if listing is not None else [table]:
        yield {str(field.tag): field.text or "" for field in record}
