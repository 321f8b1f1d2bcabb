"""The body that the national prescription system takes (QĐ 808/QĐ-BYT of 2022-04-01, fields from public code: secondary).

Three date forms in one message: birth dd/mm/yyyy, time of writing "Y-m-d H:i:s", the next visit as a number of days.
gioi_tinh 2 is male and 3 female, as three public programs send it. Nothing here asks the record: values in, dict out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from lienmach.care import banner, prescription_words, resources, systems
from lienmach.standards.vietnam import formats, identity, names, prescription_code

Resource = dict[str, Any]
OUTPATIENT = 1  # hinh_thuc_dieu_tri (memory)
SEXES = {"male": 2, "female": 3}
SEX_UNKNOWN = 1
WEIGHT_MONTHS = 72
HIV = ("B20", "B21", "B22", "B23", "B24", "Z21")  # identity must be encrypted: how, nobody has published


def build(
    patient: Resource,
    lines: Sequence[Resource],
    diagnoses: Sequence[tuple[str, str]],
    *,
    code: str,
    written_at: datetime,
    today: date,
    months: int | None,
    weight_kg: Decimal | None,
    advice: str = "",
    return_in_days: int = 0,
) -> Resource:
    """The message of one prescription. lines: its MedicationRequests in the order of the paper. written_at: local."""
    strip = banner.build(patient, today=today)
    numbers = _numbers(patient)
    body: Resource = {
        "loai_don_thuoc": prescription_code.kind_of(code),
        "ma_don_thuoc": code,
        "ho_ten_benh_nhan": names.shown(patient),
        "ma_dinh_danh_y_te": numbers.get("cccd", ""),
        "ma_dinh_danh_cong_dan": numbers.get("cccd", ""),
        "ngay_sinh_benh_nhan": formats.write_date(str(patient.get("birthDate", ""))),
        "can_nang": formats.write_number(weight_kg, en=True) if weight_kg is not None else "",
        "gioi_tinh": SEXES.get(str(patient.get("gender", "")), SEX_UNKNOWN),
        "ma_so_the_bao_hiem_y_te": numbers.get("bhyt", ""),
        "thong_tin_nguoi_giam_ho": _guardian(patient) if months is not None and months < WEIGHT_MONTHS else "",
        "dia_chi": strip.address,
        "chan_doan": [{"ma_chan_doan": own, "ten_chan_doan": name, "ket_luan": name} for own, name in diagnoses],
        "luu_y": "",
        "hinh_thuc_dieu_tri": OUTPATIENT,
        "thong_tin_don_thuoc": [_line(one) for one in lines],
        "loi_dan": advice,
        "so_dien_thoai_nguoi_kham_benh": _phone(patient),
        "ngay_tai_kham": return_in_days,
        "ngay_gio_ke_don": written_at.strftime("%Y-%m-%d %H:%M:%S"),
    }
    if prescription_code.kind_of(code) == prescription_code.NARCOTIC:
        body["dot_dung_thuoc"] = _round(lines, written_at)
    return body


def is_hiv(codes: Sequence[str]) -> bool:
    """Whether a diagnosis asks that the person's identity be encrypted before sending."""
    return any(one.startswith(HIV) for one in codes)


def _line(request: Resource) -> Resource:
    concept = request["medicationCodeableConcept"]
    quantity = request["dispenseRequest"]["quantity"]
    value = Decimal(str(quantity["value"]))
    return {
        "ma_thuoc": resources.code_of(concept, systems.DRUG),
        "biet_duoc": "",
        "ten_thuoc": str(concept.get("text", "")),
        "don_vi_tinh": str(quantity.get("unit", "")),
        "so_luong": int(value) if value == value.to_integral() else float(value),
        "cach_dung": str(request["dosageInstruction"][0].get("text", "")),
    }


def _round(lines: Sequence[Resource], written_at: datetime) -> Resource:
    """dot_dung_thuoc: the one round of days that a narcotic prescription covers."""
    days = max(int(one["dispenseRequest"]["expectedSupplyDuration"]["value"]) for one in lines)
    start = written_at.date()
    last = date.fromordinal(start.toordinal() + days - 1)
    return {"dot": 1, "tu_ngay": f"{start:%d/%m/%Y}", "den_ngay": f"{last:%d/%m/%Y}", "so_thang_thuoc": ""}


def _numbers(patient: Resource) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in patient.get("identifier", ()):
        kind = identity.kind_of_system(str(one.get("system", "")))
        if kind is not None:
            found.setdefault(kind.key, str(one.get("value", "")))
    return found


def _guardian(patient: Resource) -> str:
    for one in patient.get("contact", ()):
        name = names.shown({"name": [one.get("name", {})]})
        phones = [str(each.get("value", "")) for each in one.get("telecom", ()) if each.get("system") == "phone"]
        if name:
            return " ".join((name, *phones[:1]))
    return ""


def _phone(patient: Resource) -> str:
    found = [str(one.get("value", "")) for one in patient.get("telecom", ()) if one.get("system") == "phone"]
    return found[0] if found else ""


def paper_line(number: int, request: Resource, brand: str, kind: str) -> dict[str, str]:
    """One line as the template `prescription` prints it."""
    quantity = request["dispenseRequest"]["quantity"]
    value = Decimal(str(quantity["value"]))
    payer = next((one.get("valueCode") for one in request.get("extension", ()) if "valueCode" in one), "self")
    return {
        "number": str(number),
        "name": str(request["medicationCodeableConcept"].get("text", "")),
        "brand": brand,
        "quantity": prescription_words.quantity(value),
        "quantity_words": prescription_words.quantity_in_words(value) if kind == prescription_code.NARCOTIC else "",
        "unit": str(quantity.get("unit", "")),
        "instruction": str(request["dosageInstruction"][0].get("text", "")),
        "note": "",
        "payer": "BHYT" if payer == "bhyt" else "Tự trả",
    }
