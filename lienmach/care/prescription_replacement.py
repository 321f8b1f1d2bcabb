"""A sent prescription is replaced after its visit has ended: a new code, signed on its own, handed over at once.

What was sent never changes: its lines are stopped with the word `replaced`, and no pharmacy gives them out any more.
The signed note stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lienmach.base import errors
from lienmach.care import papers_prescription, prescriptions, resources, signing, visit_facts
from lienmach.care.prescriptions import RxLine
from lienmach.care.signing_port import Signer
from lienmach.record.change import Stored
from lienmach.record.transaction import Transaction

ACTIVITY = "replace-prescription"


async def replace(
    tx: Transaction,
    encounter_id: str,
    signer: Signer,
    code: str,
    lines: Sequence[RxLine],
    *,
    reasons: Mapping[str, str],
) -> list[Stored]:
    """Write, sign and queue the prescription that takes the place of `code`; returns its lines.

    Only by the doctor of the visit. Raises errors.Conflict (open or cancelled visit, another doctor's, another day,
    something was given out) and as prescriptions.write.
    """
    encounter = await resources.read(tx, "Encounter", encounter_id)
    if visit_facts.finished_at(encounter) is None:
        raise errors.Conflict("Lượt khám chưa kết thúc; hãy sửa đơn thuốc rồi ký cùng phiếu khám.")
    doctor, mine = visit_facts.doctor_of(encounter), resources.me(tx)
    if doctor.get("reference", doctor.get("display")) != mine.get("reference", mine.get("display")):
        raise errors.Conflict("Chỉ bác sĩ của lượt khám này thay được đơn thuốc.")
    if not code:
        raise errors.Unprocessable("Hãy chọn đơn thuốc cần thay.")
    written = await prescriptions.write(tx, encounter_id, lines, reasons=reasons, replaces=code)
    advice, days = await papers_prescription.follow_up(tx, encounter_id)
    await prescriptions.queue_submission(tx, encounter_id, advice=advice, return_in_days=days)
    await signing.attach(tx, signer, written, activity=ACTIVITY)
    return written
