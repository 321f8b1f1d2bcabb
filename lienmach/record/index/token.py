"""Token parameters: codes, identifiers, contact points, booleans (FHIR R4 search.html#token).

A coded value gives the terms t "system|code", c "code" and s "system|"; a value without a system (code, boolean,
string, id) gives c alone, and its system, which the definitions imply, is checked when the query is read.
Case counts, as FHIR leaves it to the code system; e-mail addresses are the exception, and phone numbers are
compared by their digits, +84 being the trunk 0 (FHIR leaves contact points to the server).
Texts and displays go to `str` for `:text`. Type codes of identifiers go to terms of kind o for `:of-type`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lienmach.record.index import string, values
from lienmach.record.index.condition import Condition, SearchContext
from lienmach.record.index.terms import term, term_of
from lienmach.record.index.writing import Write, Writing

if TYPE_CHECKING:
    from lienmach.record.index.parameter import Parameter

_PLAIN = frozenset(
    (
        "code",
        "boolean",
        "string",
        "id",
        "uri",
        "url",
        "canonical",
        "oid",
        "uuid",
        "markdown",
        "integer",
        "positiveInt",
        "unsignedInt",
        "instant",
        "date",
        "dateTime",
        "decimal",
    )
)
_PHONE_NOISE = str.maketrans("", "", " .-()\u00a0/")
_SPECIAL_VALUES = "http://terminology.hl7.org/CodeSystem/special-values"


# Writing


@lru_cache(maxsize=16384)
def _coded(seed: int, prefix: str, system: str, code: str) -> tuple[int, ...]:
    """(t, c, s, m); without a code (s, m), without a system (t, c, m)."""
    present = term(seed, f"{prefix}|m|")
    if not code:
        return (term(seed, f"{prefix}|s|{system}|"), present)
    both = (term(seed, f"{prefix}|t|{system}|{code}"), term(seed, f"{prefix}|c|{code}"))
    return (*both, term(seed, f"{prefix}|s|{system}|"), present) if system else (*both, present)


@lru_cache(maxsize=8192)
def _plain(seed: int, prefix: str, code: str) -> tuple[int, ...]:
    return (term(seed, f"{prefix}|c|{code}"), term(seed, f"{prefix}|m|"))


def writer(parameter: Parameter, datatype: str) -> Write | None:
    """How a value of `datatype` is indexed for `parameter`; None if tokens have no such values."""
    structured = {
        "Coding": _coding_writer,
        "CodeableConcept": _concept_writer,
        "Identifier": _identifier_writer,
        "ContactPoint": _contact_writer,
    }
    make = structured.get(datatype) or (_plain_writer if datatype in _PLAIN else None)
    return make(parameter) if make else None


def _coding_writer(parameter: Parameter) -> Write:
    prefix, number, hot = _prefix(parameter), parameter.number, parameter.hot

    def write(value: Any, out: Writing) -> None:
        if not isinstance(value, dict):
            return
        code, system = value.get("code") or "", value.get("system") or ""
        if code or system:
            found = _coded(out.seed, prefix, system, code)
            out.terms += found
            if hot and code:
                out.post += found[:2]
        if display := value.get("display"):
            out.str.append((number, string.index_text(display), "", None))
            if not code and not system:
                out.terms.append(_present(out, prefix))

    return write


def _concept_writer(parameter: Parameter) -> Write:
    prefix, number, write_coding = _prefix(parameter), parameter.number, _coding_writer(parameter)

    def write(value: Any, out: Writing) -> None:
        if not isinstance(value, dict):
            return
        codings = value.get("coding")
        for coding in codings if isinstance(codings, list) else ():
            write_coding(coding, out)
        if text := value.get("text"):
            out.str.append((number, string.index_text(text), "", None))
            if "coding" not in value:
                out.terms.append(_present(out, prefix))

    return write


def _identifier_writer(parameter: Parameter) -> Write:
    prefix, number, hot = _prefix(parameter), parameter.number, parameter.hot

    def write(value: Any, out: Writing) -> None:
        if not isinstance(value, dict):
            return
        code, system = value.get("value") or "", value.get("system") or ""
        if not code and not system:
            out.terms.append(_present(out, prefix))
            return
        found = _coded.__wrapped__(out.seed, prefix, system, code)
        out.terms += found
        if hot and code:
            out.post += found[:2]
        kind = value.get("type")
        if not isinstance(kind, dict):
            return
        if text := kind.get("text"):
            out.str.append((number, string.index_text(text), "", None))
        codings = kind.get("coding")
        for coding in codings if isinstance(codings, list) else ():
            if isinstance(coding, dict) and code:
                of_type = f"{coding.get('system') or ''}|{coding.get('code') or ''}|{code}"
                out.terms.append(term(out.seed, f"{prefix}|o|{of_type}"))

    return write


def _contact_writer(parameter: Parameter) -> Write:
    prefix = _prefix(parameter)

    def write(value: Any, out: Writing) -> None:
        text = value.get("value") if isinstance(value, dict) else None
        if text:
            out.terms += _plain.__wrapped__(out.seed, prefix, text)
            plain = contact_form(text)
            if plain != text:
                out.terms.append(term(out.seed, f"{prefix}|c|{plain}"))

    return write


def _plain_writer(parameter: Parameter) -> Write:
    prefix, hot = _prefix(parameter), parameter.hot

    def write(value: Any, out: Writing) -> None:
        if isinstance(value, bool):
            code = "true" if value else "false"
        elif isinstance(value, (str, int)):
            code = str(value)
        else:
            return
        found = _plain(out.seed, prefix, code)
        out.terms += found
        if hot:
            out.post.append(found[0])

    return write


def _prefix(parameter: Parameter) -> str:
    return f"{parameter.type}|{parameter.code}"


def _present(out: Writing, prefix: str) -> int:
    return term(out.seed, f"{prefix}|m|")


def contact_form(text: str) -> str:
    """An e-mail address in lower case, a phone number as digits with trunk 0: `+84 90.123` -> `090123`."""
    text = text.strip()
    if "@" in text:
        return text.casefold()
    digits = text.translate(_PHONE_NOISE)
    for lead in ("+84", "0084"):
        if digits.startswith(lead) and len(digits) > 8:
            return "0" + digits[len(lead) :].removeprefix("0")
    if digits.startswith("84") and len(digits) == 11 and digits.isdecimal():  # `+` is a space in a query
        return "0" + digits[2:]
    return digits if digits.lstrip("+").isdecimal() else text


# Reading


def condition(parameter: Parameter, modifier: str | None, found: list[str], context: SearchContext) -> Condition:
    """What `parameter:modifier=found` asks. Modifiers: not, text, of-type, missing."""
    if modifier == "text":
        return string.text_condition(parameter, found)
    if modifier == "of-type":
        if "Identifier" not in parameter.datatypes:
            raise values.no_modifier(parameter, modifier)
        return Condition(parameter, tuple(_of_type(parameter, value, context) for value in found))
    if modifier not in (None, "not"):
        raise values.no_modifier(parameter, modifier)
    terms: dict[int, None] = {}
    only_hot = parameter.hot
    for value in found:
        kind, system, code = parse(parameter, value)
        only_hot = only_hot and kind != "s"
        for source in parameter.sources:
            for one in _query_terms(source, kind, system, code, context):
                terms[one] = None
    negate = modifier == "not"
    return Condition(parameter, tuple(terms), hot=only_hot and not negate, negate=negate)


def parse(parameter: Parameter, value: str) -> tuple[str, str, str]:
    """(kind, system, code) of `code`, `system|code`, `|code` or `system|`; kind is c, t, t or s."""
    parts = [values.unescape(part) for part in values.split(value, "|")]
    if len(parts) == 1 and parts[0]:
        return "c", "", parts[0]
    if len(parts) == 2 and parts[1]:
        return "t", parts[0], parts[1]
    if len(parts) == 2 and parts[0]:
        return "s", parts[0], ""
    if len(parts) > 2 and "Identifier" in parameter.datatypes:  # a value that has a bar of its own
        return "t", parts[0], "|".join(parts[1:])
    raise values.bad(parameter, value, "is not a token: 'code', 'system|code', '|code' or 'system|' was expected.")


def _query_terms(parameter: Parameter, kind: str, system: str, code: str, context: SearchContext) -> list[int]:
    def made(letter: str, text: str) -> int:
        return term_of(context.term_seed, parameter.type, parameter.code, letter, text)

    if kind == "c":
        found = [made("c", code)]
        if "ContactPoint" in parameter.datatypes and (plain := contact_form(code)) != code:
            found.append(made("c", plain))
        return found
    if kind == "s":
        return [made("s", f"{system}|")]
    found = [made("t", f"{system}|{code}")] if parameter.datatypes - _PLAIN else []
    if parameter.datatypes & _PLAIN and _is_implied(parameter, system, code, context):
        found.append(made("c", code))
    elif "ContactPoint" in parameter.datatypes:  # `phone|0912…` as people write it
        found += [made("c", code), made("c", contact_form(code))]
    return found


def _is_implied(parameter: Parameter, system: str, code: str, context: SearchContext) -> bool:
    """Whether a value without a system is `code` of `system`: bound value sets say so; `|code` always is."""
    if not system:
        return True
    if system == _SPECIAL_VALUES:
        return "boolean" in parameter.datatypes
    if "code" not in parameter.datatypes or context.definitions is None:
        return False
    for url in parameter.bindings:
        codes = context.definitions.valueset_codes(url)
        if codes is None or (system, code) in codes:
            return True
    return False


def _of_type(parameter: Parameter, value: str, context: SearchContext) -> int:
    parts = [values.unescape(part) for part in values.split(value, "|")]
    if len(parts) != 3 or not all(parts[1:]):
        raise values.bad(parameter, value, "is not 'system|code|value', which ':of-type' needs.")
    return term_of(context.term_seed, parameter.type, parameter.code, "o", "|".join(parts))


# The token half of a composite


@lru_cache(maxsize=8192)
def partner(seed: int, system: str, code: str) -> int:
    """The `tok` of a side row: the code in the upper 32 bits, the system in the lower, both hashed."""
    upper, lower = term(seed, f"code|{code}") & 0xFFFFFFFF, term(seed, f"system|{system}") & 0xFFFFFFFF
    both = upper << 32 | lower
    return both - (1 << 64) if both >= 1 << 63 else both


def partner_range(seed: int, kind: str, system: str, code: str) -> tuple[int, int]:
    """(lowest, highest) `tok` that a query token of kind c or t matches."""
    if kind == "t":
        return (exact := partner(seed, system, code)), exact
    upper = term(seed, f"code|{code}") & 0xFFFFFFFF
    upper -= (1 << 32) if upper >= 1 << 31 else 0
    return upper << 32, upper << 32 | 0xFFFFFFFF


def codings(datatype: str, value: Any) -> list[tuple[str, str]]:
    """(system, code) pairs in a token value, for pairing in composites."""
    if datatype == "CodeableConcept" and isinstance(value, dict):
        return [
            (c.get("system") or "", c.get("code") or "")
            for c in (value["coding"] if isinstance(value.get("coding"), list) else ())
            if isinstance(c, dict) and c.get("code")
        ]
    if datatype == "Coding" and isinstance(value, dict):
        return [(value.get("system") or "", value["code"])] if value.get("code") else []
    if datatype == "Identifier" and isinstance(value, dict):
        return [(value.get("system") or "", value["value"])] if value.get("value") else []
    if isinstance(value, bool):
        return [("", "true" if value else "false")]
    return [("", value)] if isinstance(value, str) else []
