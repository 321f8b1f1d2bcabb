"""A department is a value that app.py names: without its word the rest stands."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from lienmach import app
from lienmach.identity import roles
from lienmach.web import pages, rendering
from tests.house import source


@pytest.mark.parametrize("gone", app.DEPARTMENTS, ids=lambda one: one.name)
def test_the_pages_stand_without_a_department(gone: object) -> None:
    left = tuple(one for one in app.DEPARTMENTS if one is not gone)
    paths = {route.path for route in pages.routes(left, rendering.Renderer.build(left))}
    assert "/sign-in" in paths and "/" in paths
    assert app.schema_folders(left) and isinstance(app.job_kinds(left), list)


def test_every_folder_of_departments_is_named_in_app() -> None:
    folder = source.ROOT / source.PACKAGE / "departments"
    rooms = {path.name for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == {one.name for one in app.DEPARTMENTS}, (
        "Name the department in app.DEPARTMENTS, or delete its folder"
    )


@pytest.mark.parametrize("one", app.DEPARTMENTS, ids=lambda one: one.name)
def test_a_department_keeps_to_its_name(one) -> None:  # type: ignore[no-untyped-def]
    assert dataclasses.is_dataclass(one) and one.__dataclass_params__.frozen
    strange = [route.path for route in one.routes if not route.path.startswith((f"/{one.name}/", *one.addresses))]
    assert not strange, f"The pages of {one.name} lie below /{one.name}/: {strange}"
    assert one.folder.name == one.name
    unknown = [item.right for item in one.menu if item.right not in roles.RIGHTS]
    assert not unknown, f"The menu asks for rights that identity/roles.py does not have: {unknown}"


@pytest.mark.parametrize("one", app.DEPARTMENTS, ids=lambda one: one.name)
def test_every_page_of_a_department_asks_for_a_right(one) -> None:  # type: ignore[no-untyped-def]
    bare = [route.path for route in one.routes if getattr(route.endpoint, "right", None) is None]
    assert not bare, f"Put @page(right) over the pages of {bare}"


@pytest.mark.parametrize("one", app.DEPARTMENTS, ids=lambda one: one.name)
def test_a_page_stands_in_the_file_of_its_noun(one) -> None:  # type: ignore[no-untyped-def]
    """The address and the file say the same word: /registration/patients lies in patients.py."""
    wrong = []
    for route in one.routes:
        file = inspect.getsourcefile(inspect.unwrap(route.endpoint)) or ""
        name = file.rpartition("/")[2].removesuffix(".py")
        parts = [part for part in route.path.split("/")[2:] if not part.startswith("{")]
        words = [word for part in parts for word in part.split("-")]
        singular = {
            word.removesuffix("ies") + "y" if word.endswith("ies") else word.removesuffix("s") for word in words
        }
        if route.path.startswith(tuple(one.addresses)):
            continue
        if not any(part in {*words, *singular} for part in name.split("_")) and words != ["communes"]:
            wrong.append(f"{route.path} lies in {name}.py")
    assert not wrong, source.report("Name the file after the noun in its address:", wrong)
