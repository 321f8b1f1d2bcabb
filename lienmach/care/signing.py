"""Signing: who may sign, what exactly was signed, and whether it is still so.

    signer = await signing.signer_for(store, actor, session_key=cookie, pin=pin)      # PinNeeded, WrongPin, NoKey

    async def work(tx):
        note = await resources.create(tx, composition)
        await signing.attach(tx, signer, [note], activity="sign-note", shown=form["shown"])

`attach` writes a Provenance with a detached JWS over the exact bytes of each version, in the same unit of work as the
versions themselves; `verify` reads those bytes again. The keys are in signing_keys.py, the port for other kinds of
keys in signing_port.py, PDF and XML in signing_documents.py.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from lienmach.base import clock, errors
from lienmach.care import facility, resources, signing_jws
from lienmach.care import signing_certificates as certificates
from lienmach.care.signing_documents import sign_pdf as sign_pdf
from lienmach.care.signing_documents import sign_xml as sign_xml
from lienmach.care.signing_guard import guard_final as guard_final
from lienmach.care.signing_guard import guard_signature as guard_signature
from lienmach.care.signing_keys import ensure as ensure
from lienmach.care.signing_keys import facility_signer as facility_signer
from lienmach.care.signing_keys import set_pin as set_pin
from lienmach.care.signing_keys import signer_for as signer_for
from lienmach.care.signing_keys import state_of as state_of
from lienmach.care.signing_port import NoKey as NoKey
from lienmach.care.signing_port import PinNeeded as PinNeeded
from lienmach.care.signing_port import Signer as Signer
from lienmach.care.signing_port import SigningRefused as SigningRefused
from lienmach.care.signing_port import SigningState as SigningState
from lienmach.care.signing_port import WrongPin as WrongPin
from lienmach.record import read as record_read
from lienmach.record import search, write
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import json as fhir_json

ACTIVITY = "https://lienmach.org/fhir/CodeSystem/signing-activity"
_PURPOSES = "urn:iso-astm:E1762-95:2013"  # Signature.type (FHIR R4 valueset-signature-type)
_AUTHOR = ("1.2.840.10065.1.12.1.1", "Author's Signature")
_FACILITY = ("1.2.840.10065.1.12.1.14", "Source Signature")
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_WITHOUT = ("id", "meta")


@dataclass(frozen=True)
class Target:
    """One version that a signature covers. state: ok | changed | missing. is_current: nothing has followed it."""

    reference: str
    state: str
    is_current: bool


@dataclass(frozen=True)
class Signature:
    """One signature, judged. who: the name in the certificate. login: "" for the facility.

    state: ok | changed (a covered version has other bytes now, or is gone) | forged (the signature is not of that
    key) | unknown-key (the key was not issued here) | expired (signed outside the validity of certificate or key) |
    unreadable.
    """

    provenance_id: str
    state: str
    who: str
    login: str
    key_id: str
    activity: str
    signed_at: datetime | None
    targets: tuple[Target, ...]


def content_digest(resource: dict[str, Any], *, without: Sequence[str] = _WITHOUT) -> str:
    """SHA-256 in hexadecimal of what a page shows before it is signed; put it into the form, hand it to `attach`.

    without: top-level members that arise only at storing; both sides leave the same ones out.
    """
    kept = {name: value for name, value in resource.items() if name not in without}
    return hashlib.sha256(fhir_json.dump(kept)).hexdigest()


async def attach(
    tx: Transaction,
    signer: Signer,
    targets: Sequence[Stored],
    *,
    activity: str,
    on_behalf_facility: bool = False,
    shown: Sequence[str] | None = None,
    without: Sequence[str] = _WITHOUT,
) -> Stored:
    """Sign these versions and store the Provenance that carries the signature.

    targets: written by this unit, or current in the record, which the commit looks at again: of two who sign the same
    version while one changes it, one reads why. activity: a code such as `sign-note`. on_behalf_facility: the own key
    of the facility where the actor works signs too. shown: a `content_digest` for each target, as it was on the screen
    that was signed. Raises errors.Refused for another person's key, errors.Conflict if a target is no longer what was
    shown.
    """
    if signer.tenant != tx.tenant.number or signer.login != tx.actor.user:
        raise errors.Refused("This key belongs to another person.")
    if not targets:
        raise ValueError("nothing to sign")
    _check_shown(targets, shown, without)
    for one in targets:
        await _hold(tx, one)
    references = [f"{one.type}/{one.id}/_history/{one.version_id}" for one in targets]
    objects = tuple(
        (reference, signing_jws.digest(one.body)) for reference, one in zip(references, targets, strict=True)
    )
    signatures = [await _sign(tx, signer, objects, activity, _AUTHOR)]
    agent: dict[str, Any] = {"type": resources.concept(_PARTICIPANT, "author"), "who": signer.who}
    if on_behalf_facility:
        agent["onBehalfOf"] = await _facility(tx)
        sealing = await facility_signer(tx.store, tx.tenant.number, agent["onBehalfOf"])
        signatures.append(await _sign(tx, sealing, objects, activity, _FACILITY))
    return await resources.create(
        tx,
        {
            "resourceType": "Provenance",
            "target": [{"reference": one} for one in references],
            "recorded": clock.to_instant(tx.now),
            "activity": resources.concept(ACTIVITY, activity),
            "agent": [agent],
            "signature": signatures,
        },
    )


async def verify(tx: Transaction, target_reference: str) -> list[Signature]:
    """All signatures on a resource (`Composition/1`) or on one version of it (`…/_history/2`), the newest first.

    The bytes are read again from the record. Raises errors.Refused, errors.NotFound.
    """
    kind, own, version = _split(tx, target_reference)
    await record_read.current(tx, kind, own)
    page = await search.search(tx, "Provenance", [("target", f"{kind}/{own}"), ("_count", "200"), ("_total", "none")])
    found = [
        await _judge(tx, one.id, entry)
        for one in page.matches
        for entry in resources.of(one).get("signature", ())
        if isinstance(entry, dict)
    ]
    wanted = f"{kind}/{own}/_history/{version}" if version else ""
    return [one for one in found if not wanted or any(target.reference == wanted for target in one.targets)]


def _check_shown(targets: Sequence[Stored], shown: Sequence[str] | None, without: Sequence[str]) -> None:
    if shown is None:
        return
    stored = [content_digest(resources.of(one), without=without) for one in targets]
    if len(stored) != len(shown) or not all(map(hmac.compare_digest, stored, shown)):
        raise errors.Conflict("What would be signed is not what was shown; read it again and sign then.")


async def _hold(tx: Transaction, target: Stored) -> None:
    """Make sure that this version is the current one, now and at the commit."""
    pending = tx.pending.get((tx.definitions.type_number(target.type), target.id))
    if pending is not None:
        if pending.version_id != target.version_id or pending.body != target.body:
            raise errors.Conflict(f"{target.type}/{target.id} was changed after it was read; read it again.")
        return
    point = await tx.point(target.type, target.id)
    if point is None or point.deleted or point.version_id != target.version_id or point.body != target.body:
        raise errors.Conflict(f"{target.type}/{target.id} was changed after it was read; read it again.")

    async def still_current(unit: Transaction, connection: asyncpg.Connection) -> bool:
        unit.on(connection)
        try:
            again = await unit.point(target.type, target.id)
        finally:
            unit.on(None)
        return again is not None and not again.deleted and again.version_id == target.version_id

    tx.premises.append(still_current)


async def _facility(tx: Transaction) -> dict[str, str]:
    """A Reference to where the actor works; the tenant's name where no facility is set up."""
    try:
        home = await facility.home(tx)
    except errors.Conflict:
        return {"display": tx.tenant.name}
    return {"reference": f"Organization/{home.organization_id}", "display": home.name}


async def _sign(
    tx: Transaction, signer: Signer, objects: tuple[tuple[str, bytes], ...], activity: str, purpose: tuple[str, str]
) -> dict[str, Any]:
    statement = signing_jws.Statement(signer.key_id, signer.certificate, tx.now, activity, objects)
    protected = signing_jws.header(statement, signer.chain)
    text = signing_jws.join(protected, await signer.sign(signing_jws.input_of(protected), algorithm="ES256"))
    return {
        "type": [resources.coding(_PURPOSES, *purpose)],
        "when": clock.to_instant(tx.now),
        "who": signer.who,
        "targetFormat": "application/fhir+json",
        "sigFormat": "application/jose",
        "data": base64.b64encode(text.encode()).decode(),
    }


async def _judge(tx: Transaction, provenance_id: str, entry: dict[str, Any]) -> Signature:
    try:
        text = base64.b64decode(str(entry.get("data", "")), validate=True).decode("ascii")
        said = signing_jws.read(text)
    except ValueError:
        who = str((entry.get("who") or {}).get("display", ""))
        return Signature(provenance_id, "unreadable", who, "", "", "", None, ())
    found = await tx.fetch(
        "select certificate, issued_at, withdrawn_at from signing_key where tenant = $1 and key_id = $2",
        *(tx.tenant.number, said.key_id),
    )
    certificate = bytes(found[0]["certificate"]) if found else said.certificate
    targets = tuple([await _target(tx, reference, digest) for reference, digest in said.objects])
    if not found:
        state = "unknown-key"
    elif not await asyncio.to_thread(signing_jws.is_true, text, certificate):
        state = "forged"
    elif any(one.state != "ok" for one in targets):
        state = "changed"
    elif not _was_valid(found[0], certificate, said.signed_at):
        state = "expired"
    else:
        state = "ok"
    try:
        who, login = certificates.name_in(certificate)
    except ValueError:
        who, login = "", ""
    return Signature(provenance_id, state, who, login, said.key_id, said.activity, said.signed_at, targets)


def _was_valid(key: asyncpg.Record, certificate: bytes, signed_at: datetime) -> bool:
    withdrawn_at = key["withdrawn_at"]
    return certificates.is_valid_at(certificate, signed_at) and (withdrawn_at is None or signed_at <= withdrawn_at)


async def _target(tx: Transaction, reference: str, digest: bytes) -> Target:
    try:
        kind, own, version = _split(tx, reference)
        stored = await record_read.vread(tx, kind, own, version)
        current = await tx.point(kind, own)
    except (errors.NotFound, errors.Gone, errors.Invalid, errors.Refused):
        return Target(reference, "missing", False)
    is_same = hmac.compare_digest(signing_jws.digest(stored.body), digest)
    is_current = current is not None and not current.deleted and current.version_id == stored.version_id
    return Target(reference, "ok" if is_same else "changed", is_current)


def _split(tx: Transaction, reference: str) -> tuple[str, str, str]:
    """(type, id, version or "") of `Type/id` or `Type/id/_history/version`. Raises errors.Invalid."""
    parts = reference.split("/")
    if all(parts) and len(parts) > 1 and tx.definitions.is_resource_type(parts[0]):
        write.check_id(parts[1])
        if len(parts) == 2:
            return parts[0], parts[1], ""
        if len(parts) == 4 and parts[2] == "_history":
            return parts[0], parts[1], parts[3]
    raise errors.Invalid(f"This reference is not of the form Type/id: {reference[:80]}")
