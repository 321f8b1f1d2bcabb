"""Messages of HL7 v2: what is read is what other readers read, and what cannot be read says why."""

from __future__ import annotations

from pathlib import Path

import hl7
import hl7apy.parser
import pytest

from lienmach.standards.hl7v2 import message, results
from lienmach.standards.instruments import Ordered, Reading

WIRE = Path(__file__).parents[2] / "wire" / "hl7"
FILES = sorted(WIRE.glob("*.hl7"))


def head(number: int = 10, value: str = "7") -> bytes:
    fields = ["MSH", "^~\\&", "SIM-1", "B", "L", "L", "1", "", "ORU^R01", "7", "P", "2.5.1"]
    fields[number - 1] = value
    return "|".join(fields).encode() + b"\r"


@pytest.mark.parametrize("path", FILES, ids=lambda one: one.stem)
def test_fields_are_those_that_another_library_reads(path: Path) -> None:
    raw = path.read_bytes()
    ours, theirs = message.parse(raw), hl7.parse(raw.decode())
    assert [one.name for one in ours.segments] == [str(one[0]) for one in theirs]
    for segment, other in zip(ours.segments, theirs, strict=True):
        for number in range(1, len(other)):
            assert segment.raw(number) == str(other[number]), (segment.name, number)


def test_readings_of_a_chemistry_message() -> None:
    sent = results.read(message.parse((WIRE / "oru_chemistry.hl7").read_bytes()))
    who = {"patient_number": "BN-26-1", "patient_name": "Nguyễn Văn Ân"}
    assert (sent.sender, sent.control_id, sent.queries) == ("SIM-1", "C1", ())
    assert sent.readings == (
        Reading("2611220001", "K", "6.8", "mmol/L", "HH", "F", False, **who),
        Reading("2611220001", "TNI", "<0.01", "ng/mL", "N", "F", False, **who),
        Reading("2611220001", "HBSAG", "Âm tính", "", "", "P", False, **who),
    )


def test_each_result_keeps_its_own_person_and_tube() -> None:
    sent = results.read(message.parse((WIRE / "oru_two_people.hl7").read_bytes()))
    assert [(one.tube, one.patient_name, one.value) for one in sent.readings] == [
        ("2611220002", "Trần Thị B", "4.1"),
        ("2611220003", "Lê Văn C", "4.2"),
    ]


def test_control_material_is_told_from_people() -> None:
    assert [
        one.is_control for one in results.read(message.parse((WIRE / "oru_control.hl7").read_bytes())).readings
    ] == [True]


REFUSED = [
    (b"", "100", "MSH"),
    (b"MSH|^~\\&", "100", "MSH"),
    (b"MSH|^~\\&|", "101", "control id"),
    (b"MSH|||||||||||\r", "102", "separators"),
    (b"MSH|^^\\&|A\r", "102", "separators"),
    (head(10, ""), "101", "control id"),
    (head(9, ""), "101", "message type"),
    (head(12, "3.0"), "203", "version"),
    (head() + b"ob|1\r", "100", "Segment 2"),
    (head() + head(), "100", "one MSH"),
    (head() + b"NTE|1|\x01\r", "102", "control characters"),
    (head() + b"NTE|1|\xc3\x28\r", "103", "character set"),
    (head() + b"NTE|" + b"|" * 500 + b"\r", "100", "Too much"),
    (head() + b"NTE|1\r" * 3000, "100", "Too much"),
    (head(9, "ADT^A01"), "200", "kinds"),
    (head(11, "T"), "202", "MSH-11"),
    (head(3, ""), "101", "MSH-3"),
    (head(), "100", "OBX"),
    (head() + b"OBR|1\rOBX|1|NM|K||1\r", "101", "tube"),
    (head(9, "QBP^Q11") + b"RCP|I\r", "101", "no tube"),
    (head(9, "QRY^Q02") + b"QRD|1\r", "101", "no tube"),
]


@pytest.mark.parametrize(("raw", "code", "told"), REFUSED)
def test_what_cannot_be_read_says_why(raw: bytes, code: str, told: str) -> None:
    with pytest.raises(message.Malformed, match=told) as refused:
        results.read(message.parse(raw))
    assert refused.value.code == code


@pytest.mark.parametrize("ending", ["\r", "\n", "\r\n"])
def test_line_ends_do_not_matter(ending: str) -> None:
    text = (head() + b"OBR|1||T1\rOBX|1|NM|K||4\r").decode().replace("\r", ending)
    assert results.read(message.parse(text.encode())).readings[0].value == "4"


def test_escapes_go_and_come_back() -> None:
    text = "a|b^c~d\\e&f"
    assert message.unescape(message.escape(text), "^~\\&") == text
    assert message.unescape("\\X41\\\\.br\\\\Zx\\", "^~\\&") == "A\n"


def test_an_acknowledgement_is_a_message_that_others_read() -> None:
    asked = message.parse((WIRE / "oru_chemistry.hl7").read_bytes())
    for code, text in (("AA", ""), ("AE", "A value | is wrong.")):
        raw = message.acknowledge(asked, code, text, control_id="X1", at="20261122080000+0700")
        theirs = hl7apy.parser.parse_message(raw.decode(), find_groups=False)
        assert theirs.msh.msh_9.to_er7() == "ACK^R01^ACK" and theirs.msa.msa_1.to_er7() == code
        assert theirs.msa.msa_2.to_er7() == "C1" and theirs.msh.msh_5.to_er7() == "SIM-1"
        assert message.parse(raw).first("MSA").text(3) == text  # type: ignore[union-attr]


ORDERED = Ordered("2611220001", (("K", "Kali máu"), ("NA", "Natri")), "p1", "Nguyễn Văn Ân", "19580201", "M")


def test_the_answer_to_a_query_names_tube_person_and_tests() -> None:
    asked = message.parse((WIRE / "qbp_tube.hl7").read_bytes())
    assert results.read(asked).queries == ("2611220001",)
    raw = results.answer(asked, ORDERED, control_id="X1", at="20261122080000")
    theirs = hl7.parse(raw.decode())
    assert str(theirs.segment("MSA")) == "MSA|AA|Q1" and str(theirs.segment("QAK")) == "QAK|T7|OK"
    assert [str(one[4][0][0]) for one in theirs.segments("OBR")] == ["K", "NA"]
    assert str(theirs.segment("SPM")[2]) == "2611220001"
    empty = results.answer(asked, Ordered("2611220001"), control_id="X1", at="1").decode()
    assert "QAK|T7|NF" in empty and "OBR" not in empty and "PID" not in empty


def test_the_older_query_is_answered_line_by_line() -> None:
    asked = message.parse((WIRE / "qry_tube.hl7").read_bytes())
    raw = results.answer(asked, ORDERED, control_id="X1", at="1").decode()
    lines = [one.split("|")[3] for one in raw.split("\r") if one.startswith("DSP")]
    assert lines == ["p1", "Nguyễn Văn Ân", "19580201", "M", "2611220001", "K\\S\\Kali máu", "NA\\S\\Natri"]
