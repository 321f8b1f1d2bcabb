"""Does a resource have the shape that R4 defines? All that is wrong at once (validation.html).

Checked: known elements, cardinality, types, formats of primitives, choices, primitive extensions, contained
resources, types of reference targets, codes of required bindings that FHIR lists, ele-1 and ext-1. Not checked:
profiles, other invariants, codes of systems outside FHIR, whether a reference exists.

Each type becomes one check, a closure over tables, made when it is first met. A check returns None for a good
value, else its problems with paths relative to it: only a bad resource pays for paths and sentences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lienmach.standards.fhir import contained, primitives, problems, references
from lienmach.standards.fhir.definitions import PRIMITIVES, Definitions, Element
from lienmach.standards.fhir.problems import Found, Problem

FINDINGS_MAX = problems.KEPT_MAX

Check = Callable[[Any], Found]

# Attributes in XML, and so without ids and extensions of their own (json.html#primitive); `id` in all others.
_ATTRIBUTES = {"Extension": ("id", "url"), "Narrative": ("id", "div")}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong; the same fields as an OperationOutcome.issue. expression: FHIRPath of the place."""

    severity: str
    code: str
    diagnostics: str
    expression: str


def validate(definitions: Definitions, resource: dict[str, Any], *, type_expected: str | None = None) -> list[Finding]:
    """All findings of a resource, at most 100 and one that says how many more; [] for a valid one.

    resource: as `json.parse` gives it. type_expected: the type it must be, such as that of the URL.
    """
    name = resource.get("resourceType")
    if type_expected is not None and name != type_expected:
        return [Finding("error", "invalid", f"Expected a {type_expected}, found {_named(name)}.", type_expected)]
    wrong = _compiled(definitions).resource(resource)
    if not wrong:
        return []
    if isinstance(wrong, str):
        wrong = [("", "error", "value", wrong)]
    root = name if isinstance(name, str) and definitions.is_resource_type(name) else "Resource"
    if len(wrong) > FINDINGS_MAX:
        wrong.sort(key=lambda problem: problem[1] != "error")  # No warning takes the place of an error.
    findings = [Finding(severity, code, text, root + path) for path, severity, code, text in wrong[:FINDINGS_MAX]]
    if len(wrong) > FINDINGS_MAX:
        findings.append(
            Finding("information", "too-costly", f"There are more: the first {FINDINGS_MAX} are listed.", root)
        )
    return findings


def _compiled(definitions: Definitions) -> _Checks:
    checks = definitions.compiled.get(__name__)
    if checks is None:
        checks = definitions.compiled[__name__] = _Checks(definitions)
    return checks


class _Checks:
    """The checks made so far, by the name of a type or path."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self._made: dict[str, Check] = {}
        self.targets = references.Targets(definitions)

    def resource(self, value: Any) -> Found:
        """Check a resource of any concrete type."""
        if type(value) is not dict:
            return "Expected a resource, an object."
        name = value.get("resourceType")
        if not isinstance(name, str) or not self._is_type(name):
            return [
                (
                    "",
                    "error",
                    "structure" if name is None else "not-supported",
                    f"The resourceType is {_named(name)}; it must be a type of R4.",
                )
            ]
        found = self.of(name)(value)
        if found is not None:
            found = problems.settle_fragments(found, value)
        if "contained" in value and not isinstance(found, str):
            found = problems.add(found, "", contained.problems(value))
        return found

    def inner_resource(self, value: Any) -> Found:
        """Check a contained resource: its fragments are its container's."""
        if type(value) is not dict or not self._is_type(value.get("resourceType")):
            return self.resource(value)
        return self.of(value["resourceType"])(value)

    def _is_type(self, name: Any) -> bool:
        return type(name) is str and self.definitions.is_resource_type(name)

    def of(self, name: str) -> Check:
        """The check of a resource type, data type or path; it may refer to itself."""
        check = self._made.get(name)
        if check is None:
            made: list[Check] = []
            self._made[name] = lambda value: made[0](value)
            check = _of_object(self, name)
            made.append(check)
            self._made[name] = check
        return check

    def later(self, name: str) -> Check:
        """A check that is made when it is first used, so that a type does not pull in all of R4."""
        made: list[Check] = []

        def check(value: Any) -> Found:
            if not made:
                made.append(self.of(name))
            return made[0](value)

        return self._made.get(name, check)


def _of_object(checks: _Checks, name: str) -> Check:
    members: dict[str, Check] = {}
    paths: dict[str, str] = {}
    required: set[str] = set()
    alternatives: list[tuple[str, frozenset[str]]] = []
    choices: list[tuple[str, frozenset[str]]] = []
    for element in checks.definitions.elements(name).values():
        keys = set()
        for key, check, is_primitive in _members(checks, name, element):
            members[key] = _list_of(check, element) if element.is_list else check
            paths[key] = element.name
            keys.add(key)
            if is_primitive and key not in _ATTRIBUTES.get(name, ("id",)):
                extension = checks.later("Element")
                members["_" + key] = _twins(extension) if element.is_list else extension
                paths["_" + key] = element.name
                keys.add("_" + key)
        if element.is_choice:
            choices.append((element.name, frozenset(keys)))
        if element.min and keys:
            if len(keys) == 1:
                required |= keys
            else:
                alternatives.append((element.name, frozenset(keys)))
    is_resource = checks.definitions.is_resource_type(name)
    if is_resource:
        members["resourceType"] = lambda value: None
        paths["resourceType"] = "resourceType"
    return _object(name, members, paths, frozenset(required), tuple(alternatives), tuple(choices), is_resource)


def _members(checks: _Checks, parent: str, element: Element) -> list[tuple[str, Check, bool]]:
    """(JSON name, check of one value, whether it is primitive) for each type of an element."""
    if element.content_reference:
        return [(element.name, checks.later(element.content_reference), False)]
    found = []
    for kind in element.types:
        key = element.name + kind[0].upper() + kind[1:] if element.is_choice else element.name
        if kind in PRIMITIVES:
            found.append((key, _bound_code(checks, element) if kind == "code" else primitives.CHECKS[kind], True))
        elif kind == "Resource":
            found.append((key, checks.inner_resource if key == "contained" else checks.resource, False))
        elif kind in ("BackboneElement", "Element"):
            found.append((key, checks.later(f"{parent}.{element.name}"), False))
        elif checks.definitions.is_resource_type(kind):
            found.append((key, checks.resource, False))
        elif kind == "Reference":
            found.append((key, _reference(checks, element), False))
        elif kind in ("CodeableConcept", "Coding"):
            found.append((key, _bound_concept(checks, element, kind), False))
        else:
            found.append((key, checks.later(kind), False))
    return found


def _object(
    name: str,
    members: dict[str, Check],
    paths: dict[str, str],
    required: frozenset[str],
    alternatives: tuple[tuple[str, frozenset[str]], ...],
    choices: tuple[tuple[str, frozenset[str]], ...],
    is_resource: bool,
) -> Check:
    get = members.get
    is_extension = name == "Extension"
    is_beside_primitive = name == "Element"
    choice_keys = tuple(keys for _, keys in choices)

    def check(value: Any) -> Found:
        if type(value) is not dict:
            return f"Expected an object, found {primitives.kind_of(value)}."
        wrong = None
        for key, child in value.items():
            member = get(key)
            if member is None:
                wrong = problems.add(
                    wrong, "", [(_dotted(key), "error", "structure", f"{name} has no element {_named(key)} in R4.")]
                )
                continue
            found = member(child)
            if found is not None:
                wrong = problems.add(wrong, "." + paths[key], problems.settle_twins(found, key, value))
        if required and not value.keys() >= required:
            wrong = problems.add(wrong, "", _missing(value, required))
        for wanted, keys in alternatives:
            if keys.isdisjoint(value):
                wrong = problems.add(wrong, "", _absent(wanted))
        for keys in choice_keys:
            if len(keys & value.keys()) > 1:
                wrong = problems.add(wrong, "", _ambiguous(value, choices))
                break
        if not is_resource and (not value or (len(value) == 1 and "id" in value)):
            is_open = value and is_beside_primitive
            wrong = problems.add(wrong, "", [("", "error", problems.TWIN, "id") if is_open else problems.EMPTY])
        if is_extension and ("extension" in value) == (not choice_keys[0].isdisjoint(value)):
            wrong = problems.add(
                wrong,
                "",
                [("", "error", "invariant", "An extension has either extensions or a value, not both (ext-1).")],
            )
        return wrong

    return check


def _list_of(check: Check, element: Element) -> Check:
    low, high = element.min, element.max

    def check_list(value: Any) -> Found:
        if type(value) is not list:
            return [
                (
                    "",
                    "error",
                    "structure",
                    f"{element.name!r} repeats: expected a list, found {primitives.kind_of(value)}.",
                )
            ]
        wrong = None
        for index, item in enumerate(value):
            if item is None:
                wrong = problems.add(wrong, f"[{index}]", [("", "error", problems.TWIN, "null")])
                continue
            found = check(item)
            if found is not None:
                wrong = problems.add(wrong, f"[{index}]", found)
        if not value:
            return [("", "error", "structure", "A list must not be empty.")]
        if len(value) < low or (high is not None and len(value) > high):
            wrong = problems.add(wrong, "", [("", "error", "structure", f"{len(value)} are too few or many.")])
        return wrong

    return check_list


def _twins(extension: Check) -> Check:
    """The list of ids and extensions beside a list of primitive values (json.html#primitive)."""

    def check(value: Any) -> Found:
        if type(value) is not list or not value:
            return [("", "error", "structure", "Expected a list, not empty, beside a list of values.")]
        wrong: list[Problem] | None = [("", "error", problems.TWIN, "length")]
        for index, item in enumerate(value):
            found: Found = [("", "error", problems.TWIN, "null")] if item is None else extension(item)
            if found is not None:
                wrong = problems.add(wrong, f"[{index}]", found)
        return wrong

    return check


def _bound_code(checks: _Checks, element: Element) -> Check:
    plain = primitives.CHECKS["code"]
    pairs = _required_codes(checks, element)
    if pairs is None:
        return plain
    codes = frozenset(code for _, code in pairs)

    def check(value: Any) -> Found:
        if type(value) is str and value in codes:
            return None
        return plain(value) or [
            ("", "error", "code-invalid", f"{_named(value)} is not one of the codes of {element.binding_valueset}.")
        ]

    return check


def _bound_concept(checks: _Checks, element: Element, kind: str) -> Check:
    plain = checks.later(kind)
    pairs = _required_codes(checks, element)
    if pairs is None:
        return plain

    def check(value: Any) -> Found:
        found = plain(value)
        if found is not None:
            return found
        codings = [value] if kind == "Coding" else value.get("coding", ())
        if any((coding.get("system"), coding.get("code")) in pairs for coding in codings):
            return None
        return [("", "error", "code-invalid", f"No coding is one of {element.binding_valueset}, which is required.")]

    return check


def _required_codes(checks: _Checks, element: Element) -> frozenset[tuple[str, str]] | None:
    if element.binding_strength != "required" or not element.binding_valueset:
        return None
    return checks.definitions.valueset_codes(element.binding_valueset)


def _reference(checks: _Checks, element: Element) -> Check:
    plain = checks.later("Reference")
    targets = checks.targets
    allowed = frozenset(element.reference_targets)

    def check(value: Any) -> Found:
        found = plain(value)
        if found is not None:
            return found
        reference = value.get("reference")
        if reference is None or reference == "#":
            return None
        if reference.startswith("#"):
            return [(".reference", "error", problems.FRAGMENT, reference[1:])]
        text = targets.problem(reference, allowed)
        return None if text is None else [(".reference", "error", "value", text)]

    return check


def _missing(value: dict[str, Any], required: frozenset[str]) -> list[Problem]:
    return [problem for name in sorted(required - value.keys()) for problem in _absent(name)]


def _absent(name: str) -> list[Problem]:
    return [("." + name, "error", "required", f"{name!r} is required and missing.")]


def _ambiguous(value: dict[str, Any], choices: tuple[tuple[str, frozenset[str]], ...]) -> list[Problem] | None:
    """Choices with more than one type; a value and its own `_value…` are one."""
    return [
        ("." + name, "error", "structure", f"Only one of {', '.join(sorted(used))} may be present.")
        for name, keys in choices
        if len(used := {key.lstrip("_") for key in keys & value.keys()}) > 1
    ] or None


def _dotted(key: str) -> str:
    return "." + key[:80]


def _named(value: Any) -> str:
    return repr(value[:80]) if isinstance(value, str) else "missing" if value is None else primitives.kind_of(value)
