"""A demo node with its own bank, insurer and e-invoice provider, one writer with two tills, and the blows of all rounds.

After every blow the leases of the dead end at once, so that what they had in hand is done again beside whoever still
does it. Some visits begin before the blows on a clock that is behind: a visit must last a minute.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from lienmach import app
from lienmach.base import clock, postgres
from lienmach.base.settings import Settings
from tests.faults import money_writer
from tests.faults.test_kill import PATIENCE_SECONDS, LoadedNode
from tests.faults.test_killed_visits import Clinic, Portal
from tests.faults.visit_writer import Journal
from tests.running_node import ROOT

SEED = int(os.environ.get("LM_TEST_SEED", "") or random.SystemRandom().randrange(10**6))
ROUNDS = int(os.environ.get("LM_TEST_ROUNDS", "8"))
TARGETS = ("web", "web", "web", "postmaster", "backend", "both", "bank", "insurance", "einvoice")
LEAST = {"whole": 6, "answer": 1, "resend": 1}
DONE = ("whole", "acked")
BEHIND = timedelta(minutes=2)
_MEDDLE = (
    "update outbox_message set next_at = now() where next_at > now() returning 1",
    """update job set run_at = least(run_at, now()), leased_until = least(leased_until, now())
       where done_at is null and dead_at is null returning 1""",
)


class Till(Clinic):
    """A demo node that asks the bank, the insurer and the e-invoice provider of this test."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.secret, self.book = secrets.token_hex(8), home.with_name(home.name + "-bank.ndjson")
        notices = f"http://{self.address}/billing/bank-notices"
        self.portals = {
            "bank": Portal("bank", webhook=notices, secret=self.secret, book=str(self.book)),
            "insurance": Portal("insurance", structure_seconds="0", appraise_seconds="0"),
            "einvoice": Portal("einvoice"),
        }

    def environment(self) -> dict[str, str]:
        return {
            **LoadedNode.environment(self),
            **{f"LIENMACH_{name.upper()}_URL": one.url for name, one in self.portals.items()},
            "LIENMACH_INSURANCE_USER": "demo", "LIENMACH_INSURANCE_PASSWORD": "demo", "LIENMACH_BANK_SECRET": self.secret,
            "LIENMACH_EINVOICE_USER": "demo", "LIENMACH_EINVOICE_PASSWORD": "demo",
            "LIENMACH_MLLP": f"127.0.0.1:{self.mllp}", "LIENMACH_ASTM": f"127.0.0.1:{self.astm}",
        }  # fmt: skip

    def statement(self) -> list[dict[str, Any]]:
        """Every line that the bank has written, over all its lives."""
        return [json.loads(one) for one in self.book.read_text().splitlines()] if self.book.exists() else []

    def meddle(self) -> None:
        """What waits is due now, and the leases of the dead are over."""
        for sql in _MEDDLE:
            try:
                self.fetch(sql)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                return


@pytest.fixture(scope="module")
def node() -> Iterator[Till]:
    home = Path(tempfile.mkdtemp(prefix="lm-money-"))
    one = Till(home)
    for portal in one.portals.values():
        portal.start()
    one.run()
    yield one
    one.end()
    for portal in one.portals.values():
        portal.kill()
    postgres.destroy(replace(Settings(), home=home))
    shutil.rmtree(home, ignore_errors=True)
    one.output.unlink(missing_ok=True)
    one.book.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def journal(node: Till, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The writer's journal through all rounds. The node runs again and nothing waits when this returns."""
    print(f"\nseed {SEED}, {ROUNDS} rounds")
    token = node.command("token", "--role", "system").stdout.strip()
    password, pin = ((node.home / f"demo-{name}.txt").read_text().strip() for name in ("password", "pin"))
    folder = tmp_path_factory.mktemp("money")
    path, early = folder / "journal.ndjson", folder / "early.json"
    given = (
        f"http://{node.address}",
        token,
        password,
        pin,
        node.portals["bank"].url,
        node.portals["insurance"].url,
        str(SEED),
    )
    asyncio.run(_open_early(node, given, path, early))
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.money_writer", *given, str(path), str(early)], cwd=ROOT
    )
    lots, struck, started = random.Random(SEED), Counter[str](), time.monotonic()

    def is_enough() -> bool:
        assert writer.poll() is None, f"seed {SEED}: the writer ended:\n{path.read_text()[-2000:]}"
        node.meddle()
        said = Counter("whole" if one["at"] == "whole" else one["kind"] for one in _lines(path) if one["at"] in DONE)
        return all(said[kind] >= least for kind, least in LEAST.items())

    try:
        node.wait(lambda: b'"signature"' in path.read_bytes(), "the first end of a visit")
        for _ in range(ROUNDS):
            time.sleep(lots.uniform(0.1, 1.2))
            target = lots.choice(TARGETS)
            struck[target] += 1
            node.strike(target, lots)
            time.sleep(lots.uniform(0.02, 0.4))
            if target in node.portals:
                node.portals[target].start()
            node.wait(lambda: bool(node.web()) and node.is_ready(), f"the node after the loss of {target}")
            node.portals["bank"].ask(
                "/_webhook", lots.choice(({}, {"drop": 1}, {"double": 2}, {"forge": 1}, {"late": 1}))
            )
            is_enough()
        node.wait(is_enough, "some whole visits and rejections that were worked off", pause=0.5)
    except AssertionError:
        print(f"the writer's last words:\n{path.read_text()[-3000:]}")
        raise
    finally:
        writer.send_signal(signal.SIGTERM)
        writer.wait(PATIENCE_SECONDS)
    assert writer.returncode == 0, f"seed {SEED}: {path.read_text()[-2000:]}"
    lines = _lines(path)
    done = Counter(line["kind"] for line in lines if line["at"] == "acked")
    print(dict(struck), dict(done), f"{time.monotonic() - started:.0f} s")
    _heal(node)
    print(f"healed after {time.monotonic() - started:.0f} s")
    return lines


async def _open_early(node: Till, given: tuple[str, ...], path: Path, early: Path) -> None:
    """Visits that began some minutes ago: through the pages of a second process of this node, whose clock is behind."""
    application = app.Application(Settings.load(node.environment()), database_url=node.url("app"))
    store = await application.start()
    store.now = lambda: clock.now() - BEHIND
    try:
        with open(path, "a") as sink:
            journal = Journal(sink, asyncio.Event())
            transport = httpx.ASGITransport(application)
            await money_writer.open_early(
                lambda number: money_writer.Money(number, *given, journal, transport=transport), early
            )
    finally:
        await application.stop()


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


def _heal(node: Till) -> None:
    """Until everything is sent, every transfer is heard of, no claim waits to be considered or for its answer."""
    open_work = """select 'message ' || channel || ' ' || state || ' ' || problem as left from outbox_message
                   where state in ('waiting', 'sending') and channel not in ('prescription', 'sms')
                   union all select kind || ' ' || payload::text || ' ' || attempts from job
                   where kind = 'claims.consider' and done_at is null and dead_at is null"""
    left: list[str] = []

    def is_whole() -> bool:
        node.meddle()
        heard = node.fetch("select count(*) from bank_transfer")[0][0]
        left[:] = [row["left"] for row in node.fetch(open_work)]
        left.extend(["transfers that nobody heard of"] * (len(node.statement()) - heard))
        left.extend(unread(node))
        return not left

    try:
        node.wait(is_whole, "the end of all work", pause=0.3)
    except AssertionError:
        pytest.fail(f"seed {SEED}: left over: {left[:5]} of {len(left)}\n{node.said()[-2000:]}")


def unread(node: Till) -> list[str]:
    """Final answers about newest versions that the portal holds in this life and that we have not taken in."""
    told = {
        one["maGiaoDich"]: one["trangThai"]
        for sendings in node.portals["insurance"].ask("/_state")["claims"].values()
        for one in sendings
    }
    rows = node.fetch("select distinct on (encounter_id) * from claim_version order by encounter_id, version desc")
    return [
        f"the answer {told[row['transaction_number']]} about {row['encounter_id']}"
        for row in rows
        if told.get(row["transaction_number"], "DANG_XU_LY") != "DANG_XU_LY"
        and row["state"] not in ("rejected", "accepted")
    ]
