"""The figures as a table for people and as JSON for machines, with what the machine did besides."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """What it ran on, and how busy that was."""
    model = memory_mb = ""
    try:
        model = next(
            (
                line.partition(":")[2].strip()
                for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")
            ),
            "",
        )
        memory_mb = str(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20)
    except OSError:
        pass
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": model,
        "memory_mb": memory_mb,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load": load(),
    }


def load() -> list[float]:
    return [round(one, 2) for one in os.getloadavg()]


class Report:
    """Collects figures; `line` shows each as soon as it is there."""

    def __init__(self) -> None:
        self.figures: dict[str, Any] = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": " ".join(sys.argv[1:]),
            "machine": machine(),
            "workloads": {},
            "single": {},
            "growth": {},
            "start": {},
            "memory": {},
            "day": {},
        }

    def heading(self, text: str) -> None:
        print(f"\n{text}", flush=True)

    def workload(
        self,
        name: str,
        title: str,
        *,
        cpu_ms: float,
        budget: float,
        moonshot: float,
        rate: float,
        p50: float,
        p99: float,
        count: int,
        failures: dict[int, int],
        note: str = "",
    ) -> None:
        """One row of the budget table; p50 and p99 in ms, `nan` where there is no request."""
        mark = "✓" if cpu_ms <= budget and not failures else "✗"
        star = " ★" if cpu_ms <= moonshot and not failures else ""
        self.figures["workloads"][name] = {
            "cpu_ms": round(cpu_ms, 4),
            "budget_ms": budget,
            "moonshot_ms": moonshot,
            "within": mark == "✓",
            "per_second": round(rate, 1),
            "p50_ms": _number(p50),
            "p99_ms": _number(p99),
            "count": count,
            "failures": failures,
            "load": load(),
        }
        print(
            f"  {mark} {title:34} {cpu_ms:8.3f} ms   budget {budget:5.2f}   {rate:9,.0f}/s   p50 {p50:7.1f}   "
            f"p99 {p99:7.1f} ms{star}{note}" + (f"   FAILED {failures}" if failures else ""),
            flush=True,
        )

    def single(self, name: str, title: str, *, cpu_ms: float, rate: float, p50: float, p99: float) -> None:
        self.figures["single"][name] = {
            "cpu_ms": round(cpu_ms, 4),
            "per_second": round(rate, 1),
            "p50_ms": _number(p50),
            "p99_ms": _number(p99),
        }
        print(
            f"    {title:34} {cpu_ms:8.3f} ms                  {rate:9,.0f}/s   p50 {p50:7.2f}   p99 {p99:7.2f} ms",
            flush=True,
        )

    def budgeted(self, room: str, name: str, title: str, value: float, budget: float | None, unit: str) -> None:
        """One figure with a budget, such as a start time."""
        within = None if budget is None else value <= budget
        self.figures[room][name] = {"value": round(value, 3), "budget": budget, "unit": unit, "within": within}
        shown = "" if budget is None else f"   budget {budget:g}"
        print(
            f"  {' ' if within is None else '✓' if within else '✗'} {title:34} {value:8.2f} {unit}{shown}", flush=True
        )

    def answer(
        self,
        name: str,
        title: str,
        *,
        one: tuple[float, float, float],
        several: tuple[float, float, float],
        budget: float,
        cpu_ms: float,
        weight: int,
        weight_max: int,
        failures: list[str],
    ) -> None:
        """One screen: (p50, p95, max) in ms of one browser and of eight; weight in bytes, 0 for a part of a page."""
        mark = "✓" if one[1] <= budget and not failures else "✗"
        heavy = "" if not weight else f"   {weight:,} bytes {'✓' if weight <= weight_max else '✗'}"
        self.figures["day"][name] = {
            "one_ms": [_number(value) for value in one],
            "eight_ms": [_number(value) for value in several],
            "budget_ms": budget,
            "cpu_ms": _number(cpu_ms),
            "within": mark == "✓",
            "weight_bytes": weight or None,
            "failures": failures[:5],
            "load": load(),
        }
        print(
            f"  {mark} {title:32} p50 {one[0]:6.1f}  p95 {one[1]:6.1f}  max {one[2]:6.1f} ms   eight at once: "
            f"p50 {several[0]:6.1f}  p95 {several[1]:6.1f} ms   CPU {cpu_ms:5.1f} ms{heavy}",
            flush=True,
        )
        for text in failures[:3]:
            print(f"      {len(failures)} failed: {text}", flush=True)

    def growth(
        self, patients: int, found: dict[str, tuple[float, float]], first: dict[str, tuple[float, float]]
    ) -> None:
        """p50 and CPU in ms of each search at this size, and their ratios to the first size."""
        self.figures["growth"][str(patients)] = {
            name: {"p50_ms": round(p50, 3), "cpu_ms": round(cpu, 3)} for name, (p50, cpu) in found.items()
        }
        print(f"    {patients:>7,} patients   load {load()[0]}", flush=True)
        for name, (p50, cpu) in found.items():
            print(
                f"        {name.removeprefix('search_'):20} p50 {p50:7.2f} ms ×{p50 / first[name][0]:.2f}   "
                f"CPU {cpu:7.3f} ms ×{cpu / first[name][1]:.2f}",
                flush=True,
            )

    def save(self, path: Path) -> None:
        self.figures["machine"]["load_after"] = load()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.figures, ensure_ascii=False, indent=1) + "\n", "utf-8")
        print(f"\nAll figures: {path}   load of this machine {self.figures['machine']['load']} -> {load()}", flush=True)


def _number(value: float) -> float | None:
    return None if value != value else round(value, 3)
