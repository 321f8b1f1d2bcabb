"""Progress of a long command on stderr: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TextIO

_BAR_WIDTH = 30
_BAR_EVERY_SECONDS = 0.1
_LINE_EVERY_SECONDS = 5.0


class Progress:
    """of: the whole; words of each report say what stands beside it."""

    def __init__(self, of: int, *, to: TextIO | None = None) -> None:
        self.of = of
        self._to = to if to is not None else sys.stderr
        self._bar = self._to.isatty()
        self._next = time.monotonic() + (0 if self._bar else _LINE_EVERY_SECONDS)
        self._shown = ""

    def report(self, done: int, words: str) -> None:
        """Show `done` of the whole, unless something was shown just now."""
        if time.monotonic() < self._next:
            return
        share = min(done / self.of, 1.0) if self.of else 1.0
        if self._bar:
            self._next = time.monotonic() + _BAR_EVERY_SECONDS
            filled = round(share * _BAR_WIDTH)
            self._show(f"[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] {share:4.0%}  {words}")
        else:
            self._next = time.monotonic() + _LINE_EVERY_SECONDS
            print(f"{share:4.0%}  {words}", file=self._to, flush=True)

    def end(self) -> None:
        """Take the bar away; what follows starts on an empty line."""
        if self._bar and self._shown:
            self._show("")
            print("\r", end="", file=self._to, flush=True)

    def _show(self, text: str) -> None:
        print("\r" + text + " " * max(0, len(self._shown) - len(text)), end="", file=self._to, flush=True)
        self._shown = text
