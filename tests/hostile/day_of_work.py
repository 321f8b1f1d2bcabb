"""A clinic in the middle of its day, for hostile requests: visits in every state, papers, tubes, stock, tickets, messages.

`ids` are harvested from the record, so that a request can carry an id that is right, of another visit, of another type
or of another tenant.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import money_day

from lienmach import departments
from lienmach.base.actor import Actor
from lienmach.care import orders, prescriptions, queue, resources, signing, stock, visits
from lienmach.care.prescriptions import RxLine
from lienmach.care.visit_end import Ending
from lienmach.departments.laboratory import machines, tubes
from lienmach.departments.pharmacy import dispensing
from lienmach.standards.fhir import type_numbers
from tests.clinic import Clinic

PIN = "583914"
PLACE = "p-ct1"
NAME = "Trịnh Thị Khổng Tước"
CARD = "DN4860012345671"
#: Own tables that only a request that was carried out may change. Drafts and counted wrong PINs are kept on purpose.
KEPT = (
    "administration_upload", "bank_line_unread", "bank_transfer", "cash_shift", "catalogue", "claim", "claim_answer", "claim_payment",
    "claim_rejection", "claim_version", "einvoice", "einvoice_part", "leaders_case", "leaders_case_step",
    "leaders_threshold", "ledger_entry", "ledger_posting", "money_number", "money_receipt", "payment_request",
    "visit_account", "laboratory_alert", "laboratory_analyser", "laboratory_code", "laboratory_lot",
    "laboratory_message", "laboratory_run", "laboratory_tray", "laboratory_tube", "outbox_answer", "outbox_message",
    "paper_template", "prescription", "slip_use", "stock_lot", "stock_move", "stock_reservation", "ticket",
    "ticket_counter", "workplace",
)  # fmt: skip
OWN_IDS = {
    "ticket": "select ticket_id, secret from ticket",
    "message": "select message_id from outbox_message",
    "analyser": "select analyser_id from laboratory_analyser",
    "prescription": "select code from prescription",
    "receipt": "select number from money_receipt",
    "shift": "select shift_id from cash_shift",
    "transfer": "select transfer_id from bank_transfer",
    "einvoice": "select key from einvoice",
    "rejection": "select rejection_id from claim_rejection",
    "ma_lk": "select ma_lk from visit_account",
    "case": "select case_id from leaders_case",
}


@dataclass
class Day:
    """The clinic, and ids by type name or own table."""

    clinic: Clinic
    ids: dict[str, list[str]] = field(default_factory=dict)

    async def run(self, role: str, work: Any) -> Any:
        return await self.clinic.store.run(self.clinic.actor(role), work)

    async def harvest(self) -> None:
        """Read the ids that there are now."""
        async with self.clinic.pool.acquire() as connection, connection.transaction():
            await connection.execute("set local lienmach.tenant = '1'")
            for row in await connection.fetch("select type, id from resource where not deleted"):
                self.ids.setdefault(type_numbers.NAMES[row["type"]], []).append(row["id"])
            for name, sql in OWN_IDS.items():
                self.ids[name] = [value for row in await connection.fetch(sql) for value in row if value]

    async def state(self) -> tuple[Any, ...]:
        """What a refused request must not change: the record without its audit, and every own table."""
        async with self.clinic.pool.acquire() as connection, connection.transaction():
            await connection.execute("set local lienmach.tenant = '1'")
            audit = type_numbers.NUMBERS["AuditEvent"]
            versions = await connection.fetchval("select count(*) from version where type <> $1", audit)
            sums = [
                await connection.fetchval(f"select md5(string_agg(t::text, '|' order by t::text)) from {table} t")
                for table in KEPT
            ]
        return versions, tuple(sums)


async def begin(clinic: Clinic) -> Day:
    """Half a day of work: a visit waits, one runs with orders and medicine, one is signed and paid, one owes money."""
    day = Day(clinic)
    await signing.ensure(clinic.store, clinic.actor("doctor"), PIN)
    today = date.today()

    async def stock_up(tx: Any) -> None:
        stock.receive(tx, [stock.Lot(PLACE, "PARA500", "L1", today + timedelta(days=300), Decimal(1000))])

    await day.run("pharmacist", stock_up)
    waiting = await clinic.patient(name=[{"text": NAME}])
    room = await clinic.room("exam")

    async def queue_up(tx: Any) -> Any:
        return await queue.join(tx, room.id, kind="exam", patient_id=waiting, encounter_id=first, name=NAME)

    first = await clinic.visit(waiting, started=False)
    await day.run("reception", queue_up)
    running, signed = await clinic.visit(await clinic.patient()), await clinic.visit(await clinic.patient())
    order_ids = await day.run("doctor", lambda tx: _order(tx, running))
    await day.run("nurse", lambda tx: tubes.collect(tx, order_ids[:1]))
    lines = [RxLine("PARA500", Decimal(1), 2, 3, payer=payer) for payer in ("bhyt",)]
    written = await day.run("doctor", lambda tx: prescriptions.write(tx, signed, lines, reasons={}))
    key = await signing.signer_for(clinic.store, clinic.actor("doctor"), session_key=b"", pin=PIN)
    ending = Ending({"reason": "Ho", "history": "Ho ba ngày", "examination": "Họng đỏ", "advice": "Nghỉ"}, "J00")
    await day.run("doctor", lambda tx: visits.finish(tx, signed, key, result="2", outcome="1", ending=ending))
    await clinic.settle(signed)
    await day.run("pharmacist", lambda tx: dispensing.give(tx, written[0].id, Decimal(2), place_id=PLACE))

    await money_day.add(clinic)

    async def add(tx: Any) -> str:
        return await machines.add(tx, code="SIM-1", name="Máy (mẫu)", dialect="hl7")

    await day.run("lab", add)
    stranger = Actor(2, "system", frozenset(["system"]), "TREAT")

    async def elsewhere(tx: Any) -> str:
        return (await resources.create(tx, {"resourceType": "Patient", "name": [{"text": "Người Tenant Hai"}]})).id

    day.ids["elsewhere"] = [await clinic.store.run(stranger, elsewhere)]
    await day.harvest()
    return day


async def _order(tx: Any, encounter_id: str) -> list[str]:
    lines = [orders.OrderLine("XN-DIEN-GIAI"), orders.OrderLine("XN-HBA1C", has_consent=True)]
    return [one.id for one in await orders.place(tx, encounter_id, lines)]


_FIELD = re.compile(r'name="([\w.:-]+)"')
_READ = re.compile(r'(?:form|values|fields)\w*(?:\.get|\.getlist)?[\[(]"([\w.:-]+)"')
_CHOICE = re.compile(r'name="([\w.-]+)"\s+value="([\w.:-]+)"')


def fields_of(department: str) -> tuple[list[str], dict[str, list[str]]]:
    """Names that the forms of a department carry, and the values that its buttons and choices send."""
    names: set[str] = set()
    choices: dict[str, set[str]] = {}
    for path in sorted((Path(departments.__file__).parent / department).rglob("*")):
        if path.suffix not in (".html", ".py"):
            continue
        text = path.read_text(encoding="utf-8")
        names |= set((_FIELD if path.suffix == ".html" else _READ).findall(text))
        for name, value in _CHOICE.findall(text):
            choices.setdefault(name, set()).add(value)
        for verb in re.findall(r'(?:step|verb|action|choice) (?:==|in) \(?"([\w:-]+)"', text):
            for name in ("step", "verb", "action", "choice"):
                choices.setdefault(name, set()).add(verb)
    return sorted(names - {"csrf", "viewport"}), {name: sorted(values) for name, values in choices.items()}


def pick(lots: random.Random, values: list[str]) -> str:
    return lots.choice(values) if values else "nobody"
