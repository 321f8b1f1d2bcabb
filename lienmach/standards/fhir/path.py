"""Search parameter expressions, compiled: FHIRPath over plain dicts, with the types of R4 known beforehand.

    path = compile(definitions, "Observation.value.ofType(Quantity)", "Observation")
    path.find(resource)  -> [("Quantity", {...})]

An expression becomes *branches*, one for each way through the types: a straight line of keys and filters that a
walker may merge with those of other expressions (record/index/rows.py). What is not a straight line (`and`,
indexers, `exists()`, …) is one computing step. Supported: member access with choice types, `|`, `is`, `as`, `=`,
`!=`, `and`, `or`, `xor`, `implies`, indexers, `%resource`, `$this` and the functions of path_closures.py. There are no
regular expressions and no functions that multiply their input, so the cost is bounded by the size of the resource.
Not evaluated here: whatever follows a `resolve()`; it may only be asked for its type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lienmach.standards.fhir import path_syntax
from lienmach.standards.fhir.path_closures import (
    TRUE,
    Closure,
    Closures,
    Item,
    mentions_root,
    shadow,
    string_argument,
    type_argument,
)
from lienmach.standards.fhir.path_syntax import Binary, Call, Literal, Member, Node, PathError, TypeTest, Variable
from lienmach.standards.fhir.path_types import ABSTRACT, Schema, is_a, is_primitive, type_of_reference

if TYPE_CHECKING:
    from lienmach.standards.fhir.definitions import Definitions

BRANCHES_MAX = 600


@dataclass(frozen=True, slots=True)
class Key:
    """Step into one JSON key. many: the JSON value is a list."""

    name: str
    datatype: str
    many: bool


@dataclass(frozen=True, slots=True, eq=False)
class Keep:
    """Go on only with values for which `test(value, resource)` is true. label: equal for equal tests; '' if unknown."""

    test: Callable[[Any, dict], bool]
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Compute:
    """Everything at once, from the focus; always the only step of its branch."""

    find: Closure


@dataclass(frozen=True, slots=True)
class Branch:
    """steps: from the focus to the value. datatype: of the value; '' when only the value tells.

    element: (type, name) in the definitions of the last key; ("", "") where there is none.
    """

    steps: tuple[Key | Keep | Compute, ...]
    datatype: str
    element: tuple[str, str] = ("", "")

    @property
    def signature(self) -> tuple[str, ...] | None:
        """Equal for branches that find the same values; None if that cannot be told."""
        words = [
            step.name if isinstance(step, Key) else f"?{step.label}"
            for step in self.steps
            if not isinstance(step, Compute)
        ]
        return None if len(words) < len(self.steps) or "?" in words else (*words, self.datatype)


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled expression. type: of the focus that `find` takes. required: a valid resource always has a value."""

    expression: str
    type: str
    branches: tuple[Branch, ...]
    required: bool = False

    @property
    def datatypes(self) -> frozenset[str]:
        return frozenset(branch.datatype for branch in self.branches)

    def find(self, value: Any, resource: dict | None = None) -> list[Item]:
        """All items under the focus `value`, in the order of the expression. resource: for %resource and #contained."""
        root = value if resource is None else resource
        found: list[Item] = []
        for branch in self.branches:
            found.extend(_follow(branch, value, root, self.type))
        return found


def compile(definitions: Definitions, expression: str, type: str) -> Path:
    """Compile for one focus type: a resource type, or a path such as `Observation.component`.

    Parts of a union that speak of other resource types are left out; a path without branches finds nothing.
    Raises PathError that names what is unknown or not supported.
    """
    tree = path_syntax.parse(expression)
    compiler = _Lines(definitions, type)
    branches: list[Branch] = []
    required = False
    for part in _union(tree):
        lines = compiler.lines(part)
        if lines is None:
            run, types = compiler.closures.closure(part, frozenset((type,)))
            lines = [_Line((Compute(run),), next(iter(types)) if len(types) == 1 else "", False)] if types else []
        required = required or (len(lines) > 0 and all(line.required for line in lines))
        branches.extend(Branch(line.steps, line.datatype, line.element) for line in lines)
        if len(branches) > BRANCHES_MAX:
            raise PathError(f"The expression can end in more than {BRANCHES_MAX} ways: {expression[:200]}")
    return Path(expression, type, tuple(branches), required)


def _union(tree: Node) -> Iterator[Node]:
    if isinstance(tree, Binary) and tree.operator == "|":
        yield from _union(tree.left)
        yield from _union(tree.right)
    else:
        yield tree


def _follow(branch: Branch, value: Any, root: dict, type: str) -> list[Item]:
    values = [value]
    for step in branch.steps:
        if isinstance(step, Key):
            name = step.name
            found: list[Any] = []
            for one in values:
                if isinstance(one, dict) and (child := one.get(name)) is not None:
                    if isinstance(child, list):
                        found.extend(c for c in child if c is not None)
                    else:
                        found.append(child)
            values = found
        elif isinstance(step, Keep):
            values = [one for one in values if step.test(one, root)]
        else:
            return step.find([(type, value)], root)
    return [(branch.datatype, one) for one in values]


@dataclass(frozen=True, slots=True)
class _Line:
    """A branch under construction."""

    steps: tuple[Key | Keep | Compute, ...]
    datatype: str
    required: bool
    element: tuple[str, str] = ("", "")


class _Lines:
    """Compiles the straight parts of one expression for one focus type."""

    def __init__(self, definitions: Definitions, type: str) -> None:
        self.type = type
        self.schema = Schema(definitions, type)
        self.closures = Closures(self.schema)

    def lines(self, node: Node) -> list[_Line] | None:
        """The branches of a node, or None if it is not a straight line from the focus."""
        if isinstance(node, Binary) and node.operator == "|":
            left, right = self.lines(node.left), self.lines(node.right)
            return None if left is None or right is None else left + right
        if isinstance(node, Member):
            return self._member_lines(node)
        if isinstance(node, TypeTest) and node.operator == "as":
            return self._of_type(self.lines(node.left), node.type)
        if isinstance(node, Call) and node.base is not None:
            if node.name in ("ofType", "as"):
                return self._of_type(self.lines(node.base), type_argument(node))
            if node.name == "where":
                lines = self.lines(node.base)
                return (
                    None
                    if lines is None
                    else [
                        _Line((*line.steps, self._test(node, line.datatype)), line.datatype, False, line.element)
                        for line in lines
                    ]
                )
            if node.name == "extension":
                return self._extension_lines(node)
        if isinstance(node, Variable) and node.name == "$this":
            return [_Line((), self.type, True)]
        return None

    def _member_lines(self, node: Member) -> list[_Line] | None:
        if node.base is None:
            root = self.schema.root(node.name)
            if root is not None:
                return [_Line((), self.type, True)] if root else []
            lines: list[_Line] | None = [_Line((), self.type, True)]
        else:
            lines = self.lines(node.base)
        if lines is None:
            return None
        found: list[_Line] = []
        known = not lines
        for line in lines:
            if line.datatype in ABSTRACT:
                return None  # only the value says its type: left to the closure
            entries = self.schema.entries(line.datatype, node.name)
            known = known or bool(entries)
            required = line.required and len(entries) == 1 and self.schema.is_required(line.datatype, node.name)
            element = (line.datatype, node.name)
            found += [_Line((*line.steps, Key(*entry)), entry[1], required, element) for entry in entries]
            if len(found) > BRANCHES_MAX:
                raise PathError(f"'.{node.name}' can be reached in more than {BRANCHES_MAX} ways.")
        if not known:
            raise PathError(f"{lines[0].datatype} has no element '{node.name}'.")
        return found

    def _of_type(self, lines: list[_Line] | None, type: str) -> list[_Line] | None:
        if lines is None or any(line.datatype in ABSTRACT for line in lines):
            return None
        self.schema.need_type(type)
        return [_Line(line.steps, line.datatype, False, line.element) for line in lines if is_a(line.datatype, type)]

    def _extension_lines(self, node: Call) -> list[_Line] | None:
        assert node.base is not None
        url = string_argument(node)
        lines = self.lines(node.base)
        if lines and all(is_primitive(line.datatype) for line in lines):
            lines = self.lines(shadow(node.base))
        if lines is None:
            return None
        keep = Keep(lambda value, _: isinstance(value, dict) and value.get("url") == url, f"extension {url}")
        return [_Line((*line.steps, Key("extension", "Extension", True), keep), "Extension", False) for line in lines]

    def _test(self, node: Call, datatype: str) -> Keep:
        if len(node.arguments) != 1:
            raise PathError("where() takes one condition.")
        condition = node.arguments[0]
        if mentions_root(condition):
            raise PathError("%resource is not supported inside where().")
        match condition:
            case TypeTest("is", Call(None, "resolve", ()), type):
                self.schema.need_type(type)
                return Keep(lambda value, root: type_of_reference(value, root) == type, f"is {type}")
            case Binary("=", Member(None, name), Literal("string", text)):
                if not self.schema.entries(datatype, name):
                    raise PathError(f"{datatype} has no element '{name}'.")
                return Keep(lambda value, _: isinstance(value, dict) and value.get(name) == text, f"{name}={text}")
        run, _ = self.closures.closure(condition, frozenset((datatype,)))
        return Keep(lambda value, root: run([(datatype, value)], root) == TRUE)
