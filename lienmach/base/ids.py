"""New ids: 32 hexadecimal digits, time first, so that btree inserts stay at one end.

48 bits of Unix milliseconds and 80 random bits; unguessable in the latter.
"""

from __future__ import annotations

import os
import time


def new_id() -> str:
    """A fresh id, valid as a FHIR id."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"
