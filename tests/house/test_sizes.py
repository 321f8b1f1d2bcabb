"""Small enough to read: a file has one idea, a function fits on a screen, a line fits beside another."""

from __future__ import annotations

import ast

from tests.house import source

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
LINE_CHARACTERS_MAX = 120
SENTENCE_CHARACTERS_MAX = 160
#: file -> why it may be longer: tables laid side by side with the specification's, and nothing else.
TABLES: dict[str, str] = {"lienmach/standards/fhir/unit_table.py": "a table of unit factors, worked out once from UCUM"}


def _ours() -> list[tuple[str, str]]:
    found = [*source.files(source.PACKAGE), *source.files("build"), *source.files("tests")]
    return [(path.relative_to(source.ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in found]


def test_files_are_short() -> None:
    wrong = [
        f"{name}: {lines} lines"
        for name, text in _ours()
        if name not in TABLES and (lines := len(text.splitlines())) > FILE_LINES_MAX
    ]
    assert not wrong, source.report(
        f"A file has one idea and at most {FILE_LINES_MAX} lines. Find its second idea and give it a file:", wrong
    )


def test_functions_fit_on_a_screen() -> None:
    wrong = []
    for name, text in _ours():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.end_lineno is not None
                lines = node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    wrong.append(f"{name}:{node.lineno} {node.name}: {lines} lines")
    assert not wrong, source.report(
        f"A function has at most {FUNCTION_LINES_MAX} lines. Keep the branches in it and move the steps below it:",
        wrong,
    )


def test_lines_are_short() -> None:
    """A line that is one long sentence for people may run on a little: cutting it would hide it from a search."""
    wrong = []
    for name, text in _ours():
        if name in TABLES:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            most = SENTENCE_CHARACTERS_MAX if line.count('"') >= 2 or line.count("'") >= 2 else LINE_CHARACTERS_MAX
            if len(line) > most:
                wrong.append(f"{name}:{number} {len(line)} characters")
    assert not wrong, source.report(f"Break the line before column {LINE_CHARACTERS_MAX}:", wrong)


def test_the_exempt_tables_are_tables() -> None:
    for name in TABLES:
        path = source.ROOT / name
        assert path.is_file(), f"{name} is gone; take it out of TABLES in tests/house/test_sizes.py"
        functions = [
            node
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        ]
        assert not functions, f"{name} holds functions; only a table is exempt from the limit of lines"


def test_every_module_says_what_lives_in_it() -> None:
    wrong = [one.file for one in source.modules().values() if one.text.strip() and not ast.get_docstring(one.tree)]
    assert not wrong, source.report("Begin the file with a sentence: what lives here and what does not:", wrong)


def test_every_module_takes_annotations_as_text() -> None:
    wrong = [
        one.file
        for one in source.modules().values()
        if "from __future__ import annotations" not in one.text
        and any(
            isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.AnnAssign))
            for node in one.tree.body
        )
    ]
    assert not wrong, source.report("Write `from __future__ import annotations` below the docstring:", wrong)


def test_public_functions_say_what_they_take_and_give() -> None:
    wrong = []
    for module in source.modules().values():
        for node in ast.walk(module.tree):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or node.name.startswith("_"):
                continue
            taken = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            bare = [one.arg for one in taken if one.annotation is None and one.arg not in ("self", "cls")]
            if bare or node.returns is None:
                wrong.append(f"{module.file}:{node.lineno} {node.name}" + (f": {', '.join(bare)}" if bare else ""))
    assert not wrong, source.report("Annotate every parameter and the answer of a public function:", wrong)
