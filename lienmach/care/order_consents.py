"""Kept consents of a patient to pay alone for what insurance does not cover, from before the order (rule MON-21).

NĐ 188/2025/NĐ-CP art. 20 (secondary): costs out of scope or above the insured price are told and agreed before they
arise, and the agreement is kept with the visit. One Consent a saying yes: who agreed, who told, when, which services
and how many đồng of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lienmach.base import clock, errors
from lienmach.care import resources, systems
from lienmach.care.resources import Resource
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction

CATEGORY = "https://lienmach.org/fhir/CodeSystem/consent-kind"
SELF_PAY = "self-pay"
_COST = systems.EXTENSION + "agreed-cost"
_LOINC_CONSENT = "59284-0"  # Patient Consent
_AGREED_BY_CHARACTERS_MAX = 200


@dataclass(frozen=True)
class Cost:
    """What the patient pays alone for a service. own_vnd: whole đồng for the quantity that is ordered."""

    service_code: str
    name: str
    own_vnd: int


async def keep(tx: Transaction, encounter_id: str, costs: Sequence[Cost], *, agreed_by: str = "") -> Stored:
    """Store that these costs were told and agreed to, now.

    agreed_by: name of who said yes where it is not the patient (a parent, who came along); "" is the patient.
    Raises errors.Unprocessable without a cost.
    """
    if not costs:
        raise errors.Unprocessable("Bản đồng ý phải có ít nhất một dịch vụ và số tiền.")
    encounter = await resources.read(tx, "Encounter", encounter_id)
    name = agreed_by.strip()[:_AGREED_BY_CHARACTERS_MAX]
    consent: Resource = {
        "resourceType": "Consent",
        "status": "active",
        "scope": resources.concept("http://terminology.hl7.org/CodeSystem/consentscope", "treatment"),
        "category": [
            resources.concept(systems.LOINC, _LOINC_CONSENT),
            resources.concept(CATEGORY, SELF_PAY, "Đồng ý tự trả chi phí ngoài phạm vi bảo hiểm"),
        ],
        "patient": encounter["subject"],
        "dateTime": clock.to_instant(tx.now),
        "performer": [{"display": name} if name else encounter["subject"]],
        "policyRule": {"text": "Nghị định 188/2025/NĐ-CP, Điều 20"},
        "provision": {
            "type": "permit",
            "actor": [
                {
                    "role": resources.concept(
                        "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "INF", "Người thông báo"
                    ),
                    "reference": resources.me(tx),
                }
            ],
            "data": [{"meaning": "related", "reference": {"reference": f"Encounter/{encounter_id}"}}],
        },
        "extension": [
            {
                "url": _COST,
                "extension": [
                    {"url": "service", "valueCoding": resources.coding(systems.SERVICE, one.service_code, one.name)},
                    {"url": "amount", "valueMoney": {"value": one.own_vnd, "currency": "VND"}},
                ],
            }
            for one in costs
        ],
    }
    if encounter.get("serviceProvider"):
        consent["organization"] = [encounter["serviceProvider"]]
    return await resources.create(tx, consent)


async def kept(tx: Transaction, encounter_id: str) -> dict[str, int]:
    """Service code -> highest amount in đồng that the patient of this visit has agreed to."""
    found = await resources.find(tx, "Consent", ("data", f"Encounter/{encounter_id}"), ("status", "active"))
    pending = [resources.of(one.stored()) for one in tx.pending.values() if one.type == "Consent" and one.op != "D"]
    agreed: dict[str, int] = {}
    for consent in (*found, *(one for one in pending if _is_of(one, encounter_id))):
        for code, own_vnd in _costs(consent).items():
            agreed[code] = max(own_vnd, agreed.get(code, 0))
    return agreed


def missing(costs: Sequence[Cost], agreed: Mapping[str, int]) -> list[Cost]:
    """Those costs that nobody has agreed to: no kept consent, or one to a smaller amount."""
    return [one for one in costs if agreed.get(one.service_code, -1) < one.own_vnd]


def _costs(consent: Resource) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in consent.get("extension", ()):
        if one.get("url") == _COST:
            parts = {part["url"]: part for part in one.get("extension", ())}
            code = str(parts.get("service", {}).get("valueCoding", {}).get("code", ""))
            found[code] = int(parts.get("amount", {}).get("valueMoney", {}).get("value", 0))
    return found


def _is_of(consent: Resource, encounter_id: str) -> bool:
    data = (consent.get("provision") or {}).get("data", ())
    return consent.get("status") == "active" and any(
        one.get("reference", {}).get("reference") == f"Encounter/{encounter_id}" for one in data
    )
