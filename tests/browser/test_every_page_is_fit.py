"""Every page: WCAG 2.2 AA by axe-core, no sideways scroll at three sizes, light, and nothing from outside."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import DESK, PHONE, Desk
from tests.browser.people import DUONG

Sit = Callable[..., Desk]
PERSON = f"/registration/patients/{DUONG}"
PAGES = {
    "first page": "/",
    "find": "/registration/patients",
    "new": "/registration/patients/new",
    "timeline": PERSON,
    "card": f"{PERSON}/entries/Observation/can-2025",
    "person": f"{PERSON}/entries/Patient/{DUONG}",
    "versions": f"{PERSON}/entries/Patient/{DUONG}/versions",
    "access": f"{PERSON}/access",
    "password": "/password",
    "not found": "/registration/patients/nobody",
}
WEIGHT_BYTES_MAX = 150_000
#: 200 % zoom is half the pixels of the screen.
SIZES = {"desk": DESK, "phone": PHONE, "desk at 200 %": {"width": 683, "height": 384}}


@pytest.mark.parametrize("size", SIZES)
def test_every_page_passes_axe_and_fits_the_window(at: Sit, size: str) -> None:
    desk = at("doctor", SIZES[size])
    faults = []
    for name, path in PAGES.items():
        desk.go(path)
        faults += [f"{name}: {one}" for one in desk.axe()]
        if desk.overflow() > 0:
            faults.append(f"{name}: {desk.overflow()} px too wide")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("size", SIZES)
def test_the_entry_and_live_parts_pass_axe_too(at: Sit, size: str) -> None:
    desk = at("", SIZES[size])
    desk.go("/sign-in")
    faults = desk.axe()
    desk.sign_in("doctor")
    desk.find("nguyen")
    desk.page.wait_for_selector("#hits a")
    faults += desk.axe()
    desk.find("zzzz")
    desk.page.wait_for_selector(".empty")
    faults += desk.axe()
    desk.go(PERSON)
    desk.page.locator("summary").first.click()
    faults += desk.axe()
    if desk.overflow() > 0:
        faults.append(f"{desk.overflow()} px too wide")
    assert not faults, "\n".join(faults)


def test_every_page_is_light_and_loads_nothing_from_outside(at: Sit) -> None:
    cookies = at("doctor").page.context.cookies()
    for name, path in PAGES.items():
        fresh = at("")  # a new context has an empty cache
        fresh.page.context.add_cookies(cookies)
        fresh.go(path)
        fresh.page.wait_for_load_state("networkidle")
        weight = sum(size for _, _, size in fresh.requests)
        assert weight < WEIGHT_BYTES_MAX, (
            f"{name} weighs {weight:,} bytes: {sorted(fresh.requests, key=lambda r: -r[2])[:5]}"
        )
        hosts = {urlsplit(url).netloc for url, _, _ in fresh.requests}
        assert hosts == {urlsplit(fresh.base).netloc}, name


def test_targets_are_large_enough_for_a_thumb(at: Sit) -> None:
    desk = at("doctor", PHONE)
    small = []
    for name, path in PAGES.items():
        desk.go(path)
        small += [
            f"{name}: {one}"
            for one in desk.page.evaluate("""[...document.querySelectorAll(
            'button, .btn, .bar a, .tabs a, .line a, .hit, select, input:not([type=hidden]):not([type=radio]):not(.off)')]
            .filter(one => one.offsetParent && one.getBoundingClientRect().height < 43.5)
            .map(one => one.outerHTML.slice(0, 80))""")
        ]
    assert not small, "\n".join(small)
