"""The plan of one demo visit: who comes, for what, and how far it goes. Pure: seed, number and day say all of it.

plan = demo_visit_plan.plan(seed=1, number=17, day=date(2026, 11, 20))
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from random import Random

from lienmach.care.person_draft import PersonDraft
from lienmach.care.population import cohort, households
from lienmach.commands.demo_visit_cases import CASES, Case

MARK = "https://lienmach.org/sid/demo-visit"  # identifier of the Encounter: seed-number-day
DAY_MINUTES = 570  # 7:00 to 16:30
_MORNING, _AFTERNOON = (0, 225), (330, 400)  # minutes after opening at which people arrive
_RETURNING_SHARE, _RETURNING_HOUSEHOLDS = 0.25, 400
_HOUSEHOLD_SIZE_MAX, _TRIES_MAX = 6, 60
_IN_TURN_SHARE = 0.5
_PENSION_YEARS = 60
_SCHOOL_AGE_YEARS = 6  # a card with TE is over
_STATION_ROOMS = frozenset({"TYT1"})
_ALLERGIES = (("allergy-group", "penicillin"), ("ingredient", "ibuprofen"), ("ingredient", "paracetamol"))
#: room -> login of the doctor who sits there
DOCTORS = {"P101": "bacsi", "P102": "bacsi2", "P103": "bacsi2", "P104": "bacsi3", "P105": "bacsi4", "TYT1": "bacsitram"}


@dataclass(frozen=True)
class VisitPlan:
    """draft: the person; patient_id: a person of the demo population, "" for somebody new. arrives: minutes after 7:00.

    ending: finished, cancelled, or (only today) waiting, started, results. laboratory: how far its orders come:
    ordered, collected, measured, released. dispensing: all, part, none. papers: kinds that are issued. category: the
    one that the doctor chooses at the end, "" to let the rule decide.
    """

    seed: int
    number: int
    day: date
    case: Case
    draft: PersonDraft
    patient_id: str
    room: str
    arrives: int
    vitals: dict[str, Decimal]
    allergy: tuple[str, str]
    has_booking: bool
    has_card: bool
    has_second_exam: bool
    category: str
    ending: str
    laboratory: str
    is_critical: bool
    is_acknowledged: bool
    dispensing: str
    papers: tuple[str, ...]

    @property
    def mark(self) -> str:
        """The value of the identifier that remembers this visit."""
        return f"{self.seed}-{self.number}-{self.day.isoformat()}"

    @property
    def doctor(self) -> str:
        """Login of the doctor."""
        return DOCTORS[self.room]

    def random(self, purpose: str) -> Random:
        """Chance for one purpose, so that one more draw elsewhere changes nothing here."""
        return Random(f"demo-visit-{self.mark}-{purpose}")


def plan(seed: int, number: int, day: date, *, is_today: bool = False) -> VisitPlan:
    """The visit of this number. is_today: some are still under way, as on a screen in the middle of the day."""
    random = Random(f"demo-visit-{seed}-{number}-{day.isoformat()}")
    case = _case(random, seed, number, day)
    draft, patient_id = _person(random, case, seed, number, day)
    years = _years(draft, day)
    ending = _ending(random, is_today)
    has_card = bool(draft.insurance_number) and random.random() < 0.92
    if not has_card:
        draft = replace(draft, insurance_number="", social_number="")
    elif not patient_id:
        draft = _with_good_card(random, draft, years)
    room = random.choice(case.rooms)
    is_critical = random.random() < 0.3
    laboratory = random.choices(("released", "ordered", "collected", "measured"), weights=(76, 6, 8, 10))[0]
    return VisitPlan(
        seed=seed,
        number=number,
        day=day,
        case=case,
        draft=draft,
        patient_id=patient_id,
        room=room,
        arrives=_arrival(random, ending),
        vitals=_vitals(random, case, years, draft.sex),
        allergy=random.choice(_ALLERGIES) if random.random() < 0.12 else ("", ""),
        has_booking=case.rooms != ("TYT1",) and random.random() < 0.3,
        has_card=has_card,
        category=_category(random, draft, room) if has_card else "",
        has_second_exam=bool(case.second_exam[0]) and random.random() < 0.7,
        ending=ending,
        laboratory="measured" if ending == "results" else laboratory,
        is_critical=is_critical,
        is_acknowledged=not is_today or random.random() < 0.75,
        dispensing=random.choices(("all", "part", "none"), weights=(70, 18, 12))[0],
        papers=_papers(random, case, draft, years) if ending == "finished" else (),
    )


def _with_good_card(random: Random, draft: PersonDraft, years: int) -> PersonDraft:
    """Most cards are valid: by its last digit (simulators/insurance.py) one in ten that are not is left as it is.

    Whom the households take for an employee after 60 is a pensioner here, so that cards of 95 % are seen often enough.
    """
    number = draft.insurance_number
    if years >= _PENSION_YEARS and number[:2] == "DN":
        number = f"HT3{number[3:]}"
        draft = replace(draft, insurance_number=number)
    is_bad = number[-1:] in "3569" or number[-2:] in ("20", "60", "70", "90")
    if not number or not is_bad or random.random() < 0.1:
        return draft
    number = number[:-1] + random.choice("1122478")
    return replace(draft, insurance_number=number, social_number=number[5:])


def _category(random: Random, draft: PersonDraft, room: str) -> str:
    """Half of those whose card is registered elsewhere come to a facility of 50 to 70 points: rate 50 % since 2026-07."""
    is_elsewhere = draft.insurance_number[-1:] == "2" and room not in _STATION_ROOMS
    return "1.13" if is_elsewhere and random.random() < 0.5 else ""


def age_group(plan: VisitPlan) -> str:
    """The code of the priority group that the desk chooses, "" for none."""
    years = _years(plan.draft, plan.day)
    if years < 6:
        return "tre-duoi-6"
    if years >= 80:
        return "tu-80"
    if years >= 75:
        return "tu-75"
    return "thai" if plan.case.code.startswith("Z34") else ""


def _case(random: Random, seed: int, number: int, day: date) -> Case:
    """By weight, or the next one in turn, so that few visits show many diagnoses."""
    if random.random() < _IN_TURN_SHARE:
        return CASES[(number * 7 + seed + day.toordinal()) % len(CASES)]
    return random.choices(CASES, weights=[one.weight for one in CASES])[0]


def _person(random: Random, case: Case, seed: int, number: int, day: date) -> tuple[PersonDraft, str]:
    """Somebody whom the case fits: of the demo population, else of a household of this day alone."""
    if random.random() < _RETURNING_SHARE:
        house = 1 + (number * 7 + day.toordinal() * 13) % _RETURNING_HOUSEHOLDS
        fitting = _fitting(households.build(1, house, _HOUSEHOLD_SIZE_MAX, cohort.UNTIL), case, day)
        if fitting:
            chosen = random.choice(fitting)
            return chosen.draft, chosen.patient_id
    own = (day.toordinal() * 100_000 + number) * _TRIES_MAX
    for attempt in range(_TRIES_MAX):
        members = households.build(seed, own + attempt, _HOUSEHOLD_SIZE_MAX, day)
        fitting = _fitting(members, case, day)
        if fitting:
            return random.choice(fitting).draft, ""
    return members[0].draft, ""  # nobody fits in so many households: a doctor sees odd things too


def _fitting(members: list[households.Member], case: Case, day: date) -> list[households.Member]:
    low, high = case.ages
    return [
        one
        for one in members
        if low <= _years(one.draft, day) <= high and case.sex in ("", one.sex) and one.birth < day
        and not (one.draft.insurance_number.startswith("TE") and _years(one.draft, day) >= _SCHOOL_AGE_YEARS)
    ]  # fmt: skip


def _ending(random: Random, is_today: bool) -> str:
    if is_today:
        return random.choices(("finished", "waiting", "started", "results", "cancelled"), weights=(72, 11, 6, 8, 3))[0]
    return random.choices(("finished", "cancelled"), weights=(97, 3))[0]


def _arrival(random: Random, ending: str) -> int:
    """Minutes after opening; who is still here came late."""
    if ending in ("waiting", "started", "results"):
        late = {"waiting": (5, 45), "started": (30, 70), "results": (110, 150)}[ending]
        return DAY_MINUTES - random.randint(*late)
    return random.randint(*(_MORNING if random.random() < 0.72 else _AFTERNOON))


def _vitals(random: Random, case: Case, years: int, sex: str) -> dict[str, Decimal]:
    if years < 16:
        weight = random.gauss(2 * years + 8.5, 0.08 * (2 * years + 8))
        height = random.gauss(77 + 6 * years if years else 68, 3)
        systolic, pulse, breaths = 84 + 2 * years, 125 - 4 * years, 30 - years
    else:
        weight = random.gauss(61 if sex == "male" else 53, 7)
        height = random.gauss(165 if sex == "male" else 154, 5)
        systolic, pulse, breaths = 118 + max(0, years - 40) // 3, 78, 18
    if "I10" in (case.code, *case.others):
        systolic += 22
    high = systolic + random.randint(-8, 12)
    warm = random.uniform(38.0, 39.4) if case.has_fever else random.uniform(36.4, 37.2)
    found = {
        "pulse": Decimal(max(55, pulse + random.randint(-8, 12) + (12 if case.has_fever else 0))),
        "temperature": Decimal(f"{warm:.1f}"),
        "respiration": Decimal(max(14, breaths + random.randint(-1, 3))),
        "oxygen": Decimal(random.randint(95, 99)),
        "weight": Decimal(f"{min(max(weight, 3.5), 110):.1f}"),
        "height": Decimal(f"{min(max(height, 52), 185):.0f}"),
    }
    if years >= 3:
        found |= {"systolic": Decimal(high), "diastolic": Decimal(round(high * 0.62))}
    return found


def _papers(random: Random, case: Case, draft: PersonDraft, years: int) -> tuple[str, ...]:
    found = []
    if case.refers and random.random() < 0.7:
        found.append("referral")
    elif random.random() < (0.7 if case.is_long else 0.15):
        found.append("appointment-slip")
    if case.leave_days and draft.social_number and 18 <= years <= 60 and random.random() < 0.85:
        found.append("sick-leave")
    return tuple(found)


def _years(draft: PersonDraft, day: date) -> int:
    born = date.fromisoformat((draft.birth + "-07-01")[:10] if len(draft.birth) == 4 else draft.birth)
    return max(0, day.year - born.year - ((day.month, day.day) < (born.month, born.day)))
