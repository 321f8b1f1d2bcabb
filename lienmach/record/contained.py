"""`_contained` and `_containedType`: searches in what other resources contain (FHIR R4 search.html#contained).

The needs are read as for resources that stand alone, with the terms and type numbers that contained ones have in the
index (record/index/contained.py), and run as a plan like any other. What is answered is the container, once for all
that fits in it, or the contained resource itself, cut out of the container's bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lienmach.base import errors
from lienmach.record import criteria
from lienmach.record.change import Stored
from lienmach.record.choice import Plan
from lienmach.record.criteria import Reading
from lienmach.record.index import contained as index_contained
from lienmach.record.need import Either, Need, Patients, Rows, Side, Terms, Updated
from lienmach.record.sql import Text
from lienmach.standards.fhir import json as fhir_json
from lienmach.standards.fhir import query as fhir_query
from lienmach.standards.fhir.query_values import Criterion, Query


def is_asked(query: Query) -> bool:
    """Whether contained resources are searched at all."""
    return query.contained in ("true", "both")


def problem(query: Query, resource_type: str | None, compartment: tuple[str, str] | None) -> str:
    """Why `_contained` cannot be served in this search; '' if it can."""
    if resource_type is None or compartment is not None:
        return "'_contained' works in the search of one type, not in one of everything or of a compartment."
    if query.lists:
        return "'_contained' and '_list' do not go together: a List names resources that stand alone."
    if query.includes and query.contained_type == "contained":
        return f"'{query.includes[0].name}' and '_containedType=contained' do not go together."
    return ""


def reading(read: Reading) -> Reading:
    """The reading that finds contained resources: the same, with the seed of their terms."""
    context = read.context
    return replace(read, context=replace(context, term_seed=index_contained.seed_of(context.term_seed)))


async def need_of(read: Reading, resource_type: str, criterion: Criterion) -> Need:
    """What `criterion` needs of a contained resource. read: from `reading`. Raises as criteria.need_of."""
    if criterion.hops:
        raise errors.UnknownParameter(f"'{criterion.name[:80]}': chains and _has do not go together with '_contained'.")
    return turned(await criteria.need_of(read, resource_type, criterion))


def turned(need: Need) -> Need:
    """The same need of contained resources: of their type numbers."""
    if isinstance(need, Side):
        return replace(need, type=-need.type)
    if isinstance(need, (Patients, Updated)):
        return replace(need, types=tuple(-one for one in need.types))
    if isinstance(need, Either):
        return Either(tuple(turned(one) for one in need.needs))
    assert isinstance(need, (Terms, Rows)), need
    return need


def plan_of(inside: Reading, query: Query, resource_type: str, needs: list[Need], standing: Plan | None) -> Plan:
    """The plan over contained resources. needs: what the criteria need, turned. standing: the plan over resources
    that stand alone, if they are searched too: where containers are answered, none is answered by both."""
    number = inside.tx.definitions.type_number(resource_type)
    seed = inside.context.term_seed
    own: list[Need] = [
        Terms(tuple(index_contained.id_term(seed, resource_type, one) for one in values)) for values in query.ids
    ]
    own += [criteria.updated(inside, (-number,), tuple(fhir_query.split(value, ","))) for value in query.updated]
    own += needs
    if query.contained_type != "contained":
        own = [*own, _Foremost(-number, tuple(own))]
        if standing is not None:
            own.append(_Apart(number, standing.needs))
    return Plan((-number,), tuple(own))


@dataclass(frozen=True, slots=True)
class _Foremost:
    """Of what fits in one container, the one with the highest row number: the first in natural order."""

    type: int
    needs: tuple[Need, ...]
    exact = True

    def test(self, text: Text, alias: str) -> str:
        beyond = f"o.rid > {alias}.rid and o.rid <= {index_contained.last_sql(alias)}"
        return _none(text, "o", beyond, self.type, self.needs)

    def source(self, text: Text) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class _Apart:
    """The container does not fit itself, as a resource of `type` that stands alone with these needs."""

    type: int
    needs: tuple[Need, ...]
    exact = True

    def test(self, text: Text, alias: str) -> str:
        return _none(text, "c", f"c.rid = {index_contained.container_sql(alias)}", self.type, self.needs)

    def source(self, text: Text) -> str | None:
        return None


def _none(text: Text, alias: str, where: str, type_number: int, needs: tuple[Need, ...]) -> str:
    """SQL: no row of `type_number` fits among those that `where` names by row number. The fence keeps the planner
    from looking for them along another index than the primary key."""
    rows = f"select * from ix {alias} where {alias}.tenant = $1 and {where} offset 0"
    fits = [f"{alias}.type = {text.bind(type_number)}", *(need.test(text, alias) for need in needs)]
    return f"not exists (select 1 from ({rows}) {alias} where {' and '.join(fits)})"


def cut(stored: Stored, rid: int) -> Stored:
    """The contained resource of row `rid` as a match of its own. stored: its container.

    id: `<container>#<contained>`, which makes the fullUrl; type and person are the container's; body: exact bytes.
    """
    start, end = fhir_json.members(stored.body)["contained"]
    inner = stored.body[start:end]
    start, end = fhir_json.items(inner)[index_contained.place_of(rid)]
    body = inner[start:end]
    start, end = fhir_json.members(body)["id"]
    return replace(stored, id=f"{stored.id}#{fhir_json.text_of(body[start:end])}", body=body)


def stored_of(query: Query, stored: Stored, row: Any) -> Stored:
    """What a row of a page answers: what stands there, or what is cut out of it."""
    rid: int = row["place"]
    return cut(stored, rid) if rid < 0 and query.contained_type == "contained" else stored
