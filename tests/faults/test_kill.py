"""kill -9 at random moments under write load: what was acknowledged is there, nothing is half there.

One node, one writer process, fifty rounds. LM_TEST_SEED=… repeats a run, LM_TEST_ROUNDS=… makes it longer.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from lienmach.base import postgres, processes
from lienmach.base.settings import Settings
from lienmach.standards.fhir import type_numbers
from tests.running_node import Node

SEED = int(os.environ.get("LM_TEST_SEED", "") or random.SystemRandom().randrange(10**6))
ROUNDS = int(os.environ.get("LM_TEST_ROUNDS", "50"))
PATIENCE_SECONDS = 60.0


class LoadedNode(Node):
    """A node under load, and the parts of it that can be killed."""

    def wait(self, condition: Callable[[], bool], what: str = "it", *, pause: float = 0.02) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert self.process is None or self.process.poll() is None, (
                f"seed {SEED}: the supervisor ended:\n{self.said()}"
            )
            assert time.monotonic() < deadline, f"seed {SEED}: waited in vain for {what}:\n{self.said()[-3000:]}"
            time.sleep(pause)

    def web(self) -> list[int]:
        return [pid for pid in self.web_pids() if processes.is_running(pid)]

    def backends(self) -> list[int]:
        """Processes of the database that serve a connection of the application."""
        head = self.postmaster()
        return [pid for pid in self.database_pids() if pid != head and b"lienmach_app" in _command_line(pid)]

    def url(self, role: str) -> str:
        cluster = postgres.attach(Settings(home=self.home))
        assert cluster is not None
        try:
            return cluster.url(role)
        finally:
            cluster.stop()  # it is not ours: this only says that we do not use it

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _kill(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


@pytest.fixture(scope="module")
def node() -> Iterator[LoadedNode]:
    home = Path(tempfile.mkdtemp(prefix="lm-kill-"))
    one = LoadedNode(home)
    one.run()
    yield one
    one.end()
    postgres.destroy(replace(Settings(), home=home))
    shutil.rmtree(home, ignore_errors=True)
    one.output.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def killed(node: LoadedNode, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The journal of a writer through all rounds of killing. The node runs again when this returns."""
    print(f"\nseed {SEED}, {ROUNDS} rounds")
    token = node.command("token", "--role", "system").stdout.strip()
    assert token.startswith("lm_"), node.said()
    journal = tmp_path_factory.mktemp("kill") / "journal.ndjson"
    writer = subprocess.Popen(
        [
            sys.executable,
            str(Path(__file__).with_name("writer.py")),
            f"http://{node.address}/fhir",
            token,
            str(journal),
            str(SEED),
        ]
    )
    lots = random.Random(SEED)
    restarts, started = Counter[str](), time.monotonic()
    try:
        node.wait(lambda: journal.exists() and journal.read_bytes().count(b"acked") > 20, "the first writes")
        for _ in range(ROUNDS):
            time.sleep(lots.uniform(0.0, 0.5))
            target = lots.choice(("web", "postmaster", "backend", "both"))
            restarts[target] += 1
            web, postmaster = node.web(), node.postmaster()
            if target in ("web", "both"):
                _kill(web)
            if target in ("postmaster", "both"):
                _kill([postmaster])
            if target == "backend":
                _kill(lots.sample(backends, 1) if (backends := node.backends()) else [])
            time.sleep(0.02)
            node.wait(lambda: bool(node.web()) and node.is_ready(), f"the node after the loss of {target}")
            assert writer.poll() is None, "the writer ended"
    finally:
        writer.send_signal(signal.SIGTERM)
        writer.wait(PATIENCE_SECONDS)
    print(dict(restarts), f"{time.monotonic() - started:.0f} s")
    return [json.loads(line) for line in journal.read_text().splitlines()]


@pytest.fixture(scope="module")
def versions(node: LoadedNode, killed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every version in the record after all rounds, in the order of the chain."""

    async def fetch() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(node.url("superuser"))
        try:
            return await connection.fetch("select seq, type, id, version_id, op, body from version order by seq")
        finally:
            await connection.close()

    return [
        {
            "type": type_numbers.NAMES[row["type"]],
            "id": row["id"],
            "version": row["version_id"],
            "body": json.loads(row["body"]),
        }
        for row in asyncio.run(fetch())
    ]


def _told(journal: list[dict[str, Any]], kind: str, at: str) -> list[dict[str, Any]]:
    return [line for line in journal if line["kind"] == kind and line["at"] == at]


def _marked(versions: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for one in versions:
        for identifier in one["body"].get("identifier") or []:
            found[identifier["value"]].append(one)
    return found


def test_the_load_was_real_and_no_answer_was_our_fault(node: LoadedNode, killed: list[dict[str, Any]]) -> None:
    acked = Counter(line["kind"] for line in killed if line["at"] == "acked")
    assert all(acked[kind] >= ROUNDS for kind in ("update", "create", "once", "transaction", "read")), acked
    refused = Counter(
        (line["status"], line["text"][:200])
        for line in killed
        if line["at"] == "refused" and line["status"] not in (412, 503)
    )
    assert not refused, f"seed {SEED}: {refused}\n" + "\n".join(
        line[:3000] for line in node.said().splitlines() if "should not" in line or "cancelled a statement" in line
    )


def test_every_acknowledged_write_is_there_with_its_body(
    killed: list[dict[str, Any]], versions: list[dict[str, Any]]
) -> None:
    stored = {(one["type"], one["id"], one["version"]): one["body"] for one in versions}
    acked = [line["answer"] for kind in ("update", "create", "once") for line in _told(killed, kind, "acked")]
    assert acked
    for answer in acked:
        key = (answer["resourceType"], answer["id"], int(answer["meta"]["versionId"]))
        assert stored.get(key) == answer, f"seed {SEED}: {key}"
    for line in _told(killed, "transaction", "acked"):
        for entry in line["answer"]["entry"]:
            kind, resource_id, _, version = entry["response"]["location"].split("/")
            assert (kind, resource_id, int(version)) in stored, f"seed {SEED}: {entry}"


def test_versions_follow_each_other_and_hold_only_what_was_sent(
    killed: list[dict[str, Any]], versions: list[dict[str, Any]]
) -> None:
    sent = {line["body"]["name"][0]["text"] for line in _told(killed, "update", "sent")}
    by_id = defaultdict(list)
    for one in versions:
        if one["id"].startswith("own-"):
            by_id[one["id"]].append(one)
    assert by_id
    for resource_id, found in by_id.items():
        assert [one["version"] for one in found] == list(range(1, len(found) + 1)), f"seed {SEED}: {resource_id}"
        texts = [one["body"]["name"][0]["text"] for one in found]
        assert set(texts) <= sent and len(set(texts)) == len(texts), f"seed {SEED}: {resource_id}"


def test_no_half_transaction_is_visible(killed: list[dict[str, Any]], versions: list[dict[str, Any]]) -> None:
    marked = _marked(versions)
    acked = {line["mark"] for line in _told(killed, "transaction", "acked")}
    for line in _told(killed, "transaction", "sent"):
        found = sorted(one["type"] for one in marked.get(line["mark"], []))
        whole = ["Encounter", "Observation", "Patient"]
        assert found == whole or (found == [] and line["mark"] not in acked), f"seed {SEED}: {line['mark']} {found}"
        if found:
            parts = {one["type"]: one for one in marked[line["mark"]]}
            person = f"Patient/{parts['Patient']['id']}"
            assert parts["Encounter"]["body"]["subject"]["reference"] == person
            assert parts["Observation"]["body"]["subject"]["reference"] == person
            assert parts["Observation"]["body"]["encounter"]["reference"] == f"Encounter/{parts['Encounter']['id']}"


def test_nothing_is_there_twice(killed: list[dict[str, Any]], versions: list[dict[str, Any]]) -> None:
    """An unacknowledged create is there once or not at all; a conditional one that is sent again, exactly once."""
    marked = _marked(versions)
    acked = {line["mark"] for line in _told(killed, "create", "acked")}
    for line in _told(killed, "create", "sent"):
        assert len(marked.get(line["mark"], [])) in ({1} if line["mark"] in acked else {0, 1}), f"seed {SEED}"
    acked = {line["mark"] for line in _told(killed, "once", "acked")}
    for line in _told(killed, "once", "sent"):
        assert len(marked.get(line["mark"], [])) in ({1} if line["mark"] in acked else {0, 1}), f"seed {SEED}"


def test_no_answer_left_without_its_audit_event(killed: list[dict[str, Any]], versions: list[dict[str, Any]]) -> None:
    noted = {
        identifier["value"]
        for one in versions
        if one["type"] == "AuditEvent"
        for entity in one["body"].get("entity", [])
        if (identifier := entity.get("what", {}).get("identifier")) is not None
    }
    missing = [line["mark"] for line in _told(killed, "read", "acked") if line["mark"] not in noted]
    assert not missing, f"seed {SEED}: {missing[:5]}"


def test_the_index_finds_exactly_the_live_resources(node: LoadedNode, versions: list[dict[str, Any]]) -> None:
    """No row of the search index is lost or left over by what was cut off."""

    async def fetch() -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
        connection = await asyncpg.connect(node.url("superuser"))
        try:
            live = await connection.fetch("select rid, seq from resource where not deleted")
            indexed = await connection.fetch("select rid, seq from ix")
        finally:
            await connection.close()
        return {tuple(row) for row in live}, {tuple(row) for row in indexed}

    live, indexed = asyncio.run(fetch())
    assert live == indexed


def test_the_chain_verifies(node: LoadedNode, killed: list[dict[str, Any]]) -> None:
    done = node.command("verify")
    assert done.returncode == 0, f"seed {SEED}: {done.stdout}{done.stderr}"


def test_a_killed_supervisor_leaves_nothing_and_the_next_run_takes_over(
    node: LoadedNode, killed: list[dict[str, Any]]
) -> None:
    assert node.process is not None
    family = [*node.web(), *node.database_pids()]
    node.process.kill()
    node.process.wait()
    node.process = None
    node.wait(
        lambda: not any(processes.is_running(pid) for pid in family), "the children of a killed supervisor to end"
    )
    node.run()
    assert node.command("verify").returncode == 0


def test_a_second_run_on_the_same_home_is_refused_with_a_sentence(node: LoadedNode) -> None:
    second = LoadedNode(node.home)
    answer = second.command("run", "--empty")
    assert answer.returncode == 1
    assert "is in use by" in answer.stderr and "Traceback" not in answer.stderr
    assert node.is_ready()


def test_ctrl_c_stops_everything_and_leaves_a_clean_database(node: LoadedNode) -> None:
    assert node.process is not None
    family = [node.process.pid, *node.web(), *node.database_pids()]
    node.process.send_signal(signal.SIGINT)
    assert node.process.wait(PATIENCE_SECONDS) == 0
    assert not [pid for pid in family if processes.is_running(pid)]
    assert node.command("verify").returncode == 0  # starts the database for itself, and stops it
    assert node.database_pids() == []
