"""A form is read whole, by anybody: so it has a limit, just inside and just outside."""

from __future__ import annotations

import pytest

from lienmach.web.headers import FORM_BYTES_MAX
from tests.web.client import Browser

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(("size", "status"), [(FORM_BYTES_MAX, 403), (FORM_BYTES_MAX + 1, 413)])
@pytest.mark.parametrize("path", ["/sign-in", "/preferences"])
async def test_a_form_has_a_limit(browser: Browser, path: str, size: int, status: int) -> None:
    answer = await browser.client.post(
        path, content=b"csrf=" + b"x" * (size - 5), headers={"content-type": FORM, "origin": "http://127.0.0.1:8000"}
    )
    assert answer.status_code == (303 if (path, status) == ("/preferences", 403) else status)
