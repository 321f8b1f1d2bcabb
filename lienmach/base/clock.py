"""The clock, a seam: tests set `now` of the value that they hand in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware, UTC, cut to milliseconds (FHIR instants carry three digits)."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


Clock = Callable[[], datetime]


def to_instant(moment: datetime) -> str:
    """Write an aware datetime as a FHIR instant with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
