"""Results and order queries of an instrument: ORU^R01 in, QBP^Q11 or QRY^Q02 in, RSP^K11 or DSR^Q03 out.

HL7 v2.5.1 chapters 4, 5, 7. The tube is SPM-2, else OBR-3, else OBR-2; the test is the first component of OBX-3.
"""

from __future__ import annotations

from lienmach.standards.hl7v2 import message as hl7
from lienmach.standards.hl7v2.message import Malformed, Message, Segment
from lienmach.standards.instruments import Ordered, Reading, Sent

RESULTS = "ORU^R01"
QUERIES = ("QBP^Q11", "QRY^Q02")
_CONTROL = frozenset({"Q", "C", "QC", "L"})  # specimen role, table 0369: control, calibrator


def read(message: Message) -> Sent:
    """What the message says. Raises Malformed: 200 for a kind that we do not take, 101 for a field that is missing."""
    sender = message.head.component(3, 1)
    if not sender:
        raise Malformed("MSH-3, the name of the analyser, is missing.", "101")
    if message.head.component(11, 1) not in ("P", ""):
        raise Malformed("MSH-11 is not P: only results of production are taken.", "202")
    if message.kind == RESULTS:
        return Sent(sender, message.control_id, _readings(message))
    if message.kind in QUERIES:
        return Sent(sender, message.control_id, queries=(_asked(message),))
    raise Malformed("Of message kinds only ORU^R01, QBP^Q11 and QRY^Q02 are taken.", "200")


def _readings(message: Message) -> tuple[Reading, ...]:
    found: list[Reading] = []
    number = name = ""
    for position, segment in enumerate(message.segments):
        if segment.name == "PID":
            number = segment.component(3, 1)
            name = " ".join(part for part in (segment.component(5, 1), segment.component(5, 2)) if part)
        elif segment.name == "OBR":
            found += _group(message.segments[position + 1 :], segment, number, name)
    if not found:
        raise Malformed("An ORU^R01 carries at least one OBR with an OBX.", "100")
    return tuple(found)


def _group(after: tuple[Segment, ...], order: Segment, number: str, name: str) -> list[Reading]:
    """The OBX behind one OBR, up to the next OBR or PID, with the SPM among them."""
    group = []
    for segment in after:
        if segment.name in ("OBR", "PID"):
            break
        group.append(segment)
    specimen = next((one for one in group if one.name == "SPM"), None)
    tube = (specimen.component(2, 1) if specimen else "") or order.component(3, 1) or order.component(2, 1)
    is_control = specimen is not None and specimen.component(11, 1) in _CONTROL
    found = []
    for segment in group:
        if segment.name != "OBX":
            continue
        code = segment.component(3, 1)
        if not tube or not code:
            raise Malformed("A tube (SPM-2 or OBR-3) and a test code (OBX-3) are needed for each result.", "101")
        value = segment.component(5, 1)
        if segment.text(2) == "SN":  # structured numeric: comparator and number
            value = segment.component(5, 1) + segment.component(5, 2)
        found.append(
            Reading(
                tube, code, value.strip(), segment.component(6, 1), segment.component(8, 1),
                segment.text(11) or "F", is_control, number, name,
            )
        )  # fmt: skip
    return found


def _asked(message: Message) -> str:
    """The tube of a query: QPD-3 or QRD-8."""
    if message.kind == "QBP^Q11":
        definition = message.first("QPD")
        tube = (definition.component(3, 1) or definition.component(4, 1)) if definition else ""
    else:
        definition = message.first("QRD")
        tube = definition.component(8, 1) if definition else ""
    if not tube:
        raise Malformed("The query names no tube (QPD-3 or QRD-8).", "101")
    return tube


def answer(to: Message, ordered: Ordered, *, control_id: str, at: str) -> bytes:
    """The orders of a tube as an answer to QBP^Q11 (RSP^K11) or QRY^Q02 (DSR^Q03)."""
    state = "OK" if ordered.codes else "NF"
    echo = to.first("QPD") or to.first("QRD")
    assert echo is not None  # `read` has found the tube in it
    echoed = [echo.name, *echo.fields]
    if to.kind == "QRY^Q02":
        lines = [
            hl7.head(to, kind="DSR^Q03", control_id=control_id, at=at),
            ["MSA", "AA", hl7.escape(to.control_id)],
            ["QAK", echo.raw(4), state],
            echoed,
        ]
        texts = [ordered.patient_number, ordered.patient_name, ordered.birth, ordered.sex, ordered.tube]
        texts += [f"{code}^{name}" for code, name in ordered.codes]
        if ordered.codes:
            lines += [["DSP", str(index), "", hl7.escape(text)] for index, text in enumerate(texts, 1)]
        return hl7.compose(lines)
    lines = [
        hl7.head(to, kind="RSP^K11^RSP_K11", control_id=control_id, at=at),
        ["MSA", "AA", hl7.escape(to.control_id)],
        ["QAK", echo.raw(2), state],
        echoed,
    ]
    if ordered.codes:
        lines.append(["PID", "1", "", hl7.escape(ordered.patient_number), "", hl7.escape(ordered.patient_name), "",
                      ordered.birth, ordered.sex])  # fmt: skip
        lines.append(["SPM", "1", hl7.escape(ordered.tube)])
        for index, (code, name) in enumerate(ordered.codes, 1):
            lines.append(["ORC", "NW", hl7.escape(ordered.tube)])
            lines.append(["OBR", str(index), hl7.escape(ordered.tube), "", f"{hl7.escape(code)}^{hl7.escape(name)}^L"])
    return hl7.compose(lines)
