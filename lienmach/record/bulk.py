"""The fast way in for many resources: imports and the synthetic population.

The verbs are those of record/write.py, so validation, access, history, index, chain and jobs are the same; what is
saved is the way there: hundreds of resources share one commit and one AuditEvent, current versions are read with one
statement for all of them, and while PostgreSQL writes one batch, the next one is prepared.

Every resource has a name: its source and its fullUrl. A mark, written in the same commit, remembers under which id
and with which bytes a name was taken. So a second run adds nothing, a run that was stopped goes on where it stopped,
and bytes that changed become the next version of the same resource.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lienmach.base import clock, errors, ids
from lienmach.base.actor import Actor
from lienmach.record import access, marks, points, references, write
from lienmach.record.change import Mark, Stored
from lienmach.record.loads import Group as Group
from lienmach.record.loads import Item as Item
from lienmach.record.loads import Refusal as Refusal
from lienmach.record.loads import Report as Report
from lienmach.record.points import Key, Point
from lienmach.record.transaction import Store, Transaction
from lienmach.standards.fhir import json as fhir_json
from lienmach.standards.fhir import links

BATCH_RESOURCES = 1000
BATCH_BYTES = 16 * 1024 * 1024
_PAUSE_EVERY = 64  # resources; in between, what the database sent is taken in

_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")


async def load(
    store: Store,
    actor: Actor,
    items: Iterable[Item | Group],
    *,
    refuse: Callable[[Refusal], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Take all items; returns when all of it is durable.

    items: single ones stand for themselves, groups are all or nothing; read as they are needed. refuse: called for
    each resource that is not taken. progress: called with the number of resources dealt with, batch by batch.
    Raises errors.Unavailable if the database goes away or the disk is full: what was committed stays, and the same
    call again goes on from there.
    """
    report = Report()
    running: tuple[set[bytes], asyncio.Task[_Outcome]] | None = None

    async def finish() -> None:
        nonlocal running
        if running is None:
            return
        task, running = running[1], None
        outcome = await task
        report.add(outcome.report)
        if refuse is not None:
            for refusal in outcome.refusals:
                refuse(refusal)
        if progress is not None:
            progress(outcome.items)

    try:
        for batch, names in batches(items):
            if running is not None and not names.isdisjoint(running[0]):
                await finish()  # this batch must see the marks of the one before
            task = asyncio.create_task(store_batch(store, actor, batch))
            await finish()
            running = (names, task)
        await finish()
    finally:
        if running is not None:
            running[1].cancel()
            await asyncio.wait([running[1]])
    return report


@dataclass(frozen=True, slots=True)
class Named:
    """A group with the names of its items. is_linked: its items may point to each other's fullUrl."""

    items: Group
    names: list[bytes]
    is_linked: bool


def batches(items: Iterable[Item | Group]) -> Iterator[tuple[list[Named], set[bytes]]]:
    """Groups gathered up to BATCH_RESOURCES and BATCH_BYTES, with all their names; no name twice in a batch.

    A group that is bigger is a batch of its own.
    """
    batch: list[Named] = []
    names: set[bytes] = set()
    count = size = 0
    for one in items:
        group: Group = (one,) if isinstance(one, Item) else one
        own = [marks.name_of(item.source, item.full_url) for item in group]
        weight = sum([len(item.body) for item in group])
        full = count + len(group) > BATCH_RESOURCES or size + weight > BATCH_BYTES
        if batch and (full or not names.isdisjoint(own)):
            yield batch, names
            batch, names, count, size = [], set(), 0, 0
        batch.append(Named(group, own, group is one))
        names.update(own)
        count += len(group)
        size += weight
    if batch:
        yield batch, names


@dataclass
class _Outcome:
    items: int
    report: Report
    refusals: list[Refusal]


async def store_batch(store: Store, actor: Actor, batch: list[Named]) -> _Outcome:
    """One batch in one unit of work; prepared anew if others changed what it relied on."""

    async def work(tx: Transaction) -> _Outcome:
        return await _Batch(tx).take(batch)

    return await store.run(actor, work)


class _Batch:
    """The preparation of one batch on one unit of work."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx
        self.outcome = _Outcome(0, Report(), [])
        self.marks: dict[bytes, marks.Known] = {}
        self.points: dict[Key, Point] = {}
        self.since_pause = 0

    async def take(self, batch: list[Named]) -> _Outcome:
        self.marks = await marks.find(self.tx, [name for group in batch for name in group.names])
        planned = [self._plan(group) for group in batch]
        is_last = self.tx.store.is_last
        for group in planned:  # a rule of a department sees what comes along with its resource
            group.steps.sort(key=lambda step: is_last(step.item.type))
        planned.sort(key=lambda group: all(is_last(step.item.type) for step in group.steps))
        # An id that somebody gives is kept by the directory; a new one only by its mark.
        marks.expect_none(
            self.tx,
            [step.name for group in planned for step in group.steps if step.is_new and step.name not in self.marks],
        )
        await self._read_points(planned)
        for one in planned:
            await self._store(one)
        if self.tx.changes:
            self.tx.access.note("batch")
        self.outcome.items = sum(len(group.items) for group in batch)
        return self.outcome

    async def _pause(self) -> None:
        """Now and then, take in what the database sent: the batch before this one is being written."""
        self.since_pause += 1
        if self.since_pause >= _PAUSE_EVERY:
            self.since_pause = 0
            await asyncio.sleep(0)

    def _plan(self, group: Named) -> _Planned:
        """Decide the id of each item, and what its links become."""
        planned = _Planned([])
        mapping: dict[str, str] = {}
        for item, name in zip(group.items, group.names, strict=True):
            digest = marks.hash_of(item.body)
            known = self.marks.get(name)
            kept = known is not None and known.type == item.type and item.id in (None, known.id)
            step = _Step(
                item,
                name,
                digest,
                known.id if known is not None and kept else item.id or ids.new_id(),
                is_new=not kept and item.id is None,
                body=item.body,
            )
            if group.is_linked and item.full_url:
                if item.full_url in mapping:
                    planned.failures.append(
                        (
                            item,
                            errors.Invalid(
                                f"Two entries have the fullUrl {item.full_url[:120]}.", expression="fullUrl"
                            ),
                        )
                    )
                mapping[item.full_url] = f"{item.type}/{step.id}"
            if known is not None and kept and known.digest == digest:
                planned.there.append(item)
            else:
                planned.steps.append(step)
        if mapping:
            planned.rewrite = links.rewriter(self.tx.definitions, mapping)
        return planned

    def _parse(self, group: _Planned, step: _Step) -> dict[str, Any]:
        """The resource as parsed, its links replaced. Raises errors.Malformed, Invalid, Unprocessable, TooLarge."""
        kind = step.item.type
        if group.rewrite is not None:
            try:
                step.body = group.rewrite(step.body)
            except fhir_json.JsonError as problem:
                raise errors.Malformed(str(problem)) from None
        value = write.parse(self.tx, step.body)
        if not self.tx.definitions.is_resource_type(kind):
            raise errors.Unprocessable(
                f"{kind[:80]} is not a resource type of FHIR R4.", code="not-supported", expression="resourceType"
            )
        if value.get("resourceType") != kind:
            raise errors.Invalid(
                f"This is announced as {kind}, the body is a {str(value.get('resourceType'))[:80]}.",
                expression="resourceType",
            )
        if group.rewrite is not None and b'"urn:' in step.body:
            for path, reference in references.literal(value, kind):
                if reference.startswith("urn:"):
                    raise errors.Invalid(
                        f"{reference[:120]} is the fullUrl of no entry of this bundle.",
                        code="not-found",
                        expression=path,
                    )
        if not step.is_new:
            write.check_id(step.id)
        return value

    async def _read_points(self, planned: list[_Planned]) -> None:
        """The current versions of all ids that may be taken already, with one statement."""
        number, is_known = self.tx.definitions.type_number, self.tx.definitions.is_resource_type
        keys = {
            (number(step.item.type), step.id)
            for group in planned
            for step in group.steps
            if not step.is_new and is_known(step.item.type)
        }
        if not keys:
            return
        types, names = zip(*keys, strict=True)
        for row in await self.tx.fetch(points.SQL, self.tx.tenant.number, types, names):
            at = row["n"] - 1
            self.points[(types[at], names[at])] = points.point_of(row)

    async def _store(self, group: _Planned) -> None:
        kept = _Kept(self.tx)
        report = self.outcome.report
        counted = [(report.there, item.type) for item in group.there]
        own: dict[bytes, Mark] = {}
        for step in group.steps:
            if group.failures and any(item is step.item for item, _ in group.failures):
                continue
            await self._pause()
            try:
                stored = await self._write(step, self._parse(group, step), own)
            except errors.Unavailable:
                raise
            except errors.Failure as failure:
                group.failures.append((step.item, failure))
                continue
            where = report.there if stored is None else report.created if stored.op == "C" else report.changed
            counted.append((where, step.item.type))
        if group.failures:
            kept.restore()
            self._refuse(group)
            return
        self.tx.marks.update(own)
        for where, kind in counted:
            where[kind] += 1

    async def _write(self, step: _Step, value: dict[str, Any], own: dict[bytes, Mark]) -> Stored | None:
        """Collect one version; None if the record has exactly this already."""
        tx = self.tx
        kind = step.item.type
        key = (tx.definitions.type_number(kind), step.id)
        stored = None
        if step.is_new:
            stored = await write.create(tx, step.body, type_expected=kind, resource_id=step.id, resource=value)
        else:
            if value.get("id") != step.id:
                value = {**value, "id": step.id}
            if key in tx.pending:
                stored = await write.update(tx, kind, step.id, step.body, resource=value)
            else:
                point = self.points.get(key)
                if point is None or point.deleted or not _is_same(step, point):
                    stored = await write.update(tx, kind, step.id, step.body, resource=value, point=point)
                else:
                    access.check(tx, "update", kind)
        bucket = tx.pending[key].bucket if stored is not None else self.points[key].bucket
        own[step.name] = (bucket, key[0], step.name, step.digest, step.id)
        return stored

    def _refuse(self, group: _Planned) -> None:
        """The items at fault with their reasons, and those that fall with them."""
        at_fault = {id(item) for item, _ in group.failures}
        for item, failure in group.failures:
            self.outcome.refusals.append(Refusal(item, failure))
        first = group.failures[0][1]
        for item in [step.item for step in group.steps] + group.there:
            if id(item) not in at_fault:
                self.outcome.refusals.append(Refusal(item, first, with_group=True))
        self.outcome.report.refused += len(group.steps) + len(group.there)


@dataclass(slots=True)
class _Step:
    """An item with what was decided about it. is_new: it gets a new id, so nobody can have it yet."""

    item: Item
    name: bytes
    digest: bytes
    id: str
    is_new: bool
    body: bytes


@dataclass(slots=True)
class _Planned:
    """A group, decided. there: what the marks say is taken already. rewrite: replaces its links, if it has any."""

    steps: list[_Step]
    rewrite: Callable[[bytes], bytes] | None = None
    there: list[Item] = field(default_factory=list)
    failures: list[tuple[Item, errors.Failure]] = field(default_factory=list)


def _is_same(step: _Step, point: Point) -> bool:
    """Whether the current version is this body, but for the parts of meta that the record itself sets.

    A line break is as good as a space: it stands between values only, and an export to lines has replaced it.
    """
    body = fhir_json.splice(step.body, id=step.id, version_id=point.version_id, last_updated=clock.to_instant(point.at))
    return point.body == body or point.body.translate(_LINE_BREAKS) == body.translate(_LINE_BREAKS)


class _Kept:
    """What a unit had collected before a group, so that a group that is refused leaves nothing behind."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx
        self.changes = len(tx.changes)
        self.jobs = len(tx.jobs)
        self.premises = len(tx.premises)

    def restore(self) -> None:
        tx = self.tx
        for change in reversed(tx.changes[self.changes :]):
            key = (change.type_number, change.id)
            if change.prior is not None:
                change.prior.superseded = False
                tx.pending[key] = change.prior
            else:
                del tx.pending[key]
        del tx.changes[self.changes :], tx.jobs[self.jobs :], tx.premises[self.premises :]
