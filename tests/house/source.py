"""The tree as the house tests read it: files, their syntax trees, and which module names which.

Reads with `ast` only; nothing of the package is imported here. An import under TYPE_CHECKING counts like any other.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "lienmach"
#: Folders that hold what a build or a run makes; not ours to judge.
MADE = frozenset(
    {
        ".venv",
        ".git",
        "node_modules",
        "__pycache__",
        "vendor",
        "data",
        "dist",
        ".hypothesis",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".schemathesis",
        "bench-results",
        "screenshots",
    }
)


@dataclass(frozen=True)
class Module:
    """One Python file. name: dotted; a package carries the name of its folder. file: below the root."""

    name: str
    file: str
    text: str
    tree: ast.Module
    is_package: bool

    @property
    def place(self) -> str:
        """The path below the package, such as `record/index/token.py`."""
        return self.file.partition("/")[2]

    @property
    def room(self) -> str:
        """The first floor of the path: `record`, `api`, `app`, `__main__`, or "" for the package itself."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else ""


@dataclass(frozen=True)
class Arrow:
    """`source` names `target`, a module of ours, at this line."""

    source: str
    target: str
    file: str
    line: int


def files(*folders: str, ending: str | tuple[str, ...] = ".py") -> Iterator[Path]:
    """Our own files below the given folders of the root, or of the root itself; nothing that a build makes."""
    for folder in folders or (".",):
        for place, below, names in os.walk(ROOT / folder):
            below[:] = sorted(name for name in below if name not in MADE)
            for name in sorted(names):
                if name.endswith(ending):
                    yield Path(place) / name


@lru_cache(maxsize=1)
def modules() -> dict[str, Module]:
    """All modules of the package by dotted name."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        relative = path.relative_to(ROOT)
        if {"__pycache__", "vendor"} & set(relative.parts):
            continue
        is_package = path.name == "__init__.py"
        parts = relative.parent.parts if is_package else relative.with_suffix("").parts
        name = ".".join(parts)
        text = path.read_text(encoding="utf-8")
        found[name] = Module(name, relative.as_posix(), text, ast.parse(text, str(relative)), is_package)
    return found


@lru_cache(maxsize=1)
def arrows() -> tuple[Arrow, ...]:
    """Every import of one of our modules by another, wherever in the file it stands."""
    known = modules()
    return tuple(
        Arrow(one.name, target, one.file, line)
        for one in known.values()
        for name, line in imports(one)
        if (target := _module_of(name, known)) is not None and target != one.name
    )


def imports(module: Module) -> Iterator[tuple[str, int]]:
    """Dotted names that a file imports, with the line; `from a import b` gives `a.b`, which may be no module."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.name.split(".")
                kept = parts[: len(parts) - node.level + (1 if module.is_package else 0)]
                base = ".".join([*kept, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}", node.lineno


def _module_of(name: str, known: dict[str, Module]) -> str | None:
    if name.partition(".")[0] != PACKAGE:
        return None
    while name not in known:
        name = name.rpartition(".")[0]
        if not name:
            return None
    return name


def circles() -> list[list[str]]:
    """Groups of modules that reach each other (strongly connected components of more than one), each sorted."""
    reach: dict[str, set[str]] = {name: set() for name in modules()}
    for arrow in arrows():
        reach[arrow.source].add(arrow.target)
    order: list[str] = []
    seen: set[str] = set()
    for start in reach:
        _finish(start, reach, seen, order)
    back: dict[str, set[str]] = {name: set() for name in reach}
    for source, targets in reach.items():
        for target in targets:
            back[target].add(source)
    seen.clear()
    found = []
    for start in reversed(order):
        group: list[str] = []
        _finish(start, back, seen, group)
        if len(group) > 1:
            found.append(sorted(group))
    return found


def _finish(start: str, reach: dict[str, set[str]], seen: set[str], order: list[str]) -> None:
    """Depth first from `start`; a name joins `order` when all that it reaches has (Kosaraju)."""
    if start in seen:
        return
    seen.add(start)
    stack = [(start, iter(sorted(reach[start])))]
    while stack:
        name, waiting = stack[-1]
        following = next((one for one in waiting if one not in seen), None)
        if following is None:
            order.append(name)
            stack.pop()
        else:
            seen.add(following)
            stack.append((following, iter(sorted(reach[following]))))


def report(sentence: str, lines: list[str]) -> str:
    """A message for a failed law: what to do, then each place."""
    return f"\n{sentence}\n  " + "\n  ".join(lines) + "\n"
