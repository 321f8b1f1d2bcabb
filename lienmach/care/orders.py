"""Orders of a visit (ServiceRequest): place, preview, cancel, restore, complete, and those that wait for a signature.

The total of the whole visit is looked at before an order is placed, because one order can change what earlier lines
cost: below 15 % of the base salary the patient pays no share, from it on every line is co-paid (care/charges.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from lienmach.base import clock, errors
from lienmach.care import (
    catalogues,
    charges,
    facility,
    late_results,
    order_consents,
    order_facts,
    order_repeats,
    order_rooms,
    resources,
    systems,
    visit_facts,
    visit_premises,
)
from lienmach.care.catalogues import Row
from lienmach.care.order_consents import Cost
from lienmach.care.order_facts import CANCEL_REASON, cause_of
from lienmach.care.order_facts import KIND as KIND
from lienmach.care.order_facts import kind_of as kind_of
from lienmach.care.order_facts import quantity_of as quantity_of
from lienmach.care.order_repeats import Earlier
from lienmach.care.resources import Resource
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh.benefit import Amounts
from lienmach.standards.fhir import dates

PRIORITIES = ("routine", "urgent", "asap", "stat")
_QUANTITY_MAX = 50
_LINES_MAX = 60
_TEXT_CHARACTERS_MAX = 500
_RESTORE_SECONDS = 30  # the page offers ten; a slow line gets the rest


class VisitClosed(errors.Conflict):
    """The visit takes no order any more."""


class RepeatReasonMissing(errors.Conflict):
    """Somebody did this before. earlier: what was found, without a reason to do it again."""

    def __init__(self, earlier: Sequence[Earlier]) -> None:
        codes = ", ".join(sorted({one.service_code for one in earlier}))
        super().__init__(f"Đã làm hoặc đã chỉ định gần đây: {codes}. Hãy ghi lý do làm lại.", code="duplicate")
        self.earlier = list(earlier)


class ConsentMissing(errors.Unprocessable):
    """What insurance does not pay was not agreed to. costs: what the patient would pay alone."""

    def __init__(self, costs: Sequence[Cost]) -> None:
        codes = ", ".join(one.service_code for one in costs)
        super().__init__(f"Cần thông báo và có đồng ý của người bệnh về phần tự trả trước khi chỉ định: {codes}.")
        self.costs = list(costs)


@dataclass(frozen=True)
class OrderLine:
    """One line as asked for. repeat_reason: why again. has_consent: the patient agrees now to pay what is theirs."""

    service_code: str
    quantity: int = 1
    note: str = ""
    repeat_reason: str = ""
    has_consent: bool = False


@dataclass(frozen=True)
class Preview:
    """What lines would do, nothing stored. services: their rows. costs: what the patient would pay alone, by service.
    steps: the visit's amounts with the first line, with the first two, … with all of them.

    crosses_line: they lift the visit over 15 % of the base salary, so that earlier lines become co-paid.
    earlier: what was done before and has no reason yet or has one. consent_needed: service codes without a consent.
    """

    before: Amounts
    after: Amounts
    crosses_line: bool
    earlier: list[Earlier]
    consent_needed: list[str]
    costs: list[Cost]
    services: dict[str, Row]
    steps: Sequence[Amounts]


async def preview(tx: Transaction, encounter_id: str, lines: Sequence[OrderLine]) -> Preview:
    """The whole visit's amounts without and with these lines, and what they would ask of doctor and patient.

    Raises errors.Unprocessable for a service that is not in the catalogue today or a quantity that cannot be.
    """
    encounter = await resources.read(tx, "Encounter", encounter_id)
    services = await _rows_of(tx, lines)
    new = [_new_line(index, one, tx.now) for index, one in enumerate(lines)]
    before, *steps = await charges.in_steps(tx, encounter_id, new)
    if not lines:
        return Preview(before, before, False, [], [], [], {}, [])
    after = steps[-1]
    costs = _costs(lines, services, after)
    lacking = order_consents.missing(costs, await order_consents.kept(tx, encounter_id)) if costs else []
    return Preview(
        before=before,
        after=after,
        crosses_line=before.is_below_line and not after.is_below_line,
        earlier=await order_repeats.find(tx, visit_facts.patient_of(encounter), services),
        consent_needed=[one.service_code for one in lacking],
        costs=costs,
        services=services,
        steps=steps,
    )


async def place(
    tx: Transaction, encounter_id: str, lines: Sequence[OrderLine], *, priority: str = "routine"
) -> list[Stored]:
    """Store one ServiceRequest a line under one number, expect its charge and join the queue of the place.

    Raises VisitClosed; RepeatReasonMissing where it was done before and no reason stands; ConsentMissing where the
    patient would pay alone and has not agreed; errors.Unprocessable for what the catalogue does not have today.
    """
    encounter = await _open_visit(tx, encounter_id)
    await visit_premises.hold_orders(tx, encounter_id)
    if not lines or len(lines) > _LINES_MAX:
        raise errors.Unprocessable(f"Một lần chỉ định có từ 1 đến {_LINES_MAX} dịch vụ.")
    if priority not in PRIORITIES:
        raise errors.Unprocessable("Mức ưu tiên chưa đúng: chọn thường, khẩn hoặc cấp cứu.")
    seen = await preview(tx, encounter_id, lines)
    _check_repeats(lines, seen)
    await _agree(tx, encounter_id, lines, seen)
    home = await facility.home(tx)
    rooms = await order_rooms.choose(tx, list(seen.services.values()), home)
    number = order_facts.new_number(tx.now.astimezone(tx.tenant.time_zone).date())
    stored = []
    for line in lines:
        service = seen.services[line.service_code]
        order = _order(tx, encounter, service, line, number, priority)
        room = rooms.get(service.code)
        if room is not None:
            order["locationReference"] = [{"reference": f"Location/{room.id}", "display": room.name}]
        stored.append(await _store(tx, encounter_id, order, service, line.quantity))
    await order_rooms.join_queues(
        tx, encounter, list(seen.services.values()), rooms, home, is_urgent=priority == "stat"
    )
    moved = order_rooms.with_exam_rooms(encounter, list(seen.services.values()), rooms)
    if moved is not None:
        await resources.update(tx, moved)
    return stored


async def place_exam(tx: Transaction, encounter: Resource, service_code: str) -> Stored:
    """The order of an examination of a visit that is just being opened, with its charge; no queue, no questions.

    encounter: with its id; it may still be unwritten. Raises errors.Unprocessable for an unknown service.
    """
    line = OrderLine(service_code)
    service = (await _rows_of(tx, [line]))[service_code]
    order = _order(
        tx, encounter, service, line, order_facts.new_number(tx.now.astimezone(tx.tenant.time_zone).date()), "routine"
    )
    rooms = [one["location"] for one in encounter.get("location", ())]
    if rooms:
        order["locationReference"] = rooms[-1:]
    return await _store(tx, encounter["id"], order, service, 1)


async def cancel(tx: Transaction, order_id: str, reason: str) -> Stored:
    """Revoke an order that nobody has begun; its charge is cancelled. Of two at once, one wins.

    Raises errors.Unprocessable without a reason, errors.Conflict if it is done, revoked or its specimen taken.
    """
    if not reason.strip():
        raise errors.Unprocessable("Hãy ghi lý do huỷ chỉ định.")
    order = await resources.read(tx, "ServiceRequest", order_id)
    _check_active(order)
    if await _is_begun(tx, order):
        raise errors.Conflict("Mẫu đã được lấy; hãy gọi phòng xét nghiệm để huỷ chỉ định này.")
    visit_premises.hold_that(tx, lambda unit: _is_begun(unit, order), is_so=False)
    order["status"] = "revoked"
    order["extension"] = [
        *(one for one in order.get("extension", ()) if one.get("url") != CANCEL_REASON),
        {"url": CANCEL_REASON, "valueString": reason.strip()[:_TEXT_CHARACTERS_MAX]},
    ]
    stored = await resources.update(tx, order)
    await charges.cancel(tx, cause_of(order_id), reason)
    encounter_id, kind = resources.id_of(order.get("encounter"), "Encounter"), kind_of(order)
    waiting = {kind_of(one) for one in await of_visit(tx, encounter_id) if one["status"] == "active"}
    if not any(order_rooms.is_same_queue(kind, one) for one in waiting):
        await order_rooms.leave_queue(tx, encounter_id, kind)
    return stored


async def restore(tx: Transaction, order_id: str) -> Stored:
    """Take a cancellation back that was made a moment ago; the charge is expected again as it was.

    Raises errors.Conflict if the order is not revoked, or was for longer than half a minute; VisitClosed.
    """
    order = await resources.read(tx, "ServiceRequest", order_id)
    since = tx.now - dates.parse_range(order["meta"]["lastUpdated"], tx.tenant.time_zone)[0]
    if order.get("status") != "revoked" or since > timedelta(seconds=_RESTORE_SECONDS):
        raise errors.Conflict("Không hoàn tác được nữa; hãy chỉ định lại dịch vụ này.")
    encounter_id = resources.id_of(order.get("encounter"), "Encounter")
    await _open_visit(tx, encounter_id)
    code = resources.code_of(order["code"], systems.SERVICE)
    line = OrderLine(code, quantity=quantity_of(order))
    service = (await _rows_of(tx, [line]))[code]
    order["status"] = "active"
    order["extension"] = [one for one in order["extension"] if one.get("url") != CANCEL_REASON]
    if not order["extension"]:
        del order["extension"]
    stored = await resources.update(tx, order)
    await _expect(tx, encounter_id, order, service, line.quantity)
    encounter = await resources.read(tx, "Encounter", encounter_id)
    home = await facility.home(tx)
    await order_rooms.join_queues(tx, encounter, [service], await order_rooms.choose(tx, [service], home), home)
    return stored


async def complete(
    tx: Transaction, order_id: str, *, done_at: datetime | None = None, quantity: int | Decimal = 1
) -> Stored:
    """Mark an order as done and settle its charge. Of two at once, or beside a cancellation, one wins.

    done_at: when it was done, not before the order nor in the future; now if left out. Raises errors.Conflict if it
    is done or revoked already, errors.Unprocessable for a time or quantity that cannot be.
    """
    order = await resources.read(tx, "ServiceRequest", order_id)
    _check_active(order)
    at = done_at or tx.now
    ordered_at = dates.parse_range(order["authoredOn"], tx.tenant.time_zone)[0]
    if at < ordered_at or at > tx.now + timedelta(minutes=1):
        raise errors.Unprocessable("Thời điểm thực hiện phải sau thời điểm chỉ định và không ở tương lai.")
    if quantity <= 0:
        raise errors.Unprocessable("Số lượng đã thực hiện phải lớn hơn 0.")
    order["status"] = "completed"
    order["occurrenceDateTime"] = clock.to_instant(at)
    stored = await resources.update(tx, order)
    await charges.settle(tx, cause_of(order_id), quantity=Decimal(quantity), at=at)
    if kind_of(order) != "exam":
        await late_results.tell(tx, order)
    return stored


async def of_visit(tx: Transaction, encounter_id: str) -> list[Resource]:
    """All orders of a visit, oldest first, this unit's own included."""
    return [resources.of(one) for one in await _stored_of_visit(tx, encounter_id)]


async def unsigned(tx: Transaction, encounter_id: str) -> list[Stored]:
    """The orders of a visit that its doctor has not signed yet: no examination, nothing revoked."""
    waiting = [
        one
        for one in await _stored_of_visit(tx, encounter_id)
        if (order := resources.of(one)).get("status") in ("active", "completed") and kind_of(order) != "exam"
    ]
    if not waiting:
        return []
    targets = ",".join(f"ServiceRequest/{one.id}" for one in waiting)
    signed = {
        str(target.get("reference", "")).split("/_history/")[0]
        for provenance in await resources.find(tx, "Provenance", ("target", targets))
        if provenance.get("signature")
        for target in provenance.get("target", ())
    }
    return [one for one in waiting if f"ServiceRequest/{one.id}" not in signed]


async def _stored_of_visit(tx: Transaction, encounter_id: str) -> list[Stored]:
    stored_before = await resources.matches(tx, "ServiceRequest", ("encounter", f"Encounter/{encounter_id}"))
    found = {one.id: one for one in stored_before}
    for change in tx.pending.values():
        if change.type == "ServiceRequest" and change.op != "D":
            stored = change.stored()
            if resources.id_of(resources.of(stored).get("encounter"), "Encounter") == encounter_id:
                found[stored.id] = stored
    return sorted(found.values(), key=lambda one: (str(resources.of(one).get("authoredOn", "")), one.id))


async def _rows_of(tx: Transaction, lines: Sequence[OrderLine]) -> dict[str, Row]:
    """Catalogue rows of the lines as of today, by code."""
    today = tx.now.astimezone(tx.tenant.time_zone).date()
    rows = await catalogues.get_many(tx, "service", [one.service_code for one in lines], on=today)
    unknown = sorted({one.service_code for one in lines} - rows.keys())
    if unknown:
        raise errors.Unprocessable(f"Danh mục hôm nay không có dịch vụ: {', '.join(unknown)[:120]}.")
    if any(not 1 <= one.quantity <= _QUANTITY_MAX for one in lines):
        raise errors.Unprocessable(f"Số lượng chỉ định từ 1 đến {_QUANTITY_MAX}.")
    return rows


async def _open_visit(tx: Transaction, encounter_id: str) -> Resource:
    encounter = await resources.read(tx, "Encounter", encounter_id)
    if not visit_facts.is_open(encounter):
        raise VisitClosed("Lượt khám này đã kết thúc; hãy mở lượt khám mới để chỉ định thêm.")
    await visit_premises.hold(tx, encounter)
    return encounter


def _check_repeats(lines: Sequence[OrderLine], seen: Preview) -> None:
    """Every line that repeats an earlier one, or another line of this order, carries a reason."""
    explained = {one.service_code for one in lines if one.repeat_reason.strip()}
    unexplained = [one for one in seen.earlier if one.service_code not in explained]
    if unexplained:
        raise RepeatReasonMissing(unexplained)
    codes = [one.service_code for one in lines]
    twice = {code for code in codes if codes.count(code) > 1} - explained
    if any(order_repeats.is_guarded(seen.services[code]) for code in twice):
        raise errors.Conflict(f"Dịch vụ {', '.join(sorted(twice))} ghi hai lần trong cùng chỉ định.", code="duplicate")


async def _agree(tx: Transaction, encounter_id: str, lines: Sequence[OrderLine], seen: Preview) -> None:
    """Keep the consents that come with the lines; ConsentMissing for those that do not."""
    agreeing = {one.service_code for one in lines if one.has_consent}
    lacking = [one for one in seen.costs if one.service_code in seen.consent_needed]
    refused = [one for one in lacking if one.service_code not in agreeing]
    if refused:
        raise ConsentMissing(refused)
    if lacking:
        await order_consents.keep(tx, encounter_id, lacking)


def _costs(lines: Sequence[OrderLine], services: Mapping[str, Row], after: Amounts) -> list[Cost]:
    """What a patient with a card would pay alone for each service: out of scope, or above the insured price."""
    own: dict[str, Decimal] = {}
    amounts = {one.line.key: one for one in after.lines}
    for index, line in enumerate(lines):
        found = amounts[_key(index)]
        if found.why != "no-card" and found.T_BNTT > 0:
            own[line.service_code] = own.get(line.service_code, Decimal(0)) + found.T_BNTT
    return [Cost(code, services[code].name, int(amount.to_integral_value())) for code, amount in own.items()]


def _order(tx: Transaction, encounter: Resource, service: Row, line: OrderLine, number: str, priority: str) -> Resource:
    return order_facts.build(
        encounter, service, number=number, priority=priority, at=tx.now, requester=resources.me(tx),
        quantity=line.quantity, note=line.note, repeat_reason=line.repeat_reason,
    )  # fmt: skip


async def _store(tx: Transaction, encounter_id: str, order: Resource, service: Row, quantity: int) -> Stored:
    stored = await resources.create(tx, order, resource_id=order["id"])
    await _expect(tx, encounter_id, order, service, quantity)
    return stored


async def _expect(tx: Transaction, encounter_id: str, order: Resource, service: Row, quantity: int) -> None:
    await charges.expect(
        tx, encounter_id, list_name="service", code=service.code, quantity=Decimal(quantity),
        cause=cause_of(order["id"]), at=dates.parse_range(order["authoredOn"], tx.tenant.time_zone)[0],
    )  # fmt: skip


def _new_line(index: int, line: OrderLine, at: datetime) -> charges.NewLine:
    return charges.NewLine("service", line.service_code, Decimal(line.quantity), _key(index), at)


def _key(index: int) -> str:
    """The key of a line that is only looked at."""
    return f"new/{index}"


def _check_active(order: Resource) -> None:
    if order.get("status") == "completed":
        raise errors.Conflict("Chỉ định này đã thực hiện xong.")
    if order.get("status") != "active":
        raise errors.Conflict("Chỉ định này đã bị huỷ.")


async def _is_begun(tx: Transaction, order: Resource) -> bool:
    """Whether a specimen stands behind the order."""
    if order.get("specimen"):
        return True
    if kind_of(order) != "lab":
        return False
    patient_id, own = resources.id_of(order.get("subject"), "Patient"), f"ServiceRequest/{order['id']}"
    return any(
        one.get("status") not in ("entered-in-error", "unsatisfactory", "unavailable")
        and any(request.get("reference") == own for request in one.get("request", ()))
        for one in await resources.find(tx, "Specimen", ("patient", patient_id), count=50)
    )
