"""What we decide about single search parameters, as tables: main dates, hot tokens, low selectivity.

Everything else about parameters comes from the FHIR definitions.
"""

from __future__ import annotations

# The main clinical date of a type: `ix.d1` is the low edge of the first of these parameters that has a value.
# Types that are not named here (and people, whose birth says nothing of their care) have no main date.
PRIMARY_DATES: dict[str, tuple[str, ...]] = {
    "Account": ("period",),
    "AdverseEvent": ("date",),
    "AllergyIntolerance": ("onset", "date"),
    "Appointment": ("date",),
    "AuditEvent": ("date",),
    "Basic": ("created",),
    "CarePlan": ("date",),
    "CareTeam": ("date",),
    "ChargeItem": ("occurrence", "entered-date"),
    "Claim": ("created",),
    "ClaimResponse": ("created",),
    "ClinicalImpression": ("date",),
    "Communication": ("sent", "received"),
    "CommunicationRequest": ("authored", "occurrence"),
    "Composition": ("date",),
    "Condition": ("onset-date", "recorded-date"),
    "Consent": ("date",),
    "Contract": ("issued",),
    "CoverageEligibilityRequest": ("created",),
    "CoverageEligibilityResponse": ("created",),
    "DetectedIssue": ("identified",),
    "DeviceRequest": ("authored-on", "event-date"),
    "DiagnosticReport": ("date", "issued"),
    "DocumentManifest": ("created",),
    "DocumentReference": ("date", "period"),
    "Encounter": ("date",),
    "EpisodeOfCare": ("date",),
    "ExplanationOfBenefit": ("created",),
    "FamilyMemberHistory": ("date",),
    "Flag": ("date",),
    "Goal": ("start-date", "target-date"),
    "ImagingStudy": ("started",),
    "Immunization": ("date",),
    "ImmunizationEvaluation": ("date",),
    "ImmunizationRecommendation": ("date",),
    "Invoice": ("date",),
    "List": ("date",),
    "MeasureReport": ("date", "period"),
    "Media": ("created",),
    "MedicationAdministration": ("effective-time",),
    "MedicationDispense": ("whenhandedover", "whenprepared"),
    "MedicationRequest": ("authoredon",),
    "MedicationStatement": ("effective",),
    "NutritionOrder": ("datetime",),
    "Observation": ("date",),
    "PaymentNotice": ("created",),
    "PaymentReconciliation": ("created",),
    "Procedure": ("date",),
    "Provenance": ("recorded",),
    "QuestionnaireResponse": ("authored",),
    "RequestGroup": ("authored",),
    "ResearchSubject": ("date",),
    "RiskAssessment": ("date",),
    "Schedule": ("date",),
    "ServiceRequest": ("authored", "occurrence"),
    "Slot": ("start",),
    "Specimen": ("collected",),
    "SupplyRequest": ("date",),
    "Task": ("authored-on", "modified"),
    "TestReport": ("issued",),
    "VisionPrescription": ("datewritten",),
}

# Tokens that drive ordered pages get a row each in `post`, besides `identifier` of every type.
_CODED = """AdverseEvent:event AllergyIntolerance:code ChargeItem:code Condition:code DiagnosticReport:code
DocumentReference:type Encounter:type Immunization:vaccine-code MedicationAdministration:code MedicationDispense:code
MedicationRequest:code MedicationStatement:code Observation:code Observation:component-code Procedure:code
ServiceRequest:code AuditEvent:patient"""
HOT = frozenset(tuple(one.split(":")) for one in _CODED.split())

# Words with few distinct values; a query never starts from them.
LOW_SELECTIVITY = frozenset(
    """_profile _security _tag active category class clinical-status criticality deceased
experimental gender intent jurisdiction language mode outcome priority severity status subject-type type
verification-status""".split()
)

# Parameters without an index of their own: the planner answers `_id` and `_lastUpdated` from other columns; FHIR
# gives `_text`, `_content` and `_query` no expression, and we have no full-text search yet.
NOT_INDEXED = frozenset(("_id", "_lastUpdated", "_text", "_content", "_query"))
