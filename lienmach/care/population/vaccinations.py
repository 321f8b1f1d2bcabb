"""Childhood vaccinations of the synthetic people, after the last published schedule.

The schedule (Circular 10/2024/TT-BYT, from memory) is a sample for trying, never a clinical rule: since July 2026
the schedule is left to guidance that we have not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from lienmach.care.population import made

# (our key, text, CVX code of a comparable product, age in days of each dose)
SCHEDULE: tuple[tuple[str, str, str, tuple[int, ...]], ...] = (
    ("HepB", "Viêm gan B sơ sinh", "08", (0,)),
    ("BCG", "Lao (BCG)", "19", (12,)),
    ("Penta", "DPT-VGB-Hib (5 trong 1)", "102", (61, 92, 122)),
    ("OPV", "Bại liệt uống (bOPV)", "178", (61, 92, 122)),
    ("IPV", "Bại liệt tiêm (IPV)", "10", (153, 274)),
    ("Rota", "Rota", "119", (61, 92)),
    ("Measles", "Sởi", "05", (274,)),
    ("MR", "Sởi - Rubella", "04", (548,)),
    ("DPT", "DPT nhắc lại", "01", (548,)),
    ("JE", "Viêm não Nhật Bản", "39", (366, 378, 740)),
)
_BY_KEY = {key: (text, cvx) for key, text, cvx, _ in SCHEDULE}
_AGE_YEARS_MAX = 7


def due(birth: date, until: date, random: Random) -> Iterator[tuple[str, date, int]]:
    """(key, day, dose number) of what a child has had; most children most doses, each somewhat late."""
    if (until - birth).days > _AGE_YEARS_MAX * 365:
        return
    eager = random.random() < 0.93
    for key, _, _, ages in SCHEDULE:
        for dose, age in enumerate(ages, 1):
            on = birth + timedelta(days=age + (random.randint(0, 20) if age else 0))
            if on < until and random.random() < (0.96 if eager else 0.5):
                yield key, on, dose


def build(
    resource_id: str, patient: dict[str, Any], place: dict[str, Any], key: str, at: datetime, dose: int, random: Random
) -> dict[str, Any]:
    """One Immunization."""
    text, cvx = _BY_KEY[key]
    oral = key in ("OPV", "Rota")
    return made.resource(
        "Immunization",
        resource_id,
        status="completed",
        vaccineCode=made.concept(text, made.CVX, cvx),
        patient=patient,
        occurrenceDateTime=made.moment(at),
        primarySource=True,
        lotNumber=f"MAU{random.randint(1000, 9999)}",
        site=None if oral else {"text": "Mặt trước ngoài đùi trái"},
        route={"text": "Uống" if oral else "Tiêm bắp"},
        performer=[{"actor": made.reference(place)}],
        protocolApplied=[{"series": "Tiêm chủng mở rộng", "doseNumberPositiveInt": dose}],
    )
