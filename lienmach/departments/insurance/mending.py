"""Where a field of a claim is mended: here at the desk, or on the page of somebody else, who is named.

The desk mends what is its own: card, category and money on the statement, what the insurer has accepted. A clinical
value is the doctor's; the page of the visit is then shown as an address to be passed on, for the desk may not open it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lienmach.base.actor import Actor
from lienmach.care.claims import preflight
from lienmach.identity import roles
from lienmach.standards.bhxh.rules.findings import Finding

_CARD = frozenset("MA_THE_BHYT GT_THE_TU GT_THE_DEN MA_DKBD NGAY_MIEN_CCT MA_KHUVUC".split())
_MONEY = frozenset(
    """MA_DOITUONG_KCB MUC_HUONG TYLE_TT_DV TYLE_TT_BH DON_GIA DON_GIA_BV DON_GIA_BH THANH_TIEN_BV THANH_TIEN_BH PHAM_VI
    NGAY_TTOAN NAM_QT THANG_QT""".split()
)
_ACCEPTED = {
    "MA_BAC_SI": "02", "NGUOI_THUC_HIEN": "02", "MA_TTDV": "02", "SO_DANG_KY": "03", "TT_THAU": "03",
    "MA_THUOC": "03", "MA_DICH_VU": "05", "MA_MAY": "06",
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """link: an address of the program, "" for none. is_open: whether this actor may go there."""

    link: str
    is_open: bool


def of_findings(
    actor: Actor, encounter_id: str, patient_id: str, found: Iterable[Finding]
) -> list[tuple[Finding, Place]]:
    """Each finding with its place."""
    return [(one, place_of(actor, encounter_id, patient_id, one.field, preflight.link_of(one))) for one in found]


def place_of(actor: Actor, encounter_id: str, patient_id: str, field: str, elsewhere: str) -> Place:
    """The place of a field. elsewhere: where its doctor mends it, a path below the visit or a whole one."""
    if field in _CARD or field == "look-up":
        return Place(f"/insurance/patients/{patient_id}/card?visit={encounter_id}", roles.may(actor, "insurance.check"))
    if field in _MONEY or field.startswith("T_") or field == "cost statement":
        return Place(f"/insurance/visits/{encounter_id}", roles.may(actor, "statements.close"))
    desk = preflight.desk_link_of(field, encounter_id, patient_id)
    if desk and not (field == "GIAY_CHUYEN_TUYEN" and elsewhere.endswith("/papers")):  # the number of an own paper
        return Place(desk, roles.may(actor, "patients.read"))
    if field in _ACCEPTED:
        return Place(f"/insurance/catalogues/{_ACCEPTED[field]}", roles.may(actor, "claims.read"))
    link = elsewhere if elsewhere.startswith("/outpatient/") else f"/outpatient/visits/{encounter_id}{elsewhere}"
    return Place(link, roles.may(actor, "visits.read"))
