"""People as patients: find them, see who might be the same, register them, and say who they are on a banner.

Verbs over the record for the pages of every department. What a typed text means: `people_search.py`; what a
form becomes: `person_draft.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg

from lienmach.base import clock, errors
from lienmach.care import banner, people_search, person_draft, resources
from lienmach.care.person_draft import PersonDraft
from lienmach.record import people, read, search, write
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import folding
from lienmach.standards.vietnam import formats, identity, names, qr

WEIGHT = "http://loinc.org|29463-7"


@dataclass(frozen=True)
class Found:
    """One person of an answer. patient: the resource as a dict. rank: smaller is better. why: word of the branch
    (number, last-four, phone, name, initials, name-year, initials-year, birth-date …)."""

    stored: Stored
    patient: dict[str, Any]
    rank: int
    why: str


@dataclass(frozen=True)
class FindResult:
    """people: best first. scanned: what a card said, to start a registration from. mangled, hint: see people_search."""

    people: list[Found] = field(default_factory=list)
    scanned: qr.ScannedPerson | None = None
    mangled: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Candidate:
    """Somebody who may be the same person. reasons: same-number, same-name-and-birth, same-name-and-year, same-phone.
    certain: a number that belongs to one person is the same."""

    found: Found
    reasons: tuple[str, ...]
    certain: bool


async def find(tx: Transaction, text: str, limit: int = 20) -> FindResult:
    """People whom a typed or scanned text may mean, best first (see people_search for what is understood).

    Everybody in the answer is shown, so tx names them in its audit event. Raises errors.Refused.
    """
    asked = people_search.read(text, today=_today(tx), tz=tx.tenant.time_zone)
    hits = await people.find(tx, asked.branches, limit=limit)
    found = [_found(hit) for hit in hits]
    # Merged and inactive records stay findable but never stand before living ones.
    found.sort(key=lambda one: (one.patient.get("active") is False, one.rank))
    for one in found:
        tx.show(one.stored)
    return FindResult(found, asked.scanned, asked.mangled, asked.hint)


async def duplicates(tx: Transaction, draft: PersonDraft, limit: int = 10) -> list[Candidate]:
    """People in the record who may be the person of this draft, certain ones first; may be asked at every key."""
    candidates = _compare(await people.find(tx, _branches_of(draft), limit=limit * 3), draft)
    for one in candidates[:limit]:
        tx.show(one.found.stored)
    return candidates[:limit]


async def holders(tx: Transaction, draft: PersonDraft) -> list[Candidate]:
    """People who carry one of the numbers of this draft already; shown to nobody yet."""
    branches = [one for one in _branches_of(draft) if isinstance(one, people.Term) and one.kind == "number"]
    return [one for one in _compare(await people.find(tx, branches), draft) if one.certain]


async def register(tx: Transaction, draft: PersonDraft, *, reason_override: str | None = None) -> Stored:
    """Store a new Patient from a draft.

    Raises errors.Invalid for what is missing, and errors.Conflict if somebody carries one of its numbers already,
    unless reason_override says why this is right; the reason is kept in the resource. Two desks that register the
    same card at once: the second one's commit falls (committer.Changed), `store.run` tries again and finds the first.
    """
    remarks = person_draft.missing(draft)
    if remarks:
        raise errors.Invalid(issues=[errors.Issue("error", "required", one.en) for one in remarks])
    if not (reason_override or "").strip():
        if await holders(tx, draft):
            raise errors.Conflict(
                "Somebody with this number is registered already; open that record, or say why not.", code="duplicate"
            )
        if person_draft.numbers(draft):
            tx.premises.append(_nobody_yet(draft))
    resource = person_draft.build(draft, similar_reason=reason_override or "")
    resource = person_draft.stamped(resource, resources.me(tx), clock.to_instant(tx.now))
    return await write.create(tx, json.dumps(resource, ensure_ascii=False).encode(), resource=resource)


async def read_banner(tx: Transaction, patient_id: str, *, en: bool = False) -> banner.Banner:
    """The banner of a person, with allergies and the last weight where the role may read them.

    Raises errors.NotFound, Gone, Refused. Shows the person and what the banner was made of.
    """
    patient = _resource(await read.read(tx, "Patient", patient_id))
    allergies = await _about(tx, "AllergyIntolerance", patient_id, [("_count", "50")])
    weights = await _about(tx, "Observation", patient_id, [("code", WEIGHT), ("_count", "1")])
    cards = await _about(tx, "Coverage", patient_id, [("_count", "20")])
    built = banner.build(
        patient, today=_today(tx), allergies=allergies, weight=weights[0] if weights else None, coverages=cards, en=en
    )
    return built if weights is not None else replace(built, weight="")  # not for this role is not "not weighed"


async def _about(tx: Transaction, kind: str, patient_id: str, params: search.Params) -> list[dict[str, Any]] | None:
    """Resources of a type about a person in natural order (newest first); None if the role may not read the type."""
    try:
        page = await search.search(tx, kind, [("patient", patient_id), *params])
    except errors.Refused:
        return None
    return [_resource(one) for one in page.matches]


def _nobody_yet(draft: PersonDraft) -> Any:
    async def still_so(tx: Transaction, connection: asyncpg.Connection) -> bool:
        tx.on(connection)
        try:
            return not await holders(tx, draft)
        finally:
            tx.on(None)

    return still_so


def _branches_of(draft: PersonDraft) -> list[people_search.Branch]:
    branches: list[people_search.Branch] = [people.Term("number", number, "number", 0) for number in _mine(draft)]
    phone = formats.compact_phone(draft.phone)
    if phone:
        branches.append(people.Term("phone", phone, "phone", 3))
    full = folding.fold(draft.name)
    if full and draft.birth:
        branches.append(people.Term("name-year", f"{full}|{draft.birth[:4]}", "name-year", 2))
    return branches


def _compare(hits: list[people.Hit], draft: PersonDraft) -> list[Candidate]:
    mine = set(_mine(draft))
    full, phone = folding.fold(draft.name), formats.compact_phone(draft.phone)
    candidates = []
    for hit in hits:
        found = _found(hit)
        theirs = set(_numbers(found.patient))
        birth = _text(found.patient.get("birthDate"))
        reasons = []
        if mine & theirs or {one[5:] for one in theirs if len(one) == 15} & mine:
            reasons.append("same-number")
        if full and full == folding.fold(names.shown(found.patient)) and draft.birth and birth:
            if birth == draft.birth and len(birth) == 10:
                reasons.append("same-name-and-birth")
            elif birth[:4] == draft.birth[:4] and (birth.startswith(draft.birth) or draft.birth.startswith(birth)):
                reasons.append("same-name-and-year")
        if phone and phone in {
            formats.compact_phone(_text(one.get("value"))) for one in _dicts(found.patient, "telecom")
        }:
            reasons.append("same-phone")
        if reasons:
            candidates.append(Candidate(found, tuple(reasons), "same-number" in reasons))
    return sorted(candidates, key=lambda one: (not one.certain, -len(one.reasons), one.found.rank))


def _mine(draft: PersonDraft) -> list[str]:
    """The numbers of a draft; of an insurance card the social insurance number at its end too."""
    whole = [number for _, number in person_draft.numbers(draft)]
    return list(dict.fromkeys(whole + [number[5:] for number in whole if len(number) == 15]))


def _numbers(patient: dict[str, Any]) -> list[str]:
    return [identity.compact(_text(one.get("value"))) for one in _dicts(patient, "identifier")]


def _found(hit: people.Hit) -> Found:
    return Found(hit.stored, _resource(hit.stored), hit.rank, hit.why)


def _resource(stored: Stored) -> dict[str, Any]:
    return resources.of(stored)


def _today(tx: Transaction) -> Any:
    return tx.now.astimezone(tx.tenant.time_zone).date()


def _dicts(resource: dict[str, Any], element: str) -> list[dict[str, Any]]:
    value = resource.get(element)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
