"""Fixtures of the tests of commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from lienmach.base.actor import Actor
from lienmach.record.transaction import Store
from tests.commands.driven_visits import driven as driven
from tests.commands.import_world import World


@pytest.fixture
def world(store: Store, system: Actor, tmp_path: Path) -> World:
    folder = tmp_path / "files"
    folder.mkdir()
    return World(store, system, folder)
