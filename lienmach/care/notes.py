"""The note of a visit (Composition, LOINC 34108-1) and its addenda.

One note a visit, under an id derived from it. Unsigned it is `preliminary`; signed it is `final` and never changes
again (signing_guard.py sees to it on every path). What is to be added comes as a
Composition of its own that `appends` it, signed too.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from lienmach.base import clock, errors
from lienmach.care import resources, systems, visit_facts
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction

Resource = dict[str, Any]
TYPE = "34108-1"  # outpatient note
TEXT_CHARACTERS_MAX = 20_000
CLOSED = frozenset({"final", "amended", "entered-in-error"})
#: name -> (LOINC of the section, title)
SECTIONS: dict[str, tuple[str, str]] = {
    "reason": ("10154-3", "Lý do khám"),
    "history": ("10164-2", "Bệnh sử"),
    "examination": ("29545-1", "Khám lâm sàng"),
    "assessment": ("29308-4", "Chẩn đoán"),
    "advice": ("18776-5", "Hướng điều trị và lời dặn"),
}
_DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
TYPED = systems.EXTENSION + "section-text"  # what was typed: an unsigned note opens again as it was


def id_of(encounter_id: str) -> str:
    """The id of the note of a visit."""
    return visit_facts.own_id(encounter_id, "note")


async def find(tx: Transaction, encounter_id: str) -> Resource | None:
    """The note of a visit, or None."""
    try:
        return await resources.read(tx, "Composition", id_of(encounter_id))
    except errors.NotFound:
        return None


def texts_of(note: Resource | None) -> dict[str, str]:
    """The texts of a note by section name; all sections, "" where nothing stands."""
    found = dict.fromkeys(SECTIONS, "")
    by_code = {code: name for name, (code, _) in SECTIONS.items()}
    for section in (note or {}).get("section", ()):
        name = by_code.get(resources.code_of(section.get("code"), systems.LOINC))
        if name:
            found[name] = visit_facts.extension_of(section, TYPED, "valueString") or ""
    return found


async def write(
    tx: Transaction, encounter: Resource, texts: Mapping[str, str], *, status: str, diagnoses: Sequence[Resource] = ()
) -> Stored:
    """Store the note of a visit in this state (preliminary or final). diagnoses: its Conditions, main first.

    Raises errors.Conflict once it is final, errors.Unprocessable for a text that is too long or an unknown section.
    """
    check_texts(texts)
    earlier = await find(tx, encounter["id"])
    if earlier is not None and earlier.get("status") in CLOSED:
        raise errors.Conflict("Phiếu khám đã ký; chỉ ghi thêm được phụ lục.")
    sections = [_section(name, texts.get(name, "").strip()) for name in SECTIONS if texts.get(name, "").strip()]
    if diagnoses:
        sections = [one for one in sections if _loinc(one) != SECTIONS["assessment"][0]]
        sections.insert(_place_of("assessment", sections), _assessment(diagnoses, texts.get("assessment", "").strip()))
    note: Resource = {
        "resourceType": "Composition",
        "id": id_of(encounter["id"]),
        "status": status,
        "type": resources.concept(systems.LOINC, TYPE, "Phiếu khám bệnh ngoại trú"),
        "subject": encounter["subject"],
        "encounter": {"reference": f"Encounter/{encounter['id']}"},
        "date": clock.to_instant(tx.now),
        "author": [resources.me(tx)],
        "title": "Phiếu khám bệnh",
        "custodian": encounter.get("serviceProvider"),
        "section": sections,
    }
    if status == "final":
        note["attester"] = [{"mode": "legal", "time": clock.to_instant(tx.now), "party": resources.me(tx)}]
    note = {key: value for key, value in note.items() if value}
    if encounter.get("meta", {}).get("security"):
        note["meta"] = {"security": encounter["meta"]["security"]}
    if earlier is None:
        return await resources.create(tx, note, resource_id=note["id"])
    return await resources.update(tx, note, if_match=int(earlier["meta"]["versionId"]))


def check_texts(texts: Mapping[str, str]) -> None:
    """Raise errors.Unprocessable for a section that a note does not have or a text that is too long for it."""
    if texts.keys() - SECTIONS.keys():
        raise errors.Unprocessable("Phiếu khám không có mục này.")
    if any(len(one) > TEXT_CHARACTERS_MAX for one in texts.values()):
        raise errors.Unprocessable("Một mục của phiếu khám dài quá 20.000 ký tự; hãy rút gọn.")


async def append(tx: Transaction, encounter: Resource, text: str) -> Stored:
    """An addendum to the signed note, final at once; sign it in the same unit.

    Raises errors.Conflict while the note is not signed, errors.Unprocessable for an empty or too long text.
    """
    note = await find(tx, encounter["id"])
    if note is None or note.get("status") not in CLOSED:
        raise errors.Conflict("Phiếu khám chưa ký; hãy sửa thẳng vào phiếu.")
    text = text.strip()
    if not text or len(text) > TEXT_CHARACTERS_MAX:
        raise errors.Unprocessable("Phụ lục cần có nội dung, tối đa 20.000 ký tự.")
    addendum: Resource = {
        "resourceType": "Composition",
        "status": "final",
        "type": resources.concept(systems.LOINC, TYPE, "Phụ lục phiếu khám bệnh"),
        "category": [resources.concept(systems.PAPER_KIND, "addendum")],
        "subject": encounter["subject"],
        "encounter": {"reference": f"Encounter/{encounter['id']}"},
        "date": clock.to_instant(tx.now),
        "author": [resources.me(tx)],
        "attester": [{"mode": "legal", "time": clock.to_instant(tx.now), "party": resources.me(tx)}],
        "title": "Phụ lục phiếu khám bệnh",
        "relatesTo": [{"code": "appends", "targetReference": {"reference": f"Composition/{note['id']}"}}],
        "section": [{"title": "Phụ lục", **_narrative(text)}],
    }
    if encounter.get("meta", {}).get("security"):
        addendum["meta"] = {"security": encounter["meta"]["security"]}
    return await resources.create(tx, addendum)


async def addenda(tx: Transaction, encounter_id: str) -> list[Resource]:
    """Addenda to the note of a visit, oldest first."""
    own = f"Composition/{id_of(encounter_id)}"
    found = await visit_facts.all_of(tx, "Composition", encounter_id)
    mine = [
        one
        for one in found
        if any((part.get("targetReference") or {}).get("reference") == own for part in one.get("relatesTo", ()))
    ]
    return sorted(mine, key=lambda one: str(one.get("date", "")))


def _section(name: str, text: str) -> Resource:
    code, title = SECTIONS[name]
    return {"title": title, "code": resources.concept(systems.LOINC, code), **_narrative(text)}


def _assessment(diagnoses: Sequence[Resource], text: str) -> Resource:
    lines = [f"{_icd(one)} {(one.get('code') or {}).get('text', '')}".strip() for one in diagnoses]
    section = _section("assessment", "\n".join([*lines, *([text] if text else [])]))
    section["extension"] = [{"url": TYPED, "valueString": text}] if text else []
    if not text:
        del section["extension"]
    return {**section, "entry": [resources.reference(one) for one in diagnoses]}


def _narrative(text: str) -> Resource:
    lines = "<br/>".join(html.escape(line, quote=False) for line in text.splitlines())
    return {
        "extension": [{"url": TYPED, "valueString": text}],
        "text": {"status": "generated", "div": _DIV.format(lines)},
    }


def _place_of(name: str, sections: Sequence[Resource]) -> int:
    order = [code for code, _ in SECTIONS.values()]
    behind = order.index(SECTIONS[name][0])
    return sum(order.index(_loinc(one)) < behind for one in sections)


def _loinc(section: Resource) -> str:
    return resources.code_of(section.get("code"), systems.LOINC)


def _icd(condition: Resource) -> str:
    return resources.code_of(condition.get("code"), systems.ICD10)
