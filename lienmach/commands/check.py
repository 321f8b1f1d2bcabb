"""Look at settings, disk, database and role, and say what is wrong. Changes nothing."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import importlib.metadata
import platform
from collections.abc import Iterator
from pathlib import Path

import asyncpg

from lienmach.base import db, disk, migrate, postgres, postgres_place
from lienmach.base.errors import Failure
from lienmach.base.settings import SettingError, Settings
from lienmach.commands import node

_PACKAGE = Path(__file__).parent.parent
_BUILT = ("web/static/vendor/htmx.min.js", "standards/fhir/definitions/r4.json.gz")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", action="store_true", help="print every setting with its value")


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Print one line per thing looked at; exit code 1 if one of them is wrong."""
    if args.settings:
        for one in dataclasses.fields(settings):
            value = getattr(settings, one.name)
            shown = "(set)" if one.name.endswith(("_url", "_password")) and value else value  # it may hold a password
            print(f"LIENMACH_{one.name.upper()}={'' if shown is None else shown}")
    wrong = 0
    for name, fault, words in _findings(settings):
        wrong += fault
        print(f"{'WRONG' if fault else 'ok':5}  {name}: {words}")
    return 1 if wrong else 0


def _findings(settings: Settings) -> Iterator[tuple[str, bool, str]]:
    yield "version", False, f"lienmach {_version()} on Python {platform.python_version()}"
    missing = [one for one in _BUILT if not (_PACKAGE / one).exists()]
    yield "build", bool(missing), f"missing: {', '.join(missing)}" if missing else "assets and definitions are in place"
    place = None if settings.database_url else postgres_place.find(settings)
    space = disk.watch(settings, place).look()
    yield "disk", space.state == "full", f"{space.state}, {space.free_mb} MB free, reserve {space.reserve}"
    left = postgres_place.left_over(settings)
    if left:
        yield "folders", False, f"of homes that are gone, to be deleted by hand: {' '.join(map(str, left))}"
    if not settings.database_url:
        cluster = postgres.attach(settings)
        if cluster is None:
            words = "is there and does not run" if place else "is made at the first start"
            yield "database", False, f"the embedded one {words}"
            return
        settings = node.with_urls(settings, cluster)
    assert settings.database_url is not None
    yield from asyncio.run(_database(settings.database_url))


async def _database(url: str) -> list[tuple[str, bool, str]]:
    try:
        connection = await asyncpg.connect(url)
    except (OSError, asyncpg.PostgresError) as error:
        return [("database", True, f"does not answer: {error}")]
    found = []
    try:
        version = await connection.fetchval("show server_version")
        found.append(("database", int(version.split(".")[0]) < 16, f"PostgreSQL {version}"))
        try:
            await db.check_role(connection)
            found.append(("role", False, await connection.fetchval("select current_user")))
        except (SettingError, Failure) as error:
            found.append(("role", True, str(error)))
    finally:
        await connection.close()
    waiting = await migrate.pending(url, node.schema_folders())
    found.append(("schema", bool(waiting), f"waiting: {', '.join(waiting)}" if waiting else "is this version's"))
    return found


def _version() -> str:
    try:
        return importlib.metadata.version("lienmach")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"
