"""The index rows of one resource: everything that its search parameters find, in one walk over the resource.

The branches of all parameters of a type (standards/fhir/path.py) are merged into one tree of JSON keys, so that
each key of a resource is looked at once, whatever the number of parameters. The tree of a type is built when the
first resource of that type comes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

from lienmach.record import subject
from lienmach.record.index import private, terms
from lienmach.record.index.parameters import KINDS, Parameter, Parameters
from lienmach.record.index.writing import Writing
from lienmach.standards.fhir.path import Branch, Compute, Keep, Key

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Write = Callable[[Any, Writing], None]


@dataclass(slots=True)
class IndexRows:
    """What the committer writes for one resource; type number and rid are added there.

    terms: without repetition. post: terms that are hot. str: (param, norm, exact, tok). dat: (param, lo, hi, tok).
    num: (param, unit, lo, hi, tok, lo2, hi2).
    """

    pat: int | None
    d1: datetime
    terms: list[int] = field(default_factory=list)
    post: list[int] = field(default_factory=list)
    str: list[tuple[int, str, str, int | None]] = field(default_factory=list)
    dat: list[tuple[int, datetime, datetime, int | None]] = field(default_factory=list)
    num: list[tuple[int, int, Decimal, Decimal, int | None, Decimal | None, Decimal | None]] = field(
        default_factory=list
    )


def extract(parameters: Parameters, resource: dict, *, tenant: int, term_seed: int, tz: tzinfo) -> IndexRows:
    """The rows of one resource as parsed, under the id that it has. Never raises for a resource that is valid FHIR.

    tz: for dates without offset.
    """
    kind = resource["resourceType"]
    walk = parameters.walks.get(kind)
    if walk is None:
        walk = parameters.walks[kind] = build(parameters, kind)
    out = Writing(resource, term_seed, tz, parameters.base_url)
    walk(resource, out)
    if kind == "Patient":
        out.post += private.terms_of(resource, term_seed)
    patient = subject.patient_of(resource, resource.get("id", ""), parameters.base_url)
    return IndexRows(
        terms.patient_term(term_seed, f"Patient/{patient}") if patient else None,
        (min(out.primary) if len(out.primary) > 1 else out.primary[0])[1] if out.primary else EPOCH,
        list(set(out.terms)),
        _unique(out.post),
        _unique(out.str),
        _unique(out.dat),
        _unique(out.num),
    )


def _unique(rows: list) -> list:
    if len(rows) < 2 or (len(rows) == 2 and rows[0] != rows[1]):
        return rows
    return list(dict.fromkeys(rows))


# The tree


class _Node:
    """children: by JSON key. tests: filters with what stands behind them. writes: what takes a value that stands here."""

    __slots__ = ("children", "tests", "writes")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.tests: list[tuple[Any, _Node]] = []
        self.writes: list[Write] = []


def build(parameters: Parameters, resource_type: str) -> Write:
    """The walk over resources of one type."""
    root = _Node()
    for parameter in parameters.of(resource_type).values():
        for branch in parameter.path.branches:
            write = _writer(parameter, branch)
            if write is not None:
                _add(root, branch, write)
    return _compile(root)


def _writer(parameter: Parameter, branch: Branch) -> Write | None:
    if parameter.narrowed:
        prefix = f"{parameter.type}|{parameter.code}|m|"
        return lambda value, out: out.terms.append(terms.term(out.seed, prefix))
    if parameter.reads:
        return None
    return KINDS[parameter.kind].writer(parameter, branch.datatype)


def _add(root: _Node, branch: Branch, write: Write) -> None:
    node = root
    for step in branch.steps:
        if isinstance(step, Key):
            node = node.children.setdefault(step.name, _Node())
        elif isinstance(step, Keep):
            behind = _Node()
            node.tests.append((step.test, behind))
            node = behind
        else:
            write = _computed(step, branch, write)
    node.writes.append(write)


def _computed(step: Compute, branch: Branch, write: Write) -> Write:
    def write_all(value: Any, out: Writing) -> None:
        for _, found in step.find([(out.resource.get("resourceType", ""), value)], out.resource):
            write(found, out)

    return write_all


def _compile(node: _Node) -> Write:
    """A node as one function of (value, out): its own writes, its filters, its children."""
    if len(node.writes) == 1 and not node.tests and not node.children:
        return node.writes[0]
    writes = tuple(node.writes)
    tests = tuple((test, _compile(behind)) for test, behind in node.tests)
    find_child = {name: _compile(child) for name, child in node.children.items()}.get

    def visit_children(value: Any, out: Writing) -> None:
        if not isinstance(value, dict):
            return
        for name, inside in value.items():
            child = find_child(name)
            if child is None:
                continue
            if isinstance(inside, list):
                for one in inside:
                    if one is not None:
                        child(one, out)
            elif inside is not None:
                child(inside, out)

    def visit(value: Any, out: Writing) -> None:
        for write in writes:
            write(value, out)
        for test, behind in tests:
            if test(value, out.resource):
                behind(value, out)
        if node.children:
            visit_children(value, out)

    return visit if writes or tests else visit_children
