"""Records of ASTM E1394: results, queries, control material, and refusals with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from lienmach.standards.astm import records
from lienmach.standards.instruments import Ordered, Reading

WIRE = Path(__file__).parents[2] / "wire" / "astm"


def test_results() -> None:
    sent = records.read((WIRE / "results.astm").read_bytes())
    who = ("BN-26-1", "Nguyễn Văn Ân")
    assert (sent.sender, sent.control_id, sent.queries) == ("SIM-2", "77", ())
    assert sent.readings == (
        Reading("2611220001", "K", "6.8", "mmol/L", "HH", "F", False, *who),
        Reading("2611220001", "NA", "141", "mmol/L", "N", "F", False, *who),
    )


def test_a_query_for_several_tubes() -> None:
    assert records.read((WIRE / "query.astm").read_bytes()).queries == ("2611220001", "2611220002")


def test_control_material_and_a_number_made_of_the_content() -> None:
    raw = (WIRE / "control.astm").read_bytes()
    sent = records.read(raw)
    assert sent.readings[0].is_control and len(sent.control_id) == 32
    assert records.read(raw).control_id == sent.control_id
    assert records.read(raw.replace(b"4.05", b"4.06")).control_id != sent.control_id


REFUSED = [
    (b"", "header"),
    (b"P|1\rL|1|N\r", "header"),
    (b"H|\\^&|||SIM\rP|1\r", "terminator"),
    (b"H||||||SIM\rL|1|N\r", "separators"),
    (b"H|\\^&\rR|1\rL|1|N\r", "fifth field"),
    (b"H|\\^&|||SIM\rL|1|N\r", "neither"),
    (b"H|\\^&|||SIM\rZ|1\rL|1|N\r", "no record of the kind"),
    (b"H|\\^&|||SIM\rR|1|^^^K|4\rL|1|N\r", "tube"),
    (b"H|\\^&|||SIM\rO|1|T\rR|1||4\rL|1|N\r", "test code"),
    (b"H|\\^&|||SIM\r" + b"C|1\r" * 3000 + b"L|1|N\r", "at most"),
]


@pytest.mark.parametrize(("raw", "told"), REFUSED)
def test_what_cannot_be_read_says_why(raw: bytes, told: str) -> None:
    with pytest.raises(records.Malformed, match=told):
        records.read(raw)


def test_orders_are_written_so_that_they_cannot_break_a_record() -> None:
    one = Ordered("26|1", (("K", "Kali"), ("N^A", "Natri")), "p1", "Nguyễn Văn Ân", "19580201", "M")
    text = records.write([one, Ordered("unknown")], at="20261122080000").decode()
    lines = text.split("\r")
    assert lines[1] == "P|1|p1|||Nguyễn^Văn Ân||19580201|M"
    assert lines[2] == "O|1|26 1||^^^K\\^^^N A|R||||||A" and lines[3] == "L|1|N"
    assert records.write([Ordered("unknown")], at="1").decode().endswith("L|1|I\r")
