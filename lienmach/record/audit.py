"""Who saw or changed what: one AuditEvent an answer, in the same commit, shaped to IHE BALP 1.1.

(https://profiles.ihe.net/ITI/BALP) A unit of work notes what it was asked (`note`) and whom its answer shows
(`show`); when it ends, `collect` adds one AuditEvent version to its changes: it takes its place in the chain,
is found by search like any resource, and no answer leaves before it is durable. Writing it is not audited.

The parts that do not depend on the person (agent, source, type) are rendered and indexed once for each kind of
access and kept as a frame (record/frames.py); only the persons, the moment and the query are made for each event.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

from lienmach.base import clock, ids
from lienmach.base.actor import Actor
from lienmach.base.jobs import JobRow
from lienmach.record import frames, subject
from lienmach.record.change import Change, Stored
from lienmach.record.frames import Frame
from lienmach.record.index import rows as index_rows
from lienmach.record.index import terms
from lienmach.record.index.parameters import Parameters
from lienmach.record.index.rows import IndexRows
from lienmach.record.tenants import Tenant
from lienmach.standards.fhir import json as fhir_json
from lienmach.standards.fhir.definitions import Definitions

_PROFILE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_INSTANT = timedelta(milliseconds=1)  # how long an instant written with milliseconds lasts
_QUERY_CHARS_MAX = 4000
_REQUEST_ID_CHARS_MAX = 200
_PATIENT = re.compile(rb'"(?:[^"\\\\]*/)?Patient/([A-Za-z0-9.-]{1,64})(?:/_history/[^"]*)?"')
_PERSONS_MAX = 1000  # of one event; the others are named in further ones

# interaction -> (BALP profile part, action, is the client the source of the data?)
_KINDS: dict[str, tuple[str, str, bool]] = {
    "read": ("Read", "R", False),
    "vread": ("Read", "R", False),
    "history-instance": ("Read", "R", False),
    "history-type": ("Query", "E", False),
    "history-system": ("Query", "E", False),
    "search-type": ("Query", "E", False),
    "search-system": ("Query", "E", False),
    "create": ("Create", "C", True),
    "update": ("Update", "U", True),
    "patch": ("Update", "U", True),
    "delete": ("Delete", "D", True),
    "transaction": ("Create", "C", True),
    "batch": ("Create", "C", True),
}


class Access:
    """What a unit of work was asked and whom it shows; empty until `note` is called."""

    __slots__ = ("interaction", "outcome", "persons", "query", "request_id", "what")

    def __init__(self) -> None:
        self.interaction = ""
        self.what = ""
        self.query = ""
        self.request_id = ""
        self.outcome = "0"
        self.persons: dict[str, None] = {}

    def note(
        self, interaction: str, *, what: str = "", query: str = "", request_id: str = "", outcome: str = "0"
    ) -> None:
        """interaction: code of the FHIR restful-interaction system. what: "Type/id". query: path and query as asked.

        outcome: AuditEvent.outcome, "0" done, "4" refused, "8" failed.
        """
        self.interaction = interaction
        self.what = what or self.what
        self.query = query[:_QUERY_CHARS_MAX]
        self.request_id = request_id[:_REQUEST_ID_CHARS_MAX] or self.request_id
        self.outcome = outcome

    def show(self, stored: Stored) -> None:
        """The answer shows this version; its person is named in the event."""
        if stored.patient is not None:
            self.persons[stored.patient] = None
        elif stored.type != "AuditEvent":  # an appointment, a group, a bundle: about several persons
            for found in _PATIENT.findall(stored.body):
                self.persons[found.decode()] = None

    def withdraw(self) -> None:
        """Of what was read so far the answer shows no person: it counts, or it is shown by a unit that says so."""
        self.persons.clear()


class Audited(Protocol):
    """What is needed of a unit of work."""

    access: Access
    actor: Actor
    tenant: Tenant
    now: datetime
    definitions: Definitions
    parameters: Parameters
    changes: list[Change]
    jobs: list[JobRow]

    def add(self, change: Change) -> None: ...


def collect(tx: Audited) -> None:
    """Add the unit's AuditEvent to its changes; nothing if it neither noted, nor showed, nor changed anything.

    Every person is named: more than _PERSONS_MAX make several events.
    """
    access = tx.access
    if not (access.interaction or access.persons or tx.changes):
        return
    persons = dict(access.persons)
    for change in tx.changes:
        if change.patient is not None:
            persons[change.patient] = None
    interaction, what = access.interaction, access.what
    if not interaction:
        interaction, what = _guess(tx.changes)
    elif not what and len(tx.changes) == 1:
        what = f"{tx.changes[0].type}/{tx.changes[0].id}"
    named = list(persons)
    for start in range(0, max(1, len(named)), _PERSONS_MAX):
        tx.add(_event(tx, interaction, what, named[start : start + _PERSONS_MAX]))


def _guess(changes: list[Change]) -> tuple[str, str]:
    """A verb called from inside the house notes nothing; its changes say what it did."""
    if len(changes) == 1:
        one = changes[0]
        return {"C": "create", "U": "update", "D": "delete"}[one.op], f"{one.type}/{one.id}"
    return ("batch" if changes else "search-system"), ""


def _event(tx: Audited, interaction: str, what: str, persons: list[str]) -> Change:
    access, moment = tx.access, tx.now
    recorded = clock.to_instant(moment)
    if what.startswith("Patient/"):
        persons = persons or [what[8:]]
        what = ""
    shape = (bool(persons), bool(what), bool(access.query), bool(access.request_id))
    head, tail, frame = _frame(tx.parameters, tx.tenant, tx.actor, interaction, access.outcome, shape)
    event_id = ids.new_id()
    body = (
        f'{{"resourceType":"AuditEvent","id":"{event_id}","meta":{{"versionId":"1","lastUpdated":"{recorded}",'
        f'{head}"recorded":"{recorded}",{tail}'
    ).encode()
    if any(shape):
        entities = [_PERSON_TEXT % fhir_json.dump(f"Patient/{one}") for one in persons]
        if any(shape[1:]):
            entities.append(fhir_json.dump(_entities(what, [], access.query, access.request_id))[1:-1])
        body = b'%b,"entity":[%b]}' % (body[:-1], b",".join(entities))
    own, hot = _own_terms(tx.tenant.term_seed, what, persons, access.request_id)
    return Change(
        type="AuditEvent",
        type_number=tx.definitions.type_number("AuditEvent"),
        id=event_id,
        op="C",
        version_id=1,
        at=moment,
        body=body,
        bucket=subject.bucket_of(event_id),
        patient=None,
        point=None,
        frame=frame,
        rows=IndexRows(
            None,
            moment,
            [frame.number, *own],
            hot,
            dat=[(tx.parameters.of("AuditEvent")["date"].number, moment, moment + _INSTANT, None)],
        ),
    )


def _own_terms(seed: int, what: str, persons: list[str], request_id: str) -> tuple[list[int], list[int]]:
    """(the terms that an event has not by its frame, those of them that are hot): its persons and what it names."""
    hot = [terms.term_of(seed, "AuditEvent", "patient", "r", f"Patient/{one}") for one in persons]
    own = hot + [terms.term_of(seed, "AuditEvent", "entity", "r", f"Patient/{one}") for one in persons]
    if what:
        own.append(terms.term_of(seed, "AuditEvent", "entity", "r", what))
    if request_id:
        own += [
            terms.term_of(seed, "AuditEvent", "entity", "i", f"t||{request_id}"),
            terms.term_of(seed, "AuditEvent", "entity", "i", f"c|{request_id}"),
        ]
    return own, hot


Shape = tuple[bool, bool, bool, bool]  # has it persons, a resource, a query, a request id?


@lru_cache(maxsize=4096)
def _frame(
    parameters: Parameters, tenant: Tenant, actor: Actor, interaction: str, outcome: str, shape: Shape
) -> tuple[str, str, Frame]:
    """(JSON from meta.profile to before `recorded`, JSON after it, index frame) for one kind of access."""
    part, action, inbound = _KINDS[interaction]
    profile = _PROFILE + ("Patient" if shape[0] else "") + part
    before = {
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": interaction}],
        "action": action,
    }
    after = {
        "outcome": outcome,
        "purposeOfEvent": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": actor.purpose}]}
        ],
        "agent": _agents(actor, inbound),
        "source": {
            "site": tenant.slug,
            "observer": {"display": "Liền Mạch"},
            "type": [{"system": "http://terminology.hl7.org/CodeSystem/security-source-type", "code": "4"}],
        },
    }
    head = f'"profile":["{profile}"]}},' + fhir_json.dump(before).decode()[1:-1] + ","
    tail = fhir_json.dump(after).decode()[1:]
    sample = (
        "Basic/x" if shape[1] else "",
        ["x"] if shape[0] else [],
        "x" if shape[2] else "",
        "x" if shape[3] else "",
    )
    resource = {
        "resourceType": "AuditEvent",
        "meta": {"profile": [profile]},
        **before,
        **after,
        "recorded": "2000-01-01T00:00:00Z",
        "entity": _entities(*sample),
    }
    rows = index_rows.extract(
        parameters, resource, tenant=tenant.number, term_seed=tenant.term_seed, tz=tenant.time_zone
    )
    own, _ = _own_terms(tenant.term_seed, sample[0], sample[1], sample[3])
    return head, tail, frames.frame_of(tenant.term_seed, rows, own)


def _agents(actor: Actor, inbound: bool) -> list[dict[str, Any]]:
    """Client, server and the person, as BALP wants them. inbound: the client is the source of the data."""
    codes = ("110153", "110152") if inbound else ("110152", "110153")
    client: dict[str, Any] = {
        "type": {"coding": [{"system": _DCM, "code": codes[0]}]},
        "who": {"display": "client"},
        "requestor": False,
    }
    if actor.address:
        client["network"] = {"address": actor.address, "type": "2"}
    server = {
        "type": {"coding": [{"system": _DCM, "code": codes[1]}]},
        "who": {"display": "Liền Mạch"},
        "requestor": False,
    }
    who: dict[str, Any] = {"identifier": {"system": "https://lienmach.org/sid/login", "value": actor.user}}
    if actor.reference:
        who["reference"] = actor.reference
    if actor.display:
        who["display"] = actor.display
    person = {
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]},
        "role": [
            {"coding": [{"system": "https://lienmach.org/fhir/CodeSystem/role", "code": role}]}
            for role in sorted(actor.roles)
        ],
        "who": who,
        "requestor": True,
        "purposeOfUse": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": actor.purpose}]}
        ],
    }
    if not person["role"]:
        del person["role"]
    return [client, server, person]


_ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_PERSON = {"type": {"system": _ENTITY_TYPE, "code": "1"}, "role": {"system": _OBJECT_ROLE, "code": "1"}}
_PERSON_TEXT = b'{"what":{"reference":%b},' + fhir_json.dump(_PERSON)[1:]
_DATA = {"type": {"system": _ENTITY_TYPE, "code": "2"}, "role": {"system": _OBJECT_ROLE, "code": "4"}}
_QUERY = {"type": {"system": _ENTITY_TYPE, "code": "2"}, "role": {"system": _OBJECT_ROLE, "code": "24"}}
_REQUEST = {
    "type": {"system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "code": "XrequestId"}
}


def _entities(what: str, persons: Iterable[str], query: str, request_id: str) -> list[dict[str, Any]]:
    entities: list[dict[str, Any]] = [{"what": {"reference": f"Patient/{one}"}, **_PERSON} for one in persons]
    if what:
        entities.append({"what": {"reference": what}, **_DATA})
    if query:
        entities.append({**_QUERY, "query": base64.b64encode(query.encode()).decode()})
    if request_id:
        entities.append({"what": {"identifier": {"value": request_id}}, **_REQUEST})
    return entities
