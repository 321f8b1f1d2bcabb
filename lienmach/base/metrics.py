"""What a node counts, as Prometheus text (text format 0.0.4).

One process counts for itself. With several web workers the supervisor names a folder in
PROMETHEUS_MULTIPROC_DIR, where the client library adds the processes up. Labels are names of ours
(routes as templates, kinds), never ids, so that their number stays small and nobody is named.
"""

from __future__ import annotations

import functools
import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REGISTRY = CollectorRegistry()

ANSWERS = Counter(
    "lienmach_answers", "Answers by route, method and status.", ("route", "method", "status"), registry=REGISTRY
)
ANSWER_SECONDS = Histogram(
    "lienmach_answer_seconds", "Time to answer by route.", ("route",), buckets=_BOUNDS, registry=REGISTRY
)
COMMITS = Counter("lienmach_commits", "Commits by outcome.", ("outcome",), registry=REGISTRY)
COMMIT_UNITS = Counter("lienmach_commit_units", "Units of work that commits carried.", registry=REGISTRY)
JOBS = Counter("lienmach_jobs", "Jobs by kind and outcome.", ("kind", "outcome"), registry=REGISTRY)
JOBS_WAITING = Gauge(
    "lienmach_jobs_waiting", "Jobs not done yet by kind.", ("kind",), registry=REGISTRY, multiprocess_mode="max"
)
JOBS_DEAD = Gauge(
    "lienmach_jobs_dead", "Jobs put aside for a person by kind.", ("kind",), registry=REGISTRY, multiprocess_mode="max"
)
JOBS_OLDEST_SECONDS = Gauge(
    "lienmach_jobs_oldest_seconds", "How long the oldest due job has waited.", ("kind",), registry=REGISTRY,
    multiprocess_mode="max",
)  # fmt: skip
DISK_FREE_BYTES = Gauge(
    "lienmach_disk_free_bytes", "Free space for writes.", registry=REGISTRY, multiprocess_mode="min"
)
DISK_STATE = Gauge(
    "lienmach_disk_state", "0 ok, 1 low, 2 full: writes are refused.", registry=REGISTRY, multiprocess_mode="max"
)
READY = Gauge("lienmach_ready", "1 if every part that is needed answers.", registry=REGISTRY, multiprocess_mode="min")


@functools.lru_cache(maxsize=4096)
def _answers(route: str, method: str, status: int) -> tuple[Counter, Histogram]:
    return ANSWERS.labels(route, method, str(status)), ANSWER_SECONDS.labels(route)


def count_answer(route: str, method: str, status: int, seconds: float) -> None:
    """One answer of a route (its name or pattern, never its ids)."""
    counter, histogram = _answers(route, method, status)
    counter.inc()
    histogram.observe(seconds)


def text() -> bytes:
    """All counts of this node."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)
        return generate_latest(together)
    return generate_latest(REGISTRY)
