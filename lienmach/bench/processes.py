"""CPU time and memory of a process with all its descendants, from /proc."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Memory:
    """In MB. pss: shared pages counted by their share (0 where we may not look); rss: as each process sees it."""

    processes: int
    pss_mb: float
    rss_mb: float


def cpu_seconds(root: int) -> float:
    """User and system time of the tree under `root`, of its ended and reaped children too."""
    return sum(sum(map(int, fields[11:15])) for fields in _tree(root).values()) * _TICK


def memory(root: int) -> Memory:
    """What the tree holds now."""
    pids = _tree(root)
    pss = sum(_pss_kb(pid) for pid in pids) / 1024
    rss = sum(int(fields[21]) * _PAGE for fields in pids.values()) / 2**20
    return Memory(len(pids), round(pss, 1), round(rss, 1))


def wait_idle(root: int, *, share: float = 0.05, seconds_max: float = 60.0) -> bool:
    """Wait until the tree uses less than `share` of one core for a second."""
    until = time.monotonic() + seconds_max
    while time.monotonic() < until:
        before = cpu_seconds(root)
        time.sleep(1.0)
        if cpu_seconds(root) - before < share:
            return True
    return False


def pids(root: int) -> list[int]:
    """The numbers of the processes under `root` and its own."""
    return list(_tree(root))


def _tree(root: int) -> dict[int, list[str]]:
    """pid -> fields of /proc/<pid>/stat after the name, of `root` and its descendants."""
    found: dict[int, list[str]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                found[int(name)] = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
    chosen, size = {root}, 0
    while len(chosen) != size:
        size = len(chosen)
        chosen |= {pid for pid, fields in found.items() if int(fields[1]) in chosen}
    return {pid: found[pid] for pid in chosen if pid in found}


def _pss_kb(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
