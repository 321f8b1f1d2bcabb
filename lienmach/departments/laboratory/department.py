"""The value of this department: its routes, its place in the menu, its strip, its job."""

from __future__ import annotations

from pathlib import Path

from lienmach.care import signing
from lienmach.departments.laboratory import (
    alerts,
    analysers,
    collections,
    controls,
    critical,
    listener,
    order_paper,
    orders,
    patient_results,
    specimen,
    unmatched,
)
from lienmach.web.department import Department, MenuItem, Notice

DEPARTMENT = Department(
    name="laboratory",
    title="Xét nghiệm",
    folder=Path(__file__).parent,
    routes=(
        *collections.ROUTES,
        *orders.ROUTES,
        *order_paper.ROUTES,
        *specimen.ROUTES,
        *patient_results.ROUTES,
        *alerts.ROUTES,
        *unmatched.ROUTES,
        *analysers.ROUTES,
        *controls.ROUTES,
    ),
    menu=(
        MenuItem(
            "Lấy mẫu",
            "/laboratory/collections",
            "specimens.collect",
            note="Gọi người bệnh, lấy mẫu theo chỉ định, in nhãn ống.",
        ),
        MenuItem("Xét nghiệm", "/laboratory/orders", "results.enter", note="Quét ống để nhập, duyệt và trả kết quả."),
        MenuItem(
            "Khay chờ ghép", "/laboratory/unmatched", "results.enter", note="Kết quả từ máy chưa tìm được chỉ định."
        ),
        MenuItem(
            "Nội kiểm", "/laboratory/controls", "results.enter", note="Biểu đồ Levey-Jennings và quy tắc Westgard."
        ),
        MenuItem(
            "Máy xét nghiệm", "/laboratory/analysers", "results.enter", note="Máy, mã xét nghiệm của máy, tin đã nhận."
        ),
        MenuItem(
            "Kết quả nguy kịch", "/laboratory/alerts", "results.acknowledge", note="Xác nhận đã biết và việc đã xử trí."
        ),
    ),
    jobs=(critical.JOB,),
    guards=(("DiagnosticReport", signing.guard_final),),
    notices=(Notice("/laboratory/alerts", "results.acknowledge", 5),),
    listeners=(listener.listen,),
    schema=Path(__file__).parent / "schema",
)
