"""Reads the packaged tables of this folder (`data/*.csv`); their origin stands in `data/NOTICE`.

Every row may carry `valid_from` and `valid_to` (both inclusive, empty means open): a code
without a day is ambiguous, since the provinces of 2025 took over codes of older ones.
"""

from __future__ import annotations

import csv
from datetime import date
from importlib import resources


def load(name: str) -> list[dict[str, str]]:
    """The rows of `data/<name>.csv` in their order, every value as text."""
    source = resources.files("lienmach.standards.vietnam").joinpath("data", f"{name}.csv")
    return list(csv.DictReader(source.read_text(encoding="utf-8").splitlines()))


def to_day(text: str) -> date | None:
    """An ISO date of a table, or None where the column is empty."""
    return date.fromisoformat(text) if text else None


def is_valid(valid_from: date | None, valid_to: date | None, on: date) -> bool:
    """Whether `on` lies in the closed interval; None means open at that end."""
    return (valid_from is None or valid_from <= on) and (valid_to is None or on <= valid_to)
