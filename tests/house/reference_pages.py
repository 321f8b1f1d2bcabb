"""The pages of docs/reference/ that are written from the code, and the command that writes them.

    .venv/bin/python -m tests.house.reference_pages

writes settings.md and search-parameters.md anew; tests/house/test_docs.py fails when they differ from the code.
Prose that a person should write stands in the other pages.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from pathlib import Path

from lienmach.base.settings import PREFIX, Settings
from lienmach.record.index import parameters as index_parameters
from lienmach.record.index.parameters import Parameter, Parameters
from lienmach.standards.fhir import definitions
from tests.house import source

REFERENCE = source.ROOT / "docs" / "reference"
COMMAND = ".venv/bin/python -m tests.house.reference_pages"

_SETTINGS_HEAD = f"""# Settings

Every setting of a node is an environment variable that begins with `{PREFIX}`. They are read once, at start; an
unknown name or a value of the wrong kind stops the start with a sentence that says what was meant. No setting
changes the meaning of a standard. `lienmach check --settings` prints what a node would use.

An empty text unsets a setting that has no default. Sizes, times and counts are whole numbers.

*Written from `lienmach/base/settings.py` by `{COMMAND}`.*
"""

_SEARCH_HEAD = f"""# Search parameters

All search parameters that FHIR R4 (4.0.1) declares for each resource type, as this server has compiled them. A tenant's
own SearchParameter resources come on top (see [Add a search parameter](../how-to/extend.md#a-search-parameter)).
What the result parameters (`_include`, `_sort`, `_count` …) do is in [What of FHIR is here](fhir.md#search).

Kind and modifiers:

| Kind | Modifiers | Prefixes |
|---|---|---|
| `token` | `:not` `:text` `:missing`, and `:of-type` where it looks at an Identifier | |
| `string` | `:exact` `:contains` `:missing` | |
| `reference` | `:identifier` `:[type]` `:missing` | |
| `uri` | `:above` `:below` `:missing` | |
| `date` | `:missing` | `eq ne gt lt ge le sa eb ap` |
| `number`, `quantity` | `:missing` | `eq ne gt lt ge le sa eb ap` |
| `composite` | | as its parts |
| `special` | `:missing` | |

*Looks at* is the part of the definition's FHIRPath expression that concerns the type. *Uses* names the parameter whose
index it shares, so that nothing is indexed twice.

*Written from the compiled definitions by `{COMMAND}`.*

## Every type

| Parameter | Kind | Looks at |
|---|---|---|
| `_id` | token | the id of the resource; takes no modifier |
| `_lastUpdated` | date | `meta.lastUpdated`; takes no modifier |
| `_list` | special | the id of a List: resources that it names |
| `_has` | special | reverse chains, `_has:Type:reference:parameter` |
"""


def pages() -> dict[Path, str]:
    """path -> what must stand in it."""
    return {REFERENCE / "settings.md": settings_page(), REFERENCE / "search-parameters.md": search_parameters_page()}


def settings_page() -> str:
    hints = typing.get_type_hints(Settings)
    parts = [_SETTINGS_HEAD]
    for one in dataclasses.fields(Settings):
        told = one.metadata
        facts = [_kind(hints[one.name]), f"default `{one.default}`" if one.default not in (None, "") else "no default"]
        facts += [f"unit {told['unit']}"] if told["unit"] else []
        facts += [f"at least {told['least']}"] if told["least"] is not None else []
        facts += ["one of " + ", ".join(f"`{word}`" for word in told["choices"])] if told["choices"] else []
        parts.append(f"## {PREFIX}{one.name.upper()}\n\n{told['sentence']}\n\n{' · '.join(facts)}\n")
    return "\n".join(parts)


def _kind(hint: object) -> str:
    if isinstance(hint, types.UnionType):
        hint = next(one for one in typing.get_args(hint) if one is not type(None))
    return {int: "whole number", str: "text", Path: "folder", bool: "`true` or `false`"}.get(hint, str(hint))  # type: ignore[call-overload]


def search_parameters_page() -> str:
    known = definitions.load()
    compiled = Parameters.load(known)
    parts = [
        _SEARCH_HEAD
        + "".join(
            f"| `{code}` | {one.kind} | {_looks_at(one)} |\n"
            for code, one in compiled.of("Basic").items()
            if code[0] == "_"
        )
    ]
    for name in known.types:
        own = [one for code, one in compiled.of(name).items() if code[0] != "_"]
        rows = "".join(f"| `{one.code}` | {one.kind} | {_looks_at(one)} | {_uses(one)} |\n" for one in own)
        table = (
            f"| Parameter | Kind | Looks at | Uses |\n|---|---|---|---|\n{rows}"
            if own
            else "Only the parameters of every type.\n"
        )
        parts.append(f"## {name}\n\n{table}")
    return "\n".join(parts)


def _looks_at(parameter: Parameter) -> str:
    """The parts of the expression that begin at this type (or at Resource), each as code."""
    found = [part.strip() for part in parameter.expression.split(" | ")]
    starts = (f"{parameter.type}.", f"({parameter.type}.", "Resource.", "DomainResource.")
    own = [part for part in found if part.startswith(starts) or part == parameter.type] or found
    more = ""
    if parameter.components:
        more = "<br>" + " and ".join(f"{component.kind} `{component.expression}`" for component in parameter.components)
    return ("<br>".join(f"`{part}`" for part in own) + more).replace(" | ", " \\| ")


def _uses(parameter: Parameter) -> str:
    return ", ".join(f"`{one.code}`" for one in parameter.reads)


def modifiers_listed(parameter: Parameter) -> tuple[str, ...]:
    """What the table at the head of the page promises for this parameter."""
    by_kind = {
        "token": ("not", "text", "missing"),
        "string": ("exact", "contains", "missing"),
        "reference": ("identifier", "[type]", "missing"),
        "uri": ("above", "below", "missing"),
        "special": ("missing",),
        "date": ("missing",),
        "number": ("missing",),
        "quantity": ("missing",),
    }
    more = ("of-type",) if "of-type" in index_parameters.modifiers(parameter) else ()
    return (*by_kind.get(parameter.kind, ()), *more)


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(source.ROOT))
