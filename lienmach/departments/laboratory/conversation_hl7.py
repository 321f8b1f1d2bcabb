"""HL7 v2 over MLLP: each message gets its acknowledgement, or the orders it asked for, on the same line."""

from __future__ import annotations

import hashlib
import logging

from lienmach.base import clock, errors, ids
from lienmach.departments.laboratory import intake, questions
from lienmach.departments.laboratory.conversations import UNREAD, Line, keep_refused
from lienmach.record import failures
from lienmach.standards.hl7v2 import message as hl7
from lienmach.standards.hl7v2 import mllp
from lienmach.standards.hl7v2 import results as hl7_results

_log = logging.getLogger("lienmach.laboratory")


async def talk(line: Line) -> None:
    """Answer messages until the analyser hangs up or the stream is no MLLP."""
    reader = mllp.Reader(message_bytes_max=line.limits.message_bytes_max)
    while True:
        chunk = await line.read(is_inside=reader.is_inside)
        if not chunk:
            return
        try:
            messages = reader.feed(chunk)
        except mllp.FrameError as problem:
            await line.send(mllp.frame(_say(line, None, "AR", str(problem), "100")))
            await keep_refused(line, "hl7", chunk, str(problem))
            return
        for raw in messages:
            await line.send(mllp.frame(await answer(line, raw)))


async def answer(line: Line, raw: bytes) -> bytes:
    """The acknowledgement of one message, after what it says is durable."""
    message = None
    try:
        message = hl7.parse(raw)
        sent = hl7_results.read(message)
    except hl7.Malformed as problem:
        code = "AR" if problem.code in ("200", "201", "202", "203") else "AE"
        sender = message.head.component(3, 1) if message else ""
        await keep_refused(
            line, "hl7", raw, str(problem), sender=sender, control_id=message.control_id if message else ""
        )
        return _say(line, message, code, str(problem), problem.code)
    try:
        if sent.queries:
            digest = hashlib.sha256(raw).digest()
            ordered = await questions.answer(line.store, line.tenant, "hl7", sent, raw, digest)
            return hl7_results.answer(message, ordered[0], control_id=ids.new_id()[:20], at=_at(line))
        await intake.take(line.store, line.tenant, "hl7", sent, raw)
        return _say(line, message, "AA")
    except intake.UnknownSender as refused:
        await keep_refused(line, "hl7", raw, str(refused), sender=sent.sender, control_id=sent.control_id)
        return _say(line, message, "AR", str(refused), "207")
    except (errors.Failure, *failures.KINDS) as problem:
        _log.warning("A message of an analyser was not stored: %s", type(problem).__name__)
        return _say(line, message, "AE", UNREAD, "207")


def _say(line: Line, message: hl7.Message | None, code: str, text: str = "", error: str = "207") -> bytes:
    return hl7.acknowledge(message, code, text, control_id=ids.new_id()[:20], at=_at(line), error=error)


def _at(line: Line) -> str:
    zone = line.store.tenants[line.tenant].time_zone
    return clock.now().astimezone(zone).strftime("%Y%m%d%H%M%S%z")
