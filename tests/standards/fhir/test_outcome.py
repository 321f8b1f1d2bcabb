"""OperationOutcome from findings."""

from __future__ import annotations

from lienmach.standards.fhir import definitions, json, outcome, validate
from lienmach.standards.fhir.validate import Finding


def test_findings_become_issues() -> None:
    body = json.parse(
        outcome.write(
            [Finding("error", "value", "Sai “ngày”.", "Patient.birthDate"), Finding("warning", "structure", "", "")]
        )
    )
    assert body == {
        "resourceType": "OperationOutcome",
        "issue": [
            {"severity": "error", "code": "value", "diagnostics": "Sai “ngày”.", "expression": ["Patient.birthDate"]},
            {"severity": "warning", "code": "structure"},
        ],
    }


def test_without_findings_all_is_well() -> None:
    assert outcome.build([])["issue"][0]["severity"] == "information"


def test_outcomes_are_valid_themselves() -> None:
    findings = validate.validate(definitions.load(), {"resourceType": "Patient", "x": 1, "gender": "m", "name": {}})
    assert len(findings) == 3
    assert validate.validate(definitions.load(), outcome.build(findings)) == []
    assert validate.validate(definitions.load(), outcome.build([])) == []


def test_an_unwritable_character_does_not_hide_the_error() -> None:
    assert b"x?" in outcome.write([Finding("error", "value", "x\ud800", "\ud800")])
