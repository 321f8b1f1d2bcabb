"""UCUM codes of daily use in canonical form, so that most nodes never load the library that knows them all.

Facts of UCUM (ucum.org/ucum); tests/standards/fhir/test_units.py compares each with the library. A row is a key of
base units and `code factor[ offset]` of each unit: amount in base units (m, kg, s, A, K, mol) = amount * factor + offset.
"""

from __future__ import annotations

_TABLE = (
    (
        "",
        (
            "% 0.01",
            "1 1",
            "deg 0.0174532925199433",
            "g/kg 0.001",
            "mg/g 0.001",
            "mg/kg 0.000001",
            "mmol/mol 0.001",
            "ug/g 0.000001",
            "ug/kg 1E-9",
            "ug/mg 0.001",
            "umol/mol 0.000001",
            "{INR} 1",
            "{nominal} 1",
            "{ratio} 1",
            "{scoop} 1",
            "{score} 1",
        ),
    ),
    ("[HPF]", ("/[HPF] 1",)),
    ("[IU]", ("[IU] 1",)),
    ("[LPF]", ("/[LPF] 1",)),
    ("[current]^-1.[length]^2.[mass].[time]^-3", ("mV 0.001", "uV 0.000001", "V 1")),
    ("[length]", ("[ft_i] 0.3048", "[in_i] 0.0254", "cm 0.01", "km 1000", "m 1", "mm 0.001")),
    ("[length].[time]^-1", ("mm/h 2.77777777777778E-7",)),
    ("[length]^-1", ("[diop] 1",)),
    ("[length]^-1.[mass].[time]^-2", ("cm[H2O] 98.0665", "kPa 1000", "mm[Hg] 133.322387415", "Pa 1")),
    ("[length]^-2.[mass]", ("g/m2 0.001", "kg/m2 1", "mg/m2 0.000001")),
    (
        "[length]^-3",
        (
            "/L 1000",
            "/mL 1000000",
            "/uL 1E+9",
            "10*12/L 1E+15",
            "10*3/mL 1E+9",
            "10*3/uL 1E+12",
            "10*6/mL 1E+12",
            "10*6/uL 1E+15",
            "10*9/L 1E+12",
        ),
    ),
    (
        "[length]^-3.[mass]",
        (
            "g/dL 10",
            "g/L 1",
            "g/mL 1000",
            "mg/dL 0.01",
            "mg/L 0.001",
            "mg/mL 1",
            "ng/dL 1E-8",
            "ng/dl 1E-8",
            "ng/L 1E-9",
            "ng/mL 0.000001",
            "ng/mL{FEU} 0.000001",
            "pg/mL 1E-9",
            "ug/dL 0.00001",
            "ug/L 0.000001",
            "ug/mL 0.001",
            "ug/mL{FEU} 0.001",
        ),
    ),
    ("[length]^-3.[mass].[time]^-1", ("ng/mL/h 2.77777777777778E-10",)),
    (
        "[length]^-3.[substance]",
        ("meq/L 1", "mmol/L 1", "mol/L 1000", "nmol/L 0.000001", "pmol/L 1E-9", "umol/L 0.001"),
    ),
    (
        "[length]^-3.[substance].[time]^-1",
        ("kU/L 0.0166666666666667", "mU/L 1.66666666666667E-8", "U/L 0.0000166666666666667", "U/mL 0.0166666666666667"),
    ),
    (
        "[length]^-3[IU]",
        (
            "[IU]/L 1000",
            "[iU]/L 1000",
            "[IU]/mL 1000000",
            "k[IU]/L 1000000",
            "m[IU]/L 1",
            "m[iU]/L 1",
            "m[IU]/mL 1000",
            "u[IU]/mL 1",
        ),
    ),
    ("[length]^2", ("cm2 0.0001", "m2 1", "mm2 0.000001")),
    ("[length]^2.[mass].[time]^-2", ("J 1", "kcal 4184", "kJ 1000")),
    ("[length]^2.[mass].[time]^-3", ("W 1",)),
    ("[length]^2.[time]^-2", ("Gy 1", "mGy 0.001", "mSv 0.001", "Sv 1")),
    ("[length]^3", ("cm3 0.000001", "dL 0.0001", "fL 1E-18", "L 0.001", "mL 0.000001", "ml 0.000001", "uL 1E-9")),
    ("[length]^3.[mass]^-1", ("mL/kg 0.000001",)),
    (
        "[length]^3.[time]^-1",
        (
            "L/min 0.0000166666666666667",
            "L/s 0.001",
            "mL/(24.h) 1.15740740740741E-11",
            "mL/h 2.77777777777778E-10",
            "mL/min 1.66666666666667E-8",
            "mL/min/{1.73_m2} 1.66666666666667E-8",
        ),
    ),
    ("[length]^5.[time]^-1", ("mL/min/1.73.m2 0.00000121666666666667",)),
    (
        "[mass]",
        (
            "[lb_av] 0.45359237",
            "[oz_av] 0.028349523125",
            "g 0.001",
            "kg 1",
            "mg 0.000001",
            "ng 1E-12",
            "pg 1E-15",
            "ug 1E-9",
        ),
    ),
    ("[mass].[substance]^-1", ("mg/mmol 0.001",)),
    (
        "[mass].[time]^-1",
        (
            "g/(24.h) 1.15740740740741E-8",
            "g/d 1.15740740740741E-8",
            "mg/(24.h) 1.15740740740741E-11",
            "mg/(8.h) 3.47222222222222E-11",
            "mg/d 1.15740740740741E-11",
            "mg/h 2.77777777777778E-10",
            "ug/h 2.77777777777778E-13",
        ),
    ),
    ("[mass]^-1.[substance]", ("mmol/kg 0.001", "mosm/kg 0.001")),
    ("[substance]", ("meq 0.001", "mmol 0.001", "mol 1")),
    ("[substance].[time]^-1", ("U 1.66666666666667E-8",)),
    ("[temperature]", ("[degF] 0.555555555555556 255.372222222222", "Cel 1 273.15", "K 1")),
    ("[time]", ("a 3.15576E+7", "d 86400", "h 3600", "min 60", "mo 2629800", "ms 0.001", "s 1", "wk 604800")),
    (
        "[time]^-1",
        (
            "/d 0.0000115740740740741",
            "/h 0.000277777777777778",
            "/min 0.0166666666666667",
            "Bq 1",
            "Hz 1",
            "MBq 1000000",
            "mg/kg/h 2.77777777777778E-10",
            "ug/kg/min 1.66666666666667E-11",
            "{beats}/min 0.0166666666666667",
            "{breaths}/min 0.0166666666666667",
        ),
    ),
)

COMMON: dict[str, tuple[str, ...]] = {
    row.split(" ")[0]: (key, *row.split(" ")[1:]) for key, rows in _TABLE for row in rows
}
"""code -> (key, factor) or (key, factor, offset)"""
