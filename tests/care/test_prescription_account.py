"""A prescription goes under the account of the facility that wrote it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lienmach.base.settings import Settings
from lienmach.care.gateways import prescription
from lienmach.care.gateways.calls import Line


@pytest.mark.parametrize(
    "facilities, passwords, code, expected",
    [
        ("86991", "a", "86991abcdefg-c", ("86991", "a")),
        ("86991,86992", "a,b", "86992abcdefg-c", ("86992", "b")),
        ("86991,86992", "a", "86992abcdefg-c", ("86992", "a")),
        ("86991,86992", "a,b", "99999abcdefg-c", ("86991", "a")),
    ],
)
def test_the_account_is_that_of_the_code_or_the_first(
    facilities: str, passwords: str, code: str, expected: tuple[str, str]
) -> None:
    client: Any = None
    line = Line(client, replace(Settings(), prescription_facility=facilities, prescription_password=passwords))
    assert prescription.account_of(line, code) == expected
