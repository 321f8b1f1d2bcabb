"""What the record knows about the visit of a claim and the claim does not say: look-ups, consents, papers, work, money.

Each part is read only where it can matter: of an open visit nothing is asked that comes with its end. Moments are local
without a zone and cut to the minute, as in a claim.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from lienmach.base import errors
from lienmach.care import (
    catalogues,
    charges,
    check_ins,
    facility,
    insurance,
    order_facts,
    orders,
    outbox,
    papers,
    prescriptions,
    resources,
    systems,
    visit_cards,
    visit_facts,
)
from lienmach.care.claims import accepted, facts
from lienmach.care.drug_lines import Unreadable
from lienmach.care.money import ledger
from lienmach.care.money.statement import Statement
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh import costs
from lienmach.standards.bhxh.rules import surroundings as around
from lienmach.standards.bhxh.rules.reading import Claim

_PAPERS = {"XML11": "sick-leave", "XML13": "referral", "XML14": "appointment-slip"}
_FUND, _OF_STATEMENT = "1312", "statement"
_AGREED = systems.EXTENSION + "agreed-cost"
_OVER = frozenset({"cancelled", "entered-in-error"})
_VISITS = 30
_TOTALS = ("T_TONGCHI_BV", "T_TONGCHI_BH", "T_BNTT", "T_BNCCT", "T_BHTT", "T_NGUONKHAC", "T_THUOC", "T_VTYT")


async def of_visit(
    tx: Transaction, encounter_id: str, claim: Claim, *, is_open: bool, statement: Statement | None = None
) -> dict[str, Any]:
    """Members of Surroundings for a visit of this record. statement: the one that the tables were built from.

    Raises errors.NotFound, errors.Refused.
    """
    encounter = await resources.read(tx, "Encounter", encounter_id)
    ordered = await orders.of_visit(tx, encounter_id)
    services = await _work_codes(tx, ordered, claim)
    found: dict[str, Any] = {
        "facility": await _facility(tx, encounter),
        "cards": _cards(tx, encounter, claim),
        "looks": await _looks(tx, encounter),
        "consents": await _consents(tx, encounter_id, services),
        "repeated": frozenset(
            services.get(code, code)
            for one in ordered
            if order_facts.text_of(one, order_facts.REPEAT_REASON)
            and (code := resources.code_of(one.get("code"), systems.SERVICE))
        ),
        "slips": await _slips(tx, encounter_id, claim),
        "earlier": await _earlier(tx, encounter, claim),
    }
    if is_open:
        return found
    sent = await _check_in(tx, claim)
    found |= {
        "unsigned": await _unsigned(tx, encounter_id, services),
        "done": await _done(tx, encounter_id, services),
        "given": await _given(tx, encounter_id, claim),
        "papers": await _papers(tx, encounter_id, claim),
        "check_in": sent,
        "is_check_in_asked": sent is not None,
    }
    if statement is not None:
        found["bill"] = around.Bill(statement.patient_total, statement.rounding, await _booked(tx, encounter_id))
        totals = {name: statement.totals[name] for name in _TOTALS if name in statement.totals}
        is_signed = await _signatures(tx, f"Invoice/{statement.invoice_id}") > 0
        found["statement"] = around.CostStatement(statement.number, is_signed, totals)
    return found


async def _facility(tx: Transaction, encounter: Resource) -> around.Facility | None:
    own = resources.id_of(encounter.get("serviceProvider"), "Organization")
    if not own:
        return None
    found = await facility.facility(tx, own)
    return around.Facility(found.code, found.level)


def _cards(tx: Transaction, encounter: Resource, claim: Claim) -> tuple[costs.Card, ...]:
    shown_at = visit_cards.shown_late_at(encounter)
    at = _local(shown_at, tx) if shown_at else None
    return tuple(costs.Card(one, one[:2], one[2:3], shown_at=at) for one in claim.cards)


async def _looks(tx: Transaction, encounter: Resource) -> tuple[around.Look, ...] | None:
    """The portal's answers since the day of arrival; None where this home asks no portal."""
    if not outbox.is_connected(tx.store.limits, insurance.CHANNEL):
        return None
    patient = f"Patient/{visit_facts.patient_of(encounter)}"
    begun = _local(visit_facts.begun_at(encounter) or tx.now, tx)
    listed = await resources.find(tx, "CoverageEligibilityResponse", ("patient", patient), count=50)
    found = []
    for one in listed:
        at = _local(datetime.fromisoformat(str(one["created"]).replace("Z", "+00:00")), tx)
        code = next((str(part.get("valueCode", "")) for part in one.get("extension", ())
                     if part.get("url") == insurance.RESULT_CODE), "")  # fmt: skip
        if at.date() >= begun.date():
            found.append((one["id"], at, code))
    said = await _said(tx, [own for own, _, _ in found])
    return tuple(_look(at, code, said.get(own, {})) for own, at, code in found)


async def _said(tx: Transaction, own: list[str]) -> dict[str, dict[str, Any]]:
    """The portal's words by message, as they came."""
    if not own:
        return {}
    rows = await tx.fetch(
        """select distinct on (message_id) message_id, body from outbox_answer
           where tenant = $1 and message_id = any($2) and outcome = 'done' order by message_id, try desc""",
        tx.tenant.number, own,
    )  # fmt: skip
    found = {}
    for row in rows:
        try:
            said = json.loads(bytes(row["body"]))
        except ValueError:
            continue
        if isinstance(said, dict):
            found[row["message_id"]] = said
    return found


def _look(at: datetime, code: str, said: dict[str, Any]) -> around.Look:
    born = "".join(reversed(str(said.get("ngaySinh") or "").split("/")))
    sex = {"nam": "1", "nữ": "2", "nu": "2", "1": "1", "2": "2"}.get(
        str(said.get("gioiTinh") or "").strip().lower(), ""
    )
    return around.Look(
        at, code, str(said.get("maThe") or ""), str(said.get("hoTen") or ""), born if born.isdecimal() else "", sex,
        str(said.get("maDKBD") or ""),
    )  # fmt: skip


async def _consents(tx: Transaction, encounter_id: str, services: dict[str, str]) -> dict[str, datetime]:
    """MA_DICH_VU -> when the patient first agreed to pay alone for it."""
    found: dict[str, datetime] = {}
    for one in await resources.find(tx, "Consent", ("data", f"Encounter/{encounter_id}"), ("status", "active")):
        at = _local(datetime.fromisoformat(str(one["dateTime"]).replace("Z", "+00:00")), tx)
        for code in _agreed(one):
            own = services.get(code, code)
            found[own] = min(at, found.get(own, at))
    return found


def _agreed(consent: Resource) -> set[str]:
    """Our codes of the services that a Consent names (care/order_consents.py)."""
    parts = [part for one in consent.get("extension", ()) if one.get("url") == _AGREED for part in one["extension"]]
    return {str((part.get("valueCoding") or {}).get("code", "")) for part in parts if part.get("url") == "service"}


async def _slips(tx: Transaction, encounter_id: str, claim: Claim) -> dict[str, around.Slip]:
    number = claim.visit.get("GIAY_CHUYEN_TUYEN", "")
    if not number:
        return {}
    rows = await tx.fetch(
        "select encounter_id from slip_use where tenant = $1 and number = $2", tx.tenant.number, number
    )
    used_by = "" if not rows or rows[0]["encounter_id"] == encounter_id else str(rows[0]["encounter_id"])
    return {number: around.Slip(number, "appointment", None, None, used_by)}


async def _earlier(tx: Transaction, encounter: Resource, claim: Claim) -> tuple[around.EarlierVisit, ...]:
    """Other visits of the person here, with what their drugs still cover."""
    patient_id, own = visit_facts.patient_of(encounter), encounter["id"]
    listed = await resources.find(
        tx, "Encounter", ("patient", f"Patient/{patient_id}"), ("_sort", "-date"), count=_VISITS
    )
    lasting = await _lasting(tx, patient_id, own) if claim.drugs else {}
    found = []
    for one in listed:
        begun = visit_facts.begun_at(one)
        if one["id"] == own or one.get("status") in _OVER or begun is None:
            continue
        ended = visit_facts.finished_at(one) or (visit_facts.ended_at(one) if one.get("status") == "finished" else None)
        key = resources.identifier_of(one, systems.VISIT) or one["id"]
        drugs = tuple(sorted(lasting.get(one["id"], {}).items()))
        found.append(around.EarlierVisit(key, _local(begun, tx), _local(ended, tx) if ended else None, "", drugs))
    return tuple(found)


async def _lasting(tx: Transaction, patient_id: str, encounter_id: str) -> dict[str, dict[str, date]]:
    """Visit -> MA_THUOC -> the last day that its prescription covers."""
    lines = await prescriptions.last_of(tx, patient_id, before_encounter_id=encounter_id)
    own = {one["id"]: resources.code_of(one.get("medicationCodeableConcept"), systems.DRUG) for one in lines}
    rows = await catalogues.get_many(tx, "drug", own.values(), on=_local(tx.now, tx).date()) if own else {}
    found: dict[str, dict[str, date]] = {}
    for one in lines:
        row = rows.get(own[one["id"]])
        try:
            days = prescriptions.line_of(one).days
        except Unreadable:
            continue
        if row is not None and row.data.get("bhyt_code") and one.get("authoredOn"):
            begun = _local(datetime.fromisoformat(str(one["authoredOn"]).replace("Z", "+00:00")), tx).date()
            visit = found.setdefault(resources.id_of(one.get("encounter"), "Encounter"), {})
            visit[str(row.data["bhyt_code"])] = begun + timedelta(days=days - 1)
    return found


async def _check_in(tx: Transaction, claim: Claim) -> around.CheckIn | None:
    """The check-in message; one that still waits for its turn counts as sent, a refused one does not."""
    key = claim.visit.get("MA_LK", "")
    message = await outbox.find(tx, check_ins.CHANNEL, key) if key else None
    if message is None:
        return None
    return around.CheckIn(message.key, None if message.state == "refused" else _local(tx.now, tx))


async def _unsigned(tx: Transaction, encounter_id: str, services: dict[str, str]) -> frozenset[str]:
    waiting = [resources.of(one) for one in await orders.unsigned(tx, encounter_id)]
    codes = {resources.code_of(one.get("code"), systems.SERVICE) for one in waiting if one.get("status") == "completed"}
    return frozenset(services.get(one, one) for one in codes if one)


async def _done(tx: Transaction, encounter_id: str, services: dict[str, str]) -> dict[str, int]:
    """MA_DICH_VU -> how many costs of it are done, or certain because the specimen was taken."""
    reports = await visit_facts.all_of(tx, "DiagnosticReport", encounter_id)
    begun = {
        resources.id_of(cause, "ServiceRequest")
        for one in reports
        if one.get("specimen")
        for cause in one.get("basedOn", ())
    }
    found: Counter[str] = Counter()
    for item in await charges.items_of_visit(tx, encounter_id):
        cause = next((str(one.get("reference", "")) for one in item.get("supportingInformation", ())), "")
        code = resources.code_of(item.get("code"), systems.SERVICE)
        if code and (item["status"] != "planned" or cause.removeprefix("ServiceRequest/") in begun):
            found[services.get(code, code)] += 1
    return dict(found)


async def _given(tx: Transaction, encounter_id: str, claim: Claim) -> dict[tuple[str, str], Decimal] | None:
    """(MA_THUOC, TEN_THUOC) -> what was handed over; None where nothing of the claim was."""
    if not any(one.done_at is not None for one in claim.drugs):
        return None
    rows = await _drugs(tx, claim, claim.arrived_on or _local(tx.now, tx).date())
    named = {row["code"]: (str(row["drug"]), str(row["name"])) for row in rows}
    listed = await resources.find(tx, "MedicationDispense", ("context", f"Encounter/{encounter_id}"), count=500)
    found: dict[tuple[str, str], Decimal] = {}
    for one in listed:
        key = named.get(facts.drug_of(one))
        if one.get("status") == "completed" and key is not None:
            found[key] = found.get(key, Decimal(0)) + Decimal(str(one["quantity"]["value"]))
    return found


async def _work_codes(tx: Transaction, ordered: Iterable[Resource], claim: Claim) -> dict[str, str]:
    """Our code -> MA_DICH_VU of what the visit ordered."""
    on = claim.arrived_on or _local(tx.now, tx).date()
    codes = {resources.code_of(one.get("code"), systems.SERVICE) for one in ordered}
    rows = await accepted.of_codes(tx, accepted.SERVICES, codes, on)
    return {code: str(row.data.get("MA_DICH_VU") or code) for code, row in rows.items()}


async def _drugs(tx: Transaction, claim: Claim, on: date) -> list[Any]:
    """Our codes of the drugs that the claim names, with code and name as they stand there."""
    named = sorted({one["MA_THUOC"] for one in claim.drugs} - {""})
    if not named:
        return []
    return await tx.fetch(
        """select d.code, coalesce(nullif(a.data->>'MA_THUOC', ''), nullif(d.data->>'bhyt_code', ''), d.code) as drug,
                  coalesce(nullif(a.data->>'TEN_THUOC', ''), d.name) as name
           from catalogue d
           left join catalogue a on a.tenant = d.tenant and a.list = $2 and a.code = d.code and a.state = any($3)
                and a.valid_from <= $4 and (a.valid_to is null or a.valid_to >= $4)
           where d.tenant = $1 and d.list = 'drug' and d.state = any($3)
             and d.valid_from <= $4 and (d.valid_to is null or d.valid_to >= $4)
             and (a.data->>'MA_THUOC' = any($5) or d.data->>'bhyt_code' = any($5) or d.code = any($5))""",
        tx.tenant.number, accepted.DRUGS, list(catalogues.USABLE), on, named,
    )  # fmt: skip


async def _papers(tx: Transaction, encounter_id: str, claim: Claim) -> dict[str, around.Paper]:
    wanted = {kind: table for table, kind in _PAPERS.items() if claim.tables.get(table)}
    if not wanted:
        return {}
    found = {}
    for one in await papers.of_visit(tx, encounter_id):
        table = wanted.get(one.kind)
        if table is not None and one.is_current and table not in found:
            count = await _signatures(tx, f"DocumentReference/{one.id}")
            found[table] = around.Paper(one.number, count > 0, count > 1)
    return found


async def _signatures(tx: Transaction, reference: str) -> int:
    """How many signatures stand on a resource; whether each is true is told by signing.verify."""
    listed = await resources.find(tx, "Provenance", ("target", reference), count=20)
    return max((len(one.get("signature", ())) for one in listed), default=0)


async def _booked(tx: Transaction, encounter_id: str) -> Decimal | None:
    """The receivable from the fund as the statements booked it; what the fund paid since is left aside."""
    try:
        entries = await ledger.entries(tx, encounter_id=encounter_id)
    except errors.Refused:
        return None
    booked = [
        one.amount
        for entry in entries
        if entry.kind.startswith(_OF_STATEMENT)
        for one in entry.postings
        if one.account == _FUND
    ]
    return sum(booked, Decimal(0)) if entries else None


def _local(at: datetime, tx: Transaction) -> datetime:
    return at.astimezone(tx.tenant.time_zone).replace(tzinfo=None, second=0, microsecond=0)
