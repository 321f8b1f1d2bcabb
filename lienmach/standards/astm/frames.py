"""Frames of the low-level protocol (CLSI LIS1-A, formerly ASTM E1381): ENQ, numbered frames with a checksum, EOT.

    STX number text ETB|ETX checksum(2 hex) CR LF        text at most 240 characters

Pure: bytes in, steps out; who reads and answers the socket decides. A receiver:

    for step in Receiver().feed(chunk):  # ("enq", b""), ("frame", text), ("message", whole), ("bad", why), ("eot", b"")
"""

from __future__ import annotations

ENQ, ACK, NAK, EOT, STX, ETX, ETB, CR, LF = b"\x05", b"\x06", b"\x15", b"\x04", b"\x02", b"\x03", b"\x17", b"\r", b"\n"
TEXT_MAX = 240
_FRAME_MAX = 64_000  # some instruments send long frames


class FrameError(ValueError):
    """The stream cannot be a conversation of ours; the connection is to be closed."""


def checksum(body: bytes) -> bytes:
    """Two hexadecimal digits: the sum of frame number, text and ETB or ETX, modulo 256."""
    return b"%02X" % (sum(body) & 0xFF)


def frames(message: bytes) -> list[bytes]:
    """A message (records, each ended by CR) as frames ready to send."""
    parts = [message[start : start + TEXT_MAX] for start in range(0, len(message), TEXT_MAX)] or [b""]
    found = []
    for index, part in enumerate(parts):
        body = b"%d" % ((index + 1) % 8) + part + (ETX if index == len(parts) - 1 else ETB)
        found.append(STX + body + checksum(body) + CR + LF)
    return found


class Receiver:
    """The receiving half. `feed` gives steps; the caller answers each: ACK, or NAK for a bad frame.

    A frame that comes again with the number of the last good one is given as ("again", b"") and not added twice.
    """

    def __init__(self, *, message_bytes_max: int = 1_000_000, noise_bytes_max: int = 4096) -> None:
        self.message_bytes_max = message_bytes_max
        self.noise_bytes_max = noise_bytes_max
        self._held = bytearray()
        self._noise = 0
        self.reset()

    def reset(self) -> None:
        """Forget the message in hand: a new ENQ or an EOT."""
        self._text = bytearray()
        self._expected = 1
        self._before = (0, 1)
        self._is_open = False

    @property
    def is_open(self) -> bool:
        """Whether the sender holds the line: an ENQ and no EOT yet."""
        return self._is_open

    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """The steps that this chunk completes."""
        self._held += chunk
        steps: list[tuple[str, bytes]] = []
        while self._held:
            first = bytes(self._held[:1])
            if first == STX:
                end = self._end()
                if end < 0:
                    if len(self._held) > _FRAME_MAX:
                        raise FrameError(f"A frame is longer than {_FRAME_MAX} bytes.")
                    return steps
                frame = bytes(self._held[:end])
                del self._held[:end]
                steps.append(self._frame(frame))
                continue
            del self._held[:1]
            if first == ENQ:
                self.reset()
                self._is_open = True
                steps.append(("enq", b""))
            elif first == EOT:
                self.reset()
                steps.append(("eot", b""))
            elif first in (ACK, NAK):
                steps.append(("ack" if first == ACK else "nak", b""))
            elif first not in (CR, LF):
                self._noise += 1
                if self._noise > self.noise_bytes_max:
                    raise FrameError("Only noise arrives: a sender begins with ENQ.")
        return steps

    def accept(self) -> None:
        """The whole message was taken: the next frame begins a new one."""
        self._text = bytearray()

    def refuse(self) -> None:
        """The last frame was not taken after all: the same one may come again."""
        length, self._expected = self._before
        del self._text[length:]

    def _end(self) -> int:
        """Where the frame at the head of what is held ends, or -1. Checksum and CR LF stand behind ETB or ETX."""
        mark = min((at for at in (self._held.find(ETX, 1), self._held.find(ETB, 1)) if at > 0), default=-1)
        end = mark + 3
        if mark < 0 or len(self._held) < end:
            return -1
        while end < len(self._held) and self._held[end : end + 1] in (CR, LF) and end < mark + 5:
            end += 1
        return end

    def _frame(self, frame: bytes) -> tuple[str, bytes]:
        body_end = max(frame.rfind(ETX, 0, -2), frame.rfind(ETB, 0, -2)) + 1
        body, given = frame[1:body_end], frame[body_end : body_end + 2]
        if not self._is_open:
            return "bad", b"A frame came before ENQ."
        if given.upper() != checksum(body):
            return "bad", b"The checksum does not fit."
        number = body[0] - ord("0")
        if number == (self._expected - 1) % 8:
            return "again", b""
        if number != self._expected:
            return "bad", b"The frame number is out of order."
        text, is_last = body[1:-1], body[-1:] == ETX
        if len(self._text) + len(text) > self.message_bytes_max:
            raise FrameError(f"A message is longer than {self.message_bytes_max} bytes.")
        self._before = (len(self._text), self._expected)
        self._expected = (self._expected + 1) % 8
        self._text += text
        self._noise = 0
        # One record a frame (each with ETX) is as common as one long text in ETB frames: a message ends with its L.
        if is_last and not self._text.endswith(CR):
            self._text += CR
        whole = bytes(self._text)
        if is_last and whole.rstrip(b"\r\n").rpartition(CR)[2].lstrip(b"\n")[:2] == b"L|":
            return "message", whole
        return "frame", text
