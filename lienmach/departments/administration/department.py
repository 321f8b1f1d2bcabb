"""The value of this department: its routes and its place in the menu."""

from __future__ import annotations

from pathlib import Path

from lienmach.departments.administration import catalogue_upload, catalogues, paper_templates
from lienmach.web.department import Department, MenuItem

DEPARTMENT = Department(
    name="administration",
    title="Quản trị",
    folder=Path(__file__).parent,
    schema=Path(__file__).parent / "schema",
    routes=(*catalogues.ROUTES, *catalogue_upload.ROUTES, *paper_templates.ROUTES),
    menu=(
        MenuItem(
            "Danh mục",
            "/administration/catalogues",
            "catalogues.change",
            note="Mã bệnh, thuốc, dịch vụ, giá và các danh mục khác: tra cứu, nhập từ tệp, phê duyệt.",
        ),
        *paper_templates.MENU,
    ),
)
