"""One PostgreSQL for the whole run, migrated once into a template; each test has a database of its own."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from lienmach.base import db, migrate, postgres
from lienmach.base.actor import Actor
from lienmach.base.settings import Settings
from lienmach.record import tenants
from lienmach.record.transaction import Store
from lienmach.standards.fhir import definitions
from tests.web.client import Browser

PACKAGE = Path(postgres.__file__).parent.parent
ROOMS = ("base", "record", "identity", "care")
TEMPLATE = "lienmach_template"
MEMORY, MEMORY_BYTES_LEAST = Path("/dev/shm"), 2 * 2**30


def schema_folders() -> list[Path]:
    """The rooms' schema folders, in the order of the house."""
    departments = sorted((PACKAGE / "departments").glob("*/schema"))
    return [one for one in (*(PACKAGE / room / "schema" for room in ROOMS), *departments) if one.is_dir()]


@dataclass
class Database:
    """The cluster of this test run; `create` makes a fresh migrated database and `url` names it by role.

    tablespace: where the databases lie.
    """

    cluster: postgres.Cluster
    settings: Settings
    numbers: Iterator[int]
    tablespace: str = "pg_default"

    def create(self, template: str = TEMPLATE) -> str:
        name = f"test_{next(self.numbers)}"
        asyncio.run(self.copy(template, name))
        return name

    async def copy(self, template: str, name: str) -> None:
        """A new database of this name as a copy of another."""
        await self._execute(
            f"create database {name} owner lienmach_owner template {template} strategy file_copy "
            f"tablespace {self.tablespace}"
        )

    def drop(self, name: str) -> None:
        asyncio.run(self._execute(f"drop database if exists {name} with (force)"))

    def url(self, role: str, name: str) -> str:
        return self.cluster.url(role, name)

    async def _execute(self, sql: str) -> None:
        connection = await asyncpg.connect(self.cluster.url("superuser", "postgres"))
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    """A running cluster with a migrated template. Its data are worth nothing, so they are not synced."""
    home = Path(tempfile.mkdtemp(prefix="lm-"))
    settings = Settings(home=home, disk_low_mb=2, disk_full_mb=1)
    cluster = postgres.start(settings, options={"fsync": "off", "full_page_writes": "off", "max_connections": "120"})
    memory = _folder_in_memory(cluster)
    try:
        one = Database(cluster, settings, itertools.count(1))
        if memory is not None:
            asyncio.run(one._execute(f"create tablespace memory location '{memory}'"))
            one.tablespace = "memory"
        asyncio.run(one.copy("template1", TEMPLATE))
        asyncio.run(
            migrate.migrate(cluster.url("owner", TEMPLATE), cluster.url("superuser", TEMPLATE), schema_folders())
        )
        yield one
    finally:
        try:
            cluster.stop()
        finally:
            postgres.destroy(settings)
            shutil.rmtree(home, ignore_errors=True)
            if memory is not None:
                shutil.rmtree(memory, ignore_errors=True)


def _folder_in_memory(cluster: postgres.Cluster) -> Path | None:
    """A folder of the database's user in memory, where a copy of a database takes a quarter of the time.

    None without memory to spare. What runs that were killed have left there is removed first.
    """
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < MEMORY_BYTES_LEAST:
        return None
    for left in MEMORY.glob("lm-test-*"):
        if not Path(f"/proc/{left.name.rpartition('-')[2]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = MEMORY / f"lm-test-{os.getpid()}"
    folder.mkdir(mode=0o700)
    if cluster.place.other_user:
        os.chown(folder, cluster.place.uid, cluster.place.gid)
    return folder


@pytest.fixture
def database_name(database: Database) -> Iterator[str]:
    """A fresh migrated database of this test."""
    name = database.create()
    yield name
    database.drop(name)


@pytest.fixture
def store_url(database: Database, database_name: str) -> str:
    """The URL of this test's database as the application's role."""
    return database.url("app", database_name)


@pytest.fixture
def owner_url(database: Database, database_name: str) -> str:
    """The same database as the role that owns the schema."""
    return database.url("owner", database_name)


@pytest.fixture
def settings(tmp_path: Path, store_url: str, owner_url: str) -> Settings:
    """Settings of a node whose home is the test's folder and whose database is the test's database."""
    return replace(
        Settings.load({}), home=tmp_path / "home", database_url=store_url, database_owner_url=owner_url,
        disk_low_mb=2, disk_full_mb=1,
    )  # fmt: skip


@pytest.fixture
async def pool(store_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool on this test's database, as the application's role."""
    made = await db.connect_pool(store_url, min=1, max=8)
    yield made
    await made.close()


@pytest.fixture
async def store(pool: asyncpg.Pool, owner_url: str, settings: Settings) -> AsyncIterator[Store]:
    """The record on this test's database, with the tenants `main` (1) and `other` (2)."""
    owner = await asyncpg.connect(owner_url)
    try:
        await tenants.add(owner, "main", "Trạm y tế thử")
        await tenants.add(owner, "other", "Bệnh viện khác")
    finally:
        await owner.close()
    made = await Store.open(settings, pool, definitions.load())
    yield made
    await made.close()


@pytest.fixture
def system() -> Actor:
    """An integrator's backend in tenant 1, which may do everything there."""
    return Actor(1, "system", frozenset(["system"]), "TREAT")


@pytest.fixture
def stranger() -> Actor:
    """The same in tenant 2."""
    return Actor(2, "system", frozenset(["system"]), "TREAT")


@pytest.fixture
async def browser_at(app: Any) -> AsyncIterator[Callable[..., Browser]]:
    """Makes a browser at a network address."""
    made: list[Browser] = []

    def make(address: str = "127.0.0.1") -> Browser:
        made.append(Browser(app, address))
        return made[-1]

    yield make
    for one in made:
        await one.client.aclose()


@pytest.fixture
def browser(browser_at: Callable[..., Browser]) -> Browser:
    """One browser; nobody has signed in."""
    return browser_at()


pytest_plugins = ["tests.clinic"]


def pytest_configure(config: pytest.Config) -> None:
    """Settings of the person who runs the tests must not reach them."""
    for name in [one for one in os.environ if one.startswith("LIENMACH_")]:
        del os.environ[name]
