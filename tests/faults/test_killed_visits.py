"""Visits while processes die: web worker, database, portals, listener. Nothing acknowledged is lost, nothing is twice.

A demo node with its own simulators, one writer process with two desks and an analyser. LM_TEST_SEED=… repeats a run,
LM_TEST_ROUNDS=… makes it longer.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from lienmach import app
from lienmach.base import db, postgres
from lienmach.base.actor import Actor
from lienmach.base.settings import Settings
from lienmach.care import charges, notes, signing
from lienmach.standards.fhir import type_numbers
from tests.faults import visit_writer
from tests.faults.test_kill import PATIENCE_SECONDS, LoadedNode, _kill

SEED = int(os.environ.get("LM_TEST_SEED", "") or random.SystemRandom().randrange(10**6))
ROUNDS = int(os.environ.get("LM_TEST_ROUNDS", "12"))
PORTALS = ("insurance", "prescription", "sms")
TARGETS = ("web", "web", "postmaster", "backend", "insurance", "prescription", "listener", "both")
STEPS = ("person", "arrival", "start", "order", "signature", "statement", "dispense", "result")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Portal:
    """A simulator as a process of its own. `held`: what each of its lives held when it ended, as it said itself."""

    def __init__(self, name: str, **options: str) -> None:
        self.name, self.port, self.held = name, _free_port(), []
        self.options = [word for key, value in options.items() for word in ("--with", f"{key}={value}")]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "lienmach", "simulate", self.name, "--port", str(self.port), *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.ask("/_state") is None:
            assert time.monotonic() < deadline, f"the simulator {self.name} does not answer"
            time.sleep(0.05)

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data), timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return None

    def kill(self) -> None:
        """Let it take nothing more, write down what it holds, and kill it: its memory is gone, ours is not."""
        self.ask("/_fault", {"fault": "down"})
        self.held.append(self.ask("/_state"))
        assert self.process is not None
        self.process.kill()
        self.process.wait()


class Clinic(LoadedNode):
    """A demo node that sends to the portals of this test."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.portals = {name: Portal(name) for name in PORTALS}
        self.mllp, self.astm = _free_port(), _free_port()

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            **{f"LIENMACH_{name.upper()}_URL": one.url for name, one in self.portals.items()},
            "LIENMACH_INSURANCE_USER": "demo", "LIENMACH_INSURANCE_PASSWORD": "demo",
            "LIENMACH_PRESCRIPTION_FACILITY": "86991", "LIENMACH_PRESCRIPTION_PASSWORD": "demo",
            "LIENMACH_MLLP": f"127.0.0.1:{self.mllp}", "LIENMACH_ASTM": f"127.0.0.1:{self.astm}",
        }  # fmt: skip

    def run(self) -> subprocess.Popen[str]:
        (self.home / "demo-filled").touch()  # no demo people: they would only slow the visits down
        process = self.start("run")
        self.wait(lambda: "Ready after" in self.said(), "the node")
        return process

    def listener(self) -> list[int]:
        assert self.process is not None
        command = ["pgrep", "-P", str(self.process.pid), "-f", "lienmach mllp"]
        return [int(one) for one in subprocess.run(command, capture_output=True, text=True).stdout.split()]

    def strike(self, target: str, lots: random.Random) -> None:
        if target in ("web", "both"):
            _kill(self.web())
        if target in ("postmaster", "both"):
            _kill([self.postmaster()])
        if target == "backend":
            _kill(lots.sample(backends, 1) if (backends := self.backends()) else [])
        if target == "listener":
            _kill(self.listener())
        if target in self.portals:
            self.portals[target].kill()

    def fetch(self, sql: str) -> list[asyncpg.Record]:
        async def ask() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.url("superuser"))
            try:
                return await connection.fetch(sql)
            finally:
                await connection.close()

        while True:
            try:
                return asyncio.run(ask())
            except asyncpg.DeadlockDetectedError:  # our own meddling met the node's work in another order
                continue


@pytest.fixture(scope="module")
def node() -> Iterator[Clinic]:
    home = Path(tempfile.mkdtemp(prefix="lm-visits-"))
    one = Clinic(home)
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


@pytest.fixture(scope="module")
def journal(node: Clinic, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The writer's journal through all rounds. The node runs again, and the outbox is empty, when this returns."""
    print(f"\nseed {SEED}, {ROUNDS} rounds")
    token = node.command("token", "--role", "system").stdout.strip()
    password, pin = ((node.home / f"demo-{name}.txt").read_text().strip() for name in ("password", "pin"))
    path = tmp_path_factory.mktemp("visits") / "journal.ndjson"
    command = [sys.executable, str(Path(__file__).with_name("visit_writer.py")), f"http://{node.address}", token,
               password, pin, str(node.mllp), str(path)]  # fmt: skip
    writer = subprocess.Popen(command)
    lots, struck, started = random.Random(SEED), Counter[str](), time.monotonic()
    try:
        node.wait(lambda: path.exists() and b'"whole"' in path.read_bytes(), "the first whole visit")
        for _ in range(ROUNDS):
            time.sleep(lots.uniform(0.1, 1.0))
            target = lots.choice(TARGETS)
            struck[target] += 1
            node.strike(target, lots)
            time.sleep(lots.uniform(0.02, 0.5))
            if target in node.portals:
                node.portals[target].start()
            node.wait(lambda: bool(node.web()) and node.is_ready(), f"the node after the loss of {target}")
            assert writer.poll() is None, f"seed {SEED}: the writer ended:\n{path.read_text()[-2000:]}"
    finally:
        writer.send_signal(signal.SIGTERM)
        writer.wait(PATIENCE_SECONDS)
    assert writer.returncode == 0, f"seed {SEED}: {path.read_text()[-2000:]}"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    done = Counter(line["kind"] for line in lines if line["at"] == "acked")
    print(dict(struck), dict(done), f"{time.monotonic() - started:.0f} s")
    _let_leases_end(node)
    return lines


def _let_leases_end(node: Clinic) -> None:
    """Claims of killed workers end after minutes; here they end now, and everything is sent."""
    open_messages = "select count(*) from outbox_message where state in ('waiting', 'sending')"

    def is_empty() -> bool:
        node.fetch("update outbox_message set next_at = now() where next_at > now() returning 1")
        node.fetch(
            "update job set run_at = least(run_at, now()), leased_until = least(leased_until, now()) returning 1"
        )
        return node.fetch(open_messages)[0][0] == 0

    node.wait(is_empty, "an empty outbox")


@pytest.fixture(scope="module")
def record(node: Clinic, journal: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Every living resource by type."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in node.fetch("select r.type, v.body from resource r join version v using (tenant, seq) where not deleted"):
        found.setdefault(type_numbers.NAMES[row["type"]], []).append(json.loads(row["body"]))
    return found


def _acked(journal: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in journal if line["kind"] == kind and line["at"] == "acked"]


def _of(record: dict[str, list[dict[str, Any]]], kind: str, encounter: str) -> list[dict[str, Any]]:
    wanted = f"Encounter/{encounter}"
    return [one for one in record.get(kind, ()) if wanted in json.dumps([one.get("encounter"), one.get("context")])]


def test_the_load_was_real_and_no_answer_was_our_fault(node: Clinic, journal: list[dict[str, Any]]) -> None:
    assert all(_acked(journal, kind) for kind in STEPS), Counter(line["kind"] for line in journal)
    refused = [line for line in journal if line["at"] == "refused" and line["status"] not in (409, 412, 503)]
    assert not refused, f"seed {SEED}: {refused[:3]}\n{node.said()[-3000:]}"


def test_every_acknowledged_step_is_there(
    node: Clinic, journal: list[dict[str, Any]], record: dict[str, list[dict[str, Any]]]
) -> None:
    ids = {kind: {one["id"]: one for one in found} for kind, found in record.items()}
    for kind, name in (("person", "Patient"), ("arrival", "Encounter"), ("order", "ServiceRequest"),
                       ("dispense", "MedicationDispense")):  # fmt: skip
        missing = [line for line in _acked(journal, kind) if line["found"] not in ids[name]]
        assert not missing, f"seed {SEED}: {missing[:3]}"
    tickets = {
        row["ticket_id"]: row["encounter_id"] for row in node.fetch("select ticket_id, encounter_id from ticket")
    }
    for line in _acked(journal, "arrival"):
        own = line["to"].split("/")[-1].partition("?")[0]
        assert tickets.get(own) == line["found"], f"seed {SEED}: {line}"
    moves = Counter(row["cause"] for row in node.fetch("select cause from stock_move where kind = 'issue'"))
    for line in _acked(journal, "dispense"):
        request = ids["MedicationDispense"][line["found"]]["authorizingPrescription"][0]["reference"]
        assert moves[request] == 1, f"seed {SEED}: {line}"


def test_nothing_was_done_twice(node: Clinic, record: dict[str, list[dict[str, Any]]]) -> None:
    """One visit, one ticket, one order of the service, one note, one line, one hand-over for each person."""
    mine = [one for one in record["Encounter"] if one["subject"].get("display", "").startswith("Nguyễn Thử")]
    assert mine and len({one["subject"]["reference"] for one in mine}) == len(mine), f"seed {SEED}"
    numbers = node.fetch("select series, day, number, count(*) from ticket group by 1, 2, 3 having count(*) > 1")
    assert not numbers, f"seed {SEED}: {numbers}"
    per_visit = Counter(
        row["encounter_id"] for row in node.fetch("select encounter_id from ticket where kind = 'exam'")
    )
    for one in mine:
        orders = Counter(order["code"]["coding"][0]["code"] for order in _of(record, "ServiceRequest", one["id"]))
        assert set(orders.values()) <= {1}, f"seed {SEED}: {one['id']} {orders}"
        assert per_visit[one["id"]] == 1, f"seed {SEED}: {one['id']}"
        for kind in ("Composition", "MedicationRequest", "MedicationDispense"):
            assert len(_of(record, kind, one["id"])) <= 1, f"seed {SEED}: {kind} of {one['id']}"


def test_nothing_half_done_is_visible(node: Clinic, record: dict[str, list[dict[str, Any]]]) -> None:
    targets = {t["reference"].rpartition("/_history/")[0] for one in record["Provenance"] for t in one["target"]}
    for one in record["Encounter"]:
        if not one["subject"].get("display", "").startswith("Nguyễn Thử"):
            continue
        own, signed = _of(record, "Composition", one["id"]), one["status"] == "finished"
        assert [note["status"] for note in own] == (["final"] if signed else []), f"seed {SEED}: {one['id']}"
        assert (f"Encounter/{one['id']}" in targets) == signed, f"seed {SEED}: {one['id']}"
        assert len(_of(record, "MedicationRequest", one["id"])) == (1 if signed else 0), f"seed {SEED}: {one['id']}"
        assert [order for order in _of(record, "ServiceRequest", one["id"]) if order["code"]], f"seed {SEED}"
    causes = {f"{kind}/{one['id']}" for kind in ("ServiceRequest", "MedicationRequest") for one in record[kind]}
    known = {charges.charge_id(cause) for cause in causes}
    assert {one["id"] for one in record["ChargeItem"]} == known, f"seed {SEED}: a charge without cause, or the reverse"
    given = Counter(one["authorizingPrescription"][0]["reference"] for one in record.get("MedicationDispense", ()))
    issued = Counter(row["cause"] for row in node.fetch("select cause from stock_move where kind = 'issue'"))
    assert given == issued, f"seed {SEED}"


def test_what_is_on_the_shelf_is_the_sum_of_its_moves(node: Clinic, journal: list[dict[str, Any]]) -> None:
    wrong = node.fetch(
        """select drug_code, lot, on_hand, sum(quantity) from stock_lot join stock_move using (tenant, place_id, drug_code, lot)
           group by tenant, place_id, drug_code, lot, on_hand having on_hand <> sum(quantity)"""
    )
    assert not wrong, f"seed {SEED}: {wrong}"


def test_what_was_queued_arrived_exactly_once_in_effect(node: Clinic, journal: list[dict[str, Any]]) -> None:
    """Over all lives of a portal: everything sent is there, under one key only ever the same content."""
    rows = node.fetch("select channel, key, state, problem, convert_from(body, 'UTF8') as body from outbox_message")
    assert not [row for row in rows if row["state"] != "sent"], f"seed {SEED}: {[dict(row) for row in rows][:3]}"
    lives = {name: [*one.held, one.ask("/_state")] for name, one in node.portals.items()}
    held: dict[str, list[Any]] = {}
    for life in lives["prescription"]:
        assert life["received"] == len(life["prescriptions"]), f"seed {SEED}: one life took a prescription twice"
        for code, body in life["prescriptions"].items():
            held.setdefault(f"prescription {code}", []).append(body)
    for life in lives["insurance"]:
        for key, one in life["check_ins"].items():
            held.setdefault(f"checkin {key}", []).append(one["file"])
    twice = [key for key, bodies in held.items() if any(body != bodies[0] for body in bodies)]
    assert not twice, f"seed {SEED}: {twice[:3]}"
    for row in rows:
        if row["channel"] == "prescription":
            assert f"prescription {json.loads(row['body'])['ma_don_thuoc'].lower()}" in held, f"seed {SEED}"
        if row["channel"] == "checkin":
            assert f"checkin {row['key']}" in held, f"seed {SEED}"
    sent = Counter(row["channel"] for row in rows)
    assert sent["prescription"] and sent["checkin"] and sent["insurance"], sent
    assert len(held) == sent["prescription"] + sent["checkin"], f"seed {SEED}: the portals know what was never queued"


def test_each_message_of_the_analyser_is_kept_once(node: Clinic, journal: list[dict[str, Any]]) -> None:
    kept = Counter(row["control_id"] for row in node.fetch("select control_id from laboratory_message"))
    in_tray = Counter(row["tube"] for row in node.fetch("select tube from laboratory_tray"))
    for line in _acked(journal, "result"):
        assert kept[line["mark"]] == 1 and in_tray[f"999{line['mark'][1:].zfill(7)}"] == 1, f"seed {SEED}: {line}"
    assert set(kept.values()) | set(in_tray.values()) == {1}, f"seed {SEED}"


def test_a_worker_that_dies_while_it_sends_sends_nothing_twice_and_the_page_says_so(
    node: Clinic, journal: list[dict[str, Any]], tmp_path: Path
) -> None:
    """The portal is slow, the process dies between claim and answer, and the answer is lost: still one prescription."""
    portal = node.portals["prescription"]
    portal.ask("/_fault", {"fault": "slow", "slow_seconds": 3})
    received = portal.ask("/_state")["received"]
    password, pin = ((node.home / f"demo-{name}.txt").read_text().strip() for name in ("password", "pin"))
    token = node.command("token", "--role", "system").stdout.strip()
    sending = "select count(*) from outbox_message where channel = 'prescription' and state = 'sending'"

    async def see(*, kills: bool) -> str:
        with open(tmp_path / "journal.ndjson", "a") as sink:
            base = f"http://{node.address}"
            stream = visit_writer.Stream(0, base, token, password, pin, visit_writer.Journal(sink, asyncio.Event()))
            for person in (stream.desk, stream.doctor, stream.window, stream.till):
                await person.enter()
            if kills:
                await stream.visit("9000001")
            await stream.desk.ask("GET", "/insurance/messages")
            return stream.desk.page

    asyncio.run(see(kills=True))
    node.wait(lambda: node.fetch(sending)[0][0] == 1, "a prescription on its way")
    _kill(node.web())
    portal.ask("/_fault", {"fault": "duplicate"})  # what arrives now is done, and its answer is lost
    node.wait(lambda: bool(node.web()) and node.is_ready(), "the node")
    assert "Đang gửi" in asyncio.run(see(kills=False)), f"seed {SEED}"
    node.fetch("update outbox_message set next_at = now() where next_at > now() returning 1")
    node.fetch("update job set leased_until = now() where leased_until is not null returning 1")
    node.wait(lambda: node.fetch(sending)[0][0] == 0, "the lost answer")
    assert "Đang gián đoạn" in asyncio.run(see(kills=False)), f"seed {SEED}"
    portal.ask("/_fault", {"fault": ""})
    _let_leases_end(node)
    assert "Không có gì đang chờ" in asyncio.run(see(kills=False)), f"seed {SEED}"
    assert portal.ask("/_state")["received"] == received + 1, f"seed {SEED}"


def test_the_signatures_verify(node: Clinic, journal: list[dict[str, Any]]) -> None:
    async def judge() -> None:
        pool = await db.connect_pool(node.url("app"), min=1, max=2)
        store = await app.open_store(replace(Settings(), home=node.home), pool)
        actor = Actor(1, "system", frozenset(["system"]), "TREAT")
        try:
            for line in [one for one in journal if one["at"] == "whole"]:
                async with store.begin(actor) as tx:
                    for reference in (f"Encounter/{line['visit']}", f"Composition/{notes.id_of(line['visit'])}"):
                        assert [one.state for one in await signing.verify(tx, reference)] == ["ok"], f"seed {SEED}"
        finally:
            await store.close()
            await pool.close()

    asyncio.run(judge())


def test_the_chain_verifies(node: Clinic, journal: list[dict[str, Any]]) -> None:
    done = node.command("verify")
    assert done.returncode == 0, f"seed {SEED}: {done.stdout}{done.stderr}"
