"""The narrative of a resource made harmless: a short list of tags without attributes, all else as text.

(FHIR R4 narrative.html) What arrives is other people's XHTML; it is taken apart and written anew, never passed on.
"""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

_TAGS = frozenset(
    """b big blockquote br caption cite code dd div dl dt em h3 h4 h5 h6 hr i li ol p pre small span strong
sub sup table tbody td tfoot th thead tr u ul""".split()
)
_EMPTY = frozenset({"br", "hr"})
_SILENT = frozenset({"script", "style", "head", "title", "iframe", "object", "svg", "math", "template"})
_LENGTH_MAX = 200_000


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.open: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self.silent += 1
        elif tag in ("h1", "h2"):
            self._start("h3")
        elif not self.silent and tag in _TAGS:
            self._start(tag)

    def _start(self, tag: str) -> None:
        self.out.append(f"<{tag}>")
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.silent and tag in _EMPTY:
            self.out.append(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        tag = "h3" if tag in ("h1", "h2") else tag
        if tag in _SILENT:
            self.silent = max(0, self.silent - 1)
        elif tag in self.open:
            while self.open:
                last = self.open.pop()
                self.out.append(f"</{last}>")
                if last == tag:
                    break

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.out.append(escape(data))


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def clean(html: str) -> str:
    """Harmless HTML of a narrative: balanced tags of the list, no attributes, no scripts, no links, no pictures."""
    cleaner = _Cleaner()
    cleaner.feed(html[:_LENGTH_MAX])
    cleaner.close()
    return "".join(cleaner.out) + "".join(f"</{tag}>" for tag in reversed(cleaner.open))


def text(html: str) -> str:
    """Only the words of a narrative."""
    parser = _Words()
    parser.feed(html[:_LENGTH_MAX])
    parser.close()
    return " ".join(" ".join(parser.words).split())
