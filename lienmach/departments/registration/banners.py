"""The patient banner as this actor may see it: what a role may not read is said to be hidden, never to be absent."""

from __future__ import annotations

from dataclasses import replace

from lienmach.care import patients
from lienmach.care.banner import Banner
from lienmach.record.transaction import Transaction
from lienmach.web import words

HIDDEN = "Vai trò của bạn không xem được"
_NO_CARD = ("Chưa có thẻ BHYT", "No insurance card")


async def read(tx: Transaction, patient_id: str, language: str) -> Banner:
    """The banner of a person. Raises errors.NotFound, Gone, Refused.

    "Not weighed" and "not asked" are clinical statements; without the right to look we may not make them.
    """
    found = await patients.read_banner(tx, patient_id, en=language == "en")
    hidden = words.text(language, HIDDEN)
    if not tx.policy.may_read(tx.definitions.type_number("AllergyIntolerance")):
        found = replace(found, allergies=(), allergies_word=hidden)
    if not tx.policy.may_read(tx.definitions.type_number("Observation")):
        found = replace(found, weight=hidden)
    if found.insurance in _NO_CARD and not tx.policy.may_read(tx.definitions.type_number("Coverage")):
        found = replace(found, insurance=hidden)
    return found
