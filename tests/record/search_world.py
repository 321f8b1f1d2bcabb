"""A small made-up hospital for search tests: a few hundred resources from a seed, and what a search should find in it.

`expected` evaluates a query by plain Python over the bodies, knowing nothing of the index, for a few parameters of
Patient, Observation, Encounter and Condition: the model that test_search_against_model.py compares with.
"""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

ZONE = timezone(timedelta(hours=7))
FAMILIES = ("Nguyễn", "Trần", "Lê", "Phạm", "Đặng", "Đỗ")
MIDDLES = ("Văn", "Thị", "Đức", "Ngọc", "")
GIVENS = ("An", "Bình", "Ánh", "Đạt", "Hưng", "Thuỷ", "Yến")
CODES = ("8480-6", "8462-4", "2339-0", "718-7", "29463-7")
STATUSES = ("final", "preliminary", "amended", "cancelled")
LOINC = "http://loinc.org"


def build(seed: int, patients: int = 24) -> list[dict[str, Any]]:
    """Resources of one world, in an order in which references point backwards."""
    chance = random.Random(seed)
    made: list[dict[str, Any]] = []
    for number in range(patients):
        made.append(_patient(chance, f"p{number}"))
    for number in range(patients * 2):
        made.append(_encounter(chance, f"e{number}", f"Patient/p{chance.randrange(patients)}"))
    for number in range(patients * 8):
        encounter = f"Encounter/e{chance.randrange(patients * 2)}" if chance.random() < 0.6 else None
        made.append(_observation(chance, f"o{number}", f"Patient/p{chance.randrange(patients)}", encounter))
    for number in range(patients):
        made.append(_condition(chance, f"c{number}", f"Patient/p{chance.randrange(patients)}"))
    return made


def body(resource: dict[str, Any]) -> bytes:
    return json.dumps(resource, ensure_ascii=False).encode()


def _patient(chance: random.Random, name: str) -> dict[str, Any]:
    family, middle, given = chance.choice(FAMILIES), chance.choice(MIDDLES), chance.choice(GIVENS)
    form = chance.choice(("NFC", "NFD"))
    found: dict[str, Any] = {
        "resourceType": "Patient",
        "id": name,
        "active": chance.random() < 0.9,
        "name": [
            {
                "family": unicodedata.normalize(form, family),
                "given": [unicodedata.normalize(form, one) for one in (middle, given) if one],
            }
        ],
        "identifier": [{"system": "urn:test:cccd", "value": f"{chance.randrange(1000):012d}"}],
        "meta": {"tag": [{"system": "urn:test:tag", "code": chance.choice("xyz")}]},
    }
    if chance.random() < 0.9:
        found["gender"] = chance.choice(("male", "female", "other"))
    if chance.random() < 0.9:
        born = date(1950, 1, 1) + timedelta(days=chance.randrange(25000))
        found["birthDate"] = chance.choice((born.isoformat(), born.isoformat()[:7], born.isoformat()[:4]))
    return found


def _when(chance: random.Random) -> str:
    moment = datetime(2024, 1, 1, tzinfo=ZONE) + timedelta(minutes=chance.randrange(60 * 24 * 500))
    return chance.choice(
        (
            moment.isoformat(),
            moment.date().isoformat(),
            moment.date().isoformat()[:7],
            moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        )
    )


def _encounter(chance: random.Random, name: str, patient: str) -> dict[str, Any]:
    start = datetime(2024, 1, 1, tzinfo=ZONE) + timedelta(hours=chance.randrange(24 * 500))
    period: dict[str, str] = {}
    if chance.random() < 0.9:
        period["start"] = start.isoformat()
    if chance.random() < 0.8:
        period["end"] = (start + timedelta(hours=chance.choice((1, 5, 100, 900)))).isoformat()
    found = {
        "resourceType": "Encounter",
        "id": name,
        "status": chance.choice(("finished", "in-progress", "planned")),
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": chance.choice(("AMB", "IMP"))},
        "subject": {"reference": patient},
    }
    return {**found, "period": period} if period else found


def _observation(chance: random.Random, name: str, patient: str, encounter: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resourceType": "Observation",
        "id": name,
        "status": chance.choice(STATUSES),
        "code": {"coding": [{"system": LOINC, "code": chance.choice(CODES)}]},
        "subject": {"reference": patient},
    }
    if chance.random() < 0.15:
        found["code"]["coding"].append({"system": "urn:test:local", "code": "L1"})
    if encounter:
        found["encounter"] = {"reference": encounter}
    if chance.random() < 0.9:
        found["effectiveDateTime"] = _when(chance)
    if chance.random() < 0.8:
        found["valueQuantity"] = {
            "value": chance.randrange(1, 200),
            "unit": "mg",
            "system": "http://unitsofmeasure.org",
            "code": "mg",
        }
    return found


def _condition(chance: random.Random, name: str, patient: str) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": name,
        "subject": {"reference": patient},
        "code": {
            "coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": chance.choice(("I10", "E11", "J45"))}]
        },
        "onsetDateTime": _when(chance),
    }


# ------------------------------------------------------------------------------------------------ the model

Row = dict[str, Any]


def fold(text: str) -> str:
    text = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return " ".join("".join(one for one in text if not unicodedata.combining(one)).replace("đ", "d").split())


def span(text: str) -> tuple[datetime, datetime]:
    """[low, high) of a date or time of this world, without offset in the zone of the tenant."""
    if len(text) == 4:
        return datetime(int(text), 1, 1, tzinfo=ZONE), datetime(int(text) + 1, 1, 1, tzinfo=ZONE)
    if len(text) == 7:
        year, month = int(text[:4]), int(text[5:])
        return (datetime(year, month, 1, tzinfo=ZONE), datetime(year + month // 12, month % 12 + 1, 1, tzinfo=ZONE))
    if len(text) == 10:
        low = datetime.fromisoformat(text).replace(tzinfo=ZONE)
        return low, low + timedelta(days=1)
    low = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return low, low + timedelta(seconds=1)


BEGINNING, END = datetime(2, 1, 1, tzinfo=ZONE), datetime(9998, 1, 1, tzinfo=ZONE)


def date_matches(prefix: str, row: tuple[datetime, datetime], asked: tuple[datetime, datetime]) -> bool:
    """search.html#prefix over ranges."""
    low, high, a, b = *row, *asked
    return {
        "eq": a <= low and high <= b,
        "ne": not (a <= low and high <= b),
        "gt": high > b,
        "lt": low < a,
        "ge": high > b or (a <= low and high <= b),
        "le": low < a or (a <= low and high <= b),
        "sa": low >= b,
        "eb": high <= a,
    }[prefix]


def _names(row: Row) -> list[str]:
    found = []
    for one in row.get("name", ()):
        words = [fold(part) for part in (one["family"], *one["given"])]
        whole = " ".join(words).split()
        found += words + [" ".join(whole[start:]) for start in range(len(whole))]
    return found


def _codings(row: Row, element: str) -> list[tuple[str, str]]:
    value = row.get(element)
    if isinstance(value, dict) and "coding" in value:
        return [(one["system"], one["code"]) for one in value["coding"]]
    if isinstance(value, dict):
        return [(value["system"], value["code"])]
    if isinstance(value, bool):
        return [("", str(value).lower())]
    return [("", value)] if value is not None else []


def _token(pairs: list[tuple[str, str]], value: str) -> bool:
    system, bar, code = value.rpartition("|")
    if not bar:
        return any(one == code for _, one in pairs)
    if not code:
        return any(one == system for one, _ in pairs)
    return (system, code) in pairs


def _range(row: Row) -> tuple[datetime, datetime] | None:
    for element in ("effectiveDateTime", "onsetDateTime", "birthDate"):
        if element in row:
            return span(row[element])
    period = row.get("period")
    if not period:
        return None
    return (
        span(period["start"])[0] if "start" in period else BEGINNING,
        span(period["end"])[1] if "end" in period else END,
    )


def _date(row: Row, value: str) -> bool:
    prefix, text = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    found = _range(row)
    return found is not None and date_matches(prefix, found, span(text))


def _number(row: Row, value: str) -> bool:
    if "valueQuantity" not in row:
        return False
    prefix, text = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    found, asked = row["valueQuantity"]["value"], int(text)
    return {
        "eq": found == asked,
        "ne": found != asked,
        "gt": found > asked,
        "lt": found < asked,
        "ge": found >= asked,
        "le": found <= asked,
    }[prefix]


TESTS: dict[str, Callable[[Row, str], bool]] = {
    "name": lambda row, value: any(one.startswith(fold(value)) for one in _names(row)),
    "name:contains": lambda row, value: any(fold(value) in one for one in _names(row)),
    "gender": lambda row, value: row.get("gender") == value,
    "active": lambda row, value: _token(_codings(row, "active"), value),
    "identifier": lambda row, value: _token([(one["system"], one["value"]) for one in row["identifier"]], value),
    "_tag": lambda row, value: _token(
        [(one["system"], one["code"]) for one in row.get("meta", {}).get("tag", ())], value
    ),
    "birthdate": _date,
    "date": _date,
    "onset-date": _date,
    "status": lambda row, value: row.get("status") == value,
    "class": lambda row, value: _token(_codings(row, "class"), value),
    "code": lambda row, value: _token(_codings(row, "code"), value),
    "subject": lambda row, value: row.get("subject", {}).get("reference") == value,
    "patient": lambda row, value: row.get("subject", {}).get("reference") in (value, f"Patient/{value}"),
    "encounter": lambda row, value: row.get("encounter", {}).get("reference") in (value, f"Encounter/{value}"),
    "value-quantity": _number,
    "_id": lambda row, value: row["id"] == value,
}


def expected(world: list[Row], resource_type: str, params: list[tuple[str, str]]) -> set[str]:
    """Ids of this type that every parameter fits."""
    rows = [row for row in world if row["resourceType"] == resource_type]
    return {row["id"] for row in rows if all(_fits(world, row, name, value) for name, value in params)}


def _fits(world: list[Row], row: Row, name: str, value: str) -> bool:
    if name.startswith("_has:"):
        _, kind, reference, rest = name.split(":", 3)
        me = f"{row['resourceType']}/{row['id']}"
        element = {"patient": "subject"}.get(reference, reference)
        return any(
            other["resourceType"] == kind
            and other.get(element, {}).get("reference") == me
            and _fits(world, other, rest, value)
            for other in world
        )
    head, dot, rest = name.partition(".")
    if dot:
        code, _, kind = head.partition(":")
        target = row.get({"patient": "subject"}.get(code, code), {}).get("reference", "")
        return any(
            f"{other['resourceType']}/{other['id']}" == target
            and (not kind or other["resourceType"] == kind)
            and _fits(world, other, rest, value)
            for other in world
        )
    code, _, modifier = name.partition(":")
    if modifier == "missing":
        return _has(row, code) != (value == "true")
    if modifier == "not":
        return not any(TESTS[code](row, one) for one in value.split(","))
    return any(TESTS[name](row, one) for one in value.split(","))


def _has(row: Row, code: str) -> bool:
    element = {"value-quantity": "valueQuantity", "birthdate": "birthDate", "patient": "subject"}.get(code, code)
    return _range(row) is not None if code == "date" else element in row
