"""The low level of ASTM by a table of bytes: checksums, numbers, chunks, repeats, refusals."""

from __future__ import annotations

import pytest

from lienmach.standards.astm import frames

MESSAGE = b"H|\\^&|1||SIM-2\rP|1\rO|1|2611220001\rR|1|^^^K|6.8|mmol/L\rL|1|N\r"


def kinds(steps: list[tuple[str, bytes]]) -> list[str]:
    return [kind for kind, _ in steps]


@pytest.mark.parametrize(
    ("body", "check"),
    [(b"1H\x03", b"7C"), (b"1\x03", b"34"), (b"4L|1|N\r\x03", b"07"), (b"3L|1|N\r\x03", b"06"), (b"", b"00")],
)
def test_checksum(body: bytes, check: bytes) -> None:
    assert frames.checksum(body) == check


def test_a_message_is_received_as_it_was_sent_wherever_the_stream_breaks() -> None:
    stream = frames.ENQ + b"".join(frames.frames(MESSAGE)) + frames.EOT
    for cut in range(len(stream)):
        receiver = frames.Receiver()
        steps = [*receiver.feed(stream[:cut]), *receiver.feed(stream[cut:])]
        assert kinds(steps) == ["enq", "message", "eot"] and steps[1][1] == MESSAGE


def test_a_long_message_goes_in_frames_of_240_characters_numbered_round() -> None:
    long = MESSAGE[:-6] + b"C|1|" + b"x" * 2500 + b"\r" + MESSAGE[-6:]
    sent = frames.frames(long)
    assert [one[1:2] for one in sent] == [b"%d" % ((index + 1) % 8) for index in range(len(sent))] and len(sent) > 8
    assert all(len(one) <= 247 for one in sent)
    receiver = frames.Receiver()
    steps = receiver.feed(frames.ENQ + b"".join(sent))
    assert steps[-1] == ("message", long)


def test_one_record_a_frame_is_one_message() -> None:
    records = [one + b"\r" for one in MESSAGE.rstrip(b"\r").split(b"\r")]
    stream = b"".join(_frame(index + 1, one) for index, one in enumerate(records))
    steps = frames.Receiver().feed(frames.ENQ + stream)
    assert kinds(steps) == ["enq", "frame", "frame", "frame", "frame", "message"] and steps[-1][1] == MESSAGE


def test_a_repeated_frame_is_not_added_twice() -> None:
    receiver = frames.Receiver()
    one = _frame(1, b"H|\\^&|||SIM\r")
    assert kinds(receiver.feed(frames.ENQ + one + one)) == ["enq", "frame", "again"]
    assert receiver.feed(_frame(2, b"L|1|N\r"))[0] == ("message", b"H|\\^&|||SIM\rL|1|N\r")


def test_a_message_that_was_not_taken_may_come_again() -> None:
    receiver = frames.Receiver()
    whole = _frame(1, b"H|\\^&|||SIM\rL|1|N\r")
    for _ in range(3):
        steps = receiver.feed((b"" if receiver.is_open else frames.ENQ) + whole)
        assert steps[-1] == ("message", b"H|\\^&|||SIM\rL|1|N\r")
        receiver.refuse()


BAD = [
    (frames.STX + b"1H\x0300\r\n", "checksum"),
    (frames.STX + b"1H\x03ZZ\r\n", "checksum"),
    (frames.STX + b"3H\x037E\r\n", "out of order"),
]


@pytest.mark.parametrize(("frame", "told"), BAD)
def test_a_bad_frame_is_named_and_the_good_one_after_it_is_taken(frame: bytes, told: str) -> None:
    receiver = frames.Receiver()
    steps = receiver.feed(frames.ENQ + frame)
    assert steps[1][0] == "bad" and told in steps[1][1].decode()
    assert kinds(receiver.feed(_frame(1, b"H|\r"))) == ["frame"]


def test_a_frame_before_enq_is_bad() -> None:
    assert kinds(frames.Receiver().feed(_frame(1, b"H|\r"))) == ["bad"]


def test_limits() -> None:
    with pytest.raises(frames.FrameError, match="noise"):
        frames.Receiver().feed(b"x" * 5000)
    with pytest.raises(frames.FrameError, match="frame is longer"):
        frames.Receiver().feed(frames.ENQ + frames.STX + b"1" * 70_000)
    receiver = frames.Receiver(message_bytes_max=10)
    with pytest.raises(frames.FrameError, match="longer than 10"):
        receiver.feed(frames.ENQ + _frame(1, b"C" * 11))


def _frame(number: int, text: bytes) -> bytes:
    body = b"%d" % number + text + frames.ETX
    return frames.STX + body + frames.checksum(body) + b"\r\n"
