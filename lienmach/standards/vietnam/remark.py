"""What a check says about a value: a code for programs, a sentence in both languages for people.

A remark never refuses. People change their recorded sex, cards carry misprints and a number
may have been set anew, so the clerk is told and decides.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Remark:
    """code: stable word such as `sex-differs`. vi, en: one sentence each, without patient data."""

    code: str
    vi: str
    en: str
