"""The packaged definitions are those of R4 4.0.1, and nothing else."""

from __future__ import annotations

import pytest

from lienmach.standards.fhir import definitions
from lienmach.standards.fhir.type_numbers import NAMES, NUMBERS

D = definitions.load()


def test_there_are_the_146_concrete_types_of_r4() -> None:
    assert len(D.types) == 146 and D.version == "4.0.1"
    assert D.is_resource_type("Patient") and D.is_resource_type("Binary") and D.is_resource_type("Parameters")
    assert not D.is_resource_type("DomainResource") and not D.is_resource_type("HumanName")
    assert not D.is_resource_type("SubscriptionStatus"), "is of 4.3.0"


def test_every_type_has_a_number_of_its_own() -> None:
    assert all(D.type_name(D.type_number(name)) == name for name in D.types)
    assert len(NAMES) == len(NUMBERS)


def test_numbers_of_types_never_change() -> None:
    some = ("Account", "Bundle", "Encounter", "Observation", "Patient", "VisionPrescription")
    assert [D.type_number(name) for name in some] == [1, 12, 44, 96, 103, 146]


@pytest.mark.parametrize(
    "path",
    [
        "Meta.account",
        "Meta.project",
        "Meta.deleted",
        "ResearchStudy.label",
        "ResearchStudy.recruitment",
        "EvidenceVariable.characteristic.linkId",
        "EvidenceVariable.characteristic.definitionByCombination",
        "Binary.url",
        "HealthcareService.offeredIn",
        "ObservationDefinition.publisher",
        "DeviceDefinition.classification",
        "Reference.resource",
    ],
)
def test_elements_from_elsewhere_are_not_there(path: str) -> None:
    with pytest.raises(KeyError):
        D.element(path)


def test_elements_that_the_package_replaced_are_those_of_r4() -> None:
    assert D.element("EvidenceVariable.characteristic.definition").is_choice
    assert D.element("EvidenceVariable.characteristic.groupMeasure").types == ("code",)
    assert D.element("AuditEvent.agent.who").reference_targets == (
        "PractitionerRole",
        "Practitioner",
        "Organization",
        "Device",
        "Patient",
        "RelatedPerson",
    )
    assert D.element("DetectedIssue.status").binding_valueset == "http://hl7.org/fhir/ValueSet/observation-status"
    assert D.element("Bundle.entry.response.outcome").types == ("Resource",)
    assert D.element("Quantity.comparator").max == 1
    assert D.element("EvidenceVariable.characteristic").min == 1


def test_elements_say_what_they_are() -> None:
    subject = D.element("Observation.subject")
    assert (subject.min, subject.max, subject.types) == (0, 1, ("Reference",))
    assert subject.reference_targets == ("Patient", "Group", "Device", "Location")
    assert D.element("Observation.focus").reference_targets == ()
    value = D.elements("Observation")["value"]
    assert value.is_choice and "Quantity" in value.types and value.is_summary
    status = D.element("Observation.status")
    assert status.min == 1 and status.is_modifier and status.binding_strength == "required"
    assert D.element("Patient.name.given").max is None and D.element("Patient.name.given").is_list
    assert D.element("Patient.id").types == ("id",)
    assert D.element("Extension.url").types == ("uri",) and D.element("HumanName.id").types == ("string",)


def test_paths_lead_through_data_types_and_references_to_content() -> None:
    assert D.element("Patient.contact.name.family").types == ("string",)
    assert D.element("Questionnaire.item.item.item.linkId").min == 1
    assert "relation" in D.elements("Bundle.link") and "when" in D.elements("Timing.repeat")


def test_search_parameters_are_those_of_the_specification() -> None:
    found = {(base, p.code): p for p in D.search_parameters() for base in p.base}
    assert found["Patient", "birthdate"].type == "date"
    assert found["Resource", "_id"].expression == "Resource.id" and ("Resource", "_lastUpdated") in found
    assert len(found["Observation", "code-value-quantity"].components) == 2
    assert set(found["Observation", "patient"].target) == {"Patient"}
    assert ("DetectedIssue", "status") not in found and ("DeviceDefinition", "classification") not in found
    assert len({p.url for p in D.search_parameters()}) == len(D.search_parameters())


def test_the_five_compartments_are_there() -> None:
    assert D.compartment("Patient")["Observation"] == ("subject", "performer")
    assert D.compartment("Encounter")["Observation"] == ("encounter",)
    assert D.compartment("Practitioner")["Observation"] == ("performer",)
    assert D.compartment("RelatedPerson")["Observation"] == ("performer",)
    assert D.compartment("Device")["Observation"] == ("subject", "device")
    assert "Organization" not in D.compartment("Patient")
    codes = {(base, p.code) for p in D.search_parameters() for base in p.base}
    for name in ("Patient", "Encounter", "Practitioner", "RelatedPerson", "Device"):
        assert all((kind, code) in codes for kind, names in D.compartment(name).items() for code in names)


def test_codes_of_required_bindings_are_listed_where_fhir_lists_them() -> None:
    url = "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert D.valueset_codes(url + "|4.0.1") == {
        ("http://hl7.org/fhir/administrative-gender", c) for c in ("male", "female", "other", "unknown")
    }
    assert D.valueset_codes("http://hl7.org/fhir/ValueSet/mimetypes") is None
    assert D.valueset_codes("http://example.org/unknown") is None


def test_the_summary_of_a_patient_has_its_name_and_not_its_photo() -> None:
    assert {"name", "identifier", "birthDate", "link"} <= D.summary_elements("Patient")
    assert not {"photo", "contact", "text"} & D.summary_elements("Patient")


def test_every_element_leads_to_something_known() -> None:
    waiting, seen = list(D.types), set()
    while waiting:
        name = waiting.pop()
        if name in seen or name in definitions.PRIMITIVES or name == "Resource":
            continue
        seen.add(name)
        for element in D.elements(name).values():
            waiting += [D.type_of_children(name, element), *(t for t in element.types if t != "BackboneElement")]
    assert len(seen) > 600
