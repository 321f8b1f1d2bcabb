"""What a referral, an appointment slip and a sick leave must say, as values and checks; pure, no record.

Rules PAP-01 to PAP-06 (secondary: public notes on the insurer's checks of certificates, in force 2025-07-01 and, for
referral and appointment slip, 2026-06-01) and annexes of QĐ 130/QĐ-BYT: XML11 sick leave, XML13 referral, XML14 slip.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

LEAVE_DAYS_MAX = 30
LEAVE_AFTER_LOSS_DAYS_MAX = 50  # loss of pregnancy from 13 weeks
LEAVE_TUBERCULOSIS_DAYS_MAX = 180
LOSS_WEEKS_MIN, LOSS_WEEKS_MAX = 13, 42
CHILD_YEARS = 7
REFERRAL_WORKING_DAYS = 10
REFERRAL_REASONS = {"1": "Đủ điều kiện chuyển", "2": "Vượt khả năng chuyên môn", "3": "Theo yêu cầu của người bệnh"}
VALIDITIES = {"days": "10 ngày làm việc", "year": "một năm"}
_TUBERCULOSIS = re.compile(r"A1[5-9]")
_SOCIAL_NUMBER = re.compile(r"\d{10}")
_FACILITY_CODE = re.compile(r"[0-9A-Z]{5}")
_TEXT_CHARACTERS_MAX = 2000


@dataclass(frozen=True)
class Fault:
    """field: of the form. text: a Vietnamese sentence with places; a key of the words. values: what fills them."""

    field: str
    text: str
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def sentence(self) -> str:
        return self.text.format(**self.values)


@dataclass(frozen=True)
class PaperFacts:
    """What the checks need of the visit. visit_on: day of the visit. diagnoses: ICD-10, main first.

    leave_days: the longest leave that the catalogue allows for one of the codes, 0 if it says nothing.
    is_inpatient: by MA_LOAI_KCB. is_insured: by its category. birth: FHIR date. social_number: MA_BHXH, or "".
    """

    visit_on: date
    today: date
    diagnoses: tuple[str, ...]
    birth: str
    social_number: str = ""
    leave_days: int = 0
    is_long_term: bool = False
    is_inpatient: bool = False
    is_insured: bool = False

    @property
    def is_young_child(self) -> bool:
        """Under seven years on the day of the visit; an unknown birth date is no young child."""
        text = (self.birth + "-01-01")[:10] if len(self.birth) == 4 else (self.birth + "-01")[:10]
        try:
            born = date.fromisoformat(text)
        except ValueError:
            return False
        years = self.visit_on.year - born.year - ((self.visit_on.month, self.visit_on.day) < (born.month, born.day))
        return years < CHILD_YEARS


@dataclass(frozen=True)
class Referral:
    """reason_kind: MA_LYDO_CT 1 to 3. validity: days (ten working days) or year. to_code: MA_CSKCB or ""."""

    to_name: str
    reason_kind: str
    transport: str
    reason: str = ""
    to_code: str = ""
    signs: str = ""
    results: str = ""
    treatment: str = ""
    state: str = ""
    plan: str = ""
    escort: str = ""
    escort_title: str = ""
    validity: str = "days"


@dataclass(frozen=True)
class AppointmentSlip:
    """part: morning or afternoon. room_id: Location of the return visit, or ""."""

    return_on: date | None
    part: str = "morning"
    room_id: str = ""
    instruction: str = ""


@dataclass(frozen=True)
class SickLeave:
    """social_number: MA_BHXH of the insured person. father, mother: of a child under seven.

    loss_weeks: completed weeks where a pregnancy was lost, None otherwise.
    """

    from_on: date | None
    until_on: date | None
    social_number: str
    employer: str = ""
    father: str = ""
    mother: str = ""
    treatment: str = ""
    note: str = ""
    loss_weeks: int | None = None
    loss_reason: str = ""

    @property
    def days(self) -> int:
        """DEN_NGAY - TU_NGAY + 1 (PAP-01), 0 while a date is missing."""
        return (self.until_on - self.from_on).days + 1 if self.from_on and self.until_on else 0


def check_referral(paper: Referral, facts: PaperFacts) -> list[Fault]:
    """PAP-06: receiving facility, reason 1 to 3, transport; and what the form of the paper wants."""
    found = _diagnosed(facts)
    if not paper.to_name.strip():
        found.append(Fault("to_name", "Ghi tên cơ sở tiếp nhận."))
    if facts.is_insured and not paper.to_code:
        found.append(Fault("to_code", "Ghi mã cơ sở tiếp nhận: hồ sơ BHYT không gửi được nếu thiếu (PAP-06)."))
    if paper.to_code and not _FACILITY_CODE.fullmatch(paper.to_code):
        found.append(Fault("to_code", "Mã cơ sở khám chữa bệnh có đúng 5 ký tự, ví dụ 79099."))
    if paper.reason_kind not in REFERRAL_REASONS:
        found.append(Fault("reason_kind", "Chọn lý do chuyển: đủ điều kiện, vượt khả năng, hoặc theo yêu cầu."))
    if not paper.transport.strip():
        found.append(Fault("transport", "Ghi phương tiện vận chuyển, ví dụ: người bệnh tự đi."))
    if not paper.signs.strip():
        found.append(Fault("signs", "Ghi dấu hiệu lâm sàng lúc chuyển."))
    if not paper.plan.strip():
        found.append(Fault("plan", "Ghi hướng điều trị đề nghị cơ sở tiếp nhận."))
    if paper.validity not in VALIDITIES:
        found.append(Fault("validity", "Phiếu chuyển có giá trị 10 ngày làm việc hoặc một năm."))
    elif paper.validity == "year" and not facts.is_long_term:
        found.append(Fault("validity", "Chỉ bệnh trong danh mục bệnh dài ngày mới được phiếu chuyển một năm."))
    return [*found, *_too_long(paper)]


def check_slip(paper: AppointmentSlip, facts: PaperFacts) -> list[Fault]:
    """PAP-05: a day after the visit; that there is only one slip of a visit is asked by `papers.issue`."""
    found = _diagnosed(facts)
    if paper.return_on is None:
        found.append(Fault("return_on", "Ghi ngày hẹn khám lại, ví dụ 21/12/2026 hoặc +30."))
    elif paper.return_on <= facts.visit_on:
        found.append(Fault("return_on", "Ngày hẹn phải sau ngày khám."))
    elif paper.return_on > facts.visit_on + timedelta(days=366):
        found.append(Fault("return_on", "Ngày hẹn cách ngày khám quá một năm; hãy xem lại."))
    return [*found, *_too_long(paper)]


def check_leave(paper: SickLeave, facts: PaperFacts) -> list[Fault]:
    """PAP-01 to PAP-03: from the day of the visit, at most so many days, MA_BHXH, a parent of a young child."""
    found = _diagnosed(facts)
    if facts.is_inpatient:
        found.append(Fault("from_on", "Điều trị nội trú dùng giấy ra viện, không cấp giấy nghỉ này."))
    if facts.today != facts.visit_on:
        found.append(Fault("from_on", "Giấy nghỉ chỉ cấp trong ngày khám."))
    if paper.from_on != facts.visit_on:
        found.append(Fault("from_on", "Ngày bắt đầu nghỉ là ngày khám."))
    if paper.until_on is None:
        found.append(Fault("until_on", "Ghi nghỉ đến ngày nào, hoặc số ngày nghỉ."))
    elif paper.days < 1:
        found.append(Fault("until_on", "Ngày cuối không được trước ngày đầu."))
    elif paper.days > (most := leave_days_max(paper, facts)):
        found.append(Fault("until_on", "Giấy nghỉ này tối đa {most} ngày.", {"most": most}))
    if not _SOCIAL_NUMBER.fullmatch(paper.social_number):
        found.append(Fault("social_number", "Mã số BHXH có đúng 10 chữ số (10 số cuối của thẻ BHYT)."))
    if facts.is_young_child and not (paper.father.strip() or paper.mother.strip()):
        found.append(Fault("mother", "Trẻ dưới 7 tuổi: ghi họ tên cha hoặc mẹ."))
    if not paper.treatment.strip():
        found.append(Fault("treatment", "Ghi phương pháp điều trị."))
    if paper.loss_weeks is not None:
        if not 1 <= paper.loss_weeks <= LOSS_WEEKS_MAX:
            found.append(Fault("loss_weeks", "Tuổi thai từ 1 đến 42 tuần."))
        if not paper.loss_reason.strip():
            found.append(Fault("loss_reason", "Ghi nguyên nhân đình chỉ thai nghén."))
    return [*found, *_too_long(paper)]


def leave_days_max(paper: SickLeave, facts: PaperFacts) -> int:
    """The longest leave: 30 days; 50 after the loss of a pregnancy from 13 weeks; 180 for tuberculosis (PAP-01).

    The catalogue's own number counts too, but the 50 days only with the weeks that they need.
    """
    most = LEAVE_DAYS_MAX
    if paper.loss_weeks is not None and paper.loss_weeks >= LOSS_WEEKS_MIN:
        most = LEAVE_AFTER_LOSS_DAYS_MAX
    if any(_TUBERCULOSIS.match(one) for one in facts.diagnoses):
        most = LEAVE_TUBERCULOSIS_DAYS_MAX
    if facts.leave_days != LEAVE_AFTER_LOSS_DAYS_MAX:
        most = max(most, facts.leave_days)
    return most


def valid_until(paper: Referral, on: date, holidays: Collection[date] = ()) -> date:
    """The last day of a referral that is issued on a day: ten working days, or one year.

    Working days are Monday to Friday without the holidays (list `public-holiday`: they are moved by yearly decisions).
    """
    if paper.validity == "year":
        return _year_after(on)
    day, left = on, REFERRAL_WORKING_DAYS
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5 and day not in holidays
    return day


def _year_after(on: date) -> date:
    try:
        return on.replace(year=on.year + 1)
    except ValueError:  # 29 February
        return date(on.year + 1, 2, 28)


def _diagnosed(facts: PaperFacts) -> list[Fault]:
    if facts.diagnoses and facts.diagnoses[0]:
        return []
    return [Fault("", "Ghi chẩn đoán chính (mã ICD-10) của lượt khám trước khi cấp giấy.")]


def _too_long(paper: Any) -> list[Fault]:
    texts: Sequence[tuple[str, Any]] = list(vars(paper).items())
    return [
        Fault(name, "Nội dung dài quá 2000 ký tự; hãy rút gọn.")
        for name, value in texts
        if isinstance(value, str) and len(value) > _TEXT_CHARACTERS_MAX
    ]
