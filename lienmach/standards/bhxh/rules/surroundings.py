"""What a rule may need from outside the claim. All of it is optional: a rule that lacks something keeps silent.

Gathered from the record by care/claims/surroundings.py, or from the lists shipped with the package for a file alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from lienmach.standards.bhxh import costs
from lienmach.standards.bhxh.rules.findings import Term


@dataclass(frozen=True)
class Dated:
    """A row of a dated list: name and members, and the days on which it holds, both included; None is open."""

    name: str
    data: Mapping[str, Any] = field(default_factory=dict)
    from_on: date | None = None
    to_on: date | None = None

    def holds(self, on: date) -> bool:
        """Whether the row holds on a day."""
        return (self.from_on is None or self.from_on <= on) and (self.to_on is None or on <= self.to_on)


@dataclass(frozen=True)
class AcceptedRow:
    """A row of a facility catalogue as the insurer accepted it (TT 12/2026/TT-BTC, forms 02, 03, 05 and 06/DM).

    code: our own code. data: members as the form names them (MA_THUOC, TEN_THUOC, DON_GIA …).
    """

    code: str
    data: Mapping[str, Any]
    from_on: date | None = None
    to_on: date | None = None

    def holds(self, on: date) -> bool:
        """Whether the row is accepted on a day."""
        return (self.from_on is None or self.from_on <= on) and (self.to_on is None or on <= self.to_on)


@dataclass(frozen=True)
class Look:
    """An answer of the card look-up, kept as it came. code: maKetQua ("000" …). card: its number; "" if not told.

    name, birth (yyyymmdd or yyyy), sex ("1", "2" or ""), initial_facility: as the portal answered, "" if not told.
    """

    at: datetime
    code: str
    card: str = ""
    name: str = ""
    birth: str = ""
    sex: str = ""
    initial_facility: str = ""


@dataclass(frozen=True)
class Bill:
    """The bill of the visit. patient_total: whole đồng; rounding: what rounding changed. fund_vnd: the receivable from
    the fund in the ledger, None where it is not booked yet."""

    patient_total: int
    rounding: Decimal
    fund_vnd: Decimal | None = None


@dataclass(frozen=True)
class CostStatement:
    """The cost statement 01/KBCB in force. totals: T_TONGCHI_BV … as on it. lines: by (table, code or name), the sum of
    THANH_TIEN_BV; None where it is not known. is_signed: by all its signers or with the reason why not."""

    number: str
    is_signed: bool
    totals: Mapping[str, Decimal] = field(default_factory=dict)
    line_count: int | None = None


@dataclass(frozen=True)
class Paper:
    """A paper of the visit (XML11, XML13, XML14). is_signed_by_facility: its representative signed, or is the doctor."""

    number: str
    is_signed_by_doctor: bool
    is_signed_by_facility: bool
    is_used: bool = False


@dataclass(frozen=True)
class CheckIn:
    """The check-in message (XML0) of the visit. sent_at: None while it waits."""

    key: str
    sent_at: datetime | None


@dataclass(frozen=True)
class EarlierVisit:
    """Another visit of the same person, here or in the look-up history. drugs: (ingredient code, last day covered)."""

    key: str
    begun_at: datetime
    ended_at: datetime | None
    facility: str = ""
    drugs: tuple[tuple[str, date], ...] = ()


@dataclass(frozen=True)
class Slip:
    """A referral or follow-up slip that the patient brought. used_by: MA_LK of the visit that used it, "" if none."""

    number: str
    kind: str  # referral or appointment
    from_on: date | None
    to_on: date | None
    used_by: str = ""


@dataclass(frozen=True)
class Facility:
    """The facility. level: commune, clinic, district, province or central. group: codes that count as this facility."""

    code: str
    level: str = ""
    group: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Surroundings:
    """Everything outside the file. on: the day of arrival (NGAY_VAO), None where the file alone says it.

    terms: rule -> its dated terms; None: every rule is asked and is an error. codes: list -> code -> its dated rows;
    a list that is not there is not known. accepted: form ("02", "03", "05", "06") -> code as in the claim -> rows.
    cards: as the amounts were computed with (late showing, exemption), first the one that the visit names.
    given: (MA_THUOC, TEN_THUOC) -> quantity given out and not returned. done: MA_DICH_VU -> how often it was done.
    repeated: services with a stated reason for doing them again. unsigned: codes (MA_THUOC or MA_DICH_VU) of orders
    that nobody signed. consents: MA_DICH_VU -> when the patient agreed to pay alone for it.
    is_check_in_asked, is_statement_asked: the record was asked whether there is one. is_open: the visit goes on.
    now and all moments: local time without a zone, as in the claim.
    """

    on: date | None = None
    terms: Mapping[str, tuple[Term, ...]] | None = None
    codes: Mapping[str, Mapping[str, tuple[Dated, ...]]] = field(default_factory=dict)
    parameters: costs.Parameters | None = None
    categories: Mapping[str, costs.Category] = field(default_factory=dict)
    facility: Facility | None = None
    accepted: Mapping[str, Mapping[str, tuple[AcceptedRow, ...]]] | None = None
    cards: tuple[costs.Card, ...] | None = None
    looks: tuple[Look, ...] | None = None
    bill: Bill | None = None
    statement: CostStatement | None = None
    is_statement_asked: bool = False
    given: Mapping[tuple[str, str], Decimal] | None = None
    done: Mapping[str, int] | None = None
    repeated: frozenset[str] = frozenset()
    unsigned: frozenset[str] | None = None
    consents: Mapping[str, datetime] | None = None
    papers: Mapping[str, Paper] | None = None
    check_in: CheckIn | None = None
    is_check_in_asked: bool = False
    earlier: tuple[EarlierVisit, ...] | None = None
    slips: Mapping[str, Slip] | None = None
    now: datetime | None = None
    is_open: bool = False

    def has_list(self, name: str) -> bool:
        """Whether the list is known at all."""
        return bool(self.codes.get(name))

    def row(self, name: str, code: str, on: date) -> Dated | None:
        """The row of a code that holds on a day; None if there is none or the list is not known."""
        return next((one for one in self.codes.get(name, {}).get(code, ()) if one.holds(on)), None)
