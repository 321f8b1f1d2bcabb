"""Every leaf of the error tree has one shape at each door: an OperationOutcome for programs, a sentence for people."""

from __future__ import annotations

import inspect
import json
import re

import pytest

from lienmach.api import answers
from lienmach.base import errors
from lienmach.standards.fhir import definitions, validate
from lienmach.standards.fhir import json as fhir_json
from lienmach.web import failures, words

LEAVES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.Failure) and kind is not errors.Failure
]


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_a_program_gets_the_status_and_a_valid_outcome(kind: type[errors.Failure]) -> None:
    answer = answers.of_failure(kind("Something is wrong with this."))
    assert answer.status == kind.status and 400 <= kind.status < 600
    outcome = fhir_json.parse(answer.body)
    assert validate.validate(definitions.load(), outcome, type_expected="OperationOutcome") == []
    issue = outcome["issue"][0]
    assert issue["severity"] == "error" and issue["code"] == kind.code
    assert issue["diagnostics"] == "Something is wrong with this."
    assert (b"content-type", b"application/fhir+json; charset=utf-8") in answer.headers


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_a_person_gets_a_sentence_that_says_what_to_do(kind: type[errors.Failure]) -> None:
    said = failures.of(kind("Something is wrong with this."))
    assert said.status == kind.status
    asked_by_people = kind not in (
        errors.NotAcceptable,
        errors.Unsupported,
        errors.UnknownParameter,
        errors.Unauthenticated,
    )
    if asked_by_people:  # the others only programs cause, or they lead to the sign-in page
        assert said.title != failures.BUG.title, f"Give {kind.__name__} a row in lienmach/web/failures.py"
    assert said.advice.endswith((".", "!", "?"))


def test_all_issues_reach_the_program() -> None:
    issues = [errors.Issue("error", "value", f"Number {n}.", f"Patient.name[{n}]") for n in range(3)]
    answer = answers.of_failure(errors.Unprocessable(issues=issues))
    outcome = json.loads(answer.body)
    assert [one["diagnostics"] for one in outcome["issue"]] == ["Number 0.", "Number 1.", "Number 2."]
    assert outcome["issue"][2]["expression"] == ["Patient.name[2]"]


def test_the_drawing_of_the_tree_is_the_tree() -> None:
    drawn = re.findall(r"[├└]── (\w+) +(\d{3})", errors.__doc__ or "")
    assert sorted(drawn) == sorted((kind.__name__, str(kind.status)) for kind in LEAVES)


def test_both_languages_are_there() -> None:
    assert set(words.LANGUAGES) == {"vi", "en"}
