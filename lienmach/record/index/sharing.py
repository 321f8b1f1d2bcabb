"""Which parameter reads which: a value that one parameter has indexed is not indexed again for another.

`combo-code` reads `code` and `component-code`; `patient` reads `subject` with targets narrowed to Patient; `name` reads
`family` and `given` besides its own rows. What a composite's part implies is found here, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from lienmach.record.index.parameter import Component, Parameter, replaced
from lienmach.standards.fhir.path import Keep

# Parts of a datatype that may have a string parameter of their own.
_PARTS = {"HumanName": ("family", "given"), "Address": ("city", "state", "country", "postalCode", "district")}


def with_reads(parameters: list[Parameter], customs: set[str]) -> Iterator[Parameter]:
    """The parameters again, those that can read others with `reads` or `also` set.

    A standard one never reads a custom one, which may go away.
    """
    own: list[Parameter] = []
    reading: list[tuple[Parameter, tuple[Parameter, ...], bool]] = []
    for parameter in sorted(
        parameters, key=lambda p: (p.url in customs, _is_filtered(p), len(p.path.branches), len(p.code), p.code)
    ):
        found = _covering(parameter, [other for other in own if other.kind == parameter.kind])
        if found is None:
            own.append(parameter)
        else:
            reading.append((parameter, *found))
    final = {}
    for parameter in own:
        parts = _parts(parameter, [other for other in own if other.url not in customs])
        final[parameter.code] = replaced(parameter, also=tuple(parts.values()), covered=frozenset(parts))
    yield from final.values()
    for parameter, reads, narrowed in reading:
        sources = tuple(final[one.code] for one in reads)
        yield replaced(
            parameter,
            reads=sources,
            narrowed=narrowed,
            hot=all(one.hot for one in sources),
            date_first=len(sources) == 1 and sources[0].date_first,
            date_leads=len(sources) == 1 and sources[0].date_leads,
        )


def _parts(parameter: Parameter, others: list[Parameter]) -> dict[str, Parameter]:
    """part of a name or address -> the parameter that indexes this part of the same element."""
    if parameter.kind != "string" or len(parameter.path.branches) != 1:
        return {}
    signature = parameter.path.branches[0].signature
    if signature is None:
        return {}
    found = {}
    for part in _PARTS.get(signature[-1], ()):
        wanted = frozenset(((*signature[:-1], part, "string"),))
        for other in others:
            if other.kind == "string" and _signature(other) == wanted:
                found[part] = other
    return found


def _covering(parameter: Parameter, others: list[Parameter]) -> tuple[tuple[Parameter, ...], bool] | None:
    mine = _signature(parameter)
    if mine is None:
        return None
    reads = tuple(
        other
        for other in others
        if (theirs := _signature(other)) is not None and theirs <= mine and _components_alike(parameter, other)
    )
    if reads and frozenset().union(*(_signature(other) or frozenset() for other in reads)) == mine:
        return reads, False
    if parameter.kind == "reference" and not parameter.hot and len(mine) == 1:
        (branch,) = mine
        if branch[-2:-1] and branch[-2].startswith("?is "):
            wider = frozenset(((*branch[:-2], branch[-1]),))
            for other in others:
                if _signature(other) == wider:
                    return (other,), True
    return None


def _signature(parameter: Parameter) -> frozenset[tuple[str, ...]] | None:
    found = [branch.signature for branch in parameter.path.branches]
    return None if None in found else frozenset(one for one in found if one is not None)


def _is_filtered(parameter: Parameter) -> bool:
    return any(isinstance(step, Keep) for branch in parameter.path.branches for step in branch.steps)


def _components_alike(one: Parameter, other: Parameter) -> bool:
    return [(c.expression, c.kind) for c in one.components] == [(c.expression, c.kind) for c in other.components]


def with_partners(parameter: Parameter, made: dict[str, Parameter]) -> Parameter:
    """A composite whose components know the plain parameters that imply them."""
    if not parameter.components:
        return parameter
    components = tuple(replaced(c, parameter=_partner(parameter, c, made)) for c in parameter.components)
    return replaced(parameter, components=components)


def _partner(parameter: Parameter, component: Component, made: dict[str, Parameter]) -> Parameter | None:
    """The token parameter that finds at least the tokens that the component finds."""
    found = made.get(component.code)
    if found is None or found.kind != component.kind or component.kind != "token":
        return None
    theirs = _signature(found)
    if theirs is None:
        return None
    for base in parameter.path.branches:
        inner = component.paths.get(base.datatype)
        for branch in inner.branches if inner is not None else ():
            start, end = base.signature, branch.signature
            if start is None or end is None or (*start[:-1], *end) not in theirs:
                return None
    return found
