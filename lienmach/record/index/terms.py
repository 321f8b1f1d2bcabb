"""Terms: the signed 64-bit hashes that stand for words in `ix.terms`, `post`, `ix.pat` and the `tok` columns.

A term is xxh3_64 of UTF-8 text under the tenant's seed, so that equal text in two tenants gives unequal terms.
Text is `Type|param|kind|value`; kinds: t "system|code", c "code", s "system|", r reference, v versioned
reference, i logical identifier, u uri, b uri prefix, m presence, o of-type, p composite pair.
"""

from __future__ import annotations

from xxhash import xxh3_64_intdigest

_SIGN = 1 << 63
_WRAP = 1 << 64


def term(seed: int, text: str) -> int:
    """The term of one text, as PostgreSQL bigint. seed: tenant.term_seed, of any sign."""
    value = xxh3_64_intdigest(text.encode(), seed & 0xFFFFFFFFFFFFFFFF)
    return value - _WRAP if value >= _SIGN else value


def term_of(seed: int, resource_type: str, param: str, kind: str, value: str) -> int:
    """The term of one value of one parameter."""
    return term(seed, f"{resource_type}|{param}|{kind}|{value}")


def patient_term(seed: int, reference: str) -> int:
    """The value of `ix.pat` for a reference `Patient/<id>`."""
    return term(seed, f"pat|{reference}")
