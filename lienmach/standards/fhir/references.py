"""Literal references: what they may look like and to which types they may point (references.html#literal)."""

from __future__ import annotations

import re

from lienmach.standards.fhir import primitives
from lienmach.standards.fhir.definitions import Definitions

_ID = r"[A-Za-z0-9\-.]{1,64}"
_relative = re.compile(rf"([A-Za-z]+)/{_ID}(?:/_history/{_ID})?(?:#.*)?").fullmatch
_absolute = re.compile(rf"https?://\S*?/([A-Za-z]+)/{_ID}(?:/_history/{_ID})?(?:#.*)?").fullmatch
_conditional = re.compile(r"([A-Za-z]+)\?\S+").fullmatch
_has_scheme = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S*").fullmatch


class Targets:
    """Knows the resource types; says whether a reference may stand where it stands."""

    def __init__(self, definitions: Definitions) -> None:
        self._types = frozenset(definitions.types)

    def problem(self, reference: str, allowed: frozenset[str]) -> str | None:
        """What is wrong with the text of Reference.reference, or None.

        allowed: types that it may point to, empty for any. URNs and URLs of unknown shape say nothing of
        their type and pass. Not for fragments (`#id`).
        """
        found = _relative(reference) or _conditional(reference)
        if found is not None:
            kind = found[1]
            if kind not in self._types:
                return f"{kind[:80]!r} is not a resource type of R4."
        else:
            found = _absolute(reference)
            if found is None:
                return (
                    None
                    if _has_scheme(reference)
                    else (f"{primitives.quote(reference)} is neither Type/id nor an absolute URL nor #id.")
                )
            kind = found[1]
            if kind not in self._types:
                return None
        if allowed and kind not in allowed:
            return f"A reference to {kind} is not allowed here, only to {', '.join(sorted(allowed))}."
        return None
