"""Snippets and templates of the note: what `.cam` stands for, and what comes along with it.

A snippet is text for the section where it is typed (list `snippet`); a template fills the sections that are still empty
(list `note-template`). Where a snippet names an order set (`order_set`), or exactly one set carries its name, the set's
diseases and drugs come along, as drafts: nothing of it is stored before it is signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from lienmach.base import errors
from lienmach.care import catalogues, drafts, notes
from lienmach.care.catalogues import Row
from lienmach.care.resources import Resource
from lienmach.departments.outpatient import order_sets, visit_prescription_form, visit_prescription_lines
from lienmach.departments.outpatient.note_drafts import NoteDraft
from lienmach.departments.outpatient.order_sets import OrderSet
from lienmach.record.transaction import Transaction

PRESCRIPTION = "prescription"  # the draft that the prescription panel reads


async def listed(tx: Transaction, on: date) -> Sequence[Row]:
    """Snippets, then templates, as they stand on a day."""
    found = await catalogues.all_of(tx, "snippet", on=on)
    return [*found, *await catalogues.all_of(tx, "note-template", on=on)]


async def expand(
    tx: Transaction, encounter: Resource, draft: NoteDraft, code: str, section: str
) -> tuple[NoteDraft, str]:
    """(the note with a snippet or template in it, a sentence about what came along or "").

    Raises errors.Unprocessable for a code that the lists do not have today.
    """
    today = tx.now.astimezone(tx.tenant.time_zone).date()
    snippet = await catalogues.get(tx, "snippet", code, on=today)
    if snippet is None:
        template = await catalogues.get(tx, "note-template", code, on=today)
        if template is None:
            raise errors.Unprocessable("Không có mẫu này trong danh mục của khoa.")
        return _filled(draft, template.data.get("sections", {})), ""
    texts = dict(draft.texts)
    section = section if section in texts else "history"
    typed = texts[section].rstrip()
    if typed.endswith(code):
        typed = typed[: -len(code)].rstrip()
    texts[section] = f"{typed}\n{snippet.data.get('text', '')}".strip()
    if not texts["reason"].strip():
        texts["reason"] = snippet.name
    draft = NoteDraft(texts, draft.main, draft.others)
    chosen = await _set_of(tx, snippet, today)
    if chosen is None:
        return draft, ""
    codes = list(dict.fromkeys([*draft.codes, *chosen.icd10]))
    draft = NoteDraft(texts, codes[0] if codes else "", tuple(codes[1:]))
    is_added = await prescribe(tx, encounter["id"], chosen)
    return draft, "Đã thêm bệnh và thuốc theo mẫu; hãy xem lại đơn thuốc trước khi ký." if is_added else ""


def _filled(draft: NoteDraft, sections: dict[str, Any]) -> NoteDraft:
    texts = {
        name: draft.texts[name] if draft.texts[name].strip() else str(sections.get(name, "")) for name in notes.SECTIONS
    }
    return NoteDraft(texts, draft.main, draft.others)


async def _set_of(tx: Transaction, snippet: Row, today: date) -> OrderSet | None:
    own = str(snippet.data.get("order_set", ""))
    if own:
        return await order_sets.read(tx, own, on=today)
    found = await catalogues.find(tx, order_sets.LIST, snippet.name, on=today, limit=2)
    return await order_sets.read(tx, found[0].code, on=today) if len(found) == 1 else None


async def prescribe(tx: Transaction, encounter_id: str, chosen: OrderSet) -> bool:
    """Put the set's drugs into the draft of the prescription, behind what stands there; a drug stands once."""
    kept = await drafts.find(tx, PRESCRIPTION, encounter_id)
    typed = visit_prescription_form.of_draft(kept.data if kept else {})
    drugs = [{**one, "drug_code": str(one.get("code", one.get("drug_code", "")))} for one in chosen.drugs]
    added = visit_prescription_form.of_draft({"lines": drugs}).lines
    day = tx.now.astimezone(tx.tenant.time_zone).date()
    known = await catalogues.get_many(tx, "drug", [one.drug_code for one in added], on=day)
    fitting = await visit_prescription_lines.with_payers(tx, encounter_id, added, known)
    changed = visit_prescription_form.with_line(typed, fitting)
    if len(changed.lines) == len(typed.lines):
        return False
    drafts.save(tx, PRESCRIPTION, encounter_id, visit_prescription_form.to_draft(changed))
    return True
