"""What was done before: earlier results and orders of the same services, wherever in the tenant they arose.

An order that repeats one of them within the days that the service names wants a reason (rule COD-15: the same service
twice on one day; the days come with the catalogue). Examinations are not asked: a second one is a rule of money.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from lienmach.care import catalogues, resources, systems
from lienmach.care.catalogues import Row
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.fhir import dates

_RESULT_STATES = frozenset({"registered", "preliminary", "partial", "final", "amended", "corrected", "appended"})
_SPAN_DAYS_MAX = 366  # nobody is asked about what is older than a year


@dataclass(frozen=True)
class Earlier:
    """One earlier result or order. value: as printed, "" while there is none. flag: HL7 v3 interpretation code, or "".

    has_result: False for an order that still waits. facility: name of where it arose. reference: Type/id.
    """

    service_code: str
    name: str
    at: datetime
    has_result: bool
    value: str = ""
    unit: str = ""
    flag: str = ""
    facility: str = ""
    reference: str = ""


def is_guarded(service: Row) -> bool:
    """Whether a repeat of this service is asked about."""
    return service.data.get("kind") != "exam"


async def find(
    tx: Transaction, patient_id: str, services: Mapping[str, Row], *, without: Iterable[str] = ()
) -> list[Earlier]:
    """Earlier results and orders of these services of a person that are near enough to ask about, newest first.

    services: rows by code, as of today. without: ids of orders that do not count (the one that is looked at).
    A result of n days ago is asked about while n is at most the service's `repeat_days` (0 or none: the same day).
    """
    asked = {code: row for code, row in services.items() if is_guarded(row)}
    if not asked:
        return []
    today = _day(tx, tx.now)
    span = min(_SPAN_DAYS_MAX, max(_days(row) for row in asked.values()))
    since = f"ge{(today - timedelta(days=span)).isoformat()}"
    indicators = await _indicators(tx, asked, today)
    found = await _results(tx, patient_id, since, asked, indicators)
    answered = {one.service_code for one in found}
    skipped = set(without)
    for order in await resources.find(
        tx, "ServiceRequest", ("patient", patient_id), ("code", _tokens(systems.SERVICE, asked)), ("authored", since)
    ):
        code = resources.code_of(order.get("code"), systems.SERVICE)
        if order.get("status") not in ("active", "completed") or order["id"] in skipped or code not in asked:
            continue
        if order["status"] == "completed" and code in answered:
            continue  # its result says more
        found.append(
            Earlier(
                code,
                asked[code].name,
                _at(tx, order.get("authoredOn")),
                False,
                facility=await _facility(tx, order),
                reference=f"ServiceRequest/{order['id']}",
            )
        )
    near = [one for one in found if (today - _day(tx, one.at)).days <= _days(asked[one.service_code])]
    return sorted(near, key=lambda one: one.at, reverse=True)


async def _indicators(tx: Transaction, services: Mapping[str, Row], today: date) -> dict[tuple[str, str], str]:
    """(system, code) under which a result of one of the services may stand -> code of the service."""
    by_code = {str(one): code for code, row in services.items() for one in row.data.get("indicators", ())}
    rows = await catalogues.get_many(tx, "indicator", by_code, on=today)
    known = {(systems.INDICATOR, own): service for own, service in by_code.items()}
    for own, row in rows.items():
        if row.data.get("loinc"):
            known[systems.LOINC, str(row.data["loinc"])] = by_code[own]
    for code, row in services.items():
        if row.data.get("loinc"):
            known.setdefault((systems.LOINC, str(row.data["loinc"])), code)
    return known


async def _results(
    tx: Transaction, patient_id: str, since: str, services: Mapping[str, Row], indicators: Mapping[tuple[str, str], str]
) -> list[Earlier]:
    found: list[Earlier] = []
    if indicators:
        codes = ",".join(f"{system}|{code}" for system, code in indicators)
        for one in await resources.find(tx, "Observation", ("patient", patient_id), ("code", codes), ("date", since)):
            pair = next((pair for pair in _pairs(one) if pair in indicators), None)
            if pair is not None and one.get("status") in _RESULT_STATES:
                found.append(await _of_observation(tx, one, indicators[pair]))
    reported = {one.service_code for one in found}
    for one in await resources.find(
        tx, "DiagnosticReport", ("patient", patient_id), ("code", _tokens(systems.SERVICE, services)), ("date", since)
    ):
        code = resources.code_of(one.get("code"), systems.SERVICE)
        if code in services and code not in reported and one.get("status") in _RESULT_STATES:
            at = _at(tx, one.get("effectiveDateTime") or one.get("issued"))
            found.append(
                Earlier(
                    code,
                    services[code].name,
                    at,
                    True,
                    str(one.get("conclusion", ""))[:200],
                    facility=await _facility(tx, one),
                    reference=f"DiagnosticReport/{one['id']}",
                )
            )
    return found


async def _of_observation(tx: Transaction, one: Resource, service_code: str) -> Earlier:
    quantity = one.get("valueQuantity") or {}
    value = quantity.get("value", "")
    text = str(value) if value != "" else _words(one.get("valueCodeableConcept")) or str(one.get("valueString", ""))
    code = one.get("code") or {}
    name = str(code.get("text") or next((each.get("display", "") for each in code.get("coding", ())), ""))
    flag = next((str(each.get("code", "")) for each in ((one.get("interpretation") or [{}])[0]).get("coding", ())), "")
    return Earlier(
        service_code,
        name,
        _at(tx, one.get("effectiveDateTime") or one.get("issued")),
        bool(text),
        text[:200],
        str(quantity.get("unit") or quantity.get("code") or ""),
        flag,
        await _facility(tx, one),
        f"Observation/{one['id']}",
    )


async def _facility(tx: Transaction, resource: Resource) -> str:
    """Name of the facility where a result or order arose; "" if nothing says it."""
    for one in resource.get("performer", ()):
        if str(one.get("reference", "")).startswith("Organization/"):
            return str(one.get("display", "")) or await _organization(tx, one)
    encounter_id = resources.id_of(resource.get("encounter"), "Encounter")
    if not encounter_id:
        return ""
    provider = (await resources.read(tx, "Encounter", encounter_id)).get("serviceProvider") or {}
    return str(provider.get("display", "")) or await _organization(tx, provider)


async def _organization(tx: Transaction, reference: Mapping[str, Any]) -> str:
    own = resources.id_of(reference, "Organization")
    return str((await resources.read(tx, "Organization", own)).get("name", "")) if own else ""


def _pairs(resource: Resource) -> list[tuple[str, str]]:
    return [
        (str(one.get("system", "")), str(one.get("code", ""))) for one in (resource.get("code") or {}).get("coding", ())
    ]


def _words(concept: Any) -> str:
    if not concept:
        return ""
    return str(concept.get("text") or next((one.get("display", "") for one in concept.get("coding", ())), ""))


def _tokens(system: str, codes: Iterable[str]) -> str:
    return ",".join(f"{system}|{code}" for code in sorted(codes))


def _days(service: Row) -> int:
    return int(service.data.get("repeat_days") or 0)


def _at(tx: Transaction, text: Any) -> datetime:
    """The instant of a FHIR date; of a partial one its beginning."""
    return dates.parse_range(str(text), tx.tenant.time_zone)[0] if text else tx.now


def _day(tx: Transaction, at: datetime) -> date:
    return at.astimezone(tx.tenant.time_zone).date()
