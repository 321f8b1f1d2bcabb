"""The value of this department: its routes and its place in the menu."""

from __future__ import annotations

from pathlib import Path

from lienmach.care import booking, patient_rules
from lienmach.departments.registration import (
    arrival,
    arrivals,
    bookings,
    patient,
    patient_access,
    patient_details,
    patient_entry,
    patient_new,
    patients,
    places,
    public_board,
    public_booking,
    public_number,
    queue_places,
    tickets,
    visit_arrival,
)
from lienmach.record.changes import OnChange
from lienmach.web.department import Department, MenuItem

DEPARTMENT = Department(
    name="registration",
    title="Tiếp đón",
    folder=Path(__file__).parent,
    routes=(
        *patients.ROUTES,
        *patient_new.ROUTES,
        *patient.ROUTES,
        *patient_entry.ROUTES,
        *patient_details.ROUTES,
        *patient_access.ROUTES,
        *arrivals.ROUTES,
        *arrival.ROUTES,
        *visit_arrival.ROUTES,
        *tickets.ROUTES,
        *places.ROUTES,
        *queue_places.ROUTES,
        *bookings.ROUTES,
        *public_booking.ROUTES,
        *public_board.ROUTES,
        *public_number.ROUTES,
    ),
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
            "Tiếp đón",
            "/registration/arrivals",
            "visits.arrive",
            note="Quét thẻ hoặc phiếu hẹn, mở lượt khám và in số thứ tự.",
        ),
        MenuItem(
            "Đăng ký mới",
            "/registration/patients/new",
            "patients.register",
            key="F4",
            note="Quét thẻ căn cước hoặc thẻ BHYT, hoặc nhập tay; có cảnh báo trùng ngay khi gõ.",
        ),
        MenuItem(
            "Hàng chờ", "/registration/queue", "queue.call", note="Ai đang chờ ở phòng nào; gọi, gọi lại, chuyển."
        ),
        MenuItem(
            "Lịch hẹn", "/registration/bookings", "bookings.manage", note="Hẹn trong ngày, danh sách chờ, giờ mở."
        ),
    ),
    jobs=booking.JOBS,
    on_change=(OnChange("Schedule", booking.SCHEDULE_CHANGED),),
    guards=(("Patient", patient_rules.guard_stamp), ("Patient", patient_rules.guard_phones)),
    addresses=("/dat-kham", "/bang-goi", "/so/"),
)
