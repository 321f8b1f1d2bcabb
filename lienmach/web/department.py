"""The Department value: everything that a department hands to `app.py`, as plain data.

No import has a side effect: a department is an import and a word in `app.py`; without that word it is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.routing import Route


@dataclass(frozen=True)
class MenuItem:
    """One entry of the menu. title, note: keys of `web/words`. right: a right of `identity/roles.py`.

    key: the key that opens it, such as `F2`. is_find: the page takes `?text=`; its box stands on the first page.
    """

    title: str
    url: str
    right: str
    key: str = ""
    note: str = ""
    is_find: bool = False


@dataclass(frozen=True)
class Notice:
    """A strip of the frame that a page asks for again and again: a fragment at `url` for those with `right`."""

    url: str
    right: str
    every_seconds: int = 5


@dataclass(frozen=True)
class Department:
    """name: folder, URL prefix, table prefix. title: key of `web/words`. folder: where templates/ and static/ stand."""

    name: str
    title: str
    folder: Path
    routes: Sequence[Route]
    menu: Sequence[MenuItem] = ()
    scripts: Sequence[str] = ()  # files of its static/ that every page loads
    styles: Sequence[str] = ()
    jobs: Sequence[Any] = ()  # base.jobs.Job
    on_change: Sequence[Any] = ()  # record.changes.OnChange: resource type -> job
    guards: Sequence[tuple[str, Any]] = ()  # resource type -> record.transaction.Guard, asked before each write
    notices: Sequence[Notice] = ()
    listeners: Sequence[Any] = ()  # own processes
    profiles: Sequence[Path] = ()
    schema: Path | None = None
    addresses: Sequence[str] = ()  # paths outside /name/ for people who do not know our names, such as `/dat-kham`
