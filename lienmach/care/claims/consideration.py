"""The job `claims.consider`: looks at statement and claim of a visit and sends what is ready.

Run after every event that may matter: the end of the visit, a charge, a statement, a payment, a late result, a paper.
It waits for the cost statement, for drugs that the dispensary still holds, and for errors to be mended; then it builds
the XML from the record and the statement's snapshot, signs it and stores and queues the next version in one commit.

Safe to run twice because a version is built only where its content differs from the newest one, and the commit looks
again: of two workers one finds that the version is there. What changes meanwhile has queued a job of its own.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.base.jobs import Job, Taken
from lienmach.care import charges, facility, papers_data, resources, signing, visit_premises
from lienmach.care.claims import (
    building,
    claims,
    deadlines,
    differences,
    looks,
    money_lines,
    recalling,
    rejections,
    storing,
    surroundings,
)
from lienmach.care.claims.claims import Claim, Version
from lienmach.care.money import accounts, statements
from lienmach.care.money.accounts import Account
from lienmach.care.money.statements import Draft, Statement
from lienmach.care.resources import Resource
from lienmach.record.transaction import Store, Transaction
from lienmach.standards.bhxh import claim_xml
from lienmach.standards.bhxh.claim_xml import Tables
from lienmach.standards.bhxh.rules import check
from lienmach.standards.bhxh.rules import findings as rules
from lienmach.standards.bhxh.rules.findings import Finding

PLACE = claim_xml.PLACE


@dataclass(frozen=True)
class Ready:
    """A version that may go. facility: MA_CSKCB; who: Reference to the facility, which signs.

    recall_reason: why the request is taken back, "" if it is not.
    """

    claim: Claim
    tables: Tables
    reason: str
    invoice_id: str
    settled_at: datetime | None
    settle_on: date | None
    facility: str
    who: dict[str, str]
    made_on: date
    recall_reason: str = ""


async def consider(store: Store, job: Taken) -> None:
    """Look at one visit; see the module for why it may run twice."""
    await consider_visit(store, job.tenant, str(job.payload["encounter"]))


async def consider_visit(store: Store, tenant: int, encounter_id: str) -> None:
    """The same for whoever has no job: look, and send what is ready."""
    actor = system(tenant)
    async with store.begin(actor) as tx:
        await looks.begin(tx, encounter_id)
    ready = await store.run(actor, functools.partial(_look, encounter_id))
    if ready is None:
        return
    signed = await sign(store, tenant, ready)
    await store.run(actor, functools.partial(_keep, ready, signed))
    store.poke()


async def sign(store: Store, tenant: int, ready: Ready) -> bytes:
    """The signed file of a version.

    Signed with the facility's key (NĐ 188/2025 art. 69(9)). Nobody sits at the desk when the job runs: whoever closed
    and signed the cost statement, whose snapshot it says, answers for it.
    """
    data = claim_xml.build(ready.tables, facility=ready.facility, made_on=ready.made_on)
    signer = await signing.facility_signer(store, tenant, ready.who)
    return await signing.sign_xml(signer, data, place=PLACE)


JOBS = (Job(claims.CONSIDER, consider),)


def system(tenant: int) -> Actor:
    """Who builds and sends claims."""
    return Actor(tenant, "system", frozenset({"system"}), "HOPERAT", claims.CONSIDER)


async def ready_of(tx: Transaction, encounter_id: str) -> tuple[Ready | None, str]:
    """(what would be sent now, "") or (None, why not): for the export of a visit that has no version yet."""
    claim, account = await claims.of_visit(tx, encounter_id), await accounts.of_visit(tx, encounter_id)
    if claim is None or account is None:
        return None, "the visit has no claim"
    statement, why = await _statement(tx, account, await _draft_of(tx, account))
    if statement is None:
        return None, why
    tables = await building.tables_of(
        tx, encounter_id, statement, settled_at=account.settled_at, settle_on=claim.settle_on
    )
    found = await _check(tx, encounter_id, tables, statement)
    worst = [one for one in found if one.level == rules.ERROR]
    if worst:
        return None, "findings: " + ", ".join(sorted({one.rule for one in worst}))
    return await _ready(tx, claim, account, statement, tables, ""), ""


async def _look(encounter_id: str, tx: Transaction) -> Ready | None:
    """Where the claim stands now, stored when tx commits; what is to be signed and sent, or None."""
    account = await accounts.of_visit(tx, encounter_id)
    if account is None or account.state == "running":
        return None
    await _hold(tx, encounter_id)
    claim = await claims.of_visit(tx, encounter_id)
    newest = await claims.newest(tx, encounter_id)
    draft = await _draft_of(tx, account)
    if draft is not None and draft.is_changed != account.is_stale:
        accounts.set_stale(tx, encounter_id, draft.is_changed)
    if account.state == "finished":
        await _expect(tx, account)
    encounter = await resources.read(tx, "Encounter", encounter_id)
    if claim is None:
        claims.open_visit(tx, encounter)  # of a visit that ended before there were claims, or became insured later
        return None
    storing.set_due(tx, claim, await papers_data.holidays(tx))
    is_insured = accounts.is_insured(encounter)
    if claim.state == "paid" and not claim.asked_reason and newest is not None:
        is_other = not is_insured or await _is_other(tx, account, newest, draft, claim)
        storing.mark_changed(tx, claim, is_other)
    if claim.state in ("recalled", "paid") and not claim.asked_reason:
        return None
    if claim.recall_reason or (newest is not None and not is_insured):
        return await _recall(tx, claim, account, newest, encounter)
    if not is_insured:
        storing.move(tx, claim, "none")
        return None
    statement, why = await _statement(tx, account, draft)
    if statement is None:
        storing.move(tx, claim, "waiting", why)
        storing.keep_findings(
            tx, encounter_id, await _check(tx, encounter_id, await building.tables_of(tx, encounter_id))
        )
        return None
    return await _with_statement(tx, claim, account, statement, newest)


async def _is_other(tx: Transaction, account: Account, newest: Version, draft: Draft | None, claim: Claim) -> bool:
    """Whether the costs are others than those of the newest version: a statement that is stale, open or says otherwise."""
    if draft is None or draft.is_changed:
        return True
    if account.invoice_id == newest.invoice_id:
        return False
    statement = await statements.current(tx, account.encounter_id)
    tables = await building.tables_of(
        tx, account.encounter_id, statement, settled_at=account.settled_at, settle_on=claim.settle_on
    )
    return bool(differences.changed(claim_xml.read(newest.xml).tables, tables) - {differences.SETTLED})


async def _hold(tx: Transaction, encounter_id: str) -> None:
    """Statement and claim of a visit stand at the commit as tx sees them: a slow look overwrites no later one."""
    seen = await _standing(tx, encounter_id)

    async def is_same(unit: Transaction) -> bool:
        return await _standing(unit, encounter_id) == seen

    visit_premises.hold_that(tx, is_same)


async def _standing(tx: Transaction, encounter_id: str) -> list[tuple[Any, ...]]:
    rows = await tx.fetch(
        """select a.state, a.invoice_id, a.settled_at, a.is_stale, c.state, c.why, c.version, c.asked_reason,
                  c.recall_reason
           from visit_account a left join claim c using (tenant, encounter_id)
           where a.tenant = $1 and a.encounter_id = $2""",
        tx.tenant.number, encounter_id,
    )  # fmt: skip
    return [tuple(row) for row in rows]


async def _with_statement(
    tx: Transaction, claim: Claim, account: Account, statement: Statement, newest: Version | None
) -> Ready | None:
    own = claim.encounter_id
    tables = await building.tables_of(tx, own, statement, settled_at=account.settled_at, settle_on=claim.settle_on)
    reason = _reason(claim, tables, newest, statement)
    found = await _check(tx, own, tables, statement)
    storing.keep_findings(tx, own, found)
    if newest is not None and not reason:
        storing.move(tx, claim, storing.state_of(newest))
        return None
    if any(one.level == rules.ERROR for one in found):
        storing.move(tx, claim, "findings")
        return None
    return await _ready(tx, claim, account, statement, tables, reason)


def _reason(claim: Claim, tables: Tables, newest: Version | None, statement: Statement) -> str:
    """Why the next version is built, "" for the first and where nothing differs and nobody asked."""
    if newest is None:
        return ""
    if claim.asked_reason:
        return claim.asked_reason
    if claim_xml.content_digest(tables) == newest.digest:
        return ""
    return differences.reason(
        claim_xml.read(newest.xml).tables,
        tables,
        is_other_statement=statement.invoice_id != newest.invoice_id,
        statement_reason=statement.reason,
    )


async def _expect(tx: Transaction, account: Account) -> None:
    """Keep what the statement would say, so that the list of what waits need not compute every visit again."""
    try:
        amounts = (await statements.draft(tx, account.encounter_id)).amounts
    except errors.Unprocessable:
        return  # a cost without a price: the list says so when it computes it
    accounts.set_expected(tx, account, amounts.T_TONGCHI_BV, amounts.T_BHTT, amounts.patient_total)


async def _draft_of(tx: Transaction, account: Account) -> Draft | None:
    """What the statement would say now, None before it was closed."""
    return await statements.draft(tx, account.encounter_id) if account.state == "closed" else None


async def _statement(tx: Transaction, account: Account, draft: Draft | None) -> tuple[Statement | None, str]:
    """(the statement in force, "") or (None, why the claim waits)."""
    if draft is None:
        return None, claims.WAITS_STATEMENT
    if draft.is_changed:
        return None, claims.STALE
    waiting = await charges.items_of_visit(tx, account.encounter_id, statuses=("planned",))
    if any(money_lines.cause_of(one).startswith("MedicationRequest/") for one in waiting):
        return None, claims.WAITS_DRUGS
    return await statements.current(tx, account.encounter_id), ""


async def _check(
    tx: Transaction, encounter_id: str, tables: Tables, statement: Statement | None = None
) -> list[Finding]:
    around = await surroundings.gather(tx, encounter_id, tables, statement=statement)
    return check.check(tables, around)


async def _ready(
    tx: Transaction, claim: Claim, account: Account, statement: Statement, tables: Tables, reason: str
) -> Ready:
    today = tx.now.astimezone(tx.tenant.time_zone).date()
    settle_on = claim.settle_on
    if settle_on is None:
        ended_on = (claim.ended_at or tx.now).astimezone(tx.tenant.time_zone).date()
        settle_on = deadlines.settlement_on(ended_on, today, await papers_data.holidays(tx))
        first = tables["XML1"][0]
        tables = {**tables, "XML1": [{**first, "NAM_QT": f"{settle_on:%Y}", "THANG_QT": f"{settle_on:%m}"}]}
    home = await facility.facility(tx, claim.organization_id)
    who = {"reference": f"Organization/{home.organization_id}", "display": home.name}
    return Ready(claim, tables, reason, statement.invoice_id, account.settled_at, settle_on, home.code, who, today)


async def _recall(
    tx: Transaction, claim: Claim, account: Account, newest: Version | None, encounter: Resource
) -> Ready | None:
    if newest is None:
        storing.move(tx, claim, "recalled")
        return None
    tables = recalling.tables(claim_xml.read(newest.xml).tables)
    if claim_xml.content_digest(tables) == newest.digest and not claim.asked_reason:
        # Taken back is what the portal has taken: a recall that waits or was rejected has recalled nothing.
        is_taken = newest.state in ("sent", "accepted")
        storing.move(tx, claim, "recalled" if is_taken else storing.state_of(newest))
        return None
    home = await facility.facility(tx, claim.organization_id)
    who = {"reference": f"Organization/{home.organization_id}", "display": home.name}
    recall_reason = claim.recall_reason or recalling.SELF_PAY
    reason = claim.asked_reason or recall_reason
    today = tx.now.astimezone(tx.tenant.time_zone).date()
    return Ready(
        claim, tables, reason, newest.invoice_id, account.settled_at, claim.settle_on, home.code, who, today,
        recall_reason=recall_reason,
    )  # fmt: skip


async def _keep(ready: Ready, signed: bytes, tx: Transaction) -> None:
    """Store and queue the version, unless its ground has changed: then the change has queued a job of its own."""
    account = await accounts.of_visit(tx, ready.claim.encounter_id)
    claim = await claims.of_visit(tx, ready.claim.encounter_id)
    if claim is None or account is None or claim.version != ready.claim.version:
        return
    if not ready.recall_reason and (account.invoice_id, account.settled_at) != (ready.invoice_id, ready.settled_at):
        return
    first = ready.tables["XML1"][0]
    new = storing.NewVersion(
        claim=ready.claim,  # what was asked for since stays asked
        number=claim.version + 1,
        reason=ready.reason,
        invoice_id=ready.invoice_id,
        xml=signed,
        digest=claim_xml.content_digest(ready.tables),
        t_bhtt=Decimal(first["T_BHTT"]),
        settle_on=ready.settle_on,
        mended=await rejections.mended_by(tx, claim.encounter_id, ready.tables),
        recall_reason=ready.recall_reason,
    )
    storing.keep_version(tx, new)
