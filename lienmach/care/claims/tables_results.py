"""XML4 (results of tests, imaging and functional tests) and XML5 (course of a treatment) of a claim. Pure.

A value stands in GIA_TRI and needs no KET_LUAN (REL-04); an image has MO_TA and KET_LUAN (REL-03). A result that is
still pending has no row: it comes with a later version (TIM-09).
"""

from __future__ import annotations

import re
from typing import Any

from lienmach.care import notes, resources, vitals
from lienmach.care.claims import facts, figures, tables_lines
from lienmach.care.claims.facts import Facts
from lienmach.care.claims.money_lines import MoneyLine
from lienmach.care.resources import Resource
from lienmach.standards.bhxh import claim_fields

Cells = dict[str, str]
WITH_COURSE = frozenset({"02", "03", "04", "05", "06", "08", "09"})  # MA_LOAI_KCB
_VALUE_CHARACTERS_MAX = 255
_IMAGING = "2"
_TAG = re.compile(r"<[^>]*>")


def results(found: Facts) -> list[Cells]:
    """The rows of XML4, by service in the order of XML3, within it by the order of its report."""
    rows: list[Cells] = []
    for line in found.money.lines:
        report = found.reports.get(line.cause_id)
        if line.nhom not in tables_lines.MEASURED or report is None or not facts.is_released(report):
            continue
        values = _values(found, report)
        if line.nhom == _IMAGING or not values:
            rows.append(_described(found, line, report, values, len(rows) + 1))
            continue
        for one in values:
            rows.append(_measured(found, line, report, one, len(rows) + 1))
    return rows


def course(found: Facts) -> list[Cells]:
    """The rows of XML5: what the note says, and what was added to it, for treatments; none for an examination (01)."""
    if found.kind not in WITH_COURSE or found.note is None:
        return []
    said = notes.texts_of(found.note)
    at = found.local(found.note.get("date")) or found.finished_at
    lines = [said["history"], said["examination"], said["advice"], _signs(found)]
    values = {
        "MA_LK": found.key,
        "STT": "1",
        "DIEN_BIEN_LS": figures.one_line(". ".join(one.strip(". ") for one in lines if one.strip())),
        "THOI_DIEM_DBLS": figures.datetime12(at),
        "NGUOI_THUC_HIEN": figures.parts(found.licence(one) for one in found.note.get("author", ())),
    }
    return [claim_fields.row("XML5", found.visit_on, values)]


def _measured(found: Facts, line: MoneyLine, report: Resource, value: Resource, number: int) -> Cells:
    row = found.indicators.get(facts.indicator_of(value))
    text, unit = _text(value), str((value.get("valueQuantity") or {}).get("unit", ""))
    is_long = len(text) > _VALUE_CHARACTERS_MAX
    own = str(row.data.get("bhyt_code") or row.code) if row is not None else facts.indicator_of(value)
    values = {
        "MA_LK": found.key,
        "STT": str(number),
        "MA_DICH_VU": tables_lines.main_code(found, line)[:50],
        "MA_CHI_SO": own,
        "TEN_CHI_SO": figures.one_line(row.name if row is not None else str(value["code"].get("text", "")), 255),
        "GIA_TRI": "" if is_long else text,
        "DON_VI_DO": unit[:50],
        "MO_TA": text if is_long else "",
        "NGAY_KQ": figures.datetime12(tables_lines.result_at(found, line)),
        "MA_BS_DOC_KQ": _reader(found, report, value),
    }
    return claim_fields.row("XML4", found.visit_on, values)


def _described(found: Facts, line: MoneyLine, report: Resource, parts: list[Resource], number: int) -> Cells:
    """An image or a tracing: what was seen, and the conclusion."""
    told = [_text(one) for one in parts] or [_TAG.sub(" ", str((report.get("text") or {}).get("div", "")))]
    values = {
        "MA_LK": found.key,
        "STT": str(number),
        "MA_DICH_VU": tables_lines.main_code(found, line)[:50],
        "MO_TA": figures.one_line(". ".join(one for one in told if one.strip())),
        "KET_LUAN": figures.one_line(str(report.get("conclusion", ""))),
        "NGAY_KQ": figures.datetime12(tables_lines.result_at(found, line)),
        "MA_BS_DOC_KQ": _reader(found, report, parts[0] if parts else {}),
    }
    return claim_fields.row("XML4", found.visit_on, values)


def _values(found: Facts, report: Resource) -> list[Resource]:
    """The released values of a report, in its order."""
    named = [found.observations.get(resources.id_of(one, "Observation")) for one in report.get("result", ())]
    return [one for one in named if one is not None and one.get("status") in facts.RELEASED and _text(one)]


def _reader(found: Facts, report: Resource, value: Resource) -> str:
    """MA_BS_DOC_KQ: who released the report, else who released the value."""
    people = [*report.get("resultsInterpreter", ()), *reversed(value.get("performer", ()))]
    return next((own for one in people if (own := found.licence(one))), "")


def _text(value: Resource) -> str:
    """A value as GIA_TRI has it: a number with a point, or words."""
    quantity: dict[str, Any] = value.get("valueQuantity") or {}
    if "value" in quantity:
        return (
            f"{quantity.get('comparator', '')}{quantity['value']:f}"
            if not isinstance(quantity["value"], int)
            else (f"{quantity.get('comparator', '')}{quantity['value']}")
        )
    words = value.get("valueString") or (value.get("valueCodeableConcept") or {}).get("text") or ""
    return figures.one_line(str(words))


def _signs(found: Facts) -> str:
    """The vital signs in the form of the annex: CSST<M…_T…_HA…_NT…>."""
    read: dict[str, str] = {}
    for one in sorted(found.observations.values(), key=lambda one: str(one.get("effectiveDateTime", ""))):
        for part in (one, *one.get("component", ())):
            code = resources.code_of(part.get("code"), "http://loinc.org")
            if "valueQuantity" in part:
                read[code] = _text(part)
    measures = vitals.MEASURES
    pulse, warmth, breaths = (read.get(measures[name].loinc, "") for name in ("pulse", "temperature", "respiration"))
    high, low = (read.get(measures[name].loinc, "") for name in ("systolic", "diastolic"))
    if not any((pulse, warmth, breaths, high)):
        return ""
    return f"CSST<M{pulse}_T{warmth}_HA{high}/{low}_NT{breaths}>" if high else f"CSST<M{pulse}_T{warmth}_NT{breaths}>"
