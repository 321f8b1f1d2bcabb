"""A disk that another program fills: announced, writes refused, reading and its audit go on, no hand needed after."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lienmach.base import postgres
from lienmach.base.settings import Settings
from tests.running_node import Node

SIZE_MB, LOW_MB, FULL_MB, RESERVE_MB = 220, 60, 40, 16


@pytest.fixture
def disk() -> Iterator[Path]:
    """A small file system of its own."""
    folder = Path(tempfile.mkdtemp(prefix="lm-disk-"))
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=755", "tmpfs", str(folder)], capture_output=True
    )
    if made.returncode:
        folder.rmdir()
        pytest.skip("this machine does not let us mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)
    folder.rmdir()


class SmallNode(Node):
    """A node whose home and database lie on the small disk."""

    def __init__(self, disk: Path) -> None:
        super().__init__(disk / "home")
        self.disk = disk
        self.output = disk.with_name(disk.name + ".log")
        self.token = ""

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "LIENMACH_DATABASE_FOLDER": str(self.disk / "database"),
                "LIENMACH_DISK_LOW_MB": str(LOW_MB), "LIENMACH_DISK_FULL_MB": str(FULL_MB),
                "LIENMACH_DISK_RESERVE_MB": str(RESERVE_MB)}  # fmt: skip

    def ask(self, method: str, path: str, body: dict | None = None) -> tuple[int, dict]:
        request = urllib.request.Request(
            f"http://{self.address}{path}", method=method, data=json.dumps(body).encode() if body else None,
            headers={"authorization": f"Bearer {self.token}", "content-type": "application/fhir+json"},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def leave_mb(self, free_mb: int) -> None:
        """Fill the disk, as another program would, up to this much."""
        there = os.statvfs(self.disk)
        surplus = there.f_bavail * there.f_frsize - free_mb * 2**20
        with open(self.disk / "hog", "ab") as hog:
            os.posix_fallocate(hog.fileno(), hog.tell(), surplus)
        time.sleep(1.2)  # the watch looks once a second


@pytest.fixture
def node(disk: Path) -> Iterator[SmallNode]:
    one = SmallNode(disk)
    one.run()
    one.token = one.command("token", "--role", "system").stdout.strip().split()[-1]
    yield one
    if one.process is not None and one.process.poll() is None:
        one.process.terminate()
        one.process.wait(30)
    postgres.destroy(replace(Settings(), home=one.home))
    one.output.unlink(missing_ok=True)


PATIENT = {"resourceType": "Patient", "name": [{"text": "HTEST Nguyễn Thị Mẫu"}],
           "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]}}  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_a_full_disk_is_announced_early_refuses_writes_and_leaves_reading_and_its_audit_alive(node: SmallNode) -> None:
    status, stored = node.ask("POST", "/fhir/Patient", PATIENT)
    assert status == 201
    patient = f"/fhir/Patient/{stored['id']}"
    audits = _audits(node)

    node.leave_mb(LOW_MB - 8)
    assert node.ask("POST", "/fhir/Patient", PATIENT)[0] == 201
    assert node.ask("GET", "/readyz")[1]["disk"]["state"] == "low"
    node.wait(lambda: "Disk space is low" in node.said())

    node.leave_mb(FULL_MB - 8)
    status, outcome = node.ask("POST", "/fhir/Patient", PATIENT)
    assert status == 503 and outcome["resourceType"] == "OperationOutcome"
    assert "disk is full" in outcome["issue"][0]["diagnostics"]
    assert node.ask("GET", patient)[0] == 200

    node.leave_mb(1)
    node.wait(lambda: node.ask("GET", "/readyz")[1]["disk"]["reserve"] == "given")
    for _ in range(20):
        assert node.ask("GET", patient)[0] == 200
    assert _audits(node) > audits + 20
    assert node.ask("PUT", patient, {**PATIENT, "id": stored["id"]})[0] == 503

    (node.disk / "hog").unlink()
    node.wait(lambda: node.ask("POST", "/fhir/Patient", PATIENT)[0] == 201)
    node.wait(lambda: node.ask("GET", "/readyz")[1]["disk"]["reserve"] == "held")


def _audits(node: SmallNode) -> int:
    status, bundle = node.ask("GET", "/fhir/AuditEvent?_summary=count&_total=accurate")
    assert status == 200
    return int(bundle["total"])
