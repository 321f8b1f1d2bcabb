"""Cost statements (01/KBCB): what would be closed now, closing it signed, and the versions that a visit has had.

A visit has one statement in force. Closing writes its Invoice with the snapshot inside, the signature over it and the
ledger's entries in one commit. A cost that changes afterwards makes the statement stale; it is then closed again with
a reason as the next version, the one before is cancelled and stays readable.

    signer = await signing.signer_for(store, actor, session_key=cookie, pin=pin)
    statement = await store.run(actor, lambda tx: statements.close(tx, encounter_id, signer))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.care import catalogues, charges, resources, signing, systems, visit_cards, visit_facts, visit_premises
from lienmach.care.charges import VisitAmounts
from lienmach.care.money import accounts, numbers, statement_entries, statement_header, statement_lines
from lienmach.care.money import statement as values
from lienmach.care.money.statement import Statement as Statement
from lienmach.care.money.statement import StatementLine as StatementLine
from lienmach.care.money.statement import of as of
from lienmach.care.resources import Resource
from lienmach.care.signing_port import Signer
from lienmach.record import search
from lienmach.record.transaction import Transaction

ACTIVITY = "close-statement"
CATEGORY_REASON = systems.EXTENSION + "visit-category-reason"  # valueString: why it was changed after the end
_REASON_CHARACTERS_MAX = 500


@dataclass(frozen=True)
class Draft:
    """What would be closed now. excluded: (name, why) of what does not count. is_changed: against the statement in
    force, False before the first one. refusal: why it cannot be closed as it is, "" if it can. cards, category, kind,
    digest: as in Statement."""

    lines: tuple[StatementLine, ...]
    amounts: VisitAmounts
    totals: dict[str, Any]
    excluded: tuple[tuple[str, str], ...]
    is_changed: bool
    remarks: tuple[str, ...]
    cards: tuple[dict[str, str], ...]
    category: str
    kind: str
    digest: str
    version: int
    refusal: str = ""


async def draft(tx: Transaction, encounter_id: str) -> Draft:
    """What the statement of a visit would say now. Raises errors.NotFound, Refused, Unprocessable."""
    encounter = await resources.read(tx, "Encounter", encounter_id)
    return await _draft(tx, encounter, await current(tx, encounter_id))


async def close(
    tx: Transaction, encounter_id: str, signer: Signer, *, reason: str = "", despite: str = ""
) -> Statement:
    """Close the statement of a finished visit, or close it again with a reason after something changed.

    despite: why it is closed although findings hold its claim back; it stands among the remarks, signed with them.
    Two at once: one closes, the other reads why not. Raises errors.Conflict (not finished, nothing changed, the card
    is locked), errors.Unprocessable without a reason from version 2 on.
    """
    encounter = await resources.read(tx, "Encounter", encounter_id)
    if encounter.get("status") != "finished":
        raise errors.Conflict("Lượt khám chưa kết thúc: bác sĩ cần ký trước khi chốt bảng kê.")
    older = await current(tx, encounter_id)
    found = await _draft(tx, encounter, older)
    said, why = (" ".join(one.split())[:_REASON_CHARACTERS_MAX] for one in (reason, despite))
    if older is not None and not found.is_changed:
        raise errors.Conflict("Bảng kê đã chốt và không có gì thay đổi; không cần chốt lại.", code="unchanged")
    if older is not None and len(said) < 3:
        raise errors.Unprocessable("Bảng kê đã chốt một lần: hãy ghi lý do chốt lại.")
    if found.refusal:
        raise errors.Conflict(found.refusal, code="card")
    home = await statement_header.facility_of(tx, encounter)
    statement = Statement(
        invoice_id=values.invoice_id(encounter_id, found.version),
        number=await numbers.plan(tx, home.code, "BK"),
        version=found.version,
        encounter_id=encounter_id,
        patient_id=visit_facts.patient_of(encounter),
        ma_lk=resources.identifier_of(encounter, systems.VISIT),
        is_current=True,
        closed_at=tx.now.astimezone(tx.tenant.time_zone),
        closed_by=tx.actor.display or tx.actor.user,
        reason=said if older is not None else "",
        lines=found.lines,
        totals=found.totals,
        patient_total=found.amounts.patient_total,
        rounding=found.amounts.rounding,
        muc_huong=found.amounts.muc_huong,
        percent=found.amounts.percent,
        rate=found.amounts.rate,
        category=found.category,
        kind=found.kind,
        cards=found.cards,
        header=await statement_header.read(tx, encounter, found.cards, home),
        remarks=(*found.remarks, f"Chốt khi hồ sơ BHYT còn lỗi; lý do: {why}") if why else found.remarks,
        excluded=found.excluded,
        digest=found.digest,
        exempt_from=found.amounts.exempt_from,
    )
    await _store(tx, encounter, statement, older, signer)
    return statement


async def current(tx: Transaction, encounter_id: str) -> Statement | None:
    """The statement in force, None before the first."""
    account = await accounts.of_visit(tx, encounter_id)
    if account is None or not account.version:
        return None
    return await read(tx, values.invoice_id(encounter_id, account.version))


async def read(tx: Transaction, invoice_id: str) -> Statement:
    """One version by the id of its Invoice. Raises errors.NotFound, Refused."""
    return of(await resources.read(tx, "Invoice", invoice_id))


async def versions(tx: Transaction, encounter_id: str) -> list[Statement]:
    """Every version that a visit has had, oldest first."""
    account = await accounts.of_visit(tx, encounter_id)
    count = account.version if account is not None else 0
    return [await read(tx, values.invoice_id(encounter_id, number)) for number in range(1, count + 1)]


async def make_self_pay(tx: Transaction, encounter_id: str, reason: str) -> None:
    """Make a finished visit the patient's own (category 9), because its card turned out to be locked or withdrawn.

    The statement that is in force becomes stale. Raises errors.Conflict for a visit that is not finished or is the
    patient's own already, errors.Unprocessable without a reason.
    """
    said = " ".join(reason.split())[:_REASON_CHARACTERS_MAX]
    encounter = await resources.read(tx, "Encounter", encounter_id)
    if encounter.get("status") != "finished":
        raise errors.Conflict("Lượt khám chưa kết thúc: bác sĩ hoặc quầy tiếp đón đổi đối tượng được.")
    if not accounts.is_insured(encounter):
        raise errors.Conflict("Lượt khám này đã là tự trả; không có gì để đổi.")
    if len(said) < 3:
        raise errors.Unprocessable("Hãy ghi lý do chuyển sang tự trả.")
    day = visit_facts.day_of(encounter, tx.tenant.time_zone, tx.now)
    row = await catalogues.get(tx, "ma-doituong-kcb", visit_cards.SELF_PAY, on=day)
    concept = resources.concept(systems.DOITUONG_KCB, visit_cards.SELF_PAY, row.name if row is not None else "")
    encounter = visit_facts.with_extension(encounter, visit_facts.CATEGORY, "valueCodeableConcept", concept)
    encounter = visit_facts.with_extension(encounter, visit_facts.CATEGORY_PROVISIONAL, "valueBoolean", None)
    encounter = visit_facts.with_extension(encounter, CATEGORY_REASON, "valueString", said)
    await resources.update(tx, encounter)
    accounts.mark_self_pay(tx, encounter_id)
    charges.consider_claim(tx, encounter_id)


async def _draft(tx: Transaction, encounter: Resource, older: Statement | None) -> Draft:
    costs = await statement_lines.read(tx, encounter)
    category, kind = visit_facts.category_of(encounter), visit_facts.kind_of(encounter) or "01"
    used = await visit_cards.of_visit(tx, encounter) if accounts.is_insured(encounter) else []
    cards = tuple(statement_header.card_of(one) for one in used)
    totals = statement_lines.totals_of(costs.lines, costs.amounts)
    basis = [category, kind, *(one["number"] for one in cards)]
    digest = values.digest_of(costs.lines, totals, costs.amounts.patient_total, basis)
    refusal, remarks = "", list(costs.amounts.remarks)
    if accounts.is_insured(encounter) and not used:
        locked = await statement_header.locked_card(tx, encounter)
        if locked is not None:
            refusal = (
                "Thẻ BHYT của lượt khám đã bị khóa, thu hồi hoặc không có trong dữ liệu của cơ quan bảo hiểm. "
                "Hãy chuyển đối tượng sang 9 (tự trả) với lý do, hoặc tra cứu lại thẻ, rồi chốt."
            )
    return Draft(
        lines=costs.lines,
        amounts=costs.amounts,
        totals=totals,
        excluded=costs.excluded,
        is_changed=older is not None and older.digest != digest,
        remarks=tuple(remarks),
        cards=cards,
        category=category,
        kind=kind,
        digest=digest,
        version=older.version + 1 if older is not None else 1,
        refusal=refusal,
    )


async def _store(
    tx: Transaction, encounter: Resource, statement: Statement, older: Statement | None, signer: Signer
) -> None:
    """Write the Invoice with its signature, cancel the one before, and collect the ledger's part."""
    await visit_premises.hold(tx, encounter)
    await _hold_costs(tx, encounter)
    if await accounts.of_visit(tx, statement.encounter_id) is None:
        accounts.open_finished(tx, encounter)  # it was finished before this node kept accounts
    statement_entries.of(statement)  # raises now what must not be signed
    invoice = values.build(statement, organization=encounter.get("serviceProvider"))
    if encounter.get("meta", {}).get("security"):
        invoice["meta"] = {"security": encounter["meta"]["security"]}
    stored = await resources.create(tx, invoice, resource_id=statement.invoice_id)
    if older is not None:
        before = await resources.read(tx, "Invoice", older.invoice_id)
        await resources.update(tx, {**before, "status": "cancelled", "cancelledReason": statement.reason})
    await signing.attach(tx, signer, [stored], activity=ACTIVITY)

    async def effect(connection: asyncpg.Connection) -> None:
        await statement_entries.write(connection, tx, statement, older)

    tx.also(effect)
    charges.consider_claim(tx, statement.encounter_id)


async def _hold_costs(tx: Transaction, encounter: Resource) -> None:
    """The costs of the visit and the cards of the person are those that tx sees when it commits."""
    wanted = (
        ("ChargeItem", "context", f"Encounter/{encounter['id']}"),
        ("Coverage", "beneficiary", f"Patient/{visit_facts.patient_of(encounter)}"),
    )

    async def seen(unit: Transaction) -> list[set[tuple[str, int]]]:
        return [await _versions(unit, *one) for one in wanted]

    before = await seen(tx)

    async def are_same(unit: Transaction) -> bool:
        return await seen(unit) == before

    visit_premises.hold_that(tx, are_same)


async def _versions(tx: Transaction, kind: str, name: str, value: str) -> set[tuple[str, int]]:
    page = await search.search(tx, kind, [(name, value), ("_count", "1000"), ("_total", "none")])
    return {(one.id, one.version_id) for one in page.matches}
