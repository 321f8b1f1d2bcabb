"""One line of the timeline for a resource of any type: what, with which value, in which state, where.

Pure: resource in, `Summary` out. Types with their own habits have a row in a table; all others are read by the
elements that most types share (code, type, category, description).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from lienmach.departments.registration import fhir_words, values

#: The kinds by which a timeline is filtered: key, words, types. What is in none of them is `other`.
KINDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("visits", "Lượt khám", ("Encounter", "EpisodeOfCare", "Appointment", "AppointmentResponse")),
    ("problems", "Chẩn đoán", ("Condition", "ClinicalImpression", "FamilyMemberHistory", "RiskAssessment", "Flag")),
    ("allergies", "Dị ứng", ("AllergyIntolerance", "AdverseEvent", "DetectedIssue")),
    ("results", "Chỉ số và xét nghiệm", ("Observation", "DiagnosticReport", "Specimen", "MolecularSequence")),
    ("imaging", "Hình ảnh", ("ImagingStudy", "Media", "BodyStructure")),
    (
        "medicines",
        "Thuốc",
        (
            "MedicationRequest",
            "MedicationStatement",
            "MedicationAdministration",
            "MedicationDispense",
            "VisionPrescription",
            "NutritionOrder",
        ),
    ),
    ("vaccines", "Tiêm chủng", ("Immunization", "ImmunizationEvaluation", "ImmunizationRecommendation")),
    (
        "procedures",
        "Thủ thuật và chỉ định",
        (
            "Procedure",
            "ServiceRequest",
            "DeviceRequest",
            "DeviceUseStatement",
            "Device",
            "SupplyRequest",
            "SupplyDelivery",
            "RequestGroup",
        ),
    ),
    ("plans", "Kế hoạch chăm sóc", ("CarePlan", "CareTeam", "Goal", "Task")),
    (
        "documents",
        "Tài liệu",
        (
            "DocumentReference",
            "Composition",
            "DocumentManifest",
            "Consent",
            "List",
            "Communication",
            "CommunicationRequest",
            "QuestionnaireResponse",
        ),
    ),
    (
        "money",
        "Bảo hiểm và chi phí",
        (
            "Claim",
            "ClaimResponse",
            "ExplanationOfBenefit",
            "Coverage",
            "Invoice",
            "Account",
            "ChargeItem",
            "CoverageEligibilityRequest",
            "CoverageEligibilityResponse",
            "EnrollmentRequest",
            "Contract",
        ),
    ),
)
KIND_OF = {name: key for key, _, types in KINDS for name in types}

_TITLES = (
    "code",
    "vaccineCode",
    "type",
    "productOrService",
    "description",
    "title",
    "name",
    "category",
    "serviceType",
    "scope",
    "kind",
)
_PLACES = (
    "serviceProvider",
    "location",
    "performer",
    "provider",
    "organization",
    "custodian",
    "managingOrganization",
    "insurer",
    "author",
    "requester",
    "recorder",
    "participant",
)
_ABNORMAL = {"H": "↑", "HH": "↑↑", "L": "↓", "LL": "↓↓", "A": "!", "AA": "!!", "HU": "↑↑", "LU": "↓↓", "POS": "+"}
_QUIET_STATES = {"final", "finished", "completed", "active", "confirmed", "current", "resolved"}


@dataclass(frozen=True)
class Summary:
    """kind: word of the type. title, value, place: texts. flag: sign and word if abnormal. state: word if unusual.

    links: references whose names the page may look up: {reference: ""}; title_ref, place_ref: where title and place
    are only a reference so far.
    """

    kind: str
    title: str
    value: str
    flag: str
    state: str
    place: str
    title_ref: str = ""
    place_ref: str = ""
    is_visit: bool = False


def of(resource: dict[str, Any], language: str, zone: ZoneInfo) -> Summary:
    """The line of a resource."""
    kind = str(resource.get("resourceType", ""))
    title, title_ref = _title(resource, language)
    place, place_ref = _place(resource)
    return Summary(
        kind=_kind_word(resource, kind, language),
        title=title or fhir_words.type_word(kind, language),
        value=_value(resource, language, zone),
        flag=_flag(resource, language),
        state=_state(resource, language),
        place=place,
        title_ref=title_ref,
        place_ref=place_ref,
        is_visit=kind == "Encounter",
    )


def _title(resource: dict[str, Any], language: str) -> tuple[str, str]:
    medicine = values.choice(resource, "medication")
    if medicine is not None:
        datatype, value = medicine
        if datatype == "Reference":
            return str(value.get("display", "")), "" if value.get("display") else str(value.get("reference", ""))
        return values.concept(value, language), ""
    if resource.get("resourceType") == "Encounter":
        return _encounter_title(resource, language), ""
    bought = [
        values.concept(one.get("productOrService"), language)
        for one in resource.get("item") or []
        if isinstance(one, dict)
    ]
    if bought and bought[0]:
        return f"{bought[0]} (+{len(bought) - 1})" if len(bought) > 1 else bought[0], ""
    people = resource.get("name")
    if isinstance(people, list) and people and values.human_name(people[0]):
        return values.human_name(people[0]), ""
    for name in _TITLES:
        value = resource.get(name)
        first = value[0] if isinstance(value, list) and value else value
        text = values.concept(first, language) if isinstance(first, dict) else first if isinstance(first, str) else ""
        if text:
            return text, ""
    return "", ""


def _encounter_title(resource: dict[str, Any], language: str) -> str:
    for name in ("reasonCode", "type", "serviceType"):
        value = resource.get(name)
        first = value[0] if isinstance(value, list) and value else value
        text = values.concept(first, language)
        if text:
            return text
    return ""


def _kind_word(resource: dict[str, Any], kind: str, language: str) -> str:
    word = fhir_words.type_word(kind, language)
    if kind == "Encounter":
        detail = values.concept(resource.get("class"), language)
        detail = fhir_words.class_word(str((resource.get("class") or {}).get("code", "")), language) or detail
    elif kind == "Observation":
        detail = values.concept((resource.get("category") or [None])[0], language)
        return detail or word
    else:
        return word
    return f"{word} · {detail}" if detail else word


def _value(resource: dict[str, Any], language: str, zone: ZoneInfo) -> str:
    kind = resource.get("resourceType")
    if kind == "Observation":
        return _observation(resource, language, zone)
    if kind in ("MedicationRequest", "MedicationStatement"):
        lines = resource.get("dosageInstruction") or resource.get("dosage") or []
        return str(next((one.get("text") for one in lines if isinstance(one, dict) and one.get("text")), ""))
    if kind in ("Claim", "Invoice", "ExplanationOfBenefit"):
        total = resource.get("total") or resource.get("totalNet")
        total = total[0].get("amount") if isinstance(total, list) and total else total
        return values.any_value("Money", total, language, zone) if isinstance(total, dict) else ""
    if kind == "AllergyIntolerance" and resource.get("criticality"):
        word = fhir_words.code_word(str(resource["criticality"]), language)
        return f"{fhir_words.element_word('criticality', language)}: {word}".lower()
    if kind == "DiagnosticReport":
        return str(resource.get("conclusion", ""))[:160]
    if kind == "Coverage":
        return str(resource.get("subscriberId", ""))
    return ""


def _observation(resource: dict[str, Any], language: str, zone: ZoneInfo) -> str:
    found = values.choice(resource, "value")
    if found is not None:
        return values.any_value(*found, language, zone)
    components = [one for one in resource.get("component") or [] if isinstance(one, dict)]
    pressure = {_loinc(one): one.get("valueQuantity") for one in components}
    if {"8480-6", "8462-4"} <= set(pressure):  # systolic over diastolic, as it is spoken
        upper, lower = (pressure[code] or {} for code in ("8480-6", "8462-4"))
        text = values.quantity({**lower, "value": None}, language)
        both = "/".join(values.quantity({"value": one.get("value")}, language) for one in (upper, lower))
        return f"{both} {text}".strip()
    texts = []
    for one in components[:4]:
        inner = values.choice(one, "value")
        if inner is not None:
            texts.append(f"{values.concept(one.get('code'), language)}: {values.any_value(*inner, language, zone)}")
    return "; ".join(texts)


def _loinc(component: dict[str, Any]) -> str:
    codings = (component.get("code") or {}).get("coding") or []
    return next((str(one.get("code")) for one in codings if one.get("system") == "http://loinc.org"), "")


def _flag(resource: dict[str, Any], language: str) -> str:
    for concept in resource.get("interpretation") or []:
        for coding in concept.get("coding") or [] if isinstance(concept, dict) else []:
            sign = _ABNORMAL.get(str(coding.get("code")))
            if sign:
                return (
                    f"{sign} {fhir_words.code_word(str(coding['code']), language) or coding.get('display', '')}".strip()
                )
    return ""


def _state(resource: dict[str, Any], language: str) -> str:
    clinical = resource.get("clinicalStatus")
    verified = resource.get("verificationStatus")
    for concept in (verified, clinical):
        code = str(((concept or {}).get("coding") or [{}])[0].get("code", "")) if isinstance(concept, dict) else ""
        if code and (code not in _QUIET_STATES or code == "resolved"):
            return fhir_words.code_word(code, language) or code
    status = resource.get("status")
    if isinstance(status, str) and status not in _QUIET_STATES:
        return fhir_words.code_word(status, language) or status
    return ""


def _place(resource: dict[str, Any]) -> tuple[str, str]:
    for name in _PLACES:
        value = resource.get(name)
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, dict):
                continue
            inner = next(
                (one[key] for key in ("actor", "individual", "location", "member") if isinstance(one.get(key), dict)),
                one,
            )
            reference = str(inner.get("reference", ""))
            if inner.get("display"):
                return str(inner["display"]), ""
            if reference and not reference.startswith("Patient/"):
                return "", reference
    return "", ""
