"""Search parameter expressions, compiled: FHIRPath over plain dicts, with the types of R4 known beforehand.

    path = compile(definitions, "Observation.value.ofType(Quantity)", "Observation")
    path.find(resource)  -> [("Quantity", {...})]

An expression becomes *branches*, one for each way through the types: a straight line of keys and filters that a
walker may merge with those of other expressions (record/index/walk.py). What is not a straight line (`and`,
indexers, `exists()`, …) is one computing step. Supported: member access with choice types, `|`, `is`, `as`, `=`,
`!=`, `and`, `or`, `xor`, `implies`, indexers, `%resource`, `$this` and the functions in `_FUNCTIONS`. There are no regular
expressions and no functions that multiply their input, so the cost is bounded by the size of the resource.
Not evaluated here: whatever follows a `resolve()`; it may only be asked for its type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lienmach.standards.fhir import path_syntax
from lienmach.standards.fhir.path_syntax import (
    Binary, Call, Index, Literal, Member, Node, PathError, TypeTest, Variable,
)

if TYPE_CHECKING:
    from lienmach.standards.fhir.definitions import Definitions

Item = tuple[str, Any]
"""(datatype, value): the FHIR type of a value, and the value as parsed from JSON."""
Closure = Callable[[list[Item], dict], list[Item]]

BRANCHES_MAX = 600
RESOLVED = "%resolved"  # static type of what resolve() gives
_ABSTRACT = ("Resource", "DomainResource")
_TRUE: list[Item] = [("boolean", True)]
_FALSE: list[Item] = [("boolean", False)]
_QUANTITIES = frozenset(("Age", "Count", "Distance", "Duration", "MoneyQuantity", "SimpleQuantity"))
_SPELLINGS = {"DateTime": "dateTime", "Date": "date", "String": "string", "Boolean": "boolean", "Integer": "integer",
              "Decimal": "decimal", "Code": "code", "Uri": "uri"}


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
        words = [step.name if isinstance(step, Key) else f"?{step.label}" for step in self.steps
                 if not isinstance(step, Compute)]
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
    compiler = _Compiler(definitions, type)
    branches: list[Branch] = []
    required = False
    for part in _union(tree):
        lines = compiler.lines(part)
        if lines is None:
            run, types = compiler.closure(part, frozenset((type,)))
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
            name, found = step.name, []
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


class _Compiler:
    """Compiles the trees of one expression for one focus type."""

    def __init__(self, definitions: Definitions, type: str) -> None:
        self.definitions, self.type = definitions, type
        self.children: dict[tuple[str, str], tuple[tuple[str, str, bool], ...]] = {}

    # Straight lines

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
                return self._of_type(self.lines(node.base), _type_argument(node))
            if node.name == "where":
                lines = self.lines(node.base)
                return None if lines is None else [
                    _Line((*line.steps, self._test(node, line.datatype)), line.datatype, False, line.element)
                    for line in lines]
            if node.name == "extension":
                return self._extension_lines(node)
        if isinstance(node, Variable) and node.name == "$this":
            return [_Line((), self.type, True)]
        return None

    def _member_lines(self, node: Member) -> list[_Line] | None:
        if node.base is None:
            root = self._root(node.name)
            if root is not None:
                return [_Line((), self.type, True)] if root else []
            lines: list[_Line] | None = [_Line((), self.type, True)]
        else:
            lines = self.lines(node.base)
        if lines is None:
            return None
        found, known = [], not lines
        for line in lines:
            if line.datatype in _ABSTRACT:
                return None  # only the value says its type: left to the closure
            entries = self.entries(line.datatype, node.name)
            known = known or bool(entries)
            required = line.required and len(entries) == 1 and self._is_required(line.datatype, node.name)
            element = (line.datatype, node.name)
            found += [_Line((*line.steps, Key(*entry)), entry[1], required, element) for entry in entries]
        if not known:
            raise PathError(f"{lines[0].datatype} has no element '{node.name}'.")
        return found

    def _of_type(self, lines: list[_Line] | None, type: str) -> list[_Line] | None:
        if lines is None or any(line.datatype in _ABSTRACT for line in lines):
            return None
        self._need_type(type)
        return [_Line(line.steps, line.datatype, False, line.element) for line in lines if is_a(line.datatype, type)]

    def _extension_lines(self, node: Call) -> list[_Line] | None:
        assert node.base is not None
        url = _string_argument(node)
        lines = self.lines(node.base)
        if lines is None:
            return None
        keep = Keep(lambda value, _: isinstance(value, dict) and value.get("url") == url, f"extension {url}")
        found = []
        for line in lines:
            steps = line.steps
            if _is_primitive(line.datatype):  # the extensions of `birthDate` stand in `_birthDate`
                last = steps[-1] if steps else None
                if not isinstance(last, Key):
                    return None
                steps = (*steps[:-1], Key(f"_{last.name}", "Element", last.many))
            found.append(_Line((*steps, Key("extension", "Extension", True), keep), "Extension", False))
        return found

    def _test(self, node: Call, datatype: str) -> Keep:
        if len(node.arguments) != 1:
            raise PathError("where() takes one condition.")
        condition = node.arguments[0]
        if _mentions_root(condition):
            raise PathError("%resource is not supported inside where().")
        match condition:
            case TypeTest("is", Call(None, "resolve", ()), type):
                self._need_type(type)
                return Keep(lambda value, root: type_of_reference(value, root) == type, f"is {type}")
            case Binary("=", Member(None, name), Literal("string", text)):
                if not self.entries(datatype, name):
                    raise PathError(f"{datatype} has no element '{name}'.")
                return Keep(lambda value, _: isinstance(value, dict) and value.get(name) == text, f"{name}={text}")
        run, _ = self.closure(condition, frozenset((datatype,)))
        return Keep(lambda value, root: run([(datatype, value)], root) == _TRUE)

    # Everything else: closures over lists of items

    def closure(self, node: Node, types: frozenset[str]) -> tuple[Closure, frozenset[str]]:
        """(function, static types of its result) of a node on a focus of `types`."""
        match node:
            case Literal(datatype, value):
                constant = [(datatype, value)] if datatype else []
                return (lambda items, root: constant), frozenset((datatype,) if datatype else ())
            case Variable("$this"):
                return (lambda items, root: items), types
            case Variable():
                type = self.type
                return (lambda items, root: [(root.get("resourceType", type), root)]), frozenset((type.split(".")[0],))
            case Member(base, name):
                return self._member(base, name, types)
            case Index(base, number):
                run, found = self.closure(base, types)
                return (lambda items, root: run(items, root)[number:number + 1]), found
            case TypeTest(operator, left, type):
                run, found = self.closure(left, types)
                return self._type_test(operator, run, found, type)
            case Binary(operator, left, right):
                return self._binary(operator, self.closure(left, types), self.closure(right, types))
            case Call():
                return self._call(node, types)
        raise PathError("This expression is not supported.")

    def _member(self, base: Node | None, name: str, types: frozenset[str]) -> tuple[Closure, frozenset[str]]:
        if base is None:
            root = self._root(name)
            if root is True:
                return (lambda items, root: items), types
            if root is False:
                return (lambda items, root: []), frozenset()
            run: Closure = lambda items, root: items
            found = types
        else:
            run, found = self.closure(base, types)
        if RESOLVED in found:
            raise PathError(f"'.{name}' behind resolve() is not supported; a chained search reads other resources.")
        is_open = any(type in _ABSTRACT for type in found)
        results = {entry[1] for type in found if type not in _ABSTRACT for entry in self.entries(type, name)}
        if found and not results and not is_open:
            raise PathError(f"{' | '.join(sorted(found))} has no element '{name}'.")
        entries = self.entries

        def member(items: list[Item], root: dict) -> list[Item]:
            out: list[Item] = []
            for datatype, value in run(items, root):
                if not isinstance(value, dict):
                    continue
                for key, child_type, _ in entries(datatype, name):
                    child = value.get(key)
                    for one in child if isinstance(child, list) else (child,):
                        if one is not None:
                            out.append((_actual(child_type, one), one))
            return out
        return member, frozenset(results | ({"Resource"} if is_open else set()))

    def _type_test(self, operator: str, run: Closure, types: frozenset[str], type: str) -> tuple[Closure, frozenset[str]]:
        self._need_type(type)
        if operator == "is":
            def test(items: list[Item], root: dict) -> list[Item]:
                found = run(items, root)
                return (_TRUE if is_a(found[0][0], type) else _FALSE) if len(found) == 1 else []
            return test, frozenset(("boolean",))
        keep = frozenset(t for t in types if is_a(t, type)) or (
            frozenset((type,)) if types & {"Resource", "DomainResource", RESOLVED} else frozenset())
        return (lambda items, root: [item for item in run(items, root) if is_a(item[0], type)]), keep

    def _binary(self, operator: str, left: tuple[Closure, frozenset[str]],
                right: tuple[Closure, frozenset[str]]) -> tuple[Closure, frozenset[str]]:
        one, other = left[0], right[0]
        if operator == "|":
            return (lambda items, root: one(items, root) + other(items, root)), left[1] | right[1]
        if operator in ("=", "!="):
            def compare(items: list[Item], root: dict) -> list[Item]:
                a, b = one(items, root), other(items, root)
                if not a or not b:
                    return []
                return _TRUE if _equal(a, b) == (operator == "=") else _FALSE
            return compare, frozenset(("boolean",))
        logic = _LOGIC[operator]

        def combine(items: list[Item], root: dict) -> list[Item]:
            result = logic(_truth(one(items, root)), _truth(other(items, root)))
            return [] if result is None else _TRUE if result else _FALSE
        return combine, frozenset(("boolean",))

    def _call(self, node: Call, types: frozenset[str]) -> tuple[Closure, frozenset[str]]:
        name = node.name
        run, found = self.closure(node.base, types) if node.base is not None else (_same, types)
        if name in ("ofType", "as", "is"):
            return self._type_test("is" if name == "is" else "as", run, found, _type_argument(node))
        if name in ("where", "exists") and node.arguments:
            if len(node.arguments) > 1 or _mentions_root(node.arguments[0]):
                raise PathError(f"{name}() takes one condition, without %resource.")
            test, _ = self.closure(node.arguments[0], found)
            def where(items: list[Item], root: dict) -> list[Item]:
                return [item for item in run(items, root) if test([item], root) == _TRUE]
            if name == "where":
                return where, found
            return (lambda items, root: _TRUE if where(items, root) else _FALSE), frozenset(("boolean",))
        if name == "resolve":
            if found - {"Reference", "canonical", "uri", "Resource"}:
                raise PathError(f"resolve() needs references, not {' | '.join(sorted(found))}.")
            return (lambda items, root: _resolve(run(items, root), root)), frozenset((RESOLVED,))
        if name == "extension":
            url = _string_argument(node)
            lines = self._extension_lines(node) if node.base is not None else None
            if lines is not None:
                path = Path("", self.type, tuple(Branch(line.steps, line.datatype) for line in lines))
                return (lambda items, root: [i for _, v in items for i in path.find(v, root)]), frozenset(("Extension",))
            return (lambda items, root: [("Extension", e) for _, value in run(items, root) if isinstance(value, dict)
                                         for e in value.get("extension") or () if e.get("url") == url]
                    ), frozenset(("Extension",))
        function = _FUNCTIONS.get(name)
        if function is None:
            raise PathError(f"The function '{name}()' is not supported in search parameters.")
        if node.arguments:
            raise PathError(f"The function '{name}()' takes no argument here.")
        result = found if name in ("first", "last", "single") else frozenset(("boolean",))
        return (lambda items, root: function(run(items, root))), result

    # What the definitions say

    def entries(self, type: str, name: str) -> tuple[tuple[str, str, bool], ...]:
        """(JSON key, datatype, is a list) of each form of an element; () if the type does not have it."""
        found = self.children.get((type, name))
        if found is None:
            found = self.children[type, name] = tuple(self._entries(type, name))
        return found

    def _entries(self, type: str, name: str) -> Iterator[tuple[str, str, bool]]:
        if _is_primitive(type) or type.startswith(("%", "System.")):
            return
        try:
            elements = self.definitions.elements(type)
        except KeyError:
            return
        element = elements.get(name)
        if element is not None and not element.is_choice:
            yield name, self.definitions.type_of_children(type, element), element.is_list
        elif element is not None:
            for child in element.types:
                yield name + child[0].upper() + child[1:], child, element.is_list
        elif name in ("id", "extension"):
            yield name, "string" if name == "id" else "Extension", name == "extension"
        else:  # `valueQuantity`, as some write it
            for choice in elements.values():
                if choice.is_choice and name.startswith(choice.name):
                    for child in choice.types:
                        if name == choice.name + child[0].upper() + child[1:]:
                            yield name, child, choice.is_list

    def _is_required(self, type: str, name: str) -> bool:
        element = self.definitions.elements(type).get(name)
        return element is not None and element.min > 0 and not element.is_choice

    def _root(self, name: str) -> bool | None:
        """True: the name is the type of the focus; False: another resource type; None: an element."""
        if name == self.type or (name in _ABSTRACT and self.definitions.is_resource_type(self.type)):
            return True
        if name[:1].isupper() and (self.definitions.is_resource_type(name) or name in _ABSTRACT):
            return False
        return None

    def _need_type(self, type: str) -> None:
        if type in _ABSTRACT or self.definitions.is_resource_type(type) or _is_primitive(_SPELLINGS.get(type, type)):
            return
        if type not in _QUANTITIES:
            try:
                self.definitions.elements(type)
            except KeyError:
                raise PathError(f"'{type}' is not a FHIR R4 type.") from None


def is_a(datatype: str, type: str) -> bool:
    """Whether a value of `datatype` is of `type`: itself, or a kind of Quantity, or any resource."""
    type = _SPELLINGS.get(type, type)
    if datatype == type:
        return True
    return (type == "Quantity" and datatype in _QUANTITIES) or type == "Resource"


def type_of_reference(value: Any, root: dict) -> str:
    """The resource type that a Reference points at, without looking there: by its text, `type` or #contained; or ''."""
    if not isinstance(value, dict):
        return _type_in_url(value) if isinstance(value, str) else ""
    text = value.get("reference")
    if isinstance(text, str):
        if text.startswith("#"):
            for contained in root.get("contained") or ():
                if isinstance(contained, dict) and contained.get("id") == text[1:]:
                    return str(contained.get("resourceType", ""))
        elif found := _type_in_url(text):
            return found
    stated = value.get("type")
    return stated if isinstance(stated, str) else ""


def _type_in_url(text: str) -> str:
    if text.startswith("urn:"):
        return ""
    text = text.partition("?")[0].partition("/_history/")[0]
    before, slash, _ = text.rpartition("/")
    name = before.rpartition("/")[2] if slash else text
    return name if name[:1].isupper() and name.isalpha() else ""


def _resolve(items: list[Item], root: dict) -> list[Item]:
    found: list[Item] = []
    for _, value in items:
        type = type_of_reference(value, root)
        if type:
            found.append((type, value))
    return found


def _same(items: list[Item], root: dict) -> list[Item]:
    return items


def _actual(datatype: str, value: Any) -> str:
    return str(value.get("resourceType", datatype)) if datatype in _ABSTRACT and isinstance(value, dict) else datatype


def _is_primitive(datatype: str) -> bool:
    return datatype[:1].islower()


def _equal(a: list[Item], b: list[Item]) -> bool:
    return len(a) == len(b) and all(
        isinstance(x, bool) == isinstance(y, bool) and x == y for (_, x), (_, y) in zip(a, b, strict=True))


def _truth(items: list[Item]) -> bool | None:
    if not items:
        return None
    return items[0][1] if isinstance(items[0][1], bool) else True  # a single item counts as true (FHIRPath 4.5)


def _and(a: bool | None, b: bool | None) -> bool | None:
    return False if a is False or b is False else None if a is None or b is None else True


def _or(a: bool | None, b: bool | None) -> bool | None:
    return True if a or b else None if a is None or b is None else False


_LOGIC: dict[str, Callable[[bool | None, bool | None], bool | None]] = {
    "and": _and,
    "or": _or,
    "xor": lambda a, b: None if a is None or b is None else a != b,
    "implies": lambda a, b: _or(None if a is None else not a, b),
}
_FUNCTIONS: dict[str, Callable[[list[Item]], list[Item]]] = {
    "first": lambda items: items[:1],
    "last": lambda items: items[-1:],
    "single": lambda items: items if len(items) == 1 else [],
    "exists": lambda items: _TRUE if items else _FALSE,
    "empty": lambda items: _FALSE if items else _TRUE,
    "hasValue": lambda items: _TRUE if len(items) == 1 and not isinstance(items[0][1], dict) else _FALSE,
    "not": lambda items: [] if (truth := _truth(items)) is None else _FALSE if truth else _TRUE,
}


def _type_argument(node: Call) -> str:
    match node.arguments:
        case (Member(None, name),) | (Member(Member(None, "FHIR" | "System"), name),):
            return name
    raise PathError(f"{node.name}() takes the name of one type.")


def _string_argument(node: Call) -> str:
    match node.arguments:
        case (Literal("string", text),):
            return str(text)
    raise PathError(f"{node.name}() takes one text in quotes.")


def _mentions_root(node: Any) -> bool:
    match node:
        case Variable(name):
            return bool(name != "$this")
        case Member(base, _) | Index(base, _):
            return base is not None and _mentions_root(base)
        case Call(base, _, arguments):
            return (base is not None and _mentions_root(base)) or any(_mentions_root(a) for a in arguments)
        case Binary(_, left, right):
            return _mentions_root(left) or _mentions_root(right)
        case TypeTest(_, left, _):
            return _mentions_root(left)
    return False
