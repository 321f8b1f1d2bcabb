"""Words on screen: Vietnamese is the source text; `words/en/` holds the English of each, one file a department.

A sentence with values in it has named places, `{name}`, filled after translation; nothing is glued together.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from babel.messages.pofile import read_po

LANGUAGES = ("vi", "en")
_FOLDER = Path(__file__).parent / "words"


@lru_cache(maxsize=4)
def catalogue(language: str) -> dict[str, str]:
    """Source text -> text of this language; empty for Vietnamese."""
    if language == "vi":
        return {}
    found: dict[str, str] = {}
    for path in sorted((_FOLDER / language).glob("*.po")):
        with open(path, "rb") as file:
            found |= {
                str(message.id): str(message.string) for message in read_po(file) if message.id and message.string
            }
    return found


def text(language: str, source: str, **values: object) -> str:
    """The text in this language, with its places filled; an untranslated text stays Vietnamese."""
    found = catalogue(language).get(source, source) if source else ""
    return found.format(**values) if values else found
