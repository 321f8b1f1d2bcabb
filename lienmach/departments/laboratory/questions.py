"""The answer to an analyser that asks what is to be measured in a tube."""

from __future__ import annotations

from lienmach.base import ids
from lienmach.departments.laboratory import facts, intake, machines, messages, panel, tubes
from lienmach.record.transaction import Store, Transaction
from lienmach.standards.instruments import Ordered, Sent
from lienmach.standards.vietnam import names

_SEX = {"male": "M", "female": "F", "other": "O"}


async def answer(store: Store, tenant: int, dialect: str, sent: Sent, raw: bytes, digest: bytes) -> list[Ordered]:
    """What waits to be measured in the tubes that a message asks for, in the analyser's own codes; the question is kept.

    A tube that is unknown, refused or done gets an empty answer. Raises intake.UnknownSender.
    """

    async def work(tx: Transaction) -> list[Ordered]:
        analyser = await intake.sender_of(tx, sent.sender)
        codes: dict[str, list[str]] = {}
        for code, mapping in (await machines.mappings(tx, analyser.analyser_id)).items():
            codes.setdefault(mapping.indicator, []).append(code)
        answers = [await _ordered(tx, tube, codes) for tube in sent.queries[:50]]
        if await messages.same(tx, sent.sender, sent.control_id, digest) is None:
            messages.keep(tx, ids.new_id(), sent, dialect, raw, digest, state="query", analyser_id=analyser.analyser_id)
        return answers

    return await store.run(intake.actor(tenant, sent.sender), work)


async def _ordered(tx: Transaction, tube: str, codes: dict[str, list[str]]) -> Ordered:
    specimen = await tubes.of_number(tx, tube)
    if specimen is None or specimen.get("status") not in ("available", "unavailable"):
        return Ordered(tube)
    found = await panel.of_specimen(tx, specimen)
    wanted = []
    for test in found.tests:
        if not facts.has_value(test.observation) and test.order.get("status") == "active":
            wanted += [(code, test.indicator.name) for code in codes.get(test.indicator.code, ())[:1]]
    patient = found.patient
    return Ordered(
        tube,
        tuple(dict.fromkeys(wanted)),
        patient["id"],
        names.shown(patient),
        str(patient.get("birthDate", "")).replace("-", ""),
        _SEX.get(str(patient.get("gender", "")), "U"),
    )
