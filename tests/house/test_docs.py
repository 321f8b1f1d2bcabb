"""Code and docs do not drift apart: what a person can meet has its heading, and every link leads somewhere."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib
import inspect
import re

import pytest

from lienmach import __main__ as bell
from lienmach.app import DEPARTMENTS, job_kinds
from lienmach.base import errors, metrics
from lienmach.base.settings import PREFIX, Settings
from lienmach.record.index import parameters as index_parameters
from lienmach.record.index.parameters import Parameters
from lienmach.standards.fhir import definitions
from lienmach.standards.fhir.query import UNSUPPORTED
from tests.house import markdown, reference_pages, source, test_who_may

#: What a recipe calls its placeholder; not a file.
_PLACEHOLDER = re.compile(r"[<>*…{}]|NAME|0001_what|visit_|/noun")


@pytest.mark.parametrize("path", reference_pages.pages(), ids=lambda path: path.name)
def test_a_page_written_from_the_code_agrees_with_it(path) -> None:  # type: ignore[no-untyped-def]
    now = path.read_text(encoding="utf-8") if path.is_file() else ""
    assert now == reference_pages.pages()[path], (
        f"Run `{reference_pages.COMMAND}` and commit docs/reference/{path.name}"
    )


def test_every_setting_has_its_heading() -> None:
    heads = markdown.page("docs/reference/settings.md").sections
    missing = [name for one in dataclasses.fields(Settings) if (name := PREFIX + one.name.upper()) not in heads]
    assert not missing, source.report("docs/reference/settings.md lacks:", missing)


def test_settings_that_pages_name_exist() -> None:
    known = {PREFIX + one.name.upper() for one in dataclasses.fields(Settings)}
    wrong = sorted(
        {
            f"{page.name}: {name}"
            for page in markdown.pages()
            for name in re.findall(rf"{PREFIX}[A-Z_]+", page.text)
            if name not in known
        }
    )
    assert not wrong, source.report("There are no such settings:", wrong)


def test_every_setting_does_something() -> None:
    used = {
        node.attr
        for module in source.modules().values()
        if module.place != "base/settings.py"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
    }
    used |= {"http"}  # read by Settings.listen
    idle = [PREFIX + one.name.upper() for one in dataclasses.fields(Settings) if one.name not in used]
    assert not idle, source.report("These settings are read nowhere; use them or take them out:", idle)


def test_only_settings_read_the_environment() -> None:
    allowed = {
        "base/settings.py": "it is the place",
        "__main__.py": "hands the environment to it",
        "base/metrics.py": "the client library's own way of adding processes up",
        "commands/run.py": "hands its environment on to its children",
    }
    wrong = [
        f"{module.file}:{node.lineno}"
        for module in source.modules().values()
        if module.place not in allowed and module.room not in ("simulators", "bench")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in ("os.environ", "os.getenv", "os.environb")
        and not _is_handed_on(module, node)
    ]
    assert not wrong, source.report("Make it a field of Settings and hand it in:", wrong)


def _is_handed_on(module: source.Module, node: ast.Attribute) -> bool:
    """`{**os.environ, …}` or `dict(os.environ)`: the environment of a child process, not a setting."""
    line = module.text.splitlines()[node.lineno - 1]
    return "**os.environ" in line or "dict(os.environ" in line or "os.environ.items()" in line


def test_every_fhir_interaction_has_its_heading() -> None:
    heads = markdown.page("docs/reference/routes.md").sections
    missing = [name for name in sorted(test_who_may.interactions()) if name not in heads]
    assert not missing, source.report("docs/reference/routes.md needs a heading for each interaction:", missing)


def test_every_page_has_its_heading() -> None:
    heads = {**markdown.page("docs/reference/routes.md").sections}
    for page in markdown.pages():
        if page.name.startswith("docs/reference/routes/"):
            heads |= page.sections
    real = {path for _, path, _ in test_who_may.page_routes()} | {"/healthz", "/readyz", "/metrics"}
    missing = sorted(path for path in real if path not in heads)
    assert not missing, source.report("docs/reference/routes.md needs a heading for each page:", missing)
    gone = sorted(head for head in heads if head.startswith("/") and head not in real)
    assert not gone, source.report("docs/reference/routes.md describes pages that are not there:", gone)


def test_every_metric_is_described() -> None:
    told = markdown.page("docs/reference/routes.md").sections.get("/metrics", "")
    names = {one.name for one in metrics.REGISTRY.collect()}
    missing = sorted(name for name in names if f"`{name}`" not in told)
    assert not missing, source.report("docs/reference/routes.md, /metrics, does not describe:", missing)


def test_every_search_parameter_is_listed() -> None:
    heads = markdown.page("docs/reference/search-parameters.md").sections
    compiled = Parameters.load(definitions.load())
    missing = []
    declared: dict[str, set[str]] = {}
    for one in definitions.load().search_parameters():
        for base in one.base:
            declared.setdefault(base, set()).add(one.code)
    for name in definitions.load().types:
        told = heads.get(name, "")
        missing += [
            f"{name} {code}"
            for code in sorted(declared.get(name, ()))
            if f"| `{code}` |" not in told and code not in UNSUPPORTED
        ]
        missing += [
            f"{name} {code} is declared and not compiled"
            for code in sorted(declared.get(name, ()))
            if code not in compiled.of(name)
        ]
    assert not missing, source.report("docs/reference/search-parameters.md lacks:", missing[:40])


def test_the_modifiers_in_the_table_are_those_of_the_code() -> None:
    compiled = Parameters.load(definitions.load())
    wrong = {
        f"{one.kind}: the code takes {index_parameters.modifiers(one)}"
        for name in definitions.load().types
        for one in compiled.of(name).values()
        if set(index_parameters.modifiers(one)) != set(reference_pages.modifiers_listed(one))
    }
    assert not wrong, source.report(
        "Mend the table at the head of search-parameters.md (reference_pages.py):", sorted(wrong)
    )


def test_what_search_does_not_do_is_said() -> None:
    text = markdown.page("docs/reference/fhir.md").text
    missing = [name for name in UNSUPPORTED if f"`{name}`" not in text]
    assert not missing, source.report("docs/reference/fhir.md does not say that these are refused:", missing)


def test_every_job_has_its_heading() -> None:
    heads = markdown.page("docs/reference/jobs.md").sections
    missing = [one.kind for one in job_kinds() if one.kind not in heads]
    assert not missing, source.report("docs/reference/jobs.md needs a heading for each kind of job:", missing)


def test_every_job_is_safe_to_run_twice_and_says_why() -> None:
    wrong = [one.kind for one in job_kinds() if "twice" not in (inspect.getdoc(one.function) or "")]
    assert not wrong, source.report('Say "Safe to run twice because …" in the docstring of the function of:', wrong)


def test_every_error_has_its_heading_and_its_status() -> None:
    heads = markdown.page("docs/reference/errors.md").sections
    wrong = []
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.Failure) and kind is not errors.Failure:
            head = f"{name} {kind.status}"
            wrong += [] if head in heads else [f"## {head}"]
            wrong += (
                [] if f"`{kind.code}`" in heads.get(head, f"`{kind.code}`") else [f"{head} does not name `{kind.code}`"]
            )
    assert not wrong, source.report("docs/reference/errors.md lacks:", wrong)


def test_every_command_and_option_is_described() -> None:
    heads = markdown.page("docs/reference/commands.md").sections
    missing = []
    for name, file, _ in bell.COMMANDS:
        parser = argparse.ArgumentParser()
        importlib.import_module(f"lienmach.commands.{file}").add_arguments(parser)
        told = heads.get(f"lienmach {name}")
        if told is None:
            missing.append(f"## lienmach {name}")
            continue
        missing += [f"lienmach {name} {option}" for option in _options(parser) if f"`{option}" not in told]
    assert not missing, source.report("docs/reference/commands.md lacks:", missing)
    known = {f"lienmach {name}" for name, _, _ in bell.COMMANDS}
    gone = [head for head in heads if head.startswith("lienmach ") and head not in known]
    assert not gone, source.report("docs/reference/commands.md describes commands that are not there:", gone)


def _options(parser: argparse.ArgumentParser) -> list[str]:
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                found += [name, *_options(below)]
        elif action.help != argparse.SUPPRESS and "--help" not in action.option_strings:
            found += [one for one in action.option_strings if one.startswith("--")]
    return found


def test_every_department_is_described() -> None:
    text = markdown.page("docs/explanation/house.md").text
    missing = [one.name for one in DEPARTMENTS if f"departments/{one.name}/" not in text]
    assert not missing, source.report("docs/explanation/house.md does not name:", missing)


# Pages


def test_every_link_to_our_own_files_resolves() -> None:
    wrong = []
    for page in markdown.pages():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            path, _, fragment = link.partition("#")
            target = (page.path.parent / path).resolve() if path else page.path
            if not target.exists():
                wrong.append(f"{page.name}: {link}")
            elif (
                fragment
                and target.suffix == ".md"
                and fragment not in markdown.page(target.relative_to(source.ROOT).as_posix()).anchors
            ):
                wrong.append(f"{page.name}: {link} (no such heading)")
    assert not wrong, source.report("These links lead nowhere:", wrong)


def test_every_page_is_reached_from_the_index() -> None:
    index = markdown.page("docs/README.md")
    reached = {(index.path.parent / link.partition("#")[0]).resolve() for link in index.links}
    lost = [
        page.name
        for page in markdown.pages()
        if page.path not in reached and page.path != index.path and page.name != "README.md"
    ]
    assert not lost, source.report("docs/README.md does not lead to:", lost)


def test_files_that_pages_name_exist() -> None:
    """Anything in code font that looks like a file of ours is one; a placeholder says so by its form."""
    wrong = []
    for page in markdown.pages():
        for name in re.findall(r"`((?:lienmach|tests|docs|build)/[\w./{}<>*…-]+)`", page.text):
            if not _PLACEHOLDER.search(name) and not (source.ROOT / name).exists():
                wrong.append(f"{page.name}: {name}")
    assert not wrong, source.report("These files are not there; mend the page with the move:", sorted(set(wrong)))


def test_commands_that_pages_name_exist() -> None:
    known = {name for name, _, _ in bell.COMMANDS}
    targets = set(re.findall(r"^([a-z]+):", (source.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    wrong = []
    for page in markdown.pages():
        code = "\n".join(
            [
                *re.findall(r"`([^`\n]+)`", page.text),
                *re.findall(r"^(?:```|~~~).*?^(?:```|~~~)", page.text, re.MULTILINE | re.DOTALL),
                *re.findall(r"^    (\S.*)$", page.text, re.MULTILINE),
            ]
        )
        wrong += [
            f"{page.name}: lienmach {name}"
            for name in re.findall(r"(?:^|[\s/`$])lienmach ([a-z]+)\b", code)
            if name not in known
        ]
        wrong += [
            f"{page.name}: make {name}"
            for name in re.findall(r"(?:^|[\s`$])make ([a-z]+)\b", code)
            if name not in targets
        ]
    assert not wrong, source.report("These commands are not there:", sorted(set(wrong)))


def test_the_readme_stands_alone() -> None:
    text = markdown.page("README.md").text
    assert text.index("Liền Mạch") < text.index("make run") < text.index("make test"), (
        "README.md: what it is, make run, make test"
    )
    assert "docs/pictures/timeline.png" in text and "Apache-2.0" in text


def test_the_glossary_has_its_words() -> None:
    text = markdown.page("docs/reference/glossary.md").text
    rows = [
        line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| Vietnamese", "| ---"))
    ]
    assert len(rows) >= 120, f"docs/reference/glossary.md has {len(rows)} words; it needs 120"
    short = [
        row for row in rows if row.count("|") != 4 or any(not cell.strip() for cell in row.strip("|").split("|")[:2])
    ]
    assert not short, source.report("Each row: Vietnamese, English, FHIR:", short)
    words = [row.split("|")[1].strip().lower() for row in rows]
    double = sorted({word for word in words if words.count(word) > 1})
    assert not double, source.report("These stand twice in the glossary:", double)


def test_ci_runs_what_people_run() -> None:
    lines = (source.ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    commands = [line.strip() for line in lines if line.strip() and not line.startswith(("#", "set ", "cd "))]
    assert commands == ["make check", "make test"], (
        ".ci/run has no step of its own: put it behind make check or make test"
    )
