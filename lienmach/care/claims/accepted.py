"""What the insurer has accepted of this facility: its staff, drugs, services and machines, each from a day on.

Forms 02, 03, 05 and 06/DM (TT 12/2026/TT-BTC, secondary) as rows of the catalogues: `accepted-staff` (code: licence),
`accepted-drug` and `accepted-service` (code: our own), `accepted-machine` (code: MA_MAY). `valid_from` is the first day
on which it is accepted; `data` holds members as the forms name them:

    accepted-staff   MA_BAC_SI, HO_TEN, CHUC_DANH, kinds[] (exam, lab, imaging, procedure, functional), is_head
    accepted-drug    MA_THUOC, TEN_THUOC, HAM_LUONG, DUONG_DUNG, DANG_BAO_CHE, DON_VI_TINH, SO_DANG_KY, TT_THAU, DON_GIA
    accepted-service MA_DICH_VU, TEN_DICH_VU, DON_GIA (the insured price)
    accepted-machine MA_MAY, TEN_MAY, services[] (our own codes), device (id of the Device), nhom (MA_NHOM)

A facility that has no row of a form in use has not brought its list yet: nothing is said about it then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from lienmach.care import catalogues
from lienmach.care.catalogues import Row
from lienmach.record.transaction import Transaction

STAFF, DRUGS, SERVICES, MACHINES = "accepted-staff", "accepted-drug", "accepted-service", "accepted-machine"
#: form -> (list, the member that stands in the claim)
FORMS: dict[str, tuple[str, str]] = {
    "02": (STAFF, "MA_BAC_SI"),
    "03": (DRUGS, "MA_THUOC"),
    "05": (SERVICES, "MA_DICH_VU"),
    "06": (MACHINES, "MA_MAY"),
}
_LISTS = {"drug": DRUGS, "service": SERVICES}
_ROWS_MAX = 20_000
_DRUG = "{name} chưa có trong danh mục thuốc được BHXH chấp nhận vào ngày này (mẫu 03/DM): quỹ sẽ không thanh toán."
_SERVICE = (
    "{name} chưa có trong danh mục dịch vụ được BHXH chấp nhận vào ngày này (mẫu 05/DM): quỹ sẽ không thanh toán."
)


async def warn(tx: Transaction, list_name: str, codes: Iterable[str], on: date) -> dict[str, str]:
    """Our own code -> a Vietnamese sentence, for insured drugs or services that are not accepted on a day.

    list_name: drug or service. Nothing for a facility that has brought no list, nor for what is not insured anyway.
    Raises KeyError for another list.
    """
    accepted = _LISTS[list_name.removeprefix("accepted-")]
    wanted = sorted(set(codes))
    if not wanted or not await is_known(tx, accepted):
        return {}
    there = await catalogues.get_many(tx, accepted, wanted, on=on)
    missing = [one for one in wanted if one not in there]
    if not missing:
        return {}
    rows = await catalogues.get_many(tx, list_name.removeprefix("accepted-"), missing, on=on)
    sentence = _DRUG if accepted == DRUGS else _SERVICE
    return {code: sentence.format(name=row.name) for code, row in rows.items() if row.data.get("is_insured", True)}


async def is_known(tx: Transaction, accepted: str) -> bool:
    """Whether the facility has brought a list: some row of it is or was in use."""
    rows = await tx.fetch(
        "select 1 from catalogue where tenant = $1 and list = $2 and state = any($3) limit 1",
        tx.tenant.number, accepted, list(catalogues.USABLE),
    )  # fmt: skip
    return bool(rows)


async def of_codes(tx: Transaction, accepted: str, codes: Iterable[str], on: date) -> dict[str, Row]:
    """Rows by our own code that are accepted on a day."""
    wanted = sorted({one for one in codes if one})
    return await catalogues.get_many(tx, accepted, wanted, on=on) if wanted else {}


async def head_of(tx: Transaction, on: date) -> str:
    """MA_TTDV: the licence of the head of the facility in form 02/DM, or ""."""
    rows = await tx.fetch(
        """select code from catalogue where tenant = $1 and list = $2 and state = any($3) and valid_from <= $4
           and (valid_to is null or valid_to >= $4) and data @> '{"is_head": true}' order by code limit 1""",
        tx.tenant.number, STAFF, list(catalogues.USABLE), on,
    )  # fmt: skip
    return str(rows[0]["code"]) if rows else ""


async def machines(tx: Transaction, on: date) -> list[Row]:
    """The accepted machines of a day, by code."""
    return await catalogues.all_of(tx, MACHINES, on=on, limit=_ROWS_MAX)


def machine_of(rows: Iterable[Row], *, service: str, devices: Iterable[str] = ()) -> str:
    """MA_MAY for a service: the machine of one of these Devices, else the first that is accepted for the service."""
    found, known = "", set(devices)
    for row in rows:
        code = str(row.data.get("MA_MAY") or row.code)
        if str(row.data.get("device") or "") in known - {""}:
            return code
        if not found and service in (row.data.get("services") or ()):
            found = code
    return found


def text_of(row: Row | None, name: str, other: str) -> str:
    """A member of an accepted row as text, or what stands for it where there is none."""
    found: Mapping[str, object] = row.data if row is not None else {}
    return str(found.get(name) or other)
