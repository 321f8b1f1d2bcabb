from collections import Counter
from datetime import date

import pytest

from lienmach.care.population import cohort
from lienmach.standards.fhir import definitions, folding, validate
from lienmach.standards.fhir import json as fhir_json
from lienmach.standards.vietnam import identity, insurance_card, names, places

PEOPLE = 150


@pytest.fixture(scope="module")
def groups():
    return list(cohort.generate(1, PEOPLE))


def everything(groups):
    return [one for group in groups for one in group]


def test_the_number_of_people_is_exact(groups):
    kinds = Counter(one["resourceType"] for one in everything(groups))
    assert kinds["Patient"] == PEOPLE
    assert 15 <= len(everything(groups)) / PEOPLE <= 30
    assert {
        "Organization",
        "Practitioner",
        "Encounter",
        "Condition",
        "Observation",
        "MedicationRequest",
        "Immunization",
        "RelatedPerson",
        "AllergyIntolerance",
        "Procedure",
        "Coverage",
        "DiagnosticReport",
    } <= set(kinds)


def test_a_seed_gives_the_same_bytes_and_another_seed_other_ones(groups):
    def written(some):
        return [fhir_json.dump(one) for one in everything(some)]

    assert written(groups) == written(cohort.generate(1, PEOPLE))
    assert not set(written(groups)) & set(written(cohort.generate(2, PEOPLE)))


def test_more_people_change_nothing_of_those_who_are_there(groups):
    more = {(one["resourceType"], one["id"]): one for one in everything(cohort.generate(1, PEOPLE + 40))}
    for group in groups[:-1]:  # the last household may have been cut short
        assert all(more[one["resourceType"], one["id"]] == one for one in group)


def test_every_resource_is_valid_marked_and_has_an_id_of_its_own(groups):
    known = definitions.load()
    seen = set()
    for one in everything(groups):
        again = fhir_json.parse(fhir_json.dump(one))
        assert validate.validate(known, again) == []
        assert one["meta"]["security"][0]["code"] == "HTEST"
        assert (one["resourceType"], one["id"]) not in seen
        seen.add((one["resourceType"], one["id"]))


def test_every_reference_points_to_something_in_its_group_or_before(groups):
    seen = set()
    for group in groups:
        seen |= {f"{one['resourceType']}/{one['id']}" for one in group}
        assert {target for one in group for target in references(one)} <= seen


def references(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "reference" and isinstance(inner, str):
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_numbers_fit_the_people_and_can_reach_nobody(groups):
    for one in everything(groups):
        if one["resourceType"] != "Patient":
            continue
        numbers = {identity.kind_of_system(item["system"]).key: item["value"] for item in one["identifier"]}
        if "cccd" in numbers:
            assert not identity.check_citizen_number(
                numbers["cccd"], sex=one["gender"], birth_year=int(one["birthDate"][:4])
            )
            assert numbers["cccd"][6:8] == "99"
        if "bhyt" in numbers:
            assert not insurance_card.check(numbers["bhyt"], on=date(2026, 10, 31))
        assert all(item["value"].startswith("0000") for item in one.get("telecom", []))


def test_people_live_in_communes_of_today_all_over_the_country(groups):
    found = set()
    for one in everything(groups):
        if one["resourceType"] == "Patient":
            codes = [item["valueCoding"]["code"] for item in one["address"][0]["extension"]]
            commune = places.commune(codes[0])
            assert commune.province == codes[1] and one["address"][0]["city"] == commune.full_name
            found.add(codes[1])
    assert len(found) > 8


def test_names_hold_the_letters_that_break_other_programs(groups):
    full = " ".join(names.shown(one) for one in everything(groups) if one["resourceType"] == "Patient")
    assert set("đêôơưăâ") <= set(full.lower())
    assert not set("đêôơưăâ") & set(folding.fold(full))
    families = Counter(
        word.split()[0].upper()
        for word in (names.shown(one) for one in everything(groups) if one["resourceType"] == "Patient")
    )
    assert families.most_common(1)[0][0] == "NGUYỄN"


def test_nothing_happens_before_birth_or_after_the_last_day(groups):
    births = {one["id"]: one["birthDate"] for one in everything(groups) if one["resourceType"] == "Patient"}
    for one in everything(groups):
        subject = one.get("subject") or one.get("patient") or {}
        for key in ("effectiveDateTime", "occurrenceDateTime", "onsetDateTime", "authoredOn", "performedDateTime"):
            if key in one:
                day = one[key][:10]
                assert births[subject["reference"].removeprefix("Patient/")] <= day <= "2026-11-01", one
