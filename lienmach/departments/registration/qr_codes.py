"""QR codes as SVG for pages: one path, no style, so that the page's content policy lets it stand."""

from __future__ import annotations

import io

import segno
from markupsafe import Markup


def svg(text: str) -> Markup:
    """The QR code of a text (error correction M) as inline SVG, black on white with its quiet zone."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", border=3, xmldecl=False, svgns=False, dark="#000", light="#fff", omitsize=True
    )
    return Markup(out.getvalue().decode())  # made here from digits and a path; nothing of a person is in it
