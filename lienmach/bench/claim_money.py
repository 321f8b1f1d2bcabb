"""The money of visits as the tables hold it, set against their claim files: ledger, bill, receipts, numbers, claims.

    visits = await claim_money.gather(connection)           # the tenant is set on the connection
    assert claim_money.differences(visits, files) == []

Restated here from the chart of accounts, apart from the code that posts: 1312 is what the fund owes, 5111 and 5112 what
was earned, 7111 what rounding a bill once to whole đồng has left over.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import asyncpg

from lienmach.bench import claim_sums
from lienmach.bench.claim_sums import ClaimFile

_ZERO, _HALF_A_DONG = Decimal(0), Decimal("0.5")
_NO_ANSWER = "CRD-05"  # the portal did not answer about the card at any of the three moments
_NUMBER = re.compile(r"(BK|PT|TU|PC)([0-9]{2})-([0-9]{5})-([0-9]{6})")
_VISITS = """
    select a.encounter_id, a.ma_lk, a.is_insured, a.state, a.version, a.patient_total, a.t_bhtt, a.settled_at,
           a.is_stale, a.credit_reason, coalesce(c.state, '') as claim_state, coalesce(c.version, 0) as claim_version,
           (select count(*) from claim_version v where v.tenant = 1 and v.encounter_id = a.encounter_id) as versions
    from visit_account a left join claim c on c.tenant = 1 and c.encounter_id = a.encounter_id
    where a.tenant = 1 order by a.ma_lk"""
_POSTED = """
    select e.encounter_id, p.account, sum(p.amount) as amount
    from ledger_entry e join ledger_posting p on p.tenant = 1 and p.entry_id = e.entry_id
    where e.tenant = 1 group by 1, 2"""
_RECEIPTS = "select encounter_id, kind, method, amount, number from money_receipt where tenant = 1"
_BILLS = "select note from ledger_entry where tenant = 1 and kind = 'statement'"
_LAST = "select series, year, facility, last from money_number where tenant = 1"
_FINDINGS = """
    select c.ma_lk, f.rule, f.table_name, f.field, f.level from claim_finding f
    join claim c on c.tenant = 1 and c.encounter_id = f.encounter_id
    where f.tenant = 1 and f.level in ('error', 'warn') order by 1, 2"""


@dataclass
class VisitMoney:
    """A visit with an account. said: its row. posted: account -> sum of its entries. receipts: (kind, method, amount)."""

    said: Mapping[str, Any]
    posted: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    receipts: list[tuple[str, str, int]] = field(default_factory=list)

    def received(self, *, method: str = "") -> int:
        """Payments and deposits less refunds."""
        told = [one for one in self.receipts if method in ("", one[1])]
        return sum(-amount if kind == "refund" else amount for kind, _, amount in told)


@dataclass
class Money:
    """Everything of a tenant. visits: by MA_LK. numbers: given out; last: (series, year, facility) -> the last one.

    findings: (MA_LK, what the rules say) of errors and warnings.
    """

    visits: dict[str, VisitMoney]
    all_posted: Decimal
    numbers: list[str]
    last: dict[tuple[str, str, str], int]
    findings: list[tuple[str, str]]
    doubled: list[str]

    @property
    def unanswered(self) -> list[str]:
        """MA_LK of visits that are held back because the portal has said nothing about the card: no clean ones."""
        silent = {key for key, said in self.findings if said.startswith(_NO_ANSWER)}
        return sorted(key for key in silent if self.visits[key].said["claim_state"] == "findings")


async def gather(connection: asyncpg.Connection) -> Money:
    """Read tenant 1, which is set on the connection."""
    rows = await connection.fetch(_VISITS)
    of_visit = {row["encounter_id"]: VisitMoney(row) for row in rows}
    total = _ZERO
    for row in await connection.fetch(_POSTED):
        total += row["amount"]
        if row["encounter_id"] in of_visit:
            of_visit[row["encounter_id"]].posted[row["account"]] = row["amount"]
    receipts = await connection.fetch(_RECEIPTS)
    for row in receipts:
        of_visit[row["encounter_id"]].receipts.append((row["kind"], row["method"], row["amount"]))
    visits = {one.said["ma_lk"]: one for one in of_visit.values()}
    return Money(
        visits=visits,
        all_posted=total,
        numbers=[row["number"] for row in receipts] + [row["note"] for row in await connection.fetch(_BILLS)],
        last={
            (row["series"], f"{row['year'] % 100:02}", row["facility"]): row["last"]
            for row in await connection.fetch(_LAST)
        },
        findings=[
            (row["ma_lk"], f"{row['rule']} {row['table_name']}.{row['field']} ({row['level']})")
            for row in await connection.fetch(_FINDINGS)
        ],
        doubled=[] if len(visits) == len(rows) else ["two visits have one MA_LK"],
    )  # fmt: skip


def differences(money: Money, files: Sequence[ClaimFile]) -> list[str]:
    """What does not agree, as sentences; empty where all of it does. files: the newest claim file of each visit."""
    by_key = {one.key: one for one in files}
    silent = set(money.unanswered)
    found = [*money.doubled, *_number_gaps(money)]
    found += [f"{key}: {said}" for key, said in money.findings if key not in silent]
    if len(by_key) != len(files):
        found.append("two files have one MA_LK")
    if money.all_posted:
        found.append(f"the trial balance is {money.all_posted}")
    found += [f"{key}: a file of a visit that has no account" for key in by_key.keys() - money.visits.keys()]
    for key, visit in money.visits.items():
        found += [f"{key}: {one}" for one in _of_visit(visit, by_key.get(key), is_held=key in silent)]
    return found


def _of_visit(visit: VisitMoney, claim: ClaimFile | None, *, is_held: bool) -> Iterator[str]:
    said, posted = visit.said, visit.posted
    if said["state"] != "closed" or said["is_stale"]:
        yield f"the statement is {said['state']}{', stale' if said['is_stale'] else ''}"
    if said["is_insured"] != (claim is not None) and not is_held:
        yield "insured without a claim" if said["is_insured"] else "the patient's own, but claimed"
    if not said["is_insured"] and said["versions"]:
        yield f"{said['versions']} claims of a visit that the patient pays alone"
    if said["is_insured"] and not is_held and (said["versions"] != said["claim_version"] or not said["versions"]):
        yield f"{said['versions']} versions are stored, the newest is {said['claim_version']}"
    if sum(posted.values(), _ZERO):
        yield f"its entries come to {sum(posted.values(), _ZERO)}"
    if abs(posted["7111"]) > _HALF_A_DONG:
        yield f"rounded by {posted['7111']}"
    if posted["1312"] != said["t_bhtt"]:
        yield f"the fund owes {posted['1312']}, the statement says {said['t_bhtt']}"
    if posted["1111"] + posted["1112"] + posted["1121"] != visit.received():
        yield f"receipts come to {visit.received()}, the drawer and the bank to {posted['1111'] + posted['1121']}"
    if visit.received() != said["patient_total"] - posted["1311"] - posted["3387"]:
        yield f"a bill of {said['patient_total']}, {visit.received()} received, {posted['1311']} due"
    if (said["settled_at"] is not None) != (posted["1311"] <= 0 or visit.received() >= said["patient_total"]):
        yield f"settled at {said['settled_at']} with {posted['1311']} due"
    if posted["1311"] > 0 and not said["credit_reason"]:
        yield f"{posted['1311']} due and nobody gave credit"
    if claim is not None:
        yield from _against_file(visit, claim)


def _against_file(visit: VisitMoney, claim: ClaimFile) -> Iterator[str]:
    posted, (paid, rounding) = visit.posted, claim_sums.bill(claim)
    wanted = {
        "1312": claim.total("T_BHTT"),
        "1313": claim.total("T_NGUONKHAC"),
        "5111": claim.total("T_THUOC") - claim.total("T_TONGCHI_BV"),
        "5112": -claim.total("T_THUOC"),
        "7111": -rounding,
    }
    for account, amount in wanted.items():
        if posted[account] != amount:
            yield f"{account} holds {posted[account]}, the claim says {amount}"
    if visit.said["patient_total"] != paid:
        yield f"the bill is {visit.said['patient_total']}, the claim comes to {paid}"
    if bool(claim.visit["NGAY_TTOAN"]) != (visit.said["settled_at"] is not None):
        yield f"NGAY_TTOAN is {claim.visit['NGAY_TTOAN'] or 'empty'}, settled at {visit.said['settled_at']}"


def _number_gaps(money: Money) -> Iterator[str]:
    """Numbers run from 1 without gaps by series, year and facility, up to the last one that was given out."""
    given: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for text in money.numbers:
        told = _NUMBER.fullmatch(text)
        if told is None:
            yield f"{text} is no number of a receipt or bill"
            continue
        series, year, facility, number = told.groups()
        given[series, year, facility].append(int(number))
    for key in given.keys() | money.last.keys():
        if sorted(given[key]) != list(range(1, money.last.get(key, 0) + 1)):
            yield f"numbers of {'-'.join(key)} have gaps or doubles: {len(given[key])} of {money.last.get(key, 0)}"
