"""The file by which a running demo node tells commands beside it who plays its portals; it holds nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

FILE = "demo-connections.json"  # in the home: the environment that names the simulators, and the process that wrote it


def write(home: Path, environment: Mapping[str, str]) -> None:
    """Tell commands beside a node who plays its portals; readable by the owner of the home only."""
    home.mkdir(parents=True, exist_ok=True)
    file = home / FILE
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump({"pid": os.getpid(), "environment": dict(environment)}, out)


def read(home: Path) -> dict[str, str]:
    """The environment that a running node wrote, {} if no such node runs."""
    try:
        said = json.loads((home / FILE).read_text(encoding="utf-8"))
        os.kill(int(said["pid"]), 0)
        return {str(name): str(value) for name, value in said["environment"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
