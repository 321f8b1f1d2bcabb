"""The value of this department: the cashier's desk, shifts, unmatched money, the ledger, and what the bank tells."""

from __future__ import annotations

from pathlib import Path

from lienmach.departments.billing import (
    bank_notices,
    deposits,
    invoice,
    ledger,
    receipt,
    shifts,
    statement,
    transfers,
    visit,
    visit_invoices,
    visit_payments,
    visit_requests,
    visit_statement,
    visits,
)
from lienmach.web.department import Department, MenuItem

DEPARTMENT = Department(
    name="billing",
    title="Thu ngân",
    folder=Path(__file__).parent,
    routes=(
        *visits.ROUTES,
        *visit.ROUTES,
        *visit_statement.ROUTES,
        *visit_payments.ROUTES,
        *visit_requests.ROUTES,
        *visit_invoices.ROUTES,
        *receipt.ROUTES,
        *statement.ROUTES,
        *invoice.ROUTES,
        *deposits.ROUTES,
        *shifts.ROUTES,
        *transfers.ROUTES,
        *ledger.ROUTES,
        *bank_notices.ROUTES,
    ),
    jobs=bank_notices.JOBS,
    on_change=bank_notices.ON_CHANGE,
    menu=(
        MenuItem(
            "Thu ngân",
            "/billing/visits",
            "bills.read",
            key="F7",
            note="Ai đang chờ chốt, chờ thu, phải hoàn; quét hoặc gõ tên để mở hoá đơn.",
        ),
        MenuItem("Tạm ứng", "/billing/deposits", "bills.manage", note="Nhận tiền trước cho lượt khám đang chạy."),
        MenuItem("Ca thu", "/billing/shifts", "ledger.read", note="Mở ca, đếm tiền, chốt ca và bàn giao."),
        MenuItem(
            "Tiền chưa rõ",
            "/billing/transfers",
            "bills.manage",
            note="Tiền chuyển khoản chưa tìm được hoá đơn: gán hoặc trả lại.",
        ),
        MenuItem("Sổ cái", "/billing/ledger", "ledger.read", note="Số dư và bút toán theo ngày; xuất CSV."),
    ),
)
