"""The XHTML of a narrative: only what FHIR allows, nothing that acts (narrative.html, R4; txt-1 and txt-2).

The text reaches other people's browsers; so what could run there is refused at the door, even where the
letter of txt-1 leaves room (`javascript:` links, active styles).
"""

from __future__ import annotations

import re
from xml.parsers import expat

NAMESPACE = "http://www.w3.org/1999/xhtml"
DEPTH_MAX = 200

# txt-1, in its order.
ELEMENTS = frozenset(
    (
        "a",
        "abbr",
        "acronym",
        "b",
        "big",
        "blockquote",
        "br",
        "caption",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "li",
        "ol",
        "p",
        "pre",
        "q",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "tt",
        "ul",
        "var",
    )
)
ATTRIBUTES = frozenset(
    (
        "abbr",
        "accesskey",
        "align",
        "alt",
        "axis",
        "bgcolor",
        "border",
        "cellhalign",
        "cellpadding",
        "cellspacing",
        "cellvalign",
        "char",
        "charoff",
        "charset",
        "cite",
        "class",
        "colspan",
        "compact",
        "coords",
        "dir",
        "frame",
        "headers",
        "height",
        "href",
        "hreflang",
        "hspace",
        "id",
        "lang",
        "longdesc",
        "name",
        "nowrap",
        "rel",
        "rev",
        "rowspan",
        "rules",
        "scope",
        "shape",
        "span",
        "src",
        "start",
        "style",
        "summary",
        "tabindex",
        "title",
        "type",
        "valign",
        "value",
        "vspace",
        "width",
    )
)
_LANGUAGE = "http://www.w3.org/XML/1998/namespace lang"
_LINKS = frozenset(("href", "src", "cite", "longdesc"))

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):")
_SAFE_SCHEMES = frozenset(("http", "https", "mailto", "tel", "urn", "ftp", "cid"))
_IMAGE_DATA = re.compile(r"data:image/(?:png|gif|jpeg|webp|bmp)[;,]")
_ACTIVE_STYLE = re.compile(r"expression\s*\(|javascript:|vbscript:|behaviou?r\s*:|-moz-binding|@import|\\")
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\ufeff]")


class _Refusal(Exception):
    pass


def problem(text: str) -> str | None:
    """What is wrong with the XHTML of a narrative, as a sentence, or None.

    text: one `div` in the XHTML namespace. Entities but for the five of XML, document types and processing
    instructions are refused, so nothing outside is ever read and nothing expands.
    """
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    parser.ProcessingInstructionHandler = reader.refuse_instruction
    try:
        parser.Parse(text, True)
    except _Refusal as refusal:
        return str(refusal)
    except (expat.ExpatError, UnicodeEncodeError, ValueError) as error:
        return f"The narrative is not well-formed XHTML: {error}."
    if not reader.has_content:
        return "The narrative has neither text nor an image (txt-2)."
    return None


class _Reader:
    def __init__(self) -> None:
        self.depth = 0
        self.has_content = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        namespace, _, local = name.rpartition(" ")
        if namespace != NAMESPACE:
            raise _Refusal(f"<{local[:40]}> is not in the namespace {NAMESPACE}.")
        if self.depth == 1 and local != "div":
            raise _Refusal("The narrative is not one <div>.")
        if local not in ELEMENTS:
            raise _Refusal(f"The element <{local[:40]}> is not allowed in a narrative (txt-1).")
        if self.depth > DEPTH_MAX:
            raise _Refusal(f"The narrative is nested deeper than {DEPTH_MAX} elements.")
        for attribute, value in attributes.items():
            _check_attribute(local, attribute, value)
        if local == "img" and "src" in attributes:
            self.has_content = True

    def end(self, name: str) -> None:
        self.depth -= 1

    def characters(self, text: str) -> None:
        if not self.has_content and not text.isspace():
            self.has_content = True

    def refuse_doctype(self, *_: object) -> None:
        raise _Refusal("A narrative has no document type and no entities of its own.")

    def refuse_instruction(self, *_: object) -> None:
        raise _Refusal("A narrative has no processing instructions.")


def _check_attribute(element: str, name: str, value: str) -> None:
    if name not in ATTRIBUTES and name != _LANGUAGE:
        raise _Refusal(f"The attribute {name.rpartition(' ')[2][:40]!r} is not allowed in a narrative (txt-1).")
    if name in _LINKS:
        plain = _UNSEEN.sub("", value).lower()
        scheme = _SCHEME.match(plain)
        if scheme and scheme[1] not in _SAFE_SCHEMES and not (element == "img" and _IMAGE_DATA.match(plain)):
            raise _Refusal(f"A link of a narrative must not start with {scheme[0][:40]!r}.")
    elif name == "style" and _ACTIVE_STYLE.search(value.lower()):
        raise _Refusal("The style of a narrative must not act or load anything.")
