"""Contained resources in the search index: rows of their own, which no search meets that does not ask for them.

A contained resource is indexed as if it stood alone (FHIR R4 search.html#contained), in the same tables, but

    type    the negative number of its type;
    rid     FIRST + 256 * rid of its container + its place in `contained`: negative, growing with its container;
    seq     that of its container, so that a row leads to the container's bytes;
    terms   under a seed of their own (`seed_of`), so that terms, hot terms and patients are never mixed up.

One parameter more is indexed here than for resources that stand alone: `_id`, because the directory of ids does not
know them. The first 256 contained resources of a container have rows; what comes after them is not searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import msgspec

from lienmach.record.index import rows as index_rows
from lienmach.record.index import terms
from lienmach.record.index.parameters import Parameters
from lienmach.record.index.rows import IndexRows

FIRST = -(1 << 62)
_BITS = 8
PLACES = 1 << _BITS
_SEED = 0x6C6D2D636F6E7461  # any number but 0
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Inner:
    """The index rows of one contained resource. place: in `contained`. type_number: negative."""

    place: int
    type_number: int
    rows: IndexRows


def seed_of(term_seed: int) -> int:
    """The seed of the terms of contained resources in a tenant with this seed."""
    return term_seed ^ _SEED


def rid_of(container: int, place: int) -> int:
    """The row number of a contained resource. container: row number of what contains it."""
    return FIRST + (container << _BITS) + place


def place_of(rid: int) -> int:
    """The place in `contained` of what has this row number."""
    return rid & (PLACES - 1)


def container_sql(alias: str) -> str:
    """SQL: the row number of the container of a row."""
    return f"(({alias}.rid + {-FIRST}) >> {_BITS})"


def place_sql(alias: str) -> str:
    """SQL: the place of a row in the `contained` of its container, an int."""
    return f"({alias}.rid & {PLACES - 1})::int"


def last_sql(alias: str) -> str:
    """SQL: the highest row number that the container of a row has to give."""
    return f"({alias}.rid | {PLACES - 1})"


def id_term(seed: int, resource_type: str, contained_id: str) -> int:
    """The term by which `_id` finds a contained resource. seed: from `seed_of`."""
    return terms.term_of(seed, resource_type, "_id", "c", contained_id)


def extract(
    parameters: Parameters, resource: dict[str, Any], *, tenant: int, term_seed: int, tz: tzinfo
) -> list[Inner]:
    """The rows of everything that a valid resource contains. term_seed: the tenant's own."""
    found = []
    for place, one in enumerate(resource.get("contained", ())[:PLACES]):
        rows = extract_one(parameters, one, tenant=tenant, term_seed=term_seed, tz=tz)
        found.append(Inner(place, -parameters.definitions.type_number(one["resourceType"]), rows))
    return found


def extract_one(parameters: Parameters, one: dict[str, Any], *, tenant: int, term_seed: int, tz: tzinfo) -> IndexRows:
    """The rows of one contained resource. term_seed: the tenant's own."""
    seed = seed_of(term_seed)
    rows = index_rows.extract(parameters, one, tenant=tenant, term_seed=seed, tz=tz)
    rows.terms.append(id_term(seed, one["resourceType"], one["id"]))
    return rows


def rids_of(container: int, body: bytes) -> Sequence[int]:
    """The row numbers that a stored version has given to what it contains. body: its bytes, empty if deleted."""
    if b'"contained"' not in body and b"\\u" not in body:  # an escape may hide the key
        return ()
    inner = _members.decode(body).get("contained")
    if inner is None:
        return ()
    first = rid_of(container, 0)
    return range(first, first + min(len(_items.decode(inner)), PLACES))
