"""FHIRPath text -> tree, for the part of FHIRPath that search parameters need (hl7.org/fhirpath/N1, section 3 and 6).

Nothing here knows types or resources; `path.py` gives the tree its meaning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

LENGTH_MAX = 10_000
DEPTH_MAX = 40


class PathError(ValueError):
    """An expression that we cannot read or do not support; the text names the piece."""


@dataclass(frozen=True, slots=True)
class Member:
    """`base.name`; without a base, `name` of the focus, or the type that the focus is."""

    base: Node | None
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """`base.name(arguments)`; a type argument is a Member without base."""

    base: Node | None
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Index:
    base: Node
    number: int


@dataclass(frozen=True, slots=True)
class Literal:
    """datatype: boolean, string, integer or decimal; '' for the empty collection `{}`."""

    datatype: str
    value: Any


@dataclass(frozen=True, slots=True)
class Variable:
    """`$this`, `%resource` or `%context`."""

    name: str


@dataclass(frozen=True, slots=True)
class Binary:
    """operator: `|`, `=`, `!=`, `and`, `or`, `xor`, `implies`."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class TypeTest:
    """`left is Type` or `left as Type`."""

    operator: str
    left: Node
    type: str


Node = Member | Call | Index | Literal | Variable | Binary | TypeTest

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>'(?:[^'\\]|\\.)*') | (?P<number>\d+(?:\.\d+)?) | (?P<name>[A-Za-z_][A-Za-z0-9_]*|`[^`]+`)
  | (?P<variable>[%$][A-Za-z]+) | (?P<sign>!=|<=|>=|!~|[.|()\[\],=<>~+*/&{}@-]) )""",
    re.VERBOSE | re.DOTALL,
)
# Binding strength, from loose to tight (FHIRPath 6.8).
_STRENGTH = {"implies": 1, "or": 2, "xor": 2, "and": 3, "=": 5, "!=": 5, "|": 7, "is": 8, "as": 8}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}


def parse(text: str) -> Node:
    """The tree of one expression. Raises PathError, naming the piece that is wrong or not supported."""
    if len(text) > LENGTH_MAX:
        raise PathError(f"The expression has {len(text)} characters; the limit is {LENGTH_MAX}.")
    reader = _Reader(_tokens(text), text)
    tree = reader.expression(0, 0)
    if reader.kind:
        raise PathError(f"Cannot read the expression from '{reader.text}' on: {text[:200]}")
    return tree


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise PathError(f"Cannot read the expression at '{text[at : at + 20].strip()}'.")
        kind = match.lastgroup or ""
        found.append((kind, match.group(kind)))
        at = match.end()
    return found


class _Reader:
    """A cursor over tokens with the usual precedence climbing."""

    def __init__(self, tokens: list[tuple[str, str]], source: str) -> None:
        self.tokens, self.at, self.source = tokens, 0, source

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    @property
    def text(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else "the end"

    def expression(self, strength: int, depth: int) -> Node:
        if depth > DEPTH_MAX:
            raise PathError(f"The expression is nested deeper than {DEPTH_MAX}.")
        left = self.chain(depth)
        while self.kind in ("sign", "name"):
            operator = self.text
            if operator in (")", "]", ","):
                break
            mine = _STRENGTH.get(operator)
            if mine is None:
                raise PathError(f"The operator '{operator}' is not supported in search parameters.")
            if mine <= strength:
                break
            self.at += 1
            if operator in ("is", "as"):
                left = TypeTest(operator, left, self.type_name())
            else:
                left = Binary(operator, left, self.expression(mine, depth + 1))
        return left

    def chain(self, depth: int) -> Node:
        node = self.start(depth)
        while True:
            if self.take("."):
                node = self.step(node, depth)
            elif self.take("["):
                if self.kind != "number" or not self.text.isdecimal():
                    raise PathError(f"An index must be a whole number, not '{self.text}'.")
                node = Index(node, int(self.text))
                self.at += 1
                self.need("]")
            else:
                return node

    def start(self, depth: int) -> Node:
        kind, text = self.kind, self.text
        if kind == "string":
            self.at += 1
            return Literal("string", re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1]))
        if kind == "number":
            self.at += 1
            return Literal("decimal", Decimal(text)) if "." in text else Literal("integer", int(text))
        if kind == "variable":
            if text not in ("$this", "%resource", "%context", "%rootResource"):
                raise PathError(f"The variable '{text}' is not supported in search parameters.")
            self.at += 1
            return Variable(text)
        if self.take("("):
            inside = self.expression(0, depth + 1)
            self.need(")")
            return inside
        if self.take("{"):
            self.need("}")
            return Literal("", None)
        if kind == "name" and text in ("true", "false"):
            self.at += 1
            return Literal("boolean", text == "true")
        return self.step(None, depth)

    def step(self, base: Node | None, depth: int) -> Node:
        if self.kind != "name":
            raise PathError(f"A name was expected, not '{self.text}'.")
        name = self.text.strip("`")
        self.at += 1
        if not self.take("("):
            return Member(base, name)
        arguments: list[Node] = []
        while not self.take(")"):
            if arguments:
                self.need(",")
            arguments.append(self.expression(0, depth + 1))
        return Call(base, name, tuple(arguments))

    def type_name(self) -> str:
        if self.kind != "name":
            raise PathError(f"A type was expected, not '{self.text}'.")
        name = self.text.strip("`")
        self.at += 1
        while name in ("FHIR", "System") and self.take("."):
            name = self.text
            self.at += 1
        return name

    def take(self, sign: str) -> bool:
        if self.kind == "sign" and self.text == sign:
            self.at += 1
            return True
        return False

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise PathError(f"'{sign}' was expected, not '{self.text}', in: {self.source[:200]}")
