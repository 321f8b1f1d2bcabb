"""Giving out: what waits at the dispensary, hand over, take back, let go what nobody fetched; and outside sales.

Insured lines are given out by the facility's own dispensary from its stock; only what was given out is charged and
later claimed. Lines that the patient pays alone are sold by an outside pharmacy and never enter a claim. Every
hand-over is a MedicationDispense with the lot in its contained Medication; when all is out, the line is completed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from lienmach.base import clock, errors
from lienmach.care import catalogues, charges, drug_charges, prescriptions, resources, stock, systems
from lienmach.care.money import accounts
from lienmach.care.resources import Resource
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction

PAYER = systems.EXTENSION + "payer"
FETCH_DAYS = 5  # TT 26/2025/TT-BYT: medicine is fetched within 5 days of the day written
_OPEN = ("active", "on-hold")


@dataclass(frozen=True)
class Line:
    """One line of a prescription at the window. left: what may still be given. dispenses: hand-overs, newest first."""

    request: Resource
    drug_code: str
    name: str
    dosage: str
    payer: str
    unit: str
    prescribed: Decimal
    given: Decimal
    dispenses: tuple[Resource, ...]

    @property
    def id(self) -> str:
        return str(self.request["id"])

    @property
    def left(self) -> Decimal:
        return max(self.prescribed - self.given, Decimal(0)) if self.request["status"] in _OPEN else Decimal(0)

    def handed(self, code: str = "", more: Decimal = Decimal(0)) -> dict[str, Decimal]:
        """Drug -> what was handed over of it, with so much more (below 0: less) of one."""
        return drug_charges.handed_over(self.dispenses, self.drug_code, {code: more} if code else {})

    @property
    def may_substitute(self) -> bool:
        return bool(self.request.get("substitution", {}).get("allowedBoolean", False))


@dataclass(frozen=True)
class Prescription:
    """The lines that stand under one code. state: waiting, partly, done, stopped."""

    code: str
    patient_id: str
    encounter_id: str
    written_at: datetime
    lines: tuple[Line, ...]

    @property
    def last_on(self) -> date:
        return (self.written_at + timedelta(days=FETCH_DAYS)).date()

    def of(self, payer: str) -> tuple[Line, ...]:
        """The lines that insurance (`bhyt`) or the patient (`self`) pays."""
        return tuple(one for one in self.lines if one.payer == payer)

    def state(self, payer: str) -> str:
        lines = [one for one in self.of(payer) if one.request["status"] in (*_OPEN, "completed")]
        if not lines:
            return "stopped"
        if all(one.left == 0 for one in lines):
            return "done"
        return "partly" if any(one.given > 0 for one in lines) else "waiting"


@dataclass(frozen=True)
class Waiting:
    """A prescription that waits at the window. lines: how many of its lines have something reserved."""

    code: str
    patient_id: str
    encounter_id: str
    reserved_at: datetime
    lines: int


async def waiting(tx: Transaction, place_id: str) -> list[Waiting]:
    """Prescriptions with something reserved at this place, longest waiting first; at most 300 lines."""
    rows = await tx.fetch(
        """select cause, reserved_at from stock_reservation where tenant = $1 and place_id = $2
           order by reserved_at, cause limit 300""",
        tx.tenant.number, place_id,
    )  # fmt: skip
    requests = await resources.read_many(
        tx, "MedicationRequest", [row["cause"].removeprefix("MedicationRequest/") for row in rows]
    )
    found: dict[str, Waiting] = {}
    for row in rows:
        request = requests.get(row["cause"].removeprefix("MedicationRequest/"))
        if request is None:
            continue
        code = code_of(request)
        earlier = found.get(code)
        found[code] = Waiting(
            code,
            resources.id_of(request["subject"], "Patient"),
            resources.id_of(request.get("encounter"), "Encounter"),
            earlier.reserved_at if earlier else row["reserved_at"],
            (earlier.lines if earlier else 0) + 1,
        )
    return list(found.values())


async def read(tx: Transaction, code: str) -> Prescription:
    """The prescription of a code. Raises errors.NotFound with a sentence for a code that is not here."""
    lines = await prescriptions.of_code(tx, code)
    if not lines:
        raise errors.NotFound("Không có đơn thuốc với mã này. Hãy kiểm tra lại 14 ký tự in dưới mã QR.")
    first = lines[0]
    found = [await _line(tx, one) for one in lines]
    return Prescription(
        code_of(first),
        resources.id_of(first["subject"], "Patient"),
        resources.id_of(first.get("encounter"), "Encounter"),
        datetime.fromisoformat(first["authoredOn"].replace("Z", "+00:00")),
        tuple(found),
    )


async def _line(tx: Transaction, request: Resource) -> Line:
    done = await resources.find(tx, "MedicationDispense", ("prescription", f"MedicationRequest/{request['id']}"))
    kept = [one for one in done if one["status"] == "completed"]
    quantity = request.get("dispenseRequest", {}).get("quantity", {})
    dosage = (request.get("dosageInstruction") or [{}])[0]
    return Line(
        request,
        resources.code_of(request.get("medicationCodeableConcept"), systems.DRUG),
        request.get("medicationCodeableConcept", {}).get("text", ""),
        dosage.get("text", ""),
        payer_of(request),
        quantity.get("unit", ""),
        Decimal(quantity.get("value", 0)),
        sum((Decimal(one["quantity"]["value"]) for one in kept), Decimal(0)),
        tuple(kept),
    )


async def give(
    tx: Transaction, request_id: str, quantity: Decimal, *, place_id: str, drug_code: str = ""
) -> list[Stored]:
    """Hand out a quantity of an insured line from stock; returns the MedicationDispenses, one a lot.

    drug_code: another drug with the same ingredients, where the doctor allowed it; bill and claim then carry that drug
    at its own price, and the desk closes the statement again. Only after insurance desk and cashier: the cost statement
    is closed and nothing is due, or credit was allowed. Only what is reserved: that is what the statement counted; what
    was let go is reserved again first (`renew`). The charge becomes final with the last hand-over. Raises
    errors.Conflict where the visit is not released (`not-released`), less is reserved (`not-reserved`), the line is
    closed, too old, another pharmacy's, given already, or stock is short; errors.Invalid for the quantity.
    """
    request = await resources.read(tx, "MedicationRequest", request_id)
    line = await _line(tx, request)
    await _check(tx, line, quantity, "bhyt")
    await accounts.check_released(tx, resources.id_of(request.get("encounter"), "Encounter"))
    chosen = drug_code or line.drug_code
    if chosen != line.drug_code:
        await check_substitute(tx, line, chosen)
    cause = f"MedicationRequest/{request_id}"
    await stock.hold(tx, cause)
    promised = await stock.reserved(tx, cause)
    if promised < quantity:
        raise errors.Conflict(
            "Dòng này chỉ còn {left} {unit} được giữ theo bảng kê đã chốt. Hãy giữ lại phần còn thiếu, rồi mời người bệnh "
            "về quầy lập lại bảng kê.",
            code="not-reserved", values={"left": f"{promised.normalize():f}", "unit": line.unit},
        )  # fmt: skip
    taken = await stock.issue(
        tx, cause=cause, drug_code=chosen, quantity=quantity, place_id=place_id, most=line.prescribed
    )
    given = line.given + quantity
    made = [await _hand_over(tx, line, chosen, one, place_id) for one in taken]
    if promised <= quantity or chosen != line.drug_code:  # else the rest is still expected: the statement holds
        handed = line.handed(chosen, quantity)
        await drug_charges.settle(tx, cause, line.drug_code, handed, promised=max(promised - quantity, Decimal(0)))
    if given >= line.prescribed:
        await resources.update(tx, {**request, "status": "completed"})
    return made


async def renew(tx: Transaction, request_id: str, *, place_id: str) -> None:
    """Reserve again what is left of an insured line that was let go or brought back, and expect its cost again.

    The statement is closed again at the desk before anything is given out. Raises errors.Conflict where the line is
    closed, too old, has nothing left, or stock is short.
    """
    line = await _line(tx, await resources.read(tx, "MedicationRequest", request_id))
    await _check(tx, line, line.left or Decimal(1), "bhyt")
    cause = f"MedicationRequest/{request_id}"
    await stock.hold(tx, cause)
    if await stock.reserved(tx, cause) >= line.left:
        raise errors.Conflict("Dòng này đã được giữ đủ; không cần giữ lại.")
    stock.reserve(tx, drug_code=line.drug_code, quantity=line.left, cause=cause, place_id=place_id)
    await charges.renew(tx, cause, quantity=line.left + line.handed(line.drug_code)[line.drug_code])


async def sell(tx: Transaction, request_id: str, quantity: Decimal, *, drug_code: str = "") -> Stored:
    """An outside pharmacy sells from a line that the patient pays alone; no stock of ours, no charge, no claim."""
    request = await resources.read(tx, "MedicationRequest", request_id)
    line = await _line(tx, request)
    await _check(tx, line, quantity, "self")
    chosen = drug_code or line.drug_code
    if chosen != line.drug_code:
        await check_substitute(tx, line, chosen)
    tx.premises.append(_nothing_sold_since(line))
    return await _hand_over(tx, line, chosen, ("", None, quantity), "")


def _nothing_sold_since(line: Line) -> Any:
    """Of two pharmacies that sell from one line at once, the second looks again: an outside role writes no request."""
    seen = {one["id"] for one in line.dispenses}

    async def still_so(tx: Transaction, connection: asyncpg.Connection) -> bool:
        tx.on(connection)
        try:
            return {one["id"] for one in (await _line(tx, line.request)).dispenses} == seen
        finally:
            tx.on(None)

    return still_so


async def take_back(tx: Transaction, dispense_id: str, quantity: Decimal, reason: str) -> Stored:
    """Take back what was given out: the hand-over shrinks or is stopped, stock and charge follow.

    Raises errors.Invalid for a missing reason, errors.Conflict for more than was given.
    """
    if len(reason.strip()) < 3:
        raise errors.Invalid("Hãy ghi lý do trả lại thuốc.")
    dispense = await resources.read(tx, "MedicationDispense", dispense_id)
    had = Decimal(dispense["quantity"]["value"])
    if dispense["status"] != "completed" or not 0 < quantity <= had:
        raise errors.Conflict("Chỉ trả lại được số lượng đã cấp của lần cấp này.")
    request_id = resources.id_of(dispense["authorizingPrescription"][0], "MedicationRequest")
    cause = f"MedicationRequest/{request_id}"
    await stock.hold(tx, cause)
    lot, place_id = lot_of(dispense), resources.id_of(dispense.get("location"), "Location")
    drug_code = resources.code_of(dispense["contained"][0]["code"], systems.DRUG)
    stock.put_back(
        tx, cause=cause, drug_code=drug_code, lot=lot, quantity=quantity, place_id=place_id, note=reason.strip()[:200]
    )
    note = {"text": f"{quantity} ↩ {reason.strip()[:200]}", "time": clock.to_instant(tx.now)}
    changed = {**dispense, "note": [*dispense.get("note", ()), note]}
    if quantity == had:
        changed["status"] = "stopped"
    else:
        changed["quantity"] = {**dispense["quantity"], "value": had - quantity}
    request = await resources.read(tx, "MedicationRequest", request_id)
    line = await _line(tx, request)
    promised = await stock.reserved(tx, cause)
    if not promised or drug_code != line.drug_code:  # else the rest is settled when it is given or let go
        await drug_charges.settle(tx, cause, line.drug_code, line.handed(drug_code, -quantity), promised=promised)
    if request["status"] == "completed":
        await resources.update(tx, {**request, "status": "active"})
    return await resources.update(tx, changed)


async def release_unfetched(tx: Transaction, place_id: str, before: datetime) -> list[str]:
    """Let go what was reserved before a moment and not fetched; its charge falls to what was given out.

    Returns the causes. The line stays open for its five days: fetched later, it is taken from stock as it then is.
    """
    rows = await tx.fetch(
        "select cause from stock_reservation where tenant = $1 and place_id = $2 and reserved_at < $3 limit 1000",
        tx.tenant.number, place_id, before,
    )  # fmt: skip
    causes = [row["cause"] for row in rows]
    for cause in causes:
        await release(tx, cause)
    return causes


async def release(tx: Transaction, cause: str) -> None:
    """Let go what is reserved for a line; its charge falls to what was given out, perhaps nothing."""
    await stock.hold(tx, cause)
    stock.release(tx, cause)
    line = await _line(tx, await resources.follow(tx, cause))
    await drug_charges.settle(tx, cause, line.drug_code, line.handed())


async def check_substitute(tx: Transaction, line: Line, drug_code: str) -> None:
    """Raise errors.Conflict unless another drug has the same ingredients and the doctor allowed substitution."""
    if not line.may_substitute:
        raise errors.Conflict("Bác sĩ không cho phép thay thuốc ở dòng này. Hãy xin ý kiến bác sĩ kê đơn.")
    day = tx.now.astimezone(tx.tenant.time_zone).date()
    rows = await catalogues.get_many(tx, "drug", [line.drug_code, drug_code], on=day)
    if drug_code not in rows:
        raise errors.Conflict("Thuốc thay thế không có trong danh mục hôm nay.")
    if line.drug_code not in rows or _content(rows[drug_code]) != _content(rows[line.drug_code]):
        raise errors.Conflict("Thuốc thay thế phải cùng hoạt chất, hàm lượng và đường dùng.")


async def substitutes(tx: Transaction, line: Line) -> list[catalogues.Row]:
    """Other drugs of the catalogue with the same ingredients, strengths and route."""
    day = tx.now.astimezone(tx.tenant.time_zone).date()
    own = await catalogues.get(tx, "drug", line.drug_code, on=day)
    if own is None or not line.may_substitute:
        return []
    names = " ".join(one["name"] for one in own.data.get("ingredients", ()))
    found = await catalogues.find(tx, "drug", names, on=day, limit=50)
    return [one for one in found if one.code != own.code and _content(one) == _content(own)]


def _content(row: catalogues.Row) -> tuple[Any, ...]:
    parts = sorted((one["code"], str(one.get("strength")), one.get("unit")) for one in row.data.get("ingredients", ()))
    return row.data.get("route"), tuple(parts)


async def _check(tx: Transaction, line: Line, quantity: Decimal, payer: str) -> None:
    if quantity <= 0:
        raise errors.Invalid("Số lượng phải lớn hơn 0.")
    if line.payer != payer:
        raise errors.Conflict(
            "Dòng này do quỹ BHYT trả, chỉ cấp tại quầy của cơ sở khám." if payer == "self" else
            "Dòng này người bệnh tự mua ở nhà thuốc, không cấp từ kho BHYT."
        )  # fmt: skip
    status = line.request["status"]
    if status == "completed" or line.given >= line.prescribed:
        raise errors.Conflict("Dòng thuốc này đã được cấp đủ.", code="given")
    if status not in _OPEN:
        raise errors.Conflict("Đơn này đã ngừng hoặc đã được thay bằng đơn khác; không cấp được nữa.")
    written_at = datetime.fromisoformat(line.request["authoredOn"].replace("Z", "+00:00"))
    if tx.now > written_at + timedelta(days=FETCH_DAYS):
        raise errors.Conflict(
            "Đơn đã quá {days} ngày kể từ ngày kê; người bệnh cần khám lại.", values={"days": FETCH_DAYS}
        )
    if line.given + quantity > line.prescribed:
        raise errors.Conflict(
            "Chỉ còn {left} {unit} được cấp ở dòng này.",
            values={"left": f"{line.left.normalize():f}", "unit": line.unit},
        )


async def _hand_over(
    tx: Transaction, line: Line, drug_code: str, taken: tuple[str, date | None, Decimal], place_id: str
) -> Stored:
    lot, expires_on, quantity = taken
    day = tx.now.astimezone(tx.tenant.time_zone).date()
    row = await catalogues.get(tx, "drug", drug_code, on=day)
    concept = resources.concept(systems.DRUG, drug_code, row.name if row else line.name)
    medication: Resource = {"resourceType": "Medication", "id": "lot", "code": concept}
    if lot:
        medication["batch"] = {"lotNumber": lot} | ({"expirationDate": expires_on.isoformat()} if expires_on else {})
    request = line.request
    made: Resource = {
        "resourceType": "MedicationDispense",
        "contained": [medication],
        "status": "completed",
        "medicationReference": {"reference": "#lot", "display": concept.get("text", "")},
        "subject": request["subject"],
        "performer": [{"actor": resources.me(tx)}],
        "authorizingPrescription": [resources.reference(request)],
        "quantity": {**request["dispenseRequest"]["quantity"], "value": quantity},
        "whenHandedOver": clock.to_instant(tx.now),
    }
    if request.get("encounter"):
        made["context"] = request["encounter"]
    if place_id:
        made["location"] = {"reference": f"Location/{place_id}"}
    if request.get("dosageInstruction"):
        made["dosageInstruction"] = request["dosageInstruction"]
    if drug_code != line.drug_code:
        made["substitution"] = {"wasSubstituted": True}
    if request.get("meta", {}).get("security"):
        made["meta"] = {"security": request["meta"]["security"]}
    return await resources.create(tx, made)


def payer_of(request: Resource) -> str:
    """Who pays a line: bhyt or self."""
    return next((one["valueCode"] for one in request.get("extension", ()) if one.get("url") == PAYER), "self")


def code_of(request: Resource) -> str:
    """The national code that a line stands under."""
    return str(request.get("groupIdentifier", {}).get("value", ""))


def lot_of(dispense: Resource) -> str:
    """The lot that was handed over, "" outside."""
    return str((dispense.get("contained") or [{}])[0].get("batch", {}).get("lotNumber", ""))
