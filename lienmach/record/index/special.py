"""The special parameter of R4: Location `near` (FHIR R4 location.html#search).

A row of `num` has the latitude in `lo`, `hi` and the longitude in `lo2`, `hi2`, in degrees. A query value is
`latitude|longitude[|distance[|unit]]`; the distance is 10 km if it is left out, the unit `km` (or `m`, `[mi_us]`).
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lienmach.record.index import number as numbers
from lienmach.record.index import values
from lienmach.record.index.condition import Condition, SearchContext, Side, Sql
from lienmach.record.index.writing import Write, Writing

if TYPE_CHECKING:
    from lienmach.record.index.parameter import Parameter

_KM_PER_DEGREE = 111.195
_EARTH_DIAMETER_KM = 2 * 6371.0088
_KM_PER_UNIT = {"": 1.0, "km": 1.0, "m": 0.001, "[mi_us]": 1.609347, "[mi_i]": 1.609344}
_DISTANCE_KM = 10.0


def writer(parameter: Parameter, datatype: str) -> Write | None:
    """How `Location.position` is indexed; None for anything else."""
    if parameter.code != "near":
        return None
    number = parameter.number

    def write(value: Any, out: Writing) -> None:
        if isinstance(value, dict):
            latitude, longitude = (numbers.to_decimal(value.get(name)) for name in ("latitude", "longitude"))
            if latitude is not None and longitude is not None:
                out.num.append((number, 0, latitude, latitude, None, longitude, longitude))

    return write


def condition(parameter: Parameter, modifier: str | None, found: list[str], context: SearchContext) -> Condition:
    """What `near=found` asks: the position is within the distance, on the sphere."""
    if modifier is not None:
        raise values.no_modifier(parameter, modifier)
    circles = [_circle(parameter, value) for value in found]

    def sql(alias: str, args: list[Any]) -> str:
        return "(" + " or ".join(circle(alias, args) for circle in circles) + ")"

    return Condition(parameter, side=Side("num", (parameter.number,), sql))


def _circle(parameter: Parameter, value: str) -> Sql:
    parts = [values.unescape(part) for part in values.split(value, "|")]
    try:
        latitude, longitude = float(Decimal(parts[0])), float(Decimal(parts[1]))
        distance = float(Decimal(parts[2])) if len(parts) > 2 and parts[2] else _DISTANCE_KM
        km = distance * _KM_PER_UNIT[parts[3] if len(parts) > 3 else ""]
        if len(parts) > 4 or not (abs(latitude) <= 90 and abs(longitude) <= 180 and 0 <= km <= 21_000):
            raise ValueError
    except (ArithmeticError, ValueError, IndexError, KeyError):
        raise values.bad(
            parameter, value, "is not 'latitude|longitude|distance|unit' with unit km, m or [mi_us]."
        ) from None
    margin = km / _KM_PER_DEGREE * 1.01

    def sql(alias: str, args: list[Any]) -> str:
        args += [
            latitude,
            longitude,
            math.sin(min(km / _EARTH_DIAMETER_KM, math.pi / 2)),
            Decimal(repr(latitude - margin)),
            Decimal(repr(latitude + margin)),
        ]
        lat, lon, reach, low, high = (f"${n}" for n in range(len(args) - 4, len(args) + 1))
        lat, lon, reach = (f"{bound}::float8" for bound in (lat, lon, reach))
        return (
            f"({alias}.unit = 0 and {alias}.lo >= {low} and {alias}.lo <= {high} and "
            f"sqrt(power(sind(({alias}.lo::float8 - {lat}) / 2), 2) + cosd({lat}) * cosd({alias}.lo::float8) "
            f"* power(sind(({alias}.lo2::float8 - {lon}) / 2), 2)) <= {reach})"
        )

    return sql
