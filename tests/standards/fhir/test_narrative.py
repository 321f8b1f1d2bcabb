"""The narrative lets through what FHIR allows, and nothing that acts in a browser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienmach.standards.fhir import narrative

XMLNS = 'xmlns="http://www.w3.org/1999/xhtml"'


def div(inner: str) -> str:
    return f"<div {XMLNS}>{inner}</div>"


@pytest.mark.parametrize(
    "inner",
    [
        "Nguyễn Văn An",
        "<p>x</p>",
        "<table border='1'><tbody><tr><td colspan='2'>x</td></tr></tbody></table>",
        "<a href='https://example.org'>x</a>",
        "<a href='#here' name='x'>x</a>",
        "<a href='Patient/1'>x</a>",
        "<img src='https://example.org/x.png' alt=''/>",
        "<img src='data:image/png;base64,AAAA'/>",
        "<span style='color: red; width: 10px' class='x' lang='vi' xml:lang='vi'>x</span>",
        "&amp; &lt; &#160; &#x1F600; x",
        "<!-- a comment --> x",
        "<![CDATA[<script>]]>",
        "<b>" * 190 + "x" + "</b>" * 190,
    ],
)
def test_plain_html_is_taken(inner: str) -> None:
    assert narrative.problem(div(inner)) is None


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "",
        "<div>x</div>",
        '<div xmlns="http://example.org">x</div>',
        f"<p {XMLNS}>x</p>",
        div("x") + div("y"),
        div(""),
        div("  \n "),
        div("<p></p><!-- x -->"),
        div("<img alt='x'/>"),
        div("<p>x"),
        div("x</p>"),
        div("<br>x"),
        div("&nbsp;x"),
        div("&xxe;x"),
        div("& x"),
        div("<script>alert(1)</script>"),
        div("<SCRIPT>x</SCRIPT>"),
        div("<iframe src='https://x'/>x"),
        div("<form/>x"),
        div("<object data='x'/>x"),
        div("<link href='x'/>x"),
        div("<base href='x'/>x"),
        div("<style>x</style>"),
        div("<input value='x'/>x"),
        div("<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>x"),
        div("<body>x</body>"),
        div("<math xmlns='http://www.w3.org/1998/Math/MathML'/>x"),
        div("<x:p xmlns:x='http://x'>x</x:p>"),
        div("<p onclick='x'>x</p>"),
        div("<p ONCLICK='x'>x</p>"),
        div("<img src='x' onerror='alert(1)'/>"),
        div("<a href='javascript:alert(1)'>x</a>"),
        div("<a href=' JaVaScRiPt:alert(1)'>x</a>"),
        div("<a href='java&#10;script:alert(1)'>x</a>"),
        div("<a href='&#1;javascript:alert(1)'>x</a>"),
        div("<a href='data:text/html,x'>x</a>"),
        div("<a href='data:image/png;base64,AAAA'>x</a>"),
        div("<img src='data:image/svg+xml,x'/>"),
        div("<a href='vbscript:x'>x</a>"),
        div("<a href='file:///etc'>x</a>"),
        div("<p style='width: expression(alert(1))'>x</p>"),
        div("<p style='behavior: url(x)'>x</p>"),
        div("<p style='x: \\65xpression(1)'>x</p>"),
        div("<p style='background: url(javascript:x)'>x</p>"),
        f"<!DOCTYPE div [<!ENTITY a 'x'>]><div {XMLNS}>&a;</div>",
        f"<!DOCTYPE div SYSTEM 'file:///etc/passwd'><div {XMLNS}>x</div>",
        f"<?xml-stylesheet href='x'?><div {XMLNS}>x</div>",
        div("<?php x ?>x"),
        div("<b>" * 300 + "x" + "</b>" * 300),
        div("x\x00"),
        div("x\ud800"),
        div("\x01"),
    ],
)
def test_what_acts_or_is_not_html_is_refused(text: str) -> None:
    problem = narrative.problem(text)
    assert problem and problem.endswith(".")


def test_entities_that_multiply_are_not_expanded() -> None:
    levels = "".join(f"<!ENTITY e{i} '{f'&e{i - 1};' * 10}'>" for i in range(1, 12))
    assert narrative.problem(f"<!DOCTYPE div [<!ENTITY e0 'x'>{levels}]><div {XMLNS}>&e11;</div>")


@given(st.text(max_size=80))
def test_any_text_is_judged(text: str) -> None:
    narrative.problem(text)
    narrative.problem(div(text))
