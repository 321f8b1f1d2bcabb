"""OperationOutcome: how FHIR says what went wrong or well (operationoutcome.html, R4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from lienmach.standards.fhir import json


class Issue(Protocol):
    """What `validate.Finding` and any other issue have in common. expression: FHIRPath or ""."""

    @property
    def severity(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def diagnostics(self) -> str: ...
    @property
    def expression(self) -> str: ...


def build(issues: Iterable[Issue]) -> dict[str, Any]:
    """An OperationOutcome as a dict; with no issues it says that all is well."""
    listed = [_issue(issue) for issue in issues]
    return {
        "resourceType": "OperationOutcome",
        "issue": listed or [{"severity": "information", "code": "informational", "diagnostics": "All OK."}],
    }


def write(issues: Iterable[Issue]) -> bytes:
    """`build` as bytes. Characters that cannot be written are replaced: an error must always reach its reader."""
    outcome = build(issues)
    try:
        return json.dump(outcome)
    except json.JsonError:
        for issue in outcome["issue"]:
            for key, value in issue.items():
                issue[key] = _writable(value) if isinstance(value, str) else [_writable(v) for v in value]
        return json.dump(outcome)


def _issue(issue: Issue) -> dict[str, Any]:
    shown: dict[str, Any] = {"severity": issue.severity, "code": issue.code}
    if issue.diagnostics:
        shown["diagnostics"] = issue.diagnostics
    if issue.expression:
        shown["expression"] = [issue.expression]
    return shown


def _writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
