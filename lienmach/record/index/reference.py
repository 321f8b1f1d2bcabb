"""Reference parameters (FHIR R4 search.html#reference).

Terms of kind r: the target as written without version ("Patient/1", "http://…/Patient/1", a canonical url); kind v:
with its version ("Patient/1/_history/2", "url|2.0"); kind i: a logical identifier, as t "system|value" and c "value".
Local `#contained` references are not indexed. A query for a relative target also looks for the same target under
our own base url, and the other way round.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lienmach.record.index import values
from lienmach.record.index.condition import Condition, SearchContext
from lienmach.record.index.terms import term, term_of
from lienmach.record.index.writing import Write, Writing

if TYPE_CHECKING:
    from lienmach.record.index.parameter import Parameter

_URLS = frozenset(("canonical", "uri", "url", "oid", "uuid"))


# Writing


@lru_cache(maxsize=16384)
def _literal(seed: int, prefix: str, text: str) -> tuple[int, ...]:
    """(r, m), with a version (r, m, v)."""
    target = without_version(text)
    found = (term(seed, f"{prefix}|r|{target}"), term(seed, f"{prefix}|m|"))
    return found if target == text else (*found, term(seed, f"{prefix}|v|{text}"))


def writer(parameter: Parameter, datatype: str) -> Write | None:
    """How a value of `datatype` is indexed for `parameter`; None if references have no such values."""
    prefix, hot = f"{parameter.type}|{parameter.code}", parameter.hot

    def write_text(text: Any, out: Writing) -> None:
        if isinstance(text, str) and text:
            if text[0] == "#":
                out.terms.append(term(out.seed, f"{prefix}|m|"))
                return
            if len(out.base) > 1 and text.startswith(out.base):
                text = text[len(out.base) :]
            found = _literal(out.seed, prefix, text)
            out.terms += found
            if hot:
                out.post.append(found[0])

    def write_reference(value: Any, out: Writing) -> None:
        if not isinstance(value, dict):
            return
        write_text(value.get("reference"), out)
        identifier = value.get("identifier")
        if isinstance(identifier, dict) and (code := identifier.get("value")):
            seed = out.seed
            out.terms += (
                term(seed, f"{prefix}|i|t|{identifier.get('system') or ''}|{code}"),
                term(seed, f"{prefix}|i|c|{code}"),
                term(seed, f"{prefix}|m|"),
            )
        elif "reference" not in value:
            out.terms.append(term(out.seed, f"{prefix}|m|"))

    def write_attachment(value: Any, out: Writing) -> None:
        if isinstance(value, dict):
            write_text(value.get("url"), out)

    def write_resource(value: Any, out: Writing) -> None:  # Bundle.entry[0].resource
        if isinstance(value, dict) and value.get("id") and is_wanted(parameter, value):
            write_text(f"{value.get('resourceType')}/{value['id']}", out)

    if datatype == "Reference":
        return write_reference
    if datatype in _URLS:
        return write_text
    return {"Attachment": write_attachment, "Resource": write_resource}.get(datatype)


def without_version(text: str) -> str:
    """A literal reference without `/_history/n`, a canonical url without `|version`; fragments are cut too."""
    text = text.partition("#")[0]
    return text.partition("/_history/")[0] if "/_history/" in text else text.partition("|")[0]


def is_wanted(parameter: Parameter, value: Any) -> bool:
    """False for a whole resource (Bundle.entry[0].resource) of a type that the parameter does not point at."""
    kind = value.get("resourceType") if isinstance(value, dict) else None
    return kind is None or not parameter.targets or kind in parameter.targets


def literal(datatype: str, value: Any) -> str | None:
    """The literal target of a value, for `_include`: "Type/id", an absolute or canonical url; None if it has none."""
    if datatype == "Resource":
        return f"{value.get('resourceType')}/{value['id']}" if isinstance(value, dict) and value.get("id") else None
    if isinstance(value, dict):
        value = value.get("url" if datatype == "Attachment" else "reference")
    return value if isinstance(value, str) and value and value[0] != "#" else None


# Reading


def condition(parameter: Parameter, modifier: str | None, found: list[str], context: SearchContext) -> Condition:
    """What `parameter:modifier=found` asks. Modifiers: identifier, missing, and the name of a target type."""
    if modifier == "identifier":
        return Condition(
            parameter,
            tuple(
                dict.fromkeys(
                    one
                    for value in found
                    for source in parameter.sources
                    for one in _identifier_terms(parameter, source, value, context)
                )
            ),
        )
    targets = parameter.targets
    if modifier is not None:
        if not _is_target(parameter, modifier, context):
            raise values.no_modifier(parameter, modifier)
        targets = (modifier,)
    terms: dict[int, None] = {}
    for value in found:
        for text in _candidates(parameter, values.unescape(value), targets, modifier, context):
            kind = "r" if without_version(text) == text else "v"
            for source in parameter.sources:
                terms[term_of(context.term_seed, source.type, source.code, kind, text)] = None
    return Condition(parameter, tuple(terms), hot=parameter.hot)


def terms_of(parameter: Parameter, targets: list[str], term_seed: int) -> list[int]:
    """The terms of many literal targets "Type/id" at once, for chains and `_revinclude`."""
    return [
        term_of(term_seed, source.type, source.code, "r", target) for source in parameter.sources for target in targets
    ]


def _candidates(
    parameter: Parameter, value: str, targets: tuple[str, ...], modifier: str | None, context: SearchContext
) -> list[str]:
    """Every literal text that a query value may stand for."""
    if not value:
        raise values.bad(parameter, value, "is empty.")
    base = context.base_url.rstrip("/")
    if "://" in value or value.startswith("urn:"):
        if base and value.startswith(base + "/"):
            return [value, value[len(base) + 1 :]]
        return [value]
    if "/" in value:
        kind = value.partition("/")[0]
        if modifier is not None and kind != modifier:
            raise values.bad(parameter, value, f"names another type than the modifier ':{modifier}'.")
        relative = [value]
    else:
        relative = [f"{target}/{value}" for target in targets or _all_types(context)]
    found = relative + [f"{base}/{one}" for one in relative] if base else relative
    # A canonical target may be named by its plain text.
    return [*found, value] if parameter.datatypes & _URLS else found


def _all_types(context: SearchContext) -> tuple[str, ...]:
    return context.definitions.types if context.definitions is not None else ()


def _is_target(parameter: Parameter, name: str, context: SearchContext) -> bool:
    if parameter.targets:
        return name in parameter.targets
    return context.definitions is not None and context.definitions.is_resource_type(name)


def _identifier_terms(parameter: Parameter, source: Parameter, value: str, context: SearchContext) -> list[int]:
    parts = [values.unescape(part) for part in values.split(value, "|")]
    if not parts[-1]:
        raise values.bad(parameter, value, "is not 'system|value' or 'value', which ':identifier' needs.")
    text = f"c|{parts[0]}" if len(parts) == 1 else f"t|{parts[0]}|{'|'.join(parts[1:])}"
    return [term_of(context.term_seed, source.type, source.code, "i", text)]
