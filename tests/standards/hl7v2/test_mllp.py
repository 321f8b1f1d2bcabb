"""Frames of MLLP by a table of bytes: chunks may break anywhere, noise is passed over, limits hold."""

from __future__ import annotations

import pytest

from lienmach.standards.hl7v2 import mllp

TABLE = [
    ([b"\x0bA\x1c\r"], [b"A"]),
    ([b"\x0bA\x1c\r\x0bB\x1c\r"], [b"A", b"B"]),
    ([b"\x0b", b"A", b"\x1c", b"\r", b"\x0bB\x1c\r"], [b"A", b"B"]),
    ([b"\x0bA\x1c\x0bB\x1c"], [b"A", b"B"]),  # the CR behind is often forgotten
    ([b"noise\x0bA\x1c\r\r\n\x0bB\x1c\r"], [b"A", b"B"]),
    ([b"\x0b\x1c\r"], [b""]),
    ([b"noise", b"more"], []),
    ([b"\x0bA"], []),
]


@pytest.mark.parametrize(("chunks", "messages"), TABLE)
def test_messages_are_cut_out_of_the_stream(chunks: list[bytes], messages: list[bytes]) -> None:
    reader = mllp.Reader()
    assert [one for chunk in chunks for one in reader.feed(chunk)] == messages


def test_every_place_where_a_stream_can_break() -> None:
    stream = mllp.frame(b"MSH|1\r") + mllp.frame(b"MSH|2\r")
    for cut in range(len(stream)):
        reader = mllp.Reader()
        assert [*reader.feed(stream[:cut]), *reader.feed(stream[cut:])] == [b"MSH|1\r", b"MSH|2\r"]


def test_a_message_of_the_longest_length_passes_and_one_byte_more_does_not() -> None:
    assert mllp.Reader(message_bytes_max=10).feed(mllp.frame(b"A" * 9)) == [b"A" * 9]
    with pytest.raises(mllp.FrameError, match="longer"):
        mllp.Reader(message_bytes_max=10).feed(mllp.frame(b"A" * 10))
    with pytest.raises(mllp.FrameError, match="longer"):
        mllp.Reader(message_bytes_max=10).feed(mllp.START + b"A" * 10)


@pytest.mark.parametrize("stream", [b"x" * 5000, b"\x0bA\x0bB\x1c\r", b"\x0bA\x0b"])
def test_a_stream_that_is_none_is_refused(stream: bytes) -> None:
    with pytest.raises(mllp.FrameError):
        mllp.Reader().feed(stream)
