"""The check-in message of an insured visit (XML0), queued once, with its first insured cost.

None for category 2 (emergency) and for what is not insured. It says the provisional category; the claim may differ.
Law: Decision 130/QĐ-BYT as amended, in the annex's note on the check-in table; Circular 48/2017/TT-BYT (secondary).
"""

from __future__ import annotations

from datetime import datetime

from lienmach.care import catalogues, coverages, facility, outbox, resources, systems, visit_cards, visit_facts
from lienmach.care.charge_lines import ChargeLine
from lienmach.care.coverages import InsuredCard
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh import check_in, costs
from lienmach.standards.vietnam import identity, names

CHANNEL = "checkin"
SEXES = {"male": "1", "female": "2"}
_PERSONAL = ("cccd", "cmnd", "passport")


async def queue(tx: Transaction, encounter_id: str, *, first_cost: ChargeLine | None = None) -> str:
    """Queue the check-in of a visit unless it was queued before; returns the id of the message, "" if none is due.

    first_cost: what was just ordered. A visit without a usable card, under category 9 or 2, has none.
    """
    encounter = await resources.read(tx, "Encounter", encounter_id)
    category = visit_facts.category_of(encounter)
    if category in ("", visit_cards.SELF_PAY, costs.EMERGENCY):
        return ""
    key = resources.identifier_of(encounter, systems.VISIT)
    if not key or await outbox.find(tx, CHANNEL, key) is not None:
        return ""
    cards = [one for one in await visit_cards.of_visit(tx, encounter) if not _is_over(one, tx, encounter)]
    if not cards:
        return ""
    body = check_in.build(await _values(tx, encounter, key, cards, first_cost))
    return outbox.queue(tx, CHANNEL, key, body, subject=f"Encounter/{encounter_id}", content_type="application/xml")


async def _values(
    tx: Transaction, encounter: Resource, key: str, cards: list[InsuredCard], cost: ChargeLine | None
) -> dict[str, str]:
    patient = await resources.read(tx, "Patient", visit_facts.patient_of(encounter))
    zone = tx.tenant.time_zone
    arrived_at = (visit_facts.begun_at(encounter) or tx.now).astimezone(zone)
    home = await facility.facility(tx, resources.id_of(encounter["serviceProvider"], "Organization"))
    values = {
        "MA_LK": key,
        "STT": "1",
        "MA_BN": patient["id"],
        "HO_TEN": names.shown(patient),
        "SO_CCCD": personal_number(patient),
        "NGAY_SINH": check_in.birth12(str(patient.get("birthDate", "")), born_at(patient, arrived_at)),
        "GIOI_TINH": SEXES.get(str(patient.get("gender", "")), "3"),
        "MA_THE_BHYT": ";".join(one.number for one in cards),
        "MA_DKBD": ";".join(one.initial_facility for one in cards),
        "GT_THE_TU": ";".join(check_in.date8(one.from_on) for one in cards),
        "GT_THE_DEN": ";".join(check_in.date8(one.to_on) for one in cards),
        "MA_DOITUONG_KCB": visit_facts.category_of(encounter),
        "NGAY_VAO": check_in.datetime12(arrived_at),
        "MA_LOAI_KCB": visit_facts.kind_of(encounter) or "01",
        "MA_CSKCB": home.code,
        "NGAY_YL": check_in.datetime12(cost.line.ordered_at if cost else tx.now.astimezone(zone)),
    }
    if cost is not None and cost.list_name == "drug":
        row = await catalogues.get(tx, "drug", cost.code, on=cost.line.ordered_at.date())
        values |= {
            "MA_THUOC": str(row.data.get("bhyt_code") or cost.code) if row else cost.code,
            "TEN_THUOC": cost.name,
        }
    elif cost is not None:
        values |= {"MA_DICH_VU": cost.code, "TEN_DICH_VU": cost.name}
    return values


def personal_number(patient: Resource) -> str:
    """SO_CCCD: the citizen number, else the old one, else the passport, else ""."""
    found: dict[str, str] = {}
    for one in patient.get("identifier", ()):
        kind = identity.kind_of_system(str(one.get("system", "")))
        if kind is not None:
            found.setdefault(kind.key, str(one.get("value", "")))
    return next((found[key] for key in _PERSONAL if found.get(key)), "")


def born_at(patient: Resource, arrived_at: datetime) -> datetime | None:
    """The time of birth of somebody who is at most 28 days old on arrival, if the record has it; else None."""
    for one in (patient.get("_birthDate") or {}).get("extension", ()):
        if str(one.get("url", "")).endswith("/patient-birthTime") and one.get("valueDateTime"):
            at = datetime.fromisoformat(one["valueDateTime"].replace("Z", "+00:00")).astimezone(arrived_at.tzinfo)
            return at if (arrived_at - at).days <= 28 else None
    return None


def _is_over(card: coverages.InsuredCard, tx: Transaction, encounter: Resource) -> bool:
    arrived_on = (visit_facts.begun_at(encounter) or tx.now).astimezone(tx.tenant.time_zone).date()
    return card.to_on is not None and card.to_on < arrived_on
