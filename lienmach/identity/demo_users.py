"""Demo logins of a new home: one for each kind of work. They sign in from this machine only.

The password is made at the first start and kept readable in the home (`demo-password.txt`, mode 600),
so that `lienmach run` can print it again; it opens demo accounts only, and those only on loopback.
"""

from __future__ import annotations

import os
import secrets
from datetime import datetime
from pathlib import Path

import asyncpg

from lienmach.base.errors import Conflict
from lienmach.identity import passwords, users

#: login, name on screen, role. The people do not exist; care/population/clinic.py has their Practitioner `nv-<login>`.
DEMO = (
    ("tiepdon", "Lễ tân Mẫu Tiếp Đón", "reception"),
    ("bacsi", "BS Mẫu Khám Bệnh", "doctor"),
    ("bacsi2", "BS Mẫu Nội Khoa", "doctor"),
    ("bacsitram", "BS Mẫu Trạm Y Tế", "doctor"),
    ("dieuduong", "ĐD Mẫu Chăm Sóc", "nurse"),
    ("xetnghiem", "KTV Mẫu Xét Nghiệm", "lab"),
    ("truongxn", "BS Mẫu Trưởng Xét Nghiệm", "lab_head"),
    ("duocsi", "DS Mẫu Cấp Thuốc", "pharmacist"),
    ("nhathuoc", "DS Mẫu Nhà Thuốc", "retail"),
    ("thungan", "Mẫu Thu Ngân", "cashier"),
    ("baohiem", "Mẫu Giám Định", "insurance"),
    ("quantri", "Mẫu Quản Trị", "admin"),
    ("baove", "Mẫu Bảo Vệ Dữ Liệu", "dpo"),
    ("giamdoc", "BS Mẫu Giám Đốc", "director"),
    ("soyte", "Mẫu Cán Bộ Sở Y Tế", "department"),
)
FILE = "demo-password.txt"


def password_of(home: Path) -> str:
    """The demo password of this home; made at the first call."""
    file = home / FILE
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        text = f"lien-mach-{secrets.randbelow(900_000) + 100_000}"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text + "\n")
    return file.read_text(encoding="utf-8").strip()


async def ensure(pool: asyncpg.Pool, home: Path, now: datetime, tenant: int = 1) -> list[tuple[str, str, str]]:
    """Add the demo accounts that are missing; return (login, password, role) of all. Safe to run twice."""
    password = password_of(home)
    hashed: str | None = None
    for login, display, role in DEMO:
        if await users.find(pool, tenant, login) is not None:
            continue
        hashed = hashed or await passwords.hash_password(password)
        try:
            account = users.Account(
                tenant, login, display, frozenset({role}), hashed, f"Practitioner/nv-{login}", is_demo=True
            )
            await users.add(pool, account, now)
        except Conflict:  # a second process was faster, or the hospital closed this demo account
            continue
    return [(login, password, role) for login, _, role in DEMO]
