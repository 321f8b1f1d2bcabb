"""Search parameters of a tenant's own: from a SearchParameter resource to a definition that we can serve.

Source: FHIR R4 searchparameter.html. A resource takes effect while its status is `active`; one that repeats the code
of a standard parameter is stored without effect, so that implementation guides import whole.
"""

from __future__ import annotations

from typing import Any

import msgspec

from lienmach.base.errors import Issue
from lienmach.record.index import catalogue
from lienmach.record.index.parameters import KINDS, compile
from lienmach.standards.fhir.definitions import Definitions, SearchParameterDef
from lienmach.standards.fhir.path import PathError

_ABSTRACT = frozenset(("Resource", "DomainResource"))


def definition_of(resource: dict[str, Any]) -> SearchParameterDef | None:
    """What searching needs of an active SearchParameter resource; None while it is not active."""
    if resource.get("status") != "active":
        return None
    components = tuple(
        (str(one.get("definition", "")), str(one.get("expression", "")))
        for one in resource.get("component") or ()
        if isinstance(one, dict)
    )
    return SearchParameterDef(
        code=str(resource.get("code", "")),
        base=tuple(resource.get("base") or ()),
        type=str(resource.get("type", "")),
        expression=str(resource.get("expression") or ""),
        target=tuple(resource.get("target") or ()),
        components=components,
        url=str(resource.get("url") or ""),
        multiple_or=bool(resource.get("multipleOr", True)),
        multiple_and=bool(resource.get("multipleAnd", True)),
        comparators=tuple(resource.get("comparator") or ()),
        modifiers=tuple(resource.get("modifier") or ()),
        description="",
    )


def problem(definitions: Definitions, one: SearchParameterDef) -> str:
    """The sentence that says why we can not serve this definition; '' if we can."""
    return _problem(definitions, one)[1]


def _problem(definitions: Definitions, one: SearchParameterDef) -> tuple[str, str]:
    """(the element at fault, the sentence), both '' if there is none."""
    if not one.url:
        return "url", "A search parameter needs a url."
    if not one.code or not one.code.replace("-", "").replace("_", "").isalnum() or len(one.code) > 64:
        return (
            "code",
            f"The code of a search parameter has 1 to 64 letters, digits, '-' and '_'; not '{one.code[:64]}'.",
        )
    if one.type not in KINDS or one.type == "special":
        return "type", f"Search parameters of type '{one.type[:20]}' are not supported."
    if not one.expression:
        return "expression", "A search parameter needs an expression; an xpath is not read."
    if one.type == "composite" and len(one.components) < 2:
        return "component", "A composite search parameter needs two components or more."
    for base in one.base:
        if base not in _ABSTRACT and not definitions.is_resource_type(base):
            return "base", f"'{base[:40]}' is not a resource type of R4."
    try:
        found = [compile(definitions, one, type, {}) for type in bases(definitions, one)]
    except (PathError, RecursionError) as refused:
        return "expression", f"The expression is not supported: {refused}"
    if not any(found):
        return "expression", "The expression finds nothing in the types that it is for."
    text = next((text for parameter in found if parameter is not None and (text := _kind_problem(parameter))), "")
    return ("type" if text else ""), text


def _kind_problem(parameter: Any) -> str:
    """Values that no index of this kind can hold, by name."""
    if any(KINDS[parameter.kind].writer(parameter, datatype) for datatype in parameter.datatypes):
        return ""
    return (
        f"A parameter of type {parameter.kind} cannot index {' | '.join(sorted(parameter.datatypes)) or 'such values'}."
    )


def bases(definitions: Definitions, one: SearchParameterDef) -> tuple[str, ...]:
    """The resource types that a definition is for, abstract ones spelled out."""
    return definitions.types if _ABSTRACT.intersection(one.base) else one.base


def is_standard(definitions: Definitions, one: SearchParameterDef) -> bool:
    """Whether R4 has a parameter of this code for one of its types already; then ours stays without effect."""
    if one.code in catalogue.NOT_INDEXED:
        return True
    wanted = set(bases(definitions, one))
    return any(
        known.code == one.code and (_ABSTRACT.intersection(known.base) or wanted.intersection(known.base))
        for known in definitions.search_parameters()
    )


def to_json(one: SearchParameterDef) -> str:
    """The definition as the text that the table `reindex` keeps."""
    return msgspec.json.encode(one).decode()


def from_json(text: str) -> SearchParameterDef:
    """The definition that `to_json` wrote."""
    return msgspec.json.decode(text, type=SearchParameterDef)


def refusal(definitions: Definitions, resource: dict[str, Any]) -> Issue | None:
    """Why an active SearchParameter resource must not be stored: it would promise what we cannot do; None if it may."""
    one = definition_of(resource)
    if one is None or is_standard(definitions, one):
        return None
    element, text = _problem(definitions, one)
    return Issue("error", "not-supported", text, f"SearchParameter.{element}") if text else None
