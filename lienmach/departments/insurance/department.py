"""The value of this department: its routes, its place in the menu, and the jobs that send the outbox and the claims."""

from __future__ import annotations

from pathlib import Path

from lienmach.care import outbox_delivery
from lienmach.care.claims import answers, consideration, hand_in_answers, quoting
from lienmach.departments.insurance import (
    batches,
    catalogue,
    catalogue_hand_in,
    catalogues,
    claim,
    claims,
    message,
    messages,
    patient_card,
    reconciliation,
    rejection,
    rejections,
    statements,
    visit,
)
from lienmach.web.department import Department, MenuItem

DEPARTMENT = Department(
    name="insurance",
    title="Bảo hiểm y tế",
    folder=Path(__file__).parent,
    routes=(
        *patient_card.ROUTES,
        *messages.ROUTES,
        *message.ROUTES,
        *statements.ROUTES,
        *visit.ROUTES,
        *claims.ROUTES,
        *claim.ROUTES,
        *batches.ROUTES,
        *rejections.ROUTES,
        *rejection.ROUTES,
        *reconciliation.ROUTES,
        *catalogues.ROUTES,
        *catalogue.ROUTES,
        *catalogue_hand_in.ROUTES,
    ),
    menu=(
        MenuItem(
            "Bảng kê",
            "/insurance/statements",
            "statements.close",
            key="F3",
            note="Bảng kê chi phí của lượt khám BHYT: kiểm tra, ký và chốt, từng lượt hoặc cả loạt.",
        ),
        MenuItem(
            "Hồ sơ giám định",
            "/insurance/claims",
            "claims.read",
            note="Hồ sơ giám định BHYT: việc đến hạn trước, mẻ của ngày, các bản đã gửi và câu trả lời.",
        ),
        MenuItem(
            "Tin gửi đi",
            "/insurance/messages",
            "insurance.check",
            note="Tra cứu thẻ, check-in, đơn thuốc quốc gia, tin nhắn: đang chờ, đã gửi, bị từ chối và vì sao.",
        ),
    ),
    jobs=(*outbox_delivery.JOBS, *consideration.JOBS, *quoting.JOBS, *answers.JOBS, *hand_in_answers.JOBS),
    on_change=quoting.ON_CHANGE,
)
