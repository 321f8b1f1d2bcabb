"""A visit's money while processes die: web worker, database, bank, insurer, e-invoices. Nothing is paid or sent twice.

A demo node with its own simulators and one writer process with two tills. After every blow the leases of the dead end
at once, so that what they had in hand is done again beside whoever still does it. LM_TEST_SEED=… repeats a run,
LM_TEST_ROUNDS=… makes it longer.
"""

from __future__ import annotations

import asyncio
import hashlib
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
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from lienmach import app
from lienmach.base import db, postgres
from lienmach.base.actor import Actor
from lienmach.base.settings import Settings
from lienmach.care import signing
from tests.faults.test_kill import PATIENCE_SECONDS, LoadedNode
from tests.faults.test_killed_visits import Clinic, Portal
from tests.running_node import ROOT

SEED = int(os.environ.get("LM_TEST_SEED", "") or random.SystemRandom().randrange(10**6))
ROUNDS = int(os.environ.get("LM_TEST_ROUNDS", "4"))
TARGETS = ("web", "web", "web", "postmaster", "backend", "both", "bank", "insurance", "einvoice")
STEPS = ("signature", "statement", "payment", "transfer", "dispense")
WHOLE_LEAST = 6
_MEDDLE = (
    "update outbox_message set next_at = now() where next_at > now() returning 1",
    "update job set run_at = least(run_at, now()), leased_until = least(leased_until, now()) where done_at is null and dead_at is null returning 1",
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
    path = tmp_path_factory.mktemp("money") / "journal.ndjson"
    command = [sys.executable, "-m", "tests.faults.money_writer", f"http://{node.address}", token, password, pin,
               node.portals["bank"].url, node.portals["insurance"].url, str(SEED), str(path)]  # fmt: skip
    writer = subprocess.Popen(command, cwd=ROOT)
    lots, struck, started = random.Random(SEED), Counter[str](), time.monotonic()

    def whole() -> int:
        assert writer.poll() is None, f"seed {SEED}: the writer ended:\n{path.read_text()[-2000:]}"
        return path.read_bytes().count(b'"whole"') if path.exists() else 0

    try:
        node.wait(lambda: path.exists() and b'"arrival"' in path.read_bytes(), "the first arrival")
        for number in range(ROUNDS):
            if number == 3:  # the first blows hit arrivals, the others the money
                _wait_a_minute(node, lambda: whole() > 0, "the first whole visit")
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
            node.meddle()
        _wait_a_minute(node, lambda: whole() >= WHOLE_LEAST, "some whole visits")
    finally:
        writer.send_signal(signal.SIGTERM)
        writer.wait(PATIENCE_SECONDS)
    assert writer.returncode == 0, f"seed {SEED}: {path.read_text()[-2000:]}"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    done = Counter(line["kind"] for line in lines if line["at"] == "acked")
    print(dict(struck), dict(done), f"{time.monotonic() - started:.0f} s")
    _heal(node)
    return lines


def _wait_a_minute(node: Till, condition: Callable[[], bool], what: str) -> None:
    """A visit lasts a minute before it may end; on a busy machine it takes longer than the node's own patience."""
    deadline = time.monotonic() + 2 * PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    node.wait(condition, what)


def _heal(node: Till) -> None:
    """Until everything is sent, every transfer is heard of, and no claim waits to be considered."""
    node.portals["bank"].ask("/_webhook", {})
    open_work = """select 'message ' || channel || ' ' || state || ' ' || problem as left from outbox_message
                   where state in ('waiting', 'sending') and channel in ('claim', 'checkin', 'insurance', 'einvoice')
                   union all select kind || ' ' || payload::text || ' ' || attempts from job
                   where kind = 'claims.consider' and done_at is null and dead_at is null"""
    left: list[str] = []

    def is_whole() -> bool:
        node.meddle()
        heard = node.fetch("select count(*) from bank_transfer")[0][0]
        left[:] = [row["left"] for row in node.fetch(open_work)]
        left.extend(["transfers that nobody heard of"] * (len(node.statement()) - heard))
        return not left

    try:
        node.wait(is_whole, "the end of all work")
    except AssertionError:
        pytest.fail(f"seed {SEED}: left over: {left[:5]} of {len(left)}\n{node.said()[-2000:]}")


def _acked(journal: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in journal if line["kind"] == kind and line["at"] == "acked"]


def test_the_load_was_real_and_no_answer_was_our_fault(node: Till, journal: list[dict[str, Any]]) -> None:
    assert all(_acked(journal, kind) for kind in STEPS), Counter(line["kind"] for line in journal)
    refused = [line for line in journal if line["at"] == "refused" and line["status"] not in (409, 412, 503)]
    assert not refused, f"seed {SEED}: {refused[:3]}\n{node.said()[-3000:]}"
    dead = node.fetch("select kind, payload::text from job where dead_at is not null")
    assert not dead, f"seed {SEED}: {dead}"


def test_every_acknowledged_payment_has_exactly_one_receipt(node: Till, journal: list[dict[str, Any]]) -> None:
    kept = {row["request_key"]: row for row in node.fetch("select * from money_receipt")}
    for kind in ("payment", "deposit", "refund"):
        for line in _acked(journal, kind):
            found = kept.get(line["key"])
            assert found is not None, f"seed {SEED}: lost: {line}"
            assert (found["number"], found["amount"], found["kind"]) == (line["number"], int(line["amount"]), kind), (
                line
            )
            assert found["encounter_id"] == line["visit"], f"seed {SEED}: {line}"
    told = {line["key"] for line in journal if "key" in line}
    cash = {key for key, row in kept.items() if row["method"] == "cash"}
    assert cash <= told, f"seed {SEED}: a receipt that nobody asked for: {cash - told}"


def test_numbers_of_bills_and_receipts_run_without_gaps(node: Till, journal: list[dict[str, Any]]) -> None:
    said = [row["number"] for row in node.fetch("select number from money_receipt")]
    said += [one["identifier"][0]["value"] for one in _resources(node, "Invoice")]
    found: dict[str, list[int]] = {}
    for number in said:
        series, _, last = number.rpartition("-")
        found.setdefault(series, []).append(int(last))
    assert any(series.startswith("BK") for series in found) and any(series.startswith("PT") for series in found)
    for series, numbers in found.items():
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), f"seed {SEED}: {series} {sorted(numbers)}"
    for row in node.fetch("select facility, series, last from money_number"):
        own = [len(numbers) for series, numbers in found.items() if series.startswith(row["series"])]
        assert own == [row["last"]], f"seed {SEED}: {row}"


def test_the_ledger_is_whole_and_says_what_the_receipts_say(node: Till, journal: list[dict[str, Any]]) -> None:
    assert node.fetch("select sum(amount) from ledger_posting")[0][0] == 0, f"seed {SEED}"
    wrong = node.fetch("select entry_id from ledger_posting group by 1 having sum(amount) <> 0")
    assert not wrong, f"seed {SEED}: {wrong}"
    wrong = node.fetch(
        """select account, sub from ledger_balance b full join (select account, sub, sum(amount) as amount
           from ledger_posting group by 1, 2) p using (account, sub) where coalesce(b.amount, 0) <> coalesce(p.amount, 0)"""
    )
    assert not wrong, f"seed {SEED}: {wrong}"
    alone = node.fetch(
        "select number from money_receipt where 'receipt/' || number not in (select cause from ledger_entry)"
    )
    assert not alone, f"seed {SEED}: {alone}"
    for row in node.fetch(
        """select a.*, coalesce(r.amount, 0) as due, -coalesce(d.amount, 0) as deposit, coalesce(f.amount, 0) as fund,
                  coalesce((select sum(case when kind = 'refund' then -amount else amount end) from money_receipt m
                            where m.encounter_id = a.encounter_id), 0) as paid
           from visit_account a left join ledger_balance r on r.account = '1311' and r.sub = a.encounter_id
           left join ledger_balance d on d.account = '3387' and d.sub = a.encounter_id
           left join ledger_balance f on f.account = '1312' and f.sub = a.encounter_id where a.state = 'closed'"""
    ):
        assert row["patient_total"] == row["paid"] + row["due"] - row["deposit"], f"seed {SEED}: {dict(row)}"
        assert row["t_bhtt"] == row["fund"], f"seed {SEED}: {dict(row)}"
        assert (row["settled_at"] is not None) == (row["due"] <= 0), f"seed {SEED}: {dict(row)}"


def test_a_closed_shift_is_empty_and_an_open_one_holds_its_receipts(node: Till, journal: list[dict[str, Any]]) -> None:
    shifts = {row["shift_id"]: row for row in node.fetch("select * from cash_shift")}
    for line in _acked(journal, "shift"):
        assert shifts[line["shift"]]["closed_at"] is not None, f"seed {SEED}: {line}"
    for own, row in shifts.items():
        held = node.fetch(
            f"select coalesce(sum(amount), 0) from ledger_balance where account = '1111' and sub = '{own}'"
        )
        taken = node.fetch(
            f"""select coalesce(sum(case when kind = 'refund' then -amount else amount end), 0)::bigint
                from money_receipt where shift_id = '{own}'"""
        )
        expected = row["opening_float"] + taken[0][0]
        assert held[0][0] == (0 if row["closed_at"] else expected), f"seed {SEED}: {dict(row)}"
        if row["closed_at"]:
            assert (row["expected"], row["difference"]) == (expected, row["counted"] - expected), f"seed {SEED}"


def test_the_statement_of_the_bank_is_our_account_at_the_bank(node: Till, journal: list[dict[str, Any]]) -> None:
    lines, kept = node.statement(), {row["transfer_id"]: row for row in node.fetch("select * from bank_transfer")}
    assert {f"{one['bin']}-{one['transaction']}" for one in lines} == set(kept), f"seed {SEED}"
    assert all(kept[f"{one['bin']}-{one['transaction']}"]["amount"] == one["amount"] for one in lines)
    held = node.fetch("select coalesce(sum(amount), 0) from ledger_posting where account = '1121'")[0][0]
    assert held == sum(one["amount"] for one in lines), f"seed {SEED}"
    paid = Counter(row["bank_transaction"] for row in node.fetch(
        "select bank_transaction from money_receipt where method = 'transfer'"))  # fmt: skip
    matched = {own for own, row in kept.items() if row["state"] == "matched"}
    assert paid == Counter(matched), f"seed {SEED}"
    waiting = sum(row["amount"] for row in kept.values() if row["state"] == "unmatched")
    assert -node.fetch("select coalesce(sum(amount), 0) from ledger_posting where account = '3381'")[0][0] == waiting
    for line in _acked(journal, "transfer"):
        own = [one for one in kept.values() if one["request_number"] == line["code"]]
        assert [(one["state"], one["encounter_id"]) for one in own] == [("matched", line["visit"])], (
            f"seed {SEED}: {line}"
        )


def _resources(node: Till, kind: str) -> list[dict[str, Any]]:
    from lienmach.standards.fhir import type_numbers

    number = type_numbers.NUMBERS[kind]
    sql = f"select v.body from resource r join version v using (tenant, seq) where not deleted and r.type = {number}"
    return [json.loads(row["body"]) for row in node.fetch(sql)]


def test_no_visit_is_half_closed_and_no_statement_unsigned(node: Till, journal: list[dict[str, Any]]) -> None:
    invoices = {one["id"]: one for one in _resources(node, "Invoice")}
    signed = {
        t["reference"].rpartition("/_history/")[0] for one in _resources(node, "Provenance") for t in one["target"]
    }
    assert {f"Invoice/{own}" for own in invoices} <= signed, f"seed {SEED}"
    rows = node.fetch("select * from visit_account")
    closed = {row["invoice_id"]: row for row in rows if row["state"] == "closed"}
    issued = {own for own, one in invoices.items() if one["status"] == "issued"}
    assert issued == set(closed), f"seed {SEED}"
    assert len(invoices) == sum(row["version"] for row in closed.values()), f"seed {SEED}"
    booked = {
        row["encounter_id"] for row in node.fetch("select encounter_id from ledger_entry where kind = 'statement'")
    }
    assert booked == {row["encounter_id"] for row in closed.values()}, f"seed {SEED}"
    finished = {one["id"] for one in _resources(node, "Encounter") if one["status"] == "finished"}
    mine = {row["encounter_id"] for row in rows if row["state"] != "running"}
    assert mine == finished, f"seed {SEED}: an account without an end, or the reverse"
    for line in [one for one in journal if one["at"] == "whole"]:
        assert any(row["encounter_id"] == line["visit"] for row in closed.values()), f"seed {SEED}: {line}"


def test_each_version_of_a_claim_is_at_the_portal_as_it_is_stored_and_the_newest_came_last(
    node: Till, journal: list[dict[str, Any]]
) -> None:
    """Over all lives of the portal: only bytes that we keep, one transaction a version in a life, none left out."""
    versions = node.fetch("select v.*, c.ma_lk from claim_version v join claim c using (tenant, encounter_id)")
    assert versions and all(row["state"] != "queued" for row in versions), f"seed {SEED}"
    known = {(row["ma_lk"], hashlib.sha256(row["xml"]).hexdigest()): row for row in versions}
    portal = node.portals["insurance"]
    numbers: dict[tuple[str, str], set[str]] = {}
    for life in [*portal.held, portal.ask("/_state")]:
        for key, sendings in life["claims"].items():
            here = Counter(one["sha256"] for one in sendings)
            assert set(here.values()) == {1}, f"seed {SEED}: {key} came twice in one life"
            order = [known[key, one["sha256"]]["version"] for one in sendings]
            assert order == sorted(order), f"seed {SEED}: {key} came as {order}"
            for one in sendings:
                numbers.setdefault((key, one["sha256"]), set()).add(one["maGiaoDich"])
    assert set(numbers) == set(known), f"seed {SEED}: sent and stored differ"
    assert all(row["transaction_number"] in numbers[key] for key, row in known.items()), f"seed {SEED}"


def test_every_claim_that_may_go_went_and_says_what_its_statement_says(
    node: Till, journal: list[dict[str, Any]]
) -> None:
    rows = {row["encounter_id"]: row for row in node.fetch("select * from claim")}
    accounts = node.fetch("select * from visit_account where state = 'closed' and is_insured and not is_stale")
    given = {line["visit"] for line in journal if line["at"] == "given"}
    sure = [one for one in accounts if one["encounter_id"] in given]
    assert sure, f"seed {SEED}"
    for one in sure:
        claim = rows[one["encounter_id"]]
        found = [row["rule"] for row in node.fetch(
            f"select rule from claim_finding where encounter_id = '{one['encounter_id']}' and level = 'error'")]  # fmt: skip
        assert claim["state"] in ("sent", "accepted", "rejected"), f"seed {SEED}: {dict(claim)} {found}"
        assert claim["t_bhtt"] == one["t_bhtt"] and claim["sent_version"] == claim["version"], f"seed {SEED}: {claim}"
        newest = node.fetch(
            f"""select invoice_id from claim_version where encounter_id = '{one["encounter_id"]}'
                order by version desc limit 1"""
        )
        assert newest[0]["invoice_id"] == one["invoice_id"], f"seed {SEED}: {dict(one)}"


def test_an_acknowledged_answer_to_a_rejection_is_kept(node: Till, journal: list[dict[str, Any]]) -> None:
    kept = {row["rejection_id"]: row["reply"] for row in node.fetch("select rejection_id, reply from claim_rejection")}
    for line in _acked(journal, "answer"):
        assert kept.get(line["mark"]) == line["text"], f"seed {SEED}: {line}"


def test_each_invoice_is_at_its_provider_once_and_as_it_was_asked_for(
    node: Till, journal: list[dict[str, Any]]
) -> None:
    """Over all lives of the provider; a paid bill has one invoice, however often it was asked for and sent."""
    kept = {row["key"]: row for row in node.fetch("select * from einvoice")}
    bodies: dict[str, list[Any]] = {}
    portal = node.portals["einvoice"]
    for life in [*portal.held, portal.ask("/_state")]:
        numbers = [one["number"] for one in life["invoices"].values()]
        assert len(set(numbers)) == len(numbers), f"seed {SEED}"
        for key, one in life["invoices"].items():
            bodies.setdefault(key, []).append(one["body"])
    assert set(bodies) == set(kept), f"seed {SEED}"
    assert all(body == found[0] for found in bodies.values() for body in found), f"seed {SEED}"
    for line in _acked(journal, "invoice"):
        assert kept[line["found"]]["amount"] > 0, f"seed {SEED}: {line}"


def test_the_signatures_of_statements_verify(node: Till, journal: list[dict[str, Any]]) -> None:
    own = [one["id"] for one in _resources(node, "Invoice")]

    async def judge() -> None:
        pool = await db.connect_pool(node.url("app"), min=1, max=2)
        store = await app.open_store(replace(Settings(), home=node.home), pool)
        try:
            async with store.begin(Actor(1, "system", frozenset(["system"]), "TREAT")) as tx:
                for one in random.Random(SEED).sample(own, min(len(own), 20)):
                    assert [found.state for found in await signing.verify(tx, f"Invoice/{one}")] == ["ok"], (
                        f"seed {SEED}"
                    )
        finally:
            await store.close()
            await pool.close()

    asyncio.run(judge())


def test_the_chain_verifies(node: Till, journal: list[dict[str, Any]]) -> None:
    done = node.command("verify")
    assert done.returncode == 0, f"seed {SEED}: {done.stdout}{done.stderr}"
