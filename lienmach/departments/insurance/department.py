"""The value of this department: its routes, its place in the menu, and the job that sends the outbox."""

from __future__ import annotations

from pathlib import Path

from lienmach.care import outbox_delivery
from lienmach.departments.insurance import message, messages, patient_card
from lienmach.web.department import Department, MenuItem

DEPARTMENT = Department(
    name="insurance",
    title="Bảo hiểm y tế",
    folder=Path(__file__).parent,
    routes=(*patient_card.ROUTES, *messages.ROUTES, *message.ROUTES),
    menu=(
        MenuItem(
            "Tin gửi đi",
            "/insurance/messages",
            "insurance.check",
            note="Tra cứu thẻ, check-in, đơn thuốc quốc gia, tin nhắn: đang chờ, đã gửi, bị từ chối và vì sao.",
        ),
    ),
    jobs=outbox_delivery.JOBS,
)
