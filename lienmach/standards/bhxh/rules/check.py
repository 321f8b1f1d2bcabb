"""Checks a claim: every rule that holds on its day, with the terms of that day. Nothing here changes a row.

findings = check.check(tables, around)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from lienmach.standards.bhxh import claim_xml
from lienmach.standards.bhxh.claim_xml import Envelope
from lienmach.standards.bhxh.rules import (
    accepted,
    benefits,
    codes,
    diagnoses,
    findings,
    kinds,
    money,
    papers,
    person,
    reading,
    relations,
    structure,
    times,
)
from lienmach.standards.bhxh.rules.findings import Finding, Hit, Rule, Term, hit
from lienmach.standards.bhxh.rules.reading import Tables
from lienmach.standards.bhxh.rules.surroundings import Surroundings

#: Rule -> what it asks.
RULES: dict[str, Rule] = {
    **structure.RULES,
    **person.RULES,
    **kinds.RULES,
    **diagnoses.RULES,
    **codes.RULES,
    **accepted.RULES,
    **benefits.RULES,
    **money.RULES,
    **times.RULES,
    **relations.RULES,
    **papers.RULES,
}
#: Rules that only the file itself can break: claim_xml.read finds them.
OF_FILE = ("STR-01", "STR-02", "STR-03", "STR-04", "STR-05", "STR-06", "STR-07", "STR-16")
#: Rules over the claims of many visits.
OF_BATCH = ("TIM-17", "TIM-18")


def check(tables: Tables, around: Surroundings, *, moments: frozenset[str] = findings.MOMENTS) -> list[Finding]:
    """What is wrong with a visit's tables, gravest first, then in the order of the rules. moments: live, close, send."""
    claim = reading.read(tables)
    on = around.on or claim.arrived_on or date.max
    found: list[Finding] = []
    for rule, asks in RULES.items():
        term = _term(rule, around.terms, on)
        if term is not None and term.moment in moments:
            found += [_finding(term, one) for one in asks(claim, around)]
    return sorted(found, key=lambda one: findings.LEVELS.index(one.level))


def check_file(
    envelope: Envelope, around: Surroundings, *, moments: frozenset[str] = findings.MOMENTS
) -> list[Finding]:
    """What is wrong with a file: what its reader could not read, and what its tables say.

    Whether the signature verifies needs the certificate; here only whether there is one.
    """
    on = around.on or claim_xml.day_of(envelope.tables) or date.max
    hits = [(rule, hit(table, field, 0, "{text}", text=text)) for rule, table, field, text in envelope.faults]
    own = next(iter(envelope.tables.get("XML1", ())), {}).get("MA_CSKCB", "")
    if envelope.facility and own and envelope.facility != own:
        text = "MACSKCB của tệp {facility} khác MA_CSKCB của XML1 ({own}); lập lại tệp."
        hits.append(("STR-03", hit("ENV", "MACSKCB", 0, text, facility=envelope.facility, own=own)))
    if envelope.signature is None:
        hits.append(("STR-04", hit("ENV", "CHUKYDONVI", 0, "Tệp chưa có chữ ký số của cơ sở; ký trước khi gửi.")))
    found = []
    for rule, one in hits:
        term = _term(rule, around.terms, on)
        if term is not None and term.moment in moments:
            found.append(_finding(term, one))
    checked = check(envelope.tables, around, moments=moments) if envelope.tables else []
    return sorted([*found, *checked], key=lambda one: findings.LEVELS.index(one.level))


def check_batch(claims: Iterable[Tables], around: Surroundings) -> list[tuple[str, Finding]]:
    """(MA_LK, finding) over the claims of many visits: one person or machine with two patients in the same minutes."""
    found = []
    for one in times.overlaps(claims):
        term = _term(one.rule, around.terms, around.on or date.max)
        if term is not None:
            found.append((one.visits[1], _finding(term, one.hit)))
    return found


def _term(rule: str, terms: Mapping[str, tuple[Term, ...]] | None, on: date) -> Term | None:
    """The terms of a rule on a day; None where it does not hold or is switched off."""
    if terms is None:
        return Term(rule, "", findings.ERROR, findings.LIVE, "")
    for one in terms.get(rule, ()):
        if (one.from_on is None or one.from_on <= on) and (one.to_on is None or on <= one.to_on):
            return None if one.is_off else one
    return None


def _finding(term: Term, one: Hit) -> Finding:
    return Finding(term.rule, one.table, one.field, one.row, term.level, one.text, one.values, term.mender)
