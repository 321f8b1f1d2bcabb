"""ASTM over TCP: receive frames, acknowledge the one that ends a message only when it is stored, answer queries.

After a query the roles turn: we send ENQ and our frames. When both begin at once the analyser goes first (LIS1-A
6.1.2).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque

from lienmach.base import clock, errors
from lienmach.departments.laboratory import intake, questions
from lienmach.departments.laboratory.conversations import Line, keep_refused
from lienmach.record import failures
from lienmach.standards.astm import frames, records

_log = logging.getLogger("lienmach.laboratory")
_TRIES = 6  # of one frame, then the sender gives up (LIS1-A 6.4)
_ANSWER_SECONDS = 15.0


class _Turned(Exception):
    """The analyser began to send while we wanted to."""


async def talk(line: Line) -> None:
    """Receive until the analyser hangs up; between its messages send the answers that it waits for."""
    receiver = frames.Receiver(message_bytes_max=line.limits.message_bytes_max)
    answers: deque[bytes] = deque()
    steps: deque[tuple[str, bytes]] = deque()
    while True:
        if not steps:
            chunk = await line.read(is_inside=receiver.is_open)
            if not chunk:
                return
            try:
                steps.extend(receiver.feed(chunk))
            except frames.FrameError as problem:
                await line.send(frames.NAK)
                await keep_refused(line, "astm", chunk, str(problem))
                return
            continue
        kind, content = steps.popleft()
        if kind in ("enq", "frame", "again"):
            await line.send(frames.ACK)
        elif kind == "bad":
            await line.send(frames.NAK)
        elif kind == "message":
            is_taken = await _take(line, content, answers)
            if is_taken:
                receiver.accept()
            else:
                receiver.refuse()
            await line.send(frames.ACK if is_taken else frames.NAK)
        elif kind == "eot":
            while answers and not steps:
                if not await _send(line, receiver, steps, answers[0]):
                    break
                answers.popleft()


async def _take(line: Line, raw: bytes, answers: deque[bytes]) -> bool:
    """Store one message, or prepare the answer to it; False if it could not be used."""
    try:
        sent = records.read(raw)
    except records.Malformed as problem:
        await keep_refused(line, "astm", raw, str(problem))
        return False
    try:
        if sent.queries:
            digest = hashlib.sha256(raw).digest()
            ordered = await questions.answer(line.store, line.tenant, "astm", sent, raw, digest)
            zone = line.store.tenants[line.tenant].time_zone
            answers.append(records.write(ordered, at=clock.now().astimezone(zone).strftime("%Y%m%d%H%M%S")))
        if sent.readings:
            await intake.take(line.store, line.tenant, "astm", sent, raw)
        return True
    except intake.UnknownSender as refused:
        await keep_refused(line, "astm", raw, str(refused), sender=sent.sender, control_id=sent.control_id)
        return False
    except (errors.Failure, *failures.KINDS) as problem:
        _log.warning("A message of an analyser was not stored: %s", type(problem).__name__)
        return False


async def _send(line: Line, receiver: frames.Receiver, steps: deque[tuple[str, bytes]], message: bytes) -> bool:
    """Send one message as the sender of the line; False if the analyser went first and the answer still waits."""
    try:
        if not await _deliver(line, receiver, steps, frames.ENQ):
            return True  # it does not want to listen; it will ask again
        for frame in frames.frames(message):
            if not await _deliver(line, receiver, steps, frame):
                break
        await line.send(frames.EOT)
        return True
    except _Turned:
        return False


async def _deliver(line: Line, receiver: frames.Receiver, steps: deque[tuple[str, bytes]], data: bytes) -> bool:
    """Send until it is acknowledged; False after too many tries."""
    for _ in range(_TRIES):
        await line.send(data)
        chunk = await asyncio.wait_for(line.reader.read(65536), _ANSWER_SECONDS)
        if not chunk:
            raise ConnectionResetError
        found = receiver.feed(chunk)
        if any(kind == "enq" for kind, _ in found):
            steps.extend(found)
            raise _Turned
        if any(kind == "ack" for kind, _ in found):
            return True
        if any(kind == "eot" for kind, _ in found):
            return False
    return False
