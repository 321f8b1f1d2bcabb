"""The line of the specification that stands behind an issue: an element with its cardinality and types.

    line_of(definitions, "DeviceMetric.parent.reference") -> "R4: DeviceMetric.parent 0..1 Reference(Device)"

As the tables of https://hl7.org/fhir/R4 write it.
"""

from __future__ import annotations

import re

from lienmach.standards.fhir.definitions import Definitions

_INDEX = re.compile(r"\[\d+\]")


def line_of(definitions: Definitions, expression: str) -> str:
    """The line for a FHIRPath place of an issue, or "" if the place is no element of R4."""
    path = _INDEX.sub("", expression)
    while "." in path:
        try:
            element = definitions.element(path)
        except (KeyError, ValueError):
            path = path.rpartition(".")[0]
            continue
        if path.endswith(".reference") and element.types == ("string",):
            path = path.rpartition(".")[0]
            continue
        most = "*" if element.max is None else str(element.max)
        return f"R4: {path} {element.min}..{most} {_types(element.types, element.reference_targets)}".rstrip()
    return ""


def _types(types: tuple[str, ...], targets: tuple[str, ...]) -> str:
    named = (f"Reference({' | '.join(targets) or 'Any'})" if one == "Reference" else one for one in types)
    return " | ".join(named)
