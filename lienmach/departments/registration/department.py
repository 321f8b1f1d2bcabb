"""The value of this department: its routes and its place in the menu."""

from __future__ import annotations

from pathlib import Path

from lienmach.departments.registration import patient, patient_access, patient_entry, patient_new, patients
from lienmach.web.department import Department, MenuItem

DEPARTMENT = Department(
    name="registration",
    title="Tiếp đón",
    folder=Path(__file__).parent,
    routes=(*patients.ROUTES, *patient_new.ROUTES, *patient.ROUTES, *patient_entry.ROUTES, *patient_access.ROUTES),
    menu=(
        MenuItem(
            "Tìm người bệnh",
            "/registration/patients",
            "patients.find",
            key="F2",
            is_find=True,
            note="Tên không dấu, chữ cái đầu và năm sinh, số thẻ, điện thoại, hoặc quét mã.",
        ),
        MenuItem(
            "Đăng ký mới",
            "/registration/patients/new",
            "patients.register",
            key="F4",
            note="Quét thẻ căn cước hoặc thẻ BHYT, hoặc nhập tay; có cảnh báo trùng ngay khi gõ.",
        ),
    ),
)
