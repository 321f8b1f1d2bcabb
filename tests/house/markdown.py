"""Our own pages as the tests read them: headings, sections, links, and the names of files and commands in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tests.house import source

_FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")


@dataclass(frozen=True)
class Page:
    """One Markdown file. sections: heading text -> everything below it, down to the next heading of its height or less."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return self.path.relative_to(source.ROOT).as_posix()

    @property
    def prose(self) -> str:
        """The text without fenced blocks."""
        return _FENCE.sub("", self.text)

    @property
    def sections(self) -> dict[str, str]:
        lines = self.prose.splitlines()
        heads = [
            (index, len(line) - len(line.lstrip("#")), line.lstrip("#").strip())
            for index, line in enumerate(lines)
            if re.match(r"#{1,6} ", line)
        ]
        found = {}
        for place, (start, depth, title) in enumerate(heads):
            end = next((index for index, other, _ in heads[place + 1 :] if other <= depth), len(lines))
            found[title] = "\n".join(lines[start + 1 : end])
        return found

    @property
    def anchors(self) -> set[str]:
        """The fragments that links to this page may carry."""
        return {anchor(title) for title in self.sections}

    @property
    def links(self) -> list[str]:
        return _LINK.findall(self.prose)


def anchor(title: str) -> str:
    """The fragment that a heading gets: lower case, words joined by `-`, other signs dropped."""
    plain = re.sub(r"[`*]", "", title).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


@lru_cache(maxsize=1)
def pages() -> tuple[Page, ...]:
    """README.md and everything below docs/."""
    found = [source.ROOT / "README.md", *source.files("docs", ending=".md")]
    return tuple(Page(path, path.read_text(encoding="utf-8")) for path in found if path.is_file())


def page(name: str) -> Page:
    """One page by its path below the root. Fails with a sentence if it is not there."""
    path = source.ROOT / name
    assert path.is_file(), f"Write {name}"
    return Page(path, path.read_text(encoding="utf-8"))
