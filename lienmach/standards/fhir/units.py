"""UCUM units in canonical form, so that 5.4 g/L and 540 mg/dL compare (ucum.org/ucum, FHIR R4 search.html#quantity).

    canonical("mg/dL") -> Canonical(key="[length]^-3.[mass]", factor=Decimal("0.01"), offset=Decimal(0))

The units that clinics use daily stand in `unit_table.py`; every other code is read by the library `ucumvert`
(on pint), imported at its first use because it costs half a second and 30 MB. Units that are not a straight line
(dB, pH) and codes that are not UCUM have no canonical form: they compare by their text.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

SYSTEM = "http://unitsofmeasure.org"
LENGTH_MAX = 40  # longer ones cost too much and mean nothing
_ROUND = Context(prec=15)
_EXACT = Context(prec=200)
# UCUM's arbitrary units measure by their own procedure and are not commensurable with anything else (UCUM §24);
# pint holds them for plain numbers, so their names are put into the key.
_ARBITRARY = re.compile(
    r"\[(?:iU|IU|arb'U|USP'U|GPL'U|MPL'U|APL'U|beth'U|anti'Xa'U|todd'U|dye'U|smgy'U|bdsk'U|ka'U|knk'U|"
    r"mclg'U|tb'U|CCID_50|TCID_50|EID_50|PFU|FFU|CFU|IR|BAU|AU|Amb'a'1'U|PNU|Lf|D'ag'U|FEU|ELU|EU|"
    r"hnsf'U|HPF|LPF|S)\]"
)

_HUGE_POWER = re.compile(r"[^\d.(/][+-]?\d{3,}")  # 10*9999999 would keep a core busy for seconds


@dataclass(frozen=True, slots=True)
class Canonical:
    """key: the dimension, equal for units that can be converted. value in base units = value * factor + offset."""

    key: str
    factor: Decimal
    offset: Decimal = Decimal(0)

    def convert(self, number: Decimal) -> Decimal:
        """The number in base units, without rounding: the factor has at most 15 digits."""
        return _EXACT.fma(number, self.factor, self.offset)


@lru_cache(maxsize=4096)
def canonical(code: str) -> Canonical | None:
    """The canonical form of a UCUM code (case-sensitive), or None if it has none."""
    from lienmach.standards.fhir import unit_table

    row = unit_table.COMMON.get(code)
    if row is not None:
        return Canonical(row[0], Decimal(row[1]), Decimal(row[2]) if len(row) > 2 else Decimal(0))
    return derive(code)


def derive(code: str) -> Canonical | None:
    """The same by the library alone; the table is checked against it."""
    if not code or len(code) > LENGTH_MAX or not code.isascii() or _HUGE_POWER.search(code):
        return None
    plain = re.sub(r"\{[^{}]*\}", "", code)  # annotations do not change a unit (UCUM §6)
    if plain in ("", "1"):
        return Canonical("", Decimal(1))
    try:
        unit = _registry().from_ucum(code)
        # Far points, so that an offset (273.15) does not eat digits of the factor.
        points = [_base(n, unit) for n in (0, 1000, 2000)]
        dimensions = sorted((str(name), float(power)) for name, power in points[1].dimensionality.items())
        offset, first, second = (float(point.magnitude) for point in points)
    except Exception:  # lark, pint and ucumvert share no base class; any failure means: not comparable
        return None
    rise = first - offset
    if rise == 0 or not math.isfinite(first + second) or abs((second - first) - rise) > 1e-9 * abs(rise):
        return None  # a logarithm
    key = ".".join(name if power == 1 else f"{name}^{power:g}" for name, power in dimensions)
    arbitrary = sorted(found.replace("i", "I") if found == "[iU]" else found for found in _ARBITRARY.findall(code))
    return Canonical("".join([key, *arbitrary]), _decimal(rise / 1000), _decimal(offset))


def _base(number: int, unit: Any) -> Any:
    registry = _registry()
    return registry.Quantity(number * unit.magnitude, unit.units).to_base_units()


def _decimal(value: float) -> Decimal:
    return _ROUND.create_decimal(repr(value)).normalize(_ROUND)


@lru_cache(maxsize=1)
def _registry() -> Any:
    from ucumvert import PintUcumRegistry

    return PintUcumRegistry()
