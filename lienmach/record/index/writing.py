"""What is collected while one resource is walked for its index rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any


class Writing:
    """What the writers of index/<kind>.py fill while one resource is walked, and what they need to know."""

    __slots__ = ("base", "dat", "num", "post", "primary", "resource", "seed", "str", "terms", "tz")

    def __init__(self, resource: dict, seed: int, tz: tzinfo, base_url: str = "") -> None:
        self.base = base_url + "/"  # a reference under it is one to here
        self.resource, self.seed, self.tz = resource, seed, tz
        self.terms: list[int] = []
        self.post: list[int] = []
        self.str: list[tuple] = []
        self.dat: list[tuple] = []
        self.num: list[tuple] = []
        self.primary: list[tuple[int, datetime]] = []


Write = Callable[[Any, Writing], None]
"""Takes one value that a parameter has found, and adds its rows."""
