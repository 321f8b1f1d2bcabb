"""How well the kidneys clear, in ml/min, from what the laboratory reported.

Adults: Cockcroft and Gault (1976) where weight is known, else CKD-EPI 2021 per 1.73 m²; a reported eGFR where there is
no creatinine. Children: only a reported eGFR, because formulas for them need the height of the day.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from lienmach.care import resources, systems

CREATININE_MG_DL = ("2160-0", "38483-4")
CREATININE_UMOL_L = ("14682-9",)
EGFR = ("33914-3", "48642-3", "48643-1", "62238-1", "77147-7", "98979-8")
CODES = (*CREATININE_MG_DL, *CREATININE_UMOL_L, *EGFR)
UMOL_PER_MG_DL = Decimal("88.4")
OLDEST_DAYS = 365
_ADULT_MONTHS = 216
_FINAL = ("final", "amended", "corrected", "preliminary")


def clearance(
    observations: list[dict[str, Any]], *, months: int | None, sex: str, weight_kg: Decimal | None, on: date
) -> Decimal | None:
    """ml/min by the newest creatinine or eGFR of the last year, or None. months: age. sex: of the Patient."""
    creatinine, egfr = newest(observations, CREATININE_MG_DL + CREATININE_UMOL_L, on), newest(observations, EGFR, on)
    if creatinine is not None and months is not None and months >= _ADULT_MONTHS:
        mg_dl = milligrams(creatinine)
        if mg_dl is not None and mg_dl > 0:
            years = Decimal(months // 12)
            if weight_kg:
                return cockcroft_gault(mg_dl, years, weight_kg, is_female=sex == "female")
            return ckd_epi(mg_dl, years, is_female=sex == "female")
    value = (egfr or {}).get("valueQuantity", {}).get("value")
    return Decimal(str(value)) if value is not None else None


def cockcroft_gault(mg_dl: Decimal, years: Decimal, weight_kg: Decimal, *, is_female: bool) -> Decimal:
    """Creatinine clearance in ml/min from serum creatinine (mg/dL), age and weight (kg)."""
    found = (140 - years) * weight_kg / (72 * mg_dl)
    return round(max(found, Decimal(0)) * (Decimal("0.85") if is_female else 1), 1)


def ckd_epi(mg_dl: Decimal, years: Decimal, *, is_female: bool) -> Decimal:
    """Estimated filtration in ml/min/1.73 m² (CKD-EPI creatinine equation of 2021)."""
    kappa, alpha = (0.7, -0.241) if is_female else (0.9, -0.302)
    ratio = float(mg_dl) / kappa
    found = 142 * min(ratio, 1) ** alpha * max(ratio, 1) ** -1.2 * 0.9938 ** float(years)
    return round(Decimal(found * (1.012 if is_female else 1)), 1)


def milligrams(observation: dict[str, Any]) -> Decimal | None:
    """Serum creatinine in mg/dL, told by its unit; by its size where there is none. None for a foreign unit."""
    quantity = observation.get("valueQuantity") or {}
    value = Decimal(str(quantity.get("value", 0)))
    unit = str(quantity.get("code") or quantity.get("unit") or "")
    if unit in ("umol/L", "µmol/L", "μmol/L"):
        return value / UMOL_PER_MG_DL
    if unit == "mg/dL":
        return value
    if unit:
        return None
    return value / UMOL_PER_MG_DL if value > 20 else value


def newest(observations: list[dict[str, Any]], codes: tuple[str, ...], on: date) -> dict[str, Any] | None:
    """The newest result with one of these LOINC codes in the last year."""
    oldest = (on - timedelta(days=OLDEST_DAYS)).isoformat()
    found = [
        one
        for one in observations
        if resources.code_of(one.get("code"), systems.LOINC) in codes
        and one.get("status") in _FINAL
        and (one.get("valueQuantity") or {}).get("value") is not None
        and str(one.get("effectiveDateTime", ""))[:10] >= oldest
    ]
    return max(found, key=lambda one: str(one.get("effectiveDateTime", ""))) if found else None
