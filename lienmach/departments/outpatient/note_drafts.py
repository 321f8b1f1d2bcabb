"""The note form: what was typed, what is stored, and what differs between them. Values only, no pages.

What is typed is kept as a draft of its writer (care/drafts.py, form `note`); what is stored is the unsigned note and
the diagnoses of the visit. A draft that is found again is compared with what is stored and never silently placed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lienmach.care import drafts, notes, visit_diagnoses
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction

FORM = "note"
_OTHERS_MAX = 12


@dataclass(frozen=True)
class NoteDraft:
    """texts: by section of notes.SECTIONS. main: ICD-10 of the main disease, "" if none. others: further codes."""

    texts: dict[str, str] = field(default_factory=lambda: dict.fromkeys(notes.SECTIONS, ""))
    main: str = ""
    others: tuple[str, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        """Main first."""
        return (self.main, *self.others) if self.main else self.others

    def data(self) -> dict[str, Any]:
        """As care/drafts.py keeps it."""
        return {"texts": self.texts, "main": self.main, "others": list(self.others)}


def of_form(form: Mapping[str, Any]) -> NoteDraft:
    """What a form carries: a field a section, `main`, and `others` as often as there are."""
    texts = {
        name: str(form.get(name, "")).replace("\r\n", "\n")[: notes.TEXT_CHARACTERS_MAX] for name in notes.SECTIONS
    }
    get_list: Callable[[str], list[Any]] = getattr(form, "getlist", lambda _: [])
    main = str(form.get("main", "")).strip()[:20]
    others = [str(one).strip()[:20] for one in get_list("others")]
    return _sound(texts, main, others)


def of_data(data: Mapping[str, Any]) -> NoteDraft:
    """What a kept draft holds."""
    texts = {name: str(data.get("texts", {}).get(name, "")) for name in notes.SECTIONS}
    return _sound(texts, str(data.get("main", "")), [str(one) for one in data.get("others", ())])


async def stored(tx: Transaction, encounter: Resource) -> NoteDraft:
    """What is stored of a visit and not signed: note, diagnoses, and the reason as the desk wrote it."""
    note = await notes.find(tx, encounter["id"])
    texts = notes.texts_of(note)
    if note is None:
        texts["reason"] = str((encounter.get("reasonCode") or [{}])[0].get("text", ""))
    codes = visit_diagnoses.codes_of(encounter)
    return NoteDraft(texts, codes[0] if codes else "", tuple(codes[1:]))


async def current(tx: Transaction, encounter: Resource) -> NoteDraft:
    """What its writer sees as the note now: the draft if there is one, else what is stored."""
    found = await drafts.find(tx, FORM, encounter["id"])
    return of_data(found.data) if found else await stored(tx, encounter)


def differences(before: NoteDraft, after: NoteDraft) -> list[tuple[str, str, str]]:
    """(title, stored, typed) of every part that differs."""
    found = [
        (title, before.texts.get(name, ""), after.texts.get(name, ""))
        for name, (_, title) in notes.SECTIONS.items()
        if before.texts.get(name, "").strip() != after.texts.get(name, "").strip()
    ]
    if before.codes != after.codes:
        found.append(("Mã bệnh", ", ".join(before.codes), ", ".join(after.codes)))
    return found


def _sound(texts: dict[str, str], main: str, others: list[str]) -> NoteDraft:
    kept = list(dict.fromkeys(one for one in others if one and one != main))[:_OTHERS_MAX]
    if not main and kept:
        main, kept = kept[0], kept[1:]
    return NoteDraft(texts, main, tuple(kept))
