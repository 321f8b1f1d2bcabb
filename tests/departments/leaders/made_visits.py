"""Generated visits straight in the figures' own tables, through their own functions: thousands in a second."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from lienmach.departments.leaders import icd_blocks, roll_up, visit_rows
from tests.clinic import Clinic

COLD, LUNGS = "J00", "J18.9"
#: doctor -> (share of pneumonias, chance of an injected antibiotic in a cold, in a pneumonia)
DOCTORS = {
    "Practitioner/nv-bacsi": (0.1, 0.15, 0.6),  # three times what the others do
    "Practitioner/nv-bacsi2": (0.7, 0.05, 0.6),  # many sick people, and no more than the others for each
    "Practitioner/nv-3": (0.1, 0.05, 0.6),
    "Practitioner/nv-4": (0.1, 0.05, 0.6),
    "Practitioner/nv-5": (0.2, 0.05, 0.6),
}
OUTLIER, SICKER = "Practitioner/nv-bacsi", "Practitioner/nv-bacsi2"


def visits(
    count: int, *, until: date, days: int = 60, seed: int = 1, prefix: str = "v", calm: frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    """Rows of finished visits over the days that end with `until`. calm: doctors who have taken to the others' ways."""
    chance = Random(seed)
    found = []
    for number in range(count):
        doctor = list(DOCTORS)[number % len(DOCTORS)]
        sick, in_cold, in_lungs = DOCTORS[doctor]
        icd = LUNGS if chance.random() < sick else COLD
        likely = in_lungs if icd == LUNGS else (0.05 if doctor in calm else in_cold)
        injected = chance.random() < likely
        day = until - timedelta(days=chance.randrange(days))
        found.append(row(f"{prefix}-{number}", day, doctor=doctor, icd=icd, chance=chance, injected=injected))
    return found


def row(
    own: str, day: date, *, doctor: str, icd: str, chance: Random, injected: bool = False, **more: Any
) -> dict[str, Any]:
    """One finished visit."""
    at = datetime.combine(day, time(2 + chance.randrange(8), chance.randrange(60)), UTC)
    items = 1 + chance.randrange(4)
    made = {
        "encounter_id": own,
        "patient_id": f"p-{own}",
        "condition_id": "",
        "facility": "org-bv",
        "day": day,
        "hour": at.hour,
        "begun_at": at,
        "signed_at": at + timedelta(minutes=20),
        "state": "finished",
        "doctor": doctor,
        "doctor_name": f"BS Mẫu {doctor[-2:]}",
        "specialty": "noi",
        "room": "p-p102",
        "room_name": "Phòng khám Nội 102",
        "icd": icd,
        "block": icd_blocks.block(icd),
        "chapter": icd_blocks.chapter(icd),
        "age_band": chance.choice(("16-39", "40-59", "60-74")),
        "sex": chance.choice(("male", "female")),
        "commune": chance.choice(("29551", "29557", "29560")),
        "is_insured": chance.random() < 0.8,
        "is_booked": chance.random() < 0.3,
        "items": items + injected,
        "antibiotics": int(injected or chance.random() < 0.2),
        "injections": int(injected),
        "rx_vnd": int(60_000 * (0.5 + chance.random()) * items),
    }
    return {**made, **more}


async def store(clinic: Clinic, rows: Iterable[dict[str, Any]], tenant: int = 1) -> None:
    """Put the rows in, and sum their days."""
    made = list(rows)
    async with clinic.pool.acquire() as connection, connection.transaction():
        await roll_up.hold(connection, tenant)
        await visit_rows.put(connection, tenant, made)
        await visit_rows.put_sums(connection, tenant, made)
        await visit_rows.mark(connection, tenant, {one["day"] for one in made})
        await connection.execute("update leaders_progress set followed_at = now() where tenant = $1", tenant)
    await roll_up.finish(clinic.store, tenant)
