"""Whose resource is it? The one person a resource is about, as the id of a Patient here, or None.

Only elements with at most one value count: a resource with several persons (Group, Appointment,
AuditEvent, Provenance, Account) has none here and is reached by its search parameters instead.
The table follows CompartmentDefinition/patient (FHIR R4 compartmentdefinition-patient.html) and adds Task.for
and Device.patient, which that compartment leaves out although they speak of a person.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

_BY_SUBJECT = """AdverseEvent Basic CarePlan CareTeam ChargeItem ClinicalImpression Communication
CommunicationRequest Composition Condition DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest
DocumentReference Encounter Flag Goal ImagingStudy Invoice List MeasureReport Media MedicationAdministration
MedicationDispense MedicationRequest MedicationStatement Observation Procedure QuestionnaireResponse RequestGroup
RiskAssessment ServiceRequest Specimen"""
_BY_PATIENT = """AllergyIntolerance BodyStructure Claim ClaimResponse Consent CoverageEligibilityRequest
CoverageEligibilityResponse DetectedIssue Device EpisodeOfCare ExplanationOfBenefit FamilyMemberHistory Immunization
ImmunizationEvaluation ImmunizationRecommendation MolecularSequence NutritionOrder RelatedPerson SupplyDelivery
VisionPrescription"""

ELEMENT: dict[str, str] = {
    **dict.fromkeys(_BY_SUBJECT.split(), "subject"),
    **dict.fromkeys(_BY_PATIENT.split(), "patient"),
    "AppointmentResponse": "actor",
    "Coverage": "beneficiary",
    "EnrollmentRequest": "candidate",
    "ResearchSubject": "individual",
    "Task": "for",
}


def patient_of(resource: dict[str, Any], resource_id: str, base_url: str = "") -> str | None:
    """The id of the Patient that `resource` is about, or None; a Patient is about itself.

    resource: as parsed; resource_id: the id it is stored under. Reads `Patient/<id>` (a version part is cut off),
    also under base_url, our own; other absolute references name a person of another server.
    """
    kind = resource["resourceType"]
    if kind == "Patient":
        return resource_id
    element = ELEMENT.get(kind)
    if element is None:
        return None
    value = resource.get(element)
    reference = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(reference, str):
        return None
    if base_url and reference.startswith(base_url + "/"):
        reference = reference[len(base_url) + 1 :]
    if not reference.startswith("Patient/"):
        return None
    return reference[8:].partition("/")[0] or None


def bucket_of(owner_id: str) -> int:
    """The bucket, 0 to 1023, of a resource by the id of its person, or by its own; fixed when it is created."""
    return crc32(owner_id.encode()) & 1023
