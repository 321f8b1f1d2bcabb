"""The node of Story 1: as `lienmach run` starts it for a first look, with demo clinic, demo logins and simulators."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from lienmach.commands import connections_file
from tests.running_node import ROOT, Node

ANALYSER = "SIM-1"  # how the simulated analyser calls itself


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class StoryNode(Node):
    """A demo node with analyser ports of its own, without the many demo people, and an analyser beside it."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.mllp, self.astm = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.analyser_port = free_port()
        self.analyser: subprocess.Popen[str] | None = None
        self._token = ""

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "LIENMACH_MLLP": self.mllp, "LIENMACH_ASTM": self.astm}

    def run(self) -> subprocess.Popen[str]:
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "demo-filled").touch()  # the story needs nobody but its own people
        process = self.start("run")
        self.wait(lambda: "Ready after" in self.said() and "sms  " in self.said())
        return process

    @property
    def password(self) -> str:
        """Of every demo login."""
        return (self.home / "demo-password.txt").read_text("utf-8").strip()

    @property
    def pin(self) -> str:
        """To sign, of every demo login."""
        return (self.home / "demo-pin.txt").read_text("utf-8").strip()

    def simulator(self, name: str) -> dict[str, Any]:
        """What a simulator remembers: insurance, prescription, sms, bank or einvoice."""
        return dict(self.ask_simulator(name, "/_state"))

    def ask_simulator(self, name: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What a simulator answers to a GET, or to a POST of `body`."""
        url = connections_file.read(self.home)[f"LIENMACH_{name.upper()}_URL"]
        return _read(url + path, json.dumps(body).encode() if body is not None else None)

    def start_analyser(self) -> None:
        """The analyser as its own process, which speaks HL7 v2 to this node."""
        log = open(self.home.with_name(self.home.name + "-analyser.log"), "w")
        self.analyser = subprocess.Popen(
            [sys.executable, "-m", "lienmach", "simulate", "analyser", "--port", str(self.analyser_port),
             "--with", f"name={ANALYSER}", "--with", f"mllp={self.mllp}", "--with", f"astm={self.astm}"],
            stdout=log, stderr=log, text=True, cwd=ROOT, env=self.environment(),
        )  # fmt: skip
        self.wait(self._analyser_answers)

    def measure(self, tube: str, results: dict[str, str]) -> str:
        """Let the analyser send results for a tube; what the laboratory system acknowledged, such as `AA`."""
        url = f"http://127.0.0.1:{self.analyser_port}/send"
        return str(_read(url, json.dumps({"tube": tube, "results": results}).encode())["answer"])

    def fhir(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One interaction of a connected system with the FHIR API."""
        self._token = self._token or self.command("token", "--role", "system").stdout.strip()
        request = urllib.request.Request(
            f"http://{self.address}/fhir/{path}",
            json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={"authorization": f"Bearer {self._token}", "content-type": "application/fhir+json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as problem:
            raise AssertionError(f"{method} {path}: {problem.code} {problem.read().decode()}") from None

    def resources(self, query: str) -> list[dict[str, Any]]:
        """The resources of a search, such as `Observation?patient=…`."""
        found = self.fhir("GET", query)
        assert not [one for one in found.get("link", []) if one["relation"] == "next"], f"{query}: more than one page"
        return [one["resource"] for one in found.get("entry", [])]

    def stop(self) -> None:
        """End what was started here, and nothing else."""
        for process in (self.analyser, self.process):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(30)

    def _analyser_answers(self) -> bool:
        try:
            return bool(_read(f"http://127.0.0.1:{self.analyser_port}/_state")["name"] == ANALYSER)
        except OSError:
            return False


def _read(url: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(url, body, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
