"""The one tree of errors; the doors translate it, nobody else knows status codes.

Failure                       anything we say to a person or a program on purpose
├── Invalid            400    the body or a value in it breaks a rule; carries all issues
│   ├── Malformed      400    not even readable: JSON, UTF-8, depth, duplicate keys
│   └── Unprocessable  422    readable, but breaks the definitions (FHIR validation)
├── UnknownParameter   400    a search parameter or modifier that we do not have, by name
├── Unauthenticated    401    nobody is there
├── Refused            403    somebody is there, but no rule allows it
├── NotFound           404    nothing here that this actor may see
├── NotAllowed         405    the interaction does not exist on this URL
├── NotAcceptable      406    asked for a format that we do not speak
├── Conflict           409    the state of the record forbids it (version race, unresolved reference)
├── Gone               410    it was here and is deleted
├── PreconditionFailed 412    If-Match did not match, or a condition matched several
├── TooLarge           413    a limit of size or count, with the limit in the sentence
├── Unsupported        415    a content type that we do not read
├── TooMany            429    come back later, with the seconds
└── Unavailable        503    a part that we need is down or the disk is full; nothing was changed
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Issue:
    """One OperationOutcome.issue (FHIR R4 operationoutcome.html).

    severity: fatal | error | warning | information. code: an IssueType code such as
    `structure`, `required`, `value`, `code-invalid`, `not-found`, `too-long`.
    expression: FHIRPath of the place, such as `Patient.name[0].given[1]`; empty if none.
    Text never quotes patient data beyond the value at fault, cut at 80 characters.
    """

    severity: str
    code: str
    diagnostics: str
    expression: str = ""


class Failure(Exception):
    """Base of the tree. status: the HTTP status of this leaf. issues: at least one.

    values: fills places such as `{left}` in the text; source and values stay, so that a page can translate it.
    """

    status = 500
    code = "exception"

    def __init__(
        self,
        text: str = "",
        *,
        code: str | None = None,
        expression: str = "",
        issues: list[Issue] | None = None,
        values: dict[str, object] | None = None,
    ) -> None:
        self.source, self.values = text, values or {}
        if values:
            text = text.format(**values)
        super().__init__(text or (issues[0].diagnostics if issues else self.__class__.__name__))
        self.text = str(self)
        self.issues = issues or [Issue("error", code or self.code, self.text, expression)]


class Invalid(Failure):
    status, code = 400, "invalid"


class Malformed(Invalid):
    status, code = 400, "structure"


class Unprocessable(Invalid):
    status, code = 422, "processing"


class UnknownParameter(Failure):
    status, code = 400, "not-supported"


class Unauthenticated(Failure):
    status, code = 401, "login"


class Refused(Failure):
    status, code = 403, "forbidden"


class NotFound(Failure):
    status, code = 404, "not-found"


class NotAllowed(Failure):
    status, code = 405, "not-supported"


class NotAcceptable(Failure):
    status, code = 406, "not-supported"


class Conflict(Failure):
    status, code = 409, "conflict"


class Gone(Failure):
    status, code = 410, "deleted"


class PreconditionFailed(Failure):
    status, code = 412, "conflict"


class TooLarge(Failure):
    status, code = 413, "too-costly"


class Unsupported(Failure):
    status, code = 415, "not-supported"


class TooMany(Failure):
    """seconds: when to come back (Retry-After)."""

    status, code = 429, "throttled"

    def __init__(self, text: str = "", *, seconds: int = 60) -> None:
        super().__init__(text)
        self.seconds = seconds


class Unavailable(Failure):
    status, code = 503, "transient"
