"""One folding of text, for what is stored and for what is asked alike.

Vietnamese letters carry marks that people leave out when they type; `đ` is a letter of its own and
has no mark to strip. NFC and NFD spell the same text with other code points.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# The precomposed letters of Vietnamese and its đ, for the common case in one C call.
_MARKED = {
    "a": "àáảãạăằắẳẵặâầấẩẫậ",
    "e": "èéẻẽẹêềếểễệ",
    "i": "ìíỉĩị",
    "o": "òóỏõọôồốổỗộơờớởỡợ",
    "u": "ùúủũụưừứửữự",
    "y": "ỳýỷỹỵ",
    "d": "đð",
}
_PLAIN = {ord(letter): plain for plain, letters in _MARKED.items() for letter in letters}


@lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """Text without case, marks and doubled white space: `Nguyễn  Văn ĐỨC` -> `nguyen van duc`."""
    folded = " ".join(text.casefold().split())
    if folded.isascii():
        return folded
    folded = unicodedata.normalize("NFC", folded).translate(_PLAIN)
    if folded.isascii():
        return folded
    # Compatibility forms may hide capitals, spaces and marks of their own: `№` is `No`, `¯` a space with a mark.
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", folded).casefold())
    plain = "".join(c for c in parts if not unicodedata.combining(c)).translate(_PLAIN)
    return " ".join(plain.split())


def compose(text: str) -> str:
    """Text in NFC without white space at its ends: what `:exact` compares."""
    return text.strip() if text.isascii() else unicodedata.normalize("NFC", text).strip()
