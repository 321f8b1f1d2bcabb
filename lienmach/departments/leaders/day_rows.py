"""What stands behind a tile of the director's page: its rows, newest or longest first, each with a way on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from lienmach.base import errors
from lienmach.care import outbox, resources, systems
from lienmach.departments.leaders import claim_figures, day_figures
from lienmach.record.transaction import Transaction

ROWS_MAX = 200
TILES = {
    "visits": "Lượt khám hôm nay",
    "waiting": "Đang chờ khám",
    "prescriptions": "Đơn thuốc hôm nay",
    "money": "Thu tiền hôm nay",
    "claims": "Giám định và xuất toán",
    "alerts": "Cảnh báo",
}
STATES = {"arrived": "Đang chờ", "in-progress": "Đang khám", "finished": "Đã khám xong", "cancelled": "Đã huỷ"}
CLAIM_KINDS = {"rejection": "Bị từ chối, đang mở", "clock": "Sắp hết hạn gửi thanh toán"}
RECEIPT_KINDS = {"payment": "Thu viện phí", "deposit": "Tạm ứng", "refund": "Hoàn tiền"}


@dataclass(frozen=True)
class Row:
    """One row. title: who or what. words: key of the words for its state. facts: texts as they are. counted: a key of
    the words and the number that it says. href: "" for none. key: the id of what the row is about, where it can be
    chosen."""

    title: str
    words: str = ""
    at: datetime | None = None
    facts: tuple[str, ...] = ()
    amount_vnd: int | None = None
    href: str = ""
    counted: tuple[tuple[str, int], ...] = ()
    key: str = ""


async def read(tx: Transaction, tile: str) -> list[Row]:
    """The rows of a tile, at most ROWS_MAX. Raises errors.NotFound for a tile that is none."""
    if tile not in TILES:
        raise errors.NotFound("Không có mục này.")
    tx.access.note("search-type", query=f"/leaders/day/{tile}")
    on = day_figures.today_of(tx)
    if tile == "money":
        return await _receipts(tx, on)
    if tile == "alerts":
        return await _alerts(tx)
    if tile == "claims":
        return await _claims(tx, on)
    return await _visits(tx, on, tile)


async def _visits(tx: Transaction, on: date, tile: str) -> list[Row]:
    rows = await tx.fetch(
        """select encounter_id, patient_id, state, begun_at, room_name, doctor_name, items, antibiotics, injections,
                  rx_vnd, icd
           from leaders_visit
           where tenant = $1 and day = $2 and ($3 <> 'waiting' or state = 'arrived')
             and ($3 <> 'prescriptions' or (items > 0 and state <> 'cancelled'))
           order by case when $3 = 'waiting' then begun_at end, begun_at desc limit $4""",
        tx.tenant.number, on, tile, ROWS_MAX,
    )  # fmt: skip
    names = await names_of(tx, [row["patient_id"] for row in rows])
    found = []
    for row in rows:
        counted = (("{count} thuốc", row["items"]), ("{count} kháng sinh", row["antibiotics"]))
        found.append(
            Row(
                names.get(row["patient_id"], "—"), STATES.get(row["state"], row["state"]), row["begun_at"],
                tuple(one for one in (row["room_name"], row["doctor_name"], row["icd"]) if one),
                row["rx_vnd"] if tile == "prescriptions" else None, f"/registration/patients/{row['patient_id']}",
                tuple(one for one in counted if one[1]) if tile == "prescriptions" else (),
            )
        )  # fmt: skip
    return found


async def _receipts(tx: Transaction, on: date) -> list[Row]:
    first, last = day_figures.bounds_of(tx, on)
    rows = await tx.fetch(
        """select number, kind, method, amount, encounter_id, patient_id, at, by from money_receipt
           where tenant = $1 and at >= $2 and at < $3 order by at desc limit $4""",
        tx.tenant.number, first, last, ROWS_MAX,
    )  # fmt: skip
    names = await names_of(tx, [row["patient_id"] for row in rows])
    return [
        Row(
            names.get(row["patient_id"], "—"), RECEIPT_KINDS[row["kind"]], row["at"], (row["number"], row["by"]),
            -row["amount"] if row["kind"] == "refund" else row["amount"], f"/billing/visits/{row['encounter_id']}",
        )
        for row in rows
    ]  # fmt: skip


async def _alerts(tx: Transaction) -> list[Row]:
    found = []
    tasks = await resources.find(
        tx, "Task", ("code", f"{systems.TASK_KIND}|critical-result"), ("status", "requested"), count=50
    )
    for one in tasks:
        patient = resources.id_of(one.get("for"), "Patient")
        found.append(
            Row(
                str((one.get("for") or {}).get("display", "")) or "—", "Kết quả nguy kịch chưa xác nhận",
                datetime.fromisoformat(str(one["authoredOn"]).replace("Z", "+00:00")),
                (str(one.get("description", "")),), None, f"/registration/patients/{patient}" if patient else "",
            )
        )  # fmt: skip
    for channel in await outbox.channel_states(tx):
        if channel.refused:
            found.append(
                Row(
                    channel.channel,
                    "Thông điệp bị từ chối",
                    channel.oldest_at,
                    counted=(("{count} thông điệp", channel.refused),),
                )
            )
        if channel.is_down:
            found.append(
                Row(
                    channel.channel,
                    "Không kết nối được",
                    channel.oldest_at,
                    counted=(("{count} thông điệp", channel.waiting),),
                )
            )
    stale = await tx.fetch(
        """select encounter_id, patient_id, bill_number, closed_at from visit_account
           where tenant = $1 and is_stale order by opened_at limit 100""",
        tx.tenant.number,
    )  # fmt: skip
    names = await names_of(tx, [row["patient_id"] for row in stale])
    for row in stale:
        found.append(
            Row(
                names.get(row["patient_id"], "—"), "Bảng kê chi phí phải chốt lại", row["closed_at"],
                (row["bill_number"],), None, f"/billing/visits/{row['encounter_id']}",
            )
        )  # fmt: skip
    return found


async def _claims(tx: Transaction, on: date) -> list[Row]:
    open_ones = await claim_figures.listed(tx, on)
    names = await names_of(tx, [one.patient_id for one in open_ones])
    found = [
        Row(one.reason or "—", "Quỹ cắt trong tháng", None, (one.specialty,) if one.specialty else (), one.lost_vnd,
            counted=(("{count} lượt khám", one.visits),))
        for one in await claim_figures.losses(tx, on)
    ]  # fmt: skip
    for one in open_ones:
        due = () if one.due_on is None else (f"{one.due_on:%d/%m/%Y}",)
        found.append(
            Row(
                names.get(one.patient_id, "—"), CLAIM_KINDS[one.kind], None,
                (*due, *((one.text[:160],) if one.text else ()), one.ma_lk), one.amount_vnd,
                f"/insurance/claims/{one.encounter_id}",
            )
        )  # fmt: skip
    return found


async def names_of(tx: Transaction, patient_ids: Sequence[str]) -> dict[str, str]:
    """Names of people by id, noted as shown."""
    found = await resources.read_many(tx, "Patient", patient_ids)
    return {own: _name(one) for own, one in found.items()}


def _name(patient: dict[str, Any]) -> str:
    names = patient.get("name") or [{}]
    return str(names[0].get("text") or " ".join([names[0].get("family", ""), *names[0].get("given", ())]))
