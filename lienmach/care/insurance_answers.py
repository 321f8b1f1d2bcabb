"""What the portal answered becomes part of the record: one CoverageEligibilityResponse an answer, and the cards it names.

The bytes themselves stay with the message (outbox_answer). A card that the portal does not accept is kept, not used.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from lienmach.base import clock, errors
from lienmach.care import coverages, insurance, insurance_words, outbox, resources
from lienmach.care.coverages import InsuredCard
from lienmach.care.outbox import Answer, Message
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import insurance_card

_AREAS = ("K1", "K2", "K3")
_FACILITY_CHARACTERS = 5


async def receive(tx: Transaction, message: Message, answer: Answer) -> None:
    """Take an answer of the channel `insurance` into the record; other channels have nothing to take in."""
    if message.channel != insurance.CHANNEL:
        return
    said = json.loads(answer.body)
    patient_id = message.subject.partition("/")[2]
    if message.key.startswith("copay/"):
        await _keep_copayment(tx, patient_id, message, said)
        return
    code = str(said["maKetQua"])
    used = await _keep_cards(tx, patient_id, message, said, code)
    await _respond(tx, patient_id, message, said, code, used)
    best = next((one for one in used if one.is_active), None)
    if (
        best is not None
        and best.five_years_on is not None
        and insurance_words.kind_of(code) in insurance_words.VERIFIED
    ):
        await _ask_copayment(tx, patient_id, message, best)


async def _keep_cards(
    tx: Transaction, patient_id: str, message: Message, said: dict[str, Any], code: str
) -> list[InsuredCard]:
    """Store every card that the answer names; a card of the person that it rejects is no longer active."""
    kind = insurance_words.kind_of(code)
    asked = str(json.loads(message.body)["maThe"])
    known = {one.number: one for one in await coverages.of_patient(tx, patient_id)}
    is_good = kind in insurance_words.VERIFIED or kind == "ended"
    kept = []
    for number, initial, start, end, is_new in _named(said, code):
        parsed = insurance_card.parse(number)
        if parsed is None:
            continue
        old = known.get(parsed.number) or InsuredCard("", parsed.number, parsed.object_code, parsed.level)
        own = "000" if is_new else code
        kept.append(
            replace(
                old,
                coverage_id=coverages.coverage_id(patient_id, parsed.number),
                initial_facility=initial[:_FACILITY_CHARACTERS] or old.initial_facility,
                from_on=_day(start) or old.from_on,
                to_on=_day(end) or old.to_on,
                five_years_on=_day(said.get("ngayDu5Nam")) or old.five_years_on,
                result_code=own,
                checked_at=tx.now,
                area=said["maKV"] if said.get("maKV") in _AREAS else old.area,
                is_active=is_good,
            )
        )
    if not kept and kind in insurance_words.LOCKED and asked in known:
        kept = [replace(known[asked], result_code=code, checked_at=tx.now, is_active=False)]
    for one in kept:
        await coverages.keep(tx, patient_id, one)
    return sorted(kept, key=lambda one: one.to_on or date.max, reverse=True)


def _named(said: dict[str, Any], code: str) -> list[tuple[str, str, Any, Any, bool]]:
    """(number, MA_DKBD, from, to, is the new one) of the cards in an answer."""
    found = []
    if said.get("maThe"):
        found.append(
            (str(said["maThe"]), str(said.get("maDKBD") or ""), said.get("gtTheTu"), said.get("gtTheDen"), False)
        )
    if said.get("maTheMoi") and code in ("003", "004") and said["maTheMoi"] != said.get("maThe"):
        found.append(
            (
                str(said["maTheMoi"]),
                str(said.get("maDKBDMoi") or ""),
                said.get("gtTheTuMoi"),
                said.get("gtTheDenMoi"),
                True,
            )
        )
    return found


async def _respond(
    tx: Transaction, patient_id: str, message: Message, said: dict[str, Any], code: str, cards: list[InsuredCard]
) -> None:
    try:
        request: Resource = await resources.read(tx, "CoverageEligibilityRequest", message.message_id)
    except errors.NotFound:
        request = {}
    kind = insurance_words.kind_of(code)
    moments = [one for one in request.get("extension", ()) if one.get("url") == insurance.MOMENT]
    response: Resource = {
        "resourceType": "CoverageEligibilityResponse",
        "id": message.message_id,
        "extension": [{"url": insurance.RESULT_CODE, "valueCode": code}, *moments],
        "status": "active",
        "purpose": ["validation", "benefits"],
        "patient": {"reference": f"Patient/{patient_id}"},
        "created": clock.to_instant(tx.now),
        "request": {"reference": f"CoverageEligibilityRequest/{message.message_id}"},
        "outcome": "complete",
        "disposition": insurance_words.words(kind, code)[1],
        "insurer": coverages.INSURER,
    }
    if cards:
        response["insurance"] = [
            {
                "coverage": {"reference": f"Coverage/{one.coverage_id}"},
                "inforce": one.is_active and (one.to_on is None or one.to_on >= tx.now.date()),
                **({"benefitPeriod": _period(one)} if one.from_on or one.to_on else {}),
            }
            for one in cards
        ]
    if str(said.get("ghiChu") or "").strip():
        response["extension"].append(
            {"url": insurance.RESULT_CODE + "-note", "valueString": str(said["ghiChu"])[:2000]}
        )
    await resources.update(tx, response)


async def _ask_copayment(tx: Transaction, patient_id: str, message: Message, card: InsuredCard) -> None:
    asked = json.loads(message.body)
    body = outbox.as_json(
        {
            "username": tx.store.limits.insurance_user,
            "maThe": card.number,
            "hoTen": asked["hoTen"],
            "ngaySinh": asked["ngaySinh"],
        }
    )
    outbox.queue(tx, insurance.CHANNEL, f"copay/{message.message_id}", body, subject=f"Patient/{patient_id}")


async def _keep_copayment(tx: Transaction, patient_id: str, message: Message, said: dict[str, Any]) -> None:
    """Store the co-payments of the year on the card that was asked about.

    The members of a row of DataCCT are not published: day (ngayRa, yyyymmdd…) and amount (tienCCT) are our reading.
    """
    number = str(json.loads(message.body)["maThe"])
    payments = []
    listed = said.get("DataCCT")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and (on := _day(one.get("ngayRa"))) is not None:
            try:
                payments.append((on, Decimal(str(one.get("tienCCT", "0")))))
            except InvalidOperation:
                continue
    for card in await coverages.of_patient(tx, patient_id):
        if card.number == number:
            exempt_from = _moment(tx, said.get("ngayMienCCT")) or card.exempt_from
            await coverages.keep(
                tx, patient_id, replace(card, payments=tuple(sorted(payments)), exempt_from=exempt_from)
            )


def _period(card: InsuredCard) -> dict[str, str]:
    edges = {"start": card.from_on, "end": card.to_on}
    return {name: value.isoformat() for name, value in edges.items() if value}


def _moment(tx: Transaction, text: Any) -> datetime | None:
    on = _day(text)
    return datetime(on.year, on.month, on.day, tzinfo=tx.tenant.time_zone) if on else None


def _day(text: Any) -> date | None:
    """A day as the portal writes it: dd/MM/yyyy or yyyymmdd…; None for anything else."""
    said = str(text or "").strip()
    for pattern, order in ((r"(\d{2})/(\d{2})/(\d{4})", (3, 2, 1)), (r"(\d{4})(\d{2})(\d{2})\d*", (1, 2, 3))):
        found = re.fullmatch(pattern, said)
        if found:
            try:
                return date(*(int(found.group(index)) for index in order))
            except ValueError:
                return None
    return None
