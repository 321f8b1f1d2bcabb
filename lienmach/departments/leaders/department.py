"""The value of this department: the day in figures, prescribing against peers, cases, totals for the health department."""

from __future__ import annotations

from pathlib import Path

from lienmach.departments.leaders import (
    case,
    cases,
    day,
    department_totals,
    following,
    prescribing,
    question,
    questions,
)
from lienmach.web.department import Department, MenuItem, Notice

DEPARTMENT = Department(
    name="leaders",
    title="Điều hành",
    folder=Path(__file__).parent,
    routes=(
        *day.ROUTES,
        *prescribing.ROUTES,
        *cases.ROUTES,
        *case.ROUTES,
        *questions.ROUTES,
        *question.ROUTES,
        *department_totals.ROUTES,
    ),
    menu=(
        MenuItem(
            "Điều hành",
            "/leaders/day",
            "cockpit.read",
            note="Lượt khám, chờ, đơn thuốc, tiền, giám định, cảnh báo; chậm không quá một phút.",
        ),
        MenuItem(
            "Giám sát kê đơn",
            "/leaders/prescribing",
            "monitor.read",
            note="Mỗi bác sĩ so với đồng nghiệp khám người bệnh tương tự.",
        ),
        MenuItem("Vụ việc kê đơn", "/leaders/cases", "cases.answer", note="Giải trình, góp ý và kết luận."),
        MenuItem(
            "Câu hỏi về hồ sơ",
            "/leaders/questions",
            "questions.answer",
            note="Người dân hỏi ai đã mở hồ sơ của họ; trả lời trong 72 giờ.",
        ),
        MenuItem(
            "Số liệu tổng hợp",
            "/leaders/department",
            "department.read",
            note="Tổng số theo ngày, xã phường, chương bệnh, cơ sở.",
        ),
    ),
    jobs=following.JOBS,
    on_change=following.ON_CHANGE,
    notices=(
        Notice("/leaders/cases/notice", "cases.answer", 60),
        Notice("/leaders/questions/notice", "questions.answer", 60),
    ),
    schema=Path(__file__).parent / "schema",
)
