"""The value of this department: the citizen's own record, on a phone."""

from __future__ import annotations

from pathlib import Path

from lienmach.departments.citizen import access, codes, home, sign_in, visit, visit_papers, visit_payment
from lienmach.web.department import Department

DEPARTMENT = Department(
    name="citizen",
    title="Hồ sơ của tôi",
    folder=Path(__file__).parent,
    routes=(*sign_in.ROUTES, *home.ROUTES, *visit.ROUTES, *visit_papers.ROUTES, *visit_payment.ROUTES, *access.ROUTES),
    jobs=codes.JOBS,
    addresses=("/cua-toi",),
)
