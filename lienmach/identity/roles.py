"""The table of roles: their names on screen and which pages each may open.

What a role may do with the resources of the record stands in `record/access.py`; here are the doors
for people. A right that is not in a role's row does not exist: no rule means no.
"""

from __future__ import annotations

from dataclasses import dataclass

from lienmach.base.actor import Actor
from lienmach.base.errors import Refused

#: right -> what it opens (the words of `who_may.csv`).
RIGHTS: dict[str, str] = {
    "home": "the first page",
    "patients.find": "find a person",
    "patients.register": "register a person",
    "patients.read": "banner, timeline, cards and versions of a person",
    "patients.access": "who has opened this record",
    "booking.public": "book a visit, see the board and one's own ticket; without signing in",
    "bookings.manage": "all bookings of a day, the waiting list, the slots",
    "visits.arrive": "receive a person: visit, card look-up, queue ticket",
    "queue.call": "call, recall, skip, transfer in the queue of a room",
    "visits.read": "work list and chart of a visit",
    "visits.write": "vital signs, history, allergies, problems of a visit",
    "visits.sign": "diagnosis, orders, prescription, papers, finish and sign a visit",
    "results.read": "laboratory results and trends of a person",
    "results.acknowledge": "critical results that wait for the doctor",
    "specimens.collect": "collect and label specimens",
    "results.enter": "laboratory work list, analysers, technical validation, quality control",
    "results.validate": "medical validation and correction of laboratory results",
    "dispensings.give": "give out insured lines, take back, registers",
    "prescriptions.sell": "an outside pharmacy opens a prescription by its code and sells from it",
    "stock.manage": "lots, receipts, counts and movements of the dispensary",
    "insurance.check": "look a card up again, see what waits to be sent",
    "catalogues.read": "search code lists, prices and rules",
    "catalogues.change": "import, approve and retire rows of code lists",
    "paper.change": "edit printed templates",
    "signing.key": "one's own signing key and PIN",
    "bills.manage": "bills, payments, deposits, refunds, e-invoices, unmatched money, one's own shift",
    "bills.read": "the bill of a visit",
    "statements.close": "check and close the cost statement of a visit",
    "ledger.read": "the ledger and the shifts",
    "shifts.close-for": "close the shift of a cashier who left it open",
    "claims.manage": "claims: findings, sending, rejections, reconciliation, the facility's accepted catalogues",
    "claims.read": "claims and their state",
    "cockpit.read": "the day in figures",
    "monitor.read": "prescribing against peers",
    "monitor.decide": "open a case about prescribing and decide its outcome",
    "cases.answer": "cases that ask for one's word",
    "questions.answer": "what citizens ask about openings of their records",
    "department.read": "totals for the health department, no person",
    "own.sign-in": "a citizen signs in by a code",
    "own.read": "one's own appointments, results, prescriptions, bills, papers, and who opened the record",
    "bank.notify": "the bank tells of money that came in; the notice carries its own signature",
}

_READS = frozenset({"home", "patients.find", "patients.read", "catalogues.read"})
_DESK = frozenset({"patients.register", "bookings.manage", "visits.arrive", "queue.call", "insurance.check"})
_BEDSIDE = frozenset({"visits.read", "visits.write", "results.read", "queue.call", "signing.key"})
_TELLER = frozenset({"bills.manage", "bills.read", "statements.close", "ledger.read", "signing.key"})
_CLAIMS = frozenset(
    {"insurance.check", "bills.read", "statements.close", "claims.manage", "claims.read", "signing.key"}
)
_HEAD = frozenset(
    {"cockpit.read", "monitor.read", "monitor.decide", "cases.answer", "bills.read", "ledger.read", "claims.read"}
    | {"shifts.close-for"}
)
_LAB = frozenset({"results.read", "results.enter", "specimens.collect", "queue.call", "signing.key"})


@dataclass(frozen=True)
class Role:
    """name: the word in tokens and accounts. purpose: v3 PurposeOfUse that its work has by default."""

    name: str
    title_vi: str
    title_en: str
    rights: frozenset[str]
    purpose: str = "TREAT"


_TABLE = (
    Role("system", "Hệ thống kết nối", "Connected system", frozenset(), "HOPERAT"),
    Role(
        "admin",
        "Quản trị",
        "Administrator",
        frozenset({"home", "catalogues.read", "catalogues.change", "paper.change"}),
        "SYSADMIN",
    ),
    Role("reception", "Tiếp đón", "Reception", _READS | _DESK, "PATADMIN"),
    Role(
        "doctor",
        "Bác sĩ",
        "Doctor",
        _READS
        | _BEDSIDE
        | {"patients.register", "patients.access", "visits.sign", "results.acknowledge", "cases.answer"},
    ),
    Role(
        "nurse", "Điều dưỡng", "Nurse", _READS | _BEDSIDE | {"patients.register", "visits.arrive", "specimens.collect"}
    ),
    Role("lab", "Xét nghiệm", "Laboratory", _READS | _LAB),
    Role("lab_head", "Trưởng khoa xét nghiệm", "Head of laboratory", _READS | _LAB | {"results.validate"}),
    Role("imaging", "Chẩn đoán hình ảnh", "Imaging", _READS),
    Role(
        "pharmacist",
        "Dược sĩ",
        "Pharmacist",
        _READS
        | {"dispensings.give", "stock.manage", "queue.call", "catalogues.change", "signing.key"}
        | {"monitor.read", "cases.answer"},
    ),
    Role("retail", "Nhà thuốc", "Outside pharmacy", frozenset({"home", "prescriptions.sell"})),
    Role("cashier", "Thu ngân", "Cashier", _READS | _TELLER | {"queue.call"}, "HPAYMT"),
    Role("insurance", "Bảo hiểm y tế", "Health insurance", _READS | _CLAIMS, "HPAYMT"),
    Role("director", "Ban giám đốc", "Director", _READS | _HEAD | {"patients.access", "catalogues.change"}, "HOPERAT"),
    Role(
        "dpo",
        "Bảo vệ dữ liệu",
        "Data protection officer",
        frozenset({"home", "patients.find", "patients.access", "questions.answer"}),
        "HOPERAT",
    ),
    Role("department", "Sở Y tế", "Health department", frozenset({"home", "department.read"}), "HOPERAT"),
    Role("citizen", "Người dân", "Citizen", frozenset({"own.read"}), "PATRQT"),
    Role("visitor", "Khách", "Visitor", frozenset({"booking.public", "own.sign-in", "bank.notify"}), "PATADMIN"),
)
VISITOR = "visitor"  # whoever has not signed in, on the pages that are open to everybody; nobody's account has it
CITIZEN = "citizen"  # somebody who sees their own record; they sign in by a code, nobody's account has it
WITHOUT_ACCOUNT = frozenset({VISITOR, CITIZEN})
ROLES: dict[str, Role] = {role.name: role for role in _TABLE}


def may(actor: Actor, right: str) -> bool:
    """Whether one of the actor's roles has this right; an unknown role or right is a no."""
    return any(right in ROLES[name].rights for name in actor.roles if name in ROLES)


def check(actor: Actor, right: str) -> None:
    """Raise Refused unless the actor has this right."""
    if not may(actor, right):
        raise Refused(f"your roles do not open this page ({right})")


def purpose_of(roles: frozenset[str]) -> str:
    """The purpose of use that the work of these roles has: treatment wins, then the first by the table."""
    purposes = [role.purpose for role in _TABLE if role.name in roles]
    return "TREAT" if "TREAT" in purposes or not purposes else purposes[0]


def check_names(names: list[str]) -> frozenset[str]:
    """Return the names as a set; raise ValueError with the list of roles if one is unknown or none is given."""
    unknown = [name for name in names if name not in ROLES or name in WITHOUT_ACCOUNT]
    if unknown or not names:
        raise ValueError(
            f"unknown role {', '.join(unknown) or '(none)'}; the roles are: {', '.join(name for name in ROLES if name not in WITHOUT_ACCOUNT)}"
        )
    return frozenset(names)
