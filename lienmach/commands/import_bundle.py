"""Execute a Bundle of an import whose entries ask the record first, as the FHIR door does it (api/transaction.py).

What its marks say was taken before stays as it is; what changed becomes an update of the resource that it was then.
"""

from __future__ import annotations

import re
from dataclasses import replace

from lienmach.api import steps, transaction
from lienmach.api.steps import Step
from lienmach.base.actor import Actor
from lienmach.commands.import_reading import Execution
from lienmach.record import marks, subject
from lienmach.record.bulk import Report
from lienmach.record.transaction import Store, Transaction
from lienmach.standards.fhir import bundles, links
from lienmach.standards.fhir import json as fhir_json

_LOCATION = re.compile(rb'"location":"([A-Za-z]+)/([A-Za-z0-9\-.]+)/_history/([0-9]+)"')
_WHOLE = "the whole Bundle"


async def execute(store: Store, actor: Actor, one: Execution) -> Report:
    """Run it in one unit of work. Raises errors.Failure: then nothing of it was stored."""
    parts = one.parts
    if one.entry is not None and len(parts.entries) > 1:
        parts = bundles.Parts({**parts.envelope, "type": "transaction"}, [parts.entries[one.entry]])
    found = steps.read(store, parts, batch=False, base_url="")
    return await store.run(actor, lambda tx: _run(tx, one, found))


async def _run(tx: Transaction, one: Execution, found: list[Step]) -> Report:
    report = Report()
    names = {step.index: marks.name_of(one.file.source, _name(one, step)) for step in found}
    whole = marks.name_of(one.file.source, f"{_WHOLE} {one.line} {one.entry}")
    known = await marks.find(tx, [*names.values(), whole])
    if whole in known and known[whole].digest == one.digest:
        report.there.update(step.type for step in found if step.resource is not None)
        return report
    marks.expect_none(tx, [name for name in (*names.values(), whole) if name not in known])
    left, mapping = [], {}
    for step in found:
        mark = known.get(names[step.index])
        if mark is None or step.method not in ("POST", "PUT"):
            left.append(step)
            continue
        mapping[step.full_url] = f"{step.type}/{mark.id}"
        if mark.digest == marks.hash_of(step.resource or b""):
            report.there[step.type] += 1
        else:
            left.append(_as_update(step, mark.id))
    rewrite = links.rewriter(tx.definitions, mapping)
    ready = [
        replace(step, index=index, resource=rewrite(step.resource) if step.resource else None)
        for index, step in enumerate(left)
    ]
    answers = await transaction.run(tx, ready, "")
    for step, answer in zip(left, answers, strict=True):
        _remember(tx, report, step, names[step.index], answer)
    bundle_type = tx.definitions.type_number("Bundle")
    tx.marks[whole] = (0, bundle_type, whole, one.digest, "")
    return report


def _name(one: Execution, step: Step) -> str:
    if step.full_url:
        return step.full_url
    return f"{one.line} {step.index if one.entry is None else one.entry} {marks.hash_of(step.resource or b'').hex()}"


def _as_update(step: Step, resource_id: str) -> Step:
    body = step.resource or b""
    places = fhir_json.members(body)
    written = fhir_json.dump(resource_id)
    if "id" in places:
        body = fhir_json.replace(body, [(*places["id"], written)])
    else:
        end = places["resourceType"][1]
        body = fhir_json.replace(body, [(end, end, b',"id":' + written)])
    return replace(
        step, method="PUT", id=resource_id, query="", if_none_exist="", resource=body, parts=(step.type, resource_id)
    )


def _remember(tx: Transaction, report: Report, step: Step, name: bytes, answer: bytes) -> None:
    """Count what a step did and mark it, as far as it stored something."""
    location = _LOCATION.search(answer)
    if step.method not in ("POST", "PUT") or location is None:
        return
    kind, resource_id = location[1].decode(), location[2].decode()
    number = tx.definitions.type_number(kind)
    change = tx.pending.get((number, resource_id))
    counted = report.there if change is None else report.created if change.op == "C" else report.changed
    counted[kind] += 1
    bucket = subject.bucket_of(resource_id) if change is None else change.bucket
    tx.marks[name] = (bucket, number, name, marks.hash_of(step.resource or b""), resource_id)
