"""Any supported expression as a function over lists of items (hl7.org/fhirpath/N1, sections 3 to 6).

General and not fast; path.py uses it for what is not a straight line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lienmach.standards.fhir.path_syntax import (
    Binary,
    Call,
    Index,
    Literal,
    Member,
    Node,
    PathError,
    TypeTest,
    Variable,
)
from lienmach.standards.fhir.path_types import ABSTRACT, Schema, is_a, is_primitive, type_of_reference

Item = tuple[str, Any]
"""(datatype, value): the FHIR type of a value, and the value as parsed from JSON."""
Closure = Callable[[list[Item], dict], list[Item]]

RESOLVED = "%resolved"  # static type of what resolve() gives
TRUE: list[Item] = [("boolean", True)]
FALSE: list[Item] = [("boolean", False)]


class Closures:
    """Compiles the nodes of one expression. closure: (function of items and resource, static types of its result)."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def closure(self, node: Node, types: frozenset[str]) -> tuple[Closure, frozenset[str]]:
        """(function, static types of its result) of a node on a focus of `types`."""
        match node:
            case Literal(datatype, value):
                constant = [(datatype, value)] if datatype else []
                return (lambda items, root: constant), frozenset((datatype,) if datatype else ())
            case Variable("$this"):
                return (lambda items, root: items), types
            case Variable():
                type = self.schema.type
                return (lambda items, root: [(root.get("resourceType", type), root)]), frozenset((type.split(".")[0],))
            case Member(base, name):
                return self._member(base, name, types)
            case Index(base, number):
                run, found = self.closure(base, types)
                return (lambda items, root: run(items, root)[number : number + 1]), found
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
            root = self.schema.root(name)
            if root is True:
                return (lambda items, root: items), types
            if root is False:
                return (lambda items, root: []), frozenset()
            run: Closure = _same
            found = types
        else:
            run, found = self.closure(base, types)
        if RESOLVED in found:
            raise PathError(f"'.{name}' behind resolve() is not supported; a chained search reads other resources.")
        is_open = any(type in ABSTRACT for type in found)
        results = {entry[1] for type in found if type not in ABSTRACT for entry in self.schema.entries(type, name)}
        if found and not results and not is_open:
            raise PathError(f"{' | '.join(sorted(found))} has no element '{name}'.")
        entries = self.schema.entries

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

    def _type_test(
        self, operator: str, run: Closure, types: frozenset[str], type: str
    ) -> tuple[Closure, frozenset[str]]:
        self.schema.need_type(type)
        if operator == "is":

            def test(items: list[Item], root: dict) -> list[Item]:
                found = run(items, root)
                return (TRUE if is_a(found[0][0], type) else FALSE) if len(found) == 1 else []

            return test, frozenset(("boolean",))
        keep = frozenset(t for t in types if is_a(t, type)) or (
            frozenset((type,)) if types & {*ABSTRACT, RESOLVED} else frozenset()
        )
        return (lambda items, root: [item for item in run(items, root) if is_a(item[0], type)]), keep

    def _binary(
        self, operator: str, left: tuple[Closure, frozenset[str]], right: tuple[Closure, frozenset[str]]
    ) -> tuple[Closure, frozenset[str]]:
        one, other = left[0], right[0]
        if operator == "|":
            return (lambda items, root: one(items, root) + other(items, root)), left[1] | right[1]
        if operator in ("=", "!="):

            def compare(items: list[Item], root: dict) -> list[Item]:
                a, b = one(items, root), other(items, root)
                if not a or not b:
                    return []
                return TRUE if _equal(a, b) == (operator == "=") else FALSE

            return compare, frozenset(("boolean",))
        logic = _LOGIC[operator]

        def combine(items: list[Item], root: dict) -> list[Item]:
            result = logic(_truth(one(items, root)), _truth(other(items, root)))
            return [] if result is None else TRUE if result else FALSE

        return combine, frozenset(("boolean",))

    def _call(self, node: Call, types: frozenset[str]) -> tuple[Closure, frozenset[str]]:
        name = node.name
        run, found = self.closure(node.base, types) if node.base is not None else (_same, types)
        if name in ("ofType", "as", "is"):
            return self._type_test("is" if name == "is" else "as", run, found, type_argument(node))
        if name in ("where", "exists") and node.arguments:
            if len(node.arguments) > 1 or mentions_root(node.arguments[0]):
                raise PathError(f"{name}() takes one condition, without %resource.")
            test, _ = self.closure(node.arguments[0], found)

            def where(items: list[Item], root: dict) -> list[Item]:
                return [item for item in run(items, root) if test([item], root) == TRUE]

            if name == "where":
                return where, found
            return (lambda items, root: TRUE if where(items, root) else FALSE), frozenset(("boolean",))
        if name == "resolve":
            if found - {"Reference", "canonical", "uri", "Resource"}:
                raise PathError(f"resolve() needs references, not {' | '.join(sorted(found))}.")
            return (lambda items, root: _resolve(run(items, root), root)), frozenset((RESOLVED,))
        if name == "extension":
            url = string_argument(node)
            if found and all(is_primitive(type) for type in found):
                run, _ = self.closure(shadow(node.base), types)
            return (
                lambda items, root: [
                    ("Extension", e)
                    for _, value in run(items, root)
                    if isinstance(value, dict)
                    for e in value.get("extension") or ()
                    if e.get("url") == url
                ]
            ), frozenset(("Extension",))
        function = _FUNCTIONS.get(name)
        if function is None:
            raise PathError(f"The function '{name}()' is not supported in search parameters.")
        if node.arguments:
            raise PathError(f"The function '{name}()' takes no argument here.")
        result = found if name in ("first", "last", "single") else frozenset(("boolean",))
        return (lambda items, root: function(run(items, root))), result


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
    return str(value.get("resourceType", datatype)) if datatype in ABSTRACT and isinstance(value, dict) else datatype


def _equal(a: list[Item], b: list[Item]) -> bool:
    return len(a) == len(b) and all(
        isinstance(x, bool) == isinstance(y, bool) and x == y for (_, x), (_, y) in zip(a, b, strict=True)
    )


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
    "exists": lambda items: TRUE if items else FALSE,
    "empty": lambda items: FALSE if items else TRUE,
    "hasValue": lambda items: TRUE if len(items) == 1 and not isinstance(items[0][1], dict) else FALSE,
    "not": lambda items: [] if (truth := _truth(items)) is None else FALSE if truth else TRUE,
}


def shadow(node: Node | None) -> Node:
    """The element beside a primitive one that has its extensions: `birthDate` -> `_birthDate` (json.html#primitive)."""
    if isinstance(node, Member):
        return Member(node.base, f"_{node.name}")
    raise PathError("extension() on a primitive must follow the element's name.")


def type_argument(node: Call) -> str:
    """The type that `ofType(T)` names."""
    match node.arguments:
        case (Member(None, name),) | (Member(Member(None, "FHIR" | "System"), name),):
            return name
    raise PathError(f"{node.name}() takes the name of one type.")


def string_argument(node: Call) -> str:
    """The text that `extension('…')` is given."""
    match node.arguments:
        case (Literal("string", text),):
            return str(text)
    raise PathError(f"{node.name}() takes one text in quotes.")


def mentions_root(node: Any) -> bool:
    """Whether a condition looks away from its own item, at %resource."""
    match node:
        case Variable(name):
            return bool(name != "$this")
        case Member(base, _) | Index(base, _):
            return base is not None and mentions_root(base)
        case Call(base, _, arguments):
            return (base is not None and mentions_root(base)) or any(mentions_root(a) for a in arguments)
        case Binary(_, left, right):
            return mentions_root(left) or mentions_root(right)
        case TypeTest(_, left, _):
            return mentions_root(left)
    return False
