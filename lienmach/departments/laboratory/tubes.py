"""Specimens: who waits for collection, collect into tubes with numbers, receive, reject.

One tube for each container and material that the ordered services ask for (`specimen` of the catalogue row). Its number
is digits only, unique in the tenant, and stands as Code 128 on the label: yymmdd and a count of the day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg

from lienmach.base import errors, ids
from lienmach.care import catalogues, order_facts, queue, resources, systems, visit_premises
from lienmach.care.catalogues import Row
from lienmach.care.resources import Resource
from lienmach.departments.laboratory import facts
from lienmach.record.transaction import Transaction

CONTAINER = "https://lienmach.org/fhir/CodeSystem/specimen-container"
MATERIAL = "https://lienmach.org/fhir/CodeSystem/specimen"
_LIVING = ("available", "unavailable")
_COUNT_MAX = 9999
_ORDERS_MAX = 1000
_REASON_CHARACTERS_MAX = 300


async def waiting(tx: Transaction, *, days: int) -> list[Resource]:
    """Active laboratory orders of the last days without a tube, oldest first."""
    since = ("authored", f"ge{(facts.today(tx) - timedelta(days=days)).isoformat()}")
    orders = await resources.find(
        tx, "ServiceRequest", ("status", "active"), ("category", f"{order_facts.KIND}|lab"), since,
        ("_sort", "authored"), count=_ORDERS_MAX,
    )  # fmt: skip
    reports = await reports_of(tx, [one["id"] for one in orders])
    return [one for one in orders if not (reports.get(one["id"]) or {}).get("specimen")]


async def reports_of(tx: Transaction, order_ids: Sequence[str]) -> dict[str, Resource]:
    """Reports by the id of their order; orders without one are left out."""
    by_report = {facts.report_id(one): one for one in order_ids}
    found: dict[str, Resource] = {}
    keys = list(by_report)
    for start in range(0, len(keys), 200):
        page = await resources.find(tx, "DiagnosticReport", ("_id", ",".join(keys[start : start + 200])))
        found |= {by_report[one["id"]]: one for one in page}
    return found


async def collect(tx: Transaction, order_ids: Sequence[str]) -> list[Resource]:
    """Take specimens for these orders of one visit: Specimens with numbers, and a registered report for each order.

    Ends the person's ticket for collection. Raises errors.Unprocessable for none, for orders of several people or
    without a specimen in the catalogue, errors.Conflict for one that is not active or has its tube already.
    """
    orders = [await resources.read(tx, "ServiceRequest", one) for one in dict.fromkeys(order_ids)]
    if not orders:
        raise errors.Unprocessable("Hãy chọn ít nhất một chỉ định để lấy mẫu.")
    if len({one["subject"]["reference"] for one in orders}) != 1:
        raise errors.Unprocessable("Mỗi lần chỉ lấy mẫu của một người bệnh.")
    services = await _catalogue_rows(tx, orders)
    groups: dict[tuple[str, str], list[Resource]] = defaultdict(list)
    for order in orders:
        if order_facts.kind_of(order) != "lab" or order.get("status") != "active":
            raise errors.Conflict("Chỉ định này không còn chờ lấy mẫu; hãy tải lại danh sách.")
        await visit_premises.hold(tx, order)
        report = await facts.stored(tx, "DiagnosticReport", facts.report_id(order["id"]))
        if report is not None and report.get("specimen"):
            raise errors.Conflict("Chỉ định này đã có ống mẫu; hãy tải lại danh sách.")
        wanted = _wanted(services.get(resources.code_of(order.get("code"), systems.SERVICE)))
        groups[(wanted["code"], wanted["container"])].append(order)
    numbers = await _numbers(tx, len(groups))
    specimens = []
    for number, group in zip(numbers, groups.values(), strict=True):
        wanted = _wanted(services.get(resources.code_of(group[0].get("code"), systems.SERVICE)))
        specimens.append(await _take(tx, number, group, wanted))
    await _end_ticket(tx, resources.id_of(orders[0].get("encounter"), "Encounter"))
    return specimens


async def of_number(tx: Transaction, number: str) -> Resource | None:
    """The Specimen with this number on its tube, or None."""
    rows = await tx.fetch(
        "select specimen_id from laboratory_tube where tenant = $1 and number = $2", tx.tenant.number, number.strip()
    )
    return await facts.stored(tx, "Specimen", rows[0]["specimen_id"]) if rows else None


def number_of(specimen: Resource) -> str:
    """The number on the tube."""
    return resources.identifier_of(specimen, systems.SPECIMEN)


async def receive(tx: Transaction, specimen_id: str) -> Resource:
    """Note that the tube is in the laboratory; again changes nothing. Raises errors.Conflict for a rejected one."""
    specimen = await resources.read(tx, "Specimen", specimen_id)
    if specimen.get("status") not in _LIVING:
        raise errors.Conflict("Mẫu này đã bị từ chối; hãy lấy mẫu lại.")
    if not specimen.get("receivedTime"):
        specimen = {**specimen, "status": "available", "receivedTime": facts.instant(tx)}
        return resources.of(await resources.update(tx, specimen))
    return specimen


async def reject(tx: Transaction, specimen_id: str, reason: str) -> Resource:
    """Refuse a tube with a reason; its orders wait for collection again, unless a result has been released.

    Raises errors.Unprocessable without a reason, errors.Conflict where a result of it is final.
    """
    reason = " ".join(reason.split())[:_REASON_CHARACTERS_MAX]
    if not reason:
        raise errors.Unprocessable("Hãy ghi lý do từ chối mẫu.")
    specimen = await resources.read(tx, "Specimen", specimen_id)
    if specimen.get("status") not in _LIVING:
        return specimen
    for order_id in order_ids_of(specimen):
        report = await facts.stored(tx, "DiagnosticReport", facts.report_id(order_id))
        if report is None:
            continue
        if report["status"] in (*facts.RELEASED, "partial"):
            raise errors.Conflict("Đã có kết quả được trả từ mẫu này; hãy sửa kết quả thay vì từ chối mẫu.")
        await _void(tx, report)
    specimen["status"] = "unsatisfactory"
    specimen["note"] = [*specimen.get("note", ()), {"authorString": tx.actor.display or tx.actor.user,
                                                     "time": facts.instant(tx), "text": reason}]  # fmt: skip
    return resources.of(await resources.update(tx, specimen))


def order_ids_of(specimen: Resource) -> list[str]:
    """Ids of the orders that the tube serves."""
    return [own for one in specimen.get("request", ()) if (own := resources.id_of(one, "ServiceRequest"))]


async def _void(tx: Transaction, report: Resource) -> None:
    """Results of a refused tube do not count; they stay to be seen."""
    for one in report.get("result", ()):
        observation = await facts.stored(tx, "Observation", resources.id_of(one, "Observation"))
        if observation is not None and observation["status"] != "registered":
            kept = {name: value for name, value in observation.items()
                    if not name.startswith("value") and name not in ("interpretation", "extension")}  # fmt: skip
            await resources.update(tx, {**kept, "status": "registered"})
    left = {name: value for name, value in report.items() if name not in ("specimen", "result")}
    await resources.update(tx, {**left, "status": "registered"})


async def _catalogue_rows(tx: Transaction, orders: Sequence[Resource]) -> dict[str, Row]:
    codes = {resources.code_of(one.get("code"), systems.SERVICE) for one in orders}
    return await catalogues.get_many(tx, "service", codes, on=facts.today(tx))


def _wanted(service: Row | None) -> dict[str, str]:
    """What the catalogue says about the specimen; a service that says nothing gets a tube of its own name."""
    said = (service.data.get("specimen") if service else None) or {}
    if isinstance(said, str):
        said = {"code": said, "name": said}
    name = str(said.get("name") or "Mẫu xét nghiệm")
    return {"code": str(said.get("code") or name), "name": name, "container": str(said.get("container") or ""),
            "colour": str(said.get("colour") or "")}  # fmt: skip


async def _numbers(tx: Transaction, count: int) -> list[str]:
    """The next numbers of the day. Two desks at once take the same ones; the second one's commit runs again."""
    day = facts.today(tx)
    rows = await tx.fetch(
        "select coalesce(max(count), 0) as last from laboratory_tube where tenant = $1 and day = $2",
        tx.tenant.number, day,
    )  # fmt: skip
    last = rows[0]["last"]
    if last + count > _COUNT_MAX:
        raise errors.Conflict("Hôm nay đã hết số ống mẫu; hãy báo người quản trị.")
    return [f"{day:%y%m%d}{last + step:04d}" for step in range(1, count + 1)]


async def _take(tx: Transaction, number: str, orders: Sequence[Resource], wanted: dict[str, str]) -> Resource:
    specimen: Resource = {
        "resourceType": "Specimen",
        "id": ids.new_id(),
        "identifier": [{"system": systems.SPECIMEN, "value": number}],
        "accessionIdentifier": {"system": systems.SPECIMEN, "value": number},
        "status": "available",
        "type": resources.concept(MATERIAL, wanted["code"], wanted["name"]),
        "subject": orders[0]["subject"],
        "request": [resources.reference(one) for one in orders],
        "collection": {"collectedDateTime": facts.instant(tx), "collector": resources.me(tx)},
    }
    if wanted["container"]:
        container, colour = wanted["container"], wanted["colour"]
        text = container if colour in container else f"{container} {colour}"  # many names say the colour already
        specimen["container"] = [{"type": resources.concept(CONTAINER, wanted["container"], text)}]
    stored = await resources.create(tx, specimen, resource_id=specimen["id"])
    _remember(tx, number, specimen["id"])
    for order in orders:
        await _register(tx, order, specimen, number)
    return resources.of(stored)


async def _register(tx: Transaction, order: Resource, specimen: Resource, number: str) -> None:
    earlier = await facts.stored(tx, "DiagnosticReport", facts.report_id(order["id"]))
    report: dict[str, Any] = earlier or {
        "resourceType": "DiagnosticReport",
        "id": facts.report_id(order["id"]),
        "basedOn": [resources.reference(order)],
        "category": [resources.concept("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB", "Laboratory")],
        "code": order["code"],
        "subject": order["subject"],
        **({"encounter": order["encounter"]} if order.get("encounter") else {}),
    }
    await facts.put(tx, {**report, "status": "registered", "effectiveDateTime": facts.instant(tx),
                         "specimen": [resources.reference(specimen, number)]})  # fmt: skip


def _remember(tx: Transaction, number: str, specimen_id: str) -> None:
    day = facts.today(tx)

    async def write(connection: asyncpg.Connection) -> None:
        # A number that another desk took meanwhile raises; the whole unit then runs again with the next one.
        await connection.execute(
            "insert into laboratory_tube (tenant, number, day, count, specimen_id) values ($1, $2, $3, $4, $5)",
            tx.tenant.number, number, day, int(number[6:]), specimen_id,
        )  # fmt: skip

    tx.also(write)


async def _end_ticket(tx: Transaction, encounter_id: str) -> None:
    ticket = await queue.ticket_of(tx, encounter_id, "collection") if encounter_id else None
    if ticket is not None:
        await queue.finish(tx, ticket.ticket_id)
