"""The clinic of the benchmark: invented people, the rooms and staff that it adds, and the visits of three years.

Everything is marked HTEST and follows from its number, so that a run can be repeated. Codes are those of the demo
lists. People are made as in `data.py`; their citizen and card numbers are of the right shape and belong to nobody.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from random import Random
from typing import Any

from lienmach.bench import data

Resource = dict[str, Any]
VIETNAM = timezone(timedelta(hours=7))
HISTORY_DAYS = 3 * 365
SID, CODES = "https://lienmach.org/sid/", "https://lienmach.org/fhir/CodeSystem/"
FACILITY, FACILITY_CODE, FACILITY_NAME = "bv", "86991", "Trung tâm Y tế khu vực Liền Mạch (mẫu)"
EXTENSION = "https://lienmach.org/fhir/StructureDefinition/"
HL7 = "http://terminology.hl7.org/CodeSystem/"
TEST = {"security": [{"system": HL7 + "v3-ActReason", "code": "HTEST"}]}


@dataclass(frozen=True)
class Room:
    """A room of the demo clinic, or one that the benchmark adds. id: of its Location."""

    id: str
    code: str
    name: str
    specialty: str
    exam: str

    @property
    def shown(self) -> str:
        return f"{self.code} {self.name}"


MEASURED = Room("p-p102", "P102", "Phòng khám Nội tổng quát 102", "noi", "KB-NOI")
OWN_ROOMS = tuple(Room(f"p-bench{n}", f"P2{n:02d}", f"Phòng khám Nội 2{n:02d}", "noi", "KB-NOI") for n in range(1, 13))
DEMO_ROOMS = (
    Room("p-p101", "P101", "Phòng khám Nội tiết 101", "noi-tiet", "KB-NOI-TIET"),
    MEASURED,
    Room("p-p103", "P103", "Phòng khám Nội tổng quát 103", "noi", "KB-NOI"),
    Room("p-p104", "P104", "Phòng khám Nhi 104", "nhi", "KB-NHI"),
    Room("p-p105", "P105", "Phòng khám Sản phụ khoa 105", "san", "KB-SAN"),
)


@dataclass(frozen=True)
class Visit:
    """One visit. state: finished, arrived, in-progress. at: when it began. number: gives ids; person: of `person`."""

    number: int
    person: int
    room: Room
    at: datetime
    state: str = "finished"

    @property
    def id(self) -> str:
        return f"bench-v{self.number}"

    @property
    def exam_id(self) -> str:
        return f"bench-v{self.number}-x"

    @property
    def order_id(self) -> str:
        return f"bench-v{self.number}-o"

    @property
    def request_id(self) -> str:
        return f"bench-v{self.number}-m"

    @property
    def prescription(self) -> str:
        """The 14 characters of its prescription."""
        return f"{FACILITY_CODE}{digest('prescription', str(self.number))[:7]}-c"

    @property
    def end(self) -> datetime:
        return self.at + timedelta(minutes=40)


def person_id(number: int) -> str:
    return f"bench-p{number}"


def citizen_number(number: int) -> str:
    """Twelve digits of the right shape: a register office, a century, a year, a serial number."""
    return f"079{190 + number % 10:03d}{number:06d}"


def person(number: int) -> Resource:
    """An invented person with a citizen number and an insurance card that the simulator knows as valid."""
    made = data.patient(50_000_000 + number)
    identifiers = [{"use": "official", "system": SID + "cccd", "value": citizen_number(number)}]
    if has_card(number):
        identifiers.append({"system": SID + "bhyt", "value": card_number(number)})
    codes = [
        {"url": EXTENSION + "place-code", "valueCoding": {"system": SID + name, "code": code}}
        for name, code in (("commune", "00004"), ("province", "01"))
    ]  # a desk asks an insured person for the commune
    home = [{**made["address"][0], "extension": codes}]
    return made | {"id": person_id(number), "identifier": identifiers, "address": home}


def has_card(number: int) -> bool:
    """Four of five people are insured."""
    return number % 5 != 0


def card_number(number: int) -> str:
    return f"GD479{number:09d}1"


def coverage(number: int) -> Resource:
    """The card of an insured person, as the portal answered it."""
    card, own = card_number(number), person_id(number)
    return {
        "resourceType": "Coverage",
        "id": digest("coverage", own, card),
        "meta": TEST,
        "extension": [
            {"url": EXTENSION + "card-initial-facility", "valueString": FACILITY_CODE},
            {"url": EXTENSION + "card-result", "valueCode": "000"},
        ],
        "identifier": [{"system": SID + "bhyt", "value": card}],
        "status": "active",
        "type": {"text": "Bảo hiểm y tế"},
        "subscriberId": card,
        "beneficiary": {"reference": f"Patient/{own}"},
        "payor": [{"display": "Bảo hiểm xã hội Việt Nam"}],
        "period": {"start": "2020-01-01", "end": "2030-12-31"},
    }


@functools.cache
def name_of(number: int) -> str:
    """The name of that person."""
    return str(data.patient(50_000_000 + number)["name"][0]["text"])


def rooms() -> Iterator[Resource]:
    """The rooms that the benchmark adds to the demo hospital, one a doctor of the load."""
    for one in OWN_ROOMS:
        kinds = (("room-kind", "exam"), ("ma-khoa", "K01"), ("specialty", one.specialty))
        yield {
            "resourceType": "Location",
            "id": one.id,
            "meta": TEST,
            "identifier": [{"system": SID + "room", "value": one.code}],
            "status": "active",
            "name": one.name,
            "mode": "instance",
            "type": [concept(CODES + system, code) for system, code in kinds],
            "managingOrganization": {"reference": f"Organization/{FACILITY}"},
        }


def staff(login: str, name: str) -> Iterator[Resource]:
    """The Practitioner of a login of the load, and that they work at the demo hospital."""
    who = {"reference": f"Practitioner/nv-{login}", "display": name}
    yield {
        "resourceType": "Practitioner",
        "id": f"nv-{login}",
        "meta": TEST,
        "identifier": [{"system": SID + "practice-licence", "value": f"{digest(login)[:6].upper()}/MAU-CCHN"}],
        "active": True,
        "name": [{"text": f"{name} (mẫu)"}],
    }
    yield {
        "resourceType": "PractitionerRole",
        "id": f"vt-{login}",
        "meta": TEST,
        "active": True,
        "practitioner": who,
        "organization": {"reference": f"Organization/{FACILITY}"},
    }


def history(first: int, count: int, people: int, today: date) -> Iterator[Visit]:
    """Finished visits of the last three years, none of today."""
    for number in range(first, first + count):
        chance = Random(f"visit {number}")
        day = today - timedelta(days=chance.randrange(1, HISTORY_DAYS))
        at = datetime(day.year, day.month, day.day, chance.randrange(7, 16), chance.randrange(60), tzinfo=VIETNAM)
        yield Visit(number, chance.randrange(people), chance.choice(DEMO_ROOMS), at)


def concept(system: str, code: str, text: str = "") -> Resource:
    """A CodeableConcept with one coding."""
    return {"coding": [{"system": system, "code": code}], **({"text": text} if text else {})}


def digest(*words: str) -> str:
    """32 letters that follow from these words, as the rooms of care derive their ids."""
    return hashlib.sha256("|".join(words).encode()).hexdigest()[:32]
