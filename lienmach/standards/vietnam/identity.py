"""Numbers that name a person in Vietnam, and the FHIR identifier systems that hold them.

The 12-digit citizen number (CCCD, since 2024 "Căn cước"): 3 digits province or country of birth
registration (the 63 provinces before July 2025), 1 digit century and sex, 2 digits year of birth,
6 digits serial; no check digit is published (Decree 137/2015, Circular 59/2021/TT-BCA; both from
memory). The old identity card (CMND) has 9 digits. Since Decree 102/2025 the medical identifier of
a person is the citizen number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lienmach.standards.vietnam import places
from lienmach.standards.vietnam.remark import Remark

V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"


@dataclass(frozen=True)
class IdentifierKind:
    """key: our short word. system: the URI that we write. type_code: v2-0203 (NI, SB, PPN, MR, PI).

    also_known_as: URIs of the same number seen elsewhere (public profiles and projects); read as
    equal, never written. pattern: the shape of a well-formed value.
    """

    key: str
    system: str
    type_code: str
    pattern: str
    vi: str
    en: str
    also_known_as: tuple[str, ...] = ()


# The default URIs lie under our own name, because no authority has published any; a tenant that must
# speak another profile maps them by `also_known_as`.
KINDS: tuple[IdentifierKind, ...] = (
    IdentifierKind(
        "cccd",
        "https://lienmach.org/sid/cccd",
        "NI",
        r"\d{12}",
        "Số định danh (CCCD)",
        "Citizen number",
        (
            "http://fhir.vn/sid/cccd",
            "http://moh.gov.vn/fhir/core/sid/citizen_id",
            "http://basespecs.vn/NamingSystem/NationalID",
        ),
    ),
    IdentifierKind(
        "cmnd",
        "https://lienmach.org/sid/cmnd",
        "NI",
        r"\d{9}",
        "CMND (9 số)",
        "Old identity card",
        ("http://basespecs.vn/NamingSystem/NationalID9",),
    ),
    IdentifierKind(
        "bhyt",
        "https://lienmach.org/sid/bhyt",
        "SB",
        r"[A-Z]{2}[1-5]\d{12}",
        "Thẻ BHYT",
        "Health insurance card",
        ("http://fhir.vn/sid/bhyt", "http://basespecs.vn/NamingSystem/InsuranceNumbers"),
    ),
    IdentifierKind("bhxh", "https://lienmach.org/sid/bhxh", "SB", r"\d{10}", "Mã số BHXH", "Social insurance number"),
    IdentifierKind(
        "passport",
        "https://lienmach.org/sid/passport",
        "PPN",
        r"[A-Z0-9]{5,15}",
        "Hộ chiếu",
        "Passport",
        ("http://moh.gov.vn/fhir/core/sid/passport_number", "http://basespecs.vn/NamingSystem/PassportNumbers"),
    ),
    IdentifierKind("record", "https://lienmach.org/sid/record", "MR", r".+", "Số hồ sơ", "Medical record number"),
    IdentifierKind(
        "facility",
        "https://lienmach.org/sid/facility-patient",
        "PI",
        r".+",
        "Mã người bệnh",
        "Patient number of a facility",
        ("http://moh.gov.vn/fhir/core/sid/patient-internal-id",),
    ),
)
_BY_KEY = {kind.key: kind for kind in KINDS}
_BY_SYSTEM = {system: kind for kind in KINDS for system in (kind.system, *kind.also_known_as)}


@dataclass(frozen=True)
class CitizenNumber:
    """The parts of a citizen number. sex: `male` or `female`. province: name of the place of
    registration as it was before July 2025, "" if the three digits are no province (a country)."""

    number: str
    place_code: str
    province: str
    sex: str
    birth_year: int
    serial: str


def kind(key: str) -> IdentifierKind:
    """The kind with that key; KeyError for an unknown one."""
    return _BY_KEY[key]


def kind_of_system(system: str) -> IdentifierKind | None:
    """The kind that a system URI stands for, ours or one seen elsewhere."""
    return _BY_SYSTEM.get(system)


def identifier(key: str, value: str) -> dict[str, Any]:
    """A FHIR Identifier of that kind (use official), the value compacted."""
    chosen = kind(key)
    return {
        "use": "official",
        "type": {"coding": [{"system": V2_0203, "code": chosen.type_code}], "text": chosen.vi},
        "system": chosen.system,
        "value": compact(value),
    }


def compact(number: str) -> str:
    """Upper case, without the spaces, dots and hyphens that people type between groups."""
    return re.sub(r"[\s.\-]", "", number).upper()


def kinds_of_value(text: str) -> tuple[str, ...]:
    """Keys of the kinds whose shape `text` has, likeliest first; empty if it is no number of ours."""
    value = compact(text)
    return tuple(one for one in ("cccd", "bhyt", "bhxh", "cmnd") if re.fullmatch(_BY_KEY[one].pattern, value))


def read_citizen_number(text: str) -> CitizenNumber | None:
    """The parts of a 12-digit number, or None if it is not twelve digits."""
    number = compact(text)
    if not re.fullmatch(r"[0-9]{12}", number):
        return None
    century_and_sex = int(number[3])
    province = places.old_province(number[1:3]) if number[0] == "0" else None
    return CitizenNumber(
        number=number,
        place_code=number[:3],
        province=province.name if province else "",
        sex="female" if century_and_sex % 2 else "male",
        birth_year=1900 + 100 * (century_and_sex // 2) + int(number[4:6]),
        serial=number[6:],
    )


def check_citizen_number(text: str, *, sex: str | None = None, birth_year: int | None = None) -> list[Remark]:
    """Remarks on a citizen number beside what the record says (sex: FHIR code, birth_year: four digits)."""
    parts = read_citizen_number(text)
    if parts is None:
        return [
            Remark(
                "citizen-number-shape",
                "Số định danh phải có đúng 12 chữ số.",
                "A citizen number has exactly 12 digits.",
            )
        ]
    remarks = []
    if sex in ("male", "female") and sex != parts.sex:
        remarks.append(
            Remark(
                "sex-differs",
                "Giới tính khác với chữ số thứ tư của số định danh.",
                "The sex differs from the fourth digit of the citizen number.",
            )
        )
    if birth_year is not None and birth_year != parts.birth_year:
        remarks.append(
            Remark(
                "birth-year-differs",
                "Năm sinh khác với năm ghi trong số định danh.",
                "The year of birth differs from the one inside the citizen number.",
            )
        )
    if parts.place_code[0] == "0" and not parts.province:
        remarks.append(
            Remark(
                "place-unknown",
                "Ba chữ số đầu không phải mã tỉnh, thành phố nào.",
                "The first three digits are the code of no province.",
            )
        )
    return remarks


def check_old_card(text: str) -> list[Remark]:
    """Remarks on a 9-digit identity card number; some late ones were printed with 12 digits."""
    if re.fullmatch(r"[0-9]{9}", compact(text)):
        return []
    return [Remark("old-card-shape", "Số CMND có 9 chữ số.", "An old identity card number has 9 digits.")]
