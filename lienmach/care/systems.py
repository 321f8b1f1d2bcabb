"""The names under which our own codes and numbers stand in resources. One place, so that nobody invents a second one.

Official systems keep their own names; ours begin with https://lienmach.org/ and are stable for life.
"""

from __future__ import annotations

_SID = "https://lienmach.org/sid/"
_CODES = "https://lienmach.org/fhir/CodeSystem/"
EXTENSION = "https://lienmach.org/fhir/StructureDefinition/"

# Numbers
VISIT = _SID + "visit"  # Encounter.identifier: MA_LK of the claim, one key a visit for life
FACILITY = _SID + "facility"  # Organization.identifier: MA_CSKCB, 5 characters
LICENCE = _SID + "practice-licence"  # Practitioner.identifier: MA_BAC_SI
ROOM = _SID + "room"  # Location.identifier: the room's short code, such as P101
ORDER = _SID + "order"  # ServiceRequest.requisition: one number for what was ordered together
SPECIMEN = _SID + "specimen"  # Specimen.identifier and the barcode on the tube
PRESCRIPTION = _SID + "prescription"  # MedicationRequest.groupIdentifier: the 14-character national code
PAPER = _SID + "paper"  # number of a referral, appointment slip or sick leave
BILL = _SID + "bill"  # Invoice.identifier: the number of a cost statement and of its bill
BOOKING = _SID + "booking"  # Appointment.identifier: the secret of its QR ticket

# Codes; the lists of the same name stand in care/catalogues.py
ICD10 = "http://hl7.org/fhir/sid/icd-10"
LOINC = "http://loinc.org"
DRUG = _CODES + "drug"
INGREDIENT = _CODES + "ingredient"
SERVICE = _CODES + "service"
INDICATOR = _CODES + "indicator"
SUPPLY = _CODES + "supply"
LOAI_KCB = _CODES + "ma-loai-kcb"
DOITUONG_KCB = _CODES + "ma-doituong-kcb"
KHOA = _CODES + "ma-khoa"
NHOM = _CODES + "ma-nhom"
SPECIALTY = _CODES + "specialty"
ROOM_KIND = _CODES + "room-kind"
PAPER_KIND = (
    _CODES + "paper-kind"
)  # note, addendum, referral, appointment-slip, sick-leave, prescription, visit-summary
TASK_KIND = _CODES + "task-kind"  # critical-result, and what later issues add
TAG_SOURCE = _CODES + "source"
