"""What an analyser sent -> the record: results under their orders, control runs, and a tray for the rest.

Everything of one message lands in one commit with the message itself, so an acknowledgement after it is true. The same
message again (same sender, control id and content) changes nothing and gets the same answer. A reading is matched only
if tube, test, order, person and unit are certain; otherwise it waits in the tray with its reason.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal

from lienmach.base import errors, ids
from lienmach.base.actor import Actor
from lienmach.care import catalogues
from lienmach.departments.laboratory import facts, machines, messages, panel, ranges, results, runs, tubes
from lienmach.departments.laboratory.machines import Analyser, Mapping
from lienmach.departments.laboratory.messages import Waiting
from lienmach.departments.laboratory.panel import Panel
from lienmach.departments.laboratory.results import Source
from lienmach.record.transaction import Store, Transaction
from lienmach.standards.fhir import folding
from lienmach.standards.instruments import Reading, Sent
from lienmach.standards.vietnam import names

_GENERIC = frozenset({"", "0", "1"})  # patient numbers that instruments make up


class UnknownSender(errors.Refused):
    """The analyser is not on the list, or is switched off. The sentence goes back to it."""


@dataclass
class Taken:
    """What became of a message: how many results, control runs and readings in the tray. is_repeat: known already."""

    results: int = 0
    controls: int = 0
    tray: int = 0
    is_repeat: bool = False


@dataclass
class _Work:
    """One message while it is worked through."""

    analyser: Analyser
    message_id: str
    codes: dict[str, Mapping]
    panels: dict[str, Panel | None] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    done: Taken = field(default_factory=Taken)


def actor(tenant: int, name: str) -> Actor:
    """The analyser as one who acts: a connected system of this tenant."""
    return Actor(tenant, "analyser", frozenset({"system"}), "TREAT", name)


async def take(store: Store, tenant: int, dialect: str, sent: Sent, raw: bytes) -> Taken:
    """Keep a message of results and do what it says, in one commit. Raises UnknownSender, errors.Unavailable."""
    digest = hashlib.sha256(raw).digest()

    async def work(tx: Transaction) -> Taken:
        analyser = await sender_of(tx, sent.sender)
        known = await messages.same(tx, sent.sender, sent.control_id, digest)
        if known is not None:
            messages.count_repeat(tx, known)
            return Taken(is_repeat=True)
        one = _Work(analyser, ids.new_id(), await machines.mappings(tx, analyser.analyser_id))
        for reading in sent.readings:
            await _take(tx, one, reading)
        one.done.tray = len(one.waiting)
        messages.keep(
            tx, one.message_id, sent, dialect, raw, digest, state="tray" if one.waiting else "taken",
            analyser_id=analyser.analyser_id, waiting=one.waiting,
        )  # fmt: skip
        return one.done

    return await store.run(actor(tenant, sent.sender), work)


async def check_sender(store: Store, tenant: int, sender: str) -> None:
    """Raise UnknownSender unless this analyser may ask."""
    async with store.begin(actor(tenant, sender)) as tx:
        await sender_of(tx, sender)


async def refuse(
    store: Store, tenant: int, dialect: str, raw: bytes, sentence: str, *, sender: str = "", control_id: str = ""
) -> None:
    """Keep a message that could not be used, with the sentence that was answered."""

    async def work(tx: Transaction) -> None:
        digest = hashlib.sha256(raw).digest()
        known = await messages.same(tx, sender, control_id, digest)
        if known is not None:
            messages.count_repeat(tx, known)
            return
        messages.keep(
            tx, ids.new_id(), Sent(sender[:60], control_id[:200]), dialect, raw, digest, state="refused",
            sentence=sentence,
        )  # fmt: skip

    await store.run(actor(tenant, sender or "?"), work)


async def replay(tx: Transaction, waiting: Waiting, *, tube: str = "") -> str:
    """Try a reading of the tray again, for another tube if one is named (its person is then the user's word).

    Returns "" when it found its place, which takes it from the tray, else the reason why it still waits.
    """
    analyser = await machines.read(tx, waiting.analyser_id)
    one = _Work(analyser, waiting.message_id, await machines.mappings(tx, analyser.analyser_id))
    reading = Reading(
        tube or waiting.tube, waiting.code, waiting.value, waiting.unit, waiting.flag, "F", False,
        "" if tube else waiting.patient_number, "" if tube else waiting.patient_name,
    )  # fmt: skip
    await _take(tx, one, reading)
    if one.waiting:
        return one.waiting[0].reason
    messages.resolve(tx, waiting.tray_id, "matched", tube or waiting.tube)
    return ""


async def sender_of(tx: Transaction, code: str) -> Analyser:
    """The analyser that calls itself so. Raises UnknownSender."""
    found = await machines.of_sender(tx, code)
    if found is None:
        raise UnknownSender("This analyser is not registered here; add its name on the page of analysers.")
    if not found.is_active:
        raise UnknownSender("This analyser is switched off on the page of analysers.")
    return found


async def _take(tx: Transaction, one: _Work, reading: Reading) -> None:
    reason = await _match(tx, one, reading)
    if reason:
        one.waiting.append(
            Waiting(
                ids.new_id(), one.message_id, one.analyser.analyser_id, reading.tube[:60], reading.code[:60],
                reading.value[:200], reading.unit[:40], reading.flag[:20], reading.patient_number[:60],
                reading.patient_name[:120], reason,
            )
        )  # fmt: skip


async def _match(tx: Transaction, one: _Work, reading: Reading) -> str:
    """Put a reading where it belongs and return "", or say why nothing was done."""
    mapping = one.codes.get(reading.code)
    lots = await runs.lots_of(tx, one.analyser.analyser_id, reading.tube)
    if reading.is_control or lots:
        return await _run(tx, one, reading, mapping, lots)
    found = await _panel(tx, one, reading.tube)
    if found is None:
        return "tube"
    if mapping is None:
        return "code"
    if found.specimen.get("status") not in ("available", "unavailable"):
        return "rejected"
    if not is_same_person(reading, found):
        return "patient"
    tests = [test for test in found.named(mapping.indicator) if test.order["id"] in found.reports]
    if not tests:
        return "order"
    test = tests[0]
    if test.observation is not None and test.observation["status"] in facts.RELEASED:
        return "final"
    if test.is_number and not is_unit(reading.unit, mapping, test.indicator.data):
        return "unit"
    value = convert(reading, mapping) if test.is_number else reading.value
    if reading.status == "X" or not value:
        return "value"
    sent = " ".join(part for part in (reading.value, reading.unit) if part)
    for each in tests:
        await results.enter(tx, found, each, value, Source(one.analyser.device, sent))
    await tubes.receive(tx, found.specimen["id"])  # it stands in the analyser, so it is here
    one.panels.pop(reading.tube, None)  # the next reading of this tube sees what was stored
    one.done.results += 1
    return ""


async def _panel(tx: Transaction, one: _Work, tube: str) -> Panel | None:
    if tube not in one.panels:
        specimen = await tubes.of_number(tx, tube)
        one.panels[tube] = await panel.of_specimen(tx, specimen) if specimen is not None else None
    return one.panels[tube]


async def _run(tx: Transaction, one: _Work, reading: Reading, mapping: Mapping | None, lots: list[runs.Lot]) -> str:
    if mapping is None:
        return "code"
    lot = next((lot for lot in lots if lot.indicator == mapping.indicator), None)
    value = ranges.read_value(convert(reading, mapping) or "")
    if lot is None or value is None or value.comparator:
        return "control"
    row = await catalogues.get(tx, "indicator", mapping.indicator, on=facts.today(tx))
    if row is not None and not is_unit(reading.unit, mapping, row.data):
        return "unit"
    await runs.add(tx, lot, value.number)
    one.done.controls += 1
    return ""


def is_same_person(reading: Reading, found: Panel) -> bool:
    """Whether what the analyser says about the person does not speak against the tube's: number, else name."""
    number, patient = reading.patient_number.strip(), found.patient
    if number not in _GENERIC and (
        number == patient["id"] or number in {str(one.get("value")) for one in patient.get("identifier", ())}
    ):
        return True
    said = folding.fold(reading.patient_name).replace("^", " ").split()
    if said:
        return sorted(said) == sorted(folding.fold(names.shown(patient)).split())
    return number in _GENERIC


def is_unit(unit: str, mapping: Mapping, data: dict[str, object]) -> bool:
    """Whether the unit sent is one that we know for this test; an analyser that sends none is believed."""
    known = {mapping.unit} if mapping.unit else {str(data.get("unit") or ""), str(data.get("unit_shown") or "")}
    return not unit or _plain(unit) in {_plain(one) for one in known}


def convert(reading: Reading, mapping: Mapping) -> str:
    """The value in our unit, as text; "" for what is no number."""
    value = ranges.read_value(reading.value)
    if value is None:
        return ""
    number = value.number if mapping.factor == Decimal(1) else value.number * mapping.factor
    return value.comparator + format(number, "f")


def _plain(unit: str) -> str:
    """Units are compared without what instruments write differently: case of litre, micro sign, spaces, stars."""
    return unit.replace("µ", "u").replace("μ", "u").replace("*", "").replace(" ", "").replace("^", "").casefold()
