"""Conventions of laboratory resources: their ids, extensions and states, and reading one that may not be there yet.

Report and results of an order have ids that follow from the order, so that an analyser, a person and a repeated message
meet the same resource without a search.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Any

from lienmach.base import clock, errors
from lienmach.care import resources, systems
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction

TECHNICAL = systems.EXTENSION + "technical-validation"  # Observation: who (valueReference) and when (valueDateTime)
REPORTED = systems.EXTENSION + "reported-value"  # Observation: value and unit as the analyser sent them
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
UCUM = "http://unitsofmeasure.org"
RELEASED = ("final", "corrected", "amended")
#: interpretation -> (sign, word); N and "" say nothing.
FLAGS = {
    "L": ("↓", "Thấp"),
    "H": ("↑", "Cao"),
    "LL": ("↓↓", "Nguy kịch thấp"),
    "HH": ("↑↑", "Nguy kịch cao"),
    "A": ("!", "Bất thường"),
}
CRITICAL = ("LL", "HH")


def derived_id(*parts: str) -> str:
    """A FHIR id that follows from these texts."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def report_id(order_id: str) -> str:
    """The DiagnosticReport of an order."""
    return derived_id("laboratory-report", order_id)


def observation_id(order_id: str, indicator: str) -> str:
    """The Observation of one test of an order."""
    return derived_id("laboratory-result", order_id, indicator)


async def stored(tx: Transaction, kind: str, resource_id: str) -> Resource | None:
    """A resource by its id, this unit's pending change included, or None."""
    try:
        return await resources.read(tx, kind, resource_id)
    except (errors.NotFound, errors.Gone):
        return None


async def put(tx: Transaction, resource: Resource) -> Any:
    """Create a resource under the id that it carries, or store its next version. Returns the Stored."""
    if "versionId" in resource.get("meta", {}):
        return await resources.update(tx, resource)
    return await resources.create(tx, resource, resource_id=resource["id"])


def today(tx: Transaction) -> date:
    """The day at the facility."""
    return tx.now.astimezone(tx.tenant.time_zone).date()


def instant(tx: Transaction) -> str:
    """Now, as FHIR writes it."""
    return clock.to_instant(tx.now)


def moment(text: Any) -> datetime | None:
    """An instant of ours as a datetime, None for anything else."""
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else None


def flag_of(observation: Resource) -> str:
    """N, L, H, LL, HH, A or ""."""
    return next(
        (code for one in observation.get("interpretation", ()) if (code := resources.code_of(one, INTERPRETATION))), ""
    )


def is_technically_valid(observation: Resource) -> bool:
    """Whether somebody has passed it technically."""
    return any(one.get("url") == TECHNICAL for one in observation.get("extension", ()))


def has_value(observation: Resource | None) -> bool:
    """Whether there is a value in it."""
    return observation is not None and any(
        name in observation for name in ("valueQuantity", "valueString", "valueCodeableConcept")
    )


def value_text(observation: Resource) -> str:
    """The value as people write it, without its unit: `6,8`, `> 1000`, `Âm tính`."""
    quantity = observation.get("valueQuantity")
    if quantity:
        number = format(quantity["value"], "f") if not isinstance(quantity["value"], int) else str(quantity["value"])
        sign = quantity.get("comparator", "")
        return (f"{sign} " if sign else "") + number.replace(".", ",")
    return str(observation.get("valueString") or (observation.get("valueCodeableConcept") or {}).get("text") or "")


def unit_text(observation: Resource) -> str:
    """The unit as shown, or ""."""
    return str((observation.get("valueQuantity") or {}).get("unit", ""))
