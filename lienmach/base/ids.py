"""New ids: 26 lower-case letters and digits, time first (so that btree inserts stay at one end).

48 bits of Unix milliseconds and 80 random bits in Crockford base32, the layout of a ULID.
"""

from __future__ import annotations

import os
import time

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]  # ten bits at a time


def new_id() -> str:
    """A fresh id; unguessable in its last 80 bits, valid as a FHIR id."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    return "".join(_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10))
