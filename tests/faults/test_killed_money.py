"""A visit's money while processes die: web worker, database, bank, insurer, e-invoices. Nothing is paid or sent twice.

The node and the rounds are those of money_rounds.py. LM_TEST_SEED=… repeats a run, LM_TEST_ROUNDS=… makes it longer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections import Counter
from dataclasses import replace
from typing import Any

from lienmach import app
from lienmach.base import db
from lienmach.base.actor import Actor
from lienmach.base.settings import Settings
from lienmach.care import signing
from lienmach.standards.bhxh import claim_xml
from tests.faults import money_rounds
from tests.faults.money_rounds import SEED, Till

node, journal = money_rounds.node, money_rounds.journal  # the fixtures
STEPS = ("arrival", "signature", "statement", "payment", "transfer", "dispense", "answer", "resend")


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


def test_no_rejection_is_lost(node: Till, journal: list[dict[str, Any]]) -> None:
    """Each fault that the portal has told stands once; what it tells of newest versions now was asked for."""
    rows = node.fetch("select * from claim_rejection")
    kept = Counter(
        (row["encounter_id"], row["version"], row["code"], row["table_name"], row["field"], row["row"]) for row in rows
    )
    told = {
        (row["encounter_id"], row["version"], one["maLoi"], one["bang"], one["truong"], one["stt"])
        for row in node.fetch("select encounter_id, version, body from claim_answer")
        for one in json.loads(row["body"]).get("dsLoi", ())
    }
    assert told and kept == Counter(told), f"seed {SEED}"
    assert not money_rounds.unread(node), f"seed {SEED}"


def test_an_answered_rejection_stays_answered(node: Till, journal: list[dict[str, Any]]) -> None:
    kept = {row["rejection_id"]: row for row in node.fetch("select rejection_id, reply, state from claim_rejection")}
    for line in _acked(journal, "answer"):
        found = kept[line["mark"]]
        assert found["reply"] == line["text"] and found["state"] != "open", f"seed {SEED}: {line} {dict(found)}"


def test_each_answer_went_to_the_portal_and_once(node: Till, journal: list[dict[str, Any]]) -> None:
    portal, told = node.portals["insurance"], set[str]()
    for life in [*portal.held, portal.ask("/_state")]:
        here = Counter((one["maGiaoDich"], one["noiDung"]) for one in life["replies"])
        assert set(here.values()) <= {1}, f"seed {SEED}: {here}"
        told |= {text for _, text in here}
    received = {row["reply"] for row in node.fetch("select reply from claim_rejection where received_at is not null")}
    assert (
        received <= told <= {line["text"] for line in journal if line["kind"] == "answer" and line["at"] == "sent"}
    ), f"seed {SEED}"


def test_what_was_mended_and_sent_again_is_in_a_later_version(node: Till, journal: list[dict[str, Any]]) -> None:
    """With a reason, and the rejection stands open no more; the insurer has no fault to find in what is mended."""
    kept = {row["rejection_id"]: row for row in node.fetch("select rejection_id, version, state from claim_rejection")}
    for line in _acked(journal, "resend"):
        was = kept[line["mark"]]
        later = node.fetch(
            f"""select xml, reason from claim_version
                where encounter_id = '{line["visit"]}' and version > {was["version"]}"""
        )
        said = {claim_xml.read(bytes(row["xml"])).tables["XML1"][0]["DIEN_THOAI"] for row in later}
        assert line["phone"] in said and all(row["reason"] for row in later), f"seed {SEED}: {line} {said}"
        assert was["state"] in ("mended", "closed"), f"seed {SEED}: {line} {dict(was)}"


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
