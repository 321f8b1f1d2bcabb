"""What is missing before a visit can end well: each with a sentence, how bad it is, and where to mend it.

Levels: bad keeps the visit from being signed; warn is asked about later by the insurer or by a colleague; info is only
told. Rules by their names: ICD-*, TIM-*, ADM-*, CAT-*, CRD-*, RX-* of the insurer's checks (see
docs/reference/catalogues.md for lists).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lienmach.care import (
    allergies,
    drafts,
    insurance,
    insurance_words,
    orders,
    prescriptions,
    resources,
    systems,
    visit_facts,
    vitals,
)
from lienmach.care.claims import preflight
from lienmach.care.drug_danger import BLOCK, INFORM, Danger, is_reason
from lienmach.care.resources import Resource
from lienmach.departments.outpatient.note_drafts import NoteDraft
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh.rules.findings import Finding

BAD, WARN, INFO = "bad", "warn", "info"
_CHILD_MONTHS = 72  # ADM-06: the weight stands on the claim below this age when a drug is prescribed
_CLOCKS_DIFFER = timedelta(minutes=1)
_LONG = timedelta(hours=24)  # TIM-16
_UNUSABLE = insurance_words.LOCKED | {"ended"}
_DRUGS_AND_EXAMINATION = "05"  # MA_LOAI_KCB
#: Rules that the list before signing asks by itself, of drafts too, with its own sentences.
_ASKED_HERE = frozenset(
    "ADM-06 ADM-07 CAT-08 CRD-04 CRD-05 ICD-01 ICD-02 ICD-03 ICD-04 ICD-06 TIM-01 TIM-03 TIM-08 TIM-09 TIM-15 TIM-16".split()
)
#: Fields that stand in the draft of the note until it is signed.
_OF_THE_NOTE = frozenset("MA_BENH_CHINH MA_BENH_KT CHAN_DOAN_VAO CHAN_DOAN_RV LY_DO_VV MA_BENH DIEN_BIEN_LS".split())
#: Places behind a visit's address that its doctor's signature closes, and who mends there (`mender` of the rules).
_CLOSED_BY_SIGNING, _DOCTOR = ("#", "/orders", "/prescription", "/signature"), "doc"
_CHECK_UPS = ("Z00", "Z01", "Z02")


@dataclass(frozen=True)
class Missing:
    """text: a key of `web/words`, with its places. link: where to mend it, behind the address of the visit; a whole one
    where it is the desk's.

    rule: of the insurer's checks, where the text does not name it. place: table, field and row of the claim. mender:
    who can mend it, as in the rules.
    """

    level: str
    text: str
    link: str = ""
    values: tuple[tuple[str, object], ...] = ()
    rule: str = ""
    place: str = ""
    mender: str = _DOCTOR

    @property
    def is_before_signing(self) -> bool:
        """Whether the doctor's signature closes the place where it is mended: it stays for ever if it is not mended now."""
        return self.mender == _DOCTOR and self.level != INFO and self.link.startswith(_CLOSED_BY_SIGNING)


def in_turn(found: Iterable[Missing]) -> list[Missing]:
    """Gravest first; of one level first what can only be mended before the signature."""
    return sorted(found, key=lambda one: ((BAD, WARN, INFO).index(one.level), not one.is_before_signing))


async def of_visit(
    tx: Transaction,
    encounter: Resource,
    note: NoteDraft,
    diagnoses: Sequence[dict[str, str]],
    *,
    has_drugs: bool,
    dangers: Sequence[Danger] = (),
    reasons: dict[str, str] | None = None,
    has_line_faults: bool = False,
) -> list[Missing]:
    """Everything that is missing, gravest first."""
    ordered = await orders.of_visit(tx, encounter["id"])
    found = [
        *_of_note(encounter, note, diagnoses),
        *_of_prescription(dangers, reasons or {}, has_line_faults),
        *await _of_person(tx, encounter, has_drugs=has_drugs),
        *await _of_orders(tx, encounter, ordered),
        *await _of_card(tx, encounter),
        *_of_kind(encounter, note.main, ordered),
        *_of_times(tx, encounter),
        *await _of_order_times(tx, encounter, ordered),
        *await of_claim(tx, encounter, is_signing=True),
    ]
    return in_turn(found)


def _of_note(encounter: Resource, note: NoteDraft, diagnoses: Sequence[dict[str, str]]) -> list[Missing]:
    found = []
    if encounter.get("status") == "arrived":
        found.append(Missing(BAD, "Chưa bắt đầu khám.", ""))
    if not note.main:
        found.append(Missing(BAD, "Chưa có bệnh chính (mã ICD-10).", "#icd"))
    found += [Missing(BAD, one["fault"], "#icd") for one in diagnoses if one["fault"]]
    if not any(note.texts[name].strip() for name in ("history", "examination")):
        found.append(Missing(BAD, "Phiếu khám chưa có bệnh sử hoặc khám lâm sàng.", "#history"))
    elif not note.texts["reason"].strip():
        found.append(Missing(WARN, "Chưa ghi lý do khám.", "#reason"))
    return found


def _of_prescription(dangers: Sequence[Danger], reasons: dict[str, str], has_line_faults: bool) -> list[Missing]:
    found = []
    if has_line_faults:
        found.append(Missing(BAD, "Đơn thuốc nháp còn dòng chưa đủ liều, số lần hoặc số ngày.", "/prescription"))
    for one in dangers:
        if one.level == BLOCK:
            found.append(Missing(BAD, "Đơn thuốc: {text}", "/prescription", (("text", one.text),)))
        elif one.level != INFORM and not is_reason(reasons.get(one.key, "")):
            found.append(Missing(BAD, "Đơn thuốc cần lý do: {text}", "/prescription", (("text", one.text),)))
    return found


async def _of_person(tx: Transaction, encounter: Resource, *, has_drugs: bool) -> list[Missing]:
    patient_id = visit_facts.patient_of(encounter)
    found = []
    if not await allergies.of_patient(tx, patient_id):
        found.append(Missing(WARN, "Dị ứng: chưa hỏi.", "#allergies"))
    readings = await vitals.latest(tx, patient_id)
    own = {name for name, one in readings.items() if one.encounter_id == encounter["id"]}
    patient = await resources.read(tx, "Patient", patient_id)
    months = vitals.age_months(str(patient.get("birthDate", "")), tx.now.astimezone(tx.tenant.time_zone).date())
    if has_drugs and months is not None and months < _CHILD_MONTHS and "weight" not in own:
        found.append(Missing(BAD, "Trẻ dưới 72 tháng có thuốc phải có cân nặng của lần khám này (ADM-06).", "#vitals"))
    elif not own:
        found.append(Missing(WARN, "Chưa đo sinh hiệu lần này.", "#vitals"))
    elif "weight" not in own:
        found.append(Missing(INFO, "Chưa cân lần này; giám định có thể hỏi (ADM-07).", "#vitals"))
    if has_drugs and months is not None and months < _CHILD_MONTHS and not patient.get("contact"):
        found.append(Missing(WARN, "Trẻ dưới 72 tháng có thuốc: hồ sơ chưa ghi người đưa trẻ đến (RX-05)."))
    return found


async def _of_orders(tx: Transaction, encounter: Resource, ordered: Sequence[Resource]) -> list[Missing]:
    waiting: dict[str, int] = {}
    for one in ordered:
        if one.get("status") == "active":
            waiting[orders.kind_of(one)] = waiting.get(orders.kind_of(one), 0) + 1
    found = []
    others = sum(count for kind, count in waiting.items() if kind in ("imaging", "functional", "procedure"))
    if others:
        text = "Còn {count} chỉ định chưa có kết quả; kết quả phải có trước khi kết thúc khám (TIM-08)."
        found.append(Missing(WARN, text, "/orders", (("count", others),)))
    if waiting.get("lab"):
        text = "Còn {count} xét nghiệm chờ kết quả; được phép, kết quả sẽ bổ sung sau (TIM-09)."
        found.append(Missing(INFO, text, "/orders", (("count", waiting["lab"]),)))
    if await _critical(tx, encounter["id"]):
        found.append(Missing(WARN, "Có kết quả nguy kịch chưa xác nhận đã xử trí (mở “Kết quả nguy kịch”)."))
    kept = await drafts.find(tx, "orders", encounter["id"])
    if kept and kept.data.get("lines"):
        text = "Còn {count} chỉ định đã soạn mà chưa đặt."
        found.append(Missing(WARN, text, "/orders", (("count", len(kept.data["lines"])),)))
    return found


async def _critical(tx: Transaction, encounter_id: str) -> bool:
    """Whether a critical value of this visit waits for the doctor's word (the laboratory keeps it as a Task)."""
    open_tasks = await resources.find(
        tx,
        "Task",
        ("encounter", f"Encounter/{encounter_id}"),
        ("code", f"{systems.TASK_KIND}|critical-result"),
        ("status", "requested,accepted"),
        count=5,
    )
    return bool(open_tasks)


async def _of_order_times(tx: Transaction, encounter: Resource, ordered: Sequence[Resource]) -> list[Missing]:
    """TIM-03, TIM-15: what was ordered lies inside the visit, and nothing is later than the clock."""
    begun, own = visit_facts.begun_at(encounter), encounter["id"]
    placed = [(one, "/orders") for one in ordered if one.get("status") in ("active", "completed")]
    placed += [(one, "/prescription") for one in await prescriptions.of_visit(tx, own)]
    found = []
    for one, link in placed:
        at = _at(one.get("authoredOn"))
        name = str((one.get("code") or one.get("medicationCodeableConcept") or {}).get("text", ""))
        if at is not None and begun is not None and at < begun:
            found.append(Missing(BAD, "{name}: giờ chỉ định trước giờ vào khám (TIM-03).", link, (("name", name),)))
        elif at is not None and at > tx.now + _CLOCKS_DIFFER:
            found.append(Missing(BAD, "{name}: giờ chỉ định ở tương lai (TIM-15).", link, (("name", name),)))
    return found


def _at(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


async def _of_card(tx: Transaction, encounter: Resource) -> list[Missing]:
    if visit_facts.category_of(encounter) in ("", "9"):
        return []
    state = await insurance.state_of(tx, visit_facts.patient_of(encounter))
    if state.is_verified:
        return []
    if state.kind in _UNUSABLE:  # the portal has spoken: asking again will not help
        return [
            Missing(WARN, "Thẻ BHYT không dùng được cho lượt khám này (CRD-04): {text}", "", (("text", state.text),))
        ]
    return [Missing(WARN, "Thẻ BHYT chưa xác minh; quầy bảo hiểm sẽ tra lại (CRD-05).", "")]


async def of_claim(tx: Transaction, encounter: Resource, *, is_signing: bool = False) -> list[Missing]:
    """What the rules of the claim say of the visit as it is stored, while it can still be mended.

    is_signing: without the rules that this list asks by itself, of what is about to be signed. Nothing here stops a
    signature: what somebody else has to mend is no reason to keep a patient waiting.
    """
    is_open = visit_facts.is_open(encounter)
    found = await preflight.findings(tx, encounter["id"], moment="live" if is_open else "close")
    return [
        Missing(
            WARN if one.level == "error" else INFO if one.level == "info" else one.level,
            one.text,
            _link_of(one, encounter),
            tuple(one.values),
            one.rule,
            ".".join(part for part in (one.table, one.field) if part) + (f" ({one.row})" if one.row else ""),
            one.mender,
        )
        for one in found
        if not (is_signing and one.rule in _ASKED_HERE) and not (is_open and one.field in _OF_THE_NOTE)
    ]


def _link_of(finding: Finding, encounter: Resource) -> str:
    """Where a finding is mended: behind the address of the visit, or a whole address of the desk."""
    desk = preflight.desk_link_of(finding.field, encounter["id"], visit_facts.patient_of(encounter))
    return desk if desk and finding.table == "XML1" else preflight.link_of(finding)


def _of_kind(encounter: Resource, main: str, ordered: Sequence[Resource]) -> list[Missing]:
    """CAT-08, ICD-06: what the insurer does not pay for this kind of visit or this main diagnosis."""
    if visit_facts.category_of(encounter) in ("", "9"):
        return []
    kinds = {orders.kind_of(one) for one in ordered if one.get("status") in ("active", "completed")} - {"exam"}
    found = []
    if visit_facts.kind_of(encounter) == _DRUGS_AND_EXAMINATION and kinds:
        text = "Loại khám 05 chỉ có khám và thuốc; lượt này có dịch vụ kỹ thuật nên phải là loại 08 (CAT-08)."
        found.append(Missing(WARN, text, "/orders"))
    if main.startswith(_CHECK_UPS) and kinds:
        text = "Bệnh chính là mã khám kiểm tra; BHYT không trả xét nghiệm của khám sức khoẻ (ICD-06)."
        found.append(Missing(WARN, text, "#icd"))
    return found


def _of_times(tx: Transaction, encounter: Resource) -> list[Missing]:
    begun = visit_facts.begun_at(encounter)
    if begun is None or visit_facts.kind_of(encounter) in visit_facts.ENDS_WITH_DRUGS:
        return []
    if tx.now - begun > _LONG:
        return [Missing(WARN, "Lượt khám kéo dài hơn 24 giờ; giám định sẽ hỏi (TIM-16).")]
    return []
