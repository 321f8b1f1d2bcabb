"""Frames of the minimal lower layer protocol: 0x0B message 0x1C 0x0D (HL7 v2.5.1 appendix C; MLLP release 1).

    reader = Reader(message_bytes_max=1_000_000)
    for message in reader.feed(chunk): …

Pure: bytes in, whole messages out. What stands between frames is noise and is counted, not read.
"""

from __future__ import annotations

START, END, AFTER = b"\x0b", b"\x1c", b"\r"


class FrameError(ValueError):
    """The stream cannot be a conversation of ours; its text is a sentence for the other side's technician."""


def frame(message: bytes) -> bytes:
    """One message as it goes over the wire."""
    return START + message + END + AFTER


class Reader:
    """Gathers chunks into messages. Raises FrameError over a limit; the connection is then to be closed."""

    def __init__(self, *, message_bytes_max: int = 1_000_000, noise_bytes_max: int = 4096) -> None:
        self.message_bytes_max = message_bytes_max
        self.noise_bytes_max = noise_bytes_max
        self._held = bytearray()
        self._noise = 0

    @property
    def is_inside(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._held)

    def feed(self, chunk: bytes) -> list[bytes]:
        """The messages that this chunk completes, oldest first."""
        found: list[bytes] = []
        self._held += chunk
        while True:
            begin = self._held.find(START)
            if begin != 0:
                dropped = len(self._held) if begin < 0 else begin
                self._noise += sum(byte not in b"\r\n" for byte in self._held[:dropped])
                del self._held[:dropped]
                if self._noise > self.noise_bytes_max:
                    raise FrameError("Only noise arrives: a message begins with the byte 0B.")
                if begin < 0:
                    return found
            end = self._held.find(END)
            again = self._held.find(START, 1, end if end >= 0 else len(self._held))
            if again > 0:
                raise FrameError("A message began inside another one; each ends with the bytes 1C 0D.")
            if max(end, 0) > self.message_bytes_max or (end < 0 and len(self._held) > self.message_bytes_max):
                raise FrameError(f"A message is longer than {self.message_bytes_max} bytes.")
            if end < 0:
                return found
            found.append(bytes(self._held[1:end]))
            del self._held[: end + 1]
            if self._held[:1] == AFTER:
                del self._held[:1]
            self._noise = 0
