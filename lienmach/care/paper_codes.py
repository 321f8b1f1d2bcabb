"""QR and Code 128 as SVG text, for templates to place. Drawn here, because a template has no libraries."""

from __future__ import annotations

from typing import Any

import segno
from barcode.codex import Code128

QR_CHARACTERS_MAX = 600
BARCODE_CHARACTERS_MAX = 40


def drawn(data: dict[str, Any]) -> dict[str, Any]:
    """{qr, barcode: SVG text, bars: modules of the barcode with its quiet zones} for those texts that `data` has.

    Raises ValueError for a text that is too long or that Code 128 cannot carry.
    """
    found: dict[str, Any] = {}
    if text := data.get("qr", ""):
        found["qr"] = qr(text)
    if text := data.get("barcode", ""):
        found["barcode"], found["bars"] = barcode(text)
    return found


def qr(text: str) -> str:
    """A QR code, error correction M, with its quiet zone."""
    if len(text) > QR_CHARACTERS_MAX:
        raise ValueError(f"a QR code of {len(text)} letters cannot be read on paper")
    code = segno.make(text, error="m", micro=False, boost_error=False)
    size = int(code.symbol_size(border=2)[0])
    squares = "".join(
        f"M{x} {y}h1v1h-1z"
        for y, row in enumerate(code.matrix_iter(border=2))
        for x, is_dark in enumerate(row)
        if is_dark
    )
    return _svg(size, size, squares)


def barcode(text: str) -> tuple[str, int]:
    """(Code 128 with quiet zones of ten modules, number of modules)."""
    if not text.isascii() or not text.isprintable() or len(text) > BARCODE_CHARACTERS_MAX:
        raise ValueError("a barcode takes at most 40 plain letters and digits")
    (modules,) = Code128(text).build()
    bars = "0" * 10 + modules + "0" * 10
    lines = "".join(f"M{x} 0h1v10h-1z" for x, bar in enumerate(bars) if bar == "1")
    return _svg(len(bars), 10, lines), len(bars)


def _svg(width: int, height: int, path: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'preserveAspectRatio="none" shape-rendering="crispEdges"><path d="{path}"/></svg>'
    )
