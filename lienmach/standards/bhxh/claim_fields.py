"""Fields of the claim's tables (XML0 to XML15): order, kind, size and need, by the day of the visit.

Decisions 130/QĐ-BYT (2023-01-18), 4750 (2023-12-29, visits from 2024-07-01), 3176 (2024-10-29, from 2025-01-01) and
1931 (2026-06-29, from 2026-07-01: MUC_HUONG of four characters). Rows: `claim_fields.csv`, each with its decision and
how sure its order and size are (source: three public programs agree; derived; memory). `req` is what public checkers
refuse (secondary), no wording of a decision. XML12 is never sent and has no rows. Of XML13 before 2025 two fields
(TEN_DICH_VU, TEN_THUOC) are left out: where they stood is not known.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from datetime import date
from importlib import resources

STRING, NUMBER, DATETIME12, DATE8 = "string", "number", "datetime12", "date8"
REQUIRED, CONDITIONAL, OPTIONAL = "R", "C", "O"
#: table -> the names of its root, its list (None: the record is the root) and its record.
ROOTS: dict[str, tuple[str, str | None, str]] = {
    "XML0": ("CHI_TIEU_TRANG_THAI_KCB", "DSACH_TRANG_THAI_KCB", "TRANG_THAI_KCB"),
    "XML1": ("TONG_HOP", None, "TONG_HOP"),
    "XML2": ("CHITIEU_CHITIET_THUOC", "DSACH_CHI_TIET_THUOC", "CHI_TIET_THUOC"),
    "XML3": ("CHITIEU_CHITIET_DVKT_VTYT", "DSACH_CHI_TIET_DVKT", "CHI_TIET_DVKT"),
    "XML4": ("CHITIEU_CHITIET_DICHVUCANLAMSANG", "DSACH_CHI_TIET_CLS", "CHI_TIET_CLS"),
    "XML5": ("CHITIEU_CHITIET_DIENBIENLAMSANG", "DSACH_CHI_TIET_DIEN_BIEN_BENH", "CHI_TIET_DIEN_BIEN_BENH"),
    "XML6": (
        "CHI_TIEU_HO_SO_BENH_AN_CHAM_SOC_VA_DIEU_TRI_HIV_AIDS",
        "DSACH_HO_SO_BENH_AN_CHAM_SOC_VA_DIEU_TRI_HIV_AIDS",
        "HO_SO_BENH_AN_CHAM_SOC_VA_DIEU_TRI_HIV_AIDS",
    ),
    "XML7": ("CHI_TIEU_DU_LIEU_GIAY_RA_VIEN", None, "CHI_TIEU_DU_LIEU_GIAY_RA_VIEN"),
    "XML8": ("CHI_TIEU_DU_LIEU_TOM_TAT_HO_SO_BENH_AN", None, "CHI_TIEU_DU_LIEU_TOM_TAT_HO_SO_BENH_AN"),
    "XML9": ("CHI_TIEU_DU_LIEU_GIAY_CHUNG_SINH", "DSACH_GIAYCHUNGSINH", "DU_LIEU_GIAY_CHUNG_SINH"),
    "XML10": ("CHI_TIEU_DU_LIEU_GIAY_NGHI_DUONG_THAI", None, "CHI_TIEU_DU_LIEU_GIAY_NGHI_DUONG_THAI"),
    "XML11": (
        "CHI_TIEU_DU_LIEU_GIAY_CHUNG_NHAN_NGHI_VIEC_HUONG_BAO_HIEM_XA_HOI",
        None,
        "CHI_TIEU_DU_LIEU_GIAY_CHUNG_NHAN_NGHI_VIEC_HUONG_BAO_HIEM_XA_HOI",
    ),
    "XML13": ("CHI_TIEU_GIAYCHUYENTUYEN", None, "CHI_TIEU_GIAYCHUYENTUYEN"),
    "XML14": ("CHI_TIEU_GIAYHEN_KHAMLAI", None, "CHI_TIEU_GIAYHEN_KHAMLAI"),
    "XML15": ("CHI_TIEU_DIEUTRI_BENHLAO", "DSACH_CHITIET_DIEUTRI_BENHLAO", "CHITIET_DIEUTRI_BENHLAO"),
}
#: tables in the order of a file.
TABLES = tuple(ROOTS)


@dataclass(frozen=True)
class Field:
    """One field. kind: string, number, datetime12 or date8. max: characters, 0 where no limit is stated. req: R, C, O.

    title: its Vietnamese name. since, until: days of the visit on which it is so, both included, None: open.
    """

    name: str
    kind: str
    max: int
    req: str
    title: str = ""
    decision: str = ""
    since: date | None = None
    until: date | None = None


@functools.lru_cache(maxsize=1)
def _rows() -> dict[str, tuple[Field, ...]]:
    source = resources.files("lienmach.standards.bhxh").joinpath("claim_fields.csv").read_text(encoding="utf-8")
    found: dict[str, list[Field]] = {table: [] for table in TABLES}
    for row in csv.DictReader(source.splitlines()):
        found[row["table"]].append(
            Field(row["name"], row["type"], int(row["max"] or 0), row["req"], row["vi"], row["decision"],
                  _day(row["since"]), _day(row["until"]))
        )  # fmt: skip
    return {table: tuple(fields) for table, fields in found.items()}


@functools.lru_cache(maxsize=256)
def fields(table: str, on: date) -> tuple[Field, ...]:
    """The fields of a table in their order, as they hold for a visit of this day. Raises KeyError for no table."""
    return tuple(
        one
        for one in _rows()[table]
        if (one.since is None or one.since <= on) and (one.until is None or on <= one.until)
    )


@functools.lru_cache(maxsize=256)
def names(table: str, on: date) -> tuple[str, ...]:
    """The names of the fields of a table in their order. Raises KeyError."""
    return tuple(one.name for one in fields(table, on))


def row(table: str, on: date, values: dict[str, str]) -> dict[str, str]:
    """A row with every field of the table in its order, "" where values has none.

    Raises ValueError for a value that is no field of the table on that day.
    """
    known = names(table, on)
    unknown = values.keys() - set(known)
    if unknown:
        raise ValueError(f"{table} has no field {', '.join(sorted(unknown))} on {on.isoformat()}")
    return {name: values.get(name, "") for name in known}


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def newest() -> dict[str, tuple[Field, ...]]:
    """Every table with its fields as the newest version has them."""
    return {table: fields(table, date.max) for table in TABLES}
