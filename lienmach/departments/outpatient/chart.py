"""What the chart of a visit shows, gathered in one unit of work: whose, who may write, history, note, panels."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from lienmach.base.actor import Actor
from lienmach.care import (
    allergies,
    catalogues,
    drafts,
    notes,
    patients,
    queue,
    resources,
    systems,
    visit_diagnoses,
    visit_facts,
    visit_problems,
    visits,
    vitals,
)
from lienmach.care.resources import Resource
from lienmach.departments.outpatient import note_drafts
from lienmach.departments.outpatient.note_drafts import NoteDraft
from lienmach.identity import roles
from lienmach.record.transaction import Transaction
from lienmach.web import formats, shell

_VISITS_MAX = 6
_MARKS = {"H": ("▲", "Cao"), "L": ("▼", "Thấp")}
UNDO_SECONDS = int(visits.UNDO.total_seconds())


async def values(tx: Transaction, request: Request, actor: Actor, encounter: Resource) -> dict[str, Any]:
    """Everything of the page, by the names that `outpatient/visit.html` uses."""
    patient_id = visit_facts.patient_of(encounter)
    found = {
        **await frame(tx, request, actor, encounter),
        **await banner_values(tx, request, encounter),
        "problems": await problem_lines(tx, patient_id),
        "earlier": await _earlier(tx, encounter),
        **await vital_values(tx, encounter),
        **await allergy_values(tx, encounter),
    }
    return found | await _note_values(tx, encounter, uses_draft=request.query_params.get("draft") == "use")


async def frame(tx: Transaction, request: Request, actor: Actor, encounter: Resource) -> dict[str, Any]:
    """Who may do what on this visit, and how it stands."""
    is_open, held = visit_facts.is_open(encounter), visits.is_held_by_another(tx, encounter)
    ticket = await queue.ticket_of(tx, encounter["id"], "exam")
    signs = roles.may(actor, "visits.sign")
    return {
        "visit": encounter,
        "visit_id": encounter["id"],
        "patient_id": visit_facts.patient_of(encounter),
        "stage": encounter.get("status", ""),
        "is_open": is_open,
        "is_held": held,
        "doctor": visit_facts.doctor_of(encounter).get("display", ""),
        "may_sign": signs,
        "may_write": is_open and roles.may(actor, "visits.write"),
        "may_note": is_open and signs and not held and encounter.get("status") == "in-progress",
        "reads_results": roles.may(actor, "results.read"),
        "shown": ticket.shown if ticket else "",
        "begun": visit_facts.begun_at(encounter),
        "ended": visit_facts.ended_at(encounter),
        "key": resources.identifier_of(encounter, systems.VISIT),
        "kind": str((encounter.get("type") or [{}])[0].get("text", "")),
        "undo_seconds": _undo_seconds(tx, encounter) if signs and not held else 0,
    }


async def banner_values(tx: Transaction, request: Request, encounter: Resource) -> dict[str, Any]:
    """The banner, under the name by which the pages of one visit draw it."""
    is_english = shell.language_of(request) == "en"
    banner = await patients.read_banner(tx, visit_facts.patient_of(encounter), en=is_english)
    return {"banner": banner, "frame": {"banner": banner, "encounter_id": encounter["id"]}}


async def vital_values(tx: Transaction, encounter: Resource) -> dict[str, Any]:
    """The newest vital signs as lines, and what the form needs."""
    readings = await vitals.latest(tx, visit_facts.patient_of(encounter))
    return {
        "vital_lines": vital_lines(readings),
        "measured_now": any(one.encounter_id == encounter["id"] for one in readings.values()),
        "typed": {},
        "faults": {},
        "odd": {},
        "measures": [vitals.MEASURES[name] for name in vitals.TYPED],
    }


def vital_lines(readings: dict[str, vitals.Reading]) -> list[dict[str, Any]]:
    """A line for each measure; the two numbers of one blood pressure stand in one."""
    lines = []
    for name, reading in readings.items():
        line = vital_line(reading)
        lower = readings.get("diastolic")
        if name == "systolic" and lower is not None and lower.at == reading.at:
            flags = {reading.flag, lower.flag}
            sign, word = next((_MARKS[one] for one in ("H", "L") if one in flags), ("", ""))
            line |= {"title": "Huyết áp", "value": f"{line['value']}/{formats.number(lower.value)}"}
            line |= {"sign": sign, "word": word}
        elif name == "diastolic" and "systolic" in readings and readings["systolic"].at == reading.at:
            continue
        lines.append(line)
    return lines


def vital_line(reading: vitals.Reading) -> dict[str, Any]:
    """One value as text, with its sign and word, the earlier one, and the points of a small trend."""
    sign, word = _MARKS.get(reading.flag, ("", ""))
    before = reading.earlier[-1] if reading.earlier else None
    line = [*(value for _, value in reading.earlier), reading.value]
    return {
        "title": reading.measure.title,
        "value": formats.number(reading.value),
        "unit": reading.measure.unit,
        "sign": sign,
        "word": word,
        "day": formats.day(reading.at),
        "before": f"{formats.number(before[1])} ({formats.day(before[0])})" if before else "",
        "points": _points([float(one) for one in line]) if len(line) > 1 else "",
    }


async def allergy_values(tx: Transaction, encounter: Resource) -> dict[str, Any]:
    """What is known of allergies: statements, or that nobody asked."""
    standing = await allergies.of_patient(tx, visit_facts.patient_of(encounter))
    known = [one for one in standing if not allergies.is_none_known(one)]
    return {
        "allergies": [
            {"id": one["id"], "words": allergies.words_of(one), "is_high": one.get("criticality") == "high"}
            for one in known
        ],
        "is_asked": bool(standing),
    }


async def diagnosis_lines(tx: Transaction, encounter: Resource, draft: NoteDraft) -> list[dict[str, str]]:
    """Code, name and fault of each diagnosis of the note form, main first."""
    patient = await resources.read(tx, "Patient", visit_facts.patient_of(encounter))
    day = visit_facts.day_of(encounter, tx.tenant.time_zone, tx.now)
    rows = await catalogues.get_many(tx, "icd10", draft.codes, on=day)
    lines = []
    for index, code in enumerate(draft.codes):
        row = rows.get(code)
        fault = (
            visit_diagnoses.fault(row, sex=str(patient.get("gender", "")), is_main=index == 0)
            if row
            else "Mã này không có hiệu lực hôm nay; hãy chọn mã khác."
        )
        lines.append({"code": code, "name": row.name if row else "", "fault": fault})
    return lines


async def _note_values(tx: Transaction, encounter: Resource, *, uses_draft: bool) -> dict[str, Any]:
    stored = await note_drafts.stored(tx, encounter)
    kept = await drafts.find(tx, note_drafts.FORM, encounter["id"])
    typed = note_drafts.of_data(kept.data) if kept else None
    differences = note_drafts.differences(stored, typed) if typed else []
    shown = typed if typed and (uses_draft or not differences) else stored
    day = tx.now.astimezone(tx.tenant.time_zone).date()
    note = await notes.find(tx, encounter["id"])
    return {
        "note": shown,
        "sections": notes.SECTIONS,
        "diagnoses": await diagnosis_lines(tx, encounter, shown),
        "found_draft": kept if differences and not uses_draft else None,
        "differences": differences,
        "is_signed": note is not None and note.get("status") in notes.CLOSED,
        "snippets": [
            *await catalogues.all_of(tx, "snippet", on=day),
            *await catalogues.all_of(tx, "note-template", on=day),
        ],
        "draft_at": kept.at if kept else None,
        "said": "",
    }


async def problem_lines(tx: Transaction, patient_id: str) -> list[dict[str, str]]:
    """Active problems with code and day."""
    return [
        {
            "id": one["id"],
            "text": str((one.get("code") or {}).get("text", "")),
            "code": resources.code_of(one.get("code"), systems.ICD10),
            "since": formats.day(one.get("recordedDate")),
        }
        for one in await visit_problems.of_patient(tx, patient_id)
    ]


async def _earlier(tx: Transaction, encounter: Resource) -> list[dict[str, str]]:
    """The last visits of the person, newest first, without this one."""
    patient = f"Patient/{visit_facts.patient_of(encounter)}"
    found = await resources.find(tx, "Encounter", ("patient", patient), ("_sort", "-date"), count=_VISITS_MAX)
    lines = []
    for one in found:
        if one["id"] == encounter["id"] or one.get("status") in ("cancelled", "entered-in-error"):
            continue
        named = sorted(one.get("diagnosis", ()), key=lambda part: int(part.get("rank", 99)))
        words = [str((part.get("condition") or {}).get("display", "")) for part in named[:2]]
        reason = str((one.get("reasonCode") or [{}])[0].get("text", ""))
        lines.append(
            {
                "url": f"/registration/patients/{visit_facts.patient_of(encounter)}/entries/Encounter/{one['id']}",
                "day": formats.day((one.get("period") or {}).get("start")),
                "words": "; ".join(word for word in words if word) or reason,
                "place": str((one.get("serviceProvider") or {}).get("display", "")),
            }
        )
    return lines


def _undo_seconds(tx: Transaction, encounter: Resource) -> int:
    """Seconds in which the last step can still be taken back, 0 if it cannot."""
    status = encounter.get("status")
    at = visit_facts.started_at(encounter) if status == "in-progress" else visit_facts.ended_at(encounter)
    if status not in ("in-progress", "cancelled") or at is None or encounter.get("diagnosis"):
        return 0
    return max(0, UNDO_SECONDS - int((tx.now - at).total_seconds()))


def _points(line: list[float]) -> str:
    """A polyline in a box of 60 by 16."""
    low, high = min(line), max(line)
    span = (high - low) or 1.0
    step = 58 / (len(line) - 1)
    return " ".join(f"{1 + index * step:.1f},{15 - (value - low) / span * 14:.1f}" for index, value in enumerate(line))
