"""The line of the specification behind an issue."""

from __future__ import annotations

import pytest

from lienmach.standards.fhir import definitions, rule_lines


@pytest.mark.parametrize(
    "expression, line",
    [
        ("DeviceMetric.parent.reference", "R4: DeviceMetric.parent 0..1 Reference(Device)"),
        ("ImplementationGuide.status", "R4: ImplementationGuide.status 1..1 code"),
        ("Patient.name[0].given[1]", "R4: Patient.name.given 0..* string"),
        ("Questionnaire.text.div", "R4: Questionnaire.text.div 1..1 xhtml"),
        ("Patient.shoe", ""),
        ("Shoe.size", ""),
        ("", ""),
    ],
)
def test_an_issue_has_the_line_that_it_breaks(expression, line):
    assert rule_lines.line_of(definitions.load(), expression) == line
