"""Folding: however a Vietnamese text is typed or composed, it folds to the same plain words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienmach.standards.fhir.folding import compose, fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Nguyễn Văn An", "nguyen van an"),
        ("ĐỖ THỊ  HƯỜNG", "do thi huong"),
        ("Đặng  Thùy\tTrâm ", "dang thuy tram"),
        ("Ỷ Y ỹ", "y y y"),
        ("Straße", "strasse"),
        ("Ångström", "angstrom"),
        ("Phạm Ngọc Thạch", "pham ngoc thach"),
        ("", ""),
        ("123/4A", "123/4a"),
        ("İ", "i"),
        ("北京", "北京"),
    ],
)
def test_marks_case_and_spaces_fold_away(text: str, folded: str):
    assert fold(text) == folded


@given(st.text(max_size=40))
def test_composed_and_decomposed_text_folds_alike(text: str):
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing(text: str):
    assert fold(fold(text)) == fold(text)


def test_composing_makes_both_spellings_of_a_name_equal_and_keeps_its_marks():
    assert compose(unicodedata.normalize("NFD", " Trần Đức ")) == "Trần Đức"
