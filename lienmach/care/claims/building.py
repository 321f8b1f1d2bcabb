"""The tables of a visit's claim, built from the record by pure functions (tables_*.py).

    tables = await building.tables_of(tx, encounter_id, statement)      # None: provisionally, as the visit stands

Which tables a visit has: notes of the tables in Decision 130/QĐ-BYT (2023-01-18) and two public checkers. XML0 is sent
alone (care/check_ins.py); XML7 and XML8 belong to inpatients, XML12 is never sent.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import resources, visit_facts
from lienmach.care.claims import facts, tables_lines, tables_papers, tables_results, tables_visit
from lienmach.care.claims.facts import Facts
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh.claim_xml import Tables


async def tables_of(
    tx: Transaction,
    encounter_id: str,
    statement: Any = None,
    *,
    settled_at: datetime | None = None,
    settle_on: date | None = None,
) -> Tables:
    """The tables of a visit. statement: its closed cost statement; None: as it stands, NGAY_RA now if it is open.

    settled_at: NGAY_TTOAN, None while unpaid. settle_on: a day of the month of settlement, None: of the end of the
    visit. Raises errors.NotFound, errors.Refused for who may not read the visit.
    """
    more: dict[str, Any] = {"settled_at": settled_at, "settle_on": settle_on}
    try:
        return build(await facts.gather(tx, encounter_id, statement, **more))
    except errors.Refused:
        # The desks see the claim, which quotes notes and papers that they may not open by themselves: the system puts
        # it together for whoever may read the visit and its patient.
        encounter = await resources.read(tx, "Encounter", encounter_id)
        await resources.read(tx, "Patient", visit_facts.patient_of(encounter))
    system = Actor(tx.tenant.number, "system", frozenset({"system"}), "HOPERAT", f"claim for {tx.actor.user}")
    async with tx.store.begin(system) as whole:
        return build(await facts.gather(whole, encounter_id, statement, **more))


def build(found: Facts) -> Tables:
    """The tables that apply, each with its rows."""
    tables: Tables = {
        "XML1": [tables_visit.build(found)],
        "XML2": tables_lines.drugs(found),
        "XML3": tables_lines.performed(found),
        "XML4": tables_results.results(found),
        "XML5": tables_results.course(found),
        "XML11": tables_papers.sick_leave(found),
        "XML13": tables_papers.referral(found),
        "XML14": tables_papers.appointment(found),
    }
    return {name: rows for name, rows in tables.items() if rows}
