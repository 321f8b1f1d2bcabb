"""A message of HL7 v2 as segments and fields, and acknowledgements to it (v2.5.1 chapter 2).

    message = parse(raw)
    message.text("MSH", 10)             # one field, escapes resolved
    message.component("OBX", 3, 1)      # its first component

Raises Malformed with a sentence and the code of table 0357. Strict in what would change the meaning (separators,
segment names, control id), lenient in what does not (line ends, trailing separators).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SEGMENTS_MAX = 3000
FIELDS_MAX = 400
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_ESCAPE = re.compile(r"\\([^\\]{0,40})\\")
_LINES = re.compile("\r\n|\r|\n")
_CHARSETS = {"": "utf-8", "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8", "ASCII": "ascii", "8859/1": "latin-1"}


class Malformed(ValueError):
    """Not a message that we can read. code: of table 0357. Its text never quotes a value of a person."""

    def __init__(self, text: str, code: str = "100") -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Segment:
    """name and raw fields; fields[0] is the first field behind the name (of MSH: the separator itself)."""

    name: str
    fields: tuple[str, ...]
    marks: str  # component, repetition, escape, subcomponent

    def raw(self, number: int) -> str:
        """Field by its number, from 1; "" where there is none. The explicit null of HL7 is "" too."""
        found = self.fields[number - 1] if 0 < number <= len(self.fields) else ""
        return "" if found == '""' else found

    def text(self, number: int) -> str:
        """The first repetition of a field, all of its components, escapes resolved."""
        return unescape(self.raw(number).split(self.marks[1])[0], self.marks)

    def component(self, number: int, part: int, repetition: int = 0) -> str:
        """One component (from 1) of a repetition (from 0) of a field, escapes resolved."""
        repetitions = self.raw(number).split(self.marks[1])
        if repetition >= len(repetitions):
            return ""
        parts = repetitions[repetition].split(self.marks[0])
        return unescape(parts[part - 1].split(self.marks[3])[0], self.marks) if 0 < part <= len(parts) else ""


@dataclass(frozen=True)
class Message:
    """A readable message. kind: trigger such as `ORU^R01`. control_id: MSH-10."""

    segments: tuple[Segment, ...]

    @property
    def head(self) -> Segment:
        return self.segments[0]

    @property
    def kind(self) -> str:
        return f"{self.head.component(9, 1)}^{self.head.component(9, 2)}"

    @property
    def control_id(self) -> str:
        return self.head.text(10)

    def all(self, name: str) -> Iterator[Segment]:
        """Segments of this name, in order."""
        return (one for one in self.segments if one.name == name)

    def first(self, name: str) -> Segment | None:
        """The first segment of this name."""
        return next(self.all(name), None)


def parse(raw: bytes) -> Message:
    """Read a message. Raises Malformed."""
    if not raw[:3] == b"MSH" or len(raw) < 9:
        raise Malformed("A message begins with the segment MSH.")
    text = _decode(raw)
    separator, marks = text[3], text[4:8]
    if not separator.isprintable() or separator.isalnum() or len(set(separator + marks)) != 5 or marks[2] != "\\":
        raise Malformed("MSH-1 and MSH-2 must name five different separators, usually |^~\\&.", "102")
    segments: list[Segment] = []
    for line in _LINES.split(text):
        if not line:
            continue
        name, _, rest = line.partition(separator)
        if not _NAME.fullmatch(name):
            raise Malformed(f"Segment {len(segments) + 1} has no name of three capital letters.")
        fields = rest.split(separator)
        if len(fields) > FIELDS_MAX or len(segments) >= SEGMENTS_MAX:
            raise Malformed(f"Too much: at most {SEGMENTS_MAX} segments of {FIELDS_MAX} fields.")
        segments.append(Segment(name, tuple([separator, *fields] if name == "MSH" else fields), marks))
    message = Message(tuple(segments))
    if sum(1 for _ in message.all("MSH")) != 1:
        raise Malformed("One frame holds one message with one MSH.")
    _check_head(message)
    return message


def _decode(raw: bytes) -> str:
    head = raw.splitlines()[0].split(raw[3:4])
    charset = head[17].decode("ascii", "replace").split("~")[0].strip().upper() if len(head) > 17 else ""
    if charset not in _CHARSETS:
        raise Malformed("MSH-18 names a character set that we do not read; send UNICODE UTF-8.", "103")
    try:
        text = raw.decode(_CHARSETS[charset])
    except UnicodeDecodeError:
        raise Malformed("The bytes are not of the character set that MSH-18 names.", "103") from None
    if any(ord(one) < 32 and one not in "\r\n\t" for one in text):
        raise Malformed("The message holds control characters.", "102")
    return text


def _check_head(message: Message) -> None:
    if not message.control_id:
        raise Malformed("MSH-10, the control id, is missing.", "101")
    if len(message.control_id) > 199:
        raise Malformed("MSH-10, the control id, is too long.", "102")
    if not message.head.component(9, 1):
        raise Malformed("MSH-9, the message type, is missing.", "101")
    if not message.head.text(12).startswith("2."):
        raise Malformed("MSH-12 must name a version 2.x.", "203")


def unescape(text: str, marks: str) -> str:
    """Resolve the escapes of 2.7: separators, \\X..\\ and \\.br\\; others stay away."""
    if "\\" not in text:
        return text

    def resolve(found: re.Match[str]) -> str:
        inside = found[1]
        plain = {"F": "|", "S": marks[0], "R": marks[1], "E": "\\", "T": marks[3], ".br": "\n"}.get(inside)
        if plain is not None:
            return plain
        if inside[:1] == "X" and re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", inside[1:]):
            return bytes.fromhex(inside[1:]).decode("utf-8", "replace")
        return ""

    return _ESCAPE.sub(resolve, text)


def escape(text: str) -> str:
    """Text as it stands in a field that we write, with our separators |^~\\&."""
    table = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "&": "\\T\\", "\r": " ", "\n": " "}
    return "".join(table.get(one, one) for one in text)


def compose(lines: Sequence[Sequence[str]]) -> bytes:
    """Segments, each a row of ready fields behind its name, as bytes."""
    return b"".join("|".join(line).encode() + b"\r" for line in lines)


def head(to: Message | None, *, kind: str, control_id: str, at: str) -> list[str]:
    """The MSH of an answer. to: the message that is answered. at: YYYYMMDDHHMMSS with offset."""
    application = escape(to.head.component(3, 1)) if to else ""
    place = escape(to.head.component(4, 1)) if to else ""
    return ["MSH", "^~\\&", "LIENMACH", "LIS", application, place, at, "", kind, control_id, "P", "2.5.1"] + [
        "", "", "", "", "", "UNICODE UTF-8"
    ]  # fmt: skip


def acknowledge(
    to: Message | None, code: str, text: str = "", *, control_id: str, at: str, error: str = "207"
) -> bytes:
    """An ACK. code: AA kept, AE could not be used, AR refused (table 0008). text: one sentence. error: table 0357."""
    trigger = to.head.component(9, 2) if to else ""
    kind = f"ACK^{escape(trigger)}^ACK" if trigger else "ACK"
    lines = [
        head(to, kind=kind, control_id=control_id, at=at),
        ["MSA", code, escape(to.control_id) if to else "", escape(text)],
    ]
    if code != "AA":
        lines.append(["ERR", "", "", error, "E", "", "", "", escape(text)])
    return compose(lines)
