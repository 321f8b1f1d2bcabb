"""Random searches of the random resources of search_world.py: some find much, some little, some nothing."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import search_world

Draw = Callable[[], tuple[str, str]]


class Draws:
    """What may be asked of `world`, drawn with `chance`."""

    def __init__(self, chance: random.Random, world: list[dict[str, Any]]) -> None:
        self.chance, self.world = chance, world

    def query(self) -> tuple[str, list[tuple[str, str]]]:
        """A type and one to three parameters."""
        kind, choices = self.chance.choice(
            (
                ("Patient", self._of_patients()),
                ("Observation", self._of_observations()),
                ("Observation", self._of_observations()),
                ("Encounter", self._of_encounters()),
            )
        )
        return kind, [self.chance.choice(choices)() for _ in range(self.chance.choice((1, 1, 2, 2, 3)))]

    def _of_patients(self) -> list[Draw]:
        return [
            lambda: (
                "name",
                self.chance.choice(("ng", "Nguyễn", "nguyen", "an", "Đ", "dang", "van an", "thi", "ÁNH", "zz")),
            ),
            lambda: ("name:contains", self.chance.choice(("uy", "ng", "ạ"))),
            lambda: ("gender", self.chance.choice(("male", "female", "male,other", "unknown"))),
            lambda: ("gender:not", self.chance.choice(("male", "male,female"))),
            lambda: ("gender:missing", self.chance.choice(("true", "false"))),
            lambda: ("birthdate", self._born()),
            lambda: ("birthdate:missing", "true"),
            lambda: ("active", self.chance.choice(("true", "false"))),
            lambda: ("identifier", self.chance.choice(self.world[:24])["identifier"][0]["value"]),
            lambda: ("identifier", "urn:test:cccd|" + self.chance.choice(self.world[:24])["identifier"][0]["value"]),
            lambda: ("_tag", self.chance.choice(("x", "urn:test:tag|y", "w"))),
            lambda: ("_id", ",".join(self._patient() for _ in range(3))),
            lambda: ("_has:Observation:patient:code", self._code()),
            lambda: ("_has:Observation:subject:value-quantity", f"gt{self.chance.randrange(250)}"),
            lambda: ("_has:Condition:patient:code", "I10"),
            lambda: ("_has:Encounter:patient:_has:Observation:encounter:code", self._code()),
        ]

    def _of_observations(self) -> list[Draw]:
        return [
            lambda: ("code", self._code()),
            lambda: ("code", f"{self._code()},{self._code()}"),
            lambda: ("code:not", self._code()),
            lambda: ("status", self.chance.choice(search_world.STATUSES)),
            lambda: ("status:not", "final"),
            lambda: ("patient", self._patient()),
            lambda: ("subject", "Patient/" + self._patient()),
            lambda: ("patient", f"{self._patient()},{self._patient()}"),
            lambda: ("encounter", f"e{self.chance.randrange(48)}"),
            lambda: ("encounter:missing", "true"),
            lambda: ("date", self._day()),
            lambda: ("date", self._day()),
            lambda: ("date:missing", self.chance.choice(("true", "false"))),
            lambda: (
                "value-quantity",
                self.chance.choice(("gt", "lt", "ge", "le", "ne", "")) + str(self.chance.randrange(200)),
            ),
            lambda: ("patient.name", self.chance.choice(("an", "nguyen", "dat"))),
            lambda: ("subject:Patient.gender", "male"),
            lambda: ("encounter.status", "finished"),
            lambda: ("encounter.patient.name", "tran"),
            lambda: ("encounter.date", self._day()),
            lambda: ("patient._has:Condition:patient:code", "E11"),
        ]

    def _of_encounters(self) -> list[Draw]:
        return [
            lambda: ("date", self._day()),
            lambda: ("date", self._day()),
            lambda: ("status", "finished"),
            lambda: ("class", "IMP"),
            lambda: ("patient", self._patient()),
            lambda: ("date:missing", "true"),
            lambda: ("patient.birthdate", self._born()),
            lambda: ("_has:Observation:encounter:code", self._code()),
            lambda: ("_id", f"e{self.chance.randrange(60)}"),
        ]

    def _patient(self) -> str:
        return f"p{self.chance.randrange(24)}"

    def _day(self) -> str:
        text = f"202{self.chance.choice('45')}-{self.chance.randrange(1, 13):02d}-{self.chance.randrange(1, 28):02d}"
        text = text[: self.chance.choice((4, 7, 10))] if self.chance.random() < 0.9 else text + "T10:00:00+07:00"
        return self.chance.choice(("", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")) + text

    def _born(self) -> str:
        return self.chance.choice(("", "ge", "lt", "ne")) + str(1950 + self.chance.randrange(60))

    def _code(self) -> str:
        one = self.chance.choice(search_world.CODES)
        return self.chance.choice(
            (one, f"{search_world.LOINC}|{one}", f"{search_world.LOINC}|", "L1", "urn:test:local|L1")
        )
