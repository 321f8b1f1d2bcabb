"""Uri parameters: exact, case and slash included (FHIR R4 search.html#uri).

Terms of kind u hold the uri, of kind b each of its ancestors by path segment, for `:below`. `:above` asks for the
ancestors of the query value. Urns have no ancestors. A canonical url is also found without its version.
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

_SEGMENTS_MAX = 20


# Writing


@lru_cache(maxsize=8192)
def _terms(seed: int, prefix: str, text: str) -> tuple[int, ...]:
    texts = dict.fromkeys((text, text.partition("|")[0]))
    found = [term(seed, f"{prefix}|m|"), *(term(seed, f"{prefix}|u|{one}") for one in texts)]
    found += [term(seed, f"{prefix}|b|{one}") for one in ancestors(text.partition("|")[0])]
    return tuple(found)


def writer(parameter: Parameter, datatype: str) -> Write | None:
    """How a value of `datatype` is indexed for `parameter`; None if uris have no such values."""
    if not datatype[:1].islower():
        return None
    prefix = f"{parameter.type}|{parameter.code}"

    def write(value: Any, out: Writing) -> None:
        if isinstance(value, str) and value:
            out.terms += _terms(out.seed, prefix, value)

    return write


def ancestors(text: str) -> list[str]:
    """An http url and what is above it, without closing slash: `http://a/b/c` -> itself, `http://a/b`, `http://a`."""
    scheme, colon, rest = text.partition("://")
    if not colon:
        return [text]
    segments = rest.rstrip("/").split("/")[:_SEGMENTS_MAX]
    return [f"{scheme}://{'/'.join(segments[:count])}" for count in range(len(segments), 0, -1)]


# Reading


def condition(parameter: Parameter, modifier: str | None, found: list[str], context: SearchContext) -> Condition:
    """What `parameter:modifier=found` asks. Modifiers: above, below, missing."""
    if modifier not in (None, "above", "below"):
        raise values.no_modifier(parameter, modifier)
    terms: dict[int, None] = {}
    for value in found:
        text = values.unescape(value)
        if not text:
            raise values.bad(parameter, value, "is empty.")
        asked = [("b", text.rstrip("/"))] if modifier == "below" else [("u", text)]
        if modifier == "above":
            asked = [("u", one + end) for one in ancestors(text) for end in ("", "/")]
        for source in parameter.sources:
            for kind, one in asked:
                terms[term_of(context.term_seed, source.type, source.code, kind, one)] = None
    return Condition(parameter, tuple(terms))
