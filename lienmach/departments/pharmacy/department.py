"""The value of this department: the dispensary's window, its stock and registers, and outside sales."""

from __future__ import annotations

from pathlib import Path

from lienmach.departments.pharmacy import closing, prescriptions, registers, sales, stock_lots
from lienmach.web.department import Department, MenuItem

DEPARTMENT = Department(
    name="pharmacy",
    title="Dược",
    folder=Path(__file__).parent,
    routes=(*prescriptions.ROUTES, *stock_lots.ROUTES, *registers.ROUTES, *sales.ROUTES),
    jobs=(closing.JOB,),
    menu=(
        MenuItem(
            "Cấp thuốc",
            "/pharmacy/prescriptions",
            "dispensings.give",
            key="F6",
            note="Đơn đang chờ cấp; quét mã đơn để mở; cấp một phần, trả lại, cuối ngày trả về kho.",
        ),
        MenuItem("Kho thuốc", "/pharmacy/stock", "stock.manage", note="Lô, hạn dùng, nhập, kiểm kê, thẻ kho."),
        MenuItem(
            "Sổ kiểm soát đặc biệt",
            "/pharmacy/registers",
            "dispensings.give",
            note="Gây nghiện, hướng thần, tiền chất.",
        ),
        MenuItem("Bán theo đơn", "/pharmacy/sales", "prescriptions.sell", key="F6", note="Mở đơn bằng mã 14 ký tự."),
    ),
)
