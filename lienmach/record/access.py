"""May this actor do this? As a check before a verb, and as a predicate in the SQL of every path.

The first policy: role × purpose × resource type, within the actor's own tenant. Nothing is allowed that no row of
the table below allows: an unknown role, a purpose that the role does not serve, a type that it does not need.
`visible` is the only way a query learns what its actor may see; it stands in read, history, search, every hop of
a chain, `_has`, `_include` and totals. Row-level security (record/schema) stands behind it and knows the tenant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.record.index import contained, terms
from lienmach.standards.fhir.definitions import Definitions

ANY = "*"
TREATING = "treating"  # every type but the directory, the catalogues and what steers this node
_DIRECTORY = """Organization Location Practitioner PractitionerRole HealthcareService Endpoint OrganizationAffiliation
InsurancePlan"""
_CATALOGUE = """CodeSystem ValueSet ConceptMap NamingSystem StructureDefinition StructureMap SearchParameter
OperationDefinition CapabilityStatement CompartmentDefinition ImplementationGuide GraphDefinition MessageDefinition
TerminologyCapabilities ActivityDefinition PlanDefinition Questionnaire Library Measure Medication MedicationKnowledge
Substance CatalogEntry ObservationDefinition SpecimenDefinition DeviceDefinition ChargeItemDefinition EventDefinition
ExampleScenario TestScript TestReport EffectEvidenceSynthesis Evidence EvidenceVariable ResearchDefinition
ResearchElementDefinition RiskEvidenceSynthesis MedicinalProduct MedicinalProductAuthorization
MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction
MedicinalProductManufactured MedicinalProductPackaged MedicinalProductPharmaceutical
MedicinalProductUndesirableEffect SubstanceNucleicAcid SubstancePolymer SubstanceProtein
SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification"""
_STEERING = "Subscription Parameters"
_PERSON = "Patient RelatedPerson Person Coverage Group Flag AllergyIntolerance"
_DESK = (
    "Appointment AppointmentResponse Slot Schedule Encounter EpisodeOfCare Task Communication Consent DocumentReference"
)
_MONEY = """Account ChargeItem Claim ClaimResponse CoverageEligibilityRequest CoverageEligibilityResponse
EnrollmentRequest EnrollmentResponse ExplanationOfBenefit Invoice PaymentNotice PaymentReconciliation Contract"""
_TREATMENT = """Condition Procedure MedicationRequest MedicationDispense ServiceRequest DiagnosticReport Observation
Specimen ImagingStudy Immunization DeviceRequest SupplyRequest"""
_BILLED = "Condition ServiceRequest Specimen MedicationRequest MedicationDispense"  # what a cost statement prints
_COVER = "CoverageEligibilityRequest CoverageEligibilityResponse"
_CLINICAL = ANY  # read of everything but what _GUARDED holds back
_LAB_WORK = "Specimen Observation DiagnosticReport ServiceRequest ChargeItem Communication Provenance Task Device"
_GUARDED = frozenset(["AuditEvent"])
_OWN = """Patient Appointment Encounter Condition AllergyIntolerance Immunization Observation DiagnosticReport
MedicationRequest MedicationDispense DocumentReference Invoice Coverage"""
_RELEASED = {  # results that the person themselves may see; preliminary ones are the staff's
    "Observation": ("final", "amended", "corrected"),
    "DiagnosticReport": ("final", "amended", "corrected", "appended"),
}
#: system|code of a Task in which a person asks who opened their record: kept from those whom it may be about.
QUESTION = "https://lienmach.org/fhir/CodeSystem/task-kind|access-question"
_ASKING = "Task"
_SELF = re.compile(r"Patient/([A-Za-z0-9\-.]{1,64})\Z")


@dataclass(frozen=True)
class Grant:
    """What a role may do: resource types to read, to write, and the purposes (v3 PurposeOfUse) it may act for.

    deletes: it may delete what it may write. People do not delete what belongs to a person: they mark it
    entered-in-error, and it stays to be seen. own: only current resources about the Patient whom the actor is, and of
    results only released ones. AuditEvent is not among them, for one event may name several persons: what is theirs
    of it is cut out by record/openings.py. questions: it also sees and writes the Tasks of code QUESTION.
    """

    read: str
    write: str
    purposes: str
    audit: bool = False
    deletes: bool = False
    own: bool = False
    questions: bool = False


GRANTS: dict[str, Grant] = {
    "system": Grant(
        ANY,
        ANY,
        "TREAT ETREAT HPAYMT HOPERAT PATADMIN SYSADMIN HRESCH PUBHLTH HTEST",
        audit=True,
        deletes=True,
        questions=True,
    ),
    "admin": Grant(
        f"{_DIRECTORY} {_CATALOGUE} Device DeviceMetric Subscription",
        f"{_DIRECTORY} {_CATALOGUE} Device DeviceMetric",
        "SYSADMIN HOPERAT TREAT",
        deletes=True,
    ),
    "reception": Grant(
        f"{_PERSON} {_DESK} {_DIRECTORY} {_CATALOGUE} {_COVER} ChargeItem ServiceRequest",
        f"{_PERSON} {_DESK} {_COVER} ChargeItem ServiceRequest",
        "PATADMIN TREAT",
    ),
    "doctor": Grant(_CLINICAL, TREATING, "TREAT ETREAT BTG", audit=True),
    "nurse": Grant(_CLINICAL, TREATING, "TREAT ETREAT"),
    "lab": Grant(
        f"{_PERSON} {_DESK} {_DIRECTORY} {_CATALOGUE} {_TREATMENT} Device ChargeItem Provenance", _LAB_WORK, "TREAT"
    ),
    "lab_head": Grant(
        f"{_PERSON} {_DESK} {_DIRECTORY} {_CATALOGUE} {_TREATMENT} Device ChargeItem Provenance", _LAB_WORK, "TREAT"
    ),
    "imaging": Grant(
        f"{_PERSON} {_DESK} {_DIRECTORY} {_CATALOGUE} {_TREATMENT} Device Media",
        "ImagingStudy Observation DiagnosticReport Media Task Device",
        "TREAT",
    ),
    "pharmacist": Grant(
        f"{_PERSON} {_DESK} {_DIRECTORY} {_CATALOGUE} {_TREATMENT} MedicationStatement "
        "MedicationAdministration SupplyDelivery DetectedIssue ChargeItem Provenance",
        "MedicationDispense MedicationStatement SupplyDelivery DetectedIssue Task Medication MedicationRequest "
        "ChargeItem Communication Provenance",
        "TREAT HPAYMT",
    ),
    "retail": Grant(
        f"Patient AllergyIntolerance MedicationRequest MedicationDispense {_DIRECTORY} {_CATALOGUE}",
        "MedicationDispense",
        "TREAT",
    ),
    "cashier": Grant(
        f"{_PERSON} {_DESK} {_DIRECTORY} {_CATALOGUE} {_MONEY} {_BILLED} Provenance",
        f"{_MONEY} Task Provenance",
        "HPAYMT TREAT",
    ),
    "insurance": Grant(
        f"{_PERSON} {_DESK} {_DIRECTORY} {_CATALOGUE} {_MONEY} {_TREATMENT} Provenance Device",
        f"{_MONEY} Coverage Encounter Task Provenance",
        "HPAYMT TREAT",
    ),
    "director": Grant(_CLINICAL, "Task Communication", "HOPERAT TREAT", audit=True),
    "department": Grant(_DIRECTORY, "", "HOPERAT"),
    "citizen": Grant(_OWN, "", "PATRQT", own=True),
    "visitor": Grant(
        "Appointment Slot Schedule HealthcareService Practitioner Location Organization", "Appointment Slot", "PATADMIN"
    ),
    "dpo": Grant(
        f"Patient RelatedPerson Person Consent Provenance Task {_DIRECTORY}",
        "Consent Task",
        "HOPERAT TREAT",
        audit=True,
        questions=True,
    ),
}
"""No one writes AuditEvent but the record itself and an integrator's `system`; no one changes or deletes one."""


@dataclass(frozen=True)
class Policy:
    """A compiled policy. read, write, delete: numbers of the types allowed, or None for all of them.

    person: id of the one Patient whose resources may be read; None: everybody's. keeps_questions: Tasks of code
    QUESTION are not there for this actor.
    """

    read: frozenset[int] | None
    write: frozenset[int] | None
    delete: frozenset[int] | None
    person: str | None = None
    keeps_questions: bool = True

    def may_read(self, type_number: int) -> bool:
        return self.read is None or type_number in self.read


class Asker(Protocol):
    """What is needed of a unit of work to decide: its policy and its tenant."""

    policy: Policy
    tenant: Any
    definitions: Definitions


def policy_of(actor: Actor, definitions: Definitions) -> Policy:
    """The policy of this actor; nothing at all where no row of GRANTS fits role and purpose.

    Who sees only their own has no other role beside it and says by its reference who they are.
    """
    compiled = _compile(actor.roles, actor.purpose, definitions)
    if not any(GRANTS[role].own for role in actor.roles if role in GRANTS):
        return compiled
    person = _SELF.match(actor.reference)
    if person is None or len(actor.roles) > 1:
        return Policy(frozenset(), frozenset(), frozenset())
    return replace(compiled, person=person[1])


@lru_cache(maxsize=512)
def _compile(roles: frozenset[str], purpose: str, definitions: Definitions) -> Policy:
    everything = frozenset(definitions.types)
    read: set[str] = set()
    write: set[str] = set()
    delete: set[str] = set()
    keeps_questions = True
    for role in roles:
        grant = GRANTS.get(role)
        if grant is None or purpose not in grant.purposes.split():
            continue
        read |= _named(grant.read, everything)
        write |= _named(grant.write, everything)
        if grant.audit:
            read |= _GUARDED
        if role == "system":
            write |= _GUARDED
        keeps_questions = keeps_questions and not grant.questions
        if grant.deletes:
            delete |= _named(grant.write, everything)
    allowed = [_numbers(names, everything, definitions) for names in (read, write, delete)]
    return Policy(allowed[0], allowed[1], allowed[2], keeps_questions=keeps_questions)


def _named(text: str, everything: frozenset[str]) -> frozenset[str]:
    """The types that a cell of GRANTS names."""
    if text == ANY:
        return everything - _GUARDED
    if text == TREATING:
        return everything - _GUARDED - set(f"{_DIRECTORY} {_CATALOGUE} {_STEERING}".split())
    return frozenset(text.split())


def _numbers(names: set[str], everything: frozenset[str], definitions: Definitions) -> frozenset[int] | None:
    if names >= everything:
        return None
    return frozenset(definitions.type_number(name) for name in names & everything)


_VERBS = {"read": "read", "create": "store", "update": "change", "delete": "delete"}


def check(tx: Asker, interaction: str, resource_type: str) -> None:
    """Raise errors.Refused unless this actor may do `interaction` on this type.

    interaction: read (vread, history and search too), create, update or delete.
    """
    number = tx.definitions.type_number(resource_type)
    policy = tx.policy
    types = policy.read if interaction == "read" else policy.delete if interaction == "delete" else policy.write
    if resource_type in _GUARDED and interaction in ("update", "delete"):
        raise errors.Refused(f"Nobody changes or deletes an {resource_type}.")
    if types is not None and number not in types:
        raise errors.Refused(f"Your role may not {_VERBS[interaction]} {resource_type}.")


def check_question(tx: Asker, resource_type: str, resource: dict[str, Any] | None, current: bytes) -> None:
    """Raise errors.Refused for a write that touches a question and is not this actor's to do.

    resource: as it will be, valid; None: deleted. current: body of the version that it follows, or b"". Nobody deletes
    a question or makes something else of it: what may be seen of its history is told by what it is now.
    """
    if resource_type != _ASKING:
        return
    was, will_be = _is_question(msgspec.json.decode(current) if current else {}), _is_question(resource or {})
    if (was or will_be) and tx.policy.keeps_questions:
        raise errors.Refused("Your role may not write questions about who opened a record.")
    if was and not will_be:
        raise errors.Refused("A question about who opened a record stays one; nobody deletes it.")


def _is_question(task: dict[str, Any]) -> bool:
    codings = (task.get("code") or {}).get("coding") or ()
    return any(f"{one.get('system')}|{one.get('code')}" == QUESTION for one in codings)


def visible(tx: Asker, alias: str, args: list[Any], types: Sequence[int] = ()) -> str:
    """SQL that is true for rows of `alias` (`ix`, under whatever name) that this actor may see.

    Values are appended to `args`. alias: a name from the code, never from a request. types: of all the rows, if known;
    without a type of questions among them no row is looked at for its terms.
    """
    typed = _typed(tx, alias, args)
    if tx.policy.person is not None:
        return f"({typed} and {_of_person(tx, alias, args)})"
    if not _may_meet_questions(tx) or (types and tx.definitions.type_number(_ASKING) not in types):
        return f"({typed})"
    return f"({typed} and not ({_asking(tx, alias, args)}))"


def _typed(tx: Asker, alias: str, args: list[Any]) -> str:
    """SQL: the row is of this tenant, and of a type that the actor may read."""
    args.append(tx.tenant.number)
    own = f"{alias}.tenant = ${len(args)}"
    if tx.policy.read is None:
        return own
    args.append(sorted(tx.policy.read))
    return f"{own} and {alias}.type = any(${len(args)}::smallint[])"


def _may_meet_questions(tx: Asker) -> bool:
    """Whether there may be questions among what this actor's types let through, which must be kept back."""
    return tx.policy.keeps_questions and tx.policy.may_read(tx.definitions.type_number(_ASKING))


def _asking(tx: Asker, alias: str, args: list[Any]) -> str:
    """SQL: the row of `ix` is a question."""
    args += [tx.definitions.type_number(_ASKING), [terms.term_of(tx.tenant.term_seed, _ASKING, "code", "t", QUESTION)]]
    kind, asks = len(args) - 1, len(args)
    return f"{alias}.type = ${kind}::smallint and arrayoverlap({alias}.terms, ${asks}::bigint[])"


def visible_version(tx: Asker, alias: str, args: list[Any]) -> str:
    """The same for rows of `version`. Who sees one person only sees current versions: what stood before may have been
    about somebody else, or not released. What is a question now is kept back in all its versions."""
    if tx.policy.person is None:
        typed = _typed(tx, alias, args)
        if not _may_meet_questions(tx):
            return f"({typed})"
        now = f"w.tenant = {alias}.tenant and w.rid = {alias}.rid and {_asking(tx, 'w', args)}"
        return (
            f"({typed} and ({alias}.type <> ${len(args) - 1}::smallint or not exists (select 1 from ix w where {now})))"
        )
    current = f"w.tenant = {alias}.tenant and w.rid = {alias}.rid and w.seq = {alias}.seq"
    return f"exists (select 1 from ix w where {current} and {visible(tx, 'w', args)} offset 0)"


def visible_inside(tx: Asker, alias: str, args: list[Any]) -> str:
    """The same for rows of `ix` that stand for contained resources: their type and their container's must be allowed.

    What a question contains is kept back with it.
    Raises errors.Refused for who sees one person only: what is contained says nothing about whose it is.
    """
    if tx.policy.person is not None:
        raise errors.Refused("Your role may not search contained resources.")
    args.append(tx.tenant.number)
    own = f"{alias}.tenant = ${len(args)}"
    holder = f"from ix w where w.tenant = {alias}.tenant and w.rid = {contained.container_sql(alias)}"
    if _may_meet_questions(tx):
        own += f" and not exists (select 1 {holder} and {_asking(tx, 'w', args)} offset 0)"
    if tx.policy.read is None:
        return f"({own})"
    args.append(sorted(tx.policy.read))
    allowed = f"any(${len(args)}::smallint[])"
    container = f"(select w.type {holder} offset 0)"
    return f"({own} and (-{alias}.type)::smallint = {allowed} and {container} = {allowed})"


async def may_see(tx: Any, resource_type: str, rid: int, seq: int) -> bool:
    """Whether this actor may see the resource of row `rid` in its current version `seq`, whose type they may read."""
    if tx.policy.person is None:
        if resource_type != _ASKING or not _may_meet_questions(tx):
            return True
        held: list[Any] = [rid]
        return not await tx.fetch(f"select 1 from ix where ix.rid = $1 and {_asking(tx, 'ix', held)}", *held)
    args: list[Any] = [rid, seq]
    seen = visible(tx, "ix", args)
    return bool(await tx.fetch(f"select 1 from ix where ix.rid = $1 and ix.seq = $2 and {seen}", *args))


def _of_person(tx: Asker, alias: str, args: list[Any]) -> str:
    """SQL: the row of `ix` is about the person of the policy (an appointment: names them), and a result is released."""
    seed, person = tx.tenant.term_seed, f"Patient/{tx.policy.person}"
    kind = tx.definitions.type_number
    released = [
        terms.term_of(seed, name, "status", "c", status) for name, known in _RELEASED.items() for status in known
    ]
    first = len(args) + 1
    args += [
        terms.patient_term(seed, person),
        kind("Appointment"),
        [terms.term_of(seed, "Appointment", "actor", "r", person)],
        [kind(name) for name in _RELEASED],
        released,
    ]
    pat, appointment, named, results, open_ = (f"${number}" for number in range(first, first + 5))
    return (
        f"({alias}.pat = {pat}::bigint or ({alias}.type = {appointment}::smallint "
        f"and arrayoverlap({alias}.terms, {named}::bigint[]))) and ({alias}.type <> all({results}::smallint[]) "
        f"or arrayoverlap({alias}.terms, {open_}::bigint[]))"
    )
