"""Every word on screen has its English, and no sentence is glued together."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import lienmach
from lienmach.web import words

PACKAGE = Path(lienmach.__file__).parent
_CALL = re.compile(r"""\b_\(\s*(?:"([^"]+)"|'([^']+)')""")
_VIETNAMESE = re.compile("[ăâđêôơưạảãáàậấầẩẫắằẳẵặẹẻẽéèệếềểễịỉĩíìọỏõóòộốồổỗợớờởỡụủũúùựứừửữỵỷỹýỳ]", re.IGNORECASE)
#: Files whose Vietnamese is chosen by language in the code, beside the English.
_BILINGUAL = frozenset({"values.py", "fhir_words.py", "card.py", "roles.py"})


def said() -> Iterator[tuple[str, str]]:
    """(text, where) of all words that pages translate."""
    for file in PACKAGE.rglob("templates/*.html"):
        for found in _CALL.finditer(file.read_text("utf-8")):
            yield found[1] or found[2], file.name
    for folder in ("web", "departments"):
        for file in (PACKAGE / folder).rglob("*.py"):
            if file.name not in _BILINGUAL:
                yield from ((text, file.name) for text in _constants(file) if _VIETNAMESE.search(text))


def _constants(file: Path) -> Iterator[str]:
    tree = ast.parse(file.read_text("utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def test_every_word_on_screen_has_its_english() -> None:
    english = words.catalogue("en")
    missing = sorted({f"{where}: {text}" for text, where in said() if text not in english})
    assert not missing, "Add these to web/words/en.po:\n" + "\n".join(missing)


def test_a_translation_has_the_same_places_to_fill() -> None:
    for source, english in words.catalogue("en").items():
        assert set(re.findall(r"{(\w+)}", source)) == set(re.findall(r"{(\w+)}", english)), source


def test_a_text_without_english_stays_vietnamese() -> None:
    assert words.text("en", "Chưa dịch {count}", count=2) == "Chưa dịch 2"
    assert words.text("vi", "Tìm người bệnh") == "Tìm người bệnh"
    assert words.text("en", "Tìm người bệnh") == "Find a person"
