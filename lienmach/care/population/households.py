"""Synthetic people by household: who lives together, how they are related, their numbers and address.

Citizen and card numbers have the valid shape with serials from 990000 on; phones begin with 0000, which no network
in Vietnam uses. Everything follows from one `Random` per household, so household 17 is the same in a population
of 50 and of 5,000.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Any

from lienmach.care import person_draft
from lienmach.care.population import facilities, invented_names, made
from lienmach.standards.vietnam import places

_HOME_SHARE = 0.7
_STREETS = (
    "Đường Hoa Sữa",
    "Đường Bờ Kè",
    "Đường Ruộng Muối",
    "Đường Phượng Vĩ",
    "Đường Giếng Nước",
    "Đường Cây Ổi",
    "Đường Đồng Dứa",
    "Đường Xóm Chợ",
    "Ngõ Lò Gạch",
    "Hẻm Ụ Nổi",
)
# (provinces up to this code, hamlets): the words for a hamlet differ from north to south.
_HAMLETS = (
    (25, ("Bản Nậm Ủ", "Thôn Đồng Mẫu", "Xóm Giếng Ngự", "Tổ dân phố Thử")),
    (58, ("Thôn Đồng Mẫu", "Thôn Ngòi Ưng", "Xóm Giếng Ngự", "Tổ dân phố Thử")),
    (68, ("Buôn Mẫu", "Thôn Đồng Mẫu", "Thôn Ngòi Ưng", "Tổ dân phố Thử")),
    (99, ("Ấp Rạch Đôi", "Ấp Giồng Ổi", "Ấp Bình Thử", "Khu phố Mẫu")),
)
# Where groups with names of their own mostly live, by the code of their group.
_HOMES = {"02": ("04", "20", "19"), "08": ("08", "11", "15"), "12": ("66",)}
_KINDS = (("single", 9), ("elders", 12), ("couple", 10), ("family", 45), ("three", 24))


@dataclass(frozen=True)
class Member:
    """One person. role: head, partner, child, grandparent. draft: as a form would hold it."""

    patient_id: str
    role: str
    birth: date
    sex: str
    draft: person_draft.PersonDraft
    patient: dict[str, Any]


def build(seed: int, number: int, size_max: int, until: date) -> list[Member]:
    """The members of one household, at most `size_max`, alive at `until`."""
    random = Random(f"household-{seed}-{number}")
    style = invented_names.draw_style(random)
    commune = _commune(random, style.ethnic_code)
    line = f"Số {random.randint(1, 300)} {random.choice(_STREETS)}"
    if commune.kind == "Xã":
        line = random.choice(next(hamlets for code, hamlets in _HAMLETS if int(commune.province) <= code))
    family = invented_names.draw_family(style, random)
    members = []
    for index, (role, age, sex) in enumerate(_plan(random)[:size_max]):
        own = family if role in ("head", "child") else invented_names.draw_family(style, random)
        name = invented_names.draw_full(style, own, sex, random)
        birth = until - timedelta(days=int(age * 365.25) + random.randint(0, 364))
        birth = max(birth, until - timedelta(days=99 * 365))
        draft = _draft(Random(f"{seed}-{number}-{index}"), name, birth, sex, commune, until)
        # Half of all cards print names in capitals; the record keeps them as printed.
        draft = replace(
            draft,
            name=name.upper() if random.random() < 0.5 else name,
            address_line=line,
            ethnic_code=style.ethnic_code,
        )
        patient_id = f"d{seed}-{number:05d}-{index + 1}"
        patient = person_draft.build(draft)
        if role == "grandparent" and random.random() < 0.08:
            patient["birthDate"] = patient["birthDate"][:4]  # only the year is known of some old people
        members.append(
            Member(patient_id, role, birth, sex, draft, {"resourceType": "Patient", "id": patient_id, **patient})
        )
    return members


def related(members: list[Member]) -> list[dict[str, Any]]:
    """RelatedPerson resources: parents of the children under 18, a grown child of the grandparents."""
    found = []
    parents = [one for one in members if one.role in ("head", "partner")]
    for one in members:
        if one.role == "child" and one.draft.phone == "":
            found += [_relation(one, parent, "FTH" if parent.sex == "male" else "MTH") for parent in parents]
        elif one.role == "grandparent" and parents:
            found.append(_relation(one, parents[0], "CHILD"))
    return found


def _relation(of: Member, who: Member, code: str) -> dict[str, Any]:
    return made.resource(
        "RelatedPerson",
        f"{of.patient_id}-{code.lower()}",
        active=True,
        patient={"reference": f"Patient/{of.patient_id}"},
        relationship=[made.hl7("v3-RoleCode", code)],
        name=who.patient["name"],
        telecom=who.patient.get("telecom"),
        gender=who.sex,
        birthDate=who.patient["birthDate"],
        address=who.patient["address"],
    )


def _plan(random: Random) -> list[tuple[str, float, str]]:
    """(role, age in years, sex) of the members, head first."""
    kind = random.choices([name for name, _ in _KINDS], weights=[weight for _, weight in _KINDS])[0]
    head_sex = "male" if random.random() < 0.6 else "female"
    other_sex = "female" if head_sex == "male" else "male"
    if kind == "single":
        return [("head", random.uniform(19, 75), head_sex)]
    if kind == "elders":
        age = random.uniform(60, 88)
        return [("head", age, head_sex), ("partner", max(55.0, age + random.uniform(-7, 5)), other_sex)]
    age = random.uniform(24, 52)
    plan = [("head", age, head_sex), ("partner", max(20.0, age + random.uniform(-6, 4)), other_sex)]
    if kind == "couple":
        return plan
    oldest = max(0.0, min(age, plan[1][1]) - 21)
    for _ in range(random.choices((1, 2, 3, 4), weights=(30, 48, 16, 6))[0]):
        plan.append(("child", random.uniform(0, min(oldest + 0.3, 24.0)), random.choice(("male", "female"))))
    if kind == "three":
        plan.append(("grandparent", age + random.uniform(22, 32), random.choice(("male", "female", "female"))))
    return plan


def _commune(random: Random, ethnic_code: str = "01") -> places.Commune:
    if ethnic_code in _HOMES:
        return random.choice(places.communes(random.choice(_HOMES[ethnic_code])))
    if random.random() < _HOME_SHARE:
        return random.choice(places.communes(facilities.HOME_PROVINCE))
    province = random.choice(places.provinces(places.REFORM_ON))
    return random.choice(places.communes(province.code))


def _draft(
    random: Random, name: str, birth: date, sex: str, commune: places.Commune, until: date
) -> person_draft.PersonDraft:
    age = (until - birth).days / 365.25
    old_codes = [one.code for one in places.provinces(date(2025, 6, 30)) if one.successor == commune.province]
    born_in = random.choice(old_codes)
    century = (birth.year // 100 - 19) * 2 + (sex == "female")
    citizen = f"0{born_in}{century}{birth.year % 100:02d}{random.randint(990000, 999999)}"
    social = f"99{random.randint(0, 99999999):08d}"
    card = ""
    if random.random() < 0.93:
        object_code, level = _insured(random, age, is_child=until < _grown_on(birth))
        card = f"{object_code}{level}{born_in}{social}"
    return person_draft.PersonDraft(
        name=name,
        birth=birth.isoformat(),
        sex=sex,
        citizen_number=citizen if age > 0.2 else "",
        old_number=f"99{random.randint(0, 9999999):07d}" if age > 40 and random.random() < 0.3 else "",
        insurance_number=card,
        social_number=social if card else "",
        phone=f"0000{random.randint(0, 999999):06d}" if age >= 14 else "",
        commune_code=commune.code,
        province_code=commune.province,
        demo=True,
    )


def _grown_on(birth: date) -> date:
    """The day of 72 months: from then on a child of the population has another card."""
    return birth.replace(year=birth.year + 6, day=min(birth.day, 28))


def _insured(random: Random, age: float, *, is_child: bool) -> tuple[str, str]:
    """An object code and the level that belongs to it (standards/vietnam/insurance_card)."""
    if is_child:
        return "TE", "1"
    if age < 23:
        return ("HS" if age < 18 else "SV"), "4"
    if age >= 75:
        return "LH", "2"
    if age >= 60 and random.random() < 0.4:
        return "HT", "3"
    return random.choices(
        (("DN", "4"), ("GD", "4"), ("HC", "4"), ("CN", "2"), ("HN", "2"), ("DT", "2")), weights=(36, 44, 6, 6, 5, 3)
    )[0]
