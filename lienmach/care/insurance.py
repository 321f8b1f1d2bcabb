"""Insurance of a person: ask the portal about the card, what it said, and which category a visit probably has.

Asked on arrival, on demand and again after the last order (Circular 12/2026/TT-BTC art. 4, Decree 188/2025 art. 21;
secondary). Each asking is a message of the outbox and a CoverageEligibilityRequest; each answer is kept as it came
(insurance_answers.py). A portal that is down is never a refusal: the card counts as not verified, and is asked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from lienmach.base import clock, errors
from lienmach.care import check_ins, coverages, insurance_words, outbox, resources, systems
from lienmach.care.check_ins import queue as queue_check_in
from lienmach.care.coverages import InsuredCard
from lienmach.care.facility import Facility
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import identity, names

__all__ = ["ask", "look_up_body", "provisional_category", "queue_check_in", "state_of"]

CHANNEL = "insurance"
_ASKED = "card/"  # how the keys of look-ups of a card begin
_PEOPLE_AT_ONCE = 40
MOMENTS = ("arrival", "demand", "after-orders")
MOMENT = systems.EXTENSION + "look-up-moment"  # valueCode on the request and its response
RESULT_CODE = systems.EXTENSION + "look-up-result"  # valueCode on a response: maKetQua
ENDING = timedelta(days=30)


@dataclass(frozen=True)
class CardState:
    """What is known about a person's insurance now. kind: a word of insurance_words.KINDS, stable for programs.

    word, text: Vietnamese, a badge and a sentence; keys of the words. is_verified: the portal said that a card is
    valid. cards: active ones, best first. copay_year_vnd: co-payment of the year. is_asking: an answer is under way.
    """

    kind: str
    word: str
    text: str
    is_verified: bool = False
    checked_at: datetime | None = None
    result_code: str = ""
    cards: tuple[InsuredCard, ...] = ()
    copay_year_vnd: int = 0
    five_years_on: date | None = None
    exempt_from: datetime | None = None
    is_asking: bool = False
    is_ending: bool = False

    @property
    def card(self) -> InsuredCard | None:
        """The card that a visit would use, or None."""
        return self.cards[0] if self.cards else None


async def ask(tx: Transaction, patient_id: str, *, encounter_id: str = "", moment: str = "arrival") -> str:
    """Ask the portal about a person's card, by the outbox; returns the id of the Coverage to use, "" without a card.

    A card that stands on the Patient becomes a Coverage that nobody has verified yet, so that a visit can name it at
    once. Asked with the card number, else the social insurance or citizen number; somebody without any is not asked.
    While an earlier asking waits for its answer there is no second one: asking again sends that one now.
    """
    if moment not in MOMENTS:
        raise ValueError(f"a look-up has no moment {moment!r}")
    patient = await resources.read(tx, "Patient", patient_id)
    printed = coverages.number_of(patient)
    known = await coverages.of_patient(tx, patient_id)
    if printed and all(one.number != printed for one in known):
        own = coverages.coverage_id(patient_id, printed)
        await coverages.keep(tx, patient_id, InsuredCard(own, printed, printed[:2], printed[2]))
        known = await coverages.of_patient(tx, patient_id)
    number = printed or _other_number(patient)
    if number and outbox.is_connected(tx.store.limits, CHANNEL):
        waiting = [
            one
            for one in await outbox.of_subject(tx, f"Patient/{patient_id}", channel=CHANNEL, limit=10)
            if one.state in outbox.OPEN_STATES
        ]
        if not waiting:
            await _queue(tx, patient, number, encounter_id, moment)
        elif waiting[0].state == "waiting" and waiting[0].problem:
            outbox.retry(tx, waiting[0].message_id)
    active = [one for one in known if one.is_active]
    return active[0].coverage_id if active else ""


async def state_of(tx: Transaction, patient_id: str) -> CardState:
    """What the record knows about a person's insurance: cards, the portal's last word, and whether it is being asked."""
    patient = await resources.read(tx, "Patient", patient_id)
    cards = await coverages.of_patient(tx, patient_id)
    asked = await outbox.of_subject(tx, f"Patient/{patient_id}", channel=CHANNEL, limit=5)
    newest = next((one for one in asked if one.key.startswith(_ASKED)), None)
    answers = await resources.find(tx, "CoverageEligibilityResponse", ("patient", f"Patient/{patient_id}"), count=5)
    return _state(tx, patient, cards, newest, answers)


async def states_of(tx: Transaction, patient_ids: Iterable[str]) -> dict[str, CardState]:
    """The same of several people, read together, for a list; who is not there is left out."""
    people = await resources.read_many(tx, "Patient", patient_ids)
    cards = await coverages.of_patients(tx, people)
    named = {own: f"Patient/{own}" for own in people}
    asked = await outbox.newest_of(tx, list(named.values()), channel=CHANNEL, key_begins=_ASKED)
    answers: dict[str, list[Resource]] = {}
    for start in range(0, len(people), _PEOPLE_AT_ONCE):
        group = ",".join(sorted(named.values())[start : start + _PEOPLE_AT_ONCE])
        for one in await resources.find(tx, "CoverageEligibilityResponse", ("patient", group), count=1000):
            answers.setdefault(resources.id_of(one.get("patient"), "Patient"), []).append(one)
    return {
        own: _state(tx, one, cards.get(own, []), asked.get(named[own]), answers.get(own, []))
        for own, one in people.items()
    }


def _state(
    tx: Transaction,
    patient: Resource,
    cards: list[InsuredCard],
    newest: outbox.Message | None,
    answers: Sequence[Resource],
) -> CardState:
    said = max((one for one in answers if _code(one)), key=lambda one: one["created"], default=None)
    active = tuple(one for one in cards if one.is_active)
    has_number = bool(coverages.number_of(patient) or cards)
    kind = _kind(tx, newest, said, has_number or bool(_other_number(patient)))
    today = tx.now.astimezone(tx.tenant.time_zone).date()
    if kind in insurance_words.VERIFIED and active and active[0].to_on is not None and active[0].to_on < today:
        kind = "ended"
    best = active[0] if active else None
    code = _code(said) if said else ""
    word, text = insurance_words.words(kind, code)
    return CardState(
        kind, word, text,
        is_verified=kind in insurance_words.VERIFIED,
        checked_at=_created(said),
        result_code=code,
        cards=active,
        copay_year_vnd=best.copay_year_vnd if best else 0,
        five_years_on=best.five_years_on if best else None,
        exempt_from=best.exempt_from if best else None,
        is_asking=newest is not None and newest.state in outbox.OPEN_STATES,
        is_ending=bool(best and best.to_on and today <= best.to_on <= today + ENDING),
    )  # fmt: skip


def provisional_category(
    facility: Facility,
    card: InsuredCard | None,
    *,
    has_referral: bool = False,
    has_appointment_slip: bool = False,
    is_emergency: bool = False,
) -> str:
    """MA_DOITUONG_KCB as far as it can be told on arrival at an outpatient desk; it is decided when the visit ends.

    The first row of the list of Decision 3276/QĐ-BYT (2025-10-17) that fits, by the facility's level: commune, clinic
    (initial level), district (basic, provisionally), province, central. A facility's points are not known here, so a
    self-attended province counts as basic (1.14): secondary, to be looked at when the visit ends.
    """
    if card is None:
        return "9"
    if facility.level == "commune":
        return "1.2"
    if card.initial_facility and card.initial_facility == facility.code:
        return "1.1"
    if has_referral:
        return "1.3"
    if has_appointment_slip:
        return "1.5"
    if is_emergency:
        return "2"
    return {"clinic": "1.11", "district": "1.12", "province": "1.14", "central": "3.1"}.get(facility.level, "1.12")


def look_up_body(patient: Resource, number: str, operator: str = "", operator_number: str = "") -> bytes:
    """The JSON of a look-up: maThe, hoTen, ngaySinh (dd/MM/yyyy or yyyy), hoTenCb, cccdCb."""
    born = str(patient.get("birthDate", ""))
    parts = born.split("-")
    said = "/".join(reversed(parts)) if len(parts) == 3 else parts[0]
    return outbox.as_json(
        {
            "maThe": number,
            "hoTen": names.shown(patient),
            "ngaySinh": said,
            "hoTenCb": operator,
            "cccdCb": operator_number,
        }
    )


async def _queue(tx: Transaction, patient: Resource, number: str, encounter_id: str, moment: str) -> None:
    key = f"{_ASKED}{patient['id']}/{moment}/{encounter_id}/{clock.to_instant(tx.now)}"
    operator = await _operator(tx)
    body = look_up_body(patient, number, tx.actor.display, operator)
    message = outbox.queue(tx, CHANNEL, key, body, subject=f"Patient/{patient['id']}")
    extension = [{"url": MOMENT, "valueCode": moment}]
    if encounter_id:
        visit = {"reference": f"Encounter/{encounter_id}"}
        extension.append({"url": systems.EXTENSION + "look-up-visit", "valueReference": visit})  # type: ignore[dict-item]
    request: Resource = {
        "resourceType": "CoverageEligibilityRequest",
        "id": message,
        "extension": extension,
        "status": "active",
        "purpose": ["validation", "benefits"],
        "patient": {"reference": f"Patient/{patient['id']}"},
        "created": clock.to_instant(tx.now),
        "enterer": resources.me(tx),
        "insurer": coverages.INSURER,
    }
    if not request["enterer"].get("reference"):
        del request["enterer"]
    await resources.create(tx, request, resource_id=message)


async def _operator(tx: Transaction) -> str:
    """The citizen number of who asks (cccdCb), where their Practitioner has one."""
    if not tx.actor.reference.startswith("Practitioner/"):
        return ""
    try:
        return check_ins.personal_number(await resources.follow(tx, tx.actor.reference))
    except (errors.NotFound, errors.Gone):
        return ""


def _kind(tx: Transaction, newest: outbox.Message | None, said: Resource | None, has_number: bool) -> str:
    """The kind of the state. An answer of an earlier day counts until it is asked again, not beyond."""
    said_at, zone = _created(said), tx.tenant.time_zone
    is_of_today = said_at is not None and said_at.astimezone(zone).date() == tx.now.astimezone(zone).date()
    if newest is not None and newest.state in outbox.OPEN_STATES and not is_of_today:
        return "down" if newest.problem else "asking"
    if said is not None:
        return insurance_words.kind_of(_code(said))
    if newest is not None and newest.state == "refused":
        return "refused"
    if not has_number:
        return "none"
    return "unverified" if outbox.is_connected(tx.store.limits, CHANNEL) else "not-connected"


def _other_number(patient: Resource) -> str:
    """The social insurance number, else the citizen number: the portal takes either."""
    found: dict[str, str] = {}
    for one in patient.get("identifier", ()):
        kind = identity.kind_of_system(str(one.get("system", "")))
        if kind is not None:
            found.setdefault(kind.key, str(one.get("value", "")))
    return found.get("bhxh") or found.get("cccd") or ""


def _code(response: Resource) -> str:
    return next(
        (str(one.get("valueCode", "")) for one in response.get("extension", ()) if one.get("url") == RESULT_CODE), ""
    )


def _created(response: Resource | None) -> datetime | None:
    if response is None:
        return None
    said: Any = response["created"]
    return datetime.fromisoformat(str(said).replace("Z", "+00:00"))
