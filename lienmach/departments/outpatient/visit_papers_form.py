"""The forms of the papers of a visit: what was typed, what is proposed, and the paper that it means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from lienmach.care import papers_rules
from lienmach.care.papers import Sheetable, VisitSummary
from lienmach.care.papers_data import PaperVisit
from lienmach.care.papers_rules import AppointmentSlip, PaperFacts, Referral, SickLeave
from lienmach.web import forms

Texts = dict[str, str]
_TEXT_MAX = 2001  # one more than may be, so that too long is said and not cut
FIELDS: dict[str, tuple[str, ...]] = {
    "referral": (
        "to_name", "to_code", "reason_kind", "reason", "signs", "results", "treatment", "state", "plan", "transport",
        "escort", "escort_title", "validity",
    ),
    "appointment-slip": ("return_on", "part", "room_id", "instruction"),
    "sick-leave": (
        "days", "social_number", "employer", "father", "mother", "treatment", "note", "loss_weeks", "loss_reason",
    ),
    "visit-summary": ("advice",),
}  # fmt: skip


def of_form(kind: str, form: Mapping[str, Any]) -> Texts:
    """The texts of a form of this kind."""
    return {name: str(form.get(name, "")).strip()[:_TEXT_MAX] for name in FIELDS[kind]}


def proposed(kind: str, visit: PaperVisit, facts: PaperFacts) -> Texts:
    """What the form begins with: from the note and the person, nothing invented."""
    found = dict.fromkeys(FIELDS[kind], "")
    if kind == "referral":
        found |= {
            "signs": visit.note["examination"],
            "treatment": visit.note["advice"],
            "transport": "Người bệnh tự đi",
            "validity": "year" if facts.is_long_term else "days",
        }
    elif kind == "appointment-slip":
        found |= {"part": "morning", "instruction": ""}
    elif kind == "sick-leave":
        found |= {"social_number": facts.social_number, "treatment": visit.note["advice"], "days": "3"}
    else:
        found |= {"advice": visit.note["advice"]}
    return found


def read(kind: str, typed: Texts, facts: PaperFacts, now: datetime) -> Sheetable:
    """The paper that the texts mean; what cannot be read is None or empty, and `papers.check` says so."""
    if kind == "referral":
        return Referral(**typed)
    if kind == "appointment-slip":
        return AppointmentSlip(
            return_date(typed["return_on"], facts.visit_on, now), typed["part"], typed["room_id"], typed["instruction"]
        )
    if kind == "sick-leave":
        days = forms.read_count(typed["days"], most=999)
        weeks = typed["loss_weeks"]
        return SickLeave(
            from_on=facts.visit_on,
            until_on=facts.visit_on + timedelta(days=days - 1) if days is not None else None,
            social_number=typed["social_number"].replace(" ", ""),
            employer=typed["employer"],
            father=typed["father"],
            mother=typed["mother"],
            treatment=typed["treatment"],
            note=typed["note"],
            loss_weeks=(-1 if (read := forms.read_count(weeks, most=99)) is None else read) if weeks else None,
            loss_reason=typed["loss_reason"],
        )
    return VisitSummary(typed["advice"])


def return_date(text: str, visit_on: date, now: datetime) -> date | None:
    """A day that was typed as a date or as +days from the visit; None if it is neither, or no whole day."""
    later = forms.read_count(text[1:], most=999) if text.startswith("+") else None
    if later is not None:
        return visit_on + timedelta(days=later)
    found = forms.read_date(text, now)
    return date.fromisoformat(found.fhir) if len(found.fhir) == 10 else None


def leave_hint(facts: PaperFacts) -> int:
    """The most days of a sick leave by the diagnoses alone, for the hint below the field."""
    return papers_rules.leave_days_max(SickLeave(None, None, ""), facts)
