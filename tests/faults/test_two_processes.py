"""Two worker processes behind one address: over real HTTP, of a hundred conditional creates exactly one wins."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from lienmach.base import postgres
from lienmach.base.settings import Settings
from tests.running_node import Node

PATIENT = {"resourceType": "Patient", "identifier": [{"system": "http://x", "value": "1"}]}
CONDITION = {"if-none-exist": "identifier=http://x|1"}


class TwoWorkers(Node):
    def environment(self) -> dict[str, str]:
        return {**super().environment(), "LIENMACH_WEB_WORKERS": "2"}


@pytest.fixture
def node() -> Iterator[TwoWorkers]:
    home = Path(tempfile.mkdtemp(prefix="lm-two-"))
    one = TwoWorkers(home)
    one.run()
    yield one
    assert one.process is not None
    one.process.terminate()
    one.process.wait(60)
    postgres.destroy(replace(Settings(), home=home))
    shutil.rmtree(home, ignore_errors=True)
    one.output.unlink(missing_ok=True)


async def test_of_a_hundred_conditional_creates_at_two_processes_exactly_one_wins(node: TwoWorkers) -> None:
    assert len(node.web_pids()) == 2
    token = node.command("token", "--role", "system").stdout.strip()

    async def create() -> httpx.Response:
        async with httpx.AsyncClient(
            base_url=f"http://{node.address}/fhir", timeout=60, headers={"authorization": f"Bearer {token}"}
        ) as client:  # a connection of its own
            return await client.post("/Patient", json=PATIENT, headers=CONDITION)

    answers = await asyncio.gather(*(create() for _ in range(100)))
    assert Counter(one.status_code for one in answers) == {201: 1, 200: 99}
    assert len({one.json()["id"] for one in answers}) == 1
    assert node.command("verify").returncode == 0
