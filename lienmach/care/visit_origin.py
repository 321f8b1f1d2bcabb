"""What a person brings to a visit: from which facility, with which referral, and after which accident.

MA_NOI_DI, GIAY_CHUYEN_TUYEN and MA_TAI_NAN of the claim. The referral stands in Encounter.hospitalization (origin,
preAdmissionIdentifier), the accident in an extension by the list `ma-tai-nan`. Both may be put right after the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lienmach.base import errors
from lienmach.care import catalogues, charges, resources, systems, visit_facts
from lienmach.care.resources import Resource
from lienmach.record import read as record_read
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction

ACCIDENT = systems.EXTENSION + "visit-accident"  # valueCodeableConcept of ACCIDENT_SYSTEM
ACCIDENT_SYSTEM = "https://lienmach.org/fhir/CodeSystem/ma-tai-nan"
LIST = "ma-tai-nan"
REFERRAL_CHARACTERS_MAX = 50
_FACILITY_CODE = re.compile(r"[0-9A-Z]{5}")
_CODE_SHAPE = "Mã cơ sở chuyển đến gồm đúng 5 ký tự, ví dụ 79099."
_CODE_MISSING = "Có số giấy chuyển thì ghi cả mã cơ sở đã chuyển người bệnh đến (5 ký tự trên giấy)."
_NUMBER_LONG = "Số giấy chuyển dài quá 50 ký tự; hãy xem lại."
_ACCIDENT_UNKNOWN = "Loại tai nạn này không có trong danh mục của hôm nay."


@dataclass(frozen=True)
class Origin:
    """from_code: MA_CSKCB of the facility that referred. referral: the number on its paper. accident: MA_TAI_NAN."""

    from_code: str = ""
    referral: str = ""
    accident: str = ""

    @property
    def is_referred(self) -> bool:
        return bool(self.from_code and self.referral)


class OriginFaulty(errors.Unprocessable):
    """What was typed cannot be kept. field: of the form; the text is a key of the words."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def of(encounter: Resource) -> Origin:
    """What an Encounter says."""
    stay = encounter.get("hospitalization") or {}
    accident = visit_facts.extension_of(encounter, ACCIDENT, "valueCodeableConcept")
    return Origin(
        resources.identifier_of({"identifier": [(stay.get("origin") or {}).get("identifier") or {}]}, systems.FACILITY),
        str((stay.get("preAdmissionIdentifier") or {}).get("value", "")),
        resources.code_of(accident, ACCIDENT_SYSTEM),
    )


async def put(tx: Transaction, encounter: Resource, origin: Origin) -> Resource:
    """The Encounter with this origin; raises OriginFaulty."""
    origin = Origin(origin.from_code.strip().upper(), origin.referral.strip(), origin.accident.strip())
    if origin.from_code and not _FACILITY_CODE.fullmatch(origin.from_code):
        raise OriginFaulty("from_code", _CODE_SHAPE)
    if origin.referral and not origin.from_code:
        raise OriginFaulty("from_code", _CODE_MISSING)
    if len(origin.referral) > REFERRAL_CHARACTERS_MAX:
        raise OriginFaulty("referral", _NUMBER_LONG)
    row = await catalogues.get(tx, LIST, origin.accident, on=catalogues.today(tx)) if origin.accident else None
    if origin.accident and row is None:
        raise OriginFaulty("accident", _ACCIDENT_UNKNOWN)
    concept = resources.concept(ACCIDENT_SYSTEM, origin.accident, row.name) if row else None
    changed = visit_facts.with_extension(encounter, ACCIDENT, "valueCodeableConcept", concept)
    stay = {
        key: value
        for key, value in (encounter.get("hospitalization") or {}).items()
        if key not in ("origin", "preAdmissionIdentifier")
    }
    if origin.referral:
        stay["preAdmissionIdentifier"] = {"value": origin.referral}
    if origin.from_code:
        stay["origin"] = {"identifier": {"system": systems.FACILITY, "value": origin.from_code}}
    changed.pop("hospitalization", None)
    return {**changed, "hospitalization": stay} if stay else changed


async def change(tx: Transaction, encounter_id: str, origin: Origin, *, if_match: int) -> Stored | None:
    """Put right what the desk wrote on arrival, also after the end; the claim is looked at again. None: it is the same.

    if_match: the version that the form showed; what else of the visit changed since then is no hindrance. Raises
    OriginFaulty, errors.PreconditionFailed (the origin changed meanwhile), errors.Conflict (cancelled).
    """
    encounter = await resources.read(tx, "Encounter", encounter_id)
    if await at(tx, encounter, if_match) != of(encounter):
        raise errors.PreconditionFailed(f"The origin of Encounter/{encounter_id} is not that of version {if_match}.")
    if encounter.get("status") == "cancelled":
        raise errors.Conflict("Lượt khám này đã huỷ; không còn gì để sửa.")
    changed = await put(tx, encounter, origin)
    if of(changed) == of(encounter):
        return None
    charges.consider_claim(tx, encounter_id)
    return await resources.update(tx, changed)


async def at(tx: Transaction, encounter: Resource, version: int) -> Origin | None:
    """What an earlier version of an Encounter said; None where there is no such version."""
    if encounter["meta"]["versionId"] == str(version):
        return of(encounter)
    try:
        return of(resources.of(await record_read.vread(tx, "Encounter", encounter["id"], str(version))))
    except (errors.NotFound, errors.Gone):
        return None
