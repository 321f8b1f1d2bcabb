"""Papers of a demo visit: referral, appointment slip, sick leave, filled in as their forms would be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from lienmach.care import papers
from lienmach.care.papers_rules import AppointmentSlip, Referral, SickLeave

_RETURN_DAYS_LONG, _RETURN_DAYS_SHORT = 28, 7
_SUNDAY = 7


async def issue(one: Any) -> None:
    """Issue and sign the papers that the plan of a visit (demo_visit_walk.Visit) names."""
    for kind in one.plan.papers:
        said, signer = _said(one, kind), one.day.signers[one.doctor]
        await one.day.run(
            one.doctor, lambda tx, said=said, signer=signer: papers.issue(tx, one.encounter_id, said, signer)
        )
        one.day.tally.papers += 1


def _said(one: Any, kind: str) -> Referral | AppointmentSlip | SickLeave:
    plan = one.plan
    if kind == "referral":
        return Referral(
            to_name="Bệnh viện Đa khoa tỉnh (mẫu)",
            to_code="86990",
            reason_kind="1",
            transport="Người bệnh tự đi",
            signs=plan.case.finding,
            treatment="Điều trị triệu chứng",
            state="Tỉnh, sinh hiệu ổn",
            plan="Khám chuyên khoa và làm thêm cận lâm sàng",
        )
    if kind == "sick-leave":
        until_on = plan.day + timedelta(days=plan.case.leave_days - 1)
        return SickLeave(
            from_on=plan.day,
            until_on=until_on,
            social_number=plan.draft.social_number,
            employer="Công ty Mẫu",
            treatment="Điều trị ngoại trú, nghỉ ngơi tại nhà",
        )
    return_on = plan.day + timedelta(days=_RETURN_DAYS_LONG if plan.case.is_long else _RETURN_DAYS_SHORT)
    if return_on.isoweekday() == _SUNDAY:
        return_on += timedelta(days=1)
    return AppointmentSlip(return_on=return_on, room_id=one.day.rooms[plan.room].id, instruction=plan.case.advice)
