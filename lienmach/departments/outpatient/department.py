"""The value of this department: its routes, its place in the menu, and its rules about writes on every path."""

from __future__ import annotations

from pathlib import Path

from lienmach.care import drug_safety, signing
from lienmach.departments.outpatient import (
    visit,
    visit_addenda,
    visit_allergies,
    visit_findings,
    visit_note,
    visit_orders,
    visit_papers,
    visit_prescription,
    visit_problems,
    visit_signature,
    visit_total,
    visit_vitals,
    visits,
)
from lienmach.web.department import Department, MenuItem

DEPARTMENT = Department(
    name="outpatient",
    title="Khám bệnh",
    folder=Path(__file__).parent,
    routes=(
        *visits.ROUTES,
        *visit.ROUTES,
        *visit_note.ROUTES,
        *visit_vitals.ROUTES,
        *visit_allergies.ROUTES,
        *visit_problems.ROUTES,
        *visit_orders.ROUTES,
        *visit_prescription.ROUTES,
        *visit_papers.ROUTES,
        *visit_total.ROUTES,
        *visit_findings.ROUTES,
        *visit_signature.ROUTES,
        *visit_addenda.ROUTES,
    ),
    menu=(
        MenuItem(
            "Danh sách khám",
            "/outpatient/visits",
            "visits.read",
            key="F3",
            note="Người bệnh của phòng bạn: đang chờ, đang khám, đã có kết quả. Gọi người tiếp theo và mở phiếu khám.",
        ),
    ),
    guards=(("MedicationRequest", drug_safety.guard), ("Composition", signing.guard_final)),
)
