"""The press: child processes that compile templates (paper_compiler.py), kept warm, two at most.

Each job has a wall-clock limit; a child that passes it is killed, and so is one that dies of its memory or processor
limit. The children know no loop and no request: threads talk to them. They end when this process ends, because their
standard input ends with it.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lienmach.base import errors
from lienmach.care import paper_compiler

CHILDREN_MAX = 2
JOBS_MAX = 500  # of one child: the compiler remembers what it has laid out
WALL_SECONDS = 10.0
_START_SECONDS = 30.0
_PLACE = re.compile(r"[┌├]─ .*?:(\d+):(\d+)\s*$", re.MULTILINE)
_SCRIPT = Path(__file__).with_name("paper_compiler.py")


@dataclass(frozen=True)
class Fault:
    """What is wrong in a template. line: counted from 1 in the source that was handed in; 0 if it cannot be told."""

    line: int
    column: int
    text: str
    hint: str = ""


class TemplateFault(errors.Invalid):
    """The template cannot be compiled. faults: at least one. is_limit: it took too long or too much memory."""

    def __init__(self, faults: list[Fault], *, is_limit: bool = False) -> None:
        super().__init__("; ".join(f"{one.line}: {one.text}" if one.line else one.text for one in faults))
        self.faults = faults
        self.is_limit = is_limit


@dataclass(frozen=True)
class Job:
    """One document to make. prelude: what stands in front of the source; its lines are not counted in faults.

    timestamp: seconds since 1970 that the document names as its date; nothing else in it knows the time.
    """

    source: str
    inputs: dict[str, str]
    prelude: str = ""
    format: str = "pdf"
    ppi: int | None = None
    standards: tuple[str, ...] = ()
    timestamp: int = 0


class _Dead(Exception):
    """The child ended in the middle. is_late: we ended it, for it took too long."""

    def __init__(self, is_late: bool) -> None:
        self.is_late = is_late


class _Child:
    """One process and the pipe to it."""

    def __init__(self) -> None:
        self.jobs = 0
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C.UTF-8", "RAYON_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
            cwd="/",
        )
        self._answer(_START_SECONDS)

    def ask(self, message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """(answer, document). Raises _Dead."""
        self.jobs += 1
        text = json.dumps(message).encode()
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(len(text).to_bytes(4, "big") + text)
            self._process.stdin.flush()
        except OSError:
            self.end()
            raise _Dead(False) from None
        return self._answer(WALL_SECONDS)

    def end(self) -> None:
        """Kill it, if it lives."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _answer(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        is_late = threading.Event()

        def stop() -> None:
            is_late.set()
            self._process.kill()

        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            answer: dict[str, Any] = json.loads(self._part())
            return answer, self._part()
        except (OSError, ValueError):
            self.end()
            raise _Dead(is_late.is_set()) from None
        finally:
            timer.cancel()

    def _part(self) -> bytes:
        assert self._process.stdout is not None
        head = self._process.stdout.read(4)
        size = int.from_bytes(head, "big")
        if len(head) < 4 or size > paper_compiler.OUTPUT_BYTES_MAX:
            raise ValueError("the child is gone")
        part = self._process.stdout.read(size)
        if len(part) < size:
            raise ValueError("the child is gone")
        return part


class Press:
    """The children of this process. One thread for each; jobs wait in the order in which they come."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=CHILDREN_MAX, thread_name_prefix="paper")
        self._own = threading.local()

    async def run(self, job: Job) -> bytes:
        """The document. Raises TemplateFault."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, job)

    def _run(self, job: Job) -> bytes:
        message = {
            "source": job.prelude + "\n" + job.source,
            "inputs": job.inputs,
            "format": job.format,
            "ppi": job.ppi,
            "standards": list(job.standards),
            "timestamp": job.timestamp,
        }
        while True:
            child: _Child | None = getattr(self._own, "child", None)
            if child is None:
                child = self._own.child = _Child()
            is_fresh = child.jobs == 0
            try:
                answer, document = child.ask(message)
            except _Dead as dead:
                self._own.child = None
                if is_fresh or dead.is_late:
                    raise TemplateFault([Fault(0, 0, _LIMIT)], is_limit=True) from None
                continue  # an old child may have died of what it remembered; a fresh one decides
            if child.jobs >= JOBS_MAX:
                child.end()
                self._own.child = None
            if "error" in answer:
                raise TemplateFault([_fault(answer, job.prelude.count("\n") + 1)])
            return document


_LIMIT = "The template takes too long or needs too much memory; look for a loop without an end."


def _fault(answer: dict[str, Any], lines_before: int) -> Fault:
    """The first place of the diagnostic that lies in the source itself."""
    for found in _PLACE.finditer(answer["diagnostic"]):
        if (line := int(found[1]) - lines_before) > 0:
            return Fault(line, int(found[2]), answer["error"], " ".join(answer["hints"]))
    return Fault(0, 0, answer["error"], " ".join(answer["hints"]))


@lru_cache(maxsize=1)
def press() -> Press:
    """The press of this process; its children start with the first paper."""
    return Press()
