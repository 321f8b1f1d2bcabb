"""A person as a form or a card gives them, and the FHIR Patient made from it.

The name is kept as on the card in `name.text`; family (first word) and given (the rest) are derived and never
used to match. The address has the two levels in force since July 2025: commune in `city`, province in `state`, both
with their codes in an extension; a text of three levels that nobody knows stays text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from lienmach.care import vitals
from lienmach.standards.vietnam import ethnic_groups, formats, identity, insurance_card, names, places, qr
from lienmach.standards.vietnam.remark import Remark

EXTENSIONS = "https://lienmach.org/fhir/StructureDefinition/"
PLACE_CODE = EXTENSIONS + "place-code"
ETHNIC_GROUP = EXTENSIONS + "ethnic-group"
OCCUPATION = EXTENSIONS + "patient-occupation"  # valueCodeableConcept of list nghe-nghiep (MA_NGHE_NGHIEP)
ADDRESS_REASON = EXTENSIONS + "address-missing-reason"  # valueString: why commune and province are not known yet
CHANGED_BY = EXTENSIONS + "details-changed-by"  # parts `who` (valueReference), `at` (valueInstant); see patient_rules
BLOOD_GROUP = EXTENSIONS + "patient-blood-group"  # valueCode of BLOOD_GROUPS (NHOM_MAU): as told, never to transfuse by
NATIONALITY = "http://hl7.org/fhir/StructureDefinition/patient-nationality"  # part `code`: list quoc-tich, else words
SIMILAR_REASON = EXTENSIONS + "registered-although-similar"
COMMUNE_SYSTEM = "https://lienmach.org/sid/commune"
PROVINCE_SYSTEM = "https://lienmach.org/sid/province"
OCCUPATION_SYSTEM = "https://lienmach.org/fhir/CodeSystem/nghe-nghiep"
NATIONALITY_SYSTEM = "https://lienmach.org/fhir/CodeSystem/quoc-tich"
ETHNIC_SYSTEM = "https://lienmach.org/sid/ethnic-group"
VIETNAM = "000"  # MA_QUOCTICH
BLOOD_GROUPS = tuple(group + sign for group in ("A", "B", "AB", "O") for sign in ("+", "-"))
COMPANION = "Người đi cùng"  # Patient.contact.relationship
TEST_DATA = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}


@dataclass(frozen=True)
class PersonDraft:
    """What the form holds. name: full name. birth: FHIR date, may be a year. sex: male, female, other, unknown.

    Numbers as typed. address_line: house, street, hamlet. commune_code, province_code: of today; address_text: an
    address that could not be resolved, kept as written. former_address: how it was called before July 2025.
    address_reason: why commune and province are not known yet. guardian, guardian_phone: who comes along with a child
    or is called. occupation_code, occupation_name: a row of list nghe-nghiep. nationality_code: of list quoc-tich;
    nationality_text: a country that the list has not. blood_group: of BLOOD_GROUPS. demo: synthetic (HTEST).
    """

    name: str = ""
    birth: str = ""
    sex: str = ""
    citizen_number: str = ""
    old_number: str = ""
    insurance_number: str = ""
    social_number: str = ""
    passport: str = ""
    phone: str = ""
    address_line: str = ""
    commune_code: str = ""
    province_code: str = ""
    address_text: str = ""
    former_address: str = ""
    address_reason: str = ""
    ethnic_code: str = ""
    occupation_code: str = ""
    occupation_name: str = ""
    nationality_code: str = ""
    nationality_text: str = ""
    blood_group: str = ""
    guardian: str = ""
    guardian_phone: str = ""
    demo: bool = False


def of_scan(scanned: qr.ScannedPerson) -> PersonDraft:
    """The draft that a scanned card fills in; the commune only if the address names exactly one."""
    read = places.read(scanned.address)
    draft = PersonDraft(
        name=scanned.name,
        birth=scanned.birth,
        sex=scanned.sex,
        citizen_number=scanned.citizen_number,
        old_number=scanned.old_number,
        province_code=read.province.code if read.province else "",
    )
    if len(scanned.card_number) == 15:
        draft = replace(draft, insurance_number=scanned.card_number, social_number=scanned.card_number[5:])
    else:
        draft = replace(draft, social_number=scanned.card_number)
    if read.former:
        before = places.old_province(read.former.province)
        draft = replace(draft, former_address=f"{read.former.full_name}, {before.name if before else ''}".rstrip(", "))
    if read.commune:
        return replace(draft, address_line=read.line, commune_code=read.commune.code)
    return replace(draft, address_line=read.line if read.candidates else "", address_text=scanned.address)


def missing(draft: PersonDraft) -> list[Remark]:
    """What must be there before a person can be registered: a name, and sex and birth or a word that says unknown."""
    found = []
    if not qr.is_person_name(names.tidy(draft.name)):
        found.append(Remark("name-missing", "Cần có họ và tên.", "A full name is needed."))
    if draft.sex not in ("male", "female", "other", "unknown"):
        found.append(
            Remark("sex-missing", "Cần chọn giới tính (có thể chọn “Chưa rõ”).", "Choose the sex, or unknown.")
        )
    return found


def check(draft: PersonDraft, *, on: date) -> list[Remark]:
    """Remarks on the numbers of a draft as of a day; they warn, they never refuse."""
    remarks: list[Remark] = []
    if draft.citizen_number:
        year = int(draft.birth[:4]) if draft.birth[:4].isdecimal() else None
        remarks += identity.check_citizen_number(draft.citizen_number, sex=draft.sex, birth_year=year)
    if draft.old_number:
        remarks += identity.check_old_card(draft.old_number)
    if draft.insurance_number:
        remarks += insurance_card.check(draft.insurance_number, on=on)
        card, months = insurance_card.parse(draft.insurance_number), vitals.age_months(draft.birth, on)
        is_child = card is not None and card.object_code == "TE" and months is not None
        if is_child and insurance_card.is_outgrown(int(draft.birth[:4]), months or 0, on):
            remarks.append(
                Remark(
                    "card-child-grown",
                    "Thẻ mã TE chỉ dùng cho trẻ dưới 72 tháng tuổi hoặc đến 30/9 năm đó; hãy hỏi thẻ mới (ADM-02).",
                    "A card with TE ends at 72 months or on 30 September of that year; ask for the new card (ADM-02).",
                )
            )
    if draft.social_number and not insurance_card.is_social_number(draft.social_number):
        remarks.append(
            Remark("social-number-shape", "Mã số BHXH có 10 chữ số.", "A social insurance number has 10 digits.")
        )
    if draft.phone and not formats.compact_phone(draft.phone):
        remarks.append(
            Remark(
                "phone-shape",
                "Số điện thoại không có dạng của Việt Nam.",
                "The phone number has not the form of a Vietnamese one.",
            )
        )
    if draft.birth and draft.birth > on.isoformat():
        remarks.append(Remark("birth-ahead", "Ngày sinh ở tương lai.", "The birth date lies ahead."))
    return remarks


def numbers(draft: PersonDraft) -> list[tuple[str, str]]:
    """(identifier key, compact value) of the numbers that are filled in."""
    filled = [
        ("cccd", draft.citizen_number),
        ("cmnd", draft.old_number),
        ("bhyt", draft.insurance_number),
        ("bhxh", draft.social_number),
        ("passport", draft.passport),
    ]
    return [(key, identity.compact(value)) for key, value in filled if identity.compact(value)]


def is_placed(draft: PersonDraft) -> bool:
    """Whether commune and province are known by their codes, as a claim wants them (STR-08)."""
    return places.commune(draft.commune_code) is not None


def build(draft: PersonDraft, *, similar_reason: str = "") -> dict[str, Any]:
    """The FHIR Patient of a draft, without id. similar_reason: why it was registered beside a similar one."""
    full = names.tidy(draft.name)
    resource: dict[str, Any] = {"resourceType": "Patient"}
    if draft.demo:
        resource["meta"] = {"security": [TEST_DATA]}
    extensions = []
    group = ethnic_groups.group(draft.ethnic_code)
    if group:
        extensions.append(
            {"url": ETHNIC_GROUP, "valueCoding": {"system": ETHNIC_SYSTEM, "code": group.code, "display": group.name}}
        )
    if draft.occupation_code:
        coding = {"system": OCCUPATION_SYSTEM, "code": draft.occupation_code, "display": draft.occupation_name}
        filled = {name: value for name, value in coding.items() if value}
        extensions.append({"url": OCCUPATION, "valueCodeableConcept": {"coding": [filled]}})
    if draft.address_reason.strip() and not is_placed(draft):
        extensions.append({"url": ADDRESS_REASON, "valueString": draft.address_reason.strip()[:500]})
    if draft.nationality_code or draft.nationality_text.strip():
        extensions.append(_nationality(draft))
    if draft.blood_group in BLOOD_GROUPS:
        extensions.append({"url": BLOOD_GROUP, "valueCode": draft.blood_group})
    if similar_reason.strip():
        extensions.append({"url": SIMILAR_REASON, "valueString": similar_reason.strip()[:500]})
    if extensions:
        resource["extension"] = extensions
    identifiers = [identity.identifier(key, value) for key, value in numbers(draft)]
    if identifiers:
        resource["identifier"] = identifiers
    resource["active"] = True
    resource["name"] = [human_name(full)]
    if draft.phone.strip():
        phone = formats.compact_phone(draft.phone) or draft.phone.strip()
        resource["telecom"] = [{"system": "phone", "value": phone, "use": "mobile"}]
    if draft.sex:
        resource["gender"] = draft.sex
    if draft.birth:
        resource["birthDate"] = draft.birth
    if draft.guardian.strip() or draft.guardian_phone.strip():
        resource["contact"] = [_companion(draft)]
    address = build_address(draft)
    if address:
        resource["address"] = [address]
        if draft.former_address.strip() and not draft.address_text.strip():
            before = {"use": "old", "text": names.tidy(draft.former_address), "period": {"end": "2025-06-30"}}
            resource["address"].append(before)
    return resource


def stamped(patient: dict[str, Any], who: dict[str, str], at: str) -> dict[str, Any]:
    """The Patient with who gives its details now (Reference) and when (FHIR instant), for the list of changes."""
    stamp = {"url": CHANGED_BY, "extension": [{"url": "who", "valueReference": who}, {"url": "at", "valueInstant": at}]}
    kept = [one for one in patient.get("extension", ()) if one.get("url") != CHANGED_BY]
    return {**patient, "extension": [*kept, stamp]}


def _nationality(draft: PersonDraft) -> dict[str, Any]:
    concept: dict[str, Any] = {"text": names.tidy(draft.nationality_text)}
    if draft.nationality_code:
        concept = {"coding": [{"system": NATIONALITY_SYSTEM, "code": draft.nationality_code}]}
    return {"url": NATIONALITY, "extension": [{"url": "code", "valueCodeableConcept": concept}]}


def _companion(draft: PersonDraft) -> dict[str, Any]:
    contact: dict[str, Any] = {"relationship": [{"text": COMPANION}]}
    if draft.guardian.strip():
        contact["name"] = {"text": names.tidy(draft.guardian)}
    if draft.guardian_phone.strip():
        phone = formats.compact_phone(draft.guardian_phone) or draft.guardian_phone.strip()
        contact["telecom"] = [{"system": "phone", "value": phone}]
    return contact


def human_name(full: str) -> dict[str, Any]:
    """A HumanName whose text is the truth; family and given are derived from it for other programs."""
    family, _, rest = full.partition(" ")
    name: dict[str, Any] = {"use": "official", "text": full}
    return {**name, "family": family, "given": [rest]} if rest else {**name, "given": [family]}


def build_address(draft: PersonDraft) -> dict[str, Any]:
    """The FHIR Address of a draft, {} if it has none; text as written on letters, smallest unit first."""
    commune = places.commune(draft.commune_code)
    province = places.province(commune.province if commune else draft.province_code)
    line = names.tidy(draft.address_line)
    pieces = [line, commune.full_name if commune else "", province.name if province else ""]
    text = names.tidy(draft.address_text) or ", ".join(piece for piece in pieces if piece)
    if not text:
        return {}
    address: dict[str, Any] = {}
    codes = [
        {"url": PLACE_CODE, "valueCoding": {"system": system, "code": one.code, "display": one.full_name}}
        for system, one in ((COMMUNE_SYSTEM, commune), (PROVINCE_SYSTEM, province))
        if one
    ]
    if codes:
        address["extension"] = codes
    address |= {"use": "home", "text": text}
    if line:
        address["line"] = [line]
    if commune:
        address["city"] = commune.full_name
    if province:
        address["state"] = province.name
    return {**address, "country": "VN"}
