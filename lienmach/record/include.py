"""`_include` and `_revinclude`: what the matches point at, and what points at them (FHIR R4 search.html#include).

Each round is one look from the resources found last; only `:iterate` goes past the first. Included resources pass
the same `access.visible` as matches, come once, and always in their current version. What does not fit under the
limits is left out and said so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lienmach.base import errors
from lienmach.base.errors import Issue
from lienmach.record import plan
from lienmach.record.change import Stored
from lienmach.record.choice import Plan
from lienmach.record.criteria import Reading, body_of, literals
from lienmach.record.index import parameters as index_parameters
from lienmach.record.index.parameters import Parameter
from lienmach.record.need import Terms
from lienmach.standards.fhir.query_values import Include

_TERMS_MAX = 50_000
Key = tuple[str, str]  # (type, id)


@dataclass(frozen=True, slots=True)
class Found:
    """The included resources in the order found, and what must be said about them."""

    stored: list[Stored]
    issues: list[Issue]


def check(read: Reading, includes: tuple[Include, ...]) -> None:
    """Raise errors.UnknownParameter for an include that names what does not exist."""
    known = read.tx.definitions
    for one in includes:
        if one.source == "*":
            continue
        if not known.is_resource_type(one.source):
            raise errors.UnknownParameter(f"'{one.name}': there is no resource type '{one.source[:40]}'.")
        if one.target is not None and not known.is_resource_type(one.target):
            raise errors.UnknownParameter(f"'{one.name}': there is no resource type '{one.target[:40]}'.")
        if one.code == "*":
            continue
        parameter = read.tx.parameters.of(one.source).get(one.code)
        if parameter is None or parameter.kind != "reference":
            raise errors.UnknownParameter(f"'{one.name}': {one.source} has no reference parameter '{one.code[:80]}'.")


async def gather(
    read: Reading, includes: tuple[Include, ...], matches: list[Stored], *, most: int, rounds_max: int
) -> Found:
    """Everything that `includes` add to these matches, at most `most` resources and `rounds_max` rounds."""
    seen = {(one.type, one.id) for one in matches}
    found: list[Stored] = []
    last, wanted, issues = matches, includes, []
    for _ in range(rounds_max):
        fresh: list[Stored] = []
        for stored in await _round(read, wanted, last, seen, most - len(found) + 1):
            if (stored.type, stored.id) not in seen:
                seen.add((stored.type, stored.id))
                fresh.append(stored)
        found += fresh
        if len(found) > most:
            found = found[:most]
            issues.append(
                Issue(
                    "warning",
                    "incomplete",
                    f"More than {most} resources are included; the rest is left "
                    "out. Ask for smaller pages or fewer includes.",
                )
            )
            return Found(found, issues)
        wanted = tuple(one for one in includes if one.iterate)
        last = fresh
        if not wanted or not last:
            return Found(found, issues)
    issues.append(
        Issue("warning", "incomplete", f"Includes were followed {rounds_max} times; what lies further is left out.")
    )
    return Found(found, issues)


async def _round(
    read: Reading, includes: tuple[Include, ...], last: list[Stored], seen: set[Key], most: int
) -> list[Stored]:
    forward = tuple(one for one in includes if not one.reverse)
    found = await _forward(read, forward, last, seen, most) if forward else []
    for one in includes:
        if one.reverse and len(found) < most:
            found += await _backward(read, one, last, seen, most - len(found))
    return found


async def _forward(
    read: Reading, includes: tuple[Include, ...], last: list[Stored], seen: set[Key], most: int
) -> list[Stored]:
    tx = read.tx
    keys: dict[Key, None] = {}
    urls: dict[tuple[str, str], None] = {}
    for stored in last:
        applying = [one for one in includes if one.source in (stored.type, "*")]
        if not applying:
            continue
        resource = body_of({"body": stored.body})
        for one in applying:
            for parameter in _parameters(tx, stored.type, one.code):
                for key in literals(parameter, resource, read.context.base_url):
                    if key not in seen and one.target in (None, key[0]) and tx.definitions.is_resource_type(key[0]):
                        keys[key] = None
                for url in index_parameters.references(parameter, resource):
                    for target in parameter.targets if "://" in url or url.startswith("urn:") else ():
                        if one.target in (None, target) and "url" in tx.parameters.of(target):
                            urls[target, url.split("|", 1)[0]] = None
    found = await _fetch(tx, plan.by_key(tx, list(keys)[:most], most)) if keys else []
    for target in dict.fromkeys(one[0] for one in urls):
        named = [url for kind, url in urls if kind == target]
        condition = index_parameters.condition(tx.parameters.of(target)["url"], None, named, read.context)
        number = tx.definitions.type_number(target)
        found += await _fetch(tx, plan.current(tx, Plan((number,), (Terms(condition.terms),), limit=most)))
    return found


async def _backward(read: Reading, include: Include, last: list[Stored], seen: set[Key], most: int) -> list[Stored]:
    tx = read.tx
    if include.target is not None:
        last = [one for one in last if one.type == include.target]
    if not last:
        return []
    kinds = {one.type for one in last}
    asked: dict[int, None] = {}
    numbers: list[int] = []
    for source in tx.definitions.types if include.source == "*" else (include.source,):
        for parameter in _parameters(tx, source, include.code):
            references = [
                f"{one.type}/{one.id}" for one in last if not parameter.targets or one.type in parameter.targets
            ]
            if references and (not parameter.targets or not kinds.isdisjoint(parameter.targets)):
                condition = index_parameters.condition(parameter, None, references, read.context)
                asked.update(dict.fromkeys(condition.terms))
                numbers.append(tx.definitions.type_number(source))
        if len(asked) > _TERMS_MAX:
            raise errors.TooLarge(
                f"'{include.name}={include.source}:{include.code}' asks for too much at once; name "
                "types and parameters, or ask for smaller pages."
            )
    if not asked:
        return []
    # Known resources may come again and must not use up the limit.
    limit = most + sum(1 for key in seen if tx.definitions.type_number(key[0]) in numbers)
    query = Plan(tuple(dict.fromkeys(numbers)), (Terms(tuple(asked)),), limit=limit)
    return [one for one in await _fetch(tx, plan.current(tx, query)) if (one.type, one.id) not in seen]


def _parameters(tx: Any, resource_type: str, code: str) -> Iterable[Parameter]:
    known = tx.parameters.of(resource_type)
    if code == "*":
        return [one for one in known.values() if one.kind == "reference"]
    parameter = known.get(code)
    return [] if parameter is None else [parameter]


async def _fetch(tx: Any, statement: plan.Statement) -> list[Stored]:
    rows = await tx.fetch(statement.sql, *statement.args)
    return [stored_of(tx, row) for row in rows]


def stored_of(tx: Any, row: Any) -> Stored:
    """A row of the body query as the value that the rest of the house knows."""
    op = row["op"]
    return Stored(
        tx.definitions.type_name(row["type"]),
        row["id"],
        row["version_id"],
        row["at"],
        row["body"],
        op.decode() if isinstance(op, bytes) else op,
        row["patient"],
        row["seq"],
        row["rid"],
    )
