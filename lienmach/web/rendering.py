"""Templates -> HTML. One Jinja environment per language, built at start; everything is escaped.

A template named `registration/patients.html` is `departments/registration/templates/patients.html`; `web/…` is
the frame and the parts that all share. A fragment is a named block of the same template.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from lienmach.base.errors import Failure
from lienmach.web import formats, shell, words
from lienmach.web.department import Department
from lienmach.web.static_files import StaticFiles

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Renderer:
    """What turns a template and values into a page; stands on `app.state.renderer`."""

    environments: dict[str, Environment]
    departments: Sequence[Department]
    static: StaticFiles

    @classmethod
    def build(cls, departments: Sequence[Department]) -> Renderer:
        """Read static files and prepare the templates of the frame and of all departments."""
        static = StaticFiles.load(
            [("", FOLDER / "static")]
            + [(f"{department.name}/", department.folder / "static") for department in departments]
        )
        loader = PrefixLoader(
            {"web": FileSystemLoader(FOLDER / "templates")}
            | {department.name: FileSystemLoader(department.folder / "templates") for department in departments}
        )
        return cls(
            {language: _environment(language, loader, static, departments) for language in words.LANGUAGES},
            departments,
            static,
        )


def _environment(
    language: str, loader: PrefixLoader, static: StaticFiles, departments: Sequence[Department]
) -> Environment:
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )

    def translate(source: str, **values: object) -> str:
        return words.text(language, source, **values)

    environment.globals.update(
        _=translate,
        static=static.url,
        language=language,
        scripts=[static.url(f"{d.name}/{file}") for d in departments for file in d.scripts],
        styles=[static.url(f"{d.name}/{file}") for d in departments for file in d.styles],
    )
    environment.filters.update(
        day=formats.day,
        moment=formats.moment,
        clock_time=formats.clock_time,
        number=formats.number,
        money=formats.money,
        utc=formats.utc_text,
    )
    return environment


def is_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of the page (a history restore asks for the whole)."""
    return "hx-request" in request.headers and "hx-history-restore-request" not in request.headers


def render(
    request: Request,
    template: str,
    *,
    block: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Render a page, or with `block` only that block of it."""
    renderer: Renderer = request.app.state.renderer
    frame = shell.of(request, renderer.departments)
    found = renderer.environments[frame.language].get_template(template)
    values = {"shell": frame, "request": request, **values}
    if block:
        text = "".join(found.blocks[block](found.new_context(values)))
    else:
        text = found.render(values)
    return HTMLResponse(text, status, headers={"Vary": "HX-Request", **(headers or {})})


def text(request: Request, source: str, **values: object) -> str:
    """A sentence in the language of this request."""
    return words.text(shell.language_of(request), source, **values)


def sentence(request: Request, failure: Failure) -> str:
    """What a failure says, in the language of this request."""
    return text(request, failure.source, **failure.values) if failure.source else str(failure)
