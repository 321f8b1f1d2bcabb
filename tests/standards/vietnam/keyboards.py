"""Forward Vietnamese input methods for the tests: what a scanner's keys become on the way to the page.

A small model of Telex and VNI: marks go to the last vowel of the current run of letters, a second press
undoes, other characters pass. It is deliberately simpler than a real input method and comes in two forms:
a digit ends the run (as most methods do in Telex) or it does not.
"""

from __future__ import annotations

import unicodedata

VOWELS = set("aăâeêioôơuưyAĂÂEÊIOÔƠUƯY")
TONES_TELEX = {"s": "\u0301", "f": "\u0300", "r": "\u0309", "x": "\u0303", "j": "\u0323"}
TONES_VNI = {"1": "\u0301", "2": "\u0300", "3": "\u0309", "4": "\u0303", "5": "\u0323"}
TONE_MARKS = set(TONES_TELEX.values())


def telex(keys: str, *, digits_end_words: bool = True) -> str:
    """The text that Telex makes of typed keys."""
    out: list[str] = []
    start = 0
    for key in keys:
        low = key.lower()
        if not key.isalpha() and (digits_end_words or not key.isdigit()):
            out.append(key)
            start = len(out)
            continue
        at = _last(out, start, VOWELS) if low in TONES_TELEX else None
        if at is not None:
            if not _toggle(out, at, TONES_TELEX[low]):
                out.append(key)
            continue
        if low in "aeo":
            at = _last(out, start, {low, low.upper()})
            if at is not None and _toggle(out, at, "\u0302"):
                continue
        if low == "d":
            at = _last(out, start, {"d", "D"})
            if at is not None:
                out[at] = "đ" if out[at] == "d" else "Đ"
                continue
        if low == "w":
            at = _last(out, start, set("aouAOU"))
            if at is not None:
                _toggle(out, at, "\u0306" if out[at].lower() == "a" else "\u031b")
                continue
        out.append(key)
    return unicodedata.normalize("NFC", "".join(out))


def vni(keys: str) -> str:
    """The text that VNI makes of typed keys."""
    out: list[str] = []
    start = 0
    shapes = {"6": ("aeo", "\u0302"), "7": ("ou", "\u031b"), "8": ("a", "\u0306")}
    for key in keys:
        if key in TONES_VNI:
            at = _last(out, start, VOWELS)
            if at is not None and _toggle(out, at, TONES_VNI[key]):
                continue
        elif key in shapes:
            letters, mark = shapes[key]
            at = _last(out, start, set(letters + letters.upper()))
            if at is not None and _toggle(out, at, mark):
                continue
        elif key == "9":
            at = _last(out, start, {"d", "D"})
            if at is not None:
                out[at] = "đ" if out[at] == "d" else "Đ"
                continue
        out.append(key)
        if not key.isalpha():
            start = len(out)
    return unicodedata.normalize("NFC", "".join(out))


def _last(out: list[str], start: int, letters: set[str]) -> int | None:
    for index in range(len(out) - 1, start - 1, -1):
        base = unicodedata.normalize("NFD", out[index])[0]
        if out[index] in letters or base in letters:
            return index
    return None


def _toggle(out: list[str], at: int, mark: str) -> bool:
    """Set a mark on a letter; False if it was there, which undoes it and types the key."""
    chars = unicodedata.normalize("NFD", out[at])
    if mark in chars:
        out[at] = unicodedata.normalize("NFC", chars.replace(mark, ""))
        return False
    if mark in TONE_MARKS:
        chars = "".join(char for char in chars if char not in TONE_MARKS)
    out[at] = unicodedata.normalize("NFC", chars + mark)
    return True
