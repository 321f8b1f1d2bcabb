"""Papers of a visit: referral, appointment slip, sick leave, visit summary. Issued once, signed twice, kept as printed.

A paper is a DocumentReference with a number of its own (systems.PAPER). It holds what was typed as JSON, and points at
the PDF, which is kept by its hash: the same bytes are printed again. Doctor and facility sign both, the PDF (PAdES) and
the resource (Provenance). A paper that was wrong is withdrawn and stays to be seen; its number is never given again.

    stored = await papers.issue(tx, encounter_id, Referral(…), signer)      # PaperFaulty with a sentence a field
    pdf = await papers.read_pdf(tx, stored.id)
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from lienmach.base import clock, errors
from lienmach.base.blobs import Blobs
from lienmach.care import (
    catalogues,
    facility,
    paper,
    papers_data,
    papers_rules,
    papers_sheets,
    resources,
    signing,
    systems,
    visit_cards,
    visit_facts,
)
from lienmach.care.papers_data import PaperVisit
from lienmach.care.papers_rules import AppointmentSlip, Fault, PaperFacts, Referral, SickLeave
from lienmach.care.resources import Resource
from lienmach.care.signing import Signer
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction

#: kind -> the letters in its number
LETTERS = {"referral": "CT", "appointment-slip": "GH", "sick-leave": "NV", "visit-summary": "TT"}
WITHDRAWN_FOR = systems.EXTENSION + "withdrawn-for"
_INPATIENT = frozenset({"03", "04", "06", "09"})  # MA_LOAI_KCB
_BLOB = "urn:sha256:"
_HOURS = {"morning": (time(7), time(11, 30)), "afternoon": (time(13), time(16, 30))}


@dataclass(frozen=True)
class VisitSummary:
    """What is added to what the visit holds already."""

    advice: str = ""


Sheetable = Referral | AppointmentSlip | SickLeave | VisitSummary


class PaperFaulty(errors.Unprocessable):
    """The paper does not say what it must. faults: a sentence a field."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(issues=[errors.Issue("error", "value", one.sentence, one.field) for one in faults])
        self.faults = list(faults)


@dataclass(frozen=True)
class Paper:
    """One issued paper. data: what was typed. is_current: not withdrawn. size_bytes: of the PDF."""

    id: str
    kind: str
    title: str
    number: str
    issued_at: datetime
    encounter_id: str
    data: dict[str, Any]
    is_current: bool
    withdrawn_for: str
    sha256: str
    size_bytes: int


async def issue(tx: Transaction, encounter_id: str, said: Sheetable, signer: Signer) -> Stored:
    """Make, sign and keep a paper of a visit that has begun; an appointment slip books its Appointment too.

    Raises PaperFaulty; errors.Conflict for a visit that has not begun or was cancelled, and for a second slip;
    errors.Refused for another person's key.
    """
    kind = kind_of(said)
    visit = await papers_data.read(tx, encounter_id)
    if visit.encounter.get("status") not in ("in-progress", "finished"):
        raise errors.Conflict("Chỉ cấp giấy khi đang khám hoặc sau khi khám xong.")
    faults = check(said, await facts_of(tx, visit))
    if faults:
        raise PaperFaulty(faults)
    if kind == "appointment-slip" and any(one.is_current for one in await of_visit(tx, encounter_id, kind=kind)):
        raise errors.Conflict("Lượt khám này đã có phiếu hẹn; mỗi lượt khám chỉ một phiếu. Hãy huỷ phiếu cũ trước.")
    number, count = await _next_number(tx, visit, kind)
    at = tx.now.astimezone(tx.tenant.time_zone)
    sheet = await _sheet(tx, visit, said, number, count, at)
    await tx.leave()  # printing and signing take a while; nobody waits for this view meanwhile
    pdf = await _signed(tx, signer, visit, await paper.render(tx, kind, sheet, archive=True))
    sha256 = await _blobs(tx).write(tx.tenant.number, pdf)
    document = _document(tx, visit, kind, number, said, pdf, sha256)
    stored = [await resources.create(tx, document, resource_id=document["id"])]
    if isinstance(said, AppointmentSlip):
        stored.append(await _book(tx, visit, said, number, document["id"]))
    await signing.attach(tx, signer, stored[:1], activity=f"issue-{kind}", on_behalf_facility=True)
    return stored[0]


def check(said: Sheetable, facts: PaperFacts) -> list[Fault]:
    """What is wrong with a paper, in the order of its form."""
    if isinstance(said, Referral):
        return papers_rules.check_referral(said, facts)
    if isinstance(said, AppointmentSlip):
        return papers_rules.check_slip(said, facts)
    if isinstance(said, SickLeave):
        return papers_rules.check_leave(said, facts)
    if facts.diagnoses:
        return []
    return [Fault("", "Ghi chẩn đoán chính (mã ICD-10) của lượt khám trước khi cấp giấy.")]


def kind_of(said: Sheetable) -> str:
    """referral, appointment-slip, sick-leave or visit-summary."""
    kinds = {
        Referral: "referral",
        AppointmentSlip: "appointment-slip",
        SickLeave: "sick-leave",
        VisitSummary: "visit-summary",
    }
    return kinds[type(said)]


async def facts_of(tx: Transaction, visit: PaperVisit) -> PaperFacts:
    """What the checks need; terms of the diagnoses are those of the day of the visit."""
    codes = tuple(code for code, _ in visit.diagnoses)
    rows = await catalogues.get_many(tx, "icd10", codes, on=visit.visit_on)
    return PaperFacts(
        visit_on=visit.visit_on,
        today=visit.today,
        diagnoses=codes,
        birth=str(visit.patient.get("birthDate", "")),
        social_number=papers_data.patient_of(visit.patient, visit.visit_on)["social_number"],
        leave_days=max((int(row.data.get("sick_leave_max") or 0) for row in rows.values()), default=0),
        is_long_term=any(bool(row.data.get("long_term")) for row in rows.values()),
        is_inpatient=visit_facts.kind_of(visit.encounter) in _INPATIENT,
        is_insured=visit_facts.category_of(visit.encounter) not in ("", visit_cards.SELF_PAY),
    )


async def of_visit(tx: Transaction, encounter_id: str, *, kind: str = "") -> list[Paper]:
    """The papers of a visit, newest first, withdrawn ones too."""
    wanted = [("type", f"{systems.PAPER_KIND}|{kind}")] if kind else []
    found = await resources.find(tx, "DocumentReference", ("encounter", f"Encounter/{encounter_id}"), *wanted)
    return [of(one) for one in found if resources.code_of(one.get("type"), systems.PAPER_KIND) in LETTERS]


async def read(tx: Transaction, paper_id: str) -> Paper:
    """One paper. Raises errors.NotFound, Refused."""
    document = await resources.read(tx, "DocumentReference", paper_id)
    if resources.code_of(document.get("type"), systems.PAPER_KIND) not in LETTERS:
        raise errors.NotFound("This document is no paper of a visit.")
    return of(document)


async def read_pdf(tx: Transaction, paper_id: str) -> bytes:
    """The PDF as it was signed, byte for byte. Raises errors.NotFound, Refused; errors.Conflict if it was altered."""
    one = await read(tx, paper_id)
    pdf = await _blobs(tx).read(tx.tenant.number, one.sha256)
    if hashlib.sha256(pdf).hexdigest() != one.sha256:
        raise errors.Conflict("Bản in đã lưu không còn nguyên vẹn; hãy báo người quản trị.")
    return pdf


async def withdraw(tx: Transaction, paper_id: str, reason: str) -> Stored:
    """Mark a paper as issued in error; the appointment of a slip is cancelled. Raises errors.Unprocessable, Conflict."""
    if not reason.strip():
        raise errors.Unprocessable("Hãy ghi lý do huỷ giấy.")
    document = await resources.read(tx, "DocumentReference", paper_id)
    if document.get("status") != "current":
        raise errors.Conflict("Giấy này đã bị huỷ.")
    stored = await resources.update(
        tx,
        visit_facts.with_extension(
            {**document, "status": "entered-in-error", "docStatus": "entered-in-error"},
            WITHDRAWN_FOR,
            "valueString",
            reason.strip()[:500],
        ),
    )
    if of(document).kind == "appointment-slip":
        appointment = await resources.read(tx, "Appointment", _appointment_id(paper_id))
        if appointment.get("status") == "booked":
            cancelled = {"status": "cancelled", "cancelationReason": {"text": reason.strip()[:200]}}
            await resources.update(tx, {**appointment, **cancelled})
    return stored


def of(document: Resource) -> Paper:
    """A DocumentReference of ours as a value."""
    parts = {part["attachment"].get("contentType"): part["attachment"] for part in document["content"]}
    printed, typed = parts["application/pdf"], parts.get("application/json", {})
    kind = resources.code_of(document.get("type"), systems.PAPER_KIND)
    return Paper(
        document["id"],
        kind,
        papers_sheets.TITLES.get(kind, ""),
        str(document.get("masterIdentifier", {}).get("value", "")),
        datetime.fromisoformat(document["date"]),
        resources.id_of((document.get("context", {}).get("encounter") or [{}])[0], "Encounter"),
        json.loads(base64.b64decode(typed["data"])) if typed.get("data") else {},
        document.get("status") == "current",
        str(visit_facts.extension_of(document, WITHDRAWN_FOR, "valueString") or ""),
        str(printed.get("url", "")).removeprefix(_BLOB),
        int(printed.get("size", 0)),
    )


async def _sheet(
    tx: Transaction, visit: PaperVisit, said: Sheetable, number: str, count: int, at: datetime
) -> papers_sheets.Sheet:
    doctor = tx.actor.display or tx.actor.user
    if isinstance(said, Referral):
        return await papers_sheets.referral(tx, visit, said, number, doctor, at)
    if isinstance(said, AppointmentSlip):
        place = await facility.room(tx, said.room_id) if said.room_id else None
        own = papers_data.visit_of(visit)["room"]
        return papers_sheets.appointment_slip(visit, said, number, doctor, place.name if place else own, at)
    if isinstance(said, SickLeave):
        licence = await _licence(tx)
        named = f"{doctor} · {licence}" if licence else doctor
        return papers_sheets.sick_leave(visit, said, number, serial(at.date(), count), named, at)
    return await papers_sheets.visit_summary(tx, visit, number, doctor, said.advice, at)


async def _next_number(tx: Transaction, visit: PaperVisit, kind: str) -> tuple[str, int]:
    """(the next number of this kind, facility and year, its count). Two at once get one id: the second runs again."""
    year, code = visit.today.year, visit.home.code
    newest = await resources.find(
        tx,
        "DocumentReference",
        ("type", f"{systems.PAPER_KIND}|{kind}"),
        ("custodian", f"Organization/{visit.home.organization_id}"),
        ("date", f"ge{year}-01-01"),
        count=20,
    )
    taken = [one for document in newest if (one := _count_of(document, f"{code}/{year}/")) is not None]
    count = max(taken, default=0) + 1
    while True:
        number = f"{code}/{year}/{LETTERS[kind]}/{count:06}"
        # A paper that is dated back stands behind the newest; its number is taken all the same.
        if await tx.point("DocumentReference", _document_id(number)) is None:
            return number, count
        count += 1


def _document_id(number: str) -> str:
    """Follows from the number: of two who draw the same one, the record refuses the second."""
    return visit_facts.own_id("paper", number)


def _count_of(document: Resource, prefix: str) -> int | None:
    number = str(document.get("masterIdentifier", {}).get("value", ""))
    last = number.rpartition("/")[2]
    return int(last) if number.startswith(prefix) and last.isdecimal() else None


def serial(on: date, count: int) -> str:
    """SO_SERI of a sick leave; C65 is the form's own letters (memory)."""
    return f"{on:%y}-C65-{count:06}"


async def _signed(tx: Transaction, signer: Signer, visit: PaperVisit, pdf: bytes) -> bytes:
    """The PDF signed by the doctor and, behind that, by the facility."""
    own = {"reference": f"Organization/{visit.home.organization_id}", "display": visit.home.name}
    sealing = await signing.facility_signer(tx.store, tx.tenant.number, own)
    return await signing.sign_pdf(sealing, await signing.sign_pdf(signer, pdf))


def _document(
    tx: Transaction, visit: PaperVisit, kind: str, number: str, said: Sheetable, pdf: bytes, sha256: str
) -> Resource:
    now = clock.to_instant(tx.now)
    identifiers = [{"system": systems.PAPER, "value": number}]
    document: Resource = {
        "resourceType": "DocumentReference",
        "id": _document_id(number),
        "masterIdentifier": identifiers[0],
        "identifier": identifiers,
        "status": "current",
        "docStatus": "final",
        "type": resources.concept(systems.PAPER_KIND, kind, papers_sheets.TITLES[kind]),
        "subject": visit.encounter["subject"],
        "date": now,
        "author": [resources.me(tx)] if tx.actor.reference else [],
        "custodian": {"reference": f"Organization/{visit.home.organization_id}", "display": visit.home.name},
        "content": [
            {
                "attachment": {
                    "contentType": "application/pdf",
                    "language": "vi",
                    "url": _BLOB + sha256,
                    "size": len(pdf),
                    "hash": base64.b64encode(hashlib.sha1(pdf, usedforsecurity=False).digest()).decode(),
                    "title": f"{papers_sheets.TITLES[kind]} {number}",
                    "creation": now,
                }
            },
            {
                "attachment": {
                    "contentType": "application/json",
                    "data": base64.b64encode(_typed(said).encode()).decode(),
                    "creation": now,
                }
            },
        ],
        "context": {
            "encounter": [{"reference": f"Encounter/{visit.encounter['id']}"}],
            "period": {"start": clock.to_instant(visit.visit_at)},
        },
    }
    if not document["author"]:
        del document["author"]
    if visit.encounter.get("meta", {}).get("security"):
        document["meta"] = {"security": visit.encounter["meta"]["security"]}
    return document


def _typed(said: Sheetable) -> str:
    return json.dumps(dataclasses.asdict(said), ensure_ascii=False, default=str)


async def _book(tx: Transaction, visit: PaperVisit, said: AppointmentSlip, number: str, paper_id: str) -> Stored:
    """The Appointment of a slip, on its half day."""
    assert said.return_on is not None
    begin, end = _HOURS.get(said.part, _HOURS["morning"])
    zone = tx.tenant.time_zone
    room_id = said.room_id or visit_facts.room_of(visit.encounter)
    participants = [
        {
            "actor": {**visit.encounter["subject"], "display": papers_data.names.shown(visit.patient)},
            "required": "required",
            "status": "accepted",
        }
    ]
    if room_id:
        participants.append(
            {"actor": {"reference": f"Location/{room_id}"}, "required": "required", "status": "accepted"}
        )
    appointment: Resource = {
        "resourceType": "Appointment",
        "id": _appointment_id(paper_id),
        "identifier": [{"system": systems.PAPER, "value": number}],
        "status": "booked",
        "specialty": [visit.encounter.get("serviceType") or {"text": ""}],
        "start": clock.to_instant(datetime.combine(said.return_on, begin, zone)),
        "end": clock.to_instant(datetime.combine(said.return_on, end, zone)),
        "created": clock.to_instant(tx.now),
        "supportingInformation": [{"reference": f"DocumentReference/{paper_id}"}],
        "participant": participants,
    }
    if not visit.encounter.get("serviceType"):
        del appointment["specialty"]
    if said.instruction.strip():
        appointment["patientInstruction"] = said.instruction.strip()
    return await resources.create(tx, appointment, resource_id=appointment["id"])


def _appointment_id(paper_id: str) -> str:
    return visit_facts.own_id(paper_id, "appointment")


async def _licence(tx: Transaction) -> str:
    if not tx.actor.reference:
        return ""
    return resources.identifier_of(await resources.follow(tx, tx.actor.reference), systems.LICENCE)


def _blobs(tx: Transaction) -> Blobs:
    return Blobs(tx.store.limits.home / "blobs")
