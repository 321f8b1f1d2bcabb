"""The life of one person in the record: what there is about them, newest first, over all types at once.

Rows of the index by the person (`ix.pat`) and, for types that may speak of several persons (Appointment, Group,
Account …), by the terms of their patient parameters. Pages go by key: clinical date, then age of the resource.
AuditEvent and Provenance speak about the record and not about the person; they are left out unless asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lienmach.base import errors
from lienmach.record import access, sql
from lienmach.record.change import Stored
from lienmach.record.index import reference, terms
from lienmach.record.transaction import Transaction

UNDATED = datetime(1970, 1, 1, tzinfo=UTC)  # what the index holds for a resource without a clinical date
_MICROSECOND = timedelta(microseconds=1)
_ABOUT_THE_RECORD = frozenset({"AuditEvent", "Provenance", "Patient"})


@dataclass(frozen=True)
class Filter:
    """types: only these, () for all. year: of the clinical date in the tenant's zone. terms: one of these must be there."""

    types: tuple[str, ...] = ()
    year: int | None = None
    terms: tuple[int, ...] = ()


@dataclass(frozen=True)
class Entry:
    """at: the clinical date by which it stands in line, None if it has none."""

    stored: Stored
    at: datetime | None


@dataclass(frozen=True)
class LifePage:
    """entries: newest first. next_mark: where the next page begins, "" at the end."""

    entries: list[Entry]
    next_mark: str


async def page(tx: Transaction, patient_id: str, wanted: Filter, *, count: int = 40, after: str = "") -> LifePage:
    """One page of a person's entries. after: `next_mark` of the page before. Shows each to the audit.

    Raises errors.Invalid for a mark that is none.
    """
    text = sql.Text(tx.tenant.number)
    where = _about(tx, text, patient_id, wanted)
    if after:
        moment, rid = _read_mark(after)
        where.append(f"(ix.d1, ix.rid) < ({text.bind(moment)}, {text.bind(rid, 'bigint')})")
    rows = f"select ix.rid, ix.seq, ix.d1 from ix where {' and '.join(where)} order by {sql.NATURAL} limit {int(count) + 1}"
    found = await tx.fetch(
        f"with m as materialized ({rows}) " + sql.bodies("m.d1", "m.d1 desc, m.rid desc"), *text.args
    )
    entries = []
    for row in found[:count]:
        resource_type = type_name(tx, row["type"])
        stored = Stored(
            resource_type,
            row["id"],
            row["version_id"],
            row["at"],
            row["body"],
            row["op"].decode(),
            row["patient"],
            row["seq"],
            row["rid"],
        )
        tx.show(stored)
        entries.append(Entry(stored, None if row["d1"] == UNDATED else row["d1"]))
    mark = ""
    if len(found) > count:
        last = found[count - 1]
        mark = f"{(last['d1'] - UNDATED) // _MICROSECOND}.{last['rid']}"
    return LifePage(entries, mark)


async def overview(tx: Transaction, patient_id: str) -> list[tuple[str, int | None, int]]:
    """How many entries there are: (type, year or None, count), for the filters."""
    text = sql.Text(tx.tenant.number)
    where = _about(tx, text, patient_id, Filter())
    zone = text.bind(tx.tenant.time_zone.key)
    found = await tx.fetch(
        f"select ix.type, case when ix.d1 <> {text.bind(UNDATED)} then extract(year from ix.d1 at time zone {zone})::int end"
        f" as year, count(*) as n from ix where {' and '.join(where)} group by 1, 2",
        *text.args,
    )
    return [(type_name(tx, row["type"]), row["year"], row["n"]) for row in found]


def terms_of(tx: Transaction, resource_type: str, codes: Sequence[str], targets: Sequence[str]) -> list[int]:
    """The terms under which resources of this type refer to any of `targets` ("Type/id") by these parameters."""
    known = tx.parameters.of(resource_type)
    return [
        term
        for code in codes
        if code in known and known[code].kind == "reference"
        for term in reference.terms_of(known[code], list(targets), tx.tenant.term_seed)
    ]


def type_name(tx: Transaction, number: int) -> str:
    """Name of a type by its number in the index."""
    return tx.definitions.type_name(number)


def _about(tx: Transaction, text: sql.Text, patient_id: str, wanted: Filter) -> list[str]:
    person = f"Patient/{patient_id}"
    types = [name for name in (wanted.types or tx.definitions.compartment("Patient")) if name not in _ABOUT_THE_RECORD]
    own = f"ix.pat = {text.bind(terms.patient_term(tx.tenant.term_seed, person), 'bigint')}"
    shared = list(
        dict.fromkeys(
            term
            for name in types
            if name in _shared_types(tx)
            for term in terms_of(tx, name, _shared_types(tx)[name], [person])
        )
    )
    either = f"({own} or ix.terms && {text.bind(shared, 'bigint[]')})" if shared else own
    where = ["ix.tenant = $1", either, access.visible(tx, "ix", text.args)]
    hidden = [tx.definitions.type_number(name) for name in sorted(_ABOUT_THE_RECORD)]
    if wanted.types:
        where.append(f"ix.type = any({text.bind([tx.definitions.type_number(name) for name in types], 'smallint[]')})")
    else:
        where.append(f"ix.type <> all({text.bind(hidden, 'smallint[]')})")
    if wanted.year is not None:
        zone = tx.tenant.time_zone
        low, high = (datetime(year, 1, 1, tzinfo=zone) for year in (wanted.year, wanted.year + 1))
        where.append(f"ix.d1 >= {text.bind(low)} and ix.d1 < {text.bind(high)}")
    if wanted.terms:
        where.append(f"arrayoverlap(ix.terms, {text.bind(list(wanted.terms), 'bigint[]')})")
    return where


def _shared_types(tx: Transaction) -> dict[str, list[str]]:
    """Types of the compartment that have no single person, and their parameters that lead to one."""
    found = {}
    for name, codes in tx.definitions.compartment("Patient").items():
        known = tx.parameters.of(name)
        several = [code for code in codes if code in known and not known[code].patient]
        if several and len(several) == len([code for code in codes if code in known]):
            found[name] = several
    return found


def _read_mark(mark: str) -> tuple[datetime, int]:
    moment, _, rid = mark.partition(".")
    try:
        found, number = UNDATED + int(moment) * _MICROSECOND, int(rid)
    except (ValueError, OverflowError):
        raise errors.Invalid("This page mark is none of ours.") from None
    if not 0 <= number < 1 << 63:
        raise errors.Invalid("This page mark is none of ours.")
    return found, number
