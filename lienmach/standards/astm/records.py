"""Records of CLSI LIS2-A2 (formerly ASTM E1394): H, P, O, R, Q, C, M, L, separated by CR; fields by |, then \\ ^ &.

    sent = read(b"H|\\\\^&|||SIM-2\\rP|1\\rO|1|2611220001||^^^K\\rR|1|^^^K|6.8|mmol/L\\rL|1|N\\r")

Raises Malformed with a sentence. The tube is the third field of O, the test the fourth component of R-3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from lienmach.standards.instruments import Ordered, Reading, Sent

RECORDS_MAX = 3000


class Malformed(ValueError):
    """Not records that we can read."""


def read(raw: bytes) -> Sent:
    """What the records say. The control id is H-3, or a digest of the bytes where the instrument numbers nothing."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # older instruments; names are then compared without their marks
    lines = [line.strip("\n") for line in text.split("\r") if line.strip()]
    if not lines or lines[0][:1] != "H" or len(lines[0]) < 5:
        raise Malformed("A message begins with the header record H.")
    if len(lines) > RECORDS_MAX:
        raise Malformed(f"A message has at most {RECORDS_MAX} records.")
    if lines[-1][:1] != "L":
        raise Malformed("A message ends with the terminator record L.")
    separator, marks = lines[0][1], lines[0][2:5]
    if separator.isalnum() or len(set(separator + marks)) != 4:
        raise Malformed("The header names four different separators, usually |\\^&.")
    rows = [line.split(separator) for line in lines]
    sender = _part(rows[0], 4, 0, marks)
    if not sender:
        raise Malformed("The header's fifth field, the name of the analyser, is missing.")
    number = _part(rows[0], 2, 0, marks) or hashlib.sha256(raw).hexdigest()[:32]
    readings, queries = _walk(rows[1:], marks)
    if not readings and not queries:
        raise Malformed("The message holds neither a result (R) nor a query (Q).")
    return Sent(sender, number, tuple(readings), tuple(queries))


def _walk(rows: Sequence[Sequence[str]], marks: str) -> tuple[list[Reading], list[str]]:
    readings: list[Reading] = []
    queries: list[str] = []
    patient, name, tube, action = "", "", "", ""
    for row in rows:
        kind = row[0][:1]
        if kind == "P":
            patient = _part(row, 3, 0, marks) or _part(row, 2, 0, marks)
            name = " ".join(part for part in _field(row, 5).split(marks[1]) if part)
            tube = action = ""
        elif kind == "O":
            tube, action = _part(row, 2, 0, marks), _part(row, 11, 0, marks)
        elif kind == "R":
            code = _part(row, 2, 3, marks) or _part(row, 2, 0, marks)
            if not tube or not code:
                raise Malformed("A tube (O-3) and a test code (R-3) are needed for each result.")
            readings.append(
                Reading(
                    tube, code, _part(row, 3, 0, marks).strip(), _part(row, 4, 0, marks), _part(row, 6, 0, marks),
                    _part(row, 8, 0, marks) or "F", action == "Q", patient, name,
                )
            )  # fmt: skip
        elif kind == "Q":
            asked = _field(row, 2).split(marks[0])
            queries += [tube for one in asked if (tube := (one.split(marks[1]) + [""])[1] or one.split(marks[1])[0])]
        elif kind not in ("C", "M", "S", "L", "H"):
            raise Malformed(f"There is no record of the kind {kind!r}.")
    return readings, queries


def write(answers: Sequence[Ordered], *, at: str) -> bytes:
    """The orders of tubes as records. A tube without orders is left out; none at all ends with L|1|I (12.1.3)."""
    lines = [f"H|\\^&|||LIENMACH|||||||P|LIS2-A2|{at}"]
    known = [one for one in answers if one.codes]
    for index, one in enumerate(known, 1):
        name = clean(one.patient_name).replace(" ", "^", 1)
        lines.append(f"P|{index}|{clean(one.patient_number)}|||{name}||{one.birth}|{one.sex}")
        tests = "\\".join(f"^^^{clean(code)}" for code, _ in one.codes)
        lines.append(f"O|1|{clean(one.tube)}||{tests}|R||||||A")
    lines.append("L|1|N" if known else "L|1|I")
    return "".join(line + "\r" for line in lines).encode()


def clean(text: str) -> str:
    """Text without the separators and control characters that it may not hold."""
    return "".join(" " if one in "|\\^&" or ord(one) < 32 else one for one in text)


def _field(row: Sequence[str], index: int) -> str:
    return row[index] if index < len(row) else ""


def _part(row: Sequence[str], index: int, part: int, marks: str) -> str:
    parts = _field(row, index).split(marks[0])[0].split(marks[1])
    return parts[part] if part < len(parts) else ""
