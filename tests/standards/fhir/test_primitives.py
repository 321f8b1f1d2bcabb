"""Formats of primitives, just inside and just outside (datatypes.html#primitive)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lienmach.standards.fhir.primitives import CHECKS

INSIDE: dict[str, list[Any]] = {
    "boolean": [True, False],
    "integer": [0, -1, 2**31 - 1, -(2**31)],
    "unsignedInt": [0, 2**31 - 1],
    "positiveInt": [1, 2**31 - 1],
    "decimal": [0, Decimal("1.50"), Decimal("-1E-7"), 10**50],
    "string": ["a", " a ", "a\nb\tc", "Nguyễn", "x" * 1024 * 1024],
    "markdown": ["# a\n\n* b"],
    "code": ["a", "a b", "http://x#y"],
    "id": ["a", "A-1.b", "x" * 64],
    "uri": ["http://x", "urn:uuid:x", "a", "urn:oid:1.2", "khám"],
    "url": ["ftp://x"],
    "canonical": ["http://x|1.0#y"],
    "oid": ["urn:oid:1.2.3", "urn:oid:2.0"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
    "date": ["2024", "2024-02", "2024-02-29", "0001", "9999-12-31"],
    "dateTime": ["2024", "2024-02", "2024-02-29", "2024-02-29T23:59:60Z", "2024-02-29T00:00:00.123456789+14:00"],
    "instant": ["2024-02-29T08:30:00Z", "2024-02-29T08:30:00.1-13:59"],
    "time": ["00:00:00", "23:59:60", "08:30:00.123"],
    "base64Binary": ["aGk=", "aGk\n=", " aGVs bG8h ", "AAAA"],
    "xhtml": ['<div xmlns="http://www.w3.org/1999/xhtml">x</div>'],
}

OUTSIDE: dict[str, list[Any]] = {
    "boolean": ["true", 1, 0, None, [], [True]],
    "integer": [2**31, -(2**31) - 1, "1", Decimal("1.0"), True, None, [1]],
    "unsignedInt": [-1, 2**31, "0"],
    "positiveInt": [0, -1, 2**31, Decimal("1")],
    "decimal": ["1.0", True, None, {}],
    "string": ["", 1, None, ["a"], {}, True, "x" * (1024 * 1024 + 1)],
    "markdown": ["", 1],
    "code": ["", " a", "a ", "a  b", "\n", 1],
    "id": ["", "x" * 65, "a_b", "a/b", "a b", "é", "a\n", 1],
    "uri": ["", "a b", "a\n", " a", 1],
    "url": ["", "http://x y"],
    "canonical": ["", " "],
    "oid": ["1.2.3", "urn:oid:3.1", "urn:oid:1.02", "urn:oid:1", "urn:oid:1.2."],
    "uuid": ["c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "urn:uuid:x"],
    "date": [
        "",
        "24",
        "0000",
        "2024-13",
        "2024-00",
        "2024-02-30",
        "2023-02-29",
        "2024-04-31",
        "2024-1-1",
        "2024-02-29T00:00:00Z",
        "٢٠٢٤",
        2024,
        None,
        "2024-02-29\n",
    ],
    "dateTime": [
        "2024-02-29T08:30Z",
        "2024-02-29T08:30:00",
        "2024-02-29T24:00:00Z",
        "2024-02-29 08:30:00Z",
        "2024-02-29T08:30:00+14:01",
        "2024-02-29T08:30:61Z",
        "2023-02-29T08:30:00Z",
        "2024-02T08:30:00Z",
    ],
    "instant": ["2024", "2024-02-29", "2024-02-29T08:30:00", "2023-02-29T08:30:00Z", "2024-02-29T08:30:00.Z"],
    "time": ["8:30:00", "24:00:00", "08:30", "08:30:00Z", "08:60:00"],
    "base64Binary": ["", " ", "aGk", "aGk==", "a=Gk", "aG?k", "aGk=aGk=", "é", 1],
    "xhtml": ["", "x", "<p>x</p>", 1, None],
}


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, values in INSIDE.items() for v in values], ids=lambda v: repr(v)[:40]
)
def test_values_inside_the_format_are_taken(name: str, value: Any) -> None:
    assert CHECKS[name](value) is None


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, values in OUTSIDE.items() for v in values], ids=lambda v: repr(v)[:40]
)
def test_values_outside_the_format_are_refused_with_a_sentence(name: str, value: Any) -> None:
    problem = CHECKS[name](value)
    assert problem and problem.endswith(".") and len(problem) < 300


def test_every_primitive_of_r4_has_its_cases() -> None:
    assert set(CHECKS) == set(INSIDE) == set(OUTSIDE) and len(CHECKS) == 20
