"""An analyser that talks nonsense on its ports: a refusal or a closed line, nothing stored but the raw words, and the
next analyser is served. Bytes are seeded: LM_TEST_SEED=… repeats a run."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import random
import resource
from collections.abc import AsyncIterator
from typing import Any

import pytest
from analyser_lines import Ports, astm_message, hl7_message

from lienmach.care.population.clinic import HOSPITAL
from lienmach.departments.laboratory import listener, machines
from lienmach.departments.laboratory.conversations import Limits
from lienmach.standards.astm import frames
from tests.clinic import Clinic

SEED = int(os.environ.get("LM_TEST_SEED", "") or random.SystemRandom().randrange(10**6))
LIMITS = Limits(message_bytes_max=1_000_000, idle_seconds=2, rest_seconds=60)


@pytest.fixture
async def ports(clinic: Clinic) -> AsyncIterator[Ports]:
    """Both doors, for the analyser SIM-1 with the code K."""
    one = Ports.free(clinic)

    async def add(tx: Any) -> str:
        own = await machines.add(tx, code="SIM-1", name="Máy (mẫu)", dialect="hl7")
        return own

    own = await clinic.store.run(clinic.actor("lab"), add)

    async def map_code(tx: Any) -> None:
        await machines.map_code(tx, own, "K", "K")

    await clinic.store.run(clinic.actor("lab"), map_code)
    settings = dataclasses.replace(clinic.settings, mllp=f"127.0.0.1:{one.hl7}", astm=f"127.0.0.1:{one.astm}")
    stop, ready = asyncio.Event(), asyncio.Event()
    listening = asyncio.create_task(listener.listen(clinic.store, settings, stop=stop, ready=ready, limits=LIMITS))
    await ready.wait()
    yield one
    assert not listening.done(), "the listener ended"
    stop.set()
    await listening


async def test_nonsense_is_refused_or_the_line_is_closed_and_only_the_raw_words_are_kept(ports: Ports) -> None:
    print(f"seed {SEED}")
    lots = random.Random(SEED)
    before = await ports.resources()
    whole, astm = hl7_message("1"), astm_message("1")
    cases: list[tuple[str, bytes]] = []
    for _ in range(12):
        cases += [("hl7", b"\x0b" + lots.randbytes(400) + b"\x1c\r"), ("hl7", lots.randbytes(6000))]
        cases += [("astm", lots.randbytes(6000)), ("astm", b"\x05\x02" + lots.randbytes(300) + b"\x03FF\r\n\x04")]
        cut = lots.randrange(1, len(whole))
        cases += [("hl7", b"\x0b" + whole[:cut] + b"\x1c\r"), ("hl7", b"\x0b" + whole[:cut])]
        broken = bytearray(whole)
        broken[lots.randrange(3, len(broken))] = lots.choice((0, 7, 0x0B, 0x7C, 0xFF, 0x5E))
        cases += [("hl7", b"\x0b" + bytes(broken) + b"\x1c\r")]
        torn = bytearray(b"".join(astm))
        torn[lots.randrange(len(torn))] ^= 1 << lots.randrange(8)
        cases += [("astm", bytes(torn)), ("astm", b"".join(astm)[: lots.randrange(1, len(b"".join(astm)))])]
    for dialect, data in cases:
        answer = await ports.say(dialect, data)
        said = answer[:80]
        if dialect == "hl7":
            assert not answer or b"MSA|A" in answer, f"seed {SEED}: {data[:60]!r} -> {said!r}"
        else:
            assert set(answer) <= set(frames.ACK + frames.NAK + frames.ENQ + frames.EOT), f"seed {SEED}: {said!r}"
    assert await ports.resources() == before, f"seed {SEED}: nonsense became a resource"
    await ports.serve(7)


@pytest.mark.parametrize("field", ["tube", "code", "value", "unit"])
async def test_odd_characters_in_a_field_are_kept_as_words_or_refused(ports: Ports, field: str) -> None:
    """NUL and other control characters, 300 letters, markup, letters of other alphabets: AE, NAK or the tray."""
    before = await ports.resources()
    for number, odd in enumerate(
        ("a\0b", "\x1b[31m", "x" * 300, "<script>", "٠١٢", "²", "😀", "'; drop table x; --", "\u202e")
    ):
        message = hl7_message(f"{field}{number}", **{field: odd})
        answer = await ports.say("hl7", b"\x0b" + message + b"\x1c\r")
        assert b"MSA|A" in answer, f"{field} {odd[:10]!r}: {answer[:80]!r}"
        await ports.say("astm", b"".join(astm_message(f"a{field}{number}", **{field: odd})), steps=True)
    assert await ports.resources() == before
    assert await ports.kept() >= 9, "what could not be used is not kept"
    await ports.serve(8)


async def test_a_frame_with_a_wrong_checksum_gets_nak_and_the_right_one_after_it_ack(ports: Ports) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", ports.astm)
    sent = astm_message("77")
    writer.write(sent[0])
    assert await reader.readexactly(1) == frames.ACK
    wrong = sent[1][:-4] + (b"00" if sent[1][-4:-2] != b"00" else b"11") + b"\r\n"
    writer.write(wrong)
    assert await reader.readexactly(1) == frames.NAK
    for part in sent[1:-1]:
        writer.write(part)
        assert await reader.readexactly(1) == frames.ACK
    writer.write(sent[-1])
    writer.close()
    assert await ports.tray() == 1


async def test_ten_megabytes_are_refused_and_not_held(ports: Ports) -> None:
    before, memory = await ports.resources(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for dialect, start in (("hl7", b"\x0bMSH|^~\\&|SIM-1|"), ("hl7", b""), ("astm", b"\x05\x021"), ("astm", b"\x05")):
        await asyncio.gather(*(ports.say(dialect, start + b"x" * 10_000_000) for _ in range(4)))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    assert grown < 120_000, f"{grown} KB more memory than before"
    assert await ports.resources() == before
    assert all(size <= 200_000 for size in await ports.sizes())
    await ports.serve(9)


async def test_slow_bytes_do_not_hold_up_the_others(ports: Ports) -> None:
    """A sender that gives one byte at a time costs no more than others: a frame of 60 KB in 20,000 pieces."""
    _, writer = await asyncio.open_connection("127.0.0.1", ports.astm)
    writer.write(b"\x05\x021")
    started = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    for _ in range(20_000):
        writer.write(b"xyz")
        await asyncio.sleep(0)
    spent = resource.getrusage(resource.RUSAGE_SELF).ru_utime - started
    writer.close()
    await ports.serve(10)
    assert spent < 10, f"{spent:.0f} s of work for 60 KB"


async def test_half_open_lines_do_not_lock_the_analysers_out(ports: Ports, clinic: Clinic) -> None:
    """Two hundred lines that say nothing, as cables leave them behind: the analyser that comes next is served."""
    assert HOSPITAL
    for port in (ports.hl7, ports.astm):
        hanging = []
        for _ in range(200):
            with contextlib.suppress(OSError):
                hanging.append(await asyncio.open_connection("127.0.0.1", port))
        await ports.serve(11 if port == ports.hl7 else 12, only="hl7" if port == ports.hl7 else "astm")
        for _, writer in hanging:
            writer.close()


async def test_a_line_in_the_middle_of_a_message_is_not_given_up_for_others(ports: Ports) -> None:
    """Only lines that rest are closed when all places are taken; who is sending finishes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", ports.hl7)
    message = b"\x0b" + hl7_message("21") + b"\x1c\r"
    writer.write(message[:40])
    await writer.drain()
    hanging = [await asyncio.open_connection("127.0.0.1", ports.hl7) for _ in range(80)]
    writer.write(message[40:])
    answer = await asyncio.wait_for(reader.readuntil(b"\x1c"), 10)
    assert b"MSA|AA" in answer
    for one in (writer, *(each for _, each in hanging)):
        one.close()
