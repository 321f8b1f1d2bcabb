"""Runs a journey and notes the files of the package in the order in which it first enters them."""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Any

from tests.house import source

_HERE = str(source.ROOT / source.PACKAGE) + "/"
#: Files that other tasks of the process enter by themselves now and then.
_BYSTANDERS = frozenset({"record/reindex.py", "base/disk.py"})
#: The ground under every step: looked at everywhere, so that a place in the order would say nothing.
_GROUND = (
    "base/clock.py",
    "base/ids.py",
    "base/db.py",
    "standards/fhir/definitions/",
    "standards/fhir/folding.py",
    "identity/rows.py",
)
#: Files that work as one thing are one row: what a name begins with -> the row.
_TOGETHER = {
    "record/index/": "record/index/",
    "standards/vietnam/": "standards/vietnam/",
    "standards/fhir/path": "standards/fhir/path.py",
    "standards/fhir/primitives": "standards/fhir/validate.py",
    "standards/fhir/references": "standards/fhir/validate.py",
    "standards/fhir/contained": "standards/fhir/validate.py",
    "record/snapshot": "record/snapshot.py",
    "record/points": "record/snapshot.py",
    "record/choice": "record/plan.py",
    "record/walk": "record/plan.py",
    "record/need": "record/criteria.py",
    "record/contained": "record/criteria.py",
    "record/rowsets": "record/committer.py",
    "record/frames": "record/audit.py",
}


class Traced:
    """`with Traced() as journey:` … `journey.files`: `record/write.py` and so on, each once.

    Functions count, importing a module does not: what is loaded is not what is passed through.
    """

    def __init__(self) -> None:
        self.files: list[str] = []
        self._seen: set[str] = set()

    def __enter__(self) -> Traced:
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code.co_filename in self._seen or code.co_name == "<module>":
            return
        if code.co_filename.startswith(_HERE):
            self._seen.add(code.co_filename)
            name = _row_of(code.co_filename[len(_HERE) :])
            if name and name not in self.files:
                self.files.append(name)


def _row_of(name: str) -> str:
    """The row that stands for a file, "" for none."""
    if name in _BYSTANDERS or name.startswith(_GROUND):
        return ""
    return next((row for start, row in _TOGETHER.items() if name.startswith(start)), name)
