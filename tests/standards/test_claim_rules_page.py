"""The page of the claim rules says what the list says, and the sentences of findings have English."""

from __future__ import annotations

import ast
from pathlib import Path

from lienmach.standards.bhxh.rules import check
from lienmach.web import words
from tests.standards import claim_rules_page


def _sentences() -> set[str]:
    """Every Vietnamese sentence in the rules: a constant that ends with a full stop and is no docstring."""
    found = set()
    for file in sorted(Path(str(check.__file__)).parent.glob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
                if node.value.endswith(".") and " " in node.value:
                    found.add(node.value)
    return found


def test_the_page_of_the_rules_agrees_with_the_list() -> None:
    assert claim_rules_page.PAGE.read_text(encoding="utf-8") == claim_rules_page.text(), (
        f"Run `{claim_rules_page.COMMAND}` and commit docs/reference/claim-rules.md"
    )


def test_every_sentence_of_a_finding_has_its_english() -> None:
    said = _sentences()
    assert len(said) > 200
    assert not sorted(said - words.catalogue("en").keys())
