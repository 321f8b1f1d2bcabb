"""Names say what a thing is: files are nouns, functions verbs; nothing is called after not having a name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.house import source

#: Words that stand for a missing name. If a thing has no better one, it is two things.
EMPTY = frozenset(
    """util utils utility utilities helper helpers common misc manager managers service services handler
handlers processor processors impl impls""".split()
)
#: name -> why it may be so. Names of published specifications keep their spelling.
ALLOWED_WORDS: dict[str, str] = {}

#: Verbs that a file may not be named after, because the file would hold whatever is done.
VERBS = frozenset(
    """get set do make build handle process compute fetch load save store send convert transform generate
manage execute perform apply parse init setup register""".split()
)
#: Files whose name is a verb on purpose.
VERB_FILES: dict[str, str] = {}

#: Suffix -> the words that its annotation must hold.
SUFFIXES = {"_at": ("datetime",), "_on": ("date",)}
_NUMBERS = ("_s", "_ms", "_mb", "_bytes", "_seconds", "_minutes", "_hours", "_days", "_max", "_min", "_vnd", "_count")
_QUESTIONS = ("is_", "has_", "may_")


def _words(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def _named(module: source.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, node.lineno


def test_nothing_is_called_utils_manager_or_the_like() -> None:
    wrong = []
    for module in source.modules().values():
        for name, line in [(module.name.rpartition(".")[2], 1), *_named(module)]:
            # "common needs" of several types is an adjective; a file or class of that name is a drawer.
            words = EMPTY - ({"common"} if name.islower() and line > 1 else set())
            empty = words.intersection(_words(name)) or name.lower().startswith("base_") or re.match("Base[A-Z]", name)
            if empty and name not in ALLOWED_WORDS:
                wrong.append(f"{module.file}:{line} {name}")
    assert not wrong, source.report("Say what it is. If it has no better name, it is two things:", wrong)


def test_folders_and_files_have_plain_lower_case_names() -> None:
    wrong = [
        one.file
        for one in source.modules().values()
        if not re.fullmatch(r"[a-z][a-z0-9_]*|__main__", one.name.rpartition(".")[2])
    ]
    assert not wrong, source.report("Name files in lower case with underscores:", wrong)


def test_files_are_nouns() -> None:
    wrong = []
    for module in source.modules().values():
        last = module.name.rpartition(".")[2]
        if module.room in ("commands", "api", "") or module.place in VERB_FILES:
            continue  # a command is called by its verb; the FHIR door names its files as the specification does
        if last.partition("_")[0] in VERBS:
            wrong.append(module.file)
    assert not wrong, source.report("Name the file after the noun that its verbs are about:", wrong)


def test_classes_are_nouns_in_capitals_and_functions_are_in_lower_case() -> None:
    wrong = []
    for module in source.modules().values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and not re.fullmatch(r"_?[A-Z][A-Za-z0-9]*", node.name):
                wrong.append(f"{module.file}:{node.lineno} class {node.name}")
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not re.fullmatch(
                r"_{0,2}[a-z][a-z0-9_]*_{0,2}", node.name
            ):
                wrong.append(f"{module.file}:{node.lineno} def {node.name}")
    assert not wrong, source.report("Class Like This, function like_this:", wrong)


def test_questions_answer_yes_or_no() -> None:
    wrong = []
    for module in source.modules().values():
        for node in ast.walk(module.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.lstrip("_").startswith(
                _QUESTIONS
            ):
                answer = ast.unparse(node.returns) if node.returns else "nothing"
                if answer != "bool":
                    wrong.append(f"{module.file}:{node.lineno} {node.name} -> {answer}")
    assert not wrong, source.report("is_, has_ and may_ return bool:", wrong)


def test_times_and_numbers_are_what_their_names_say() -> None:
    wrong = []
    for module in source.modules().values():
        for name, annotation, line in _annotated(module.tree):
            kinds = next((kinds for suffix, kinds in SUFFIXES.items() if name.endswith(suffix)), None)
            told = set(re.findall(r"[a-z]+", annotation))
            if module.room == "standards" and "str" in told:
                continue  # a date as it is printed or written in a resource
            if kinds and not told.intersection((*kinds, "any")):
                wrong.append(f"{module.file}:{line} {name}: {annotation} should be {kinds[0]}")
            if name.endswith(_NUMBERS) and told <= {"str", "bytes", "none"} and told:
                wrong.append(f"{module.file}:{line} {name}: {annotation} should be a number")
    assert not wrong, source.report("`…_at` is an aware datetime, `…_on` a date, a unit stands behind a number:", wrong)


def _annotated(tree: ast.Module) -> Iterator[tuple[str, str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, ast.unparse(node.annotation), node.lineno
        elif isinstance(node, ast.arg) and node.annotation is not None:
            yield node.arg, ast.unparse(node.annotation), node.lineno


def test_only_the_clock_knows_the_time() -> None:
    allowed = {
        "base/clock.py": "it is the clock",
        "base/ids.py": "an id begins with the millisecond, which nobody reads as a time",
    }
    wrong = []
    for module in source.modules().values():
        if module.place in allowed or module.room in ("bench", "simulators"):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                told = ast.unparse(node.func)
                if told in (
                    "datetime.now",
                    "datetime.utcnow",
                    "datetime.today",
                    "date.today",
                    "datetime.datetime.now",
                    "datetime.date.today",
                    "time.time",
                    "time.time_ns",
                    "datetime.utcfromtimestamp",
                ):
                    wrong.append(f"{module.file}:{node.lineno} {told}()")
    assert not wrong, source.report("Take the time from `tx.now` or `clock.now()`, so that a test can set it:", wrong)


def test_digits_are_those_that_a_number_can_be_read_from() -> None:
    """`str.isdigit` says yes to "²", which `int` refuses; `isdecimal` does not."""
    wrong = [
        f"{module.file}:{node.lineno}"
        for module in source.modules().values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr == "isdigit"
    ]
    assert not wrong, source.report("Ask `isdecimal`, or read it with forms.read_count:", wrong)


def test_schemas_keep_instants_with_their_zone() -> None:
    wrong = []
    for path in source.files(source.PACKAGE, ending=".sql"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            code = line.partition("--")[0].lower()
            if re.search(r"\btimestamp\b(?! with time zone)", code) or re.search(
                r"\b\w+_at\s+(date|text|int|bigint)\b", code
            ):
                wrong.append(f"{path.relative_to(source.ROOT)}:{number} {line.strip()[:80]}")
    assert not wrong, source.report("Use timestamptz:", wrong)


def test_migrations_are_numbered_without_gaps() -> None:
    wrong = []
    for folder in sorted(
        {path.parent for path in source.files(source.PACKAGE, ending=".sql") if path.parent.name == "schema"}
    ):
        numbers = [path.name[:4] for path in sorted(folder.glob("*.sql"))]
        if numbers != [f"{index:04d}" for index in range(1, len(numbers) + 1)]:
            wrong.append(f"{folder.relative_to(source.ROOT)}: {', '.join(numbers)}")
    assert not wrong, source.report("Name SQL files 0001_what.sql, 0002_what.sql, …:", wrong)


#: What a registry's address looks like, in pieces, so that this file does not name one.
_HOSTS = ("registry npmjs org", "pypi org", "files pythonhosted org", "proxy golang org")
_TEXTS = (".py", ".md", ".toml", ".json", ".lock", ".sql", ".html", ".css", ".js", ".csv", ".txt", ".yaml", "Makefile")


def test_nothing_names_where_it_was_made() -> None:
    """The project stands alone: no path of this checkout, no package registry, no place beside it."""
    words = [*(host.replace(" ", ".") for host in _HOSTS), "/".join(("", "work", "")), "/".join(("..", "shared"))]
    wrong = []
    for path in source.files(ending=_TEXTS):
        text = path.read_text(encoding="utf-8", errors="replace")
        wrong += [f"{path.relative_to(source.ROOT)} says {word}" for word in words if word in text]
    assert not wrong, source.report("Take the name of the place out; the file must be true on any machine:", wrong)


def test_a_todo_carries_its_issue() -> None:
    wrong = []
    for path in [*source.files(source.PACKAGE), *source.files("build"), *source.files("tests")]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(r"#.*\b(TODO|FIXME|XXX)\b(?!.*#?\d)", line) and path.name != "test_names.py":
                wrong.append(f"{path.relative_to(source.ROOT)}:{number}")
    assert not wrong, source.report("Say which issue mends it, or mend it:", wrong)
