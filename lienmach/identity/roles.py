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
}

_READS = frozenset({"home", "patients.find", "patients.read"})


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
    Role("admin", "Quản trị", "Administrator", frozenset({"home"}), "SYSADMIN"),
    Role("reception", "Tiếp đón", "Reception", _READS | {"patients.register"}, "PATADMIN"),
    Role("doctor", "Bác sĩ", "Doctor", _READS | {"patients.register", "patients.access"}),
    Role("nurse", "Điều dưỡng", "Nurse", _READS | {"patients.register"}),
    Role("lab", "Xét nghiệm", "Laboratory", _READS),
    Role("imaging", "Chẩn đoán hình ảnh", "Imaging", _READS),
    Role("pharmacist", "Dược sĩ", "Pharmacist", _READS),
    Role("cashier", "Thu ngân", "Cashier", _READS, "HPAYMT"),
    Role("insurance", "Bảo hiểm y tế", "Health insurance", _READS, "HPAYMT"),
    Role("director", "Ban giám đốc", "Director", _READS | {"patients.access"}, "HOPERAT"),
    Role(
        "dpo",
        "Bảo vệ dữ liệu",
        "Data protection officer",
        frozenset({"home", "patients.find", "patients.access"}),
        "HOPERAT",
    ),
)
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
    unknown = [name for name in names if name not in ROLES]
    if unknown or not names:
        raise ValueError(f"unknown role {', '.join(unknown) or '(none)'}; the roles are: {', '.join(ROLES)}")
    return frozenset(names)
