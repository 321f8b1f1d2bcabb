"""A command's database: the rooms in one order, and the running one before one of its own."""

from __future__ import annotations

from lienmach import app
from lienmach.commands import node


def test_commands_and_the_application_agree_on_the_schema_folders() -> None:
    assert [one.resolve() for one in node.schema_folders()] == [one.resolve() for one in app.schema_folders()]


async def test_a_database_by_url_is_opened_and_not_stopped(settings) -> None:
    async with node.attached(settings) as one:
        assert one.cluster is None
        assert await one.pool.fetchval("select 1") == 1
    async with node.attached(settings) as again:
        assert await again.pool.fetchval("select current_user") == "lienmach_app"
