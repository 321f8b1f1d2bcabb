"""What stands on the label of a tube (care/paper, kind `specimen-label`)."""

from __future__ import annotations

from typing import Any

from lienmach.care import banner, facility, resources
from lienmach.departments.laboratory import facts, tubes
from lienmach.record.transaction import Transaction


async def data(tx: Transaction, specimen_id: str) -> dict[str, Any]:
    """The JSON of the label. Raises errors.NotFound."""
    specimen = await resources.read(tx, "Specimen", specimen_id)
    patient = await resources.follow(tx, specimen["subject"]["reference"])
    orders = [await resources.read(tx, "ServiceRequest", one) for one in tubes.order_ids_of(specimen)]
    known = banner.build(patient, today=facts.today(tx))
    taken = facts.moment((specimen.get("collection") or {}).get("collectedDateTime"))
    place = await facility.workplace(tx)
    is_urgent = any(one.get("priority") in ("stat", "urgent", "asap") for one in orders)
    number = tubes.number_of(specimen)
    return {
        "barcode": number,
        "specimen_number": number,
        "patient_name": known.name,
        "patient_birth": known.birth,
        "patient_sex": known.sex,
        "patient_code": known.numbers[0][1] if known.numbers else "",
        "specimen": (specimen.get("type") or {}).get("text", ""),
        "container": ((specimen.get("container") or [{}])[0].get("type") or {}).get("text", ""),
        "tests": ", ".join((one.get("code") or {}).get("text", "") for one in orders),
        "place": place.name if place else "",
        "collected_at": taken.astimezone(tx.tenant.time_zone).strftime("%d/%m %H:%M") if taken else "",
        "urgent": "KHẨN" if is_urgent else "",
    }
