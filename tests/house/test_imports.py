"""Arrows only go down, neighbours do not know each other, nothing runs in a circle, nothing happens on import."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

from tests.house import source

#: From the roof to the ground. A room may name any floor below its own, never its own neighbour, never up.
FLOORS = (
    ("__main__",),
    ("commands",),
    ("app",),
    ("api", "departments"),
    ("care", "web"),
    ("identity",),
    ("record",),
    ("standards", "base"),
)
#: Rooms that stand outside: they drive the doors or stand in for the world, and name nothing of the house.
OUTSIDE = ("simulators", "bench")
#: (file, module named) -> a sentence and an owner. An exception without a reason is a bug.
EXCEPTIONS: dict[tuple[str, str], str] = {}

_IO_MODULES = frozenset(
    """asyncio asyncpg socket socketserver ssl select selectors http urllib ftplib smtplib subprocess
threading multiprocessing concurrent os io pathlib shutil tempfile glob fcntl mmap signal logging sqlite3 time random
secrets uuid starlette uvicorn httpx requests psutil cryptography""".split()
)
_IO_CALLS = frozenset({"open", "input", "print", "exec", "eval", "__import__"})
_CLOCKS = frozenset({"now", "utcnow", "today"})
#: Files of standards/ that read their own packaged data, and nothing else, through importlib.resources.
PACKAGED = frozenset(
    {"standards/fhir/definitions/__init__.py", "standards/vietnam/tables.py", "standards/bhxh/claim_fields.py"}
)
_STATEMENTS = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Assign,
    ast.AnnAssign,
)


def _height(room: str) -> int:
    return next((index for index, floor in enumerate(FLOORS) if room in floor), -1)


def test_every_room_stands_on_a_floor() -> None:
    known = {room for floor in FLOORS for room in floor} | set(OUTSIDE) | {""}
    strange = sorted({one.room for one in source.modules().values()} - known)
    assert not strange, f"Give these rooms a floor in test_imports.py and in docs/explanation/house.md: {strange}"


def test_arrows_only_go_down() -> None:
    modules = source.modules()
    wrong = []
    for arrow in source.arrows():
        here, there = modules[arrow.source].room, modules[arrow.target].room
        if here == there or there == "" or (arrow.file, arrow.target) in EXCEPTIONS:
            continue
        if here in OUTSIDE or there in OUTSIDE or _height(here) >= _height(there):
            wrong.append(f"{arrow.file}:{arrow.line} ({here}) names {arrow.target} ({there})")
    assert not wrong, source.report(
        "A room names only floors below its own. Move the verb down a floor, hand the value in as an argument, or let "
        "the rooms meet in the record or by URL:",
        wrong,
    )


def test_departments_do_not_know_each_other() -> None:
    wrong = []
    for arrow in source.arrows():
        here, there = arrow.source.split("."), arrow.target.split(".")
        if here[1:2] == there[1:2] == ["departments"] and len(here) > 2 and here[2:3] != there[2:3]:
            wrong.append(f"{arrow.file}:{arrow.line} names {arrow.target}")
    assert not wrong, source.report(
        "A verb that two departments need sinks to care/; a page asks another by URL:", wrong
    )


def test_nothing_imports_in_a_circle() -> None:
    circles = [" <-> ".join(group) for group in source.circles()]
    assert not circles, source.report(
        "Put what both need (usually a value) into a file below them. TYPE_CHECKING imports count, for a reader "
        "follows them too:",
        circles,
    )


def test_outside_rooms_name_nothing_of_the_house() -> None:
    wrong = [
        f"{arrow.file}:{arrow.line} names {arrow.target}"
        for arrow in source.arrows()
        if source.modules()[arrow.source].room in OUTSIDE and source.modules()[arrow.target].room not in OUTSIDE
    ]
    assert not wrong, source.report("Drive the doors from outside: HTTP, files, the command line:", wrong)


def test_standards_are_pure() -> None:
    wrong = []
    for module in source.modules().values():
        if module.room != "standards":
            continue
        for name, line in source.imports(module):
            if name.partition(".")[0] in _IO_MODULES:
                wrong.append(f"{module.file}:{line} imports {name}")
            if name.startswith("importlib") and module.place not in PACKAGED:
                wrong.append(f"{module.file}:{line} reads files; only {', '.join(sorted(PACKAGED))} do")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and (fault := _impure_call(node)):
                wrong.append(f"{module.file}:{node.lineno} calls {fault}")
    assert not wrong, source.report(
        "standards/ has bytes and values in, bytes and values out. What it must ask of the world (the time, whether a "
        "code exists) is handed to it:",
        wrong,
    )


def _impure_call(node: ast.Call) -> str:
    if isinstance(node.func, ast.Name) and node.func.id in _IO_CALLS:
        return f"{node.func.id}()"
    if (
        isinstance(node.func, ast.Attribute)
        and node.func.attr in _CLOCKS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("datetime", "date", "clock")
    ):
        return f"{node.func.value.id}.{node.func.attr}()"
    return ""


def test_no_statement_runs_on_import() -> None:
    wrong = []
    for module in source.modules().values():
        for node in module.tree.body:
            if isinstance(node, _STATEMENTS) or _is_text(node) or _is_guard(node):
                continue
            wrong.append(f"{module.file}:{node.lineno} {type(node).__name__}: {ast.unparse(node).splitlines()[0][:60]}")
    assert not wrong, source.report(
        "A module holds imports, functions, classes and constants. Put this into a function that somebody calls:", wrong
    )


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'")


_LISTEN = """
import importlib, json, sys, threading
from pathlib import Path
names, package = json.loads(sys.argv[1]), sys.argv[2]
wrong, here = [], ""
def hear(event, args):
    if event == "open" and isinstance(args[0], str):
        mode, flags = args[1], args[2]
        writes = isinstance(mode, str) and set(mode) & set("wax+") or isinstance(flags, int) and flags & 3
        own = args[0].startswith(package) and not args[0].endswith((".py", ".pyc")) and not Path(args[0]).is_dir()
        if writes and args[0] != "/dev/null":
            wrong.append(f"{here} opens {Path(args[0]).name} to write")
        elif own:
            wrong.append(f"{here} reads {Path(args[0]).name}")
    elif event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.exec", "os.fork",
                   "os.putenv", "os.remove", "os.mkdir"):
        wrong.append(f"{here} causes {event}")
sys.addaudithook(hear)
for here in names:
    try:
        importlib.import_module(here)
    except ImportError as problem:
        wrong.append(f"{here} does not import: {problem.msg}")
    if len(threading.enumerate()) > 1:
        wrong.append(f"{here} starts a thread")
        break
print(json.dumps(sorted(set(wrong))))
"""


def test_importing_every_module_touches_nothing() -> None:
    names = sorted(source.modules())
    done = subprocess.run(
        [sys.executable, "-B", "-c", _LISTEN, json.dumps(names), str(source.ROOT / source.PACKAGE)],
        cwd=source.ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"A module breaks when it is imported:\n{done.stderr[-2000:]}"
    wrong = json.loads(done.stdout.splitlines()[-1])
    assert not wrong, source.report(
        "Importing opens no file of ours, no socket, no process, no thread. Load data in a function (lru_cache it):",
        wrong,
    )
