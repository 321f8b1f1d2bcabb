"""The value of this department: its routes and its place in the menu."""

from __future__ import annotations

from pathlib import Path

from lienmach.care import signing
from lienmach.departments.signing import key, signatures
from lienmach.web.department import Department, MenuItem

DEPARTMENT = Department(
    name="signing",
    title="Ký số",
    folder=Path(__file__).parent,
    routes=(*key.ROUTES, *signatures.ROUTES),
    guards=(("Provenance", signing.guard_signature),),
    menu=(
        MenuItem(
            "Khoá ký", "/signing/key", "signing.key", note="Tạo khoá, đặt hoặc đổi PIN dùng để ký hồ sơ, đơn thuốc."
        ),
    ),
)
